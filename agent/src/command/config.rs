//! `hostduty config`: what the configuration means, or what is wrong with it.

use std::fmt::Write;
use std::process::ExitCode;

use checks::host::Host;

use super::Error;
use crate::cli::{self, ConfigVerb};
use crate::config::{self, EXAMPLE, Settings};
use crate::host::Live;
use crate::output::{self, clean};

pub(crate) fn run(arguments: &cli::Config) -> Result<ExitCode, Error> {
    let text = match &arguments.verb {
        ConfigVerb::Example => EXAMPLE.to_owned(),
        ConfigVerb::Check { file, config } => {
            let live = Live::new();
            let settings = match file.as_ref().or(config.as_ref()) {
                Some(path) => config::from_file(path)?,
                None => config::from_host(&live)?,
            };
            describe(&settings, live.now().day())
        }
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn describe(settings: &Settings, today: checks::date::Day) -> String {
    let mut out = String::new();
    let policy = &settings.policy;
    match settings.files.as_slice() {
        [] => out += "No configuration file: every value is the default\n",
        files => {
            let _ = writeln!(out, "Read, later beats earlier:\n  {}", files.join("\n  "));
        }
    }
    let _ = match &settings.offer {
        Some((id, place)) => writeln!(out, "Offer {id}, from {place}"),
        None => writeln!(out, "Offer: not named, hostduty looks for signs"),
    };
    let _ = match policy.delivered_at {
        Some(instant) => writeln!(out, "Delivered {instant}"),
        None => writeln!(out, "Delivered: not stated, hostduty looks for signs"),
    };
    let _ = writeln!(out, "Package indexes may be {} days old", policy.thresholds.index_max_age_days);
    let _ = writeln!(out, "Cloud keys may be {} days old", policy.thresholds.cloud_key_max_age_days);
    let _ = writeln!(out, "SSH keys may be {} days old", policy.thresholds.ssh_key_max_age_days);
    let _ = writeln!(out, "New passwords need {} characters", policy.thresholds.password_min_length);
    if policy.compare_with_defaults {
        let _ = writeln!(out, "Stored passwords are compared with those that machines are delivered with");
    }
    let _ = writeln!(out, "Accounts may be unused for {} days", policy.thresholds.account_max_unused_days);
    let sockets = match &policy.allowed_sockets {
        None => "those of SSH servers".to_owned(),
        Some(list) if list.is_empty() => "none".to_owned(),
        Some(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let _ = writeln!(out, "Sockets that may be open to anyone: {sockets}");
    let watch = &settings.watch;
    let _ = writeln!(
        out,
        "Watch: changes count after {} s, polls every {} s, full report {}",
        watch.settle_seconds, watch.poll_seconds, watch.full_report
    );
    if let Some(folder) = &watch.textfile_folder {
        let _ = writeln!(out, "Metrics in {}", clean(&folder.display().to_string()));
    }
    for waiver in &policy.waivers {
        let ended = if waiver.until < today { " (ended: the check fails again)" } else { "" };
        let subject = waiver.subject.as_ref().map(|subject| format!(" for {subject}")).unwrap_or_default();
        let line = format!("Waiver of {}{subject} by {} until {}", waiver.check, waiver.owner, waiver.until);
        let _ = writeln!(out, "{}{ended}", clean(&line));
    }
    for held in &policy.attestations {
        let ended = match () {
            () if held.until < today => " (ended)",
            () if held.on > today => " (has not begun)",
            () => "",
        };
        let line = format!("Attestation {} by {} from {} until {}", held.id, held.by, held.on, held.until);
        let _ = writeln!(out, "{}{ended}", clean(&line));
    }
    out
}
