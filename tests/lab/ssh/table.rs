//! The table of configurations: what is written, who tries to log in, and what comes of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What may decide whether a client gets in. Each has to let somebody in and to refuse somebody.
pub(super) const MECHANISMS: &[&str] = &[
    // Of accounts.
    "passwd",
    "shadow: usable",
    "shadow: empty",
    "shadow: locked",
    "shadow: none",
    "shadow: expired",
    "shadow: locked, without PAM",
    "shell: missing",
    "shell: nologin",
    "AllowUsers",
    "AllowUsers with an address",
    "DenyUsers",
    "DenyUsers with an address",
    "AllowGroups",
    "DenyGroups",
    "/etc/nologin",
    "PermitRootLogin",
    "PermitEmptyPasswords",
    "UsePAM",
    // Of connections and files.
    "Match user",
    "Match group",
    "Match address",
    "Match host",
    "Match localaddress",
    "Match localport",
    "Include",
    // Of methods.
    "PasswordAuthentication",
    "KbdInteractiveAuthentication",
    "GSSAPIAuthentication",
    "KerberosAuthentication",
    "HostbasedAuthentication",
    "PubkeyAuthentication",
    "AuthenticationMethods",
    // Of PAM.
    "pam_unix",
    "pam_deny",
    "pam_permit",
    "pam_unix nullok",
    "pam_krb5",
    "pam_google_authenticator",
    "pam_oath",
    "pam_exec",
    "pam_succeed_if",
    "pam_access",
    "pam_listfile",
    // Of keys.
    "authorized_keys",
    "StrictModes",
    "from=",
    "expiry-time=",
    "PubkeyAcceptedAlgorithms",
    "TrustedUserCAKeys",
    "AuthorizedPrincipalsFile",
    "AuthorizedKeysFile",
];

/// Keys and certificates that are never the right ones, see `prepare`.
const WRONG_KEYS: &[&str] = &["other", "borrowed", "outdated", "foreign"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    configuration: Vec<Configuration>,
}

/// One state of the server, with those who try to log in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configuration {
    pub(super) name: String,
    /// The whole of /etc/ssh/sshd_config.
    pub(super) sshd: String,
    /// Other files, by path.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Shell lines that change accounts and whatever else is no plain file.
    #[serde(default)]
    pub(super) before: String,
    /// Shell lines that print the code of the second factor.
    #[serde(default)]
    pub(super) code: String,
    /// Those who get in, by the mechanism that decides.
    #[serde(default)]
    opens: BTreeMap<String, Vec<String>>,
    /// Those who are refused, by the mechanism that decides.
    #[serde(default)]
    closed: BTreeMap<String, Vec<String>>,
    /// What hostduty cannot know, with the reason: an attempt or `ssh-key-only`.
    #[serde(default)]
    pub(super) unknown: BTreeMap<String, String>,
    /// What hostduty does not know yet.
    #[serde(default)]
    pub(super) pending: Vec<String>,
}

/// One client that tries to log in.
#[derive(Debug)]
pub(super) struct Attempt {
    /// As the table writes it.
    pub(super) text: String,
    pub(super) mechanism: String,
    /// Whether it gets in.
    pub(super) opens: bool,
    pub(super) user: String,
    pub(super) methods: Vec<String>,
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) port: u16,
    pub(super) password: Password,
    pub(super) key: String,
    /// Whether a second factor is at hand.
    pub(super) has_code: bool,
}

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Password {
    Right,
    Wrong,
    Empty,
    Kerberos,
}

impl Password {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Right => "correct-horse",
            Self::Wrong => "wrong-horse",
            Self::Empty => "",
            Self::Kerberos => "ticket-horse",
        }
    }
}

impl Configuration {
    /// Those who try.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let lists = [(true, &self.opens), (false, &self.closed)];
        let lists = lists.into_iter().flat_map(|(opens, lists)| lists.iter().map(move |list| (opens, list)));
        lists
            .flat_map(|(opens, (mechanism, texts))| {
                texts.iter().map(move |text| Attempt::parse(text, mechanism, opens))
            })
            .collect()
    }
}

impl Attempt {
    /// `USER by METHOD [then METHOD] [from ADDRESS] [to ADDRESS] [port PORT] [with KEY] [with the WORD password] [with the code]`
    fn parse(text: &str, mechanism: &str, opens: bool) -> Self {
        let mut words = text.split(' ');
        let mut attempt = Self {
            text: text.to_owned(),
            mechanism: mechanism.to_owned(),
            opens,
            user: words.next().unwrap().to_owned(),
            methods: Vec::new(),
            from: "192.0.2.7".parse().unwrap(),
            to: "192.0.2.1".parse().unwrap(),
            port: 22,
            password: Password::Right,
            key: "key".to_owned(),
            has_code: false,
        };
        let mut to = None;
        while let Some(word) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("`{text}` ends too early"));
            match (word, value) {
                ("by" | "then", method) => attempt.methods.push(method.to_owned()),
                ("from", address) => attempt.from = address.parse().unwrap(),
                ("to", address) => to = Some(address.parse().unwrap()),
                ("port", port) => attempt.port = port.parse().unwrap(),
                ("with", "the") => match words.next().unwrap() {
                    "code" => attempt.has_code = true,
                    kind => {
                        assert_eq!(words.next(), Some("password"), "{text}");
                        attempt.password = match kind {
                            "wrong" => Password::Wrong,
                            "empty" => Password::Empty,
                            "Kerberos" => Password::Kerberos,
                            _ => panic!("`{text}` names no password"),
                        };
                    }
                },
                ("with", key) => attempt.key = key.to_owned(),
                _ => panic!("`{text}` is no attempt: {word}"),
            }
        }
        // A client reaches the address of its own kind.
        attempt.to = to.unwrap_or_else(|| match attempt.from {
            from if from.is_loopback() => from,
            IpAddr::V6(_) => "2001:db8::1".parse().unwrap(),
            IpAddr::V4(_) => attempt.to,
        });
        attempt
    }

    /// Whether nothing but typing got it as far as it got.
    pub(super) fn is_typed(&self) -> bool {
        self.methods.iter().all(|method| matches!(method.as_str(), "password" | "keyboard-interactive"))
    }

    /// Whether it says what hostduty answers: whether an account's own password, key or ticket is enough. A refusal of
    /// something else, and the success of a second factor, say nothing of that.
    pub(super) fn is_compared(&self) -> bool {
        match self.opens {
            true => !self.has_code,
            false => self.password != Password::Wrong && !WRONG_KEYS.contains(&self.key.as_str()),
        }
    }
}

/// Every configuration of the table.
pub(super) fn read(folder: &Path) -> Vec<Configuration> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        toml::from_str::<Table>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().flat_map(|path| read(path).configuration).collect()
}
