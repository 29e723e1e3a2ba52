//! The gate of a pipeline, and the signed report for a support desk, as the documents say.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::machines::top;
use super::{WAYS, booted, snippet, typed};

const DESK: &str = "docs/support-desk.md";

/// Runs a shell snippet beside an image of a pipeline, and gives its exit code and the results of the SARIF that it leaves.
fn gate(script: &str, image: &str) -> (Option<i32>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        top().join("tests/roots").join(image).join("root"),
        folder.path().join("image"),
    )
    .unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_hostduty")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).env("PATH", path).current_dir(folder.path());
    let output = shell.output().unwrap();
    let text = fs::read(folder.path().join("hostduty.sarif"));
    let text = text.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let sarif: Value = serde_json::from_slice(&text).unwrap();
    (output.status.code(), sarif["runs"][0]["results"].as_array().unwrap().clone())
}

#[test]
fn the_gate_of_a_pipeline_stops_an_image_and_leaves_sarif() {
    let typed = snippet(WAYS, "gate");
    let workflow = snippet(WAYS, "workflow");
    let run: String = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run: "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(run.contains("hostduty report"), "{workflow}");
    for script in [&typed, &run] {
        let (code, results) = gate(script, "debian12-fresh");
        assert_eq!(code, Some(1), "{script}");
        assert!(results.iter().any(|result| result["ruleId"] == "encryption-data"), "{results:?}");
        let lenient = script.replace("--fail-on high", "--fail-on critical");
        assert!(lenient != **script && gate(&lenient, "debian12-fresh").0 == Some(0), "{lenient}");
    }
}

#[test]
fn the_readme_says_what_the_documents_say() {
    let read = |document: &str| fs::read_to_string(top().join(document)).unwrap();
    let (readme, documents) = (read("README.md"), read(WAYS) + &read(DESK));
    let (_, section) = readme.split_once("\n## Ways in\n").unwrap();
    let section = section.split_once("\n## ").unwrap().0;
    let commands: Vec<&str> = section.lines().filter(|line| line.starts_with("    ")).collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        assert!(documents.lines().any(|line| line == command), "only the README says {command}");
    }
    for document in [WAYS, DESK] {
        let named = read(document);
        let named =
            named.split('`').filter(|name| name.starts_with("packaging/") || name.starts_with("tests/"));
        for name in named.chain(section.split('`').filter(|name| name.starts_with("packaging/"))) {
            assert!(top().join(name).exists(), "{document}: there is no {name}");
        }
    }
}

#[test]
fn a_support_desk_verifies_a_signed_report() {
    if !crate::allowed("a signed report, verified as the desk does") {
        return;
    }
    let machine = booted("web1");
    machine.install();
    typed(&machine, &snippet(DESK, "customer"));
    typed(&machine, &snippet(DESK, "key"));
    let said = typed(&machine, &snippet(DESK, "desk"));
    assert!(said.contains("Good \"report@hostduty.internal\" signature for web1 with ED25519 key"), "{said}");
    let read = typed(&machine, &snippet(DESK, "read"));
    assert!(read.starts_with("web1 20") && read.contains("\nfail high firewall-enforced\n"), "{read}");
    let altered = format!("sed -i 's/\"fail\"/\"pass\"/' report.json\n{}", snippet(DESK, "desk"));
    let refused = machine.run(&["sh", "-ec", &format!("cd /root\n{altered}")]);
    assert!(!refused.status.success());
    // Another host's key.
    let other = "ssh-keygen -q -t ed25519 -N '' -f other; cp report.json forged.json; \
                 ssh-keygen -q -Y sign -f other -n report@hostduty.internal forged.json; \
                 ssh-keygen -Y verify -f signers -I web1 -n report@hostduty.internal -s forged.json.sig < forged.json";
    assert!(!machine.run(&["sh", "-ec", &format!("cd /root\n{other}")]).status.success());
}
