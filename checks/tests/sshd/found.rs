//! Pairs on which this crate and sshd once differed.

use super::Pair;

/// Each with a name that says what it is about.
pub(crate) fn pairs() -> Vec<(&'static str, Pair)> {
    Vec::new()
}
