//! Software that hostduty knows by name, as tables, and whether it is on a host: by package, unit and process.

pub(crate) mod agents;
pub(crate) mod guest_tools;
pub(crate) mod legacy;

use crate::check::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Process;
use crate::facts::units::Unit;
use crate::gap::{Gap, Reading};

/// One program that people know by a name, with all the names that distributions and vendors give its parts.
#[derive(Debug)]
pub(crate) struct Software {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Package names, of every distribution.
    pub(crate) packages: &'static [&'static str],
    /// Unit names, of every distribution; services, sockets and timers.
    pub(crate) units: &'static [&'static str],
    /// Where its programs lie. Running ones are matched by their last part; where that is too common a word (`agent`)
    /// the list is empty, and whatever runs in its units counts.
    pub(crate) programs: &'static [&'static str],
}

/// Whether a process is this software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// It runs from a folder of the system, on the machine itself, and no ordinary account made it up.
    Genuine,
    /// It has the name, and its file cannot be seen.
    NameOnly,
    /// It has the name, and runs from somewhere else or for an ordinary account.
    Other,
    /// It is something else.
    No,
}

impl Software {
    /// The installed package: its name and version.
    pub(crate) fn package<'a>(&self, facts: &'a Facts) -> Result<Option<(&'static str, &'a str)>, Gap> {
        let packages = facts.packages.known()?;
        Ok(self.packages.iter().find_map(|name| Some((*name, packages.version(name)?))))
    }

    /// The package that was removed and left its configuration.
    pub(crate) fn residue(&self, facts: &Facts) -> Option<&'static str> {
        let packages = facts.packages.value()?;
        self.packages.iter().find(|name| packages.residual.contains(**name)).copied()
    }

    /// Its units by their own names, aliases resolved. Masks are among them.
    pub(crate) fn units<'a>(&self, facts: &'a Facts) -> Result<Vec<(&'a str, &'a Unit)>, Gap> {
        let units = facts.units.known()?;
        let mut found: Vec<(&str, &Unit)> = self.units.iter().filter_map(|name| units.find(name)).collect();
        found.sort_by_key(|(name, _)| *name);
        found.dedup_by_key(|(name, _)| *name);
        Ok(found)
    }

    /// Whether a process is this software.
    pub(crate) fn matches(&self, process: &Process) -> Match {
        let named = |name: &str| self.programs.iter().any(|path| base_name(path) == name);
        match &process.exe {
            _ if process.contained => Match::No,
            Reading::Known(exe) if !named(process.program()) => {
                let in_unit = process.unit.as_deref().is_some_and(|unit| self.units.contains(&unit));
                // An agent that is a script runs as its interpreter.
                if in_unit && (self.programs.is_empty() || is_interpreter(exe)) {
                    Match::Genuine
                } else {
                    Match::No
                }
            }
            Reading::Known(exe) if is_system(exe) && self.is_trusted(process) => Match::Genuine,
            Reading::Known(_) => Match::Other,
            // The kernel cuts the name after 15 bytes.
            Reading::Gap(_) if self.programs.iter().any(|path| cut(base_name(path)) == process.name) => {
                Match::NameOnly
            }
            Reading::Gap(_) => {
                let in_unit = process.unit.as_deref().is_some_and(|unit| self.units.contains(&unit));
                if in_unit { Match::NameOnly } else { Match::No }
            }
        }
    }

    /// Whether the path of a process's file can be believed. In a mount namespace of their own anybody can put any file
    /// at any path, so an ordinary account's process counts only where a unit of the software runs it.
    fn is_trusted(&self, process: &Process) -> bool {
        process.is_of_the_system() || process.unit.as_deref().is_some_and(|unit| self.units.contains(&unit))
    }

    /// The first process that is it, or may be.
    pub(crate) fn process<'a>(&self, facts: &'a Facts) -> Result<Option<(Match, &'a Process)>, Gap> {
        let processes = facts.processes.known()?;
        let all = || processes.list.iter().map(|process| (self.matches(process), process));
        Ok(all()
            .find(|(kind, _)| *kind == Match::Genuine)
            .or_else(|| all().find(|(kind, _)| *kind == Match::NameOnly)))
    }
}

/// A process as evidence.
pub(crate) fn seen(process: &Process) -> Evidence {
    let exe = process.exe.value().map_or(process.name.as_str(), String::as_str);
    Evidence::of(format!("/proc/{}", process.pid)).says(exe)
}

/// A unit as evidence.
pub(crate) fn unit_file(unit: &Unit) -> Evidence {
    Evidence::of(unit.path.as_str()).says(unit.state.name())
}

/// The package database as evidence.
pub(crate) fn package_record(facts: &Facts, text: &str) -> Evidence {
    let manager = facts.packages.value().map_or("package database", |packages| match packages.manager {
        crate::facts::packages::Manager::Dpkg => "dpkg",
        crate::facts::packages::Manager::Rpm => "rpm",
        crate::facts::packages::Manager::Apk => "apk",
        crate::facts::packages::Manager::Pacman => "pacman",
    });
    Evidence::of(manager).says(text)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn cut(name: &str) -> &str {
    name.get(..15).unwrap_or(name)
}

fn is_system(exe: &str) -> bool {
    ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/var/ossec/bin/"]
        .iter()
        .any(|start| exe.starts_with(start))
}

fn is_interpreter(exe: &str) -> bool {
    ["python", "perl", "ruby", "java", "node", "bash", "dash", "sh"]
        .iter()
        .any(|name| base_name(exe).starts_with(name) && is_system(exe))
}
