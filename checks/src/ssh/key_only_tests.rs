//! Hosts as customers have them: what sshd would do with a typed password, and how sure that is.

use super::*;
use crate::check::Verdict;
use crate::date::Timestamp;
use crate::facts::accounts::{Accounts, Password, PasswordState, User};
use crate::facts::packages::Packages;
use crate::facts::processes::{Process, Processes};
use crate::facts::sshd;
use crate::facts::units::{Unit, UnitState, Units};
use crate::host::Tree;

const PAM: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n\
                   account required pam_nologin.so\naccount required pam_unix.so\naccount required pam_permit.so\n";

fn tree(config: &str) -> Tree {
    Tree::new(Timestamp(1_000))
        .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1\0")
        .file("/etc/pam.d/sshd", PAM)
        .file("/etc/ssh/sshd_config", config)
}

fn user(name: &str, uid: u32, state: PasswordState) -> User {
    let password = Password { state, source: "/etc/shadow".into(), line: 9, ..Password::default() };
    User { name: name.into(), uid, password: Ok(password).into(), ..User::default() }
}

fn facts(tree: &Tree, users: Vec<User>) -> Facts {
    let process = Process { pid: 1, name: "sshd".into(), started: Timestamp(2_000), ..Process::default() };
    let installed = [("openssh-server".to_owned(), "1:9.2p1-2".to_owned())].into();
    Facts {
        sshd: sshd::read(tree).into(),
        accounts: Ok(Accounts { users, ..Accounts::default() }).into(),
        processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
        units: Ok(Units::default()).into(),
        packages: Ok(Packages { installed, ..Packages::default() }).into(),
        ..Facts::default()
    }
}

fn judged(facts: &Facts) -> Judgement {
    super::judge(facts, &Policy::default()).unwrap_or_else(|gap| {
        let mut judgement = Judgement::new();
        judgement.unknown(gap.to_string());
        judgement
    })
}

fn anna(config: &str) -> Judgement {
    judged(&facts(&tree(config), vec![user("anna", 1000, PasswordState::Usable)]))
}

#[test]
fn the_line_that_decides_is_the_evidence() {
    let tree = tree("Include d/*\nPasswordAuthentication no\n")
        .file("/etc/ssh/d/50-cloud-init.conf", "PasswordAuthentication yes\n");
    let judgement = judged(&facts(&tree, vec![user("anna", 1000, PasswordState::Usable)]));
    assert_eq!(judgement.verdict(), Verdict::Fail);
    let finding = &judgement.findings[0];
    assert_eq!(
        (finding.subject.as_str(), finding.evidence[0].source.as_str()),
        ("anna", "/etc/ssh/d/50-cloud-init.conf")
    );
    assert_eq!(finding.evidence[1].source, "/etc/shadow");
}

#[test]
fn keyboard_interactive_counts_with_pam_and_only_then() {
    let closed = "PasswordAuthentication no\n";
    assert_eq!(anna(closed).verdict(), Verdict::Pass);
    let open = anna(&format!("{closed}UsePAM yes\n"));
    assert_eq!(open.verdict(), Verdict::Fail);
    assert_eq!(open.findings.len(), 1);
    assert_eq!(
        anna(&format!("{closed}UsePAM yes\nChallengeResponseAuthentication no\n")).verdict(),
        Verdict::Pass
    );
    let both = anna("UsePAM yes\n");
    assert_eq!((both.verdict(), both.findings.len()), (Verdict::Fail, 1));
    let second_factor =
        tree("UsePAM yes\n").file("/etc/pam.d/sshd", format!("auth required pam_oath.so\n{PAM}"));
    let judgement = judged(&facts(&second_factor, vec![user("anna", 1000, PasswordState::Usable)]));
    assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    let unheard = tree("UsePAM yes\n").file("/etc/pam.d/sshd", format!("auth required pam_new.so\n{PAM}"));
    let judgement = judged(&facts(&unheard, vec![user("anna", 1000, PasswordState::Usable)]));
    assert_eq!(judgement.verdict(), Verdict::Unknown, "{judgement:?}");
    // Every text leaves through the redactor, which hides what follows `password:`.
    assert_eq!(crate::redact::redact(&judgement.unknowns[0]), judgement.unknowns[0]);
}

#[test]
fn match_blocks_open_and_close_for_those_whom_they_name() {
    for (config, wanted) in [
        ("PasswordAuthentication no\nMatch Group backup\nPasswordAuthentication yes\n", Verdict::Pass),
        ("PasswordAuthentication no\nMatch User an*\nPasswordAuthentication yes\n", Verdict::Fail),
        ("PasswordAuthentication no\nMatch User an*,!anna\nPasswordAuthentication yes\n", Verdict::Pass),
        ("PasswordAuthentication no\nMatch User x\nX11Forwarding no\n", Verdict::Pass),
        ("PasswordAuthentication yes\nMatch User anna\nPasswordAuthentication no\n", Verdict::Pass),
        ("PasswordAuthentication no\nMatch all\nPasswordAuthentication yes\n", Verdict::Fail),
        ("PasswordAuthentication no\nMatch Host x.example.org\nPasswordAuthentication yes\n", Verdict::Pass),
        (
            "UseDNS yes\nPasswordAuthentication no\nMatch Host x.example.org\nPasswordAuthentication yes\n",
            Verdict::Fail,
        ),
        (
            "Port 22\nPasswordAuthentication no\nMatch LocalPort 2222\nPasswordAuthentication yes\n",
            Verdict::Pass,
        ),
        (
            "Port 2222\nPasswordAuthentication no\nMatch LocalPort 2222\nPasswordAuthentication yes\n",
            Verdict::Fail,
        ),
        (
            "ListenAddress 10.0.0.1\nPasswordAuthentication no\nMatch LocalAddress 10.9.*\nPasswordAuthentication yes\n",
            Verdict::Pass,
        ),
        ("PasswordAuthentication no\nMatch LocalAddress 10.9.*\nPasswordAuthentication yes\n", Verdict::Fail),
    ] {
        let judgement = anna(config);
        assert_eq!(judgement.verdict(), wanted, "{config}{judgement:?}");
    }
}

#[test]
fn a_finding_says_from_where() {
    let judgement = anna(
        "PasswordAuthentication no\nMatch Address 10.0.0.0/8,!10.9.0.0/16\nPasswordAuthentication yes\n",
    );
    let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
    assert!(
        finding.message.contains("from 10.0.0.0/13, 10.8.0.0/16, 10.10.0.0/15 and others (method password)"),
        "{finding:?}"
    );
    assert_eq!(finding.evidence[0].line, Some(3));
}

#[test]
fn accounts_decide_where_passwords_are_taken() {
    for (config, name, uid, state, wanted) in [
        ("", "anna", 1000, PasswordState::Locked, Verdict::Pass),
        ("", "anna", 1000, PasswordState::Empty, Verdict::Pass),
        ("PermitEmptyPasswords yes", "anna", 1000, PasswordState::Empty, Verdict::Fail),
        ("", "root", 0, PasswordState::Usable, Verdict::Pass),
        ("PermitRootLogin yes", "root", 0, PasswordState::Usable, Verdict::Fail),
        ("AllowUsers bob", "anna", 1000, PasswordState::Usable, Verdict::Pass),
        ("AllowUsers anna@10.*", "anna", 1000, PasswordState::Usable, Verdict::Fail),
        ("AuthenticationMethods publickey,password", "anna", 1000, PasswordState::Usable, Verdict::Pass),
        (
            "AuthenticationMethods publickey,password password",
            "anna",
            1000,
            PasswordState::Usable,
            Verdict::Fail,
        ),
    ] {
        let judgement = judged(&facts(&tree(config), vec![user(name, uid, state)]));
        assert_eq!(judgement.verdict(), wanted, "{config} {name} {judgement:?}");
    }
    let hidden = User {
        name: "anna".into(),
        uid: 1000,
        password: Err(Gap::denied("/etc/shadow")).into(),
        ..User::default()
    };
    let judgement = judged(&facts(&tree(""), vec![hidden.clone()]));
    assert!(judgement.verdict() == Verdict::Unknown && judgement.unknowns[0].contains("/etc/shadow"));
    assert_eq!(judged(&facts(&tree("PasswordAuthentication no"), vec![hidden])).verdict(), Verdict::Pass);
    let mut directory = facts(&tree(""), vec![]);
    directory.accounts = Ok(Accounts { other_sources: vec!["sss".into()], ..Accounts::default() }).into();
    assert_eq!(judged(&directory).verdict(), Verdict::Unknown);
}

#[test]
fn doubt_about_the_files_is_no_pass() {
    for config in ["PasswordAuthentication no\nNonsense 1\n", "Include d/*\nPasswordAuthentication no\n"] {
        let tree = tree(config).refuse("/etc/ssh/d/x", Gap::denied("/etc/ssh/d/x"));
        assert_eq!(judged(&facts(&tree, vec![])).verdict(), Verdict::Unknown, "{config}");
    }
    let closed = tree("PasswordAuthentication no\n");
    let options = closed.clone().file("/etc/default/ssh", "SSHD_OPTS=-oPasswordAuthentication=yes\n");
    assert_eq!(judged(&facts(&options, vec![])).verdict(), Verdict::Unknown);
    let changed = closed.with("/etc/ssh/sshd_config", |node| node.modified = Timestamp(3_000));
    assert_eq!(judged(&facts(&changed, vec![])).verdict(), Verdict::Unknown);
    let reloaded =
        changed.file("/run/sshd.pid", "1").with("/run/sshd.pid", |node| node.modified = Timestamp(3_000));
    assert_eq!(judged(&facts(&reloaded, vec![])).verdict(), Verdict::Pass);
    let removed = tree("Include d/*\nPasswordAuthentication no\n").dir("/etc/ssh/d");
    assert_eq!(judged(&facts(&removed, vec![])).verdict(), Verdict::Pass);
    let removed = removed.with("/etc/ssh/d", |node| node.modified = Timestamp(3_000));
    assert_eq!(judged(&facts(&removed, vec![])).verdict(), Verdict::Unknown, "a drop-in was taken away");
}

#[test]
fn hidden_processes_hide_how_sshd_was_started() {
    let mut host = facts(&tree("PasswordAuthentication no\n"), vec![]);
    let unit = Unit { state: UnitState::Enabled, ..Unit::default() };
    host.units = Ok(Units { units: [("ssh.service".to_owned(), unit)].into(), ..Units::default() }).into();
    host.processes = Err(Gap::denied("the processes of other users")).into();
    assert_eq!(judged(&host).verdict(), Verdict::Unknown);
    host.processes = Err(Gap::offline("the list of processes")).into();
    assert_eq!(judged(&host).verdict(), Verdict::Pass, "nothing runs in an image");
}

#[test]
fn a_lock_in_shadow_says_nothing_of_passwords_elsewhere() {
    let locked =
        |tree: &Tree| judged(&facts(tree, vec![user("anna", 1000, PasswordState::Locked)])).verdict();
    assert_eq!(locked(&tree("UsePAM yes\n")), Verdict::Pass);
    let kerberos = format!("auth sufficient pam_krb5.so minimum_uid=1000\n{PAM}");
    assert_eq!(locked(&tree("UsePAM yes\n").file("/etc/pam.d/sshd", kerberos)), Verdict::Unknown);
    assert_eq!(locked(&tree("KerberosAuthentication yes\n")), Verdict::Unknown);
}

#[test]
fn the_method_none_is_no_closed_door() {
    let config = "PermitEmptyPasswords yes\nAuthenticationMethods none\n";
    let empty = facts(&tree(config), vec![user("anna", 1000, PasswordState::Empty)]);
    assert_eq!(judged(&empty).verdict(), Verdict::Fail);
}

#[test]
fn servers_that_do_not_answer_and_servers_that_are_not_sshd() {
    let mut host = facts(&tree(""), vec![user("anna", 1000, PasswordState::Usable)]);
    host.processes = Ok(Processes::default()).into();
    let judgement = judged(&host);
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert!(judgement.observations[0].message.contains("neither runs"));
    host.units = Err(Gap::denied("/etc/systemd")).into();
    assert_eq!(judged(&host).verdict(), Verdict::Unknown);
    host.sshd = sshd::read(&Tree::default()).into();
    assert_eq!(judged(&host).verdict(), Verdict::NotApplicable);
    let dropbear = Process { name: "dropbear".into(), ..Process::default() };
    host.processes = Ok(Processes { list: vec![dropbear], ..Processes::default() }).into();
    assert_eq!(judged(&host).verdict(), Verdict::Unknown);
}
