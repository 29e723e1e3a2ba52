//! journald.conf(5), and what forwards logs.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/systemd/journald.conf",
    "/etc/systemd/journald.conf.d/50.conf",
    "/etc/rsyslog.conf",
    "/etc/syslog-ng/syslog-ng.conf",
    "/proc/self/mountinfo",
    "/etc/systemd/journal-upload.conf",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, "", &["logging"]);
});
