//! The packet filter is there again after a reboot.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::firewall_boot::{FirewallBoot, Loader, Saved};
use crate::facts::ruleset::IpFamily;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::reach;

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
[network.known]
routes.known = [{ to = "192.0.2.1/32", table = 255, kind = 2, through = [2] }]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
[[firewall_boot.known.loaders]]
unit = "nftables.service"
path = "/usr/lib/systemd/system/nftables.service"
starts = true
ipv4.filter = "/etc/nftables.conf"
ipv6.filter = "/etc/nftables.conf"
"#,
        broken: r#"
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
[network.known]
routes.known = [{ to = "192.0.2.1/32", table = 255, kind = 2, through = [2] }]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
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
    for family in [IpFamily::V4, IpFamily::V6] {
        match ruleset.unused(family) {
            Some(reason) => judgement
                .observe(format!("{family} needs no filter: {reason}"), [Evidence::of("/proc/net/if_inet6")]),
            None => judge_family(facts, boot, family, &mut judgement),
        }
    }
    Ok(judgement)
}

fn judge_family(facts: &Facts, boot: &FirewallBoot, family: IpFamily, judgement: &mut Judgement) {
    let filters_now = reach::filters(facts, family);
    let (mut filter, mut unclear, mut empty) = (None, None, None);
    for loader in boot.loaders.iter().filter(|loader| loader.starts) {
        match loader.saved(family) {
            Saved::Filter(at) => filter = filter.or(Some((loader, at))),
            Saved::Unclear(reason) => unclear = unclear.or(Some((loader, reason))),
            Saved::Nothing(reason) => empty = empty.or(Some((loader, reason))),
        }
    }
    match (filters_now, filter, unclear) {
        (Ok(true), Some((loader, _)), _) if let Some(other) = flusher(boot, loader, family) => judgement.unknown(format!(
            "{} loads an {family} filter at boot, and {} empties the whole ruleset at boot: which of them is last takes \
             a reboot to see; enable only one of them",
            loader.unit, other.unit
        )),
        (Ok(true), Some((loader, at)), _) => judgement.observe(
            format!("{family} is filtered now, and {} loads a filter at boot from {at}", loader.unit),
            [Evidence::of(&loader.path), Evidence::of(at)],
        ),
        (Ok(false), Some((loader, at)), _) => judgement.unknown(format!(
            "{} would load an {family} filter at boot from {at}, and yet none is loaded now: start it, or see why it \
             fails",
            loader.unit
        )),
        (Err(reason), Some(_), _) => judgement.unknown(format!("inbound {family}: {reason}")),
        (_, None, Some((loader, reason))) => {
            judgement.unknown(format!("what {} loads for {family} at boot: {reason}", loader.unit));
        }
        (Ok(false), None, None) => judgement.fail(Finding {
            subject: format!("the {family} filter"),
            message: "does not exist now, and nothing that starts at boot would load one".to_owned(),
            evidence: match empty {
                Some((loader, reason)) => vec![Evidence::of(&loader.path).says(reason)],
                None => absent_loaders(boot),
            },
        }),
        (Ok(true), None, None) => {
            let known = empty.map(|(_, reason)| format!(" ({reason})")).unwrap_or_default();
            judgement.unknown(format!(
                "{family} is filtered now, and no front end that hostduty knows loads that at boot{known}; whether \
                 something of your own does takes a reboot to prove"
            ));
        }
        (Err(reason), None, None) => judgement.unknown(format!("inbound {family}: {reason}")),
    }
}

/// Another loader that starts at boot as well and throws away what it finds, without a filter of its own.
fn flusher<'a>(boot: &'a FirewallBoot, loader: &Loader, family: IpFamily) -> Option<&'a Loader> {
    let empties = |other: &&Loader| other.starts && other.flushes && other.unit != loader.unit;
    boot.loaders.iter().filter(empties).find(|other| !matches!(other.saved(family), Saved::Filter(_)))
}

/// The units that could load a filter and do not start; the absence of any.
fn absent_loaders(boot: &FirewallBoot) -> Vec<Evidence> {
    let disabled: Vec<Evidence> =
        boot.loaders.iter().map(|loader| Evidence::of(&loader.path).says("not enabled")).collect();
    if disabled.is_empty() {
        vec![Evidence::of("units").says("none loads a packet filter")]
    } else {
        disabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::gap::Reading;

    fn facts(filtered: bool, loaders: Vec<Loader>) -> Facts {
        let example = if filtered { CHECK.examples.kept } else { CHECK.examples.broken };
        let mut facts: Facts = toml::from_str(example).unwrap();
        facts.firewall_boot = Reading::Known(FirewallBoot { loaders });
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
        }
    }

    #[test]
    fn a_loader_that_empties_the_ruleset_leaves_another_in_doubt() {
        let ufw = || loader("ufw.service", true, Saved::Filter("/etc/ufw/ufw.conf".into()));
        let nft = |starts, saved| Loader { flushes: true, ..loader("nftables.service", starts, saved) };
        let stock = || Saved::Nothing("/etc/nftables.conf drops nothing on its way in".into());
        for (starts, saved, wanted) in [
            (true, stock(), Verdict::Unknown),
            (false, stock(), Verdict::Pass),
            (true, Saved::Filter("/etc/nftables.conf".into()), Verdict::Pass),
        ] {
            let judgement = judge(&facts(true, vec![nft(starts, saved), ufw()]), &Policy::default()).unwrap();
            assert_eq!(judgement.verdict(), wanted, "{judgement:?}");
        }
    }

    #[test]
    fn only_a_filter_that_is_loaded_now_and_at_boot_passes() {
        let filter = || Saved::Filter("/etc/nftables.conf".into());
        let nothing = || Saved::Nothing("it drops nothing".into());
        let unclear = || Saved::Unclear("it includes".into());
        let nft = "nftables.service";
        for (filtered, loaders, wanted) in [
            (true, vec![loader(nft, true, filter())], Verdict::Pass),
            (true, vec![loader("own.service", true, unclear()), loader(nft, true, filter())], Verdict::Pass),
            (false, vec![loader(nft, true, filter())], Verdict::Unknown),
            (true, vec![loader(nft, true, unclear())], Verdict::Unknown),
            (true, vec![loader(nft, false, filter())], Verdict::Unknown),
            (true, vec![], Verdict::Unknown),
            (true, vec![loader(nft, true, nothing())], Verdict::Unknown),
            (false, vec![loader(nft, true, nothing())], Verdict::Fail),
            (false, vec![], Verdict::Fail),
            (false, vec![loader(nft, true, unclear())], Verdict::Unknown),
        ] {
            let judgement = judge(&facts(filtered, loaders.clone()), &Policy::default()).unwrap();
            assert_eq!(judgement.verdict(), wanted, "filtered now: {filtered}, {loaders:?}: {judgement:?}");
        }
    }

    #[test]
    fn a_ruleset_that_may_not_be_read_is_unknown() {
        let mut facts = facts(true, vec![loader("nftables.service", true, Saved::Filter("x".into()))]);
        let Reading::Known(ruleset) = &mut facts.ruleset else { panic!() };
        ruleset.nftables = Reading::Gap(Gap::denied("the nftables ruleset"));
        assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
    }
}
