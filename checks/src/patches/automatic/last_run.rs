//! Whether what installs updates really does: that its timer runs, and when it last came to its end.

use crate::check::{Evidence, Finding, Judgement};
use crate::date::{DAY, Timestamp};
use crate::facts::Facts;
use crate::facts::automatic_updates::{Apt, UNATTENDED_STAMP, timers};
use crate::facts::units::Unit;
use crate::facts::updates::Status;

/// A mechanism that has not run for longer than this is not kept while security updates wait.
const LONG_DAYS: i64 = 7;

/// Whether a timer that starts at boot does strike while the machine runs, as far as that can be told; a finding where it
/// does not.
pub(super) fn runs(facts: &Facts, name: &str, unit: &Unit, judgement: &mut Judgement) -> bool {
    let booted = facts.machine.value().and_then(|machine| machine.booted_at.value());
    let (Some(struck), Some(booted)) = (struck(facts, name), booted) else { return true };
    // These strike every day, unless somebody says otherwise.
    let changed = !unit.drop_ins.is_empty() || unit.path.starts_with("/etc/");
    let limit = if changed || name == "yast-online-update.timer" { 35 } else { 3 };
    let days = age(facts, struck.max(*booted));
    if days <= limit {
        return true;
    }
    let message =
        format!("is enabled, but has not struck for {days} days in which the machine ran: it does not run");
    let place = Evidence::of(timers::stamp(name));
    judgement.fail(Finding::new(name, message, Evidence::of(&unit.path)).and(place));
    false
}

fn struck(facts: &Facts, name: &str) -> Option<Timestamp> {
    facts.automatic_updates.value()?.struck.get(name).copied()
}

/// The last run of unattended-upgrades, by the file that it writes at its end.
pub(super) fn unattended(facts: &Facts, apt: &Apt, judgement: &mut Judgement) {
    let interval = apt.unattended_upgrade.as_ref().and_then(|setting| setting.value.parse::<i64>().ok());
    let long = LONG_DAYS.saturating_add(interval.unwrap_or(1).clamp(0, 365));
    let place = Evidence::of(UNATTENDED_STAMP);
    match apt.ran {
        Some(at) => weigh(facts, "unattended-upgrades", at, long, "last came to its end", &place, judgement),
        // Nothing is to be seen of a package that was installed yesterday.
        None => match apt.since {
            Some(since) if age(facts, since) > long => {
                let said = "has left no trace of a run since it was installed";
                weigh(facts, "unattended-upgrades", since, long, said, &place, judgement);
            }
            _ => judgement.observe("unattended-upgrades has left no trace of a run yet", [place]),
        },
    }
}

/// The last strike of a timer, which says nothing of how that ended.
pub(super) fn timer(facts: &Facts, name: &str, judgement: &mut Judgement) {
    if !name.ends_with(".timer") {
        return;
    }
    let place = Evidence::of(timers::stamp(name));
    match struck(facts, name) {
        Some(at) => weigh(facts, name, at, LONG_DAYS.saturating_add(1), "last struck", &place, judgement),
        None => judgement.observe(format!("{name} has left no trace of when it last struck"), [place]),
    }
}

fn weigh(
    facts: &Facts,
    name: &str,
    at: Timestamp,
    long: i64,
    said: &str,
    place: &Evidence,
    judgement: &mut Judgement,
) {
    let days = age(facts, at);
    let waiting = waiting(facts);
    let said = format!("{said} on {}, {days} days ago", at.day());
    if days <= long || waiting == 0 {
        judgement.observe(format!("{name} {said}"), [place.clone()]);
        return;
    }
    let updates = if waiting == 1 { "a security update waits" } else { "security updates wait" };
    let message = format!("{said}, and {updates}: it is configured, but does not work");
    judgement.fail(Finding::new(name, message, place.clone()));
}

/// A time of tomorrow is as good as now: clocks differ.
fn age(facts: &Facts, at: Timestamp) -> i64 {
    facts.taken_at.0.saturating_sub(at.0).max(0) / DAY
}

/// How many security updates wait that an upgrade would install.
fn waiting(facts: &Facts) -> usize {
    let pending = facts.updates.value().into_iter().flat_map(|updates| &updates.pending);
    pending.filter(|pending| pending.security && pending.status == Status::Upgradable).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::automatic_updates::AutomaticUpdates;
    use crate::facts::machine::Machine;
    use crate::facts::updates::{Pending, Updates};
    use crate::gap::Reading;

    fn facts(waiting: bool) -> Facts {
        let mut facts = Facts { taken_at: Timestamp(100 * DAY), ..Facts::default() };
        if waiting {
            let pending = vec![Pending { security: true, ..Pending::default() }];
            facts.updates = Reading::Known(Updates { pending, ..Updates::default() });
        }
        facts
    }

    #[test]
    fn an_old_or_absent_run_counts_while_updates_wait() {
        let ago = |days: i64| Some(Timestamp((100 - days) * DAY));
        for (ran, since, waiting, verdict) in [
            (ago(1), ago(90), true, Verdict::Pass),
            (ago(30), ago(90), false, Verdict::Pass),
            (ago(30), ago(90), true, Verdict::Fail),
            (None, ago(90), true, Verdict::Fail),
            (None, ago(90), false, Verdict::Pass),
            (None, ago(1), true, Verdict::Pass),
            (None, None, true, Verdict::Pass),
            (ago(-3), ago(90), true, Verdict::Pass),
        ] {
            let mut judgement = Judgement::new();
            unattended(&facts(waiting), &Apt { ran, since, ..Apt::default() }, &mut judgement);
            assert_eq!(judgement.verdict(), verdict, "{ran:?} {since:?} {waiting}");
        }
        let mut judgement = Judgement::new();
        unattended(&facts(true), &Apt { ran: ago(30), ..Apt::default() }, &mut judgement);
        assert_eq!(
            judgement.findings[0].message,
            "last came to its end on 1970-03-12, 30 days ago, and a security update waits: it is configured, but does not work"
        );
    }

    #[test]
    fn a_timer_has_to_strike_while_the_machine_runs() {
        let mut facts = facts(true);
        let mut ask = |booted: Option<i64>, struck: Option<i64>, path: &str| {
            let at = |day: i64| Timestamp(day * DAY);
            let struck = struck.map(|day| ("x.timer".to_owned(), at(day))).into_iter().collect();
            facts.automatic_updates =
                Reading::Known(AutomaticUpdates { struck, ..AutomaticUpdates::default() });
            let booted_at = booted.map_or_else(Reading::default, |day| Reading::Known(at(day)));
            facts.machine = Reading::Known(Machine { booted_at, ..Machine::default() });
            let mut judgement = Judgement::new();
            let unit = Unit { path: path.into(), ..Unit::default() };
            let runs = runs(&facts, "x.timer", &unit, &mut judgement);
            timer(&facts, "x.timer", &mut judgement);
            (runs, judgement.verdict())
        };
        assert_eq!(ask(Some(10), Some(99), "/lib/t"), (true, Verdict::Pass));
        assert_eq!(ask(Some(10), Some(95), "/lib/t"), (false, Verdict::Fail));
        assert_eq!(ask(Some(10), Some(95), "/etc/t"), (true, Verdict::Pass), "somebody wrote another time");
        assert_eq!(ask(Some(99), Some(95), "/lib/t"), (true, Verdict::Pass), "the machine was off");
        assert_eq!(ask(None, Some(50), "/lib/t"), (true, Verdict::Fail), "of an image only the updates tell");
        assert_eq!(ask(None, None, "/lib/t"), (true, Verdict::Pass));
    }
}
