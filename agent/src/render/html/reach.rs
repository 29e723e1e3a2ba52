//! Who can reach what: each socket and published port, the most exposed first.

use checks::reach::Reach;
use maud::{Markup, html};

use super::super::exposure::Listing;
use crate::output::clean;

pub(super) fn table(listing: &Listing) -> Markup {
    html! {
        section id="reach" {
            h2 { "Who can reach what" }
            div.scroll tabindex="0" role="region" aria-label="Who can reach what" {
                table.cards {
                    caption { "What a filter outside this machine does, such as a security group, cannot be seen from it." }
                    thead { tr {
                        th scope="col" { "Open to" } th scope="col" { "Socket" } th scope="col" { "Program" } th scope="col" { "By which rule" }
                    } }
                    tbody {
                        @for entry in &listing.sockets {
                            @let (class, word) = word(entry.reach);
                            tr class=(class) {
                                td {
                                    span.tag { (word) }
                                    @if !entry.from.is_empty() { p { (clean(&entry.from.join(", "))) } }
                                    @if entry.rate_limited { p.soft { "as far as a rate or chance lets it" } }
                                }
                                th scope="row" { code { (clean(&entry.name())) } }
                                td { (clean(&entry.holder())) }
                                td {
                                    @for rule in entry.decided_by.iter().chain(&entry.also) { p { code { (clean(rule)) } } }
                                    @if let Some(reason) = &entry.reason { p.soft { (clean(reason)) } }
                                }
                            }
                        }
                    }
                }
            }
            @for gap in &listing.gaps { p.soft { "Not known: " (clean(gap)) } }
        }
    }
}

fn word(reach: Reach) -> (&'static str, &'static str) {
    match reach {
        Reach::Anyone => ("f", "anyone"),
        Reach::Networks => ("w", "some networks"),
        Reach::Unknown => ("u", "not known"),
        Reach::Loopback => ("p", "this machine"),
        Reach::Nobody => ("n", "nobody"),
    }
}
