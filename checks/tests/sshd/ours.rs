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
    if let Some(line) = effective.refused().unwrap() {
        return Answer::Refuses(line.to_string());
    }
    Answer::Says(compared(effective.sshd_t().unwrap().lines()))
}

fn connection(client: &Client) -> Connection<'_> {
    let user = client.user.as_deref();
    Connection {
        user,
        groups: Groups {
            names: user.map(groups).unwrap_or_default().iter().copied().collect(),
            may_be_more: false,
        },
        invalid_user: client.invalid_user,
        host: client.host.as_deref(),
        address: client.addr.as_deref(),
        local_address: client.laddr.as_deref(),
        local_port: client.lport,
        rdomain: client.rdomain.as_deref(),
    }
}

/// Lines that are compared: all but the keys of the host, one of which the oracle gives, and what says `none`, which
/// sshd repeats from a Match block in the case in which it is written, or not at all.
pub(crate) fn compared<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let says_none =
        |line: &str| line.split_once(' ').is_some_and(|(_, value)| value.eq_ignore_ascii_case("none"));
    lines.filter(|line| !line.starts_with("hostkey ") && !says_none(line)).map(str::to_owned).collect()
}
