//! What happens to a new inbound packet that no condition of any rule speaks about.

use std::collections::BTreeMap;

use super::nftables::Family;
use super::program::{self, Program, Then, When};
use super::{Hook, Policy, Ruleset};
use crate::evidence::Evidence;
use crate::gap::Gap;

/// The families of addresses that are judged apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl std::fmt::Display for IpFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// What happens by default to new inbound traffic of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ends here.
    Drops {
        /// The rule or policy that drops it.
        decided_by: Evidence,
        /// How many rules, verdict maps or policies may let something through before that.
        conditional_accepts: usize,
    },
    /// It reaches the sockets.
    Accepts {
        /// The rules or policies that let it through; the places where a rule could be, when there is none.
        decided_by: Vec<Evidence>,
        /// How many rules, verdict maps or policies may drop something nevertheless.
        conditional_drops: usize,
    },
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl Ruleset {
    /// The default outcome for new inbound traffic of a family: the base chains at prerouting and input in the order
    /// of their priority, of nftables and of the legacy tables. An accept ends one base chain, a drop ends the packet.
    /// Rules with conditions are not evaluated, only counted.
    #[must_use]
    pub fn inbound(&self, family: IpFamily) -> Outcome {
        let (mut bases, mut gaps) = (Vec::new(), Vec::new());
        match self.nftables.known() {
            Ok(nftables) => bases.extend(nft_bases(&nftables.tables, family)),
            Err(gap) => gaps.push(gap),
        }
        let legacy = match family {
            IpFamily::V4 => &self.legacy_ipv4,
            IpFamily::V6 => &self.legacy_ipv6,
        };
        match legacy.known() {
            Ok(tables) => bases.extend(legacy_bases(tables, family)),
            Err(gap) => gaps.push(gap),
        }
        bases.sort_by_key(|base| (base.hook, base.priority));
        combine(&bases, &gaps)
    }
}

/// What one base chain says.
struct BaseOutcome {
    hook: Hook,
    priority: i32,
    /// Whether it sees the packets of some devices only.
    partial: bool,
    flow: Flow,
    may_accept: usize,
    may_drop: usize,
}

/// Where the rules without conditions lead.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Flow {
    Drop(Evidence),
    Accept(Evidence),
    Return,
    Unknown(String),
}

fn combine(bases: &[BaseOutcome], gaps: &[Gap]) -> Outcome {
    let whole = || bases.iter().filter(|base| !base.partial);
    // The packet has to pass every chain, so the strictest one that drops is the one to name.
    let drops = whole().filter_map(|base| match &base.flow {
        Flow::Drop(evidence) => Some((base.may_accept, evidence)),
        _ => None,
    });
    if let Some((conditional_accepts, decided_by)) = drops.min_by_key(|(may_accept, _)| *may_accept) {
        return Outcome::Drops { decided_by: decided_by.clone(), conditional_accepts };
    }
    if let Some(gap) = gaps.first() {
        return Outcome::Unknown(gap.to_string());
    }
    let mut decided_by = Vec::new();
    for base in whole() {
        match &base.flow {
            Flow::Unknown(reason) => return Outcome::Unknown(reason.clone()),
            Flow::Accept(evidence) => decided_by.push(evidence.clone()),
            Flow::Drop(_) | Flow::Return => {}
        }
    }
    if decided_by.is_empty() {
        decided_by.push(Evidence::of("nftables").says("no chain sees inbound packets"));
        decided_by.push(Evidence::of("legacy tables").says("no chain sees inbound packets"));
    }
    let total = |sum: usize, base: &BaseOutcome| {
        let by_default = base.partial && matches!(base.flow, Flow::Drop(_) | Flow::Unknown(_));
        sum.saturating_add(base.may_drop).saturating_add(usize::from(by_default))
    };
    Outcome::Accepts { decided_by, conditional_drops: bases.iter().fold(0, total) }
}

fn nft_bases(tables: &[super::nftables::Table], family: IpFamily) -> Vec<BaseOutcome> {
    let mut bases = Vec::new();
    for table in tables.iter().filter(|table| !table.dormant) {
        let seen = match table.family {
            Family::Ip => family == IpFamily::V4,
            Family::Ip6 => family == IpFamily::V6,
            Family::Arp => false,
            Family::Inet | Family::Bridge | Family::Netdev | Family::Other => true,
        };
        if !seen {
            continue;
        }
        let program = program::nft(table, family);
        for chain in &table.chains {
            let Some(base) = &chain.base else { continue };
            let partial = match (table.family, base.hook) {
                (Family::Inet | Family::Ip | Family::Ip6, Hook::Prerouting | Hook::Input) => false,
                (_, Hook::Ingress) | (Family::Bridge, Hook::Prerouting | Hook::Input) => true,
                (Family::Other, _) | (_, Hook::Other) => true,
                _ => continue,
            };
            let walked = walk(&program, &chain.name, base.policy);
            bases.push(BaseOutcome { hook: base.hook, priority: base.priority, partial, ..walked });
        }
    }
    bases
}

fn legacy_bases(tables: &[super::legacy::Table], family: IpFamily) -> Vec<BaseOutcome> {
    let mut bases = Vec::new();
    for table in tables {
        // enum nf_ip_hook_priorities in linux/netfilter_ipv4.h
        let priority = match table.name.as_str() {
            "raw" => -300,
            "mangle" => -150,
            "nat" => -100,
            "security" => 50,
            _ => 0,
        };
        let program = program::legacy(table, family);
        for chain in &table.chains {
            let Some(base) = &chain.base else { continue };
            if matches!(base.hook, Hook::Prerouting | Hook::Input) {
                let walked = walk(&program, &chain.name, base.policy);
                bases.push(BaseOutcome { hook: base.hook, priority, partial: false, ..walked });
            }
        }
    }
    bases
}

/// More chains below each other than this are not followed; the kernel allows 16 (NFT_JUMP_STACK_SIZE).
const DEPTH: usize = 64;

fn walk<'a>(program: &'a Program<'a>, chain: &'a str, policy: Policy) -> BaseOutcome {
    let place =
        |verb: &str| Evidence::of(format!("{} {chain}", program.label)).says(format!("policy {verb}"));
    let mut flows = Flows { program, known: BTreeMap::new() };
    let by_policy = |flow| match (flow, policy) {
        (Flow::Return, Policy::Drop) => (Flow::Drop(place("drop")), true),
        (Flow::Return, Policy::Accept) => (Flow::Accept(place("accept")), true),
        (other, _) => (other, false),
    };
    let (flow, decided_by_policy) = by_policy(flows.flow(chain, 0));
    let mut reach = Reach { program, returns: BTreeMap::new(), may_accept: 0, may_drop: 0 };
    let returns = reach.explore(chain, 0);
    if returns && !decided_by_policy {
        match policy {
            Policy::Accept => reach.may_accept += 1,
            Policy::Drop => reach.may_drop += 1,
        }
    }
    let Reach { may_accept, may_drop, .. } = reach;
    BaseOutcome { hook: Hook::Other, priority: 0, partial: false, flow, may_accept, may_drop }
}

/// Where each chain leads by its rules without conditions; each is looked at once.
struct Flows<'a> {
    program: &'a Program<'a>,
    /// `None` while the chain is being followed.
    known: BTreeMap<&'a str, Option<Flow>>,
}

impl<'a> Flows<'a> {
    fn flow(&mut self, chain: &'a str, depth: usize) -> Flow {
        let label = &self.program.label;
        match self.known.get(chain) {
            Some(Some(flow)) => return flow.clone(),
            Some(None) => return Flow::Unknown(format!("{label} {chain} jumps in a circle")),
            None if depth > DEPTH => return Flow::Unknown(format!("{label} {chain} is too many jumps away")),
            None => {}
        }
        self.known.insert(chain, None);
        let flow = self.follow(chain, depth);
        self.known.insert(chain, Some(flow.clone()));
        flow
    }

    fn follow(&mut self, chain: &'a str, depth: usize) -> Flow {
        let program = self.program;
        let Some(steps) = program.chains.get(chain) else {
            return Flow::Unknown(format!("{} has no chain {chain}, and a rule jumps there", program.label));
        };
        for step in steps {
            let place = || format!("{} {chain} {} {}", program.label, program.counted_by, step.number);
            match (step.when, step.then) {
                (When::Never | When::Sometimes, _) | (_, Then::Nothing) => {}
                (When::Unsure, _) => {
                    return Flow::Unknown(format!(
                        "{} may take every packet: its test is not understood",
                        place()
                    ));
                }
                (When::Always, Then::Accept) => return Flow::Accept(Evidence::of(place()).says("accept")),
                (When::Always, Then::Drop) => return Flow::Drop(Evidence::of(place()).says("drop")),
                (When::Always, Then::Return) => return Flow::Return,
                (When::Always, Then::Goto(target)) => return self.flow(target, depth + 1),
                (When::Always, Then::Jump(target)) => match self.flow(target, depth + 1) {
                    Flow::Return => {}
                    decided => return decided,
                },
                (When::Always, Then::Either(what) | Then::Divert(what)) => {
                    return Flow::Unknown(format!("{} hands every packet to {what}", place()));
                }
            }
        }
        Flow::Return
    }
}

/// What the rules with conditions may do; each chain is looked at once.
struct Reach<'a> {
    program: &'a Program<'a>,
    /// Whether a packet can come back from the chain; `true` while it is being looked at.
    returns: BTreeMap<&'a str, bool>,
    may_accept: usize,
    may_drop: usize,
}

impl<'a> Reach<'a> {
    fn explore(&mut self, chain: &'a str, depth: usize) -> bool {
        if let Some(returns) = self.returns.get(chain) {
            return *returns;
        }
        self.returns.insert(chain, true);
        let returns = match self.program.chains.get(chain) {
            Some(steps) if depth <= DEPTH => self.steps(steps, depth),
            _ => {
                self.either();
                true
            }
        };
        self.returns.insert(chain, returns);
        returns
    }

    fn steps(&mut self, steps: &'a [program::Step<'a>], depth: usize) -> bool {
        let mut returns = false;
        for step in steps.iter().filter(|step| step.when != When::Never) {
            let always = step.when == When::Always;
            let ends = match step.then {
                Then::Nothing => false,
                Then::Accept | Then::Divert(_) => {
                    self.may_accept += 1;
                    always
                }
                Then::Drop => {
                    self.may_drop += 1;
                    always
                }
                Then::Return => {
                    returns = true;
                    always
                }
                Then::Jump(target) => !self.explore(target, depth + 1) && always,
                Then::Goto(target) => {
                    returns |= self.explore(target, depth + 1);
                    always
                }
                Then::Either(_) => {
                    self.either();
                    returns = true;
                    false
                }
            };
            if ends {
                return returns;
            }
        }
        true
    }

    fn either(&mut self) {
        self.may_accept += 1;
        self.may_drop += 1;
    }
}
