//! The watch on a booted machine: what is done to it appears in the journal and in the record.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::machines::Machine;

/// Changes count at once, and what nobody announces is asked for often.
const AT_ONCE: &str = "settle_seconds = 0\npoll_seconds = 5\ntextfile_folder = \"/run/hostduty/metrics\"\n";

/// Something is done, and a check says something else.
struct Case {
    what: &'static str,
    line: &'static str,
    check: &'static str,
    verdict: &'static str,
}

const CASES: &[Case] = &[
    Case {
        what: "a drop-in of sshd comes by rename",
        // Files and processes are dated to the second.
        line: "sleep 2; printf 'MaxAuthTries 3\\n' > /etc/ssh/draft; mv /etc/ssh/draft /etc/ssh/sshd_config.d/10-tries.conf",
        check: "ssh-config-loaded",
        verdict: "fail",
    },
    Case { what: "sshd reads it", line: "systemctl reload ssh", check: "ssh-config-loaded", verdict: "pass" },
    Case {
        what: "an account loses its password in shadow",
        line: "useradd -m bob; passwd -q -d bob",
        check: "passwords-empty",
        verdict: "fail",
    },
    Case {
        what: "a program listens",
        line: "systemd-run -q --unit=listener systemd-socket-activate -l 0.0.0.0:8080 /bin/cat",
        check: "firewall-exposure",
        verdict: "fail",
    },
    Case {
        what: "nft loads a rule",
        line: "nft 'table inet t { chain c { type filter hook input priority 0; policy drop; }; }'",
        check: "firewall-enforced",
        verdict: "pass",
    },
    Case {
        what: "a package is removed",
        line: "SUDO_FORCE_REMOVE=yes dpkg --purge sudo",
        check: "accounts-sudo-nopasswd",
        verdict: "not-applicable",
    },
    Case {
        what: "the guest agent stops",
        line: "systemctl stop qemu-guest-agent",
        check: "guest-tools-running",
        verdict: "fail",
    },
];

/// A port of the hypervisor, and a program that holds it as the guest agent does: the machine shares its kernel with the
/// one that tests, which may have none.
fn guest_agent(machine: &Machine) {
    machine.sh(
        "for class in /sys/class/*; do name=/run/class/${class##*/}; mkdir -p $name; \
         [ $class = /sys/class/virtio-ports ] || mount --bind $class $name; done; \
         mkdir -p /run/class/virtio-ports/vport1p1; \
         echo org.qemu.guest_agent.0 > /run/class/virtio-ports/vport1p1/name; mount --rbind /run/class /sys/class; \
         mknod -m 600 /dev/vport1p1 c 1 3; cp /bin/sleep /usr/sbin/qemu-ga; \
         printf '[Service]\\nExecStart=/bin/sh -c \"exec qemu-ga 100000 3</dev/vport1p1\"\\n' \
         > /run/systemd/system/qemu-guest-agent.service; systemctl daemon-reload; systemctl start qemu-guest-agent",
    );
}

/// Starts the watch as a user does.
fn watch(machine: &Machine, configuration: &str, offer: &str) {
    machine.install();
    machine.sh(&format!(
        "printf 'offer = \"{offer}\"\\n[watch]\\n{}' > /etc/hostduty/hostduty.toml",
        configuration.replace('\n', "\\n")
    ));
    let started = machine.sh("systemctl enable --now hostduty 2>&1 && echo started");
    assert!(started.ends_with("started\n"), "{started}{}", machine.sh("journalctl -u hostduty"));
}

/// The entries of the record.
fn record(machine: &Machine) -> Vec<Value> {
    let lines = machine.sh("cat /var/lib/hostduty/history-*.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The changes of a check in the record: from, to.
fn changes(machine: &Machine, check: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    record(machine)
        .iter()
        .map(|entry| &entry["event"])
        .filter(|event| event["kind"] == "transition" && event["check"] == check)
        .map(|event| (text(&event["from"]), text(&event["to"])))
        .collect()
}

/// The journal's entries with these fields.
fn journal(machine: &Machine, fields: &str) -> Vec<Value> {
    let lines = machine.sh(&format!("journalctl --no-pager -o json SYSLOG_IDENTIFIER=hostduty {fields}"));
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wait(machine: &Machine, what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        if start.elapsed() > Duration::from_secs(40) {
            panic!("{what}: not seen\n{}", machine.sh("journalctl -u hostduty; hostduty status"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_kind_of_change_is_told_in_the_journal_and_in_the_record() {
    if !super::allowed("the watch on a booted Debian 12") {
        return;
    }
    let machine = Machine::boot("watched");
    guest_agent(&machine);
    watch(&machine, AT_ONCE, "cloud-temple-vm-instances");
    for case in CASES {
        machine.sh(case.line);
        let Case { what, check, verdict, .. } = case;
        let fields = format!("HOSTDUTY_CHECK={check} HOSTDUTY_VERDICT={verdict}");
        wait(&machine, what, || {
            changes(&machine, check).last().is_some_and(|(_, to)| to == verdict)
                && !journal(&machine, &fields).is_empty()
        });
        let entry = &journal(&machine, &fields)[0];
        for field in ["MESSAGE", "PRIORITY", "MESSAGE_ID", "HOSTDUTY_PREVIOUS", "HOSTDUTY_SINCE"] {
            assert!(entry[field].is_string(), "{what}: {field}: {entry}");
        }
        assert!(*verdict != "fail" || !entry["HOSTDUTY_EVIDENCE"].is_null(), "{what}: {entry}");
    }
    let metrics = machine
        .sh("setpriv --reuid=65534 --regid=65534 --clear-groups cat /run/hostduty/metrics/hostduty.prom");
    let told =
        |line: &str| line.contains("check=\"passwords-empty\"") && line.ends_with("verdict=\"fail\"} 1");
    assert!(metrics.lines().any(told), "{metrics}");

    // A broken configuration is told, and the watch goes on with the one before.
    let reloaded = machine
        .sh("echo 'poll = 1' >> /etc/hostduty/hostduty.toml; systemctl reload hostduty || echo refused");
    assert_eq!(reloaded, "refused\n");
    machine.sh("systemctl kill --signal=HUP hostduty");
    wait(&machine, "the broken configuration", || {
        journal(&machine, "PRIORITY=3").iter().any(|entry| entry["MESSAGE"].to_string().contains("poll"))
    });
    machine.sh("sed -i '$d; s/^settle_seconds.*/settle_seconds = 1/' /etc/hostduty/hostduty.toml; systemctl reload hostduty");
    wait(&machine, "the mended configuration", || {
        record(&machine).iter().any(|entry| entry["event"]["kind"] == "reconfigured")
    });
    let status = machine.sh("hostduty status");
    assert!(status.starts_with("Watching since ") && !status.contains("Gap:"), "{status}");
    assert_eq!(machine.sh("systemctl is-active hostduty"), "active\n");
    assert_eq!(machine.sh("systemctl show -P NRestarts hostduty"), "0\n");

    machine.sh("systemctl stop hostduty");
    assert_eq!(record(&machine).last().unwrap()["event"]["kind"], "stopped");
    let stopped = machine.run(&["hostduty", "status"]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&stopped.stdout)
            .starts_with("Nothing watches: the last watch was told to stop")
    );
    assert!(machine.run(&["hostduty", "history", "verify"]).status.success());
}

#[test]
fn what_does_not_last_is_no_news_but_the_service_level_remembers() {
    if !super::allowed("changes on a booted Debian 12 that go back") {
        return;
    }
    let machine = Machine::boot("settling");
    guest_agent(&machine);
    watch(&machine, "settle_seconds = 600\npoll_seconds = 5\n", "cloud-temple-vm-instances");
    let pending = |check: &str| machine.sh("hostduty status").contains(&format!("Pending: {check}: "));
    machine.sh("useradd -m bob; passwd -q -d bob; systemctl stop qemu-guest-agent");
    wait(&machine, "the changes pend", || pending("passwords-empty") && pending("guest-tools-running"));
    machine.sh("passwd -q -l bob; systemctl start qemu-guest-agent");
    wait(&machine, "the changes went back", || {
        !pending("passwords-empty") && !changes(&machine, "guest-tools-running").is_empty()
    });
    assert!(changes(&machine, "passwords-empty").is_empty());
    let failed = [("pass".to_owned(), "fail".to_owned())];
    assert_eq!(changes(&machine, "guest-tools-running"), failed, "and its end pends");
}
