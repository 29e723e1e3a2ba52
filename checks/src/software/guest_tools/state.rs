//! In which state a host has the guest tools of its hypervisor: one answer for what runs, one for the next boot.

use super::functions::limited;
use super::talking::talking;
use super::{Channel, GuestTools, TOOLS};
use crate::check::Evidence;
use crate::facts::Facts;
use crate::facts::hypervisor::{Channels, DeviceKind, Hypervisor, Platform};
use crate::facts::units::{Init, Unit, UnitState};
use crate::gap::Gap;
use crate::software::{Match, package_record, seen, unit_file};

/// What can be said of guest tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Healthy(Said),
    /// The tools run, and do not talk to the hypervisor.
    Silent(Said),
    /// It could not be known, with the reason.
    Unknown(String),
    /// An operator made it impossible to start them.
    Masked(Said),
    /// They are there, and nothing starts them.
    Disabled(Said),
    /// They are there and should run, and do not.
    Stopped(Said),
    /// The host does not offer what they talk through; the words name it.
    NotOffered(String),
    /// They are not there.
    Missing(Said),
    /// The hypervisor asks for none, with the reason.
    NotAsked(String),
}

impl State {
    /// Of several tools the one with the lowest rank speaks, and of equals the first in the table.
    fn rank(&self) -> u8 {
        match self {
            Self::Healthy(_) => 0,
            Self::Silent(_) => 1,
            Self::Unknown(_) => 2,
            Self::Masked(_) => 3,
            Self::Disabled(_) => 4,
            Self::Stopped(_) => 5,
            Self::NotOffered(_) => 6,
            Self::Missing(_) => 7,
            Self::NotAsked(_) => 8,
        }
    }
}

/// A sentence fragment that reads well after the name of the tools, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tools: &'static str,
    pub(crate) text: String,
    pub(crate) evidence: Vec<Evidence>,
}

/// Whether the tools run and talk to the hypervisor.
pub(crate) fn examine(facts: &Facts) -> Result<State, Gap> {
    best(facts, running)
}

/// Whether the tools start at the next boot.
pub(crate) fn startup(facts: &Facts) -> Result<State, Gap> {
    best(facts, starting)
}

/// Guest tools of other hypervisors that are installed, as after a migration.
pub(crate) fn foreign(facts: &Facts) -> Vec<&'static str> {
    let Some(hypervisor) = facts.hypervisor.value() else { return Vec::new() };
    TOOLS
        .iter()
        .filter(|tools| tools.platform != hypervisor.platform)
        .filter(|tools| matches!(installed(tools, facts, hypervisor), Ok(Some(_))))
        .map(|tools| tools.software.name)
        .collect()
}

type Examiner = fn(&'static GuestTools, &Facts, &Hypervisor) -> Result<State, Gap>;

fn best(facts: &Facts, examiner: Examiner) -> Result<State, Gap> {
    let hypervisor = facts.hypervisor.known()?;
    if hypervisor.control_domain {
        return Ok(State::NotAsked("this is Xen's control domain, which is no guest".to_owned()));
    }
    match hypervisor.platform {
        Platform::BareMetal => {
            return Ok(State::NotAsked("no hypervisor is beneath this machine".to_owned()));
        }
        Platform::Apple => {
            return Ok(State::NotAsked(
                "Apple's Virtualization framework has no guest tools for Linux".to_owned(),
            ));
        }
        Platform::Unknown => {
            let signs = hypervisor.evidence.join("; ");
            let signs = if signs.is_empty() { "no sign of any".to_owned() } else { signs };
            return Ok(State::Unknown(format!("the hypervisor is not one that hostduty knows ({signs})")));
        }
        _ => {}
    }
    let states = fitting(hypervisor).map(|tools| match offered(tools, hypervisor) {
        Ok(None) => examiner(tools, facts, hypervisor).unwrap_or_else(|gap| State::Unknown(gap.to_string())),
        Ok(Some(missing)) => State::NotOffered(missing),
        Err(gap) => State::Unknown(gap.to_string()),
    });
    Ok(states
        .min_by_key(State::rank)
        .unwrap_or_else(|| State::Unknown("hostduty knows no tools of this hypervisor".to_owned())))
}

/// The tools that a hypervisor accepts.
pub(crate) fn fitting(hypervisor: &Hypervisor) -> impl Iterator<Item = &'static GuestTools> {
    TOOLS.iter().filter(|tools| {
        tools.platform == hypervisor.platform
            && tools.vendor.is_none_or(|vendor| hypervisor.vendor.as_deref() == Some(vendor))
    })
}

/// The name of the channel when the host does not offer it.
fn offered(tools: &GuestTools, hypervisor: &Hypervisor) -> Result<Option<String>, Gap> {
    match &tools.channel {
        Channel::VirtioPort(name) => {
            let channels = hypervisor.channels.known()?;
            if port(channels, name).is_some() {
                return Ok(None);
            }
            // The port is a part of a console; without its driver nobody can see whether it is there.
            if waits(hypervisor)? {
                return Err(Gap::unsupported(
                    "a virtio console has no driver, so that its ports cannot be seen",
                ));
            }
            Ok(Some(format!("the virtio port {name}")))
        }
        Channel::Offered(files) => {
            let channels = hypervisor.channels.known()?;
            if files.iter().any(|file| channels.files.iter().any(|known| known == file)) {
                return Ok(None);
            }
            if waits(hypervisor)? {
                return Err(Gap::unsupported(format!(
                    "the service behind {} is offered and has no driver (hv_utils)",
                    files.join(" or ")
                )));
            }
            Ok(Some(files.join(" or ")))
        }
        Channel::Always(_) | Channel::None => Ok(None),
    }
}

/// Whether what carries the channel is there without its driver.
fn waits(hypervisor: &Hypervisor) -> Result<bool, Gap> {
    let devices = hypervisor.devices.known()?;
    Ok(devices.iter().any(|device| device.kind == DeviceKind::Console && device.driver.is_none()))
}

pub(super) fn port<'a>(channels: &'a Channels, name: &str) -> Option<&'a str> {
    channels.virtio_ports.iter().find(|port| port.name == name).map(|port| port.device.as_str())
}

fn running(tools: &'static GuestTools, facts: &Facts, hypervisor: &Hypervisor) -> Result<State, Gap> {
    let processes = facts.processes.known()?;
    let mut named = Vec::new();
    let mut talks = None;
    for process in &processes.list {
        match tools.software.matches(process) {
            // Only root's can hold the channel; a user may run the program too.
            Match::Genuine if process.uid == 0 => {
                let state = limited(talking(tools, process, facts, hypervisor), tools, process, facts);
                if talks.as_ref().is_none_or(|other: &State| state.rank() < other.rank()) {
                    talks = Some(state);
                }
            }
            Match::Genuine => named.push((Match::Other, process)),
            kind @ (Match::NameOnly | Match::Other) => named.push((kind, process)),
            Match::No => {}
        }
    }
    if let Some(state) = talks {
        return Ok(state);
    }
    if let Some((_, process)) = named.iter().find(|(kind, _)| *kind == Match::NameOnly) {
        return Ok(State::Unknown(format!(
            "process {} is called {}, and only root may see which file it runs",
            process.pid, process.name
        )));
    }
    if let Some(gap) = processes.gaps.first() {
        return Err(gap.clone());
    }
    let mut state = match starting(tools, facts, hypervisor)? {
        State::Healthy(mut said) => {
            said.text = "does not run although it is set to start".to_owned();
            State::Stopped(said)
        }
        // Nothing runs them now, whatever may start them some day.
        State::Unknown(_) => match installed(tools, facts, hypervisor)? {
            Some(evidence) => State::Stopped(say(tools, "is installed and does not run", vec![evidence])),
            None => missing(tools, facts),
        },
        other => other,
    };
    if let State::Masked(said) | State::Disabled(said) | State::Stopped(said) | State::Missing(said) =
        &mut state
    {
        for (_, process) in named {
            said.evidence.push(seen(process));
            said.text += &format!(" (process {} has the name, but is not the system's)", process.pid);
        }
    }
    Ok(state)
}

fn starting(tools: &'static GuestTools, facts: &Facts, hypervisor: &Hypervisor) -> Result<State, Gap> {
    let units = tools.software.units(facts)?;
    let boots = |unit: &Unit| {
        !unit.state.is_masked()
            && (unit.starts_at_boot() || !unit.udev_rules.is_empty())
            && !never_here(unit, hypervisor.platform)
    };
    let there = installed(tools, facts, hypervisor)?;
    if let Some((name, unit)) = units.iter().find(|(_, unit)| boots(unit))
        && there.is_some()
    {
        let by = unit.udev_rules.first().or(unit.wanted_by.first());
        let mut evidence = vec![unit_file(unit)];
        evidence.extend(by.map(Evidence::of));
        return Ok(State::Healthy(say(tools, &format!("starts at boot by {name}"), evidence)));
    }
    if let Some((name, unit)) = units.iter().find(|(_, unit)| unit.state.is_masked()) {
        let until = if unit.state == UnitState::MaskedRuntime { " until the next boot" } else { "" };
        let since = unit.masked_at.map_or(String::new(), |at| format!(" since {}", at.day()));
        let mut text = format!("cannot start{until}: {name} is masked{since}");
        if there.is_none() {
            text += ", and it is not installed either";
        }
        return Ok(State::Masked(say(tools, &text, vec![unit_file(unit)])));
    }
    let Some(evidence) = there else { return Ok(missing(tools, facts)) };
    let init = facts.units.known()?.init;
    Ok(match units.first() {
        None if init == Init::Other => {
            State::Unknown("this host boots with an init system that hostduty does not read".to_owned())
        }
        None => State::Disabled(say(tools, "is installed, and no unit starts it", vec![evidence])),
        Some((name, unit)) if never_here(unit, hypervisor.platform) => {
            let condition = unit.condition_virtualization.as_deref().unwrap_or_default();
            let text = format!("cannot start: {name} asks for ConditionVirtualization={condition}");
            State::Disabled(say(tools, &text, vec![unit_file(unit)]))
        }
        Some((name, unit)) if unit.state == UnitState::Static => State::Unknown(format!(
            "{name} has no [Install] section, and hostduty sees neither a link nor a udev rule that starts it"
        )),
        Some((name, unit)) => {
            let text = format!("will not start at boot: {name} is {}", unit.state.name());
            State::Disabled(say(tools, &text, vec![unit_file(unit)]))
        }
    })
}

/// Whether `ConditionVirtualization=` names another hypervisor than this one. Where systemd has several names for a
/// platform, or the words are no plain list, nobody is sure.
fn never_here(unit: &Unit, platform: Platform) -> bool {
    const NAMES: &[(&str, Platform)] = &[
        ("kvm", Platform::Kvm),
        ("qemu", Platform::Kvm),
        ("amazon", Platform::Kvm),
        ("vmware", Platform::Vmware),
        ("xen", Platform::Xen),
        ("microsoft", Platform::HyperV),
        ("oracle", Platform::Virtualbox),
        ("parallels", Platform::Parallels),
        ("apple", Platform::Apple),
    ];
    let conditions = unit.condition_virtualization.as_deref().unwrap_or_default();
    // With `|` one of several is enough.
    !conditions.contains('|')
        && conditions.split_whitespace().any(|word| {
            let (name, negated) = word.strip_prefix('!').map_or((word, false), |name| (name, true));
            match NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, named)) if negated => *named == platform && platform != Platform::Kvm,
                Some((_, named)) => *named != platform,
                None => matches!((name, negated), ("container" | "no", false) | ("yes" | "vm", true)),
            }
        })
}

/// What shows that the tools are there: the package, the program, or a unit that still has its program.
fn installed(tools: &GuestTools, facts: &Facts, hypervisor: &Hypervisor) -> Result<Option<Evidence>, Gap> {
    let package = tools.software.package(facts);
    if let Ok(Some((name, version))) = package {
        return Ok(Some(package_record(facts, &format!("{name} {version}"))));
    }
    if let Some(path) =
        tools.software.programs.iter().find(|path| hypervisor.tool_files.iter().any(|file| file == *path))
    {
        return Ok(Some(Evidence::of(*path)));
    }
    let units = tools.software.units(facts)?;
    let real = units.iter().find(|(_, unit)| !unit.state.is_masked());
    match (package, real) {
        // Vendors install without the package manager; then a unit that names another place for its program counts.
        (_, Some((_, unit)))
            if unit.programs.iter().any(|path| !tools.software.programs.contains(&path.as_str())) =>
        {
            Ok(Some(unit_file(unit)))
        }
        (Err(gap), Some(_)) => Err(gap),
        _ => facts.units.known()?.gaps.first().map_or(Ok(None), |gap| Err(gap.clone())),
    }
}

fn missing(tools: &'static GuestTools, facts: &Facts) -> State {
    let mut evidence = Vec::new();
    let mut text = "is not installed".to_owned();
    if let Some(name) = tools.software.residue(facts) {
        text = "was removed, and only its configuration is left".to_owned();
        evidence.push(package_record(facts, &format!("{name}: config-files")));
    }
    if let Ok(units) = tools.software.units(facts)
        && let Some((name, unit)) = units.iter().find(|(_, unit)| !unit.state.is_masked())
    {
        text += &format!(" ({name} is left without its program)");
        evidence.push(unit_file(unit));
    }
    evidence.push(match facts.packages.value() {
        Some(_) => package_record(facts, &format!("no {}", tools.software.packages.join(", "))),
        None => Evidence::of(tools.software.programs.join(", ")).says("absent"),
    });
    State::Missing(say(tools, &text, evidence))
}

pub(super) fn say(tools: &'static GuestTools, text: &str, evidence: Vec<Evidence>) -> Said {
    Said { tools: tools.software.name, text: text.to_owned(), evidence }
}
