//! Targets in the words of iptables-save(8).

use std::fmt::{Display, Formatter, Result};
use std::net::IpAddr;

use super::targets::PROTO_OFFSET;
use super::words::{Quoted, bits};
use super::{ConnmarkMode, CtTarget, NatRange, SetTarget, Target};

/// `-j REJECT --reject-with tcp-reset`
impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "-j {}", self.name())?;
        match self {
            Self::Reject { with, ipv6 } => {
                let names: &[&str] = if *ipv6 { &REJECT_V6 } else { &REJECT_V4 };
                match usize::try_from(*with).ok().and_then(|with| names.get(with)) {
                    Some(name) => write!(f, " --reject-with {name}"),
                    None => write!(f, " --reject-with {with}"),
                }
            }
            Self::Log { level, flags, prefix } => {
                text(f, "--log-prefix", prefix)?;
                if *level != 4 {
                    write!(f, " --log-level {level}")?;
                }
                flag(f, flags & 1 != 0, "--log-tcp-sequence")?;
                flag(f, flags & 2 != 0, "--log-tcp-options")?;
                flag(f, flags & 4 != 0, "--log-ip-options")?;
                flag(f, flags & 8 != 0, "--log-uid")?;
                flag(f, flags & 0x20 != 0, "--log-macdecode")
            }
            Self::Nflog { group, length, length_in_force, threshold, prefix } => {
                text(f, "--nflog-prefix", prefix)?;
                number(f, "--nflog-group", (*group).into())?;
                match length_in_force {
                    true => write!(f, " --nflog-size {length}")?,
                    false => number(f, "--nflog-range", *length)?,
                }
                number(f, "--nflog-threshold", (*threshold).into())
            }
            Self::Mark { value, mask } => write!(f, " --set-xmark {value:#x}/{mask:#x}"),
            Self::Connmark { mode, value, mask, packet_mask, shift } => {
                match mode {
                    ConnmarkMode::Set => write!(f, " --set-xmark {value:#x}/{mask:#x}")?,
                    ConnmarkMode::Save => {
                        write!(f, " --save-mark --nfmask {packet_mask:#x} --ctmask {mask:#x}")?;
                    }
                    ConnmarkMode::Restore => {
                        write!(f, " --restore-mark --nfmask {packet_mask:#x} --ctmask {mask:#x}")?;
                    }
                }
                match shift {
                    0 => Ok(()),
                    1.. => write!(f, " --left-shift-mark {shift}"),
                    _ => write!(f, " --right-shift-mark {}", shift.unsigned_abs()),
                }
            }
            Self::Ct(target) => ct(f, target),
            Self::Dnat(range) => {
                to(f, "--to-destination", range)?;
                how(f, range)
            }
            Self::Snat(range) => {
                to(f, "--to-source", range)?;
                how(f, range)
            }
            Self::Masquerade(range) | Self::Redirect(range) => {
                if let Some(ports) = range.ports {
                    write!(f, " --to-ports {}", pair(&ports))?;
                }
                how(f, range)
            }
            Self::Netmap(range) => netmap(f, range),
            Self::Tproxy { address, port, mark, mask } => {
                write!(f, " --on-port {port} --on-ip {address} --tproxy-mark {mark:#x}/{mask:#x}")
            }
            Self::Set(target) => set(f, target),
            Self::Nfqueue { first, count, bypass, fanout } => {
                match count {
                    0..=1 => write!(f, " --queue-num {first}")?,
                    _ => {
                        let last = first.saturating_add(count.saturating_sub(1));
                        write!(f, " --queue-balance {first}:{last}")?;
                    }
                }
                flag(f, *bypass, "--queue-bypass")?;
                flag(f, *fanout, "--queue-cpu-fanout")
            }
            Self::Ttl { mode, value } => hops(f, "ttl", *mode, *value),
            Self::Hl { mode, value } => hops(f, "hl", *mode, *value),
            Self::Dscp { value } => write!(f, " --set-dscp {value:#04x}"),
            Self::Tos { value, mask } => write!(f, " --set-tos {value:#04x}/{mask:#04x}"),
            Self::Synproxy { options, scale, segment } => {
                flag(f, options & 4 != 0, "--sack-perm")?;
                flag(f, options & 8 != 0, "--timestamp")?;
                if options & 2 != 0 {
                    write!(f, " --wscale {scale}")?;
                }
                if options & 1 != 0 {
                    write!(f, " --mss {segment}")?;
                }
                flag(f, options & 16 != 0, "--ecn")
            }
            Self::Trace => Ok(()),
            Self::Tee { gateway, interface } => {
                write!(f, " --gateway {gateway}")?;
                if interface.is_empty() { Ok(()) } else { write!(f, " --oif {interface}") }
            }
            Self::Classify { priority } => {
                write!(f, " --set-class {:04x}:{:04x}", priority >> 16, priority & 0xffff)
            }
            Self::Tcpmss { segment: u16::MAX } => f.write_str(" --clamp-mss-to-pmtu"),
            Self::Tcpmss { segment } => write!(f, " --set-mss {segment}"),
            Self::Other { .. } => f.write_str(" [not decoded]"),
        }
    }
}

/// `enum ipt_reject_with`
const REJECT_V4: [&str; 9] = [
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-proto-unreachable",
    "icmp-port-unreachable",
    "echo-reply",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "tcp-reset",
    "icmp-admin-prohibited",
];

/// `enum ip6t_reject_with`
const REJECT_V6: [&str; 9] = [
    "icmp6-no-route",
    "icmp6-adm-prohibited",
    "icmp6-not-neighbour",
    "icmp6-addr-unreachable",
    "icmp6-port-unreachable",
    "echo-reply",
    "tcp-reset",
    "icmp6-policy-fail",
    "icmp6-reject-route",
];

fn flag(f: &mut Formatter<'_>, given: bool, option: &str) -> Result {
    if given { write!(f, " {option}") } else { Ok(()) }
}

fn text(f: &mut Formatter<'_>, option: &str, text: &str) -> Result {
    if text.is_empty() { Ok(()) } else { write!(f, " {option} {}", Quoted(text)) }
}

fn number(f: &mut Formatter<'_>, option: &str, number: u32) -> Result {
    if number == 0 { Ok(()) } else { write!(f, " {option} {number}") }
}

fn pair<N: PartialEq + Display>((first, last): &(N, N)) -> String {
    if first == last { format!("{first}") } else { format!("{first}-{last}") }
}

fn ct(f: &mut Formatter<'_>, target: &CtTarget) -> Result {
    if target.alias {
        return Ok(());
    }
    flag(f, target.notrack, "--notrack")?;
    text(f, "--helper", &target.helper)?;
    text(f, "--timeout", &target.timeout)?;
    for (option, events) in [("--ctevents", target.events), ("--expevents", target.expected_events)] {
        if events != 0 {
            write!(f, " {option} {}", bits(events, &EVENTS))?;
        }
    }
    let option = match target.zone_flags & 3 {
        1 => "--zone-orig",
        2 => "--zone-reply",
        _ => "--zone",
    };
    match target.zone_flags & 4 != 0 {
        true => write!(f, " {option} mark"),
        false => number(f, option, target.zone.into()),
    }
}

/// `enum ip_conntrack_events`
const EVENTS: [(u32, &str); 9] = [
    (1 << 0, "new"),
    (1 << 1, "related"),
    (1 << 2, "destroy"),
    (1 << 3, "reply"),
    (1 << 4, "assured"),
    (1 << 5, "protoinfo"),
    (1 << 6, "helper"),
    (1 << 7, "mark"),
    (1 << 8, "natseqinfo"),
];

/// An address of IPv6 stands in brackets when a port follows.
fn to(f: &mut Formatter<'_>, option: &str, range: &NatRange) -> Result {
    write!(f, " {option} ")?;
    if let Some(addresses) = &range.addresses {
        match addresses.0.is_ipv6() && range.ports.is_some() {
            true => write!(f, "[{}]", pair(addresses))?,
            false => write!(f, "{}", pair(addresses))?,
        }
    }
    if let Some(ports) = &range.ports {
        write!(f, ":{}", pair(ports))?;
        if let Some(base) = range.base.filter(|_| range.flags & PROTO_OFFSET != 0) {
            write!(f, "/{base}")?;
        }
    }
    Ok(())
}

/// NF_NAT_RANGE_PROTO_RANDOM, _PROTO_RANDOM_FULLY, _PERSISTENT
fn how(f: &mut Formatter<'_>, range: &NatRange) -> Result {
    flag(f, range.flags & 4 != 0, "--random")?;
    flag(f, range.flags & 16 != 0, "--random-fully")?;
    flag(f, range.flags & 8 != 0, "--persistent")
}

/// The range is a network.
fn netmap(f: &mut Formatter<'_>, range: &NatRange) -> Result {
    let Some((first, last)) = range.addresses else { return Ok(()) };
    let (whole, varying) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (32, u128::from(first.to_bits() ^ last.to_bits())),
        (IpAddr::V6(first), IpAddr::V6(last)) => (128, first.to_bits() ^ last.to_bits()),
        _ => return Ok(()),
    };
    let bits = 128_u32.saturating_sub(varying.leading_zeros());
    write!(f, " --to {first}/{}", u32::saturating_sub(whole, bits))
}

fn set(f: &mut Formatter<'_>, target: &SetTarget) -> Result {
    for (option, key) in
        [("--add-set", &target.add), ("--del-set", &target.delete), ("--map-set", &target.map)]
    {
        let Some(key) = key else { continue };
        write!(f, " {option} {key}")?;
        match option {
            "--add-set" => {
                flag(f, target.flags & 1 != 0, "--exist")?;
                if let Some(timeout) = target.timeout {
                    write!(f, " --timeout {timeout}")?;
                }
            }
            "--map-set" => {
                flag(f, target.flags & 0x100 != 0, "--map-mark")?;
                flag(f, target.flags & 0x200 != 0, "--map-prio")?;
                flag(f, target.flags & 0x400 != 0, "--map-queue")?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn hops(f: &mut Formatter<'_>, name: &str, mode: u8, value: u8) -> Result {
    let option = match mode {
        0 => "set",
        1 => "inc",
        _ => "dec",
    };
    write!(f, " --{name}-{option} {value}")
}
