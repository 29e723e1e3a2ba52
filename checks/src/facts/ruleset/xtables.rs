//! Matches and targets of xtables: the same kernel structures behind iptables-legacy and iptables-nft.

use serde::{Deserialize, Serialize};

/// What a rule of iptables tests besides addresses, interfaces and the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Match {
    /// One that hostduty does not decode.
    Other {
        /// As `-m` names it.
        name: String,
        /// Of its kernel structure.
        #[serde(default)]
        revision: u32,
    },
}

/// What a rule of iptables does besides the standard verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// One that hostduty does not decode.
    Other {
        /// As `-j` names it.
        name: String,
        /// Of its kernel structure.
        #[serde(default)]
        revision: u32,
    },
}

impl Match {
    /// Decodes the structure that follows `xt_entry_match`, or NFTA_MATCH_INFO.
    pub(super) fn decode(name: &str, revision: u32, _info: &[u8]) -> Self {
        Self::Other { name: name.to_owned(), revision }
    }
}

impl Target {
    /// Decodes the structure that follows `xt_entry_target`, or NFTA_TARGET_INFO.
    pub(super) fn decode(name: &str, revision: u32, _info: &[u8]) -> Self {
        Self::Other { name: name.to_owned(), revision }
    }
}
