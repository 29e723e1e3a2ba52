//! What the customer's configuration asks for: plain, valid data that judges read beside the facts.

use std::net::IpAddr;

use crate::date::{Day, Timestamp};
use crate::facts::sockets::Protocol;
use crate::providers::Offer;

/// The valid configuration. `agent` makes it from the files; tests use [`Policy::default`].
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whose machine it is.
    pub offer: Offer,
    /// When the provider handed the machine over, if the customer says so.
    pub delivered_at: Option<Timestamp>,
    /// Whether stored passwords are to be compared with those that machines are delivered with.
    pub compare_with_defaults: bool,
    /// The numbers that judges compare with.
    pub thresholds: Thresholds,
    /// Sockets that may be open to anyone; where the customer names none, not even an empty list, those of SSH servers.
    pub allowed_sockets: Option<Vec<AllowedSocket>>,
    /// Accepted failures.
    pub waivers: Vec<Waiver>,
    /// Signed-off statements for what no guest can see.
    pub attestations: Vec<Attestation>,
}

/// The numbers that judges compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// Older package indexes say nothing about pending updates. Days.
    pub index_max_age_days: u32,
    /// Cloud API keys on disk older than this are findings. Days.
    pub cloud_key_max_age_days: u32,
    /// SSH keys that have opened an account for longer than this are findings. Days.
    pub ssh_key_max_age_days: u32,
    /// Accounts that can be logged in to and were not used for longer than this are findings. Days.
    pub account_max_unused_days: u32,
    /// New passwords that may be shorter are a finding. Characters.
    pub password_min_length: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            index_max_age_days: 3,
            cloud_key_max_age_days: 180,
            ssh_key_max_age_days: 365,
            account_max_unused_days: 90,
            password_min_length: 12,
        }
    }
}

/// A socket that the customer means to be open to anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSocket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Only on this local address, if given.
    pub address: Option<IpAddr>,
}

impl AllowedSocket {
    /// Whether the entry covers a socket, or a port that is published on an address.
    #[must_use]
    pub fn covers(&self, protocol: Protocol, address: IpAddr, port: u16) -> bool {
        self.protocol == protocol && self.port == port && self.address.is_none_or(|own| own == address)
    }
}

impl std::fmt::Display for AllowedSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.protocol.name(), self.port)?;
        self.address.map_or(Ok(()), |address| write!(f, " on {address}"))
    }
}

/// An accepted failure. It never hides: the check is still judged, and what is waived is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The check that may fail.
    pub check: String,
    /// Only its findings about this subject, if given.
    pub subject: Option<String>,
    /// Who accepts it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it counts.
    pub until: Day,
}

/// A person's signed-off statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// What it answers: the attestation id that a duty of the offer names, such as `mfa`.
    pub id: String,
    /// Who states it.
    pub by: String,
    /// When it was stated.
    pub on: Day,
    /// The last day on which it counts.
    pub until: Day,
    /// What is stated, in their words.
    pub note: Option<String>,
}
