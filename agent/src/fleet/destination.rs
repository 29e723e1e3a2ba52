//! Where a host is reached: what ssh is told, and nothing that ssh or a shell would take for something else.

use std::path::Path;

use super::Error;

/// More than this in one run is a mistake in an inventory's range.
pub(super) const MOST: usize = 10_000;

/// One host to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// What reports call it: the inventory's name, or what was typed.
    pub(crate) name: String,
    /// What ssh is given: `host` or `user@host`.
    pub(crate) target: String,
    pub(crate) port: Option<u16>,
    /// The private key that an inventory names.
    pub(crate) identity: Option<String>,
}

impl Destination {
    /// From what somebody typed.
    pub(crate) fn typed(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix("ssh://");
        let rest = address.map_or(text, |rest| rest.trim_end_matches('/'));
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        if let Some(user) = user {
            if address.is_some() && user.contains(':') {
                return Err("a password has no place in an address, which everybody on this machine can see"
                    .to_owned());
            }
            checked_user(user)?;
        }
        let own = Self { name: text.to_owned(), target: rest.to_owned(), port: None, identity: None };
        if address.is_some() {
            let (host, port) = with_port(host)?;
            checked_host(host)?;
            let target = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
            return Ok(Self { target, port, ..own });
        }
        checked_host(host)?;
        if let Some((name, port)) = host.split_once(':')
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            return Err(format!("ssh takes no port here: write ssh://{user}{name}:{port}"));
        }
        if host.starts_with('[') {
            return Err("write an IPv6 address without brackets, or as ssh://[2001:db8::1]:22".to_owned());
        }
        Ok(own)
    }

    /// From an inventory.
    pub(super) fn named(
        name: &str,
        host: &str,
        user: Option<&str>,
        port: Option<u16>,
        identity: Option<&str>,
    ) -> Result<Self, String> {
        checked_host(host)?;
        if host.contains('[') {
            return Err(format!("`{host}` is no host name"));
        }
        // ssh would take what stands before it for the user, and what comes after it unchecked for the host.
        if host.contains('@') {
            return Err(format!("`{host}` is no host name: say as whom with ansible_user"));
        }
        if let Some(user) = user {
            checked_user(user)?;
        }
        if identity.is_some_and(|file| file.starts_with('-') || file.contains(char::is_control)) {
            return Err("the private key's path cannot be given to ssh".to_owned());
        }
        let target = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        Ok(Self { name: name.to_owned(), target, port, identity: identity.map(str::to_owned) })
    }
}

/// Reads a file with one destination a line; `#` begins a comment.
pub(crate) fn listed(path: &Path) -> Result<Vec<Destination>, Error> {
    let file = path.display().to_string();
    let text = super::read(path)?;
    let mut list = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let destination =
            Destination::typed(line).map_err(|why| Error::Line(file.clone(), number + 1, why))?;
        list.push(destination);
    }
    Ok(list)
}

/// Host and port of an address: `host`, `host:22`, `[2001:db8::1]`, `[2001:db8::1]:22`.
fn with_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']').ok_or_else(|| format!("`{text}` has no `]`"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(format!("`{port}` is no port")),
        },
        None => Err(format!("`{text}` is no host with a port")),
    }
}

fn checked_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("the host's name is missing".to_owned());
    }
    checked(host)?;
    if host.contains(['/', '\\']) {
        return Err(format!("`{host}` is no host name"));
    }
    Ok(())
}

fn checked_user(user: &str) -> Result<(), String> {
    if user.is_empty() || user.ends_with('\\') {
        return Err("the user's name before `@` is missing".to_owned());
    }
    checked(user)
}

/// ssh hands names to shells (ProxyCommand, Match exec) and takes what starts with `-` for an option. What OpenSSH refuses
/// since 9.6, for the sake of those before.
fn checked(name: &str) -> Result<(), String> {
    if name.starts_with('-') {
        return Err(format!("`{name}` starts with `-`, which ssh would take for an option"));
    }
    let odd = |one: char| {
        one.is_control() || one.is_whitespace() || "'`\"$;&<>|(){}*?!#,".contains(one) || !one.is_ascii()
    };
    match name.chars().find(|one| odd(*one)) {
        Some(one) => {
            Err(format!("`{}` does not belong into the name of a host or user", one.escape_default()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_takes_is_taken() {
        for text in [
            "web1",
            "ann@web1.example.org",
            "ann@example.org@web1",
            "EXAMPLE\\ann@web1",
            "2001:db8::1",
            "ann@2001:db8::1",
            "fe80::1%eth0",
        ] {
            assert_eq!(Destination::typed(text).unwrap().target, text);
        }
        for (text, target, port) in [
            ("ssh://ann@web1:2222", "ann@web1", Some(2222)),
            ("ssh://web1/", "web1", None),
            ("ssh://[2001:db8::1]:22", "2001:db8::1", Some(22)),
            ("ssh://ann@[2001:db8::1]", "ann@2001:db8::1", None),
        ] {
            let destination = Destination::typed(text).unwrap();
            assert_eq!((destination.target.as_str(), destination.port), (target, port));
            assert_eq!(destination.name, text);
        }
    }

    #[test]
    fn what_ssh_would_take_for_something_else_is_refused() {
        for text in [
            "",
            "-oProxyCommand=id",
            "ann@-oProxyCommand=id",
            "-l@web1",
            "ssh://-oProxyCommand=id",
            "ssh://[-oProxyCommand=id]:22",
            "ssh://ann:secret@web1",
            "ssh://web1:99999",
            "ssh://web1:0",
            "ssh://web1:",
            "ssh://[2001:db8::1",
            "ssh://[2001:db8::1]x",
            "ssh://:22",
            "web1 id",
            "web1;id",
            "$(id)",
            "`id`@web1",
            "ann@",
            "@web1",
            "web\u{1b}[2J",
            "wéb",
            "../web",
            "[2001:db8::1]",
        ] {
            assert!(Destination::typed(text).is_err(), "{text}");
        }
        assert_eq!(
            Destination::typed("ann@web1:2222").unwrap_err(),
            "ssh takes no port here: write ssh://ann@web1:2222"
        );
        assert!(Destination::named("web1", "-oProxyCommand=id", None, None, None).is_err());
        assert!(Destination::named("web1", "ann@-oProxyCommand=id", None, None, None).is_err());
        assert!(Destination::named("web1", "ann@", Some("bob"), None, None).is_err());
        assert!(Destination::named("web1", "web1", Some("-x"), None, None).is_err());
        assert!(Destination::named("web1", "web1", None, None, Some("-x")).is_err());
    }
}
