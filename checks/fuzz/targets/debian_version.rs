//! Versions of Debian: comparing them is an order.

#![no_main]

use checks::facts::packages::debian_version::compare;
use hostduty_fuzz::parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let versions: Vec<String> =
        parts(data).take(3).map(|part| String::from_utf8_lossy(&part).into_owned()).collect();
    for a in &versions {
        assert!(compare(a, a).is_eq(), "{a:?} is not itself");
        for b in &versions {
            assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} and {b:?}");
            for c in &versions {
                let falls = compare(a, b).is_le() && compare(b, c).is_le() && compare(a, c).is_gt();
                assert!(!falls, "{a:?}, {b:?} and {c:?} go round in a circle");
            }
        }
    }
});
