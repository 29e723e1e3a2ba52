//! OpenMetrics 1.0, which Prometheus and what understands it read; the names are those of the watch's own metrics.
//!
//! node_exporter's textfile collector takes the same text: what OpenMetrics has beyond its format is a comment there.

use std::fmt::Write;

use checks::check::Verdict;
use checks::date::{DAY, Day, Timestamp};

use super::book::{Book, Page};
use super::json_v1::Duty;

/// Every verdict, in the order of the samples.
pub(crate) const VERDICTS: [Verdict; 5] =
    [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::NotApplicable, Verdict::Waived];

/// The metrics of a book. Every sample names its host: one file may hold many.
pub(crate) fn text(book: &Book) -> String {
    let mut out = String::new();
    let pages = || book.pages.iter().map(|page| (page.name.as_str(), page));
    family(&mut out, "hostduty_reported", "Whether the host gave a report.");
    let reported = pages().map(|(host, _)| (host, "reported", 1));
    let missing = book.missing.iter().map(|one| (one.name.as_str(), one.outcome, 0));
    for (host, outcome, reported) in reported.chain(missing) {
        sample(&mut out, "hostduty_reported", &[("host", host), ("outcome", outcome)], reported);
    }
    family(&mut out, "hostduty_info", "What judged, and against which offer.");
    for (host, page) in pages() {
        let labels = [("host", host), ("version", &page.report.hostduty), ("offer", &page.report.offer.id)];
        sample(&mut out, "hostduty_info", &labels, 1);
    }
    family(&mut out, "hostduty_check", "1 for the verdict of each check, 0 for the others.");
    for (host, page) in pages() {
        for row in page.rows() {
            for verdict in VERDICTS {
                let labels = [
                    ("host", host),
                    ("check", &row.check.id),
                    ("severity", row.severity.name()),
                    ("verdict", verdict.name()),
                ];
                sample(&mut out, "hostduty_check", &labels, i64::from(verdict == row.verdict));
            }
        }
    }
    family(
        &mut out,
        "hostduty_check_since_seconds",
        "Since when the verdict is known to hold, in seconds since 1970.",
    );
    for (host, page) in pages() {
        for row in page.rows() {
            let at = row.check.since.as_ref().and_then(|since| since.at.parse::<Timestamp>().ok());
            if let Some(at) = at {
                let labels = [("host", host), ("check", &row.check.id)];
                sample(&mut out, "hostduty_check_since_seconds", &labels, at.0);
            }
        }
    }
    family(&mut out, "hostduty_findings", "How many findings of a check no waiver accepts.");
    for (host, page) in pages() {
        for row in page.rows() {
            let labels = [("host", host), ("check", &row.check.id)];
            sample(&mut out, "hostduty_findings", &labels, row.check.findings.len() as i64);
        }
    }
    family(&mut out, "hostduty_checks", "How many checks have each verdict.");
    for (host, page) in pages() {
        for verdict in VERDICTS {
            let count = page.rows().filter(|row| row.verdict == verdict).count();
            sample(&mut out, "hostduty_checks", &[("host", host), ("verdict", verdict.name())], count as i64);
        }
    }
    family(&mut out, "hostduty_duty", "1 for where each duty of the offer stands.");
    for (host, page) in pages() {
        for duty in &page.report.duties {
            let labels = [("host", host), ("duty", &duty.id), ("status", &duty.status)];
            sample(&mut out, "hostduty_duty", &labels, 1);
        }
    }
    ends(&mut out, book);
    family(&mut out, "hostduty_judged_seconds", "When the host was judged, in seconds since 1970.");
    for (host, page) in pages() {
        if let Ok(at) = page.report.generated_at.parse::<Timestamp>() {
            sample(&mut out, "hostduty_judged_seconds", &[("host", host)], at.0);
        }
    }
    out + "# EOF\n"
}

/// When what people stated and accepted ends.
fn ends(out: &mut String, book: &Book) {
    family(
        out,
        "hostduty_attestation_until_seconds",
        "When the attestation of a duty ends, in seconds since 1970.",
    );
    for page in &book.pages {
        let held = |duty: &Duty| Some((duty.id.clone(), end(&duty.attestation.as_ref()?.until)?));
        for (duty, until) in page.report.duties.iter().filter_map(held) {
            let labels = [("host", page.name.as_str()), ("duty", &duty)];
            sample(out, "hostduty_attestation_until_seconds", &labels, until);
        }
    }
    family(out, "hostduty_waiver_until_seconds", "When the waiver of a finding ends, in seconds since 1970.");
    for page in &book.pages {
        for (check, subject, until) in waivers(page) {
            let labels = [("host", page.name.as_str()), ("check", check), ("subject", subject)];
            sample(out, "hostduty_waiver_until_seconds", &labels, until);
        }
    }
}

/// The accepted findings, each subject of a check once: two samples with the same labels are an error. The sooner end counts.
fn waivers(page: &Page) -> Vec<(&str, &str, i64)> {
    let mut waivers: Vec<(&str, &str, i64)> = page
        .report
        .checks
        .iter()
        .flat_map(|check| check.waived.iter().map(|one| (check.id.as_ref(), one)))
        .filter_map(|(check, one)| Some((check, one.finding.subject.as_str(), end(&one.until)?)))
        .collect();
    waivers.sort_unstable();
    waivers.dedup_by_key(|(check, subject, _)| (*check, *subject));
    waivers
}

/// The end of a day that still counts.
fn end(until: &str) -> Option<i64> {
    let Day(day) = until.parse().ok()?;
    Some((day + 1) * DAY)
}

/// Begins a family of samples. They are gauges all: an instant is a value.
pub(crate) fn family(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// One sample of the family that was begun last.
pub(crate) fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: i64) {
    let labels: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{name}{labels} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
