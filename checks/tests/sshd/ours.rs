//! What this crate says of a pair.

use checks::date::Timestamp;
use checks::facts::sshd::{self, Build, Config, Connection, Groups};
use checks::host::Tree;

use super::theirs::{Answer, groups};
use super::{Client, Pair};

/// Reads the files of a pair as a host in memory.
pub(crate) fn config(pair: &Pair, folder: &str, build: &Build) -> Config {
    let files = pair.contents(folder);
    let tree = files.fold(Tree::new(Timestamp(0)), |tree, (path, text)| tree.file(&path, text));
    sshd::configuration(&tree, Some(&format!("/etc/ssh/{folder}/main")), build).unwrap()
}

/// What `sshd -T` would print, or why it would not.
pub(crate) fn answer(pair: &Pair, folder: &str, build: &Build) -> Answer {
    let config = config(pair, folder, build);
    // Written down as what nobody says, so that no gap goes by unseen.
    if let Some(gap) = config.gaps.first() {
        return Answer::Says(vec![format!("gap: {gap}")]);
    }
    if let Some(refused) = config.refused.first() {
        return Answer::Refuses(refused.to_string());
    }
    let client = pair.client.clone().unwrap_or_default();
    let evaluator = config.evaluator();
    let active = evaluator.active(&connection(&client));
    let effective = evaluator.effective(&active);
    let mut lines = Vec::new();
    for name in COMPARED {
        let values = effective.setting(name).unwrap().values;
        lines.extend(shown(name, &values));
    }
    Answer::Says(lines)
}

fn connection(client: &Client) -> Connection<'_> {
    let user = client.user.as_deref();
    Connection {
        user,
        groups: Groups { names: user.map(groups).unwrap_or_default().iter().copied().collect(), may_be_more: false },
        invalid_user: client.invalid_user,
        host: client.host.as_deref(),
        address: client.addr.as_deref(),
        local_address: client.laddr.as_deref(),
        local_port: client.lport,
        rdomain: client.rdomain.as_deref(),
    }
}

pub(crate) const COMPARED: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommanduser",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "gssapiauthentication",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "port",
    "pubkeyauthentication",
    "strictmodes",
    "usedns",
    "usepam",
];

fn shown(name: &str, values: &[String]) -> Vec<String> {
    match name {
        "allowgroups" | "allowusers" | "denygroups" | "denyusers" | "port" => {
            values.iter().map(|value| format!("{name} {value}")).collect()
        }
        _ => vec![format!("{name} {}", values.join(" ").replace("prohibit-password", "without-password"))],
    }
}

/// Only what is compared.
pub(crate) fn compared(lines: Vec<String>) -> Vec<String> {
    let name = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    let mut kept: Vec<String> = lines.into_iter().filter(|line| COMPARED.contains(&name(line).as_str())).collect();
    kept.sort_by_key(name);
    kept
}
