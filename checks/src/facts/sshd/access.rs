//! Whom AllowUsers, DenyUsers, AllowGroups and DenyGroups let in.

use super::Config;
use crate::facts::accounts::{Accounts, User};
use crate::gap::Gap;

/// Whether sshd lets an account in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// From anywhere.
    Allowed,
    /// From nowhere.
    Refused,
    /// From some places, see `user@host` in sshd_config(5).
    Depends,
}

impl Config {
    /// Whether the four lists let an account in; all four must.
    ///
    /// # Errors
    /// When the facts do not hold the lists.
    pub fn access(&self, user: &User, accounts: &Accounts) -> Result<Access, Gap> {
        let groups: Vec<&str> = accounts
            .groups
            .iter()
            .filter(|group| group.gid == user.gid || group.members.contains(&user.name))
            .map(|group| group.name.as_str())
            .collect();
        let list = |name: &str| self.setting(name).map(|setting| setting.values.as_slice());
        let named = |patterns: &[String]| {
            let hits = patterns.iter().filter_map(|pattern| match pattern.rsplit_once('@') {
                Some((name, host)) => matches(name, &user.name).then_some(host == "*"),
                None => matches(pattern, &user.name).then_some(true),
            });
            hits.max()
        };
        let grouped = |patterns: &[String]| {
            patterns.iter().any(|pattern| groups.iter().any(|group| matches(pattern, group)))
        };
        let (denied, allowed) = (named(list("denyusers")?), named(list("allowusers")?));
        let allows_users = !list("allowusers")?.is_empty();
        let groups_refuse = grouped(list("denygroups")?)
            || (!list("allowgroups")?.is_empty() && !grouped(list("allowgroups")?));
        if denied == Some(true) || (allows_users && allowed.is_none()) || groups_refuse {
            return Ok(Access::Refused);
        }
        let depends = denied.is_some() || (allows_users && allowed == Some(false));
        Ok(if depends { Access::Depends } else { Access::Allowed })
    }
}

/// PATTERNS of ssh_config(5): `*` and `?`. At most pattern × text steps.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    loop {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(wanted) if text.get(seen).is_some_and(|byte| byte == wanted || *wanted == b'?') => {
                at += 1;
                seen += 1;
            }
            None if seen == text.len() => return true,
            _ => match star {
                Some((behind, from)) if from < text.len() => {
                    star = Some((behind, from + 1));
                    (at, seen) = (behind, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::accounts::Group;
    use crate::facts::sshd::read;
    use crate::host::Tree;

    #[test]
    fn the_four_lists() {
        let user = User { name: "anna".into(), gid: 100, ..User::default() };
        let group = |name: &str, gid, members: &[&str]| Group {
            name: name.into(),
            gid,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let groups =
            vec![group("staff", 100, &[]), group("wheel", 10, &["anna"]), group("guests", 11, &["bob"])];
        let accounts = Accounts { groups, ..Accounts::default() };
        for (config, wanted) in [
            ("", Access::Allowed),
            ("AllowUsers a* bob", Access::Allowed),
            ("AllowUsers bob", Access::Refused),
            ("AllowUsers anna@10.0.0.*", Access::Depends),
            ("AllowUsers bob\nAllowUsers anna", Access::Allowed),
            ("DenyUsers ann?", Access::Refused),
            ("DenyUsers anna@10.*", Access::Depends),
            ("AllowGroups wheel", Access::Allowed),
            ("AllowGroups guests", Access::Refused),
            ("AllowUsers anna\nDenyGroups sta*", Access::Refused),
        ] {
            let tree = Tree::default().file("/etc/ssh/sshd_config", config);
            let sshd = read(&tree).unwrap();
            let config_facts = sshd.config.known().unwrap();
            assert_eq!(config_facts.access(&user, &accounts), Ok(wanted), "{config}");
        }
    }
}
