//! Base64 as OpenSSH reads and prints it: b64_pton(3) passes over blanks and refuses stray bits.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes up to `limit` letters with their padding; `None` for anything else.
pub(in crate::facts) fn decode(text: &[u8], limit: usize) -> Option<Vec<u8>> {
    if text.len() > limit {
        return None;
    }
    let mut letters = text.iter().filter(|letter| !is_blank(**letter));
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    let mut padding = 0_u32;
    for letter in letters.by_ref() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding = 1;
                break;
            }
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    for letter in letters {
        (*letter == b'=').then_some(())?;
        padding += 1;
    }
    let stray = held & ((1 << bits) - 1);
    // The bits left over say how many letters the last group has.
    let wanted = match bits {
        0 => 0,
        4 => 2,
        2 => 1,
        _ => return None,
    };
    (padding == wanted && stray == 0).then_some(bytes)
}

/// Encodes without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let held = chunk.iter().fold(0_usize, |held, byte| held << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = ALPHABET.get(held >> (18 - 6 * place) & 0x3f).copied().unwrap_or(b'?');
            text.push(char::from(digit));
        }
    }
    text
}

/// isspace(3) in the C locale.
fn is_blank(letter: u8) -> bool {
    letter.is_ascii_whitespace() || letter == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmE=", "fooba"),
            (" Z\rm\n9\x0bv\t", "foo"),
            ("Zg= =", "f"),
        ] {
            assert_eq!(decode(text.as_bytes(), 100).unwrap(), bytes.as_bytes(), "{text:?}");
        }
        for text in ["Zg", "Zg=", "====", "=", "Z===", "Zm=v", "Zh==", "Zm9=", "Zm9v=", "Zm9v====", "é==="] {
            assert!(decode(text.as_bytes(), 100).is_none(), "{text}");
        }
        assert!(decode(b"Zm9v", 3).is_none());
        assert_eq!((encode(b"fooba").as_str(), encode(b"").as_str()), ("Zm9vYmE", ""));
    }
}
