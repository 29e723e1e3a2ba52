//! What keeps even root from changing macOS, and people from running what nobody vouches for: csrutil(8), spctl(8).

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

/// `csrutil authenticated-root status`.
pub fn parse_seal(output: &Output) -> Result<bool, Gap> {
    let text = both(output);
    let state = text.lines().find_map(|line| line.split_once("Authenticated Root status:"));
    on_or_off(state.map(|(_, rest)| rest.trim()))
        .ok_or_else(|| refusal("csrutil authenticated-root status", output))
}

/// `spctl --status`. Where Gatekeeper is off, some releases say so on standard error with status 1.
pub fn parse_gatekeeper(output: &Output) -> Result<bool, Gap> {
    let text = both(output);
    let state = text.lines().find_map(|line| line.trim().strip_prefix("assessments "));
    on_or_off(state).ok_or_else(|| refusal("spctl --status", output))
}

fn on_or_off(state: Option<&str>) -> Option<bool> {
    match state?.trim_end_matches('.') {
        "enabled" => Some(true),
        "disabled" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;

    #[test]
    fn the_seal_and_gatekeeper_are_on_or_off_or_unknown() {
        assert_eq!(parse_seal(&out("Authenticated Root status: enabled\n")), Ok(true));
        assert_eq!(parse_seal(&out("Authenticated Root status: disabled\n")), Ok(false));
        assert!(parse_seal(&out("Authenticated Root status: enabl")).is_err(), "cut off");
        assert!(parse_seal(&exit(64, "csrutil: unknown command\n")).is_err());
        assert_eq!(parse_gatekeeper(&out("assessments enabled\ndeveloper id enabled\n")), Ok(true));
        assert_eq!(parse_gatekeeper(&exit(1, "assessments disabled\n")), Ok(false));
        assert_eq!(parse_gatekeeper(&err("assessments enabled\n")), Ok(true));
        assert!(parse_gatekeeper(&out("assessments\n")).is_err() && parse_gatekeeper(&out("")).is_err());
    }

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
