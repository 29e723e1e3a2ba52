//! The structures of targets: linux/netfilter/xt_*.h, nf_nat.h, netfilter_ipv4/ipt_*.h and netfilter_ipv6/ip6t_*.h.

use super::matches::set_key;
use super::structure::Structure;
use super::{ConnmarkMode, CtTarget, NatRange, SetKey, SetTarget, Target};
use crate::facts::ruleset::IpFamily;

/// `None` for a name, a revision or a content that is not understood.
pub(super) fn decode(name: &str, revision: u32, info: &Structure<'_>) -> Option<Target> {
    let v4 = info.family() == Some(IpFamily::V4);
    Some(match (name, revision) {
        ("REJECT", 0) => Target::Reject { with: info.number(0)?, ipv6: info.family()? == IpFamily::V6 },
        ("LOG", 0) => Target::Log { level: info.byte(0)?, flags: info.byte(1)?, prefix: info.text(2, 30)? },
        ("NFLOG", 0) => Target::Nflog {
            length: info.number(0)?,
            group: info.short(4)?,
            threshold: info.short(6)?,
            length_in_force: info.short(8)? & 1 != 0,
            prefix: info.text(12, 64)?,
        },
        ("MARK", 2) => Target::Mark { value: info.number(0)?, mask: info.number(4)? },
        ("CONNMARK", 1..=2) => connmark(revision, info)?,
        ("CT", 0..=2) => Target::Ct(Box::new(ct(revision, info)?)),
        ("NOTRACK", 0) => {
            Target::Ct(Box::new(CtTarget { notrack: true, alias: true, ..CtTarget::default() }))
        }
        ("DNAT", _) => Target::Dnat(nat(revision, v4, info)?),
        ("SNAT", _) => Target::Snat(nat(revision, v4, info)?),
        ("MASQUERADE", 0) => Target::Masquerade(by_family(info)?),
        ("REDIRECT", 0) => Target::Redirect(by_family(info)?),
        ("NETMAP", 0) => Target::Netmap(by_family(info)?),
        ("TPROXY", 0..=1) => tproxy(revision, info)?,
        ("SET", 1..=3) => Target::Set(Box::new(set(revision, info)?)),
        ("NFQUEUE", 0..=3) => {
            let flags = if revision >= 2 { info.short(4)? } else { 0 };
            Target::Nfqueue {
                first: info.short(0)?,
                count: if revision == 0 { 1 } else { info.short(2)? },
                bypass: flags & 1 != 0,
                fanout: flags & 2 != 0,
            }
        }
        ("TTL", 0) => Target::Ttl { mode: info.byte(0)?, value: info.byte(1)? },
        ("HL", 0) => Target::Hl { mode: info.byte(0)?, value: info.byte(1)? },
        ("DSCP", 0) => Target::Dscp { value: info.byte(0)? },
        ("TOS", 1) => Target::Tos { value: info.byte(0)?, mask: info.byte(1)? },
        ("SYNPROXY", 0) => {
            Target::Synproxy { options: info.byte(0)?, scale: info.byte(1)?, segment: info.short(2)? }
        }
        ("TRACE", 0) => Target::Trace,
        ("TEE", 1) => Target::Tee { gateway: info.address(0)?, interface: info.text(16, 16)? },
        ("CLASSIFY", 0) => Target::Classify { priority: info.number(0)? },
        ("TCPMSS", 0) => Target::Tcpmss { segment: info.short(0)? },
        _ => return None,
    })
}

fn connmark(revision: u32, info: &Structure<'_>) -> Option<Target> {
    let (shift, mode) = match revision {
        1 => (0, info.byte(12)?),
        _ => {
            let bits = i16::from(info.byte(13)?);
            (if info.byte(12)? == 0 { bits } else { bits.saturating_neg() }, info.byte(14)?)
        }
    };
    let mode = match mode {
        0 => ConnmarkMode::Set,
        1 => ConnmarkMode::Save,
        2 => ConnmarkMode::Restore,
        _ => return None,
    };
    let (value, mask, packet_mask) = (info.number(0)?, info.number(4)?, info.number(8)?);
    Some(Target::Connmark { mode, value, mask, packet_mask, shift })
}

fn ct(revision: u32, info: &Structure<'_>) -> Option<CtTarget> {
    let flags = info.short(0)?;
    (flags & !0x1f == 0).then_some(())?;
    Some(CtTarget {
        notrack: flags & 1 != 0,
        alias: flags & 2 != 0,
        zone: info.short(2)?,
        zone_flags: u8::try_from(flags >> 2 & 7).ok()?,
        events: info.number(4)?,
        expected_events: info.number(8)?,
        helper: info.text(12, 16)?,
        timeout: if revision == 0 { String::new() } else { info.text(28, 32)? },
    })
}

/// NF_NAT_RANGE_MAP_IPS, _PROTO_SPECIFIED, _PROTO_OFFSET
pub(super) const MAP_IPS: u32 = 1;
pub(super) const PROTO_SPECIFIED: u32 = 2;
pub(super) const PROTO_OFFSET: u32 = 32;

/// DNAT and SNAT: revision 0 is that of IPv4 alone.
fn nat(revision: u32, v4: bool, info: &Structure<'_>) -> Option<NatRange> {
    match revision {
        0 if v4 => old_range(info),
        1 | 2 => {
            let mut range = range(info)?;
            if revision == 2 && range.flags & PROTO_OFFSET != 0 {
                range.base = Some(info.port(40)?);
            }
            Some(range)
        }
        _ => None,
    }
}

fn by_family(info: &Structure<'_>) -> Option<NatRange> {
    match info.family()? {
        IpFamily::V4 => old_range(info),
        IpFamily::V6 => range(info),
    }
}

/// `struct nf_nat_ipv4_multi_range_compat`; the kernel takes one range.
fn old_range(info: &Structure<'_>) -> Option<NatRange> {
    (info.number(0)? == 1).then_some(())?;
    let flags = info.number(4)?;
    Some(NatRange {
        flags,
        addresses: given(flags & MAP_IPS != 0, info.ipv4(8)?, info.ipv4(12)?),
        ports: given(flags & PROTO_SPECIFIED != 0, info.port(16)?, info.port(18)?),
        base: None,
    })
}

/// `struct nf_nat_range`, and the start of `struct nf_nat_range2`.
fn range(info: &Structure<'_>) -> Option<NatRange> {
    let flags = info.number(0)?;
    Some(NatRange {
        flags,
        addresses: given(flags & MAP_IPS != 0, info.address(4)?, info.address(20)?),
        ports: given(flags & PROTO_SPECIFIED != 0, info.port(36)?, info.port(38)?),
        base: None,
    })
}

fn given<T>(is: bool, first: T, last: T) -> Option<(T, T)> {
    is.then_some((first, last))
}

fn tproxy(revision: u32, info: &Structure<'_>) -> Option<Target> {
    let (address, port) = match revision {
        0 => {
            info.is(IpFamily::V4)?;
            (info.ipv4(8)?, info.port(12)?)
        }
        _ => (info.address(8)?, info.port(24)?),
    };
    Some(Target::Tproxy { address, port, mark: info.number(4)?, mask: info.number(0)? })
}

fn set(revision: u32, info: &Structure<'_>) -> Option<SetTarget> {
    // IPSET_INVALID_ID stands for none.
    let key = |at| set_key(info, at).map(|key: SetKey| (key.index != u16::MAX).then_some(key));
    let (flags, timeout) = match revision {
        1 => (0, u32::MAX),
        2 => (info.number(8)?, info.number(12)?),
        _ => (info.number(12)?, info.number(16)?),
    };
    Some(SetTarget {
        add: key(0)?,
        delete: key(4)?,
        map: if revision == 3 { key(8)? } else { None },
        timeout: (timeout != u32::MAX).then_some(timeout),
        flags,
    })
}
