//! Whether one table that filters now is put back at boot, and what would be different then.

use super::absent_loaders;
use super::compare::{Comparison, compare};
use super::loaded::{Kind, Loaded};
use super::tools;
use super::view::View;
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::firewall_boot::{FirewallBoot, Loader, Saved};

/// Whether a table that filters now is put back at boot.
pub(super) fn judge(facts: &Facts, boot: &FirewallBoot, one: &Loaded<'_>, judgement: &mut Judgement) {
    let name = &one.view.name;
    let starting = || boot.loaders.iter().filter(|loader| loader.starts);
    let by_unit = |unit: &str| starting().find(|loader| loader.unit == unit);
    let put_back = |by: &str, unit: &str, judgement: &mut Judgement| {
        judgement.observe(format!("{name} is put back at boot by {by}"), [Evidence::of(unit)]);
    };
    let has = |loader: &&Loader| {
        loader.contents.iter().flat_map(|contents| &contents.tables).any(|table| one.is(table))
    };
    let mut comparisons: Vec<(&Loader, Comparison)> =
        starting().filter(has).map(|loader| (loader, compare_with(one, loader))).collect();
    comparisons.sort_by_key(|(_, comparison)| *comparison != Comparison::Same);
    if let Some((loader, comparison)) = comparisons.first() {
        if let Some(other) = flusher(boot, loader, one) {
            return judgement.unknown(format!(
                "{} loads {name} at boot, and {} empties the whole ruleset at boot: which of them is last takes a reboot \
                 to see; enable only one of them",
                loader.unit, other.unit
            ));
        }
        return judge_comparison(one, loader, comparison, judgement);
    }
    if one.name == "firewalld" {
        match by_unit("firewalld.service") {
            Some(loader) if matches!(loader.ipv4, Saved::Filter(_)) => {
                return put_back("firewalld, from its zones", &loader.path, judgement);
            }
            Some(loader) => {
                let reason = match &loader.ipv4 {
                    Saved::Unclear(reason) | Saved::Nothing(reason) | Saved::Filter(reason) => reason,
                };
                return judgement.unknown(format!("what firewalld puts into {name} at boot: {reason}"));
            }
            None => {}
        }
    }
    if let Some(tool) = tools::of_table(one.name) {
        let starts = |unit: &&&str| {
            facts
                .units
                .value()
                .and_then(|units| units.find(unit))
                .is_some_and(|(_, unit)| unit.starts_at_boot())
        };
        return match tool.units.iter().find(starts) {
            Some(unit) => put_back(tool.name, unit, judgement),
            None => judgement.unknown(format!(
                "{name} was put there by {}, and none of its services starts at boot: {}",
                tool.name,
                tool.units.join(", ")
            )),
        };
    }
    let unclear = starting().find_map(|loader| match (&loader.contents, &loader.ipv4, &loader.ipv6) {
        (Some(contents), ..) => contents.unclear.first().map(|reason| (loader, reason)),
        (None, Saved::Unclear(reason), _) | (None, _, Saved::Unclear(reason)) => Some((loader, reason)),
        _ => None,
    });
    if let Some((loader, reason)) = unclear {
        return judgement.unknown(format!(
            "whether {} puts {name} back at boot takes a reboot to see: {reason}",
            loader.unit
        ));
    }
    if let Some(place) = boot.elsewhere.first() {
        return judgement.unknown(format!(
            "no service that hostduty knows puts {name} back at boot; whether {place} does takes a reboot to see"
        ));
    }
    if facts.units.value().is_some_and(|units| !units.gaps.is_empty()) {
        return judgement.unknown(format!(
            "nothing puts {name} back at boot among the units that could be read; not all could"
        ));
    }
    judgement.fail(Finding {
        subject: name.clone(),
        message: "filters now, and nothing that starts at boot loads it again".to_owned(),
        evidence: absent_loaders(boot),
    });
}

/// Compares in the words of the file: those of nft or those of iptables.
fn compare_with(one: &Loaded<'_>, loader: &Loader) -> Comparison {
    let contents = loader.contents.as_ref();
    if let Some(reason) = contents.and_then(|contents| contents.unclear.first()) {
        return Comparison::Unclear(reason.clone());
    }
    let saved = contents.iter().flat_map(|contents| &contents.tables).find(|table| one.is(table));
    let Some(saved) = saved else { return Comparison::Unclear("it has no such table".to_owned()) };
    let theirs = View::saved(saved);
    let path = saved.chains.iter().flat_map(|chain| &chain.rules).map(|rule| rule.at.source.as_str()).next();
    let path = path.unwrap_or(&loader.unit);
    match &one.kind {
        Kind::Nft(table, interfaces) if saved.iptables => {
            compare(&View::kernel(table, true, interfaces), &theirs, path)
        }
        _ => compare(&one.view, &theirs, path),
    }
}

fn judge_comparison(one: &Loaded<'_>, loader: &Loader, comparison: &Comparison, judgement: &mut Judgement) {
    let (name, unit) = (&one.view.name, &loader.unit);
    let difference = match comparison {
        Comparison::Same => {
            let tools: Vec<&str> = one.view.tools.iter().copied().collect();
            let beside = match tools.as_slice() {
                [] => String::new(),
                tools => format!(", apart from the chains of {}", tools.join(" and ")),
            };
            let said = format!("{name} is what {unit} loads at boot{beside}");
            return judgement.observe(said, [Evidence::of(&loader.path)]);
        }
        Comparison::Unclear(reason) => {
            return judgement.unknown(format!(
                "whether {unit} loads at boot what {name} is now takes a reboot to see: {reason}"
            ));
        }
        Comparison::Different(difference) => difference,
    };
    if loader.saves_at_stop {
        return judgement.unknown(format!(
            "{name} is not what {unit} has saved; it saves what is loaded when the machine goes down in good order"
        ));
    }
    for line in difference.opens.iter().take(SHOWN) {
        let more = difference.opens.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        judgement.fail(Finding {
            subject: name.clone(),
            message: format!("would let more in after a boot: {}{more}", line.what),
            evidence: vec![line.at.clone(), Evidence::of(&loader.path)],
        });
    }
    if let Some(line) = difference.unsure.first() {
        judgement.unknown(format!(
            "{name} is not what {unit} loads at boot, and what that changes takes a reboot to see: {} ({})",
            line.what, line.at
        ));
    }
    for line in difference.closes.iter().take(SHOWN) {
        judgement.observe(format!("{name} lets less in after a boot: {}", line.what), [line.at.clone()]);
    }
}

/// Differences that are told one by one.
const SHOWN: usize = 5;

/// Another loader that starts at boot as well and throws away what it finds, without this table of its own.
fn flusher<'a>(boot: &'a FirewallBoot, loader: &Loader, one: &Loaded<'_>) -> Option<&'a Loader> {
    // What is thrown away is of nftables alone.
    if matches!(one.kind, Kind::Legacy) {
        return None;
    }
    let mut others =
        boot.loaders.iter().filter(|other| other.starts && other.flushes && other.unit != loader.unit);
    others
        .find(|other| !other.contents.iter().flat_map(|contents| &contents.tables).any(|table| one.is(table)))
}
