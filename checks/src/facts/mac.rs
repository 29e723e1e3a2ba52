//! What only macOS has: FileVault, profiles, MDM, screen sharing, pf.
//!
//! There the system's own tools are the interface. Each has a file here with a pure parser from what it printed to a
//! fact or a gap; an empty answer is always a gap.

pub mod application_firewall;
pub mod boot_jobs;
pub mod filevault;
pub mod integrity;
pub mod interfaces;
pub mod listeners;
pub mod mdm;
pub mod pf;
pub mod pf_rule;
pub mod plist;
pub mod remote_login;
pub mod remote_management;
pub mod services;
pub mod software_update;
pub mod users;
pub(super) mod version;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::{self, Command, Host, Output, System};

/// What only macOS has. Each part may be a gap of its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mac {
    /// Remote Login, launchd's `com.openssh.sshd`.
    pub ssh: Reading<services::Service>,
    /// Screen Sharing, launchd's `com.apple.screensharing`.
    pub screen_sharing: Reading<services::Service>,
    /// What an administrator decided about these services.
    pub overrides: Reading<services::Overrides>,
    /// Whether Remote Management (Apple Remote Desktop) is switched on.
    pub remote_management: Reading<bool>,
    /// What it and screen sharing accept.
    pub remote_settings: Reading<remote_management::RemoteSettings>,
    /// Whether a password for plain VNC clients is set; never the password.
    pub vnc_password: Reading<bool>,
    /// The TCP ports that /etc/services gives to screen sharing.
    pub screen_sharing_ports: Reading<Vec<u16>>,
    /// What sshd accepts.
    pub remote_login: Reading<remote_login::RemoteLogin>,
    /// Listening TCP sockets.
    pub listeners: Reading<Vec<listeners::Listener>>,
    /// Network interfaces with their addresses.
    pub interfaces: Reading<Vec<interfaces::Interface>>,
    /// pf; root only.
    pub packet_filter: Reading<pf::PacketFilter>,
    /// The application firewall.
    pub application_firewall: Reading<application_firewall::ApplicationFirewall>,
    /// FileVault.
    pub filevault: Reading<filevault::FileVault>,
    /// APFS volumes.
    pub volumes: Reading<Vec<filevault::Volume>>,
    /// Device management.
    pub enrolment: Reading<mdm::Enrolment>,
    /// Configuration profiles of the computer; root only.
    pub profiles: Reading<Vec<mdm::Profile>>,
    /// Updates that wait since the last scan.
    pub updates: Reading<Vec<software_update::PendingUpdate>>,
    /// When that scan was, and what happens by itself.
    pub update_settings: Reading<software_update::UpdateSettings>,
    /// People with an account.
    pub users: Reading<Vec<users::User>>,
    /// When Setup Assistant ended, or the provider's tool that stands in for it: /var/db/.AppleSetupDone.
    pub setup_done: Reading<Timestamp>,
    /// Accounts of the local directory that have the user id 0.
    pub superusers: Reading<Vec<String>>,
    /// The directories that accounts come from, such as `/Local/Default`.
    pub directories: Reading<Vec<String>>,
    /// What starts at boot and has to do with pf.
    pub boot_jobs: Reading<boot_jobs::BootJobs>,
    /// System Integrity Protection.
    pub integrity: Reading<integrity::Integrity>,
    /// Whether the system volume starts only if it is as Apple sealed it.
    pub sealed_system: Reading<bool>,
    /// Gatekeeper: whether programs are assessed before they first run.
    pub gatekeeper: Reading<bool>,
}

/// Reads it, on macOS only.
pub(crate) fn read(host: &dyn Host) -> Result<Mac, Gap> {
    if host.system() != System::MacOs {
        return Err(Gap::not_gathered());
    }
    let run = |program, arguments: &[&str]| host.run(&Command::new(program, arguments));
    let launchctl = |arguments: &[&str]| run("/bin/launchctl", arguments);
    let service =
        |label: &str| services::parse_print(label, &launchctl(&["print", &format!("system/{label}")])?);
    let socketfilterfw = "/usr/libexec/ApplicationFirewall/socketfilterfw";
    let firewall = ["--getglobalstate", "--getblockall", "--getstealthmode"];
    let profiles = "/usr/bin/profiles";
    let csrutil = "/usr/bin/csrutil";
    Ok(Mac {
        ssh: service("com.openssh.sshd").into(),
        screen_sharing: service("com.apple.screensharing").into(),
        overrides: launchctl(&["print-disabled", "system"])
            .and_then(|output| services::parse_disabled(&output))
            .into(),
        remote_management: remote_management::is_on(host).into(),
        remote_settings: remote_management::settings(host).into(),
        vnc_password: exists(host, "/Library/Preferences/com.apple.VNCSettings.txt").into(),
        screen_sharing_ports: host::read_text(host, "/etc/services", host::LARGE)
            .map(|text| services::parse_screen_sharing_ports(&text))
            .into(),
        remote_login: remote_login::read(host).into(),
        listeners: listeners::read(host).into(),
        interfaces: run("/sbin/ifconfig", &["-a"]).and_then(|output| interfaces::parse(&output)).into(),
        packet_filter: pf::read(host).into(),
        application_firewall: run(socketfilterfw, &firewall)
            .and_then(|output| application_firewall::parse(&output))
            .into(),
        filevault: run("/usr/bin/fdesetup", &["status"])
            .and_then(|output| filevault::parse_status(&output))
            .into(),
        volumes: run("/usr/sbin/diskutil", &["apfs", "list", "-plist"])
            .and_then(|output| filevault::parse_volumes(&output))
            .into(),
        enrolment: run(profiles, &["status", "-type", "enrollment"])
            .and_then(|output| mdm::parse_status(&output))
            .into(),
        profiles: run(profiles, &["show", "-output", "stdout-xml"])
            .and_then(|output| mdm::parse_profiles(&output))
            .into(),
        updates: run("/usr/sbin/softwareupdate", &["--list", "--no-scan"])
            .and_then(|output| software_update::parse_list(&output))
            .into(),
        update_settings: software_update::read_settings(host).into(),
        users: users::read(host).into(),
        superusers: users::read_superusers(host).into(),
        directories: users::read_directories(host).into(),
        boot_jobs: boot_jobs::read(host).into(),
        setup_done: host.stat("/var/db/.AppleSetupDone").map(|stat| stat.modified).into(),
        integrity: run(csrutil, &["status"]).and_then(|output| integrity::parse(&output)).into(),
        sealed_system: run(csrutil, &["authenticated-root", "status"])
            .and_then(|output| integrity::parse_seal(&output))
            .into(),
        gatekeeper: run("/usr/sbin/spctl", &["--status"])
            .and_then(|output| integrity::parse_gatekeeper(&output))
            .into(),
    })
}

fn exists(host: &dyn Host, path: &str) -> Result<bool, Gap> {
    match host.stat(path) {
        Ok(_) => Ok(true),
        Err(gap) if gap.is_absent() => Ok(false),
        Err(gap) => Err(gap),
    }
}

/// Both streams of a tool, because many a tool of macOS gives its answer on standard error.
fn both(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{stdout}\n{stderr}").trim_start().to_owned()
}

/// Why a tool's answer is none: it was refused for want of a privilege, or it is in no form that hostduty knows.
fn refusal(command: &str, output: &Output) -> Gap {
    let text = both(output).to_ascii_lowercase();
    let denied = [
        "permission denied",
        "operation not permitted",
        "must be run as root",
        "requires root",
        "administrator access",
        "not privileged",
    ];
    if denied.iter().any(|phrase| text.contains(phrase)) {
        return Gap::denied(format!("what `{command}` shows to root"));
    }
    Gap::malformed(match (output.status, text.is_empty()) {
        (0, true) => format!("`{command}` printed nothing"),
        (0, false) => format!("`{command}` printed something that hostduty does not know"),
        (status, _) => format!("`{command}` ended with status {status} and no answer that hostduty knows"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapKind;
    use crate::host::Tree;

    pub(super) fn out(text: &str) -> Output {
        Output { stdout: text.as_bytes().to_vec(), ..Output::default() }
    }

    pub(super) fn err(text: &str) -> Output {
        Output { stderr: text.as_bytes().to_vec(), ..Output::default() }
    }

    pub(super) fn exit(status: i32, text: &str) -> Output {
        Output { status, ..err(text) }
    }

    #[test]
    fn linux_asks_no_tool() {
        assert_eq!(read(&Tree::new(Timestamp(0))), Err(Gap::not_gathered()));
    }

    #[test]
    fn an_image_of_a_mac_answers_what_its_files_say() {
        let tree = Tree::new(Timestamp(9))
            .system(System::MacOs)
            .file("/etc/services", "rfb 5901/tcp\n")
            .file("/var/db/.AppleSetupDone", "");
        let mac = read(&tree).unwrap();
        assert_eq!(mac.setup_done.value(), Some(&Timestamp(9)));
        assert_eq!(mac.screen_sharing_ports.value(), Some(&vec![5901]));
        assert_eq!(mac.remote_management.value(), Some(&false));
        for why in [mac.ssh.known().err(), mac.packet_filter.known().err(), mac.users.known().err()] {
            assert_eq!(why.map(|gap| gap.why), Some(GapKind::Offline));
        }
        let refused = tree.refuse("/Library/Preferences/com.apple.VNCSettings.txt", Gap::denied("x"));
        assert_eq!(
            read(&refused).unwrap().vnc_password.value(),
            Some(&true),
            "its presence shows without reading"
        );
    }

    #[test]
    fn hostile_output_panics_no_parser() {
        let long = "x: = {\n<\"(".repeat(10_000);
        for bytes in [&b"\xff\xfe\x00"[..], b"", b"\n\n\n", long.as_bytes(), b"<plist><dict><key>"] {
            for status in [0, 1, 113, -9] {
                let output = Output { status, stdout: bytes.to_vec(), stderr: bytes.to_vec() };
                assert!(
                    filevault::parse_status(&output).is_err() && filevault::parse_volumes(&output).is_err()
                );
                assert!(mdm::parse_status(&output).is_err() && mdm::parse_profiles(&output).is_err());
                assert!(
                    services::parse_print("a", &output).is_err()
                        && services::parse_disabled(&output).is_err()
                );
                assert!(listeners::parse(&output).is_err() && pf::parse_info(&output).is_err());
                assert!(application_firewall::parse(&output).is_err() && integrity::parse(&output).is_err());
                assert!(
                    software_update::parse_list(&output).is_err() && remote_login::parse(&output).is_err()
                );
                assert!(users::parse_list(&output).is_err() && users::parse_times("a", &output).is_err());
                assert!(
                    users::parse_superusers(&output).is_err() && users::parse_directories(&output).is_err()
                );
                assert!(
                    integrity::parse_seal(&output).is_err() && integrity::parse_gatekeeper(&output).is_err()
                );
                let names = pf_rule::Names::default();
                let _ = (pf::parse_rules("", &output, &names), pf::parse_redirections(&output, &names));
                let _ = (pf::parse_anchors(&output), pf::parse_skipped(&output), pf::parse_table(&output));
                let _ = (interfaces::parse(&output), listeners::parse_names(&output));
            }
        }
    }
}
