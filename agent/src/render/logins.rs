//! Who can log in over SSH, as a table for people and as JSON.

use std::fmt::Write;

use checks::check::Verdict;
use checks::facts::sshd::{Answer, Logins, Way};
use serde::Serialize;

use super::human::{Paint, wrapped};
use crate::output::clean;

/// The table of one server as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Server<'a> {
    /// What starts the server, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    /// The classes of connections, in words.
    origins: Vec<&'a str>,
    accounts: Vec<Account<'a>>,
    /// Why this is not all there is to know.
    doubts: &'a [String],
}

#[derive(Debug, Serialize)]
struct Account<'a> {
    account: &'a str,
    /// Classes of connections that are alike to the account.
    entries: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    from: Vec<&'a str>,
    ways: Vec<JsonWay<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonWay<'a> {
    /// What the client must pass in turn.
    methods: Vec<&'static str>,
    /// `opens`, `closed`, `paused` (closed for now) or `unknown`.
    answer: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'a str,
    /// The lines that decide.
    lines: Vec<String>,
}

pub(crate) fn json<'a>(at: Option<&'a str>, logins: &'a Logins<'_>) -> Server<'a> {
    let label = |index: &usize| logins.origins.get(*index).map_or("", |origin| origin.label.as_str());
    let accounts = logins.accounts.iter().map(|account| Account {
        account: &account.name,
        entries: account
            .entries
            .iter()
            .map(|entry| Entry {
                from: entry.origins.iter().map(label).collect(),
                ways: entry.ways.iter().map(way).collect(),
            })
            .collect(),
    });
    Server {
        at,
        origins: logins.origins.iter().map(|origin| origin.label.as_str()).collect(),
        accounts: accounts.collect(),
        doubts: &logins.doubts,
    }
}

fn way(way: &Way) -> JsonWay<'_> {
    let (answer, why, lines) = match &way.answer {
        Answer::Opens(lines) => ("opens", "", lines.as_slice()),
        Answer::Closed(why, lines) => ("closed", why.as_str(), lines.as_slice()),
        Answer::Paused(why, lines) => ("paused", why.as_str(), lines.as_slice()),
        Answer::Unknown(why) => ("unknown", why.as_str(), &[][..]),
    };
    JsonWay {
        methods: way.methods.iter().map(|method| method.name()).collect(),
        answer,
        why,
        lines: lines.iter().map(ToString::to_string).collect(),
    }
}

/// What opens and what is not known, by account; accounts that nothing opens are counted.
pub(crate) fn human(logins: &Logins<'_>, paint: Paint) -> String {
    let mut out = String::new();
    let mut closed = Vec::new();
    for account in &logins.accounts {
        let mut lines = String::new();
        for entry in &account.entries {
            let from = clean(&logins.from(&entry.origins));
            for way in &entry.ways {
                let (verdict, mark, text) = match &way.answer {
                    Answer::Opens(places) => {
                        let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                        let verdict = if way.is_typed() { Verdict::Fail } else { Verdict::Pass };
                        (verdict, "opens", places.join("; "))
                    }
                    Answer::Unknown(why) => (Verdict::Unknown, "unknown", why.clone()),
                    Answer::Paused(why, _) => (Verdict::Unknown, "paused", why.clone()),
                    Answer::Closed(..) => continue,
                };
                let _ = writeln!(
                    lines,
                    "  {} {} from {from}",
                    paint.verdict(verdict, &format!("{mark:<8}")),
                    way.name()
                );
                if !text.is_empty() {
                    wrapped(&mut lines, "           ", 11, &clean(&text));
                }
            }
        }
        match lines.is_empty() {
            true => closed.push(account.name.as_str()),
            false => {
                let _ = writeln!(out, "{}", paint.bold(&clean(&account.name)));
                out += &lines;
            }
        }
    }
    if !closed.is_empty() {
        wrapped(&mut out, "", 2, &clean(&format!("nothing opens {}", closed.join(", "))));
    }
    for doubt in &logins.doubts {
        wrapped(&mut out, "", 2, &clean(&format!("not known: {doubt}")));
    }
    out
}
