//! The clocks that an entry is dated by.

use checks::date::Timestamp;
use checks::history::Moment;
use nix::time::{ClockId, clock_gettime};

/// Tells the moment. The boot's id is asked once: a process does not outlive its boot.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    boot: String,
}

/// Linux's clock that goes on while the machine sleeps; macOS's monotonic one does so by itself.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::CLOCK_MONOTONIC;

impl Clock {
    /// The clocks of this boot.
    pub(crate) fn new() -> Self {
        Self { boot: boot() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Moment {
        let part = |number: i64| u64::try_from(number).unwrap_or(0);
        let since = clock_gettime(SINCE_BOOT)
            .map(|at| part(at.tv_sec()).saturating_mul(1000).saturating_add(part(at.tv_nsec()) / 1_000_000));
        let wall = clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |at| at.tv_sec());
        Moment {
            wall: Timestamp(wall),
            boot: self.boot.clone(),
            monotonic_ms: since.unwrap_or(0),
            synchronised: synchronised(),
        }
    }
}

#[cfg(target_os = "linux")]
fn synchronised() -> Option<bool> {
    Some(crate::sys::clock_is_synchronised())
}

/// macOS does not say.
#[cfg(not(target_os = "linux"))]
fn synchronised() -> Option<bool> {
    None
}

#[cfg(target_os = "linux")]
fn boot() -> String {
    // Without /proc every process is a boot of its own: what lay between two is then judged by the wall clock.
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_else(|_| unknown())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> String {
    use checks::host::{Command, Host};
    crate::host::Live::new()
        .run(&Command::new("/usr/sbin/sysctl", &["-n", "kern.bootsessionuuid"]))
        .ok()
        .filter(|output| output.status == 0)
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .unwrap_or_else(unknown)
}

fn unknown() -> String {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |at| at.tv_sec());
    format!("unknown-{now}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on() {
        let clock = Clock::new();
        let (first, second) = (clock.now(), clock.now());
        assert!(first.monotonic_ms <= second.monotonic_ms && first.monotonic_ms > 0);
        assert_eq!(first.boot, Clock::new().now().boot);
        assert!(first.wall.0 > 1_700_000_000 && first.boot.len() == 36, "{first:?}");
    }
}
