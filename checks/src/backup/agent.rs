//! An agent for backup is at work.

use crate::check::{Check, Examples, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::software::agents;

pub(crate) static CHECK: Check = Check {
    id: "backup-agent",
    title: "An agent for backup is at work",
    severity: Severity::Advice,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "Every provider leaves the copies of the data to the customer, and a disk, a deletion or an \
        extortionist takes what has no copy elsewhere. Only the customer knows whether a backup can be \
        restored: this check sees whether something is there that could make one. Copies made from outside, \
        such as snapshots of the provider, are invisible here and belong into an attestation.",
    remedy: "Install and enable an agent that writes to another place, for example: apt install borgmatic && systemctl enable --now \
        borgmatic.timer\n\
        Restore a file from it once, and note when\n\
        If the copies are made elsewhere, attest that with a date",
    references: &["systemd.timer(5)", "CIS Controls 11"],
    examples: Examples {
        kept: r#"
[processes.known]
list = []
[units.known.units."borgmatic.timer"]
path = "/usr/lib/systemd/system/borgmatic.timer"
state = "enabled"
wanted_by = ["/etc/systemd/system/timers.target.wants/borgmatic.timer"]
"#,
        broken: r#"
[processes.known]
list = [{ pid = 1, name = "systemd", exe = { known = "/usr/lib/systemd/systemd" } }]
[units.known]
init = "systemd"
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    agents::judge(facts, agents::BACKUP, "backup")
}
