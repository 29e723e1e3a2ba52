//! When a change counts: once it has lasted, with the moment at which it was first seen.

use std::collections::{BTreeMap, BTreeSet};

use checks::check::{Severity, Verdict};
use checks::history::Moment;

/// What one check says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The check.
    pub(crate) check: &'static str,
    /// Its verdict.
    pub(crate) verdict: Verdict,
    /// Its severity under the offer.
    pub(crate) severity: Severity,
    /// What its findings are about.
    pub(crate) subjects: BTreeSet<String>,
    /// Why, in one sentence.
    pub(crate) reason: String,
    /// Where it was seen.
    pub(crate) evidence: Vec<String>,
    /// Whether the provider's service level hangs on it.
    pub(crate) service_level: bool,
}

/// Something that lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    /// What the check says.
    pub(crate) seen: Seen,
    /// What it said before.
    pub(crate) from: Verdict,
    /// When it was first seen.
    pub(crate) since: Moment,
    /// What is newly wrong in a check that failed before as well; empty where the verdict changed.
    pub(crate) added: BTreeSet<String>,
}

/// A change that has not lasted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// What the check says now.
    pub(crate) seen: Seen,
    /// Since when.
    pub(crate) since: Moment,
    /// What has been newly wrong all along, in a check that failed before as well.
    added: BTreeSet<String>,
}

/// What counts for each check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// Since when it is known to hold.
    pub(crate) since: Moment,
    subjects: BTreeSet<String>,
}

/// What counts, and what may come to count.
#[derive(Debug)]
pub(crate) struct Settling {
    period_ms: u64,
    states: BTreeMap<&'static str, State>,
    pending: BTreeMap<&'static str, Pending>,
}

impl Settling {
    /// What is seen first counts at once.
    pub(crate) fn begin(seconds: u32, seen: &[Seen], now: &Moment) -> Self {
        let states = seen.iter().map(|seen| (seen.check, State::of(seen, now.clone()))).collect();
        Self { period_ms: u64::from(seconds) * 1000, states, pending: BTreeMap::new() }
    }

    /// Another configuration: what is seen under it counts at once, and is since then where it differs.
    pub(crate) fn restart(&mut self, seconds: u32, seen: &[Seen], now: &Moment) {
        let before = std::mem::replace(self, Self::begin(seconds, seen, now));
        for (check, state) in &mut self.states {
            if let Some(old) = before.states.get(check).filter(|old| old.verdict == state.verdict) {
                state.since = old.since.clone();
            }
        }
    }

    /// Takes what every check says now, and gives what has lasted, the earliest first.
    pub(crate) fn look(&mut self, looked: Vec<Seen>, now: &Moment) -> Vec<Settled> {
        let mut settled = Vec::new();
        for seen in looked {
            self.one(seen, now, &mut settled);
        }
        settled.sort_by_key(|settled| settled.since.monotonic_ms);
        settled
    }

    fn one(&mut self, seen: Seen, now: &Moment, settled: &mut Vec<Settled>) {
        let check = seen.check;
        let state = self.states.entry(check).or_insert_with(|| State::of(&seen, now.clone()));
        let mut pending = self.pending.remove(check);
        // A failure on which the service level hangs is on record however short it was.
        if let Some(before) = pending.take_if(|pending| {
            pending.seen.service_level
                && pending.seen.verdict == Verdict::Fail
                && state.verdict != Verdict::Fail
                && seen.verdict != Verdict::Fail
        }) {
            settled.push(state.take(before));
        }
        if seen.verdict == state.verdict && (seen.verdict != Verdict::Fail || seen.subjects == state.subjects)
        {
            return;
        }
        let added: BTreeSet<String> = match seen.verdict == state.verdict {
            true => seen.subjects.difference(&state.subjects).cloned().collect(),
            false => BTreeSet::new(),
        };
        let pending = match pending.filter(|pending| pending.seen.verdict == seen.verdict) {
            // What is new must have been there all along.
            Some(before) if added.is_empty() == before.added.is_empty() => {
                let lasting: BTreeSet<String> = before.added.intersection(&added).cloned().collect();
                match lasting.is_empty() && !added.is_empty() {
                    true => Pending { seen, since: now.clone(), added },
                    false => Pending { seen, since: before.since, added: lasting },
                }
            }
            _ => Pending { seen, since: now.clone(), added },
        };
        if now.monotonic_ms >= pending.since.monotonic_ms.saturating_add(self.period_ms) {
            let silent = pending.seen.verdict == state.verdict && pending.added.is_empty();
            let change = state.take(pending);
            if !silent {
                settled.push(change);
            }
        } else {
            self.pending.insert(check, pending);
        }
    }

    /// When something that pends has lasted, in milliseconds since the boot.
    pub(crate) fn due(&self) -> Option<u64> {
        self.pending.values().map(|pending| pending.since.monotonic_ms.saturating_add(self.period_ms)).min()
    }

    /// What pends.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values()
    }

    /// What counts.
    pub(crate) fn states(&self) -> &BTreeMap<&'static str, State> {
        &self.states
    }

    /// What the record knows from before: a verdict that holds for longer than this process runs.
    pub(crate) fn remember(&mut self, check: &str, since: Moment) {
        if let Some(state) = self.states.get_mut(check) {
            state.since = since;
        }
    }
}

impl State {
    fn of(seen: &Seen, since: Moment) -> Self {
        Self { verdict: seen.verdict, since, subjects: seen.subjects.clone() }
    }

    /// Moves on to what pended.
    fn take(&mut self, pending: Pending) -> Settled {
        let Pending { seen, since, added } = pending;
        let from = self.verdict;
        self.subjects = seen.subjects.clone();
        if from != seen.verdict {
            (self.verdict, self.since) = (seen.verdict, since.clone());
        }
        Settled { seen, from, since, added }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Fail, Pass, Unknown};

    fn at(seconds: u64) -> Moment {
        Moment { monotonic_ms: seconds * 1000, ..Moment::default() }
    }

    fn seen(verdict: Verdict, subjects: &[&str]) -> Vec<Seen> {
        vec![Seen {
            check: "test-check",
            verdict,
            severity: Severity::High,
            subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
            reason: String::new(),
            evidence: Vec::new(),
            service_level: false,
        }]
    }

    fn vital(verdict: Verdict) -> Vec<Seen> {
        seen(verdict, &[]).into_iter().map(|seen| Seen { service_level: true, ..seen }).collect()
    }

    /// From, to and since when, in seconds.
    fn told(settled: &[Settled]) -> Vec<(Verdict, Verdict, u64)> {
        settled.iter().map(|it| (it.from, it.seen.verdict, it.since.monotonic_ms / 1000)).collect()
    }

    #[test]
    fn a_change_counts_once_it_has_lasted_and_from_when_it_was_first_seen() {
        let mut settling = Settling::begin(60, &seen(Pass, &[]), &at(0));
        assert!(settling.look(seen(Fail, &["a"]), &at(10)).is_empty());
        assert_eq!(settling.due(), Some(70_000));
        assert!(settling.look(seen(Fail, &["a"]), &at(69)).is_empty());
        assert_eq!(told(&settling.look(seen(Fail, &["a"]), &at(70))), [(Pass, Fail, 10)]);
        assert!(settling.look(seen(Fail, &["a"]), &at(200)).is_empty());
        assert_eq!((settling.due(), settling.states()["test-check"].since.monotonic_ms), (None, 10_000));
    }

    #[test]
    fn what_goes_back_in_time_is_dropped_and_begins_anew() {
        let mut settling = Settling::begin(60, &seen(Pass, &[]), &at(0));
        assert!(settling.look(seen(Fail, &["a"]), &at(10)).is_empty());
        assert!(settling.look(seen(Pass, &[]), &at(20)).is_empty());
        assert_eq!(settling.due(), None);
        assert!(settling.look(seen(Fail, &["a"]), &at(60)).is_empty());
        assert!(settling.look(seen(Fail, &["a"]), &at(100)).is_empty());
        assert_eq!(told(&settling.look(seen(Fail, &["a"]), &at(120))), [(Pass, Fail, 60)]);
    }

    #[test]
    fn another_verdict_on_the_way_is_another_change() {
        let mut settling = Settling::begin(60, &seen(Pass, &[]), &at(0));
        assert!(settling.look(seen(Unknown, &[]), &at(10)).is_empty());
        assert!(settling.look(seen(Fail, &["a"]), &at(50)).is_empty());
        assert!(settling.look(seen(Fail, &["a"]), &at(80)).is_empty());
        assert_eq!(told(&settling.look(seen(Fail, &["a"]), &at(110))), [(Pass, Fail, 50)]);
    }

    #[test]
    fn without_a_settle_time_everything_counts_at_once() {
        let mut settling = Settling::begin(0, &seen(Pass, &[]), &at(0));
        assert_eq!(told(&settling.look(seen(Fail, &["a"]), &at(1))), [(Pass, Fail, 1)]);
        assert_eq!(told(&settling.look(seen(Pass, &[]), &at(1))), [(Fail, Pass, 1)]);
    }

    #[test]
    fn a_short_failure_that_the_service_level_hangs_on_is_on_record() {
        let mut settling = Settling::begin(60, &vital(Pass), &at(0));
        assert!(settling.look(vital(Fail), &at(10)).is_empty());
        assert_eq!(told(&settling.look(vital(Pass), &at(15))), [(Pass, Fail, 10)]);
        assert_eq!(settling.due(), Some(75_000));
        assert_eq!(told(&settling.look(vital(Pass), &at(75))), [(Fail, Pass, 15)]);
        // What was merely unknown for a moment is not.
        assert!(settling.look(vital(Unknown), &at(80)).is_empty());
        assert!(settling.look(vital(Pass), &at(90)).is_empty());
    }

    #[test]
    fn a_new_finding_in_a_check_that_fails_counts_too() {
        let mut settling = Settling::begin(60, &seen(Fail, &["a"]), &at(0));
        assert!(settling.look(seen(Fail, &["a", "b", "x"]), &at(10)).is_empty());
        assert!(settling.look(seen(Fail, &["a", "b", "y"]), &at(40)).is_empty());
        let settled = settling.look(seen(Fail, &["a", "b"]), &at(70));
        assert_eq!(told(&settled), [(Fail, Fail, 10)]);
        assert_eq!(settled[0].added.iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(settling.states()["test-check"].since.monotonic_ms, 0, "it has failed since then");
        // One that goes away is no news, but it is when it comes back later.
        assert!(settling.look(seen(Fail, &["a"]), &at(80)).is_empty());
        assert!(settling.look(seen(Fail, &["a"]), &at(140)).is_empty());
        assert!(settling.look(seen(Fail, &["a", "b"]), &at(150)).is_empty());
        assert_eq!(told(&settling.look(seen(Fail, &["a", "b"]), &at(210))), [(Fail, Fail, 150)]);
    }

    #[test]
    fn a_new_configuration_is_no_change_of_the_host() {
        let mut settling = Settling::begin(60, &seen(Pass, &[]), &at(0));
        settling.restart(5, &seen(Pass, &[]), &at(50));
        assert_eq!(settling.states()["test-check"].since.monotonic_ms, 0);
        settling.restart(5, &seen(Fail, &["a"]), &at(60));
        assert_eq!(settling.states()["test-check"].since.monotonic_ms, 60_000);
        assert!(settling.look(seen(Fail, &["a"]), &at(70)).is_empty());
    }
}
