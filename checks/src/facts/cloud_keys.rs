//! API keys of clouds that lie on the disk: where, how old, who can read them; never their content.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// API keys of clouds that lie on the disk: where, how old, who can read them; never their content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudKeys {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<CloudKeys, Gap> {
    Err(Gap::not_gathered())
}
