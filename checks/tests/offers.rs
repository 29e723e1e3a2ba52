//! The offers are complete and consistent: every duty is answered, every name that it uses exists.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

use std::collections::BTreeSet;

use checks::check::Severity;
use checks::facts::Facts;
use checks::policy::Policy;
use checks::providers::{self, Detected, Offer, Platform};
use checks::registry::CHECKS;
use checks::report;

fn offers() -> Vec<Offer> {
    providers::offers().expect("every file in checks/providers parses")
}

fn offer(id: &str) -> Offer {
    providers::offer(id).expect("an offer that hostduty ships")
}

/// Every check that an offer names, with the place that names it.
fn named(offer: &Offer) -> Vec<(String, String)> {
    let duties = offer.duty.iter().flat_map(|duty| {
        duty.checks.iter().map(|check| (check.clone(), format!("{}: duty {}", offer.id, duty.id)))
    });
    let severities = offer.severity.keys().map(|check| (check.clone(), format!("{}: severity", offer.id)));
    let pointless =
        offer.not_applicable.keys().map(|check| (check.clone(), format!("{}: not_applicable", offer.id)));
    let service_level =
        offer.service_level.iter().map(|check| (check.clone(), format!("{}: service_level", offer.id)));
    duties.chain(severities).chain(pointless).chain(service_level).collect()
}

#[test]
fn every_offer_parses_under_its_own_name() {
    let ids: Vec<String> = offers().into_iter().map(|offer| offer.id).collect();
    assert_eq!(ids, providers::ids().collect::<Vec<_>>());
    assert_eq!(ids.last().map(String::as_str), Some("generic"));
    assert!(providers::offer("no-such-offer").is_none());
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    files.sort();
    let mut sorted = ids;
    sorted.sort();
    assert_eq!(files, sorted, "an offer that no list names: add it to OFFERS in checks/src/providers.rs");
}

#[test]
fn every_check_that_an_offer_names_exists() {
    let known: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    let strangers: Vec<String> = offers()
        .iter()
        .flat_map(named)
        .filter(|(check, _)| !known.contains(check.as_str()))
        .map(|(check, place)| format!("{place} names {check}"))
        .collect();
    assert!(strangers.is_empty(), "no such check in the registry:\n{}", strangers.join("\n"));
}

#[test]
fn every_check_answers_a_duty_of_some_offer() {
    let asked: BTreeSet<String> =
        offers().into_iter().flat_map(|offer| offer.duty).flat_map(|duty| duty.checks).collect();
    for check in CHECKS {
        assert!(asked.contains(check.id), "{}: no offer asks for it; name it in a duty", check.id);
    }
}

#[test]
fn every_duty_is_answered_and_has_an_id_of_its_own() {
    for offer in offers() {
        assert!(!offer.duty.is_empty(), "{}: no duties", offer.id);
        let mut ids = BTreeSet::new();
        for duty in &offer.duty {
            let place = format!("{}: duty {}", offer.id, duty.id);
            assert!(ids.insert(&duty.id), "{place} stands there twice");
            assert!(
                duty.id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{place}"
            );
            assert!(!duty.checks.is_empty() || duty.attestation.is_some(), "{place}: nothing answers it");
            let unique: BTreeSet<&String> = duty.checks.iter().collect();
            assert_eq!(unique.len(), duty.checks.len(), "{place}: names a check twice");
        }
    }
}

#[test]
fn titles_are_short_sentences_without_a_full_stop() {
    for offer in offers() {
        for duty in &offer.duty {
            let (place, title) = (format!("{}: duty {}", offer.id, duty.id), &duty.title);
            assert!(title.chars().count() <= 110, "{place}: longer than 110 characters");
            assert!(title.starts_with(char::is_uppercase) && !title.ends_with('.'), "{place}: {title}");
            assert!(title.split_whitespace().count() >= 3, "{place}: {title}");
        }
        for (id, statement) in &offer.attestation {
            let place = format!("{}: attestation {id}", offer.id);
            assert!(statement.starts_with(char::is_uppercase) && statement.ends_with('.'), "{place}");
            assert!(statement.chars().count() <= 160, "{place}: longer than 160 characters");
        }
    }
}

#[test]
fn every_source_begins_with_a_document_of_the_offer() {
    for offer in offers() {
        let mut cited = BTreeSet::new();
        for duty in &offer.duty {
            for source in duty.source.split("; ") {
                let document = offer.document.iter().find(|document| source.starts_with(&document.name));
                let document = document.unwrap_or_else(|| panic!("{}: {} cites {source}", offer.id, duty.id));
                assert!(source.len() > document.name.len() + 2, "{}: {}: which section?", offer.id, duty.id);
                cited.insert(&document.name);
            }
        }
        for document in &offer.document {
            assert!(
                document.url.starts_with("https://") && !document.version.is_empty(),
                "{}",
                document.name
            );
            let advice = offer.encryption_conflict.is_some() && document.name.contains("FileVault");
            assert!(
                advice || cited.contains(&document.name),
                "{}: nothing cites {}",
                offer.id,
                document.name
            );
        }
    }
}

#[test]
fn every_attestation_is_defined_and_used() {
    for offer in offers() {
        let used: BTreeSet<&String> =
            offer.duty.iter().filter_map(|duty| duty.attestation.as_ref()).collect();
        let defined: BTreeSet<&String> = offer.attestation.keys().collect();
        assert_eq!(
            used, defined,
            "{}: attestations named by duties against those in [attestation]",
            offer.id
        );
    }
}

/// Whether there are backups, monitoring, logs, redundancy or a defence against malware shows in the guest; whether they
/// suffice does not.
#[test]
fn presence_alone_answers_no_duty() {
    let presence =
        ["backup-agent", "monitoring-agent", "logs-persistent", "storage-redundancy", "malware-protection"];
    for offer in offers() {
        for duty in &offer.duty {
            let present = duty.checks.iter().find(|check| presence.contains(&check.as_str()));
            assert!(
                present.is_none() || duty.attestation.is_some(),
                "{}: duty {}: {present:?} shows that something is there and not that it suffices; \
                 ask for an attestation too",
                offer.id,
                duty.id
            );
        }
    }
}

#[test]
fn nothing_is_both_asked_for_and_pointless() {
    for offer in offers() {
        for duty in &offer.duty {
            let pointless = duty.checks.iter().find(|check| offer.not_applicable.contains_key(*check));
            assert_eq!(pointless, None, "{}: duty {}", offer.id, duty.id);
        }
    }
}

#[test]
fn guest_tools_weigh_what_the_contract_makes_of_them() {
    let cloud_temple = offer("cloud-temple-vm-instances");
    assert_eq!(cloud_temple.severity["guest-tools-running"], Severity::Critical);
    assert!(cloud_temple.guest_tools_clause.unwrap().contains("suspended while"));
    assert!(cloud_temple.storage_encryption.is_some());
    assert_eq!(offer("ovhcloud-public-cloud").severity["guest-tools-running"], Severity::Advice);
    for offer in offers().iter().filter(|offer| offer.platform == Platform::BareMetal) {
        assert!(offer.not_applicable.contains_key("guest-tools-running"), "{}", offer.id);
    }
    for other in offers() {
        assert_eq!(other.encryption_conflict.is_some(), other.id == "scaleway-apple-silicon", "{}", other.id);
    }
}

#[test]
fn rows_that_concern_one_bare_metal_offer_stand_only_there() {
    for (duty, home) in [
        ("scw-bm-07", "scaleway-apple-silicon"),
        ("scw-bm-16", "scaleway-elastic-metal"),
        ("scw-bm-17", "scaleway-dedibox"),
        ("scw-bm-23", "scaleway-apple-silicon"),
    ] {
        let homes: Vec<String> = offers()
            .into_iter()
            .filter(|offer| offer.duty.iter().any(|row| row.id == duty))
            .map(|offer| offer.id)
            .collect();
        assert_eq!(homes, [home], "{duty}");
    }
}

/// An empty host keeps nothing: under every offer no duty is kept or attested before anything was measured or said.
#[test]
fn without_facts_no_duty_of_any_offer_is_kept() {
    let facts = Facts::default();
    for offer in offers() {
        let detected = Detected { offer: offer.id.clone(), how: String::new() };
        let policy = Policy { offer, ..Policy::default() };
        for outcome in report::judge(&facts, &policy, &detected, &[]).duties {
            assert!(
                matches!(
                    outcome.status,
                    report::Status::Unknown | report::Status::NotAttested | report::Status::NotApplicable
                ),
                "{}: {} is {}",
                policy.offer.id,
                outcome.duty.id,
                outcome.status.name()
            );
        }
    }
}
