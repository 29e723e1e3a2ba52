//! What the modules return that ask the client nothing: conditions on the account and the host.

use super::Rule;
use super::conditions;
use super::consulted::{self, Consulted};
use super::control::Code;
use super::modules::Kind;
use super::outcome::Expiry;
use super::ways::{Ways, failures};
use crate::gap::{Gap, GapKind, Reading};

impl Ways<'_> {
    /// What a module returns that asks the client nothing.
    pub(super) fn codes(&self, kind: Kind, rule: &Rule) -> Vec<Code> {
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
        match self.stack.files.get(path).map(Reading::known) {
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
