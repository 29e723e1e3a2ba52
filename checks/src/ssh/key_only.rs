//! Nobody can get a shell over SSH by typing a password.

use crate::check::{Check, Examples, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "ssh-key-only",
    title: "No account can log in over SSH with a password",
    severity: Severity::Critical,
    systems: &[System::Linux],
    machine: false,
    rationale: "",
    remedy: "",
    references: &["sshd_config(5)"],
    examples: Examples { kept: "", broken: "" },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    facts.sshd.known()?;
    Ok(Judgement::new())
}
