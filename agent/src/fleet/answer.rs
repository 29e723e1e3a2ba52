//! Takes a report that another host printed, and believes nothing of it that the format does not allow.

use checks::check::{Severity, Verdict};
use checks::date::{Day, Timestamp};
use checks::report::Status;

use super::failure::{Failure, Reason};
use crate::cli::Codes;
use crate::output;
use crate::render::json_v1::{Check, Report, SCHEMA_VERSION, Summary};

/// No report has more checks or duties than this.
const MOST: usize = 1000;

/// The verdicts by the names that reports give them.
const VERDICTS: [Verdict; 5] =
    [Verdict::Pass, Verdict::Fail, Verdict::Unknown, Verdict::NotApplicable, Verdict::Waived];
const SEVERITIES: [Severity; 5] =
    [Severity::Advice, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
const STATUSES: [Status; 8] = [
    Status::Kept,
    Status::Broken,
    Status::Unknown,
    Status::Waived,
    Status::Attested,
    Status::Expired,
    Status::NotAttested,
    Status::NotApplicable,
];

/// The report in what a host printed.
pub(crate) fn parse(text: &[u8]) -> Result<Report, Failure> {
    let report = serde_json::from_slice(text).map_err(|error| malformed(output::complaint(&error)))?;
    checked(report).map_err(malformed)
}

/// The report, if it is one that the format allows; else why not.
pub(super) fn checked(mut report: Report) -> Result<Report, String> {
    if report.schema_version != SCHEMA_VERSION {
        return Err(format!("it has version {}", report.schema_version));
    }
    check(&report)?;
    // Counted here, not believed.
    report.summary = Summary::of(report.checks.iter().filter_map(verdict));
    Ok(report)
}

/// What the published schema asks for and the types do not. The program over there may be an older hostduty, or a liar.
fn check(report: &Report) -> Result<(), String> {
    if report.checks.is_empty() || report.checks.len() > MOST || report.duties.len() > MOST {
        return Err(format!("it has {} checks and {} duties", report.checks.len(), report.duties.len()));
    }
    if report.generated_at.parse::<Timestamp>().is_err() {
        return Err(format!("`{}` is no instant", shortened(&report.generated_at)));
    }
    for (index, check) in report.checks.iter().enumerate() {
        if !(is_id(&check.id) && check.id.contains('-')) {
            return Err(format!("`{}` is no check", shortened(&check.id)));
        }
        if report.checks.iter().take(index).any(|other| other.id == check.id) {
            return Err(format!("{} is there twice", check.id));
        }
        one(check).map_err(|why| format!("{} {why}", check.id))?;
    }
    for duty in &report.duties {
        let held = duty.attestation.as_ref();
        if !is_id(&duty.id) {
            return Err(format!("`{}` is no duty", shortened(&duty.id)));
        }
        if !STATUSES.iter().any(|status| status.name() == duty.status)
            || held.is_some_and(|held| !is_day(&held.on) || !is_day(&held.until))
        {
            return Err(format!("the duty {} makes no sense", shortened(&duty.id)));
        }
    }
    Ok(())
}

fn one(check: &Check) -> Result<(), &'static str> {
    let verdict = verdict(check).ok_or("has no verdict that exists")?;
    if severity(check).is_none() {
        return Err("has no severity that exists");
    }
    let passes = verdict == Verdict::Pass;
    if passes && (check.observations.is_empty() || !check.unknowns.is_empty()) {
        return Err("passes without having been measured");
    }
    if (verdict == Verdict::Fail) == check.findings.is_empty() {
        return Err("has another verdict than its findings");
    }
    if verdict == Verdict::Waived && check.waived.is_empty() {
        return Err("is waived by nobody");
    }
    if check.reason.is_empty() {
        return Err("has no reason");
    }
    let waived = check.waived.iter().map(|waived| &waived.finding);
    let mut evidence = (check.findings.iter().chain(waived).flat_map(|finding| &finding.evidence))
        .chain(check.observations.iter().flat_map(|seen| &seen.evidence));
    if evidence.any(|seen| seen.line == Some(0)) || check.waived.iter().any(|one| !is_day(&one.until)) {
        return Err("has a line or a day that does not exist");
    }
    Ok(())
}

/// The verdict of a check in a report of another host.
pub(crate) fn verdict(check: &Check) -> Option<Verdict> {
    VERDICTS.into_iter().find(|verdict| verdict.name() == check.verdict)
}

/// The severity of a check in a report of another host.
pub(crate) fn severity(check: &Check) -> Option<Severity> {
    SEVERITIES.into_iter().find(|severity| severity.name() == check.severity)
}

/// The exit code that a report of another host earns, by the rules of the local one.
pub(crate) fn code(report: &Report, codes: &Codes) -> u8 {
    let severe = |check: &Check| severity(check).is_some_and(|severity| severity >= codes.fail_on);
    let any = |asked: Verdict| report.checks.iter().filter(move |check| verdict(check) == Some(asked));
    let waits = |status: Status| report.duties.iter().any(|duty| duty.status == status.name());
    let unattested = waits(Status::NotAttested) || waits(Status::Expired);
    // What the local report takes for answered: advice, where every duty that it is asked for is attested.
    let answered = |check: &Check| {
        let attested = |id: &String| {
            report.duties.iter().any(|duty| duty.id == *id && duty.status == Status::Attested.name())
        };
        severity(check) == Some(Severity::Advice)
            && !check.duties.is_empty()
            && check.duties.iter().all(attested)
    };
    if any(Verdict::Fail).any(|check| severe(check) && !answered(check)) {
        1
    } else if (any(Verdict::Unknown).next().is_some() && !codes.allow_unknown)
        || (unattested && codes.require_attestations)
    {
        3
    } else {
        0
    }
}

fn is_id(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.len() <= 64 && id.split('-').all(is_word)
}

fn is_day(text: &str) -> bool {
    text.parse::<Day>().is_ok()
}

fn malformed(why: impl Into<String>) -> Failure {
    Reason::MalformedAnswer.because(format!("what it printed is no report: {}", why.into()))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"schema_version":1,"hostduty":"0.1.0","generated_at":"2026-11-22T08:00:00Z","host":{"name":"web1",
        "os":null,"kernel":null,"virtualisation":null,"instance_uuid":null,"time_synchronised":null,"seen_by_uid":0},
        "offer":{"id":"generic","name":"Any server","how":"x"},
        "summary":{"pass":77,"fail":0,"unknown":0,"not_applicable":0,"waived":0},
        "checks":[{"id":"ssh-key-only","title":"t","severity":"critical","verdict":"fail","reason":"r","remedy":"m",
        "findings":[{"subject":"ann","message":"has a password","evidence":[{"source":"/etc/shadow","line":1,"text":null}]}],
        "waived":[],"unknowns":[],"observations":[],"duties":[]}],
        "duties":[{"id":"d","title":"t","source":"s","status":"not-attested","answered_by":[],"attestation":null}],
        "unused":[]}"#;

    fn refused(from: &str, to: &str) -> String {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{from}");
        let failure = parse(text.as_bytes()).unwrap_err();
        assert_eq!(failure.reason, Reason::MalformedAnswer);
        failure.detail.replace("what it printed is no report: ", "")
    }

    #[test]
    fn counts_are_counted_and_codes_are_worked_out_here() {
        let report = parse(WHOLE.as_bytes()).unwrap();
        assert_eq!((report.summary.pass, report.summary.fail), (0, 1));
        let codes =
            |fail_on, require_attestations| Codes { allow_unknown: false, fail_on, require_attestations };
        assert_eq!(code(&report, &codes(Severity::Critical, false)), 1);
        let text = WHOLE.replace("critical", "low");
        let report = parse(text.as_bytes()).unwrap();
        assert_eq!(code(&report, &codes(Severity::High, false)), 0);
        assert_eq!(code(&report, &codes(Severity::High, true)), 3);
        let text = WHOLE.replace("critical", "advice").replace("\"duties\":[]}]", "\"duties\":[\"d\"]}]");
        let advice = codes(Severity::Advice, false);
        assert_eq!(code(&parse(text.as_bytes()).unwrap(), &advice), 1);
        let text = text.replace("not-attested", "attested");
        assert_eq!(code(&parse(text.as_bytes()).unwrap(), &advice), 0);
        assert_eq!(code(&parse(text.replace("advice", "low").as_bytes()).unwrap(), &advice), 1);
    }

    #[test]
    fn what_the_format_does_not_allow_is_no_report() {
        assert_eq!(refused("\"schema_version\":1", "\"schema_version\":2"), "it has version 2");
        assert_eq!(refused("\"fail\",", "\"failed\","), "ssh-key-only has no verdict that exists");
        assert_eq!(refused("\"fail\",", "\"pass\","), "ssh-key-only passes without having been measured");
        assert_eq!(
            refused("\"fail\",", "\"unknown\","),
            "ssh-key-only has another verdict than its findings"
        );
        assert_eq!(refused("critical", "fatal"), "ssh-key-only has no severity that exists");
        assert_eq!(
            refused("\"line\":1", "\"line\":0"),
            "ssh-key-only has a line or a day that does not exist"
        );
        assert_eq!(refused("ssh-key-only", "Ssh"), "`Ssh` is no check");
        assert_eq!(refused("not-attested", "kept"), "the duty d makes no sense");
        assert_eq!(refused("2026-11-22T08:00:00Z", "today"), "`today` is no instant");
        assert!(refused("\"checks\":", "\"cheques\":").starts_with("missing field `checks`"));
        assert!(refused("}]}],", "}]},").contains("line"));
        let deep = "[".repeat(100_000);
        assert!(refused("\"unused\":[]", &format!("\"unused\":{deep}")).contains("line"));
        assert!(refused("\"unused\":[]", &format!("\"more\":{deep}")).contains("line"));
    }
}
