//! Property lists, from files and from tools of macOS.

#![no_main]

use checks::host::System;
use hostduty_fuzz::{gather, host, parts, with_files, with_outputs};
use libfuzzer_sys::fuzz_target;

const COMMANDS: &[(&str, &[&str])] = &[
    ("/usr/sbin/diskutil", &["apfs", "list", "-plist"]),
    ("/usr/bin/profiles", &["show", "-output", "stdout-xml"]),
    ("/usr/bin/dscl", &[".", "-list", "/Users", "UniqueID"]),
    ("/usr/bin/dscl", &[".", "-read", "/Users/anna", "accountPolicyData"]),
];
/// Of the parts after the commands.
const FILES: &[&str] = &[
    "/Library/Preferences/com.apple.SoftwareUpdate.plist",
    "/System/Library/CoreServices/SystemVersion.plist",
];

fuzz_target!(|data: &[u8]| {
    let host = with_outputs(host().system(System::MacOs), data, COMMANDS);
    let rest: Vec<_> = parts(data).skip(COMMANDS.len()).collect();
    gather(&with_files(host, &rest.join(&b"%%\n"[..]), FILES), "", &["machine", "mac"]);
});
