//! What a configuration sets for logging in, found out once for each set of Match blocks that hold together.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::evidence::Evidence;
use crate::facts::sshd::effective::{Active, Evaluator};
use crate::facts::sshd::origins::Origin;
use crate::facts::sshd::{Build, Line, SERVICE, Setting};
use crate::gap::Gap;

/// Lines and values that are looked at to answer for every account from everywhere; what needs more stays unknown.
const WORK: usize = 20_000_000;

/// The keywords that bear on logging in.
const KEYWORDS: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalsfile",
    "challengeresponseauthentication",
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
pub(super) struct View<'a> {
    evaluator: &'a Evaluator<'a>,
    active: Active,
    /// The settings that were asked for, by the index of the keyword.
    known: RefCell<Vec<Known>>,
}

/// The index of a keyword, and its setting.
type Known = (usize, Result<Rc<Setting>, Gap>);

/// The views that were asked for, each once.
pub(super) struct Views<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) known: Vec<View<'a>>,
    numbers: HashMap<Active, usize>,
    /// What it costs to look through the whole configuration once.
    size: usize,
    /// What may still be spent.
    left: usize,
}

impl<'a> Views<'a> {
    pub(super) fn new(evaluator: &'a Evaluator<'a>) -> Self {
        let config = evaluator.config();
        // Sixteen letters of a value take about as long as a line.
        let cost = |line: &Line| 1 + line.values.iter().map(|value| 1 + value.len() / 16).sum::<usize>();
        let size = KEYWORDS.len() + evaluator.cost() / 16 + config.lines.iter().map(cost).sum::<usize>();
        Self { evaluator, known: Vec::new(), numbers: HashMap::new(), size, left: WORK }
    }

    /// Spends what it takes to find out which blocks hold for one more account; nothing where that is too much.
    pub(super) fn spend_account(&mut self) -> Option<()> {
        self.spend(self.size)
    }

    fn spend(&mut self, cost: usize) -> Option<()> {
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.map(|_| ())
    }

    /// The number of the view where these blocks hold; nothing where there are too many. A class that is like one before
    /// costs its comparison, any other a look through the configuration.
    pub(super) fn of(&mut self, active: Active, origin: &Origin) -> Option<usize> {
        self.spend(1 + self.evaluator.config().matches.len() / 64 + origin.listed.len() / 64)?;
        if let Some(number) = self.numbers.get(&active) {
            return Some(*number);
        }
        // Only the lines of blocks that may hold are looked at.
        let lines = active.0.possible().count();
        self.spend(1 + self.size * lines.min(8) / 8)?;
        let number = self.known.len();
        self.numbers.insert(active.clone(), number);
        self.known.push(View { evaluator: self.evaluator, active, known: RefCell::default() });
        Some(number)
    }
}

/// Why an answer that takes more than [`WORK`] is not given.
pub(super) fn too_large() -> Gap {
    Gap::too_large("the configuration of sshd, asked for each account from everywhere,")
}

impl View<'_> {
    /// The value of one of [`KEYWORDS`] and the lines that decide it.
    pub(super) fn setting(&self, name: &str) -> Result<Rc<Setting>, Gap> {
        let Ok(keyword) = KEYWORDS.binary_search(&name) else { return Err(Gap::not_gathered()) };
        let mut known = self.known.borrow_mut();
        if let Some((_, setting)) = known.iter().find(|(index, _)| *index == keyword) {
            return setting.clone();
        }
        let setting = self.evaluator.effective(&self.active).decided(name);
        known.push((keyword, setting.clone()));
        setting
    }
    pub(super) fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.is(value))
    }
    /// The service that sshd names to PAM. Before 9.9 it is always the same.
    pub(super) fn service(&self) -> Result<String, Gap> {
        Ok(self.setting("pamservicename")?.values.first().cloned().unwrap_or_else(|| SERVICE.to_owned()))
    }
    /// The build of sshd.
    pub(super) fn build(&self) -> &Build {
        &self.evaluator.config().build
    }
    /// The line for which sshd ends every such connection.
    pub(super) fn refused(&self) -> Result<Option<Evidence>, Gap> {
        self.evaluator.effective(&self.active).refused()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_recorded() {
        assert!(KEYWORDS.is_sorted());
        assert!(KEYWORDS.iter().all(|name| crate::facts::sshd::keywords::is_recorded(name)));
    }
}
