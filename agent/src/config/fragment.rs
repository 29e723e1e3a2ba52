//! One configuration file as it is written: every key optional, unknown keys refused, each value with its line.

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{Error, nearest};

/// One file, parsed but not yet judged.
#[derive(Debug)]
pub(super) struct Fragment {
    /// Its name, for messages.
    pub(super) file: String,
    /// Byte offsets of its line starts.
    lines: Vec<usize>,
    /// What it says.
    pub(super) body: Body,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Body {
    pub(super) offer: Option<Spanned<String>>,
    pub(super) delivered_at: Option<Spanned<Moment>>,
    pub(super) passwords: Passwords,
    pub(super) thresholds: Thresholds,
    pub(super) sockets: Sockets,
    pub(super) watch: Watch,
    pub(super) waiver: Vec<Spanned<Waiver>>,
    pub(super) attestation: Vec<Spanned<Attestation>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Thresholds {
    pub(super) index_max_age_days: Option<u32>,
    pub(super) cloud_key_max_age_days: Option<u32>,
    pub(super) ssh_key_max_age_days: Option<u32>,
    pub(super) account_max_unused_days: Option<u32>,
    pub(super) password_min_length: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Passwords {
    pub(super) compare_with_defaults: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sockets {
    pub(super) allowed: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Watch {
    pub(super) settle_seconds: Option<Spanned<u32>>,
    pub(super) poll_seconds: Option<Spanned<u32>>,
    pub(super) textfile_folder: Option<Spanned<String>>,
    pub(super) full_report: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiver {
    pub(super) check: Spanned<String>,
    pub(super) subject: Option<String>,
    pub(super) owner: String,
    pub(super) reason: String,
    pub(super) until: Spanned<Moment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attestation {
    pub(super) id: Spanned<String>,
    pub(super) by: String,
    pub(super) on: Spanned<Moment>,
    pub(super) until: Spanned<Moment>,
    pub(super) note: Option<String>,
}

/// A date or an instant, written as TOML's own or as a string.
#[derive(Debug)]
pub(super) struct Moment(pub(super) String);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Datetime(moment) => Ok(Self(moment.to_string())),
            toml::Value::String(text) => Ok(Self(text)),
            other => {
                Err(serde::de::Error::custom(format!("a date is expected here, not {}", other.type_str())))
            }
        }
    }
}

impl Fragment {
    /// An error at a byte offset of this file.
    pub(super) fn error(&self, offset: usize, what: impl Into<String>, cure: impl Into<String>) -> Error {
        Error { file: self.file.clone(), line: Some(self.line(offset)), what: what.into(), cure: cure.into() }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset)
    }
}

/// Parses one file.
///
/// # Errors
/// With the line, and for an unknown key the nearest valid one.
pub(super) fn parse(file: &str, text: &str) -> Result<Fragment, Error> {
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut fragment = Fragment { file: file.to_owned(), lines, body: Body::default() };
    match toml::from_str(text) {
        Ok(body) => {
            fragment.body = body;
            Ok(fragment)
        }
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let (what, cure) = explain(error.message());
            Err(fragment.error(offset, what, cure))
        }
    }
}

/// The parser's message in our words, and a cure.
fn explain(message: &str) -> (String, String) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field")
        && let [typed, known @ ..] = quoted.as_slice()
    {
        let cure = match nearest(typed, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        return (format!("unknown key `{typed}`"), cure);
    }
    if message.starts_with("missing field")
        && let [missing] = quoted.as_slice()
    {
        return (format!("`{missing}` is missing here"), format!("add `{missing} = …`"));
    }
    (message.to_owned(), "`hostduty config example` shows every key".to_owned())
}
