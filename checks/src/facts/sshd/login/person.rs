//! One account as the questions of sshd and PAM look at it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::{Context, Groups, UNLISTED};
use crate::facts::accounts::User;
use crate::facts::sshd::pam::{self, Conversation, Expiry, Outcome, Who};
use crate::gap::Gap;

/// An account, with the answers of PAM that were asked for already.
pub(super) struct Person<'a> {
    pub(super) user: &'a User,
    pub(super) groups: Groups<'a>,
    who: Who,
    outcomes: Answers<(String, bool, bool), Outcome>,
    admissions: Answers<String, pam::Answer>,
}

/// Answers by the question.
type Answers<Question, Answer> = RefCell<HashMap<Question, Result<Rc<Answer>, Gap>>>;

impl<'a> Person<'a> {
    pub(super) fn new(context: &Context<'a>, user: &'a User) -> Self {
        let groups = context.groups(user);
        let password = user.password.value();
        let today = context.facts.taken_at.day();
        let passed = |day: Option<crate::date::Day>| day.is_some_and(|day| day <= today);
        let expiry = match password {
            None => Expiry::Unknown,
            Some(password) if passed(password.expires) => Expiry::AccountExpired,
            Some(password) if password.changed.is_some_and(|changed| changed.0 == 0) => Expiry::MustChange,
            Some(password) if passed(password.ends) => Expiry::PasswordExpired,
            Some(_) => Expiry::Valid,
        };
        let who = Who {
            name: user.name.clone(),
            uid: user.uid,
            gid: user.gid,
            groups: groups.names.iter().map(|name| (*name).to_owned()).collect(),
            home: user.home.clone(),
            shell: user.shell.clone(),
            foreign: user.uid == UNLISTED,
            password: password.map(|password| password.state),
            expiry,
        };
        Self { user, groups, who, outcomes: RefCell::default(), admissions: RefCell::default() }
    }

    /// Whether the account is not one of the host's own files.
    pub(super) fn is_foreign(&self) -> bool {
        self.who.foreign
    }

    /// What the modules that check who somebody is come to.
    pub(super) fn authenticate(
        &self,
        context: &Context<'_>,
        service: &str,
        how: Conversation,
        empty: bool,
    ) -> Result<Rc<Outcome>, Gap> {
        let question = (service.to_owned(), how == Conversation::Password, empty);
        let mut known = self.outcomes.borrow_mut();
        let ask = || Ok(Rc::new(context.stack(service)?.authenticate(&self.who, how, empty)));
        known.entry(question).or_insert_with(ask).clone()
    }

    /// What the modules that let somebody in come to, however he has shown who he is.
    pub(super) fn admission(&self, context: &Context<'_>, service: &str) -> Result<Rc<pam::Answer>, Gap> {
        let mut known = self.admissions.borrow_mut();
        let ask = || Ok(Rc::new(context.stack(service)?.account(&self.who)));
        known.entry(service.to_owned()).or_insert_with(ask).clone()
    }
}

impl Context<'_> {
    /// The rules of a service of PAM.
    fn stack(&self, service: &str) -> Result<&pam::Stack, Gap> {
        match self.sshd.pam.get(service) {
            Some(stack) => stack.value().ok_or_else(|| stack.known().err().unwrap_or_else(Gap::not_gathered)),
            None => Err(Gap::absent(format!("what PAM asks for the service {service}"))),
        }
    }
}
