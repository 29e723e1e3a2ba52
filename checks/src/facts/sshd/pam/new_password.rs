//! What a new password of a local account has to please before PAM stores it.

use super::control::{Action, Code};
use super::modules::has_accounts_of_its_own;
use super::{Rule, Sort};

/// How a new password of a local account comes to be stored in shadow(5).
#[derive(Debug, PartialEq, Eq)]
pub enum Storing<'a> {
    /// Nobody but root can set one, at this rule.
    Never(&'a Rule),
    /// pam_unix(8) stores it.
    Through {
        /// The modules that look at it before, and without whose consent it is not stored.
        judges: Vec<&'a Rule>,
        /// Those that look at it and whose refusal changes nothing.
        unheard: Vec<&'a Rule>,
        /// The rule that stores it.
        unix: &'a Rule,
    },
}

/// Follows the rules of the group `password` for somebody who is in the host's own files.
///
/// # Errors
/// In words, what stands in the way of knowing, with the place of it.
pub fn storing(rules: &[Rule]) -> Result<Storing<'_>, String> {
    let (mut judges, mut unheard, mut needs_token) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        match rule.sort {
            Sort::Substack => continue,
            Sort::Broken => return Err(format!("PAM cannot use {}", rule.at)),
            Sort::Module if rule.missing => {
                return Err(format!("{}, {}, is not installed", rule.module, rule.at));
            }
            Sort::Module => {}
        }
        let passes = |code| matches!(rule.control.action(code), Action::Ok | Action::Ignore);
        let unclear = || Err(format!("hostduty does not follow where {}, {}, leads", rule.module, rule.at));
        match rule.module.as_str() {
            "pam_unix" => {
                // A refusal that does not end the stack counts only if pam_unix takes no password but the one that was seen.
                let token = rule.arguments.iter().any(|argument| argument == "use_authtok");
                if token { &mut judges } else { &mut unheard }.extend(needs_token);
                return Ok(Storing::Through { judges, unheard, unix: rule });
            }
            "pam_pwquality" | "pam_cracklib" | "pam_passwdqc" | "pam_pwhistory" => {
                match rule.control.action(Code::AUTHTOK_ERR) {
                    _ if !passes(Code::SUCCESS) => return unclear(),
                    Action::Die => judges.push(rule),
                    Action::Bad => needs_token.push(rule),
                    Action::Ignore => unheard.push(rule),
                    _ => return unclear(),
                }
            }
            "pam_deny" => match rule.control.action(Code::AUTHTOK_ERR) {
                Action::Die | Action::Bad => return Ok(Storing::Never(rule)),
                Action::Ignore => {}
                _ => return unclear(),
            },
            // They succeed for local accounts, or at all.
            "pam_localuser" | "pam_permit" if passes(Code::SUCCESS) => {}
            // They do not know local accounts.
            "pam_krb5" | "pam_ldap" | "pam_winbind" if passes(Code::USER_UNKNOWN) => {}
            name if has_accounts_of_its_own(name) && passes(Code::USER_UNKNOWN) => {}
            // They follow a change and have no say in it.
            "pam_gnome_keyring" | "pam_kwallet5" | "pam_ecryptfs" | "pam_mount" | "pam_warn"
                if Code::all().all(passes) => {}
            _ => return unclear(),
        }
    }
    Err("no line of PAM stores new passwords".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    /// The judges, those that are not heard, and the arguments of pam_unix.
    fn follow(text: &str) -> Result<String, String> {
        let tree = Tree::new(Timestamp(0)).file("/etc/pam.d/passwd", text).file("/etc/pam.d/other", "");
        let rules = super::super::read_passwords(&tree, "passwd").map_err(|gap| gap.to_string())?;
        let names =
            |rules: &[&Rule]| rules.iter().map(|rule| rule.module.as_str()).collect::<Vec<_>>().join(",");
        Ok(match storing(&rules)? {
            Storing::Never(rule) => format!("never: {}", rule.at),
            Storing::Through { judges, unheard, unix } => {
                format!("{}|{}|{}", names(&judges), names(&unheard), unix.arguments.join(" "))
            }
        })
    }

    #[test]
    fn the_stacks_of_distributions() {
        for (text, expected) in [
            // Debian, without and with pwquality.
            (
                "password [success=1 default=ignore] pam_unix.so obscure yescrypt\npassword requisite pam_deny.so\n",
                "||obscure yescrypt",
            ),
            (
                "password requisite pam_pwquality.so retry=3\npassword [success=1 default=ignore] pam_unix.so obscure use_authtok try_first_pass yescrypt\n",
                "pam_pwquality||obscure use_authtok try_first_pass yescrypt",
            ),
            // Red Hat.
            (
                "password requisite pam_pwquality.so local_users_only\npassword [default=1 ignore=ignore success=ok] pam_localuser.so\npassword sufficient pam_unix.so yescrypt shadow nullok use_authtok\npassword [success=1 default=ignore] pam_localuser.so\npassword sufficient pam_sss.so use_authtok\npassword required pam_deny.so\n",
                "pam_pwquality||yescrypt shadow nullok use_authtok",
            ),
            (
                "password optional pam_cracklib.so\npassword required pam_unix.so use_authtok\n",
                "|pam_cracklib|use_authtok",
            ),
            (
                "password required pam_passwdqc.so\npassword required pam_unix.so use_authtok\n",
                "pam_passwdqc||use_authtok",
            ),
            ("password required pam_passwdqc.so\npassword required pam_unix.so\n", "|pam_passwdqc|"),
            ("password sufficient pam_sss.so\npassword required pam_unix.so sha512\n", "||sha512"),
            (
                "auth required pam_deny.so\npassword optional pam_gnome_keyring.so\npassword required pam_unix.so\n",
                "||",
            ),
            ("password required pam_deny.so\npassword required pam_unix.so\n", "never: /etc/pam.d/passwd:1"),
        ] {
            assert_eq!(follow(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_followed_is_said() {
        for text in [
            "",
            "password required pam_own.so\npassword required pam_unix.so\n",
            "password [success=2 default=ignore] pam_pwquality.so\npassword required pam_unix.so\n",
            "password sufficient pam_pwquality.so\npassword required pam_unix.so\n",
            "password required pam_sss.so\npassword required pam_unix.so\n",
            "password required\npassword required pam_unix.so\n",
            "password [success=1 default=ignore] pam_localuser.so\npassword required pam_pwquality.so\npassword required pam_unix.so\n",
        ] {
            assert!(follow(text).is_err(), "{text}");
        }
    }
}
