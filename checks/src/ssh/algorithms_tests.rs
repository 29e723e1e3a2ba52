//! What is weak, what is dated and what is fine in the lists of real releases, with every way to change them.

use super::*;
use crate::check::Verdict;
use crate::facts::host_keys::{HostKey, HostKeys};
use crate::facts::processes::{Process, Processes};
use crate::facts::units::Units;
use crate::facts::{ssh_servers, sshd};
use crate::gap::Reading;
use crate::host::Tree;

const DEBIAN_11: &str = "OpenSSH_8.4p1 Debian-5+deb11u3";
const DEBIAN_12: &str = "OpenSSH_9.2p1 Debian-2+deb12u7";
const DEBIAN_13: &str = "OpenSSH_10.0p2 Debian-7";
/// What crypto-policies(7) of RHEL 9 gives sshd at its level DEFAULT, reached as its drop-in does.
const RHEL_9: &str = "Include /etc/crypto-policies/back-ends/opensshserver.config\n";
const DEFAULT_POLICY: &str =
    include_str!("../../../tests/roots/rhel9-like/root/usr/share/crypto-policies/DEFAULT/opensshserver.txt");

fn tree(release: &str, config: &str, arguments: &str) -> Tree {
    let tree = Tree::default()
        .file("/usr/sbin/sshd", format!("\0{release}\0"))
        .file("/etc/ssh/sshd_config", config)
        .file("/etc/crypto-policies/back-ends/opensshserver.config", DEFAULT_POLICY)
        .file("/proc/0/cmdline", format!("/usr/sbin/sshd\0-D{arguments}"));
    match release.contains("Debian") {
        true => tree,
        false => tree.file("/etc/os-release", "ID=\"rhel\"\n"),
    }
}

fn facts(tree: &Tree) -> Facts {
    let process = Process { name: "sshd".into(), ..Process::default() };
    let mut facts = Facts {
        processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
        units: Ok(Units::default()).into(),
        ..Facts::default()
    };
    facts.ssh_servers = Ok(ssh_servers::read(tree, &facts)).into();
    facts.sshd = sshd::read(tree, &facts).into();
    facts
}

fn judged(release: &str, config: &str) -> Judgement {
    judge(&facts(&tree(release, config, "")), &Policy::default()).unwrap()
}

fn weak(judgement: &Judgement) -> Vec<&str> {
    judgement.findings.iter().map(|finding| finding.subject.as_str()).collect()
}

fn said(judgement: &Judgement) -> String {
    judgement.observations.iter().map(|observation| format!("{}\n", observation.message)).collect()
}

#[test]
fn defaults_of_every_distribution_pass_and_say_what_is_dated() {
    for (release, config, dated) in [
        (DEBIAN_11, "", &["ssh-rsa, ssh-rsa-cert-v01@openssh.com: it signs", "hmac-sha1, ", "umac-64@"][..]),
        (DEBIAN_12, "", &["hmac-sha1, hmac-sha1-etm@openssh.com: SHA-1 holds", "umac-64@"]),
        (DEBIAN_13, "", &["hmac-sha1, ", "umac-64@"]),
        ("OpenSSH_8.7p1", RHEL_9, &["hmac-sha1, "]),
    ] {
        let judgement = judged(release, config);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{release}: {judgement:?}");
        for wanted in dated {
            assert!(said(&judgement).contains(wanted), "{release}: {wanted}: {}", said(&judgement));
        }
        assert_eq!(said(&judgement).contains("ssh-rsa"), release == DEBIAN_11, "{}", said(&judgement));
        assert_eq!(
            said(&judgement).matches("dated as").count(),
            dated.len() + usize::from(release == DEBIAN_11)
        );
    }
}

#[test]
fn what_lines_make_of_the_offer() {
    for (release, config, wanted) in [
        (DEBIAN_12, "Ciphers aes256-ctr,aes128-cbc", &["aes128-cbc"][..]),
        (DEBIAN_12, "Ciphers +3des-cbc", &["3des-cbc"]),
        (DEBIAN_12, "Ciphers -*-cbc\nCiphers +aes128-cbc", &[]),
        (DEBIAN_12, "Ciphers +aes128-cbc\nCiphers -*-cbc", &["aes128-cbc"]),
        (
            DEBIAN_12,
            "MACs hmac-md5,hmac-sha1-96-etm@openssh.com",
            &["hmac-md5", "hmac-sha1-96-etm@openssh.com"],
        ),
        (DEBIAN_12, "MACs umac-64@openssh.com,hmac-sha1", &[]),
        (DEBIAN_12, "KexAlgorithms ^diffie-hellman-group1-sha1", &["diffie-hellman-group1-sha1"]),
        (DEBIAN_12, "KexAlgorithms +diffie-hellman-group14-sha1", &[]),
        (
            DEBIAN_12,
            "KexAlgorithms diffie-hellman-group-exchange-sha1",
            &["diffie-hellman-group-exchange-sha1"],
        ),
        (DEBIAN_12, "HostKeyAlgorithms +ssh-rsa", &["ssh-rsa"]),
        (DEBIAN_12, "PubkeyAcceptedKeyTypes +ssh-dss", &["ssh-dss"]),
        (DEBIAN_12, "PubkeyAcceptedAlgorithms +ssh-rsa\nPubkeyAuthentication no", &[]),
        (DEBIAN_11, "PubkeyAcceptedKeyTypes ssh-rsa", &[]),
        (DEBIAN_11, "PubkeyAcceptedKeyTypes +ssh-dss", &["ssh-dss"]),
        ("OpenSSH_8.7p1", &format!("Ciphers +aes128-cbc\n{RHEL_9}"), &["aes128-cbc"]),
        ("OpenSSH_8.7p1", &format!("{RHEL_9}Ciphers +aes128-cbc\n"), &[]),
    ] {
        let judgement = judged(release, config);
        assert_eq!(weak(&judgement), wanted, "{release} {config}");
        let verdict = if wanted.is_empty() { Verdict::Pass } else { Verdict::Fail };
        assert_eq!(judgement.verdict(), verdict, "{release} {config}: {judgement:?}");
    }
}

#[test]
fn the_command_line_counts_as_crypto_policies_of_old_did() {
    let facts = facts(&tree(DEBIAN_12, "Ciphers aes256-ctr\n", "\0-oCiphers=aes256-ctr,aes256-cbc"));
    let judgement = judge(&facts, &Policy::default()).unwrap();
    assert_eq!(weak(&judgement), ["aes256-cbc"]);
    assert_eq!(judgement.findings[0].evidence[0].source, "/proc/0");
}

#[test]
fn match_blocks_change_what_users_may_sign_with() {
    let block = "Match User old\nPubkeyAcceptedAlgorithms +ssh-rsa\n";
    let judgement = judged(DEBIAN_12, block);
    let [finding] = &judgement.findings[..] else { panic!("{judgement:?}") };
    assert!(finding.message.contains("signature of users where Match User old holds"), "{}", finding.message);
    assert_eq!(finding.evidence[0].line, Some(2));
    assert!(judgement.remedy.unwrap().contains("Match blocks beat that"));
    let many: String =
        (0..5_000).map(|n| format!("Match User u{n}\nPubkeyAcceptedAlgorithms +ssh-rsa\n")).collect();
    let judgement = judged(DEBIAN_12, &many);
    assert!(judgement.findings.len() == 1 && judgement.findings[0].evidence.len() == 9);
    assert!(judgement.findings[0].message.contains("Match User u0 holds, and by 4999 more lines"));
    let late = "Match User old\nPubkeyAcceptedAlgorithms ssh-ed25519\nPubkeyAcceptedAlgorithms +ssh-rsa\n";
    assert_eq!(judged(DEBIAN_12, late).verdict(), Verdict::Pass);
    let other = format!("PubkeyAcceptedAlgorithms ssh-ed25519\n{block}");
    assert_eq!(weak(&judged(DEBIAN_12, &other)), ["ssh-rsa"]);
}

#[test]
fn a_host_key_signs_only_where_there_is_one() {
    let mut facts = facts(&tree(DEBIAN_12, "HostKeyAlgorithms +ssh-rsa,ssh-dss", ""));
    let mut with = |found: HostKeys| {
        facts.host_keys = Ok(found).into();
        weak(&judge(&facts, &Policy::default()).unwrap()).join(" ")
    };
    let key = |kind: &str| HostKey { kind: kind.to_owned(), ..HostKey::default() };
    let keys = vec![key("ssh-ed25519"), key("ssh-rsa")];
    assert_eq!(with(HostKeys { keys: keys.clone(), ..HostKeys::default() }), "ssh-rsa");
    assert_eq!(with(HostKeys { keys: vec![key("ssh-ed25519")], ..HostKeys::default() }), "");
    // A key that could not be read may be of any type.
    assert_eq!(with(HostKeys { keys: vec![key("")], ..HostKeys::default() }), "ssh-dss ssh-rsa");
    let gaps = vec![Gap::denied("/etc/ssh/ssh_host_dsa_key")];
    assert_eq!(with(HostKeys { keys, gaps, ..HostKeys::default() }), "ssh-dss ssh-rsa");
}

#[test]
fn key_exchange_by_gssapi_takes_a_key_of_kerberos() {
    for (config, keytab, wanted) in [
        ("GSSAPIKeyExchange yes", Ok(true), Verdict::Fail),
        ("GSSAPIKeyExchange yes", Ok(false), Verdict::Pass),
        ("GSSAPIKeyExchange yes", Err(Gap::denied("/etc/krb5.keytab")), Verdict::Unknown),
        ("GSSAPIKeyExchange yes\nGSSAPIKexAlgorithms gss-group16-sha512-", Ok(true), Verdict::Pass),
        ("", Ok(true), Verdict::Pass),
        ("", Err(Gap::denied("/etc/krb5.keytab")), Verdict::Pass),
    ] {
        let mut facts = facts(&tree(DEBIAN_12, config, ""));
        let Reading::Known(sshd) = &mut facts.sshd else { panic!() };
        sshd.keytab = keytab.into();
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), wanted, "{config}: {judgement:?}");
    }
}

#[test]
fn findings_name_line_kind_and_what_to_write() {
    let judgement = judged(DEBIAN_12, "# old switches\nCiphers +3des-cbc,aes128-cbc\nMACs +hmac-md5\n");
    let finding = &judgement.findings[0];
    assert_eq!(finding.evidence[0].to_string(), "/etc/ssh/sshd_config:2: Ciphers … 3des-cbc");
    assert!(finding.message.starts_with("is offered by sshd as cipher: "), "{}", finding.message);
    let remedy = judgement.remedy.unwrap();
    for words in ["`Ciphers -3des-cbc,aes128-cbc` and `MACs -hmac-md5`", "sshd -t && ", "second login"] {
        assert!(remedy.contains(words), "{remedy}");
    }
    // sshd's own list is not what crypto-policies mean.
    assert_eq!(judged("OpenSSH_8.7p1", &format!("Ciphers +aes128-cbc\n{RHEL_9}")).remedy, None);
}

#[test]
fn what_is_not_known_is_no_pass() {
    for config in ["Include /etc/ssh/d/*\n", "Ciphers nonsense\n"] {
        let tree = tree(DEBIAN_12, config, "").refuse("/etc/ssh/d/x", Gap::denied("/etc/ssh/d/x"));
        let judgement = judge(&facts(&tree), &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown, "{config}");
    }
    let mut stale = facts(&tree(DEBIAN_12, "", ""));
    let Reading::Known(sshd) = &mut stale.sshd else { panic!() };
    let Reading::Known(config) = &mut sshd.config else { panic!() };
    config.changed.0 += 1;
    assert_eq!(judge(&stale, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
}

#[test]
fn other_servers_are_not_taken_for_sshd() {
    let with = |other: Other, sshd: bool| {
        let mut facts = facts(&tree(DEBIAN_12, "", ""));
        let Reading::Known(servers) = &mut facts.ssh_servers else { panic!() };
        servers.others = vec![other];
        if !sshd {
            servers.daemons.clear();
            let Reading::Known(sshd) = &mut facts.sshd else { panic!() };
            sshd.program = Err(Gap::absent("sshd")).into();
        }
        judge(&facts, &Policy::default()).unwrap().verdict()
    };
    let other = |name: &str, early| Other { name: name.to_owned(), early, ..Other::default() };
    for sshd in [false, true] {
        assert_eq!(with(other("dropbear", false), sshd), Verdict::Unknown);
        // Before the disks are unlocked, where sshd comes afterwards.
        let early = if sshd { Verdict::Pass } else { Verdict::Unknown };
        assert_eq!(with(other("dropbear", true), sshd), early);
        assert_eq!(with(other("tinysshd", false), sshd), Verdict::Pass);
    }
}

#[test]
fn every_reason_has_a_source_and_every_pattern_a_chance() {
    for (index, (pattern, _, why, source)) in TABLE.iter().enumerate() {
        assert!(!why.is_empty() && !source.is_empty(), "{pattern}");
        let name = pattern.replace('*', "");
        let first = TABLE.iter().position(|(pattern, ..)| patterns::matches(pattern, &name));
        assert_eq!(first, Some(index), "{pattern} is never reached");
    }
}
