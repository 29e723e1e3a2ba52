//! What starts SSH servers: units, files of variables, scripts, titles of processes, the state of tailscaled.

#![no_main]

use checks::host::Tree;
use hostduty_fuzz::{CANARY, gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/usr/lib/systemd/system/ssh.service",
    "/etc/default/ssh",
    "/etc/systemd/system/ssh.socket",
    "/proc/7/cmdline",
    "/etc/init.d/dropbear",
    "/etc/default/dropbear",
    "/proc/8/cmdline",
    "/var/lib/tailscale/tailscaled.state",
    "/etc/inetd.conf",
    "/etc/config/dropbear",
];

fn base() -> Tree {
    let wanted = "/etc/systemd/system/multi-user.target.wants";
    let mut tree = host()
        .dir("/run/systemd/system")
        .file("/proc/stat", "btime 1000\n")
        .file("/usr/lib/systemd/system/inetd.service", "[Service]\nExecStart=/usr/sbin/inetd\n")
        .link(&format!("{wanted}/ssh.service"), "/usr/lib/systemd/system/ssh.service")
        .link(&format!("{wanted}/ssh.socket"), "/etc/systemd/system/ssh.socket")
        .link(&format!("{wanted}/inetd.service"), "/usr/lib/systemd/system/inetd.service")
        .link("/etc/rc2.d/S01dropbear", "../init.d/dropbear");
    for (pid, program) in [(1, "systemd"), (7, "sshd"), (8, "dropbear"), (9, "tailscaled")] {
        tree = tree
            .file(
                &format!("/proc/{pid}/stat"),
                format!("{pid} ({program}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0 0\n"),
            )
            .file(&format!("/proc/{pid}/status"), "Uid:\t0\t0\t0\t0\nNSpid:\t7\n")
            .link(&format!("/proc/{pid}/exe"), &format!("/usr/sbin/{program}"))
            .dir(&format!("/proc/{pid}/fd"));
    }
    tree.file("/proc/9/cmdline", "tailscaled")
}

fuzz_target!(|data: &[u8]| {
    let mut tree = with_files(base(), data, FILES);
    // The state of tailscaled holds keys, of which nothing may stay.
    if let Some(preferences) = parts(data).nth(7) {
        let preferences = String::from_utf8_lossy(&preferences).trim().to_owned();
        let profile = "\"_current-profile\":\"cHJvZmlsZS0x\",\"profile-1\"";
        let state = format!("{{\"_machinekey\":\"{CANARY}\",{profile}:\"{preferences}\"}}");
        tree = tree.file("/var/lib/tailscale/tailscaled.state", state);
    }
    let facts = gather(&tree, "", &["units", "processes", "sockets", "ssh_servers"]);
    let servers = facts.ssh_servers.known().expect("the room never fails");
    // A daemon that runs is never lost, unless its flags say that it is none.
    if let Some(title) = parts(data).nth(3) {
        let title = String::from_utf8_lossy(&title);
        let serves = title.strip_prefix("sshd: ").and_then(|title| title.rsplit_once(" [listener]"));
        if serves.is_some_and(|(joined, _)| !joined.contains(['G', 'R', 'T', 'V', 't'])) {
            assert!(servers.daemons.iter().any(|daemon| !daemon.running.is_empty()), "{title}");
        }
    }
});
