//! The names of what a rule can look at besides headers: properties of the packet, what connection tracking knows.

use super::kinds::{self, Kind, Order};
use super::registers::Key;
use crate::facts::ruleset::nftables::Family;

/// NFT_META_*
pub(super) fn meta(key: u32) -> Key {
    use Order::{Host, Network};
    let (name, kind, order, size) = match key {
        0 => ("meta length", Kind::Number, Host, 4),
        1 => ("meta protocol", kinds::ETHERTYPES, Network, 2),
        2 => ("meta priority", Kind::Priority, Host, 4),
        3 => ("meta mark", Kind::Mark, Host, 4),
        4 => ("iif", Kind::Index, Host, 4),
        5 => ("oif", Kind::Index, Host, 4),
        6 => ("iifname", Kind::Name, Host, 16),
        7 => ("oifname", Kind::Name, Host, 16),
        8 => ("meta iiftype", Kind::Number, Host, 2),
        9 => ("meta oiftype", Kind::Number, Host, 2),
        10 => ("meta skuid", Kind::Number, Host, 4),
        11 => ("meta skgid", Kind::Number, Host, 4),
        12 => ("meta nftrace", Kind::Number, Host, 1),
        13 => ("meta rtclassid", Kind::Number, Host, 4),
        14 => ("meta secmark", Kind::Number, Host, 4),
        15 => ("meta nfproto", kinds::NFPROTO, Host, 1),
        16 => ("meta l4proto", kinds::PROTOCOLS, Network, 1),
        17 => ("meta ibrname", Kind::Name, Host, 16),
        18 => ("meta obrname", Kind::Name, Host, 16),
        19 => ("meta pkttype", kinds::PACKET_TYPES, Host, 1),
        20 => ("meta cpu", Kind::Number, Host, 4),
        21 => ("iifgroup", Kind::Number, Host, 4),
        22 => ("oifgroup", Kind::Number, Host, 4),
        23 => ("meta cgroup", Kind::Number, Host, 4),
        24 => ("meta random", Kind::Number, Network, 4),
        25 => ("meta ipsec", Kind::Exists, Host, 1),
        26 => ("meta iifkind", Kind::Name, Host, 16),
        27 => ("meta oifkind", Kind::Name, Host, 16),
        28 => ("meta ibrpvid", Kind::Number, Host, 2),
        29 => ("meta ibrvproto", kinds::ETHERTYPES, Network, 2),
        30 => ("meta time", Kind::Number, Host, 8),
        31 => ("meta day", kinds::DAYS, Host, 1),
        32 => ("meta hour", Kind::Hour, Host, 4),
        33 => ("meta sdif", Kind::Index, Host, 4),
        34 => ("meta sdifname", Kind::Name, Host, 16),
        other => return Key::new(format!("[meta {other}]"), Kind::Raw, Host, 4),
    };
    Key::new(name, kind, order, size)
}

/// NFT_CT_*
pub(super) fn ct(key: u32, direction: Option<u8>, family: Family) -> Key {
    use Order::{Host, Network};
    let (name, kind, order, size) = match key {
        0 => ("state", kinds::CT_STATES, Host, 4),
        1 => ("direction", kinds::CT_DIRECTIONS, Host, 1),
        2 => ("status", kinds::CT_STATUS, Host, 4),
        3 => ("mark", Kind::Mark, Host, 4),
        4 => ("secmark", Kind::Number, Host, 4),
        5 => ("expiration", Kind::Time, Host, 4),
        6 => ("helper", Kind::Name, Host, 16),
        7 => ("l3proto", kinds::NFPROTO, Host, 1),
        // Without a family of their own these have the family of the table.
        8 if family == Family::Ip => ("saddr", Kind::Ipv4, Network, 4),
        9 if family == Family::Ip => ("daddr", Kind::Ipv4, Network, 4),
        8 if family == Family::Ip6 => ("saddr", Kind::Ipv6, Network, 16),
        9 if family == Family::Ip6 => ("daddr", Kind::Ipv6, Network, 16),
        8 => ("saddr", Kind::Raw, Network, 16),
        9 => ("daddr", Kind::Raw, Network, 16),
        10 => ("protocol", kinds::PROTOCOLS, Network, 1),
        11 => ("proto-src", Kind::Number, Network, 2),
        12 => ("proto-dst", Kind::Number, Network, 2),
        13 => ("label", Kind::Raw, Host, 16),
        14 => ("packets", Kind::Number, Host, 8),
        15 => ("bytes", Kind::Number, Host, 8),
        16 => ("avgpkt", Kind::Number, Host, 8),
        17 => ("zone", Kind::Number, Host, 2),
        18 => ("event", Kind::Number, Host, 4),
        19 => ("ip saddr", Kind::Ipv4, Network, 4),
        20 => ("ip daddr", Kind::Ipv4, Network, 4),
        21 => ("ip6 saddr", Kind::Ipv6, Network, 16),
        22 => ("ip6 daddr", Kind::Ipv6, Network, 16),
        23 => ("id", Kind::Number, Network, 4),
        other => return Key::new(format!("[ct {other}]"), Kind::Raw, Host, 4),
    };
    let name = match direction {
        Some(0) => format!("ct original {name}"),
        Some(1) => format!("ct reply {name}"),
        _ => format!("ct {name}"),
    };
    Key::new(name, kind, order, size)
}

/// `enum nft_fib_result` and `enum nft_fib_flags`
pub(super) fn fib(result: u32, flags: u32) -> Key {
    let names = [(1, "saddr"), (2, "daddr"), (4, "mark"), (8, "iif"), (16, "oif")];
    let asked = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    let asked = asked.collect::<Vec<_>>().join(" . ");
    let exists = flags & 32 != 0;
    let (word, kind, size) = match result {
        1 if exists => ("oif", Kind::Exists, 1),
        1 => ("oif", Kind::Index, 4),
        2 if exists => ("oifname", Kind::Exists, 1),
        2 => ("oifname", Kind::Name, 16),
        _ => ("type", kinds::ADDRESS_TYPES, 4),
    };
    Key::new(format!("fib {asked} {word}"), kind, Order::Host, size)
}

/// `enum nft_socket_keys`
pub(super) fn socket(key: u32, level: u32) -> Key {
    match key {
        0 => Key::new("socket transparent", Kind::Boolean, Order::Host, 1),
        1 => Key::new("socket mark", Kind::Mark, Order::Host, 4),
        2 => Key::new("socket wildcard", Kind::Boolean, Order::Host, 1),
        _ => Key::new(format!("socket cgroupv2 level {level}"), Kind::Number, Order::Host, 8),
    }
}

/// Extension headers of IPv6 and options of IPv4 and TCP.
pub(super) fn exthdr(operation: u32, kind: u8, offset: u32, length: u32, present: bool) -> Key {
    let option = match (operation, kind) {
        (0, 0) => "hbh",
        (0, 43) => "rt",
        (0, 44) => "frag",
        (0, 60) => "dst",
        (0, 135) => "mh",
        (1, 0) => "tcp option eol",
        (1, 1) => "tcp option nop",
        (1, 2) => "tcp option maxseg",
        (1, 3) => "tcp option window",
        (1, 4) => "tcp option sack-perm",
        (1, 5) => "tcp option sack",
        (1, 8) => "tcp option timestamp",
        (1, 30) => "tcp option mptcp",
        (2, 7) => "ip option rr",
        (2, 131) => "ip option lsrr",
        (2, 137) => "ip option ssrr",
        (2, 148) => "ip option ra",
        _ => "",
    };
    let option = match (option, operation) {
        ("", 0) => format!("exthdr {kind}"),
        ("", 1) => format!("tcp option {kind}"),
        ("", 2) => format!("ip option {kind}"),
        ("", 3) => format!("sctp chunk {kind}"),
        ("", _) => format!("dccp option {kind}"),
        (name, _) => name.to_owned(),
    };
    if present {
        let exthdr = if operation == 0 && !option.starts_with("exthdr") { "exthdr " } else { "" };
        return Key::new(format!("{exthdr}{option}"), Kind::Exists, Order::Host, 1);
    }
    let field = match (operation, kind, offset, length) {
        (0, 0 | 43 | 44 | 60 | 135, 0, 1) => "nexthdr".to_owned(),
        (0, 0 | 43 | 60 | 135, 1, 1) => "hdrlength".to_owned(),
        (0, 43, 2, 1) => "type".to_owned(),
        (0, 43, 3, 1) => "seg-left".to_owned(),
        (0, 44, 4, 4) => "id".to_owned(),
        (1, 2, 2, 2) => "size".to_owned(),
        (1, 3, 2, 1) => "count".to_owned(),
        (1, 8, 2, 4) => "tsval".to_owned(),
        (1, 8, 6, 4) => "tsecr".to_owned(),
        (1, _, 0, 1) => "kind".to_owned(),
        (1, _, 1, 1) => "length".to_owned(),
        _ => format!("@{},{}", u64::from(offset) * 8, u64::from(length) * 8),
    };
    let field_kind = if field == "nexthdr" { kinds::PROTOCOLS } else { Kind::Number };
    Key::new(format!("{option} {field}"), field_kind, Order::Network, length.min(64) as usize)
}

/// `enum nft_ng_types`
pub(super) fn numgen(modulus: u32, offset: u32, kind: u32) -> Key {
    let how = if kind == 0 { "inc" } else { "random" };
    let offset = if offset == 0 { String::new() } else { format!(" offset {offset}") };
    Key::new(format!("numgen {how} mod {modulus}{offset}"), Kind::Number, Order::Host, 4)
}

/// A property that is known by name only.
pub(super) fn loaded(name: &str) -> Key {
    let (kind, order) = match name {
        "rt ip nexthop" => (Kind::Ipv4, Order::Network),
        "rt ip6 nexthop" => (Kind::Ipv6, Order::Network),
        "rt mtu" | "rt classid" | "tunnel id" => (Kind::Number, Order::Host),
        "rt ipsec" => (Kind::Exists, Order::Host),
        "osf name" => (Kind::Name, Order::Host),
        // Nobody would recognise the bytes that these are compared with.
        _ => return unnamed(name),
    };
    let size = match kind {
        Kind::Ipv6 | Kind::Name => 16,
        Kind::Exists => 1,
        _ => 4,
    };
    Key::new(name, kind, order, size)
}

/// A number that is computed.
pub(super) fn hash() -> Key {
    Key::new("[hash]", Kind::Number, Order::Host, 4)
}

/// What is not understood.
pub(super) fn unnamed(name: &str) -> Key {
    Key::new(format!("[{name}]"), Kind::Raw, Order::Network, 4)
}
