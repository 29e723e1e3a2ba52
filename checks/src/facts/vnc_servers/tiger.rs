//! The command line of TigerVNC's servers (Xvnc, x0vncserver, w0vncserver) and of those that share its parameters.

use serde::{Deserialize, Serialize};

use super::Asked;
use crate::evidence::Evidence;

/// Words of a command line that are looked at.
const MOST: usize = 4096;
/// Kinds of security that are kept of one list.
const MOST_SCHEMES: usize = 32;

/// A way in which a VNC server lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Whoever connects (`None`).
    None,
    /// With the VNC password, of eight characters at most; the session is not encrypted (`VncAuth`).
    Vnc,
    /// With an account and its password, neither encrypted (`Plain`).
    Plain,
    /// Whoever connects, through TLS without a certificate.
    TlsNone,
    /// With the VNC password, through TLS without a certificate.
    TlsVnc,
    /// With an account, through TLS without a certificate.
    TlsPlain,
    /// Whoever connects, through TLS with a certificate of the server.
    X509None,
    /// With the VNC password, through TLS with a certificate of the server.
    X509Vnc,
    /// With an account, through TLS with a certificate of the server.
    X509Plain,
    /// With a password, through RSA-AES (`RA2`).
    Rsa,
    /// With a certificate of the client.
    Certificate,
    /// Something else, by its name in the server's own words.
    Other(String),
}

impl Scheme {
    /// As TigerVNC writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::None => "None",
            Self::Vnc => "VncAuth",
            Self::Plain => "Plain",
            Self::TlsNone => "TLSNone",
            Self::TlsVnc => "TLSVnc",
            Self::TlsPlain => "TLSPlain",
            Self::X509None => "X509None",
            Self::X509Vnc => "X509Vnc",
            Self::X509Plain => "X509Plain",
            Self::Rsa => "RA2",
            Self::Certificate => "a client's certificate",
            Self::Other(name) => name,
        }
    }

    fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "vncauth" | "vnc" => Self::Vnc,
            "plain" => Self::Plain,
            "tlsnone" => Self::TlsNone,
            "tlsvnc" => Self::TlsVnc,
            "tlsplain" => Self::TlsPlain,
            "x509none" => Self::X509None,
            "x509vnc" => Self::X509Vnc,
            "x509plain" => Self::X509Plain,
            "ra2" | "ra2ne" | "ra2_256" | "ra2ne_256" => Self::Rsa,
            _ => Self::Other(word.chars().take(40).filter(|letter| !letter.is_control()).collect()),
        }
    }
}

/// The value of `SecurityTypes`.
pub(super) fn schemes(value: &str) -> Vec<Scheme> {
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.take(MOST_SCHEMES).map(Scheme::parse).collect()
}

/// What TigerVNC offers unless it is told otherwise.
pub(super) fn default() -> Vec<Scheme> {
    vec![Scheme::TlsVnc, Scheme::Vnc]
}

/// `-Name value`, `-Name=value`, `--Name=value` or `Name=value`, whatever the case; of two the last counts.
pub(super) fn asked(words: &[String]) -> Asked {
    let (mut types, mut port, mut inetd, mut file) = (None, None, false, None);
    for (word, next) in pairs(words) {
        let Some((name, value)) = parameter(word) else { continue };
        let value = value.or(next);
        match name.to_ascii_lowercase().as_str() {
            "securitytypes" => types = value,
            "rfbport" => port = value,
            "rfbauth" | "passwordfile" => file = value,
            "inetd" => inetd = true,
            _ => {}
        }
    }
    let said = types.map(schemes);
    let mut at = Vec::new();
    at.extend(file.map(|path| Evidence::of(shown(path)).says("its password file")));
    Asked { takes: Ok(said.unwrap_or_else(default)), local: port == Some("-1") && !inetd, at }
}

/// TightVNC's server asks for a password only where `-rfbauth` names a file.
pub(super) fn tight(words: &[String]) -> Asked {
    let asked = asked(words);
    let password = pairs(words).any(|(word, _)| word == "-rfbauth");
    Asked { takes: Ok(vec![if password { Scheme::Vnc } else { Scheme::None }]), ..asked }
}

/// Each word with the one behind it.
fn pairs(words: &[String]) -> impl Iterator<Item = (&str, Option<&str>)> {
    let words = || words.iter().take(MOST).map(String::as_str);
    words().zip(words().skip(1).map(Some).chain(std::iter::once(None)))
}

fn parameter(word: &str) -> Option<(&str, Option<&str>)> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let bare = name.strip_prefix("--").or_else(|| name.strip_prefix('-'));
    Some((bare.or(value.map(|_| name))?, value))
}

/// A path for people to read.
pub(super) fn shown(path: &str) -> String {
    path.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(line: &str) -> Vec<Scheme> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        asked(&words).takes.unwrap()
    }

    #[test]
    fn the_last_list_of_types_counts_in_every_form() {
        assert_eq!(takes(":1 -desktop x -rfbport 5901"), [Scheme::TlsVnc, Scheme::Vnc]);
        for line in [
            ":1 -SecurityTypes None",
            "-securitytypes=NONE",
            "--SecurityTypes none",
            "SecurityTypes=None",
            "-SecurityTypes VncAuth -rfbport 1 -SecurityTypes None",
        ] {
            assert_eq!(takes(line), [Scheme::None], "{line}");
        }
        assert_eq!(takes("SecurityTypes None"), default(), "a word without a dash is none of its parameters");
        assert_eq!(takes("-SecurityTypes ,"), []);
        let odd = takes("-SecurityTypes TLSPlain,RA2ne,X509Vnc,Odd");
        assert_eq!(odd, [Scheme::TlsPlain, Scheme::Rsa, Scheme::X509Vnc, Scheme::Other("Odd".into())]);
        assert_eq!(schemes(&"x,".repeat(10_000)).len(), MOST_SCHEMES);
    }

    #[test]
    fn a_server_without_a_port_serves_this_machine_alone() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(asked(&words("-rfbport -1")).local && asked(&words("rfbport=-1")).local);
        assert!(!asked(&words("-rfbport -1 -inetd")).local && !asked(&words("-rfbport 0")).local);
        assert_eq!(tight(&words("-rfbauth /x")).takes, Ok(vec![Scheme::Vnc]));
        assert_eq!(tight(&words(":1 -rfbport 5901")).takes, Ok(vec![Scheme::None]));
        assert_eq!(asked(&words("-PasswordFile=/root/p")).at[0].source, "/root/p");
    }
}
