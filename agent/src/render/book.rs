//! What the formats of other tools are made of: the reports of one host or of many, clean of secrets and of what drives a terminal.

use std::collections::BTreeSet;

use checks::check::{Check as Known, Severity, Verdict};
use checks::date::Timestamp;
use checks::history::timeline::Timeline;
use checks::registry;

use super::exposure::Listing;
use super::json_v1::{Check, Report};
use crate::fleet;

/// Everything that one file says.
#[derive(Debug)]
pub(crate) struct Book {
    /// The hosts that have a report, in the order in which they were named.
    pub(crate) pages: Vec<Page>,
    /// The hosts that gave none.
    pub(crate) missing: Vec<Missing>,
    /// When the last host was judged, in RFC 3339.
    pub(crate) made_at: String,
}

/// One host.
#[derive(Debug)]
pub(crate) struct Page {
    /// What it is called in this file: unlike the host's own name, it is never empty.
    pub(crate) name: String,
    pub(crate) report: Report,
    /// Who can reach what; known of the machine itself and of a snapshot.
    pub(crate) exposure: Option<Listing>,
    /// What the record tells; known of the machine itself.
    pub(crate) past: Option<Timeline>,
}

/// A host that gave no report.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) name: String,
    /// Its name among the outcomes of the merged report, such as `unreachable`.
    pub(crate) outcome: &'static str,
    pub(crate) detail: String,
}

/// One check of a page with its verdict and severity as such.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) check: &'a Check,
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    /// What this version knows of the check; another one may have judged it.
    pub(crate) known: Option<&'static Known>,
}

impl Book {
    /// Of these hosts. No two are called the same, so that a name tells them apart in every format.
    pub(crate) fn new(mut pages: Vec<Page>, mut missing: Vec<Missing>) -> Self {
        let mut taken = BTreeSet::new();
        let names = pages.iter_mut().map(|page| &mut page.name);
        for name in names.chain(missing.iter_mut().map(|host| &mut host.name)) {
            let own = name.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                *name = format!("{own} ({number})");
                number += 1;
            }
        }
        let latest = pages.iter().map(|page| &page.report.generated_at).max();
        // Of nobody there is nothing that time could pass for.
        let made_at = latest.cloned().unwrap_or_else(|| Timestamp(0).to_string());
        Self { pages, missing, made_at }
    }
}

impl Page {
    /// The checks in the order of the report.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.report.checks.iter().filter_map(|check| {
            let (verdict, severity) = (fleet::verdict(check)?, fleet::severity(check)?);
            Some(Row { check, verdict, severity, known: registry::find(&check.id) })
        })
    }
}

impl Row<'_> {
    /// Why the check matters; its title where this version does not know it.
    pub(crate) fn rationale(&self) -> &str {
        self.known.map_or(&self.check.title, |known| known.rationale)
    }

    /// Until when, and by whom, every failure is accepted.
    pub(crate) fn acceptance(&self) -> String {
        let said = self.check.waived.iter().map(|one| {
            format!("{}: accepted by {} until {}: {}", one.finding.subject, one.owner, one.until, one.reason)
        });
        said.collect::<Vec<_>>().join("\n")
    }
}
