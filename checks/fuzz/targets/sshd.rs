//! sshd_config(5) of every release with included files and the PAM stack: who gets in is never less than what sshd does.

#![no_main]

use checks::check::Verdict;
use checks::facts::Facts;
use checks::facts::sshd::{self, Config, Connection, Groups, Setting};
use checks::host::Tree;
use hostduty_fuzz::{gather, host, mentions, origins, parts, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const MAIN: &str = "/etc/ssh/sshd_config";
const FILES: &[&str] = &[
    MAIN,
    "/etc/ssh/sshd_config.d/50-cloud.conf",
    "/etc/pam.d/sshd",
    "/etc/pam.d/common-auth",
    "/home/anna/.ssh/authorized_keys",
];
/// The part that says which of the releases reads the files, and what else is true of the host.
const CHOICE: usize = 5;
/// The part whose lines the command line of a second daemon gives.
const GIVEN: usize = 6;

/// Words by which other lines may rightly close what the planted ones open.
const CLOSE: &[&str] = &["match", "users", "groups", "refuseconnection", "chrootdirectory"];

/// A number that the fuzzer chooses.
fn choice(data: &[u8]) -> usize {
    parts(data).nth(CHOICE).unwrap_or_default().iter().map(|byte| usize::from(byte.wrapping_sub(b'0'))).sum()
}

/// What is known of the host beforehand.
fn known(data: &[u8], choice: usize) -> String {
    let mut known = origins::known(choice);
    if let Some(given) = parts(data).nth(GIVEN) {
        known +=
            "[[ssh_servers.known.daemons]]\nprogram = \"/usr/sbin/sshd\"\nfile = \"/etc/ssh/sshd_config\"\n";
        known += "at = [{ source = \"/etc/systemd/system/ssh2.service\" }]\ngiven = [\n";
        for line in String::from_utf8_lossy(&given).lines().take(20) {
            let value = toml::Value::String(line.to_owned());
            known +=
                &format!(" {{ flag = \"o\", value = {value}, at = {{ source = \"ssh2.service\" }} }},\n");
        }
        known += "]\n";
    }
    known
}

/// Each configuration that decides, with where its daemons listen.
fn configurations(facts: &Facts) -> Vec<(&Config, sshd::Listening)> {
    let served = facts.served().expect("servers and accounts are known");
    let known = served.iter().filter_map(|served| Some((served.config.clone().ok()?, served.listening())));
    known.collect()
}

/// Whether nothing keeps a configuration from deciding.
fn is_whole(config: &Config) -> bool {
    config.gaps.is_empty() && config.refused.is_empty()
}

/// Values by keyword, for connections of various people.
fn settings(config: &Config, name: &str) -> Vec<Result<Setting, ()>> {
    let evaluator = config.evaluator();
    let people = [("root", None), ("anna", Some("sudo")), ("b-rt", Some("users"))];
    let connections = people.into_iter().zip(["10.1.2.3", "2001:db8::1", "fe80::1%eth0"]).map(
        |((user, group), address)| Connection {
            user: Some(user),
            groups: Groups { names: group.into_iter().collect(), may_be_more: false },
            address: Some(address),
            host: Some(address),
            local_address: Some("192.0.2.7"),
            local_port: Some(22),
            rdomain: Some(""),
            ..Connection::default()
        },
    );
    let setting = |connection: Connection<'_>| {
        let active = evaluator.active(&connection);
        let effective = evaluator.effective(&active);
        let _ = (effective.refused(), effective.sshd_t());
        let setting = effective.setting(name);
        if let Ok(setting) = &setting {
            assert!(!setting.at.is_empty(), "{name} is decided by nothing");
            assert!(setting.lost.iter().all(|lost| !setting.at.contains(lost)), "{name} is lost and decides");
        }
        setting.map_err(|_| ())
    };
    std::iter::once(Connection::default()).chain(connections).map(setting).collect()
}

/// What a snapshot keeps of a configuration decides as all of its lines do, and so does the same text read through an
/// Include.
fn same(tree: &Tree, main: &[u8], config: &Config) {
    let all = sshd::configuration(tree, None, &config.build).expect("the file is there");
    let around = tree.clone().file("/etc/ssh/all", main).file(MAIN, "Include all\n");
    let around = sshd::configuration(&around, None, &config.build).expect("the file is there");
    let through = is_whole(&around) && is_whole(&all) && !mentions(main, "sshd_config");
    // Of commands a snapshot keeps the program alone.
    let is_text = |name: &&str| !name.contains("command") && !["banner", "subsystem"].contains(name);
    let names: std::collections::BTreeSet<&str> =
        config.lines.iter().map(|line| line.keyword.as_str()).filter(is_text).collect();
    for name in names {
        let values = |config: &Config| -> Vec<_> {
            settings(config, name).into_iter().map(|setting| setting.map(|setting| setting.values)).collect()
        };
        let wanted = values(&all);
        assert_eq!(values(config), wanted, "{name} is another in a snapshot");
        if through {
            assert_eq!(values(&around), wanted, "{name} is another in an included file");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let choice = choice(data);
    let known = known(data, choice);
    let tree = with_files(origins::base(host(), choice), data, FILES);
    let facts = gather(&tree, &known, &["sshd", "ssh_keys"]);
    let answer = verdict(&facts, "ssh-key-only");
    for (config, listening) in configurations(&facts) {
        if !is_whole(config) {
            assert_ne!(answer, Verdict::Pass, "{config:?}");
        }
        origins::alike(data, &facts, config, &listening, answer);
    }
    let main = parts(data).next().unwrap_or_default();
    if let Some(config) =
        facts.sshd.value().and_then(|sshd| sshd.config.value()).filter(|_| main.len() < 20_000)
    {
        same(&tree, &main, config);
    }
    if !CLOSE.iter().any(|word| mentions(data, word)) {
        let open = b"PasswordAuthentication yes\nPermitRootLogin yes\nAuthenticationMethods any\nUsePAM no\n";
        let tree = with_files(origins::base(host(), choice), &[open, data].concat(), FILES);
        let facts = gather(&tree, &known, &["sshd", "ssh_keys"]);
        assert_ne!(verdict(&facts, "ssh-key-only"), Verdict::Pass);
        assert_ne!(verdict(&facts, "ssh-root-login"), Verdict::Pass);
    }
});
