//! Tests put together, without those that always or never hold.

use crate::reach::program::Test;

/// All of these, without those that always hold.
pub(crate) fn all(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Always => {}
            Test::Never => return Test::Never,
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Test::Always,
        1 => kept.swap_remove(0),
        _ => Test::All(kept),
    }
}

/// One of these, without those that never hold.
pub(crate) fn any(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Never => {}
            Test::Always => return Test::Always,
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Test::Never,
        1 => kept.swap_remove(0),
        _ => Test::Any(kept),
    }
}

pub(crate) fn not(test: Test) -> Test {
    match test {
        Test::Always => Test::Never,
        Test::Never => Test::Always,
        Test::Not(test) => *test,
        // Neither chance nor ignorance turns around.
        Test::Chance(_) | Test::Unknown(_) => test,
        other => Test::Not(Box::new(other)),
    }
}
