//! The list of checks is written from the folders below `src`, and stays so. `tests/update` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

use std::fs;
use std::path::Path;

/// The module lines for lib.rs and the list for registry.rs, from the files that hold a `static CHECK`.
fn lists() -> (String, String) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut modules, mut list) = (String::new(), String::new());
    let sorted = |dir: &Path| {
        let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for subject in sorted(&src).iter().filter(|path| path.is_dir()) {
        let folder = subject.file_name().unwrap().to_str().unwrap();
        let mut lines = String::new();
        for file in sorted(subject).iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs")) {
            if fs::read_to_string(file).unwrap().contains("pub(crate) static CHECK: Check") {
                let name = file.file_stem().unwrap().to_str().unwrap();
                lines += &format!("    pub(crate) mod {name};\n");
                list += &format!("    &crate::{folder}::{name}::CHECK,\n");
            }
        }
        if !lines.is_empty() {
            modules += &format!("mod {folder} {{\n{lines}}}\n");
        }
    }
    (modules, list)
}

/// The text with what lies between two marks replaced.
fn between(text: &str, start: &str, end: &str, new: &str) -> String {
    let from = text.find(start).unwrap() + start.len();
    let to = from + text[from..].find(end).unwrap();
    format!("{}{new}{}", &text[..from], &text[to..])
}

#[test]
fn every_check_is_listed() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (modules, list) = lists();
    for (file, start, end, new) in [
        ("lib.rs", "// <checks>\n", "// </checks>", &modules),
        ("registry.rs", "pub static CHECKS: &[&Check] = &[\n", "];", &list),
    ] {
        let path = src.join(file);
        let old = fs::read_to_string(&path).unwrap();
        let wanted = between(&old, start, end, new);
        if old != wanted {
            if std::env::var_os("HOSTDUTY_UPDATE").is_none() {
                panic!("checks/src/{file} does not list the checks as they are: run tests/update and commit");
            }
            fs::write(&path, wanted).unwrap();
        }
    }
}
