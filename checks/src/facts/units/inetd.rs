//! The services that inetd or xinetd starts for a caller: inetd.conf(5) and xinetd.conf(5).

use super::{InetdService, Units, list, note};
use crate::host::{self, Host};

/// Entries that are kept.
const MOST: usize = 1_000;

/// Reads both configurations, whether or not their daemon is there.
pub(super) fn read(host: &dyn Host, units: &mut Units) {
    let mut paths = vec!["/etc/inetd.conf".to_owned(), "/etc/xinetd.conf".to_owned()];
    // xinetd leaves out names with a dot or a tilde at the end.
    let names = list(host, "/etc/xinetd.d", &mut units.gaps);
    let kept = names.into_iter().filter(|name| !name.contains('.') && !name.ends_with('~'));
    paths.extend(kept.map(|name| format!("/etc/xinetd.d/{name}")));
    for path in paths {
        let text = match host.read(&path, host::SMALL) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(gap) if gap.is_absent() => continue,
            Err(gap) => {
                note(&mut units.gaps, gap);
                continue;
            }
        };
        let found = if path.ends_with("inetd.conf") && !path.ends_with("xinetd.conf") {
            inetd(&text)
        } else {
            xinetd(&text)
        };
        let room = MOST.saturating_sub(units.inetd.len());
        units.inetd.extend(found.into_iter().take(room).map(|(line, name)| InetdService {
            name,
            path: path.clone(),
            line,
        }));
    }
}

/// `telnet stream tcp nowait root /usr/sbin/tcpd in.telnetd`; an address may stand before the service.
fn inetd(text: &str) -> Vec<(u32, String)> {
    let service = |(number, line): (u32, &str)| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|word| !word.starts_with('#'))?;
        matches!(words.next()?, "stream" | "dgram" | "raw" | "rdm" | "seqpacket")
            .then(|| (number, name.rsplit(':').next().unwrap_or(name).to_owned()))
    };
    (1..).zip(text.lines()).filter_map(service).collect()
}

/// `service telnet { … }` without `disable = yes`.
fn xinetd(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let mut disabled = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("service ") {
            open = Some((number, name.trim_matches([' ', '\t', '{']).to_owned()));
            disabled = false;
        } else if let Some((key, value)) = line.split_once('=') {
            disabled |= key.trim() == "disable" && value.trim() == "yes";
        }
        if line.ends_with('}') {
            found.extend(open.take().filter(|_| !disabled));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_that_answer_are_listed() {
        let text = "# telnet stream tcp\n#off# shell stream tcp\n127.0.0.1:tftp dgram udp wait root /usr/sbin/in.tftpd\ntalk\n";
        assert_eq!(inetd(text), [(3, "tftp".to_owned())]);
        let text = "defaults\n{\n}\nservice telnet\n{\n disable = no\n}\nservice finger\n{\n\tdisable\t= yes\n}\nservice x\n{\n";
        assert_eq!(xinetd(text), [(4, "telnet".to_owned())]);
        assert!(xinetd("}\n}\nservice\n=\n").is_empty());
    }
}
