//! API keys of clouds that lie on the disk: where, how old, who can read them; never their content.

mod places;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::accounts::User;
use crate::gap::{Gap, GapKind};
use crate::host::{FileKind, Host, SMALL, Stat};
use places::{Place, Proof};

/// More homes than this are a gap.
const MOST_HOMES: usize = 1000;
/// More gaps than this are only counted.
const MOST_GAPS: usize = 100;
/// 9999-12-31, the last day that can be written.
const LAST: Timestamp = Timestamp(253_402_214_400);

/// API keys of clouds that lie on the disk: where, how old, who can read them; never their content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudKeys {
    /// Files that hold a key.
    pub files: Vec<KeyFile>,
    /// The homes that were looked into: of every account, those of services too, but for folders of the system.
    pub homes: Vec<String>,
    /// Homes and files that could not be looked into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A file that holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFile {
    /// Where it lies.
    pub path: String,
    /// What the key opens: `Scaleway`, `AWS`, `OpenStack`…
    pub cloud: String,
    /// The account in whose home it lies; empty below /etc.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Permission bits, such as 0o600. Access lists beyond them are not seen; a mask shows in the bits of the group.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change: the key is at least as old, unless something else in the file was changed.
    pub modified: Timestamp,
    /// Whether every account can read it: its bits say so and no folder above it is closed to others.
    pub open_to_all: bool,
    /// Whether the other members of its group can.
    pub open_to_group: bool,
}

/// Looks into every home and below /etc. Reads only where presence alone is no key, and keeps only that there is one.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<CloudKeys, Gap> {
    let accounts = facts.accounts.known()?;
    let mut search = Search { host, found: CloudKeys::default(), skipped: 0 };
    for place in places::SYSTEM {
        search.look(place.path.to_owned(), place, None);
    }
    let mut seen = BTreeSet::new();
    for user in accounts.users.iter().filter(|user| has_home_of_its_own(user)) {
        if !seen.insert(user.home.trim_end_matches('/')) {
            continue;
        }
        if seen.len() > MOST_HOMES {
            search.gap(Gap::too_large("the list of homes"));
            break;
        }
        search.home(user);
    }
    let mut found = search.found;
    if search.skipped > 0 {
        found.gaps.push(Gap::unsupported(format!("{} more files could not be looked into", search.skipped)));
    }
    Ok(found)
}

/// Whether an account has a home, and not a folder of the system for want of one, such as /usr/sbin. Services that
/// build, publish or back up keep their keys like people do.
fn has_home_of_its_own(user: &User) -> bool {
    let first = user.home.trim_start_matches('/').split('/').next().unwrap_or_default();
    let of_system = ["", "bin", "sbin", "usr", "dev", "proc", "sys", "run", "nonexistent"].contains(&first);
    user.uid == 0 || !of_system || !user.home.starts_with('/')
}

struct Search<'a> {
    host: &'a dyn Host,
    found: CloudKeys,
    skipped: usize,
}

impl Search<'_> {
    fn gap(&mut self, gap: Gap) {
        if self.found.gaps.len() < MOST_GAPS {
            self.found.gaps.push(gap);
        } else {
            self.skipped = self.skipped.saturating_add(1);
        }
    }

    fn home(&mut self, user: &User) {
        let home = user.home.trim_end_matches('/');
        if !user.home.starts_with('/') || home.split('/').any(|part| part == "..") {
            return self.gap(Gap::unsupported(format!("the home of {} is no absolute path", user.name)));
        }
        let names = match self.host.list(if home.is_empty() { "/" } else { home }) {
            Ok(names) => {
                self.found.homes.push(user.home.clone());
                Some(names)
            }
            Err(gap) if gap.is_absent() => return,
            // One odd name, or too many, must not hide the places that have names of their own.
            Err(gap) if matches!(gap.why, GapKind::Malformed | GapKind::TooLarge) => {
                self.gap(gap);
                None
            }
            Err(gap) => return self.gap(gap),
        };
        for place in places::HOME {
            // Most homes have none of these folders, and then one listing answers for all places.
            let first = place.path.split('/').next().unwrap_or("");
            let is_listed =
                |names: &Vec<String>| names.binary_search_by(|name| name.as_str().cmp(first)).is_ok();
            if names.as_ref().is_none_or(is_listed) {
                self.look(format!("{home}/{}", place.path), place, Some(user));
            }
        }
        for name in names.unwrap_or_default().iter().filter(|name| name.ends_with("-openrc.sh")).take(100) {
            self.look(format!("{home}/{name}"), &places::OPENRC, Some(user));
        }
    }

    fn look(&mut self, path: String, place: &Place, user: Option<&User>) {
        let stat = match self.host.stat(&path) {
            Ok(stat) => stat,
            Err(gap) if gap.is_absent() => return,
            Err(gap) => return self.gap(gap),
        };
        if stat.kind != FileKind::File {
            return self.gap(Gap::unsupported(format!("{path} is not a regular file")));
        }
        if stat.size == 0 {
            return;
        }
        if let Proof::States(keys) | Proof::Exports(keys) = place.proof {
            let content = match user {
                Some(user) => self.host.read_as(&path, user.uid, SMALL),
                None => self.host.read(&path, SMALL),
            };
            match content {
                Ok(content) if places::states(&content, keys, matches!(place.proof, Proof::Exports(_))) => {}
                Ok(_) => return,
                Err(gap) => return self.gap(gap),
            }
        }
        if !(Timestamp(0)..=LAST).contains(&stat.modified) {
            self.gap(Gap::malformed(format!("the date of {path} makes no sense")));
        }
        self.found.files.push(KeyFile {
            open_to_all: stat.mode & 0o004 != 0 && self.is_reachable(&path, None),
            open_to_group: stat.mode & 0o040 != 0 && self.is_reachable(&path, Some(stat.gid)),
            path,
            cloud: place.cloud.to_owned(),
            account: user.map_or_else(String::new, |user| user.name.clone()),
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            modified: stat.modified.clamp(Timestamp(0), LAST),
        });
    }

    /// Whether others, or else the members of a group, may pass every folder above a file. A symlink may lead to
    /// where other folders stand above it, so nothing closes it, and neither does a folder that cannot be looked at.
    fn is_reachable(&self, path: &str, group: Option<u32>) -> bool {
        if self.host.stat_link(path).is_ok_and(|stat| stat.kind == FileKind::Symlink) {
            return true;
        }
        let closed = |stat: Stat| {
            let bit = if group == Some(stat.gid) { 0o010 } else { 0o001 };
            stat.mode & bit == 0
        };
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            if folder.is_empty() {
                break;
            }
            if self.host.stat(folder).is_ok_and(&closed) {
                return false;
            }
            above = folder;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::accounts;
    use crate::gap::Reading;
    use crate::host::Tree;

    fn keys(tree: Tree) -> CloudKeys {
        let tree = tree.file(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/var/www:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n\
             ada2:x:1001:1001::/home/ada/:\nnobody:x:65534:65534::/:\nodd:x:1002:1::home/../x:\n",
        );
        let mut facts = Facts { accounts: accounts::read(&tree).into(), ..Facts::default() };
        let keys = read(&tree, &facts).unwrap();
        facts.cloud_keys = Reading::Known(keys.clone());
        let text = toml::to_string(&facts).unwrap();
        assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts);
        assert!(!text.contains("s3cr3t"), "a key got into the facts");
        keys
    }

    fn tree() -> Tree {
        Tree::new(Timestamp(1_700_000_000)).dir("/root").dir("/home/ada")
    }

    #[test]
    fn only_a_file_with_a_key_in_it_counts() {
        let seen = keys(
            tree()
                .file("/home/ada/.config/scw/config.yaml", "access_key: SCWX\nsecret_key: s3cr3t\n")
                .file("/root/.config/scw/config.yaml", "# secret_key: s3cr3t\ndefault_region: fr-par\n")
                .file("/root/.kube/config", "users:\n- user: {token: s3cr3t}\n")
                .file("/home/ada/prod-openrc.sh", "export OS_PASSWORD=\"s3cr3t\"\n")
                .file("/home/ada/openrc.sh", "read -sr X\nexport OS_PASSWORD=$X\n")
                .file("/root/.config/gcloud/credentials.db", "SQLite")
                .file("/root/.aws/credentials", "")
                .file("/var/www/.aws/credentials", "aws_secret_access_key = s3cr3t\n")
                .file("/etc/ovh.conf", "[default]\napplication_secret=s3cr3t\n"),
        );
        let paths: Vec<_> =
            seen.files.iter().map(|file| (file.path.as_str(), file.account.as_str())).collect();
        assert_eq!(
            paths,
            [
                ("/etc/ovh.conf", ""),
                ("/root/.config/gcloud/credentials.db", "root"),
                ("/root/.kube/config", "root"),
                ("/var/www/.aws/credentials", "www"),
                ("/home/ada/.config/scw/config.yaml", "ada"),
                ("/home/ada/prod-openrc.sh", "ada"),
            ]
        );
        assert_eq!(seen.homes, ["/root", "/var/www", "/home/ada"]);
        assert_eq!(seen.gaps.len(), 1, "{:?}", seen.gaps);
    }

    #[test]
    fn a_closed_home_keeps_others_out_and_a_symlink_does_not() {
        let open = |home: u32, link: bool| {
            let mut tree = tree().with("/home/ada", |node| node.mode = home);
            tree = if link {
                tree.file("/srv/key", "secret_key: s3cr3t").link("/home/ada/.s3cfg", "/srv/key")
            } else {
                tree.file("/home/ada/.s3cfg", "secret_key: s3cr3t")
            };
            keys(tree).files[0].open_to_all
        };
        let group = |home: u32, file: u32| {
            let tree = tree().file("/home/ada/.s3cfg", "secret_key: s3cr3t").with("/home/ada", |node| {
                node.mode = home;
                node.owner = (1000, 2000);
            });
            keys(tree.with("/home/ada/.s3cfg", |node| (node.mode, node.owner) = (file, (1000, 2000)))).files
                [0]
            .open_to_group
        };
        assert!(group(0o710, 0o640) && !group(0o700, 0o640) && !group(0o710, 0o600));
        assert!(open(0o755, false));
        assert!(!open(0o700, false));
        assert!(open(0o700, true));
    }

    #[test]
    fn what_cannot_be_looked_into_is_a_gap() {
        let denied = tree().refuse("/root", Gap::denied("/root"));
        assert_eq!(keys(denied).gaps[0].why, GapKind::Denied);
        let odd = tree().file("/root/.s3cfg", "secret_key: s3cr3t");
        let odd = keys(odd.refuse("/root", Gap::malformed("a name in /root is not UTF-8")));
        assert_eq!((odd.gaps.len(), odd.files.len()), (2, 1), "an odd name beside a key does not hide it");
        let fifo = tree().node("/root/.s3cfg", FileKind::Other, b"");
        assert!(keys(fifo).gaps[0].what.contains("not a regular file"));
        let led = tree()
            .file("/etc/shadow", "root:s3cr3t")
            .with("/etc/shadow", |node| node.mode = 0o600)
            .link("/home/ada/.ovh.conf", "/etc/shadow");
        assert_eq!(keys(led).gaps[0].why, GapKind::Denied, "a link of ada's does not make root read for ada");
        let large = tree().file("/root/.s3cfg", "x".repeat(SMALL + 1));
        assert_eq!(keys(large).gaps[0].why, GapKind::TooLarge);
    }
}
