//! TCP sockets that wait for somebody, from netstat(1).

use std::collections::HashMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::refusal;
use crate::gap::Gap;
use crate::host::{Command, Host, Output};

/// One listening TCP socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// Local port.
    pub port: u16,
    /// Local address as netstat writes it, `*` for every address.
    pub address: String,
    /// `tcp4`, `tcp6`, or `tcp46` for a socket that serves both.
    pub family: String,
    /// Its process, where netstat shows a name; launchd holds the sockets of idle services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The number of that process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl Listener {
    /// Whether only this machine itself can reach it. An address that cannot be read counts as reachable.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let (address, scope) = self.address.split_once('%').unwrap_or((&self.address, ""));
        scope == "lo0" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// Asks netstat, and ps for the names of processes that netstat gives the number of alone, as before macOS 26.
pub(super) fn read(host: &dyn Host) -> Result<Vec<Listener>, Gap> {
    let mut listeners = parse(&host.run(&Command::new("/usr/sbin/netstat", &["-anv", "-p", "tcp"]))?)?;
    if listeners.iter().any(|listener| listener.process.is_none() && listener.pid.is_some()) {
        // Without an answer they stay without a name.
        let names = host.run(&Command::new("/bin/ps", &["-axo", "pid=,comm="]));
        let names = names.map(|output| parse_names(&output)).unwrap_or_default();
        for listener in &mut listeners {
            let name = || names.get(&listener.pid?).cloned();
            listener.process = listener.process.take().or_else(name);
        }
    }
    Ok(listeners)
}

/// `ps -axo pid=,comm=`: the name of each process's program, without its folder.
#[must_use]
pub fn parse_names(output: &Output) -> HashMap<u32, String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().take(100_000).filter_map(|line| {
        let (pid, path) = line.trim().split_once(char::is_whitespace)?;
        let name = path.trim().rsplit('/').next().unwrap_or_default();
        let name: String = name.chars().take(100).collect();
        Some((pid.parse().ok()?, name)).filter(|(_, name)| !name.is_empty())
    });
    if output.status == 0 { lines.collect() } else { HashMap::new() }
}

/// `netstat -anv -p tcp`. Columns are found by the header, which differs between releases.
pub fn parse(output: &Output) -> Result<Vec<Listener>, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut columns: Option<Vec<&str>> = None;
    let mut listeners = Vec::new();
    for line in text.lines() {
        if line.starts_with("Proto") {
            columns = Some(header(line));
        } else if let (Some(columns), true) = (&columns, line.starts_with("tcp")) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.get(5) == Some(&"LISTEN") {
                listeners.extend(row(columns, &fields)?);
            }
        }
    }
    if output.status != 0 || columns.is_none() {
        return Err(refusal("netstat", output));
    }
    listeners.sort();
    listeners.dedup();
    Ok(listeners)
}

/// The names of the columns, one word each.
fn header(line: &str) -> Vec<&str> {
    line.split_whitespace().filter(|word| *word != "Address").collect()
}

fn row(columns: &[&str], fields: &[&str]) -> Result<Option<Listener>, Gap> {
    let malformed = || Gap::malformed("netstat lists a socket without an address and a port");
    let (family, local) = (fields.first().ok_or_else(malformed)?, fields.get(3).ok_or_else(malformed)?);
    let (address, port) = local.rsplit_once('.').ok_or_else(malformed)?;
    if port == "*" {
        return Ok(None);
    }
    let port = port.parse().map_err(|_| malformed())?;
    let at = |name: &str| columns.iter().position(|column| *column == name);
    let (process, pid) = match (at("process:pid"), at("pid")) {
        (Some(at), _) => named(fields.get(at..).unwrap_or(&[])),
        (None, Some(at)) => (None, fields.get(at).and_then(|pid| pid.parse().ok())),
        (None, None) => (None, None),
    };
    Ok(Some(Listener { port, address: (*address).to_owned(), family: (*family).to_owned(), process, pid }))
}

/// `Google Chrome He:812` is one field of three words.
fn named(fields: &[&str]) -> (Option<String>, Option<u32>) {
    let mut name = String::new();
    for field in fields.iter().take(8) {
        if let Some((last, pid)) = field.rsplit_once(':')
            && let Ok(pid) = pid.parse()
        {
            return (Some(name + last), Some(pid));
        }
        name = name + field + " ";
    }
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;
    use crate::gap::GapKind;

    const NEW: &str = "Active Internet connections (including servers)\n\
        Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)      rxbytes      txbytes  rhiwat  shiwat    process:pid    state  options\n\
        tcp4       0      0  10.0.4.7.22            198.51.100.4.51022     ESTABLISHED     9120        12011  131072  131768      sshd:911     00182 00000008\n\
        tcp46      0      0  *.5900                 *.*                    LISTEN             0            0  131072  131072      launchd:1      00180 00000006\n\
        tcp4       0      0  127.0.0.1.49512        *.*                    LISTEN             0            0  131072  131072  Some Long Helpe:812   00180 00000006\n\
        tcp6       0      0  fe80::1%lo0.631        *.*                    LISTEN             0            0  131072  131072      cupsd:77   00180 00000006\n\
        tcp6       0      0  ::1.631                *.*                    LISTEN             0            0  131072  131072      cupsd:77   00180 00000006\n";
    const OLD: &str = "Active Internet connections (including servers)\n\
        Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat shiwat    pid   epid state    options\n\
        tcp4       0      0  *.22                   *.*                    LISTEN      131072 131072      1      0 0x0180 0x00000006\n";

    #[test]
    fn both_headers_are_understood() {
        let new = parse(&out(NEW)).unwrap();
        let ports: Vec<u16> = new.iter().map(|listener| listener.port).collect();
        assert_eq!(ports, [631, 631, 5900, 49512]);
        assert_eq!(new.iter().filter(|listener| !listener.is_loopback()).count(), 1);
        assert_eq!(new[2].process.as_deref(), Some("launchd"));
        assert_eq!((new[3].process.as_deref(), new[3].pid), (Some("Some Long Helpe"), Some(812)));
        let old = parse(&out(OLD)).unwrap();
        assert_eq!((old[0].port, old[0].pid, &old[0].process), (22, Some(1), &None));
    }

    #[test]
    fn ps_names_what_netstat_does_not() {
        let ps = "    1 /sbin/launchd\n  611 /opt/local/lib/My SQL/mysqld\n  x y\n 77\n  78 \n";
        let names = parse_names(&out(ps));
        assert_eq!(names.len(), 2);
        assert_eq!((names[&1].as_str(), names[&611].as_str()), ("launchd", "mysqld"));
        assert!(parse_names(&Output { status: 1, ..out(ps) }).is_empty());
        let tree = crate::host::Tree::new(crate::date::Timestamp(0))
            .output(Command::new("/usr/sbin/netstat", &["-anv", "-p", "tcp"]), out(OLD));
        assert_eq!(read(&tree).unwrap()[0].process, None);
        let tree = tree.output(Command::new("/bin/ps", &["-axo", "pid=,comm="]), out(ps));
        assert_eq!(read(&tree).unwrap()[0].process.as_deref(), Some("launchd"));
    }

    #[test]
    fn an_answer_without_a_header_is_a_gap() {
        assert_eq!(parse(&out("")).unwrap_err().why, GapKind::Malformed);
        assert_eq!(
            parse(&exit(1, "netstat: sysctl: Operation not permitted\n")).unwrap_err().why,
            GapKind::Denied
        );
        let header = NEW.lines().nth(1).unwrap();
        for row in ["tcp4 0 0 * *.* LISTEN", "tcp4 0 0 *.99999 *.* LISTEN"] {
            assert_eq!(
                parse(&out(&format!("{header}\n{row}\n"))).unwrap_err().why,
                GapKind::Malformed,
                "{row}"
            );
        }
        let short = format!("{header}\ntcp4\ntcp4 0 0 *.* *.* LISTEN\ntcp4 0 0 *.80 *.* LISTEN\n");
        assert_eq!(parse(&out(&short)).unwrap().len(), 1, "a row may end early");
    }

    #[test]
    fn an_address_that_cannot_be_read_counts_as_reachable() {
        let listener = |address: &str| Listener { address: address.into(), ..Listener::default() };
        assert!(listener("127.8.0.1").is_loopback() && listener("::1").is_loopback());
        assert!(!listener("fe80::1c:d2ff:fe").is_loopback() && !listener("*").is_loopback());
    }
}
