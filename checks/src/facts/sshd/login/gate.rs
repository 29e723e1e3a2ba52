//! What refuses an account before any method is asked: auth.c of OpenSSH, `allowed_user`.

use super::{Answer, Context, Question};
use crate::evidence::Evidence;
use crate::facts::sshd::connection::Truth;
use crate::facts::sshd::pam::Decision;
use crate::facts::sshd::{Setting, patterns};
use crate::gap::Gap;

impl Context<'_> {
    /// Whether sshd lets the account try at all from there.
    pub(super) fn gate(&self, question: &Question<'_>) -> Answer {
        let answers = [
            self.refused(question),
            self.users(question),
            self.groups_allowed(question),
            self.shell(question),
            self.root(question),
            self.admitted(question),
        ];
        let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(Answer::from));
        answers.fold(Answer::Opens(Vec::new()), Answer::and)
    }

    fn refused(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        if let Some(line) = question.settings.refused()? {
            return Ok(Answer::Closed(
                "sshd ends the connection over a line of its configuration".to_owned(),
                vec![line],
            ));
        }
        let refuse = question.settings.setting("refuseconnection")?;
        Ok(match refuse.is("yes") {
            true => closed("sshd refuses the connection", &refuse, "refuseconnection"),
            false => Answer::Opens(Vec::new()),
        })
    }

    fn users(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let (name, connection) = (question.person.user.name.as_str(), question.origin.connection());
        let named = |setting: &Setting| {
            setting.values.iter().any(|pattern| match patterns::at_host(pattern, question.settings.build()) {
                None => patterns::matches(pattern, name),
                Some((user, hosts)) => {
                    patterns::matches(user, name)
                        && patterns::host_or_address(hosts, connection.host, connection.address) == Ok(true)
                }
            })
        };
        let denied = question.settings.setting("denyusers")?;
        if named(&denied) {
            return Ok(closed("DenyUsers names it", &denied, "denyusers"));
        }
        let allowed = question.settings.setting("allowusers")?;
        Ok(match (allowed.values.is_empty(), named(&allowed)) {
            (true, _) => Answer::Opens(Vec::new()),
            (false, true) => Answer::Opens(allowed.at.clone()),
            (false, false) => closed("AllowUsers does not name it", &allowed, "allowusers"),
        })
    }

    fn groups_allowed(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let unknown = |keyword: &str| {
            Answer::Unknown(format!(
                "{keyword} decides, and {} may be in groups that are not in the host's own files",
                question.person.user.name
            ))
        };
        let denied = question.settings.setting("denygroups")?;
        let allowed = question.settings.setting("allowgroups")?;
        match question.person.groups.any(&denied.values) {
            Truth::Yes => return Ok(closed("DenyGroups names a group of it", &denied, "denygroups")),
            Truth::Unknown => return Ok(unknown("DenyGroups")),
            Truth::No => {}
        }
        if allowed.values.is_empty() {
            return Ok(Answer::Opens(Vec::new()));
        }
        Ok(match question.person.groups.any(&allowed.values) {
            Truth::Yes => Answer::Opens(allowed.at.clone()),
            Truth::Unknown => unknown("AllowGroups"),
            Truth::No => closed("AllowGroups names no group of it", &allowed, "allowgroups"),
        })
    }

    /// The shell must exist, unless the account is locked into a folder; and without PAM it must not be locked.
    fn shell(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let user = question.person.user;
        if user.no_shell && question.settings.is("chrootdirectory", "none")? {
            let place = Evidence::at("/etc/passwd", user.line).says(user.shell.clone());
            return Ok(Answer::Closed(
                "its shell does not exist or cannot be executed".to_owned(),
                vec![place],
            ));
        }
        if question.settings.is("usepam", "yes")? {
            return Ok(Answer::Opens(Vec::new()));
        }
        let password = user.password.known()?;
        let place = Evidence::at(password.source.clone(), password.line);
        // The mark of usermod -L, which sshd looks for in the password field itself.
        let why = if password.locked {
            "it is locked, and without PAM sshd heeds that"
        } else if password.expires.is_some_and(|day| day < self.facts.taken_at.day()) {
            "it has expired"
        } else {
            return Ok(Answer::Opens(Vec::new()));
        };
        Ok(Answer::Closed(why.to_owned(), vec![place]))
    }

    /// With PAM, its modules of the kind `account` must let everybody in, however he has shown who he is.
    fn admitted(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        if !question.settings.is("usepam", "yes")? {
            return Ok(Answer::Opens(Vec::new()));
        }
        let service = question.settings.service()?;
        let answer = question.person.admission(self, &service)?;
        let evidence = answer.evidence.clone();
        Ok(match &answer.decision {
            Decision::Yes => Answer::Opens(Vec::new()),
            Decision::Unknown(reason) => Answer::Unknown(reason.clone()),
            Decision::No
                if evidence.first().is_some_and(|place| place.text.as_deref() == Some("pam_nologin")) =>
            {
                Answer::Paused("/etc/nologin keeps everybody but root out".to_owned(), evidence)
            }
            Decision::No => Answer::Closed("PAM does not let the account in".to_owned(), evidence),
        })
    }

    fn root(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let permit = question.settings.setting("permitrootlogin")?;
        Ok(match question.person.user.uid == 0 && permit.is("no") {
            true => closed("PermitRootLogin refuses it", &permit, "permitrootlogin"),
            false => Answer::Opens(Vec::new()),
        })
    }
}

/// A refusal by a setting.
pub(super) fn closed(why: &str, setting: &Setting, name: &str) -> Answer {
    Answer::Closed(why.to_owned(), vec![setting.shown(name)])
}
