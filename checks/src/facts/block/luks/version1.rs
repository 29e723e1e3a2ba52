//! Version 1: one binary header of 592 bytes, without a checksum.

use super::{Kdf, Keyslot, Luks, Segment, number, text};
use crate::gap::Gap;

/// The header's bytes.
pub(super) const LENGTH: usize = 592;
/// Eight keyslots follow the volume's own fields, 48 bytes each.
const KEYSLOTS: usize = 208;
const KEYSLOT: usize = 48;
const ENABLED: u32 = 0x00AC_71F3;
const DISABLED: u32 = 0x0000_DEAD;

pub(super) fn parse(name: &str, head: &[u8]) -> Result<Luks, Gap> {
    fields(head).ok_or_else(|| Gap::malformed(format!("the LUKS header of {name} makes no sense")))
}

fn fields(head: &[u8]) -> Option<Luks> {
    let word = |at: usize| number(head, at).map(u32::from_be_bytes);
    let field = |at: usize| text(head.get(at..)?.get(..32)?).filter(|text| !text.is_empty());
    let (cipher, mode, hash) = (field(8)?, field(40)?, field(72)?);
    let key_bits = word(108)?.checked_mul(8)?;
    let segment =
        Segment { kind: "crypt".to_owned(), cipher: format!("{cipher}-{mode}"), ..Segment::default() };
    let mut luks = Luks { version: 1, segments: [segment].into(), ..Luks::default() };
    for number in 0..8_u32 {
        let at = KEYSLOTS.checked_add(KEYSLOT.checked_mul(number as usize)?)?;
        match word(at)? {
            ENABLED => {
                let iterations = word(at.checked_add(4)?)?.into();
                let kdf = Kdf { name: "pbkdf2".to_owned(), hash: hash.clone(), iterations, ..Kdf::default() };
                luks.keyslots.push(Keyslot { number, key_bits, kdf, ..Keyslot::default() });
            }
            DISABLED => {}
            _ => return None,
        }
    }
    Some(luks)
}
