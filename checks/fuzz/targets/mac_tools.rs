//! What the tools of macOS print, line by line.

#![no_main]

use checks::host::System;
use hostduty_fuzz::{gather, host, parts, with_files, with_outputs};
use libfuzzer_sys::fuzz_target;

const COMMANDS: &[(&str, &[&str])] = &[
    ("/bin/launchctl", &["print", "system/com.openssh.sshd"]),
    ("/bin/launchctl", &["print-disabled", "system"]),
    ("/usr/sbin/netstat", &["-anv", "-p", "tcp"]),
    (
        "/usr/libexec/ApplicationFirewall/socketfilterfw",
        &["--getglobalstate", "--getblockall", "--getstealthmode"],
    ),
    ("/usr/bin/fdesetup", &["status"]),
    ("/usr/bin/profiles", &["status", "-type", "enrollment"]),
    ("/usr/sbin/softwareupdate", &["--list", "--no-scan"]),
    ("/usr/bin/csrutil", &["status"]),
    ("/usr/sbin/sshd", &["-G"]),
    ("/usr/sbin/sysctl", &["-n", "kern.boottime"]),
    ("/usr/bin/uname", &["-r"]),
];
/// Of the parts after the commands.
const FILES: &[&str] = &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/100-macos.conf", "/etc/services"];

fuzz_target!(|data: &[u8]| {
    let host = with_outputs(host().system(System::MacOs), data, COMMANDS);
    let rest: Vec<_> = parts(data).skip(COMMANDS.len()).collect();
    gather(&with_files(host, &rest.join(&b"%%\n"[..]), FILES), "", &["machine", "mac"]);
});
