//! Netlink messages and attributes, cut out of the bytes of a dump.

use crate::gap::Gap;

/// One message of nf_tables.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The operation, such as NFT_MSG_NEWRULE.
    pub(super) operation: u8,
    /// The family of addresses (NFPROTO_*).
    pub(super) family: u8,
    /// The low half of the ruleset's generation, by which a change between two dumps shows.
    pub(super) generation: u16,
    /// What it says.
    pub(super) attributes: Attributes<'a>,
}

/// `nlmsghdr` (16 bytes, native byte order) and `nfgenmsg` (4 bytes, `res_id` in network byte order).
const MESSAGE_HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// linux/netfilter/nfnetlink.h
const SUBSYSTEM_NFTABLES: u8 = 10;
/// linux/netlink.h
const NLMSG_NOOP: u16 = 1;
const NLMSG_DONE: u16 = 3;

/// The messages of a dump in their order. Anything but whole messages of nf_tables is malformed.
pub(super) fn messages(bytes: &[u8]) -> Result<Vec<Message<'_>>, Gap> {
    of_subsystem(bytes, SUBSYSTEM_NFTABLES, "nftables")
}

/// The messages of a dump of a subsystem of netfilter.
pub(super) fn of_subsystem<'a>(mut bytes: &'a [u8], wanted: u8, name: &str) -> Result<Vec<Message<'a>>, Gap> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_ne_bytes(array(bytes, 0)?) as usize;
        let [subsystem, operation] = u16::from_ne_bytes(array(bytes, 4)?).to_be_bytes();
        let message = bytes.get(..length).ok_or_else(truncated)?;
        let body = message.get(MESSAGE_HEADER..).ok_or_else(truncated)?;
        match u16::from_be_bytes([subsystem, operation]) {
            NLMSG_NOOP | NLMSG_DONE => {}
            _ if subsystem == wanted => {
                let [family, _version, high, low] = array(body, 0)?;
                messages.push(Message {
                    operation,
                    family,
                    generation: u16::from_be_bytes([high, low]),
                    attributes: Attributes::parse(body.get(FAMILY_HEADER..).unwrap_or_default())?,
                });
            }
            other => {
                return Err(Gap::malformed(format!("a dump of {name} holds a message of type {other}")));
            }
        }
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    Ok(messages)
}

/// The attributes of a message, or those nested in one attribute. They were walked through once, so they are whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Gap> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = attribute(rest)?;
        }
        Ok(Self(bytes))
    }

    /// Types and values, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (kind, value, after) = attribute(rest).ok()?;
            rest = after;
            Some((kind, value))
        })
    }

    /// The value of the last attribute of this type: the kernel sends each once.
    pub(super) fn find(&self, kind: u16) -> Option<&'a [u8]> {
        self.all(kind).last()
    }

    /// Every value of this type, in order.
    pub(super) fn all(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.iter().filter(move |(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// A 32-bit number in network byte order.
    pub(super) fn number(&self, kind: u16) -> Result<Option<u32>, Gap> {
        self.find(kind).map(|value| Ok(u32::from_be_bytes(exact(value)?))).transpose()
    }

    /// A number of one byte.
    pub(super) fn byte(&self, kind: u16) -> Option<u8> {
        self.find(kind).and_then(<[u8]>::first).copied()
    }

    /// A 16-bit number in network byte order.
    pub(super) fn short(&self, kind: u16) -> Option<u16> {
        self.find(kind).and_then(|value| value.try_into().ok()).map(u16::from_be_bytes)
    }

    /// A 64-bit number in network byte order, such as a handle; TOML holds less than 2^63.
    pub(super) fn long(&self, kind: u16) -> Result<Option<u64>, Gap> {
        let value = self.find(kind).map(|value| Ok(u64::from_be_bytes(exact(value)?))).transpose()?;
        Ok(value.map(|number| number.min(i64::MAX.unsigned_abs())))
    }

    /// A name, without the NUL that ends it.
    pub(super) fn text(&self, kind: u16) -> Option<String> {
        self.find(kind).map(text)
    }

    /// A name that has to be there.
    pub(super) fn name(&self, kind: u16, what: &str) -> Result<String, Gap> {
        self.text(kind).ok_or_else(|| Gap::malformed(format!("nftables sent {what} without a name")))
    }

    /// The attributes nested in one.
    pub(super) fn nested(&self, kind: u16) -> Result<Option<Attributes<'a>>, Gap> {
        self.find(kind).map(Attributes::parse).transpose()
    }

    /// The attributes nested in each one of this type.
    pub(super) fn each(&self, kind: u16) -> impl Iterator<Item = Result<Attributes<'a>, Gap>> + use<'a> {
        self.all(kind).map(Attributes::parse)
    }
}

/// The first attribute, with its type, and what follows it.
fn attribute(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), Gap> {
    let length = usize::from(u16::from_ne_bytes(array(bytes, 0)?));
    // The two high bits say "nested" and "network byte order"; the rest is the type.
    let kind = u16::from_ne_bytes(array(bytes, 2)?) & 0x3fff;
    let value = bytes.get(4..length).ok_or_else(truncated)?;
    Ok((kind, value, bytes.get(align(length)..).unwrap_or_default()))
}

/// The text before the first NUL; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// `N` bytes from an offset.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Gap> {
    let end = at.checked_add(N).ok_or_else(truncated)?;
    bytes.get(at..end).and_then(|found| found.try_into().ok()).ok_or_else(truncated)
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Gap> {
    bytes.try_into().map_err(|_| Gap::malformed("nftables sent a number of another size"))
}

fn truncated() -> Gap {
    Gap::malformed("the kernel's answer about its packet filter ends in the middle")
}

/// Messages and attributes start at multiples of four bytes.
fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}
