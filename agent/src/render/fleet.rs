//! The merged report for people: hosts and their counts, failures by check across hosts, hosts without a report.

use std::collections::BTreeMap;
use std::fmt::Write;

use checks::check::Verdict;
use checks::date::Timestamp;

use super::fleet_v1::{Check, Fleet};
use super::human::{Paint, wrapped};
use super::json_v1;
use crate::fleet::{Asked, Destination, Failure};
use crate::output::clean;

/// Names of hosts beside a check, and findings of one host, before "and N more". --verbose shows all.
const MOST: usize = 8;
/// The column of names is not wider.
const NAMES: usize = 40;

/// The whole merged report.
pub(crate) fn report(
    fleet: &Fleet<'_>,
    asked: &[Asked],
    notes: &[String],
    now: Timestamp,
    paint: Paint,
    verbose: bool,
) -> String {
    let mut out = String::new();
    let reports: Vec<(&Asked, &json_v1::Report)> =
        asked.iter().filter_map(|one| Some((one, one.answer.as_ref().ok()?))).collect();
    let all = fleet.summary.hosts;
    let plural = if all == 1 { "host" } else { "hosts" };
    let _ = writeln!(out, "{all} {plural} asked until {now}, {} reported\n", fleet.summary.reported);
    table(&mut out, &reports, paint);
    across(&mut out, fleet, &reports, paint, verbose);
    failures(&mut out, asked, paint);
    for note in notes {
        wrapped(&mut out, "Not followed: ", 14, note);
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    out += &sum(fleet, &reports, paint);
    out
}

/// Who would be asked.
pub(crate) fn listed(hosts: &[Destination], notes: &[String]) -> String {
    let mut out = String::new();
    for host in hosts {
        let port = host.port.map(|port| format!(" port {port}")).unwrap_or_default();
        let key = host.identity.as_ref().map(|file| format!(" with {file}")).unwrap_or_default();
        let how = format!("{}{port}{key}", host.target);
        let line = if how == host.name { how } else { format!("{}  {how}", host.name) };
        let _ = writeln!(out, "{}", clean(&line));
    }
    for note in notes {
        wrapped(&mut out, "Not followed: ", 14, note);
    }
    out
}

fn table(out: &mut String, reports: &[(&Asked, &json_v1::Report)], paint: Paint) {
    if reports.is_empty() {
        return;
    }
    let mut rows: Vec<(String, json_v1::Summary)> =
        reports.iter().map(|(asked, report)| (clean(&asked.host.name), report.summary)).collect();
    rows.sort_by(|(name, one), (other_name, other)| {
        (other.fail, other.unknown).cmp(&(one.fail, one.unknown)).then_with(|| name.cmp(other_name))
    });
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).clamp(4, NAMES);
    let head = format!("{:<width$}  failed  unknown  waived  kept  n/a", "host");
    let _ = writeln!(out, "{}", paint.bold(&head));
    for (name, row) in &rows {
        // A name that is wider than its column has a line to itself.
        if name.chars().count() > width {
            let _ = write!(out, "{name}\n{:width$}", "");
        } else {
            let _ = write!(out, "{name:<width$}");
        }
        let cell = |count: usize, width: usize, verdict| {
            let text = format!("{count:>width$}");
            if count == 0 { paint.dim(&text) } else { paint.verdict(verdict, &text) }
        };
        let _ = writeln!(
            out,
            "  {}  {}  {}  {}  {}",
            cell(row.fail, 6, Verdict::Fail),
            cell(row.unknown, 7, Verdict::Unknown),
            cell(row.waived, 6, Verdict::Waived),
            cell(row.pass, 4, Verdict::Pass),
            cell(row.not_applicable, 3, Verdict::NotApplicable)
        );
    }
    out.push('\n');
}

/// What fails and what is not known, the gravest and most frequent first.
fn across(
    out: &mut String,
    fleet: &Fleet<'_>,
    reports: &[(&Asked, &json_v1::Report)],
    paint: Paint,
    verbose: bool,
) {
    type Pick = for<'c, 'a> fn(&'c Check<'a>) -> &'c Vec<&'a str>;
    let sections: [(&str, &str, Verdict, Pick); 2] = [
        ("Failures across hosts", "FAIL", Verdict::Fail, |check| &check.fail),
        ("Unknown across hosts", "unknown", Verdict::Unknown, |check| &check.unknown),
    ];
    for (heading, label, verdict, pick) in sections {
        let mut checks: Vec<&Check<'_>> =
            fleet.checks.iter().filter(|check| !pick(check).is_empty()).collect();
        if checks.is_empty() {
            continue;
        }
        checks.sort_by_key(|check| std::cmp::Reverse((check.worst, pick(check).len())));
        let _ = writeln!(out, "{}", paint.bold(heading));
        for check in checks {
            let hosts = pick(check);
            let of = format!("{}  {} of {}", check.severity, hosts.len(), reports.len());
            out.push_str(&paint.verdict(verdict, &format!("  {label:<8}")));
            let _ = writeln!(out, "{}  {}", paint.bold(&clean(check.id)), paint.dim(&of));
            if verbose || reports.len() == 1 {
                details(out, check.id, reports, verdict, verbose);
                continue;
            }
            if hosts.len() == reports.len() {
                out.push_str("          every host that reported\n");
                continue;
            }
            let mut names = hosts.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
            if hosts.len() > MOST {
                let _ = write!(names, " and {} more", hosts.len() - MOST);
            }
            wrapped(out, "          ", 10, &names);
        }
        out.push('\n');
    }
}

fn details(
    out: &mut String,
    id: &str,
    reports: &[(&Asked, &json_v1::Report)],
    asked_for: Verdict,
    verbose: bool,
) {
    let most = if verbose { usize::MAX } else { MOST };
    for (asked, report) in reports {
        let Some(check) = report.checks.iter().find(|check| check.id == id) else { continue };
        if check.verdict != asked_for.name() {
            continue;
        }
        let prefix = if reports.len() == 1 { String::new() } else { format!("{}: ", asked.host.name) };
        let mut lines: Vec<String> = check.findings.iter().map(found).collect();
        lines.extend(check.unknowns.iter().map(|unknown| match asked_for {
            Verdict::Fail => format!("unknown: {unknown}"),
            _ => unknown.clone(),
        }));
        if lines.is_empty() {
            lines.push(check.reason.clone());
        }
        for line in lines.iter().take(most) {
            wrapped(out, "          ", 12, &format!("{prefix}{line}"));
        }
        if lines.len() > most {
            let _ = writeln!(out, "            and {} more (--verbose)", lines.len() - most);
        }
        if reports.len() == 1
            && asked_for == Verdict::Fail
            && let Some(step) = check.remedy.lines().next()
        {
            wrapped(out, "          → ", 12, step);
        }
    }
}

fn found(finding: &json_v1::Finding) -> String {
    let mut text = format!("{} {}", finding.subject, finding.message);
    if let Some(seen) = finding.evidence.first() {
        let line = seen.line.map(|line| format!(":{line}")).unwrap_or_default();
        let _ = write!(text, " (at {}{line})", seen.source);
    }
    text
}

/// Hosts without a report, together with those that have the same reason.
fn failures(out: &mut String, asked: &[Asked], paint: Paint) {
    let mut reasons: BTreeMap<&str, Vec<(&Asked, &Failure)>> = BTreeMap::new();
    for one in asked {
        if let Err(failure) = &one.answer {
            reasons.entry(failure.reason.name()).or_default().push((one, failure));
        }
    }
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint.bold("Hosts without a report"));
    for (reason, hosts) in reasons {
        let _ = writeln!(out, "  {}", paint.verdict(Verdict::Fail, reason));
        for (asked, failure) in &hosts {
            let detail: String = failure.detail.chars().take(400).collect();
            wrapped(out, "          ", 12, &format!("{}: {detail}", asked.host.name));
        }
        if let Some((_, failure)) = hosts.first() {
            wrapped(out, "          → ", 12, failure.reason.cure());
        }
    }
    out.push('\n');
}

fn sum(fleet: &Fleet<'_>, reports: &[(&Asked, &json_v1::Report)], paint: Paint) -> String {
    let failing = reports.iter().filter(|(_, report)| report.summary.fail > 0).count();
    let open =
        reports.iter().filter(|(_, report)| report.summary.fail == 0 && report.summary.unknown > 0).count();
    let part = |count: usize, verdict, words: &str| {
        let text = format!("{count} {words}");
        if count == 0 { paint.dim(&text) } else { paint.verdict(verdict, &text) }
    };
    let mut line = [
        part(fleet.summary.not_reported, Verdict::Fail, "without a report"),
        part(failing, Verdict::Fail, "with failures"),
        part(open, Verdict::Unknown, "with unknowns alone"),
        part(reports.len() - failing - open, Verdict::Pass, "with all kept"),
    ]
    .join(", ");
    if failing + open > 0 {
        line += "\nhostduty explain CHECK says why and how to mend it";
        if reports.len() > 1 {
            line += "; --verbose shows every place";
        }
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::fleet_v1;
    use super::*;
    use crate::fleet::Reason;

    fn asked(name: &str, answer: Result<json_v1::Report, Failure>) -> Asked {
        Asked { host: Destination::typed(name).unwrap(), answer, milliseconds: 7 }
    }

    fn reported(verdict: &str, finding: &str) -> Result<json_v1::Report, Failure> {
        let findings = if verdict == "fail" {
            format!(
                r#"[{{"subject":"ann","message":"{finding}","evidence":[{{"source":"/etc/shadow","line":3,"text":null}}]}}]"#
            )
        } else {
            "[]".to_owned()
        };
        let text = format!(
            r#"{{"schema_version":1,"hostduty":"0.1.0","generated_at":"2026-11-22T08:00:00Z","host":{{"name":"web1",
            "os":null,"kernel":null,"virtualisation":null,"instance_uuid":null,"time_synchronised":null,"seen_by_uid":0}},
            "offer":{{"id":"generic","name":"Any server","how":"x"}},
            "summary":{{"pass":0,"fail":0,"unknown":0,"not_applicable":0,"waived":0}},
            "checks":[{{"id":"ssh-key-only","title":"t","severity":"critical","verdict":"{verdict}","reason":"r","remedy":"mend it\nthen look",
            "findings":{findings},"waived":[],"unknowns":["why"],"observations":[],"duties":[]}}],"duties":[],"unused":[]}}"#
        );
        Ok(crate::fleet::parse(text.as_bytes()).unwrap())
    }

    fn text(asked: &[Asked], notes: &[String], verbose: bool) -> String {
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        let fleet = fleet_v1::fleet(asked, notes, now);
        report(&fleet, asked, notes, now, Paint(false), verbose)
    }

    #[test]
    fn hosts_checks_and_reasons_have_their_places() {
        let lost = Failure { reason: Reason::TimedOut, detail: "gone \u{1b}[2J".to_owned() };
        let all = [
            asked("web1", reported("fail", "has a \\u001b]0;x password")),
            asked("web2", reported("unknown", "")),
            asked("web3", Err(lost)),
        ];
        let wanted = "3 hosts asked until 2026-11-22T08:00:00Z, 2 reported

host  failed  unknown  waived  kept  n/a
web1       1        0       0     0    0
web2       0        1       0     0    0

Failures across hosts
  FAIL    ssh-key-only  critical  1 of 2
          web1

Unknown across hosts
  unknown ssh-key-only  critical  1 of 2
          web2

Hosts without a report
  timed-out
          web3: gone \\u{1b}[2J
          → try again with a longer --timeout

Not followed: a note

1 without a report, 1 with failures, 1 with unknowns alone, 0 with all kept
hostduty explain CHECK says why and how to mend it; --verbose shows every place
";
        assert_eq!(text(&all, &["a note".to_owned()], false), wanted);
        let verbose = text(&all, &[], true);
        assert!(
            verbose.contains("          web1: ann has a \\u{1b}]0;x password (at /etc/shadow:3)\n"),
            "{verbose}"
        );
        let alone = text(&all[..1], &[], false);
        assert!(alone.contains("          → mend it\n") && !alone.contains("web1: ann"), "{alone}");
    }
}
