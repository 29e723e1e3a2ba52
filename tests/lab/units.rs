//! The units on a booted machine: installed as the README says, they see what root sees, and can do little else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::machines::{Machine, optimised, top};

/// The sandbox of both units.
const SANDBOX: &str = "systemd/usr/lib/systemd/system/hostduty.service.d/10-sandbox.conf";

/// What would lower the figure further, with what would then be lost: a word of the facts that differ.
const LEFT_OUT: &[(&str, &str)] = &[
    ("PrivateNetwork=yes", "0.0.0.0:22"),
    ("PrivateUsers=yes", "/etc/shadow"),
    ("PrivateDevices=yes", "/dev/vboxguest"),
    ("PrivateTmp=yes", "/tmp/sshd_config"),
    ("ProtectKernelModules=yes", "6.1.0-56-amd64"),
    ("ProtectHome=yes", "/home/alice"),
    ("ProcSubset=pid", "/proc/sys/kernel/osrelease"),
    ("AmbientCapabilities=~CAP_DAC_READ_SEARCH", "/etc/shadow"),
    ("AmbientCapabilities=~CAP_SYS_PTRACE", "[processes.known.list.exe.gap]"),
    ("AmbientCapabilities=~CAP_NET_ADMIN", "ruleset"),
    ("RestrictAddressFamilies=~AF_INET", "legacy"),
    ("RestrictAddressFamilies=~AF_NETLINK", "network.gap"),
    ("SystemCallFilter=~bpf", "network.known.bpf.gap"),
];

/// Whether facts differ here as expected: what the units do not see, because to see it takes CAP_SYS_ADMIN, which is as good
/// as root; and the look itself, which is a process of a user and has a moment.
fn known(line: &str) -> bool {
    let unseen = ["[network.known.bpf_netfilter", "[[network.known.bpf.known]] name = \"sd_fw_ingress\""];
    let own = [
        "[machine.known.seen_by_uid]",
        "[[network.known.bpf.known]] place = \"/system.slice/hostduty-report.service\"",
        "[[processes.known.list]] name = \"systemctl\"",
        "[[processes.known.list]] unit = \"hostduty-report.service\"",
    ];
    let volatile = [
        "taken_at = ",
        "program = ",
        "drop_ins = ",
        "programs = ",
        "pid = ",
        "started = ",
        "uid = ",
        "sockets = ",
    ];
    let programs = ["/bin/hostduty\"", "/bin/systemctl\""];
    programs.iter().any(|program| line.ends_with(program))
        || unseen.iter().chain(&own).any(|start| line.starts_with(start))
        || volatile.iter().any(|name| line.contains(&format!(" {name}")))
}

/// A machine with something behind each door that a sandbox may close.
fn furnished(name: &str) -> Machine {
    let machine = Machine::boot(name);
    machine.install();
    machine.sh("useradd -m alice; echo alice:correct-horse | chpasswd; \
         install -d -m 700 -o alice /home/alice/.ssh /home/alice/.aws; \
         printf '[default]\\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\\n' > /home/alice/.aws/credentials; \
         ssh-keygen -q -t ed25519 -N '' -f /home/alice/.ssh/id_ed25519; \
         cp /home/alice/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys; chown -R alice /home/alice; \
         mkdir -p /usr/lib/modules/6.1.0-56-amd64; mknod -m 600 /dev/vboxguest c 1 3; \
         cp /etc/ssh/sshd_config /tmp/sshd_config; \
         systemd-run -q --unit=second /usr/sbin/sshd -D -f /tmp/sshd_config -p 2222; \
         nft 'table inet t { chain c { type filter hook input priority 0; tcp dport 23 drop; }; }'");
    machine
}

/// What runs shell lines as root.
pub(super) trait Shell {
    /// Runs one and gives its standard output.
    fn sh(&self, line: &str) -> String;

    /// Does to the machine what its hypervisor does, in the words of `tests/lab/vm`.
    fn outside(&self, words: &str);
}

impl Shell for Machine {
    fn sh(&self, line: &str) -> String {
        Machine::sh(self, line)
    }

    fn outside(&self, words: &str) {
        panic!("{words}: a container has no hypervisor");
    }
}

/// What hostduty prints as root, or in the unit of the report with these lines added.
fn printed(machine: &impl Shell, unit: Option<&str>, words: &str) -> String {
    // The shell stays until it ends, as the one that starts the unit does: it is among the facts.
    let Some(lines) = unit else { return machine.sh(&format!("hostduty {words}; :")) };
    let folder = "/run/systemd/system/hostduty-report.service.d";
    machine.sh(&format!(
        "mkdir -p {folder}; printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/hostduty {words}\\n\
         StandardOutput=truncate:/run/printed\\n{lines}\\n' > {folder}/stricter.conf; systemctl daemon-reload; rm -f /run/printed; \
         systemctl start hostduty-report; rm {folder}/stricter.conf; systemctl daemon-reload; cat /run/printed"
    ))
}

/// Its facts, line by line, each with the heading below which it means something.
pub(super) fn facts(machine: &impl Shell, unit: Option<&str>) -> BTreeSet<String> {
    let text = printed(machine, unit, "facts");
    let mut heading = "";
    let lines = text.lines().map(|line| {
        heading = if line.starts_with('[') { line } else { heading };
        format!("{heading} {line}")
    });
    lines.collect()
}

/// Its verdicts with their reasons and findings.
pub(super) fn verdicts(machine: &impl Shell, unit: Option<&str>) -> Vec<String> {
    let report: Value = serde_json::from_str(&printed(machine, unit, "report --format json")).unwrap();
    let checks = report["checks"].as_array().unwrap().iter().map(|check| {
        let findings = check["findings"].as_array().unwrap().iter();
        let findings: Vec<String> =
            findings.map(|finding| format!("{}: {}", finding["subject"], finding["message"])).collect();
        format!("{}: {} {} {findings:?}", check["id"], check["verdict"], check["reason"])
    });
    checks.collect()
}

/// What facts have that others have not, and that is not expected.
pub(super) fn beside(facts: &BTreeSet<String>, others: &BTreeSet<String>) -> Vec<String> {
    facts.difference(others).filter(|line| !known(line)).cloned().collect()
}

#[test]
fn the_units_see_what_root_sees() {
    if !super::allowed("the report inside its systemd unit") {
        return;
    }
    let machine = furnished("sandboxed");
    // A machine that has just booted still changes: the two looks from outside have to agree before the one between counts.
    for _ in 0..10 {
        let before = (facts(&machine, None), verdicts(&machine, None));
        let inside = (facts(&machine, Some("")), verdicts(&machine, Some("")));
        let after = (facts(&machine, None), verdicts(&machine, None));
        if !beside(&before.0, &after.0).is_empty() || before.1 != after.1 {
            continue;
        }
        assert_eq!((beside(&after.0, &inside.0), beside(&inside.0, &after.0)), (Vec::new(), Vec::new()));
        assert_eq!(inside.1, after.1);
        return;
    }
    panic!("no two reports of the machine agree, with or without the unit");
}

#[test]
fn nothing_that_is_left_out_of_the_sandbox_could_be_in_it() {
    if !super::allowed("the report inside stricter units") {
        return;
    }
    let machine = furnished("stricter");
    // The machine itself has no iptables; where this one has none either, legacy tables are left out.
    let legacy = machine.in_its_network(&[
        "iptables-legacy",
        "-A",
        "INPUT",
        "-p",
        "tcp",
        "--dport",
        "23",
        "-j",
        "DROP",
    ]);
    let legacy = legacy.status.success();
    let inside = facts(&machine, Some(""));
    assert!(inside.len() > 300, "{inside:#?}");
    for (line, lost) in LEFT_OUT.iter().filter(|(_, lost)| legacy || *lost != "legacy") {
        let stricter = facts(&machine, Some(line));
        let differs = inside.symmetric_difference(&stricter).any(|line| line.contains(lost));
        assert!(
            differs,
            "{line} loses nothing of {lost}: let it in\n{:#?}",
            inside.symmetric_difference(&stricter).take(40).collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_units_are_as_confined_as_is_written() {
    if !super::allowed("systemd's opinion of the units") {
        return;
    }
    let machine = Machine::boot("analysed");
    machine.install();
    let refused = machine.sh(
        "systemd-analyze verify --man=no hostduty.service hostduty-report.service hostduty-report.timer 2>&1",
    );
    assert_eq!(refused, "", "systemd does not like the units");
    let text = fs::read_to_string(top().join(SANDBOX)).unwrap();
    let written = text.split("counts ").nth(1).unwrap().split(' ').next().unwrap();
    for unit in ["hostduty.service", "hostduty-report.service"] {
        let analysis = machine.sh(&format!("systemd-analyze security --no-pager {unit}"));
        let figure = analysis.lines().rev().find(|line| line.contains("Overall exposure")).unwrap();
        assert!(figure.contains(&format!(": {written} ")), "{figure}; {SANDBOX} says {written}\n{analysis}");
    }

    // What was installed goes again, but for what is the user's.
    machine.sh(
        "systemctl enable --now hostduty hostduty-report.timer; /run/source/packaging/install --uninstall",
    );
    let left =
        machine.sh("find / -xdev -name '*hostduty*' -not -path '/run/source*' -not -path '/usr/local/*'");
    assert_eq!(
        left.lines().collect::<BTreeSet<_>>(),
        ["/etc/hostduty", "/etc/hostduty/hostduty.toml", "/var/lib/hostduty"].into()
    );
    assert_eq!(machine.sh("systemctl --failed --no-legend; systemctl is-active hostduty"), "inactive\n");
}

/// A set of 100,000 addresses, and 10,000 rules that each say something else.
const LARGE: &str = r#"awk 'BEGIN {
    print "table inet large {\nset blocked {\ntype ipv4_addr\nelements = {"
    for (i = 0; i < 100000; i++) printf "%d.%d.%d.7,", 1 + i % 200, int(i / 200) % 250, int(i / 50000)
    print "}\n}\nchain input {\ntype filter hook input priority 0; policy drop\nip saddr @blocked drop"
    for (i = 0; i < 10000; i++) printf "ip saddr %d.%d.0.0/16 tcp dport %d accept\n", 1 + i % 200, i % 250, 20000 + i
    print "}\n}" }' > /run/large.nft; nft -f /run/large.nft"#;

#[test]
fn large_rulesets_fit_into_half_of_the_memory() {
    if !super::allowed("the memory that 10,000 rules take") {
        return;
    }
    let Some(binary) = optimised() else { return };
    let machine = Machine::boot("large");
    machine.install();
    machine.put(&binary, "/usr/bin/hostduty");
    machine.sh(LARGE);
    machine.sh("systemctl start hostduty");
    // Once more, beside what is known already.
    machine.sh("nft add rule inet large input tcp dport 9 accept; sleep 5");
    let status = machine.sh("cat /proc/$(systemctl show -P MainPID hostduty)/status");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse::<u64>().ok());
    let peak = peak.unwrap() / 1024;
    let limit = machine.sh("systemctl show -P MemoryMax hostduty").trim().parse::<u64>().unwrap() / (1 << 20);
    eprintln!("{peak} of {limit} MiB");
    assert!(peak > 30, "{peak} MiB: it has not read the rules");
    assert!(peak < limit / 2, "{peak} of {limit} MiB");
}

#[test]
fn metrics_go_where_the_unit_lets_them() {
    if !super::allowed("the watch's metrics in another folder") {
        return;
    }
    let machine = Machine::boot("metrics");
    machine.install();
    let folder = "/var/lib/prometheus/node-exporter";
    machine.sh(&format!(
        "install -d -g hostduty -m 2775 {folder}; \
         printf '[watch]\\ntextfile_folder = \"{folder}\"\\n' > /etc/hostduty/hostduty.toml; systemctl start hostduty"
    ));
    let status = machine.sh("hostduty status --format json");
    assert!(status.contains(&format!("ReadWritePaths={folder}")), "{status}");
    machine.sh(&format!(
        "mkdir -p /etc/systemd/system/hostduty.service.d; \
         printf '[Service]\\nReadWritePaths={folder}\\nCPUQuota=20%%\\n' > /etc/systemd/system/hostduty.service.d/override.conf; \
         systemctl daemon-reload; systemctl restart hostduty"
    ));
    let status = machine.sh("hostduty status --format json");
    assert!(status.contains("\"trouble\": []"), "{status}");
    assert_eq!(machine.sh("systemctl show -P CPUQuotaPerSecUSec hostduty"), "200ms\n");
    assert!(machine.sh(&format!("stat -c '%a %U' {folder}/hostduty.prom")).starts_with("644 hostduty"));
    // Another folder needs another start, and it is said.
    machine.sh(
        "sed -i 's|^textfile_folder.*|textfile_folder = \"/run/hostduty/metrics\"|' /etc/hostduty/hostduty.toml; \
         systemctl reload hostduty; \
         for at in $(seq 300); do grep -q '\"reconfigured\"' /var/lib/hostduty/history-*.jsonl && break; sleep 0.1; done; sleep 1",
    );
    let status = machine.sh("hostduty status --format json");
    let landlock = machine.sh("cat /sys/kernel/security/lsm; mount -t securityfs none /sys/kernel/security; cat /sys/kernel/security/lsm");
    assert!(!landlock.contains("landlock") || status.contains("systemctl restart hostduty"), "{status}");
    machine.sh("systemctl restart hostduty");
    let status = machine.sh("hostduty status --format json");
    assert!(status.contains("\"trouble\": []"), "{status}");
    assert!(machine.sh("cat /run/hostduty/metrics/hostduty.prom").contains("hostduty_info"));
}
