//! The offers that hostduty knows by name, and the customer's duties under each.

mod detect;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::check::Severity;
use crate::document;
pub use detect::detect;

/// One offer of a provider, from `checks/providers/<id>.toml` and the parts that it names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// `scaleway-elastic-metal`
    pub id: String,
    /// `Scaleway Elastic Metal`
    pub name: String,
    /// What the machine is.
    pub platform: Platform,
    /// What the offer shares with others, by the names of files in `checks/providers/parts`.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Whether the provider says that it encrypts the storage beneath the guest, and where it says so.
    #[serde(default)]
    pub storage_encryption: Option<String>,
    /// Advice of the provider that conflicts with encrypting the disks (FileVault on a remote Mac), if any.
    #[serde(default)]
    pub encryption_conflict: Option<String>,
    /// What the contract says happens when the guest tools are missing, in our words, with the section.
    #[serde(default)]
    pub guest_tools_clause: Option<String>,
    /// The checks on which the provider's service level hangs: even a short failure of theirs is recorded.
    #[serde(default)]
    pub service_level: Vec<String>,
    /// The documents that the duties come from.
    #[serde(default)]
    pub document: Vec<Document>,
    /// Severities that differ from the checks' own, by check id.
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
    /// Checks that make no sense under this offer, with the reason.
    #[serde(default)]
    pub not_applicable: BTreeMap<String, String>,
    /// The attestations that its duties name: id and the statement a person signs off.
    #[serde(default)]
    pub attestation: BTreeMap<String, String>,
    /// The customer's duties: the shared ones, then the offer's own, each in the order of the documents.
    #[serde(default)]
    pub duty: Vec<Duty>,
}

/// A document of the provider, in the version that the duties were written from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// How [`Duty::source`] calls it.
    pub name: String,
    /// Where it can be read.
    pub url: String,
    /// The date or revision that it states of itself, or the day on which it was read.
    pub version: String,
}

/// What several offers of a provider share, from `checks/providers/parts/<name>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    document: Vec<Document>,
    attestation: BTreeMap<String, String>,
    duty: Vec<Duty>,
}

/// What kind of machine an offer sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// A whole computer: no hypervisor, no guest tools.
    BareMetal,
    /// A virtual machine.
    VirtualMachine,
    /// Either; the facts decide.
    Any,
}

/// One line of the offer's responsibility model that falls on the customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// `scw-bm-20`
    pub id: String,
    /// What the customer must do, in our own words.
    pub title: String,
    /// The document and section that say so.
    pub source: String,
    /// The checks that answer it; all must be kept.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The attestation that answers it, alone or beside the checks: without it the duty is not attested.
    #[serde(default)]
    pub attestation: Option<String>,
}

/// How the offer became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The id of the offer.
    pub offer: String,
    /// By which evidence, one sentence.
    pub how: String,
}

/// Id and text of every offer, `generic` last.
const OFFERS: &[(&str, &str)] = &[
    ("scaleway-elastic-metal", include_str!("../providers/scaleway-elastic-metal.toml")),
    ("scaleway-dedibox", include_str!("../providers/scaleway-dedibox.toml")),
    ("scaleway-apple-silicon", include_str!("../providers/scaleway-apple-silicon.toml")),
    ("cloud-temple-vm-instances", include_str!("../providers/cloud-temple-vm-instances.toml")),
    ("ovhcloud-public-cloud", include_str!("../providers/ovhcloud-public-cloud.toml")),
    ("generic", include_str!("../providers/generic.toml")),
];

/// Name and text of every part.
const PARTS: &[(&str, &str)] = &[
    ("scaleway-bare-metal", include_str!("../providers/parts/scaleway-bare-metal.toml")),
    ("scaleway-account", include_str!("../providers/parts/scaleway-account.toml")),
];

/// The ids of all offers, `generic` last.
pub fn ids() -> impl Iterator<Item = &'static str> {
    OFFERS.iter().map(|(id, _)| *id)
}

/// Every offer, `generic` last.
///
/// # Errors
/// Names the offer that cannot be parsed; a test keeps the shipped ones right.
pub fn offers() -> Result<Vec<Offer>, String> {
    OFFERS.iter().map(|(id, text)| parse(text).map_err(|error| format!("{id}: {error}"))).collect()
}

/// The offer with this id.
#[must_use]
pub fn offer(id: &str) -> Option<Offer> {
    let (_, text) = OFFERS.iter().find(|(known, _)| *known == id)?;
    parse(text).ok()
}

/// An offer with what its parts bring; its own lines come last, and an attestation of its own replaces a shared one.
fn parse(text: &str) -> Result<Offer, String> {
    let mut offer: Offer = document::parse(text).map_err(|error| error.to_string())?;
    let (mut documents, mut duties) = (Vec::new(), Vec::new());
    for name in &offer.parts {
        let (_, text) = PARTS
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| format!("there is no part {name}"))?;
        let part: Part = document::parse(text).map_err(|error| format!("{name}: {error}"))?;
        documents.extend(part.document);
        duties.extend(part.duty);
        for (id, statement) in part.attestation {
            offer.attestation.entry(id).or_insert(statement);
        }
    }
    documents.append(&mut offer.document);
    duties.append(&mut offer.duty);
    Ok(Offer { document: documents, duty: duties, ..offer })
}

impl Default for Offer {
    fn default() -> Self {
        offer("generic").unwrap_or_else(|| Self {
            id: "generic".to_owned(),
            name: "Generic".to_owned(),
            platform: Platform::Any,
            parts: Vec::new(),
            storage_encryption: None,
            encryption_conflict: None,
            guest_tools_clause: None,
            service_level: Vec::new(),
            document: Vec::new(),
            severity: BTreeMap::new(),
            not_applicable: BTreeMap::new(),
            attestation: BTreeMap::new(),
            duty: Vec::new(),
        })
    }
}
