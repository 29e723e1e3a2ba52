//! What a check is, and what it can say.

use serde::{Deserialize, Serialize};

pub use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

/// One sentence about the host that is true when the duty is kept, with all that will ever be said about it.
#[derive(Debug)]
pub struct Check {
    /// `<subject>-<name>`, which is also its path: `ssh-key-only` is `checks/src/ssh/key_only.rs`.
    pub id: &'static str,
    /// A sentence that is true when the duty is kept.
    pub title: &'static str,
    /// How much a failure matters, unless the offer says otherwise.
    pub severity: Severity,
    /// Where the question makes sense and hostduty measures the answer.
    pub systems: &'static [System],
    /// Where the question makes sense and hostduty does not measure the answer yet: there it is unknown.
    pub unmeasured_on: &'static [System],
    /// Whether the sentence is about the machine and its kernel. Inside a container those are the host's, and the
    /// check is not applicable.
    pub machine: bool,
    /// Why it matters.
    pub rationale: &'static str,
    /// What to type to mend it, one step a line, safe against locking oneself out. The first line is shown in reports.
    pub remedy: &'static str,
    /// Man pages, benchmarks, standards.
    pub references: &'static [&'static str],
    /// Facts that keep and break it, shown by `explain` and fed to the judge by a test.
    pub examples: Examples,
    /// The judgement: pure, and `Err` of the gap that prevents it.
    pub judge: fn(&Facts, &Policy) -> Result<Judgement, Gap>,
}

impl Check {
    /// The remedy on a system: for a check of both, [`Check::remedy`] speaks of Linux.
    #[must_use]
    pub fn remedy_on(&self, system: System) -> &'static str {
        match system {
            System::MacOs => crate::mac::remedies::of(self.id).unwrap_or(self.remedy),
            System::Linux => self.remedy,
        }
    }
}

/// A host that keeps the duty and one that does not, as the TOML of `hostduty facts`. What an example does not say
/// is a gap.
#[derive(Debug)]
pub struct Examples {
    /// Facts with which the verdict is `pass`.
    pub kept: &'static str,
    /// Facts with which the verdict is `fail`.
    pub broken: &'static str,
}

/// How much a failure matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; no contract asks for it in so many words.
    Advice,
    /// Weakens the host a little.
    Low,
    /// Weakens the host.
    Medium,
    /// Opens the host, or breaks the letter of a contract.
    High,
    /// Opens the host to anyone, or suspends the SLA.
    Critical,
}

impl Severity {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What hostduty says about a check. Five, never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Measured, and kept.
    Pass,
    /// Measured, and broken: there is at least one finding.
    Fail,
    /// Not measured, or not wholly.
    Unknown,
    /// The question makes no sense here.
    NotApplicable,
    /// Broken, and accepted by a person until a date.
    Waived,
}

impl Verdict {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not-applicable",
            Self::Waived => "waived",
        }
    }
}

/// One concrete violation inside a failed check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The user, socket, package or device that it is about. Waivers may name it.
    pub subject: String,
    /// What is wrong with it, one sentence without a full stop.
    pub message: String,
    /// Where it was seen; at least one.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// A violation and the first place where it was seen.
    pub fn new(subject: impl Into<String>, message: impl Into<String>, evidence: Evidence) -> Self {
        Self { subject: subject.into(), message: message.into(), evidence: vec![evidence] }
    }
    /// The same violation with one more place.
    #[must_use]
    pub fn and(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }
}

/// Something that was measured and is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What is so, one sentence without a full stop.
    pub message: String,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
}

/// All that a judge has to say. The verdict follows: any finding is a `fail`, else any unknown is an `unknown`, else
/// it takes an observation to pass, because a duty that nothing measured is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Judgement {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What could not be known, one sentence each.
    pub unknowns: Vec<String>,
    /// What is right.
    pub observations: Vec<Observation>,
    /// Why the question makes no sense here; ignored beside findings and unknowns.
    pub not_applicable: Option<String>,
    /// What to type on this very host, where the facts say more than the check's own [`Check::remedy`]; steps as there.
    pub remedy: Option<String>,
}

impl Judgement {
    /// Nothing said yet, which is `unknown`.
    pub fn new() -> Self {
        Self::default()
    }
    /// The question makes no sense here.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self { not_applicable: Some(reason.into()), ..Self::default() }
    }
    /// Adds a violation.
    pub fn fail(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
    /// Adds something that could not be known.
    pub fn unknown(&mut self, reason: impl Into<String>) {
        self.unknowns.push(reason.into());
    }
    /// Adds something that was measured and is as it should be.
    pub fn observe(&mut self, message: impl Into<String>, evidence: impl IntoIterator<Item = Evidence>) {
        self.observations
            .push(Observation { message: message.into(), evidence: evidence.into_iter().collect() });
    }
    /// Moves what another judgement says into this one.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unknowns.extend(other.unknowns);
        self.observations.extend(other.observations);
        self.not_applicable = self.not_applicable.take().or(other.not_applicable);
        self.remedy = self.remedy.take().or(other.remedy);
    }
    /// What follows from all that was said.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Fail
        } else if !self.unknowns.is_empty() {
            Verdict::Unknown
        } else if !self.observations.is_empty() {
            Verdict::Pass
        } else if self.not_applicable.is_some() {
            Verdict::NotApplicable
        } else {
            Verdict::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_beats_unknown_beats_pass_and_silence_is_unknown() {
        let mut judgement = Judgement::new();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        judgement.observe("seen", []);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        judgement.unknown("a gap");
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        judgement.fail(Finding::new("root", "is wrong", Evidence::of("/etc/passwd")));
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(Judgement::not_applicable("no disk").verdict(), Verdict::NotApplicable);
    }
}
