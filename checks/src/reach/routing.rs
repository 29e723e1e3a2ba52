//! The routing tables as sets of addresses: which are this machine's, and through which interface others are reached.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::ranges::Ranges;
use crate::facts::network::{Network, Prefix, Route, RuleAction};
use crate::facts::ruleset::IpFamily;

/// RTN_* in linux/rtnetlink.h.
pub(crate) const UNICAST: u8 = 1;
pub(crate) const LOCAL: u8 = 2;
pub(crate) const BROADCAST: u8 = 3;
pub(crate) const ANYCAST: u8 = 4;
pub(crate) const MULTICAST: u8 = 5;
/// A route that makes the lookup go on with the next table.
const THROW: u8 = 9;

/// RT_TABLE_LOCAL, which the kernel asks before the others.
const LOCAL_TABLE: u32 = 255;

/// What the routing tables say of every address of one family.
pub(crate) struct Routing {
    /// By RTN_*.
    kinds: BTreeMap<u8, Rc<Ranges>>,
    /// Unicast addresses by the index of the interface that they are reached through.
    through: BTreeMap<u32, Rc<Ranges>>,
    /// Ranges with the place of their route, in order.
    pieces: Vec<(u128, u128, usize)>,
    routes: Vec<Route>,
    /// Why what is not local may be routed in another way.
    doubt: Option<Rc<str>>,
    family: IpFamily,
}

/// Where a packet to an address goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Way {
    /// It stays here.
    Here,
    /// It leaves through one of these interfaces (indexes).
    Through(Vec<u32>),
    /// No route leads there, or one that drops it.
    Nowhere,
    /// It is a broadcast or multicast address.
    Many,
    /// It stays here, but no connection of TCP comes about (tcp_v6_conn_request): a forwarding machine answers to the
    /// first address of each of its networks.
    Anycast,
    Unknown(Rc<str>),
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// A number as an address.
pub(crate) fn address(number: u128, family: IpFamily) -> IpAddr {
    match family {
        IpFamily::V4 => IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()),
        IpFamily::V6 => IpAddr::V6(number.into()),
    }
}

impl IpFamily {
    /// Bits of an address.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The family of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

pub(crate) fn prefix(prefix: &Prefix) -> Ranges {
    let bits = IpFamily::of(prefix.address).bits();
    Ranges::prefix(number(prefix.address), u32::from(prefix.length).min(bits), bits)
}

impl Routing {
    pub(crate) fn new(network: &Network, family: IpFamily) -> Self {
        let ipv6 = family == IpFamily::V6;
        let mut doubt: Option<Rc<str>> = None;
        let mut doubted = |reason: String| {
            doubt.get_or_insert_with(|| reason.into());
        };
        let mut tables: Vec<u32> = Vec::new();
        match network.rules.known() {
            Err(gap) => doubted(gap.to_string()),
            Ok(rules) => {
                let mut rules: Vec<_> = rules.iter().filter(|rule| rule.ipv6 == ipv6).collect();
                rules.sort_by_key(|rule| rule.priority);
                for rule in rules {
                    match rule.action {
                        RuleAction::Table(table)
                            if rule.takes_everything() && rule.suppress_prefix_length.is_none() =>
                        {
                            tables.push(table);
                        }
                        RuleAction::Nop => {}
                        // Without VRFs the rule that looks into their tables finds none.
                        _ if rule.vrf
                            && !network.interfaces.iter().any(|interface| interface.kind == "vrf") => {}
                        // Whatever comes after it may or may not be asked.
                        _ => doubted(format!(
                            "the routing rule of priority {} is not evaluated",
                            rule.priority
                        )),
                    }
                }
            }
        }
        if tables.is_empty() {
            // RT_TABLE_LOCAL and _MAIN, as a kernel without policy routing has them.
            tables = vec![LOCAL_TABLE, 254];
        }
        let routes: Vec<Route> = match network.routes.known() {
            Ok(routes) => {
                let own = |route: &&Route| IpFamily::of(route.to.address) == family && route.alive;
                routes.iter().filter(own).filter(|route| route.kind != THROW).cloned().collect()
            }
            Err(gap) => {
                doubted(gap.to_string());
                Vec::new()
            }
        };
        if let Some(route) = routes.iter().find(|route| route.from.is_some() || route.tos != 0) {
            doubted(format!("the route to {} holds for some packets only", route.to));
        }
        let mut pieces: Vec<(u128, u128, usize)> = Vec::new();
        let mut covered = Ranges::none();
        for table in tables {
            let found = most_specific(&routes, table);
            let area: Ranges = found.iter().map(|(first, last, _)| (*first, *last)).collect();
            for (first, last, route) in found {
                let rest = Ranges::range(first, last).without(&covered);
                pieces.extend(rest.as_slice().iter().map(|(first, last)| (*first, *last, route)));
            }
            covered = covered.or(&area);
        }
        pieces.sort_unstable();
        let mut kinds: BTreeMap<u8, Vec<(u128, u128)>> = BTreeMap::new();
        let mut through: BTreeMap<u32, Vec<(u128, u128)>> = BTreeMap::new();
        for (first, last, at) in &pieces {
            let Some(route) = routes.get(*at) else { continue };
            kinds.entry(route.kind).or_default().push((*first, *last));
            if route.kind == UNICAST {
                for index in &route.through {
                    through.entry(*index).or_default().push((*first, *last));
                }
            }
        }
        // What inet_addr_type and ipv6_addr_type say before they look into any table.
        kinds.entry(MULTICAST).or_default().push(many(family));
        if !ipv6 {
            kinds.entry(BROADCAST).or_default().push((0xffff_ffff, 0xffff_ffff));
        }
        let sets = |list: Vec<(u128, u128)>| Rc::new(list.into_iter().collect::<Ranges>());
        Self {
            kinds: kinds.into_iter().map(|(kind, list)| (kind, sets(list))).collect(),
            through: through.into_iter().map(|(index, list)| (index, sets(list))).collect(),
            pieces,
            routes,
            doubt,
            family,
        }
    }

    /// The addresses of a kind (RTN_*).
    pub(crate) fn kind(&self, kind: u8) -> Result<Rc<Ranges>, Rc<str>> {
        match &self.doubt {
            // The table of local addresses comes first.
            Some(doubt) if !matches!(kind, LOCAL | BROADCAST | ANYCAST | MULTICAST) => Err(Rc::clone(doubt)),
            _ => Ok(self.kinds.get(&kind).cloned().unwrap_or_default()),
        }
    }

    /// The unicast addresses that are reached through an interface, by its index.
    pub(crate) fn through(&self, index: u32) -> Result<Rc<Ranges>, Rc<str>> {
        match &self.doubt {
            Some(doubt) => Err(Rc::clone(doubt)),
            None => Ok(self.through.get(&index).cloned().unwrap_or_default()),
        }
    }

    /// The interfaces that the route to this address leads through, where it is not the default route.
    pub(crate) fn connected(&self, number: u128) -> Option<&[u32]> {
        let at = self.pieces.partition_point(|(_, last, _)| *last < number);
        let (_, _, route) = self.pieces.get(at).filter(|(first, ..)| *first <= number)?;
        let route = self.routes.get(*route)?;
        (route.kind == UNICAST && route.to.length > 0).then_some(route.through.as_slice())
    }

    /// Where a packet to this address goes.
    pub(crate) fn way(&self, number: u128) -> Way {
        let (first, last) = many(self.family);
        let limited = self.family == IpFamily::V4 && number == 0xffff_ffff;
        if limited || (first..=last).contains(&number) {
            return Way::Many;
        }
        let at = self.pieces.partition_point(|(_, last, _)| *last < number);
        let found = self.pieces.get(at).filter(|(first, ..)| *first <= number);
        let route = found.and_then(|(_, _, route)| self.routes.get(*route));
        match (route, &self.doubt) {
            (Some(route), _) if route.kind == LOCAL => Way::Here,
            (Some(route), _) if matches!(route.kind, BROADCAST | MULTICAST) => Way::Many,
            (Some(route), _) if route.kind == ANYCAST && self.family == IpFamily::V6 => Way::Anycast,
            (_, Some(doubt)) => Way::Unknown(Rc::clone(doubt)),
            (Some(route), None) if route.kind == UNICAST => Way::Through(route.through.clone()),
            _ => Way::Nowhere,
        }
    }
}

/// The multicast addresses.
fn many(family: IpFamily) -> (u128, u128) {
    match family {
        IpFamily::V4 => (0xe000_0000, 0xefff_ffff),
        IpFamily::V6 => (0xff << 120, u128::MAX),
    }
}

/// The ranges of a table, each with the route of the longest prefix; of several the one with the smallest metric.
fn most_specific(routes: &[Route], table: u32) -> Vec<(u128, u128, usize)> {
    let mut sorted: Vec<(u128, u128, u8, u32, usize)> = Vec::new();
    for (at, route) in routes.iter().enumerate().filter(|(_, route)| route.table == table) {
        if let [(first, last)] = prefix(&route.to).as_slice() {
            sorted.push((*first, *last, route.to.length, route.metric, at));
        }
    }
    sorted.sort_unstable_by_key(|(first, _, length, metric, at)| (*first, *length, *metric, *at));
    sorted.dedup_by_key(|(first, _, length, ..)| (*first, *length));
    // Prefixes nest: those that are open stand on a stack, the most specific one on top.
    let mut pieces = Vec::new();
    let mut open: Vec<(u128, usize)> = Vec::new();
    let mut next = Some(0_u128);
    let close =
        |open: &mut Vec<(u128, usize)>, next: &mut Option<u128>, until: Option<u128>, pieces: &mut Vec<_>| {
            while let Some((last, route)) = open.last().copied() {
                if until.is_some_and(|until| last >= until) {
                    break;
                }
                open.pop();
                if let Some(start) = next.filter(|start| *start <= last) {
                    pieces.push((start, last, route));
                    *next = last.checked_add(1);
                }
            }
        };
    for (first, last, _, _, route) in sorted {
        close(&mut open, &mut next, Some(first), &mut pieces);
        if let (Some((_, outer)), Some(start)) = (open.last(), next)
            && start < first
        {
            pieces.push((start, first - 1, *outer));
        }
        next = Some(first);
        open.push((last, route));
    }
    close(&mut open, &mut next, None, &mut pieces);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::Reading;

    fn route(to: &str, table: u32, kind: u8, through: &[u32]) -> Route {
        let to = to.parse().unwrap();
        Route { to, from: None, table, kind, tos: 0, metric: 0, through: through.to_vec(), alive: true }
    }

    fn way(routing: &Routing, address: &str) -> Way {
        routing.way(number(address.parse().unwrap()))
    }

    #[test]
    fn the_longest_prefix_decides_and_the_local_table_comes_first() {
        let routes = vec![
            route("0.0.0.0/0", 254, UNICAST, &[2]),
            route("10.0.0.0/8", 254, UNICAST, &[3]),
            route("10.1.0.0/16", 254, 6, &[]),
            route("10.1.2.0/24", 254, UNICAST, &[4, 5]),
            route("10.0.0.1/32", 255, LOCAL, &[3]),
            route("10.255.255.255/32", 255, BROADCAST, &[3]),
        ];
        let network = Network {
            routes: Reading::Known(routes),
            rules: Reading::Known(Vec::new()),
            ..Network::default()
        };
        let routing = Routing::new(&network, IpFamily::V4);
        assert_eq!(way(&routing, "192.0.2.1"), Way::Through(vec![2]));
        assert_eq!(way(&routing, "10.9.9.9"), Way::Through(vec![3]));
        assert_eq!(way(&routing, "10.1.9.9"), Way::Nowhere);
        assert_eq!(way(&routing, "10.1.2.9"), Way::Through(vec![4, 5]));
        assert_eq!(way(&routing, "10.2.0.0"), Way::Through(vec![3]));
        assert_eq!(way(&routing, "10.0.0.1"), Way::Here);
        assert_eq!(way(&routing, "10.255.255.255"), Way::Many);
        assert_eq!(way(&routing, "11.0.0.0"), Way::Through(vec![2]));
        assert_eq!(way(&routing, "255.255.255.255"), Way::Many);
        assert_eq!(way(&routing, "224.0.0.251"), Way::Many);
        assert_eq!(routing.kind(LOCAL).unwrap().count(), 1);
        assert_eq!(routing.through(4).unwrap().count(), 256);
        let three = routing.through(3).unwrap();
        assert!(three.contains(number("10.0.0.2".parse().unwrap())));
        assert!(!three.contains(number("10.1.0.0".parse().unwrap())));
        assert_eq!(Routing::new(&network, IpFamily::V6).way(1), Way::Nowhere);
    }

    #[test]
    fn a_rule_that_chooses_by_more_than_the_destination_leaves_all_but_local_addresses_in_doubt() {
        let rules = r#"
            rules.known = [
                { ipv6 = true, priority = 32766, action = { table = 254 } },
                { ipv6 = true, priority = 0, action = { table = 255 } },
                { ipv6 = true, priority = 100, action = { table = 7 }, from = "2001:db8::/32" },
            ]"#;
        let mut network: Network = toml::from_str(rules).unwrap();
        let routes = vec![route("::1/128", 255, LOCAL, &[1]), route("::/0", 254, UNICAST, &[2])];
        network.routes = Reading::Known(routes);
        let routing = Routing::new(&network, IpFamily::V6);
        assert_eq!(way(&routing, "::1"), Way::Here);
        assert!(matches!(way(&routing, "2001:db8::1"), Way::Unknown(_)));
        assert!(routing.kind(UNICAST).is_err() && routing.kind(LOCAL).is_ok());
    }
}
