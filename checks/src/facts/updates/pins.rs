//! Reads which packages apt_preferences(5) pins; hostduty does not evaluate pins, so it must know whom they touch.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::automatic_updates::apt_conf;
use crate::facts::packages::control;
use crate::gap::Gap;
use crate::host::{self, Host};

/// One stanza of apt's preferences.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pin {
    /// Where it is written.
    pub place: Evidence,
    /// The names, globs and regular expressions of its `Package:` field.
    pub packages: Vec<String>,
}

impl Pin {
    /// Whether the pin may touch a package. A glob or an expression may touch any.
    #[must_use]
    pub fn may_touch(&self, package: &str) -> bool {
        let name = package.split(':').next().unwrap_or_default();
        self.packages.iter().any(|pattern| {
            let plain = pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            !plain || pattern == name
        })
    }
}

pub(super) fn read(host: &dyn Host) -> (Vec<Pin>, Vec<Gap>) {
    let (mut pins, mut unread) = (Vec::new(), Vec::new());
    let mut paths = vec!["/etc/apt/preferences".to_owned()];
    match apt_conf::parts(host, "/etc/apt/preferences.d", &["pref"], true) {
        Ok(more) => paths.extend(more),
        Err(gap) => unread.push(gap),
    }
    for path in paths {
        match host.read(&path, host::SMALL) {
            Ok(bytes) => {
                pins.extend(control::stanzas(&String::from_utf8_lossy(&bytes)).filter_map(|stanza| {
                    let packages: Vec<String> =
                        stanza.words("Package").into_iter().map(str::to_owned).collect();
                    (!packages.is_empty()).then(|| Pin { place: Evidence::at(&path, stanza.line), packages })
                }))
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => unread.push(gap),
        }
    }
    (pins, unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn names_touch_themselves_and_patterns_touch_all() {
        let host = Tree::new(Timestamp(0))
            .file("/etc/apt/preferences.d/nodejs", "Package: nodejs\nPin: origin x\nPin-Priority: 600\n")
            .file("/etc/apt/preferences", "Explanation: x\n\nPackage: *\nPin: release a=x\nPin-Priority: 1\n")
            .file("/etc/apt/preferences.d/off.disabled", "Package: *\n");
        let (pins, unread) = read(&host);
        assert!(unread.is_empty() && pins.len() == 2);
        assert_eq!(pins[0].place.to_string(), "/etc/apt/preferences:3");
        assert!(pins[0].may_touch("bash"));
        assert!(pins[1].may_touch("nodejs:i386") && !pins[1].may_touch("bash"));
        assert!(Pin { packages: vec!["src:x".into()], ..Pin::default() }.may_touch("bash"));
    }
}
