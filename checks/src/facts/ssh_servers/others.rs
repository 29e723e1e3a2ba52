//! SSH servers that are not OpenSSH's, and what each does with a typed password.

use serde::{Deserialize, Serialize};

use super::dropbear;
use super::running::{self, is_sshd};
use super::written::{self, Listen, Starts, base};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::ssh_keys::base64;
use crate::facts::units::Init;
use crate::gap::Gap;
use crate::host::{self, Host};

/// A server that is not OpenSSH's, or not the host's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Other {
    /// The name of its program.
    pub name: String,
    /// Whether a typed password of an ordinary account opens it.
    pub passwords: Answer,
    /// Whether root's does.
    pub root_passwords: Answer,
    /// Whether root gets in at all.
    pub root: Answer,
    /// Where passwords open it, an empty one does too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_passwords: bool,
    /// Only members of this group get in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A key and a password are asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub second_factor: bool,
    /// It answers only until the disks are unlocked, from the initramfs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// When it is started.
    pub starts: Starts,
    /// What starts it, or its process.
    pub at: Vec<Evidence>,
    /// Where it listens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<Listen>,
}

/// An answer that may be open, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Not known, and why.
    Unknown(String),
}

impl Default for Answer {
    fn default() -> Self {
        Self::Unknown("the facts do not say".to_owned())
    }
}

/// Programs that speak SSH by a configuration of their own.
const NAMES: &[&str] =
    &["dropbear", "dropbearmulti", "tinysshd", "lshd", "teleport", "tailscaled", "wolfsshd", "sftpgo"];

/// More than any host has.
const MOST: usize = 64;
/// The longest piece of Tailscale's state that is taken apart, in base64.
const STATE: usize = 1 << 20;

/// Whether a program is such a server.
pub(super) fn is_other(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Finds them among units, scripts, settings and processes.
pub(super) fn read(host: &dyn Host, facts: &Facts, gaps: &mut Vec<Gap>) -> Vec<Other> {
    let sockets = running::sockets(facts);
    let mut found: Vec<Other> = Vec::new();
    if let Some(units) = facts.units.value() {
        for written in written::read(host, units, &[], is_other, gaps) {
            let at = [written.at.clone().says(format!("of {}", written.unit))];
            let at = at.into_iter().chain(written.started_by).collect();
            let other = described(host, base(&written.program), &written.arguments, written.gaps);
            let about = |other| Other { at, starts: written.starts, listens: written.listens, ..other };
            other.map(about).into_iter().for_each(|other| add(&mut found, other));
        }
        if units.init == Init::Other {
            match dropbear::from_uci(host) {
                Ok(servers) => {
                    for server in servers {
                        add(&mut found, Other { starts: Starts::Boot, ..server });
                    }
                }
                Err(gap) => gaps.push(gap),
            }
        }
    }
    for server in running::plain(host, facts, &sockets, is_other) {
        let other = described(host, base(server.process.program()), &server.arguments, server.gaps);
        let about = |other| Other { at: vec![server.at], listens: server.listens, ..other };
        other.map(about).into_iter().for_each(|other| add(&mut found, other));
    }
    for server in running::plain(host, facts, &sockets, is_sshd) {
        let process = server.process;
        if !server.listens.is_empty() && (process.contained || process.uid != 0) {
            let whose = match process.contained {
                true => "it is a container's and listens on an address of the host".to_owned(),
                false => format!("it is an ordinary account's (uid {})", process.uid),
            };
            let unknown = || Answer::Unknown(whose.clone());
            let (passwords, root_passwords, root) = (unknown(), unknown(), unknown());
            let name = process.program().to_owned();
            add(
                &mut found,
                Other {
                    name,
                    passwords,
                    root_passwords,
                    root,
                    at: vec![server.at],
                    listens: server.listens,
                    ..Other::default()
                },
            );
        }
    }
    found.extend(initramfs(host));
    found
}

/// Two that do the same do not differ, whatever starts them.
fn add(found: &mut Vec<Other>, other: Other) {
    let does = |other: &Other| Other {
        at: Vec::new(),
        listens: Vec::new(),
        starts: Starts::ByHand,
        ..other.clone()
    };
    let known = found.iter().position(|known| does(known) == does(&other));
    match known.and_then(|at| found.get_mut(at)) {
        Some(known) => {
            known.at.extend(other.at);
            known.listens.extend(other.listens);
            known.starts = known.starts.or(other.starts);
        }
        // Beyond a bound that no host reaches, what is added says that there is more.
        None => found.push(if found.len() < MOST {
            other
        } else {
            Other { name: other.name, ..Other::default() }
        }),
    }
}

/// What a server does by its name and arguments; nothing where it is no SSH server after all.
fn described(host: &dyn Host, name: &str, arguments: &[String], gaps: Vec<Gap>) -> Option<Other> {
    let takes = |passwords: Answer, root: Answer| Other {
        root_passwords: passwords.clone(),
        passwords,
        root,
        ..Other::default()
    };
    let unknown = |why: &str| Answer::Unknown(why.to_owned());
    let other = match name {
        "dropbear" | "dropbearmulti" => dropbear::from_arguments(arguments, gaps),
        // It knows no method but public keys.
        "tinysshd" => takes(Answer::No, Answer::Yes),
        // Its servers take certificates of its own authority.
        "teleport" => takes(Answer::No, unknown("its roles decide")),
        "tailscaled" => match tailscale_ssh(host, arguments) {
            Ok(false) => return None,
            // The tailnet says who it is; nobody types a password of this host.
            Ok(true) => takes(Answer::No, unknown("the rules of the tailnet decide")),
            Err(gap) => takes(Answer::No, Answer::Unknown(gap.to_string())),
        },
        _ => takes(
            unknown("hostduty does not read its settings"),
            unknown("hostduty does not read its settings"),
        ),
    };
    Some(Other { name: name.to_owned(), ..other })
}

/// Whether the current profile of tailscaled has its SSH server on. Its state holds keys: nothing else of it is kept.
fn tailscale_ssh(host: &dyn Host, arguments: &[String]) -> Result<bool, Gap> {
    let mut words = arguments.iter();
    let mut path = "/var/lib/tailscale/tailscaled.state".to_owned();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches('-');
        let value = |name: &str, next: Option<&String>| match word.strip_prefix(name)? {
            "" => next.cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        };
        if let Some(folder) = value("statedir", words.clone().next()) {
            path = format!("{folder}/tailscaled.state");
        } else if let Some(file) = value("state", words.clone().next()) {
            path = file;
        }
    }
    if !path.starts_with('/') {
        return Err(Gap::unsupported("the state of tailscaled is in no file"));
    }
    let malformed = || Gap::malformed(format!("{path} is not as tailscaled writes it, or is sealed"));
    let bytes = match host.read(&path, host::SMALL) {
        Ok(bytes) => bytes,
        // A machine that never joined a tailnet.
        Err(gap) if gap.is_absent() => return Ok(false),
        Err(gap) => return Err(gap),
    };
    let state: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    let decoded =
        |name: &str| state.get(name).and_then(|value| base64::decode(value.as_str()?.as_bytes(), STATE));
    let profile = match decoded("_current-profile") {
        Some(name) => String::from_utf8(name).map_err(|_| malformed())?,
        None if state.get("_daemon").is_some() => "_daemon".to_owned(),
        None if state.as_object().is_some_and(|state| state.keys().all(|key| key.starts_with('_'))) => {
            return Ok(false);
        }
        None => return Err(malformed()),
    };
    if profile.is_empty() {
        return Ok(false);
    }
    let preferences = decoded(&profile).ok_or_else(malformed)?;
    let preferences: serde_json::Value = serde_json::from_slice(&preferences).map_err(|_| malformed())?;
    match preferences.get("RunSSH") {
        Some(value) => value.as_bool().ok_or_else(malformed),
        None if preferences.is_object() => Ok(false),
        None => Err(malformed()),
    }
}

/// Debian's dropbear-initramfs. Its hook makes a root whose password field is a star, so that only keys open it.
fn initramfs(host: &dyn Host) -> Option<Other> {
    const HOOK: &str = "/usr/share/initramfs-tools/hooks/dropbear";
    host.stat(HOOK).ok()?;
    Some(Other {
        name: "dropbear".to_owned(),
        passwords: Answer::No,
        root_passwords: Answer::No,
        root: Answer::Yes,
        early: true,
        starts: Starts::Boot,
        at: vec![Evidence::of(HOOK)],
        ..Other::default()
    })
}
