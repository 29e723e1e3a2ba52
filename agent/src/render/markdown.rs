//! Markdown (CommonMark with GitHub's tables), for a ticket, a wiki, the summary of a pipeline.

use std::fmt::Write;

use checks::check::Verdict;

use super::book::{Book, Page, Row};
use super::history_v1::Since;
use super::json_v1::Finding;

/// The reports in this format: of several hosts a table first, then each.
pub(crate) fn text(book: &Book) -> String {
    let mut out = String::new();
    if book.pages.len() + book.missing.len() > 1 {
        overview(&mut out, book);
    }
    for host in &book.missing {
        let _ = writeln!(
            out,
            "# {}\n\n**No report** ({}): {}\n",
            escaped(&host.name),
            host.outcome,
            escaped(&host.detail)
        );
    }
    for page in &book.pages {
        whole(&mut out, page);
    }
    out
}

fn overview(out: &mut String, book: &Book) {
    let _ = writeln!(out, "# {} hosts\n", book.pages.len() + book.missing.len());
    out.push_str("| host | failed | unknown | waived | kept | not applicable |\n|---|---|---|---|---|---|\n");
    for host in &book.missing {
        let _ = writeln!(out, "| {} | no report: {} | | | | |", escaped(&host.name), host.outcome);
    }
    for page in &book.pages {
        let sum = page.report.summary;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            escaped(&page.name),
            sum.fail,
            sum.unknown,
            sum.waived,
            sum.pass,
            sum.not_applicable
        );
    }
    out.push('\n');
}

fn whole(out: &mut String, page: &Page) {
    let report = &page.report;
    let sum = report.summary;
    let _ = writeln!(out, "# {}\n", escaped(&page.name));
    let system = [&report.host.os, &report.host.kernel, &report.host.virtualisation];
    let system: Vec<String> = system.into_iter().flatten().map(escaped).collect();
    let _ =
        writeln!(out, "{} · {} · {}\n", escaped(&report.offer.name), system.join(" · "), report.generated_at);
    let _ = writeln!(
        out,
        "**{} failed**, {} unknown, {} waived, {} kept, {} not applicable\n",
        sum.fail, sum.unknown, sum.waived, sum.pass, sum.not_applicable
    );
    section(out, page, Verdict::Fail, "Failed");
    section(out, page, Verdict::Unknown, "Unknown");
    section(out, page, Verdict::Waived, "Waived");
    duties(out, page);
    list(out, page, Verdict::Pass, "Kept");
    list(out, page, Verdict::NotApplicable, "Not applicable");
    if !report.unused.is_empty() {
        out.push_str("## Worth removing\n\n");
        for line in &report.unused {
            let _ = writeln!(out, "- {}", escaped(line));
        }
        out.push('\n');
    }
}

/// The gravest first, with all that is known of each.
fn section(out: &mut String, page: &Page, verdict: Verdict, title: &str) {
    let mut rows: Vec<Row<'_>> = page.rows().filter(|row| row.verdict == verdict).collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.severity));
    let _ = writeln!(out, "## {title}\n");
    for row in rows {
        let check = row.check;
        let _ = writeln!(out, "### {}: {}\n", check.severity, escaped(&check.title));
        let since = check.since.as_ref().map(|since| format!(" · {}", held(since))).unwrap_or_default();
        let _ = writeln!(out, "{}{since} · {}\n", escaped(&check.reason), code(&check.id));
        for finding in &check.findings {
            item(out, finding, "");
        }
        for one in &check.waived {
            let accepted = format!(
                " (accepted by {} until {}: {})",
                escaped(&one.owner),
                one.until,
                escaped(&one.reason)
            );
            item(out, &one.finding, &accepted);
        }
        for why in &check.unknowns {
            let _ = writeln!(out, "- unknown: {}", escaped(why));
        }
        if !(check.findings.is_empty() && check.waived.is_empty() && check.unknowns.is_empty()) {
            out.push('\n');
        }
        if verdict == Verdict::Fail && !check.remedy.is_empty() {
            let fence = "`".repeat(longest_run(&check.remedy).max(2) + 1);
            let _ = writeln!(out, "{fence}text\n{}\n{fence}\n", check.remedy);
        }
    }
}

fn held(since: &Since) -> String {
    let before = if since.change_seen { "" } else { " or before" };
    format!("since {}{before}", since.at)
}

fn item(out: &mut String, finding: &Finding, more: &str) {
    let _ = writeln!(out, "- **{}**: {}{more}", escaped(&finding.subject), escaped(&finding.message));
    for place in &finding.evidence {
        let _ = writeln!(out, "  - {}", code(&place.to_string()));
    }
}

fn duties(out: &mut String, page: &Page) {
    if page.report.duties.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Duties of {}\n", escaped(&page.report.offer.name));
    out.push_str("| duty | status | answered by | source |\n|---|---|---|---|\n");
    for duty in &page.report.duties {
        let mut answers = duty.answered_by.join(", ");
        if let Some(held) = &duty.attestation {
            let _ = write!(answers, ": {} on {} until {}", held.by, held.on, held.until);
        }
        let cells = [duty.title.as_str(), &duty.status, &answers, &duty.source].map(escaped);
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
}

fn list(out: &mut String, page: &Page, verdict: Verdict, title: &str) {
    let rows: Vec<Row<'_>> = page.rows().filter(|row| row.verdict == verdict).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "## {title}\n");
    for row in rows {
        let _ = writeln!(out, "- {}: {}", escaped(&row.check.title), escaped(&row.check.reason));
    }
    out.push('\n');
}

/// A text that stays one: what CommonMark gives a meaning is escaped, bare addresses do not become links, and a line does not end.
fn escaped(text: impl AsRef<str>) -> String {
    let mut out = String::new();
    for character in text.as_ref().chars() {
        match character {
            '\n' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '$' | '@' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out.replace("://", "\\://").replace("www.", "www\\.")
}

/// A text in a code span, with a fence that it does not hold itself (CommonMark 0.31, section 6.1).
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\t'], " ");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_stays_text() {
        assert_eq!(
            escaped("a|b <script> [x](http://e) *b*\n# c"),
            "a\\|b \\<script\\> \\[x\\](http\\://e) \\*b\\* \\# c"
        );
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("/etc/x:3: y"), "`/etc/x:3: y`");
    }
}
