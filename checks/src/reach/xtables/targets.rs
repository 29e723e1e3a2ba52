//! What targets do; those that do not end the rule return XT_CONTINUE in the kernel.

use super::interfaces::unknown;
use super::{Context, sets};
use crate::facts::ruleset::legacy;
use crate::facts::ruleset::nftables::{Expression, Layer};
use crate::facts::ruleset::xtables::{ConnmarkMode, Match, NatRange, Target};
use crate::reach::program::{Action, Rewrite, Step};
use crate::reach::routing::number;

/// The steps of a target.
pub(crate) fn target(one: &Target, context: &Context<'_>) -> Vec<Step> {
    let then = |action| vec![Step::Then(action)];
    match one {
        Target::Reject { .. } => then(Action::Reject),
        Target::Log { .. }
        | Target::Nflog { .. }
        | Target::Trace
        | Target::Tee { .. }
        | Target::Classify { .. }
        | Target::Tcpmss { .. } => Vec::new(),
        Target::Mark { value, mask } => vec![Step::SetMark { and: !mask, xor: *value }],
        Target::Connmark { mode, value, mask, packet_mask, shift } => {
            vec![connmark(*mode, *value, *mask, *packet_mask, *shift)]
        }
        // Zones, helpers and events do not decide about a new connection.
        Target::Ct(target) if target.notrack => vec![Step::Untrack],
        Target::Ct(_) => Vec::new(),
        Target::Dnat(range) => then(destination(range)),
        Target::Redirect(range) => then(Action::Redirect(range.ports)),
        // At the hooks where a destination is rewritten it maps that; a network maps address by address.
        Target::Netmap(range) => then(match range.addresses {
            Some((first, last)) if first == last => destination(range),
            _ => unknown("NETMAP maps one network to another"),
        }),
        Target::Snat(_) | Target::Masquerade(_) => then(Action::Source),
        Target::Tproxy { .. } => then(unknown(super::super::program::PROXY)),
        Target::Synproxy { .. } => then(unknown("the kernel answers in place of the server (SYNPROXY)")),
        Target::Nfqueue { .. } => then(unknown("a program decides (NFQUEUE)")),
        Target::Set(target) => {
            let mut steps: Vec<Step> = target.add.iter().map(|key| Step::Adds(sets::set_name(key))).collect();
            // IPSET_FLAG_MAP_SKBMARK: the mark comes with the element.
            if target.map.is_some() && target.flags & 0x100 != 0 {
                steps.push(Step::ForgetMark);
            }
            steps
        }
        Target::Ttl { .. } | Target::Hl { .. } => {
            rewrites(one.name(), *context.asks_hops.get_or_init(|| any_rule(context, is_hops)))
        }
        Target::Dscp { .. } | Target::Tos { .. } => {
            rewrites(one.name(), *context.asks_class.get_or_init(|| any_rule(context, is_class)))
        }
        Target::Other { name, .. } => match name.as_str() {
            "AUDIT" | "CHECKSUM" | "CONNSECMARK" | "IDLETIMER" | "LED" | "RATEEST" | "SECMARK"
            | "TCPOPTSTRIP" | "ULOG" => Vec::new(),
            "HMARK" => vec![Step::ForgetMark],
            "ECN" => vec![Step::ForgetPacket("ECN changes the packet".into())],
            other => then(unknown(&format!("-j {other}"))),
        },
    }
}

/// Marks whose masks differ, or that are moved, are not followed.
fn connmark(mode: ConnmarkMode, value: u32, mask: u32, packet_mask: u32, shift: i16) -> Step {
    let plain = shift == 0 && mask == packet_mask;
    match mode {
        ConnmarkMode::Set if shift == 0 => Step::SetConnectionMark { and: !mask, xor: value },
        ConnmarkMode::Save if plain => Step::SaveMark { mask },
        ConnmarkMode::Restore if plain => Step::RestoreMark { mask },
        ConnmarkMode::Set | ConnmarkMode::Save => Step::ForgetConnectionMark,
        ConnmarkMode::Restore => Step::ForgetMark,
    }
}

fn destination(range: &NatRange) -> Action {
    if range.base.is_some() {
        return unknown("DNAT moves a range of ports");
    }
    let addresses = range.addresses.map(|(first, last)| (number(first), number(last)));
    Action::Destination(vec![Rewrite { addresses, ports: range.ports }])
}

/// A target that writes a field of the header matters only to rules that ask that field.
fn rewrites(name: &str, asked: bool) -> Vec<Step> {
    if asked { vec![Step::ForgetPacket(format!("{name} changes the packet").into())] } else { Vec::new() }
}

/// Whether a rule of any table asks.
fn any_rule(context: &Context<'_>, asks: fn(&Asked<'_>) -> bool) -> bool {
    let legacy = [&context.ruleset.legacy_ipv4, &context.ruleset.legacy_ipv6].into_iter();
    let legacy = legacy.filter_map(|tables| tables.value()).flatten();
    let mut legacy = legacy
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule: &legacy::Rule| &rule.matches);
    let nftables = context.ruleset.nftables.value().into_iter().flat_map(|nftables| &nftables.tables);
    let mut expressions = nftables
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule| &rule.expressions);
    legacy.any(|one| asks(&Asked::Match(one)))
        || expressions.any(|expression| match expression {
            Expression::Match(one) => asks(&Asked::Match(one)),
            Expression::Payload { base: Layer::Network, offset, length, .. } => {
                asks(&Asked::Header(*offset, offset.saturating_add(*length)))
            }
            _ => false,
        })
}

/// What a rule asks: a match, or bytes of the IP header.
enum Asked<'a> {
    Match(&'a Match),
    Header(u32, u32),
}

/// The TTL is byte 8 of IPv4, the hop limit byte 7 of IPv6.
fn is_hops(asked: &Asked<'_>) -> bool {
    match asked {
        Asked::Match(one) => {
            matches!(one, Match::Ttl(_) | Match::Hl(_) | Match::Recent(_) | Match::Other { .. })
        }
        Asked::Header(first, end) => *first <= 8 && *end > 7,
    }
}

/// The first two bytes hold it in both families.
fn is_class(asked: &Asked<'_>) -> bool {
    match asked {
        Asked::Match(one) => matches!(one, Match::Dscp { .. } | Match::Tos { .. } | Match::Other { .. }),
        Asked::Header(first, _) => *first <= 1,
    }
}
