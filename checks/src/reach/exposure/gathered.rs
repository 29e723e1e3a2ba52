//! What was found about one socket or published port, and what it comes to.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Access, Reach};
use crate::evidence::Evidence;
use crate::facts::ruleset::IpFamily;
use crate::reach::context::Context;
use crate::reach::program::Free;
use crate::reach::ranges::{Ranges, largest};
use crate::reach::resolve::{Part, Resolved};
use crate::reach::sources::Sources;
use crate::reach::tables::{Origins, Place};
use crate::reach::walk::{End, Tally};
use crate::reach::words;

/// Rules that are named for one socket.
const NAMED: usize = 4;
/// Networks that are named for one socket.
const NETWORKS: usize = 16;

/// What was found about one socket or published port.
#[derive(Default)]
pub(super) struct Gathered {
    open: Vec<Open>,
    /// For one family, or for both.
    unknown: Vec<(Option<IpFamily>, String)>,
    /// The rules and policies that stop most of the others, with how many sources each stops.
    closed: Vec<(u128, IpFamily, Place)>,
    limited: bool,
}

/// Sources that get through.
struct Open {
    family: IpFamily,
    interfaces: u128,
    sources: Sources,
    /// What else a packet needs: a port of its own, another port here.
    needs: Vec<String>,
    by: Option<Place>,
}

/// What one family's walk says in words: the sources by interface, and which interfaces face the internet.
pub(super) struct Outlook<'a> {
    pub(super) context: &'a Context<'a>,
    origins: Origins,
    /// Interfaces that packets come in through from outside, with every source that the kernel takes there.
    domains: Vec<(u128, Ranges)>,
    facing: u128,
    evidence: std::cell::RefCell<Vec<(Option<Place>, Evidence)>>,
}

impl<'a> Outlook<'a> {
    pub(super) fn new(context: &'a Context<'a>, origins: Origins, domains: Vec<(u128, Ranges)>) -> Self {
        let outside = domains.iter().fold(0, |set, (interfaces, _)| set | interfaces);
        let public = words::public(context.family);
        let global = |address: std::net::IpAddr| {
            IpFamily::of(address) == context.family && public.contains(crate::reach::routing::number(address))
        };
        let with_address = context.those(|one| one.addresses.iter().any(|prefix| global(prefix.address)));
        let with_route = context.default_routes();
        let facing = (with_address | with_route) & outside;
        // Where nothing tells which interface faces the internet, each may.
        let facing = if facing == 0 { outside } else { facing };
        Self { context, origins, domains, facing, evidence: std::cell::RefCell::default() }
    }

    pub(super) fn evidence(&self, place: Option<Place>) -> Evidence {
        let mut known = self.evidence.borrow_mut();
        if let Some((_, evidence)) = known.iter().find(|(found, _)| *found == place) {
            return evidence.clone();
        }
        let evidence = match place {
            Some(place) => self.origins.evidence(place, self.context),
            None => Evidence::of("the packet filter")
                .says(format!("no rule speaks of inbound {}", self.context.family)),
        };
        known.push((place, evidence.clone()));
        evidence
    }

    fn domain(&self, interface: u128) -> Option<&Ranges> {
        self.domains.iter().find(|(interfaces, _)| interfaces & interface != 0).map(|(_, sources)| sources)
    }

    fn names(&self, interfaces: u128) -> String {
        let names = self.context.interfaces.iter().take(128).enumerate();
        let names =
            names.filter(|(bit, _)| interfaces >> bit & 1 != 0).map(|(_, interface)| interface.name.as_str());
        words::list(&names.collect::<Vec<_>>())
    }
}

impl Gathered {
    /// Adds everything that became of packets, whatever they were sent to.
    pub(super) fn add_all(&mut self, resolved: &Resolved, outlook: &Outlook<'_>) {
        resolved.parts.iter().for_each(|part| self.add(part, outlook, &[]));
        resolved.stopped.values().for_each(|tally| self.add_stopped(tally, outlook));
    }

    /// Adds what stopped some packets.
    pub(super) fn add_stopped(&mut self, tally: &Tally, outlook: &Outlook<'_>) {
        for (sources, place) in &tally.by {
            self.stops(*sources, outlook.context.family, *place);
        }
    }

    /// Adds what became of some packets. `needs` says what else of them is special.
    pub(super) fn add(&mut self, part: &Part, outlook: &Outlook<'_>, needs: &[String]) {
        match &part.end {
            End::Through => {
                let mut needs = needs.to_vec();
                needs.extend(part.packets.narrowed().iter().filter_map(|(free, values)| need(*free, values)));
                self.limited |= part.chance.is_some();
                self.open.push(Open {
                    family: outlook.context.family,
                    interfaces: part.packets.interfaces,
                    sources: part.packets.sources.clone(),
                    needs,
                    // What no other rule speaks of is let in by the one that sends it on.
                    by: part.by.or(part.state.rewritten_by),
                });
            }
            End::Dropped | End::Rejected => {
                if let Some(place) = part.by {
                    self.stops(part.packets.sources.count(), outlook.context.family, place);
                }
            }
            End::Unknown(reason) => self.doubt(Some(outlook.context.family), reason),
        }
    }

    /// What is not known, of one family or of both.
    pub(super) fn doubt(&mut self, family: Option<IpFamily>, reason: &str) {
        if !self.unknown.iter().any(|(known, text)| *known == family && text == reason) {
            self.unknown.push((family, reason.to_owned()));
        }
    }

    /// Who can reach it over one family.
    fn over(&self, family: IpFamily, anyone: &[IpFamily], inner: Reach) -> Reach {
        let unknown = self.unknown.iter().any(|(one, _)| one.is_none_or(|one| one == family));
        let open = self.open.iter().any(|open| open.family == family);
        match (anyone.contains(&family), unknown, open) {
            (true, ..) => Reach::Anyone,
            (false, true, _) => Reach::Unknown,
            (false, false, true) => Reach::Networks,
            (false, false, false) => inner,
        }
    }

    fn stops(&mut self, sources: u128, family: IpFamily, place: Place) {
        let weight = weight(sources, family);
        match self.closed.iter_mut().find(|(_, known, at)| (*known, *at) == (family, place)) {
            Some((sum, ..)) => *sum = sum.saturating_add(weight),
            None => self.closed.push((weight, family, place)),
        }
        self.closed.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
        self.closed.truncate(NAMED);
    }

    /// Whether nothing from outside gets through for sure.
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_empty() && self.unknown.is_empty()
    }

    /// What it comes to. `inner` says what is left where nobody from outside gets through.
    pub(super) fn access(self, outlooks: &[&Outlook<'_>], inner: Reach) -> Access {
        let (mut from, mut anyone): (Vec<String>, Vec<IpFamily>) = (Vec::new(), Vec::new());
        for outlook in outlooks {
            let own: Vec<&Open> =
                self.open.iter().filter(|open| open.family == outlook.context.family).collect();
            // What takes more than the right source is said apart.
            let mut kinds: Vec<&[String]> = own.iter().map(|open| open.needs.as_slice()).collect();
            kinds.sort();
            kinds.dedup();
            for needs in kinds {
                let of_kind = own.iter().filter(|open| open.needs == needs);
                for (interfaces, sources) in by_interfaces(of_kind.copied()) {
                    if interfaces & outlook.facing != 0 && words::is_most(&sources, outlook.context.family) {
                        anyone.push(outlook.context.family);
                    }
                    from.extend(describe(outlook, interfaces, &sources, needs));
                }
            }
        }
        from.dedup();
        let (ipv4, ipv6) = (self.over(IpFamily::V4, &anyone, inner), self.over(IpFamily::V6, &anyone, inner));
        let reach = ipv4.min(ipv6);
        // What is open to some and not known for others is not known.
        let doubtful = reach == Reach::Networks && !self.unknown.is_empty();
        let reach = if doubtful { Reach::Unknown } else { reach };
        // What lets most sources in is named first.
        let mut widest: Vec<&Open> = self.open.iter().collect();
        widest.sort_by_key(|open| std::cmp::Reverse(weight(open.sources.count(), open.family)));
        let open = widest.iter().map(|open| (open.family, open.by));
        let closed = self.closed.iter().map(|(_, family, place)| (*family, Some(*place)));
        let places: Vec<(IpFamily, Option<Place>)> =
            if self.open.is_empty() { closed.collect() } else { open.collect() };
        let mut decided_by: Vec<Evidence> = Vec::new();
        let mut seen: Vec<(IpFamily, Option<Place>)> = Vec::new();
        for (family, place) in places {
            let Some(outlook) = outlooks.iter().find(|outlook| outlook.context.family == family) else {
                continue;
            };
            if decided_by.len() < NAMED && !seen.contains(&(family, place)) {
                seen.push((family, place));
                let evidence = outlook.evidence(place);
                if !decided_by.contains(&evidence) {
                    decided_by.push(evidence);
                }
            }
        }
        let reason = self.unknown.into_iter().next().map(|(_, reason)| reason);
        Access { reach, ipv4, ipv6, from, decided_by, rate_limited: self.limited, reason }
    }
}

/// How much so many sources matter beside those of the other family. All of IPv4 comes before all of IPv6.
fn weight(sources: u128, family: IpFamily) -> u128 {
    if family == IpFamily::V6 { sources >> 98 } else { sources }
}

/// What a packet needs besides the right source, in words; nothing that every usual sender has.
fn need(free: Free, values: &Ranges) -> Option<String> {
    if free.is_usual(values) {
        return None;
    }
    let shown: Vec<String> = values
        .as_slice()
        .iter()
        .take(3)
        .map(|(first, last)| match (free, first == last) {
            (Free::SourceMac, true) => mac(*first),
            (Free::SourceMac, false) => format!("{}-{}", mac(*first), mac(*last)),
            (_, true) => first.to_string(),
            (_, false) => format!("{first}-{last}"),
        })
        .collect();
    let more = if values.as_slice().len() > 3 { " or others" } else { "" };
    Some(format!("when {} is {}{more}", free.name(), shown.join(" or ")))
}

fn mac(number: u128) -> String {
    let bytes = number.to_be_bytes();
    let pairs: Vec<String> = bytes.iter().skip(10).map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// The sources of each interface, those with the same sources together.
fn by_interfaces<'o>(open: impl Iterator<Item = &'o Open> + Clone) -> Vec<(u128, Ranges)> {
    let every = open.clone().fold(0, |set, one| set | one.interfaces);
    let mut groups: Vec<(u128, Ranges)> = Vec::new();
    let mut seen: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for bit in (0..128).filter(|bit| every >> bit & 1 != 0) {
        let parts: Vec<&Open> = open.clone().filter(|one| one.interfaces >> bit & 1 != 0).collect();
        // Interfaces of the same parts have the same sources, and are many where there are many interfaces.
        let key: Vec<usize> = parts.iter().map(|one| std::ptr::from_ref(*one) as usize).collect();
        if let Some(at) = seen.get(&key) {
            if let Some((interfaces, _)) = groups.get_mut(*at) {
                *interfaces |= 1 << bit;
            }
            continue;
        }
        // The short lists first, so that the long ones are gone through once.
        let mut lists: Vec<Rc<Ranges>> = parts.iter().map(|one| one.sources.ranges()).collect();
        lists.sort_by_key(|list| list.as_slice().len());
        let sources: Ranges = lists.iter().fold(Ranges::none(), |sum, list| sum.or(list));
        let at = match groups.iter().position(|(_, known)| *known == sources) {
            Some(at) => at,
            None => {
                groups.push((0, sources));
                groups.len() - 1
            }
        };
        seen.insert(key, at);
        if let Some((interfaces, _)) = groups.get_mut(at) {
            *interfaces |= 1 << bit;
        }
    }
    groups
}

/// Sources in words: all of them, all but some, or some networks; on which interfaces, where that matters.
fn describe(outlook: &Outlook<'_>, interfaces: u128, sources: &Ranges, needs: &[String]) -> Vec<String> {
    let family = outlook.context.family;
    let bit = 1_u128 << interfaces.trailing_zeros();
    let all = Ranges::all(family.bits());
    let domain = outlook.domain(bit).cloned().unwrap_or_else(|| all.clone());
    let missing = domain.without(sources);
    let names = match (missing.is_empty(), words::is_most(sources, family)) {
        (true, _) => words::networks(&all, family, 1),
        (false, true) => {
            let but = words::networks(&missing, family, 3).join(", ");
            vec![format!("{} but {but}", words::networks(&all, family, 1).concat())]
        }
        (false, false) => words::networks(&filled(sources, &domain, family), family, NETWORKS),
    };
    let outside = outlook.domains.iter().fold(0, |set, (interfaces, _)| set | interfaces);
    let place = if interfaces & outside == outside {
        String::new()
    } else {
        format!(" on {}", outlook.names(interfaces))
    };
    let needs = needs.iter().map(|need| format!(" {need}")).collect::<String>();
    names.into_iter().map(|name| format!("{name}{place}{needs}")).collect()
}

/// The sources without holes for those that no packet can have, such as the machine's own addresses.
fn filled(sources: &Ranges, domain: &Ranges, family: IpFamily) -> Ranges {
    let never = Ranges::all(family.bits()).without(domain);
    let within = |number: Option<u128>| {
        number.is_none_or(|number| sources.contains(number) || number > largest(family.bits()))
    };
    let beside = |(first, last): &&(u128, u128)| within(first.checked_sub(1)) && within(last.checked_add(1));
    never.as_slice().iter().filter(beside).chain(sources.as_slice()).copied().collect()
}
