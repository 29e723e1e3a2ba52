//! What saved rules leave in the kernel, in a form that can be held against what is there.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::ruleset::nftables::{Base, Family};
use crate::facts::ruleset::{Hook, IpFamily, Policy};

/// What one loader leaves in an empty kernel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contents {
    /// Its tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<SavedTable>,
    /// Whether it first throws away what others have loaded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flushes: bool,
    /// Why it may leave more or less than its tables say, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTable {
    /// Which packets it can see.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Written in the language of iptables-save(8), so that it may become a table of either kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub iptables: bool,
    /// Switched off as a whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dormant: bool,
    /// Its chains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<SavedChain>,
    /// Its sets and maps that have a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SavedSet>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedChain {
    /// Its name.
    pub name: String,
    /// Where packets enter it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// In order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<SavedRule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedRule {
    /// Where it is written, and how.
    pub at: Evidence,
    /// The same in the words in which the kernel's rules are put too; empty where that was not possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
}

/// One set or map that has a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedSet {
    /// Its name.
    pub name: String,
    /// Its elements come and go while it is used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// Its elements in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<String>,
    /// Why they are not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
}

impl SavedTable {
    fn sees(&self, family: IpFamily) -> bool {
        match self.family {
            Family::Ip => family == IpFamily::V4,
            Family::Ip6 => family == IpFamily::V6,
            _ => true,
        }
    }

    /// Whether something that drops or rejects can be reached from where packets come in.
    fn drops(&self) -> bool {
        let mut open: Vec<&SavedChain> = self.chains.iter().filter(|chain| chain.is_inbound()).collect();
        let mut seen: std::collections::BTreeSet<&str> =
            open.iter().map(|chain| chain.name.as_str()).collect();
        let by_name: std::collections::BTreeMap<&str, &SavedChain> =
            self.chains.iter().map(|chain| (chain.name.as_str(), chain)).collect();
        while let Some(chain) = open.pop() {
            if chain.base.as_ref().is_some_and(|base| base.policy == Policy::Drop) {
                return true;
            }
            for word in chain.rules.iter().flat_map(|rule| &rule.words) {
                if drops(word) {
                    return true;
                }
                let targets = targets(word).filter(|target| seen.insert(target)).collect::<Vec<_>>();
                open.extend(targets.into_iter().filter_map(|target| by_name.get(target)));
            }
        }
        false
    }
}

/// Whether a word of a rule drops or rejects: `drop`, `-j REJECT`, `vmap { 23 : drop }`.
pub(crate) fn drops(word: &str) -> bool {
    word.starts_with("reject") || matches!(word, "drop" | "-j DROP" | "-j REJECT") || word.contains(": drop")
}

/// The chains that a word of a rule leads to: `jump a`, `-g a`, `{ 22 : jump a, 80 : goto b }`.
pub(crate) fn targets(word: &str) -> impl Iterator<Item = &str> {
    let mut words = word.split([' ', ',']).peekable();
    std::iter::from_fn(move || {
        loop {
            if matches!(words.next()?, "jump" | "goto" | "-j" | "-g") {
                return words.next();
            }
        }
    })
}

impl SavedChain {
    pub(crate) fn is_inbound(&self) -> bool {
        self.base.as_ref().is_some_and(|base| is_inbound(base.hook))
    }
}

/// Whether packets that come in from outside pass it.
pub(crate) fn is_inbound(hook: Hook) -> bool {
    matches!(hook, Hook::Ingress | Hook::Prerouting | Hook::Input | Hook::Other)
}

impl Contents {
    /// Whether it leaves something that drops or rejects packets of a family on their way in.
    pub(super) fn drops(&self, family: IpFamily) -> bool {
        self.tables.iter().any(|table| !table.dormant && table.sees(family) && table.drops())
    }

    pub(super) fn table(&mut self, family: Family, name: &str) -> &mut SavedTable {
        let at = self.tables.iter().position(|table| table.family == family && table.name == name);
        let at = at.unwrap_or_else(|| {
            let (name, chains, sets) = (name.to_owned(), Vec::new(), Vec::new());
            self.tables.push(SavedTable { family, name, iptables: false, dormant: false, chains, sets });
            self.tables.len().saturating_sub(1)
        });
        #[allow(clippy::indexing_slicing, reason = "the place was found or made above")]
        &mut self.tables[at]
    }
}
