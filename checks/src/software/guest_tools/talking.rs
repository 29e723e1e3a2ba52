//! Whether guest tools that run also talk to their hypervisor: by the channel they hold, or by what they reported.

use super::state::{State, port, say};
use super::{Channel, GuestTools};
use crate::check::Evidence;
use crate::facts::Facts;
use crate::facts::hypervisor::{Hypervisor, Platform};
use crate::facts::processes::Process;
use crate::gap::{Gap, GapKind};
use crate::software::seen;

/// Heartbeats come every 60 s; three may be lost to a live migration or a busy host. Seconds.
const LATE: i64 = 200;

/// Whether a process of the tools talks to the hypervisor.
pub(super) fn talking(
    tools: &'static GuestTools,
    process: &Process,
    facts: &Facts,
    hypervisor: &Hypervisor,
) -> State {
    let files: Vec<&str> = match &tools.channel {
        Channel::VirtioPort(name) => match hypervisor.channels.known() {
            Ok(channels) => port(channels, name).into_iter().collect(),
            Err(gap) => return State::Unknown(gap.to_string()),
        },
        Channel::Offered(files) | Channel::Always(files) => files.to_vec(),
        Channel::None => return State::Healthy(say(tools, "runs", vec![seen(process)])),
    };
    let held =
        process.open.known().map(|open| open.devices.iter().find(|held| files.contains(&held.as_str())));
    let store = hypervisor.xenstore.value();
    if tools.heartbeat
        && let Some(updated) = store.and_then(|store| store.updated)
        && facts.taken_at.0.saturating_sub(process.started.0) > LATE
        && is_late(facts.taken_at.0, updated.0)
    {
        let heartbeat = Evidence::of("xenstore data/updated").says(updated.to_string());
        return State::Silent(say(
            tools,
            "runs and stopped to report to the hypervisor",
            vec![heartbeat, seen(process)],
        ));
    }
    match held {
        Ok(Some(device)) => {
            let fd = Evidence::of(format!("/proc/{}/fd", process.pid)).says(device.as_str());
            let mut evidence = vec![seen(process), fd];
            if let Some(version) = store.and_then(|store| store.version.as_ref()) {
                evidence.push(Evidence::of("xenstore attr/PVAddons").says(version.as_str()));
            }
            State::Healthy(say(tools, "runs and holds its channel", evidence))
        }
        _ if tools.platform == Platform::Xen && store.is_some_and(|store| store.installed) => {
            let told = Evidence::of("xenstore attr/PVAddons/Installed").says("1");
            State::Healthy(say(tools, "runs and told the hypervisor so", vec![seen(process), told]))
        }
        Ok(None) if tools.platform == Platform::Xen && store.is_none() => {
            State::Unknown(match hypervisor.xenstore.gap() {
                None | Some(Gap { why: GapKind::Denied | GapKind::NotGathered | GapKind::Offline, .. }) => {
                    "only root may see in xenstore whether the guest tools report".to_owned()
                }
                Some(gap) => format!("{gap}, so that nobody sees whether the guest tools report"),
            })
        }
        Ok(None) => State::Silent(say(
            tools,
            &format!("runs without its channel {}", files.join(" or ")),
            vec![seen(process)],
        )),
        Err(gap) => State::Unknown(format!(
            "{gap}, so that nobody sees whether {} holds its channel",
            tools.software.name
        )),
    }
}

/// The heartbeat is in local time without its zone. Every zone is a whole number of quarters of an hour from UTC, so
/// that the rest tells a late one, but for one in four of those that stopped.
fn is_late(now: i64, updated: i64) -> bool {
    let behind = now.saturating_sub(updated);
    let rest = behind.saturating_add(60).rem_euclid(900);
    behind.unsigned_abs() > 15 * 3600 || rest > LATE + 60
}
