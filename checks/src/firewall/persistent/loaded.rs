//! The tables that filter now what comes in, in words that files can be compared with.

use std::collections::BTreeMap;

use super::view::View;
use crate::facts::Facts;
use crate::facts::firewall_boot::tables::SavedTable;
use crate::facts::ruleset::nftables::{Family, Table};
use crate::facts::ruleset::{IpFamily, Ruleset};

/// A table that filters what comes in now.
pub(super) struct Loaded<'a> {
    pub(super) families: Vec<IpFamily>,
    pub(super) family: Family,
    pub(super) name: &'a str,
    pub(super) kind: Kind<'a>,
    /// In the words of its own kind.
    pub(super) view: View,
}

pub(super) enum Kind<'a> {
    Nft(&'a Table, BTreeMap<u32, String>),
    Legacy,
}

impl Loaded<'_> {
    pub(super) fn is(&self, saved: &SavedTable) -> bool {
        saved.family == self.family
            && saved.name == self.name
            && (saved.iptables || matches!(self.kind, Kind::Nft(..)))
    }
}

/// The tables that filter now, those of nftables first.
pub(super) fn loaded<'a>(facts: &Facts, ruleset: &'a Ruleset) -> Vec<Loaded<'a>> {
    let mut interfaces: BTreeMap<u32, String> = [(1, "lo".to_owned())].into();
    if let Some(network) = facts.network.value() {
        interfaces
            .extend(network.interfaces.iter().map(|interface| (interface.index, interface.name.clone())));
    }
    let mut loaded = Vec::new();
    let tables = ruleset.nftables.value().map(|nftables| nftables.tables.as_slice()).unwrap_or_default();
    for table in tables.iter().filter(|table| !table.dormant) {
        let families = match table.family {
            Family::Ip => vec![IpFamily::V4],
            Family::Ip6 => vec![IpFamily::V6],
            Family::Arp => continue,
            _ => vec![IpFamily::V4, IpFamily::V6],
        };
        let view = View::kernel(table, false, &interfaces);
        if view.filters() {
            let kind = Kind::Nft(table, interfaces.clone());
            loaded.push(Loaded { families, family: table.family, name: &table.name, kind, view });
        }
    }
    for (tables, ipv6) in [(&ruleset.legacy_ipv4, false), (&ruleset.legacy_ipv6, true)] {
        for table in tables.value().map(Vec::as_slice).unwrap_or_default() {
            let view = View::legacy(table, ipv6);
            if view.filters() {
                let (family, one) =
                    if ipv6 { (Family::Ip6, IpFamily::V6) } else { (Family::Ip, IpFamily::V4) };
                let families = vec![one];
                loaded.push(Loaded { families, family, name: &table.name, kind: Kind::Legacy, view });
            }
        }
    }
    loaded
}
