//! authorized_keys of every account, and private keys that lie on the disk.

mod asked;
mod authority;
pub(super) mod base64;
pub(super) mod blob;
mod der;
mod expiry;
pub(super) mod format;
mod line;
mod options;
mod place;
mod private;
mod strict;

use serde::{Deserialize, Serialize};

pub use authority::Authority;
pub use expiry::Expiry;

use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::{Gap, GapKind};
use crate::host::{self, FileKind, Host};
use asked::Asked;
use line::Context;
use strict::Account;

/// Lines of one file that are kept; more are a gap.
const KEYS: usize = 2_000;

/// authorized_keys of every account, and private keys that lie on the disk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SshKeys {
    /// The authorized_keys files that exist, in the order of /etc/passwd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<KeyFile>,
    /// Files of TrustedUserCAKeys: who holds one of these keys signs certificates that open accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<Authority>,
    /// Lines of the configuration that let keys in from where nobody can list them: AuthorizedKeysCommand and such.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Evidence>,
    /// Accounts whose folders were looked into.
    pub accounts: Vec<String>,
    /// What is not known of where keys lie.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Private keys in home folders and below /etc/ssh, where host keys are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<PrivateKey>,
    /// Folders and files that could not be looked through for private keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_gaps: Vec<Gap>,
}

/// One authorized_keys file, see sshd(8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFile {
    /// The account that its keys open.
    pub account: String,
    /// The patterns of AuthorizedKeysFile that lead here, as the configuration writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// Where sshd looks for it.
    pub path: String,
    /// Where it lies; empty where no symlink leads elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its last change.
    pub modified: Timestamp,
    /// What StrictModes objects to, each `path: why`. Unless it is switched off, sshd then passes over the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed: Vec<String>,
    /// Why sshd passes over it in any case; empty where nothing keeps sshd from reading it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub passed_over: String,
    /// Lines that hold no key, from 1. They open nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<u32>,
    /// What kept hostduty from reading all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
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
    /// Its type, such as `ssh-ed25519`.
    pub kind: String,
    /// Its size in bits, where the type leaves a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// As `ssh-keygen -l` prints it; empty for a type that hostduty does not know.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// The names of its options in lower case, each once. Of those that contradict each other the last counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The patterns of `from=`; empty where the option is not given. A single empty one lets nobody in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// The names of `principals=` of a certificate authority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Why sshd passes over the line; empty where it takes it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub passed_over: String,
    /// Why it is not known whether sshd takes the line; empty where it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unclear: String,
    /// The last observation of this file, before the first that saw the key, that did not: the key came later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_at: Option<Timestamp>,
    /// The first observation of this file that saw the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The earliest of `expiry-time=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

/// A private key on the disk, by its first bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivateKey {
    /// The account in whose folder it lies; empty below /etc/ssh and in homes of nobody.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Where it lies.
    pub path: String,
    /// Whether a passphrase protects it.
    pub protection: Protection,
    /// Its type, where the file says so in clear.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The fingerprint of its public half, where the file holds that in clear.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
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

impl SshKeys {
    /// The files that sshd looks into for an account where these patterns of AuthorizedKeysFile hold.
    pub fn files_of<'a>(
        &'a self,
        account: &'a str,
        patterns: &'a [String],
    ) -> impl Iterator<Item = &'a KeyFile> {
        let leads = |file: &&KeyFile| file.patterns.iter().any(|pattern| patterns.contains(pattern));
        self.files.iter().filter(move |file| file.account == account).filter(leads)
    }
}

impl KeyFile {
    /// Its keys that sshd takes, those of authorities too, as far as the file alone decides: StrictModes, addresses
    /// and dates are not asked.
    pub fn keys_taken(&self) -> impl Iterator<Item = &AuthorizedKey> {
        self.keys.iter().filter(|key| self.passed_over.is_empty() && key.passed_over.is_empty())
    }
}

impl AuthorizedKey {
    /// Whether an option without a value holds, such as `cert-authority`.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|name| name == option)
    }
    /// Whether its holder may have something that `restrict` and an option with `no-` take away, such as `pty`.
    #[must_use]
    pub fn permits(&self, what: &str) -> bool {
        let last = self
            .options
            .iter()
            .rev()
            .find(|name| *name == what || *name == "restrict" || name.strip_prefix("no-") == Some(what));
        last.is_none_or(|name| name == what)
    }
    /// Whether it signs certificates and opens nothing by itself.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.has("cert-authority")
    }
    /// Whether its date is over at an instant; absent where the time zone decides.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> Option<bool> {
        self.expires.as_ref().map_or(Some(false), |expiry| expiry.is_past(now))
    }
}

/// Reads the key files of every account.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<SshKeys, Gap> {
    let accounts = facts.accounts.known()?;
    let Asked { patterns, authorities, elsewhere, host_keys, build, gaps } = asked::read(facts);
    let context = Context { build: build.as_ref(), utc: keeps_utc(host) };
    let mut found = SshKeys { elsewhere, gaps, ..SshKeys::default() };
    // A key opens transfers and forwarding to an account without a shell too.
    for user in &accounts.users {
        found.accounts.push(user.name.clone());
        let account = Account { user, accounts, vendor: build.as_ref().map(|build| build.vendor) };
        let mut files: Vec<KeyFile> = Vec::new();
        for pattern in &patterns {
            let Some(path) = place::expand(pattern, user, accounts) else {
                let gap = Gap::unsupported(format!(
                    "AuthorizedKeysFile holds a token that sshd does not expand: {pattern}"
                ));
                if !found.gaps.contains(&gap) {
                    found.gaps.push(gap);
                }
                continue;
            };
            if let Some(known) = files.iter_mut().find(|file| file.path == path) {
                known.patterns.push(pattern.clone());
            } else if let Some(file) = key_file(host, account, &path, context) {
                files.push(KeyFile { patterns: vec![pattern.clone()], ..file });
            }
        }
        found.files.extend(files);
    }
    found.authorities =
        authorities.into_iter().map(|(path, at)| authority::read(host, path, at, context)).collect();
    let private = private::search(host, accounts, &host_keys);
    (found.private, found.private_gaps) = (private.keys, private.gaps);
    Ok(found)
}

/// Whether the clock of the host is that of UTC, so that a time without a zone means one instant.
fn keeps_utc(host: &dyn Host) -> bool {
    match host.read_link("/etc/localtime") {
        Ok(target) => matches!(target.rsplit('/').next(), Some("UTC" | "UCT" | "Universal" | "Zulu" | "GMT")),
        Err(gap) => gap.is_absent(),
    }
}

/// A file and its keys; nothing where it does not exist.
fn key_file(host: &dyn Host, account: Account<'_>, path: &str, context: Context<'_>) -> Option<KeyFile> {
    let mut file =
        KeyFile { account: account.user.name.clone(), path: path.to_owned(), ..KeyFile::default() };
    match fill(host, account, &mut file, context) {
        Ok(()) => {}
        Err(gap) if gap.is_absent() => return None,
        Err(gap) => file.gap = Some(gap),
    }
    Some(file)
}

fn fill(host: &dyn Host, account: Account<'_>, file: &mut KeyFile, context: Context<'_>) -> Result<(), Gap> {
    let stat = host.stat(&file.path)?;
    (file.mode, file.uid, file.modified) = (stat.mode, stat.uid, stat.modified);
    if stat.kind != FileKind::File {
        file.passed_over = "it is not a regular file".to_owned();
        return Ok(());
    }
    let target = place::real(host, &file.path)?;
    if !account.may_read(host, &target)? {
        file.passed_over = format!("sshd reads it as {}, who may not", account.user.name);
        return Ok(());
    }
    file.exposed = account.objections(host, &target)?;
    let text = match host.read_as(&file.path, account.user.uid, host::SMALL) {
        // The host knows no groups, by which the account may have the right that was found above.
        Err(gap) if gap.why == GapKind::Denied => host.read(&target, host::SMALL)?,
        other => other?,
    };
    if target != file.path {
        file.target = target;
    }
    for (number, bytes) in (1_u32..).zip(text.split(|byte| *byte == b'\n')) {
        let parsed = line::parse(bytes, context);
        if parsed != line::Parsed::Nothing && file.keys.len() + file.malformed.len() >= KEYS {
            return Err(Gap::too_large(file.path.clone()));
        }
        match parsed {
            line::Parsed::Nothing => {}
            line::Parsed::Malformed => file.malformed.push(number),
            line::Parsed::Key(key) => file.keys.push(AuthorizedKey { line: number, ..*key }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
