//! When accounts were last used, by what logins leave behind.

mod journal;
mod lastlog;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::accounts::User;
use crate::gap::{Gap, Reading};
use crate::host::{FileKind, Host, System};
pub use journal::Journal;

/// Accounts beyond these are not looked at.
const MOST: usize = 4096;
/// Where shells keep what was typed, below a home folder.
const HISTORIES: &[&str] =
    &[".bash_history", ".zsh_history", ".ash_history", ".sh_history", ".local/share/fish/fish_history"];

/// When accounts were last used, by what logins leave behind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logins {
    /// The accounts with a login shell, by name.
    pub accounts: BTreeMap<String, Login>,
    /// How far back journald keeps the sessions of accounts.
    pub journal: Reading<Journal>,
    /// Whether lastlog could be read; it keeps the last login at a terminal of every account.
    pub lastlog: Reading<bool>,
}

/// What the logins of one account left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// The last login at a terminal, as lastlog(8) tells it. sshd(8) and login(1) write it; logins without a terminal, such as
    /// those of scp(1) and Ansible, leave nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Timestamp>,
    /// The last entry of the account's own journal, which each of its sessions writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Timestamp>,
    /// The last change of what its shells remember.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<Timestamp>,
    /// When its home folder was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_made: Option<Timestamp>,
}

impl Login {
    /// The newest trace of use.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        [self.terminal, self.session, self.typed].into_iter().flatten().max()
    }
}

/// Reads what the logins of each account left behind.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Logins, Gap> {
    if host.system() == System::MacOs {
        return Err(Gap::unsupported("what logins leave behind on macOS"));
    }
    let accounts = facts.accounts.known()?;
    let mut users: BTreeMap<&str, &User> = BTreeMap::new();
    for user in accounts.users.iter().filter(|user| user.logs_in()).take(MOST) {
        users.entry(&user.name).or_insert(user);
    }
    let mut logins = Logins::default();
    let mut sessions = BTreeMap::new();
    logins.journal = journal::read(host, &mut sessions).into();
    let architecture = facts.machine.value().and_then(|machine| machine.architecture.value());
    let lastlog = lastlog::Lastlog::open(host, architecture.map(String::as_str));
    for (name, user) in users {
        let terminal = lastlog.as_ref().ok().and_then(|log| log.of(user.uid));
        let login = Login {
            terminal,
            session: sessions.get(&user.uid).copied(),
            typed: HISTORIES.iter().filter_map(|name| typed(host, &format!("{}/{name}", user.home))).max(),
            home_made: host.stat(&user.home).ok().and_then(|stat| stat.created),
        };
        logins.accounts.insert(name.to_owned(), login);
    }
    logins.lastlog = lastlog.map(|_| true).into();
    Ok(logins)
}

/// When a file was last written. Its owner decides what it is, so it is never opened, nor is a link followed.
fn typed(host: &dyn Host, path: &str) -> Option<Timestamp> {
    let stat = host.stat_link(path).ok()?;
    (stat.kind == FileKind::File).then_some(stat.modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::machine::Machine;
    use crate::host::Tree;

    const NOW: Timestamp = Timestamp(1_790_000_000);

    fn facts(tree: &Tree) -> Facts {
        Facts {
            accounts: crate::facts::accounts::read(tree).into(),
            machine: Reading::Known(Machine {
                architecture: Reading::Known("x86_64".into()),
                ..Machine::default()
            }),
            ..Facts::default()
        }
    }

    #[test]
    fn every_trace_of_an_account_is_its_own() {
        let mut lastlog = vec![0; 1001 * 292];
        lastlog.extend(1_780_000_000_u32.to_le_bytes());
        lastlog.resize(1002 * 292, 0);
        let tree = Tree::new(NOW)
            .file(
                "/etc/passwd",
                "ann:x:1000:1000::/home/ann:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\nwww:x:33:33::/:/usr/sbin/nologin\n",
            )
            .file("/home/ann/.bash_history", "")
            .with("/home/ann/.bash_history", |node| node.modified = Timestamp(1_785_000_000))
            .link("/home/bob/.bash_history", "/etc/passwd")
            .file("/var/log/lastlog", lastlog);
        let logins = read(&tree, &facts(&tree)).unwrap();
        assert_eq!(logins.accounts.keys().collect::<Vec<_>>(), ["ann", "bob"]);
        assert_eq!(logins.accounts["ann"].typed, Some(Timestamp(1_785_000_000)));
        assert_eq!(logins.accounts["ann"].terminal, None);
        assert_eq!(logins.accounts["bob"].terminal, Some(Timestamp(1_780_000_000)));
        assert_eq!(logins.accounts["bob"].typed, None, "a link is not followed");
        assert!(logins.journal.gap().is_some());
    }
}
