//! Remote Management (Apple Remote Desktop): whether it is on, and what it and screen sharing accept.

use serde::{Deserialize, Serialize};

use super::plist::{self, Value};
use crate::gap::Gap;
use crate::host::{self, Host};

/// What Remote Management and Screen Sharing share of settings. Nothing where the default holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteSettings {
    /// Whether plain VNC clients may come with the VNC password (`VNCLegacyConnectionsEnabled`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy_connections: Option<bool>,
    /// Whether every local account may control the screen (`ARD_AllLocalUsers`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_local_users: Option<bool>,
    /// Whether anyone may ask whoever sits there for permission (`ScreenSharingReqPermEnabled`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_ask: Option<bool>,
}

const SWITCH: &str = "/Library/Application Support/Apple/Remote Desktop/RemoteManagement.launchd";
const SETTINGS: &str = "/Library/Preferences/com.apple.RemoteManagement.plist";

/// The file holds the word `enabled` while Remote Management is on, and is missing while it is off.
pub(super) fn is_on(host: &dyn Host) -> Result<bool, Gap> {
    match host::read_text(host, SWITCH, host::SMALL) {
        Ok(text) if text.trim() == "enabled" => Ok(true),
        Ok(_) => Err(Gap::malformed(format!("{SWITCH} holds something else than `enabled`"))),
        Err(gap) if gap.is_absent() => Ok(false),
        Err(gap) => Err(gap),
    }
}

/// Its settings; none are set where there is no file.
pub(super) fn settings(host: &dyn Host) -> Result<RemoteSettings, Gap> {
    match plist::read(host, SETTINGS) {
        Ok(list) => parse(&list),
        Err(gap) if gap.is_absent() => Ok(RemoteSettings::default()),
        Err(gap) => Err(gap),
    }
}

/// `/Library/Preferences/com.apple.RemoteManagement.plist`.
pub fn parse(list: &Value) -> Result<RemoteSettings, Gap> {
    if !matches!(list, Value::Dict(_)) {
        return Err(Gap::malformed("com.apple.RemoteManagement is no dictionary"));
    }
    let truth = |key: &str| match list.get(key) {
        None => Ok(None),
        // `defaults write` without `-bool` leaves a number.
        Some(Value::Integer(number)) if matches!(number, 0 | 1) => Ok(Some(*number == 1)),
        Some(value) => {
            let known = value.bool().map(Some);
            known.ok_or_else(|| {
                Gap::malformed(format!("{key} of com.apple.RemoteManagement is no truth value"))
            })
        }
    };
    Ok(RemoteSettings {
        legacy_connections: truth("VNCLegacyConnectionsEnabled")?,
        all_local_users: truth("ARD_AllLocalUsers")?,
        may_ask: truth("ScreenSharingReqPermEnabled")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::{System, Tree};

    fn list(inside: &str) -> Result<RemoteSettings, Gap> {
        let text = format!("<plist version=\"1.0\"><dict>{inside}</dict></plist>");
        let tree = Tree::new(Timestamp(0)).system(System::MacOs).file(SETTINGS, text);
        settings(&tree)
    }

    #[test]
    fn the_switch_is_a_file_with_one_word() {
        let tree = || Tree::new(Timestamp(0)).system(System::MacOs);
        assert_eq!(is_on(&tree()), Ok(false));
        assert_eq!(is_on(&tree().file(SWITCH, "enabled\n")), Ok(true));
        assert_eq!(is_on(&tree().file(SWITCH, "")).unwrap_err().why, GapKind::Malformed);
        assert_eq!(is_on(&tree().refuse(SWITCH, Gap::denied(SWITCH))).unwrap_err().why, GapKind::Denied);
    }

    #[test]
    fn settings_are_truth_values_or_absent() {
        assert_eq!(list(""), Ok(RemoteSettings::default()));
        let known = list(
            "<key>VNCLegacyConnectionsEnabled</key><true/><key>ARD_AllLocalUsers</key><integer>0</integer>",
        );
        let expected =
            RemoteSettings { legacy_connections: Some(true), all_local_users: Some(false), may_ask: None };
        assert_eq!(known, Ok(expected));
        assert!(list("<key>VNCLegacyConnectionsEnabled</key><string>yes</string>").is_err());
        assert!(parse(&Value::Integer(1)).is_err());
        assert_eq!(settings(&Tree::new(Timestamp(0))), Ok(RemoteSettings::default()));
    }
}
