//! What to type on a Mac, for the checks whose own remedy is written for Linux.

/// The remedy of a check on macOS, in the form of [`Check::remedy`](crate::check::Check::remedy).
pub(crate) fn of(check: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(id, _)| *id == check).map(|(_, remedy)| *remedy)
}

/// By check id.
const REMEDIES: &[(&str, &str)] = &[
    (
        "ssh-key-only",
        "ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no YOU@THIS-MAC true   # from your own machine: does a key let you in?\n\
         Only if it does: write `PasswordAuthentication no` and `KbdInteractiveAuthentication no` to /etc/ssh/sshd_config.d/000-key-only.conf; the first value wins.\n\
         sudo sshd -G | grep -Ei '^(password|kbdinteractive)authentication'   # launchd starts sshd for each connection: nothing to reload\n\
         Stay logged in, and log in once more from another terminal before you leave.",
    ),
    (
        "ssh-root-login",
        "ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no YOU@THIS-MAC sudo -v   # from your own machine: does a key let you in, and can you become root?\n\
         Only if it does: write `PermitRootLogin no` to /etc/ssh/sshd_config.d/000-root.conf; the first value wins.\n\
         sudo sshd -G | grep -i '^permitrootlogin'",
    ),
    (
        "passwords-changed",
        "passwd   # logged in as the account; its login keychain keeps the old password until it is changed there too\n\
         When the delivery is guessed wrong, set `delivered_at` in the configuration to the day of delivery.",
    ),
    (
        "firewall-enforced",
        "sudo pfctl -s info; sudo pfctl -s rules   # whether pf is enabled, and what it enforces now\n\
         In /etc/pf.conf, behind Apple's anchors, write `block in all`, `pass quick on lo0`, `pass in proto tcp to any port 22` and what else must come in: the last rule that matches wins.\n\
         sudo sh -c '(sleep 300; pfctl -d) & pfctl -E -f /etc/pf.conf'   # pf is off again after five minutes\n\
         Log in a second time, and only then stop that job and let a launchd job of yours load the rules at each start.",
    ),
    (
        "firewall-default-deny",
        "sudo pfctl -s rules   # which rule decides about a port that none names?\n\
         In /etc/pf.conf, `block in all` stands first and what must come in behind it, `pass in proto tcp to any port 22` above all: the last rule that matches wins.\n\
         sudo sh -c '(sleep 300; pfctl -d) & pfctl -E -f /etc/pf.conf'   # pf is off again after five minutes; log in a second time before that",
    ),
    (
        "firewall-exposure",
        "sudo lsof -nP -iTCP -sTCP:LISTEN   # which programs wait there, and who needs them?\n\
         Let each that only this Mac uses listen on 127.0.0.1 and ::1 in its own configuration.\n\
         Refuse the rest with pf, see `hostduty explain firewall-default-deny`; name what is meant to be public under `allowed` in the `[sockets]` of hostduty's configuration.",
    ),
    (
        "firewall-ipv6-parity",
        "sudo pfctl -s rules | grep -w inet   # rules for IPv4 alone\n\
         Take `inet` out of those that block, in /etc/pf.conf; a rule without a family holds for both.\n\
         sudo pfctl -n -f /etc/pf.conf && sudo pfctl -f /etc/pf.conf",
    ),
    (
        "firewall-persistent",
        "ls /Library/LaunchDaemons   # does one of these jobs enable pf?\n\
         macOS loads /etc/pf.conf at boot and leaves pf disabled: write a job to /Library/LaunchDaemons that runs `/sbin/pfctl -E -f /etc/pf.conf` at load.\n\
         Look at `sudo pfctl -s info` after the next restart; updates of macOS may put /etc/pf.conf back, so load rules from a file of your own.",
    ),
    (
        "patches-automatic",
        "sudo defaults write /Library/Preferences/com.apple.SoftwareUpdate CriticalUpdateInstall -bool true\n\
         sudo defaults write /Library/Preferences/com.apple.SoftwareUpdate AutomaticallyInstallMacOSUpdates -bool true\n\
         sudo softwareupdate --schedule on\n\
         Updates of macOS restart it: waive `AutomaticallyInstallMacOSUpdates` where you install them in a window of your own.",
    ),
    (
        "accounts-uid-zero",
        "dscl . -list /Users UniqueID | awk '$2 == 0'   # root alone should be there\n\
         Make sure that another administrator can log in, then `sudo sysadminctl -deleteUser ACCOUNT -keepHome` for the other name: its home may be root's.",
    ),
    (
        "patches-security",
        "sudo softwareupdate --list\n\
         sudo softwareupdate --install --recommended   # with --restart for those that take one, in a maintenance window",
    ),
    ("patches-release-supported", "sw_vers; softwareupdate --list-full-installers   # then plan the upgrade"),
    (
        "encryption-data",
        "fdesetup status; diskutil apfs list   # which volumes take nobody's secret to open\n\
         Make a backup, and ask the provider how a Mac with FileVault is reached after a restart: it waits for a password.\n\
         sudo fdesetup enable\n\
         Or keep the data on an encrypted volume of its own: diskutil apfs addVolume CONTAINER APFS NAME -passprompt",
    ),
    (
        "remote-desktop-tunnelled",
        "ssh -L 5901:127.0.0.1:5900 YOU@THIS-MAC   # from your own machine: does vnc://127.0.0.1:5901 show the screen?\n\
         Only if it does: refuse the rest with pf, `block in quick on ! lo0 proto tcp to any port 5900`.\n\
         Or switch screen sharing off: sudo launchctl disable system/com.apple.screensharing; sudo launchctl bootout system/com.apple.screensharing",
    ),
    (
        "remote-desktop-legacy-password",
        "Open vnc://127.0.0.1:5901 through your tunnel with an account of this Mac: does it show the screen?\n\
         Only if it does: sudo defaults write /Library/Preferences/com.apple.RemoteManagement VNCLegacyConnectionsEnabled -bool false\n\
         sudo rm /Library/Preferences/com.apple.VNCSettings.txt   # the password itself, scrambled with a key that everybody knows\n\
         sudo launchctl kickstart -k system/com.apple.screensharing",
    ),
    (
        "accounts-sudo-nopasswd",
        "sudo -l   # as the account: which rules ask for no password?\n\
         Check in a second session, with the first left open, that `sudo -k; sudo true` takes the password.\n\
         Only then take NOPASSWD out with `sudo visudo -f FILE`.\n\
         Accept what a machine account needs with a waiver that names it.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::System;
    use crate::registry::CHECKS;

    #[test]
    fn every_check_of_both_systems_has_a_remedy_for_each() {
        for check in CHECKS {
            let both = [System::Linux, System::MacOs].iter().all(|system| check.systems.contains(system));
            assert_eq!(of(check.id).is_some(), both, "{}", check.id);
            assert_eq!(check.remedy_on(System::Linux), check.remedy);
            assert_eq!(check.remedy_on(System::MacOs) != check.remedy, both, "{}", check.id);
        }
        assert!(REMEDIES.iter().all(|(id, _)| crate::registry::find(id).is_some()));
    }
}
