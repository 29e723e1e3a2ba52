//! Where sshd lies and whether something starts it with options that override its files.

use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

use super::build::Build;
use super::keywords;

/// Where distributions put the server's program.
const PROGRAMS: &[&str] = &["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
/// Files whose variable the distribution's unit hands to sshd.
const OPTION_FILES: &[(&str, &str)] = &[
    ("/etc/default/ssh", "SSHD_OPTS"),
    ("/etc/sysconfig/sshd", "OPTIONS"),
    ("/etc/conf.d/sshd", "SSHD_OPTS"),
];
/// The units that start sshd, and where somebody other than the distribution says how.
const UNITS: &[&str] = &["ssh.service", "ssh@.service", "sshd.service", "sshd@.service"];
const UNIT_FOLDERS: &[&str] = &["/etc/systemd/system", "/run/systemd/system"];
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

/// The places that hand sshd `-f` or `-o`: option files, units that are not the distribution's, and the running daemon
/// itself.
pub(super) fn command_line(host: &dyn Host, build: &Build) -> Vec<Evidence> {
    let mut places = Vec::new();
    for (path, variable) in OPTION_FILES {
        let Ok(bytes) = host.read(path, host::SMALL) else { continue };
        for (number, line) in (1_u32..).zip(String::from_utf8_lossy(&bytes).lines()) {
            let value = line.trim_start().strip_prefix(variable).and_then(|rest| rest.strip_prefix('='));
            let words = value.unwrap_or_default().split(['"', '\'', ' ', '\t']);
            places.extend(override_flag(words, build).map(|flag| Evidence::at(*path, number).says(flag)));
        }
    }
    for folder in UNIT_FOLDERS {
        for unit in UNITS.iter().map(|name| format!("{folder}/{name}")) {
            let drop_ins = host.list(&format!("{unit}.d")).unwrap_or_default();
            let drop_ins = drop_ins.iter().filter(|name| name.ends_with(".conf"));
            let drop_ins: Vec<String> = drop_ins.map(|name| format!("{unit}.d/{name}")).collect();
            places.extend(drop_ins.iter().chain([&unit]).filter_map(|path| unit_file(host, path, build)));
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
            let flag = override_flag(text.split(['\0', ' ']), build);
            places.extend(flag.map(|flag| Evidence::of(path).says(flag)));
        }
    }
    places
}

/// The first line of a unit or drop-in whose command or environment holds such a flag.
fn unit_file(host: &dyn Host, path: &str, build: &Build) -> Option<Evidence> {
    let bytes = host.read(path, host::SMALL).ok()?;
    let (mut relevant, mut goes_on) = (false, false);
    (1_u32..).zip(String::from_utf8_lossy(&bytes).lines()).find_map(|(number, line)| {
        if !goes_on {
            let key = line.split('=').next().unwrap_or_default().trim();
            relevant = matches!(key, "ExecStart" | "Environment");
        }
        goes_on = line.ends_with('\\');
        let words = line.split(['"', '\'', ' ', '\t', '=']);
        override_flag(words, build).filter(|_| relevant).map(|flag| Evidence::at(path, number).says(flag))
    })
}

/// The first flag among words that makes sshd read another file, or sets a keyword that any judge asks for. Red Hat's
/// units set ciphers and the like in this way, which decide nothing here.
fn override_flag<'a>(words: impl Iterator<Item = &'a str>, build: &Build) -> Option<&'static str> {
    let mut words = words.filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        // Flags without an argument may stand before it in the same word.
        let flags =
            word.strip_prefix('-').map(|flags| flags.trim_start_matches(['4', '6', 'D', 'd', 'e', 'i', 'q']));
        match flags.map(|flags| flags.split_at_checked(1)) {
            Some(Some(("f", _))) => return Some("-f"),
            Some(Some(("o", rest))) => {
                let option = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
                let name = option.split('=').next().unwrap_or_default();
                if keywords::find(name, build).is_none_or(|keyword| keywords::is_recorded(keyword.name)) {
                    return Some("-o");
                }
            }
            _ => {}
        }
    }
    None
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
        let places: Vec<String> = command_line(&tree, &crate::facts::sshd::testing::build())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(places, ["/etc/default/ssh:2: -o", "/proc/12/cmdline: -f"]);
        assert!(
            command_line(
                &Tree::new(Timestamp(0)).file("/etc/default/ssh", "SSHD_OPTS=\n"),
                &crate::facts::sshd::testing::build()
            )
            .is_empty()
        );
    }

    #[test]
    fn units_of_the_administrator_count_before_any_daemon_runs() {
        let drop_in = "[Service]\nExecStartPre=/bin/install -o root /run/x\nExecStart=\n\
                       ExecStart=-/usr/sbin/sshd -i \\\n  -o \"PasswordAuthentication yes\"\n";
        let tree = Tree::new(Timestamp(0))
            .file("/etc/systemd/system/ssh@.service.d/o.conf", drop_in)
            .file("/etc/systemd/system/sshd.service", "[Service]\nEnvironment=SSHD_OPTS=-Df/srv/x\n")
            .file("/etc/systemd/system/ssh.service.d/limits.conf", "[Service]\nLimitNOFILE=-o\n");
        let places: Vec<String> = command_line(&tree, &crate::facts::sshd::testing::build())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            places,
            ["/etc/systemd/system/ssh@.service.d/o.conf:5: -o", "/etc/systemd/system/sshd.service:2: -f",]
        );
    }

    #[test]
    fn ciphers_on_the_command_line_decide_nothing() {
        for (options, wanted) in [
            ("-D -oCiphers=aes256-gcm@openssh.com -oGSSAPIKexAlgorithms=x- -oKexAlgorithms=y", None),
            ("-D -o MACs=x -o PermitRootLogin=yes", Some("-o")),
            ("-o Nonsense=1", Some("-o")),
            ("-o", Some("-o")),
        ] {
            assert_eq!(
                override_flag(options.split(' '), &crate::facts::sshd::testing::build()),
                wanted,
                "{options}"
            );
        }
    }
}
