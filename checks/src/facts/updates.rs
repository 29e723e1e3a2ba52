//! Updates that wait in the package indexes on disk, and how old those indexes are.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// Updates that wait in the package indexes on disk, and how old those indexes are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Updates {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<Updates, Gap> {
    Err(Gap::not_gathered())
}
