//! Files of TrustedUserCAKeys: who holds one of their keys signs certificates that open accounts.

use serde::{Deserialize, Serialize};

use super::line::{self, Context};
use super::{AuthorizedKey, KEYS};
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// One file of TrustedUserCAKeys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authority {
    /// Where it lies.
    pub path: String,
    /// The line of the configuration that names it.
    pub at: Evidence,
    /// The line that holds no key, at which sshd stops reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<u32>,
    /// What kept hostduty from reading it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// Its keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<AuthorizedKey>,
}

/// Reads a file. Keys stand in it without options.
pub(super) fn read(host: &dyn Host, path: String, at: Evidence, context: Context<'_>) -> Authority {
    let mut file = Authority { path, at, ..Authority::default() };
    let text = match host.read(&file.path, host::SMALL) {
        Ok(text) => text,
        Err(gap) => return Authority { gap: Some(gap), ..file },
    };
    for (number, bytes) in (1_u32..).zip(text.split(|byte| *byte == b'\n')) {
        let text = line::skip_blanks(line::content(bytes));
        if matches!(text.first(), None | Some(b'#')) {
            continue;
        }
        if file.keys.len() >= KEYS {
            file.gap = Some(Gap::too_large(file.path.clone()));
            break;
        }
        let Some(key) = line::key(text, context) else {
            file.malformed = Some(number);
            break;
        };
        file.keys.push(AuthorizedKey { line: number, ..key });
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::ssh_keys::line::tests::ED25519;
    use crate::host::Tree;

    #[test]
    fn a_line_that_is_no_key_ends_the_file() {
        let key = format!("ssh-ed25519 {ED25519}\n");
        let text = format!("# ca\n{key}\nno-pty {key}{key}");
        let tree = Tree::new(Timestamp(0)).file("/etc/ssh/ca", text);
        let file = read(&tree, "/etc/ssh/ca".to_owned(), Evidence::default(), Context::default());
        assert_eq!((file.keys.len(), file.malformed), (1, Some(4)));
        let none = read(&tree, "/none".to_owned(), Evidence::default(), Context::default());
        assert!(none.gap.is_some());
    }
}
