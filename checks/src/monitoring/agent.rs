//! An agent for monitoring is at work.

use crate::check::{Check, Examples, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::software::agents;

pub(crate) static CHECK: Check = Check {
    id: "monitoring-agent",
    title: "An agent for monitoring is at work",
    severity: Severity::Advice,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A full disk, a dead service or a stolen processor is only noticed in time by somebody who \
        is told. Providers watch their own platform, not what runs on the customer's machine. This check \
        sees agents on the machine; a probe that asks from outside is invisible here and belongs into an \
        attestation.",
    remedy: "Install and enable the agent of your monitoring, for example: apt install prometheus-node-exporter\n\
        Let it reach your monitoring over a private network or a tunnel, and no one else\n\
        If the machine is watched from outside, attest that with a date",
    references: &["CIS Controls 8"],
    examples: Examples {
        kept: r#"
[processes.known]
list = [{ pid = 700, name = "telegraf", uid = 998, exe = { known = "/usr/bin/telegraf" } }]
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
    agents::judge(facts, agents::MONITORING, "monitoring")
}
