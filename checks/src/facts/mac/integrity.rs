//! System Integrity Protection, which keeps even root from changing macOS: csrutil(8).

use serde::{Deserialize, Serialize};

use super::{both, refusal};
use crate::gap::Gap;
use crate::host::Output;

/// What `csrutil status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Integrity {
    /// Whole.
    Enabled,
    /// Off.
    Disabled,
    /// In parts.
    Custom,
}

/// `csrutil status`.
pub fn parse(output: &Output) -> Result<Integrity, Gap> {
    let text = both(output);
    let state = text.lines().find_map(|line| line.split_once("System Integrity Protection status:"));
    match state.map(|(_, rest)| rest.trim()) {
        Some(rest) if rest.starts_with("enabled") => Ok(Integrity::Enabled),
        Some(rest) if rest.starts_with("disabled") => Ok(Integrity::Disabled),
        Some(rest) if rest.contains("Custom Configuration") => Ok(Integrity::Custom),
        _ => Err(refusal("csrutil status", output)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;

    #[test]
    fn three_states_and_no_guess() {
        let parse = |text| super::parse(&out(text));
        assert_eq!(parse("System Integrity Protection status: enabled.\n"), Ok(Integrity::Enabled));
        assert_eq!(parse("System Integrity Protection status: disabled.\n"), Ok(Integrity::Disabled));
        let custom = "System Integrity Protection status: unknown (Custom Configuration).\n\nConfiguration:\n\tNVRAM Protections: enabled\n";
        assert_eq!(parse(custom), Ok(Integrity::Custom));
        assert!(parse("").is_err() && parse("System Integrity Protection status: unknown.\n").is_err());
        assert!(super::parse(&exit(1, "csrutil: failed to get status\n")).is_err());
    }
}
