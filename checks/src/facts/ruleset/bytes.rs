//! Bytes of a register, of a set's key or of a mask, written as hexadecimal digits in a snapshot.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes in the order in which a register of nftables holds them: network byte order for what lies in a packet, the
/// processor's for numbers of the kernel such as marks and interface indexes.
#[derive(Clone)]
pub struct Bytes(Held);

/// A set of a hundred thousand addresses has as many keys: short ones take no allocation.
#[derive(Clone)]
enum Held {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// An IPv6 address with a port, or the name of an interface; with the length and the tag it is what a `Vec` takes.
const SHORT: usize = 22;

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Held::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(bytes);
                Self(Held::Short(length, short))
            }
            _ => Self(Held::Long(bytes.into())),
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl std::hash::Hash for Bytes {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("not pairs of hexadecimal digits");
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        text.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>().map(Self::from).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ones_come_back_from_hexadecimal_digits() {
        for length in [0, 1, 16, 22, 23, 64] {
            let bytes = Bytes::from((0..length).collect::<Vec<u8>>());
            assert_eq!(bytes.len(), usize::from(length));
            let text = toml::Value::try_from(&bytes).unwrap();
            assert_eq!(text.clone().try_into::<Bytes>().unwrap(), bytes, "{text}");
        }
        assert!(toml::Value::from("abc").try_into::<Bytes>().is_err());
        assert!(toml::Value::from("zz").try_into::<Bytes>().is_err());
        assert_eq!(size_of::<Bytes>(), size_of::<Vec<u8>>());
    }
}
