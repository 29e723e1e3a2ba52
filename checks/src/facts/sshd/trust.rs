//! The hosts that the whole system trusts for hostbased authentication: hosts.equiv(5) and shosts.equiv.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// Lists of trusted hosts, and of keys of hosts.
const LISTS: &[&str] = &["/etc/hosts.equiv", "/etc/ssh/shosts.equiv"];
const KNOWN_HOSTS: &[&str] = &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
/// Lines that are kept; more are a gap.
const MOST: usize = 1_000;

/// Whom the system's own files trust.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Hosts by name or address; the text is the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Evidence>,
    /// Lines that are more than a host: a user, a netgroup, a wildcard, a refusal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<Evidence>,
    /// Files with keys of other hosts, without which nobody is believed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_hosts: Vec<String>,
}

pub(super) fn read(host: &dyn Host) -> Result<Trust, Gap> {
    let mut trust = Trust::default();
    for path in LISTS {
        let text = match host.read(path, host::SMALL) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(gap) if gap.is_absent() => continue,
            Err(gap) => return Err(gap),
        };
        for (number, line) in (1_u32..).zip(text.lines()) {
            let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
            let Some(name) = words.next().filter(|name| !name.starts_with('#')) else { continue };
            if trust.hosts.len() + trust.odd.len() >= MOST {
                return Err(Gap::too_large(*path));
            }
            let place = Evidence::at(*path, number);
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte));
            match plain && !name.starts_with('-') && words.next().is_none() {
                true => trust.hosts.push(place.says(name)),
                false => trust.odd.push(place),
            }
        }
    }
    for path in KNOWN_HOSTS {
        match host.stat(path) {
            Ok(stat) if stat.size > 0 => trust.known_hosts.push((*path).to_owned()),
            Err(gap) if !gap.is_absent() => return Err(gap),
            _ => {}
        }
    }
    Ok(trust)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    #[test]
    fn plain_hosts_and_what_is_more() {
        let tree = Tree::default()
            .file("/etc/ssh/shosts.equiv", "# c\nclient.example.org\n\n 10.0.0.1 \n+\n@net\n-bad\na b\n")
            .file("/etc/ssh/ssh_known_hosts", "x");
        let trust = read(&tree).unwrap();
        let hosts: Vec<&str> = trust.hosts.iter().filter_map(|place| place.text.as_deref()).collect();
        assert_eq!(hosts, ["client.example.org", "10.0.0.1"]);
        assert_eq!((trust.odd.len(), trust.known_hosts.len()), (4, 1));
        assert_eq!(read(&Tree::default()).unwrap(), Trust::default());
        assert!(read(&tree.refuse("/etc/hosts.equiv", Gap::denied("/etc/hosts.equiv"))).is_err());
    }
}
