//! Messages and attributes of rtnetlink and sock_diag, cut out of the bytes of a dump; numbers are in native byte order.

use std::net::IpAddr;

use crate::gap::Gap;

/// One message: its type and what follows `nlmsghdr`.
#[derive(Debug)]
pub(in crate::facts) struct Message<'a> {
    /// RTM_* or SOCK_DIAG_BY_FAMILY.
    pub(in crate::facts) kind: u16,
    /// The family's own header and its attributes.
    pub(in crate::facts) body: &'a [u8],
}

/// `nlmsghdr`.
const HEADER: usize = 16;
/// linux/netlink.h
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// The messages of a dump in their order.
pub(in crate::facts) fn messages(mut bytes: &[u8]) -> Result<Vec<Message<'_>>, Gap> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_ne_bytes(array(bytes, 0)?) as usize;
        let kind = u16::from_ne_bytes(array(bytes, 4)?);
        let body = bytes.get(HEADER..length).ok_or_else(truncated)?;
        match kind {
            NLMSG_NOOP | NLMSG_DONE => {}
            NLMSG_ERROR => return Err(Gap::malformed("a dump of the kernel holds an error")),
            _ => messages.push(Message { kind, body }),
        }
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    Ok(messages)
}

/// The attributes of a message, or those nested in one attribute.
#[derive(Debug)]
pub(in crate::facts) struct Attributes<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Attributes<'a> {
    /// The attributes behind a header of `skip` bytes.
    pub(in crate::facts) fn after(body: &'a [u8], skip: usize) -> Result<Self, Gap> {
        let mut bytes = body.get(skip..).ok_or_else(truncated)?;
        let mut list = Vec::new();
        while !bytes.is_empty() {
            let length = usize::from(u16::from_ne_bytes(array(bytes, 0)?));
            // The two high bits say "nested" and "network byte order"; the rest is the type.
            let kind = u16::from_ne_bytes(array(bytes, 2)?) & 0x3fff;
            list.push((kind, bytes.get(4..length).ok_or_else(truncated)?));
            bytes = bytes.get(align(length)..).unwrap_or_default();
        }
        Ok(Self(list))
    }

    /// The types that are there.
    pub(in crate::facts) fn kinds(&self) -> impl Iterator<Item = u16> {
        self.0.iter().map(|(kind, _)| *kind)
    }

    /// The value of the last attribute of this type: the kernel sends each once.
    pub(in crate::facts) fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.0.iter().rev().find(|(found, _)| *found == kind).map(|(_, value)| *value)
    }

    /// A 32-bit number.
    pub(in crate::facts) fn number(&self, kind: u16) -> Result<Option<u32>, Gap> {
        self.find(kind).map(|value| array(value, 0).map(u32::from_ne_bytes)).transpose()
    }

    /// A number of one byte.
    pub(in crate::facts) fn byte(&self, kind: u16) -> Option<u8> {
        self.find(kind).and_then(<[u8]>::first).copied()
    }

    /// A name, without the NUL that ends it; what is not UTF-8 is replaced.
    pub(in crate::facts) fn text(&self, kind: u16) -> Option<String> {
        self.find(kind).map(text)
    }

    /// An address of a family (AF_*).
    pub(in crate::facts) fn address(&self, kind: u16, ipv6: bool) -> Result<Option<IpAddr>, Gap> {
        self.find(kind).map(|value| address(value, ipv6)).transpose()
    }

    /// The attributes nested in one.
    pub(in crate::facts) fn nested(&self, kind: u16) -> Result<Option<Attributes<'a>>, Gap> {
        self.find(kind).map(|value| Attributes::after(value, 0)).transpose()
    }
}

/// The address at the start of some bytes, in network byte order.
pub(in crate::facts) fn address(bytes: &[u8], ipv6: bool) -> Result<IpAddr, Gap> {
    Ok(if ipv6 { IpAddr::from(array::<16>(bytes, 0)?) } else { IpAddr::from(array::<4>(bytes, 0)?) })
}

/// The text before the first NUL.
pub(in crate::facts) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// `N` bytes from an offset.
pub(in crate::facts) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Gap> {
    let end = at.checked_add(N).ok_or_else(truncated)?;
    bytes.get(at..end).and_then(|found| found.try_into().ok()).ok_or_else(truncated)
}

fn truncated() -> Gap {
    Gap::malformed("the kernel's answer about its network ends in the middle")
}

/// Messages and attributes start at multiples of four bytes.
pub(in crate::facts) fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}
