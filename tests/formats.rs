//! The formats of other tools: valid to validators that are not ours, for every golden host and for what is hostile; a broken copy of
//! each is refused by the same validator.

#[path = "formats/fleet.rs"]
pub(crate) mod fleet;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{current, left_out, run, top};

/// Each format with a change that makes a report in it wrong: what is there, and what stands there instead.
const FORMATS: [(&str, &[(&str, &str)]); 8] = [
    ("sarif", &[("\"startLine\": 1", "\"startLine\": 0"), ("\"kind\": \"fail\"", "\"kind\": \"failed\"")]),
    ("junit", &[("<testcase ", "<test "), ("failures=\"1\"", "failures=\"2\"")]),
    ("openmetrics", &[("# EOF\n", ""), ("outcome=\"reported\"} 1", "outcome=\"reported\"} one")]),
    ("ocsf", &[("\"class_uid\":2003,", ""), ("\"status_id\":3", "\"status_id\":33")]),
    ("xccdf", &[("<result>fail</result>", "<result>failed</result>"), ("<target>", "<targets>")]),
    ("oscal", &[("\"import-ap\"", "\"import-sp\""), ("\"state\": \"satisfied\"", "\"state\": \"kept\"")]),
    (
        "html",
        &[
            ("&lt;script&gt;", "<script>"),
            ("</article>", ""),
            ("<footer>", "<footer onclick=\"x\">"),
            ("</h1>", "</h1><img src=\"x\">"),
            (":root", "@import 'x'; :root"),
            ("style=\"flex-grow:", "style=\"background:url(x);flex-grow:"),
            ("scope=\"col\"", "scope=\"x\""),
            (" lang=\"en\"", ""),
            ("default-src 'none'", "default-src *"),
            ("</h1>", "</h1><h3></h3>"),
        ],
    ),
    ("markdown", &[("\\<script\\>", "<script>"), ("| attested |", "| attested ")]),
];

/// What `tests/run` installs.
pub(crate) fn validator() -> Option<PathBuf> {
    let python = top().join("target/validator/bin/python");
    let installed = top().join("target/validator/sarif-schema-2.1.0.json").exists();
    // It may lie where an ordinary user may not run it.
    if !installed || Command::new(&python).arg("--version").output().is_err() {
        left_out("the validation of foreign formats (tests/run installs the validators)");
        return None;
    }
    Some(python)
}

/// Whether the validator of a format runs here; OpenSCAP's is not in every archive.
fn is_there(format: &str) -> bool {
    let there = format != "xccdf" || Path::new("/usr/bin/oscap").exists();
    if !there {
        left_out("the validation of XCCDF (the archive of this machine has no openscap-scanner)");
    }
    there
}

pub(crate) fn valid(python: &Path, format: &str, files: &[PathBuf]) -> Result<(), String> {
    let output = Command::new(python)
        .arg(top().join("tests/formats/validate"))
        .arg(format)
        .args(files)
        .output()
        .unwrap();
    // 1 is an answer; a validator that does not run is none.
    assert!(
        matches!(output.status.code(), Some(0 | 1)) && output.stderr.is_empty(),
        "{format}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stdout).into_owned()) }
}

/// Saved reports: of each golden host, and the merged one.
fn saved() -> Vec<PathBuf> {
    let golden = fs::read_dir(top().join("tests/golden")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        golden.filter(|path| path.extension().is_some_and(|format| format == "json")).collect();
    assert!(files.len() >= 8, "only {} reports", files.len());
    files.push(top().join("tests/formats/merged.json"));
    files
}

fn shown(file: &Path, format: &str) -> String {
    let (text, code) = run(&["report", "--from", file.to_str().unwrap(), "--format", format]);
    assert!(code != 2 || file.ends_with("merged.json"), "{}: {format}", file.display());
    text
}

#[test]
fn every_format_of_every_host_is_valid() {
    let Some(python) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (format, _) in FORMATS.iter().filter(|(format, _)| is_there(format)) {
        let mut files = Vec::new();
        for file in saved() {
            let path = dir.path().join(format!("{}.{format}", file.file_stem().unwrap().display()));
            fs::write(&path, shown(&file, format)).unwrap();
            files.push(path);
        }
        valid(&python, format, &files).unwrap();
    }
}

#[test]
fn broken_copies_are_refused() {
    let Some(python) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (format, changes) in FORMATS.iter().filter(|(format, _)| is_there(format)) {
        let text = shown(&top().join("tests/formats/merged.json"), format);
        for (number, (from, to)) in changes.iter().enumerate() {
            let broken = text.replacen(from, to, 1);
            assert!(broken != text, "{format}: nothing says {from}");
            let path = dir.path().join(format!("{number}.{format}"));
            fs::write(&path, broken).unwrap();
            let wrong = valid(&python, format, &[path]);
            assert!(wrong.is_err(), "{format} with {to:?} instead of {from:?} is taken for valid");
        }
    }
}

#[test]
fn formats_read_as_they_did() {
    for (format, _) in FORMATS {
        current(
            &top().join(format!("tests/formats/merged.{format}")),
            &shown(&top().join("tests/formats/merged.json"), format),
        );
    }
}

#[test]
fn a_report_of_this_host_is_the_same_as_when_it_was_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (root, saved) = ("tests/roots/debian12-fresh/root", dir.path().join("report.json"));
    let look = ["report", "--root", root, "--at", "2026-11-22", "--format"];
    let (text, code) = run(&[&look[..], &["json"]].concat());
    fs::write(&saved, text).unwrap();
    for (format, _) in FORMATS {
        let direct = run(&[&look[..], &[format]].concat());
        assert_eq!(direct, (shown(&saved, format), code), "{format}");
    }
}

#[test]
fn what_is_no_saved_report_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    for (text, why) in [
        ("", "EOF"),
        ("[]", "invalid length"),
        ("{}", "missing field"),
        ("{\"schema_version\":2,\"hosts\":[]}", "version 2"),
        ("{\"schema_version\":1,\"hosts\":[]}", "no host"),
        (
            "{\"schema_version\":1,\"hosts\":[{\"name\":\"a\",\"destination\":\"a\",\"port\":null,\"outcome\":\"fine\",\"detail\":null,\"milliseconds\":1,\"report\":null}]}",
            "there is no outcome `fine`",
        ),
        // Where another file was meant, what stands in this one may be a secret.
        ("{\"schema_version\":\"Tr0ub4dor\"}", "string \"…\", expected u32"),
        (&format!("{{\"schema_version\":1,\"system\":{{\"{}\":0}}}}", "x".repeat(1000)), "line 1 column"),
    ] {
        fs::write(&file, text).unwrap();
        let output =
            crate::support::hostduty(&["report", "--from", file.to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(said.contains(why), "{text}: {said}");
        assert!(!said.contains("Tr0ub4dor") && said.len() < 600, "{said}");
    }
}

#[test]
fn hosts_are_many_in_every_format() {
    for (format, _) in FORMATS {
        let text = shown(&top().join("tests/formats/merged.json"), format);
        // Those that gave no report are no less there; OCSF has events of what was found alone.
        let names: &[&str] =
            if format == "ocsf" { &["app1"] } else { &["app1", "db1", "app1 (2)", "unreachable"] };
        for name in names {
            assert!(text.contains(name), "{format}: {name}");
        }
    }
}
