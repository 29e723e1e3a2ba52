//! Hosts by checks: a mark for each verdict, and a choice of hosts that needs no script.

use std::collections::BTreeMap;

use checks::check::Verdict;
use maud::{Markup, html};

use super::super::book::{Book, Page};
use super::fleet::Rows;
use super::{class, word};

pub(super) fn section(book: &Book, checks: &BTreeMap<&str, Rows<'_>>) -> Markup {
    let choices = [("f", "with a failure"), ("u", "with something unknown"), ("w", "with a waiver")];
    html! {
        section id="matrix" {
            h2 { "Hosts and checks" }
            fieldset {
                legend { "Show hosts" }
                label { input type="radio" name="only" id="only-all" checked; " all" }
                @for (id, text) in choices { label { input type="radio" name="only" id={ "only-" (id) }; " " (text) } }
            }
            p.soft { "F failed, ? unknown, W waived, · kept, – not applicable, empty: not judged." }
            div."scroll"."matrix" tabindex="0" role="region" aria-label="Hosts and checks" {
                table style={ "width:calc(15rem + " (checks.len()) "*1.7rem)" } {
                    col.host;
                    @for _ in checks { col.check; }
                    thead { tr {
                        th scope="col" { "Host" }
                        @for id in checks.keys() { th scope="col" { span { (id) } } }
                    } }
                    tbody { @for page in &book.pages { (line(page, checks)) } }
                }
            }
        }
    }
}

fn line(page: &Page, checks: &BTreeMap<&str, Rows<'_>>) -> Markup {
    let verdicts: BTreeMap<&str, Verdict> =
        page.rows().map(|row| (row.check.id.as_ref(), row.verdict)).collect();
    // In capitals what a filter asks of a whole line.
    let has = |verdict, name| if verdicts.values().any(|one| *one == verdict) { name } else { "" };
    let classes = [has(Verdict::Fail, "F"), has(Verdict::Unknown, "U"), has(Verdict::Waived, "W")];
    html! {
        tr class=(classes.join(" ").trim()) {
            th scope="row" { (page.name) }
            @for id in checks.keys() {
                @match verdicts.get(id) {
                    // The word is for who hears the page: "question mark" is no verdict.
                    Some(verdict) => td class=(class(*verdict)) aria-label=(word(*verdict)) { (letter(*verdict)) },
                    None => td {},
                }
            }
        }
    }
}

/// What a cell shows: the letter alone, so that hundreds of hosts stay a small page.
fn letter(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "F",
        Verdict::Unknown => "?",
        Verdict::Waived => "W",
        Verdict::Pass => "·",
        Verdict::NotApplicable => "–",
    }
}
