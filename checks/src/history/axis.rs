//! One axis for all moments of a record: monotonic time within a boot, the wall clock between boots.
//!
//! A wall clock is set, by a person, by NTP, by a battery that ran out. Within a boot it only dates things; how long they
//! lasted the monotonic clock tells. The date of a boot comes from a moment at which the wall clock was synchronised, if
//! there is one.

use super::Moment;
use crate::date::Timestamp;

/// The wall clock is written in whole seconds, and a leap second or a slow correction is no jump.
const TOLERANCE_MS: i64 = 10_000;

/// A point on the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Point {
    boot: usize,
    ms: u64,
}

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// The point at which it was noticed.
    pub at: Point,
    /// By how many seconds, forward or back.
    pub seconds: i64,
}

/// The boots of a record, in order.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    boots: Vec<Boot>,
}

#[derive(Debug, Clone)]
struct Boot {
    id: String,
    last_ms: u64,
    /// What to add to monotonic time for the date, from which monotonic time on. Never empty.
    offsets: Vec<(u64, i64)>,
    /// What the wall clock was ahead by when it was last looked at.
    seen: i64,
    /// Whether the last offset is from a synchronised clock.
    trusted: bool,
}

impl Axis {
    /// The point of a moment that comes after all others, and whether the wall clock was set since the last.
    pub fn place(&mut self, moment: &Moment) -> (Point, Option<Jump>) {
        let wall_ms = moment.wall.0.saturating_mul(1000);
        let ms = i64::try_from(moment.monotonic_ms).unwrap_or(i64::MAX);
        let offset = wall_ms.saturating_sub(ms);
        let trusted = moment.synchronised == Some(true);
        if self.boots.last().is_none_or(|boot| boot.id != moment.boot) {
            let offsets = vec![(0, offset)];
            let last_ms = moment.monotonic_ms;
            self.boots.push(Boot { id: moment.boot.clone(), last_ms, offsets, seen: offset, trusted });
        }
        let number = self.boots.len().saturating_sub(1);
        let Some(boot) = self.boots.last_mut() else { return (Point::default(), None) };
        boot.last_ms = boot.last_ms.max(moment.monotonic_ms);
        let at = Point { boot: number, ms: boot.last_ms };
        if trusted {
            boot.believe(offset);
        }
        let ahead = offset.saturating_sub(boot.seen);
        if ahead.saturating_abs() <= TOLERANCE_MS {
            return (at, None);
        }
        boot.seen = offset;
        (at, Some(Jump { at, seconds: ahead.div_euclid(1000) }))
    }

    /// The point of a moment between two others: of the same boot as `until` and not later, or else `until` itself.
    #[must_use]
    pub fn earlier(&self, moment: &Moment, until: Point) -> Point {
        match self.boots.get(until.boot) {
            Some(boot) if boot.id == moment.boot => {
                Point { boot: until.boot, ms: moment.monotonic_ms.min(until.ms) }
            }
            _ => until,
        }
    }

    /// The date of a point.
    #[must_use]
    pub fn date(&self, point: Point) -> Timestamp {
        Timestamp(self.wall_ms(point).div_euclid(1000))
    }

    /// Milliseconds from one point to a later one; 0 where the clocks contradict each other.
    #[must_use]
    pub fn between(&self, from: Point, until: Point) -> u64 {
        if from.boot == until.boot {
            return until.ms.saturating_sub(from.ms);
        }
        u64::try_from(self.wall_ms(until).saturating_sub(self.wall_ms(from))).unwrap_or(0)
    }

    fn wall_ms(&self, point: Point) -> i64 {
        let Some(boot) = self.boots.get(point.boot) else { return 0 };
        let offset = boot.offsets.iter().rev().find(|(from, _)| *from <= point.ms);
        let ms = i64::try_from(point.ms).unwrap_or(i64::MAX);
        offset.map_or(0, |(_, offset)| ms.saturating_add(*offset))
    }
}

impl Boot {
    /// The wall clock is synchronised: it is right about now, and about all of the boot if nothing better was known.
    fn believe(&mut self, offset: i64) {
        let known = self.offsets.last().map_or(0, |(_, offset)| *offset);
        if !self.trusted {
            self.offsets = vec![(0, offset)];
        } else if offset.saturating_sub(known).saturating_abs() > TOLERANCE_MS {
            self.offsets.push((self.last_ms, offset));
        }
        self.trusted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall: i64, boot: &str, seconds: u64, synchronised: bool) -> Moment {
        let synchronised = Some(synchronised);
        Moment { wall: Timestamp(wall), boot: boot.into(), monotonic_ms: seconds * 1000, synchronised }
    }

    #[test]
    fn a_clock_that_is_set_and_set_back_moves_nothing() {
        let mut axis = Axis::default();
        let (first, none) = axis.place(&moment(1_000_000, "a", 100, true));
        assert_eq!(none, None);
        let (second, jump) = axis.place(&moment(1_000_060 + 86_400, "a", 160, false));
        assert_eq!(jump.unwrap().seconds, 86_400);
        let (third, jump) = axis.place(&moment(1_000_120, "a", 220, true));
        assert_eq!(jump.unwrap().seconds, -86_400);
        assert_eq!((axis.between(first, second), axis.between(second, third)), (60_000, 60_000));
        assert_eq!(axis.date(second), Timestamp(1_000_060));
        assert_eq!(axis.date(third), Timestamp(1_000_120));
    }

    #[test]
    fn a_boot_without_a_clock_is_dated_once_it_has_one() {
        let mut axis = Axis::default();
        let (before, _) = axis.place(&moment(1_000_000, "a", 500, true));
        let (first, jump) = axis.place(&moment(3, "b", 3, false));
        assert_eq!((jump, axis.between(before, first)), (None, 0));
        axis.place(&moment(1_000_160, "b", 60, true));
        assert_eq!(axis.date(first), Timestamp(1_000_103));
        assert_eq!(axis.between(before, first), 103_000);
    }

    #[test]
    fn a_machine_that_was_held_is_dated_anew_when_it_goes_on() {
        let mut axis = Axis::default();
        let (before, _) = axis.place(&moment(1_000_000, "a", 100, true));
        let (after, jump) = axis.place(&moment(1_007_201, "a", 101, true));
        assert_eq!(jump.unwrap().seconds, 7200);
        assert_eq!(axis.date(before), Timestamp(1_000_000));
        assert_eq!(axis.date(after), Timestamp(1_007_201));
    }

    #[test]
    fn absurd_clocks_do_no_harm() {
        let mut axis = Axis::default();
        for (wall, ms) in [(i64::MAX, u64::MAX), (i64::MIN, 0), (0, 7)] {
            for boot in ["a", "a", "b"] {
                let at = Moment {
                    wall: Timestamp(wall),
                    boot: boot.into(),
                    monotonic_ms: ms,
                    synchronised: Some(ms == 7),
                };
                let (point, _) = axis.place(&at);
                let _ = (axis.date(point), axis.between(Point::default(), point), axis.earlier(&at, point));
            }
        }
    }
}
