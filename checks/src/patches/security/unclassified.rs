//! What is said where no index tells which updates are for security: nothing at all may wait.

use crate::check::{Evidence, Judgement};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::updates::{Index, Status, Updates};
use crate::package_index::age;
use crate::policy::Policy;

/// How many packages are named.
const NAMED: usize = 8;
const PLAINLY: &str = "no security classification exists here";

/// Passes when nothing at all is pending in indexes of these days; what waits is unknown and never a failure, since it
/// may be anything.
pub(super) fn judge(facts: &Facts, updates: &Updates, policy: &Policy) -> Judgement {
    let mut judgement = Judgement::new();
    if !updates.pending.is_empty() {
        judgement.unknown(waiting(updates));
    }
    super::limits(facts, updates, &mut judgement);
    let mut oldest: Option<(Timestamp, &Index)> = None;
    for suite in &updates.suites {
        match super::fresh(suite, facts.taken_at, policy.thresholds.index_max_age_days) {
            Ok((at, index)) if oldest.is_none_or(|(before, _)| at < before) => oldest = Some((at, index)),
            Ok(_) => {}
            Err(reason) => judgement.unknown(reason),
        }
    }
    if updates.suites.is_empty() {
        judgement.unknown("there is no package source, so nothing on this host knows of updates");
    }
    if updates.compared == 0 {
        judgement.unknown("no installed package was compared with the indexes");
    }
    if let Some((at, index)) = oldest
        && judgement.unknowns.is_empty()
    {
        let age = age(facts.taken_at, at);
        let message = format!(
            "0 updates of any kind pending of {} packages, index {age} old ({PLAINLY}, so nothing at all may wait)",
            updates.compared
        );
        judgement.observe(message, [Evidence::of(&index.path)]);
    }
    judgement
}

/// How many wait, and the first of them by name.
fn waiting(updates: &Updates) -> String {
    let names: Vec<&str> =
        updates.pending.iter().map(|pending| pending.package.as_str()).take(NAMED).collect();
    let more = match updates.pending.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let held = updates.pending.iter().filter(|pending| pending.status == Status::Held).count();
    let held = if held > 0 { format!(", {held} of them held") } else { String::new() };
    let (packages, wait) =
        if updates.pending.len() == 1 { ("package", "waits") } else { ("packages", "wait") };
    format!(
        "{} {packages} {wait} for an update{held}, and whether for security is not known: {PLAINLY} ({}{more})",
        updates.pending.len(),
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::DAY;
    use crate::facts::updates::{Classification, Pending, Suite};
    use crate::gap::{Gap, Reading};

    fn judged(change: impl FnOnce(&mut Updates, Timestamp)) -> Judgement {
        let taken_at = Timestamp(1_795_300_000);
        let index = Index {
            path: "/i".into(),
            modified: Timestamp(taken_at.0 - 7200),
            lists: vec!["/i".into()],
            ..Index::default()
        };
        let suite = Suite { suite: "v3.20/main".into(), index: Reading::Known(index), ..Suite::default() };
        let mut updates = Updates {
            compared: 40,
            classification: Classification::Nothing,
            suites: vec![suite],
            ..Updates::default()
        };
        change(&mut updates, taken_at);
        judge(&Facts { taken_at, ..Facts::default() }, &updates, &Policy::default())
    }

    #[test]
    fn nothing_waits_in_a_fresh_index() {
        let judgement = judged(|_, _| {});
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(
            judgement.observations[0].message,
            "0 updates of any kind pending of 40 packages, index 2 hours old (no security classification exists here, so nothing at all may wait)"
        );
    }

    #[test]
    fn what_waits_is_unknown_and_named() {
        let judgement = judged(|updates, _| {
            for number in 0..10 {
                let status = if number == 3 { Status::Held } else { Status::Upgradable };
                updates.pending.push(Pending { package: format!("p{number}"), status, ..Pending::default() });
            }
        });
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert_eq!(
            judgement.unknowns[0],
            "10 packages wait for an update, 1 of them held, and whether for security is not known: no security \
             classification exists here (p0, p1, p2, p3, p4, p5, p6, p7 and 2 more)"
        );
    }

    #[test]
    fn old_missing_and_partial_indexes_are_unknown() {
        type Change = fn(&mut Updates, Timestamp);
        let changes: [Change; 5] = [
            |updates, _| updates.suites.clear(),
            |updates, _| updates.compared = 0,
            |updates, _| updates.suites[0].index = Reading::Gap(Gap::absent("x")),
            |updates, _| updates.unread.push(Gap::denied("/etc/apk/repositories")),
            |updates, now| {
                if let Reading::Known(index) = &mut updates.suites[0].index {
                    index.modified = Timestamp(now.0 - 30 * DAY);
                }
            },
        ];
        for change in changes {
            assert_eq!(judged(change).verdict(), Verdict::Unknown);
        }
    }
}
