//! authorized_keys of every account, and private keys that lie on the disk.

mod blob;
mod line;
mod private;
mod strict;

pub(crate) use blob::base64;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, User};
use crate::gap::Gap;
use crate::host::{self, FileKind, Host};

/// Keys of one file that are kept; more are a gap.
const KEYS: usize = 2_000;

/// authorized_keys of every account, and private keys that lie on the disk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SshKeys {
    /// The authorized_keys files that exist, in the order of /etc/passwd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<KeyFile>,
    /// Private keys in the `.ssh` folders of the accounts. Host keys below /etc/ssh are no findings and not listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<PrivateKey>,
    /// Accounts whose folders were looked into.
    pub accounts: Vec<String>,
    /// Files and folders that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One authorized_keys file, see sshd(8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFile {
    /// The account that its keys open.
    pub account: String,
    /// Where it lies.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its last change.
    pub modified: Timestamp,
    /// What StrictModes objects to, each `path: why`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<String>,
    /// Lines that hold no key that hostduty can read, from 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<u32>,
    /// Its keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<AuthorizedKey>,
}

/// One key that opens an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizedKey {
    /// Line in its file, from 1.
    pub line: u32,
    /// Its type as in the file, such as `ssh-ed25519`.
    pub kind: String,
    /// Its size in bits, where the type leaves a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// As `ssh-keygen -l` prints it; empty for certificates.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// The names of its options in lower case, never their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// A private key on the disk, by its first bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivateKey {
    /// The account in whose folder it lies.
    pub account: String,
    /// Where it lies.
    pub path: String,
    /// Whether a passphrase protects it.
    pub protection: Protection,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its last change.
    pub modified: Timestamp,
}

/// Whether a passphrase protects a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Whoever reads the file has the key.
    None,
    /// It is encrypted.
    Encrypted,
    /// The file does not say so in a form that hostduty knows.
    #[default]
    Unknown,
}

/// Reads the key files of every account. Several may share a home, whose private keys are listed once.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<SshKeys, Gap> {
    let accounts = facts.accounts.known()?;
    let mut found = SshKeys::default();
    let patterns = patterns(facts, &mut found.gaps);
    let mut homes = BTreeSet::new();
    // A key opens transfers and forwarding to an account without a shell too.
    for user in &accounts.users {
        found.accounts.push(user.name.clone());
        let mut seen: Vec<String> = Vec::new();
        for pattern in &patterns {
            match expand(pattern, user) {
                Some(path) if !seen.contains(&path) => {
                    match key_file(host, user, accounts, &path) {
                        Ok(file) => found.files.push(file),
                        Err(gap) if gap.is_absent() => {}
                        Err(gap) => found.gaps.push(gap),
                    }
                    seen.push(path);
                }
                Some(_) => {}
                None => {
                    let gap = Gap::unsupported(format!(
                        "AuthorizedKeysFile holds a token that hostduty does not expand: {pattern}"
                    ));
                    if !found.gaps.contains(&gap) {
                        found.gaps.push(gap);
                    }
                }
            }
        }
        if homes.insert(user.home.as_str()) {
            private::search(host, user, &mut found);
        }
    }
    Ok(found)
}

/// Where sshd looks for keys: outside of Match blocks, and in any of them.
fn patterns(facts: &Facts, gaps: &mut Vec<Gap>) -> Vec<String> {
    let name = "authorizedkeysfile";
    let config = facts.sshd.known().and_then(|sshd| sshd.config.known());
    let mut patterns: Vec<String> = match config.and_then(|config| config.setting(name)) {
        Ok(setting) => setting.values.clone(),
        Err(gap) => {
            // Without a configuration there is no other place than the default; whether it is the right one is open.
            if !gap.is_absent() {
                gaps.push(gap);
            }
            vec![".ssh/authorized_keys".to_owned(), ".ssh/authorized_keys2".to_owned()]
        }
    };
    if let Some(config) = facts.sshd.value().and_then(|sshd| sshd.config.value()) {
        for (_, setting) in config.matches_on(&[name]) {
            patterns.extend(setting.values.iter().cloned());
        }
    }
    patterns.retain(|pattern| !pattern.eq_ignore_ascii_case("none"));
    patterns.sort();
    patterns.dedup();
    patterns
}

/// TOKENS of sshd_config(5), and the home folder before a relative path.
fn expand(pattern: &str, user: &User) -> Option<String> {
    let mut path = String::new();
    let mut letters = pattern.chars();
    if pattern.starts_with('~') {
        return None;
    }
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match letters.next()? {
                '%' => path.push('%'),
                'h' => path += &user.home,
                'u' => path += &user.name,
                'U' => path += &user.uid.to_string(),
                _ => return None,
            },
            _ => path.push(letter),
        }
    }
    Some(if path.starts_with('/') { path } else { format!("{}/{path}", user.home.trim_end_matches('/')) })
}

fn key_file(host: &dyn Host, user: &User, accounts: &Accounts, path: &str) -> Result<KeyFile, Gap> {
    let stat = host.stat(path)?;
    let text = host.read_as(path, user.uid, host::SMALL)?;
    if host.stat_link(path)?.kind == FileKind::Symlink {
        return Err(Gap::unsupported(format!(
            "{path} is a symlink, and who may change its target is not examined"
        )));
    }
    let mut file = KeyFile {
        account: user.name.clone(),
        path: path.to_owned(),
        mode: stat.mode,
        uid: stat.uid,
        modified: stat.modified,
        exposed: strict::objections(host, user, accounts, path)?,
        ..KeyFile::default()
    };
    for (number, bytes) in (1_u32..).zip(text.split(|byte| *byte == b'\n')) {
        if file.keys.len() + file.malformed.len() >= KEYS {
            return Err(Gap::too_large(path));
        }
        match line::parse(&String::from_utf8_lossy(bytes)) {
            line::Parsed::Nothing => {}
            line::Parsed::Malformed => file.malformed.push(number),
            line::Parsed::Key(key) => file.keys.push(AuthorizedKey { line: number, ..key }),
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
