//! The properties of a packet that rules look at: where each lies, and how its values are written.

use crate::facts::ruleset::nftables::Layer;

/// A property of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Where it is.
    pub(crate) place: Place,
    /// Its length.
    pub(crate) bytes: u32,
}

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the packet: counted from this header, in bytes.
    Payload(Layer, u32),
    /// NFT_META_*
    Meta(u32),
    /// NFT_CT_*, and the direction where it has one.
    Ct(u32, Option<u8>),
    /// `enum nft_fib_result` and flags.
    Fib(u32, u32),
    /// `enum nft_socket_keys` and the level of a control group.
    Socket(u32, u32),
}

/// How values of a property are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An address of IPv4.
    Ipv4,
    /// An address of IPv6.
    Ipv6,
    /// An address of a network card.
    Mac,
    /// The port of a service.
    Port,
    /// A protocol above IP.
    Protocol,
    /// A protocol above the frame.
    EtherType,
    /// IPv4 or IPv6 (NFPROTO_*).
    Nfproto,
    /// The name of an interface.
    Name,
    /// The index of an interface.
    Index,
    /// A type of ICMP.
    Icmp,
    /// A type of ICMPv6.
    Icmpv6,
    /// Bits of the TCP header.
    TcpFlags,
    /// The state of a connection, as bits.
    State,
    /// The status of a connection, as bits.
    Status,
    /// The kind of an address (RTN_*).
    AddressType,
    /// To whom a frame is addressed (PACKET_*).
    PacketType,
    /// Whether there is one.
    Presence,
    /// A number.
    Number,
}

/// NFT_META_PROTOCOL, _IIF, _IIFTYPE, _NFPROTO, _L4PROTO
pub(crate) const PROTOCOL: u32 = 1;
const IIF: u32 = 4;
pub(crate) const IIFTYPE: u32 = 8;
pub(crate) const NFPROTO: u32 = 15;
pub(crate) const L4PROTO: u32 = 16;

/// The fields that hostduty knows: their words, place, length in bytes and kind.
pub(crate) const KEYS: &[(&str, Place, u32, Kind)] = &[
    ("ip saddr", Place::Payload(Layer::Network, 12), 4, Kind::Ipv4),
    ("ip daddr", Place::Payload(Layer::Network, 16), 4, Kind::Ipv4),
    ("ip protocol", Place::Payload(Layer::Network, 9), 1, Kind::Protocol),
    ("ip ttl", Place::Payload(Layer::Network, 8), 1, Kind::Number),
    ("ip6 saddr", Place::Payload(Layer::Network, 8), 16, Kind::Ipv6),
    ("ip6 daddr", Place::Payload(Layer::Network, 24), 16, Kind::Ipv6),
    ("ip6 nexthdr", Place::Payload(Layer::Network, 6), 1, Kind::Protocol),
    ("ip6 hoplimit", Place::Payload(Layer::Network, 7), 1, Kind::Number),
    ("th sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("th dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("tcp sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("tcp dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("udp sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("udp dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("udplite sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("udplite dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("sctp sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("sctp dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("dccp sport", Place::Payload(Layer::Transport, 0), 2, Kind::Port),
    ("dccp dport", Place::Payload(Layer::Transport, 2), 2, Kind::Port),
    ("tcp flags", Place::Payload(Layer::Transport, 13), 1, Kind::TcpFlags),
    ("icmp type", Place::Payload(Layer::Transport, 0), 1, Kind::Icmp),
    ("icmp code", Place::Payload(Layer::Transport, 1), 1, Kind::Number),
    ("icmpv6 type", Place::Payload(Layer::Transport, 0), 1, Kind::Icmpv6),
    ("icmpv6 code", Place::Payload(Layer::Transport, 1), 1, Kind::Number),
    ("ether daddr", Place::Payload(Layer::Link, 0), 6, Kind::Mac),
    ("ether saddr", Place::Payload(Layer::Link, 6), 6, Kind::Mac),
    ("ether type", Place::Payload(Layer::Link, 12), 2, Kind::EtherType),
    ("meta length", Place::Meta(0), 4, Kind::Number),
    ("meta protocol", Place::Meta(PROTOCOL), 2, Kind::EtherType),
    ("meta priority", Place::Meta(2), 4, Kind::Number),
    ("meta mark", Place::Meta(3), 4, Kind::Number),
    ("meta iif", Place::Meta(IIF), 4, Kind::Index),
    ("meta oif", Place::Meta(5), 4, Kind::Index),
    ("meta iifname", Place::Meta(6), 16, Kind::Name),
    ("meta oifname", Place::Meta(7), 16, Kind::Name),
    ("meta iiftype", Place::Meta(IIFTYPE), 2, Kind::Number),
    ("meta oiftype", Place::Meta(9), 2, Kind::Number),
    ("meta skuid", Place::Meta(10), 4, Kind::Number),
    ("meta skgid", Place::Meta(11), 4, Kind::Number),
    ("meta nfproto", Place::Meta(NFPROTO), 1, Kind::Nfproto),
    ("meta l4proto", Place::Meta(L4PROTO), 1, Kind::Protocol),
    ("meta pkttype", Place::Meta(19), 1, Kind::PacketType),
    ("meta cpu", Place::Meta(20), 4, Kind::Number),
    ("meta iifgroup", Place::Meta(21), 4, Kind::Number),
    ("meta oifgroup", Place::Meta(22), 4, Kind::Number),
    ("ct state", Place::Ct(0, None), 4, Kind::State),
    ("ct direction", Place::Ct(1, None), 1, Kind::Number),
    ("ct status", Place::Ct(2, None), 4, Kind::Status),
    ("ct mark", Place::Ct(3, None), 4, Kind::Number),
    ("fib daddr type", Place::Fib(3, 2), 4, Kind::AddressType),
    ("fib saddr type", Place::Fib(3, 1), 4, Kind::AddressType),
    ("fib daddr . iif type", Place::Fib(3, 10), 4, Kind::AddressType),
    ("fib saddr . iif oif", Place::Fib(1, 41), 1, Kind::Presence),
    ("fib saddr oif", Place::Fib(1, 33), 1, Kind::Presence),
    ("fib daddr oif", Place::Fib(1, 34), 1, Kind::Presence),
    ("fib saddr . mark . iif oif", Place::Fib(1, 45), 1, Kind::Presence),
    ("socket transparent", Place::Socket(0, 0), 1, Kind::Number),
    ("socket mark", Place::Socket(1, 0), 4, Kind::Number),
    ("socket wildcard", Place::Socket(2, 0), 1, Kind::Number),
];

impl Key {
    pub(crate) fn new(place: Place, bytes: u32) -> Self {
        Self { place, bytes }
    }

    /// The field of which the packet's bytes are the beginning: nft(8) loads no more of an address than its prefix.
    pub(crate) fn whole(self, ipv6: bool) -> Self {
        let prefixed = |entry: &&(&str, Place, u32, Kind)| {
            let address = match entry.3 {
                // Where IPv6 has its first address, IPv4 has the time to live.
                Kind::Ipv6 => ipv6,
                Kind::Ipv4 => !ipv6,
                kind => kind == Kind::Mac,
            };
            entry.1 == self.place && entry.2 > self.bytes && address
        };
        KEYS.iter().find(prefixed).map_or(self, |entry| Self::new(self.place, entry.2))
    }

    /// The words and the kind of values. Ports of several protocols lie in the same place and have the words of the
    /// first, so that both sides of a comparison say the same.
    pub(crate) fn known(self) -> Option<(&'static str, Kind)> {
        let found =
            |entry: &&(&'static str, Place, u32, Kind)| entry.1 == self.place && entry.2 == self.bytes;
        KEYS.iter().find(found).map(|entry| (entry.0, entry.3))
    }

    /// Whether the kernel keeps it in the processor's byte order.
    pub(crate) fn is_native(self) -> bool {
        self.bytes > 1
            && match self.place {
                Place::Payload(..) | Place::Meta(PROTOCOL) => false,
                _ => !matches!(self.known(), Some((_, Kind::Name))),
            }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((words, _)) = self.known() {
            return f.write_str(words);
        }
        match self.place {
            Place::Payload(layer, offset) => {
                let layer = format!("{layer:?}").to_lowercase();
                write!(f, "@{layer},{},{}", u64::from(offset) * 8, u64::from(self.bytes) * 8)
            }
            Place::Meta(key) => write!(f, "meta {key}"),
            Place::Ct(key, direction) => write!(f, "ct {key} {direction:?}"),
            Place::Fib(result, flags) => write!(f, "fib {flags} {result}"),
            Place::Socket(key, level) => write!(f, "socket {key} {level}"),
        }
    }
}
