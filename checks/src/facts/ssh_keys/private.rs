//! Private keys in home folders and below /etc/ssh, told by their first lines; their content is never kept.

use std::collections::BTreeSet;

use super::{PrivateKey, format};
use crate::facts::accounts::Accounts;
use crate::gap::{Gap, GapKind};
use crate::host::{FileKind, Host};

/// Files of one folder that are looked at; more are a gap.
const FILES: usize = 500;
/// How far below `.ssh` folders are looked into; deeper ones are a gap.
const DEPTH: usize = 4;
/// Folders below one `.ssh`; more are a gap.
const FOLDERS: usize = 100;
/// More gaps than this are only counted.
const MOST_GAPS: usize = 100;

/// Where ssh(1) looks for a key by itself.
const USUAL: [&str; 7] =
    ["id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa", "identity"];

/// What the search finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) keys: Vec<PrivateKey>,
    pub(super) gaps: Vec<Gap>,
}

/// Looks through the home of every account, homes of nobody below /home, and /etc/ssh. `host_keys` are left out there.
pub(super) fn search(host: &dyn Host, accounts: &Accounts, host_keys: &[String]) -> Found {
    let mut search = Search { host, found: Found::default(), skipped: 0 };
    let mut homes = BTreeSet::new();
    for user in &accounts.users {
        if homes.insert(user.home.trim_end_matches('/').to_owned()) {
            search.home(&user.name, &user.home, user.uid);
        }
    }
    // An account that was deleted leaves its keys behind.
    for name in host.list("/home").unwrap_or_default().into_iter().take(FILES) {
        let home = format!("/home/{name}");
        if let Ok(stat) = host.stat_link(&home)
            && stat.kind == FileKind::Dir
            && homes.insert(home.clone())
        {
            search.home("", &home, stat.uid);
        }
    }
    search.below(Folder { path: "/etc/ssh".to_owned(), account: "", uid: 0 }, |path| {
        !is_host_key(path, host_keys)
    });
    let mut found = search.found;
    if search.skipped > 0 {
        found.gaps.push(Gap::unsupported(format!("{} more files could not be looked into", search.skipped)));
    }
    found
}

/// Host keys have a check of their own; what their name says they are not left out for another folder.
fn is_host_key(path: &str, host_keys: &[String]) -> bool {
    let usual = path.strip_prefix("/etc/ssh/ssh_host_").is_some_and(|rest| rest.ends_with("_key"));
    usual || host_keys.iter().any(|key| key == path)
}

/// A folder that belongs to an account.
#[derive(Clone)]
struct Folder<'a> {
    path: String,
    account: &'a str,
    uid: u32,
}

struct Search<'a> {
    host: &'a dyn Host,
    found: Found,
    skipped: usize,
}

impl Search<'_> {
    fn home(&mut self, account: &str, home: &str, uid: u32) {
        let home = home.trim_end_matches('/');
        self.below(Folder { path: format!("{home}/.ssh"), account, uid }, |_| true);
        // A folder of the system that accounts have for want of a home holds no keys of people.
        let first = home.trim_start_matches('/').split('/').next().unwrap_or_default();
        if ["", "bin", "sbin", "usr", "dev", "proc", "sys", "run", "nonexistent"].contains(&first) {
            return;
        }
        let names = match self.host.list(home) {
            Ok(names) => names,
            Err(gap) if gap.is_absent() || gap.why == GapKind::Unsupported => return,
            Err(gap) => return self.gap(gap),
        };
        let named = |name: &&String| {
            let name = name.as_str();
            name.ends_with(".pem")
                || name.ends_with(".ppk")
                || name.starts_with("id_") && !name.ends_with(".pub")
        };
        let mut names = names.iter().filter(named);
        for name in names.by_ref().take(FILES) {
            self.look(format!("{home}/{name}"), account, uid, false);
        }
        if names.next().is_some() {
            self.gap(Gap::too_large(home));
        }
    }

    /// Looks at every file in a folder and in those below it.
    fn below(&mut self, folder: Folder<'_>, wanted: impl Fn(&str) -> bool) {
        let mut todo = vec![(folder.clone(), 0)];
        let mut seen = 0;
        while let Some((here, depth)) = todo.pop() {
            seen += 1;
            if depth > DEPTH || seen > FOLDERS {
                self.gap(Gap::too_large(here.path));
                continue;
            }
            let names = match self.host.list(&here.path) {
                Ok(names) => names,
                Err(gap) if gap.is_absent() => continue,
                // One odd name, or too many, must not hide the keys that bear the usual names.
                Err(gap) if matches!(gap.why, GapKind::Malformed | GapKind::TooLarge) => {
                    self.gap(gap);
                    USUAL.map(str::to_owned).to_vec()
                }
                Err(gap) => {
                    self.gap(gap);
                    continue;
                }
            };
            let skipped = |name: &str| {
                name.ends_with(".pub")
                    || name.starts_with("known_hosts")
                    || name.starts_with("authorized_keys")
                    || matches!(name, "config" | "environment" | "rc")
            };
            let mut names = names.iter().filter(|name| !skipped(name));
            for name in names.by_ref().take(FILES) {
                let path = format!("{}/{name}", here.path);
                if wanted(&path) && self.look(path.clone(), here.account, here.uid, true) {
                    todo.push((Folder { path, ..here }, depth + 1));
                }
            }
            if names.next().is_some() {
                self.gap(Gap::too_large(here.path));
            }
        }
    }

    /// Looks at one file; true for a folder that is no symlink.
    fn look(&mut self, path: String, account: &str, uid: u32, whole: bool) -> bool {
        let Ok(stat) = self.host.stat(&path) else { return false };
        match stat.kind {
            FileKind::File => {}
            FileKind::Dir if whole => {
                return self.host.stat_link(&path).is_ok_and(|link| link.kind == FileKind::Dir);
            }
            _ => return false,
        }
        // No key is as large as /etc/ssh/moduli.
        if stat.size > format::SIZE as u64 {
            return false;
        }
        let form = match self.host.read_as(&path, uid, format::SIZE) {
            Ok(bytes) => format::read(&bytes),
            Err(gap) => {
                if !matches!(gap.why, GapKind::TooLarge | GapKind::Absent) {
                    self.gap(gap);
                }
                None
            }
        };
        if let Some(form) = form {
            let public = form.public.unwrap_or_default();
            self.found.keys.push(PrivateKey {
                account: account.to_owned(),
                path,
                protection: form.protection,
                kind: public.kind,
                fingerprint: public.fingerprint,
                mode: stat.mode,
                uid: stat.uid,
                modified: stat.modified,
            });
        }
        false
    }

    fn gap(&mut self, gap: Gap) {
        if self.found.gaps.len() < MOST_GAPS {
            self.found.gaps.push(gap);
        } else {
            self.skipped = self.skipped.saturating_add(1);
        }
    }
}
