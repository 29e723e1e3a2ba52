//! Whether screen sharing takes the VNC password: `remote-desktop-legacy-password` on macOS.

use super::desktops::desktops;
use super::password_file;
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::gap::Gap;

const SETTINGS: &str = "/Library/Preferences/com.apple.RemoteManagement.plist";

/// The switch says whether plain VNC clients are let in, the file that there is a password for them. Who has neither
/// comes with an account.
pub(crate) fn legacy_password(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let found = desktops(mac)?;
    for desktop in found.all.iter().filter(|desktop| desktop.is_foreign_vnc()) {
        judgement
            .unknown(format!("how {} lets somebody in on port {} is not known", desktop.what, desktop.port));
    }
    if !found.on {
        if judgement == Judgement::new() {
            judgement.not_applicable = Some(match mac.vnc_password.value() {
                Some(true) => "screen sharing is off; its VNC password is still there".to_owned(),
                _ => "screen sharing is off".to_owned(),
            });
        }
        return Ok(judgement);
    }
    let password = mac.vnc_password.known();
    // Facts from before it was read say nothing of it.
    let switch = mac.remote_settings.known().map(|settings| settings.legacy_connections);
    let switched = |state: &str| Evidence::of(SETTINGS).says(format!("VNCLegacyConnectionsEnabled {state}"));
    let takes = "lets in whoever has the VNC password, of eight characters at most";
    match (password, switch) {
        (Ok(true), Ok(Some(true))) => {
            judgement.fail(Finding::new("screen sharing", takes, switched("true")).and(password_file()));
        }
        (Ok(true), Ok(None)) => judgement.fail(Finding::new("screen sharing", takes, password_file())),
        (_, Ok(Some(true))) => {
            judgement.fail(Finding::new("screen sharing", "lets in plain VNC clients", switched("true")));
        }
        (Ok(true), Ok(Some(false))) => judgement.unknown(
            "plain VNC clients are switched off, but the VNC password is still there; whether it is taken is not known",
        ),
        (Ok(true), Err(gap)) | (Err(gap), Ok(Some(false) | None) | Err(_)) => {
            judgement.unknown(format!("whether plain VNC clients are let in is not known: {gap}"));
        }
        (Ok(false), Err(gap)) => {
            judgement.unknown(format!("no VNC password is set, but whether plain VNC clients are let in is not known: {gap}"));
        }
        (Ok(false), Ok(state)) => {
            let state = switched(if state.is_some() { "false" } else { "is not set" });
            let file = Evidence::of("/Library/Preferences/com.apple.VNCSettings.txt").says("missing");
            judgement.observe("screen sharing takes accounts of this Mac alone, and no VNC password", [file, state]);
        }
    }
    Ok(judgement)
}
