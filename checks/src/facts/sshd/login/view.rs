//! What a configuration sets for logging in, found out once for each set of Match blocks that hold together.

use std::collections::HashMap;

use crate::evidence::Evidence;
use crate::facts::sshd::effective::{Active, Evaluator};
use crate::facts::sshd::{Build, SERVICE, Setting};
use crate::gap::Gap;

/// The keywords that bear on logging in.
const KEYWORDS: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "chrootdirectory",
    "denygroups",
    "denyusers",
    "gssapiauthentication",
    "hostbasedauthentication",
    "ignorerhosts",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "requiredrsasize",
    "revokedkeys",
    "strictmodes",
    "trustedusercakeys",
    "usepam",
];

/// What a configuration sets where certain Match blocks hold: the keywords that bear on logging in.
pub(super) struct View {
    settings: HashMap<&'static str, Result<Setting, Gap>>,
    pub(super) build: Build,
    /// The line for which sshd ends every such connection.
    pub(super) refused: Result<Option<Evidence>, Gap>,
}

/// The views that were asked for, each found out once.
pub(super) struct Views<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) known: Vec<View>,
    numbers: HashMap<Active, usize>,
}

impl<'a> Views<'a> {
    pub(super) fn new(evaluator: &'a Evaluator<'a>) -> Self {
        Self { evaluator, known: Vec::new(), numbers: HashMap::new() }
    }

    /// The number of the view where these blocks hold.
    pub(super) fn of(&mut self, active: Active) -> usize {
        if let Some(number) = self.numbers.get(&active) {
            return *number;
        }
        let effective = self.evaluator.effective(&active);
        let settings = KEYWORDS.iter().map(|name| (*name, effective.decided(name))).collect();
        let build = self.evaluator.config().build.clone();
        let view = View { settings, build, refused: effective.refused() };
        self.known.push(view);
        let number = self.known.len() - 1;
        self.numbers.insert(active, number);
        number
    }
}

impl View {
    /// The value of one of [`KEYWORDS`] and the lines that decide it.
    pub(super) fn setting(&self, name: &str) -> Result<&Setting, Gap> {
        match self.settings.get(name) {
            Some(Ok(setting)) => Ok(setting),
            Some(Err(gap)) => Err(gap.clone()),
            None => Err(Gap::not_gathered()),
        }
    }
    pub(super) fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.is(value))
    }
    /// The service that sshd names to PAM. Before 9.9 it is always the same.
    pub(super) fn service(&self) -> Result<&str, Gap> {
        Ok(self.setting("pamservicename")?.values.first().map_or(SERVICE, String::as_str))
    }
}
