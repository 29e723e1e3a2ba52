//! Matches in the words of iptables-save(8).

use std::fmt::{Display, Formatter, Result};

use super::words::{List, Quoted, bits, length, not};
use super::{
    AddressRange, Conntrack, HopCount, Icmp, MarkMatch, Masked, Match, Physdev, Ports, Recent, RecentAction,
    RoutingHeader, SetKey, SetMatch, Side, Span, TcpFlags, conntrack_flag, rate,
};

/// `-m tcp --dport 22`
impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "-m {}", self.name())?;
        match self {
            Self::Tcp { source, destination, flags, option } => {
                ports(f, "--sport", source)?;
                ports(f, "--dport", destination)?;
                if let Some(option) = option {
                    write!(f, "{} --tcp-option {}", not(option.invert), option.value)?;
                }
                match flags {
                    Some(flags) => tcp_flags(f, flags),
                    None => Ok(()),
                }
            }
            Self::Udp { source, destination } => {
                ports(f, "--sport", source)?;
                ports(f, "--dport", destination)
            }
            Self::Icmp(Icmp { kind: 255, invert, .. }) => write!(f, "{} --icmp-type any", not(*invert)),
            Self::Icmp(kind) => icmp(f, "--icmp-type", kind),
            Self::Icmp6(kind) => icmp(f, "--icmpv6-type", kind),
            Self::Multiport { side, ports, invert } => {
                let option = match side {
                    Side::Source => "--sports",
                    Side::Destination => "--dports",
                    Side::Either => "--ports",
                };
                write!(f, "{} {option} ", not(*invert))?;
                let list: Vec<String> = ports.iter().map(|range| pair(range, ':')).collect();
                f.write_str(&list.join(","))
            }
            Self::Conntrack(asked) => conntrack(f, asked),
            Self::State { states } => write!(f, " --state {}", bits(*states, &STATE_NAMES)),
            Self::Addrtype {
                source,
                invert_source,
                destination,
                invert_destination,
                limit_in,
                limit_out,
            } => {
                if *source != 0 {
                    write!(f, "{} --src-type {}", not(*invert_source), kinds(*source))?;
                }
                if *destination != 0 {
                    write!(f, "{} --dst-type {}", not(*invert_destination), kinds(*destination))?;
                }
                flag(f, *limit_in, "--limit-iface-in")?;
                flag(f, *limit_out, "--limit-iface-out")
            }
            Self::Set(asked) => set(f, asked),
            Self::Comment(text) => write!(f, " --comment {}", Quoted(text)),
            Self::Limit { interval, burst } => {
                write!(f, " --limit {}", rate::Between { period: (*interval).into(), second: 10_000 })?;
                if *burst == 5 { Ok(()) } else { write!(f, " --limit-burst {burst}") }
            }
            Self::Hashlimit(asked) => write!(f, "{asked}"),
            Self::Recent(asked) => recent(f, asked),
            Self::Iprange { source, destination } => {
                range(f, "--src-range", source.as_ref())?;
                range(f, "--dst-range", destination.as_ref())
            }
            Self::Mac { address, invert } => {
                let [a, b, c, d, e, g] = address;
                write!(f, "{} --mac-source {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}", not(*invert))
            }
            Self::Mark(asked) | Self::Connmark(asked) => mark(f, "--mark", asked),
            Self::Owner { users, groups, socket, supplementary } => {
                inverted(f, *socket, "--socket-exists")?;
                span(f, "--uid-owner", users.as_ref(), '-')?;
                span(f, "--gid-owner", groups.as_ref(), '-')?;
                flag(f, *supplementary, "--suppl-groups")
            }
            Self::Pkttype { kind, invert } => {
                write!(f, "{} --pkt-type ", not(*invert))?;
                match kind {
                    0 => f.write_str("unicast"),
                    1 => f.write_str("broadcast"),
                    2 => f.write_str("multicast"),
                    other => write!(f, "{other}"),
                }
            }
            Self::Physdev(asked) => physdev(f, asked),
            Self::Length { first, last, invert } => {
                write!(f, "{} --length {}", not(*invert), pair(&(*first, *last), ':'))
            }
            Self::Ttl(asked) => hops(f, "ttl", asked),
            Self::Hl(asked) => hops(f, "hl", asked),
            Self::Dscp { value, invert } => write!(f, "{} --dscp {value:#04x}", not(*invert)),
            Self::Tos { value, mask, invert } => {
                write!(f, "{} --tos {value:#04x}/{mask:#04x}", not(*invert))
            }
            Self::Statistic { probability: Some(probability), invert, .. } => {
                let part = f64::from(*probability) / 2_147_483_648.0;
                write!(f, " --mode random{} --probability {part:.11}", not(*invert))
            }
            Self::Statistic { every, packet, invert, .. } => {
                let every = every.saturating_add(1);
                write!(f, " --mode nth{} --every {every} --packet {packet}", not(*invert))
            }
            Self::Connlimit { limit, prefix, destination, up_to } => {
                let option = if *up_to { "--connlimit-upto" } else { "--connlimit-above" };
                let side = if *destination { "--connlimit-daddr" } else { "--connlimit-saddr" };
                write!(f, " {option} {limit} --connlimit-mask {prefix} {side}")
            }
            Self::Socket { transparent, no_wildcard, restore_mark } => {
                flag(f, *transparent, "--transparent")?;
                flag(f, *no_wildcard, "--nowildcard")?;
                flag(f, *restore_mark, "--restore-skmark")
            }
            Self::Rpfilter { loose, valid_mark, accept_local, invert } => {
                flag(f, *loose, "--loose")?;
                flag(f, *valid_mark, "--validmark")?;
                flag(f, *accept_local, "--accept-local")?;
                flag(f, *invert, "--invert")
            }
            Self::Devgroup { source, destination } => {
                source.iter().try_for_each(|group| mark(f, "--src-group", group))?;
                destination.iter().try_for_each(|group| mark(f, "--dst-group", group))
            }
            Self::Rt(asked) => routing_header(f, asked),
            Self::Quota { bytes, invert } => write!(f, "{} --quota {bytes}", not(*invert)),
            Self::Cpu { cpu, invert } => write!(f, "{} --cpu {cpu}", not(*invert)),
            Self::Helper { name, invert } => write!(f, "{} --helper {}", not(*invert), Quoted(name)),
            Self::Policy { outbound, none, strict } => {
                write!(f, " --dir {}", if *outbound { "out" } else { "in" })?;
                write!(f, " --pol {}", if *none { "none" } else { "ipsec" })?;
                flag(f, *strict, "--strict")
            }
            Self::Other { .. } => f.write_str(" [not decoded]"),
        }
    }
}

fn flag(f: &mut Formatter<'_>, given: bool, option: &str) -> Result {
    if given { write!(f, " {option}") } else { Ok(()) }
}

fn inverted(f: &mut Formatter<'_>, asked: Option<bool>, option: &str) -> Result {
    asked.map_or(Ok(()), |invert| write!(f, "{} {option}", not(invert)))
}

/// `1`, or `1:2`
fn pair<N: PartialEq + Display>((first, last): &(N, N), between: char) -> String {
    if first == last { format!("{first}") } else { format!("{first}{between}{last}") }
}

fn ports(f: &mut Formatter<'_>, option: &str, ports: &Ports) -> Result {
    match ports {
        // Inverted, every port is none, and iptables does not write that.
        Ports { first: 0, last: u16::MAX, invert: false } => Ok(()),
        Ports { first, last, invert } => {
            write!(f, "{} {option} {}", not(*invert), pair(&(*first, *last), ':'))
        }
    }
}

fn tcp_flags(f: &mut Formatter<'_>, flags: &TcpFlags) -> Result {
    let names = |set: u8| match bits(set.into(), &TCP_FLAGS) {
        List(none) if none.is_empty() => "NONE".to_owned(),
        some => some.to_string(),
    };
    write!(f, "{} --tcp-flags {} {}", not(flags.invert), names(flags.mask), names(flags.set))
}

const TCP_FLAGS: [(u32, &str); 8] =
    [(1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"), (64, "ECE"), (128, "CWR")];

fn icmp(f: &mut Formatter<'_>, option: &str, Icmp { kind, codes, invert }: &Icmp) -> Result {
    write!(f, "{} {option} {kind}", not(*invert))?;
    match codes {
        (0, 255) => Ok(()),
        (first, _) => write!(f, "/{first}"),
    }
}

/// XT_STATE_* and XT_CONNTRACK_STATE_*, which differ in the last.
const STATE_NAMES: [(u32, &str); 5] =
    [(1, "INVALID"), (8, "NEW"), (4, "RELATED"), (2, "ESTABLISHED"), (64, "UNTRACKED")];
const CONNTRACK_STATES: [(u32, &str); 7] = [
    (1, "INVALID"),
    (8, "NEW"),
    (4, "RELATED"),
    (2, "ESTABLISHED"),
    (256, "UNTRACKED"),
    (64, "SNAT"),
    (128, "DNAT"),
];

fn conntrack(f: &mut Formatter<'_>, asked: &Conntrack) -> Result {
    use conntrack_flag as flag;
    if let Some(invert) = asked.asks(flag::STATE) {
        let option = if asked.is_state() { "--state" } else { "--ctstate" };
        write!(f, "{} {option} {}", not(invert), bits(asked.states.into(), &CONNTRACK_STATES))?;
    }
    if let Some(invert) = asked.asks(flag::PROTOCOL) {
        write!(f, "{} --ctproto {}", not(invert), asked.protocol)?;
    }
    for (option, address) in [
        ("--ctorigsrc", &asked.original_source),
        ("--ctorigdst", &asked.original_destination),
        ("--ctreplsrc", &asked.reply_source),
        ("--ctrepldst", &asked.reply_destination),
    ] {
        if let Some(address) = address {
            write!(f, "{} {option} {}", not(address.invert), Network(address))?;
        }
    }
    for (option, ports) in [
        ("--ctorigsrcport", &asked.original_source_port),
        ("--ctorigdstport", &asked.original_destination_port),
        ("--ctreplsrcport", &asked.reply_source_port),
        ("--ctrepldstport", &asked.reply_destination_port),
    ] {
        if let Some(Ports { first, last, invert }) = ports {
            write!(f, "{} {option} {}", not(*invert), pair(&(*first, *last), ':'))?;
        }
    }
    if let Some(invert) = asked.asks(flag::STATUS) {
        write!(f, "{} --ctstatus {}", not(invert), status(asked.status))?;
    }
    if let (Some(invert), Some(expires)) = (asked.asks(flag::EXPIRES), &asked.expires) {
        write!(f, "{} --ctexpire {}", not(invert), pair(expires, ':'))?;
    }
    match asked.asks(flag::DIRECTION) {
        Some(false) => f.write_str(" --ctdir ORIGINAL"),
        Some(true) => f.write_str(" --ctdir REPLY"),
        None => Ok(()),
    }
}

fn status(status: u16) -> List<'static> {
    match bits(status.into(), &[(1, "EXPECTED"), (2, "SEEN_REPLY"), (4, "ASSURED"), (8, "CONFIRMED")]) {
        List(none) if none.is_empty() => List(vec!["NONE"]),
        some => some,
    }
}

/// An address alone, or with the length of its mask where that is not all of it.
struct Network<'a>(&'a Masked);

impl Display for Network<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let whole = if self.0.address.is_ipv4() { 32 } else { 128 };
        match length(self.0.mask) {
            Some(length) if length == whole => write!(f, "{}", self.0.address),
            Some(length) => write!(f, "{}/{length}", self.0.address),
            None => write!(f, "{}/{}", self.0.address, self.0.mask),
        }
    }
}

/// RTN_*
fn kinds(kinds: u16) -> List<'static> {
    const NAMES: [&str; 12] = [
        "UNSPEC",
        "UNICAST",
        "LOCAL",
        "BROADCAST",
        "ANYCAST",
        "MULTICAST",
        "BLACKHOLE",
        "UNREACHABLE",
        "PROHIBIT",
        "THROW",
        "NAT",
        "XRESOLVE",
    ];
    List((0..).zip(NAMES).filter(|(bit, _)| kinds >> bit & 1 != 0).map(|(_, name)| name).collect())
}

impl Display for SetKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.name {
            Some(name) => f.write_str(name)?,
            None => write!(f, "[set {}]", self.index)?,
        }
        let sides = self.source.iter().map(|source| if *source { "src" } else { "dst" });
        write!(f, " {}", List(sides.collect()))
    }
}

fn set(f: &mut Formatter<'_>, asked: &SetMatch) -> Result {
    write!(f, "{} --match-set {}", not(asked.invert), asked.set)?;
    flag(f, asked.return_nomatch, "--return-nomatch")?;
    flag(f, asked.skip & 8 != 0, "! --update-counters")?;
    flag(f, asked.skip & 16 != 0, "! --update-subcounters")?;
    for (what, counter) in [("packets", asked.packets), ("bytes", asked.bytes)] {
        match counter {
            Some((1, value)) => write!(f, " --{what}-eq {value}")?,
            Some((2, value)) => write!(f, " ! --{what}-eq {value}")?,
            Some((3, value)) => write!(f, " --{what}-lt {value}")?,
            Some((_, value)) => write!(f, " --{what}-gt {value}")?,
            None => {}
        }
    }
    Ok(())
}

fn recent(f: &mut Formatter<'_>, asked: &Recent) -> Result {
    let action = match asked.action {
        RecentAction::Set => "--set",
        RecentAction::Check => "--rcheck",
        RecentAction::Update => "--update",
        RecentAction::Remove => "--remove",
    };
    write!(f, "{} {action}", not(asked.invert))?;
    if asked.seconds != 0 {
        write!(f, " --seconds {}", asked.seconds)?;
    }
    flag(f, asked.reap, "--reap")?;
    if asked.hits != 0 {
        write!(f, " --hitcount {}", asked.hits)?;
    }
    flag(f, asked.same_ttl, "--rttl")?;
    write!(f, " --name {}", asked.name)?;
    if let Some(mask) = asked.mask {
        write!(f, " --mask {mask}")?;
    }
    f.write_str(if asked.destination { " --rdest" } else { " --rsource" })
}

fn range(f: &mut Formatter<'_>, option: &str, range: Option<&AddressRange>) -> Result {
    match range {
        Some(AddressRange { first, last, invert }) => {
            write!(f, "{} {option} {first}-{last}", not(*invert))
        }
        None => Ok(()),
    }
}

/// A mask of all bits is not written.
pub(super) fn mark(
    f: &mut Formatter<'_>,
    option: &str,
    MarkMatch { value, mask, invert }: &MarkMatch,
) -> Result {
    write!(f, "{} {option} {value:#x}", not(*invert))?;
    if *mask == u32::MAX { Ok(()) } else { write!(f, "/{mask:#x}") }
}

fn span(f: &mut Formatter<'_>, option: &str, span: Option<&Span>, between: char) -> Result {
    match span {
        Some(Span { first, last, invert }) => {
            write!(f, "{} {option} {}", not(*invert), pair(&(*first, *last), between))
        }
        None => Ok(()),
    }
}

fn physdev(f: &mut Formatter<'_>, asked: &Physdev) -> Result {
    inverted(f, asked.is_in, "--physdev-is-in")?;
    if let Some(port) = &asked.input {
        write!(f, "{} --physdev-in {port}", not(port.invert))?;
    }
    inverted(f, asked.is_out, "--physdev-is-out")?;
    if let Some(port) = &asked.output {
        write!(f, "{} --physdev-out {port}", not(port.invert))?;
    }
    inverted(f, asked.is_bridged, "--physdev-is-bridged")
}

fn hops(f: &mut Formatter<'_>, name: &str, HopCount { mode, value }: &HopCount) -> Result {
    let option = match mode {
        0 => "eq",
        1 => return write!(f, " ! --{name}-eq {value}"),
        2 => "lt",
        _ => "gt",
    };
    write!(f, " --{name}-{option} {value}")
}

fn routing_header(f: &mut Formatter<'_>, asked: &RoutingHeader) -> Result {
    span(f, "--rt-type", asked.kind.as_ref(), ':')?;
    span(f, "--rt-segsleft", asked.segments.as_ref(), ':')?;
    span(f, "--rt-len", asked.length.as_ref(), ':')?;
    flag(f, asked.more & 8 != 0, "--rt-0-res")?;
    flag(f, asked.more & 0x10 != 0, "[--rt-0-addrs]")?;
    flag(f, asked.more & 0x20 != 0, "--rt-0-not-strict")
}
