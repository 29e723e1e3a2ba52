//! The keys by which this SSH server proves to be itself: their type, who can read them, how old they are.

use serde::{Deserialize, Serialize};

use super::ssh_keys::blob::{self, PublicKey};
use super::ssh_keys::{Protection, base64, format};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::sshd::Vendor;
use crate::gap::Gap;
use crate::host::{FileKind, Host};

/// The files that sshd takes where its configuration names none.
const DEFAULT: [&str; 4] = [
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_dsa_key",
];
/// sshd(8) refuses more than this.
const MOST: usize = 256;
/// The group that Red Hat lets read host keys, for hostbased authentication.
const READERS: &str = "ssh_keys";

/// The keys by which this SSH server proves to be itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostKeys {
    /// The files that exist, in the order of the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<HostKey>,
    /// Files that the configuration names and that do not exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Files that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One host key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostKey {
    /// The file with its private half.
    pub path: String,
    /// Its type, such as `ssh-ed25519`; empty where neither file says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its size in bits, where the type leaves a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// As `ssh-keygen -l` prints it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Whether its group is the one that Red Hat means to read host keys.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readers: bool,
    /// Its last change.
    pub modified: Timestamp,
    /// Why sshd does not load it; empty where nothing keeps it from that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub passed_over: String,
    /// What the `.pub` file beside it says.
    pub public: Beside,
}

/// What the `.pub` file beside a host key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// There is none, or none that can be compared.
    #[default]
    Unknown,
    /// The same key.
    Same,
    /// Another key: who compares fingerprints with it is misled.
    Other,
}

/// The files that the configuration names.
pub(crate) fn configured(facts: &Facts) -> Vec<String> {
    let config = facts.sshd.value().and_then(|sshd| sshd.config.value());
    config.map_or_else(Vec::new, |config| {
        config.lines_of("hostkey").flat_map(|line| line.values.iter().cloned()).collect()
    })
}

/// Reads the host keys that the configuration names, or those that sshd takes without.
pub(crate) fn read(host: &dyn Host, facts: &Facts, configured: &[String]) -> Result<HostKeys, Gap> {
    let mut found = HostKeys::default();
    let default = DEFAULT.map(str::to_owned);
    let paths = if configured.is_empty() { &default[..] } else { configured };
    for path in paths.iter().take(MOST).filter(|path| path.starts_with('/')) {
        match host_key(host, facts, path) {
            Ok(key) => found.keys.push(key),
            Err(gap) if gap.is_absent() => {
                if !configured.is_empty() {
                    found.missing.push(path.clone());
                }
            }
            Err(gap) => found.gaps.push(gap),
        }
    }
    Ok(found)
}

fn host_key(host: &dyn Host, facts: &Facts, path: &str) -> Result<HostKey, Gap> {
    let stat = host.stat(path)?;
    // Only Red Hat has such a group; another sshd whose vendor is known does not ask for it.
    let build = facts.sshd.value().and_then(|sshd| sshd.build.value());
    let red_hat = build.is_none_or(|build| build.vendor == Vendor::RedHat);
    let accounts = facts.accounts.value();
    let named = accounts.is_some_and(|accounts| {
        accounts.groups.iter().any(|group| group.gid == stat.gid && group.name == READERS)
    });
    let mut key = HostKey {
        path: path.to_owned(),
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        readers: red_hat && named,
        modified: stat.modified,
        ..HostKey::default()
    };
    if stat.kind != FileKind::File {
        key.passed_over = "it is not a regular file".to_owned();
        return Ok(key);
    }
    let form = format::read(&host.read(path, format::SIZE)?);
    // sshd looks at the bits of a file only where it belongs to root.
    let harmless = key.readers && stat.mode & 0o077 == 0o040;
    key.passed_over = match form.as_ref().map(|form| form.protection) {
        _ if stat.uid == 0 && stat.mode & 0o077 != 0 && !harmless => {
            "others than root have rights on it".to_owned()
        }
        None => "it is no private key".to_owned(),
        Some(Protection::Encrypted) => "a passphrase protects it".to_owned(),
        Some(_) => String::new(),
    };
    let inside = form.and_then(|form| form.public);
    let beside = beside(host, &format!("{path}.pub"));
    key.public = match (&inside, &beside) {
        (Some(inside), Some(beside)) if inside.fingerprint == beside.fingerprint => Beside::Same,
        (Some(_), Some(_)) => Beside::Other,
        _ => Beside::Unknown,
    };
    if let Some(PublicKey { kind, bits, fingerprint }) = inside.or(beside) {
        (key.kind, key.bits, key.fingerprint) = (kind, bits, fingerprint);
    }
    Ok(key)
}

/// The key in a `.pub` file, if there is one.
fn beside(host: &dyn Host, path: &str) -> Option<PublicKey> {
    let text = host.read(path, format::SIZE).ok()?;
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        blob::describe(&base64::decode(words.nth(1)?, format::SIZE)?)
    })
}

#[cfg(test)]
mod tests;
