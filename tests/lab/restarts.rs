//! What runs code that is no longer installed, on a booted machine: after dpkg's own upgrades and beside needrestart.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machines::{Machine, unpacked, verdict};
use super::units::verdicts;

const CHECK: &str = "patches-services-restarted";

/// A server with needrestart, and an interpreter that maps what it is told to.
const PACKAGES: &str =
    "systemd-sysv,dbus,libpam-systemd,cron,rsyslog,openssh-server,iproute2,nftables,sudo,needrestart,python3";

fn machine(name: &str) -> Machine {
    Machine::over(&unpacked("bookworm-restarts", PACKAGES), name)
}

/// Makes a package in a version and installs it, with dpkg, as upgrades are: FILE=SOURCE for what it holds.
const PACKAGE: &str = r#"package() {
    name=$1 version=$2; shift 2; rm -rf /root/package; mkdir -p /root/package/DEBIAN
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: x\n' \
        $name $version > /root/package/DEBIAN/control
    for pair; do mkdir -p /root/package$(dirname ${pair%=*}); cp ${pair#*=} /root/package${pair%=*}; done
    dpkg-deb --build --root-owner-group /root/package /root/package.deb >/dev/null && dpkg -i /root/package.deb >/dev/null 2>&1
}
LIBRARIES=/usr/lib/x86_64-linux-gnu
"#;

/// Puts the same bytes in the place of a file as dpkg does: a link to the old one, a rename, and the link goes.
const RENEW: &str = r#"renew() { f=$(readlink -f $1); cp -p $f $f.dpkg-new; ln $f $f.dpkg-tmp; mv -f $f.dpkg-new $f; rm $f.dpkg-tmp; }
"#;

/// Programs that map something as code and go on: `hold NAME PYTHON`, with m(fd) to map.
const HOLD: &str = r#"hold() {
    printf 'import mmap, os, time\nm = lambda fd: mmap.mmap(fd, 4096, flags=mmap.MAP_SHARED, prot=%s)\n%b\ntime.sleep(100000)\n' \
        "${3:-mmap.PROT_READ | mmap.PROT_EXEC}" "$2" > /root/$1.py
    systemd-run -q --unit=$1 ${4:-} python3 /root/$1.py
}
f() { dd if=/dev/zero of="$1" bs=4096 count=1 status=none; }
"#;

/// What the findings of the check are about.
fn subjects(machine: &Machine) -> BTreeSet<String> {
    let report = machine.report();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == CHECK).unwrap();
    assert_ne!(check["verdict"], "unknown", "{check}");
    let findings = check["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["subject"].as_str().unwrap().to_owned()).collect()
}

/// What needrestart would restart, by our words.
fn needrestart(machine: &Machine) -> BTreeSet<String> {
    let said = machine.sh("needrestart -b -r l -l 2>&1");
    assert!(said.starts_with("NEEDRESTART-VER"), "{said}");
    let services = said.lines().filter_map(|line| line.strip_prefix("NEEDRESTART-SVC: "));
    services.map(|unit| if unit == "systemd-manager" { "systemd" } else { unit }.to_owned()).collect()
}

fn set(units: &[&str]) -> BTreeSet<String> {
    units.iter().map(|unit| (*unit).to_owned()).collect()
}

/// The report as the check alone says it.
fn check(machine: &Machine) -> Value {
    let text = machine.sh(&format!("hostduty report --format json --check {CHECK}"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_dpkg_replaces_is_what_has_to_restart_and_what_the_remedy_restarts() {
    if !super::allowed("services that run what dpkg has replaced, beside needrestart") {
        return;
    }
    let machine = machine("restarts");
    assert_eq!((subjects(&machine), needrestart(&machine)), (set(&[]), set(&[])));

    // The program itself; a library whose successor has its name; one whose successor has another.
    machine.sh(&format!(
        "{PACKAGE} package probe 1 /usr/sbin/probed=/bin/sleep \
         && package libprobe 1 $LIBRARIES/libprobe.so.1=$LIBRARIES/libz.so.1 $LIBRARIES/libodd.so.1.0=$LIBRARIES/libz.so.1; \
         systemd-run -q --unit=probed /usr/sbin/probed 100000; \
         systemd-run -q --unit=same -E LD_PRELOAD=$LIBRARIES/libprobe.so.1 sleep 100000; \
         systemd-run -q --unit=other -E LD_PRELOAD=$LIBRARIES/libodd.so.1.0 sleep 100000; \
         systemd-run -q --unit=walled -p PrivateTmp=yes -p ProtectSystem=strict -p ProtectHome=yes \
             -E LD_PRELOAD=$LIBRARIES/libprobe.so.1 sleep 100000; sleep 1"
    ));
    assert_eq!((subjects(&machine), needrestart(&machine)), (set(&[]), set(&[])));
    let upgraded = machine.sh(&format!(
        "{PACKAGE} package probe 2 /usr/sbin/probed=/bin/sleep \
         && package libprobe 2 $LIBRARIES/libprobe.so.1=$LIBRARIES/libz.so.1 $LIBRARIES/libodd.so.1.1=$LIBRARIES/libz.so.1 \
         && dpkg-query -W probe libprobe"
    ));
    assert_eq!(upgraded, "libprobe\t2\nprobe\t2\n");
    let expected = set(&["other.service", "probed.service", "same.service", "walled.service"]);
    assert_eq!((subjects(&machine), needrestart(&machine)), (expected.clone(), expected));
    let said = check(&machine)["checks"][0]["findings"].to_string();
    for words in [
        "libodd.so.1.0, which was removed",
        "libprobe.so.1, which was replaced",
        "probed, which was replaced",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    // The C library: everything, PID 1 too. needrestart leaves out itself and what started it, which are in no unit.
    machine.sh(&format!("{RENEW} renew /lib/x86_64-linux-gnu/libc.so.6"));
    let all = subjects(&machine);
    assert_eq!(all, needrestart(&machine));
    for unit in ["systemd", "cron.service", "dbus.service", "systemd-logind.service", "ssh.service"] {
        assert!(all.contains(unit), "{unit}: {all:?}");
    }

    // What the remedy restarts is up to date afterwards; of what is left it says to reboot.
    let remedy = check(&machine)["checks"][0]["remedy"].clone();
    let steps: Vec<&str> = match &remedy {
        Value::Array(steps) => steps.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap().lines().collect(),
    };
    let (reboot, steps): (Vec<&str>, Vec<&str>) =
        steps.into_iter().partition(|step| step.starts_with("systemctl reboot"));
    assert_eq!(reboot.len(), 1, "{remedy}");
    assert!(steps.iter().any(|step| step.starts_with("systemctl daemon-reexec")), "{remedy}");
    for step in steps {
        // What systemd-run made up is gone once it stops.
        let line =
            step.replace("other.service", "").replace("same.service", "").replace("walled.service", "");
        let line = line.replace("probed.service", "");
        let done = machine.sh(&format!("{line} 2>&1; sleep 1"));
        assert_eq!(done, "", "{line}");
    }
    machine.sh("systemctl stop other same walled probed");
    assert_eq!(subjects(&machine), set(&["dbus.service", "systemd-logind.service"]));
    assert_eq!(needrestart(&machine), set(&["dbus.service", "systemd-logind.service"]));
}

#[test]
fn what_is_deleted_and_was_never_installed_restarts_nothing() {
    if !super::allowed("processes that map deleted files which no update replaced") {
        return;
    }
    let machine = machine("deleted");
    machine.sh(&format!(
        "{HOLD} f /tmp/code; hold temporary \"k = m(os.open('/tmp/code', os.O_RDWR)); os.unlink('/tmp/code')\"; \
         hold sealed \"fd = os.memfd_create('x', 0)\\nos.ftruncate(fd, 4096)\\nk = m(fd)\"; \
         hold zero \"k = m(os.open('/dev/zero', os.O_RDWR))\"; \
         f /dev/shm/ring; hold shared \"k = m(os.open('/dev/shm/ring', os.O_RDWR)); os.unlink('/dev/shm/ring')\"; \
         f /run/orcexec.x; hold orc \"k = m(os.open('/run/orcexec.x', os.O_RDWR)); os.unlink('/run/orcexec.x')\"; \
         f /usr/lib/data; hold data \"k = m(os.open('/usr/lib/data', os.O_RDONLY)); os.unlink('/usr/lib/data')\" mmap.PROT_READ; \
         f /var/lib/code; hold compiler \"k = m(os.open('/var/lib/code', os.O_RDWR)); os.unlink('/var/lib/code')\"; \
         f '/usr/lib/odd (deleted)'; hold called \"k = m(os.open('/usr/lib/odd (deleted)', os.O_RDWR))\"; \
         sleep 2"
    ));
    // They do map what was meant: otherwise nothing would have been tried.
    let maps = machine.sh("cat /proc/[0-9]*/maps | grep deleted; systemctl --failed --no-legend");
    for path in [
        "/tmp/code (deleted)",
        "/memfd:x (deleted)",
        "/dev/zero (deleted)",
        "/dev/shm/ring (deleted)",
        "/run/orcexec.x (deleted)",
        "/usr/lib/data (deleted)",
        "/var/lib/code (deleted)",
        "/usr/lib/odd (deleted)",
    ] {
        assert!(maps.lines().any(|line| line.ends_with(path)), "nobody maps {path}\n{maps}");
    }
    assert_eq!(subjects(&machine), set(&[]));
    // needrestart takes a name for a deletion, and code in /var/lib that its own program has deleted for an update.
    assert_eq!(needrestart(&machine), set(&["called.service", "compiler.service"]));

    // The same file with another in its place is an update after all; as is one below a folder that its process cannot leave.
    machine.sh(&format!(
        "{RENEW} {HOLD} f /var/lib/server; hold server \"k = m(os.open('/var/lib/server', os.O_RDWR))\"; \
         mkdir -p /srv/jail/usr/lib; f /srv/jail/usr/lib/x.so; \
         hold jailed \"os.chroot('/srv/jail'); k = m(os.open('/usr/lib/x.so', os.O_RDWR))\"; sleep 2; \
         renew /var/lib/server; renew /srv/jail/usr/lib/x.so; rm '/usr/lib/odd (deleted)'"
    ));
    assert_eq!(subjects(&machine), set(&["called.service", "jailed.service", "server.service"]));
    let beside = set(&["called.service", "compiler.service", "jailed.service", "server.service"]);
    assert_eq!(needrestart(&machine), beside);

    // A container made of namespaces alone. Its program is where it took it from, seen from its own root; this machine has
    // nothing of that name, which some take for a deletion.
    machine.sh(
        "lib=usr/lib/x86_64-linux-gnu; mkdir -p /srv/box/$lib /srv/box/usr/lib64 /srv/box/opt /srv/box/outside; \
         cp -L /$lib/libc.so.6 /$lib/ld-linux-x86-64.so.2 /srv/box/$lib; cp /usr/bin/sleep /srv/box/opt/inside; \
         cd /srv/box; ln -s usr/lib lib; ln -s usr/lib64 lib64; ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 usr/lib64/; \
         printf 'mount --bind /srv/box /srv/box; cd /srv/box; pivot_root . outside; exec /opt/inside 100000' > /root/box; \
         systemd-run -q --unit=boxed unshare --mount --pid --fork sh /root/box; sleep 1",
    );
    let maps = machine.sh("cat /proc/[0-9]*/maps | grep inside");
    assert!(maps.contains(" /opt/inside\n"), "{maps}{}", machine.sh("journalctl --no-pager -u boxed"));
    assert!(!subjects(&machine).contains("boxed.service"));
    machine.sh(&format!("{RENEW} renew /srv/box/opt/inside"));
    let said = check(&machine)["checks"][0]["findings"].to_string();
    assert!(said.contains(r#""boxed.service","message":"still runs inside, which was replaced"#), "{said}");
}

#[test]
fn the_unit_and_the_watch_see_it_and_an_ordinary_user_is_not_told_that_all_is_well() {
    if !super::allowed("the check in its unit, in the watch and without privileges") {
        return;
    }
    let machine = machine("restarted");
    machine.install();
    machine.sh(&format!(
        "{PACKAGE} package probe 1 /usr/sbin/probed=/bin/sleep; systemd-run -q --unit=probed /usr/sbin/probed 100000; \
         printf '[watch]\\nsettle_seconds = 0\\npoll_seconds = 5\\n' > /etc/hostduty/hostduty.toml; systemctl start hostduty"
    ));
    let ordinary = "useradd bob; setpriv --reuid=$(id -u bob) --regid=$(id -g bob) --clear-groups hostduty report --format json";
    let report: Value = serde_json::from_str(&machine.sh(ordinary)).unwrap();
    assert_eq!(verdict(&report, CHECK), "unknown", "{report}");
    assert_eq!(verdict(&machine.report(), CHECK), "pass");

    let start = Instant::now();
    machine.sh(&format!("{PACKAGE} package probe 2 /usr/sbin/probed=/bin/sleep"));
    let told = || {
        machine.sh(&format!("journalctl --no-pager -o cat SYSLOG_IDENTIFIER=hostduty HOSTDUTY_CHECK={CHECK} HOSTDUTY_VERDICT=fail"))
    };
    while told().is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{}",
            machine.sh("hostduty status; journalctl -u hostduty")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!("told after {:?}: {}", start.elapsed(), told());
    let only = |lines: Vec<String>| lines.into_iter().find(|line| line.contains(CHECK)).unwrap();
    let (outside, inside) = (only(verdicts(&machine, None)), only(verdicts(&machine, Some(""))));
    assert!(outside.contains("probed.service"), "{outside}");
    assert_eq!(inside, outside);
    let report: Value = serde_json::from_str(&machine.sh(ordinary)).unwrap();
    assert_eq!(verdict(&report, CHECK), "unknown", "{report}");
}
