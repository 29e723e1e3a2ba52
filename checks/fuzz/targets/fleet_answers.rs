//! What another host printed as its report: nothing passes that was not measured, and whatever is taken can be merged.
//!
//! The agent's own files are compiled in.

#![no_main]
#![allow(dead_code, unused_imports, reason = "the agent needs more of these files")]

use checks::check::{Severity, Verdict};
use checks::date::Timestamp;
use hostduty_fuzz::parts;
use libfuzzer_sys::fuzz_target;

/// The options that an exit code depends on.
mod cli {
    pub struct Codes {
        pub allow_unknown: bool,
        pub fail_on: checks::check::Severity,
        pub require_attestations: bool,
    }
}

mod history {
    pub mod past {
        /// What the agent's own record tells; no other host's report needs it.
        pub struct Past {
            pub timeline: checks::history::timeline::Timeline,
            pub observing: bool,
            pub verified: checks::history::verify::Verified,
        }
    }
}

#[path = "../../../agent/src/render"]
mod render {
    pub mod fleet_v1;
    pub mod history_v1;
    pub mod json_v1;
}

#[path = "../../../agent/src/fleet"]
mod fleet {
    pub mod answer;
    pub mod destination;
    pub mod failure;

    pub(crate) use answer::{code, severity, verdict};
    pub(crate) use destination::Destination;
    pub(crate) use failure::Failure;

    /// Why a list of hosts is not followed.
    #[derive(Debug)]
    pub enum Error {
        Line(String, usize, String),
    }

    /// What one host came to.
    #[derive(Debug)]
    pub(crate) struct Asked {
        pub(crate) host: Destination,
        pub(crate) answer: Result<crate::render::json_v1::Report, Failure>,
        pub(crate) milliseconds: u64,
    }

    fn read(_: &std::path::Path) -> Result<String, Error> {
        Ok(String::new())
    }
}

fuzz_target!(|data: &[u8]| {
    let codes = cli::Codes { allow_unknown: false, fail_on: Severity::Advice, require_attestations: true };
    let mut asked = Vec::new();
    for (number, part) in parts(data).take(9).enumerate() {
        let answer = fleet::answer::parse(&part);
        if let Ok(report) = &answer {
            let of = |check| fleet::verdict(check).expect("its verdict exists");
            for check in &report.checks {
                let measured = !check.observations.is_empty() && check.findings.is_empty();
                assert!(of(check) != Verdict::Pass || measured, "{} passes by itself", check.id);
            }
            let fails = report.checks.iter().any(|check| of(check) == Verdict::Fail);
            let unknown = report.checks.iter().any(|check| of(check) == Verdict::Unknown);
            let code = fleet::code(report, &codes);
            assert!(code == 1 || (!fails && (code == 3 || !unknown && code == 0)), "the code is {code}");
        }
        let host = fleet::Destination::typed(&format!("web{number}")).expect("it is a name");
        asked.push(fleet::Asked { host, answer, milliseconds: 1 });
    }
    let merged = render::fleet_v1::fleet(&asked, &[], Timestamp(1_795_348_800));
    let reported = asked.iter().filter(|asked| asked.answer.is_ok()).count();
    assert_eq!((merged.summary.hosts, merged.summary.reported), (asked.len(), reported));
    for check in &merged.checks {
        assert!(check.fail.len() + check.unknown.len() <= reported, "{} counts a host twice", check.id);
    }
    serde_json::to_vec(&merged).expect("it is JSON");
});
