//! One HTML page that needs nothing else: no script, no other file; for a screen of any width, light and dark, and for paper.
//!
//! Every text goes through maud, which escapes it; the policy in the page's head would let nothing be loaded or run besides.

mod fleet;
mod host;
mod matrix;
mod reach;
mod terms;
mod timeline;

use checks::check::{Severity, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::book::Book;
use super::history;
use super::json_v1::Summary;

const STYLE: &str = include_str!("html/style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page: a host with all that is known of it, or many at a glance.
pub(super) fn page(book: &Book) -> String {
    let (title, class, content) = match book.pages.as_slice() {
        [page] if book.missing.is_empty() => (page.name.clone(), "host", host::host(page)),
        _ => (plural(book.pages.len() + book.missing.len(), "host"), "fleet", fleet::fleet(book)),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { (title) " · hostduty" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main class=(class) {
                    (content)
                    footer {
                        p { "Kept is what was measured. What could not be measured is unknown, and never kept." }
                        p { "hostduty " (env!("CARGO_PKG_VERSION")) " · " (instant(&book.made_at)) }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}

/// An instant of a report as people say it.
fn instant(at: &str) -> String {
    at.parse().map_or_else(|_| at.to_owned(), |at| format!("{} UTC", history::instant(at)))
}

/// So many of a thing.
fn plural<N: std::fmt::Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    if count == N::from(1) { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The class of a verdict in the style sheet.
fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "f",
        Verdict::Unknown => "u",
        Verdict::Waived => "w",
        Verdict::Pass => "p",
        Verdict::NotApplicable => "n",
    }
}

/// The word that stands beside the colour.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "failed",
        Verdict::Unknown => "unknown",
        Verdict::Waived => "waived",
        Verdict::Pass => "kept",
        Verdict::NotApplicable => "not applicable",
    }
}

/// How grave a failure is, in the colour of its verdict.
fn severity(severity: Severity) -> Markup {
    html! { span.tag { (severity.name()) } }
}

/// The counts as tiles, and as a bar whose parts are as long as they are many.
fn tiles(sum: &Summary) -> Markup {
    let counts = [
        (Verdict::Fail, sum.fail),
        (Verdict::Unknown, sum.unknown),
        (Verdict::Waived, sum.waived),
        (Verdict::Pass, sum.pass),
        (Verdict::NotApplicable, sum.not_applicable),
    ];
    html! {
        ul.tiles {
            @for (verdict, count) in counts {
                li class=(class(verdict)) { b { (count) } (word(verdict)) }
            }
        }
        div.bar aria-hidden="true" {
            @for (verdict, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                i class=(class(verdict)) style={ "flex-grow:" (count) } {}
            }
        }
    }
}
