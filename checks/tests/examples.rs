//! Every check is complete, and its own examples make its judge say pass, fail and unknown.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

use checks::check::{Check, Verdict};
use checks::facts::Facts;
use checks::policy::Policy;
use checks::providers::Detected;
use checks::registry::CHECKS;
use checks::report;

fn verdict(check: &Check, facts: &Facts) -> (Verdict, String) {
    let mut policy = Policy::default();
    // The judge is asked, whatever the offer would say.
    policy.offer.not_applicable.clear();
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let report = report::judge(facts, &policy, &detected, &[check.id.to_owned()]);
    (report.outcomes[0].verdict, report.outcomes[0].reason.clone())
}

fn facts(check: &Check, which: &str, text: &str) -> Facts {
    toml::from_str(text).unwrap_or_else(|error| panic!("{}: the example `{which}`: {error}", check.id))
}

#[test]
fn the_kept_example_passes() {
    for check in CHECKS {
        let (verdict, reason) = verdict(check, &facts(check, "kept", check.examples.kept));
        assert_eq!(
            verdict,
            Verdict::Pass,
            "{}: its example `kept` must pass, and a pass takes judgement.observe(…): {reason}",
            check.id
        );
    }
}

#[test]
fn the_broken_example_fails() {
    for check in CHECKS {
        let (verdict, reason) = verdict(check, &facts(check, "broken", check.examples.broken));
        assert_eq!(verdict, Verdict::Fail, "{}: {reason}", check.id);
    }
}

#[test]
fn without_facts_nothing_passes_and_nothing_fails() {
    for check in CHECKS {
        let facts = Facts { system: check.systems[0], ..Facts::default() };
        let (verdict, reason) = verdict(check, &facts);
        assert_eq!(verdict, Verdict::Unknown, "{}: {reason}", check.id);
        assert!(!reason.is_empty(), "{}: an unknown without a reason", check.id);
    }
}

#[test]
fn every_check_is_complete() {
    let mut ids = Vec::new();
    for check in CHECKS {
        let id = check.id;
        assert!(!check.title.ends_with('.') && check.title.starts_with(char::is_uppercase), "{id}: title");
        assert!(check.rationale.split_whitespace().count() > 8, "{id}: say in the rationale why it matters");
        assert!(!check.remedy.is_empty(), "{id}: say in the remedy what to type");
        assert!(!check.references.is_empty(), "{id}: name at least one reference");
        assert!(!check.systems.is_empty(), "{id}: name the systems");
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit()),
            "{id}"
        );
        ids.push(id);
    }
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len(), "two checks share an id");
}

#[test]
fn an_id_is_the_path_of_its_file() {
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for check in CHECKS {
        let found = (1..check.id.len()).filter(|&at| check.id.as_bytes()[at] == b'-').any(|at| {
            let path = format!("{}/{}.rs", &check.id[..at], &check.id[at + 1..]).replace('-', "_");
            std::fs::read_to_string(src.join(path))
                .is_ok_and(|text| text.contains(&format!("id: \"{}\"", check.id)))
        });
        assert!(found, "{}: its file should be checks/src/<subject>/<name>.rs with that id", check.id);
    }
}
