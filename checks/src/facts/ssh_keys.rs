//! authorized_keys of every account, and private keys that lie on the disk.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// authorized_keys of every account, and private keys that lie on the disk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SshKeys {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<SshKeys, Gap> {
    Err(Gap::not_gathered())
}
