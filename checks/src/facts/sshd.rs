//! The SSH server's configuration as sshd(8) would read it.

mod algorithms;
mod build;
mod connection;
mod criteria;
mod daemon;
mod defaults;
mod effective;
pub(crate) mod glob;
mod keywords;
mod lexer;
mod login;
mod merge;
mod origins;
pub mod pam;
mod parser;
pub(crate) mod patterns;
mod print;
mod ranges;
#[cfg(test)]
pub(crate) mod testing;
mod trust;
mod truths;
mod values;

pub use build::{Build, Vendor};
pub use connection::{Connection, Groups, Truth};
pub use criteria::{Attribute, Criterion};
pub use effective::{Active, Effective, Evaluator};
pub use login::{Account, Answer, Entry, Logins, Method, SettingFrom, Way};
pub(crate) use login::{BOUND, CERTIFICATES};
pub use origins::{Listening, Origin, Origins, origins};
use serde::{Deserialize, Serialize};
pub use trust::Trust;

use std::collections::{BTreeMap, BTreeSet};

use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::ssh_servers::Daemon;
use crate::gap::{Gap, Reading};
use crate::host::Host;

/// The file that every distribution's sshd reads unless it is told otherwise.
const MAIN: &str = "/etc/ssh/sshd_config";
/// Where Kerberos keeps the host's own keys.
const KEYTAB: &str = "/etc/krb5.keytab";
/// What sshd calls itself to PAM where no line says otherwise.
const SERVICE: &str = "sshd";
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
    /// What the installed server reads where nothing says otherwise: sshd_config(5) and its includes.
    pub config: Reading<Config>,
    /// What daemons read that are started with another file, or with options that come before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub started: Vec<Started>,
    /// Whether the host has a key of Kerberos, without which no ticket is read.
    pub keytab: Reading<bool>,
    /// The hosts that the system's own files trust.
    pub trust: Reading<Trust>,
    /// What PAM asks on behalf of sshd, by the name of the service that some line makes it ask.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pam: BTreeMap<String, Reading<pam::Stack>>,
}

/// The configuration of a daemon that does not read the usual one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Started {
    /// Its index among the daemons of [`crate::facts::ssh_servers::SshServers`].
    pub daemon: usize,
    /// What it reads.
    pub config: Reading<Config>,
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
    /// The file or folder that was changed then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub changed_at: String,
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
    /// Whether sshd passes over it at its start and ends a connection for which it comes to it: see
    /// [`Effective::refused`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
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
    /// Where it is decided.
    fn place(&self) -> Evidence {
        self.at.first().map_or_else(|| Evidence::of(DEFAULT), |at| Evidence { text: None, ..at.clone() })
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
    /// The lines that set a keyword, for whomever.
    pub fn lines_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.keyword == name)
    }
    /// Every value that any line gives a keyword, or its default.
    pub fn values_anywhere<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        let lines = self.lines.iter().filter(move |line| line.keyword == name);
        defaults::of(name, &self.build).into_iter().chain(lines.flat_map(|line| line.values.clone()))
    }
}

/// Reads what every daemon reads, and what the installed server would read.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Sshd, Gap> {
    let program = daemon::program(host);
    let build = program.clone().and_then(|program| build::read(host, &program));
    let judged = |build: &Result<Build, Gap>, main: Option<&str>, given: &[Evidence]| {
        let build = build.as_ref().map_err(Clone::clone)?;
        main_file(host, main, parser::Options { build, given, record: parser::Record::Judged })
    };
    let config = judged(&build, None, &[]);
    let daemons = facts.ssh_servers.value().map_or(&[][..], |servers| &servers.daemons);
    let mut started = Vec::new();
    for (index, daemon) in daemons.iter().enumerate() {
        let given = daemon::given(daemon);
        // Another program may be of another release.
        let own = match daemon.program.starts_with('/') && program.as_ref() != Ok(&daemon.program) {
            true => build::read(host, &daemon.program),
            false => build.clone(),
        };
        if daemon.file != MAIN || !given.is_empty() || own != build {
            // A file `none` is none at all.
            let file = if daemon.file == "none" { "/dev/null" } else { &daemon.file };
            let main = (file != MAIN).then_some(file);
            started.push(Started { daemon: index, config: judged(&own, main, &given).into() });
        }
    }
    let configs = config.iter().chain(started.iter().filter_map(|started| started.config.value()));
    let mut services: BTreeSet<String> = [SERVICE.to_owned()].into();
    services.extend(configs.flat_map(|config| config.values_anywhere("pamservicename").collect::<Vec<_>>()));
    Ok(Sshd {
        program: program.into(),
        pam: services.into_iter().map(|name| (name.clone(), pam::read(host, &name).into())).collect(),
        build: build.into(),
        config: config.into(),
        keytab: match host.stat(KEYTAB) {
            Ok(_) => Ok(true),
            Err(gap) if gap.is_absent() => Ok(false),
            Err(gap) => Err(gap),
        }
        .into(),
        trust: trust::read(host).into(),
        started,
    })
}

/// Takes the PidFile of each configuration into account for the time at which its daemons have last read it.
pub(crate) fn date(host: &dyn Host, facts: &mut Facts) {
    let pid_file = |config: &Config| Some(config.global("pidfile").ok()?.values.first()?.clone());
    let Some(sshd) = facts.sshd.value() else { return };
    let usual = sshd.config.value().and_then(pid_file);
    let others: BTreeMap<usize, Option<String>> = sshd
        .started
        .iter()
        .map(|started| (started.daemon, started.config.value().and_then(pid_file)))
        .collect();
    let Reading::Known(servers) = &mut facts.ssh_servers else { return };
    for (index, daemon) in servers.daemons.iter_mut().enumerate() {
        if let Some(path) = others.get(&index).unwrap_or(&usual) {
            daemon.reread(host, path);
        }
    }
}

/// One configuration and the daemons that read it; none where the server is only installed.
pub struct Served<'a> {
    /// What they read.
    pub config: Result<&'a Config, Gap>,
    /// Who they are.
    pub daemons: Vec<&'a Daemon>,
}

impl Served<'_> {
    /// Where they listen: by their sockets, or by what their files say.
    #[must_use]
    pub fn listening(&self) -> Listening {
        let sockets =
            self.daemons.iter().flat_map(|daemon| &daemon.listens).filter_map(|listen| listen.address);
        let mut listening = Listening::default();
        for socket in sockets {
            listening.addresses.push(socket.ip());
            listening.ports.insert(socket.port());
        }
        match (&self.config, listening.addresses.is_empty()) {
            (Ok(config), true) => Listening::of(config),
            _ => listening,
        }
    }
}

impl Facts {
    /// The configurations that decide what happens on this host, each once.
    ///
    /// # Errors
    /// Nobody looked for servers or for their configuration.
    pub fn served(&self) -> Result<Vec<Served<'_>>, Gap> {
        let (sshd, servers) = (self.sshd.known()?, self.ssh_servers.known()?);
        let own = |index: usize| sshd.started.iter().find(|started| started.daemon == index);
        let usual = servers.daemons.iter().enumerate().filter(|(index, _)| own(*index).is_none());
        let usual: Vec<&Daemon> = usual.map(|(_, daemon)| daemon).collect();
        let mut served = Vec::new();
        if !usual.is_empty() || sshd.started.is_empty() {
            served.push(Served { config: sshd.config.known(), daemons: usual });
        }
        for started in &sshd.started {
            let daemons = servers.daemons.get(started.daemon).into_iter().collect();
            served.push(Served { config: started.config.known(), daemons });
        }
        Ok(served)
    }
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
pub fn keyword(written: &str, build: &Build) -> Option<&'static str> {
    keywords::find(written, build).map(|keyword| keyword.name)
}

/// The names of the keywords that a build knows.
#[must_use]
pub fn keyword_names(build: &Build) -> Vec<&'static str> {
    keywords::names(build).collect()
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
    match parser::parse(host, MAIN, options) {
        Err(gap) if gap.is_absent() && host.stat("/usr/etc/ssh/sshd_config").is_ok() => {
            parser::parse(host, "/usr/etc/ssh/sshd_config", options)
        }
        other => other,
    }
}

#[cfg(test)]
mod keywords_oracle;
#[cfg(test)]
mod tests;
