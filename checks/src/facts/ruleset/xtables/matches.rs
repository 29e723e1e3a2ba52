//! The structures of matches: linux/netfilter/xt_*.h, netfilter_ipv4/ipt_*.h and netfilter_ipv6/ip6t_*.h.

use super::structure::Structure;
use super::{
    HopCount, Icmp, MarkMatch, Match, Number, Physdev, Ports, Recent, RecentAction, RoutingHeader, SetKey,
    SetMatch, Side, Span, TcpFlags, conntrack, rate,
};
use crate::facts::ruleset::IpFamily;

/// `None` for a name, a revision or a content that is not understood.
pub(super) fn decode(name: &str, revision: u32, info: &Structure<'_>) -> Option<Match> {
    Some(match (name, revision) {
        ("tcp", 0) => tcp(info)?,
        ("udp", 0) => {
            let [source, destination] = ports(info, info.byte(8)?)?;
            Match::Udp { source, destination }
        }
        ("icmp", 0) => Match::Icmp(icmp(info)?),
        ("icmp6", 0) => Match::Icmp6(icmp(info)?),
        ("multiport", 1) => multiport(info)?,
        ("conntrack", 1..=3) => Match::Conntrack(Box::new(conntrack::decode(revision, info)?)),
        ("state", 0) => Match::State { states: info.number(0)? },
        ("addrtype", 0..=1) => addrtype(revision, info)?,
        ("set", 1..=4) => Match::Set(set(revision, info)?),
        ("comment", 0) => Match::Comment(info.text(0, 256)?),
        ("limit", 0) => Match::Limit { interval: info.number(0)?, burst: info.number(4)? },
        ("hashlimit", 1..=3) => Match::Hashlimit(Box::new(rate::decode(revision, info)?)),
        ("recent", 0..=1) => Match::Recent(recent(revision, info)?),
        ("iprange", 1) => {
            let flags = info.byte(64)?;
            let range = |given, at, invert: u8| {
                if flags & given != 0 {
                    Some(Some(info.range(at, at + 16, flags & invert != 0)?))
                } else {
                    Some(None)
                }
            };
            Match::Iprange { source: range(1, 0, 0x10)?, destination: range(2, 32, 0x20)? }
        }
        ("mac", 0) => Match::Mac { address: info.bytes(0)?, invert: info.number(8)? != 0 },
        ("mark", 1) => Match::Mark(mark(info)?),
        ("connmark", 1) => Match::Connmark(mark(info)?),
        ("owner", 1) => owner(info)?,
        ("pkttype", 0) => Match::Pkttype { kind: info.number(0)?, invert: info.number(4)? != 0 },
        ("physdev", 0) => Match::Physdev(physdev(info)?),
        ("length", 0) => {
            Match::Length { first: info.short(0)?, last: info.short(2)?, invert: info.byte(4)? != 0 }
        }
        ("ttl", 0) => Match::Ttl(hops(info)?),
        ("hl", 0) => Match::Hl(hops(info)?),
        ("dscp", 0) => Match::Dscp { value: info.byte(0)?, invert: info.byte(1)? != 0 },
        ("tos", 1) => Match::Tos { mask: info.byte(0)?, value: info.byte(1)?, invert: info.byte(2)? != 0 },
        ("statistic", 0) => statistic(info)?,
        ("connlimit", 1) => connlimit(info)?,
        ("socket", 0..=3) => {
            let flags = if revision == 0 { 0 } else { info.byte(0)? };
            (flags & !7 == 0).then_some(())?;
            Match::Socket {
                transparent: flags & 1 != 0,
                no_wildcard: flags & 2 != 0,
                restore_mark: flags & 4 != 0,
            }
        }
        ("rpfilter", 0) => {
            let flags = info.byte(0)?;
            (flags & !15 == 0).then_some(())?;
            Match::Rpfilter {
                loose: flags & 1 != 0,
                valid_mark: flags & 2 != 0,
                accept_local: flags & 4 != 0,
                invert: flags & 8 != 0,
            }
        }
        ("devgroup", 0) => devgroup(info)?,
        ("rt", 0) => Match::Rt(routing_header(info)?),
        ("quota", 0) => Match::Quota { bytes: info.long(8)?, invert: info.number(0)? & 1 != 0 },
        ("cpu", 0) => Match::Cpu { cpu: info.number(0)?, invert: info.number(4)? != 0 },
        ("helper", 0) => Match::Helper { name: info.text(4, 30)?, invert: info.number(0)? != 0 },
        ("policy", 0) => policy(info)?,
        _ => return None,
    })
}

/// `spts` and `dpts` of `struct xt_tcp` and `struct xt_udp`
fn ports(info: &Structure<'_>, inverted: u8) -> Option<[Ports; 2]> {
    let of = |at, bit: u8| {
        Some(Ports { first: info.short(at)?, last: info.short(at + 2)?, invert: inverted & bit != 0 })
    };
    Some([of(0, 1)?, of(4, 2)?])
}

fn tcp(info: &Structure<'_>) -> Option<Match> {
    let inverted = info.byte(11)?;
    let [source, destination] = ports(info, inverted)?;
    let (option, mask, set) = (info.byte(8)?, info.byte(9)?, info.byte(10)?);
    let flags = TcpFlags { mask, set, invert: inverted & 4 != 0 };
    // Inverted, flags that are not given still decide: nothing masked equals nothing, so the rule holds for no packet.
    let asks = mask != 0 || set != 0 || flags.invert;
    Some(Match::Tcp {
        source,
        destination,
        flags: asks.then_some(flags),
        option: (option != 0).then_some(Number { value: option.into(), invert: inverted & 8 != 0 }),
    })
}

/// `struct ipt_icmp`
fn icmp(info: &Structure<'_>) -> Option<Icmp> {
    let [kind, first, last, flags] = info.bytes(0)?;
    Some(Icmp { kind, codes: (first, last), invert: flags & 1 != 0 })
}

/// `struct xt_multiport_v1`
fn multiport(info: &Structure<'_>) -> Option<Match> {
    let side = match info.byte(0)? {
        0 => Side::Source,
        1 => Side::Destination,
        2 => Side::Either,
        _ => return None,
    };
    let count = usize::from(info.byte(1)?);
    if count > 15 {
        return None;
    }
    let mut ports = Vec::new();
    let mut at = 0;
    while at < count {
        let first = info.short(2 + at * 2)?;
        // A flag says that the next number ends a range.
        let last = if info.byte(32 + at)? == 0 {
            first
        } else {
            at += 1;
            (at < count).then(|| info.short(2 + at * 2))??
        };
        ports.push((first, last));
        at += 1;
    }
    Some(Match::Multiport { side, ports, invert: info.byte(47)? != 0 })
}

fn addrtype(revision: u32, info: &Structure<'_>) -> Option<Match> {
    let (invert_source, invert_destination, limits) = match revision {
        0 => (info.number(4)? != 0, info.number(8)? != 0, 0),
        _ => {
            let flags = info.number(4)?;
            (flags & 1 != 0, flags & 2 != 0, flags)
        }
    };
    Some(Match::Addrtype {
        source: info.short(0)?,
        invert_source,
        destination: info.short(2)?,
        invert_destination,
        limit_in: limits & 4 != 0,
        limit_out: limits & 8 != 0,
    })
}

/// `struct xt_set_info`
pub(super) fn set_key(info: &Structure<'_>, at: usize) -> Option<SetKey> {
    let (dimensions, flags) = (info.byte(at + 2)?, info.byte(at + 3)?);
    if dimensions > 6 {
        return None;
    }
    let source = (1..=dimensions).map(|dimension| flags >> dimension & 1 != 0).collect();
    Some(SetKey { index: info.short(at)?, name: None, source })
}

fn set(revision: u32, info: &Structure<'_>) -> Option<SetMatch> {
    let basic = info.byte(3)?;
    let mut found = SetMatch {
        set: set_key(info, 0)?,
        invert: basic & 1 != 0,
        return_nomatch: basic & 0x80 != 0,
        skip: 0,
        packets: None,
        bytes: None,
    };
    if revision >= 3 {
        // `struct ip_set_counter_match0` is aligned as the processor aligns 64-bit numbers, its successor by eight.
        let (unit, first) = match revision {
            3 => (align_of::<u64>(), align_of::<u64>().max(4)),
            _ => (8, 8),
        };
        let counter = |at: usize| match revision {
            3 => Some((info.byte(at)?, info.long(at + unit)?)),
            _ => Some((info.byte(at + 8)?, info.long(at)?)),
        };
        let size = 8 + unit;
        let given = |counter: (u8, u64)| (counter.0 != 0).then_some(counter);
        found.packets = given(counter(first)?);
        found.bytes = given(counter(first + size)?);
        let flags = info.number(first + size * 2)?;
        // IPSET_FLAG_SKIP_COUNTER_UPDATE, _SKIP_SUBCOUNTER_UPDATE, _MATCH_COUNTERS, _RETURN_NOMATCH
        if flags & !0xb8 != 0 {
            return None;
        }
        found.skip = flags & 0x18;
        found.return_nomatch |= flags & 0x80 != 0;
    }
    Some(found)
}

fn recent(revision: u32, info: &Structure<'_>) -> Option<Recent> {
    let flags = info.byte(8)?;
    let action = match flags & 0x0f {
        1 => RecentAction::Check,
        2 => RecentAction::Set,
        4 => RecentAction::Update,
        8 => RecentAction::Remove,
        _ => return None,
    };
    (flags & !0x3f == 0).then_some(())?;
    Some(Recent {
        name: info.text(10, 200)?,
        action,
        destination: info.byte(210)? == 1,
        invert: info.byte(9)? != 0,
        seconds: info.number(0)?,
        hits: info.number(4)?,
        same_ttl: flags & 0x10 != 0,
        reap: flags & 0x20 != 0,
        mask: if revision == 0 { None } else { Some(info.address(212)?) },
    })
}

/// `struct xt_mark_mtinfo1`, `struct xt_connmark_mtinfo1`
fn mark(info: &Structure<'_>) -> Option<MarkMatch> {
    Some(MarkMatch { value: info.number(0)?, mask: info.number(4)?, invert: info.byte(8)? != 0 })
}

fn owner(info: &Structure<'_>) -> Option<Match> {
    let (asked, inverted) = (info.byte(16)?, info.byte(17)?);
    (asked & !15 == 0).then_some(())?;
    let span = |at, bit: u8| {
        let (first, last) = (info.number(at)?, info.number(at + 4)?);
        Some((asked & bit != 0).then_some(Span { first, last, invert: inverted & bit != 0 }))
    };
    Some(Match::Owner {
        users: span(0, 1)?,
        groups: span(8, 2)?,
        socket: (asked & 4 != 0).then_some(inverted & 4 != 0),
        supplementary: asked & 8 != 0,
    })
}

fn physdev(info: &Structure<'_>) -> Option<Physdev> {
    let (inverted, asked) = (info.byte(64)?, info.byte(65)?);
    (asked & !0x1f == 0).then_some(())?;
    let flag = |bit: u8| (asked & bit != 0).then_some(inverted & bit != 0);
    let port = |at, bit: u8| match flag(bit) {
        None => Some(None),
        Some(invert) => info.interface(at, at + 16, invert),
    };
    Some(Physdev {
        input: port(0, 1)?,
        output: port(32, 2)?,
        is_bridged: flag(4),
        is_in: flag(8),
        is_out: flag(16),
    })
}

/// `struct ipt_ttl_info`, `struct ip6t_hl_info`
fn hops(info: &Structure<'_>) -> Option<HopCount> {
    let mode = info.byte(0)?;
    (mode <= 3).then_some(HopCount { mode, value: info.byte(1)? })
}

fn statistic(info: &Structure<'_>) -> Option<Match> {
    let invert = info.short(2)? & 1 != 0;
    match info.short(0)? {
        0 => Some(Match::Statistic { probability: Some(info.number(4)?), every: 0, packet: 0, invert }),
        1 => Some(Match::Statistic {
            probability: None,
            every: info.number(4)?,
            packet: info.number(8)?,
            invert,
        }),
        _ => None,
    }
}

fn connlimit(info: &Structure<'_>) -> Option<Match> {
    let ones: u32 = match info.family()? {
        IpFamily::V4 => info.bytes::<4>(0)?.iter().map(|byte| byte.count_ones()).sum(),
        IpFamily::V6 => info.bytes::<16>(0)?.iter().map(|byte| byte.count_ones()).sum(),
    };
    let flags = info.number(20)?;
    (flags & !3 == 0).then_some(())?;
    Some(Match::Connlimit {
        limit: info.number(16)?,
        prefix: u8::try_from(ones).ok()?,
        up_to: flags & 1 != 0,
        destination: flags & 2 != 0,
    })
}

fn devgroup(info: &Structure<'_>) -> Option<Match> {
    let flags = info.number(0)?;
    (flags & !15 == 0).then_some(())?;
    let group = |at, given: u32, inverted: u32| {
        let (value, mask) = (info.number(at)?, info.number(at + 4)?);
        Some((flags & given != 0).then_some(MarkMatch { value, mask, invert: flags & inverted != 0 }))
    };
    Some(Match::Devgroup { source: group(4, 1, 2)?, destination: group(12, 4, 8)? })
}

/// `struct ip6t_rt`
fn routing_header(info: &Structure<'_>) -> Option<RoutingHeader> {
    let (flags, inverted) = (info.byte(16)?, info.byte(17)?);
    let span = |first, last, bit: u8| {
        let (first, last) = (info.number(first)?, info.number(last)?);
        Some((flags & bit != 0).then_some(Span { first, last, invert: inverted & bit != 0 }))
    };
    Some(RoutingHeader {
        kind: span(0, 0, 1)?,
        segments: span(4, 8, 2)?,
        length: span(12, 12, 4)?,
        more: flags & !7,
    })
}

/// `struct xt_policy_info`: four elements of 76 bytes. Without a description the first one asks nothing.
fn policy(info: &Structure<'_>) -> Option<Match> {
    let (flags, elements) = (info.short(304)?, info.short(306)?);
    let asked = info.byte(74)?;
    (elements <= 1 && asked == 0 && flags & !15 == 0).then_some(())?;
    Some(Match::Policy { outbound: flags & 2 != 0, none: flags & 4 != 0, strict: flags & 8 != 0 })
}
