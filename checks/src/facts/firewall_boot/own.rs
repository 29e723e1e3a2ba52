//! What an administrator wrote to load a packet filter: units with scripts, rc.local, hooks of interfaces, cron.

use crate::facts::units::Unit;
use crate::host::{Host, read_text};

/// A script that is longer is not one that somebody wrote by hand.
const LONG: usize = 64 << 10;
/// Files of a folder that are looked at.
const MANY: usize = 200;

/// Whether a unit starts a tool that loads rules, itself or through a script.
pub(super) fn loads(host: &dyn Host, unit: &Unit) -> bool {
    if unit.programs.iter().any(|program| is_tool(program)) {
        return true;
    }
    // Scripts and shells of units that start; the vendor's programs are none.
    let scripted = unit.programs.iter().any(|program| {
        let base = program.rsplit('/').next().unwrap_or_default();
        ["sh", "bash", "dash", "env", "ash"].contains(&base)
    });
    if scripted && (mentioned(host, &unit.path) || unit.drop_ins.iter().any(|path| mentioned(host, path))) {
        return true;
    }
    let vendor = ["/usr/bin/", "/usr/sbin/", "/usr/lib", "/bin/", "/sbin/", "/lib"];
    unit.programs
        .iter()
        .filter(|program| {
            program.starts_with('/') && !vendor.iter().any(|folder| program.starts_with(folder))
        })
        .any(|program| {
            host.read_at(program, 0, 2).is_ok_and(|first| first == b"#!") && mentioned(host, program)
        })
}

fn is_tool(program: &str) -> bool {
    let base = program.rsplit('/').next().unwrap_or(program);
    base == "nft" || base.starts_with("iptables") || base.starts_with("ip6tables")
}

/// Whether a file has a line that is no comment with the name of such a tool as a word.
fn mentioned(host: &dyn Host, path: &str) -> bool {
    read_text(host, path, LONG).is_ok_and(|text| text.lines().any(mentions))
}

fn mentions(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with('#')
        && line
            .split(|letter: char| !(letter.is_ascii_alphanumeric() || "/-_.".contains(letter)))
            .any(is_tool)
}

/// What else runs at boot and speaks of such a tool.
pub(super) fn elsewhere(host: &dyn Host) -> Vec<String> {
    let mut places =
        ["/etc/rc.local", "/etc/rc.d/rc.local", "/etc/network/interfaces", "/etc/local.d/firewall.start"]
            .map(str::to_owned)
            .to_vec();
    for folder in [
        "/etc/network/if-pre-up.d",
        "/etc/network/if-up.d",
        "/etc/network/interfaces.d",
        "/etc/networkd-dispatcher/routable.d",
        "/etc/networkd-dispatcher/configured.d",
        "/etc/NetworkManager/dispatcher.d",
        "/etc/NetworkManager/dispatcher.d/pre-up.d",
        "/etc/local.d",
    ] {
        let names = host.list(folder).unwrap_or_default();
        places.extend(names.iter().take(MANY).map(|name| format!("{folder}/{name}")));
    }
    let mut found: Vec<String> = places.into_iter().filter(|path| mentioned(host, path)).collect();
    let mut tables = vec!["/etc/crontab".to_owned()];
    for folder in ["/etc/cron.d", "/var/spool/cron/crontabs", "/var/spool/cron"] {
        let names = host.list(folder).unwrap_or_default();
        tables.extend(names.iter().take(MANY).map(|name| format!("{folder}/{name}")));
    }
    for path in tables {
        let text = read_text(host, &path, LONG).unwrap_or_default();
        // What else it starts may load rules as well; without the tool's name that is a guess.
        if text.lines().any(|line| line.trim_start().starts_with("@reboot") && mentions(line)) {
            found.push(path);
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn scripts_that_name_a_tool_are_found() {
        let host = Tree::new(Timestamp(0))
            .file("/etc/rc.local", "#!/bin/sh\n# nft is not used\n/sbin/iptables-restore </root/rules\n")
            .file("/etc/network/if-up.d/nothing", "echo nftables\n")
            .file("/etc/cron.d/own", "@reboot root nft -f /root/rules\n")
            .file("/usr/local/sbin/open", "#!/bin/sh\niptables -F\n")
            .file("/usr/local/sbin/program", "\u{7f}ELF iptables");
        assert_eq!(elsewhere(&host), ["/etc/cron.d/own", "/etc/rc.local"]);
        let starts = |program: &str| Unit { programs: vec![program.to_owned()], ..Unit::default() };
        assert!(loads(&host, &starts("/usr/local/sbin/open")));
        assert!(!loads(&host, &starts("/usr/local/sbin/program")));
        assert!(loads(&host, &starts("/usr/sbin/nft")));
        assert!(!loads(&host, &starts("/usr/sbin/sshd")));
    }
}
