//! Versions of apk and pacman: what is compared the other way round is the opposite, and nothing is newer than itself.

#![no_main]

use checks::facts::packages::{apk_version, pacman_version};
use hostduty_fuzz::parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let versions: Vec<String> =
        parts(data).take(3).map(|part| String::from_utf8_lossy(&part).into_owned()).collect();
    for compare in [apk_version::compare, pacman_version::compare] {
        for a in &versions {
            assert!(compare(a, a).is_eq(), "{a:?} is not itself");
            for b in &versions {
                assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} and {b:?}");
            }
        }
    }
    for version in &versions {
        assert!(apk_version::begins(version, version), "{version:?} does not begin as itself");
    }
});
