//! Which arguments each release of sshd accepts behind a keyword, and what they set.

mod lists;
mod network;
mod numbers;
mod rest;
mod words;

use super::algorithms;
use super::build::Build;
use super::keywords::{Effect, Form, Keyword};

pub(super) use rest::Argument;

/// The values that a line sets, in the words in which `sshd -T` shows them, or why sshd refuses the line. The reason
/// repeats no more than the keyword.
///
/// `arguments` are those that sshd would see one after the other: since 8.7 all of the line up to a comment, before that
/// all that strdelim(3) returns, with an empty one where it returns one, and none from a quotation mark on that is not
/// closed. `rest` is the line behind the keyword, without the comment before 8.7 and with it from then on.
///
/// An empty result sets nothing. What differs from `sshd -T`: `prohibit-password` is always called that.
pub(super) fn verify(
    keyword: &Keyword,
    written: &str,
    arguments: &[String],
    rest: &str,
    build: &Build,
) -> Result<Vec<String>, String> {
    let line = Argument { written, arguments, rest, build };
    if build.since(8, 7) && rest.is_empty() {
        return Err(line.missing());
    }
    if keyword.effect == Effect::Ignored {
        return Ok(Vec::new());
    }
    match keyword.form {
        Form::Choice(choices) => {
            let word = line.single()?;
            let found = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(word));
            found.map(|(_, meaning)| vec![(*meaning).to_owned()]).ok_or_else(|| line.bad())
        }
        Form::Exact(choices) => line.one(|word| choices.contains(&word).then(|| word.to_owned())),
        Form::Number => line.one(|word| numbers::number(word, MOST).map(|number| number.to_string())),
        Form::Time => line.one(|word| numbers::time(word, build).map(|time| time.to_string())),
        Form::TimeOrNone => line.one(|word| match word.eq_ignore_ascii_case("none") {
            true => Some("none".to_owned()),
            false => numbers::time(word, build).map(|time| time.to_string()),
        }),
        Form::Word => line.one(|word| Some(word.to_owned())),
        Form::WordOrNone => line.one(|word| Some(words::or_none(word))),
        Form::File => line.one(|word| Some(words::file(word))),
        Form::FileOr(special) => line.one(|word| {
            // SSH_AUTH_SOCK is compared letter by letter, `internal` is not.
            let is_special =
                if special == "internal" { word.eq_ignore_ascii_case(special) } else { word == special };
            Some(if is_special { word.to_owned() } else { words::file(word) })
        }),
        Form::HomeFile => line.one(|word| Some(words::or_none(word))),
        Form::HomeFiles => lists::home_files(&line),
        Form::Port => line.one(network::port),
        Form::Listen => lists::listen(&line),
        Form::Users => lists::patterns(&line, |word| network::is_user_pattern(word, build)),
        Form::Groups => lists::patterns(&line, |_| true),
        Form::Variables => lists::patterns(&line, |word| !word.contains('=')),
        Form::Assignments => lists::assignments(&line),
        Form::Places => lists::places(&line),
        Form::Methods => lists::methods(&line),
        Form::Command => rest::command(&line),
        Form::Rest => rest::rest(&line),
        Form::Addendum => rest::addendum(&line),
        Form::Subsystem => rest::subsystem(&line),
        Form::Startups => line.one(|word| words::startups(word, build)),
        Form::SourceStartups => line.one(words::source_startups),
        Form::NetBlock => line.one(words::net_block),
        Form::Penalties => lists::penalties(&line),
        Form::Addresses => {
            line.one(|word| network::is_address_list(word, build).then(|| words::or_none(word)))
        }
        Form::Forwards => lists::forwards(&line, false),
        Form::Listens => lists::forwards(&line, true),
        Form::Traffic => lists::traffic(&line),
        Form::Rekey => lists::rekey(&line),
        Form::Level => line.one(|word| words::level(word, build)),
        Form::Facility => line.one(words::facility),
        Form::Environment => line.one(|word| Some(word.to_owned())),
        Form::Mask => line.one(words::mask),
        Form::Digest => line.one(words::digest),
        Form::Algorithms(kind) => {
            line.one(|word| algorithms::assemble(kind, word, build).map(|names| names.join(",")))
        }
        Form::GssAlgorithms => line.one(|word| algorithms::is_valid_gss(word).then(|| word.to_owned())),
        Form::PubkeyOptions => lists::pubkey_options(&line),
        Form::Channels => lists::channels(&line),
        Form::Nothing => Err(format!("{written}, which sshd does not support on this system")),
        Form::Include | Form::Match | Form::Anything => Ok(arguments.to_vec()),
    }
}

/// The largest number of an int.
const MOST: i64 = i32::MAX as i64;

/// Whether it takes the machine to know what values are, or whether sshd takes them at all: a port by its name in
/// services(5), an address by the name of a host, a routing domain, a file below the home of a user.
pub(super) fn depends_on_machine(keyword: &Keyword, values: &[String]) -> bool {
    values.iter().any(|value| match keyword.form {
        Form::Port => value.parse::<u16>().is_err(),
        Form::Listen => {
            let (host, port) = split_listen(value);
            network::address(host).is_none() || port.is_some_and(|port| port.parse::<u16>().is_err())
        }
        Form::Forwards | Form::Listens => network::names_a_port(value),
        Form::File | Form::FileOr(_) | Form::HomeFile | Form::HomeFiles => value.starts_with('~'),
        _ => false,
    })
}

/// The host without brackets and the port of a value of ListenAddress without its routing domain.
pub(super) fn split_listen(value: &str) -> (&str, Option<&str>) {
    match value.strip_prefix('[').and_then(|value| value.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match value.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (value, None),
        },
    }
}

/// What sshd refuses although each line is well formed, or what it dies of before it listens: the keyword, and why.
/// `get` answers with what holds outside of Match blocks; nothing where no line sets a keyword and it has no default.
pub(super) fn contradictions(
    get: &dyn Fn(&str) -> Vec<String>,
    build: &Build,
) -> Vec<(&'static str, &'static str)> {
    let first = |name: &str| get(name).into_iter().next();
    let is = |name: &str, value: &str| first(name).as_deref() == Some(value);
    let mut found = Vec::new();
    let family = first("addressfamily");
    let wrong_family = |value: &String| {
        let (address, _) = value.split_once(' ').unwrap_or((value, ""));
        match (network::address(split_listen(address).0), family.as_deref()) {
            (Some(address), Some("inet")) => address.is_ipv6(),
            (Some(address), Some("inet6")) => address.is_ipv4(),
            _ => false,
        }
    };
    if get("listenaddress").iter().any(wrong_family) {
        found.push(("listenaddress", "ListenAddress outside of the AddressFamily"));
    }
    for (command, user, why) in [
        (
            "authorizedkeyscommand",
            "authorizedkeyscommanduser",
            "AuthorizedKeysCommand without AuthorizedKeysCommandUser",
        ),
        (
            "authorizedprincipalscommand",
            "authorizedprincipalscommanduser",
            "AuthorizedPrincipalsCommand without AuthorizedPrincipalsCommandUser",
        ),
    ] {
        let runs = first(command).is_some_and(|command| !command.eq_ignore_ascii_case("none"));
        if runs && get(user).is_empty() {
            found.push((command, why));
        }
    }
    let on = |method: &str| match method.split(':').next().unwrap_or_default() {
        "publickey" => is("pubkeyauthentication", "yes"),
        "password" => is("passwordauthentication", "yes"),
        "keyboard-interactive" => {
            is("kbdinteractiveauthentication", "yes")
                || (!build.since(8, 7) && is("challengeresponseauthentication", "yes"))
        }
        "hostbased" => is("hostbasedauthentication", "yes"),
        "gssapi-with-mic" | "gssapi-keyex" => is("gssapiauthentication", "yes"),
        _ => true,
    };
    let lists = get("authenticationmethods");
    if !lists.is_empty()
        && !is("authenticationmethods", "any")
        && !lists.iter().any(|list| list.split(',').all(on))
    {
        found.push(("authenticationmethods", "AuthenticationMethods that no enabled method satisfies"));
    }
    found
}
