//! The options in front of a key in authorized_keys, see sshd(8): one that sshd does not know makes it pass over the line.

use std::collections::BTreeSet;

use super::expiry::{self, Expires, Expiry};
use crate::facts::sshd::Build;

/// What is kept of the options of a key: their names, and the values that are no secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) names: Vec<String>,
    pub(super) from: Vec<String>,
    pub(super) principals: Vec<String>,
    pub(super) expires: Option<Expiry>,
    /// Whether a port is given by its name, so that services(5) decides whether sshd takes the line.
    pub(super) named_port: bool,
}

/// Options without a value; whether `no-` may stand before them.
const FLAGS: &[(&str, bool)] = &[
    ("restrict", false),
    ("cert-authority", false),
    ("port-forwarding", true),
    ("agent-forwarding", true),
    ("x11-forwarding", true),
    ("touch-required", true),
    ("verify-required", true),
    ("pty", true),
    ("user-rc", true),
];
/// Options with one.
const VALUES: &[&str] =
    &["command", "principals", "from", "expiry-time", "environment", "permitopen", "permitlisten", "tunnel"];
/// Patterns and names of one key that are kept; more than that is taken for no key.
const LISTED: usize = 1_000;
/// The most of `environment` and of each permission that sshd takes.
const ENVIRONMENTS: usize = 1_024;
const PERMISSIONS: usize = 4_096;
/// The last number of a tunnel device; those behind it mean something else.
const DEVICE: i64 = i32::MAX as i64 - 2;

/// Reads options up to the first blank outside of quotes.
///
/// # Errors
/// Why sshd passes over the line.
pub(super) fn parse(text: &[u8], utc: bool, build: Option<&Build>) -> Result<Options, &'static str> {
    let mut reader = Reader { rest: text, utc, build, environments: BTreeSet::new(), permissions: [0; 2] };
    let mut options = Options::default();
    while !matches!(reader.rest.first(), None | Some(b' ' | b'\t')) {
        reader.option(&mut options)?;
        match reader.rest.split_first() {
            None | Some((b' ' | b'\t', _)) => break,
            Some((b',', [])) => return Err("its options end with a comma"),
            Some((b',', behind)) => reader.rest = behind,
            Some(_) => return Err("sshd does not know one of its options"),
        }
    }
    if !options.principals.is_empty() && !options.names.iter().any(|name| name == "cert-authority") {
        return Err("it has principals= without cert-authority");
    }
    Ok(options)
}

struct Reader<'a> {
    rest: &'a [u8],
    utc: bool,
    build: Option<&'a Build>,
    environments: BTreeSet<Vec<u8>>,
    permissions: [usize; 2],
}

impl Reader<'_> {
    /// Takes one option, or nothing where none is known.
    fn option(&mut self, options: &mut Options) -> Result<(), &'static str> {
        for (flag, negatable) in FLAGS {
            let negated = *negatable && starts_with(self.rest, "no-");
            let rest = if negated { self.rest.get(3..).unwrap_or_default() } else { self.rest };
            if starts_with(rest, flag) && self.knows(flag) {
                self.rest = rest.get(flag.len()..).unwrap_or_default();
                options.name(if negated { format!("no-{flag}") } else { (*flag).to_owned() });
                return Ok(());
            }
        }
        for name in VALUES {
            if starts_with(self.rest, name) && self.rest.get(name.len()) == Some(&b'=') {
                self.rest = self.rest.get(name.len() + 1..).unwrap_or_default();
                let again = options.names.iter().any(|known| known == name);
                options.name((*name).to_owned());
                return self.value(name, again, options);
            }
        }
        Ok(())
    }

    /// Options came one by one; a release before one does not know it.
    fn knows(&self, flag: &str) -> bool {
        let since = |major, minor| self.build.is_none_or(|build| build.since(major, minor));
        match flag {
            "touch-required" => since(8, 2),
            "verify-required" => since(8, 4),
            _ => true,
        }
    }

    fn value(&mut self, name: &str, again: bool, options: &mut Options) -> Result<(), &'static str> {
        let value = self.quoted()?;
        match name {
            "command" | "principals" | "from" if again => return Err("it has one option twice"),
            "from" => options.from = list(&value)?,
            "principals" => options.principals = list(&value)?,
            "expiry-time" => match expiry::parse(&value, self.utc, self.build) {
                Some(Expires::At(expiry)) => {
                    let earlier = options.expires.take().filter(|known| known.at <= expiry.at);
                    options.expires = Some(earlier.unwrap_or(expiry));
                }
                Some(Expires::Never) => {}
                None => return Err("its expiry-time= is no time"),
            },
            "environment" => {
                let name = value.split(|byte| *byte == b'=').next().unwrap_or_default();
                let valid = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                if self.environments.len() > ENVIRONMENTS {
                    return Err("it has too many options");
                }
                if name.is_empty() || name.len() == value.len() || !valid {
                    return Err("its environment= names no variable");
                }
                self.environments.insert(name.to_owned());
            }
            "permitopen" => self.permission(0, &value, options)?,
            "permitlisten" => self.permission(1, &value, options)?,
            "tunnel" if !value.eq_ignore_ascii_case(b"any") && whole(&value, DEVICE).is_none() => {
                return Err("its tunnel= is no number");
            }
            _ => {}
        }
        Ok(())
    }

    /// A value in its quotes, where only a quote is escaped.
    fn quoted(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut rest =
            self.rest.strip_prefix(b"\"").ok_or("one of its options has a value without quotes")?;
        let mut value = Vec::new();
        loop {
            match rest {
                [] => return Err("a quote is open"),
                [b'"', behind @ ..] => {
                    self.rest = behind;
                    return Ok(value);
                }
                [b'\\', b'"', behind @ ..] => {
                    value.push(b'"');
                    rest = behind;
                }
                [byte, behind @ ..] => {
                    value.push(*byte);
                    rest = behind;
                }
            }
        }
    }

    /// The host and the port of `permitopen=` and `permitlisten=`; the latter may do without a host.
    fn permission(&mut self, which: usize, value: &[u8], options: &mut Options) -> Result<(), &'static str> {
        const NONE: &str = "its permitopen= or permitlisten= names no port";
        let count = self.permissions.get_mut(which).ok_or(NONE)?;
        if *count > PERMISSIONS {
            return Err("it has too many options");
        }
        *count += 1;
        let bare = which == 1 && !value.contains(&b':');
        let port = if bare {
            value
        } else {
            let end = match value.first() {
                Some(b'[') => value.iter().position(|byte| *byte == b']').map(|at| at + 1).ok_or(NONE)?,
                _ => value.iter().position(|byte| matches!(byte, b':' | b'/')).ok_or(NONE)?,
            };
            let (host, behind) = value.split_at_checked(end).ok_or(NONE)?;
            if host.len() >= 1_025 {
                return Err(NONE);
            }
            behind.strip_prefix(b":").or(behind.strip_prefix(b"/")).ok_or(NONE)?
        };
        match whole(port, 65_535) {
            Some(0) => return Err(NONE),
            Some(_) => {}
            None if port == b"*" => {}
            None if port.is_empty() || !port.iter().all(u8::is_ascii_graphic) => return Err(NONE),
            None if port.iter().all(u8::is_ascii_digit) => return Err(NONE),
            None => options.named_port = true,
        }
        Ok(())
    }
}

impl Options {
    /// The last one of a name counts, and only it is kept.
    fn name(&mut self, name: String) {
        self.names.retain(|known| *known != name);
        self.names.push(name);
    }
}

fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// The parts of a list, for which sshd knows commas alone.
fn list(value: &[u8]) -> Result<Vec<String>, &'static str> {
    let parts: Vec<String> = value
        .split(|byte| *byte == b',')
        .take(LISTED + 1)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    if parts.len() > LISTED { Err("one of its lists is longer than hostduty reads") } else { Ok(parts) }
}

/// A number from 0, as strtonum(3) reads it.
fn whole(text: &[u8], most: i64) -> Option<i64> {
    let text = std::str::from_utf8(text.trim_ascii_start()).ok()?;
    text.parse().ok().filter(|number| (0..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<String, &'static str> {
        parse(text.as_bytes(), true, None).map(|options| options.names.join(" "))
    }

    #[test]
    fn what_sshd_takes() {
        for (text, wanted) in [
            ("", ""),
            ("no-pty,PTY,Restrict rest", "no-pty pty restrict"),
            ("pty,restrict,pty", "restrict pty"),
            (",no-pty", "no-pty"),
            (",,no-pty, x", "no-pty"),
            ("command=\"a \\\"b\\\", c\",from=\"10.0.0.0/8,!10.1.*\"", "command from"),
            ("environment=\"A=secret\",environment=\"A=\"", "environment"),
            ("permitopen=\"[::1]:80\",permitopen=\"h/80\",permitopen=\"h:*\"", "permitopen"),
            ("permitlisten=\"80\",permitlisten=\"*:80\",permitlisten=\"*\"", "permitlisten"),
            ("tunnel=\"0\",tunnel=\"any\"", "tunnel"),
            ("cert-authority,principals=\"a,b\"", "cert-authority principals"),
        ] {
            assert_eq!(names(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_sshd_passes_over() {
        for text in [
            "no-pty,",
            "no-restrict",
            "restricted",
            "unknown",
            "command",
            "command=x",
            "command=\"x",
            "command=\"x\"y",
            "command=\"x\",command=\"y\"",
            "from=\"\",from=\"\"",
            "expiry-time=\"soon\"",
            "environment=\"A\"",
            "environment=\"A-B=1\"",
            "permitopen=\"80\"",
            "permitopen=\"h:0\"",
            "permitopen=\"h:99999\"",
            "permitopen=\"[::1\"",
            "permitlisten=\"\"",
            "tunnel=\"x\"",
            "principals=\"a\"",
            "no-pty\0",
        ] {
            assert!(names(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_are_judged() {
        let parsed = |text: &str| parse(text.as_bytes(), true, None).unwrap();
        assert_eq!(parsed("from=\"a,,b c\"").from, ["a", "", "b c"]);
        assert_eq!(parsed("from=\"\"").from, [""]);
        assert!(parsed("permitopen=\"h:ssh\"").named_port);
        let expires = parsed("expiry-time=\"20280101\",expiry-time=\"20270101\"").expires.unwrap();
        assert_eq!(expires.at.to_string(), "2027-01-01T00:00:00Z");
        let old = Build { version: (8, 0), ..Build::default() };
        assert!(parse(b"no-touch-required", true, Some(&old)).is_err());
    }
}
