//! The offers that hostduty knows by name, and the customer's duties under each.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::check::Severity;
use crate::facts::Facts;

/// One offer of a provider, from `checks/providers/<id>.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// `scaleway-elastic-metal`
    pub id: String,
    /// `Scaleway Elastic Metal`
    pub name: String,
    /// What the machine is.
    pub platform: Platform,
    /// Whether the provider says that it encrypts the storage beneath the guest, and where it says so.
    #[serde(default)]
    pub storage_encryption: Option<String>,
    /// Advice of the provider that conflicts with encrypting the disks (FileVault on a remote Mac), if any.
    #[serde(default)]
    pub encryption_conflict: Option<String>,
    /// What the contract says happens when the guest tools are missing, in our words, with the section.
    #[serde(default)]
    pub guest_tools_clause: Option<String>,
    /// Severities that differ from the checks' own, by check id.
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
    /// Checks that make no sense under this offer, with the reason.
    #[serde(default)]
    pub not_applicable: BTreeMap<String, String>,
    /// The attestations that its duties name: id and the statement a person signs off.
    #[serde(default)]
    pub attestation: BTreeMap<String, String>,
    /// The customer's duties, in the order of the documents.
    #[serde(default)]
    pub duty: Vec<Duty>,
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

const FILES: &[&str] = &[include_str!("../providers/generic.toml")];

/// Every offer, `generic` last.
///
/// # Errors
/// Names the file that cannot be parsed; a test keeps the shipped ones right.
pub fn offers() -> Result<Vec<Offer>, String> {
    FILES.iter().map(|text| toml::from_str(text).map_err(|error| error.to_string())).collect()
}

/// The ids of all offers.
#[must_use]
pub fn ids() -> Vec<String> {
    offers().unwrap_or_default().into_iter().map(|offer| offer.id).collect()
}

/// The offer with this id.
#[must_use]
pub fn offer(id: &str) -> Option<Offer> {
    offers().ok()?.into_iter().find(|offer| offer.id == id)
}

/// The offer that the facts give away offline, or `generic`.
#[must_use]
pub fn detect(_facts: &Facts) -> Detected {
    Detected { offer: "generic".to_owned(), how: "nothing on this host names its provider".to_owned() }
}

impl Default for Offer {
    fn default() -> Self {
        offer("generic").unwrap_or_else(|| Self {
            id: "generic".to_owned(),
            name: "Generic".to_owned(),
            platform: Platform::Any,
            storage_encryption: None,
            encryption_conflict: None,
            guest_tools_clause: None,
            severity: BTreeMap::new(),
            not_applicable: BTreeMap::new(),
            attestation: BTreeMap::new(),
            duty: Vec::new(),
        })
    }
}
