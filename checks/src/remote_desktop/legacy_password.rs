//! No VNC server lets somebody in with the old VNC password alone, or with none.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::sockets::{Protocol, Socket};
use crate::facts::vnc_servers::{Scheme, VncServer, VncServers};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "remote-desktop-legacy-password",
    title: "No VNC server takes the old VNC password without encryption, or no password at all",
    severity: Severity::Medium,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "The old VNC password has eight characters at most, lies on the disk scrambled with a key that everybody knows, \
and is asked for without encryption: whoever hears one login can guess it at leisure. That holds at the end of a tunnel too, \
where every account of the machine reaches the port. Whoever connects chooses the way in, so that the weakest one counts.",
    remedy: "Tell TigerVNC which ways in are left, in ~/.config/tigervnc/config or behind its name: SecurityTypes=X509Plain,TLSPlain\n\
             x11vnc -unixpw -ssl SAVE … in the place of -rfbauth, -passwd and -nopw\n\
             In wayvnc's settings: enable_auth=true, with certificate_file, private_key_file, username and password\n\
             rm ~/.vnc/passwd   # once nothing reads it",
    references: &["RFC 6143 section 7.2.2", "Xvnc(1)", "x11vnc(1)", "wayvnc(1)", "qemu(1)"],
    examples: Examples {
        kept: r#"
[sockets.known]
list = []
[[vnc_servers.known.servers]]
program = "Xtigervnc"
running = true
takes = { known = ["x509-plain"] }
at = [{ source = "/proc/812" }]
"#,
        broken: r#"
[sockets.known]
list = []
[[vnc_servers.known.servers]]
program = "Xtigervnc"
running = true
takes = { known = ["tls-vnc", "vnc"] }
at = [{ source = "/proc/812" }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::remote_desktop::legacy_password(facts);
    }
    let known = facts.vnc_servers.known()?;
    let mut judgement = Judgement::new();
    for server in &known.servers {
        one(server, known, &mut judgement);
    }
    for gap in &known.gaps {
        judgement.unknown(format!("there may be VNC servers that hostduty does not see: {gap}"));
    }
    if let Err(gap) = strangers(facts, known, &mut judgement) {
        judgement.unknown(format!("there may be VNC servers that hostduty does not know: {gap}"));
    }
    if judgement == Judgement::new() {
        return Ok(Judgement::not_applicable(match known.password_files.first() {
            Some(path) => {
                format!("no VNC server runs or would be started; a password for one lies in {path}")
            }
            None => "no VNC server runs or would be started".to_owned(),
        }));
    }
    Ok(judgement)
}

fn one(server: &VncServer, known: &VncServers, judgement: &mut Judgement) {
    // Of several addresses the one that most can reach.
    let addresses = || server.listens.iter().filter_map(|listen| listen.address);
    let address = addresses().find(|address| !address.ip().is_loopback()).or_else(|| addresses().next());
    let place = match (address, server.running) {
        (Some(address), _) => format!(" on {address}"),
        (None, true) => String::new(),
        (None, false) => ", once it is started".to_owned(),
    };
    let whose = if server.account.is_empty() { String::new() } else { format!(" of {}", server.account) };
    let subject = format!("{}{whose}", server.program);
    let takes = match server.takes.known() {
        Ok(takes) => takes,
        Err(gap) => {
            return judgement.unknown(format!("how {subject} lets somebody in{place} is not known: {gap}"));
        }
    };
    let names: Vec<&str> = takes.iter().map(Scheme::name).collect();
    let names = names.join(", ");
    let mut evidence = server.at.iter().cloned();
    let first = evidence.next().unwrap_or_else(|| Evidence::of(&server.program));
    let first = if server.running { first.says(names.clone()) } else { first };
    let free = |scheme: &&Scheme| matches!(scheme, Scheme::None | Scheme::TlsNone | Scheme::X509None);
    let message = if let Some(scheme) = takes.iter().find(free) {
        format!("lets in whoever connects, without a password ({}){place}", scheme.name())
    } else if takes.contains(&Scheme::Vnc) {
        let besides = if takes.len() > 1 { ", beside others" } else { "" };
        format!("takes the old VNC password without encryption (VncAuth{besides}){place}")
    } else if let Some(Scheme::Other(name)) = takes.iter().find(|scheme| matches!(scheme, Scheme::Other(_))) {
        return judgement
            .unknown(format!("{subject} takes `{name}`{place}, and what that is hostduty does not know"));
    } else {
        let also = match () {
            () if takes.contains(&Scheme::Plain) => ": an account's password, without encryption",
            () if takes.iter().any(|scheme| matches!(scheme, Scheme::TlsVnc | Scheme::X509Vnc)) => {
                ": of the VNC password eight characters count at most, but they are encrypted"
            }
            () => "",
        };
        let message = if takes.is_empty() {
            format!("{subject} lets nobody in{place}")
        } else {
            format!("{subject} takes {names} alone{place}{also}")
        };
        return judgement.observe(message, std::iter::once(first).chain(evidence));
    };
    let mut finding = Finding::new(subject, message, first);
    finding.evidence.extend(evidence.take(8));
    // Where the command line names no file, the account's own is the one.
    let own = format!("/{}/", server.account);
    let files = known.password_files.iter().filter(|path| !server.account.is_empty() && path.contains(&own));
    for path in files.filter(|path| !server.at.iter().any(|seen| seen.source == **path)).take(2) {
        finding = finding.and(Evidence::of(path).says("a VNC password"));
    }
    judgement.fail(finding);
}

/// Ports of VNC with a server that is none of those.
fn strangers(facts: &Facts, known: &VncServers, judgement: &mut Judgement) -> Result<(), Gap> {
    let sockets = facts.sockets.known()?;
    let holders =
        facts.processes.value().map(crate::facts::processes::Processes::holders).unwrap_or_default();
    let is_vnc = |socket: &&Socket| socket.protocol == Protocol::Tcp && (5900..=5963).contains(&socket.port);
    for socket in sockets.list.iter().filter(is_vnc) {
        let address = Some((socket.address, socket.port).into());
        let mut listens = known.servers.iter().flat_map(|server| &server.listens);
        let program = holders.get(&socket.inode).map(|process| process.program());
        // The local end of a tunnel belongs to a server elsewhere.
        if listens.any(|listen| listen.address == address) || program == Some("ssh") {
            continue;
        }
        let whose = program.map_or("a program that hostduty does not see".to_owned(), str::to_owned);
        judgement.unknown(format!(
            "{socket} is a port of VNC, and how {whose} lets somebody in there is not known"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::gap::Reading;

    fn judged(takes: Reading<Vec<Scheme>>, change: impl FnOnce(&mut VncServers)) -> Judgement {
        let server = VncServer {
            program: "Xtigervnc".into(),
            account: "ann".into(),
            running: true,
            takes,
            at: vec![Evidence::of("/proc/812")],
            ..VncServer::default()
        };
        let mut known = VncServers {
            servers: vec![server],
            password_files: vec!["/home/ann/.vnc/passwd".into(), "/home/joann/.vnc/passwd".into()],
            ..VncServers::default()
        };
        change(&mut known);
        let facts = Facts {
            vnc_servers: Reading::Known(known),
            sockets: Reading::Known(crate::facts::sockets::Sockets::default()),
            ..Facts::default()
        };
        judge(&facts, &Policy::default()).unwrap()
    }

    #[test]
    fn the_weakest_way_in_counts() {
        use Scheme::{
            Certificate, None, Other, Plain, Rsa, TlsNone, TlsPlain, TlsVnc, Vnc, X509None, X509Plain,
            X509Vnc,
        };
        for (takes, wanted, word) in [
            (vec![None], Verdict::Fail, "lets in whoever connects"),
            (vec![TlsPlain, TlsNone], Verdict::Fail, "(TLSNone)"),
            (vec![X509None], Verdict::Fail, "(X509None)"),
            (vec![Vnc], Verdict::Fail, "(VncAuth)"),
            (vec![TlsVnc, Vnc], Verdict::Fail, "(VncAuth, beside others)"),
            (vec![Other("Odd".into()), Vnc], Verdict::Fail, "(VncAuth, beside others)"),
            (vec![TlsVnc], Verdict::Pass, "eight characters"),
            (vec![X509Vnc, X509Plain], Verdict::Pass, "X509Vnc, X509Plain alone"),
            (vec![Plain], Verdict::Pass, "an account's password, without encryption"),
            (vec![Rsa, Certificate], Verdict::Pass, "RA2"),
            (vec![], Verdict::Pass, "lets nobody in"),
            (vec![TlsPlain, Other("Odd".into())], Verdict::Unknown, "`Odd`"),
        ] {
            let judgement = judged(Reading::Known(takes.clone()), |_| {});
            assert_eq!(judgement.verdict(), wanted, "{takes:?}");
            assert!(format!("{judgement:?}").contains(word), "{takes:?}: {judgement:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_unknown_and_nothing_is_no_question() {
        let gap = || Reading::Gap(Gap::denied("/proc/812/cmdline"));
        assert_eq!(judged(gap(), |_| {}).verdict(), Verdict::Unknown);
        let none = judged(gap(), |known| known.servers.clear());
        assert_eq!(none.verdict(), Verdict::NotApplicable);
        assert!(none.not_applicable.unwrap().contains("/home/ann/.vnc/passwd"));
        let hidden = |known: &mut VncServers| {
            known.servers.clear();
            known.gaps.push(Gap::denied("other users' processes"));
        };
        assert_eq!(judged(gap(), hidden).verdict(), Verdict::Unknown);
        let found = judged(Reading::Known(vec![Scheme::Vnc]), |known| known.servers[0].running = false);
        assert!(found.findings[0].message.ends_with("once it is started"));
        assert_eq!(found.findings[0].evidence.len(), 2, "ann's password, and not joann's");
    }

    #[test]
    fn a_port_of_vnc_with_a_stranger_behind_it_is_unknown() {
        let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
        let Reading::Known(sockets) = &mut facts.sockets else { panic!() };
        let socket = |port: u16| Socket::new(Protocol::Tcp, ([127, 0, 0, 1], port).into(), port.into(), 0);
        sockets.list = vec![socket(5901), socket(22), socket(6000)];
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!((judgement.verdict(), judgement.unknowns.len()), (Verdict::Unknown, 1));
    }
}
