//! The ways from a connection to a shell that take nothing but something typed.

use super::{Config, Sshd};
use crate::check::Evidence;
use crate::gap::Gap;

/// A way in that asks for no key, ticket or trusted host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What somebody types in turn; one method, or several that AuthenticationMethods asks for.
    pub methods: Vec<Method>,
    /// The lines that open it.
    pub evidence: Vec<Evidence>,
}

/// A method that takes something typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `password`
    Password,
    /// `keyboard-interactive`, which on Linux asks PAM and nothing else.
    KeyboardInteractive,
}

/// The keywords that a Match block may set and that open or close such a way.
pub const ROUTE_KEYWORDS: &[&str] = &[
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "authenticationmethods",
    "permitemptypasswords",
    "permitrootlogin",
    "pamservicename",
    "allowusers",
    "denyusers",
    "allowgroups",
    "denygroups",
    "kerberosauthentication",
];

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
        })
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.methods.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(" then "))
    }
}

impl Sshd {
    /// The ways in that are open to typing alone, outside of Match blocks. `version` is that of the installed
    /// OpenSSH, where it is known.
    ///
    /// # Errors
    /// When the configuration is not known, or what it means depends on a version that is not.
    pub fn typed_routes(&self, version: Option<(u32, u32)>) -> Result<Vec<Route>, Gap> {
        let config = self.config.known()?;
        let password = config.is("passwordauthentication", "yes")?;
        let uses_pam = config.is("usepam", "yes")?;
        // Without PAM a Linux build has no device that could answer the method, so it always fails.
        let interactive = uses_pam && config.interactive(version)?;
        let at = |name: &str| config.setting(name).map(|setting| setting.shown(name));
        let method = |name: &str| match name.split(':').next().unwrap_or_default() {
            "password" if password => Some(Method::Password),
            "keyboard-interactive" if interactive => Some(Method::KeyboardInteractive),
            _ => None,
        };
        let evidence = |methods: &[Method]| -> Result<Vec<Evidence>, Gap> {
            let mut evidence = Vec::new();
            for method in methods {
                match method {
                    Method::Password => evidence.push(at("passwordauthentication")?),
                    Method::KeyboardInteractive => {
                        evidence.extend([at("kbdinteractiveauthentication")?, at("usepam")?]);
                    }
                }
            }
            Ok(evidence)
        };
        let lists = config.setting("authenticationmethods")?;
        let mut routes = Vec::new();
        if lists.values.iter().any(|list| list == "any") {
            for methods in ["password", "keyboard-interactive"].iter().filter_map(|name| method(name)) {
                routes.push(Route { methods: vec![methods], evidence: evidence(&[methods])? });
            }
            return Ok(routes);
        }
        if lists.values.iter().any(|list| list == "none")
            && password
            && config.is("permitemptypasswords", "yes")?
        {
            return Err(Gap::unsupported(format!(
                "{} lets accounts with an empty password in without asking, which hostduty does not follow",
                lists.shown("authenticationmethods")
            )));
        }
        for list in &lists.values {
            // A list with any other method takes more than typing; one with a disabled method lets nobody in.
            let Some(methods) = list.split(',').map(method).collect::<Option<Vec<_>>>() else { continue };
            let mut evidence = evidence(&methods)?;
            evidence.push(at("authenticationmethods")?);
            routes.push(Route { methods, evidence });
        }
        Ok(routes)
    }
}

impl Config {
    /// Whether keyboard-interactive is on. Since OpenSSH 8.7 ChallengeResponseAuthentication is another name of
    /// KbdInteractiveAuthentication; before, it was a keyword of its own that had to be off as well.
    fn interactive(&self, version: Option<(u32, u32)>) -> Result<bool, Gap> {
        let setting = self.setting("kbdinteractiveauthentication")?;
        let today = self.is("kbdinteractiveauthentication", "yes")?;
        let lines = std::iter::once(&setting.at).chain(&setting.lost);
        let texts: Vec<String> =
            lines.filter_map(|line| line.text.as_ref()).map(|text| text.to_ascii_lowercase()).collect();
        let challenge = texts.iter().find(|text| text.starts_with("challenge") || text.starts_with("skey"));
        let before = challenge.is_none_or(|text| text.ends_with(" yes"))
            || texts.iter().any(|text| text.starts_with("kbd") && text.ends_with(" yes"));
        match version {
            Some(version) if version >= (8, 7) => Ok(today),
            Some(_) => Ok(before),
            None if today == before => Ok(today),
            None => Err(Gap::unsupported(format!(
                "{}:{} turns keyboard-interactive off only since OpenSSH 8.7, and the installed version is not known",
                setting.at.source,
                setting.at.line.unwrap_or_default()
            ))),
        }
    }
}

impl super::Setting {
    /// Where it is decided and what it says there, also for a default.
    #[must_use]
    pub fn shown(&self, name: &str) -> Evidence {
        match &self.at.text {
            Some(_) => self.at.clone(),
            None => self.at.clone().says(format!("{name} {}", self.values.join(" "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn routes(config: &str, version: Option<(u32, u32)>) -> Result<Vec<String>, Gap> {
        let sshd = read(&Tree::new(Timestamp(0)).file("/etc/ssh/sshd_config", config)).unwrap();
        Ok(sshd.typed_routes(version)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_typing_opens() {
        let new = Some((9, 2));
        let none: [&str; 0] = [];
        for (config, open) in [
            ("", &["password"][..]),
            ("UsePAM yes", &["password", "keyboard-interactive"]),
            ("UsePAM yes\nPasswordAuthentication no", &["keyboard-interactive"]),
            ("UsePAM yes\nPasswordAuthentication no\nChallengeResponseAuthentication no", &none),
            ("PasswordAuthentication no", &none),
            ("AuthenticationMethods publickey,password publickey", &none),
            ("AuthenticationMethods publickey,password password", &["password"]),
            (
                "UsePAM yes\nAuthenticationMethods password,keyboard-interactive:pam",
                &["password then keyboard-interactive"],
            ),
        ] {
            assert_eq!(routes(config, new).unwrap(), open, "{config}");
        }
    }

    #[test]
    fn older_versions_ask_for_two_keywords() {
        let half = "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";
        assert!(routes(half, Some((8, 7))).unwrap().is_empty());
        assert_eq!(routes(half, Some((8, 4))).unwrap(), ["keyboard-interactive"]);
        assert!(routes(half, None).is_err());
        let whole = format!("{half}ChallengeResponseAuthentication no\n");
        for version in [None, Some((8, 4)), Some((9, 2))] {
            assert!(routes(&whole, version).unwrap().is_empty(), "{version:?}");
        }
    }
}
