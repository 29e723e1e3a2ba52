//! The public half of a private key in the forms of PKCS #1, SEC 1 and PKCS #8, which are DER in PEM.

use super::blob::{self, Curve, PublicKey};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const BYTES: u8 = 0x04;
const NAME: u8 = 0x06;

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";

/// `RSA PRIVATE KEY`: version, modulus, exponent, and the secret numbers behind them.
pub(super) fn rsa(der: &[u8]) -> Option<PublicKey> {
    let mut key = whole(der)?;
    take(&mut key, INTEGER)?;
    let modulus = integer(&mut key)?;
    Some(blob::rsa(modulus, integer(&mut key)?))
}

/// `DSA PRIVATE KEY`: version, p, q, g, y, and the secret number behind them.
pub(super) fn dsa(der: &[u8]) -> Option<PublicKey> {
    let mut key = whole(der)?;
    take(&mut key, INTEGER)?;
    let mut number = || integer(&mut key);
    Some(blob::dsa([number()?, number()?, number()?, number()?]))
}

/// `EC PRIVATE KEY`: version, the secret number, the curve unless it was said before, the point.
pub(super) fn ecdsa(der: &[u8], curve: Option<Curve>) -> Option<PublicKey> {
    let mut key = whole(der)?;
    take(&mut key, INTEGER)?;
    take(&mut key, BYTES)?;
    let mut said = take(&mut key, 0xa0);
    let curve = said.as_mut().and_then(|said| named(take(said, NAME)?)).or(curve)?;
    let mut point = take(&mut key, 0xa1)?;
    blob::ecdsa(curve, take(&mut point, BITS)?.strip_prefix(b"\0")?)
}

/// `PRIVATE KEY`: version, the kind of key, the key. Of other kinds than RSA and ECDSA it does not hold the public half.
pub(super) fn any(der: &[u8]) -> Option<PublicKey> {
    let mut key = whole(der)?;
    take(&mut key, INTEGER)?;
    let mut kind = take(&mut key, SEQUENCE)?;
    let inner = take(&mut key, BYTES)?;
    match take(&mut kind, NAME)? {
        RSA => rsa(inner),
        ECDSA => ecdsa(inner, take(&mut kind, NAME).and_then(named)),
        _ => None,
    }
}

fn named(name: &[u8]) -> Option<Curve> {
    match name {
        b"\x2a\x86\x48\xce\x3d\x03\x01\x07" => Some(Curve::P256),
        b"\x2b\x81\x04\x00\x22" => Some(Curve::P384),
        b"\x2b\x81\x04\x00\x23" => Some(Curve::P521),
        _ => None,
    }
}

fn whole(der: &[u8]) -> Option<&[u8]> {
    take(&mut { der }, SEQUENCE)
}

/// A number without its leading zeros.
fn integer<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    take(rest, INTEGER).map(blob::stripped)
}

/// Cuts the value off the front that has this tag.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (first, behind) = rest.split_first()?;
    (*first == tag).then_some(())?;
    let (short, behind) = behind.split_first()?;
    let (length, behind) = match usize::from(*short) {
        length @ 0..=0x7f => (length, behind),
        long @ 0x81..=0x84 => {
            let (digits, behind) = behind.split_at_checked(long - 0x80)?;
            (
                digits.iter().try_fold(0_usize, |held, digit| {
                    held.checked_mul(256)?.checked_add(usize::from(*digit))
                })?,
                behind,
            )
        }
        _ => return None,
    };
    let (value, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(value)
}
