//! Who gets in through Remote Login: `ssh-key-only` and `ssh-root-login` on macOS.

use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::facts::mac::remote_login::{Exception, RemoteLogin};
use crate::facts::mac::services::Override;
use crate::gap::Gap;

/// Whether no account can log in over SSH with a password.
pub(crate) fn key_only(facts: &Facts) -> Result<Judgement, Gap> {
    let mut judgement = Judgement::new();
    let mac = facts.mac.known()?;
    let Some(login) = server(mac, &mut judgement)? else { return Ok(judgement) };
    let every_list_needs_a_key = need_keys(&login.methods.join(" "));
    if !every_list_needs_a_key {
        if login.password {
            judgement
                .fail(finding("accepts passwords (PasswordAuthentication)", "passwordauthentication yes"));
        }
        if login.keyboard_interactive && login.use_pam {
            judgement.fail(finding(
                "asks for the password through PAM (KbdInteractiveAuthentication with UsePAM)",
                "kbdinteractiveauthentication yes",
            ));
        }
    }
    for exception in &login.exceptions {
        match (exception.keyword.as_str(), exception.value.as_str()) {
            ("permitrootlogin", _) => {}
            ("authenticationmethods", value) if !every_list_needs_a_key || need_keys(value) => {}
            ("authenticationmethods" | "include", _) => judgement.unknown(undecided(exception)),
            (_, "no") => {}
            _ if every_list_needs_a_key => {}
            _ => {
                let message = "accepts passwords from the connections that a Match block names";
                judgement.fail(Finding::new("sshd", message, place(exception)));
            }
        }
    }
    if judgement.findings.is_empty() {
        let why = if every_list_needs_a_key { "every login takes a key" } else { "sshd accepts no password" };
        judgement.observe(why, [Evidence::of("sshd -G")]);
        note_filevault(facts, mac, &mut judgement);
    }
    Ok(judgement)
}

/// Whether root cannot log in over SSH with a password.
pub(crate) fn root_login(facts: &Facts) -> Result<Judgement, Gap> {
    let mut judgement = Judgement::new();
    let Some(login) = server(facts.mac.known()?, &mut judgement)? else { return Ok(judgement) };
    let setting = Evidence::of("sshd -G").says(format!("permitrootlogin {}", login.permit_root));
    match login.permit_root.as_str() {
        "no" => judgement.observe("root cannot log in over SSH", [setting]),
        "prohibit-password" | "without-password" => {
            judgement.observe("root needs a key to log in over SSH", [setting]);
        }
        "forced-commands-only" => {
            judgement.observe("root needs a key that is bound to a command to log in over SSH", [setting]);
        }
        "yes" => {
            judgement.fail(Finding::new("root", "may log in over SSH (PermitRootLogin is yes)", setting))
        }
        _ => judgement.unknown("sshd gives PermitRootLogin a value that hostduty does not know"),
    }
    for exception in &login.exceptions {
        match (exception.keyword.as_str(), exception.value.as_str()) {
            ("permitrootlogin", "yes") => judgement.fail(Finding::new(
                "root",
                "may log in over SSH from the connections that a Match block names",
                place(exception),
            )),
            ("include", _) => judgement.unknown(undecided(exception)),
            _ => {}
        }
    }
    Ok(judgement)
}

/// Whether each of AuthenticationMethods' lists takes a key.
fn need_keys(lists: &str) -> bool {
    let takes_key = |list: &str| list.split(',').any(|method| method.split(':').next() == Some("publickey"));
    !lists.is_empty() && lists.split_whitespace().all(takes_key)
}

/// What the server accepts, or nothing when there is none; that is said in the judgement.
fn server<'a>(mac: &'a Mac, judgement: &mut Judgement) -> Result<Option<&'a RemoteLogin>, Gap> {
    let label = "launchctl print system/com.openssh.sshd";
    let starts_at_boot = mac.overrides.known().map(|overrides| overrides.ssh == Override::Enabled);
    if mac.ssh.known()?.loaded || starts_at_boot? {
        return mac.remote_login.known().map(Some);
    }
    let foreign = mac.listeners.known()?.iter().find(|listener| {
        listener.port == 22 || listener.process.as_ref().is_some_and(|name| name.starts_with("sshd"))
    });
    match foreign {
        Some(listener) => judgement.unknown(format!(
            "Remote Login is off and something listens on port {}: hostduty does not know the settings of a server \
             that macOS did not start",
            listener.port
        )),
        None => judgement.observe("Remote Login is off", [Evidence::of(label)]),
    }
    Ok(None)
}

/// On macOS 26 and later the disk of a Mac with FileVault can be unlocked over SSH, by design with a password.
fn note_filevault(facts: &Facts, mac: &Mac, judgement: &mut Judgement) {
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    let major = release.and_then(|release| release.version.split('.').next()?.parse::<u32>().ok());
    if major.is_some_and(|major| major >= 26) && mac.filevault.value().is_some_and(|vault| vault.enabled) {
        judgement.observe(
            "after a restart and until the disk is unlocked, macOS itself takes a password over SSH to unlock it",
            [Evidence::of("apple_ssh_and_filevault(7)")],
        );
    }
}

fn finding(message: &str, setting: &str) -> Finding {
    Finding::new("sshd", message, Evidence::of("sshd -G").says(setting))
}

fn place(exception: &Exception) -> Evidence {
    Evidence::at(&exception.path, exception.line).says(format!("{} {}", exception.keyword, exception.value))
}

fn undecided(exception: &Exception) -> String {
    if !exception.conditional {
        return format!(
            "hostduty cannot follow `Include {}` at {}:{}",
            exception.value, exception.path, exception.line
        );
    }
    format!(
        "`{}` in the Match block at {}:{} changes the rules for some connections; `sshd -T -C user=NAME` shows for whom",
        exception.keyword, exception.path, exception.line
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::filevault::FileVault;
    use crate::facts::mac::listeners::Listener;
    use crate::facts::mac::services::{Overrides, Service};
    use crate::facts::machine::{Machine, Release};
    use crate::gap::Reading::Known;

    fn mac(login: RemoteLogin) -> Mac {
        Mac {
            ssh: Known(Service { loaded: true, state: Some("not running".into()) }),
            overrides: Known(Overrides::default()),
            listeners: Known(Vec::new()),
            remote_login: Known(login),
            ..Mac::default()
        }
    }

    fn login(password: bool, keyboard_interactive: bool) -> RemoteLogin {
        let permit_root = "no".to_owned();
        RemoteLogin { password, keyboard_interactive, use_pam: true, permit_root, ..RemoteLogin::default() }
    }

    fn exception(keyword: &str, value: &str) -> Exception {
        Exception {
            path: "/etc/ssh/sshd_config".into(),
            line: 9,
            conditional: true,
            keyword: keyword.into(),
            value: value.into(),
        }
    }

    fn keys(mac: Mac) -> Verdict {
        key_only(&facts(mac)).map_or(Verdict::Unknown, |judgement| judgement.verdict())
    }

    #[test]
    fn both_ways_of_asking_for_a_password_must_be_closed() {
        assert_eq!(keys(mac(login(false, false))), Verdict::Pass);
        assert_eq!(keys(mac(login(true, false))), Verdict::Fail);
        assert_eq!(keys(mac(login(false, true))), Verdict::Fail, "the half-hardened Mac");
        assert_eq!(keys(mac(RemoteLogin { use_pam: false, ..login(false, true) })), Verdict::Pass);
        let methods = vec!["publickey,keyboard-interactive:pam".to_owned()];
        assert_eq!(keys(mac(RemoteLogin { methods, ..login(true, true) })), Verdict::Pass);
    }

    #[test]
    fn a_match_block_opens_again() {
        let with = |one| keys(mac(RemoteLogin { exceptions: vec![one], ..login(false, false) }));
        assert_eq!(with(exception("passwordauthentication", "yes")), Verdict::Fail);
        assert_eq!(with(exception("passwordauthentication", "no")), Verdict::Pass);
        assert_eq!(with(exception("include", "/etc/ssh/more")), Verdict::Unknown);
        assert_eq!(
            with(exception("authenticationmethods", "any")),
            Verdict::Pass,
            "passwords are off anyway"
        );
        let methods = vec!["publickey,password".to_owned()];
        let keyed =
            |one| RemoteLogin { methods: methods.clone(), exceptions: vec![one], ..login(true, true) };
        assert_eq!(keys(mac(keyed(exception("authenticationmethods", "any")))), Verdict::Unknown);
        assert_eq!(keys(mac(keyed(exception("passwordauthentication", "yes")))), Verdict::Pass);
        let root =
            |one| root_login(&facts(mac(RemoteLogin { exceptions: vec![one], ..login(false, false) })));
        assert_eq!(root(exception("permitrootlogin", "yes")).unwrap().verdict(), Verdict::Fail);
        assert_eq!(root(exception("include", "x")).unwrap().verdict(), Verdict::Unknown);
    }

    #[test]
    fn a_server_that_is_off_needs_all_the_evidence() {
        let off = Mac {
            ssh: Known(Service::default()),
            remote_login: Known(login(true, true)),
            ..mac(login(true, true))
        };
        assert_eq!(keys(off.clone()), Verdict::Pass);
        assert_eq!(keys(Mac { listeners: Mac::default().listeners, ..off.clone() }), Verdict::Unknown);
        let other =
            Listener { port: 2222, address: "*".into(), process: Some("sshd".into()), ..Listener::default() };
        assert_eq!(keys(Mac { listeners: Known(vec![other]), ..off.clone() }), Verdict::Unknown);
        let at_boot = Overrides { ssh: Override::Enabled, ..Overrides::default() };
        assert_eq!(keys(Mac { overrides: Known(at_boot), ..off }), Verdict::Fail);
        assert_eq!(keys(Mac::default()), Verdict::Unknown);
    }

    #[test]
    fn root_with_a_key_is_allowed_and_said() {
        let root = |word: &str| {
            let login = RemoteLogin { permit_root: word.into(), ..login(false, false) };
            root_login(&facts(mac(login))).unwrap().verdict()
        };
        assert_eq!(
            (root("no"), root("prohibit-password"), root("yes")),
            (Verdict::Pass, Verdict::Pass, Verdict::Fail)
        );
        assert_eq!(root("perhaps"), Verdict::Unknown);
    }

    #[test]
    fn the_unlock_of_filevault_is_mentioned() {
        let vault = Known(FileVault { enabled: true, ..FileVault::default() });
        let mut facts = facts(Mac { filevault: vault, ..mac(login(false, false)) });
        let release = Release { version: "26.7".into(), ..Release::default() };
        facts.machine = Known(Machine { release: Known(release), ..Machine::default() });
        let judgement = key_only(&facts).unwrap();
        assert_eq!((judgement.verdict(), judgement.observations.len()), (Verdict::Pass, 2));
    }
}
