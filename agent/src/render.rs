//! How a report looks: one file per format.

pub(crate) mod book;
pub(crate) mod drift;
pub(crate) mod exposure;
pub(crate) mod fleet;
pub(crate) mod fleet_v1;
pub(crate) mod history;
pub(crate) mod history_v1;
mod html;
pub(crate) mod human;
pub(crate) mod json_v1;
mod junit;
pub(crate) mod logins;
mod markdown;
mod ocsf;
pub(crate) mod openmetrics;
mod oscal;
pub(crate) mod patches;
pub(crate) mod reach;
mod sarif;
mod xccdf;
mod xml;

use crate::cli::ReportFormat;
use crate::output;
use book::Book;

/// Reports in the format of another tool, or in one that people read elsewhere than at a terminal.
pub(crate) fn foreign(format: ReportFormat, book: &Book) -> Result<String, output::Error> {
    match format {
        // These two say more than a book holds, and whoever asks for them writes them.
        ReportFormat::Human | ReportFormat::Json | ReportFormat::Markdown => Ok(markdown::text(book)),
        ReportFormat::Html => Ok(html::page(book)),
        ReportFormat::Sarif => output::json(&sarif::log(book)),
        ReportFormat::Junit => junit::document(book),
        ReportFormat::Openmetrics => Ok(openmetrics::text(book)),
        ReportFormat::Ocsf => ocsf::lines(book),
        ReportFormat::Xccdf => xccdf::document(book),
        ReportFormat::Oscal => output::json(&oscal::document(book)),
    }
}
