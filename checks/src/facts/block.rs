//! Mounts and swap, and the chain of block devices beneath each.

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

/// Mounts and swap, and the chain of block devices beneath each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Block {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host) -> Result<Block, Gap> {
    Err(Gap::not_gathered())
}
