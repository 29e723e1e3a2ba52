//! What every judge of SSH says first: which servers answer at all, whether the files decide what sshd does, and whether
//! it has read them since.

use std::ops::ControlFlow;

use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::accounts::PasswordState;
use crate::facts::ssh_servers::{Answer, Other, Presence, Server};
use crate::facts::sshd::{Config, Listening};
use crate::gap::{Gap, GapKind};

/// Whose typed password a judge asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Any account's.
    Anybody,
    /// Root's, and that of every account with uid 0.
    Root,
    /// Nobody's: the question is about sshd alone, whatever other servers do.
    Nobody,
}

/// Begins a judgement of what sshd does with what is known of SSH servers. It breaks off with the whole judgement
/// where no sshd answers, or where that is not known.
pub(crate) fn presence(facts: &Facts, asked: Asked) -> Result<ControlFlow<Judgement, Judgement>, Gap> {
    let Server { presence, doubts } = facts.ssh_server()?;
    let mut judgement = Judgement::new();
    let servers = facts.ssh_servers.known()?;
    let others = if asked == Asked::Nobody { &[][..] } else { &servers.others };
    let any = !others.is_empty() || !doubts.is_empty();
    for doubt in doubts {
        judgement.unknown(doubt);
    }
    for other in others {
        typed(facts, other, asked, &mut judgement);
    }
    match presence {
        Presence::Serving(_) => return Ok(ControlFlow::Continue(judgement)),
        Presence::Unclear(reason) => judgement.unknown(reason),
        Presence::Idle(evidence) => {
            judgement.observe("sshd is installed, but it neither runs nor starts at boot", evidence);
        }
        Presence::Absent if any => {}
        Presence::Absent if asked == Asked::Nobody => {
            judgement = Judgement::not_applicable("OpenSSH's server is not installed, and none runs");
        }
        Presence::Absent => {
            judgement = Judgement::not_applicable("no SSH server is installed, and none runs");
        }
    }
    Ok(ControlFlow::Break(judgement))
}

/// What a typed password does at a server that is not OpenSSH's.
fn typed(facts: &Facts, other: &Other, asked: Asked, judgement: &mut Judgement) {
    let answers = match asked {
        Asked::Anybody | Asked::Nobody => [&other.passwords, &other.root_passwords],
        Asked::Root => [&other.root_passwords, &other.root_passwords],
    };
    let name = &other.name;
    let place = other.at.first().cloned().unwrap_or_default();
    if let Some(reason) = answers.iter().find_map(|answer| match answer {
        Answer::Unknown(reason) => Some(reason),
        _ => None,
    }) {
        return judgement
            .unknown(format!("{name} ({place}) may take typed passwords, which is not known: {reason}"));
    }
    if answers.iter().all(|answer| **answer == Answer::No) {
        let whose = if asked == Asked::Root && other.passwords != Answer::No { "of root" } else { "at all" };
        return judgement.observe(format!("{name} takes no typed password {whose}"), other.at.clone());
    }
    let accounts = match facts.accounts.known() {
        Ok(accounts) => accounts,
        Err(gap) => {
            return judgement.unknown(format!(
                "{name} ({place}) takes typed passwords, and who has one is not known: {gap}"
            ));
        }
    };
    let before = (judgement.findings.len(), judgement.unknowns.len());
    for user in &accounts.users {
        let answer = if user.uid == 0 { &other.root_passwords } else { &other.passwords };
        if *answer == Answer::No || (asked == Asked::Root && user.uid != 0) {
            continue;
        }
        let password = match user.password.known() {
            Ok(password) => password,
            Err(gap) => {
                judgement.unknown(format!(
                    "{name} takes typed passwords, and which accounts have one is not known: {gap}"
                ));
                break;
            }
        };
        let what = match password.state {
            PasswordState::Usable => "a password",
            PasswordState::Empty if other.empty_passwords => "an empty password",
            _ => continue,
        };
        let subject = user.name.clone();
        if other.group.is_some() || ["nologin", "false"].iter().any(|shell| user.shell.ends_with(shell)) {
            judgement.unknown(format!(
                "{subject} has {what}, and whether {name} ({place}) takes it depends on groups or on /etc/shells"
            ));
            continue;
        }
        let shadow = Evidence::at(password.source.clone(), password.line).says(subject.clone());
        let message = format!("can log in over SSH with {what}, as {name} asks for one");
        judgement.fail(Finding::new(subject, message, place.clone()).and(shadow));
    }
    if !accounts.other_sources.is_empty() {
        let sources = accounts.other_sources.join(", ");
        judgement.unknown(format!(
            "{name} takes typed passwords, and accounts from {sources} are not in the host's own files"
        ));
    }
    if before == (judgement.findings.len(), judgement.unknowns.len()) {
        judgement.observe(
            format!("{name} takes typed passwords, but no account that may use one has any"),
            other.at.clone(),
        );
    }
}

/// Says when the files were changed after a running sshd has read them, or its program was replaced: then they do not
/// tell what it does. Nor do they where processes are hidden: how sshd was started is then as unknown as when.
pub(crate) fn freshness(facts: &Facts, judgement: &mut Judgement) {
    // In an image nothing runs.
    if let Err(gap) = facts.processes.known()
        && !matches!(gap.why, GapKind::Offline | GapKind::Absent)
    {
        judgement.unknown(format!(
            "with which options sshd was started, and when it has read its configuration, is not known: {gap}"
        ));
    }
    for gap in facts.processes.value().map_or(&[][..], |processes| &processes.gaps) {
        judgement.unknown(format!("one more sshd may run, with options of its own: {gap}"));
    }
    for served in facts.served().unwrap_or_default() {
        let Ok(config) = served.config else { continue };
        for daemon in served.daemons {
            if let Some(loaded) = daemon.stale(config.changed) {
                judgement.unknown(format!(
                    "the configuration of sshd, or a folder that it includes, was changed on {}, after the running sshd \
                     has read it ({loaded}): reload it",
                    config.changed,
                ));
            }
            if let Some(old) = daemon.replaced() {
                judgement.unknown(format!(
                    "sshd was updated, and the one that runs is still the old one ({old}): restart it"
                ));
            }
        }
    }
}

/// The configurations that are known whole, each with where its daemons listen; what keeps others from being known is
/// said.
pub(crate) fn decided<'a>(
    facts: &'a Facts,
    judgement: &mut Judgement,
) -> Result<Vec<(&'a Config, Listening)>, Gap> {
    let mut decided = Vec::new();
    for served in facts.served()? {
        let listening = served.listening();
        let before = judgement.unknowns.len();
        for daemon in &served.daemons {
            let place = daemon.at.first().cloned().unwrap_or_default();
            if let Err(gap) = daemon.certain() {
                judgement
                    .unknown(format!("with which options sshd is started ({place}) is not certain: {gap}"));
            }
        }
        match served.config {
            Err(gap) => judgement.unknown(format!("the configuration of sshd is not known: {gap}")),
            Ok(config) => {
                for refused in &config.refused {
                    judgement.unknown(format!("sshd would refuse its configuration: {refused}"));
                }
                for gap in &config.gaps {
                    judgement.unknown(format!("part of the configuration of sshd is not known: {gap}"));
                }
                if judgement.unknowns.len() == before {
                    decided.push((config, listening));
                }
            }
        }
    }
    Ok(decided)
}
