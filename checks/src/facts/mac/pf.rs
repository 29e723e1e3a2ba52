//! The packet filter of macOS, pf(4), as the kernel prints it through pfctl(8).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::pf_rule::{self, Action, HostSet, Names, Rule};
use super::{both, refusal};
use crate::facts::network::Prefix;
use crate::gap::{Gap, Reading};
use crate::host::{self, Command, Host, Output};

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
    /// The tables that rules name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
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
    /// Its redirections of what comes in, of which the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirections: Vec<Rule>,
}

/// A table, as the rules of one anchor see it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// The anchor of those rules; empty for the main rules.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub anchor: String,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub holds: Reading<Vec<Prefix>>,
    /// What is not, although a larger network around it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Prefix>,
}

/// More anchors, rules or tables than these are refused; a Mac as Apple ships it has fewer than ten of each.
const ANCHORS: usize = 64;
const RULES: usize = 2_000;
const TABLES: usize = 64;
/// A table with more addresses than these is a gap.
const ADDRESSES: usize = 10_000;
const PFCTL: &str = "/sbin/pfctl";

/// Asks pfctl for everything. Needs root.
pub(super) fn read(host: &dyn Host) -> Result<PacketFilter, Gap> {
    let ask = |arguments: &[&str]| host.run(&Command::new(PFCTL, arguments));
    let mut filter = PacketFilter { enabled: parse_info(&ask(&["-s", "info"])?)?, ..PacketFilter::default() };
    filter.skipped = parse_skipped(&ask(&["-v", "-s", "Interfaces"])?)?;
    let anchors = parse_anchors(&ask(&["-v", "-s", "Anchors"])?)?;
    let names = host::read_text(host, "/etc/services", host::LARGE).map(|text| Names::new(&text));
    let names = names.unwrap_or_default();
    let mut left = RULES;
    for anchor in std::iter::once("").chain(anchors.iter().map(String::as_str)) {
        let place: &[&str] = if anchor.is_empty() { &[] } else { &["-a", anchor] };
        let mut rulesets = parse_rules(anchor, &ask(&[place, &["-s", "rules"]].concat())?, &names)?;
        let redirections = parse_redirections(&ask(&[place, &["-s", "nat"]].concat())?, &names)?;
        let rules = rulesets.iter().map(|set| set.rules.len()).sum::<usize>();
        let rules = rules.saturating_add(redirections.len());
        left = left.checked_sub(rules).ok_or_else(|| Gap::too_large("the ruleset of pf"))?;
        if redirections.iter().any(past_rules) {
            let name = if anchor.is_empty() { "main" } else { anchor };
            filter.redirects_past_rules.push(name.to_owned());
        }
        if let Some(own) = rulesets.first_mut() {
            own.redirections = redirections;
        }
        filter.rulesets.extend(rulesets);
    }
    filter.tables = tables(host, &filter)?;
    Ok(filter)
}

fn past_rules(rule: &Rule) -> bool {
    rule.target.as_ref().is_some_and(|target| target.past_rules)
        || (rule.action == Action::NotUnderstood && rule.text.split_whitespace().nth(1) == Some("pass"))
}

/// Every table that a rule names: that of its anchor, else that of the main rules, else an empty one.
fn tables(host: &dyn Host, filter: &PacketFilter) -> Result<Vec<Table>, Gap> {
    let mut named: BTreeSet<(&str, &str)> = BTreeSet::new();
    for set in &filter.rulesets {
        // Rules without an anchor of their own use the tables of the one around them.
        let anchor = set.anchor.split("/{").next().unwrap_or_default();
        for hosts in set.rules.iter().chain(&set.redirections).flat_map(|rule| [&rule.from, &rule.to]) {
            if let Some(HostSet::Table(name)) = hosts.as_ref().map(|hosts| &hosts.of) {
                named.insert((anchor, name));
            }
        }
    }
    if named.len() > TABLES {
        return Err(Gap::too_large("the list of pf's tables"));
    }
    let ask = |anchor: &str, name: &str| {
        let place: &[&str] = if anchor.is_empty() { &[] } else { &["-a", anchor] };
        parse_table(&host.run(&Command::new(PFCTL, &[place, &["-t", name, "-T", "show"]].concat()))?)
    };
    let one = |(anchor, name): (&str, &str)| {
        let found = match ask(anchor, name) {
            Err(gap) if gap.is_absent() && !anchor.is_empty() => ask("", name),
            other => other,
        };
        let (holds, without) = match found {
            Ok((holds, without)) => (Ok(holds), without),
            Err(gap) if gap.is_absent() => (Ok(Vec::new()), Vec::new()),
            Err(gap) => (Err(gap), Vec::new()),
        };
        Table { anchor: anchor.to_owned(), name: name.to_owned(), holds: holds.into(), without }
    };
    Ok(named.into_iter().map(one).collect())
}

/// `pfctl -t NAME -T show`: an address or network a line, `!` before those that are left out.
pub fn parse_table(output: &Output) -> Result<(Vec<Prefix>, Vec<Prefix>), Gap> {
    if output.status != 0 && both(output).contains("does not exist") {
        return Err(Gap::absent("the table"));
    }
    let (mut holds, mut without) = (Vec::new(), Vec::new());
    for line in lines(output, "pfctl -T show")? {
        let word = line.trim();
        let (list, word) = match word.strip_prefix('!') {
            Some(rest) => (&mut without, rest.trim()),
            None => (&mut holds, word),
        };
        list.push(
            pf_rule::network(word)
                .ok_or_else(|| Gap::malformed("a table of pf holds something that hostduty does not know"))?,
        );
        if holds.len().max(without.len()) > ADDRESSES {
            return Err(Gap::too_large("a table of pf"));
        }
    }
    Ok((holds, without))
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

/// `pfctl -s rules` of an anchor, in the form that the kernel gives to rules: one a line, lists expanded. Anchors without a
/// name of their own stand in braces; each becomes a ruleset of its own behind that of the anchor.
pub fn parse_rules(anchor: &str, output: &Output, names: &Names) -> Result<Vec<Ruleset>, Gap> {
    let started = |anchor: String| Ruleset { anchor, ..Ruleset::default() };
    let mut sets = vec![started(anchor.to_owned())];
    // The places of the rulesets that are open, outermost first.
    let mut open = vec![0_usize];
    for line in lines(output, "pfctl -s rules")? {
        if line.trim() == "}" {
            open.pop();
            if open.is_empty() {
                return Err(Gap::malformed("`pfctl -s rules` closes more braces than it opens"));
            }
            continue;
        }
        let Some(mut rule) = pf_rule::parse(&line, names) else { continue };
        let count = sets.len();
        let Some(own) = open.last().and_then(|at| sets.get_mut(*at)) else { continue };
        if rule.action == Action::Anchor && line.trim_end().ends_with('{') {
            let name = format!("/{anchor}/{{{count}}}").replace("//", "/");
            rule.anchor = Some(name.clone());
            own.rules.push(rule);
            sets.push(started(name.trim_start_matches('/').to_owned()));
            open.push(count);
            if open.len() > ANCHORS || count > RULES {
                return Err(Gap::too_large("the ruleset of pf"));
            }
        } else {
            own.rules.push(rule);
        }
    }
    if open.len() > 1 {
        return Err(Gap::malformed("`pfctl -s rules` ends within braces"));
    }
    Ok(sets)
}

/// `pfctl -s nat`: what is redirected.
pub fn parse_redirections(output: &Output, names: &Names) -> Result<Vec<Rule>, Gap> {
    let lines = lines(output, "pfctl -s nat")?;
    Ok(lines.iter().filter_map(|line| pf_rule::redirection(line, names)).collect())
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

/// The lines of an answer that pfctl gave with success. Its remarks about ALTQ go to standard error.
fn lines(output: &Output, command: &str) -> Result<Vec<String>, Gap> {
    if output.status != 0 {
        return Err(refusal(command, output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim_end().to_owned()).collect())
}

#[cfg(test)]
mod tests;
