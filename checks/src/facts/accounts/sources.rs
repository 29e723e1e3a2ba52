//! Where accounts come from besides the files: the `passwd:` line of nsswitch.conf(5).

use super::files::Complaints;
use crate::host::{Host, SMALL};

/// Folders of user records that nss-systemd(8) and systemd-homed(8) serve as accounts that may log in.
const USER_RECORDS: &[(&str, &str)] = &[
    ("/etc/userdb", ".user"),
    ("/run/userdb", ".user"),
    ("/usr/lib/userdb", ".user"),
    ("/var/lib/systemd/home", ".identity"),
];

/// Folders of records that put accounts into groups, see nss-systemd(8).
const MEMBERSHIPS: &[(&str, &str)] = &[
    ("/etc/userdb", ".membership"),
    ("/run/userdb", ".membership"),
    ("/usr/lib/userdb", ".membership"),
    ("/var/lib/systemd/home", ".identity"),
];

/// The services that may know accounts which the files do not list. Without a configuration glibc asks the files.
pub(super) fn other_sources(host: &dyn Host, includes_nis: bool, complaints: &mut Complaints) -> Vec<String> {
    sources(host, &["passwd"], includes_nis, USER_RECORDS, complaints)
}

/// The services that may put an account into groups which the files do not tell of.
pub(super) fn group_sources(host: &dyn Host, includes_nis: bool, complaints: &mut Complaints) -> Vec<String> {
    sources(host, &["group", "initgroups"], includes_nis, MEMBERSHIPS, complaints)
}

fn sources(
    host: &dyn Host,
    databases: &[&str],
    includes_nis: bool,
    records: &[(&str, &str)],
    complaints: &mut Complaints,
) -> Vec<String> {
    let content = match host.read("/etc/nsswitch.conf", SMALL) {
        Ok(content) => content,
        Err(gap) if gap.is_absent() => Vec::new(),
        Err(gap) => {
            complaints.add(gap.to_string());
            Vec::new()
        }
    };
    let text = String::from_utf8_lossy(&content);
    let named = databases.iter().flat_map(|database| services(&text, database));
    let mut sources: Vec<String> = named
        .filter(|service| match service.as_str() {
            "files" => false,
            "compat" => includes_nis,
            "systemd" => records.iter().any(|(folder, ending)| {
                host.list(folder).is_ok_and(|names| names.iter().any(|name| name.ends_with(ending)))
            }),
            "sss" => has_sssd(host),
            _ => true,
        })
        .collect();
    sources.dedup();
    sources
}

/// Whether SSSD may serve accounts. Its unit does not start it without one of these files, sssd.conf(5), and authselect
/// names it in nsswitch.conf of every RHEL 8 and 9 all the same. What cannot be seen may be there.
fn has_sssd(host: &dyn Host) -> bool {
    let main = !host.stat("/etc/sssd/sssd.conf").is_err_and(|gap| gap.is_absent());
    let parts = match host.list("/etc/sssd/conf.d") {
        Ok(names) => names.iter().any(|name| name.ends_with(".conf")),
        Err(gap) => !gap.is_absent(),
    };
    main || parts
}

/// The services of a database of nsswitch.conf(5), without the actions in brackets. Its last line counts.
pub(crate) fn services(content: &str, database: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in content.lines() {
        let line = line.split('#').next().unwrap_or("");
        let Some((name, services)) = line.split_once(':') else { continue };
        if name.trim() != database {
            continue;
        }
        found.clear();
        let mut inside = false;
        for word in services.replace('[', " [").replace(']', "] ").split_whitespace() {
            inside |= word.starts_with('[');
            if !inside && !found.iter().any(|known| known == word) && found.len() < 100 {
                found.push(word.to_owned());
            }
            inside &= !word.ends_with(']');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::Gap;
    use crate::host::Tree;

    fn sources(tree: Tree, conf: &str, nis: bool) -> Vec<String> {
        other_sources(&tree.file("/etc/nsswitch.conf", conf), nis, &mut Complaints::default())
    }

    #[test]
    fn directories_are_named_and_made_up_accounts_are_not() {
        let tree = Tree::new(Timestamp(0));
        let conf = "group: files ldap\npasswd:  files[NOTFOUND=return UNAVAIL=continue] systemd sss # x\n";
        assert!(sources(tree.clone(), conf, false).is_empty());
        let sssd = tree.clone().file("/etc/sssd/sssd.conf", "");
        assert_eq!(sources(sssd.clone(), conf, false), ["sss"]);
        assert_eq!(sources(sssd.file("/etc/userdb/ada.user", "{}"), conf, false), ["systemd", "sss"]);
        assert_eq!(sources(tree.clone().file("/etc/sssd/conf.d/ad.conf", ""), conf, false), ["sss"]);
        assert!(sources(tree.clone().dir("/etc/sssd/conf.d"), conf, false).is_empty());
        let hidden = tree.clone().refuse("/etc/sssd/conf.d", Gap::denied("/etc/sssd/conf.d"));
        assert_eq!(sources(hidden, conf, false), ["sss"]);
        assert_eq!(sources(tree.clone(), "passwd: compat\n", true), ["compat"]);
        assert!(sources(tree.clone(), "passwd: compat\n", false).is_empty());
        assert!(other_sources(&tree, true, &mut Complaints::default()).is_empty());
    }
}
