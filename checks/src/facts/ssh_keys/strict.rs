//! What StrictModes of sshd_config(5) objects to: somebody else could change the file or put another in its place.

use super::place;
use crate::facts::accounts::{Accounts, User};
use crate::facts::sshd::Vendor;
use crate::gap::Gap;
use crate::host::{Host, Stat};

/// An account as sshd sees it when it looks for keys.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) user: &'a User,
    pub(super) accounts: &'a Accounts,
    /// Whose patches sshd carries, where that is known.
    pub(super) vendor: Option<Vendor>,
}

impl Account<'_> {
    /// Objections against a file by its path without symlinks, and against the folders above it up to the home.
    pub(super) fn objections(self, host: &dyn Host, path: &str) -> Result<Vec<String>, Gap> {
        let home = place::real(host, &self.user.home).ok();
        let mut objections = Vec::new();
        let folders = place::above(path).take(64);
        for here in std::iter::once(path).chain(folders) {
            if let Some(why) = self.objection(&host.stat(here)?) {
                objections.push(format!("{here}: {why}"));
            }
            if here != path && home.as_deref() == Some(here) {
                break;
            }
        }
        Ok(objections)
    }

    fn objection(self, stat: &Stat) -> Option<String> {
        if stat.uid != 0 && stat.uid != self.user.uid {
            Some(format!("belongs to uid {}", stat.uid))
        } else if stat.mode & 0o002 != 0 {
            Some("anyone may write to it".to_owned())
        } else if stat.mode & 0o020 != 0 && !self.is_harmless(stat) {
            Some(format!("its group (gid {}) may write to it", stat.gid))
        } else {
            None
        }
    }

    /// Whether a group that may write is none but the account itself. sshd asks so only as Debian patches it; where
    /// the vendor is not known, it is still nobody else who could write.
    fn is_harmless(self, stat: &Stat) -> bool {
        if !matches!(self.vendor, Some(Vendor::Debian) | None) {
            return false;
        }
        let Some(group) = self.accounts.groups.iter().find(|group| group.gid == stat.gid) else {
            return false;
        };
        let mut primary = self.accounts.users.iter().filter(|user| user.gid == stat.gid).peekable();
        let owner = self.accounts.users.iter().find(|user| user.uid == stat.uid);
        let Some(owner) = owner else { return false };
        let listed = match group.members.as_slice() {
            [] => false,
            [only] if *only == owner.name => true,
            _ => return false,
        };
        let any = primary.peek().is_some() || listed;
        any && primary.all(|user| user.uid == self.user.uid)
    }

    /// Whether sshd, which reads the file as the account, may. Access lists beyond the bits are not seen.
    pub(super) fn may_read(self, host: &dyn Host, path: &str) -> Result<bool, Gap> {
        if self.user.uid == 0 {
            return Ok(true);
        }
        if !self.may(&host.stat(path)?, 0o4) {
            return Ok(false);
        }
        for folder in place::above(path).take(64) {
            if !self.may(&host.stat(folder)?, 0o1) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn may(self, stat: &Stat, bit: u32) -> bool {
        let shift = if stat.uid == self.user.uid {
            6
        } else if self.is_member(stat.gid) {
            3
        } else {
            0
        };
        stat.mode & bit << shift != 0
    }

    fn is_member(self, gid: u32) -> bool {
        let named = |member: &String| *member == self.user.name;
        self.user.gid == gid
            || self.accounts.groups.iter().any(|group| group.gid == gid && group.members.iter().any(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::accounts::Group;
    use crate::host::Tree;

    const PATH: &str = "/home/anna/.ssh/authorized_keys";

    fn accounts() -> Accounts {
        let user = |name: &str, uid, gid| User {
            name: name.into(),
            uid,
            gid,
            home: format!("/home/{name}"),
            ..User::default()
        };
        let group = |name: &str, gid, members: &[&str]| Group {
            name: name.into(),
            gid,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        Accounts {
            users: vec![user("root", 0, 0), user("anna", 1000, 1000), user("bob", 1001, 1000)],
            groups: vec![
                group("anna", 1000, &[]),
                group("own", 2000, &["anna"]),
                group("both", 2001, &["anna", "bob"]),
                group("empty", 2002, &[]),
            ],
            ..Accounts::default()
        }
    }

    fn count(accounts: &Accounts, vendor: Option<Vendor>, mode: u32, owner: (u32, u32)) -> usize {
        let tree =
            Tree::new(Timestamp(0)).file(PATH, "").with(PATH, |node| (node.mode, node.owner) = (mode, owner));
        let account = Account { user: accounts.find("anna").unwrap(), accounts, vendor };
        account.objections(&tree, PATH).unwrap().len()
    }

    #[test]
    fn a_group_of_ones_own_is_harmless_to_debian_alone() {
        let mut accounts = accounts();
        assert_eq!(count(&accounts, Some(Vendor::Debian), 0o664, (1000, 1000)), 1, "bob is in it too");
        accounts.users.pop();
        for (vendor, mode, owner, wanted) in [
            (Some(Vendor::Debian), 0o664, (1000, 1000), 0),
            (None, 0o664, (1000, 1000), 0),
            (Some(Vendor::Upstream), 0o664, (1000, 1000), 1),
            (Some(Vendor::RedHat), 0o664, (1000, 1000), 1),
            (Some(Vendor::Debian), 0o664, (0, 1000), 0),
            (Some(Vendor::Debian), 0o664, (1000, 2000), 0),
            (Some(Vendor::Debian), 0o664, (0, 2000), 1),
            (Some(Vendor::Debian), 0o664, (1000, 2001), 1),
            (Some(Vendor::Debian), 0o664, (1000, 2002), 1),
            (Some(Vendor::Debian), 0o664, (1000, 4711), 1),
            (Some(Vendor::Debian), 0o666, (1000, 1000), 1),
            (Some(Vendor::Debian), 0o644, (7, 7), 1),
            (Some(Vendor::Upstream), 0o644, (0, 0), 0),
        ] {
            assert_eq!(count(&accounts, vendor, mode, owner), wanted, "{vendor:?} {mode:o} {owner:?}");
        }
    }

    #[test]
    fn sshd_reads_the_file_as_the_account() {
        let accounts = accounts();
        let account = Account { user: accounts.find("anna").unwrap(), accounts: &accounts, vendor: None };
        let may = |mode: u32, owner: (u32, u32), home: u32| {
            let tree = Tree::new(Timestamp(0)).dir("/home/anna").file(PATH, "");
            let tree = tree.with("/home/anna", |node| node.mode = home);
            account.may_read(&tree.with(PATH, |node| (node.mode, node.owner) = (mode, owner)), PATH).unwrap()
        };
        assert!(may(0o600, (1000, 0), 0o755) && may(0o640, (0, 2000), 0o755) && may(0o604, (0, 0), 0o755));
        assert!(!may(0o600, (0, 0), 0o755) && !may(0o044, (1000, 0), 0o755) && !may(0o604, (0, 1000), 0o755));
        assert!(!may(0o644, (0, 0), 0o700));
    }
}
