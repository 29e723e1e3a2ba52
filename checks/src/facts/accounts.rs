//! Who exists on the host and how each may log in with a password: passwd(5), shadow(5), group(5).

use serde::{Deserialize, Serialize};

use crate::date::Day;
use crate::gap::{Gap, Reading};
use crate::host::Host;

/// The accounts and groups in the host's own files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// In the order of /etc/passwd.
    pub users: Vec<User>,
    /// In the order of /etc/group.
    pub groups: Vec<Group>,
    /// Lines of those files that make no sense, as `path:line: why`. Whoever judges all accounts must mention them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<String>,
    /// Sources of accounts beyond the files, from the `passwd:` line of nsswitch.conf(5), such as `sss` or `ldap`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_sources: Vec<String>,
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
    /// Rounds or cost parameter when the hash states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// The day of the last change; absent when the field is empty. Day 0 forces a change at the next login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Day>,
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
    /// `!` before a hash (passwd -l): a password exists and is locked away.
    Locked,
    /// `*`, `!`, `!!` or anything that no password hashes to.
    #[default]
    None,
}

/// How a password is hashed, by the prefix of crypt(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `$y$`
    Yescrypt,
    /// `$gy$`
    GostYescrypt,
    /// `$7$`
    Scrypt,
    /// `$2a$`, `$2b$`, `$2y$`
    Bcrypt,
    /// `$6$`
    Sha512,
    /// `$5$`
    Sha256,
    /// `$1$`
    Md5,
    /// `_` and 19 characters
    BsdiDes,
    /// 13 characters
    Des,
    /// A prefix that crypt(5) does not list.
    Other,
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

impl User {
    /// Whether the shell lets somebody work, as opposed to nologin(8) and false(1).
    #[must_use]
    pub fn has_login_shell(&self) -> bool {
        let shell = self.shell.rsplit('/').next().unwrap_or("");
        !matches!(shell, "nologin" | "false" | "sync" | "shutdown" | "halt" | "true")
    }
}

/// Reads the account files.
pub(crate) fn read(_host: &dyn Host) -> Result<Accounts, Gap> {
    Err(Gap::not_gathered())
}
