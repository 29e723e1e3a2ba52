//! The packet filter is there again after a reboot.

mod compare;
mod loaded;
mod table;
mod tools;
mod view;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity, Verdict};
use crate::facts::Facts;
use crate::facts::firewall_boot::{FirewallBoot, Saved};
use crate::facts::ruleset::{IpFamily, Ruleset};
use crate::front_end;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use loaded::{Loaded, loaded};
use view::View;

pub(crate) static CHECK: Check = Check {
    id: "firewall-persistent",
    title: "What filters inbound traffic now is loaded again at the next boot",
    severity: Severity::Medium,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
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
    if facts.system == System::MacOs {
        return crate::mac::filter::persistent(facts);
    }
    let ruleset = facts.ruleset.known()?;
    let boot = facts.firewall_boot.known()?;
    let mut judgement = Judgement::new();
    let loaded = loaded(facts, ruleset);
    for one in &loaded {
        table::judge(facts, boot, one, &mut judgement);
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
    use crate::facts::firewall_boot::tables::Contents;
    use crate::facts::firewall_boot::{Loader, nft};
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
