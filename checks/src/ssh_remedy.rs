//! What to type on a very host so that sshd takes no passwords any more, and nobody is locked out by it.

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::sshd::{Answer, BOUND, CERTIFICATES, Config, Logins, Method, Setting, Way};
use crate::facts::units::UnitState;

/// Lines that one remedy names.
const NAMED: usize = 5;
/// The file that the distribution's own server reads.
const MAIN: &str = "/etc/ssh/sshd_config";

/// Steps that set keywords for everyone, one a line, as far as the facts tell where they must stand to win; `wanted`
/// are the keywords in lower case, with the lines to write. Where the facts do not show that a key opens an account,
/// the only advice is to change nothing yet.
pub(crate) fn steps(facts: &Facts, config: &Config, logins: &Logins<'_>, wanted: &[(&str, &str)]) -> String {
    let Some((account, from)) = key_holder(logins) else {
        return format!(
            "Change nothing yet: hostduty finds no account that a key opens{}, so this change could lock everyone out\n\
             ssh-copy-id YOU@THIS-HOST   # from your own machine, with the account that you work with\n\
             hostduty sshd --logins   # must say that publickey opens it; then ask for this report again",
            doubt(logins)
        );
    };
    let mut steps = vec![format!(
        "ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no {account}@THIS-HOST true   # from your own \
         machine: a key opens {account} from {from}, and you should hold that key"
    )];
    let lines: Vec<String> = wanted.iter().map(|(_, line)| format!("`{line}`")).collect();
    steps.push(format!("Only if that works: write {} {}", lines.join(" and "), place(config, wanted)));
    let blocks = conditional(config, wanted);
    if !blocks.is_empty() {
        steps.push(format!(
            "Match blocks beat that for those whom they name; change or remove {}",
            blocks.join(", ")
        ));
    }
    steps.extend(applied(facts, config, wanted));
    steps.push("Stay logged in, and log in once more from another terminal before you leave.".to_owned());
    steps.join("\n")
}

/// Steps that take algorithms out of what sshd offers, each line its own list without them. Unlike with passwords,
/// nobody is locked out whose client is of these years; that others are shut out shows only when they try.
pub(crate) fn without_algorithms(facts: &Facts, config: &Config, wanted: &[(&str, &str)]) -> String {
    let lines: Vec<String> = wanted.iter().map(|(_, line)| format!("`{line}`")).collect();
    let mut steps = vec![format!(
        "Take what is named out of the lines that name it, or write {} {}",
        lines.join(" and "),
        place(config, wanted)
    )];
    let blocks = conditional(config, wanted);
    if !blocks.is_empty() {
        steps.push(format!(
            "Match blocks beat that for those whom they name; change or remove {}",
            blocks.join(", ")
        ));
    }
    steps.extend(applied(facts, config, wanted));
    steps.push(
        "Stay logged in, and try a second login with every client that you use: one that knows nothing better is shut \
         out from now on."
            .to_owned(),
    );
    steps.join("\n")
}

/// What makes the daemon that reads a configuration heed it, and shows that it does.
fn applied(facts: &Facts, config: &Config, wanted: &[(&str, &str)]) -> Vec<String> {
    let mut steps = Vec::new();
    let options = options(config, wanted);
    if !options.is_empty() {
        steps.push(format!(
            "No file beats an option of the command line; take it away: {}",
            options.join(", ")
        ));
    }
    let main = config.files.first().map_or(MAIN, String::as_str);
    let (test, file) = match main.ends_with(MAIN) {
        true => (
            format!("sshd -t && systemctl reload {}   # sshd -t says nothing where all is well", unit(facts)),
            String::new(),
        ),
        false => (
            format!(
                "sshd -t -f {main}   # says nothing where all is well; then reload the service that reads it"
            ),
            format!(" -f {main}"),
        ),
    };
    let shown: Vec<&str> = wanted.iter().map(|(keyword, _)| *keyword).collect();
    steps.push(test);
    steps.push(format!(
        "hostduty sshd{file} --why {}   # names the line that decides now",
        shown.join(" --why ")
    ));
    steps
}

/// An account that a key alone opens, with the widest place from where; root last.
fn key_holder<'a>(logins: &'a Logins<'_>) -> Option<(&'a str, String)> {
    let mut holders: Vec<(bool, usize, &str, String)> = Vec::new();
    for account in &logins.accounts {
        let by_key = |way: &Way| match &way.answer {
            // Whether somebody holds a certificate is nothing that the host knows, and one command mends nothing.
            Answer::Opens(lines) => {
                let lesser = |line: &Evidence| {
                    line.text
                        .as_deref()
                        .is_some_and(|text| text.starts_with(CERTIFICATES) || text.starts_with(BOUND))
                };
                way.methods == [Method::PublicKey] && !lines.iter().all(lesser)
            }
            _ => false,
        };
        let entries = account.entries.iter().filter(|entry| entry.ways.iter().any(by_key));
        let mut from: Vec<usize> = entries.flat_map(|entry| entry.origins.iter().copied()).collect();
        from.sort_unstable();
        if account.user.has_login_shell() && !from.is_empty() {
            let narrow = logins.origins.len() - from.len().min(logins.origins.len());
            holders.push((account.user.uid == 0, narrow, &account.name, logins.from(&from)));
        }
    }
    holders.into_iter().min().map(|(_, _, name, from)| (name, from))
}

/// Why it is not known whether a key opens some account.
fn doubt(logins: &Logins<'_>) -> String {
    let ways = logins.accounts.iter().flat_map(|account| &account.entries).flat_map(|entry| &entry.ways);
    let mut reasons = ways.filter(|way| !way.is_typed()).filter_map(|way| match &way.answer {
        Answer::Unknown(reason) => Some(reason),
        _ => None,
    });
    reasons.next().map(|reason| format!(" for certain ({reason})")).unwrap_or_default()
}

/// Where lines must stand to be the first that sshd meets. The top of the main file always is; a drop-in is kinder to
/// upgrades, where nothing is read before its folder.
fn place(config: &Config, wanted: &[(&str, &str)]) -> String {
    let main = config.files.first().map_or(MAIN, String::as_str);
    let top = format!("to the top of {main}, above every other line: the first value wins");
    // Only the first Include of the main file, of one plain folder.
    let Some(include) = config.includes.first().filter(|include| include.source == main) else { return top };
    let pattern = include.text.as_deref().unwrap_or_default();
    let Some(folder) =
        pattern.strip_suffix("/*.conf").filter(|folder| !folder.contains(['*', '?', '[', '\\', ' ']))
    else {
        return top;
    };
    let folder = if folder.starts_with('/') { folder.to_owned() } else { format!("/etc/ssh/{folder}") };
    let name = format!("{folder}/00-hostduty.conf");
    let earlier = config.lines.iter().find(|line| {
        let ours = line.under.is_none() && wanted.iter().any(|(keyword, _)| *keyword == line.keyword);
        let behind = match &line.at.source {
            source if source == main => line.at.line > include.line,
            source => {
                source.strip_prefix(&folder).is_some_and(|file| file.matches('/').count() == 1)
                    && *source > name
            }
        };
        ours && config.files.contains(&line.at.source) && !behind
    });
    match earlier {
        Some(_) => top,
        None => format!("to {name}; the first value wins, so it must sort before every other file there"),
    }
}

/// Options on the command line that set one of the keywords, which no file beats.
fn options(config: &Config, wanted: &[(&str, &str)]) -> Vec<String> {
    let ours = |keyword: &str| wanted.iter().any(|(wanted, _)| *wanted == keyword);
    let given =
        config.lines.iter().filter(|line| ours(&line.keyword) && !config.files.contains(&line.at.source));
    given.take(NAMED).map(|line| line.at.to_string()).collect()
}

/// Lines under Match that set one of the keywords otherwise.
fn conditional(config: &Config, wanted: &[(&str, &str)]) -> Vec<String> {
    let value = |keyword: &str| {
        wanted
            .iter()
            .find(|(wanted, _)| *wanted == keyword)
            .and_then(|(_, line)| line.split_once(' '))
            .map(|(_, value)| value)
    };
    let lines = config.lines.iter().filter(|line| line.under.is_some());
    let lines = lines.filter(|line| value(&line.keyword).is_some_and(|value| line.values != [value]));
    lines.take(NAMED).map(|line| format!("{}:{}", line.at.source, line.at.line.unwrap_or_default())).collect()
}

/// The unit whose reload makes the daemon read its configuration.
fn unit(facts: &Facts) -> &'static str {
    let units = facts.units.value();
    let exists = |name: &str| {
        units.is_some_and(|units| units.units.get(name).is_some_and(|unit| unit.state != UnitState::Masked))
    };
    if exists("sshd.service") && !exists("ssh.service") { "sshd" } else { "ssh" }
}

/// What turns off every method that takes something typed, as the installed release names it.
pub(crate) fn no_passwords(config: &Config) -> [(&'static str, &'static str); 2] {
    // Before 8.7 the present name turns off nothing on its own.
    let interactive = match config.build.since(8, 7) {
        true => ("kbdinteractiveauthentication", "KbdInteractiveAuthentication no"),
        false => ("challengeresponseauthentication", "ChallengeResponseAuthentication no"),
    };
    [("passwordauthentication", "PasswordAuthentication no"), interactive]
}

/// The keywords among some that do not have the wanted value for everyone already.
pub(crate) fn missing<'a>(config: &Config, wanted: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = |keyword: &str, line: &str| {
        let setting: Setting = config.global(keyword).unwrap_or_default();
        line.split_once(' ').is_some_and(|(_, value)| setting.is(value))
    };
    let missing: Vec<_> = wanted.iter().filter(|(keyword, line)| !kept(keyword, line)).copied().collect();
    // Where only Match blocks open a door, saying it for everyone once more does no harm.
    if missing.is_empty() { wanted.to_vec() } else { missing }
}
