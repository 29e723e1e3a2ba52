//! Whether updates install themselves.

pub mod apt_conf;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// Whether updates install themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutomaticUpdates {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<AutomaticUpdates, Gap> {
    Err(Gap::not_gathered())
}
