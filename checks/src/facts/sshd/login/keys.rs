//! Whether a public key opens an account: auth2-pubkey.c of OpenSSH.

use super::gate::closed;
use super::{Answer, Context, Question};
use crate::evidence::Evidence;
use crate::facts::ssh_keys::{AuthorizedKey, KeyFile};
use crate::facts::sshd::patterns;
use crate::gap::Gap;

/// Keys that an answer names.
const NAMED: usize = 4;
/// How the evidence of a certificate begins, which somebody has yet to sign.
pub(crate) const CERTIFICATES: &str = "certificates of";

/// How the evidence of a key begins that runs one command and nothing else.
pub(crate) const BOUND: &str = "bound to one command,";

/// What is gathered of the keys of an account.
#[derive(Default)]
struct Seen {
    opening: Vec<Evidence>,
    doubts: Vec<String>,
}

impl Context<'_> {
    pub(super) fn public_key(&self, question: &Question<'_>) -> Result<Answer, Gap> {
        let settings = question.settings;
        let on = settings.setting("pubkeyauthentication")?;
        if !on.is("yes") {
            return Ok(closed("PubkeyAuthentication is off", &on, "pubkeyauthentication"));
        }
        let keys = self.facts.ssh_keys.known()?;
        let mut seen = Seen::default();
        seen.doubts.extend(keys.gaps.first().map(|gap| format!("not every file of keys is known: {gap}")));
        let files = settings.setting("authorizedkeysfile")?;
        for file in keys.files_of(&question.person.user.name, &files.values) {
            self.file(question, file, &mut seen)?;
        }
        self.authorities(question, &mut seen)?;
        for name in ["authorizedkeyscommand", "authorizedprincipalscommand"] {
            let command = settings.setting(name)?;
            if !command.values.is_empty() && !command.is("none") {
                seen.doubts.push(format!("a program says which keys open it ({})", command.shown(name)));
            }
        }
        let revoked = settings.setting("revokedkeys")?;
        if !revoked.values.is_empty() && !revoked.is("none") && !seen.opening.is_empty() {
            seen.opening.clear();
            seen.doubts.push(format!("its keys may be revoked ({})", revoked.shown("revokedkeys")));
        }
        seen.opening.truncate(NAMED);
        Ok(match (seen.opening.is_empty(), seen.doubts.into_iter().next()) {
            (false, _) => Answer::Opens(seen.opening),
            (true, Some(doubt)) => Answer::Unknown(doubt),
            (true, None) => closed("no key opens it", &files, "authorizedkeysfile"),
        })
    }

    fn file(&self, question: &Question<'_>, file: &KeyFile, seen: &mut Seen) -> Result<(), Gap> {
        if let Some(gap) = &file.gap {
            seen.doubts.push(format!("not all of its keys are known: {gap}"));
        }
        if !file.exposed.is_empty() && question.settings.is("strictmodes", "yes")? {
            return Ok(());
        }
        for key in file.keys_taken() {
            let shown = if key.fingerprint.is_empty() { &key.kind } else { &key.fingerprint };
            let place = Evidence::at(file.path.clone(), key.line);
            match self.takes(question, key)? {
                Taken::Yes if key.is_authority() => {
                    seen.opening.push(place.says(format!("{CERTIFICATES} {shown}")));
                }
                Taken::Yes if key.has("command") => {
                    seen.opening.push(place.says(format!("{BOUND} {} {shown}", key.kind)));
                }
                Taken::Yes => seen.opening.push(place.says(format!("{} {shown}", key.kind))),
                Taken::No => {}
                Taken::Unknown(why) => seen.doubts.push(format!("{place}: {why}")),
            }
        }
        Ok(())
    }

    /// Certificates that TrustedUserCAKeys trusts. A principal must be the name of the account, unless a file or a
    /// program names others.
    fn authorities(&self, question: &Question<'_>, seen: &mut Seen) -> Result<(), Gap> {
        let trusted = question.settings.setting("trustedusercakeys")?;
        if trusted.values.is_empty() || trusted.is("none") {
            return Ok(());
        }
        let principals = question.settings.setting("authorizedprincipalsfile")?;
        if !principals.values.is_empty() && !principals.is("none") {
            let line = principals.shown("authorizedprincipalsfile");
            seen.doubts.push(format!("a file says which certificates open it ({line})"));
            return Ok(());
        }
        let keys = self.facts.ssh_keys.known()?;
        for authority in keys.authorities.iter().filter(|authority| trusted.values.contains(&authority.path))
        {
            if let Some(gap) = &authority.gap {
                seen.doubts.push(format!("which authorities are trusted is not known: {gap}"));
            }
            for key in &authority.keys {
                let place = Evidence::at(authority.path.clone(), key.line);
                seen.opening.push(place.says(format!("{CERTIFICATES} {}", key.fingerprint)));
            }
        }
        Ok(())
    }

    /// Whether sshd takes a key of a file from there and now.
    fn takes(&self, question: &Question<'_>, key: &AuthorizedKey) -> Result<Taken, Gap> {
        let settings = question.settings;
        let connection = question.origin.connection();
        if !key.from.is_empty() {
            let list = key.from.join(",");
            match patterns::host_or_address(&list, connection.host, connection.address) {
                Ok(true) => {}
                Ok(false) | Err(()) => return Ok(Taken::No),
            }
        }
        let root = question.person.user.uid == 0;
        if root && settings.is("permitrootlogin", "forced-commands-only")? && !key.has("command") {
            return Ok(Taken::No);
        }
        let accepted = settings.setting("pubkeyacceptedalgorithms")?;
        let least =
            settings.setting("requiredrsasize")?.values.first().and_then(|size| size.parse::<u32>().ok());
        let too_short =
            key.kind == "ssh-rsa" && key.bits.zip(least).is_some_and(|(bits, least)| bits < least);
        if too_short || !(key.is_authority() || is_accepted(&key.kind, &accepted.values)) {
            return Ok(Taken::No);
        }
        if !key.unclear.is_empty() {
            return Ok(Taken::Unknown(key.unclear.clone()));
        }
        Ok(match key.is_expired(self.facts.taken_at) {
            Some(true) => Taken::No,
            Some(false) => Taken::Yes,
            None => Taken::Unknown("whether its date is over depends on the time zone".to_owned()),
        })
    }
}

enum Taken {
    Yes,
    No,
    Unknown(String),
}

/// Whether a list of algorithms has one by which a key of a kind can sign. RSA signs in three ways.
fn is_accepted(kind: &str, lists: &[String]) -> bool {
    let signs: &[&str] = match kind {
        "ssh-rsa" => &["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"],
        "ssh-rsa-cert-v01@openssh.com" => &[
            "ssh-rsa-cert-v01@openssh.com",
            "rsa-sha2-256-cert-v01@openssh.com",
            "rsa-sha2-512-cert-v01@openssh.com",
        ],
        other => &[other],
    };
    lists.iter().flat_map(|list| list.split(',')).any(|algorithm| signs.contains(&algorithm))
}
