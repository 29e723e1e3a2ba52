//! The SSH server's configuration as sshd(8) would read it.

mod build;
mod connection;
mod criteria;
mod daemon;
mod effective;
mod glob;
mod keywords;
mod lexer;
mod login;
mod origins;
pub mod pam;
mod parser;
pub(crate) mod patterns;
mod ranges;
mod server;
#[cfg(test)]
pub(crate) mod testing;
mod truths;
mod values;

pub use build::{Build, Vendor};
pub use connection::{Connection, Groups, Truth};
pub use criteria::{Attribute, Criterion};
pub use effective::{Active, Effective, Evaluator};
pub use login::{Account, Answer, Entry, Logins, Method, Way};
pub use origins::{Listening, Origin, Origins, origins};
use serde::{Deserialize, Serialize};
pub use server::{Presence, Server};

use std::collections::{BTreeMap, BTreeSet};

use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::gap::{Gap, Reading};
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
    /// Places that start sshd with `-f` or `-o`, so that the files alone do not decide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command_line: Vec<Evidence>,
    /// When the running sshd last read its configuration: the change of its PidFile.
    pub loaded_at: Reading<Timestamp>,
    /// What PAM asks on behalf of sshd, by the name of the service that some line makes it ask.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pam: BTreeMap<String, Reading<pam::Stack>>,
}

/// sshd_config(5) and what it includes, nothing decided yet: see [`Config::evaluator`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The build of sshd that reads it.
    pub build: Build,
    /// Files read, in the order in which sshd reads them.
    pub files: Vec<String>,
    /// The latest change of any of them, or of a folder that an Include lists: a file that was taken away from there
    /// still counts for the sshd that has read it.
    pub changed: Timestamp,
    /// Lines that set a keyword, in the order in which sshd meets them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Match lines, in that order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchLine>,
    /// Include lines that hold for everyone, with what they name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<Evidence>,
    /// Lines for which sshd would refuse to start; the text says why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Evidence>,
    /// Files that could not be read, and lines that hostduty does not understand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One line that sets something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The keyword in lower case, under its present name.
    pub keyword: String,
    /// Its arguments in the form of `sshd -T`.
    pub values: Vec<String>,
    /// Where it stands and what it says.
    pub at: Evidence,
    /// Index of the innermost Match line that it stands under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<usize>,
}

/// One Match line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchLine {
    /// What a connection must meet.
    pub criteria: Vec<Criterion>,
    /// Where it stands and what it says, cut after 200 letters.
    pub at: Evidence,
    /// Index of the Match line around the Include that led here; both must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<usize>,
}

/// The value of a keyword for one connection, and the lines that decide it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// Its arguments; words of a fixed choice in lower case.
    pub values: Vec<String>,
    /// The lines that count, one but for keywords that add up, or [`DEFAULT`].
    pub at: Vec<Evidence>,
    /// Other lines that set it and do not count for this connection.
    pub lost: Vec<Evidence>,
}

impl Setting {
    /// Whether no line sets it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.at.first().is_none_or(|at| at.source == DEFAULT)
    }
    /// Whether its first value is this one.
    #[must_use]
    pub fn is(&self, value: &str) -> bool {
        self.values.first().is_some_and(|first| first == value)
    }
    /// Where it is decided and what it says there, also for a default.
    #[must_use]
    pub fn shown(&self, name: &str) -> Evidence {
        match self.at.first() {
            Some(at) if at.text.is_some() => at.clone(),
            Some(at) => at.clone().says(format!("{name} {}", self.values.join(" "))),
            None => Evidence::of(DEFAULT).says(format!("{name} {}", self.values.join(" "))),
        }
    }
}

impl Config {
    /// What holds before any Match block is looked at.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn global(&self, name: &str) -> Result<Setting, Gap> {
        let evaluator = self.evaluator();
        let active = evaluator.active(&Connection::default());
        evaluator.effective(&active).setting(name)
    }
    /// Every value that any line gives a keyword, or its default.
    pub fn values_anywhere<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        let lines = self.lines.iter().filter(move |line| line.keyword == name);
        keywords::default(name, &self.build).into_iter().chain(lines.flat_map(|line| line.values.clone()))
    }
}

/// Reads sshd_config(5) and what it includes.
pub(crate) fn read(host: &dyn Host) -> Result<Sshd, Gap> {
    let program = daemon::program(host);
    let build = program.clone().and_then(|program| build::read(host, &program));
    let config = build.clone().and_then(|build| {
        main_file(host, None, parser::Options { build: &build, given: &[], record: parser::Record::Judged })
    });
    let setting = |name: &str, or: &str| {
        let value = config.as_ref().ok().and_then(|config| config.global(name).ok()?.values.first().cloned());
        value.unwrap_or_else(|| or.to_owned())
    };
    let named = config.as_ref().map(|config| config.values_anywhere("pamservicename").collect());
    let services: BTreeSet<String> = named.unwrap_or_else(|_| ["sshd".to_owned()].into());
    let pid_file = setting("pidfile", "/run/sshd.pid");
    Ok(Sshd {
        program: program.into(),
        build: build.into(),
        command_line: daemon::command_line(host),
        loaded_at: match pid_file.starts_with('/') {
            true => host.stat(&pid_file).map(|stat| stat.modified).into(),
            false => Err(Gap::absent("the PidFile of sshd")).into(),
        },
        pam: services.into_iter().map(|name| (name.clone(), pam::read(host, &name).into())).collect(),
        config: config.into(),
    })
}

/// Reads one configuration with all its lines, of which some may hold secrets; `main` is the file given with `-f`.
///
/// # Errors
/// The main file cannot be read.
pub fn configuration(host: &dyn Host, main: Option<&str>, build: &Build) -> Result<Config, Gap> {
    main_file(host, main, parser::Options { build, given: &[], record: parser::Record::All })
}

/// The present name of a keyword, in lower case; absent where a build does not know it.
#[must_use]
pub fn keyword(written: &str, _build: &Build) -> Option<&'static str> {
    keywords::find(written).map(|keyword| keyword.name)
}

/// The names of the keywords that a build knows.
#[must_use]
pub fn keyword_names(_build: &Build) -> Vec<&'static str> {
    keywords::names().collect()
}

/// The build of the installed server.
///
/// # Errors
/// There is none, or its program does not say.
pub fn installed_build(host: &dyn Host) -> Result<Build, Gap> {
    daemon::program(host).and_then(|program| build::read(host, &program))
}

/// The main file is where OpenSSH puts it; SUSE's builds fall back on the one below /usr/etc.
fn main_file(host: &dyn Host, main: Option<&str>, options: parser::Options<'_>) -> Result<Config, Gap> {
    if let Some(main) = main {
        return parser::parse(host, main, options);
    }
    match parser::parse(host, "/etc/ssh/sshd_config", options) {
        Err(gap) if gap.is_absent() && host.stat("/usr/etc/ssh/sshd_config").is_ok() => {
            parser::parse(host, "/usr/etc/ssh/sshd_config", options)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
