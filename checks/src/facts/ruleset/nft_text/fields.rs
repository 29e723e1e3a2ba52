//! The names of the fields of headers, by where they lie in a packet.

use super::Text;
use super::kinds::{self, Kind, Order};
use super::registers::Key;
use crate::facts::ruleset::nftables::{Family, Layer};

/// NFPROTO_*
pub(super) const IPV4: u8 = 2;
pub(super) const IPV6: u8 = 10;

/// IPPROTO_*
const ICMP: u8 = 1;
const IGMP: u8 = 2;
pub(super) const TCP: u8 = 6;
const ICMPV6: u8 = 58;

/// A field of a header: name, first byte, bytes.
type Field = (&'static str, u32, u32, Kind);

const ETHERNET: &[Field] = &[
    ("ether daddr", 0, 6, Kind::Ethernet),
    ("ether saddr", 6, 6, Kind::Ethernet),
    ("ether type", 12, 2, kinds::ETHERTYPES),
    ("vlan type", 16, 2, kinds::ETHERTYPES),
];

const IP: &[Field] = &[
    ("ip length", 2, 2, Kind::Number),
    ("ip id", 4, 2, Kind::Number),
    ("ip frag-off", 6, 2, Kind::Number),
    ("ip ttl", 8, 1, Kind::Number),
    ("ip protocol", 9, 1, kinds::PROTOCOLS),
    ("ip checksum", 10, 2, Kind::Number),
    ("ip saddr", 12, 4, Kind::Ipv4),
    ("ip daddr", 16, 4, Kind::Ipv4),
];

const IP6: &[Field] = &[
    ("ip6 length", 4, 2, Kind::Number),
    ("ip6 nexthdr", 6, 1, kinds::PROTOCOLS),
    ("ip6 hoplimit", 7, 1, Kind::Number),
    ("ip6 saddr", 8, 16, Kind::Ipv6),
    ("ip6 daddr", 24, 16, Kind::Ipv6),
];

const ARP: &[Field] = &[
    ("arp htype", 0, 2, Kind::Number),
    ("arp ptype", 2, 2, kinds::ETHERTYPES),
    ("arp hlen", 4, 1, Kind::Number),
    ("arp plen", 5, 1, Kind::Number),
    ("arp operation", 6, 2, kinds::ARP_OPERATIONS),
    ("arp saddr ether", 8, 6, Kind::Ethernet),
    ("arp saddr ip", 14, 4, Kind::Ipv4),
    ("arp daddr ether", 18, 6, Kind::Ethernet),
    ("arp daddr ip", 24, 4, Kind::Ipv4),
];

const TCP_FIELDS: &[Field] = &[
    ("sport", 0, 2, Kind::Number),
    ("dport", 2, 2, Kind::Number),
    ("sequence", 4, 4, Kind::Number),
    ("ackseq", 8, 4, Kind::Number),
    ("flags", 13, 1, kinds::TCP_FLAGS),
    ("window", 14, 2, Kind::Number),
    ("checksum", 16, 2, Kind::Number),
    ("urgptr", 18, 2, Kind::Number),
];

const PORTS: &[Field] = &[("sport", 0, 2, Kind::Number), ("dport", 2, 2, Kind::Number)];

const UDP_FIELDS: &[Field] = &[
    ("sport", 0, 2, Kind::Number),
    ("dport", 2, 2, Kind::Number),
    ("length", 4, 2, Kind::Number),
    ("checksum", 6, 2, Kind::Number),
];

const ICMP_FIELDS: &[Field] = &[
    ("type", 0, 1, kinds::ICMP_TYPES),
    ("code", 1, 1, kinds::ICMP_CODES),
    ("checksum", 2, 2, Kind::Number),
    ("id", 4, 2, Kind::Number),
    ("sequence", 6, 2, Kind::Number),
];

const ICMPV6_FIELDS: &[Field] = &[
    ("type", 0, 1, kinds::ICMPV6_TYPES),
    ("code", 1, 1, kinds::ICMPV6_CODES),
    ("checksum", 2, 2, Kind::Number),
    ("id", 4, 2, Kind::Number),
    ("sequence", 6, 2, Kind::Number),
];

const IGMP_FIELDS: &[Field] = &[("type", 0, 1, kinds::IGMP_TYPES), ("group", 4, 4, Kind::Ipv4)];

const SPI: &[Field] = &[("spi", 0, 4, Kind::Number)];
const AH: &[Field] = &[("nexthdr", 0, 1, kinds::PROTOCOLS), ("spi", 4, 4, Kind::Number)];

impl Text<'_> {
    /// A load of bytes of the packet: of one field, of several that nft has put together, or of the start of an address.
    pub(super) fn load_payload(&mut self, base: Layer, offset: u32, length: u32, register: u32) {
        // Nothing longer fits into the registers.
        let end = offset.saturating_add(length.min(64));
        let mut at = offset;
        while at < end {
            let mut key = self.field(base, at, end - at);
            if key.length == 0 {
                break;
            }
            // A name that is loaded in part says so with its mask.
            if key.length < key.size {
                let kept = (0..key.size).map(|byte| if byte < key.length { 0xff } else { 0 }).collect();
                key.mask = Some((kept, vec![0; key.size]));
            }
            let taken = u32::try_from(key.length).unwrap_or(u32::MAX);
            self.registers.load_at(register, (at - offset) as usize, key);
            at = at.saturating_add(taken);
        }
    }

    /// The field that begins here; without one, the bytes as they are.
    pub(super) fn field(&mut self, base: Layer, at: u32, room: u32) -> Key {
        let (prefix, fields) = self.header(base);
        let found = fields.iter().find(|(_, first, size, kind)| {
            *first == at && (*size <= room || matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ethernet))
        });
        let mut key = match found {
            Some((name, _, size, kind)) => {
                let name = if prefix.is_empty() { (*name).to_owned() } else { format!("{prefix} {name}") };
                let mut key = Key::new(name, *kind, Order::Network, *size as usize);
                key.length = (*size).min(room) as usize;
                key
            }
            None => {
                let base = match base {
                    Layer::Link => "ll",
                    Layer::Network => "nh",
                    Layer::Transport => "th",
                    Layer::Inner => "ih",
                    Layer::Tunnel => "tunnel",
                };
                let name = format!("@{base},{},{}", u64::from(at) * 8, u64::from(room) * 8);
                Key::new(name, Kind::Raw, Order::Network, room as usize)
            }
        };
        key.place = Some((base, at));
        key
    }

    /// The header at a layer as far as the rule has said which one it is, and the word before its fields. What nft needs
    /// to say before is left out.
    fn header(&mut self, base: Layer) -> (&'static str, &'static [Field]) {
        match base {
            Layer::Link => {
                let clause = self.link_clause.take();
                self.imply(clause);
                ("", ETHERNET)
            }
            Layer::Network => {
                let header = match (self.table.family, self.network) {
                    (Family::Arp, _) => ("", ARP),
                    (_, Some(IPV4)) => ("", IP),
                    (_, Some(IPV6)) => ("", IP6),
                    _ => return ("", &[]),
                };
                let clause = self.network_clause.take();
                self.imply(clause);
                header
            }
            Layer::Transport => {
                let header = match self.transport {
                    Some(TCP) => ("tcp", TCP_FIELDS),
                    Some(17) => ("udp", UDP_FIELDS),
                    Some(136) => ("udplite", PORTS),
                    Some(132) => ("sctp", PORTS),
                    Some(33) => ("dccp", PORTS),
                    Some(ICMP) => ("icmp", ICMP_FIELDS),
                    Some(ICMPV6) => ("icmpv6", ICMPV6_FIELDS),
                    Some(IGMP) => ("igmp", IGMP_FIELDS),
                    Some(50) => ("esp", SPI),
                    Some(51) => ("ah", AH),
                    _ => return ("th", PORTS),
                };
                let clause = self.transport_clause.take();
                self.imply(clause);
                if matches!(self.transport, Some(ICMP | ICMPV6)) {
                    let clause = self.network_clause.take();
                    self.imply(clause);
                }
                header
            }
            Layer::Inner | Layer::Tunnel => ("", &[]),
        }
    }
}

/// A part of bytes that a mask cuts out: name, how far it lies above the lowest bit, and how it is written.
pub(super) fn part(
    network: Option<u8>,
    transport: Option<u8>,
    place: (Layer, u32),
    mask: &[u8],
) -> Option<(&'static str, u32, Kind)> {
    Some(match (place, mask) {
        ((Layer::Link, 14), [0x0f, 0xff]) => ("vlan id", 0, Kind::Number),
        ((Layer::Network, at), mask) if network == Some(IPV4) => match (at, mask) {
            (0, [0xf0]) => ("ip version", 4, Kind::Number),
            (0, [0x0f]) => ("ip hdrlength", 0, Kind::Number),
            (1, [0xfc]) => ("ip dscp", 2, kinds::DSCP),
            (1, [0x03]) => ("ip ecn", 0, kinds::ECN),
            _ => return None,
        },
        ((Layer::Network, at), mask) if network == Some(IPV6) => match (at, mask) {
            (0, [0xf0]) => ("ip6 version", 4, Kind::Number),
            (0, [0x0f, 0xc0]) => ("ip6 dscp", 6, kinds::DSCP),
            (1, [0x30]) => ("ip6 ecn", 4, kinds::ECN),
            (1, [0x0f, 0xff, 0xff]) => ("ip6 flowlabel", 0, Kind::Number),
            _ => return None,
        },
        ((Layer::Transport, 12), [0xf0]) if transport == Some(TCP) => ("tcp doff", 4, Kind::Number),
        _ => return None,
    })
}
