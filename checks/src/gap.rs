//! Why a fact is not known: a value that travels with the facts, never an error that ends the run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a fact is not known. A gap is never a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The kind of obstacle.
    pub why: GapKind,
    /// What could not be read or understood: a path, a query, a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
}

/// The kinds of obstacle between hostduty and a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// There is no such file or object.
    Absent,
    /// The process may not read it.
    Denied,
    /// Only a running machine could answer, and this is an image.
    Offline,
    /// It was read and makes no sense.
    Malformed,
    /// It is of a kind that hostduty does not understand or refuses to read.
    Unsupported,
    /// It is larger than the bound of its reader.
    TooLarge,
    /// It did not answer in time.
    TimedOut,
    /// Nobody asked.
    NotGathered,
}

impl Gap {
    /// There is no `what`.
    pub fn absent(what: impl Into<String>) -> Self {
        Self { why: GapKind::Absent, what: what.into() }
    }
    /// `what` takes a privilege that this process has not.
    pub fn denied(what: impl Into<String>) -> Self {
        Self { why: GapKind::Denied, what: what.into() }
    }
    /// `what` is only known on the running machine.
    pub fn offline(what: impl Into<String>) -> Self {
        Self { why: GapKind::Offline, what: what.into() }
    }
    /// `what` does not have the form that its documentation gives it; a sentence with the place.
    pub fn malformed(what: impl Into<String>) -> Self {
        Self { why: GapKind::Malformed, what: what.into() }
    }
    /// `what` is a thing that hostduty does not understand; a sentence.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self { why: GapKind::Unsupported, what: what.into() }
    }
    /// `what` exceeds the bound of its reader.
    pub fn too_large(what: impl Into<String>) -> Self {
        Self { why: GapKind::TooLarge, what: what.into() }
    }
    /// `what` did not answer in time.
    pub fn timed_out(what: impl Into<String>) -> Self {
        Self { why: GapKind::TimedOut, what: what.into() }
    }
    /// The room was never gathered.
    #[must_use]
    pub fn not_gathered() -> Self {
        Self { why: GapKind::NotGathered, what: String::new() }
    }
    /// Whether the thing simply does not exist, which is often an answer and not an obstacle.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.why == GapKind::Absent
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.why {
            GapKind::Absent => write!(f, "{what} does not exist"),
            GapKind::Denied => write!(f, "not permitted to read {what}"),
            GapKind::Offline => write!(f, "{what} is only known on the running machine"),
            GapKind::Malformed | GapKind::Unsupported => f.write_str(what),
            GapKind::TooLarge => write!(f, "{what} is larger than hostduty reads"),
            GapKind::TimedOut => write!(f, "{what} did not answer in time"),
            GapKind::NotGathered => f.write_str("the facts do not say"),
        }
    }
}

/// A value, or the reason there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// It was read.
    Known(T),
    /// It was not.
    Gap(Gap),
}

impl<T> Reading<T> {
    /// The value; `?` ends a judgement as `unknown` with the reason.
    ///
    /// # Errors
    /// The gap, cloned.
    pub fn known(&self) -> Result<&T, Gap> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Gap(gap) => Err(gap.clone()),
        }
    }
    /// Why there is no value.
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Known(_) => None,
            Self::Gap(gap) => Some(gap),
        }
    }
    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        self.known().ok()
    }
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self::Gap(Gap::not_gathered())
    }
}

impl<T> From<Result<T, Gap>> for Reading<T> {
    fn from(result: Result<T, Gap>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(gap) => Self::Gap(gap),
        }
    }
}
