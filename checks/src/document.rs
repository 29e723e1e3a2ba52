//! TOML values to plain data and back. What serde's derives compile for each type grows with every shape that a format
//! lets it take: these two let a struct be a table and nothing else, which halves what snapshots cost in the binary.

mod read;
mod write;

use std::fmt::{self, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

/// The data that a value holds.
///
/// # Errors
/// What does not fit: a field that is unknown, missing or of another type.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(read::Node(value))
}

/// The data that a text in TOML holds.
///
/// # Errors
/// The same, and what is no TOML; that comes with its line.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    read(Value::Table(toml::from_str(text).map_err(|error| Error::new(error.to_string()))?))
}

/// The value that holds some data; what is `None` is left out.
///
/// # Errors
/// What TOML cannot hold: a number above `i64::MAX`, an item of a list that is `None`.
pub fn write(data: &impl Serialize) -> Result<Value, Error> {
    data.serialize(write::Node)?.ok_or_else(|| Error::new("nothing to write".to_owned()))
}

/// Why a value is no such data, or data no such value.
#[derive(Debug)]
#[expect(
    clippy::box_collection,
    reason = "each of thousands of results that may hold it has one word for it"
)]
pub struct Error(Box<String>);

impl Error {
    #[cold]
    fn new(message: String) -> Self {
        Self(Box::new(message))
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}
