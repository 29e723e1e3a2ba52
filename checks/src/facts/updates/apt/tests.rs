//! Hosts made of a few stanzas: what is pending, what is not known.

use super::lists::LISTS;
use super::*;
use crate::date::{DAY, Timestamp};
use crate::facts::updates;
use crate::gap::{GapKind, Reading};
use crate::host::Tree;

fn read(host: &dyn Host, facts: &Facts) -> Result<Updates, Gap> {
    updates::read(host, facts)
}

const NOW: Timestamp = Timestamp(1_795_348_800); // 2026-11-22T12:00:00Z

const SOURCES: &str = "deb http://deb.example.org/debian bookworm main contrib\n\
                       deb http://user:secret@deb.example.org/debian-security bookworm-security main\n\
                       deb http://deb.example.org/debian bookworm-backports main\n";

fn release(label: &str, suite: &str, codename: &str, more: &str, packages: &str) -> String {
    format!(
        "Origin: Debian\nLabel: {label}\nSuite: {suite}\nCodename: {codename}\nDate: Sat, 21 Nov 2026 12:00:00 UTC\n\
         {more}SHA256:\n aa {} main/binary-amd64/Packages\n bb 0 contrib/binary-amd64/Packages\n",
        packages.len()
    )
}

fn stanzas(packages: &[(&str, &str)]) -> String {
    packages
        .iter()
        .map(|(name, version)| format!("Package: {name}\nArchitecture: amd64\nVersion: {version}\n\n"))
        .collect()
}

fn with_index(host: Tree, archive: &str, codename: &str, release: &str, packages: &str) -> Tree {
    let prefix = format!("{LISTS}/deb.example.org_{archive}_dists_{codename}_");
    host.file(&format!("{prefix}InRelease"), release)
        .with(&format!("{prefix}InRelease"), |node| node.modified = Timestamp(NOW.0 - 3 * DAY))
        .file(&format!("{prefix}main_binary-amd64_Packages"), packages)
}

fn debian(main: &str, security: &str, backports: &str) -> Tree {
    let host = Tree::new(NOW).file("/etc/apt/sources.list", SOURCES);
    let host =
        with_index(host, "debian", "bookworm", &release("Debian", "oldstable", "bookworm", "", main), main);
    let of_security = release("Debian-Security", "oldstable-security", "bookworm-security", "", security);
    let host = with_index(host, "debian-security", "bookworm-security", &of_security, security);
    let more = "NotAutomatic: yes\nButAutomaticUpgrades: yes\n";
    let of_backports =
        release("Debian Backports", "oldstable-backports", "bookworm-backports", more, backports);
    with_index(host, "debian", "bookworm-backports", &of_backports, backports)
}

fn facts(installed: &[(&str, &str)]) -> Facts {
    let installed =
        installed.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
    let held = BTreeSet::from(["held".to_owned()]);
    let packages = Packages { architecture: "amd64".into(), installed, held, ..Packages::default() };
    Facts { taken_at: NOW, packages: Reading::Known(packages), ..Facts::default() }
}

fn lines(updates: &Updates) -> Vec<String> {
    let line = |p: &Pending| {
        let security = if p.security { " security" } else { "" };
        let status =
            if p.status == Status::Upgradable { String::new() } else { format!(" {}", p.status.name()) };
        let (to, origin) = (&p.candidate, &p.origin);
        format!("{}:{} {} -> {to} {origin}{security}{status}", p.package, p.architecture, p.installed)
    };
    updates.pending.iter().map(line).collect()
}

#[test]
fn the_highest_version_that_apt_would_choose() {
    let main = stanzas(&[("a", "1"), ("b", "2"), ("held", "2"), ("mid", "9"), ("back", "1"), ("stays", "1")]);
    let security = stanzas(&[("a", "1+deb12u1"), ("b", "1.5"), ("held", "1.5"), ("mid", "5")]);
    let backports = stanzas(&[("a", "3~bpo12+1"), ("back", "5~bpo12+1"), ("stays", "4~bpo")]);
    let installed = [
        ("a", "1"),
        ("b", "2"),
        ("held", "1"),
        ("mid", "1"),
        ("back", "4~bpo12+1"),
        ("stays", "1"),
        ("local", "0"),
    ];
    let updates = read(&debian(&main, &security, &backports), &facts(&installed)).unwrap();
    assert_eq!(
        lines(&updates),
        [
            "a:amd64 1 -> 1+deb12u1 Debian-Security/oldstable-security security",
            "back:amd64 4~bpo12+1 -> 5~bpo12+1 Debian Backports/oldstable-backports",
            "held:amd64 1 -> 2 Debian/oldstable security held",
            "mid:amd64 1 -> 9 Debian/oldstable security",
        ]
    );
    assert_eq!(updates.compared, 7);
    assert!(
        updates.suites.iter().all(|suite| suite.index.value().is_some_and(|index| index.unread.is_empty()))
    );
    assert_eq!(updates.suites[1].archive, "deb.example.org/debian-security");
    assert!(!format!("{updates:?}").contains("secret"), "credentials of a source are no fact");
}

#[test]
fn facts_survive_toml() {
    let host = debian(&stanzas(&[("a", "2")]), "", "").file("/etc/apt/preferences", "Package: x\n");
    let mut facts = facts(&[("a", "1")]);
    facts.updates = read(&host, &facts).into();
    let text = toml::to_string(&facts).unwrap();
    assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts, "{text}");
}

#[test]
fn knowledge_is_as_old_as_the_index_and_not_as_the_last_try() {
    let updates = read(&debian("", "", ""), &facts(&[])).unwrap();
    let index = updates.suites[1].index.known().unwrap();
    assert_eq!(index.known_at(NOW), Some(Timestamp(NOW.0 - DAY)), "Date beats an older file");
    let mut index = index.clone();
    index.modified = Timestamp(NOW.0 - 60);
    assert_eq!(index.known_at(NOW), Some(Timestamp(NOW.0 - 60)), "a later download beats Date");
    (index.dated, index.modified) = (Some(Timestamp(NOW.0 * 2)), Timestamp(NOW.0 * 2));
    assert_eq!(index.known_at(NOW), None, "the future tells nothing");
}

#[test]
fn what_is_not_on_disk_or_not_readable_is_a_gap() {
    let none = Tree::new(NOW).file("/etc/apt/sources.list", SOURCES);
    let updates = read(&none, &facts(&[])).unwrap();
    assert_eq!(updates.suites.len(), 3);
    let gap = updates.suites[1].index.known().unwrap_err();
    assert_eq!(
        gap.to_string(),
        "the index of deb.example.org/debian-security bookworm-security in /var/lib/apt/lists does not exist"
    );
    assert!(updates.suites[1].is_security());

    let list = format!("{LISTS}/deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages");
    let gaps = |host: &Tree| read(host, &facts(&[])).unwrap().suites[0].index.known().unwrap().unread.clone();
    let truncated = debian(&stanzas(&[("a", "1"), ("b", "2")]), "", "").file(&list, "Package: a\n");
    assert!(gaps(&truncated)[0].what.contains("has not the length"));
    let denied = debian("x", "", "").refuse(&list, Gap::denied(list.clone()));
    assert_eq!(gaps(&denied)[0].why, GapKind::Denied);

    let packed = Tree::new(NOW)
        .file("/etc/apt/sources.list", "deb http://deb.example.org/debian bookworm main\n")
        .file(
            &format!("{LISTS}/deb.example.org_debian_dists_bookworm_InRelease"),
            release("", "", "bookworm", "", "x"),
        );
    assert_eq!(gaps(&packed)[0].why, GapKind::Absent);
    let torn = packed.clone().file(&format!("{list}.lz4"), "x");
    assert!(gaps(&torn)[0].what.contains("Packages.lz4 cannot be read to its end"), "{:?}", gaps(&torn));
    let packed = packed.file(&format!("{list}.bz2"), "");
    assert!(gaps(&packed)[0].what.ends_with("Packages is packed in a way that hostduty does not read"));
}

#[test]
fn without_the_packages_nothing_is_pending_and_nothing_is_known() {
    let mut facts = facts(&[]);
    facts.packages = Reading::default();
    assert_eq!(read(&Tree::new(NOW), &facts).unwrap_err().why, GapKind::NotGathered);
}

/// As Ubuntu's client leaves a machine without a subscription, by its documentation: no machine of ours has had one.
#[test]
fn esm_without_a_subscription_is_withheld_by_the_pin_of_ubuntus_client() {
    let pin = "Package: *\nPin: release o=UbuntuESMApps, n=jammy\nPin-Priority: never\n";
    let packages = stanzas(&[("ruby", "2~esm1")]);
    let of_esm = release("Ubuntu", "jammy-apps-security", "jammy", "", &packages)
        .replace("Origin: Debian", "Origin: UbuntuESMApps");
    let sources = "deb http://deb.example.org/apps/ubuntu jammy-apps-security main\n";
    let host = Tree::new(NOW).file("/etc/apt/sources.list", sources);
    let host = with_index(host, "apps_ubuntu", "jammy-apps-security", &of_esm, &packages);
    let subscribed = read(&host, &facts(&[("ruby", "1")])).unwrap();
    assert_eq!((subscribed.withheld.len(), subscribed.pending.len()), (0, 1), "{subscribed:?}");
    let place = "/etc/apt/preferences.d/ubuntu-pro-esm-apps";
    let updates = read(&host.clone().file(place, pin), &facts(&[("ruby", "1")])).unwrap();
    assert_eq!(updates.pending.len(), 0);
    let [withheld] = updates.withheld.as_slice() else { panic!("{updates:?}") };
    assert_eq!((withheld.package.as_str(), withheld.version.as_str()), ("ruby", "2~esm1"));
    assert_eq!(withheld.by.as_ref().unwrap().source, place);
    assert!(updates.is_esm(&withheld.origin) && updates.suites[0].is_security());
    // With nothing to withhold the pin is there all the same.
    let never = |updates: &Updates| updates.suites[0].index.known().unwrap().never;
    assert!(!never(&subscribed) && never(&updates));
    let idle = read(&host.file(place, pin), &facts(&[("ruby", "2~esm1")])).unwrap();
    assert!(idle.withheld.is_empty() && never(&idle), "{idle:?}");
}
