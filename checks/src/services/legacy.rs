//! No service of an obsolete or chatty protocol waits for callers.

use std::collections::HashMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::processes::{Process, Processes};
use crate::facts::sockets::Socket;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::software::legacy::{Legacy, SERVICES, SUPERSERVERS};
use crate::software::{Match, package_record, seen, unit_file};

pub(crate) static CHECK: Check = Check {
    id: "services-legacy",
    title: "No service of an obsolete protocol or of a local network waits for strangers",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "Telnet, rsh and their kin send passwords in clear or ask for none, and their programs are \
        no longer looked after. They come with old images and appliances and stay because nobody needs them \
        enough to look. Avahi, CUPS and rpcbind belong to a local network: from the internet they tell \
        about the machine, or multiply somebody else's attack.",
    remedy: "ss -tulpn; systemctl list-sockets   # which unit waits on the port that the finding names\n\
        systemctl disable --now UNIT.socket UNIT.service (telnet, inetd, xinetd, rpcbind, which NFSv3 alone needs)\n\
        Remove the package that the finding names: apt purge telnetd rsh-server tftpd-hpa nis talkd fingerd\n\
        Bind what must stay to 127.0.0.1 or to a private address",
    references: &["services(5)", "inetd(8)", "CIS Debian 12 2.1", "RFC 4732"],
    examples: Examples {
        kept: r#"
sockets = { known = { list = [] } }
processes = { known = { list = [] } }
units = { known = { init = "systemd" } }
packages = { known = { manager = "dpkg" } }
"#,
        broken: r#"
sockets = { known = { list = [{ protocol = "tcp", port = 23, address = "0.0.0.0", inode = 77, uid = 0 }] } }
[processes.known]
list = [{ pid = 1, name = "systemd", exe = { known = "/usr/lib/systemd/systemd" }, open = { known = { sockets = [77] } } }]
[packages.known]
installed = { telnetd = "0.17" }
[units.known.units."telnet.socket"]
path = "/usr/lib/systemd/system/telnet.socket"
state = "enabled"
wanted_by = ["/etc/systemd/system/sockets.target.wants/telnet.socket"]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let mut judgement = Judgement::new();
    let holders = facts.processes.value().map(Processes::holders).unwrap_or_default();
    for service in SERVICES {
        let evidence = signs(service, facts, &holders);
        let mut evidence = evidence.into_iter();
        if let Some(first) = evidence.next() {
            let name = service.software.name;
            let message = format!("is a service that {}", service.fault);
            judgement.fail(evidence.fold(Finding::new(name, message, first), Finding::and));
        }
    }
    let gaps = [
        facts.processes.known().err(),
        facts.processes.value().and_then(|known| known.gaps.first().cloned()),
        facts.units.known().err(),
        facts.units.value().and_then(|known| known.gaps.first().cloned()),
        facts.sockets.known().err(),
    ];
    for gap in gaps.into_iter().flatten() {
        judgement.unknown(gap.to_string());
    }
    if judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        let names: Vec<&str> = SERVICES.iter().map(|service| service.software.name).collect();
        judgement.observe(
            format!("none of these runs, listens or waits: {}", names.join(", ")),
            [Evidence::of("/proc"), Evidence::of("/proc/net")],
        );
    }
    Ok(judgement)
}

/// Everything that shows the service: sockets, processes, units that start it, entries of a superserver.
fn signs(service: &Legacy, facts: &Facts, holders: &HashMap<u64, &Process>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    if let Ok(sockets) = facts.sockets.known() {
        let of_it = |socket: &&Socket| {
            service.ports.contains(&(socket.protocol, socket.port))
                && !(service.only_remote && socket.is_loopback())
                && may_be(service, socket, holders)
        };
        evidence.extend(
            sockets.list.iter().filter(of_it).take(16).map(|socket| Evidence::of(socket.to_string())),
        );
    }
    if service.only_remote {
        return evidence;
    }
    if let Ok(Some((_, process))) = service.software.process(facts) {
        evidence.push(seen(process));
    }
    let units = service.software.units(facts).unwrap_or_default();
    evidence.extend(units.iter().filter(|(_, unit)| unit.starts_at_boot()).map(|(_, unit)| unit_file(unit)));
    if let (Ok(units), true) = (facts.units.known(), superserver(facts)) {
        let entries = units.inetd.iter().filter(|entry| service.inetd.contains(&entry.name.as_str()));
        evidence.extend(
            entries.map(|entry| Evidence::at(entry.path.as_str(), entry.line).says(entry.name.as_str())),
        );
    }
    // The package alone offers nothing; beside a sign it says what to remove.
    if let (false, Ok(Some((name, version)))) = (evidence.is_empty(), service.software.package(facts)) {
        evidence.push(package_record(facts, &format!("{name} {version}")));
    }
    evidence
}

/// Whether a socket on its port is the service's: its own process or one that waits on its behalf holds it. A socket
/// whose holder cannot be seen is taken for what its port says.
fn may_be(service: &Legacy, socket: &Socket, holders: &HashMap<u64, &Process>) -> bool {
    let Some(holder) = holders.get(&socket.inode) else {
        return true;
    };
    service.software.matches(holder) != Match::No
        || SUPERSERVERS.matches(holder) != Match::No
        || holder.program() == "systemd"
}

fn superserver(facts: &Facts) -> bool {
    let runs = matches!(SUPERSERVERS.process(facts), Ok(Some(_)));
    let starts =
        SUPERSERVERS.units(facts).is_ok_and(|units| units.iter().any(|(_, unit)| unit.starts_at_boot()));
    runs || starts
}
