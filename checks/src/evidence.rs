//! Where something was seen: the one thing that facts, findings and reports all carry.

use serde::{Deserialize, Serialize};

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// A path, or a place in the kernel such as `inet filter input handle 12`.
    pub source: String,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What it says there, never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Evidence {
    /// A place without a line.
    pub fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), line: None, text: None }
    }
    /// A line of a file.
    pub fn at(source: impl Into<String>, line: u32) -> Self {
        Self { source: source.into(), line: Some(line), text: None }
    }
    /// The same place with what it says.
    #[must_use]
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(text) = &self.text {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}
