//! The ways in that the README and docs/ways-in.md name, each taken on a booted Debian 12 by the real programs; what is written
//! there is what runs here.

mod ansible;
mod cloud_init;
mod documents;
mod prometheus;
mod syslog;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::machines::{Machine, top, unpacked};

/// A server, and what somebody has who wants to hear of it.
const PACKAGES: &str = "systemd-sysv,dbus,openssh-server,iproute2,nftables,sudo,cron,rsyslog,libpam-systemd,python3,\
                        python3-apt,curl,cloud-init,prometheus,prometheus-node-exporter";

/// Where most of the snippets are.
const WAYS: &str = "docs/ways-in.md";

fn root() -> PathBuf {
    unpacked("bookworm-ways", PACKAGES)
}

/// A machine that was set up long ago: where the laboratory runs at a cloud, its cloud-init would look for that.
fn booted(name: &str) -> Machine {
    let files = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-cloud-init");
    fs::create_dir_all(files.join("etc/cloud")).unwrap();
    // Opened and not written anew: other machines may have it under theirs.
    let disabled = files.join("etc/cloud/cloud-init.disabled");
    fs::File::options().create(true).append(true).open(disabled).unwrap();
    Machine::with(&root(), name, Some(&files))
}

/// A machine that is watched, where changes count at once.
fn watched(name: &str) -> Machine {
    let machine = booted(name);
    machine.install();
    let started = machine.sh("mkdir -p /etc/hostduty/hostduty.toml.d; \
         printf '[watch]\\nsettle_seconds = 0\\npoll_seconds = 5\\n' > /etc/hostduty/hostduty.toml.d/soon.toml; \
         systemctl enable --now hostduty 2>&1 && echo started");
    assert!(started.ends_with("started\n"), "{started}{}", machine.sh("journalctl -u hostduty"));
    machine
}

/// The indented lines of a document below `<!-- tried: NAME -->`.
fn snippet(document: &str, name: &str) -> String {
    let text = fs::read_to_string(top().join(document)).unwrap();
    let marker = format!("<!-- tried: {name} -->\n");
    let (_, below) = text.split_once(&marker).unwrap_or_else(|| panic!("{document} has no {marker}"));
    let lines = below.lines().skip_while(|line| line.is_empty());
    let lines = lines.map_while(|line| line.strip_prefix("    ").or_else(|| line.is_empty().then_some("")));
    lines.map(|line| format!("{line}\n")).collect::<String>().trim_end().to_owned() + "\n"
}

/// Runs a snippet in a machine, as somebody types it: what fails ends it.
fn typed(machine: &Machine, lines: &str) -> String {
    let output = machine.run(&["sh", "-ec", &format!("cd /root\n{lines}")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{lines}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Waits until a shell line in the machine succeeds, and gives what it prints.
fn until(machine: &Machine, what: &str, line: &str) -> String {
    let start = Instant::now();
    loop {
        let output = machine.run(&["sh", "-c", line]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return said;
        }
        let late = start.elapsed() > Duration::from_secs(40);
        assert!(!late, "{what}: not seen\n{said}{}", machine.sh("journalctl --no-pager -n 40"));
        std::thread::sleep(Duration::from_millis(200));
    }
}
