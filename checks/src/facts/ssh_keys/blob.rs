//! A public key in its wire form (RFC 4253 §6.6, RFC 5656, RFC 8709): its type, size and fingerprint.

use sha2::{Digest, Sha256};

use super::base64;

/// What anyone may know of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::facts) struct PublicKey {
    /// Its type as ssh(1) names it, such as `ssh-ed25519`.
    pub(in crate::facts) kind: String,
    /// Its size in bits, where the type leaves a choice.
    pub(in crate::facts) bits: Option<u32>,
    /// As `ssh-keygen -l` prints it.
    pub(in crate::facts) fingerprint: String,
}

/// RSA below this many bits is no key to OpenSSH, whatever its configuration says.
pub(in crate::facts) const SMALLEST_RSA: u32 = 1_024;
/// The longest number that OpenSSH takes, in bytes.
const LONGEST: usize = 2_048;

/// The families of keys, each with the fields of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Rsa,
    Dsa,
    Ecdsa(Curve),
    EcdsaToken,
    Ed25519,
    Ed25519Token,
}

/// The curves of RFC 5656 that OpenSSH knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }
}

impl Family {
    /// What a name stands for, and whether it is a certificate's. Names of signatures stand for their keys.
    pub(super) fn of(name: &str) -> Option<(Self, bool)> {
        let (base, certificate) = match name.strip_suffix("-cert-v01@openssh.com") {
            Some(base) => (base, true),
            None => (name, false),
        };
        // Certificates put their own ending in the place of the vendor's.
        let token =
            |plain: &str| base == plain && certificate || base.strip_suffix("@openssh.com") == Some(plain);
        let family = match base {
            "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" => Self::Rsa,
            "ssh-dss" => Self::Dsa,
            "ecdsa-sha2-nistp256" => Self::Ecdsa(Curve::P256),
            "ecdsa-sha2-nistp384" => Self::Ecdsa(Curve::P384),
            "ecdsa-sha2-nistp521" => Self::Ecdsa(Curve::P521),
            "ssh-ed25519" => Self::Ed25519,
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" if !certificate => Self::EcdsaToken,
            _ if token("sk-ecdsa-sha2-nistp256") => Self::EcdsaToken,
            _ if token("sk-ssh-ed25519") => Self::Ed25519Token,
            _ => return None,
        };
        Some((family, certificate))
    }

    /// The name of its plain keys or of its certificates.
    pub(super) fn kind(self, certificate: bool) -> String {
        let plain = self.name();
        match certificate {
            true => format!("{}-cert-v01@openssh.com", plain.trim_end_matches("@openssh.com")),
            false => plain.to_owned(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rsa => "ssh-rsa",
            Self::Dsa => "ssh-dss",
            Self::Ecdsa(Curve::P256) => "ecdsa-sha2-nistp256",
            Self::Ecdsa(Curve::P384) => "ecdsa-sha2-nistp384",
            Self::Ecdsa(Curve::P521) => "ecdsa-sha2-nistp521",
            Self::EcdsaToken => "sk-ecdsa-sha2-nistp256@openssh.com",
            Self::Ed25519 => "ssh-ed25519",
            Self::Ed25519Token => "sk-ssh-ed25519@openssh.com",
        }
    }
}

/// Reads a key. A certificate is described by the key that it certifies, its own fields are passed over.
pub(in crate::facts) fn describe(blob: &[u8]) -> Option<PublicKey> {
    let mut rest = blob;
    let (family, certificate) = inner(field(&mut rest)?)?;
    if certificate {
        // A nonce comes before the fields of the key.
        field(&mut rest)?;
    }
    let key = body(family, &mut rest)?;
    if !certificate && !rest.is_empty() {
        return None;
    }
    Some(PublicKey { kind: family.kind(certificate), ..key })
}

/// What the name inside of a key stands for. OpenSSH also takes its own short names there.
fn inner(name: &[u8]) -> Option<(Family, bool)> {
    let name = std::str::from_utf8(name).ok()?;
    let short = match name.to_ascii_uppercase().as_str() {
        "RSA" => Some(Family::Rsa),
        "DSA" => Some(Family::Dsa),
        "ED25519" => Some(Family::Ed25519),
        "ED25519-SK" => Some(Family::Ed25519Token),
        _ => None,
    };
    short.map_or_else(|| Family::of(name), |family| Some((family, false)))
}

/// The fields of a plain key. Whether a point lies on its curve is not computed: one that does not has no private key.
fn body(family: Family, rest: &mut &[u8]) -> Option<PublicKey> {
    match family {
        Family::Rsa => {
            let exponent = number(rest)?;
            Some(rsa(number(rest)?, exponent))
        }
        Family::Dsa => Some(dsa([number(rest)?, number(rest)?, number(rest)?, number(rest)?])),
        Family::Ecdsa(curve) => {
            (field(rest)? == curve.name().as_bytes()).then_some(())?;
            ecdsa(curve, field(rest)?)
        }
        Family::EcdsaToken => {
            let curve = field(rest)?;
            (curve == Curve::P256.name().as_bytes()).then_some(())?;
            let point = field(rest)?;
            ecdsa(Curve::P256, point)?;
            Some(named(family, Some(256), &[curve, point, field(rest)?]))
        }
        Family::Ed25519 => ed25519(field(rest)?),
        Family::Ed25519Token => {
            let point = field(rest)?;
            (point.len() == 32).then_some(())?;
            Some(named(family, None, &[point, field(rest)?]))
        }
    }
}

/// An RSA key by its modulus and exponent, both without leading zeros.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> PublicKey {
    named(Family::Rsa, Some(magnitude(modulus)), &[&positive(exponent), &positive(modulus)])
}

/// A DSA key by p, q, g and y, without leading zeros.
pub(super) fn dsa(numbers: [&[u8]; 4]) -> PublicKey {
    let [p, q, g, y] = numbers.map(positive);
    named(Family::Dsa, numbers.first().map(|p| magnitude(p)), &[&p, &q, &g, &y])
}

/// An ECDSA key by its point, which must be written in full.
pub(super) fn ecdsa(curve: Curve, point: &[u8]) -> Option<PublicKey> {
    let coordinate = usize::try_from(curve.bits().div_ceil(8)).ok()?;
    (point.first() == Some(&4) && point.len() == 2 * coordinate + 1).then_some(())?;
    Some(named(Family::Ecdsa(curve), Some(curve.bits()), &[curve.name().as_bytes(), point]))
}

fn ed25519(point: &[u8]) -> Option<PublicKey> {
    (point.len() == 32).then(|| named(Family::Ed25519, None, &[point]))
}

/// The fingerprint is that of the key as OpenSSH would write it again, not of the bytes in the file.
fn named(family: Family, bits: Option<u32>, fields: &[&[u8]]) -> PublicKey {
    let mut digest = Sha256::new();
    for field in [family.name().as_bytes()].iter().chain(fields) {
        digest.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(field);
    }
    let fingerprint = format!("SHA256:{}", base64::encode(&digest.finalize()));
    PublicKey { kind: family.name().to_owned(), bits, fingerprint }
}

/// Cuts one length-prefixed field off the front.
pub(super) fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(field)
}

/// A number that is not negative and not too long, without its leading zeros.
fn number<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let bytes = field(rest)?;
    if bytes.first().is_some_and(|first| first & 0x80 != 0) || bytes.len() > LONGEST + 1 {
        return None;
    }
    let bytes = stripped(bytes);
    (bytes.len() <= LONGEST).then_some(bytes)
}

/// A number without its leading zeros.
pub(super) fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A number as it is written: a zero keeps it from being taken for negative.
fn positive(number: &[u8]) -> Vec<u8> {
    let sign = number.first().filter(|first| **first & 0x80 != 0).map(|_| 0);
    sign.into_iter().chain(number.iter().copied()).collect()
}

/// The size in bits of a number without leading zeros.
fn magnitude(number: &[u8]) -> u32 {
    let Some(first) = number.first() else { return 0 };
    let below = u32::try_from(number.len().saturating_sub(1)).unwrap_or(u32::MAX).saturating_mul(8);
    below.saturating_add(8_u32.saturating_sub(first.leading_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ssh_keys::line::tests::ED25519;

    fn fields(fields: &[&[u8]]) -> Vec<u8> {
        fields
            .iter()
            .flat_map(|field| [&u32::try_from(field.len()).unwrap().to_be_bytes()[..], field].concat())
            .collect()
    }

    #[test]
    fn the_fingerprint_of_ssh_keygen() {
        let blob = base64::decode(ED25519.as_bytes(), 1_000).unwrap();
        let key = describe(&blob).unwrap();
        assert_eq!(key.fingerprint, "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY");
        assert_eq!((key.kind.as_str(), key.bits), ("ssh-ed25519", None));
        // The short name inside makes the same key.
        let short = fields(&[b"ed25519", blob.get(19..).unwrap()]);
        assert_eq!(describe(&short), Some(key));
    }

    #[test]
    fn sizes() {
        let rsa = |modulus: &[u8]| fields(&[b"ssh-rsa", b"\x01\0\x01", modulus]);
        let bits = |modulus: &[u8]| describe(&rsa(modulus)).and_then(|key| key.bits);
        assert_eq!(bits(&[[0].as_slice(), &[0xff; 128]].concat()), Some(1_024));
        assert_eq!(bits(&[1, 0]), Some(9));
        assert_eq!(bits(&[0, 0]), Some(0));
        assert_eq!(bits(&[0x80; 128]), None, "a negative number");
        assert_eq!(bits(&[0x01; 2_049]), None, "too long");
        assert_eq!(bits(&[[0].as_slice(), &[0xff; 2_048]].concat()), Some(16_384));
        let longer = [rsa(&[0x7f; 128]), vec![0]].concat();
        assert!(describe(&longer).is_none());
        assert!(describe(b"\xff\xff\xff\xffssh-rsa").is_none());
        assert_eq!(describe(&rsa(&[0, 0, 0x7f])), describe(&rsa(&[0x7f])), "zeros are no part of a number");
    }

    #[test]
    fn points_of_another_curve_are_no_key() {
        let ecdsa = |curve: &[u8], point: &[u8]| fields(&[b"ecdsa-sha2-nistp256", curve, point]);
        let point = [[4].as_slice(), &[1; 64]].concat();
        assert_eq!(describe(&ecdsa(b"nistp256", &point)).unwrap().bits, Some(256));
        assert!(describe(&ecdsa(b"nistp384", &point)).is_none());
        assert!(describe(&ecdsa(b"nistp256", &[2; 33])).is_none());
        assert!(describe(&fields(&[b"ecdsa", b"nistp256", &point])).is_none());
    }

    #[test]
    fn names() {
        for (name, wanted) in [
            ("rsa-sha2-512", Some((Family::Rsa, false))),
            ("rsa-sha2-256-cert-v01@openssh.com", Some((Family::Rsa, true))),
            ("sk-ssh-ed25519@openssh.com", Some((Family::Ed25519Token, false))),
            ("sk-ssh-ed25519-cert-v01@openssh.com", Some((Family::Ed25519Token, true))),
            ("sk-ssh-ed25519", None),
            ("ssh-ed25519@openssh.com", None),
            ("SSH-RSA", None),
            ("", None),
        ] {
            assert_eq!(Family::of(name), wanted, "{name}");
        }
    }
}
