//! Device management: whether the Mac is enrolled, and which configuration profiles lie on it (profiles(1)).

use serde::{Deserialize, Serialize};

use super::{both, plist, refusal};
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::Output;

/// What `profiles status -type enrollment` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrolment {
    /// Whether a server manages the Mac.
    pub mdm: Mdm,
    /// Whether it was enrolled through Apple's Device Enrolment Program, so that a reinstall enrols it again.
    pub automatic: bool,
    /// The host name of the server, without the rest of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// The degrees of enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mdm {
    /// Not enrolled.
    #[default]
    No,
    /// Enrolled, and macOS ignores what takes a user's approval.
    Yes,
    /// Enrolled in full.
    UserApproved,
}

/// A configuration profile: what it is, never what it sets, because that may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// `com.example.restrictions`
    pub identifier: String,
    /// When it was installed, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<Timestamp>,
    /// The kinds of its payloads, such as `com.apple.mdm`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<String>,
}

impl Profile {
    /// Whether it is the profile by which a server manages the Mac.
    #[must_use]
    pub fn manages(&self) -> bool {
        self.payloads.iter().any(|payload| payload == "com.apple.mdm")
    }
}

/// `profiles status -type enrollment`.
pub fn parse_status(output: &Output) -> Result<Enrolment, Gap> {
    let text = both(output);
    let value = |key: &str| text.lines().find_map(|line| Some(line.trim().strip_prefix(key)?.trim()));
    let mdm = match value("MDM enrollment:") {
        Some("No") => Mdm::No,
        Some("Yes") => Mdm::Yes,
        Some("Yes (User Approved)") => Mdm::UserApproved,
        _ => return Err(refusal("profiles status", output)),
    };
    let server = value("MDM server:").and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
        (!host.is_empty()).then(|| host.to_owned())
    });
    let automatic = value("Enrolled via DEP:").is_some_and(|text| text.starts_with("Yes"));
    Ok(Enrolment { mdm, automatic, server })
}

/// `profiles show -output stdout-xml`, run as root.
pub fn parse_profiles(output: &Output) -> Result<Vec<Profile>, Gap> {
    let text = both(output);
    let none = "There are no configuration profiles installed ";
    if let Some(rest) = text.lines().find_map(|line| line.trim().strip_prefix(none)) {
        return if rest.starts_with("in the system domain") || rest.starts_with("on this system") {
            Ok(Vec::new())
        } else {
            Err(Gap::denied("the profiles of the computer, which only root sees"))
        };
    }
    let Some(start) = output.stdout.iter().position(|byte| *byte == b'<') else {
        return Err(refusal("profiles show", output));
    };
    let list = plist::parse(output.stdout.get(start..).unwrap_or(&[]))?;
    let computer = list
        .get("_computerlevel")
        .and_then(plist::Value::array)
        .ok_or_else(|| Gap::denied("the profiles of the computer, which only root sees"))?;
    let mut profiles = Vec::new();
    for profile in computer {
        let text = |value: &plist::Value, key| value.get(key).and_then(plist::Value::text).map(str::to_owned);
        let items = profile.get("ProfileItems").and_then(plist::Value::array).unwrap_or(&[]);
        let mut payloads: Vec<String> = items.iter().filter_map(|item| text(item, "PayloadType")).collect();
        payloads.sort();
        payloads.dedup();
        profiles.push(Profile {
            identifier: text(profile, "ProfileIdentifier")
                .ok_or_else(|| Gap::malformed("`profiles show` lists a profile without an identifier"))?,
            installed: profile.get("ProfileInstallDate").and_then(date),
            payloads,
        });
    }
    profiles.sort();
    Ok(profiles)
}

/// `2026-03-02 08:15:00 +0000`, or a date proper.
fn date(value: &plist::Value) -> Option<Timestamp> {
    let Some(text) = value.text() else { return value.instant() };
    let mut parts = text.split_whitespace();
    let (day, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = offset.split_at_checked(3)?;
    format!("{day}T{time}{hours}:{minutes}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;
    use crate::gap::GapKind;

    #[test]
    fn enrolment_has_three_degrees() {
        let approved = parse_status(&out(
            "Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://a:b@mdm.example.org/x?t=1\n",
        ))
        .unwrap();
        assert_eq!(approved.server.as_deref(), Some("mdm.example.org"), "no path, no token");
        assert!(approved.automatic && approved.mdm == Mdm::UserApproved);
        let plain = parse_status(&out("Enrolled via DEP: No\nMDM enrollment: Yes\n")).unwrap();
        assert_eq!((plain.mdm, plain.automatic), (Mdm::Yes, false));
        let none = parse_status(&out("Enrolled via DEP: No\nMDM enrollment: No\n")).unwrap();
        assert_eq!(none, Enrolment::default());
    }

    #[test]
    fn an_enrolment_that_is_not_stated_is_a_gap() {
        for text in ["", "Enrolled via DEP: No\n", "MDM enrollment: Perhaps\n", "Request too soon\n"] {
            assert_eq!(parse_status(&out(text)).unwrap_err().why, GapKind::Malformed, "{text}");
        }
    }

    #[test]
    fn profiles_keep_names_and_dates_and_no_content() {
        let list = "<plist version=\"1.0\"><dict><key>_computerlevel</key><array><dict>\
            <key>ProfileIdentifier</key><string>org.example.enrol</string>\
            <key>ProfileInstallDate</key><string>2026-03-02 08:15:00 +0100</string>\
            <key>ProfileItems</key><array><dict><key>PayloadType</key><string>com.apple.mdm</string>\
            <key>PayloadContent</key><dict><key>Password</key><string>hunter2</string></dict></dict></array>\
            </dict></array></dict></plist>";
        let profiles = parse_profiles(&out(list)).unwrap();
        assert!(profiles[0].manages());
        assert_eq!(profiles[0].installed.unwrap().to_string(), "2026-03-02T07:15:00Z");
        assert!(!format!("{profiles:?}").contains("hunter2"));
        assert_eq!(parse_profiles(&out(&list[..300])).unwrap_err().why, GapKind::Malformed, "a cut list");
    }

    #[test]
    fn no_profile_and_no_permission_differ() {
        let system = "There are no configuration profiles installed in the system domain\n";
        assert_eq!(parse_profiles(&out(system)), Ok(Vec::new()));
        assert_eq!(parse_profiles(&err(system)), Ok(Vec::new()));
        let user = "There are no configuration profiles installed for user 'ada'\n";
        assert_eq!(parse_profiles(&out(user)).unwrap_err().why, GapKind::Denied);
        let own = "<plist><dict><key>ada</key><array/></dict></plist>";
        assert_eq!(parse_profiles(&out(own)).unwrap_err().why, GapKind::Denied);
        assert_eq!(
            parse_profiles(&exit(1, "profiles: this command requires root privileges\n")).unwrap_err().why,
            GapKind::Denied
        );
        assert_eq!(parse_profiles(&out("")).unwrap_err().why, GapKind::Malformed);
    }
}
