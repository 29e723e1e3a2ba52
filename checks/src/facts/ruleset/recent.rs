//! The lists of `-m recent`, from /proc/net/xt_recent.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::gap::{Gap, Reading};
use crate::host::{Host, LARGE, read_text};

/// One list, which rules fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentList {
    /// By which rules know it.
    pub name: String,
    /// The addresses in it, masked as the rule masks them that added them.
    pub addresses: Reading<Vec<IpAddr>>,
}

/// Reads one list.
pub(super) fn read(host: &dyn Host, name: &str) -> RecentList {
    RecentList { name: name.to_owned(), addresses: addresses(host, name).into() }
}

fn addresses(host: &dyn Host, name: &str) -> Result<Vec<IpAddr>, Gap> {
    // The name comes from the kernel, which refuses these too, and is about to be part of a path.
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Gap::unsupported(format!("a list of recent sources is named {name:?}")));
    }
    parse(&read_text(host, &format!("/proc/net/xt_recent/{name}"), LARGE)?)
}

/// `src=192.0.2.1 ttl: 64 last_seen: 4294900000 oldest_pkt: 1 4294900000`
fn parse(list: &str) -> Result<Vec<IpAddr>, Gap> {
    list.lines()
        .map(|line| {
            let address = line.strip_prefix("src=").and_then(|rest| rest.split(' ').next());
            address
                .and_then(|address| address.parse().ok())
                .ok_or_else(|| Gap::malformed("a list of recent sources holds a line that is no source"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_both_families_and_nothing_else() {
        let list = "src=192.0.2.1 ttl: 64 last_seen: 4294 oldest_pkt: 1 4294\n\
                    src=2001:0db8:0000:0000:0000:0000:0000:0001 ttl: 0 last_seen: 7 oldest_pkt: 2 5, 7\n";
        let wanted: Vec<IpAddr> = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap()).into();
        assert_eq!(parse(list), Ok(wanted));
        assert_eq!(parse(""), Ok(Vec::new()));
        assert!(parse("192.0.2.1\n").is_err());
    }

    #[test]
    fn no_path_but_that_of_a_list() {
        let host =
            crate::host::Tree::new(crate::date::Timestamp(0)).file("/proc/net/secret", "src=192.0.2.1 ");
        assert!(addresses(&host, "../secret").is_err());
        assert!(addresses(&host, "").is_err());
    }
}
