//! What a new password has to be like: PAM's rules, and the files that its modules read.

mod pwquality;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::sshd::pam::{self, Rule};
use crate::gap::{Gap, Reading};
use crate::host::{Host, SMALL};

/// What a new password has to be like: PAM's rules, and the files that its modules read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// The rules of the group `password` of the service `passwd`, which passwd(1) follows.
    pub rules: Reading<Vec<Rule>>,
    /// What pwquality.conf(5) sets, by option; its modules' arguments come after that.
    pub quality: Reading<BTreeMap<String, Setting>>,
    /// ENCRYPT_METHOD of login.defs(5), which counts where pam_unix(8) is given no scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypt_method: Option<Setting>,
}

/// A setting with the line that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// Its value; empty for a switch.
    pub value: String,
    /// Where it is set.
    pub at: Evidence,
}

/// Reads it; each part may be a gap of its own.
pub(crate) fn read(host: &dyn Host) -> Result<PasswordPolicy, Gap> {
    Ok(PasswordPolicy {
        rules: pam::read_passwords(host, "passwd").into(),
        quality: pwquality::read(host).into(),
        encrypt_method: encrypt_method(host)?,
    })
}

/// Of several lines the last counts, as pam_modutil_search_key(3) reads them.
fn encrypt_method(host: &dyn Host) -> Result<Option<Setting>, Gap> {
    let path = "/etc/login.defs";
    let content = match host.read(path, SMALL) {
        Ok(content) => content,
        Err(gap) if gap.is_absent() => return Ok(None),
        Err(gap) => return Err(gap),
    };
    let text = String::from_utf8_lossy(&content);
    let found = text.lines().zip(1_u32..).filter_map(|(line, number)| {
        let mut words = line.split_whitespace();
        let value = (words.next()? == "ENCRYPT_METHOD").then(|| words.next())??;
        let value = value.chars().take(32).collect();
        Some(Setting { value, at: Evidence::at(path, number) })
    });
    Ok(found.last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn the_scheme_of_login_defs() {
        let tree = Tree::new(Timestamp(0)).file(
            "/etc/login.defs",
            "# ENCRYPT_METHOD DES\nENCRYPT_METHOD\tMD5\n ENCRYPT_METHOD YESCRYPT # x\nENCRYPT_METHODS x\n",
        );
        let found = encrypt_method(&tree).unwrap().unwrap();
        assert_eq!((found.value.as_str(), found.at.line), ("YESCRYPT", Some(3)));
        assert_eq!(encrypt_method(&Tree::new(Timestamp(0)).dir("/etc")), Ok(None));
    }
}
