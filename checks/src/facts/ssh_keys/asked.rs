//! What the configuration of sshd says about where keys come from.

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::host_keys;
use crate::facts::sshd::Build;
use crate::gap::Gap;

/// What the reader of the key files takes from the configuration.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The patterns of AuthorizedKeysFile of any line, outside of Match blocks and in any of them.
    pub(super) patterns: Vec<String>,
    /// The files of TrustedUserCAKeys with the lines that name them.
    pub(super) authorities: Vec<(String, Evidence)>,
    /// Lines that let keys or names in from where nobody can list them.
    pub(super) elsewhere: Vec<Evidence>,
    /// The files of HostKey.
    pub(super) host_keys: Vec<String>,
    /// The release of sshd.
    pub(super) build: Option<Build>,
    /// What of all that is not known.
    pub(super) gaps: Vec<Gap>,
}

/// The places that sshd asks by itself.
const DEFAULT: [&str; 2] = [".ssh/authorized_keys", ".ssh/authorized_keys2"];
/// Keywords that name a program or a file whose answer decides who gets in.
const ELSEWHERE: [&str; 3] =
    ["authorizedkeyscommand", "authorizedprincipalscommand", "authorizedprincipalsfile"];

pub(super) fn read(facts: &Facts) -> Asked {
    let mut asked = Asked::default();
    let sshd = facts.sshd.known();
    asked.host_keys = host_keys::configured(facts);
    asked.build = sshd.clone().ok().and_then(|sshd| sshd.build.value().cloned());
    let config = match sshd.and_then(|sshd| sshd.config.known()) {
        Ok(config) => config,
        Err(gap) => {
            // Without a configuration there is no other place than the default; whether it is the right one is open.
            if !gap.is_absent() {
                asked.gaps.push(gap);
            }
            asked.patterns = DEFAULT.map(str::to_owned).to_vec();
            return asked;
        }
    };
    asked.patterns = config.values_anywhere("authorizedkeysfile").collect();
    asked.patterns.retain(|pattern| !pattern.eq_ignore_ascii_case("none"));
    asked.patterns.sort();
    asked.patterns.dedup();
    let is_named = |value: &&String| !value.eq_ignore_ascii_case("none");
    for line in config.lines_of("trustedusercakeys") {
        asked
            .authorities
            .extend(line.values.iter().filter(is_named).map(|path| (path.clone(), line.at.clone())));
    }
    for name in ELSEWHERE {
        let given = config.lines_of(name).filter(|line| line.values.iter().any(|value| is_named(&value)));
        asked.elsewhere.extend(given.map(|line| line.at.clone().says(name)));
    }
    asked
}
