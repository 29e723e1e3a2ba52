//! A public key in its wire form (RFC 4253 §6.6, RFC 5656, RFC 8709): its type, size and fingerprint.

use sha2::{Digest, Sha256};

use super::AuthorizedKey;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Longer keys than this in base64 are taken for none; a 16,384-bit RSA key takes about 2,800.
const ENCODED: usize = 16 << 10;

/// Decodes base64 with its padding; `None` for anything else.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > ENCODED || !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Type, size and fingerprint of a key whose file says that it is of type `kind`.
pub(super) fn describe(kind: &str, blob: &[u8]) -> Option<AuthorizedKey> {
    let mut rest = blob;
    if field(&mut rest)? != kind.as_bytes() {
        return None;
    }
    let plain = kind.strip_suffix("-cert-v01@openssh.com");
    if plain.is_some() {
        // A certificate puts a nonce before the fields of its key, and more behind them.
        field(&mut rest)?;
    }
    let base = plain.unwrap_or(kind.trim_end_matches("@openssh.com"));
    let bits = match base {
        "ssh-rsa" => {
            field(&mut rest)?;
            Some(magnitude(field(&mut rest)?)?)
        }
        "ssh-dss" => {
            let prime = magnitude(field(&mut rest)?)?;
            (0..3).try_for_each(|_| field(&mut rest).map(drop))?;
            Some(prime)
        }
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" | "sk-ecdsa-sha2-nistp256" => {
            let curve = field(&mut rest)?;
            field(&mut rest)?;
            (kind.contains(std::str::from_utf8(curve).ok()?)).then_some(())?;
            Some(base.rsplit("nistp").next()?.parse().ok()?)
        }
        "ssh-ed25519" | "sk-ssh-ed25519" => {
            (field(&mut rest)?.len() == 32).then_some(())?;
            None
        }
        // Types that come after this program are named, their size is not known.
        _ => return kind.contains('-').then(|| named(kind, None, blob)),
    };
    if plain.is_none() && base.starts_with("sk-") {
        field(&mut rest)?;
    }
    if plain.is_none() && !rest.is_empty() {
        return None;
    }
    let key = named(kind, bits, blob);
    Some(if plain.is_some() { AuthorizedKey { fingerprint: String::new(), ..key } } else { key })
}

fn named(kind: &str, bits: Option<u32>, blob: &[u8]) -> AuthorizedKey {
    AuthorizedKey { kind: kind.to_owned(), bits, fingerprint: fingerprint(blob), ..AuthorizedKey::default() }
}

/// Cuts one length-prefixed field off the front.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(field)
}

/// The size of a positive number in bits.
fn magnitude(number: &[u8]) -> Option<u32> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros)?;
    let below = u32::try_from(number.len() - zeros - 1).ok()?.checked_mul(8)?;
    below.checked_add(8 - first.leading_zeros())
}

/// `SHA256:` and the digest in base64 without padding.
fn fingerprint(blob: &[u8]) -> String {
    let digest = Sha256::digest(blob);
    let mut text = String::from("SHA256:");
    for chunk in digest.chunks(3) {
        let held = chunk.iter().fold(0_usize, |held, byte| held << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = ALPHABET.get(held >> (18 - 6 * place) & 0x3f).copied().unwrap_or(b'?');
            text.push(char::from(digit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ssh_keys::line::tests::ED25519;

    #[test]
    fn base64_of_rfc_4648() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmE=", "fooba")]
        {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        for text in ["Zg", "Zg=", "====", "Z===", "Zm9v Zm9v", "Zm=v", "é==="] {
            assert!(base64(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_fingerprint_of_ssh_keygen() {
        let key = describe("ssh-ed25519", &base64(ED25519).unwrap()).unwrap();
        assert_eq!(key.fingerprint, "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY");
        assert_eq!(key.bits, None);
    }

    #[test]
    fn sizes() {
        assert_eq!(magnitude(&[0, 0x80, 0]), Some(16));
        assert_eq!(magnitude(&[1, 0]), Some(9));
        assert_eq!(magnitude(&[0, 0]), None);
        let rsa = |bytes: usize| {
            let mut blob = b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01".to_vec();
            blob.extend((u32::try_from(bytes).unwrap() + 1).to_be_bytes());
            blob.push(0);
            blob.extend(vec![0xff; bytes]);
            blob
        };
        assert_eq!(describe("ssh-rsa", &rsa(128)).unwrap().bits, Some(1024));
        let mut longer = rsa(256);
        longer.push(0);
        assert!(describe("ssh-rsa", &longer).is_none());
        assert!(describe("ssh-rsa", b"\xff\xff\xff\xffssh-rsa").is_none());
    }
}
