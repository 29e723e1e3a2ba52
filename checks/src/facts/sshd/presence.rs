//! What every judge of sshd says first: whether a server answers at all, and whether it has read its files since.

use std::ops::ControlFlow;

use super::{Presence, Server};
use crate::check::{Evidence, Judgement};
use crate::facts::Facts;
use crate::gap::GapKind;

impl Facts {
    /// Begins a judgement of what sshd does with what is known of SSH servers. It breaks off with the whole judgement
    /// where no sshd answers, or where that is not known.
    pub fn judge_ssh_presence(&self) -> ControlFlow<Judgement, Judgement> {
        let Server { presence, others } = self.ssh_server();
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
    pub fn judge_ssh_freshness(&self, judgement: &mut Judgement) {
        let Some(sshd) = self.sshd.value() else { return };
        let Some(config) = sshd.config.value() else { return };
        let processes = match self.processes.known() {
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
}
