//! Whole hosts with what dnf and zypper have fetched, and hostile files in place of it.

use std::io::Write;

use super::*;
use crate::date::Timestamp;
use crate::facts::packages::Manager;
use crate::facts::packages::rpm::Installed;
use crate::gap::GapKind;
use crate::host::Tree;

const NOW: Timestamp = Timestamp(1_795_348_800);
const DNF: &str = "/var/cache/dnf/base-0123456789abcdef/repodata";
const ZYPPER: &str = "/var/cache/zypp/raw/base/repodata";
const PRIMARY: &str = r#"<metadata xmlns:rpm="http://example.org/rpm">
    <package type="rpm"><name>openssl</name><arch>x86_64</arch><version epoch="1" ver="3.2" rel="2"/>
    <format><rpm:vendor>SUSE LLC</rpm:vendor></format></package></metadata>"#;
const UPDATEINFO: &str = r#"<updates><update type="security" status="final"><id>EX-1</id><pkglist><collection>
    <package name="openssl" epoch="1" version="3.2" release="1" arch="x86_64"/></collection></pkglist></update></updates>"#;

fn facts() -> Facts {
    let one = |name: &str, vendor: &str| Installed {
        name: name.into(),
        epoch: 1,
        version: "3.0".into(),
        release: "1".into(),
        architecture: "x86_64".into(),
        vendor: vendor.into(),
        ..Installed::default()
    };
    let rpm = vec![one("openssl", "openSUSE"), one("own", "me")];
    let installed = rpm.iter().map(|one| (one.name.clone(), one.evr())).collect();
    let packages = Packages {
        manager: Manager::Rpm,
        architecture: "x86_64".into(),
        installed,
        rpm,
        ..Packages::default()
    };
    Facts { packages: Reading::Known(packages), ..Facts::default() }
}

fn repomd(updateinfo: bool, more: &str) -> String {
    let advisories = if updateinfo {
        r#"<data type="updateinfo"><location href="repodata/b-updateinfo.xml"/></data>"#
    } else {
        ""
    };
    format!(
        r#"<repomd><revision>1795300000</revision><data type="primary"><location href="repodata/a-primary.xml"/>{more}
        </data>{advisories}</repomd>"#
    )
}

/// A host of dnf whose repository has an address that hangs on a variable.
fn dnf(primary: impl AsRef<[u8]>, updateinfo: &str) -> Tree {
    Tree::new(NOW)
        .file("/etc/yum.repos.d/a.repo", "[base]\nbaseurl=https://r.example.org/$releasever/\ngpgcheck=1\n")
        .file(format!("{DNF}/repomd.xml").as_str(), repomd(true, ""))
        .file(format!("{DNF}/a-primary.xml").as_str(), primary)
        .file(format!("{DNF}/b-updateinfo.xml").as_str(), updateinfo)
}

fn index(updates: &Updates) -> &Index {
    updates.suites[0].index.value().unwrap()
}

fn updates(host: &Tree) -> Updates {
    let facts = facts();
    read(host, &facts, facts.packages.value().unwrap()).unwrap()
}

#[test]
fn an_update_with_its_advisory() {
    let updates = updates(&dnf(PRIMARY, UPDATEINFO));
    assert_eq!(updates.unread, []);
    let one = &updates.pending[0];
    assert_eq!(
        (one.package.as_str(), one.candidate.as_str(), one.origin.as_str()),
        ("openssl", "1:3.2-2", "base")
    );
    assert!(one.security && !one.unclassified);
    assert_eq!(one.advisories, ["EX-1"]);
    assert_eq!(updates.unlisted.iter().collect::<Vec<_>>(), ["own"]);
    assert_eq!((index(&updates).advisories, updates.compared), (Some(1), 2));
}

#[test]
fn an_empty_list_of_advisories_classifies_nothing() {
    let updates = updates(&dnf(PRIMARY, "<updates/>"));
    assert_eq!(index(&updates).advisories, None);
    assert!(updates.pending[0].unclassified && !updates.pending[0].security);
}

#[test]
fn vendors_that_zypper_is_told_are_one() {
    let host = Tree::new(NOW)
        .file("/etc/zypp/repos.d/a.repo", "[base]\nbaseurl=https://r.example.org/\n")
        .file(format!("{ZYPPER}/repomd.xml").as_str(), repomd(false, ""))
        .file(format!("{ZYPPER}/a-primary.xml").as_str(), PRIMARY);
    assert_eq!(updates(&host).pending, [], "another vendor");
    let told = host.file("/etc/zypp/vendors.d/00-own.conf", "[main]\nvendors = openSUSE,SUSE,SUSE LLC\n");
    assert_eq!(updates(&told).pending.len(), 1);
}

#[test]
fn what_hostile_metadata_says_is_a_gap() {
    let bomb = format!("<metadata>{}", "<a/>".repeat(50_000));
    let entities = r#"<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><metadata>&b;</metadata>"#;
    let epoch = PRIMARY.replace("epoch=\"1\"", "epoch=\"99999999999\"");
    for primary in [&PRIMARY[..200], "", "<html/>", entities, &bomb, &epoch, "\u{1f}\u{8b}"] {
        let updates = updates(&dnf(primary, UPDATEINFO));
        let unread = &index(&updates).unread;
        assert!(
            unread.iter().any(|gap| gap.to_string().contains("a-primary.xml")),
            "{primary:.40}: {unread:?}"
        );
        assert!(index(&updates).lists.iter().all(|list| !list.contains("primary")), "{primary:.40}");
    }
    let torn = updates(&dnf(PRIMARY, &UPDATEINFO[..90]));
    assert!(index(&torn).unread[0].to_string().contains("b-updateinfo.xml"));
}

#[test]
fn a_file_that_unpacks_to_more_than_it_should_is_let_be() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&vec![b' '; 4 << 20]).unwrap();
    let text = repomd(false, "<open-size>1000</open-size>").replace("a-primary.xml", "a-primary.xml.gz");
    let host = dnf("", "")
        .file(format!("{DNF}/repomd.xml").as_str(), text)
        .file(format!("{DNF}/a-primary.xml.gz").as_str(), packed.finish().unwrap());
    assert_eq!(index(&updates(&host)).unread[0].why, GapKind::TooLarge);
}

/// Without bound on the work this takes minutes.
#[test]
fn a_tag_of_many_attributes_is_read_once() {
    let many: String = (0..300_000).map(|number| format!(" a{number}=''")).collect();
    let host = dnf(format!("<metadata><package><version{many}/></package></metadata>"), UPDATEINFO);
    assert!(index(&updates(&host)).unread[0].to_string().contains("without name or version"));
}

#[test]
fn what_is_configured_and_not_understood_or_not_there_is_said() {
    let host = dnf(PRIMARY, UPDATEINFO)
        .file("/etc/dnf/repos.override.d/a.repo", "[*]\nenabled=1\n")
        .file("/etc/dnf/dnf.conf", "[main]\ndisable_excludes=main\n")
        .file("/usr/share/dnf5/repos.d/b.repo", "[other]\nbaseurl=https://r.example.org/b\n");
    let updates = updates(&host);
    assert_eq!(updates.unread.len(), 2, "{:?}", updates.unread);
    let other = updates.suites.iter().find(|suite| suite.suite == "other").unwrap();
    assert_eq!(other.index.gap().unwrap().why, GapKind::Absent);
}

#[test]
fn zchunk_is_said_to_be_unreadable() {
    let host = Tree::new(NOW)
        .file("/etc/yum.repos.d/a.repo", "[base]\nbaseurl=https://r.example.org/$releasever/\n")
        .file(
            format!("{DNF}/repomd.xml").as_str(),
            repomd(false, "")
                .replace("</repomd>", "<data type=\"primary_zck\"><location href=\"z\"/></data></repomd>"),
        );
    assert_eq!(updates(&host).suites[0].index.gap().unwrap().why, GapKind::Unsupported);
}
