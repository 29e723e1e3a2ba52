//! What changed between two looks at a host: verdicts, and findings that came and went.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::check::Verdict;
use crate::report::Report;

/// What one look said of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What is wrong, waived or not: the subject, and what is wrong with it.
    pub findings: Vec<(String, String)>,
}

/// What one look said, by check.
pub type Look = BTreeMap<String, Seen>;

/// What changed of one check. Nothing did where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The check.
    pub check: String,
    /// Its verdict then; none if it was not judged.
    pub from: Option<Verdict>,
    /// Its verdict now; none if it is not judged.
    pub to: Option<Verdict>,
    /// Why it is so now.
    pub reason: String,
    /// Findings that were not there.
    pub came: Vec<(String, String)>,
    /// Findings that are there no more.
    pub went: Vec<(String, String)>,
    /// Findings about the same subject that say something else: then and now.
    pub changed: Vec<((String, String), (String, String))>,
}

/// How a change weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something new fails.
    Worse,
    /// Nothing new fails, and something that was known is unknown, or is judged no more.
    LessKnown,
    /// The same, or better.
    NotWorse,
}

impl Change {
    /// How it weighs.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let fails = self.to == Some(Verdict::Fail);
        if fails && (self.from != Some(Verdict::Fail) || !self.came.is_empty()) {
            return Weight::Worse;
        }
        let is_known = |verdict: Option<Verdict>| verdict.is_some_and(|known| known != Verdict::Unknown);
        if !is_known(self.to) && is_known(self.from) { Weight::LessKnown } else { Weight::NotWorse }
    }
}

/// What a report says.
#[must_use]
pub fn look(report: &Report<'_>) -> Look {
    report
        .outcomes
        .iter()
        .map(|outcome| {
            let waived = outcome.waived.iter().map(|(finding, _)| finding);
            let findings = outcome.findings.iter().chain(waived);
            let findings = findings.map(|one| (one.subject.clone(), one.message.clone())).collect();
            let (verdict, reason) = (outcome.verdict, outcome.reason.clone());
            (outcome.check.id.to_owned(), Seen { verdict, reason, findings })
        })
        .collect()
}

/// What changed from an old look to a new one, what weighs most first.
#[must_use]
pub fn drift(old: &Look, new: &Look) -> Vec<Change> {
    let checks: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes: Vec<Change> =
        checks.into_iter().filter_map(|check| change(check, old.get(check), new.get(check))).collect();
    changes.sort_by_key(Change::weight);
    changes
}

fn change(check: &str, old: Option<&Seen>, new: Option<&Seen>) -> Option<Change> {
    let findings = |seen: Option<&Seen>| -> BTreeSet<(String, String)> {
        seen.map(|seen| seen.findings.iter().cloned().collect()).unwrap_or_default()
    };
    let (before, after) = (findings(old), findings(new));
    let mut left: BTreeMap<&str, VecDeque<&(String, String)>> = BTreeMap::new();
    for then in before.difference(&after) {
        left.entry(&then.0).or_default().push_back(then);
    }
    let mut came = Vec::new();
    let mut changed = Vec::new();
    for now in after.difference(&before) {
        // Both are sorted, so the first of the same subject is the nearest in words too.
        match left.get_mut(now.0.as_str()).and_then(VecDeque::pop_front) {
            Some(then) => changed.push((then.clone(), now.clone())),
            None => came.push(now.clone()),
        }
    }
    let went: Vec<_> = left.into_values().flatten().cloned().collect();
    let (from, to) = (old.map(|seen| seen.verdict), new.map(|seen| seen.verdict));
    if from == to && came.is_empty() && went.is_empty() && changed.is_empty() {
        return None;
    }
    let reason = new.map(|seen| seen.reason.clone()).unwrap_or_default();
    Some(Change { check: check.to_owned(), from, to, reason, came, went, changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(verdict: Verdict, findings: &[(&str, &str)]) -> Seen {
        let findings = findings.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect();
        Seen { verdict, reason: "because".into(), findings }
    }

    fn one(old: Seen, new: Seen) -> Vec<Change> {
        drift(&Look::from([("c".into(), old)]), &Look::from([("c".into(), new)]))
    }

    #[test]
    fn nothing_changed_is_nothing() {
        let same = seen(Verdict::Fail, &[("root", "is open")]);
        assert!(one(same.clone(), same).is_empty());
    }

    #[test]
    fn findings_come_go_and_change() {
        let old = seen(Verdict::Fail, &[("root", "is open"), ("anna", "is 3 days late")]);
        let new = seen(Verdict::Fail, &[("anna", "is 4 days late"), ("otto", "is open")]);
        let changes = one(old.clone(), new);
        let pair = |who: &str, what: &str| (who.to_owned(), what.to_owned());
        assert_eq!(changes[0].came, [pair("otto", "is open")]);
        assert_eq!(changes[0].went, [pair("root", "is open")]);
        assert_eq!(changes[0].changed, [(pair("anna", "is 3 days late"), pair("anna", "is 4 days late"))]);
        assert_eq!(changes[0].weight(), Weight::Worse);
        let fewer = one(old, seen(Verdict::Fail, &[("anna", "is 3 days late")]));
        assert_eq!(fewer[0].weight(), Weight::NotWorse);
    }

    #[test]
    fn what_weighs_most_comes_first() {
        let look = |verdicts: [Option<Verdict>; 5]| -> Look {
            verdicts
                .into_iter()
                .enumerate()
                .filter_map(|(number, verdict)| Some((number.to_string(), seen(verdict?, &[]))))
                .collect()
        };
        let (pass, fail, unknown) = (Some(Verdict::Pass), Some(Verdict::Fail), Some(Verdict::Unknown));
        let changes =
            drift(&look([fail, pass, unknown, pass, None]), &look([pass, unknown, pass, None, fail]));
        let told: Vec<_> = changes.iter().map(|change| (change.check.as_str(), change.weight())).collect();
        let (worse, less, not) = (Weight::Worse, Weight::LessKnown, Weight::NotWorse);
        assert_eq!(told, [("4", worse), ("1", less), ("3", less), ("0", not), ("2", not)]);
    }
}
