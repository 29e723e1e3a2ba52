//! Whether one method of authentication can succeed for an account.

use super::gate::closed;
use super::{Answer, Context, Question};
use crate::evidence::Evidence;
use crate::facts::accounts::PasswordState;
use crate::facts::sshd::KEYTAB;
use crate::facts::sshd::pam::{self, Conversation, Decision};
use crate::gap::Gap;

/// A method of authentication, see AuthenticationMethods in sshd_config(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// `password`
    Password,
    /// `keyboard-interactive`, which on Linux asks PAM and nothing else.
    KeyboardInteractive,
    /// `publickey`
    PublicKey,
    /// `hostbased`
    HostBased,
    /// `gssapi-with-mic`
    Gssapi,
}

impl Method {
    /// Every method, those that take something typed first.
    pub const ALL: [Self; 5] =
        [Self::Password, Self::KeyboardInteractive, Self::PublicKey, Self::HostBased, Self::Gssapi];

    /// Its name in sshd_config(5).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::PublicKey => "publickey",
            Self::HostBased => "hostbased",
            Self::Gssapi => "gssapi-with-mic",
        }
    }

    /// The method that AuthenticationMethods means by a word; absent where no build on Linux has it. `none` succeeds
    /// with an empty password only, so it stands for `password`.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word.split_once(':') {
            Some(("keyboard-interactive", "pam")) => Some(Self::KeyboardInteractive),
            Some(_) => None,
            None if word == "none" => Some(Self::Password),
            None if word == "gssapi-keyex" => Some(Self::Gssapi),
            None => Self::ALL.into_iter().find(|method| method.name() == word),
        }
    }
}

impl Context<'_> {
    /// Whether a method lets an account in that nothing refuses.
    pub(super) fn method(&self, question: &Question<'_>, method: Method) -> Result<Answer, Gap> {
        match method {
            Method::Password => self.password(question),
            Method::KeyboardInteractive => self.interactive(question),
            Method::PublicKey => self.public_key(question),
            Method::HostBased => self.host_based(question),
            Method::Gssapi => self.gssapi(question),
        }
    }

    fn password(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let on = question.settings.setting("passwordauthentication")?;
        if !on.is("yes") {
            return Ok(closed("PasswordAuthentication is off", &on, "passwordauthentication"));
        }
        let typed = self.typed(question, Conversation::Password)?;
        Ok(Answer::Opens(vec![on.shown("passwordauthentication")]).and(typed))
    }

    fn interactive(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let on = question.settings.setting("kbdinteractiveauthentication")?;
        if !on.is("yes") {
            return Ok(closed("KbdInteractiveAuthentication is off", &on, "kbdinteractiveauthentication"));
        }
        if !question.settings.build().since(8, 7) {
            let asks = question.settings.setting("challengeresponseauthentication")?;
            if !asks.is("yes") {
                return Ok(closed(
                    "ChallengeResponseAuthentication is off",
                    &asks,
                    "challengeresponseauthentication",
                ));
            }
        }
        let pam = question.settings.setting("usepam")?;
        if !pam.is("yes") {
            return Ok(closed("without PAM nothing asks the questions of this method", &pam, "usepam"));
        }
        let lines = vec![on.shown("kbdinteractiveauthentication"), pam.shown("usepam")];
        Ok(Answer::Opens(lines).and(self.typed(question, Conversation::KeyboardInteractive)?))
    }

    /// Whether something typed is right.
    fn typed(&self, question: &Question<'_>, how: Conversation) -> Result<Answer, Gap> {
        let permit = question.settings.setting("permitrootlogin")?;
        if question.person.user.uid == 0 && !permit.is("yes") {
            return Ok(closed("PermitRootLogin takes no password", &permit, "permitrootlogin"));
        }
        let answer = match question.settings.is("usepam", "yes")? {
            true => self.typed_into_pam(question, how)?,
            false => self.typed_into_sshd(question)?,
        };
        let kerberos = question.settings.setting("kerberosauthentication")?;
        Ok(match answer {
            Answer::Closed(..) if how == Conversation::Password && kerberos.is("yes") => {
                let place = kerberos.shown("kerberosauthentication");
                Answer::Unknown(format!(
                    "sshd takes passwords that are in no file of the host's own ({place})"
                ))
            }
            answer => answer,
        })
    }

    fn typed_into_pam(&self, question: &Question<'_>, how: Conversation) -> Result<Answer, Gap> {
        let service = question.settings.service()?;
        let empty = question.settings.setting("permitemptypasswords")?;
        let outcome = question.person.authenticate(self, &service, how, empty.is("yes"))?;
        if outcome.nothing.is_yes() {
            return Ok(Answer::Opens(outcome.nothing.evidence.clone()));
        }
        match &outcome.typed.decision {
            Decision::Yes => {
                let mut lines = outcome.typed.evidence.clone();
                lines.extend(question.person.user.password.value().map(|password| {
                    Evidence::at(password.source.clone(), password.line)
                        .says(question.person.user.name.clone())
                }));
                return Ok(Answer::Opens(lines));
            }
            Decision::Unknown(reason) => return Ok(Answer::Unknown(reason.clone())),
            Decision::No => {}
        }
        // What pam_sss and pam_systemd_home compare belongs to accounts of their own.
        let of_others = |place: &&Evidence| {
            place.text.as_deref().is_none_or(|module| !pam::has_accounts_of_its_own(module))
        };
        let foreign = question.person.is_foreign();
        if let Some(place) = outcome.elsewhere.iter().find(|place| foreign || of_others(place)) {
            return Ok(Answer::Unknown(format!(
                "PAM takes passwords that are in no file of the host's own ({place})"
            )));
        }
        let place = question.person.user.password.value().map(|password| {
            Evidence::at(password.source.clone(), password.line).says(question.person.user.name.clone())
        });
        Ok(match outcome.factor.is_yes() {
            true => Answer::Closed(
                "PAM asks for a second factor besides".to_owned(),
                outcome.factor.evidence.clone(),
            ),
            false => {
                let lines = outcome.typed.evidence.iter().cloned().chain(place).collect();
                Answer::Closed("it has no password that PAM would take".to_owned(), lines)
            }
        })
    }

    /// Without PAM, sshd compares with shadow(5) itself.
    fn typed_into_sshd(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let password = question.person.user.password.known()?;
        let place =
            Evidence::at(password.source.clone(), password.line).says(question.person.user.name.clone());
        let empty = question.settings.setting("permitemptypasswords")?;
        Ok(match password.state {
            PasswordState::Usable => Answer::Opens(vec![place]),
            PasswordState::Empty if empty.is("yes") => {
                Answer::Opens(vec![empty.shown("permitemptypasswords"), place])
            }
            PasswordState::Empty => closed("its password is empty", &empty, "permitemptypasswords"),
            PasswordState::Locked | PasswordState::None => {
                Answer::Closed("it has no password that could be typed".to_owned(), vec![place])
            }
        })
    }

    fn gssapi(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let on = question.settings.setting("gssapiauthentication")?;
        if !on.is("yes") {
            return Ok(closed("GSSAPIAuthentication is off", &on, "gssapiauthentication"));
        }
        // The host's own key for tickets: without it no ticket can be read.
        Ok(match self.sshd.keytab.known() {
            Ok(false) => {
                let place = Evidence::of(KEYTAB).says("does not exist");
                Answer::Closed("the host has no key to read tickets with".to_owned(), vec![place])
            }
            Ok(true) => Answer::Unknown("which tickets open it is known to Kerberos only".to_owned()),
            Err(gap) => gap.into(),
        })
    }
}
