//! What machine this is: names, operating system release, kernel, clock.

mod distro_info;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host, Query, System};
pub use distro_info::DistroInfo;

/// What machine this is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// The node name.
    pub name: Reading<String>,
    /// os-release(5), or SystemVersion.plist on macOS.
    pub release: Reading<Release>,
    /// Until when that release is supported, as the distro-info-data package on the host says (Debian, Ubuntu).
    pub distro_info: Reading<DistroInfo>,
    /// Release of the running kernel, as in uname(2).
    pub kernel: Reading<String>,
    /// Processor architecture, such as `x86_64`.
    pub architecture: Reading<String>,
    /// When it was started.
    pub booted_at: Reading<Timestamp>,
    /// Whether the kernel believes its clock to be synchronised (adjtimex(2)).
    pub clock_synchronised: Reading<bool>,
    /// The user id that hostduty gathered the facts with; 0 sees everything.
    pub seen_by_uid: Reading<u32>,
    /// The identifier that the provider knows the machine by (SMBIOS product UUID); root only.
    pub instance_uuid: Reading<String>,
}

/// The operating system's release.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Release {
    /// `debian`, `ubuntu`, `rhel`, `macos`.
    pub id: String,
    /// Distributions that it descends from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// `12`, `24.04`, `9.4`; empty for rolling releases.
    pub version: String,
    /// `bookworm`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub codename: String,
    /// The sentence that people know it by.
    pub name: String,
    /// The end of support that the release itself states (SUPPORT_END).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_end: Option<crate::date::Day>,
}

impl Release {
    /// Whether the release is `id` or descends from it.
    #[must_use]
    pub fn is_like(&self, id: &str) -> bool {
        self.id == id || self.like.iter().any(|like| like == id)
    }
}

/// Reads what machine this is; each part may be a gap of its own.
pub(crate) fn read(host: &dyn Host) -> Result<Machine, Gap> {
    if host.system() == System::MacOs {
        return Ok(super::mac::version::machine(host));
    }
    let text = |query| -> Result<String, Gap> {
        String::from_utf8(host.query(&query)?)
            .map_err(|_| Gap::malformed(format!("{} is not UTF-8", query.subject())))
    };
    let release = release(host);
    Ok(Machine {
        name: text(Query::HostName).or_else(|_| host::read_line(host, "/etc/hostname")).into(),
        distro_info: distro_info::read(host, release.as_ref()).into(),
        release: release.into(),
        kernel: host::read_line(host, "/proc/sys/kernel/osrelease").into(),
        architecture: text(Query::Architecture).into(),
        booted_at: text(Query::BootTime)
            .and_then(|seconds| seconds.parse().map(Timestamp).map_err(|_| Gap::malformed("the boot time")))
            .into(),
        clock_synchronised: text(Query::ClockState).map(|state| state == "synchronised").into(),
        seen_by_uid: text(Query::EffectiveUser)
            .and_then(|uid| uid.parse().map_err(|_| Gap::malformed("the user that hostduty runs as")))
            .into(),
        instance_uuid: host::read_line(host, "/sys/class/dmi/id/product_uuid").into(),
    })
}

fn release(host: &dyn Host) -> Result<Release, Gap> {
    match host::read_text(host, "/etc/os-release", host::SMALL) {
        Err(gap) if gap.is_absent() => host::read_text(host, "/usr/lib/os-release", host::SMALL),
        other => other,
    }
    .map(|text| parse_os_release(&text))
}

/// os-release(5): shell-like assignments, quoted or not.
#[must_use]
pub fn parse_os_release(text: &str) -> Release {
    let mut release = Release::default();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = unquote(value);
        match key {
            "ID" => release.id = value,
            "ID_LIKE" => release.like = value.split_whitespace().map(str::to_owned).collect(),
            "VERSION_ID" => release.version = value,
            "VERSION_CODENAME" => release.codename = value,
            "PRETTY_NAME" => release.name = value,
            "SUPPORT_END" => release.support_end = value.parse().ok(),
            _ => {}
        }
    }
    release
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.replace("\\\"", "\"").replace("\\$", "$").replace("\\\\", "\\");
        }
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_of_debian() {
        let release = parse_os_release(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
        );
        assert_eq!((release.id.as_str(), release.version.as_str()), ("debian", "12"));
        assert_eq!(release.name, "Debian GNU/Linux 12 (bookworm)");
        assert!(release.is_like("debian") && !release.is_like("rhel"));
    }

    #[test]
    fn os_release_of_a_hostile_image() {
        let release = parse_os_release("ID=\"\nID_LIKE='rhel  fedora'\n=\n\"\nSUPPORT_END=never\n");
        assert_eq!(release.id, "\"");
        assert!(release.is_like("fedora") && release.support_end.is_none());
    }
}
