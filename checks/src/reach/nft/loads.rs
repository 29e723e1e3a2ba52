//! What expressions of nftables load into registers, as properties of the first packet of a connection.

use super::logic::{all, any, not};
use super::registers::{Order, Property, Registers, start};
use crate::facts::network::Interface;
use crate::facts::ruleset::IpFamily;
use crate::facts::ruleset::nftables::Layer;
use crate::facts::sockets::Protocol;
use crate::reach::context::Context;
use crate::reach::packets::{FRAGMENT, HEADER_LENGTH, NEXT_HEADER};
use crate::reach::program::{
    Field, Free, STATE_ESTABLISHED, STATE_INVALID, STATE_NEW, STATE_RELATED, STATE_UNTRACKED, Socket, Test,
};
use crate::reach::routing::{BROADCAST, LOCAL, MULTICAST, UNICAST};

/// Where one byte of a packet belongs.
enum Byte {
    Known(u8),
    /// A property of so many bytes, and which of them.
    Of(Field, usize, usize),
}

/// IPPROTO_TCP, IPPROTO_UDP
pub(crate) fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

/// Loads bytes of the packet. Returns what has to hold for the packet to have them.
pub(super) fn payload(
    context: &Context<'_>,
    registers: &mut Registers,
    layer: Layer,
    offset: usize,
    length: usize,
    register: u32,
) -> Test {
    let Some(at) = start(register).filter(|_| length <= 64) else {
        return Test::Unknown("it loads into a register that hostduty does not know".into());
    };
    let mut fields: Vec<(Field, usize)> = Vec::new();
    for place in 0..length {
        match byte(context, layer, offset + place) {
            Byte::Known(value) => registers.put(at + place, value),
            Byte::Of(field, width, byte) => {
                let known = fields.iter().find(|(found, _)| *found == field).map(|(_, property)| *property);
                let property = known.unwrap_or_else(|| registers.property(Property::Number(field, width)));
                if known.is_none() {
                    fields.push((field, property));
                }
                registers.place(at + place, property, byte);
            }
        }
    }
    registers.pad(at, length);
    match (layer, context.protocol) {
        // ARPHRD_ETHER, ARPHRD_LOOPBACK: tunnels and the like have no header that holds addresses.
        (Layer::Link, _) => Test::In(context.those(|interface| matches!(interface.hardware, 1 | 772))),
        // The first segment of TCP carries nothing.
        (Layer::Inner, Protocol::Tcp) => Test::Never,
        (Layer::Tunnel, _) => Test::Unknown("it looks into a tunnel".into()),
        _ => Test::Always,
    }
}

fn byte(context: &Context<'_>, layer: Layer, at: usize) -> Byte {
    let free = |free: Free, width: usize, byte: usize| Byte::Of(Field::Free(free), width, byte);
    let layer_number: u8 = match layer {
        Layer::Link => 0,
        Layer::Network => 1,
        Layer::Transport => 2,
        Layer::Inner => 3,
        Layer::Tunnel => 4,
    };
    let raw = |from: usize, width: u8| {
        let from = u16::try_from(from).unwrap_or(u16::MAX);
        free(Free::Bytes(layer_number, from, width), width.into(), at.saturating_sub(from.into()))
    };
    let protocol = Byte::Known(protocol_number(context.protocol));
    match (layer, context.family, at) {
        (Layer::Link, _, 0..6) => raw(0, 6),
        (Layer::Link, _, 6..12) => free(Free::SourceMac, 6, at - 6),
        // ETH_P_IP, ETH_P_IPV6
        (Layer::Link, IpFamily::V4, 12..14) => Byte::Known([8, 0][at - 12]),
        (Layer::Link, IpFamily::V6, 12..14) => Byte::Known([0x86, 0xdd][at - 12]),
        // RFC 791 section 3.1; a sender can put options behind the header.
        (Layer::Network, IpFamily::V4, 0) => free(HEADER_LENGTH, 1, 0),
        (Layer::Network, IpFamily::V4, 1) => free(Free::TrafficClass, 1, 0),
        (Layer::Network, IpFamily::V4, 2..4) => free(Free::Length, 2, at - 2),
        (Layer::Network, IpFamily::V4, 4..6) => raw(4, 2),
        (Layer::Network, IpFamily::V4, 6..8) => free(FRAGMENT, 2, at - 6),
        (Layer::Network, IpFamily::V4, 8) => free(Free::TimeToLive, 1, 0),
        (Layer::Network, IpFamily::V4, 9) => protocol,
        (Layer::Network, IpFamily::V4, 10..12) => raw(10, 2),
        (Layer::Network, IpFamily::V4, 12..16) => Byte::Of(Field::Source, 4, at - 12),
        (Layer::Network, IpFamily::V4, 16..20) => Byte::Of(Field::Destination, 4, at - 16),
        // RFC 8200 section 3; a sender can put extension headers before the protocol.
        (Layer::Network, IpFamily::V6, 0..2) => raw(0, 2),
        (Layer::Network, IpFamily::V6, 2..4) => raw(2, 2),
        (Layer::Network, IpFamily::V6, 4..6) => raw(4, 2),
        (Layer::Network, IpFamily::V6, 6) => free(NEXT_HEADER, 1, 0),
        (Layer::Network, IpFamily::V6, 7) => free(Free::TimeToLive, 1, 0),
        (Layer::Network, IpFamily::V6, 8..24) => Byte::Of(Field::Source, 16, at - 8),
        (Layer::Network, IpFamily::V6, 24..40) => Byte::Of(Field::Destination, 16, at - 24),
        (Layer::Transport, _, 0..2) => free(Free::SourcePort, 2, at),
        (Layer::Transport, _, 2..4) => Byte::Of(Field::DestinationPort, 2, at - 2),
        (Layer::Transport, _, 13) if context.protocol == Protocol::Tcp => free(Free::TcpFlags, 1, 0),
        _ => raw(at, 1),
    }
}

/// Whether the packet has an extension header or an option: 1 or 0, as the sender chooses.
pub(super) fn extension(operation: u32, kind: u8) -> Field {
    let layer = u8::try_from(operation).unwrap_or(u8::MAX).saturating_add(5);
    Field::Free(Free::Bytes(layer, kind.into(), 1))
}

/// What a property of meta or ct is, with what has to hold to have it.
pub(super) enum Loaded {
    /// Known bytes.
    Known(Vec<u8>),
    /// A property of so many bytes.
    Property(Property, usize, Order),
    /// The packet never has it: the rule ends.
    Absent,
    /// Not understood.
    Unknown(String),
}

use Loaded::{Absent, Known, Unknown};

/// NFT_META_MARK and NFT_CT_MARK
const MARK: u32 = 3;

/// `enum nft_meta_keys`
pub(super) fn meta(context: &Context<'_>, key: u32) -> Loaded {
    let inbound = |bytes: &dyn Fn(&Interface) -> Vec<u8>| interfaces(context, bytes, Test::In);
    let outbound = |bytes: &dyn Fn(&Interface) -> Vec<u8>, none: Vec<u8>| {
        let mut choices = interface_choices(context, bytes, Test::Out);
        // Without an outbound interface the name is empty and the index zero.
        let every = context.those(|_| true);
        choices.push((none, Test::Not(Box::new(Test::Out(every)))));
        Loaded::Property(Property::Choice(choices), 0, Order::Network)
    };
    let index = |interface: &Interface| interface.index.to_le_bytes().to_vec();
    let group = |interface: &Interface| interface.group.to_le_bytes().to_vec();
    let kind = |interface: &Interface| name(&interface.kind);
    // Marks are followed from rule to rule, and nothing else that rules write.
    if key != MARK && context.written().meta.contains(&key) {
        return Unknown(format!("rules write what meta key {key} asks for"));
    }
    match key {
        // The length is a number of 32 bits, of which a packet uses 16.
        0 => Loaded::Property(Property::Number(Field::Free(Free::Length), 4), 4, Order::Host),
        1 => Known(match context.family {
            IpFamily::V4 => vec![8, 0],
            IpFamily::V6 => vec![0x86, 0xdd],
        }),
        3 => Loaded::Property(Property::Number(Field::Mark, 4), 4, Order::Host),
        4 => inbound(&index),
        5 => outbound(&index, vec![0; 4]),
        6 => inbound(&|interface| name(&interface.name)),
        7 => outbound(&|interface| name(&interface.name), vec![0; 16]),
        8 => inbound(&|interface| interface.hardware.to_le_bytes().to_vec()),
        // No socket owns a packet that opens a connection from outside.
        10 | 11 | 23 => Absent,
        12 => Known(vec![0]),
        15 => Known(vec![family_number(context.family)]),
        16 => Known(vec![protocol_number(context.protocol)]),
        19 => {
            // PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST
            let is =
                |kind| context.kind(kind).map_or(Test::Never, |found| Test::Is(Field::Destination, found));
            let (broadcast, multicast) = (is(BROADCAST), is(MULTICAST));
            let alone = Test::Not(Box::new(any(vec![broadcast.clone(), multicast.clone()])));
            let choices = vec![(vec![0], alone), (vec![1], broadcast), (vec![2], multicast)];
            Loaded::Property(Property::Choice(choices), 0, Order::Network)
        }
        21 => inbound(&group),
        22 => outbound(&group, vec![0; 4]),
        24 => Loaded::Property(Property::Open(Test::Chance("meta random".into())), 4, Order::Host),
        26 => inbound(&kind),
        27 => outbound(&kind, vec![0; 16]),
        33 | 34 if !context.network.interfaces.iter().any(|interface| interface.kind == "vrf") => {
            Known(vec![0; if key == 33 { 4 } else { 16 }])
        }
        _ => Unknown(format!("meta key {key} is not modelled")),
    }
}

/// NFPROTO_IPV4, NFPROTO_IPV6
pub(crate) fn family_number(family: IpFamily) -> u8 {
    match family {
        IpFamily::V4 => 2,
        IpFamily::V6 => 10,
    }
}

/// A name of an interface as a register holds it: 16 bytes.
fn name(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.bytes().take(15).collect();
    bytes.resize(16, 0);
    bytes
}

fn interfaces(
    context: &Context<'_>,
    bytes: &dyn Fn(&Interface) -> Vec<u8>,
    test: fn(u128) -> Test,
) -> Loaded {
    Loaded::Property(Property::Choice(interface_choices(context, bytes, test)), 0, Order::Network)
}

/// The values that the interfaces have, each with the interfaces that have it.
fn interface_choices(
    context: &Context<'_>,
    bytes: &dyn Fn(&Interface) -> Vec<u8>,
    test: fn(u128) -> Test,
) -> Vec<(Vec<u8>, Test)> {
    let mut choices: Vec<(Vec<u8>, u128)> = Vec::new();
    for (bit, interface) in context.interfaces.iter().take(128).enumerate() {
        let value = bytes(interface);
        match choices.iter_mut().find(|(found, _)| *found == value) {
            Some((_, set)) => *set |= 1 << bit,
            None => choices.push((value, 1 << bit)),
        }
    }
    choices.into_iter().map(|(value, set)| (value, test(set))).collect()
}

/// `enum nft_ct_keys`. All but the state need a connection.
pub(super) fn ct(context: &Context<'_>, key: u32, direction: Option<u8>) -> Loaded {
    let width = usize::try_from(context.family.bits() / 8).unwrap_or(4);
    let number = |field, width| Loaded::Property(Property::Number(field, width), width, Order::Network);
    let reply = direction == Some(1);
    if key != MARK && context.written().connection.contains(&key) {
        return Unknown(format!("rules write what ct key {key} asks for"));
    }
    match key {
        0 => {
            let states = [STATE_INVALID, STATE_ESTABLISHED, STATE_RELATED, STATE_NEW, STATE_UNTRACKED];
            let choice = |bit: u32| (bit.to_le_bytes().to_vec(), Test::State(bit));
            Loaded::Property(Property::Choice(states.map(choice).to_vec()), 0, Order::Network)
        }
        1 => Known(vec![0]),
        2 => {
            // IPS_SRC_NAT, IPS_DST_NAT; a connection that is not confirmed has none of the others.
            let not = |test| Test::Not(Box::new(test));
            let (to, from) = (Test::DestinationRewritten, Test::SourceRewritten);
            let choice = |bits: u32, tests: Vec<Test>| (bits.to_le_bytes().to_vec(), all(tests));
            let choices = vec![
                choice(0, vec![not(to.clone()), not(from.clone())]),
                choice(0x20, vec![to.clone(), not(from.clone())]),
                choice(0x10, vec![not(to.clone()), from.clone()]),
                choice(0x30, vec![to, from]),
            ];
            Loaded::Property(Property::Choice(choices), 0, Order::Network)
        }
        3 => Loaded::Property(Property::Number(Field::ConnectionMark, 4), 4, Order::Host),
        // No helper watches a connection that begins, unless a rule gave it one.
        6 => Absent,
        7 => Known(vec![family_number(context.family)]),
        // NFT_CT_SRC_IP, _DST_IP and their twins for IPv6 end the rule for the other family.
        19 | 20 if context.family == IpFamily::V6 => Absent,
        21 | 22 if context.family == IpFamily::V4 => Absent,
        8 | 19 | 21 if !reply => number(Field::Source, width),
        9 | 20 | 22 if !reply => number(Field::OriginalDestination, width),
        8 | 19 | 21 => number(Field::Destination, width),
        9 | 20 | 22 => number(Field::Source, width),
        10 => Known(vec![protocol_number(context.protocol)]),
        11 if !reply => number(Field::Free(Free::SourcePort), 2),
        12 if !reply => number(Field::OriginalDestinationPort, 2),
        11 => number(Field::DestinationPort, 2),
        12 => number(Field::Free(Free::SourcePort), 2),
        13 => Known(vec![0; 16]),
        17 => Known(vec![0; 2]),
        _ => Unknown(format!("ct key {key} is not modelled")),
    }
}

/// `enum nft_fib_flags`
const OF_SOURCE: u32 = 1;
const BY_MARK: u32 = 4;
const INBOUND: u32 = 8;
const PRESENT: u32 = 32;

/// The answer of the routing table about an address of the packet.
pub(super) fn fib(context: &Context<'_>, result: u32, flags: u32) -> Loaded {
    let field = if flags & OF_SOURCE != 0 { Field::Source } else { Field::Destination };
    if flags & BY_MARK != 0 && context.kind(UNICAST).is_err() {
        return Unknown("fib with a mark, beside routing rules of its own".to_owned());
    }
    match fib_choices(context, field, result, flags) {
        Ok(Fib::Values(choices)) => Loaded::Property(Property::Choice(choices), 0, Order::Network),
        Ok(Fib::Exists(test)) => Loaded::Property(Property::truth(test), 0, Order::Network),
        Ok(Fib::NotModelled(what)) => Unknown(what.to_owned()),
        Err(reason) => Unknown(reason.to_string()),
    }
}

enum Fib {
    Values(Vec<(Vec<u8>, Test)>),
    Exists(Test),
    NotModelled(&'static str),
}

fn fib_choices(
    context: &Context<'_>,
    field: Field,
    result: u32,
    flags: u32,
) -> Result<Fib, std::rc::Rc<str>> {
    let by_interface = |of: &dyn Fn(&Interface) -> Result<Test, std::rc::Rc<str>>| {
        let mut tests = Vec::new();
        for (bit, interface) in context.interfaces.iter().take(128).enumerate() {
            tests.push(all(vec![Test::In(1 << bit), of(interface)?]));
        }
        Ok::<_, std::rc::Rc<str>>(any(tests))
    };
    Ok(match result {
        // NFT_FIB_RESULT_ADDRTYPE: a number of the kernel, RTN_*.
        3 => {
            let mut choices = Vec::new();
            for kind in UNICAST..=8 {
                // For the inbound interface only the addresses of that interface are its own.
                let test = match (kind, flags & INBOUND != 0) {
                    (LOCAL, true) => by_interface(&|interface| Ok(own_addresses(context, interface, field)))?,
                    (UNICAST | BROADCAST | MULTICAST, true) => {
                        return Ok(Fib::NotModelled("the kind of an address for the inbound interface"));
                    }
                    _ => {
                        let addresses = context.kind(kind)?;
                        if addresses.is_empty() { Test::Never } else { Test::Is(field, addresses) }
                    }
                };
                choices.push((u32::from(kind).to_le_bytes().to_vec(), test));
            }
            Fib::Values(choices)
        }
        // NFT_FIB_RESULT_OIF, _OIFNAME, asked whether there is a route: through the inbound interface, or any.
        1 | 2 if flags & PRESENT != 0 => Fib::Exists(match flags & INBOUND != 0 {
            true => {
                by_interface(&|interface| Ok(Test::Is(field, context.routing.through(interface.index)?)))?
            }
            false => Test::Is(field, context.kind(UNICAST)?),
        }),
        1 | 2 => {
            let mut choices = Vec::new();
            for (bit, interface) in context.interfaces.iter().take(128).enumerate() {
                let value =
                    if result == 1 { interface.index.to_le_bytes().to_vec() } else { name(&interface.name) };
                let mut tests = vec![Test::Is(field, context.routing.through(interface.index)?)];
                if flags & INBOUND != 0 {
                    tests.push(Test::In(1 << bit));
                }
                choices.push((value, all(tests)));
            }
            let found = any(choices.iter().map(|(_, test)| test.clone()).collect());
            choices.push((vec![0; if result == 1 { 4 } else { 16 }], not(found)));
            Fib::Values(choices)
        }
        _ => Fib::NotModelled("a result of fib that hostduty does not know"),
    })
}

fn own_addresses(context: &Context<'_>, interface: &Interface, field: Field) -> Test {
    let own = interface.addresses.iter().map(|prefix| prefix.address);
    let own = own.filter(|address| IpFamily::of(*address) == context.family);
    let numbers =
        own.map(|address| (crate::reach::routing::number(address), crate::reach::routing::number(address)));
    Test::Is(field, std::rc::Rc::new(numbers.collect()))
}

/// `enum nft_socket_keys`, with what has to hold: that there is a socket.
pub(super) fn socket(key: u32) -> Loaded {
    match key {
        0 => Loaded::Property(Property::truth(Test::Socket(Socket::Transparent)), 0, Order::Network),
        2 => Loaded::Property(Property::truth(Test::Socket(Socket::Wildcard)), 0, Order::Network),
        _ => Unknown(format!("socket key {key} is not modelled")),
    }
}
