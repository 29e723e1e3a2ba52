//! Unit files with drop-ins, udev rules, inetd and xinetd.

#![no_main]

use checks::host::Tree;
use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/usr/lib/systemd/system/demo.service",
    "/etc/systemd/system/demo.service.d/local.conf",
    "/usr/lib/systemd/system/worker@.service",
    "/etc/udev/rules.d/60-demo.rules",
    "/etc/inetd.conf",
    "/etc/xinetd.d/telnet",
];

fn base() -> Tree {
    let wanted = "/etc/systemd/system/multi-user.target.wants";
    host()
        .dir("/run/systemd/system")
        .link(&format!("{wanted}/demo.service"), "/usr/lib/systemd/system/demo.service")
        .link(&format!("{wanted}/worker@1.service"), "/usr/lib/systemd/system/worker@.service")
}

fuzz_target!(|data: &[u8]| {
    let tree = with_files(base(), data, FILES);
    gather(&tree, "", &["units", "logging"]);
});
