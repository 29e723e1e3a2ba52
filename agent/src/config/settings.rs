//! The merged configuration as valid data: what judges read, and where each part came from.

use std::net::IpAddr;
use std::path::PathBuf;

use checks::date::{Day, Timestamp};
use checks::facts::sockets::Protocol;
use checks::policy::{AllowedSocket, Attestation, Policy, Thresholds, Waiver};
use checks::{providers, registry};
use toml::Spanned;

use super::fragment::{Fragment, Moment};
use super::{Error, nearest};
use crate::watch::Calendar;

/// The valid configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The files that were read, weakest first.
    pub(crate) files: Vec<String>,
    /// The offer's id and the place that names it.
    pub(crate) offer: Option<(String, String)>,
    /// What judges read, under the offer `generic` until the offer is known.
    pub(crate) policy: Policy,
    /// How `hostduty watch` goes about it.
    pub(crate) watch: Watch,
}

/// How `hostduty watch` goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    /// So long a change has to last before it counts.
    pub(crate) settle_seconds: u32,
    /// How often it looks at what nobody announces.
    pub(crate) poll_seconds: u32,
    /// Where node_exporter looks for text files.
    pub(crate) textfile_folder: Option<PathBuf>,
    /// When everything is looked at and summed up.
    pub(crate) full_report: Calendar,
}

impl Default for Watch {
    fn default() -> Self {
        // On macOS every question to the system starts one of its tools.
        let poll_seconds = if cfg!(target_os = "macos") { 300 } else { 30 };
        Self { settle_seconds: 60, poll_seconds, textfile_folder: None, full_report: Calendar::default() }
    }
}

/// Merges the fragments, weakest first, and checks every value.
pub(super) fn settle(fragments: Vec<Fragment>) -> Result<Settings, Error> {
    let mut policy = Policy::default();
    let mut offer = None;
    let mut watch = Watch::default();
    for fragment in &fragments {
        let body = &fragment.body;
        if let Some(id) = &body.offer {
            let line = fragment.line(id.span().start);
            offer = Some((known_offer(fragment, id)?, format!("{}:{line}", fragment.file)));
        }
        if let Some(moment) = &body.delivered_at {
            policy.delivered_at = Some(instant(fragment, moment)?);
        }
        policy.compare_with_defaults =
            body.passwords.compare_with_defaults.unwrap_or(policy.compare_with_defaults);
        let Thresholds {
            index_max_age_days,
            cloud_key_max_age_days,
            ssh_key_max_age_days,
            account_max_unused_days,
            password_min_length,
        } = &mut policy.thresholds;
        *index_max_age_days = body.thresholds.index_max_age_days.unwrap_or(*index_max_age_days);
        *cloud_key_max_age_days = body.thresholds.cloud_key_max_age_days.unwrap_or(*cloud_key_max_age_days);
        *ssh_key_max_age_days = body.thresholds.ssh_key_max_age_days.unwrap_or(*ssh_key_max_age_days);
        *account_max_unused_days =
            body.thresholds.account_max_unused_days.unwrap_or(*account_max_unused_days);
        *password_min_length = body.thresholds.password_min_length.unwrap_or(*password_min_length);
        if let Some(allowed) = &body.sockets.allowed {
            let allowed = allowed.iter().map(|text| socket(fragment, text));
            policy.allowed_sockets = Some(allowed.collect::<Result<_, _>>()?);
        }
        watched(fragment, &mut watch)?;
        for waiver in &body.waiver {
            let waiver = waiver.get_ref();
            policy.waivers.push(Waiver {
                check: known_check(fragment, &waiver.check)?,
                subject: waiver.subject.clone(),
                owner: waiver.owner.clone(),
                reason: waiver.reason.clone(),
                until: day(fragment, &waiver.until)?,
            });
        }
        for attestation in &body.attestation {
            let attestation = attestation.get_ref();
            let (on, until) = (day(fragment, &attestation.on)?, day(fragment, &attestation.until)?);
            if until < on {
                let at = attestation.until.span().start;
                return Err(fragment.error(
                    at,
                    format!("the attestation ends on {until}, before it starts on {on}"),
                    "put the day of the statement in `on` and its last day in `until`",
                ));
            }
            policy.attestations.push(Attestation {
                id: known_attestation(fragment, &attestation.id)?,
                by: attestation.by.clone(),
                on,
                until,
                note: attestation.note.clone(),
            });
        }
    }
    let files = fragments.into_iter().map(|fragment| fragment.file).collect();
    Ok(Settings { files, offer, policy, watch })
}

/// The `[watch]` of one file over those before it.
fn watched(fragment: &Fragment, watch: &mut Watch) -> Result<(), Error> {
    let body = &fragment.body.watch;
    let within = |value: &Spanned<u32>, least: u32, most: u32| match *value.get_ref() {
        seconds if (least..=most).contains(&seconds) => Ok(seconds),
        seconds => {
            let what = format!("{seconds} seconds are out of bounds");
            Err(fragment.error(value.span().start, what, format!("write a number from {least} to {most}")))
        }
    };
    if let Some(value) = &body.settle_seconds {
        watch.settle_seconds = within(value, 0, 86_400)?;
    }
    if let Some(value) = &body.poll_seconds {
        watch.poll_seconds = within(value, 5, 3600)?;
    }
    if let Some(folder) = &body.textfile_folder {
        let path = PathBuf::from(folder.get_ref());
        if !path.is_absolute() {
            let what = format!("`{}` is not an absolute path", folder.get_ref());
            return Err(fragment.error(
                folder.span().start,
                what,
                "write the folder that node_exporter reads, from / on",
            ));
        }
        watch.textfile_folder = Some(path);
    }
    if let Some(calendar) = &body.full_report {
        watch.full_report = calendar.get_ref().parse().map_err(|why: String| {
            let cure = "write `never`, `hourly`, `every 6 hours`, `daily at 06:00` or `weekly on monday at 06:00` (UTC)";
            fragment.error(calendar.span().start, why, cure)
        })?;
    }
    Ok(())
}

/// The allow-list starts with SSH alone.
fn known_offer(fragment: &Fragment, id: &Spanned<String>) -> Result<String, Error> {
    known(fragment, id, &providers::ids().collect::<Vec<_>>(), "offer")
}

fn known_check(fragment: &Fragment, id: &Spanned<String>) -> Result<String, Error> {
    let ids: Vec<&str> = registry::CHECKS.iter().map(|check| check.id).collect();
    known(fragment, id, &ids, "check")
}

fn known_attestation(fragment: &Fragment, id: &Spanned<String>) -> Result<String, Error> {
    let offers = providers::offers().unwrap_or_default();
    let mut ids: Vec<&str> =
        offers.iter().flat_map(|offer| offer.attestation.keys()).map(String::as_str).collect();
    ids.sort_unstable();
    ids.dedup();
    known(fragment, id, &ids, "attestation")
}

fn known(fragment: &Fragment, id: &Spanned<String>, ids: &[&str], what: &str) -> Result<String, Error> {
    if ids.contains(&id.get_ref().as_str()) {
        return Ok(id.get_ref().clone());
    }
    let cure = match nearest(id.get_ref(), ids.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", ids.join(", ")),
    };
    Err(fragment.error(id.span().start, format!("there is no {what} `{}`", id.get_ref()), cure))
}

fn day(fragment: &Fragment, moment: &Spanned<Moment>) -> Result<Day, Error> {
    moment
        .get_ref()
        .0
        .parse()
        .map_err(|why: String| fragment.error(moment.span().start, why, "write 2026-11-22"))
}

fn instant(fragment: &Fragment, moment: &Spanned<Moment>) -> Result<Timestamp, Error> {
    moment.get_ref().0.parse().map_err(|why: String| {
        fragment.error(
            moment.span().start,
            why,
            "write 2026-11-22, or 2026-11-22T10:00:00Z with its time zone",
        )
    })
}

/// `tcp/443`, or `udp/51820 on 203.0.113.7`.
fn socket(fragment: &Fragment, text: &Spanned<String>) -> Result<AllowedSocket, Error> {
    let words: Vec<&str> = text.get_ref().split_whitespace().collect();
    let parsed = match words.as_slice() {
        [socket] => Some((*socket, None)),
        [socket, "on", address] => address.parse::<IpAddr>().ok().map(|address| (*socket, Some(address))),
        _ => None,
    }
    .and_then(|(socket, address)| {
        let (protocol, port) = socket.split_once('/')?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(AllowedSocket { protocol, port, address })
    });
    parsed.ok_or_else(|| {
        fragment.error(
            text.span().start,
            format!("`{}` is not a socket", text.get_ref()),
            "write `tcp/443` or `udp/51820 on 203.0.113.7`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::{EXAMPLE, Error, fragment};
    use super::*;

    fn settled(text: &str) -> Result<Settings, Error> {
        settle(vec![fragment::parse("test.toml", text)?])
    }

    fn refused(text: &str) -> String {
        settled(text).unwrap_err().to_string()
    }

    #[test]
    fn the_example_is_valid_and_changes_nothing_until_edited() {
        let settings = settled(EXAMPLE).unwrap();
        assert_eq!(settings.offer, None);
        assert_eq!(settings.policy.allowed_sockets, None);
        assert!(settings.policy.waivers.is_empty() && settings.policy.attestations.is_empty());
    }

    #[test]
    fn the_example_uncommented_is_valid_too() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#: ").or_else(|| line.strip_prefix("#:")).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let settings = settled(&uncommented).unwrap();
        assert!(settings.offer.is_some() && settings.policy.delivered_at.is_some());
        assert!(settings.watch.textfile_folder.is_some());
        assert!(!settings.policy.waivers.is_empty() && !settings.policy.attestations.is_empty());
    }

    #[test]
    fn mistakes_name_file_line_and_cure() {
        assert_eq!(
            refused("\n\n[thresholds]\nindex_max_age = 3\n"),
            "test.toml:4: unknown key `index_max_age`\ndid you mean `index_max_age_days`?"
        );
        assert_eq!(
            refused("offer = \"scaleway-elastic-metl\""),
            "test.toml:1: there is no offer `scaleway-elastic-metl`\ndid you mean `scaleway-elastic-metal`?"
        );
        assert!(
            refused(
                "[[waiver]]\ncheck = \"ssh-key-onlly\"\nowner = \"a\"\nreason = \"b\"\nuntil = 2027-01-01"
            )
            .starts_with("test.toml:2: there is no check `ssh-key-onlly`\ndid you mean `ssh-key-only`?")
        );
        assert!(
            refused("[[waiver]]\ncheck = \"ssh-key-only\"\nowner = \"a\"\nuntil = 2027-01-01")
                .starts_with("test.toml:1: `reason` is missing here")
        );
        assert!(refused("delivered_at = \"soon\"").contains("test.toml:1: `soon` is not an instant"));
        assert!(refused("delivered_at = 2026-10-01T10:00:00").contains("with its time zone"));
        assert!(refused("\ndelivered_at = 7").starts_with("test.toml:2: a date is expected here"));
        assert!(
            refused("[sockets]\nallowed = [\"tcp/22\",\n\"tcp/99999\"]")
                .starts_with("test.toml:3: `tcp/99999`")
        );
        assert!(refused("offer = ").starts_with("test.toml:1: "));
        assert_eq!(
            refused("[watch]\npoll_seconds = 1"),
            "test.toml:2: 1 seconds are out of bounds\nwrite a number from 5 to 3600"
        );
        assert!(
            refused("[watch]\nfull_report = \"at noon\"").starts_with("test.toml:2: `at noon` is no time")
        );
        assert!(refused("[watch]\ntextfile_folder = \"prom\"").contains("is not an absolute path"));
        assert!(
            refused("[[attestation]]\nid = \"mfa\"\nby = \"a\"\non = 2026-02-01\nuntil = 2026-01-01")
                .starts_with("test.toml:5: the attestation ends on 2026-01-01")
        );
    }

    #[test]
    fn later_files_win_and_waivers_add_up() {
        let waiver =
            "[[waiver]]\ncheck = \"ssh-key-only\"\nowner = \"a\"\nreason = \"b\"\nuntil = 2027-01-01\n";
        let fragments =
            ["delivered_at = 2026-01-01\n", "delivered_at = 2026-02-01\n[sockets]\nallowed = []\n"]
                .map(|text| fragment::parse("f", &format!("{text}{waiver}")).unwrap());
        let settings = settle(fragments.into()).unwrap();
        assert_eq!(settings.policy.delivered_at.unwrap().day().to_string(), "2026-02-01");
        assert_eq!((settings.policy.waivers.len(), settings.policy.allowed_sockets), (2, Some(Vec::new())));
    }
}
