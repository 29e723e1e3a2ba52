//! When to look again: soon after a change, once for a burst, and never so often that it costs more than its share.

use std::time::{Duration, Instant};

/// So long without another change ends a burst.
const QUIET: Duration = Duration::from_millis(50);
/// A burst that does not end is looked at nevertheless.
const MOST: Duration = Duration::from_millis(250);
/// The share of one core that looking may cost for long: one fiftieth. The thread that hears of
/// files adds its own, so that a storm stays below one twentieth altogether.
const SHARE: u32 = 50;
/// What may be spent at once beyond it, so that single changes are never kept waiting.
const RESERVE: Duration = Duration::from_millis(500);
/// However dear looking is, it happens this often while there is something to see.
const LATEST: Duration = Duration::from_secs(30);

/// Spreads looks over time.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The first and the last change that nobody has looked at.
    burst: Option<(Instant, Instant)>,
    /// What may still be spent at `since`.
    left: Duration,
    since: Instant,
    /// What was spent beyond it.
    debt: Duration,
}

impl Pace {
    /// With the whole reserve.
    pub(crate) fn new(now: Instant) -> Self {
        Self { burst: None, left: RESERVE, since: now, debt: Duration::ZERO }
    }

    /// Something changed.
    pub(crate) fn noticed(&mut self, first: Instant, last: Instant) {
        self.burst = Some(match self.burst {
            Some((earlier, later)) => (earlier.min(first), later.max(last)),
            None => (first, last),
        });
    }

    /// When to look.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (first, last) = self.burst?;
        let wanted = (last + QUIET).min(first + MOST);
        // The debt is paid at the rate of the share.
        let affordable = self.since + (self.debt * SHARE).min(LATEST);
        Some(wanted.max(affordable))
    }

    /// A look begins: what was noticed is dealt with.
    pub(crate) fn looked(&mut self) {
        self.burst = None;
    }

    /// A look ended and cost so much of the processor's time.
    pub(crate) fn spent(&mut self, cost: Duration, now: Instant) {
        let earned = now.saturating_duration_since(self.since) / SHARE;
        self.since = now;
        let debt = self.debt + cost;
        self.left = (self.left + earned.saturating_sub(debt)).min(RESERVE);
        let debt = debt.saturating_sub(earned);
        let covered = debt.min(self.left);
        self.left -= covered;
        self.debt = debt - covered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_burst_is_looked_at_once_it_is_quiet_or_has_lasted() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.due(), None);
        pace.noticed(start, start);
        assert_eq!(pace.due(), Some(start + ms(50)));
        pace.noticed(start + ms(40), start + ms(120));
        assert_eq!(pace.due(), Some(start + ms(170)));
        pace.noticed(start + ms(130), start + ms(240));
        assert_eq!(pace.due(), Some(start + ms(250)));
        pace.looked();
        assert_eq!(pace.due(), None);
    }

    /// Runs a storm for a minute with looks that cost `cost`, and says how many there were.
    fn storm(cost: Duration) -> u32 {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut looks = 0;
        for tick in 0..6000 {
            let now = start + ms(tick * 10);
            pace.noticed(now, now);
            if pace.due().is_some_and(|due| due <= now) {
                pace.looked();
                pace.spent(cost, now);
                looks += 1;
            }
        }
        looks
    }

    #[test]
    fn a_storm_costs_no_more_than_its_share() {
        // A minute's share is 1.2 s, and half a second is in reserve.
        assert!((75..=95).contains(&storm(ms(20))), "{}", storm(ms(20)));
        assert!((7..=10).contains(&storm(ms(200))), "{}", storm(ms(200)));
        // Cheap looks are not held back.
        assert!(storm(ms(1)) > 220);
        // Dear ones are not put off for ever.
        assert!(storm(ms(5000)) >= 2);
    }

    #[test]
    fn single_changes_never_wait() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for second in 0..300 {
            let now = start + ms(second * 1000);
            pace.noticed(now, now);
            assert_eq!(pace.due(), Some(now + ms(50)));
            pace.looked();
            pace.spent(ms(20), now + ms(70));
        }
    }
}
