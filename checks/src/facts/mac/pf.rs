//! The packet filter of macOS, pf(4), as the kernel prints it through pfctl(8).

use serde::{Deserialize, Serialize};

use super::pf_rule::{self, Rule};
use super::{both, refusal};
use crate::gap::Gap;
use crate::host::{Command, Host, Output};

/// Everything that decides about packets on a Mac, but for the application firewall.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PacketFilter {
    /// Whether pf looks at packets at all. macOS loads rules at boot and leaves it disabled.
    pub enabled: bool,
    /// Interfaces that pf never looks at (`set skip on`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The main rules first, then those of each anchor.
    pub rulesets: Vec<Ruleset>,
    /// Anchors with an `rdr pass` rule, which leads packets past the filter rules; the main rules are `main`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects_past_rules: Vec<String>,
}

/// The filter rules of one anchor, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ruleset {
    /// Its path such as `com.apple/250.ApplicationFirewall`; empty for the main rules.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub anchor: String,
    /// Its rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// More anchors or rules than these are refused; a Mac as Apple ships it has fewer than ten of each.
const ANCHORS: usize = 64;
const RULES: usize = 2_000;
const PFCTL: &str = "/sbin/pfctl";

/// Asks pfctl for everything. Needs root.
pub(super) fn read(host: &dyn Host) -> Result<PacketFilter, Gap> {
    let ask = |arguments: &[&str]| host.run(&Command::new(PFCTL, arguments));
    let mut filter = PacketFilter { enabled: parse_info(&ask(&["-s", "info"])?)?, ..PacketFilter::default() };
    filter.skipped = parse_skipped(&ask(&["-v", "-s", "Interfaces"])?)?;
    let anchors = parse_anchors(&ask(&["-v", "-s", "Anchors"])?)?;
    let mut left = RULES;
    for anchor in std::iter::once("").chain(anchors.iter().map(String::as_str)) {
        let place: &[&str] = if anchor.is_empty() { &[] } else { &["-a", anchor] };
        let rules = parse_rules(&ask(&[place, &["-s", "rules"]].concat())?)?;
        left = left.checked_sub(rules.len()).ok_or_else(|| Gap::too_large("the ruleset of pf"))?;
        if has_redirect_past_rules(&ask(&[place, &["-s", "nat"]].concat())?)? {
            let name = if anchor.is_empty() { "main" } else { anchor };
            filter.redirects_past_rules.push(name.to_owned());
        }
        filter.rulesets.push(Ruleset { anchor: anchor.to_owned(), rules });
    }
    Ok(filter)
}

/// `pfctl -s info`.
pub fn parse_info(output: &Output) -> Result<bool, Gap> {
    let text = both(output);
    let mut states = text.lines().filter_map(|line| line.trim().strip_prefix("Status: "));
    match states.next().and_then(|rest| rest.split_whitespace().next()) {
        Some("Enabled") => Ok(true),
        Some("Disabled") => Ok(false),
        _ => Err(refusal("pfctl -s info", output)),
    }
}

/// `pfctl -s rules`, in the form that the kernel gives to rules: one a line, lists expanded.
pub fn parse_rules(output: &Output) -> Result<Vec<Rule>, Gap> {
    Ok(lines(output, "pfctl -s rules")?.iter().filter_map(|line| pf_rule::parse(line)).collect())
}

/// `pfctl -v -s Anchors`: every anchor with its path, parents before children.
pub fn parse_anchors(output: &Output) -> Result<Vec<String>, Gap> {
    let mut anchors: Vec<String> =
        lines(output, "pfctl -s Anchors")?.iter().map(|line| line.trim().to_owned()).collect();
    anchors.sort();
    anchors.dedup();
    if anchors.len() > ANCHORS { Err(Gap::too_large("the list of pf's anchors")) } else { Ok(anchors) }
}

/// `pfctl -v -s Interfaces`: names at the margin, figures below them.
pub fn parse_skipped(output: &Output) -> Result<Vec<String>, Gap> {
    let skipped = |line: &String| Some(line.strip_suffix("(skip)")?.trim().to_owned());
    let all = lines(output, "pfctl -s Interfaces")?;
    if all.is_empty() {
        return Err(Gap::malformed("`pfctl -s Interfaces` lists nothing"));
    }
    Ok(all.iter().filter(|line| !line.starts_with(char::is_whitespace)).filter_map(skipped).collect())
}

/// `pfctl -s nat`: whether a redirection also lets its packets pass.
fn has_redirect_past_rules(output: &Output) -> Result<bool, Gap> {
    Ok(lines(output, "pfctl -s nat")?.iter().any(|line| line.trim().starts_with("rdr pass")))
}

/// The lines of an answer that pfctl gave with success. Its remarks about ALTQ go to standard error.
fn lines(output: &Output, command: &str) -> Result<Vec<String>, Gap> {
    if output.status != 0 {
        return Err(refusal(command, output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim_end().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;
    use crate::gap::GapKind;

    #[test]
    fn the_status_is_on_the_first_line_of_the_table() {
        let remarks = b"No ALTQ support in kernel\nALTQ related functions disabled\n".to_vec();
        let info =
            |line: &str| Output { stderr: remarks.clone(), ..out(&format!("{line}   Debug: Urgent\n")) };
        assert_eq!(parse_info(&info("Status: Enabled for 4 days 01:02:03")), Ok(true));
        assert_eq!(parse_info(&info("Status: Disabled")), Ok(false));
        assert_eq!(parse_info(&err("Status: Disabled\n")), Ok(false));
        assert_eq!(parse_info(&Output { stderr: remarks, ..out("") }).unwrap_err().why, GapKind::Malformed);
        let denied = exit(1, "pfctl: /dev/pf: Permission denied\n");
        assert_eq!(parse_info(&denied).unwrap_err().why, GapKind::Denied);
        assert_eq!(parse_rules(&denied).unwrap_err().why, GapKind::Denied);
    }

    #[test]
    fn skipped_interfaces_stand_at_the_margin() {
        let text = "all\nen0\n\tCleared:     Sun Nov 22\nlo0 (skip)\n\tnote (skip)\n";
        assert_eq!(parse_skipped(&out(text)).unwrap(), ["lo0"]);
        assert!(parse_skipped(&out("")).is_err());
    }

    #[test]
    fn redirections_that_pass_are_seen() {
        let plain = "rdr-anchor \"com.apple/*\" all\nrdr on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5900\n";
        assert_eq!(has_redirect_past_rules(&out(plain)), Ok(false));
        assert_eq!(has_redirect_past_rules(&out(&plain.replace("rdr on", "rdr pass on"))), Ok(true));
    }

    #[test]
    fn anchors_are_asked_one_by_one() {
        let rules = "anchor \"com.apple/*\" all\nblock drop in all\n";
        let mut tree = crate::host::Tree::new(crate::date::Timestamp(0));
        for (arguments, text) in [
            (&["-s", "info"][..], "Status: Enabled for 0 days 00:00:09\n"),
            (&["-v", "-s", "Interfaces"], "lo0 (skip)\nen0\n"),
            (&["-v", "-s", "Anchors"], "  com.apple\n  com.apple/200.AirDrop\n"),
            (&["-s", "rules"], rules),
            (&["-s", "nat"], ""),
            (&["-a", "com.apple", "-s", "rules"], "anchor \"200.AirDrop/*\" all\n"),
            (&["-a", "com.apple", "-s", "nat"], ""),
            (&["-a", "com.apple/200.AirDrop", "-s", "rules"], ""),
            (&["-a", "com.apple/200.AirDrop", "-s", "nat"], "rdr pass on en0 proto tcp all -> 127.0.0.1\n"),
        ] {
            tree = tree.output(Command::new(PFCTL, arguments), out(text));
        }
        let filter = read(&tree).unwrap();
        assert!(filter.enabled);
        assert_eq!((filter.rulesets.len(), filter.rulesets[0].rules.len()), (3, 2));
        assert_eq!(filter.redirects_past_rules, ["com.apple/200.AirDrop"]);
    }
}
