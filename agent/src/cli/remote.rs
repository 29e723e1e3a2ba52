//! The words of `report` about other machines.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// What `report --help` ends with.
pub(super) const REPORT_HELP: &str = "Examples:
  hostduty report --verbose                        this machine, every finding and every place
  hostduty report --host ann@web1 --sudo           another one over SSH, where nothing has to be installed
  hostduty report --inventory hosts.ini --format json --output fleet.json
  hostduty report --from fleet.json --format sarif what was written then, in another format

Exit codes:
  0  every check that applies is kept (waived failures count as kept)
  1  at least one check fails
  2  hostduty could not do its work, on one host at least
  3  nothing fails, but something is unknown (0 with --allow-unknown)
Of several hosts the worst: 2, then 1, then 3, then 0.";

/// Who is asked over SSH instead of this machine, and how.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("named").args(["hosts", "lists", "inventories"]).multiple(true))]
pub(crate) struct Remote {
    /// Ask this machine over SSH (user@server, ssh://user@server:port); may be repeated
    #[arg(long = "host", value_name = "DESTINATION", help_heading = "Other machines", conflicts_with_all = ["root", "facts", "at"])]
    pub(crate) hosts: Vec<String>,
    /// Ask those that a file names, one destination a line
    #[arg(long = "hosts", value_name = "FILE", help_heading = "Other machines", conflicts_with_all = ["root", "facts", "at"])]
    pub(crate) lists: Vec<PathBuf>,
    /// Ask those of an Ansible inventory, INI or YAML
    #[arg(long = "inventory", value_name = "FILE", help_heading = "Other machines", conflicts_with_all = ["root", "facts", "at"])]
    pub(crate) inventories: Vec<PathBuf>,
    /// Look at nothing, and show these JSON reports again, single or merged (`-` for standard input); may be repeated
    #[arg(long = "from", value_name = "FILE", help_heading = "Other machines", conflicts_with_all = ["named", "root", "facts", "at", "config", "offer", "checks", "state", "sign"])]
    pub(crate) saved: Vec<PathBuf>,
    /// Run there as root by `sudo -n`, which never asks for a password
    #[arg(long, help_heading = "Other machines", requires = "named")]
    pub(crate) sudo: bool,
    /// Ask this many at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = jobs, help_heading = "Other machines", requires = "named")]
    pub(crate) jobs: usize,
    /// Give each this many seconds, all told
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Other machines", requires = "named")]
    pub(crate) timeout: u64,
    #[arg(
        help = "Send the binary DIR/<target>/hostduty instead of one below /usr/lib/hostduty/remote",
        long,
        value_name = "DIR",
        help_heading = "Other machines",
        requires = "named"
    )]
    pub(crate) remote_binaries: Option<PathBuf>,
    /// Say who would be asked, and ask nobody
    #[arg(long, help_heading = "Other machines", requires = "named")]
    pub(crate) list_hosts: bool,
}

impl Remote {
    /// Whether other machines are asked.
    pub(crate) fn is_named(&self) -> bool {
        !(self.hosts.is_empty() && self.lists.is_empty() && self.inventories.is_empty())
    }

    /// Whether another program is started, and not only a list read.
    pub(crate) fn starts_ssh(&self) -> bool {
        self.is_named() && !self.list_hosts
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=128) => Ok(jobs),
        _ => Err("a number from 1 to 128".to_owned()),
    }
}
