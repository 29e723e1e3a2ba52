//! Scripts of OpenRC and of the older init.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/init.d/demo",
    "/etc/runlevels/default/demo",
    "/etc/inetd.conf",
    "/etc/xinetd.conf",
    "/etc/rc2.d/S01demo",
    "/proc/1/comm",
    "/run/openrc/softlevel",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, "", &["units"]);
});
