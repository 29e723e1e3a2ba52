//! The files that modules read to decide: what they say about accounts, and nothing else of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Rule;
use crate::gap::{Gap, Reading};
use crate::host::{self, FileKind, Host};

/// Names of one file; more are a gap.
const NAMES: usize = 2_000;

/// What one of these files says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consulted {
    /// Lines that are neither empty nor a comment.
    pub lines: u32,
    /// Those lines that name an account, a group or a shell of the host.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// Everybody may write to it, or it is no plain file: modules that trust it refuse.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untrusted: bool,
}

pub(super) const NOLOGIN: [&str; 2] = ["/var/run/nologin", "/etc/nologin"];
pub(super) const SHELLS: &str = "/etc/shells";
pub(super) const ACCESS: &str = "/etc/security/access.conf";
/// More rules of pam_access, which some releases read.
pub(super) const ACCESS_FOLDER: &str = "/etc/security/access.d";
pub(super) const TIME: &str = "/etc/security/time.conf";

/// The files that a rule depends on.
pub(super) fn paths(rule: &Rule) -> Vec<String> {
    let argument = |name: &str| rule.arguments.iter().filter_map(|text| text.strip_prefix(name)).next_back();
    let one = |path: &str| vec![path.to_owned()];
    match rule.module.as_str() {
        "pam_nologin" => match argument("file=") {
            Some(path) => one(path),
            None => NOLOGIN.map(str::to_owned).to_vec(),
        },
        "pam_shells" => one(SHELLS),
        "pam_listfile" => argument("file=").map(one).unwrap_or_default(),
        "pam_access" => match argument("accessfile=") {
            Some(path) => one(path),
            None => [ACCESS, ACCESS_FOLDER].map(str::to_owned).to_vec(),
        },
        "pam_time" => one(argument("conffile=").unwrap_or(TIME)),
        _ => Vec::new(),
    }
}

/// Reads the files of all rules. A message of the day or a stray secret in one of them is no fact.
pub(super) fn read<'a>(
    host: &dyn Host,
    rules: impl Iterator<Item = &'a Rule>,
) -> BTreeMap<String, Reading<Consulted>> {
    let mut files = BTreeMap::new();
    let mut known: Option<BTreeSet<String>> = None;
    for rule in rules {
        for path in paths(rule).into_iter().filter(|path| path.starts_with('/')) {
            if files.len() < 64 && !files.contains_key(&path) {
                let known = known.get_or_insert_with(|| names(host));
                files.insert(path.clone(), file(host, &path, known).into());
            }
        }
    }
    files
}

fn file(host: &dyn Host, path: &str, known: &BTreeSet<String>) -> Result<Consulted, Gap> {
    let stat = host.stat_link(path)?;
    // The path of pam_nologin goes through a link, and only that a file is there counts.
    let exists = host.stat(path)?;
    let untrusted = stat.kind != FileKind::File || exists.mode & 0o002 != 0;
    if exists.kind != FileKind::File || NOLOGIN.contains(&path) {
        return Ok(Consulted { untrusted, ..Consulted::default() });
    }
    let text = host.read(path, host::SMALL)?;
    let mut found = Consulted { untrusted, ..Consulted::default() };
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        found.lines = found.lines.saturating_add(1);
        if let Some(name) = std::str::from_utf8(line).ok().filter(|line| known.contains(*line)) {
            if found.names.len() >= NAMES {
                return Err(Gap::too_large(path));
            }
            found.names.insert(name.to_owned());
        }
    }
    Ok(found)
}

/// Every account, group and shell that the host's own files name.
fn names(host: &dyn Host) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["/bin/sh".to_owned()].into();
    for path in ["/etc/passwd", "/etc/group"] {
        let text = host.read(path, host::LARGE).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let fields: Vec<&str> = line.split(':').collect();
            names
                .extend([fields.first(), fields.get(6)].into_iter().flatten().map(|name| (*name).to_owned()));
        }
    }
    names.remove("");
    names
}

/// The lowest uid of people and the highest of the system's own accounts, from login.defs(5).
pub(super) fn own_uids(host: &dyn Host) -> Option<(u32, u32)> {
    let text = match host.read("/etc/login.defs", host::SMALL) {
        Ok(text) => text,
        Err(gap) if gap.is_absent() => Vec::new(),
        Err(_) => return None,
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let number = |key: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == key).then(|| words.next()?.parse::<u32>().ok())?
        })
    };
    let lowest = number("UID_MIN").unwrap_or(1_000);
    Some((lowest, number("SYS_UID_MAX").unwrap_or(lowest.saturating_sub(1))))
}
