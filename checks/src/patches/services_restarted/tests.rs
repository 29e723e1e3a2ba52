use super::*;
use crate::check::Verdict;
use crate::facts::replaced::{Code, Replaced};
use crate::gap::Reading;

fn stale(pid: u32, name: &str, unit: Option<&str>) -> Stale {
    let files = vec![Code { path: "/usr/lib/libssl.so.3".into(), again: true }];
    let (name, unit) = (name.to_owned(), unit.map(str::to_owned));
    Stale { pid, name, unit, files, ..Stale::default() }
}

fn judged(processes: Vec<Stale>) -> Judgement {
    let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
    facts.replaced = Reading::Known(Replaced { processes, ..Replaced::default() });
    judge(&facts, &Policy::default()).unwrap()
}

#[test]
fn processes_are_one_finding_for_each_service() {
    let mut master = stale(700, "nginx", Some("nginx.service"));
    master.files.push(Code { path: "/usr/lib/libz.so.1.2.13".into(), again: false });
    let judgement = judged(vec![master, stale(701, "nginx", Some("nginx.service")), stale(9, "top", None)]);
    let said: Vec<_> =
        judgement.findings.iter().map(|it| (it.subject.as_str(), it.message.as_str())).collect();
    assert_eq!(
        said,
        [
            (
                "nginx.service",
                "still runs libssl.so.3 and another file that were replaced or removed (2 processes); \
                 systemctl restart nginx.service"
            ),
            (
                "top",
                "still runs libssl.so.3, which was replaced; it is in no unit: restart it as it was started"
            ),
        ]
    );
    let evidence: Vec<String> = judgement.findings[0].evidence.iter().map(ToString::to_string).collect();
    assert_eq!(
        evidence,
        ["/proc/700/maps: /usr/lib/libssl.so.3 (deleted)", "/proc/701/maps: /usr/lib/libssl.so.3 (deleted)"]
    );
    assert_eq!(judgement.remedy.as_deref(), Some("systemctl restart nginx.service"));
}

#[test]
fn what_needs_what() {
    for (pid, name, unit, expected) in [
        (1, "systemd", Some("init.scope"), Group::Manager),
        (1, "systemd", None, Group::Manager),
        (1, "nginx", None, Group::First("nginx".into())),
        (9, "cron", Some("cron.service"), Group::Unit("cron.service".into())),
        (9, "bash", Some("session-3.scope"), Group::Session("session-3.scope".into())),
        (9, "systemd", Some("user@1000.service"), Group::Session("user@1000.service".into())),
        (9, "x", Some("docker-12ab.scope"), Group::Container("docker-12ab.scope".into())),
        (9, "x", Some("run-u5.scope"), Group::Unit("run-u5.scope".into())),
        (9, "x", None, Group::Program("x".into())),
    ] {
        assert_eq!(Group::of(&stale(pid, name, unit)), expected);
    }
    let grouped = |group: &str| Group::of(&Stale { group: Some(group.into()), ..stale(9, "x", None) });
    assert_eq!(grouped("lxc.payload.web"), Group::Container("lxc.payload.web".into()));
    assert_eq!(grouped("openrc.crond"), Group::Openrc("crond".into()));
}

#[test]
fn the_remedy_restarts_nothing_that_takes_others_down_unasked() {
    let units = ["cron.service", "dbus.service", "docker.service", "nginx.service", "session-3.scope"];
    let mut processes: Vec<Stale> = (9..).zip(units).map(|(pid, unit)| stale(pid, "x", Some(unit))).collect();
    processes.push(stale(1, "systemd", Some("init.scope")));
    let remedy = judged(processes).remedy.unwrap();
    let steps: Vec<&str> = remedy.lines().map(|line| line.split("   #").next().unwrap()).collect();
    assert_eq!(
        steps,
        [
            "systemctl restart cron.service nginx.service",
            "systemctl daemon-reexec",
            "systemctl restart docker.service",
            "systemctl reboot"
        ]
    );
    assert_eq!(judged(vec![stale(9, "bash", Some("session-3.scope"))]).remedy, None);
}

#[test]
fn a_process_that_was_not_read_is_never_a_pass() {
    let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
    let gaps = vec![Gap::denied("/proc/700/maps")];
    facts.replaced = Reading::Known(Replaced { unread: 1, gaps, ..Replaced::default() });
    let judgement = judge(&facts, &Policy::default()).unwrap();
    assert_eq!(judgement.verdict(), Verdict::Unknown);
    let said = "what a process runs could not be read: not permitted to read /proc/700/maps";
    assert_eq!(judgement.unknowns, [said]);
}
