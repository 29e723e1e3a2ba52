//! What a module may return, by what the client types and by what is known of the account and the host.

use std::collections::HashSet;

use super::control::{Action, Code};
use super::modules::{self, Kind};
use super::outcome::{Conversation, Expiry, Who};
use super::{Rule, Sort, Stack};
use crate::facts::accounts::PasswordState;

/// Something that a client may type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Secret {
    Empty,
    Wrong,
    /// The account's own password.
    Own,
    /// The password that is right elsewhere.
    Foreign,
    /// One password that is right in both places.
    Both,
    /// The code of a second factor.
    Code,
    /// The account's own password with the code behind it.
    OwnAndCode,
}

/// What is remembered from rule to rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Memory {
    /// The item PAM_AUTHTOK, which modules share.
    token: Option<Secret>,
    /// The one password of the method `password`, once it has been asked for.
    typed: Option<Secret>,
}

/// A code with what is remembered after it.
pub(super) type Way = (Code, Memory);

/// Who asks, and what is at hand.
pub(super) struct Ways<'a> {
    pub(super) stack: &'a Stack,
    pub(super) who: &'a Who,
    pub(super) auth: bool,
    pub(super) how: Conversation,
    pub(super) empty: bool,
    pub(super) client: &'a [Secret],
    /// The one module for which the password from elsewhere is right.
    pub(super) elsewhere: Option<usize>,
}

/// Whether a module compares passwords that are not in the host's own files.
pub(super) fn is_elsewhere(rule: &Rule) -> bool {
    rule.sort == Sort::Module && !rule.missing && modules::kind(&rule.module, true) == Kind::Elsewhere
}

impl Ways<'_> {
    /// Why it is not known what a rule returns.
    pub(super) fn reason(&self, rule: &Rule) -> String {
        let (module, at) = (&rule.module, &rule.at);
        match modules::kind(module, self.auth) {
            Kind::Unknown if self.auth => format!(
                "PAM asks {module} too ({at}), and hostduty does not know whether a password is enough for it"
            ),
            Kind::Unknown => {
                format!("PAM asks {module} too ({at}), and hostduty does not know whom it refuses")
            }
            Kind::Elsewhere => {
                format!("{module} ({at}) decides with passwords that are not in the host's own files")
            }
            Kind::Factor => format!("{module} ({at}) asks some accounts for a second factor and others not"),
            Kind::Unix => format!("{module} ({at}) decides by what is not known of the account"),
            _ => format!("{module} ({at}) decides by a condition that hostduty does not follow"),
        }
    }

    /// Each list holds what the client can choose from; which list it is does not depend on the client.
    pub(super) fn of(&self, index: usize, rule: &Rule, memory: Memory) -> Vec<Vec<Way>> {
        let mut worlds = self.all(index, rule, memory);
        for choices in &mut worlds {
            let mut seen = HashSet::new();
            choices.retain(|way| seen.insert(*way));
        }
        worlds
    }

    fn all(&self, index: usize, rule: &Rule, memory: Memory) -> Vec<Vec<Way>> {
        if rule.sort == Sort::Broken {
            return vec![vec![(Code::PERM_DENIED, memory)]];
        }
        if rule.missing {
            return vec![vec![(Code::MODULE_UNKNOWN, memory)]];
        }
        match modules::kind(&rule.module, self.auth) {
            Kind::Unix if self.auth => self.unix(rule, memory),
            Kind::Elsewhere => self.elsewhere(index, rule, memory),
            Kind::Factor => self.factor(rule, memory),
            Kind::Unknown => {
                let mut worlds = alone(different(rule, self.anything()), memory);
                if self.auth && memory.token.is_none() {
                    // It may ask for a password and leave it to those behind it.
                    let asked = self
                        .prompt(memory)
                        .into_iter()
                        .map(|(secret, memory)| Memory { token: Some(secret), ..memory });
                    let asked: Vec<Memory> = asked.collect();
                    let codes = different(rule, self.anything()).into_iter();
                    worlds.extend(codes.map(|code| asked.iter().map(|memory| (code, *memory)).collect()));
                }
                worlds
            }
            kind => alone(different(rule, self.codes(kind, rule).into_iter()), memory),
        }
    }

    /// What a module may return that hostduty does not know: passwords that must be changed are a matter of `account`, and
    /// sshd never leaves a question open.
    pub(super) fn anything(&self) -> impl Iterator<Item = Code> {
        let account = !self.auth;
        Code::all()
            .filter(move |code| *code != Code::INCOMPLETE && (account || *code != Code::NEW_AUTHTOK_REQD))
    }

    /// What the client can answer to a question, with what is remembered then.
    fn prompt(&self, memory: Memory) -> Vec<(Secret, Memory)> {
        match (self.how, memory.typed) {
            (Conversation::Password, Some(typed)) => vec![(typed, memory)],
            (Conversation::Password, None) => self
                .client
                .iter()
                .map(|secret| (*secret, Memory { typed: Some(*secret), ..memory }))
                .collect(),
            (Conversation::KeyboardInteractive, _) => {
                self.client.iter().map(|secret| (*secret, memory)).collect()
            }
        }
    }

    /// The password that a module of libpam's own gets: the one that was typed before, or else a new one, which those
    /// behind it get too.
    fn token(&self, rule: &Rule, memory: Memory) -> Vec<(Secret, Memory)> {
        match memory.token {
            Some(secret) => vec![(secret, memory)],
            None if rule.arguments.iter().any(|argument| argument == "use_first_pass") => Vec::new(),
            None => {
                let keep = |(secret, memory)| (secret, Memory { token: Some(secret), ..memory });
                self.prompt(memory).into_iter().map(keep).collect()
            }
        }
    }

    fn unix(&self, rule: &Rule, memory: Memory) -> Vec<Vec<Way>> {
        if self.who.name.starts_with(['-', '+']) {
            return vec![vec![(Code::USER_UNKNOWN, memory)]];
        }
        let has = |name: &str| rule.arguments.iter().any(|argument| argument == name);
        let nullok = self.empty && (has("nullok") || has("nullok_secure"));
        let compare = |state: Option<PasswordState>, wrong: Code| {
            let mut ways: Vec<Way> = Vec::new();
            for (secret, memory) in self.token(rule, memory) {
                let right = match state {
                    Some(PasswordState::Usable) => matches!(secret, Secret::Own | Secret::Both),
                    Some(PasswordState::Empty) => nullok && secret == Secret::Empty,
                    _ => false,
                };
                ways.push((if right { Code::SUCCESS } else { wrong }, memory));
            }
            if ways.is_empty() {
                ways.push((Code::AUTH_ERR, memory));
            }
            ways
        };
        let blank = || vec![(Code::SUCCESS, memory)];
        // An account from elsewhere may have its hash from there as well, which getspnam(3) hands to the module.
        let states = match self.who.password.filter(|_| !self.who.foreign) {
            Some(state) => vec![state],
            None => vec![PasswordState::Usable, PasswordState::Empty, PasswordState::None],
        };
        let mut worlds = Vec::new();
        for state in states {
            match state {
                PasswordState::Empty if nullok => worlds.push(blank()),
                PasswordState::Empty if has("nullresetok") => match self.who.expiry {
                    Expiry::MustChange => worlds.push(blank()),
                    Expiry::Unknown => worlds.extend([blank(), compare(Some(state), Code::AUTH_ERR)]),
                    _ => worlds.push(compare(Some(state), Code::AUTH_ERR)),
                },
                PasswordState::None => {
                    let codes = [Code::AUTH_ERR, Code::AUTHINFO_UNAVAIL, Code::USER_UNKNOWN].into_iter();
                    let known = if self.who.foreign { 3 } else { 2 };
                    let codes = different(rule, codes.take(known)).into_iter();
                    worlds.extend(codes.map(|code| compare(Some(state), code)));
                }
                state => worlds.push(compare(Some(state), Code::AUTH_ERR)),
            }
        }
        worlds
    }

    fn elsewhere(&self, index: usize, rule: &Rule, memory: Memory) -> Vec<Vec<Way>> {
        let right =
            |secret| self.elsewhere == Some(index) && matches!(secret, Secret::Foreign | Secret::Both);
        let mut asked = self.token(rule, memory);
        if memory.token.is_some() && !rule.arguments.iter().any(|argument| argument == "use_first_pass") {
            // Some ask again when the first password was wrong, or never look at it.
            asked.extend(self.prompt(memory));
        }
        let failed = different(rule, refusals(rule));
        let world = |code: Code| {
            let mut ways: Vec<Way> = asked
                .iter()
                .map(|(secret, memory)| (if right(*secret) { Code::SUCCESS } else { code }, *memory))
                .collect();
            if ways.is_empty() {
                ways.push((code, memory));
            }
            ways
        };
        failed.into_iter().map(world).collect()
    }

    fn factor(&self, rule: &Rule, memory: Memory) -> Vec<Vec<Way>> {
        let has = |name: &str| rule.arguments.iter().any(|argument| argument == name);
        let ready = self.client.contains(&Secret::Code);
        let forwards = has("forward_pass") || rule.module == "pam_yubico";
        let mut asked = match memory.token {
            Some(secret) if has("use_first_pass") || has("try_first_pass") => vec![(secret, memory)],
            _ => Vec::new(),
        };
        let shown = has("echo_verification_code") && self.how == Conversation::Password;
        if !has("use_first_pass") && !shown {
            asked.extend(self.prompt(memory));
        }
        let failed = different(rule, refusals(rule).filter(|code| *code != Code::IGNORE));
        let world = |code: Code| {
            let mut ways: Vec<Way> = vec![(code, memory)];
            if ready && modules::is_silent(&rule.module) {
                ways.insert(0, (Code::SUCCESS, memory));
            }
            for (secret, memory) in &asked {
                match secret {
                    Secret::Code => ways.push((Code::SUCCESS, *memory)),
                    Secret::OwnAndCode if forwards => {
                        ways.push((Code::SUCCESS, Memory { token: Some(Secret::Own), ..*memory }));
                    }
                    _ if forwards => ways.push((code, Memory { token: Some(*secret), ..*memory })),
                    _ => ways.push((code, *memory)),
                }
            }
            ways
        };
        let mut worlds: Vec<Vec<Way>> = failed.into_iter().map(world).collect();
        if ["nullok", "nouserok", "grace_period", "localifdown"].iter().any(|name| has(name)) {
            // Some accounts are not asked.
            worlds.extend(alone(different(rule, [Code::SUCCESS, Code::IGNORE].into_iter()), memory));
        }
        worlds
    }
}

/// One world for each code, in which the client has no choice.
fn alone(codes: Vec<Code>, memory: Memory) -> Vec<Vec<Way>> {
    codes.into_iter().map(|code| vec![(code, memory)]).collect()
}

/// Codes that are told apart by what a rule does with them; one stands for the others.
fn different(rule: &Rule, codes: impl Iterator<Item = Code>) -> Vec<Code> {
    let mut seen: Vec<(Action, Option<Code>)> = Vec::new();
    let matters = [Code::SUCCESS, Code::NEW_AUTHTOK_REQD, Code::IGNORE, Code::INCOMPLETE];
    codes
        .filter(|code| {
            let class = (rule.control.action(*code), matters.contains(code).then_some(*code));
            let new = !seen.contains(&class);
            if new {
                seen.push(class);
            }
            new
        })
        .collect()
}

/// Every code but that of success and those of a question that is still open.
pub(super) fn failures() -> impl Iterator<Item = Code> {
    Code::all().filter(|code| !matches!(*code, Code::SUCCESS | Code::NEW_AUTHTOK_REQD | Code::INCOMPLETE))
}

/// What a module may return that refuses a secret. Some arguments let it stand aside for accounts that it does not know.
fn refusals(rule: &Rule) -> impl Iterator<Item = Code> {
    const ASIDE: [&str; 9] = [
        "nullok",
        "nouserok",
        "ignore_unknown_user",
        "ignore_authinfo_unavail",
        "ignore_root",
        "ignore_k5login",
        "minimum_uid",
        "unknown_ok",
        "localifdown",
    ];
    let aside = rule.arguments.iter().any(|argument| ASIDE.contains(&argument.as_str()));
    failures().filter(move |code| aside || *code != Code::IGNORE)
}
