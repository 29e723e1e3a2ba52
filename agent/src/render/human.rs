//! The report for people: grouped by duty, failures first, readable at 80 columns, colour never the only carrier.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use checks::check::{Evidence, Finding, Severity, Verdict};
use checks::date::Day;
use checks::history::timeline::Since;
use checks::report::{DutyOutcome, Outcome, Report, Status};

use super::json_v1::platform_name;
use crate::output::clean;

const WIDTH: usize = 80;
/// Findings of one check before "and N more"; one place is shown of each. --verbose shows all.
const MOST: usize = 3;

/// The groups of the report: the duties of the mission, then what goes with them. A check belongs to the first whose
/// subjects its id starts with.
const GROUPS: &[(&str, &[&str])] = &[
    ("Log in with SSH keys only", &["ssh-"]),
    ("Change the passwords after delivery", &["passwords-"]),
    ("Filter the network", &["firewall-", "services-"]),
    ("Patch", &["patches-"]),
    ("Encrypt the disks", &["encryption-"]),
    ("Reach remote desktops through a tunnel only", &["remote-desktop-"]),
    ("Keep the hypervisor's guest tools running", &["guest-tools-"]),
    ("Stay in the provider's device management", &["mdm-"]),
    ("Keep accounts and secrets in order", &["accounts-", "secrets-"]),
    ("Be able to recover and to notice", &[""]),
];

/// A painter that knows whether it may.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
    pub(crate) fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
    pub(crate) fn verdict(self, verdict: Verdict, text: &str) -> String {
        let colour = match verdict {
            Verdict::Pass => AnsiColor::Green,
            Verdict::Fail => AnsiColor::Red,
            Verdict::Unknown => AnsiColor::Yellow,
            Verdict::Waived => AnsiColor::Cyan,
            Verdict::NotApplicable => return self.dim(text),
        };
        self.with(colour.on_default().bold(), text)
    }
}

/// The whole report.
pub(crate) fn report(
    report: &Report<'_>,
    since: &BTreeMap<&'static str, Since>,
    paint: Paint,
    verbose: bool,
) -> String {
    let mut out = header(report);
    let mut groups: Vec<(&str, Vec<&Outcome>)> =
        GROUPS.iter().map(|(heading, _)| (*heading, Vec::new())).collect();
    for outcome in &report.outcomes {
        let place = GROUPS
            .iter()
            .position(|(_, subjects)| subjects.iter().any(|subject| outcome.check.id.starts_with(subject)));
        if let Some((_, outcomes)) = place.and_then(|place| groups.get_mut(place)) {
            outcomes.push(outcome);
        }
    }
    groups.retain(|(_, outcomes)| !outcomes.is_empty());
    for (_, outcomes) in &mut groups {
        outcomes.sort_by_key(|outcome| (rank(outcome.verdict), std::cmp::Reverse(outcome.severity)));
    }
    // Groups with the worst news come first; equal ones keep their order.
    groups.sort_by_key(|(_, outcomes)| {
        outcomes.first().map(|worst| (rank(worst.verdict), std::cmp::Reverse(worst.severity)))
    });
    for (heading, outcomes) in &groups {
        group(&mut out, heading, outcomes, report, since, paint, verbose);
    }
    if groups.iter().any(|(_, outcomes)| !stands_out(outcomes, verbose)) {
        out.push('\n');
    }
    for unused in &report.unused {
        wrapped(&mut out, "Unused: ", 8, unused);
    }
    if !report.unused.is_empty() {
        out.push('\n');
    }
    out += &sum(report, paint);
    out
}

/// The offer's matrix.
pub(crate) fn duties(report: &Report<'_>, paint: Paint) -> String {
    let mut out = header(report);
    let mut heading = None;
    // Where most duties rest on several documents, a heading would seem to speak for those below it too.
    let single = report.duties.iter().filter(|one| document(report, &one.duty.source).is_some()).count();
    let headed = single * 2 >= report.duties.len();
    for outcome in &report.duties {
        let document = document(report, &outcome.duty.source).filter(|_| headed);
        if let Some(name) = document.filter(|name| heading != Some(*name)) {
            let mut lines = String::new();
            wrapped(&mut lines, "", 4, name);
            let _ = writeln!(out, "{}", paint.bold(lines.trim_end()));
            heading = Some(name);
        }
        duty(&mut out, outcome, document, report.facts.taken_at.day(), paint);
    }
    out.push('\n');
    out += &matrix_sum(report, paint);
    out
}

/// The document of the offer that a source is a section of. An offer whose duties cite several at once has no headings.
fn document<'a>(report: &'a Report<'_>, source: &str) -> Option<&'a str> {
    let name = report.policy.offer.document.iter().find(|document| source.starts_with(&document.name))?;
    (!source.contains(';')).then_some(name.name.as_str())
}

fn header(report: &Report<'_>) -> String {
    let facts = report.facts;
    let machine = facts.machine.value();
    let mut parts = Vec::new();
    if let Some(machine) = machine {
        parts.extend(machine.name.value().cloned());
        parts.extend(machine.release.value().map(|release| release.name.clone()));
        parts.extend(machine.kernel.value().map(|kernel| format!("kernel {kernel}")));
        parts.retain(|part| !part.trim().is_empty());
    }
    parts.extend(facts.hypervisor.value().map(|seen| match &seen.container {
        Some(container) => format!("{container} container"),
        None => platform_name(seen.platform).to_owned(),
    }));
    if parts.is_empty() {
        parts.push("a host without a name".to_owned());
    }
    let mut out = String::new();
    wrapped(&mut out, "", 2, &parts.join(" · "));
    let seen_by = match machine.and_then(|machine| machine.seen_by_uid.value()) {
        Some(0) => "as root".to_owned(),
        Some(uid) => format!("as uid {uid}: root may see more, ask `hostduty doctor`"),
        None => "from its files alone".to_owned(),
    };
    let _ = writeln!(out, "Seen on {} {seen_by}", facts.taken_at);
    let offer = &report.policy.offer;
    wrapped(&mut out, "Offer: ", 7, &format!("{} ({})", offer.name, report.how));
    out.push('\n');
    out
}

/// Failures first, then what is not known, what is waived, what is kept; what does not apply comes last.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Waived => 2,
        Verdict::Pass => 3,
        Verdict::NotApplicable => 4,
    }
}

/// Whether a group has something to read; those that are merely kept stand close together at the end.
fn stands_out(outcomes: &[&Outcome], verbose: bool) -> bool {
    verbose || outcomes.iter().any(|outcome| rank(outcome.verdict) < rank(Verdict::Pass))
}

fn group(
    out: &mut String,
    heading: &str,
    outcomes: &[&Outcome],
    report: &Report<'_>,
    since: &BTreeMap<&'static str, Since>,
    paint: Paint,
    verbose: bool,
) {
    // What does not apply is counted at the end and shown with --verbose.
    if !verbose && outcomes.iter().all(|outcome| outcome.verdict == Verdict::NotApplicable) {
        return;
    }
    let _ = writeln!(out, "{}", paint.bold(heading));
    for outcome in outcomes {
        if verbose || !matches!(outcome.verdict, Verdict::Pass | Verdict::NotApplicable) {
            one(out, outcome, report, since.get(outcome.check.id), paint, verbose);
        }
    }
    if !verbose {
        let kept: Vec<&str> = outcomes
            .iter()
            .filter(|outcome| outcome.verdict == Verdict::Pass)
            .map(|outcome| outcome.check.id)
            .collect();
        if !kept.is_empty() {
            out.push_str(&paint.verdict(Verdict::Pass, "  kept    "));
            wrapped_after(out, 10, 10, &kept.join(", "));
        }
    }
    if stands_out(outcomes, verbose) {
        out.push('\n');
    }
}

fn one(
    out: &mut String,
    outcome: &Outcome,
    report: &Report<'_>,
    since: Option<&Since>,
    paint: Paint,
    verbose: bool,
) {
    let label = match outcome.verdict {
        Verdict::Pass => "kept",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "unknown",
        Verdict::NotApplicable => "n/a",
        Verdict::Waived => "waived",
    };
    out.push_str(&paint.verdict(outcome.verdict, &format!("  {label:<8}")));
    let _ = writeln!(out, "{}  {}", paint.bold(outcome.check.id), paint.dim(outcome.severity.name()));
    if let Some(since) = since {
        wrapped(out, "          ", 10, &super::history::since(since));
    }
    if !verbose && outcome.verdict == Verdict::Fail && outcome.severity == Severity::Advice {
        wrapped(out, "          ", 10, &outcome.reason);
        if let Some(line) = other_answer(outcome, report) {
            wrapped(out, "          → ", 12, &line);
        }
        return;
    }
    let most = if verbose { usize::MAX } else { MOST };
    let findings = said_once(&outcome.findings, verbose);
    for (text, finding) in findings.iter().take(most) {
        wrapped(out, "          ", 10, text);
        evidence(out, &finding.evidence, if verbose { usize::MAX } else { 1 });
    }
    more(out, findings.len(), most, "findings");
    for unknown in outcome.unknowns.iter().take(most) {
        let prefix = if outcome.verdict == Verdict::Unknown { "          " } else { "          unknown: " };
        wrapped(out, prefix, 10, unknown);
    }
    more(out, outcome.unknowns.len(), most, "unknowns");
    if outcome.verdict == Verdict::Unknown && outcome.unknowns.is_empty() {
        wrapped(out, "          ", 10, &outcome.reason);
    }
    for (finding, waiver) in outcome.waived.iter().take(most) {
        let text = format!(
            "{} {}: accepted by {} until {}: {}",
            finding.subject, finding.message, waiver.owner, waiver.until, waiver.reason
        );
        wrapped(out, "          ", 10, &text);
    }
    more(out, outcome.waived.len(), most, "waived findings");
    if verbose {
        for seen in &outcome.observations {
            wrapped(out, "          ", 10, &seen.message);
            evidence(out, &seen.evidence, usize::MAX);
        }
        if outcome.verdict == Verdict::NotApplicable {
            wrapped(out, "          ", 10, &outcome.reason);
        }
    }
    if outcome.verdict == Verdict::Fail {
        let steps: Vec<&str> = outcome.remedy.lines().collect();
        for step in steps.iter().take(if verbose { usize::MAX } else { 1 }) {
            wrapped(out, "          → ", 12, step);
        }
    }
}

/// The sentences of the findings. What holds of IPv4 and right after in the same words of IPv6 is said once.
fn said_once(findings: &[Finding], verbose: bool) -> Vec<(String, &Finding)> {
    let mut said: Vec<(String, &Finding)> = Vec::new();
    for finding in findings {
        let text = format!("{} {}", finding.subject, finding.message);
        match said.last_mut() {
            Some((last, _)) if !verbose && text.contains("IPv6") && *last == text.replace("IPv6", "IPv4") => {
                last.push_str("; the same holds of IPv6");
            }
            _ => said.push((text, finding)),
        }
    }
    said
}

/// How a person answers a duty that a check of severity `advice` only half sees.
fn other_answer(outcome: &Outcome, report: &Report<'_>) -> Option<String> {
    if let Some(held) = report.answered(outcome) {
        return Some(format!(
            "{} attests `{}` until {}, which answers the duty",
            held.by, held.id, held.until
        ));
    }
    let asks = |duty: &&checks::providers::Duty| duty.checks.iter().any(|id| id == outcome.check.id);
    let id = report.policy.offer.duty.iter().filter(asks).find_map(|duty| duty.attestation.as_ref())?;
    Some(format!("attest `{id}` in the configuration if another means does it"))
}

fn evidence(out: &mut String, list: &[Evidence], most: usize) {
    for seen in list.iter().take(most) {
        wrapped(out, "            at ", 15, &seen.to_string());
    }
}

fn more(out: &mut String, all: usize, most: usize, what: &str) {
    if all > most {
        let _ = writeln!(out, "            and {} more {what} (--verbose)", all - most);
    }
}

fn sum(report: &Report<'_>, paint: Paint) -> String {
    let count = |verdict| report.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let part = |verdict, word: &str| {
        let text = format!("{} {word}", count(verdict));
        if count(verdict) == 0 { paint.dim(&text) } else { paint.verdict(verdict, &text) }
    };
    let mut line = [
        part(Verdict::Fail, "failed"),
        part(Verdict::Unknown, "unknown"),
        part(Verdict::Waived, "waived"),
        part(Verdict::Pass, "kept"),
        part(Verdict::NotApplicable, "not applicable"),
    ]
    .join(", ");
    let answered = report.outcomes.iter().filter(|outcome| report.answered(outcome).is_some()).count();
    if answered > 0 {
        let _ = write!(line, "\n{answered} of the failures: advice that an attestation answers");
    }
    let asked = report
        .duties
        .iter()
        .filter(|outcome| matches!(outcome.status, Status::NotAttested | Status::Expired))
        .count();
    if asked > 0 {
        let _ =
            write!(line, "\n{asked} of the offer's {} duties wait for an attestation", report.duties.len());
        line += ": hostduty duties";
    }
    if count(Verdict::Fail) + count(Verdict::Unknown) > 0 {
        line += "\nhostduty explain CHECK says why and how to mend it; --verbose shows every place";
    }
    line + "\n"
}

fn duty(out: &mut String, outcome: &DutyOutcome, document: Option<&str>, today: Day, paint: Paint) {
    let verdict = match outcome.status {
        Status::Kept | Status::Attested => Verdict::Pass,
        Status::Broken | Status::Expired => Verdict::Fail,
        Status::Unknown | Status::NotAttested => Verdict::Unknown,
        Status::Waived => Verdict::Waived,
        Status::NotApplicable => Verdict::NotApplicable,
    };
    let label = if outcome.status == Status::Broken { "FAIL" } else { outcome.status.name() };
    out.push_str(&paint.verdict(verdict, &format!("  {label:<15}")));
    wrapped_after(out, 17, 17, &format!("{}  {}", outcome.duty.id, outcome.duty.title));
    let mut answers = outcome.duty.checks.join(", ");
    if let Some(id) = &outcome.duty.attestation {
        let held = match &outcome.attestation {
            Some(held) if held.on > today => {
                format!("attestation `{id}` by {} begins on {}", held.by, held.on)
            }
            Some(held) => format!("attested by {} on {} until {}", held.by, held.on, held.until),
            None => format!("attestation `{id}`"),
        };
        answers = if answers.is_empty() { held } else { format!("{answers}; {held}") };
    }
    let source = &outcome.duty.source;
    let section = document.and_then(|name| source.strip_prefix(name)).unwrap_or(source);
    let line = format!("{answers} ({})", section.trim_start_matches([',', ' ']));
    wrapped(out, &" ".repeat(17), 17, &line);
}

fn matrix_sum(report: &Report<'_>, paint: Paint) -> String {
    let statuses = [
        (Status::Broken, Verdict::Fail),
        (Status::Expired, Verdict::Fail),
        (Status::Unknown, Verdict::Unknown),
        (Status::NotAttested, Verdict::Unknown),
        (Status::Waived, Verdict::Waived),
        (Status::Kept, Verdict::Pass),
        (Status::Attested, Verdict::Pass),
        (Status::NotApplicable, Verdict::NotApplicable),
    ];
    let parts: Vec<String> = statuses
        .into_iter()
        .map(|(status, verdict)| {
            (report.duties.iter().filter(|outcome| outcome.status == status).count(), status, verdict)
        })
        .filter(|(count, ..)| *count > 0)
        .map(|(count, status, verdict)| paint.verdict(verdict, &format!("{count} {}", status.name())))
        .collect();
    format!("{} duties: {}\n", report.duties.len(), parts.join(", "))
}

/// Appends a prefix and a host's text, broken at blanks, with a hanging indent.
pub(crate) fn wrapped(out: &mut String, prefix: &str, indent: usize, text: &str) {
    out.push_str(prefix);
    wrapped_after(out, prefix.chars().count(), indent, text);
}

/// The same after something that was written already and ends at `column`. A word that does not fit stays whole, so
/// that a path can be copied.
fn wrapped_after(out: &mut String, mut column: usize, indent: usize, text: &str) {
    let mut first = true;
    for word in clean(text).split(' ') {
        let width = word.chars().count();
        if !first && column + 1 + width > WIDTH {
            let _ = write!(out, "\n{}", " ".repeat(indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
        first = false;
    }
    out.push('\n');
}
