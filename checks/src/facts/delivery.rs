//! When the provider handed the machine over, by all the evidence on it.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// When the provider handed the machine over, by all the evidence on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<Delivery, Gap> {
    Err(Gap::not_gathered())
}
