//! The packet filter of macOS, as pfctl(8) prints it.

#![no_main]

use checks::host::System;
use hostduty_fuzz::{gather, host, with_outputs};
use libfuzzer_sys::fuzz_target;

const COMMANDS: &[(&str, &[&str])] = &[
    ("/sbin/pfctl", &["-s", "info"]),
    ("/sbin/pfctl", &["-v", "-s", "Interfaces"]),
    ("/sbin/pfctl", &["-v", "-s", "Anchors"]),
    ("/sbin/pfctl", &["-s", "rules"]),
    ("/sbin/pfctl", &["-s", "nat"]),
    ("/sbin/pfctl", &["-a", "com.apple", "-s", "rules"]),
    ("/sbin/pfctl", &["-a", "com.apple", "-s", "nat"]),
    ("/usr/sbin/netstat", &["-anv", "-p", "tcp"]),
    ("/bin/launchctl", &["print", "system/com.apple.screensharing"]),
    ("/sbin/ifconfig", &["-a"]),
    ("/sbin/pfctl", &["-t", "bad", "-T", "show"]),
    ("/bin/launchctl", &["print-disabled", "system"]),
];

fuzz_target!(|data: &[u8]| {
    let tree = with_outputs(host().system(System::MacOs), data, COMMANDS);
    gather(&tree, "", &["mac"]);
});
