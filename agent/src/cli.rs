//! The command line: one definition from which parsing, help, man page and completions follow.

mod common;
mod history;
mod remote;
mod watch;

use std::path::PathBuf;

use checks::date::Timestamp;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{sandbox, sign};
pub(crate) use common::{Against, Answer, Codes, Color, Format, Kernel, Subject};
use common::{Names, check_ids};
pub(crate) use history::{Drift, History, HistoryVerb};
pub(crate) use remote::Remote;
pub(crate) use watch::{Status, Watch};

const EXIT_CODES: &str = "Exit codes:
  0  every check that applies is kept (waived failures count as kept, and advice that an attestation answers)
  1  at least one check fails
  2  hostduty could not do its work
  3  nothing fails, but something is unknown (0 with --allow-unknown)";

const PLAIN_EXIT_CODES: &str = "Exit codes:
  0  done
  2  hostduty could not do its work";

const SSHD_HELP: &str = "Examples:
  hostduty sshd                                    as `sshd -T` prints it
  hostduty sshd -C user=anna,addr=203.0.113.7      for one account from one address
  hostduty sshd --why PasswordAuthentication       the line that decides, and those that lost
  hostduty sshd --logins                           every account, from where, by which methods

Exit codes:
  0  done
  1  sshd would refuse this configuration; the lines are on standard error
  2  hostduty could not do its work
  3  part of the configuration could not be read or understood; standard error says which";

const EXPOSURE_HELP: &str = "Examples:
  hostduty exposure                          who can reach each socket, most exposed first
  hostduty exposure --format json | jq -r '.sockets[] | select(.reach == \"anyone\") | .port'
  hostduty facts > host.toml; hostduty exposure --facts host.toml

What a filter outside this machine does, such as a security group, it cannot see.

Exit codes:
  0  done, whoever can reach what
  2  hostduty could not do its work";

const REACH_HELP: &str = "Examples:
  hostduty reach --proto tcp --from 203.0.113.9 --to 192.0.2.1:22
  hostduty reach --proto tcp --from '[2001:db8::9]:40000' --to '[2001:db8::1]:443'
  hostduty reach --proto udp --from fe80::2%eth0 --to '[fe80::1]:546'
  hostduty reach --proto tcp --from 10.0.0.5 --to 192.0.2.1:8080 --in eth1 --format json

Nothing is sent. Without --in, the packet comes in through the interface that an answer would leave through.

Exit codes:
  0  done, whatever the verdict
  2  hostduty could not do its work";

const PATCHES_HELP: &str = "Examples:
  hostduty patches                                 security first, by source package
  hostduty patches --format json | jq -r '.pending[] | select(.security) | .package'
  hostduty patches --root /mnt/image

Nothing is refreshed and nothing is started: what is said is as old as the package indexes on disk.

Exit codes:
  0  done, whatever is pending
  2  hostduty could not do its work";

/// Checks the customer's half of a server's shared-responsibility contract, by effect and with evidence.
///
/// hostduty reads this machine, changes nothing on it, opens no connection and, on Linux, starts no process; only
/// `report --host` starts ssh, to ask other machines, and signing starts ssh-keygen. What it may not read becomes
/// `unknown`, never `pass`: run it as root to know everything, or see `hostduty doctor`.
#[derive(Debug, Parser)]
#[command(name = "hostduty", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge every check and print what is kept, what is broken and what could not be known
    #[command(after_help = remote::REPORT_HELP)]
    Report(Box<Report>),
    /// Print the offer's matrix: every duty of the customer and where it stands
    #[command(after_help = EXIT_CODES)]
    Duties(Duties),
    /// List the checks
    #[command(after_help = PLAIN_EXIT_CODES)]
    List(List),
    /// Print all that hostduty knows about one check: why, how to mend it, examples
    #[command(after_help = PLAIN_EXIT_CODES)]
    Explain(Explain),
    /// Print the facts of this host as a snapshot that `report --facts` judges anywhere
    #[command(after_help = PLAIN_EXIT_CODES)]
    Facts(Facts),
    /// Print what sshd would do: its effective configuration, the lines that decide, who can log in from where
    #[command(after_help = SSHD_HELP)]
    Sshd(Sshd),
    /// List every socket and published port with who can reach it and the rule that decides
    #[command(after_help = EXPOSURE_HELP)]
    Exposure(Exposure),
    /// Tell whether one new connection would get through, and which rules it meets
    #[command(after_help = REACH_HELP)]
    Reach(Reach),
    /// List the updates that wait, security first, and say how old that knowledge is
    #[command(after_help = PATCHES_HELP)]
    Patches(Patches),
    /// Stay, and tell what changes: to the journal, to the record, to node_exporter
    #[command(after_help = watch::HELP)]
    Watch(Watch),
    /// Tell how the running watch is doing
    #[command(after_help = watch::STATUS_HELP)]
    Status(Status),
    /// Tell since when, and for how long, each duty was kept or broken
    #[command(after_help = history::HELP)]
    History(History),
    /// Tell what changed between two snapshots or two JSON reports
    #[command(after_help = history::DRIFT_HELP)]
    Drift(Drift),
    /// Check or show the configuration
    #[command(after_help = PLAIN_EXIT_CODES)]
    Config(Config),
    /// Say which privileges and sources are missing, and which checks each would decide
    #[command(after_help = PLAIN_EXIT_CODES)]
    Doctor(Doctor),
    /// Print a completion script for a shell
    #[command(after_help = PLAIN_EXIT_CODES)]
    Completions(Completions),
    /// Print the manual page in roff
    #[command(after_help = PLAIN_EXIT_CODES)]
    Man,
}

impl Command {
    /// The folders that it may write to, and no others; nothing for what starts the system's own tools.
    pub(crate) fn writes_to(&self) -> Option<Vec<PathBuf>> {
        let output = match self {
            Self::History(History { verb: Some(HistoryVerb::Sign { file, .. }), .. }) => Some(file.as_path()),
            Self::History(history) => history.answer.output.as_deref(),
            Self::Drift(drift) => drift.answer.output.as_deref(),
            Self::Report(report) if report.remote.starts_ssh() => return None,
            Self::Report(report) => report.answer.output.as_deref(),
            Self::Duties(duties) => duties.answer.output.as_deref(),
            Self::Exposure(exposure) => exposure.answer.output.as_deref(),
            Self::Reach(reach) => reach.answer.output.as_deref(),
            Self::Patches(patches) => patches.answer.output.as_deref(),
            Self::Facts(facts) => facts.output.as_deref(),
            Self::Doctor(_) => return None,
            // It confines itself, once its configuration has told where metrics go.
            Self::Watch(_) => return None,
            _ => None,
        };
        Some(output.map(sandbox::folder).into_iter().collect())
    }

    /// The one program that a command starts which gives up everything else.
    pub(crate) fn starts(&self) -> Option<&'static str> {
        let signs = match self {
            Self::Report(report) => report.sign,
            Self::History(history) => matches!(history.verb, Some(HistoryVerb::Sign { .. })),
            _ => false,
        };
        signs.then_some(sign::PROGRAM)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) subject: Subject,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) against: Against,
    /// Judge only this check; may be repeated
    #[arg(long = "check", value_name = "ID", value_parser = Names(check_ids), hide_possible_values = true, conflicts_with = "require_attestations")]
    pub(crate) checks: Vec<String>,
    /// How it is written; every format holds one host or many
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: ReportFormat,
    /// Show every finding and every piece of evidence, also of what is kept
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Sign it with the host's SSH key; the signature comes beside it, with .sig
    #[arg(long, requires = "output", conflicts_with = "named")]
    pub(crate) sign: bool,
    /// Sign with this private key instead of the host's own
    #[arg(long, value_name = "FILE", requires = "sign")]
    pub(crate) key: Option<PathBuf>,
    /// The state folder, which tells since when each verdict holds
    #[arg(long, value_name = "DIR", conflicts_with_all = ["root", "facts"])]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) codes: Codes,
}

#[derive(Debug, Args)]
pub(crate) struct Duties {
    #[command(flatten)]
    pub(crate) subject: Subject,
    #[command(flatten)]
    pub(crate) against: Against,
    /// human for people, json for programs: the `duties` of the report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) codes: Codes,
}

#[derive(Debug, Args)]
pub(crate) struct Patches {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// human for people, json for programs (schema: packaging/schema/patches-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// human for people, json for programs
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The check, such as ssh-key-only
    #[arg(value_name = "CHECK", value_parser = Names(check_ids), hide_possible_values = true)]
    pub(crate) check: String,
}

#[derive(Debug, Args)]
pub(crate) struct Facts {
    /// Read a root folder (a mounted image, a chroot) instead of the running machine
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Take a root folder's facts as of this instant instead of now (RFC 3339 or a day)
    #[arg(long, value_name = "INSTANT", requires = "root")]
    pub(crate) at: Option<Timestamp>,
    /// Write to a file instead of standard output; it appears whole or not at all
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Sshd {
    /// Read this configuration file instead of the server's own
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Read a root folder (a mounted image, a chroot) instead of the running machine
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// For this connection, so that Match blocks are heeded: user=,addr=,host=,laddr=,lport=,rdomain=,invalid-user
    #[arg(long, short = 'C', value_name = "SPEC")]
    pub(crate) connection: Vec<String>,
    /// Print the line that decides a keyword, and the lines that lost; may be repeated
    #[arg(long, value_name = "KEYWORD", conflicts_with = "logins")]
    pub(crate) why: Vec<String>,
    /// Print which accounts can log in, from where, by which methods
    #[arg(long)]
    pub(crate) logins: bool,
    /// With --logins: human for people, json for programs
    #[arg(long, value_name = "FORMAT", default_value = "human", requires = "logins")]
    pub(crate) format: Format,
    /// Read as this release would, instead of the installed one (such as "OpenSSH_9.2p1 Debian-2")
    #[arg(long, value_name = "RELEASE")]
    pub(crate) release: Option<String>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Debug, Args)]
pub(crate) struct Exposure {
    #[command(flatten)]
    pub(crate) kernel: Kernel,
    /// human for people, json for programs (schema: packaging/schema/exposure-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// tcp or udp
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) proto: Proto,
    #[arg(
        help = "The sender, with its port where that matters: 203.0.113.9, [2001:db8::9]:40000",
        long,
        value_name = "ADDR[:PORT]"
    )]
    pub(crate) from: String,
    #[arg(help = "Where it goes: 192.0.2.1:22, [2001:db8::1]:22", long, value_name = "ADDR:PORT")]
    pub(crate) to: String,
    /// The interface that it comes in through
    #[arg(long = "in", value_name = "IFACE")]
    pub(crate) interface: Option<String>,
    #[command(flatten)]
    pub(crate) kernel: Kernel,
    /// human for people, json for programs (schema: packaging/schema/reach-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proto {
    /// A connection
    Tcp,
    /// The first datagram of an exchange
    Udp,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Read the configuration as `report` would and say what it means, or what is wrong with it
    #[command(after_help = PLAIN_EXIT_CODES)]
    Check {
        /// Read this file instead of /etc/hostduty and its relatives (`-` for standard input)
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The same, as other verbs take it
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
    /// Print a commented example to start from
    #[command(after_help = PLAIN_EXIT_CODES)]
    Example,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Look at a root folder instead of the running machine
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// List every path and kernel query that was asked for, by room
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// The formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people at a terminal
    Human,
    /// All of it, for programs (packaging/schema: report-v1; of other machines fleet-v1)
    Json,
    /// For a ticket, a wiki, the summary of a pipeline
    Markdown,
    /// One page that needs nothing else, for a browser or for paper
    Html,
    /// SARIF 2.1.0: code scanning
    Sarif,
    /// JUnit XML: the tests of a build server
    Junit,
    /// OpenMetrics: Prometheus
    Openmetrics,
    /// OCSF 1.5 compliance findings, one a line: security data lakes
    Ocsf,
    /// XCCDF 1.2 results: SCAP tools
    Xccdf,
    /// OSCAL 1.2.1 assessment results: governance tools
    Oscal,
}
