//! The legacy tables that `iptables-legacy` and `ip6tables-legacy` load, from the kernel's own structures.

mod entry;
mod table;

use serde::{Deserialize, Serialize};

use super::xtables::{self, Interface, Masked, Match, Number};
use super::{Hook, Policy};
use crate::gap::Gap;
use crate::host::{Host, LARGE, Query, read_text};

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `filter`, `nat`, `mangle`, `raw` or `security`.
    pub name: String,
    /// Built-in chains first.
    pub chains: Vec<Chain>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets enter a built-in chain, and what happens to those that no rule decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// In the order in which packets meet them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What a built-in chain has and others have not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Where on the way of a packet.
    pub hook: Hook,
    /// What happens at its end.
    pub policy: Policy,
}

/// One rule; its number is its place in [`Chain::rules`], from 1. It takes the packets for which all that it tests holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `-s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Masked>,
    /// `-d`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Masked>,
    /// `-i`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Interface>,
    /// `-o`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Interface>,
    /// `-p`, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Number>,
    /// `-f` when true, `! -f` when false: fragments but the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragments: Option<bool>,
    /// What it tests in ways that no version of iptables writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strange: Vec<String>,
    /// `-m`, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// What it does.
    pub target: Target,
}

impl Rule {
    /// Whether it takes every packet.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        let asks_nothing = |one: &Match| matches!(one, Match::Comment(_));
        self.asks_nothing_of_the_header() && self.matches.iter().all(asks_nothing)
    }

    fn asks_nothing_of_the_header(&self) -> bool {
        let Self { source, destination, input, output, protocol, fragments, strange, .. } = self;
        source.is_none()
            && destination.is_none()
            && input.is_none()
            && output.is_none()
            && protocol.is_none()
            && fragments.is_none()
            && strange.is_empty()
    }
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Ends this table's chain; other tables still see the packet.
    Accept,
    /// Ends the packet.
    Drop,
    /// Hands the packet to a program.
    Queue,
    /// Goes back to the chain that jumped here, or to the policy.
    Return,
    /// The rule has no target: it counts.
    Continue,
    /// Goes to a chain and comes back.
    Jump(String),
    /// Goes to a chain and comes back to where this chain was called from.
    Goto(String),
    /// An extension: `REJECT`, `LOG`, `DNAT`.
    Extension(xtables::Target),
    /// A verdict that is none of these.
    Other(i32),
}

/// The tables that exist; a kernel knows no others.
const TABLES: [&str; 5] = ["raw", "mangle", "nat", "filter", "security"];

/// Asks for the tables that the kernel lists in this network namespace. No list means that none was ever used.
pub(super) fn read(host: &dyn Host, ipv6: bool) -> Result<Vec<Table>, Gap> {
    let (path, what) = match ipv6 {
        false => ("/proc/net/ip_tables_names", "the iptables rules: needs root"),
        true => ("/proc/net/ip6_tables_names", "the ip6tables rules: needs root"),
    };
    let names = match read_text(host, path, LARGE) {
        Ok(names) => names,
        Err(gap) if gap.is_absent() => {
            host.stat("/proc/net/dev")?;
            return Ok(Vec::new());
        }
        Err(gap) if gap.why == crate::gap::GapKind::Denied => return Err(Gap::denied(what)),
        Err(gap) => return Err(gap),
    };
    let listed: Vec<&str> = names.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if let Some(strange) = listed.iter().find(|name| !TABLES.contains(name)) {
        return Err(Gap::unsupported(format!(
            "{path} lists the table {strange:?}, which hostduty does not know"
        )));
    }
    TABLES
        .iter()
        .filter(|name| listed.contains(name))
        .map(|name| {
            let table = (*name).to_owned();
            table::decode(&host.query(&Query::LegacyTable { ipv6, table })?, ipv6)
        })
        .collect()
}

fn malformed() -> Gap {
    Gap::malformed("the kernel's answer about a legacy table is not a table of rules")
}
