//! How the values of a key are written: as addresses, ports, names, flags or numbers.

/// How values of a key are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ipv4,
    Ipv6,
    Ethernet,
    /// A decimal number.
    Number,
    /// A hexadecimal number of so many digits as its size asks for.
    Mark,
    /// Whether something exists.
    Exists,
    /// 0 or 1.
    Boolean,
    /// The name of an interface, in quotation marks.
    Name,
    /// The index of an interface.
    Index,
    /// The class of a packet scheduler.
    Priority,
    /// Milliseconds.
    Time,
    /// Hours and minutes.
    Hour,
    /// Bits with names.
    Flags(&'static [(u32, &'static str)]),
    /// Numbers with names.
    Names(&'static [(u32, &'static str)]),
    /// Hexadecimal bytes.
    Raw,
}

/// In which order a register holds the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Network,
    Host,
}

pub(super) const PROTOCOLS: Kind = Kind::Names(&[
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipencap"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (89, "ospf"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (132, "sctp"),
    (136, "udplite"),
]);

pub(super) const ETHERTYPES: Kind =
    Kind::Names(&[(0x0800, "ip"), (0x0806, "arp"), (0x86dd, "ip6"), (0x8100, "vlan"), (0x88a8, "8021ad")]);

pub(super) const NFPROTO: Kind = Kind::Names(&[(2, "ipv4"), (10, "ipv6")]);

pub(super) const PACKET_TYPES: Kind =
    Kind::Names(&[(0, "host"), (1, "broadcast"), (2, "multicast"), (3, "other")]);

pub(super) const ADDRESS_TYPES: Kind = Kind::Names(&[
    (0, "unspec"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
]);

pub(super) const ICMP_TYPES: Kind = Kind::Names(&[
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (4, "source-quench"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
    (15, "info-request"),
    (16, "info-reply"),
    (17, "address-mask-request"),
    (18, "address-mask-reply"),
]);

pub(super) const ICMP_CODES: Kind = Kind::Names(&[
    (0, "net-unreachable"),
    (1, "host-unreachable"),
    (2, "prot-unreachable"),
    (3, "port-unreachable"),
    (9, "net-prohibited"),
    (10, "host-prohibited"),
    (13, "admin-prohibited"),
]);

pub(super) const ICMPV6_CODES: Kind = Kind::Names(&[
    (0, "no-route"),
    (1, "admin-prohibited"),
    (3, "addr-unreachable"),
    (4, "port-unreachable"),
    (5, "policy-fail"),
    (6, "reject-route"),
]);

/// NFT_REJECT_ICMPX_*
pub(super) const ICMPX_CODES: Kind = Kind::Names(&[
    (0, "no-route"),
    (1, "port-unreachable"),
    (2, "host-unreachable"),
    (3, "admin-prohibited"),
]);

pub(super) const ICMPV6_TYPES: Kind = Kind::Names(&[
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-listener-query"),
    (131, "mld-listener-report"),
    (132, "mld-listener-done"),
    (133, "nd-router-solicit"),
    (134, "nd-router-advert"),
    (135, "nd-neighbor-solicit"),
    (136, "nd-neighbor-advert"),
    (137, "nd-redirect"),
    (138, "router-renumbering"),
    (141, "ind-neighbor-solicit"),
    (142, "ind-neighbor-advert"),
    (143, "mld2-listener-report"),
]);

pub(super) const IGMP_TYPES: Kind = Kind::Names(&[
    (0x11, "membership-query"),
    (0x12, "membership-report-v1"),
    (0x16, "membership-report-v2"),
    (0x17, "leave-group"),
    (0x22, "membership-report-v3"),
]);

pub(super) const ARP_OPERATIONS: Kind = Kind::Names(&[(1, "request"), (2, "reply")]);

pub(super) const DSCP: Kind = Kind::Names(&[
    (0, "cs0"),
    (8, "cs1"),
    (10, "af11"),
    (12, "af12"),
    (14, "af13"),
    (16, "cs2"),
    (18, "af21"),
    (20, "af22"),
    (22, "af23"),
    (24, "cs3"),
    (26, "af31"),
    (28, "af32"),
    (30, "af33"),
    (32, "cs4"),
    (34, "af41"),
    (36, "af42"),
    (38, "af43"),
    (40, "cs5"),
    (46, "ef"),
    (48, "cs6"),
    (56, "cs7"),
]);

pub(super) const ECN: Kind = Kind::Names(&[(0, "not-ect"), (1, "ect1"), (2, "ect0"), (3, "ce")]);

pub(super) const TCP_FLAGS: Kind = Kind::Flags(&[
    (0x01, "fin"),
    (0x02, "syn"),
    (0x04, "rst"),
    (0x08, "psh"),
    (0x10, "ack"),
    (0x20, "urg"),
    (0x40, "ecn"),
    (0x80, "cwr"),
]);

pub(super) const CT_STATES: Kind =
    Kind::Flags(&[(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")]);

pub(super) const CT_STATUS: Kind = Kind::Flags(&[
    (0x01, "expected"),
    (0x02, "seen-reply"),
    (0x04, "assured"),
    (0x08, "confirmed"),
    (0x10, "snat"),
    (0x20, "dnat"),
    (0x200, "dying"),
]);

pub(super) const CT_DIRECTIONS: Kind = Kind::Names(&[(0, "original"), (1, "reply")]);

pub(super) const DAYS: Kind = Kind::Names(&[
    (0, "\"Sunday\""),
    (1, "\"Monday\""),
    (2, "\"Tuesday\""),
    (3, "\"Wednesday\""),
    (4, "\"Thursday\""),
    (5, "\"Friday\""),
    (6, "\"Saturday\""),
]);

/// How the data of a map are written, by nft's number of their type (`enum datatypes` of its own sources): several of six
/// bits each for a concatenation, the first in the highest.
pub(super) fn of_type(number: u32) -> Vec<(Kind, Order)> {
    let parts = (0..5).rev().map(|at| number >> (at * 6) & 0x3f);
    parts.skip_while(|part| *part == 0).map(one_type).collect()
}

fn one_type(number: u32) -> (Kind, Order) {
    use Order::{Host, Network};
    match number {
        2 => (NFPROTO, Host),
        7 => (Kind::Ipv4, Network),
        8 => (Kind::Ipv6, Network),
        9 => (Kind::Ethernet, Network),
        10 => (ETHERTYPES, Network),
        12 => (PROTOCOLS, Network),
        13 => (Kind::Number, Network),
        14 => (ICMP_TYPES, Network),
        15 => (TCP_FLAGS, Network),
        19 => (Kind::Mark, Host),
        20 => (Kind::Index, Host),
        22..=25 => (Kind::Number, Host),
        26 => (CT_STATES, Host),
        27 => (CT_DIRECTIONS, Host),
        28 => (CT_STATUS, Host),
        29 => (ICMPV6_TYPES, Network),
        31 => (PACKET_TYPES, Host),
        36 => (DSCP, Network),
        39 => (Kind::Boolean, Host),
        41 => (Kind::Name, Host),
        _ => (Kind::Raw, Network),
    }
}
