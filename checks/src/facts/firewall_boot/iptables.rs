//! Tables in the language of iptables-save(8), each rule as options that do not depend on who wrote it.

use super::tables::{Contents, SavedChain, SavedRule, SavedTable};
use crate::evidence::Evidence;
use crate::facts::ruleset::nftables::{Base, Family};
use crate::facts::ruleset::{Hook, Policy};

mod options;

/// Reads a file of saved tables: what it leaves in an empty kernel. A table that comes twice is taken as iptables-restore(8) takes it: the last one counts.
#[cfg(test)]
fn read(path: &str, text: &str, ipv6: bool) -> Contents {
    let mut contents = Contents::default();
    add(&mut contents, path, text, ipv6, false);
    contents
}

/// Adds what a file leaves to what others have left; `keep` stands for `--noflush`.
pub(super) fn add(contents: &mut Contents, path: &str, text: &str, ipv6: bool, keep: bool) {
    let family = if ipv6 { Family::Ip6 } else { Family::Ip };
    let mut table: Option<Open> = None;
    for (line, number) in text.lines().zip(1_u32..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = || Evidence::at(path, number);
        let refused = match (line.strip_prefix('*'), &mut table) {
            (Some(name), None) => {
                let same = |other: &SavedTable| other.name == name.trim() && other.family == family;
                let before = contents.tables.iter().position(same).map(|at| contents.tables.remove(at));
                table = Some(Open::new(name.trim(), family, before.filter(|_| keep)));
                None
            }
            (None, Some(_)) if line == "COMMIT" => {
                contents.tables.extend(table.take().map(|done| done.table));
                None
            }
            (None, Some(table)) => table.line(line, at()).err(),
            (Some(_), Some(_)) => Some("a table begins before the one before it is committed".to_owned()),
            (None, None) => Some("it stands outside of a table".to_owned()),
        };
        if let Some(reason) = refused
            && contents.unclear.len() < 100
        {
            contents.unclear.push(format!("{}: {reason}", at()));
        }
    }
    if let Some(open) = table {
        contents.unclear.push(format!("{path} does not commit its table {}", open.table.name));
    }
}

/// A table that is being read.
struct Open {
    table: SavedTable,
    /// Where each chain is.
    chains: std::collections::BTreeMap<String, usize>,
}

impl Open {
    fn new(name: &str, family: Family, before: Option<SavedTable>) -> Self {
        let (name, chains, sets) = (name.to_owned(), Vec::new(), Vec::new());
        let empty = SavedTable { family, name, iptables: true, dormant: false, chains, sets };
        let table = before.unwrap_or(empty);
        let chains = table.chains.iter().enumerate().map(|(at, chain)| (chain.name.clone(), at)).collect();
        Self { table, chains }
    }

    fn line(&mut self, line: &str, at: Evidence) -> Result<(), String> {
        if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let name = words.next().ok_or("a chain has no name")?;
            let policy = match words.next() {
                Some("ACCEPT") => Some(Policy::Accept),
                Some("DROP") => Some(Policy::Drop),
                Some("-") => None,
                _ => return Err(format!("chain {name} has no policy that hostduty knows")),
            };
            let base = policy.and_then(|policy| base(&self.table.name, name, policy));
            let chain = self.chain(name);
            // A chain of the user's that is there already is emptied.
            if base.is_none() {
                chain.rules.clear();
            }
            chain.base = base;
            return Ok(());
        }
        // Counters may stand before a rule.
        let line = match line.strip_prefix('[') {
            Some(counted) => {
                counted.split_once(']').map(|(_, rule)| rule.trim_start()).ok_or("a rule is cut off")?
            }
            None => line,
        };
        let words = options::split(line)?;
        let (verb, rest) = words.split_first().ok_or("a line is empty")?;
        let (chain, rest) = rest.split_first().ok_or("a rule names no chain")?;
        let ipv6 = self.table.family == Family::Ip6;
        let (words, unclear) = match options::normal(rest, ipv6) {
            Ok(words) => (words, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let shown: String = line.chars().take(200).collect();
        let rule = SavedRule { at: at.says(shown), words, unclear };
        let rules = &mut self.chain(chain).rules;
        match verb.as_str() {
            "-A" | "--append" => rules.push(rule),
            "-I" | "--insert"
                if rest.first().is_none_or(|word| word.parse::<u32>().is_err()) && rules.len() < 2_000 =>
            {
                rules.insert(0, rule);
            }
            "-F" | "--flush" => rules.clear(),
            _ => return Err(format!("hostduty does not follow {verb}")),
        }
        Ok(())
    }

    fn chain(&mut self, name: &str) -> &mut SavedChain {
        let chains = &mut self.table.chains;
        let at = *self.chains.entry(name.to_owned()).or_insert_with(|| {
            chains.push(SavedChain { name: name.to_owned(), base: None, rules: Vec::new() });
            chains.len().saturating_sub(1)
        });
        #[allow(clippy::indexing_slicing, reason = "chains are never taken away")]
        &mut chains[at]
    }
}

/// Where a built-in chain is hooked (linux/netfilter_ipv4.h).
pub(crate) fn base(table: &str, chain: &str, policy: Policy) -> Option<Base> {
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "FORWARD" => Hook::Forward,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    };
    let (kind, priority) = match (table, hook) {
        ("raw", _) => ("filter", -300),
        ("mangle", Hook::Output) => ("route", -150),
        ("mangle", _) => ("filter", -150),
        ("nat", Hook::Prerouting | Hook::Output) => ("nat", -100),
        ("nat", _) => ("nat", 100),
        ("security", _) => ("filter", 50),
        _ => ("filter", 0),
    };
    Some(Base { kind: kind.to_owned(), hook, priority, policy, devices: Vec::new() })
}

/// The options of a rule that a program of ours wrote, in the same form.
pub(crate) fn words(rule: &str, ipv6: bool) -> Result<Vec<String>, String> {
    let words = options::split(rule)?;
    match words.as_slice() {
        [append, _, rest @ ..] if append == "-A" => options::normal(rest, ipv6),
        _ => Err("it is not a rule".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_chains_and_rules() {
        let text = "# by hand\n*filter\n:INPUT DROP [3:4]\n:user - [0:0]\n[1:2] -A INPUT -j user\n-A user -p tcp --dport ssh -j ACCEPT\nCOMMIT\n";
        let contents = read("/etc/iptables/rules.v4", text, false);
        assert_eq!(contents.unclear, [""; 0]);
        let [table] = contents.tables.as_slice() else { panic!("{contents:?}") };
        assert_eq!(table.chains[0].base.as_ref().map(|base| base.policy), Some(Policy::Drop));
        assert_eq!(table.chains[0].rules[0].words, ["-j user"]);
        assert_eq!(table.chains[1].rules[0].words, ["-p tcp", "--dport 22", "-j ACCEPT"]);
        assert_eq!(table.chains[1].rules[0].at.line, Some(6));
        for broken in [
            "-A INPUT -j DROP\n",
            "*filter\n:INPUT DROP\n",
            "*filter\n*nat\nCOMMIT\n",
            "*filter\n-X\nCOMMIT\n",
        ] {
            assert!(!read("x", broken, true).unclear.is_empty(), "{broken:?}");
        }
    }
}
