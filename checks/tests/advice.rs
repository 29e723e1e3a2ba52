//! Agents, legacy services and logs: what passes, what fails, and what nobody may know.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

use checks::check::Verdict::{self, Fail, Pass, Unknown};
use checks::facts::Facts;
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;

const NOTHING: &str = "processes = { known = { list = [] } }\nunits = { known = { init = \"systemd\" } }\n";

#[track_caller]
fn expect(id: &str, facts: &str, wanted: Verdict, words: &str) {
    let facts: Facts = toml::from_str(facts).unwrap();
    let policy = Policy::default();
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let report = report::judge(&facts, &policy, &detected, &[id.to_owned()]);
    let outcome = &report.outcomes[0];
    assert_eq!(outcome.verdict, wanted, "{id}: {}", outcome.reason);
    assert!(outcome.reason.contains(words), "{id}: {}", outcome.reason);
}

#[test]
fn an_agent_must_be_at_work() {
    let id = "malware-protection";
    expect(id, NOTHING, Fail, "has no agent for protection against malware");
    expect(id, "processes = { known = { list = [] } }", Unknown, "the facts do not say");
    let unit = |state: &str| {
        format!(
            "[processes.known]\nlist = []\n[units.known.units.\"clamav-daemon.service\"]\npath = \"/x\"\nstate = \"{state}\"\n"
        )
    };
    expect(id, &unit("enabled"), Fail, "is enabled and does not run");
    expect(id, &unit("masked"), Fail, "is masked");
    let process = |exe: &str, more: &str| {
        format!(
            "[[processes.known.list]]\npid = 9\nname = \"clamd\"\nexe = {exe}\n{more}\n[units.known]\ninit = \"systemd\"\n"
        )
    };
    expect(id, &process("{ known = \"/usr/sbin/clamd\" }", "uid = 110"), Pass, "ClamAV runs");
    expect(id, &process("{ known = \"/home/me/clamd\" }", ""), Fail, "");
    expect(id, &process("{ known = \"/usr/sbin/clamd\" }", "contained = true"), Fail, "");
    expect(id, &process("{ gap = { why = \"denied\", what = \"/proc/9/exe\" } }", ""), Unknown, "only root");
    let package = "processes = { known = { list = [] } }\nunits = { known = { init = \"systemd\" } }\n[packages.known]\ninstalled = { clamav-daemon = \"1.0\" }\n";
    expect(id, package, Fail, "nothing starts it");
    let datadog = "[[processes.known.list]]\npid = 9\nname = \"agent\"\nexe = { known = \"/opt/datadog-agent/bin/agent/agent\" }\nunit = \"datadog-agent.service\"\n";
    expect("monitoring-agent", datadog, Pass, "Datadog");
}

#[test]
fn a_unit_that_could_not_be_read_may_be_the_agent() {
    let facts = "[processes.known]\nlist = []\n[units.known]\ngaps = [{ why = \"denied\", what = \"/etc/systemd/system\" }]\n";
    expect("backup-agent", facts, Unknown, "/etc/systemd/system");
    expect(
        "services-legacy",
        &format!("sockets = {{ known = {{ list = [] }} }}\n{facts}"),
        Unknown,
        "/etc/systemd/system",
    );
}

#[test]
fn a_port_is_judged_with_its_holder() {
    let sockets = |port: u16, protocol: &str, address: &str, exe: &str| {
        format!(
            "[sockets.known]\nlist = [{{ protocol = \"{protocol}\", port = {port}, address = \"{address}\", inode = 5, uid = 0 }}]\n\
             [processes.known]\nlist = [{{ pid = 9, name = \"x\", exe = {{ known = \"{exe}\" }}, open = {{ known = {{ sockets = [5] }} }} }}]\n\
             [units.known]\ninit = \"systemd\"\n"
        )
    };
    let id = "services-legacy";
    expect(id, &sockets(23, "tcp", "0.0.0.0", "/usr/sbin/sshd"), Pass, "");
    expect(id, &sockets(23, "tcp", "0.0.0.0", "/usr/sbin/xinetd"), Fail, "telnet");
    expect(id, &sockets(23, "udp", "0.0.0.0", "/usr/sbin/xinetd"), Pass, "");
    expect(id, &sockets(111, "tcp", "::", "/usr/sbin/rpcbind"), Fail, "rpcbind");
    expect(id, &sockets(111, "tcp", "::1", "/usr/sbin/rpcbind"), Pass, "");
    expect(id, &sockets(631, "tcp", "127.0.0.1", "/usr/sbin/cupsd"), Pass, "");
    expect(id, NOTHING, Unknown, "the facts do not say");
}

#[test]
fn an_entry_of_inetd_counts_while_inetd_is_there() {
    let facts = |state: &str| {
        format!(
            "sockets = {{ known = {{ list = [] }} }}\nprocesses = {{ known = {{ list = [] }} }}\n[units.known]\n\
             inetd = [{{ name = \"telnet\", path = \"/etc/inetd.conf\", line = 22 }}]\n\
             [units.known.units.\"inetd.service\"]\npath = \"/x\"\nstate = \"{state}\"\n"
        )
    };
    expect("services-legacy", &facts("enabled"), Fail, "telnet");
    expect("services-legacy", &facts("disabled"), Pass, "");
}

#[test]
fn logs_need_a_folder_or_a_daemon_and_a_disk() {
    let id = "logs-persistent";
    let facts = |storage: &str, folder: bool, system: &str, rest: &str| {
        format!(
            "[logging.known]\nstorage = {{ known = \"{storage}\" }}\njournal_folder = {{ known = {folder} }}\n\
             file_system = {{ known = \"{system}\" }}\n{rest}"
        )
    };
    let idle = "[processes.known]\nlist = []\n[units.known]\ninit = \"systemd\"\n";
    expect(id, &facts("auto", false, "ext4", idle), Fail, "does not exist");
    expect(id, &facts("auto", true, "tmpfs", idle), Fail, "in memory");
    expect(id, &facts("persistent", false, "xfs", idle), Pass, "/var/log/journal");
    expect(id, &facts("none", true, "xfs", idle), Fail, "thrown away");
    let rsyslog = "[[processes.known.list]]\npid = 9\nname = \"rsyslogd\"\nexe = { known = \"/usr/sbin/rsyslogd\" }\n\
        [units.known.units.\"rsyslog.service\"]\npath = \"/x\"\nstate = \"enabled\"\n";
    expect(id, &facts("volatile", false, "xfs", rsyslog), Pass, "rsyslog runs");
    expect(id, &facts("volatile", false, "xfs", &rsyslog.replace("enabled", "disabled")), Fail, "in memory");
    expect(id, &facts("volatile", false, "xfs", ""), Unknown, "the facts do not say");
    let offline = facts("persistent", false, "x", idle)
        .replace("{ known = \"x\" }", "{ gap = { why = \"offline\", what = \"mounts\" } }");
    expect(id, &offline, Unknown, "mounts");
    let masked = "[processes.known]\nlist = []\n[units.known.units.\"systemd-journald.service\"]\npath = \"/etc/systemd/system/systemd-journald.service\"\nstate = \"masked\"\n";
    expect(id, &facts("persistent", true, "xfs", masked), Fail, "is masked");
}
