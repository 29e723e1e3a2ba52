//! Updates that wait, from the last scan that macOS made by itself: softwareupdate(8) and its preferences.

use serde::{Deserialize, Serialize};

use super::{both, plist, refusal};
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{Host, Output};

/// An update that the last scan found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PendingUpdate {
    /// What `softwareupdate --install` takes.
    pub label: String,
    /// The sentence that people know it by.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Whether Apple recommends it.
    pub recommended: bool,
    /// Whether it takes a restart.
    pub restart: bool,
}

/// What `com.apple.SoftwareUpdate` says of scans and of what happens by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateSettings {
    /// When the last complete scan succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<Timestamp>,
    /// AutomaticCheckEnabled: whether macOS looks for updates; absent means that it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<bool>,
    /// AutomaticallyInstallMacOSUpdates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installs_system: Option<bool>,
    /// CriticalUpdateInstall: security responses and system data files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installs_security: Option<bool>,
    /// Whether declarations of device management decide besides, which hostduty does not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
}

/// Reads the preferences; what device management forces counts before what stands there (`defaults` does the same).
pub(super) fn read_settings(host: &dyn Host) -> Result<UpdateSettings, Gap> {
    let own = settings(&plist::read(host, "/Library/Preferences/com.apple.SoftwareUpdate.plist")?)?;
    let forced = match plist::read(host, "/Library/Managed Preferences/com.apple.SoftwareUpdate.plist") {
        Ok(list) => settings(&list)?,
        Err(gap) if gap.is_absent() => UpdateSettings::default(),
        Err(gap) => return Err(gap),
    };
    let declarations = "/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist";
    Ok(UpdateSettings {
        scanned_at: own.scanned_at,
        checks: forced.checks.or(own.checks),
        installs_system: forced.installs_system.or(own.installs_system),
        installs_security: forced.installs_security.or(own.installs_security),
        declared: !matches!(host.stat(declarations), Err(gap) if gap.is_absent()),
    })
}

/// `softwareupdate --list --no-scan`, which contacts nobody.
pub fn parse_list(output: &Output) -> Result<Vec<PendingUpdate>, Gap> {
    let text = both(output);
    if output.status != 0 || text.contains("Scan finished with error") {
        return Err(refusal("softwareupdate --list", output));
    }
    let mut updates = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(label) = line.strip_prefix("* Label: ") {
            let details = lines.next().and_then(|line| line.strip_prefix("Title: "));
            updates.push(details.and_then(|details| update(label, details)).ok_or_else(|| {
                Gap::malformed(
                    "`softwareupdate --list` describes an update in a form that hostduty does not know",
                )
            })?);
        }
    }
    // Only the sentence says that nothing waits; a banner alone is no answer.
    if updates.is_empty() && !text.contains("No new software available") {
        return Err(refusal("softwareupdate --list", output));
    }
    updates.sort();
    Ok(updates)
}

/// `Title: a, b, Version: 1, Size: 2KiB, Recommended: YES, Action: restart, `. Titles may hold commas and the keys may
/// not, so each value is what lies between its own key and the next.
fn update(label: &str, details: &str) -> Option<PendingUpdate> {
    let (title, rest) = details.rsplit_once(", Version: ")?;
    let mut parts = rest.split(", ").map(|part| part.trim().trim_end_matches(','));
    let version = parts.next()?.to_owned();
    let mut pending = PendingUpdate {
        label: label.trim().to_owned(),
        title: title.to_owned(),
        version,
        ..PendingUpdate::default()
    };
    for part in parts {
        match part.split_once(": ") {
            Some(("Recommended", value)) => pending.recommended = value == "YES",
            Some(("Action", value)) => pending.restart = value.contains("restart"),
            _ => {}
        }
    }
    Some(pending)
}

/// `/Library/Preferences/com.apple.SoftwareUpdate.plist`.
pub fn settings(list: &plist::Value) -> Result<UpdateSettings, Gap> {
    if !matches!(list, plist::Value::Dict(_)) {
        return Err(Gap::malformed("com.apple.SoftwareUpdate is no dictionary"));
    }
    let truth = |key| list.get(key).and_then(plist::Value::bool);
    Ok(UpdateSettings {
        scanned_at: list.get("LastFullSuccessfulDate").and_then(plist::Value::instant),
        checks: truth("AutomaticCheckEnabled"),
        installs_system: truth("AutomaticallyInstallMacOSUpdates"),
        installs_security: truth("CriticalUpdateInstall"),
        declared: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;
    use crate::gap::GapKind;
    use crate::host::Tree;

    const BANNER: &str = "Software Update Tool\n\nFinding available software\n";

    #[test]
    fn nothing_waits_only_when_the_sentence_says_so() {
        let output = Output { stderr: b"No new software available.\n".to_vec(), ..out(BANNER) };
        assert_eq!(parse_list(&output), Ok(Vec::new()));
        assert_eq!(parse_list(&out(BANNER)).unwrap_err().why, GapKind::Malformed, "a banner is no answer");
        assert_eq!(parse_list(&out("")).unwrap_err().why, GapKind::Malformed);
        let failed = "Scan finished with error: Error Domain=NSURLErrorDomain Code=-1001 \"timed out\"\nNo new software available.\n";
        assert!(parse_list(&out(failed)).is_err());
        assert!(parse_list(&exit(1, "No new software available.\n")).is_err());
    }

    #[test]
    fn updates_with_awkward_titles() {
        let text = "\nSoftware Update Tool\n\nSoftware Update found the following new or updated software:\n\
            * Label: macOS Tahoe 26.7.1-25H88\n\tTitle: macOS Tahoe 26.7.1, Version: 26.7.1, Size: 1740112KiB, Recommended: YES, Action: restart, \n\
            * Label: Printer, Drivers-4.1\n\tTitle: Printer, Drivers, Version: 4.1, Size: 90K, Recommended: NO,\n";
        let updates = parse_list(&out(text)).unwrap();
        assert_eq!(updates[0].title, "Printer, Drivers");
        assert!(!updates[0].recommended && !updates[0].restart);
        assert_eq!(
            (updates[1].label.as_str(), updates[1].version.as_str()),
            ("macOS Tahoe 26.7.1-25H88", "26.7.1")
        );
        assert!(updates[1].recommended && updates[1].restart);
        assert!(parse_list(&out("* Label: cut short\n")).is_err());
        assert!(parse_list(&out("* Label: a\nTitle: b\n")).is_err());
    }

    #[test]
    fn what_device_management_forces_counts() {
        let list = |key: &str, value: &str| format!("<plist><dict><key>{key}</key><{value}/></dict></plist>");
        let own = "/Library/Preferences/com.apple.SoftwareUpdate.plist";
        let tree = Tree::new(Timestamp(0)).file(own, list("CriticalUpdateInstall", "false"));
        let settings = read_settings(&tree).unwrap();
        assert_eq!((settings.installs_security, settings.declared), (Some(false), false));
        let forced = "/Library/Managed Preferences/com.apple.SoftwareUpdate.plist";
        let tree = tree.file(forced, list("CriticalUpdateInstall", "true"));
        assert_eq!(read_settings(&tree).unwrap().installs_security, Some(true));
        let declared =
            tree.clone().file("/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist", "");
        assert!(read_settings(&declared).unwrap().declared);
        assert!(read_settings(&tree.refuse(forced, Gap::denied("x"))).is_err());
    }

    #[test]
    fn settings_from_the_preferences() {
        let list = plist::parse(
            b"<plist><dict><key>AutomaticCheckEnabled</key><true/><key>CriticalUpdateInstall</key><integer>0</integer>\
              <key>LastFullSuccessfulDate</key><date>2026-11-21T03:20:00Z</date></dict></plist>",
        )
        .unwrap();
        let settings = super::settings(&list).unwrap();
        assert_eq!(
            (settings.checks, settings.installs_security, settings.installs_system),
            (Some(true), Some(false), None)
        );
        assert_eq!(settings.scanned_at.unwrap().to_string(), "2026-11-21T03:20:00Z");
        assert!(super::settings(&plist::Value::Data).is_err());
    }
}
