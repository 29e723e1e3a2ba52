//! What is generated and committed is current: the catalogue, the manual page, the completions.

use std::fmt::Write;

use checks::providers;
use checks::registry::CHECKS;

use crate::support::{current, run, top};

#[test]
fn the_manual_page_is_current() {
    let (text, code) = run(&["man"]);
    assert_eq!(code, 0);
    current(&top().join("packaging/usr/share/man/man1/hostduty.1"), &text);
}

#[test]
fn the_completions_are_current() {
    for (shell, path) in [
        ("bash", "bash-completion/completions/hostduty"),
        ("zsh", "zsh/vendor-completions/_hostduty"),
        ("fish", "fish/vendor_completions.d/hostduty.fish"),
    ] {
        let (text, code) = run(&["completions", shell]);
        assert_eq!(code, 0);
        current(&top().join("packaging/usr/share").join(path), &text);
    }
}

#[test]
fn the_catalogue_is_current() {
    let mut text = String::from(
        "# Checks\n\nWritten by `tests/update` from the checks' own files; `hostduty explain CHECK` prints one whole.\n\n\
         | check | severity | is kept when | asked for by |\n| --- | --- | --- | --- |\n",
    );
    let offers = providers::offers().unwrap();
    for check in CHECKS {
        let asking: Vec<&str> = offers
            .iter()
            .filter(|offer| offer.duty.iter().any(|duty| duty.checks.iter().any(|id| id == check.id)))
            .map(|offer| offer.id.as_str())
            .collect();
        let _ = writeln!(
            text,
            "| [`{}`](src/{}) | {} | {} | {} |",
            check.id,
            path(check.id),
            check.severity.name(),
            check.title,
            asking.join(", ")
        );
    }
    current(&top().join("checks/README.md"), &text);
}

/// The file of a check, relative to checks/src.
fn path(id: &str) -> String {
    (1..id.len())
        .filter(|&at| id.as_bytes()[at] == b'-')
        .map(|at| format!("{}/{}.rs", &id[..at], &id[at + 1..]).replace('-', "_"))
        .find(|path| top().join("checks/src").join(path).is_file())
        .unwrap_or_else(|| panic!("the id {id} is not the path of its file: checks/src/<subject>/<name>.rs"))
}

#[test]
fn the_readme_shows_what_is() {
    let path = top().join("README.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let golden = std::fs::read_dir(top().join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.to_str().is_some_and(|path| path.contains("debian12-fresh") && path.ends_with(".human"))
        });
    let report = std::fs::read_to_string(golden.unwrap()).unwrap();
    let report: String =
        report.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
    let offers = providers::offers().unwrap();
    let rows: String = offers
        .iter()
        .map(|offer| {
            let measured = offer.duty.iter().filter(|duty| !duty.checks.is_empty()).count();
            let attested = offer.duty.iter().filter(|duty| duty.attestation.is_some()).count();
            format!("| {} | `{}` | {} | {measured} | {attested} |\n", offer.name, offer.id, offer.duty.len())
        })
        .collect();
    for (mark, new) in [("report", format!("\n{report}\n")), ("offers", rows)] {
        let start = format!("<!-- {mark}: written by tests/update -->\n");
        let from = text.find(&start).unwrap() + start.len();
        let to = from + text[from..].find(&format!("<!-- /{mark} -->")).unwrap();
        text.replace_range(from..to, &new);
    }
    current(&path, &text);
}
