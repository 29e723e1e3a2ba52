//! The variables in addresses of repositories: `$releasever`, `$basearch`, and those of /etc/dnf/vars.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::host::{self, Host};

const FOLDERS: [&str; 3] = ["/etc/yum/vars", "/etc/dnf/vars", "/etc/zypp/vars.d"];
/// So many addresses one may come to be.
const MOST: usize = 16;
/// Nobody writes longer addresses or names; to expand one takes time with the square of its length.
const LONGEST: usize = 4096;

/// What each variable may stand for: one value where it is known, several where dnf asks what is not on the disk.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, (Vec<String>, bool)>);

impl Variables {
    pub(super) fn read(host: &dyn Host, facts: &Facts, packages: &Packages) -> Self {
        let mut all = BTreeMap::new();
        let arch = packages.architecture.as_str();
        let base = match arch {
            "i386" | "i486" | "i586" | "i686" | "athlon" => "i386",
            "armv7hl" | "armv7hnl" | "armv7l" => "armhfp",
            other => other,
        };
        if !arch.is_empty() {
            all.insert("arch".to_owned(), (vec![arch.to_owned()], true));
            all.insert("basearch".to_owned(), (vec![base.to_owned()], true));
        }
        let release = facts.machine.value().and_then(|machine| machine.release.value());
        // What dnf asks is a provide of the package of the release: its number as a whole, or up to the first dot.
        let mut versions = Vec::new();
        if let Some(version) =
            release.map(|release| release.version.as_str()).filter(|version| !version.is_empty())
        {
            versions.extend(version.split('.').next().map(str::to_owned));
            versions.push(version.to_owned());
        }
        for one in packages.rpm.iter().filter(|one| one.name.ends_with("-release")).take(4) {
            versions.push(one.version.clone());
        }
        versions.dedup();
        all.insert("releasever".to_owned(), (versions, false));
        for folder in FOLDERS {
            for name in host.list(folder).unwrap_or_default().into_iter().take(256) {
                if let Ok(value) = host::read_line(host, &format!("{folder}/{name}")) {
                    let value = value.lines().next().unwrap_or_default().trim().to_owned();
                    all.insert(name, (vec![value], true));
                }
            }
        }
        let parts: Vec<(Vec<String>, bool)> = all.get("releasever").cloned().into_iter().collect();
        for (values, certain) in parts {
            let half = |which: fn((&str, &str)) -> String| {
                values.iter().filter_map(|value| value.split_once('.').map(which)).collect::<Vec<_>>()
            };
            let major = values
                .iter()
                .filter_map(|value| value.split('.').next())
                .map(str::to_owned)
                .collect::<Vec<_>>();
            all.entry("releasever_major".to_owned()).or_insert((major, certain));
            all.entry("releasever_minor".to_owned())
                .or_insert((half(|(_, minor)| minor.to_owned()), certain));
        }
        Self(all)
    }

    /// What a text may come to be, and whether it is certain that one of them is true. A variable that nobody set
    /// stays as it is written.
    pub(super) fn expand(&self, text: &str) -> (Vec<String>, bool) {
        if text.len() > LONGEST {
            return (vec![text.to_owned()], false);
        }
        let mut done = vec![String::new()];
        let mut certain = true;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            done.iter_mut().for_each(|one| one.push_str(before));
            let braced = after.strip_prefix('{');
            let body = braced.unwrap_or(after);
            let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
            let (name, tail) = body.split_at_checked(end).unwrap_or((body, ""));
            let tail = match braced {
                Some(_) => match tail.strip_prefix('}') {
                    Some(tail) => Some(tail),
                    // ${name:-default} and ${name:+value}.
                    None => {
                        certain = false;
                        tail.split_once('}').map(|(_, tail)| tail)
                    }
                },
                None => Some(tail),
            };
            let values = self.0.get(&name.to_ascii_lowercase()).or_else(|| self.0.get(name));
            match (tail, values) {
                (Some(tail), Some((values, sure))) if !values.is_empty() => {
                    certain &= *sure;
                    let each =
                        |one: &String| values.iter().map(|value| format!("{one}{value}")).collect::<Vec<_>>();
                    done = done.iter().flat_map(each).take(MOST).collect();
                    rest = tail;
                }
                _ => {
                    certain = false;
                    done.iter_mut().for_each(|one| one.push('$'));
                    rest = after;
                }
            }
        }
        done.iter_mut().for_each(|one| one.push_str(rest));
        let mut seen = std::collections::BTreeSet::new();
        done.retain(|one| seen.insert(one.clone()));
        (done, certain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_variable_may_stand_for() {
        let all = [
            ("releasever".to_owned(), (vec!["9".to_owned(), "9.4".to_owned()], false)),
            ("basearch".to_owned(), (vec!["x86_64".to_owned()], true)),
        ];
        let variables = Variables(all.into());
        assert_eq!(variables.expand("a/$basearch/b"), (vec!["a/x86_64/b".to_owned()], true));
        assert_eq!(
            variables.expand("a/${releasever}/$basearch"),
            (vec!["a/9/x86_64".to_owned(), "a/9.4/x86_64".to_owned()], false)
        );
        let long = "$basearch".repeat(1000);
        assert_eq!(variables.expand(&long), (vec![long], false));
        assert_eq!(variables.expand("$other/$"), (vec!["$other/$".to_owned()], false));
    }
}
