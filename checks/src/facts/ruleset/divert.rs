//! Rules that send inbound packets elsewhere before the input chains see them, as Docker does for published ports.

use std::collections::BTreeSet;

use super::nftables::Family;
use super::program::{self, Program, Then, When};
use super::{Hook, IpFamily, Ruleset};
use crate::evidence::Evidence;

impl Ruleset {
    /// The rules at prerouting that may rewrite where inbound traffic of a family goes (`dnat`, `redirect`, `tproxy`).
    /// Such a packet can reach a program without a socket of this machine, or one on another port, and what is
    /// forwarded to a container never meets the input chains.
    #[must_use]
    pub fn diverted(&self, family: IpFamily) -> Vec<Evidence> {
        let mut found = Vec::new();
        let tables = self.nftables.value().map_or(&[][..], |nftables| &nftables.tables);
        for table in tables.iter().filter(|table| !table.dormant) {
            let seen = match table.family {
                Family::Ip => family == IpFamily::V4,
                Family::Ip6 => family == IpFamily::V6,
                Family::Inet => true,
                _ => false,
            };
            let early = |hook| matches!(hook, Hook::Ingress | Hook::Prerouting);
            let bases =
                table.chains.iter().filter(|chain| chain.base.as_ref().is_some_and(|base| early(base.hook)));
            if seen {
                collect(&program::nft(table, family), bases.map(|chain| chain.name.as_str()), &mut found);
            }
        }
        let legacy = match family {
            IpFamily::V4 => &self.legacy_ipv4,
            IpFamily::V6 => &self.legacy_ipv6,
        };
        for table in legacy.value().into_iter().flatten() {
            let at_prerouting = |chain: &&super::legacy::Chain| {
                chain.base.as_ref().is_some_and(|base| base.hook == Hook::Prerouting)
            };
            let bases = table.chains.iter().filter(at_prerouting).map(|chain| chain.name.as_str());
            collect(&program::legacy(table, family), bases, &mut found);
        }
        found
    }
}

/// Adds the diverting rules of these chains and of those that they lead to; each chain is looked at once.
fn collect<'a>(program: &Program<'a>, bases: impl Iterator<Item = &'a str>, found: &mut Vec<Evidence>) {
    let mut open: Vec<&str> = bases.collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(chain) = open.pop() {
        for step in program.chains.get(chain).into_iter().flatten().filter(|step| step.when != When::Never) {
            match step.then {
                Then::Divert(name) => found.push(
                    Evidence::of(format!("{} {chain} {} {}", program.label, program.counted_by, step.number))
                        .says(name),
                ),
                Then::Jump(target) | Then::Goto(target) if seen.insert(target) => open.push(target),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    const DOCKER: &str = r#"
[ruleset.known.nftables.known]
[[ruleset.known.nftables.known.tables]]
family = "ip"
name = "nat"
[[ruleset.known.nftables.known.tables.chains]]
name = "PREROUTING"
handle = 1
base = { kind = "nat", hook = "prerouting", priority = -100, policy = "accept" }
rules = [{ handle = 5, expressions = [{ match = { other = { name = "addrtype" } } }, { verdict = { jump = "DOCKER" } }] }]
[[ruleset.known.nftables.known.tables.chains]]
name = "DOCKER"
handle = 2
rules = [{ handle = 6, expressions = [{ match = { other = { name = "tcp" } } }, { target = { other = { name = "DNAT" } } }] }, { handle = 7, expressions = [{ verdict = { jump = "DOCKER" } }] }]
[[ruleset.known.nftables.known.tables.chains]]
name = "POSTROUTING"
handle = 3
base = { kind = "nat", hook = "postrouting", priority = 100, policy = "accept" }
rules = [{ handle = 8, expressions = [{ target = { other = { name = "MASQUERADE" } } }] }]
"#;

    #[test]
    fn what_docker_publishes_is_found_and_what_leaves_is_not() {
        let facts: Facts = toml::from_str(DOCKER).unwrap();
        let ruleset = facts.ruleset.known().unwrap();
        assert_eq!(ruleset.diverted(IpFamily::V4), [Evidence::of("ip nat DOCKER handle 6").says("DNAT")]);
        assert!(ruleset.diverted(IpFamily::V6).is_empty());
        assert!(Ruleset::default().diverted(IpFamily::V4).is_empty());
    }
}
