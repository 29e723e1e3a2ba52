//! The hosts that a condition of pf names, as sets of addresses.

use std::collections::BTreeMap;

use super::number;
use crate::facts::mac::interfaces::Interface;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::mac::pf_rule::{HostSet, Hosts};
use crate::facts::network::Prefix;
use crate::reach::ranges::Ranges;

/// Tables by anchor and name, for both families; nothing where the content is not known.
pub(super) struct Tables<'a>(BTreeMap<(&'a str, &'a str), Option<Content>>);

/// What is in a table: of IPv4, and of IPv6.
type Content = [Ranges; 2];

impl<'a> Tables<'a> {
    pub(super) fn new(filter: &'a PacketFilter) -> Self {
        let content = |table: &'a crate::facts::mac::pf::Table| {
            let holds = table.holds.value()?;
            Some(["inet", "inet6"].map(|family| longest_prefix(holds, &table.without, family)))
        };
        let named =
            filter.tables.iter().map(|table| ((table.anchor.as_str(), table.name.as_str()), content(table)));
        Self(named.collect())
    }

    fn get<'t>(&'t self, anchor: &'t str, name: &'t str, family: &str) -> Option<&'t Ranges> {
        // Rules in braces use the tables of the anchor around them.
        let anchor = if anchor.starts_with('{') { "" } else { anchor.split("/{").next().unwrap_or_default() };
        let [ipv4, ipv6] = self.0.get(&(anchor, name))?.as_ref()?;
        Some(if family == "inet" { ipv4 } else { ipv6 })
    }

    /// The hosts of one family that a condition means; nothing where that is not known.
    pub(super) fn hosts(
        &self,
        hosts: &Hosts,
        anchor: &str,
        family: &str,
        interfaces: Option<&[Interface]>,
    ) -> Option<Ranges> {
        let bits = bits(family);
        let of_interface = |name: &str, whole: bool| {
            let own = interfaces?.iter().find(|one| one.name == name)?;
            let own = own.addresses.iter().filter(|one| is_of(one, family));
            Some(own.map(|one| ends(one, if whole { one.length } else { 128 })).collect())
        };
        let named = match &hosts.of {
            HostSet::Network(prefix) if is_of(prefix, family) => {
                [ends(prefix, prefix.length)].into_iter().collect()
            }
            HostSet::Network(_) | HostSet::Nowhere => Ranges::none(),
            HostSet::Table(name) => self.get(anchor, name, family)?.clone(),
            HostSet::Interface(name) => of_interface(name, false)?,
            HostSet::InterfaceNetwork(name) => of_interface(name, true)?,
        };
        // An address of the other family is no address of this one, and so is everything but it.
        let foreign = matches!(&hosts.of, HostSet::Network(prefix) if !is_of(prefix, family));
        Some(match (hosts.negated, foreign) {
            (true, false) => Ranges::all(bits).without(&named),
            _ => named,
        })
    }
}

/// Of the entries of a table that hold an address the longest counts.
fn longest_prefix(holds: &[Prefix], without: &[Prefix], family: &str) -> Ranges {
    let of = |list: &[Prefix], wanted: Option<u8>| -> Ranges {
        let own =
            list.iter().filter(|one| is_of(one, family) && wanted.is_none_or(|length| one.length == length));
        own.map(|one| ends(one, one.length)).collect()
    };
    if without.is_empty() {
        return of(holds, None);
    }
    (0..=128).fold(Ranges::none(), |sum, length| {
        sum.or(&of(holds, Some(length))).without(&of(without, Some(length)))
    })
}

fn is_of(prefix: &Prefix, family: &str) -> bool {
    prefix.address.is_ipv4() == (family == "inet")
}

fn ends(prefix: &Prefix, length: u8) -> (u128, u128) {
    let bits = if prefix.address.is_ipv4() { 32 } else { 128 };
    let free = bits - u32::from(length).min(bits);
    let host = if free >= 128 { u128::MAX } else { (1 << free) - 1 };
    let first = number(prefix.address) & !host;
    (first, first | host)
}

pub(super) fn bits(family: &str) -> u32 {
    if family == "inet" { 32 } else { 128 }
}
