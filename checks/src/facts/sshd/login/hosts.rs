//! Whether a trusted host lets an account in without more: auth2-hostbased.c and auth-rhosts.c of OpenSSH.

use super::gate::closed;
use super::{Answer, Context, Question};
use crate::evidence::Evidence;
use crate::gap::Gap;

impl Context<'_> {
    pub(super) fn host_based(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let settings = question.settings;
        let on = settings.setting("hostbasedauthentication")?;
        if !on.is("yes") {
            return Ok(closed("HostbasedAuthentication is off", &on, "hostbasedauthentication"));
        }
        let trust = self.sshd.trust.known()?;
        // Files of the account count unless IgnoreRhosts says yes, and they are the only ones that count for root.
        if !settings.is("ignorerhosts", "yes")? {
            return Ok(Answer::Unknown(format!(
                "the .shosts file of {} may trust hosts, which hostduty does not read",
                question.person.user.name
            )));
        }
        if question.person.user.uid == 0 {
            let ignore = settings.setting("ignorerhosts")?;
            return Ok(closed("for root only its own .shosts counts", &ignore, "ignorerhosts"));
        }
        if trust.known_hosts.is_empty() {
            let place = Evidence::of("/etc/ssh/ssh_known_hosts").says("does not exist");
            return Ok(Answer::Closed("no key of another host is known".to_owned(), vec![place]));
        }
        if !trust.odd.is_empty() {
            return Ok(Answer::Unknown(format!(
                "a line of a list of trusted hosts is not understood ({})",
                trust.odd.first().cloned().unwrap_or_default()
            )));
        }
        let connection = question.origin.connection();
        let named = |place: &&Evidence| {
            place.text.as_deref().is_some_and(|host| {
                connection.host.is_some_and(|name| name.eq_ignore_ascii_case(host))
                    || connection.address.is_some_and(|address| address == host)
            })
        };
        Ok(match trust.hosts.iter().find(named) {
            Some(place) => Answer::Opens(vec![on.shown("hostbasedauthentication"), place.clone()]),
            None => Answer::Closed(
                "no list of trusted hosts names the client".to_owned(),
                vec![Evidence::of("/etc/ssh/shosts.equiv")],
            ),
        })
    }
}
