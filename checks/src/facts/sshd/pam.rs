//! What PAM asks when somebody logs in through sshd, and what comes of it for one account, see pam.conf(5).

mod conditions;
mod consulted;
mod control;
mod evaluate;
mod lines;
mod modules;
mod new_password;
mod outcome;
mod reader;
mod silent;
mod ways;

use std::collections::BTreeMap;

pub use consulted::Consulted;
pub use control::Control;
pub(in crate::facts::sshd) use modules::has_accounts_of_its_own;
pub use new_password::{Storing, storing};
pub use outcome::{Answer, Conversation, Decision, Expiry, Outcome, Who};
pub(super) use reader::read;
pub(crate) use reader::read_passwords;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::gap::Reading;

/// The rules that libpam has read for a service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// Its name, in lower case.
    pub service: String,
    /// The line at which libpam gives up and refuses everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborts: Option<Evidence>,
    /// What `pam_authenticate` asks, in this order. Public keys go past it.
    pub auth: Vec<Rule>,
    /// What `pam_acct_mgmt` asks; nobody goes past it.
    pub account: Vec<Rule>,
    /// Files that modules read to decide.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Reading<Consulted>>,
    /// The lowest uid of people and the highest of the system's own accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_uids: Option<(u32, u32)>,
    /// SELinux may have a say, which modules ask.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub selinux: bool,
}

/// One line of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What it is to libpam.
    #[serde(skip_serializing_if = "Sort::is_module")]
    pub sort: Sort,
    /// What happens with the code that the module returns.
    pub control: Control,
    /// The module without folder and ending, such as `pam_unix`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Those of its arguments that hostduty knows and that decide; no others are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// How many substacks it lies in.
    #[serde(skip_serializing_if = "is_zero")]
    pub level: u8,
    /// No such module is installed, so that it always returns `module_unknown`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Where it is written.
    pub at: Evidence,
}

/// What a rule is to libpam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// It asks a module.
    #[default]
    Module,
    /// It makes no sense to libpam, which lets it fail.
    Broken,
    /// A substack begins; its rules follow, one level deeper.
    Substack,
}

impl Sort {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    fn is_module(&self) -> bool {
        *self == Self::Module
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(level: &u8) -> bool {
    *level == 0
}

#[cfg(test)]
mod tests;
