//! The packet filter is there again after a reboot.

mod compare;
mod tools;
mod view;

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity, Verdict};
use crate::facts::Facts;
use crate::facts::firewall_boot::tables::SavedTable;
use crate::facts::firewall_boot::{FirewallBoot, Loader, Saved};
use crate::facts::ruleset::nftables::{Family, Table};
use crate::facts::ruleset::{IpFamily, Ruleset};
use crate::front_end;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use compare::{Comparison, compare};
use view::View;

pub(crate) static CHECK: Check = Check {
    id: "firewall-persistent",
    title: "What filters inbound traffic now is loaded again at the next boot",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: true,
    rationale: "Rules live in the kernel's memory. The ones that were typed by hand, or whose service was never enabled, \
                vanish with the next reboot, often one that the provider or an update starts at night, and the machine \
                comes back open.",
    remedy: "systemctl list-unit-files 'nftables*' 'netfilter-persistent*' 'ufw*' 'firewalld*'   # which are there?\n\
             Enable the front end that you use, and only that one: `systemctl enable nftables`, or for ufw `ufw allow \
             ssh && ufw enable`.\n\
             Save the rules that work now where it reads them: nft list ruleset > /etc/nftables.conf, or \
             netfilter-persistent save for iptables.\n\
             Reboot once while you have the provider's console at hand, and look again.",
    references: &["nft(8)", "iptables-save(8)", "ufw(8)", "firewalld.conf(5)", "CIS Debian 12 4.3.10"],
    examples: Examples {
        kept: r#"
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
[[ruleset.known.nftables.known.tables]]
family = "inet"
name = "filter"
[[ruleset.known.nftables.known.tables.chains]]
name = "input"
handle = 1
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
[[firewall_boot.known.loaders]]
unit = "nftables.service"
path = "/usr/lib/systemd/system/nftables.service"
starts = true
ipv4.filter = "/etc/nftables.conf"
ipv6.filter = "/etc/nftables.conf"
[[firewall_boot.known.loaders.contents.tables]]
family = "inet"
name = "filter"
[[firewall_boot.known.loaders.contents.tables.chains]]
name = "input"
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
"#,
        broken: r#"
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
[[firewall_boot.known.loaders]]
unit = "nftables.service"
path = "/usr/lib/systemd/system/nftables.service"
starts = false
ipv4.filter = "/etc/nftables.conf"
ipv6.filter = "/etc/nftables.conf"
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let ruleset = facts.ruleset.known()?;
    let boot = facts.firewall_boot.known()?;
    let mut judgement = Judgement::new();
    let loaded = loaded(facts, ruleset);
    for one in &loaded {
        judge_table(facts, boot, one, &mut judgement);
    }
    for family in [IpFamily::V4, IpFamily::V6] {
        match ruleset.unused(family) {
            Some(reason) => judgement
                .observe(format!("{family} needs no filter: {reason}"), [Evidence::of("/proc/net/if_inet6")]),
            None => judge_family(ruleset, boot, family, &loaded, &mut judgement),
        }
    }
    for loader in boot.loaders.iter().filter(|loader| loader.starts && !loaded.is_empty()) {
        for table in
            loader.contents.iter().flat_map(|contents| &contents.tables).filter(|table| !table.dormant)
        {
            let view = View::saved(table);
            if view.filters() && !loaded.iter().any(|one| one.is(table)) {
                judgement.observe(
                    format!(
                        "{} filters more at boot: the table {} is not loaded now",
                        loader.unit, view.name
                    ),
                    [Evidence::of(&loader.path)],
                );
            }
        }
    }
    if judgement.verdict() != Verdict::Pass {
        judgement.remedy = front_end::of(facts).saves();
    }
    Ok(judgement)
}

/// A table that filters what comes in now.
struct Loaded<'a> {
    families: Vec<IpFamily>,
    family: Family,
    name: &'a str,
    kind: Kind<'a>,
    /// In the words of its own kind.
    view: View,
}

enum Kind<'a> {
    Nft(&'a Table, BTreeMap<u32, String>),
    Legacy,
}

impl Loaded<'_> {
    fn is(&self, saved: &SavedTable) -> bool {
        saved.family == self.family
            && saved.name == self.name
            && (saved.iptables || matches!(self.kind, Kind::Nft(..)))
    }
}

/// The tables that filter now, those of nftables first.
fn loaded<'a>(facts: &Facts, ruleset: &'a Ruleset) -> Vec<Loaded<'a>> {
    let mut interfaces: BTreeMap<u32, String> = [(1, "lo".to_owned())].into();
    if let Some(network) = facts.network.value() {
        interfaces
            .extend(network.interfaces.iter().map(|interface| (interface.index, interface.name.clone())));
    }
    let mut loaded = Vec::new();
    let tables = ruleset.nftables.value().map(|nftables| nftables.tables.as_slice()).unwrap_or_default();
    for table in tables.iter().filter(|table| !table.dormant) {
        let families = match table.family {
            Family::Ip => vec![IpFamily::V4],
            Family::Ip6 => vec![IpFamily::V6],
            Family::Arp => continue,
            _ => vec![IpFamily::V4, IpFamily::V6],
        };
        let view = View::kernel(table, false, &interfaces);
        if view.filters() {
            let kind = Kind::Nft(table, interfaces.clone());
            loaded.push(Loaded { families, family: table.family, name: &table.name, kind, view });
        }
    }
    for (tables, ipv6) in [(&ruleset.legacy_ipv4, false), (&ruleset.legacy_ipv6, true)] {
        for table in tables.value().map(Vec::as_slice).unwrap_or_default() {
            let view = View::legacy(table, ipv6);
            if view.filters() {
                let (family, one) =
                    if ipv6 { (Family::Ip6, IpFamily::V6) } else { (Family::Ip, IpFamily::V4) };
                let families = vec![one];
                loaded.push(Loaded { families, family, name: &table.name, kind: Kind::Legacy, view });
            }
        }
    }
    loaded
}

/// Whether a table that filters now is put back at boot.
fn judge_table(facts: &Facts, boot: &FirewallBoot, one: &Loaded<'_>, judgement: &mut Judgement) {
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

/// Whether a family that nothing filters now is filtered after a boot.
fn judge_family(
    ruleset: &Ruleset,
    boot: &FirewallBoot,
    family: IpFamily,
    loaded: &[Loaded<'_>],
    judgement: &mut Judgement,
) {
    let legacy = match family {
        IpFamily::V4 => &ruleset.legacy_ipv4,
        IpFamily::V6 => &ruleset.legacy_ipv6,
    };
    if let Some(gap) = ruleset.nftables.known().err().or(legacy.known().err()) {
        return judgement.unknown(format!("inbound {family}: {gap}"));
    }
    if loaded.iter().any(|one| one.families.contains(&family)) {
        return;
    }
    let (mut filter, mut unclear, mut empty) = (None, None, None);
    for loader in boot.loaders.iter().filter(|loader| loader.starts) {
        match loader.saved(family) {
            Saved::Filter(at) => filter = filter.or(Some((loader, at))),
            Saved::Unclear(reason) => unclear = unclear.or(Some((loader, reason))),
            Saved::Nothing(reason) => empty = empty.or(Some((loader, reason))),
        }
    }
    match (filter, unclear) {
        (Some((loader, at)), _) => judgement.unknown(format!(
            "{} would load an {family} filter at boot from {at}, and yet none is loaded now: start it, or see why it fails",
            loader.unit
        )),
        (None, Some((loader, reason))) => {
            judgement.unknown(format!("what {} loads for {family} at boot: {reason}", loader.unit));
        }
        (None, None) => judgement.fail(Finding {
            subject: format!("the {family} filter"),
            message: "does not exist now, and nothing that starts at boot would load one".to_owned(),
            evidence: match empty {
                Some((loader, reason)) => vec![Evidence::of(&loader.path).says(reason)],
                None => absent_loaders(boot),
            },
        }),
    }
}

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

/// The units that could load a filter and do not start; the absence of any.
fn absent_loaders(boot: &FirewallBoot) -> Vec<Evidence> {
    let disabled = boot.loaders.iter().filter(|loader| !loader.starts);
    let mut evidence: Vec<Evidence> =
        disabled.map(|loader| Evidence::of(&loader.path).says("not enabled")).collect();
    for loader in boot.loaders.iter().filter(|loader| loader.starts) {
        evidence.push(Evidence::of(&loader.path).says("loads other tables"));
    }
    if evidence.is_empty() {
        vec![Evidence::of("units").says("none loads a packet filter")]
    } else {
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::firewall_boot::nft;
    use crate::facts::firewall_boot::tables::Contents;
    use crate::gap::Reading;
    use crate::host::Tree;

    fn facts(filtered: bool, loaders: Vec<Loader>) -> Facts {
        let example = if filtered { CHECK.examples.kept } else { CHECK.examples.broken };
        let mut facts: Facts = toml::from_str(example).unwrap();
        facts.firewall_boot = Reading::Known(FirewallBoot { loaders, elsewhere: Vec::new() });
        facts
    }

    fn loader(unit: &str, starts: bool, ipv4: Saved) -> Loader {
        let path = format!("/lib/systemd/system/{unit}");
        Loader {
            unit: unit.to_owned(),
            path,
            starts,
            ipv4,
            ipv6: Saved::Nothing(String::new()),
            flushes: false,
            saves_at_stop: false,
            contents: None,
        }
    }

    fn contents(policy: &str) -> Option<Contents> {
        let file = format!(
            "table inet filter {{ chain input {{ type filter hook input priority 0; policy {policy}; }} }}"
        );
        let host = Tree::new(Timestamp(0)).file("/etc/nftables.conf", file);
        Some(nft::read(&host, "/etc/nftables.conf"))
    }

    #[test]
    fn a_loader_that_empties_the_ruleset_leaves_another_in_doubt() {
        let own = || Loader {
            contents: contents("drop"),
            ..loader("netfilter-persistent.service", true, Saved::Filter("x".into()))
        };
        let nft = |starts, contents| Loader {
            flushes: true,
            contents,
            ..loader("nftables.service", starts, Saved::Nothing("it drops nothing".into()))
        };
        for (starts, contents, wanted) in [
            (true, None, Verdict::Unknown),
            (false, None, Verdict::Pass),
            (true, contents("drop"), Verdict::Pass),
        ] {
            let judgement =
                judge(&facts(true, vec![nft(starts, contents), own()]), &Policy::default()).unwrap();
            assert_eq!(judgement.verdict(), wanted, "{judgement:?}");
        }
    }

    #[test]
    fn only_a_filter_that_is_loaded_now_and_at_boot_passes() {
        let filter = || Saved::Filter("/etc/nftables.conf".into());
        let nothing = || Saved::Nothing("it drops nothing".into());
        let unclear = || Saved::Unclear("it includes".into());
        let nft = "nftables.service";
        let holds = |starts, policy| Loader { contents: contents(policy), ..loader(nft, starts, filter()) };
        for (filtered, loaders, wanted) in [
            (true, vec![holds(true, "drop")], Verdict::Pass),
            (true, vec![loader("own.service", true, unclear()), holds(true, "drop")], Verdict::Pass),
            (true, vec![holds(true, "accept")], Verdict::Fail),
            (true, vec![Loader { saves_at_stop: true, ..holds(true, "accept") }], Verdict::Unknown),
            (false, vec![holds(true, "drop")], Verdict::Unknown),
            (true, vec![loader(nft, true, unclear())], Verdict::Unknown),
            (true, vec![holds(false, "drop")], Verdict::Fail),
            (true, vec![], Verdict::Fail),
            (true, vec![loader(nft, true, nothing())], Verdict::Fail),
            (false, vec![loader(nft, true, nothing())], Verdict::Fail),
            (false, vec![], Verdict::Fail),
            (false, vec![loader(nft, true, unclear())], Verdict::Unknown),
        ] {
            let judgement = judge(&facts(filtered, loaders.clone()), &Policy::default()).unwrap();
            assert_eq!(judgement.verdict(), wanted, "filtered now: {filtered}, {loaders:?}: {judgement:?}");
        }
    }

    #[test]
    fn what_else_runs_at_boot_may_load_it() {
        let mut facts = facts(true, vec![]);
        let Reading::Known(boot) = &mut facts.firewall_boot else { panic!() };
        boot.elsewhere.push("/etc/rc.local".to_owned());
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(judgement.unknowns[0].contains("/etc/rc.local"), "{judgement:?}");
    }

    #[test]
    fn a_ruleset_that_may_not_be_read_is_unknown() {
        let mut facts = facts(true, vec![loader("nftables.service", true, Saved::Filter("x".into()))]);
        let Reading::Known(ruleset) = &mut facts.ruleset else { panic!() };
        ruleset.nftables = Reading::Gap(Gap::denied("the nftables ruleset"));
        assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
    }
}
