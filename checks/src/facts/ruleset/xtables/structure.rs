//! Fields of a kernel structure by their offset.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::IpFamily;
use super::super::netlink::text;
use super::{AddressRange, Interface};

/// The bytes of a structure, and the family of the rule that it stands in. What lies beyond its end is missing.
pub(in super::super) struct Structure<'a> {
    bytes: &'a [u8],
    family: Option<IpFamily>,
}

impl<'a> Structure<'a> {
    pub(in super::super) fn new(bytes: &'a [u8], family: Option<IpFamily>) -> Self {
        Self { bytes, family }
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    pub(in super::super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(in super::super) fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.array(at)
    }

    /// A number of the processor.
    pub(in super::super) fn short(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_ne_bytes)
    }

    /// A number as it lies in a packet.
    pub(in super::super) fn port(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub(in super::super) fn number(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }

    /// TOML holds less than 2^63.
    pub(in super::super) fn long(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_ne_bytes).map(|number| number.min(i64::MAX.unsigned_abs()))
    }

    /// Text of at most so many bytes, up to the first NUL.
    pub(in super::super) fn text(&self, at: usize, length: usize) -> Option<String> {
        self.bytes.get(at..at.checked_add(length)?).map(text)
    }

    pub(in super::super) fn family(&self) -> Option<IpFamily> {
        self.family
    }

    pub(in super::super) fn is(&self, family: IpFamily) -> Option<()> {
        (self.family == Some(family)).then_some(())
    }

    /// `struct in_addr`
    pub(in super::super) fn ipv4(&self, at: usize) -> Option<IpAddr> {
        self.array::<4>(at).map(|bytes| Ipv4Addr::from(bytes).into())
    }

    /// `union nf_inet_addr`: 16 bytes, of which IPv4 uses the first four.
    pub(in super::super) fn address(&self, at: usize) -> Option<IpAddr> {
        match self.family? {
            IpFamily::V4 => self.array::<16>(at).and(self.ipv4(at)),
            IpFamily::V6 => self.array::<16>(at).map(|bytes| Ipv6Addr::from(bytes).into()),
        }
    }

    pub(in super::super) fn range(&self, first: usize, last: usize, invert: bool) -> Option<AddressRange> {
        Some(AddressRange { first: self.address(first)?, last: self.address(last)?, invert })
    }

    /// A name of 16 bytes with a mask of as many: `Some(None)` when the mask is empty, and so takes every name.
    pub(in super::super) fn interface(
        &self,
        name: usize,
        mask: usize,
        invert: bool,
    ) -> Option<Option<Interface>> {
        let (name, mask) = (self.array::<16>(name)?, self.array::<16>(mask)?);
        let compared = mask.iter().take_while(|byte| **byte == 0xff).count();
        // Other masks are possible, but no program makes them.
        if mask.iter().skip(compared).any(|byte| *byte != 0) {
            return None;
        }
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(16);
        let start = name.get(..end.min(compared))?;
        // A name that is cut in the middle of a character cannot be written.
        let start = String::from_utf8(start.to_vec()).ok()?;
        match (compared, invert) {
            (0, false) => Some(None),
            _ => Some(Some(Interface { name: start, wildcard: compared <= end && compared < 16, invert })),
        }
    }
}
