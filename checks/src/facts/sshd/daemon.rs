//! Where sshd lies and whether something starts it with options that override its files.

use crate::check::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// Where distributions put the server's program.
const PROGRAMS: &[&str] = &["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
/// Files whose variable the distribution's unit hands to sshd.
const OPTION_FILES: &[(&str, &str)] = &[
    ("/etc/default/ssh", "SSHD_OPTS"),
    ("/etc/sysconfig/sshd", "OPTIONS"),
    ("/etc/conf.d/sshd", "SSHD_OPTS"),
];
/// Processes looked at in search of a running sshd.
const PROCESSES: usize = 65_536;

/// The server's program.
pub(super) fn program(host: &dyn Host) -> Result<String, Gap> {
    for path in PROGRAMS {
        match host.stat(path) {
            Ok(_) => return Ok((*path).to_owned()),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Err(Gap::absent("the program sshd"))
}

/// The places that hand sshd `-f` or `-o`: option files, and the running daemon itself.
pub(super) fn command_line(host: &dyn Host) -> Vec<Evidence> {
    let mut places = Vec::new();
    for (path, variable) in OPTION_FILES {
        let Ok(bytes) = host.read(path, host::SMALL) else { continue };
        for (number, line) in (1_u32..).zip(String::from_utf8_lossy(&bytes).lines()) {
            let value = line.trim_start().strip_prefix(variable).and_then(|rest| rest.strip_prefix('='));
            let words = value.unwrap_or_default().split(['"', '\'', ' ', '\t']);
            places.extend(override_flag(words).map(|flag| Evidence::at(*path, number).says(flag)));
        }
    }
    let pids = host.list("/proc").unwrap_or_default();
    for pid in pids.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).take(PROCESSES) {
        if !host::read_line(host, &format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sshd") {
            continue;
        }
        let path = format!("/proc/{pid}/cmdline");
        let Ok(bytes) = host.read(&path, host::SMALL) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        // The daemon retitles itself `sshd: /usr/sbin/sshd -D [listener] …`; a session's title names its user.
        let is_session = text.starts_with("sshd:") && !text.contains("[listener]");
        if !is_session {
            let flag = override_flag(text.split(['\0', ' ']));
            places.extend(flag.map(|flag| Evidence::of(path).says(flag)));
        }
    }
    places
}

/// The first flag among words that makes sshd read another file or sets a keyword.
fn override_flag<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    words.find_map(|word| match word.as_bytes() {
        [b'-', b'f', ..] => Some("-f"),
        [b'-', b'o', ..] => Some("-o"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn options_that_override_files_are_named_and_never_repeated() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/default/ssh", "# SSHD_OPTS=-f x\nSSHD_OPTS=\"-4 -oPasswordAuthentication=yes\"\n")
            .file("/proc/12/comm", "sshd\n")
            .file("/proc/12/cmdline", "sshd: /usr/sbin/sshd -D -f /srv/x [listener] 0 of 10-100 startups")
            .file("/proc/13/comm", "sshd\n")
            .file("/proc/13/cmdline", "sshd: -o@pts/0")
            .file("/proc/14/comm", "bash\n")
            .file("/proc/14/cmdline", "bash\0-f");
        let places: Vec<String> = command_line(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(places, ["/etc/default/ssh:2: -o", "/proc/12/cmdline: -f"]);
        assert!(command_line(&Tree::new(Timestamp(0)).file("/etc/default/ssh", "SSHD_OPTS=\n")).is_empty());
    }
}
