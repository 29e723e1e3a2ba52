//! How a test says what it leaves out: past the capture of the test harness, so that everybody sees it.

use std::fmt::Display;
use std::io::Write;

/// Says what is left out, and why.
pub(crate) fn left_out(what: impl Display) {
    // In one piece, as tests speak at the same time. Without a standard error there is nobody to tell.
    let _ = std::io::stderr().write_all(format!("\nleft out: {what}\n").as_bytes());
}
