//! OSCAL 1.2.1 assessment results (NIST), which governance tools import: a result for each host.
//!
//! The controls are the duties of the offer, each a finding; the checks are observations. OSCAL knows only `satisfied` and
//! `not-satisfied`: what is unknown, not attested or accepted is not satisfied, and says why.

use checks::check::Verdict;
use checks::date::Day;
use checks::report::Status;
use serde::Serialize;
use uuid::Uuid;

use super::book::{Book, Missing, Page, Row};
use super::json_v1::Duty;

/// Of the properties that OSCAL does not define itself.
const OWN: &str = "urn:hostduty:oscal";
/// What every UUID is derived from (RFC 9562, version 5): the same report gives the same document.
const ROOT: Uuid = Uuid::from_u128(0x8c1f_5e0b_7a4d_4c55_9d0e_51f2_a6b3_7e94);

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Document {
    assessment_results: AssessmentResults,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct AssessmentResults {
    uuid: String,
    metadata: Metadata,
    import_ap: Reference,
    results: Vec<Result>,
    back_matter: BackMatter,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    title: &'static str,
    last_modified: String,
    version: &'static str,
    oscal_version: &'static str,
}

#[derive(Debug, Serialize)]
struct Reference {
    href: String,
}

#[derive(Debug, Serialize)]
struct BackMatter {
    resources: [Resource; 1],
}

#[derive(Debug, Serialize)]
struct Resource {
    uuid: String,
    title: &'static str,
    description: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Result {
    uuid: String,
    title: String,
    description: String,
    start: String,
    props: Vec<Property>,
    local_definitions: LocalDefinitions,
    reviewed_controls: ReviewedControls,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observations: Vec<Observation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    risks: Vec<Risk>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Property {
    name: &'static str,
    ns: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct LocalDefinitions {
    inventory_items: [Item; 1],
}

#[derive(Debug, Serialize)]
struct Item {
    uuid: String,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    props: Vec<Property>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ReviewedControls {
    control_selections: [Selection; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Selection {
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_all: Option<Everything>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include_controls: Vec<Control>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_controls: Vec<Control>,
}

/// Written as `{}`.
#[derive(Debug, Serialize)]
struct Everything {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Control {
    control_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Observation {
    uuid: String,
    title: String,
    description: String,
    props: Vec<Property>,
    methods: [&'static str; 1],
    types: [&'static str; 1],
    subjects: [Subject; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relevant_evidence: Vec<Evidence>,
    collected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remarks: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Subject {
    subject_uuid: String,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct Evidence {
    description: String,
}

#[derive(Debug, Serialize)]
struct Risk {
    uuid: String,
    title: String,
    description: String,
    statement: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Finding {
    uuid: String,
    title: String,
    description: String,
    target: Target,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_observations: Vec<RelatedObservation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_risks: Vec<RelatedRisk>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Target {
    r#type: &'static str,
    target_id: String,
    status: ObjectiveStatus,
}

#[derive(Debug, Serialize)]
struct ObjectiveStatus {
    state: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remarks: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RelatedObservation {
    observation_uuid: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct RelatedRisk {
    risk_uuid: String,
}

/// The reports in this format.
pub(crate) fn document(book: &Book) -> Document {
    let plan = uuid(&["plan"]);
    let mut all = vec!["document", book.made_at.as_str()];
    all.extend(book.pages.iter().map(|page| page.name.as_str()));
    let judged =
        book.pages.iter().map(|page| Names { host: &page.name, at: &page.report.generated_at }.result(page));
    let missing = book.missing.iter().map(|host| Names { host: &host.name, at: &book.made_at }.missing(host));
    Document {
        assessment_results: AssessmentResults {
            uuid: uuid(&all),
            metadata: Metadata {
                title: "The customer's half of the shared-responsibility contract",
                last_modified: book.made_at.clone(),
                version: env!("CARGO_PKG_VERSION"),
                oscal_version: "1.2.1",
            },
            import_ap: Reference { href: format!("#{plan}") },
            results: judged.chain(missing).collect(),
            back_matter: BackMatter {
                resources: [Resource {
                    uuid: plan,
                    title: "What hostduty checks",
                    description: "There is no assessment plan beside the offer that each result names: every check that \
                                  applies to the host is judged.",
                }],
            },
        },
    }
}

/// What the UUIDs of one host's result are derived from.
#[derive(Clone, Copy)]
struct Names<'a> {
    host: &'a str,
    at: &'a str,
}

impl Names<'_> {
    fn uuid(self, kind: &str, id: &str) -> String {
        uuid(&[self.host, self.at, kind, id])
    }

    fn result(self, page: &Page) -> Result {
        let report = &page.report;
        let host = &report.host;
        let known = [("os", &host.os), ("kernel", &host.kernel), ("virtualisation", &host.virtualisation)];
        let known = known.into_iter().filter_map(|(name, value)| Some(own(name, value.as_deref()?)));
        let applies = |duty: &&Duty| duty.status != Status::NotApplicable.name();
        let control = |duty: &Duty| Control { control_id: duty.id.clone() };
        Result {
            props: vec![own("offer", &report.offer.id), own("hostduty", &report.hostduty)],
            local_definitions: LocalDefinitions {
                inventory_items: [Item {
                    uuid: self.uuid("host", ""),
                    description: page.name.clone(),
                    props: known.collect(),
                }],
            },
            reviewed_controls: ReviewedControls {
                control_selections: [Selection {
                    description: format!("The duties of the customer of {}", report.offer.name),
                    include_all: report.duties.is_empty().then_some(Everything {}),
                    include_controls: report.duties.iter().filter(applies).map(control).collect(),
                    exclude_controls: report
                        .duties
                        .iter()
                        .filter(|duty| !applies(duty))
                        .map(control)
                        .collect(),
                }],
            },
            observations: page.rows().map(|row| self.observation(row)).collect(),
            risks: page.rows().flat_map(|row| self.risks(row)).collect(),
            findings: report.duties.iter().filter(applies).map(|duty| self.finding(page, duty)).collect(),
            ..self.empty(format!("{} at {}", page.name, self.at))
        }
    }

    /// Of a host without a report that is all there is to observe.
    fn missing(self, host: &Missing) -> Result {
        let said = format!("{} gave no report ({}): {}", host.name, host.outcome, host.detail);
        Result {
            props: vec![own("outcome", host.outcome)],
            observations: vec![Observation {
                uuid: self.uuid("missing", ""),
                title: "The host gave no report".to_owned(),
                description: said.clone(),
                props: vec![own("verdict", Verdict::Unknown.name())],
                methods: ["TEST"],
                types: ["control-objective"],
                subjects: [Subject { subject_uuid: self.uuid("host", ""), r#type: "inventory-item" }],
                relevant_evidence: Vec::new(),
                collected: self.at.to_owned(),
                remarks: None,
            }],
            ..self.empty(said)
        }
    }

    fn empty(self, description: String) -> Result {
        let selection = Selection {
            description: "All that its offer asks for was to be assessed".to_owned(),
            include_all: Some(Everything {}),
            include_controls: Vec::new(),
            exclude_controls: Vec::new(),
        };
        Result {
            uuid: self.uuid("result", ""),
            title: format!("The duties of {}", self.host),
            description,
            start: self.at.to_owned(),
            props: Vec::new(),
            local_definitions: LocalDefinitions {
                inventory_items: [Item {
                    uuid: self.uuid("host", ""),
                    description: self.host.to_owned(),
                    props: Vec::new(),
                }],
            },
            reviewed_controls: ReviewedControls { control_selections: [selection] },
            observations: Vec::new(),
            risks: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn observation(self, row: Row<'_>) -> Observation {
        let check = row.check;
        let found = check.findings.iter().chain(check.waived.iter().map(|one| &one.finding));
        let found = found.flat_map(|finding| {
            let said = |place| format!("{}: {} (at {place})", finding.subject, finding.message);
            finding.evidence.iter().map(said)
        });
        let seen = check.observations.iter();
        let seen =
            seen.flat_map(|seen| seen.evidence.iter().map(|place| format!("{} (at {place})", seen.message)));
        Observation {
            uuid: self.uuid("check", &check.id),
            title: check.title.to_string(),
            description: check.reason.clone(),
            props: vec![
                own("check", &check.id),
                own("verdict", &check.verdict),
                own("severity", &check.severity),
            ],
            methods: ["TEST"],
            types: ["control-objective"],
            subjects: [Subject { subject_uuid: self.uuid("host", ""), r#type: "inventory-item" }],
            relevant_evidence: found.chain(seen).map(|description| Evidence { description }).collect(),
            collected: self.at.to_owned(),
            remarks: (!check.unknowns.is_empty())
                .then(|| format!("Not known: {}", check.unknowns.join("; "))),
        }
    }

    /// What a waiver accepts is a risk whose deviation was approved.
    fn risks(self, row: Row<'_>) -> impl Iterator<Item = Risk> {
        let check = row.check;
        check.waived.iter().enumerate().map(move |(number, one)| Risk {
            uuid: self.risk(&check.id, number),
            title: check.title.to_string(),
            description: format!("{}: {}", one.finding.subject, one.finding.message),
            statement: format!("Accepted by {}: {}", one.owner, one.reason),
            status: "deviation-approved",
            deadline: one.until.parse::<Day>().is_ok().then(|| format!("{}T23:59:59Z", one.until)),
        })
    }

    fn risk(self, check: &str, number: usize) -> String {
        self.uuid("risk", &format!("{check}/{number}"))
    }

    fn finding(self, page: &Page, duty: &Duty) -> Finding {
        let answers = || page.rows().filter(|row| row.check.duties.contains(&duty.id));
        let of = |verdict| {
            let reasons = answers().filter(move |row| row.verdict == verdict);
            reasons
                .map(|row| format!("{}: {}", row.check.id, row.check.reason))
                .collect::<Vec<_>>()
                .join("; ")
        };
        let attested = duty
            .attestation
            .as_ref()
            .map(|held| format!("attested by {} on {} until {}", held.by, held.on, held.until));
        let is = |status: Status| duty.status == status.name();
        let (state, reason, remarks) = if is(Status::Kept) {
            ("satisfied", "pass", attested)
        } else if is(Status::Attested) {
            ("satisfied", "other", attested)
        } else if is(Status::Broken) {
            ("not-satisfied", "fail", Some(of(Verdict::Fail)))
        } else if is(Status::Unknown) {
            ("not-satisfied", "other", Some(format!("unknown: {}", of(Verdict::Unknown))))
        } else if is(Status::Waived) {
            ("not-satisfied", "other", Some("accepted by a waiver: see the risks".to_owned()))
        } else {
            let held = attested.unwrap_or_else(|| "nobody has attested it".to_owned());
            ("not-satisfied", "other", Some(format!("{}: {held}", duty.status)))
        };
        let risks =
            answers().flat_map(|row| (0..row.check.waived.len()).map(move |number| (row.check, number)));
        Finding {
            uuid: self.uuid("duty", &duty.id),
            title: duty.title.clone(),
            description: format!("{} ({})", duty.title, duty.source),
            target: Target {
                r#type: "objective-id",
                target_id: duty.id.clone(),
                status: ObjectiveStatus { state, reason, remarks: remarks.filter(|text| !text.is_empty()) },
            },
            related_observations: answers()
                .map(|row| RelatedObservation { observation_uuid: self.uuid("check", &row.check.id) })
                .collect(),
            related_risks: risks
                .map(|(check, number)| RelatedRisk { risk_uuid: self.risk(&check.id, number) })
                .collect(),
        }
    }
}

fn uuid(parts: &[&str]) -> String {
    Uuid::new_v5(&ROOT, parts.join("\0").as_bytes()).to_string()
}

/// A property of ours. Its value has no blanks at its ends, as the type asks.
fn own(name: &'static str, value: &str) -> Property {
    Property { name, ns: OWN, value: value.trim().to_owned() }
}
