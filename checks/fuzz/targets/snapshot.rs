//! A snapshot that somebody else wrote: whatever it says, it is judged.

#![no_main]

use checks::facts::Facts;
use hostduty_fuzz::{holds, mentions, parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for part in parts(data) {
        let Ok(text) = std::str::from_utf8(&part) else { continue };
        if let Ok(facts) = toml::from_str::<Facts>(text)
            && !mentions(data, hostduty_fuzz::CANARY)
        {
            holds(&facts);
        }
    }
});
