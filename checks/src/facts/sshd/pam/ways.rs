//! What a module may return, by what the client types and by what is known of the account and the host.

use super::conditions;
use super::consulted::{self, Consulted};
use super::control::{Action, Code};
use super::modules::{self, Kind};
use super::outcome::{Conversation, Expiry, Who};
use super::{Rule, Sort, Stack};
use crate::facts::accounts::PasswordState;
use crate::gap::{Gap, GapKind};

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
    fn anything(&self) -> impl Iterator<Item = Code> {
        let account = !self.auth;
        Code::all()
            .filter(move |code| *code != Code::INCOMPLETE && (account || *code != Code::NEW_AUTHTOK_REQD))
    }

    /// What a module returns that asks the client nothing.
    fn codes(&self, kind: Kind, rule: &Rule) -> Vec<Code> {
        let has = |name: &str| rule.arguments.iter().any(|argument| argument == name);
        match kind {
            Kind::Always(code) => vec![code],
            Kind::Debug => {
                let group = if self.auth { "auth=" } else { "acct=" };
                let named = rule.arguments.iter().find_map(|argument| argument.strip_prefix(group));
                vec![named.and_then(Code::named).unwrap_or(Code::SUCCESS)]
            }
            Kind::SucceedIf => conditions::succeed_if(&rule.arguments, self.who, &self.stack.service),
            Kind::Unix => self.expiry(has("broken_shadow"), has("no_pass_expiry")),
            Kind::Nologin => self.nologin(rule, if has("successok") { Code::SUCCESS } else { Code::IGNORE }),
            Kind::Shells => self.shells(),
            Kind::LocalUser if !rule.arguments.is_empty() => {
                vec![Code::SUCCESS, Code::PERM_DENIED, Code::SERVICE_ERR]
            }
            Kind::LocalUser if self.who.foreign => vec![Code::PERM_DENIED],
            // sshd asks PAM as root, so that this lets in everybody; only SELinux may see it otherwise.
            Kind::RootOk if self.stack.selinux => vec![Code::SUCCESS, Code::AUTH_ERR],
            Kind::LocalUser | Kind::RootOk => vec![Code::SUCCESS],
            Kind::UserType => self.usertype(rule),
            Kind::ListFile => self.listfile(rule),
            Kind::Access | Kind::Time => self.nothing_in_force(rule),
            Kind::Faillock => vec![match self.auth && has("authfail") {
                true => Code::IGNORE,
                false => Code::SUCCESS,
            }],
            Kind::SecureTty if self.who.uid != 0 => vec![Code::SUCCESS],
            Kind::SecureTty => vec![Code::SUCCESS, Code::AUTH_ERR],
            // Whom it does not know it refuses, and others are no account of the host's own files.
            Kind::Others => vec![Code::USER_UNKNOWN, Code::SUCCESS],
            Kind::Never => failures().filter(|code| *code != Code::IGNORE).collect(),
            Kind::Elsewhere | Kind::Factor | Kind::Unknown => self.anything().collect(),
        }
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
        let state = if self.who.foreign { Some(PasswordState::None) } else { self.who.password };
        let states = match state {
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

    fn expiry(&self, broken_shadow: bool, no_pass_expiry: bool) -> Vec<Code> {
        let unread = if broken_shadow { Code::SUCCESS } else { Code::AUTHINFO_UNAVAIL };
        let mut codes = match (self.who.foreign, self.who.expiry) {
            (true, _) => vec![Code::SUCCESS, unread, Code::USER_UNKNOWN],
            (false, Expiry::Valid) => vec![Code::SUCCESS],
            (false, Expiry::MustChange) => vec![Code::NEW_AUTHTOK_REQD],
            (false, Expiry::PasswordExpired) => vec![Code::AUTHTOK_EXPIRED],
            (false, Expiry::AccountExpired) => vec![Code::ACCT_EXPIRED],
            (false, Expiry::Unknown) => {
                vec![Code::SUCCESS, Code::NEW_AUTHTOK_REQD, Code::AUTHTOK_EXPIRED, Code::ACCT_EXPIRED, unread]
            }
        };
        // Whether the password has just been typed is not known here; with a key its age does not count then.
        if no_pass_expiry
            && codes.iter().any(|code| matches!(*code, Code::NEW_AUTHTOK_REQD | Code::AUTHTOK_EXPIRED))
        {
            codes.insert(0, Code::SUCCESS);
        }
        codes
    }

    /// A file that a module reads; nothing where it does not exist.
    fn file(&self, path: &str) -> Result<Option<&Consulted>, Gap> {
        match self.stack.files.get(path).map(crate::gap::Reading::known) {
            Some(Ok(file)) => Ok(Some(file)),
            Some(Err(gap)) if gap.is_absent() => Ok(None),
            Some(Err(gap)) => Err(gap),
            None => Err(Gap { why: GapKind::NotGathered, what: path.to_owned() }),
        }
    }

    fn nologin(&self, rule: &Rule, without: Code) -> Vec<Code> {
        let closed = if self.who.uid == 0 { without } else { Code::AUTH_ERR };
        let mut codes = Vec::new();
        for path in consulted::paths(rule) {
            match self.file(&path) {
                Ok(Some(_)) => {
                    codes.push(closed);
                    return codes;
                }
                Ok(None) => {}
                Err(_) => codes.push(closed),
            }
        }
        codes.push(without);
        codes
    }

    fn shells(&self) -> Vec<Code> {
        let shell = if self.who.shell.is_empty() { "/bin/sh" } else { &self.who.shell };
        match self.file(consulted::SHELLS) {
            Ok(Some(file)) if file.untrusted => vec![Code::AUTH_ERR],
            Ok(Some(file)) if file.names.contains(shell) => vec![Code::SUCCESS],
            Ok(Some(_)) if !self.who.foreign => vec![Code::AUTH_ERR],
            // Some distributions keep their own list elsewhere.
            _ => vec![Code::SUCCESS, Code::AUTH_ERR],
        }
    }

    fn usertype(&self, rule: &Rule) -> Vec<Code> {
        let has = |name: &str| rule.arguments.iter().any(|argument| argument == name);
        let asked = rule.arguments.iter().rev().find(|argument| argument.starts_with("is"));
        let Some(regular) = asked.map(|argument| argument == "isregular") else {
            return vec![Code::SERVICE_ERR];
        };
        let Some((lowest, highest)) = self.stack.own_uids.filter(|_| !has("use_uid")) else {
            return vec![Code::SUCCESS, Code::AUTH_ERR];
        };
        let uid = self.who.uid;
        let system = uid == 65_534 || (uid <= highest && uid < lowest);
        vec![if system == regular { Code::AUTH_ERR } else { Code::SUCCESS }]
    }

    fn listfile(&self, rule: &Rule) -> Vec<Code> {
        let open = vec![Code::SUCCESS, Code::AUTH_ERR, Code::SERVICE_ERR, Code::IGNORE];
        let values = |name: &str| -> Vec<&str> {
            rule.arguments.iter().filter_map(|argument| argument.strip_prefix(name)).collect()
        };
        let (items, senses, errors, files) =
            (values("item="), values("sense="), values("onerr="), values("file="));
        let ([item], [sense], [path]) = (items.as_slice(), senses.as_slice(), files.as_slice()) else {
            return open;
        };
        let error = match errors.as_slice() {
            ["succeed"] => Code::SUCCESS,
            [] | ["fail"] => Code::SERVICE_ERR,
            _ => return open,
        };
        if !values("apply=").is_empty() || self.who.foreign || !matches!(*sense, "allow" | "deny") {
            return open;
        }
        let file = match self.file(path) {
            Ok(Some(file)) if file.untrusted => return vec![Code::AUTH_ERR],
            Ok(Some(file)) => file,
            Ok(None) => return vec![error],
            Err(_) => return open,
        };
        let listed = match *item {
            "user" => file.names.contains(&self.who.name),
            "group" => self.who.groups.iter().any(|group| file.names.contains(group)),
            "shell" => file.names.contains(&self.who.shell),
            _ => return open,
        };
        vec![if listed == (*sense == "allow") { Code::SUCCESS } else { Code::AUTH_ERR }]
    }

    /// What says nothing forbids nothing.
    fn nothing_in_force(&self, rule: &Rule) -> Vec<Code> {
        let paths = consulted::paths(rule);
        let file = paths.first().map(|path| self.file(path));
        match file {
            Some(Ok(Some(file)))
                if file.lines == 0 && paths.iter().skip(1).all(|folder| self.file(folder) == Ok(None)) =>
            {
                vec![Code::SUCCESS]
            }
            _ => vec![Code::SUCCESS, Code::PERM_DENIED, Code::ABORT],
        }
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
fn failures() -> impl Iterator<Item = Code> {
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
