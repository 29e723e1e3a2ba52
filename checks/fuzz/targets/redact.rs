//! The redactor: twice is the same as once, and a password on a line of its own never comes through.

#![no_main]

use checks::redact::redact;
use hostduty_fuzz::{CANARY, mentions, parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for part in parts(data) {
        let text = String::from_utf8_lossy(&part);
        let once = redact(&text);
        assert_eq!(redact(&once), once, "{text:?}");
        if !mentions(data, CANARY) {
            let planted = format!("{text}\npassword = {CANARY}\n");
            assert!(!redact(&planted).contains(CANARY), "{planted:?}");
        }
    }
});
