//! The criteria of a Match line, and whether a connection meets them.

use serde::{Deserialize, Serialize};

use super::build::Build;
use super::connection::{Connection, Truth};
use super::lexer;
use super::patterns::{self, Listed};

/// One criterion of a Match line; all of a line must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// What it looks at.
    pub of: Attribute,
    /// The patterns, as written; empty for `all` and `invalid-user`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub patterns: String,
}

/// What a criterion of Match looks at, see sshd_config(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    /// Nothing: every connection.
    All,
    /// A user name that no account has.
    InvalidUser,
    /// The name of the account.
    User,
    /// The names of its groups.
    Group,
    /// The client's host name, or its address where none is looked up.
    Host,
    /// The client's address.
    Address,
    /// The server's address that the client has reached.
    #[serde(rename = "localaddress")]
    LocalAddress,
    /// The server's port that the client has reached.
    #[serde(rename = "localport")]
    LocalPort,
    /// The routing domain of the connection.
    Rdomain,
    /// The release of sshd itself.
    Version,
}

impl Attribute {
    /// Whether it looks at the account alone.
    pub(super) fn is_of_account(self) -> bool {
        matches!(self, Self::User | Self::Group | Self::InvalidUser)
    }

    fn named(name: &str, build: &Build) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "all" => Self::All,
            "invalid-user" if build.since(9, 9) => Self::InvalidUser,
            "user" => Self::User,
            "group" => Self::Group,
            "host" => Self::Host,
            "address" => Self::Address,
            "localaddress" => Self::LocalAddress,
            "localport" => Self::LocalPort,
            "rdomain" => Self::Rdomain,
            "version" if build.since(10, 1) => Self::Version,
            _ => return None,
        })
    }
}

/// Reads the criteria of a Match line from what follows the keyword: `rest` as it is, `words` as the lexer split it.
///
/// # Errors
/// Why sshd refuses the line, without repeating it.
pub(super) fn parse(rest: &str, words: &[String], build: &Build) -> Result<Vec<Criterion>, String> {
    // Until 9.8 the line was taken apart at blanks, `=` and double quotes; since then as the arguments of any keyword.
    let words = if build.since(9, 9) { words.to_vec() } else { delimited(rest) };
    let mut words = words.into_iter().take_while(|word| !build.since(8, 7) || !word.starts_with('#'));
    let mut criteria: Vec<Criterion> = Vec::new();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if build.since(10, 0) && takes_value(name, build) => {
                (name, Some(value.to_owned()))
            }
            _ => (word.as_str(), None),
        };
        let of = Attribute::named(name, build);
        if of == Some(Attribute::All) {
            let alone = criteria.is_empty() && words.next().is_none_or(|next| next.is_empty());
            return match alone {
                true => Ok(vec![Criterion { of: Attribute::All, patterns: String::new() }]),
                false => Err("Match all with other criteria".to_owned()),
            };
        }
        if let Some(of @ Attribute::InvalidUser) = of {
            criteria.push(Criterion { of, patterns: String::new() });
            continue;
        }
        let Some(patterns) = value.or_else(|| words.next()).filter(|value| !value.is_empty()) else {
            return Err("Match with a criterion that has no value".to_owned());
        };
        let Some(of) = of else {
            return Err("Match with a criterion that this release of sshd does not know".to_owned());
        };
        let fits = match of {
            Attribute::Address | Attribute::LocalAddress => patterns::address_list(&patterns, None).is_ok(),
            // sshd looks a name up in services(5); see `is_named_port`.
            Attribute::LocalPort => {
                port(&patterns).is_some() || patterns.starts_with(|first: char| first.is_ascii_alphabetic())
            }
            _ => true,
        };
        if !fits {
            return Err("Match with an address or port that sshd does not take".to_owned());
        }
        criteria.push(Criterion { of, patterns });
    }
    if criteria.is_empty() { Err("Match without a criterion".to_owned()) } else { Ok(criteria) }
}

fn takes_value(name: &str, build: &Build) -> bool {
    !matches!(Attribute::named(name, build), None | Some(Attribute::All | Attribute::InvalidUser))
}

/// The words up to the first empty one, or to a quotation mark that is not closed.
fn delimited(text: &str) -> Vec<String> {
    let mut rest = Some(text);
    std::iter::from_fn(|| {
        let (word, behind) = lexer::first_word(rest?)?;
        rest = behind;
        (!word.is_empty()).then_some(word)
    })
    .collect()
}

/// A port by number.
fn port(text: &str) -> Option<u16> {
    text.trim_start().parse().ok()
}

impl Criterion {
    /// Whether it names a port by a word of services(5), so that what it means depends on the host.
    pub(super) fn is_named_port(&self) -> bool {
        self.of == Attribute::LocalPort && port(&self.patterns).is_none()
    }

    /// Whether sshd takes the criterion as met at its start, when there is no connection yet.
    pub(super) fn holds_at_start(&self, build: &Build) -> bool {
        match self.of {
            Attribute::All => true,
            // OpenSSH 9.9 and 10.0 forget to say no.
            Attribute::InvalidUser => !build.since(10, 1),
            Attribute::Version => patterns::list(&self.patterns, &build.release) == Listed::Yes,
            _ => false,
        }
    }

    /// Whether a connection meets it.
    pub(super) fn holds(&self, connection: &Connection<'_>, build: &Build) -> Truth {
        let patterns = self.patterns.as_str();
        let given = |value: Option<&str>, test: &dyn Fn(&str) -> bool| Truth::of(value.is_some_and(test));
        let address = |value: Option<&str>| {
            given(value, &|value| patterns::address_list(patterns, Some(value)) == Ok(Listed::Yes))
        };
        match self.of {
            Attribute::All => Truth::Yes,
            Attribute::InvalidUser => Truth::of(connection.invalid_user),
            Attribute::User => given(connection.user, &|user| patterns::list(patterns, user) == Listed::Yes),
            Attribute::Group => connection.groups.listed(patterns),
            Attribute::Host => {
                given(connection.host, &|host| patterns::host_list(patterns, host) == Listed::Yes)
            }
            Attribute::Address => address(connection.address),
            Attribute::LocalAddress => address(connection.local_address),
            Attribute::LocalPort => match (connection.local_port, port(patterns)) {
                (Some(_), None) => Truth::Unknown,
                (given, port) => Truth::of(given.is_some() && given == port),
            },
            Attribute::Rdomain => {
                given(connection.rdomain, &|domain| patterns::list(patterns, domain) == Listed::Yes)
            }
            Attribute::Version => Truth::of(self.holds_at_start(build)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, version: (u32, u32)) -> Result<Vec<Attribute>, String> {
        let build = Build { version, ..Build::default() };
        let words = lexer::arguments(text, &build).unwrap_or_default();
        Ok(parse(text, &words, &build)?.iter().map(|criterion| criterion.of).collect())
    }

    #[test]
    fn lines_that_are_read() {
        use Attribute::*;
        let all = [(8, 4), (9, 2), (10, 0)];
        for version in all {
            assert_eq!(read("all", version), Ok(vec![All]));
            assert_eq!(read("User a,b Address 10.0.0.0/8", version), Ok(vec![User, Address]));
            assert_eq!(read("LocalPort 22 rdomain x", version), Ok(vec![LocalPort, Rdomain]));
        }
        assert_eq!(read("ALL # everybody", (9, 2)), Ok(vec![All]));
        assert_eq!(read("user=a", (9, 2)), Ok(vec![User]));
        assert_eq!(read("user=a group=b", (10, 0)), Ok(vec![User, Group]));
        assert!(read("user=a", (9, 9)).is_err());
        assert_eq!(read("invalid-user", (9, 9)), Ok(vec![InvalidUser]));
        assert_eq!(read("version OpenSSH_10*", (10, 1)), Ok(vec![Version]));
        for refused in [
            "all user a",
            "user a all",
            "user",
            "exec x",
            "# x",
            "user # x",
            "address 10.0.0.1/8",
            "localport 70000",
        ] {
            for version in [(9, 2), (10, 0)] {
                assert!(read(refused, version).is_err(), "{refused}");
            }
        }
        assert!(read("invalid-user", (9, 8)).is_err());
        assert!(read("version x", (10, 0)).is_err());
    }
}
