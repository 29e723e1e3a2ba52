//! No password lies in what set the machine up.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "secrets-seeds",
    title: "No password lies in cloud-init's seed or in an installer's answers",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "What set a machine up stays on its disk, in its snapshots and with the provider: a password that was \
written there is known to whoever sees one of them, and cloud-init sets it again when the image gets another \
instance id. A hash that every account can read can be guessed at leisure.",
    remedy: "passwd <account>   # once, so that what is written there opens nothing
Replace the password by `ssh_authorized_keys`, or by a hash, where the machine is described.
rm <file> || chmod 600 <file>   # user data of an instance is not read again",
    references: &["cloud-init: Set Passwords", "cloud-init: Users and Groups", "kickstart: rootpw"],
    examples: Examples {
        kept: r#"
[[seeds.known.files]]
path = "/var/lib/cloud/instances/i-1/user-data.txt"
passwords = [{ line = 3, key = "passwd", hashed = true }]
"#,
        broken: r#"
[[seeds.known.files]]
path = "/var/lib/cloud/instances/i-1/user-data.txt"
passwords = [{ line = 3, key = "password" }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let seeds = facts.seeds.known()?;
    let mut judgement = Judgement::new();
    for gap in &seeds.gaps {
        judgement.unknown(gap.to_string());
    }
    for seed in &seeds.files {
        if let Some(why) = &seed.unclear {
            judgement.unknown(format!("{} {why}", seed.path));
        }
        for one in &seed.passwords {
            let place = Evidence::at(&seed.path, one.line).says(one.key.clone());
            let everybody = if seed.open_to_all { ", and every account can read it" } else { "" };
            match (one.hashed, seed.open_to_all) {
                (true, false) => judgement.observe("a hash lies in a seed that is private", [place]),
                (true, true) => {
                    let message = "holds the hash of a password, and every account can read it";
                    judgement.fail(Finding::new(&seed.path, message, place));
                }
                (false, _) => {
                    let message = format!("holds a password in clear{everybody}");
                    judgement.fail(Finding::new(&seed.path, message, place));
                }
            }
        }
    }
    if seeds.files.is_empty() && seeds.gaps.is_empty() {
        judgement.not_applicable = Some("neither cloud-init nor an installer left anything".to_owned());
    } else if judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        let places = seeds.files.iter().take(10).map(|seed| Evidence::of(&seed.path));
        judgement.observe("no password lies in clear in what set the machine up", places);
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::seeds::{Seed, Seeds, Written};
    use crate::gap::Reading;

    #[test]
    fn clear_ones_and_open_hashes_are_findings() {
        let verdict = |seeds| {
            let facts = Facts { seeds: Reading::Known(seeds), ..Facts::default() };
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        let seed = |hashed, open_to_all, unclear: Option<&str>| Seeds {
            files: vec![Seed {
                path: "/x".into(),
                open_to_all,
                passwords: vec![Written { line: 1, key: "passwd".into(), hashed }],
                unclear: unclear.map(str::to_owned),
            }],
            gaps: Vec::new(),
        };
        assert_eq!(verdict(seed(true, false, None)), Verdict::Pass);
        assert_eq!(verdict(seed(true, true, None)), Verdict::Fail);
        assert_eq!(verdict(seed(false, false, None)), Verdict::Fail);
        assert_eq!(verdict(seed(true, false, Some("holds a script"))), Verdict::Unknown);
        assert_eq!(verdict(Seeds::default()), Verdict::NotApplicable);
        let gaps = Seeds { gaps: vec![Gap::denied("/x")], ..Seeds::default() };
        assert_eq!(verdict(gaps), Verdict::Unknown);
    }
}
