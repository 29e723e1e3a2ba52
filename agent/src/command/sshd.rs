//! `hostduty sshd`: what sshd would do, in the form of `sshd -T`, with the lines that decide and who gets in.

use std::fmt::Write;
use std::process::ExitCode;

use checks::facts::Facts;
use checks::facts::sshd::{self, Build, Config, Connection, Effective, Groups, Listening, Logins, Origins};
use checks::gap::Gap;
use checks::host::Host;

use super::{Error, no_such};
use crate::cli::{self, Format};
use crate::output::{self, clean};
use crate::render::logins;
use crate::source;

/// Rooms of facts that say who has which groups, and those that say who can log in.
const ACCOUNTS: &[&str] = &["accounts"];
const LOGINS: &[&str] = &["accounts", "units", "processes", "sockets", "ssh_servers", "sshd", "ssh_keys"];

pub(crate) fn run(arguments: &cli::Sshd) -> Result<ExitCode, Error> {
    let host = source::host(arguments.root.as_deref(), None)?;
    let build = match &arguments.release {
        Some(release) => Build::named(release).ok_or_else(|| {
            Error::Usage(format!(
                "`{release}` is no release of OpenSSH\nwrite it as `sshd -V` does: OpenSSH_9.2p1 Debian-2"
            ))
        })?,
        None => sshd::installed_build(host.as_ref()).map_err(|gap| {
            Error::Usage(format!(
                "the release of sshd is not known: {gap}\nname one with --release \"OpenSSH_9.2p1 Debian-2\""
            ))
        })?,
    };
    let config = sshd::configuration(host.as_ref(), arguments.file.as_deref(), &build).map_err(|gap| {
        Error::Usage(format!("the configuration of sshd cannot be read: {gap}\nname a file with --file"))
    })?;
    complain(&config);
    if config.refused.is_empty() {
        let text = match arguments.logins {
            true => who(arguments, host.as_ref(), &config)?,
            false => what(arguments, host.as_ref(), &config)?,
        };
        output::print(&text)?;
    }
    Ok(ExitCode::from(match (config.refused.is_empty(), config.gaps.is_empty()) {
        (false, _) => 1,
        (true, false) => 3,
        (true, true) => 0,
    }))
}

/// What sshd would refuse, and what hostduty does not know.
#[expect(
    clippy::print_stderr,
    reason = "as sshd does, so that its standard output stays what a program can read"
)]
fn complain(config: &Config) {
    for refused in &config.refused {
        eprintln!("hostduty: sshd refuses {}", clean(&refused.to_string()));
    }
    for gap in &config.gaps {
        eprintln!("hostduty: {}", clean(&gap.to_string()));
    }
}

/// The effective configuration, or the lines that decide some of it.
fn what(arguments: &cli::Sshd, host: &dyn Host, config: &Config) -> Result<String, Error> {
    let spec = Spec::parse(&arguments.connection)?;
    let facts = source::gathered(host, ACCOUNTS);
    let evaluator = config.evaluator();
    let active = evaluator.active(&spec.connection(&facts));
    let effective = evaluator.effective(&active);
    if arguments.why.is_empty() {
        let text = effective.sshd_t().map_err(|gap| Error::Usage(gap.to_string()))?;
        return Ok(text.lines().fold(String::new(), |all, line| all + &clean(line) + "\n"));
    }
    let mut out = String::new();
    for keyword in &arguments.why {
        why(&mut out, keyword, config, &effective)?;
    }
    Ok(out)
}

/// The line that decides a keyword and those that lost, each with the Match lines around it.
fn why(out: &mut String, keyword: &str, config: &Config, effective: &Effective<'_>) -> Result<(), Error> {
    let name = sshd::keyword(keyword, &config.build)
        .ok_or_else(|| no_such("keyword of sshd_config", keyword, &sshd::keyword_names(&config.build)))?;
    let setting = effective.setting(name).map_err(|gap| Error::Usage(gap.to_string()))?;
    let values = if setting.values.is_empty() { "(nothing)".to_owned() } else { setting.values.join(" ") };
    let _ = writeln!(out, "{name} {}", clean(&values));
    for (mark, places) in [("decided by", &setting.at), ("lost", &setting.lost)] {
        for place in places {
            let _ = writeln!(out, "  {mark:<10} {}", clean(&place.to_string()));
            let under = config.lines.iter().find(|line| line.at == *place).and_then(|line| line.under);
            for block in config.around(under) {
                let _ = writeln!(out, "  {:<10}   under {}", "", clean(&block.at.to_string()));
            }
        }
    }
    Ok(())
}

/// Who can log in. Unless a file or a release is named, to every server as it is started here, options and other files
/// included.
fn who(arguments: &cli::Sshd, host: &dyn Host, config: &Config) -> Result<String, Error> {
    let facts = source::gathered(host, LOGINS);
    let spec = Spec::parse(&arguments.connection)?;
    let mut tables = Vec::new();
    if arguments.file.is_none() && arguments.release.is_none() {
        for served in facts.served().map_err(unknown)? {
            let listening = served.listening();
            let place = served.daemons.first().and_then(|daemon| daemon.at.first().cloned());
            let known = served.config.map_err(unknown)?;
            tables.push((place.map(|place| place.to_string()), table(&facts, &spec, known, &listening)?));
        }
    } else {
        tables.push((None, table(&facts, &spec, config, &Listening::of(config))?));
    }
    if arguments.format == Format::Json {
        let servers: Vec<logins::Server<'_>> =
            tables.iter().map(|(place, table)| logins::json(place.as_deref(), table)).collect();
        return Ok(output::json(&servers)?);
    }
    let paint = crate::render::human::Paint(output::coloured(arguments.color, false));
    let several = tables.len() > 1;
    Ok(tables.iter().fold(String::new(), |mut all, (place, table)| {
        if several {
            all += &format!("{}\n", paint.dim(&clean(&format!("-- {}", place.as_deref().unwrap_or("sshd")))));
        }
        all + &logins::human(table, paint)
    }))
}

/// Who can log in where one configuration counts.
fn table<'a>(
    facts: &'a Facts,
    spec: &Spec,
    config: &'a Config,
    listening: &Listening,
) -> Result<Logins<'a>, Error> {
    let origins = match spec.is_somewhere() {
        true => Origins::exactly(&config.evaluator(), &spec.connection(facts)),
        false => facts.ssh_origins(config, listening),
    };
    let server = facts.sshd.known().map_err(unknown)?;
    let mut table = facts.logins(server, config, origins).map_err(unknown)?;
    if let Some(user) = &spec.user {
        table.accounts.retain(|account| account.name == *user);
    }
    Ok(table)
}

fn unknown(gap: Gap) -> Error {
    Error::Usage(format!("who can log in is not known: {gap}"))
}

/// A connection as `sshd -C` takes one.
#[derive(Debug, Default)]
struct Spec {
    user: Option<String>,
    address: Option<String>,
    host: Option<String>,
    local_address: Option<String>,
    local_port: Option<u16>,
    rdomain: Option<String>,
    invalid_user: bool,
}

impl Spec {
    fn parse(texts: &[String]) -> Result<Self, Error> {
        let mut spec = Self::default();
        for part in texts.iter().flat_map(|text| text.split(',')).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let text = Some(value.to_owned());
            match name {
                "user" => spec.user = text,
                "addr" => spec.address = text,
                "host" => spec.host = text,
                "laddr" => spec.local_address = text,
                "rdomain" => spec.rdomain = text,
                "invalid-user" => spec.invalid_user = true,
                "lport" => {
                    let port = value.parse();
                    spec.local_port =
                        Some(port.map_err(|_| {
                            Error::Usage(format!("`{value}` is no port\ngive lport= a number"))
                        })?);
                }
                _ => {
                    let known = ["user", "addr", "host", "laddr", "lport", "rdomain", "invalid-user"];
                    return Err(no_such("part of a connection", name, &known));
                }
            }
        }
        Ok(spec)
    }

    /// Whether it says where the client is or what it reaches.
    fn is_somewhere(&self) -> bool {
        self.address.is_some()
            || self.host.is_some()
            || self.local_address.is_some()
            || self.local_port.is_some()
            || self.rdomain.is_some()
    }

    fn connection<'a>(&'a self, facts: &'a Facts) -> Connection<'a> {
        let groups = match (&self.user, facts.accounts.known()) {
            (Some(user), Ok(accounts)) => {
                accounts.find(user).map(|user| Groups::of(user, accounts)).unwrap_or_default()
            }
            (Some(_), Err(_)) => Groups { may_be_more: true, ..Groups::default() },
            (None, _) => Groups::default(),
        };
        Connection {
            user: self.user.as_deref(),
            groups,
            invalid_user: self.invalid_user,
            host: self.host.as_deref(),
            address: self.address.as_deref(),
            local_address: self.local_address.as_deref(),
            local_port: self.local_port,
            rdomain: self.rdomain.as_deref(),
        }
    }
}
