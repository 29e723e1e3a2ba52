//! Keys that open accounts, judged one by one and together.

use super::*;
use crate::check::Verdict;
use crate::date::{DAY, Timestamp};
use crate::facts::accounts::User;
use crate::facts::ssh_keys::Expiry;
use crate::facts::sshd::{Config, Line, Sshd};

const NOW: Timestamp = Timestamp(1_795_348_800);

fn key(kind: &str, bits: Option<u32>) -> AuthorizedKey {
    AuthorizedKey { kind: kind.into(), bits, line: 1, ..AuthorizedKey::default() }
}

fn judged(files: Vec<KeyFile>, config: &[(&str, &str)]) -> Judgement {
    let user = |name: &str, uid| User { name: name.into(), uid, ..User::default() };
    let users = vec![user("root", 0), user("toor", 0), user("anna", 1000), user("bob", 1001)];
    let keys = SshKeys { files, accounts: vec!["anna".into()], ..SshKeys::default() };
    let line = |(name, value): &(&str, &str)| Line {
        keyword: (*name).to_owned(),
        values: vec![(*value).to_owned()],
        at: Evidence::of("/etc/ssh/sshd_config"),
        under: None,
        refused: false,
    };
    let config = Config { lines: config.iter().map(line).collect(), ..Config::default() };
    let facts = Facts {
        taken_at: NOW,
        ssh_keys: Ok(keys).into(),
        accounts: Ok(Accounts { users, ..Accounts::default() }).into(),
        sshd: Ok(Sshd { config: Ok(config).into(), ..Sshd::default() }).into(),
        ..Facts::default()
    };
    judge(&facts, &Policy::default()).unwrap()
}

fn file(account: &str, keys: Vec<AuthorizedKey>) -> KeyFile {
    KeyFile { account: account.into(), path: format!("/{account}"), keys, ..KeyFile::default() }
}

fn verdict(key: AuthorizedKey) -> Verdict {
    judged(vec![file("anna", vec![key])], &[]).verdict()
}

#[test]
fn strengths() {
    for (kind, bits, wanted) in [
        ("ssh-dss", Some(1024), Verdict::Fail),
        ("ssh-rsa", Some(2047), Verdict::Fail),
        ("ssh-rsa", Some(2048), Verdict::Pass),
        ("ssh-rsa", None, Verdict::Unknown),
        ("ecdsa-sha2-nistp256", Some(256), Verdict::Pass),
        ("sk-ssh-ed25519@openssh.com", None, Verdict::Pass),
        ("ssh-new", None, Verdict::Unknown),
    ] {
        assert_eq!(verdict(key(kind, bits)), wanted, "{kind} {bits:?}");
    }
}

#[test]
fn a_key_that_opens_nothing_is_no_finding() {
    let weak = || key("ssh-rsa", Some(1024));
    assert_eq!(verdict(AuthorizedKey { passed_over: "why".into(), ..weak() }), Verdict::Pass);
    let until = |days: i64| Some(Expiry { at: Timestamp(NOW.0 + days * DAY), local: true });
    assert_eq!(verdict(AuthorizedKey { expires: until(-2), ..weak() }), Verdict::Pass);
    assert_eq!(verdict(AuthorizedKey { expires: until(0), ..weak() }), Verdict::Fail);
    assert_eq!(
        verdict(AuthorizedKey { unclear: "why".into(), ..key("ssh-ed25519", None) }),
        Verdict::Unknown
    );
    let closed = KeyFile { passed_over: "why".into(), ..file("anna", vec![weak()]) };
    assert_eq!(judged(vec![closed], &[]).verdict(), Verdict::Pass);
}

#[test]
fn exposed_files_and_files_that_are_not_known() {
    let exposed = || KeyFile { exposed: vec!["/h: anyone".into()], ..file("anna", vec![]) };
    for (config, wanted) in [
        (&[("strictmodes", "yes")][..], "so that sshd passes over it"),
        (&[("strictmodes", "no")], "StrictModes is switched off"),
        (&[], "so that sshd passes over it"),
    ] {
        let judgement = judged(vec![exposed()], config);
        assert!(judgement.findings[0].message.ends_with(wanted), "{judgement:?}");
    }
    let junk = KeyFile { malformed: vec![7, 9], ..file("anna", vec![]) };
    assert_eq!(judged(vec![junk], &[]).verdict(), Verdict::Pass);
    let gap = KeyFile { gap: Some(Gap::denied("/root/.ssh")), ..file("anna", vec![]) };
    assert_eq!(judged(vec![gap], &[]).verdict(), Verdict::Unknown);
    let gaps = SshKeys { gaps: vec![Gap::denied("x")], accounts: vec!["root".into()], ..SshKeys::default() };
    let facts = Facts { ssh_keys: Ok(gaps).into(), ..Facts::default() };
    assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
}

#[test]
fn a_key_of_another_account_that_opens_root_too() {
    let key = || AuthorizedKey { fingerprint: "SHA256:x".into(), ..key("ssh-ed25519", None) };
    let files = |root: AuthorizedKey, other: &str| vec![file("root", vec![root]), file(other, vec![key()])];
    let both = judged(files(key(), "anna"), &[]);
    assert_eq!(both.findings[0].subject, "root");
    assert_eq!(both.findings[0].message, "can be opened with a key that opens anna too");
    assert_eq!(both.findings[0].evidence.len(), 2);
    assert_eq!(judged(files(key(), "anna"), &[("permitrootlogin", "no")]).verdict(), Verdict::Pass);
    let told = AuthorizedKey { options: vec!["command".into()], ..key() };
    assert_eq!(
        judged(files(told, "anna"), &[]).verdict(),
        Verdict::Pass,
        "a cloud says which account is meant"
    );
    assert_eq!(judged(files(key(), "toor"), &[]).verdict(), Verdict::Pass, "another name of root");
    let ordinary = judged(vec![file("bob", vec![key()]), file("anna", vec![key()])], &[]);
    assert_eq!(ordinary.verdict(), Verdict::Pass);
    assert!(ordinary.observations.iter().any(|seen| seen.message.ends_with("anna and bob")), "{ordinary:?}");
}

#[test]
fn authorities_are_named() {
    let ca = AuthorizedKey { options: vec!["cert-authority".into()], ..key("ssh-ed25519", None) };
    let named = AuthorizedKey { principals: vec!["ops".into(), "web".into()], ..ca.clone() };
    let judgement = judged(vec![file("anna", vec![ca, named])], &[]);
    let said = |what: &str| judgement.observations.iter().any(|seen| seen.message.contains(what));
    assert!(
        said("for the name anna opens anna") && said("one of the names ops, web opens anna"),
        "{judgement:?}"
    );
}

#[test]
fn long_lists_are_cut() {
    assert_eq!(listed(&["a"]), "a");
    assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    assert_eq!(listed(&["a", "b", "c", "d", "e"]), "a, b, c and 2 other accounts");
}
