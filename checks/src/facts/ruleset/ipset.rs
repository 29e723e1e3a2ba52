//! Sets of ipset, which rules of xtables ask by index (linux/netfilter/ipset/ip_set.h).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::elements::{MANY, too_many};
use super::netlink::{Attributes, of_subsystem};
use crate::facts::network::Prefix;
use crate::gap::{Gap, Reading};
use crate::host::{Host, Query};

/// One set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpSet {
    /// By which people know it.
    pub name: String,
    /// By which rules know it.
    pub index: u16,
    /// `hash:ip`, `bitmap:port`, `list:set`.
    pub kind: String,
    /// The family of its addresses; missing for a set that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// `netmask`: only so many bits of an address count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u8>,
    /// `markmask`: only these bits of a mark count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_mask: Option<u32>,
    /// What is in it; those whose time is up are not.
    pub elements: Reading<Vec<Element>>,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// One for each dimension of the set.
    pub parts: Vec<Part>,
    /// `nomatch`: an exception from a larger network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nomatch: bool,
}

/// What an element says in one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// An address or a network.
    Network(Prefix),
    /// A port of a protocol; of any when it is missing.
    Port {
        /// IPPROTO_*
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protocol: Option<u8>,
        /// Type and code where the protocol is ICMP.
        port: u16,
    },
    /// An interface.
    Interface {
        /// Its name, or what it starts with.
        name: String,
        /// Every interface whose name starts so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        wildcard: bool,
        /// The port of a bridge.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        physical: bool,
    },
    /// A mark of packets.
    Mark(u32),
    /// The address of a frame.
    Mac([u8; 6]),
    /// Any address of a frame: the first packet fills it in.
    AnyMac,
    /// Another set.
    Set(String),
}

/// Asks the kernel.
pub(super) fn read(host: &dyn Host) -> Result<Vec<IpSet>, Gap> {
    decode(&host.query(&Query::IpSets)?, MANY)
}

/// Puts the messages of a dump together; a set with many elements takes several. All of them hold no more than `left`.
fn decode(bytes: &[u8], mut left: usize) -> Result<Vec<IpSet>, Gap> {
    let mut sets: Vec<IpSet> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for message in of_subsystem(bytes, SUBSYSTEM, "ipset")? {
        let attributes = &message.attributes;
        let name = attributes.name(SETNAME, "a set")?;
        if let Some(kind) = attributes.text(TYPENAME) {
            // Sets that were swapped meanwhile would get each other's elements.
            if places.insert(name.clone(), sets.len()).is_some() {
                return Err(Gap::malformed("ipset sent a set twice"));
            }
            sets.push(header(name.clone(), kind, attributes)?);
        }
        let stray = || Gap::malformed("ipset sent elements of a set that it did not send");
        let set = places.get(&name).and_then(|at| sets.get_mut(*at)).ok_or_else(stray)?;
        let Some(list) = attributes.nested(ADT)? else { continue };
        for element in list.each(DATA) {
            left = left.checked_sub(1).ok_or_else(too_many)?;
            let element = element_of(&set.kind, &element?)?;
            match (&mut set.elements, element) {
                (Reading::Known(known), Some(element)) => known.push(element),
                (Reading::Known(_), None) => set.elements = Reading::Gap(not_understood(&set.kind)),
                (Reading::Gap(_), _) => {}
            }
        }
    }
    Ok(sets)
}

fn not_understood(kind: &str) -> Gap {
    Gap::unsupported(format!("hostduty does not know what the elements of a set of type {kind} mean"))
}

/// NFNL_SUBSYS_IPSET
const SUBSYSTEM: u8 = 6;

/// IPSET_ATTR_* of a message.
const SETNAME: u16 = 2;
const TYPENAME: u16 = 3;
const FAMILY: u16 = 5;
const DATA: u16 = 7;
const ADT: u16 = 8;
const INDEX: u16 = 11;

/// IPSET_ATTR_* of a set and of an element.
const IP: u16 = 1;
const CIDR: u16 = 3;
const PORT: u16 = 4;
const PROTO: u16 = 7;
const CADT_FLAGS: u16 = 8;
const MARK: u16 = 10;
const MARKMASK: u16 = 11;
const BITMASK: u16 = 12;
const NETMASK: u16 = 20;
const ETHER: u16 = 17;
const NAME: u16 = 18;
const IP2: u16 = 20;
const CIDR2: u16 = 21;
const IFACE: u16 = 23;

/// IPSET_FLAG_*
const PHYSDEV: u32 = 2;
const NOMATCH: u32 = 4;
const IFACE_WILDCARD: u32 = 0x80;

fn header(name: String, kind: String, attributes: &Attributes<'_>) -> Result<IpSet, Gap> {
    let data = attributes.nested(DATA)?;
    let number = |kind| data.as_ref().map_or(Ok(None), |data| data.number(kind));
    let masked = data.as_ref().is_some_and(|data| data.find(BITMASK).is_some());
    let elements = match parts(&kind) {
        None => Reading::Gap(not_understood(&kind)),
        Some(_) if masked => {
            Reading::Gap(Gap::unsupported("a set whose bitmask decides which bits of an address count"))
        }
        Some(_) => Reading::Known(Vec::new()),
    };
    let missing = || Gap::unsupported("this kernel does not say by which index rules know its sets");
    Ok(IpSet {
        name,
        kind,
        index: attributes.short(INDEX).ok_or_else(missing)?,
        ipv6: match attributes.byte(FAMILY) {
            Some(2) => Some(false),
            Some(10) => Some(true),
            _ => None,
        },
        length: data.as_ref().and_then(|data| data.byte(NETMASK)),
        mark_mask: number(MARKMASK)?,
        elements,
    })
}

/// What the dimensions of a type are.
#[derive(Clone, Copy)]
enum Dimension {
    /// An address, or a network, with the attributes that hold it and its length.
    Network(u16, u16),
    Port,
    Interface,
    Mark,
    Mac,
    Set,
}

/// IPSET_DIM_MAX: a longer type would make each of its elements as long.
const DIMENSIONS: usize = 6;

/// The dimensions of a type in the order of its name.
fn parts(kind: &str) -> Option<Vec<Dimension>> {
    let (method, types) = kind.split_once(':')?;
    if !matches!(method, "hash" | "bitmap" | "list") || types.split(',').count() > DIMENSIONS {
        return None;
    }
    let mut first = true;
    types
        .split(',')
        .map(|part| {
            Some(match part {
                "ip" | "net" if std::mem::take(&mut first) => Dimension::Network(IP, CIDR),
                "ip" | "net" => Dimension::Network(IP2, CIDR2),
                "port" => Dimension::Port,
                "iface" => Dimension::Interface,
                "mark" => Dimension::Mark,
                "mac" => Dimension::Mac,
                "set" => Dimension::Set,
                _ => return None,
            })
        })
        .collect()
}

/// `None` when it lacks a dimension of its type.
fn element_of(kind: &str, data: &Attributes<'_>) -> Result<Option<Element>, Gap> {
    let flags = data.number(CADT_FLAGS)?.unwrap_or(0);
    let Some(dimensions) = parts(kind) else { return Ok(None) };
    let mut found = Vec::with_capacity(dimensions.len());
    for dimension in dimensions {
        let part = match dimension {
            Dimension::Network(ip, cidr) => network(data, ip, cidr)?.map(Part::Network),
            Dimension::Port => data.short(PORT).map(|port| Part::Port { protocol: data.byte(PROTO), port }),
            Dimension::Interface => data.text(IFACE).map(|name| Part::Interface {
                name,
                wildcard: flags & IFACE_WILDCARD != 0,
                physical: flags & PHYSDEV != 0,
            }),
            Dimension::Mark => data.number(MARK)?.map(Part::Mark),
            Dimension::Mac => match data.find(ETHER) {
                Some(address) => address.try_into().ok().map(Part::Mac),
                None => Some(Part::AnyMac),
            },
            Dimension::Set => data.text(NAME).map(Part::Set),
        };
        match part {
            Some(part) => found.push(part),
            None => return Ok(None),
        }
    }
    Ok(Some(Element { parts: found, nomatch: flags & NOMATCH != 0 }))
}

/// IPSET_ATTR_IPADDR_IPV4 or _IPV6; without a length it is one address.
fn network(data: &Attributes<'_>, ip: u16, cidr: u16) -> Result<Option<Prefix>, Gap> {
    let Some(nested) = data.nested(ip)? else { return Ok(None) };
    let address: Option<IpAddr> = match (nested.find(1), nested.find(2)) {
        (Some(bytes), _) => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        (None, Some(bytes)) => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        (None, None) => None,
    };
    let Some(address) = address else { return Ok(None) };
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = data.byte(cidr).unwrap_or(whole);
    Ok((length <= whole).then_some(Prefix { address, length }))
}

impl std::fmt::Display for Element {
    /// As `ipset save` writes it, but without a timeout, counters and comments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::AnyMac => continue,
                _ if at > 0 => f.write_str(",")?,
                _ => {}
            }
            match part {
                Part::Network(Prefix { address, length }) => {
                    let whole = if address.is_ipv4() { 32 } else { 128 };
                    write!(f, "{address}")?;
                    if *length != whole {
                        write!(f, "/{length}")?;
                    }
                }
                Part::Port { protocol: None, port } => write!(f, "{port}")?,
                Part::Port { protocol: Some(6), port } => write!(f, "tcp:{port}")?,
                Part::Port { protocol: Some(17), port } => write!(f, "udp:{port}")?,
                Part::Port { protocol: Some(other), port } => write!(f, "{other}:{port}")?,
                Part::Interface { name, wildcard, physical: bridge } => {
                    write!(f, "{}{name}", if *bridge { "physdev:" } else { "" })?;
                    f.write_str(if *wildcard { " wildcard" } else { "" })?;
                }
                Part::Mark(mark) => write!(f, "{mark:#010x}")?,
                Part::Mac([a, b, c, d, e, g]) => {
                    write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")?;
                }
                Part::AnyMac => {}
                Part::Set(name) => f.write_str(name)?,
            }
        }
        f.write_str(if self.nomatch { " nomatch" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapKind;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// IPSET_CMD_LIST of one set, with as many elements without an attribute.
    fn message(kind: Option<&str>, elements: usize) -> Vec<u8> {
        let mut attributes = attribute(SETNAME, b"hosts\0");
        if let Some(kind) = kind {
            attributes.extend(attribute(TYPENAME, kind.as_bytes()));
            attributes.extend(attribute(INDEX, &1_u16.to_be_bytes()));
        }
        attributes.extend(attribute(ADT, &attribute(DATA, &[]).repeat(elements)));
        let mut bytes = u32::try_from(attributes.len() + 20).unwrap().to_ne_bytes().to_vec();
        bytes.extend([7, SUBSYSTEM, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn a_type_of_more_dimensions_than_there_are_is_not_understood() {
        let any = |dimensions: usize| {
            let kind = format!("hash:{}", vec!["mac"; dimensions].join(","));
            decode(&message(Some(&kind), 1), 1).unwrap().remove(0).elements
        };
        assert_eq!(any(6).known().unwrap()[0].parts, vec![Part::AnyMac; 6]);
        assert_eq!(any(7).known().unwrap_err().why, GapKind::Unsupported);
    }

    #[test]
    fn more_elements_than_the_bound_are_a_gap() {
        let dump = [message(Some("hash:mac"), 3), message(None, 2)].concat();
        assert_eq!(decode(&dump, 5).unwrap()[0].elements.known().unwrap().len(), 5);
        assert_eq!(decode(&dump, 4).unwrap_err(), too_many());
    }

    #[test]
    fn a_set_comes_once() {
        let gap = decode(&message(Some("hash:mac"), 1).repeat(2), 2).unwrap_err();
        assert_eq!(gap, Gap::malformed("ipset sent a set twice"));
    }
}
