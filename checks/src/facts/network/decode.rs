//! Dumps of rtnetlink as interfaces, addresses, routes and rules (linux/rtnetlink.h, if_link.h, fib_rules.h).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{Attributes, align, array, messages};
use super::route::{Mark, Prefix, Route, RouteRule, RuleAction};
use super::{Bpf, BpfHook, Interface};
use crate::gap::Gap;

/// RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWRULE, RTM_NEWQDISC and RTM_NEWTFILTER.
const LINK: u16 = 16;
const ADDRESS: u16 = 20;
const ROUTE: u16 = 24;
const RULE: u16 = 32;
const QDISC: u16 = 36;
const FILTER: u16 = 44;

/// Whether a family is IPv6; nothing for any but the two (AF_INET, AF_INET6).
fn ipv6(family: u8) -> Option<bool> {
    match family {
        2 => Some(false),
        10 => Some(true),
        _ => None,
    }
}

/// The interfaces by index, and the programs of XDP on them.
pub(super) fn interfaces(dump: &[u8]) -> Result<(Vec<Interface>, Vec<Bpf>), Gap> {
    let (mut interfaces, mut xdp) = (Vec::new(), Vec::new());
    for message in messages(dump)? {
        let [_, _, hardware @ ..] = array::<4>(message.body, 0)?;
        let index = u32::from_ne_bytes(array(message.body, 4)?);
        let flags = u32::from_ne_bytes(array(message.body, 8)?);
        let attributes = Attributes::after(message.body, 16)?;
        let Some(name) = attributes.text(3).filter(|_| message.kind == LINK && index != 0) else {
            return Err(Gap::malformed("a dump of interfaces holds something else"));
        };
        let info = attributes.nested(18)?;
        let kind = info.as_ref().and_then(|info| info.text(1)).unwrap_or_default();
        let table = match &info {
            Some(info) if kind == "vrf" => info.nested(2)?.map(|data| data.number(1)).transpose()?.flatten(),
            _ => None,
        };
        // IFLA_LINK counts in another namespace where IFLA_LINK_NETNSID is there.
        let link = attributes
            .number(5)?
            .filter(|link| *link != 0 && *link != index && attributes.find(37).is_none());
        if let Some(attached) = attributes.nested(43)?
            && attached.byte(2).unwrap_or(0) != 0
        {
            // The kernel leaves the number out where several are attached, each in its own mode.
            let program = [4, 5, 6, 7].into_iter().find_map(|kind| attached.number(kind).ok().flatten());
            xdp.push(Bpf { hook: BpfHook::Xdp, place: name.clone(), name: String::new(), program });
        }
        interfaces.push(Interface {
            index,
            name,
            up: flags & 1 != 0,
            loopback: flags & 8 != 0,
            hardware: u16::from_ne_bytes(hardware),
            group: attributes.number(27)?.unwrap_or(0),
            kind,
            master: attributes.number(10)?.filter(|master| *master != 0),
            link,
            table,
            ..Interface::default()
        });
    }
    interfaces.sort_by_key(|interface| interface.index);
    interfaces.dedup_by_key(|interface| interface.index);
    Ok((interfaces, xdp))
}

/// Gives each interface its addresses.
pub(super) fn addresses(dump: &[u8], interfaces: &mut [Interface]) -> Result<(), Gap> {
    let mut places: HashMap<u32, &mut Interface> =
        interfaces.iter_mut().map(|interface| (interface.index, interface)).collect();
    for message in messages(dump)? {
        let [family, length, ..] = array::<4>(message.body, 0)?;
        if message.kind != ADDRESS {
            return Err(Gap::malformed("a dump of addresses holds something else"));
        }
        let Some(ipv6) = ipv6(family) else { continue };
        let attributes = Attributes::after(message.body, 8)?;
        // IFA_LOCAL is missing where it is the same as IFA_ADDRESS, which else is the other end of a link of two.
        let local = match attributes.address(2, ipv6)? {
            None => attributes.address(1, ipv6)?,
            local => local,
        };
        let Some(address) = local else {
            return Err(Gap::malformed("the kernel sent an address without its bytes"));
        };
        // An interface that came between the two dumps is not known, and neither are its settings.
        if let Some(interface) = places.get_mut(&u32::from_ne_bytes(array(message.body, 4)?)) {
            interface.addresses.push(prefix(address, length)?);
        }
    }
    Ok(())
}

/// Every route that is not cached.
pub(super) fn routes(dump: &[u8]) -> Result<Vec<Route>, Gap> {
    let mut routes = Vec::new();
    for message in messages(dump)? {
        let [family, to_length, from_length, tos, table, _, _, kind] = array(message.body, 0)?;
        let flags = u32::from_ne_bytes(array(message.body, 8)?);
        if message.kind != ROUTE {
            return Err(Gap::malformed("a dump of routes holds something else"));
        }
        // RTM_F_CLONED: what the kernel remembers of routes that it once took.
        let Some(ipv6) = ipv6(family).filter(|_| flags & 0x200 == 0) else { continue };
        let attributes = Attributes::after(message.body, 12)?;
        let mut through = Vec::from_iter(attributes.number(4)?);
        let mut alive = flags & DEAD == 0;
        if let Some(hops) = attributes.find(9) {
            (through, alive) = paths(hops)?;
        }
        routes.push(Route {
            to: network(&attributes, 1, ipv6, to_length)?,
            from: (from_length != 0).then(|| network(&attributes, 2, ipv6, from_length)).transpose()?,
            table: attributes.number(15)?.unwrap_or_else(|| table.into()),
            kind,
            tos,
            metric: attributes.number(6)?.unwrap_or(0),
            through,
            alive,
        });
    }
    Ok(routes)
}

/// RTNH_F_DEAD
const DEAD: u32 = 1;

/// `rtnexthop` one after the other: the interfaces, and whether one of the paths can be used.
fn paths(mut bytes: &[u8]) -> Result<(Vec<u32>, bool), Gap> {
    let (mut through, mut alive) = (Vec::new(), false);
    while !bytes.is_empty() {
        let [low, high, flags, _] = array(bytes, 0)?;
        let length = usize::from(u16::from_ne_bytes([low, high]));
        if length < 8 {
            return Err(Gap::malformed("the kernel sent a path of a route that has no length"));
        }
        through.push(u32::from_ne_bytes(array(bytes, 4)?));
        alive |= u32::from(flags) & DEAD == 0;
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    Ok((through, alive))
}

/// The rules of both families, in the order in which the kernel goes through them.
pub(super) fn rules(dump: &[u8]) -> Result<Vec<RouteRule>, Gap> {
    let mut rules = Vec::new();
    for message in messages(dump)? {
        let [family, to_length, from_length, tos, table, _, _, action] = array(message.body, 0)?;
        let flags = u32::from_ne_bytes(array(message.body, 8)?);
        if message.kind != RULE {
            return Err(Gap::malformed("a dump of rules of routing holds something else"));
        }
        let Some(ipv6) = ipv6(family) else { continue };
        let attributes = Attributes::after(message.body, 12)?;
        let side = |kind, length| {
            (length != 0 || attributes.find(kind).is_some())
                .then(|| network(&attributes, kind, ipv6, length))
                .transpose()
        };
        // A mask alone asks for a mark of 0.
        let (value, mask) = (attributes.number(10)?, attributes.number(16)?);
        let mark = match (value, mask) {
            (None, None | Some(0)) => None,
            (value, mask) => Some(Mark { value: value.unwrap_or(0), mask: mask.unwrap_or(u32::MAX) }),
        };
        let mut other: Vec<u16> = attributes.kinds().filter(|kind| !KNOWN.contains(kind)).collect();
        other.extend((tos != 0).then_some(0));
        rules.push(RouteRule {
            ipv6,
            priority: attributes.number(6)?.unwrap_or(0),
            action: match action {
                1 => RuleAction::Table(attributes.number(15)?.unwrap_or_else(|| table.into())),
                2 => RuleAction::Goto(attributes.number(4)?.unwrap_or(0)),
                3 => RuleAction::Nop,
                6 => RuleAction::Blackhole,
                7 => RuleAction::Unreachable,
                8 => RuleAction::Prohibit,
                other => RuleAction::Other(other),
            },
            // FIB_RULE_INVERT
            not: flags & 2 != 0,
            from: side(2, from_length)?,
            to: side(1, to_length)?,
            mark,
            input: attributes.text(3),
            output: attributes.text(17),
            vrf: attributes.byte(19).unwrap_or(0) != 0,
            // -1 for none.
            suppress_prefix_length: attributes.number(14)?.filter(|length| *length <= 128),
            other,
        });
    }
    rules.sort_by_key(|rule| (rule.ipv6, rule.priority));
    Ok(rules)
}

/// FRA_* that are read above, or are no conditions: FRA_FLOW (11), FRA_PAD (18) and FRA_PROTOCOL (21, who made it).
/// FRA_SUPPRESS_IFGROUP (13) is not read.
const KNOWN: [u16; 15] = [1, 2, 3, 4, 6, 10, 11, 14, 15, 16, 17, 18, 19, 21, 0];

/// The indexes of the interfaces that have an `ingress` or `clsact` qdisc, to which filters may be attached, and whether
/// it sees what goes out too.
pub(super) fn filtering(dump: &[u8]) -> Result<Vec<(u32, bool)>, Gap> {
    let mut found = Vec::new();
    for message in messages(dump)? {
        if message.kind != QDISC {
            return Err(Gap::malformed("a dump of qdiscs holds something else"));
        }
        let index = u32::from_ne_bytes(array(message.body, 4)?);
        match Attributes::after(message.body, 20)?.text(1).as_deref() {
            Some("ingress") => found.push((index, false)),
            Some("clsact") => found.push((index, true)),
            _ => {}
        }
    }
    Ok(found)
}

/// The kinds of the filters of a dump (`bpf`, `flower`, `u32`…), each once, with the program's name where it has one.
pub(super) fn filters(dump: &[u8]) -> Result<Vec<(String, Option<u32>)>, Gap> {
    let mut found = Vec::new();
    for message in messages(dump)? {
        if message.kind != FILTER {
            return Err(Gap::malformed("a dump of filters holds something else"));
        }
        let attributes = Attributes::after(message.body, 20)?;
        let mut kind = attributes.text(1).unwrap_or_default();
        let mut program = None;
        // TCA_OPTIONS: TCA_BPF_NAME and TCA_BPF_ID. The first message of a filter speaks of its list and has none.
        if kind == "bpf" {
            let Some(options) = attributes.nested(2)? else { continue };
            program = options.number(11)?;
            if let Some(name) = options.text(7) {
                kind = format!("{kind} {name}");
            }
        }
        if !found.contains(&(kind.clone(), program)) && found.len() < 100 {
            found.push((kind, program));
        }
    }
    Ok(found)
}

/// A network whose address is missing where its length is 0.
fn network(attributes: &Attributes<'_>, kind: u16, ipv6: bool, length: u8) -> Result<Prefix, Gap> {
    match attributes.address(kind, ipv6)? {
        Some(address) => prefix(address, length),
        None if length == 0 && ipv6 => Ok(Prefix { address: Ipv6Addr::UNSPECIFIED.into(), length }),
        None if length == 0 => Ok(Prefix { address: Ipv4Addr::UNSPECIFIED.into(), length }),
        None => Err(Gap::malformed("the kernel sent a network without its address")),
    }
}

fn prefix(address: IpAddr, length: u8) -> Result<Prefix, Gap> {
    if length > if address.is_ipv4() { 32 } else { 128 } {
        return Err(Gap::malformed(format!("the kernel sent the network {address}/{length}")));
    }
    Ok(Prefix { address, length })
}
