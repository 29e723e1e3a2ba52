//! What PAM does with the code that a module returns: the control field of pam.conf(5).

use serde::{Deserialize, Serialize};

/// The codes that a module may return, as pam.conf(5) writes them, in the order of their numbers.
const CODES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// A code that a module, or a whole stack, returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Code(u8);

impl Code {
    pub(super) const SUCCESS: Self = Self(0);
    pub(super) const SERVICE_ERR: Self = Self(3);
    pub(super) const PERM_DENIED: Self = Self(6);
    pub(super) const AUTH_ERR: Self = Self(7);
    pub(super) const AUTHINFO_UNAVAIL: Self = Self(9);
    pub(super) const USER_UNKNOWN: Self = Self(10);
    pub(super) const NEW_AUTHTOK_REQD: Self = Self(12);
    pub(super) const ACCT_EXPIRED: Self = Self(13);
    pub(super) const IGNORE: Self = Self(25);
    pub(super) const ABORT: Self = Self(26);
    pub(super) const AUTHTOK_ERR: Self = Self(20);
    pub(super) const AUTHTOK_EXPIRED: Self = Self(27);
    pub(super) const MODULE_UNKNOWN: Self = Self(28);
    pub(super) const INCOMPLETE: Self = Self(31);

    /// Every code.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(CODES.len()).map(Self)
    }
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|code| code.name() == name)
    }
    pub(super) fn name(self) -> &'static str {
        CODES.get(usize::from(self.0)).copied().unwrap_or("unknown")
    }
}

/// What happens after a module has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// As `Ignore`, and this many rules of the same level are left out.
    Jump(u32),
}

const ACTIONS: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("ok", Action::Ok),
    ("done", Action::Done),
    ("bad", Action::Bad),
    ("die", Action::Die),
    ("reset", Action::Reset),
];

/// One action for each code. As text it is the inside of the brackets of pam.conf(5), such as `success=1 default=ignore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Control([Action; CODES.len()]);

impl Control {
    pub(super) fn action(&self, code: Code) -> Action {
        self.0.get(usize::from(code.0)).copied().unwrap_or(Action::Bad)
    }

    /// Reads a control field, without its brackets.
    pub(super) fn parse(text: &str) -> Self {
        let with = |default, set: &[(Code, Action)]| {
            let mut actions = [default; CODES.len()];
            for (code, action) in set {
                if let Some(slot) = actions.get_mut(usize::from(code.0)) {
                    *slot = *action;
                }
            }
            Self(actions)
        };
        let good = |action| [(Code::SUCCESS, action), (Code::NEW_AUTHTOK_REQD, action)];
        let [success, reqd] = good(Action::Ok);
        let ignore = (Code::IGNORE, Action::Ignore);
        match text.to_ascii_lowercase().as_str() {
            "required" => with(Action::Bad, &[success, reqd, ignore]),
            "requisite" => with(Action::Die, &[success, reqd, ignore]),
            "optional" => with(Action::Ignore, &[success, reqd]),
            "sufficient" => with(Action::Ignore, &good(Action::Done)),
            _ => Self::table(text).unwrap_or(Self([Action::Bad; CODES.len()])),
        }
    }

    /// A list of `code=action`; a mistake anywhere makes every code bad. Words are cut where a known one ends, and
    /// `default` fills what nothing before it has set, which a later pair may still change.
    fn table(text: &str) -> Option<Self> {
        let mut actions = [None; CODES.len()];
        let mut rest = skip(text);
        while !rest.is_empty() {
            let at = CODES.iter().chain(["default"].iter()).position(|code| rest.starts_with(code))?;
            let length = CODES.get(at).map_or("default".len(), |code| code.len());
            rest = skip(skip(rest.get(length..)?).strip_prefix('=')?);
            let action = match ACTIONS.iter().find(|(name, _)| rest.starts_with(name)) {
                Some((name, action)) => {
                    rest = rest.get(name.len()..)?;
                    *action
                }
                None => {
                    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                    let number: i32 = rest.get(..end)?.parse().ok()?;
                    rest = rest.get(end..)?;
                    Action::Jump(u32::try_from(number).ok().filter(|number| *number > 0)?)
                }
            };
            match actions.get_mut(at) {
                Some(slot) => *slot = Some(action),
                None => actions.iter_mut().for_each(|slot| *slot = slot.or(Some(action))),
            }
            rest = skip(rest);
        }
        Some(Self(actions.map(|action| action.unwrap_or(Action::Bad))))
    }
}

/// The text behind blanks, as isspace(3) of the C locale knows them.
fn skip(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

impl Default for Control {
    fn default() -> Self {
        Self([Action::Bad; CODES.len()])
    }
}

impl From<String> for Control {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<Control> for String {
    fn from(control: Control) -> Self {
        let count = |action: &Action| control.0.iter().filter(|other| *other == action).count();
        let default = control.0.iter().max_by_key(|action| count(action)).copied().unwrap_or(Action::Bad);
        let pairs = Code::all().map(|code| (code.name(), control.action(code)));
        let exceptions = pairs.filter(|(_, action)| *action != default);
        let words: Vec<String> = exceptions
            .chain([("default", default)])
            .map(|(name, action)| match (action, ACTIONS.iter().find(|(_, known)| *known == action)) {
                (Action::Jump(rules), _) => format!("{name}={rules}"),
                (_, known) => format!("{name}={}", known.map_or("bad", |(word, _)| *word)),
            })
            .collect();
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(control: &str) -> String {
        Control::parse(control).into()
    }

    #[test]
    fn keywords_are_short_for_tables() {
        let required = "success=ok new_authtok_reqd=ok ignore=ignore default=bad";
        assert_eq!(text("required"), required);
        assert_eq!(text("ReQuired"), required);
        assert_eq!(text("requisite"), required.replace("bad", "die"));
        assert_eq!(text("sufficient"), "success=done new_authtok_reqd=done default=ignore");
        assert_eq!(text("optional"), "success=ok new_authtok_reqd=ok default=ignore");
    }

    #[test]
    fn tables_are_read_as_libpam_reads_them() {
        assert_eq!(text("success=1 default=ignore"), "success=1 default=ignore");
        assert_eq!(text("success = okdefault=die"), "success=ok default=die");
        assert_eq!(text("default=die success=ok"), "success=ok default=die");
        assert_eq!(text("default=ok default=die"), "default=ok");
        assert_eq!(text(""), "default=bad");
        for wrong in ["success", "success=", "Success=ok", "success=0", "success=-1", "success=ok,x", "a=b"] {
            assert_eq!(text(wrong), "default=bad", "{wrong}");
        }
        for good in ["success=2147483647 default=ok", "ignore=reset default=done"] {
            assert_eq!(text(good), good);
            assert_eq!(Control::from(text(good)), Control::parse(good));
        }
        assert_eq!(text("success=2147483648"), "default=bad");
    }
}
