//! The units on a kernel of their own: a virtual Debian 12 with controllers of control groups, Landlock, modules and a disk.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::units::{Shell, beside, facts, verdicts};
use super::virtual_machine::VirtualMachine;

/// A firewall that takes an emulated processor some seconds to read.
const RULES: &str = "for at in $(seq 300); do echo add rule inet filter input ip saddr 203.0.113.$((at % 200)) tcp dport $at accept; done | nft -f -";

/// A clock that the kernel takes for synchronised: adjtimex(2) with ADJ_STATUS and ADJ_MAXERROR.
const SYNCHRONISED: &str =
    "perl -e '$_ = pack \"I x4 q q q q i x180\", 0x14, 0, 0, 0, 0, 0; syscall 159, $_'";

/// What the control group of a unit says.
fn group(machine: &VirtualMachine, unit: &str, file: &str) -> String {
    machine.sh(&format!("cat /sys/fs/cgroup/system.slice/{unit}.service/{file}"))
}

/// Starts another program in the sandbox of the units.
fn confined(machine: &VirtualMachine, name: &str, command: &str) {
    let unit = format!("/run/systemd/system/{name}.service");
    machine.sh(&format!(
        "mkdir -p {unit}.d; ln -s /usr/lib/systemd/system/hostduty.service.d/10-sandbox.conf {unit}.d/; \
         printf '[Service]\\nExecStart={command}\\n' > {unit}; systemctl daemon-reload; systemctl start {name}"
    ));
}

/// A number of a file of lines with a name and a number each.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn the_units_hold_on_a_kernel_of_their_own() {
    if !super::allowed("the units in a virtual machine") {
        return;
    }
    let Some(machine) = VirtualMachine::boot(&[]) else { return };
    assert_eq!(machine.sh("systemctl is-system-running --wait"), "running\n");
    // It looked after the firewall was there: no boot is on record as an open door.
    let record = machine.sh("cat /var/lib/hostduty/history-*.jsonl");
    assert!(record.contains("\"firewall-enforced\":\"pass\"") && record.lines().count() == 1, "{record}");
    let said_of_itself = machine.sh("journalctl -b -p warning --no-pager | grep -i hostduty");
    assert_eq!(said_of_itself, "", "its start is not quiet");

    the_limits_hold(&machine);
    nothing_is_hidden(&machine);
    a_clock_that_jumps_is_no_time_that_passed(&machine);
}

fn the_limits_hold(machine: &VirtualMachine) {
    assert_eq!(group(machine, "hostduty", "memory.max"), "268435456\n");
    assert_eq!(group(machine, "hostduty", "cpu.max"), "50000 100000\n");
    assert_eq!(group(machine, "hostduty", "pids.max"), "16\n");
    confined(machine, "hoarder", "/bin/dd if=/dev/zero of=/dev/null bs=400M count=1");
    let start = Instant::now();
    while machine.sh("systemctl show -P Result hoarder") != "oom-kill\n" {
        assert!(start.elapsed() < Duration::from_secs(120), "{}", machine.sh("systemctl status hoarder"));
        std::thread::sleep(Duration::from_millis(500));
    }
    confined(machine, "spinner", "/bin/sh -c \"while :; do :; done\"");
    let before = group(machine, "spinner", "cpu.stat");
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(4));
    let after = group(machine, "spinner", "cpu.stat");
    let used = number(&after, "usage_usec") - number(&before, "usage_usec");
    let share = used as f64 / start.elapsed().as_micros() as f64;
    assert!(share < 0.6 && number(&after, "nr_throttled") > 10, "{share:.2} of a core: {after}");
    machine.sh("systemctl stop spinner");

    machine.sh(RULES);
    let reported = machine.sh("systemctl start hostduty-report && echo reported");
    assert_eq!(reported, "reported\n", "{}", machine.sh("systemctl status hostduty-report"));
    let events = group(machine, "hostduty", "memory.events");
    assert!(number(&events, "max ") == 0 && number(&events, "oom ") == 0, "{events}");
    eprintln!("the watch's memory at most: {}", group(machine, "hostduty", "memory.peak").trim());
    assert_eq!(
        machine.sh("systemctl is-active hostduty; systemctl show -P NRestarts hostduty"),
        "active\n0\n"
    );
}

fn nothing_is_hidden(machine: &VirtualMachine) {
    machine.sh("systemctl restart nftables");
    machine.sh(SYNCHRONISED);
    let (outside, inside) = (facts(machine, None), facts(machine, Some("")));
    assert_eq!((beside(&outside, &inside), beside(&inside, &outside)), (Vec::new(), Vec::new()));
    assert_eq!(verdicts(machine, Some("")), verdicts(machine, None));
    // What only shows here: a kernel that is shared has no clock that could be set.
    let hidden = beside(&inside, &facts(machine, Some("ProtectClock=yes")));
    assert!(hidden.iter().any(|line| line.contains("synchronised")), "{hidden:#?}");
}

/// A day ahead and a day back, with a change of the firewall after each.
fn a_clock_that_jumps_is_no_time_that_passed(machine: &VirtualMachine) {
    machine.sh(
        "printf '[watch]\\nsettle_seconds = 0\\n' >> /etc/hostduty/hostduty.toml; systemctl reload hostduty",
    );
    // A reload returns before it is done, and what it finds then is no transition of its own.
    let start = Instant::now();
    while !machine.sh("cat /var/lib/hostduty/history-*.jsonl").contains("\"reconfigured\"") {
        assert!(start.elapsed() < Duration::from_secs(120), "{}", machine.sh("hostduty history"));
        std::thread::sleep(Duration::from_millis(500));
    }
    let changes = [("+1 day", "nft flush ruleset"), ("-1 day", "systemctl restart nftables")];
    for (at, (jump, change)) in changes.into_iter().enumerate() {
        machine.sh(&format!("date -s \"$(date -d '{jump}')\"; {change}"));
        let start = Instant::now();
        // The record must have been written to while the clock was wrong.
        let seen = "cat /var/lib/hostduty/history-*.jsonl | grep -c '\"check\":\"firewall-enforced\"'";
        while machine.sh(seen).trim().parse::<usize>().unwrap() <= at {
            assert!(start.elapsed() < Duration::from_secs(300), "{}", machine.sh("hostduty history"));
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    let past: Value = serde_json::from_str(&machine.sh("hostduty history --format json")).unwrap();
    let jumps = past["clock_jumps"].as_array().unwrap().iter().map(|jump| jump["seconds"].as_i64().unwrap());
    for (jump, day) in jumps.zip([86_400, -86_400]) {
        assert!((jump - day).abs() < 60, "{past:#}");
    }
    for check in past["checks"].as_array().unwrap() {
        let totals = check["totals"].as_object().unwrap();
        let seconds: u64 = totals.values().filter_map(Value::as_u64).sum();
        assert!(seconds < 3600, "{check:#}");
    }
    let verified = machine.sh("hostduty history verify && echo verified");
    assert!(verified.ends_with("verified\n"), "{verified}");
    assert_eq!(
        machine.sh("systemctl is-active hostduty; systemctl show -P NRestarts hostduty"),
        "active\n0\n"
    );
}
