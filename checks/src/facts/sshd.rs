//! The SSH server's configuration as sshd(8) would read it.

mod access;
mod build;
mod daemon;
mod effective;
mod glob;
mod keywords;
mod lexer;
mod pam;
mod parser;
mod routes;
mod server;
mod values;

use std::collections::BTreeMap;

pub use access::Access;
pub use build::{Build, Vendor};
pub(crate) use daemon::is_asked_for;
pub use pam::{PamModule, Typed};
pub use routes::{Method, ROUTE_KEYWORDS, Route};
use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::Host;

/// The source of a value that no line sets.
pub const DEFAULT: &str = "default of sshd";

/// What sshd would do, as far as its files say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sshd {
    /// Where the server's program lies; absent when OpenSSH's server is not installed.
    pub program: Reading<String>,
    /// Which release it is.
    pub build: Reading<Build>,
    /// What sshd_config(5) and its includes say.
    pub config: Reading<Config>,
    /// The `auth` modules that PAM asks on behalf of sshd, in their order.
    pub pam: Reading<Vec<PamModule>>,
}

/// sshd_config(5) and what it includes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Files read, in the order in which sshd reads them.
    pub files: Vec<String>,
    /// The latest change of any of them, or of a folder that an Include lists: a file that was taken away from there
    /// still counts for the sshd that has read it.
    pub changed: Timestamp,
    /// What holds unless a Match block says otherwise, by keyword in lower case.
    pub settings: BTreeMap<String, Setting>,
    /// Match blocks that set one of the same keywords for some connections. They are not evaluated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchBlock>,
    /// Lines for which sshd would refuse to start; the text says why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Evidence>,
    /// Files that could not be read, and lines that hostduty does not understand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// The value of a keyword and the line that decides it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// Its arguments; words of a fixed choice in lower case.
    pub values: Vec<String>,
    /// The first line that counts, or [`DEFAULT`].
    pub at: Evidence,
    /// Other lines that set it and do not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Evidence>,
}

/// A Match block that is not for everyone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchBlock {
    /// Its criteria as written, cut after 200 letters; those of the block around an Include follow.
    pub criteria: String,
    /// The Match line.
    pub at: Evidence,
    /// What it sets, by keyword in lower case.
    pub settings: BTreeMap<String, Setting>,
}

impl Config {
    /// The value of a recorded keyword, in lower case.
    ///
    /// # Errors
    /// [`GapKind::NotGathered`] when the facts do not say.
    pub fn setting(&self, name: &str) -> Result<&Setting, Gap> {
        self.settings
            .get(name)
            .ok_or_else(|| Gap { why: GapKind::NotGathered, what: format!("the value of {name}") })
    }
    /// Whether a keyword of yes or no, or one of a fixed choice, has this value.
    ///
    /// # Errors
    /// As [`Config::setting`].
    pub fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.values.first().is_some_and(|first| first == value))
    }
    /// The conditional blocks that set one of these keywords.
    pub fn matches_on<'a>(
        &'a self,
        names: &'a [&str],
    ) -> impl Iterator<Item = (&'a MatchBlock, &'a Setting)> {
        self.matches.iter().flat_map(move |block| {
            names.iter().filter_map(move |name| Some((block, block.settings.get(*name)?)))
        })
    }
}

impl Setting {
    /// Whether no line sets it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.at.source == DEFAULT
    }
}

/// Reads sshd_config(5) and what it includes.
pub(crate) fn read(host: &dyn Host) -> Result<Sshd, Gap> {
    let config = config(host);
    let setting = |name: &str, or: &str| {
        let value = config.as_ref().ok().and_then(|config| config.settings.get(name)?.values.first());
        value.map_or_else(|| or.to_owned(), Clone::clone)
    };
    let program = daemon::program(host);
    Ok(Sshd {
        build: program.clone().and_then(|program| build::read(host, &program)).into(),
        program: program.into(),
        pam: pam::read(host, &setting("pamservicename", "sshd")).into(),
        config: config.into(),
    })
}

/// The main file is where OpenSSH puts it; SUSE's builds fall back on the one below /usr/etc.
fn config(host: &dyn Host) -> Result<Config, Gap> {
    let parsed = match parser::parse(host, "/etc/ssh/sshd_config") {
        Err(gap) if gap.is_absent() && host.stat("/usr/etc/ssh/sshd_config").is_ok() => {
            parser::parse(host, "/usr/etc/ssh/sshd_config")?
        }
        other => other?,
    };
    Ok(effective::decide(parsed))
}

#[cfg(test)]
mod tests;
