//! Who exists on the host and how each may log in with a password: passwd(5), shadow(5), group(5).

mod defaults;
mod files;
mod hash;
mod owners;
pub(crate) mod sources;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::date::Day;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{FileKind, Host, LARGE, System};
pub use defaults::{Compared, compare_with_defaults};
use files::{Complaints, ShadowLine};
pub use hash::Scheme;
pub use owners::Owner;
pub(crate) use owners::parts;

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const GROUP: &str = "/etc/group";

/// The accounts and groups in the host's own files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// In the order of /etc/passwd. A name may come twice: getpwnam(3) takes the first.
    pub users: Vec<User>,
    /// In the order of /etc/group.
    pub groups: Vec<Group>,
    /// Who may write the home folders and the shells of accounts that log in, and the folders above, by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<String, Reading<Owner>>,
    /// Lines of those files that make no sense, as `path:line: why`. Whoever judges all accounts must mention them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<String>,
    /// Sources of accounts beyond the files, from the `passwd:` line of nsswitch.conf(5), such as `sss` or `ldap`.
    /// `systemd` is among them only where user records lie that it would serve; the accounts that it makes up for
    /// units have no password.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_sources: Vec<String>,
    /// Sources of groups beyond the files, from the `group:` and `initgroups:` lines: each may put an account of the files
    /// into more groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_sources: Vec<String>,
}

/// One line of passwd(5) with its line of shadow(5).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell; empty means /bin/sh.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shell: String,
    /// Whether there is no such program, so that sshd(8) and login(1) let nobody in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_shell: bool,
    /// Line in /etc/passwd, from 1.
    pub line: u32,
    /// What shadow(5) says; denied without root.
    pub password: Reading<Password>,
}

/// The password field of an account, without the hash.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// Whether it lets anyone in.
    pub state: PasswordState,
    /// How it is hashed; absent unless a hash is there (also behind a lock).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// Rounds (sha512, sha256, sha1) or cost (bcrypt) when the hash states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// The day of the last change; absent when the field is empty. Day 0 forces a change at the next login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Day>,
    /// Whether the field begins with `!`, the mark of usermod -L that sshd(8) heeds where it does not ask PAM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The day from which on the account is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Day>,
    /// The day from which on the password is of no use, because it was not changed in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Day>,
    /// What came of comparing it with passwords that machines are delivered with, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// `/etc/shadow` or `/etc/passwd`, where the field stands.
    pub source: String,
    /// Line in that file, from 1.
    pub line: u32,
}

/// Whether a password field lets anyone in, see crypt(5) and passwd(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordState {
    /// A hash: a password opens the account.
    Usable,
    /// Empty: no password opens the account where `nullok` holds.
    Empty,
    /// `!` or `*` before a hash (passwd -l): a password exists and is locked away.
    Locked,
    /// `*`, `!`, `!!` or anything that no password hashes to.
    #[default]
    None,
}

/// One line of group(5).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its id.
    pub gid: u32,
    /// Its members beyond those whose primary group it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

impl Accounts {
    /// What could not be read of the accounts and their passwords, one sentence each, for whoever judges them all.
    #[must_use]
    pub fn unread_passwords(&self) -> Vec<String> {
        let mut gaps: BTreeMap<(GapKind, String), usize> = BTreeMap::new();
        for user in &self.users {
            if let Reading::Gap(gap) = &user.password {
                *gaps.entry((gap.why, gap.to_string())).or_default() += 1;
            }
        }
        let sentence = |((why, text), count): ((GapKind, String), usize)| match why {
            GapKind::Denied => {
                format!("{text}, where the passwords of {count} accounts stand; it takes root")
            }
            _ => format!("{text}, where the passwords of {count} accounts should stand"),
        };
        let malformed = self.malformed.iter().filter(|sentence| !sentence.contains(GROUP)).cloned();
        malformed.chain(gaps.into_iter().map(sentence)).collect()
    }

    /// The accounts with a password field that was read, each name once, as getpwnam(3) finds them.
    pub fn passwords(&self) -> impl Iterator<Item = (&User, &Password)> {
        let mut seen = BTreeSet::new();
        self.users
            .iter()
            .filter(move |user| seen.insert(user.name.as_str()))
            .filter_map(|user| Some((user, user.password.value()?)))
    }

    /// The account that a name means.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Everyone in a group, by its line in group(5) and by primary group; absent when there is no such group.
    #[must_use]
    pub fn members(&self, gid: u32) -> Option<BTreeSet<&str>> {
        let mut groups = self.groups.iter().filter(|group| group.gid == gid).peekable();
        groups.peek()?;
        let primary = self.users.iter().filter(|user| user.gid == gid).map(|user| user.name.as_str());
        Some(groups.flat_map(|group| group.members.iter().map(String::as_str)).chain(primary).collect())
    }
}

impl User {
    /// The program that a login starts.
    #[must_use]
    pub fn shell_path(&self) -> &str {
        if self.shell.is_empty() { "/bin/sh" } else { &self.shell }
    }

    /// Whether its shell is there and lets somebody work, by whatever means they prove who they are.
    #[must_use]
    pub fn logs_in(&self) -> bool {
        self.has_login_shell() && !self.no_shell
    }

    /// Whether the shell lets somebody work, as opposed to nologin(8) and false(1).
    #[must_use]
    pub fn has_login_shell(&self) -> bool {
        let shell = self.shell.rsplit('/').next().unwrap_or("");
        !matches!(shell, "nologin" | "false" | "sync" | "shutdown" | "halt" | "true")
    }
}

/// Reads the account files. A line of shadow(5) whose name no line of passwd(5) has is left out: nobody can log in
/// under a name that getpwnam(3) does not find.
pub(crate) fn read(host: &dyn Host) -> Result<Accounts, Gap> {
    if host.system() == System::MacOs {
        return Err(Gap::unsupported(
            "accounts of macOS live in its directory service, and /etc/passwd does not list them",
        ));
    }
    let mut complaints = Complaints::default();
    let passwd = files::passwd(PASSWD, &host.read(PASSWD, LARGE)?, &mut complaints);
    let shadow = host
        .read(SHADOW, LARGE)
        .map(|content| first_by_name(files::shadow(SHADOW, &content, &mut complaints)));
    let groups = match host.read(GROUP, LARGE) {
        Ok(content) => files::group(GROUP, &content, &mut complaints),
        Err(gap) => {
            complaints.add(gap.to_string());
            Vec::new()
        }
    };
    let other_sources = sources::other_sources(host, passwd.includes_nis, &mut complaints);
    let group_sources = sources::group_sources(host, passwd.includes_nis, &mut complaints);
    let mut shells = Shells::of(host);
    let users: Vec<User> = passwd
        .lines
        .into_iter()
        .map(|line| {
            let own = hash::password(&line.password, None, PASSWD, line.user.line);
            // pam_unix(8) takes `##name` for `x`, and sshd prefers shadow(5) wherever it has a line.
            let password = if line.password == b"x"
                || (own.state != PasswordState::Usable && !line.password.is_empty())
            {
                shadowed(&line.user, &shadow)
            } else {
                Reading::Known(own)
            };
            let no_shell = shells.are_missing(&line.user.shell);
            User { password, no_shell, ..line.user }
        })
        .collect();
    let owners = owners::read(host, &users);
    Ok(Accounts { users, groups, owners, malformed: complaints.into_lines(), other_sources, group_sources })
}

/// Which shells exist.
struct Shells<'a> {
    host: &'a dyn Host,
    /// Whether the host has programs at all: an image of nothing but /etc tells nothing of shells.
    whole: bool,
    known: HashMap<String, bool>,
}

impl<'a> Shells<'a> {
    fn of(host: &'a dyn Host) -> Self {
        Self { host, whole: host.stat("/bin/sh").is_ok(), known: HashMap::new() }
    }

    /// Whether a shell is no program that can be executed.
    fn are_missing(&mut self, shell: &str) -> bool {
        let path = if shell.is_empty() { "/bin/sh" } else { shell };
        if let Some(missing) = self.known.get(path) {
            return *missing;
        }
        let missing = match self.host.stat(path) {
            Ok(stat) => stat.kind != FileKind::File || stat.mode & 0o111 == 0,
            Err(gap) => gap.is_absent(),
        };
        let missing = missing && self.whole;
        self.known.insert(path.to_owned(), missing);
        missing
    }
}

/// getspnam(3) takes the first line with a name.
fn first_by_name(lines: Vec<ShadowLine>) -> HashMap<String, Password> {
    let mut first = HashMap::with_capacity(lines.len());
    for line in lines {
        first.entry(line.name).or_insert(line.password);
    }
    first
}

/// The password of an account whose passwd(5) says `x`. Without a line in shadow(5) nothing opens it.
fn shadowed(user: &User, shadow: &Result<HashMap<String, Password>, Gap>) -> Reading<Password> {
    match shadow {
        Ok(lines) => Reading::Known(lines.get(&user.name).cloned().unwrap_or_else(|| Password {
            source: PASSWD.to_owned(),
            line: user.line,
            ..Password::default()
        })),
        Err(gap) => Reading::Gap(gap.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const HASH: &str =
        "$6$saltsalt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn gathered(passwd: impl AsRef<[u8]>, shadow: impl AsRef<[u8]>) -> Accounts {
        let tree = Tree::new(Timestamp(0))
            .file(PASSWD, passwd)
            .file(SHADOW, shadow)
            .file(GROUP, "root:x:0:\nsudo:x:27:ada,bob\n");
        read(&tree).unwrap()
    }

    fn accounts(passwd: impl AsRef<[u8]>, shadow: impl AsRef<[u8]>) -> Accounts {
        let accounts = gathered(passwd, shadow);
        let facts = crate::facts::Facts { accounts: Reading::Known(accounts.clone()), ..Default::default() };
        let text = toml::to_string(&facts).unwrap();
        assert_eq!(toml::from_str::<crate::facts::Facts>(&text).unwrap(), facts, "facts do not read back");
        assert!(!text.contains("saltsalt"), "a hash got into the facts");
        accounts
    }

    fn password(accounts: &Accounts, name: &str) -> Password {
        accounts.find(name).unwrap().password.known().unwrap().clone()
    }

    #[test]
    fn a_password_stands_in_shadow_or_in_passwd_itself() {
        let seen = accounts(
            format!(
                "root:x:0:0::/root:/bin/bash\nold:{HASH}:1:1::/:/bin/sh\nopen::2:2::/:\nghost:x:3:3::/:/bin/sh\n"
            ),
            format!("root:{HASH}:20700:0:99999:7:::\nnobody-here:{HASH}:1::::::\n"),
        );
        let root = password(&seen, "root");
        assert_eq!(
            (root.state, root.scheme, root.changed),
            (PasswordState::Usable, Some(Scheme::Sha512), Some(Day(20700)))
        );
        assert_eq!((root.source.as_str(), root.line), (SHADOW, 1));
        let old = password(&seen, "old");
        assert_eq!((old.state, old.source.as_str(), old.line), (PasswordState::Usable, PASSWD, 2));
        assert_eq!(password(&seen, "open").state, PasswordState::Empty);
        assert_eq!(password(&seen, "ghost").state, PasswordState::None);
        assert_eq!(seen.users.len(), 4, "a shadow line alone makes no account");
        assert!(seen.malformed.is_empty(), "{:?}", seen.malformed);
    }

    #[test]
    fn without_shadow_every_password_is_a_gap_with_its_reason() {
        let tree = Tree::new(Timestamp(0))
            .file(PASSWD, "root:x:0:0::/root:/bin/sh\nopen::1:1::/:/bin/sh\n")
            .refuse(SHADOW, Gap::denied(SHADOW));
        let seen = read(&tree).unwrap();
        assert_eq!(seen.users[0].password, Reading::Gap(Gap::denied(SHADOW)));
        assert_eq!(password(&seen, "open").state, PasswordState::Empty, "passwd itself was read");
        assert!(
            seen.unread_passwords().iter().any(|line| line.contains("not permitted to read /etc/shadow"))
        );
        assert!(seen.malformed.iter().any(|line| line.contains("/etc/group does not exist")));
    }

    #[test]
    fn of_two_lines_with_one_name_the_first_has_the_password() {
        let seen = accounts(
            "ada:x:1000:1000::/home/ada:\nada:x:0:0::/root:\n",
            format!("ada:*:1::::::\nada:{HASH}:2::::::\n"),
        );
        assert_eq!(seen.users.len(), 2);
        assert_eq!(password(&seen, "ada").state, PasswordState::None);
        assert_eq!(seen.passwords().count(), 1);
        assert_eq!(seen.find("ada").unwrap().uid, 1000);
    }

    #[test]
    fn a_shell_must_be_a_program() {
        let passwd = "a:x:1:1::/:/bin/sh\nb:x:2:2::/:/bin/gone\nc:x:3:3::/:\nd:x:4:4::/:/etc\n";
        let tree =
            Tree::new(Timestamp(0)).file(PASSWD, passwd).file(SHADOW, "a:!$6$x$y:1::::::\nb:*:1:::::9:\n");
        let missing =
            |tree: &Tree| read(tree).unwrap().users.iter().map(|user| user.no_shell).collect::<Vec<_>>();
        assert_eq!(missing(&tree), [false; 4], "an image of /etc alone");
        let seen = tree.file("/bin/sh", "").with("/bin/sh", |node| node.mode = 0o755);
        assert_eq!(missing(&seen), [false, true, false, true]);
        let seen = read(&seen).unwrap();
        assert!(password(&seen, "a").locked && !password(&seen, "b").locked);
        assert_eq!(password(&seen, "b").expires, Some(Day(9)));
    }

    #[test]
    fn members_come_from_the_group_line_and_from_primary_groups() {
        let seen = accounts("ada:x:1:1::/:\ncarl:x:2:27::/:\n", "");
        assert_eq!(seen.members(27).unwrap().into_iter().collect::<Vec<_>>(), ["ada", "bob", "carl"]);
        assert!(seen.members(4711).is_none());
    }

    #[test]
    fn a_hostile_passwd_is_bounded_and_never_quoted() {
        let mut passwd = b"root:x:0:0::/root:/bin/sh\n".to_vec();
        for index in 0..100_000 {
            passwd.extend_from_slice(format!("user{index}:x:{}:1::/home:/bin/sh\n", 1000 + index).as_bytes());
        }
        for _ in 0..1000 {
            passwd.extend_from_slice(b"secret-word\xff\0:x\n");
        }
        passwd.extend(std::iter::repeat_n(b':', 10_000_000));
        let seen = gathered(&passwd, "root:$6$saltsalt:99999999999999999999999::::::\n");
        assert_eq!(seen.users.len(), 100_001);
        assert!(seen.malformed.len() < 110);
        assert!(seen.malformed.iter().all(|line| !line.contains("secret") && line.len() < 200));
        assert_eq!(password(&seen, "root").changed, None);
    }
}
