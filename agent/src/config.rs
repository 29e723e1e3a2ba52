//! The configuration: found, read, merged and made valid, or refused with file, line and cure.

mod fragment;
mod settings;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use checks::gap::Gap;
use checks::host::{Host, SMALL};

use crate::host::Live;
pub(crate) use settings::Settings;

/// Where configuration lies, weakest first: the package's, this boot's, the administrator's.
const FOLDERS: [&str; 3] = ["/usr/lib/hostduty", "/run/hostduty", "/etc/hostduty"];

/// The example that `config example` prints and that packages install.
pub(crate) const EXAMPLE: &str = include_str!("../../packaging/etc/hostduty/hostduty.toml");

/// What is wrong with the configuration, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// The file.
    pub(crate) file: String,
    /// Line from 1; none for what concerns the whole file.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) cure: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)?;
        if !self.cure.is_empty() {
            write!(f, "\n{}", self.cure)?;
        }
        Ok(())
    }
}

/// What standard input is called in messages and reports.
pub(crate) const STANDARD_INPUT: &str = "standard input";

/// Reads one file that the operator named; `-` is standard input.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn from_file(path: &Path) -> Result<Settings, Error> {
    from_text(path, &text(path)?)
}

/// Makes sense of a file that was read already.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn from_text(path: &Path, text: &str) -> Result<Settings, Error> {
    settings::settle(vec![fragment::parse(&named(path), text)?])
}

/// The text of a file that the operator named; `-` is standard input.
///
/// # Errors
/// It cannot be read.
pub(crate) fn text(path: &Path) -> Result<String, Error> {
    let name = named(path);
    if path == Path::new("-") {
        return standard_input().map_err(|why| Error {
            what: format!("the configuration cannot be read: {why}"),
            line: None,
            cure: String::new(),
            file: name,
        });
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    read(&Live::new(), &absolute.to_string_lossy()).map_err(|gap| Error {
        what: format!("the configuration cannot be read: {gap}"),
        line: None,
        cure: "`hostduty config example` prints one to start from".to_owned(),
        file: name.clone(),
    })
}

fn named(path: &Path) -> String {
    if path == Path::new("-") { STANDARD_INPUT.to_owned() } else { path.to_string_lossy().into_owned() }
}

fn standard_input() -> Result<String, String> {
    let mut text = String::new();
    let mut input = std::io::stdin().take(SMALL as u64 + 1);
    input.read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() > SMALL { Err("it is larger than any configuration".to_owned()) } else { Ok(text) }
}

/// Reads the configuration of a host: `hostduty.toml` of each folder, then the drop-ins `hostduty.toml.d/*.toml` by
/// name, of which a stronger folder replaces the weaker's of the same name. Later values win; waivers and attestations
/// add up.
///
/// # Errors
/// The first thing that is wrong in any of them. A file that exists and cannot be read is an error: it may hold what
/// the customer counts on.
pub(crate) fn from_host(host: &dyn Host) -> Result<Settings, Error> {
    let mut files: Vec<String> = FOLDERS.iter().map(|folder| format!("{folder}/hostduty.toml")).collect();
    let mut drop_ins = BTreeMap::new();
    for folder in FOLDERS {
        let folder = format!("{folder}/hostduty.toml.d");
        match host.list(&folder) {
            Ok(names) => {
                for name in names.into_iter().filter(|name| name.ends_with(".toml")) {
                    drop_ins.insert(name.clone(), format!("{folder}/{name}"));
                }
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(unreadable(&folder, &gap)),
        }
    }
    files.extend(drop_ins.into_values());
    let mut fragments = Vec::new();
    for file in files {
        match read(host, &file) {
            Ok(text) => fragments.push(fragment::parse(&file, &text)?),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(unreadable(&file, &gap)),
        }
    }
    settings::settle(fragments)
}

/// No configuration: the defaults, for a snapshot that came without one.
pub(crate) fn none() -> Result<Settings, Error> {
    settings::settle(Vec::new())
}

fn read(host: &dyn Host, path: &str) -> Result<String, Gap> {
    checks::host::read_text(host, path, SMALL)
}

fn unreadable(file: &str, gap: &Gap) -> Error {
    Error {
        file: file.to_owned(),
        line: None,
        what: format!("the configuration cannot be read: {gap}"),
        cure: "make it readable, run hostduty as root, or name another with --config".to_owned(),
    }
}

/// "did you mean" for what somebody typed, if anything is near.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
