//! Whether launchd offers a service: `launchctl print` and `launchctl print-disabled` (launchctl(1)).

use serde::{Deserialize, Serialize};

use super::{both, refusal};
use crate::gap::Gap;
use crate::host::Output;

/// A job of launchd that waits for connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Whether launchd has loaded it; it then holds the socket itself.
    pub loaded: bool,
    /// `running`, `not running`…; between two connections the healthy state is `not running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What an administrator decided about services; it outlives a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// `com.openssh.sshd`
    pub ssh: Override,
    /// `com.apple.screensharing`
    pub screen_sharing: Override,
}

/// What an administrator decided about one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Override {
    /// Nothing: what its own file says counts.
    #[default]
    None,
    /// It starts at boot.
    Enabled,
    /// It does not start.
    Disabled,
}

/// launchctl's exit status for a service that is not loaded.
const NOT_FOUND: i32 = 113;

/// `launchctl print system/<label>`.
pub fn parse_print(label: &str, output: &Output) -> Result<Service, Gap> {
    let text = both(output);
    let opening = format!("{label} = {{");
    match output.status {
        NOT_FOUND if text.contains("Could not find service") => Ok(Service::default()),
        // Older releases leave the domain away.
        0 if text.lines().any(|line| line.strip_prefix("system/").unwrap_or(line) == opening) => {
            // The fields of nested blocks are indented further.
            let state = text.lines().find_map(|line| line.strip_prefix("\tstate = "));
            Ok(Service { loaded: true, state: state.map(|state| state.trim().chars().take(40).collect()) })
        }
        _ => Err(refusal(&format!("launchctl print system/{label}"), output)),
    }
}

/// `launchctl print-disabled system`. macOS writes `enabled` and `disabled`, older releases `false` and `true`.
pub fn parse_disabled(output: &Output) -> Result<Overrides, Gap> {
    let text = both(output);
    if output.status != 0 || !text.lines().any(|line| line.trim() == "disabled services = {") {
        return Err(refusal("launchctl print-disabled system", output));
    }
    let mut overrides = Overrides::default();
    for line in text.lines() {
        let Some((label, value)) = line.split_once("=>") else { continue };
        let decided = match value.trim() {
            "enabled" | "false" => Override::Enabled,
            "disabled" | "true" => Override::Disabled,
            _ => {
                return Err(Gap::malformed(
                    "`launchctl print-disabled` uses a word that hostduty does not know",
                ));
            }
        };
        match label.trim().trim_matches('"') {
            "com.openssh.sshd" => overrides.ssh = decided,
            "com.apple.screensharing" => overrides.screen_sharing = decided,
            _ => {}
        }
    }
    Ok(overrides)
}

/// The TCP ports that services(5) gives to the name under which macOS opens screen sharing.
pub fn parse_screen_sharing_ports(services: &str) -> Vec<u16> {
    let mut ports: Vec<u16> = services
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let (name, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
            let named = |name: &str| matches!(name, "vnc-server" | "rfb");
            (named(name) || words.any(named)).then(|| port.parse().ok())?
        })
        .take(16)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;
    use crate::gap::GapKind;

    const SSHD: &str = "com.openssh.sshd";

    #[test]
    fn an_idle_service_is_on() {
        let text = "system/com.openssh.sshd = {\n\tactive count = 0\n\tpath = (submitted by smd[318])\n\
            \ttype = Submitted\n\tstate = not running\n\n\tprogram = /usr/libexec/sshd-keygen-wrapper\n\
            \tevent channels = {\n\t\tstate = 1\n\t}\n}\n";
        let service = parse_print(SSHD, &out(text)).unwrap();
        assert_eq!(service, Service { loaded: true, state: Some("not running".into()) });
    }

    #[test]
    fn only_the_documented_refusal_means_off() {
        let off = "Bad request.\nCould not find service \"com.openssh.sshd\" in domain for system\n";
        assert_eq!(parse_print(SSHD, &exit(113, off)), Ok(Service::default()));
        for output in [exit(113, ""), exit(0, ""), out("system/com.example = {\n}\n"), exit(5, "I/O error\n")]
        {
            assert_eq!(parse_print(SSHD, &output).unwrap_err().why, GapKind::Malformed, "{output:?}");
        }
        assert_eq!(
            parse_print(SSHD, &exit(1, "Operation not permitted\n")).unwrap_err().why,
            GapKind::Denied
        );
    }

    #[test]
    fn overrides_in_both_spellings() {
        let new = "disabled services = {\n\t\"com.openssh.sshd\" => enabled\n\t\"com.apple.screensharing\" => disabled\n}\n";
        let old = "disabled services = {\n\t\"com.openssh.sshd\" => false\n\t\"com.apple.screensharing\" => true\n}\n";
        let expected = Overrides { ssh: Override::Enabled, screen_sharing: Override::Disabled };
        assert_eq!(parse_disabled(&out(new)).unwrap(), expected);
        assert_eq!(parse_disabled(&out(old)).unwrap(), expected);
        assert_eq!(parse_disabled(&out("disabled services = {\n}\n")).unwrap(), Overrides::default());
        assert!(parse_disabled(&out("")).is_err());
        assert!(parse_disabled(&out("disabled services = {\n\"a\" => maybe\n}\n")).is_err());
    }

    #[test]
    fn screen_sharing_moves_with_its_name() {
        let services = "rfb 5900/tcp vnc-server # screen sharing\nrfb 5900/udp\nssh 22/tcp\n";
        assert_eq!(parse_screen_sharing_ports(services), [5900]);
        assert_eq!(parse_screen_sharing_ports("vnc-server 51900/tcp\nrfb 99999/tcp\n\0\n"), [51900]);
    }
}
