//! What every judge of sshd says first: whether a server answers at all, whether its files decide what it does, and
//! whether it has read them since.

use std::ops::ControlFlow;

use crate::check::{Evidence, Judgement};
use crate::facts::Facts;
use crate::facts::sshd::{Config, Presence, Server, Sshd};
use crate::gap::GapKind;

/// Begins a judgement of what sshd does with what is known of SSH servers. It breaks off with the whole judgement
/// where no sshd answers, or where that is not known.
pub(crate) fn presence(facts: &Facts) -> ControlFlow<Judgement, Judgement> {
    let Server { presence, others } = facts.ssh_server();
    let mut judgement = Judgement::new();
    let any = !others.is_empty();
    for other in others {
        judgement.unknown(other);
    }
    match presence {
        Presence::Serving(_) => return ControlFlow::Continue(judgement),
        Presence::Unclear(reason) => judgement.unknown(reason),
        Presence::Idle(evidence) => {
            judgement.observe("sshd is installed, but it neither runs nor starts at boot", evidence);
        }
        Presence::Absent if any => {}
        Presence::Absent => {
            judgement = Judgement::not_applicable("no SSH server is installed, and none runs");
        }
    }
    ControlFlow::Break(judgement)
}

/// Says when the files were changed after the running sshd has read them: then they do not tell what it does. Nor
/// do they where processes are hidden: how sshd was started is then as unknown as when.
pub(crate) fn freshness(facts: &Facts, judgement: &mut Judgement) {
    let Some(sshd) = facts.sshd.value() else { return };
    let Some(config) = sshd.config.value() else { return };
    let processes = match facts.processes.known() {
        Ok(processes) => processes,
        // In an image nothing runs.
        Err(gap) if matches!(gap.why, GapKind::Offline | GapKind::Absent) => return,
        Err(gap) => {
            return judgement.unknown(format!(
                "with which options sshd was started, and when it has read its configuration, is not known: {gap}"
            ));
        }
    };
    let daemons = processes.running("sshd").filter(|process| process.uid == 0);
    let Some(process) = daemons.min_by_key(|process| process.started) else { return };
    let loaded = sshd.loaded_at.value().copied().unwrap_or_default().max(process.started);
    if config.changed > loaded {
        judgement.unknown(format!(
            "the configuration of sshd, or a folder that it includes, was changed on {}, after the running sshd has \
             read it ({}): reload it",
            config.changed,
            Evidence::of(format!("/proc/{}", process.pid)).says(loaded.to_string())
        ));
    }
}

/// Says what keeps the files from deciding how sshd behaves; true when nothing does.
pub(crate) fn is_decided(sshd: &Sshd, config: &Config, judgement: &mut Judgement) -> bool {
    for refused in &config.refused {
        judgement.unknown(format!("sshd would refuse its configuration: {refused}"));
    }
    for gap in &config.gaps {
        judgement.unknown(format!("part of the configuration of sshd is not known: {gap}"));
    }
    for place in &sshd.command_line {
        judgement.unknown(format!("sshd is started with options that override its files: {place}"));
    }
    config.refused.is_empty() && config.gaps.is_empty() && sshd.command_line.is_empty()
}
