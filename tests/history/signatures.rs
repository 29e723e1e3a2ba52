//! Signatures are held against the real ssh-keygen: every type of host key, a wrong key, a wrong namespace, another text.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::record::Record;
use crate::support::{hostduty, left_out, run};

const KEYGEN: &str = "/usr/bin/ssh-keygen";
const REPORT: &str = "report@hostduty.internal";
const HISTORY: &str = "history@hostduty.internal";

/// Every type of host key that sshd makes or made, and the sizes of ECDSA.
const KEYS: [(&str, &str); 7] = [
    ("ed25519", "256"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("rsa", "2048"),
    ("rsa", "4096"),
    ("dsa", "1024"),
];

/// A new key without a passphrase; `None` where there is no ssh-keygen, or one that makes no such key any more.
pub(crate) fn key(folder: &Path, kind: &str, bits: &str) -> Option<String> {
    let path = folder.join(format!("{kind}-{bits}"));
    let made = Command::new(KEYGEN)
        .args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", "root@host", "-f"])
        .arg(&path)
        .stdin(Stdio::null())
        .status();
    if made.is_err() || (kind == "dsa" && made.is_ok_and(|status| !status.success())) {
        left_out(format!("signatures with {kind} (there is no ssh-keygen that makes such a key)"));
        return None;
    }
    Some(path.to_str().unwrap().to_owned())
}

/// Whether ssh-keygen takes a file with its signature for one of this key and namespace.
fn verifies(file: &Path, key: &str, namespace: &str) -> bool {
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let signers = file.with_extension("signers");
    fs::write(&signers, format!("host namespaces=\"{namespace}\" {public}")).unwrap();
    Command::new(KEYGEN)
        .args(["-Y", "verify", "-I", "host", "-n", namespace, "-f"])
        .arg(&signers)
        .arg("-s")
        .arg(format!("{}.sig", file.display()))
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn reports_and_heads_are_signed_with_every_type_of_host_key() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::eventful();
    let others = dir.path().join("others");
    fs::create_dir(&others).unwrap();
    for (kind, bits) in KEYS {
        let Some(wrong) = key(&others, kind, bits) else { continue };
        let key = key(dir.path(), kind, bits).unwrap();
        let (report, head) = (dir.path().join("report.json"), dir.path().join("head.json"));
        let signed = run(&[
            "report",
            "--facts",
            "tests/snapshots/mac-mini-m2.toml",
            "--format",
            "json",
            "--sign",
            "--key",
            &key,
            "--output",
            report.to_str().unwrap(),
        ]);
        assert_eq!(signed.1, 1, "{}", signed.0);
        let (text, code) =
            run(&["history", "sign", "--state", record.folder(), "--key", &key, head.to_str().unwrap()]);
        assert_eq!(code, 0, "{text}");
        for (file, namespace, other) in [(&report, REPORT, HISTORY), (&head, HISTORY, REPORT)] {
            assert!(verifies(file, &key, namespace), "{kind} {bits}");
            assert!(!verifies(file, &key, other), "{kind} {bits}: the namespace is not looked at");
            assert!(!verifies(file, &wrong, namespace), "{kind} {bits}: another key passes");
            assert!(!verifies(file, &key, "file"), "{kind} {bits}: the namespace of other programs passes");
            let whole = fs::read(file).unwrap();
            fs::write(file, [whole.as_slice(), b"\n"].concat()).unwrap();
            assert!(!verifies(file, &key, namespace), "{kind} {bits}: another text passes");
            fs::write(file, whole).unwrap();
        }
        // A signature of one is none of the other, though the same key made both.
        let beside = |file: &Path| format!("{}.sig", file.display());
        fs::copy(beside(&head), beside(&report)).unwrap();
        assert!(!verifies(&report, &key, REPORT) && !verifies(&report, &key, HISTORY), "{kind} {bits}");
    }
}

#[test]
fn what_is_said_about_verifying_can_be_typed() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::eventful();
    let Some(key) = key(dir.path(), "ed25519", "0256") else { return };
    let head = dir.path().join("head.json");
    let (text, _) =
        run(&["history", "sign", "--state", record.folder(), "--key", &key, head.to_str().unwrap()]);
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(commands.len(), 2, "{text}");
    let output =
        Command::new("sh").args(["-ec", &commands.join("\n")]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.starts_with("Good \"history@hostduty.internal\" signature"),
        "{said}"
    );
}

#[test]
fn a_statement_tells_a_record_that_was_cut_or_forged() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = Record::eventful();
    let Some(key) = key(dir.path(), "ed25519", "0256") else { return };
    let head = dir.path().join("head.json");
    let head = head.to_str().unwrap();
    run(&["history", "sign", "--state", record.folder(), "--key", &key, head]);
    let verify = ["history", "verify", "--state", record.folder(), "--statement", head].map(str::to_owned);
    let verify = || run(&verify.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(verify().1, 0);
    record.add("2026-10-22T11:00:00Z", 0, checks::history::Event::Stopped);
    let (text, code) = verify();
    assert!(code == 0 && text.replace("\n  ", " ").contains("among them entry 9 of the statement"), "{text}");
    let whole = fs::read_to_string(record.file()).unwrap();
    let cut: String = whole.lines().take(8).flat_map(|line| [line, "\n"]).collect();
    fs::write(record.file(), cut).unwrap();
    let (text, code) = verify();
    assert!(code == 1 && text.starts_with("entry 9 is not there any more"), "{text}");
    assert_eq!(run(&["history", "verify", "--state", record.folder()]).1, 0);
}

#[test]
fn whose_statement_it_is_and_that_its_signature_was_not_checked_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::eventful();
    let Some(key) = key(dir.path(), "ed25519", "0256") else { return };
    let file = dir.path().join("head.json");
    let head = file.to_str().unwrap();
    run(&["history", "sign", "--state", record.folder(), "--key", &key, head]);
    let verify = |head: &str| {
        let output = hostduty(&["history", "verify", "--state", record.folder(), "--statement", head]);
        let output = { output }.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap().replace("\n  ", " "), output.status.code().unwrap())
    };
    let (text, code) = verify(head);
    assert!(code == 0 && text.contains("Its signature was not checked"), "{text}");
    assert!(text.contains(&format!("-n history@hostduty.internal -s {head}.sig < {head}")), "{text}");
    // Of another record, whatever its last entry is.
    let whole: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut other = whole.clone();
    other["first"] = format!("sha256:{}", "0".repeat(64)).into();
    other["host"] = "web2\u{1b}[2J".into();
    let path = dir.path().join("other.json");
    fs::write(&path, other.to_string()).unwrap();
    let (text, code) = verify(path.to_str().unwrap());
    assert!(
        code == 1 && text.starts_with("The statement is of another record, one of web2\\u{1b}[2J"),
        "{text}"
    );
    assert!(text.contains("No signature lies beside it"), "{text}");
    // One of an earlier version says nothing of the beginning.
    other.as_object_mut().unwrap().remove("first");
    fs::write(&path, other.to_string()).unwrap();
    let (text, code) = verify(path.to_str().unwrap());
    assert!(code == 0 && text.contains("says that it is web2\\u{1b}[2J's of "), "{text}");
    let (text, code) = verify("/dev/zero");
    assert!(
        code == 2 && text.contains("no") && text.contains("statement about a record: it is larger than any"),
        "{text}"
    );
}

#[test]
fn what_cannot_sign_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::eventful();
    let Some(key) = key(dir.path(), "ed25519", "0256") else { return };
    let locked = dir.path().join("locked");
    Command::new(KEYGEN)
        .args(["-q", "-t", "ed25519", "-N", "a passphrase", "-f"])
        .arg(&locked)
        .status()
        .unwrap();
    let open = dir.path().join("open");
    fs::copy(&key, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let file = dir.path().join("head.json");
    for (key, said) in [
        (format!("{key}.pub"), "does not sign with"),
        (open.to_str().unwrap().to_owned(), "that only its owner can read"),
        (locked.to_str().unwrap().to_owned(), "without a passphrase"),
        ("/nowhere".to_owned(), "the key /nowhere cannot be read"),
        ("/dev/null".to_owned(), "does not sign with"),
    ] {
        let arguments =
            ["history", "sign", "--state", record.folder(), "--key", &key, file.to_str().unwrap()];
        let output = hostduty(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{key}: {error}");
        assert!(!error.contains("@@"), "{key}: {error}");
        assert!(!file.exists(), "{key}");
    }
    assert_eq!(run(&["report", "--sign"]).1, 2);
    // Nobody takes the reports of several hosts for signed.
    let file = file.to_str().unwrap();
    assert_eq!(run(&["report", "--host", "web.example.org", "--sign", "--output", file]).1, 2);
    assert!(!Path::new(file).exists());
}

#[test]
fn a_key_is_named_as_a_shell_names_it() {
    let dir = tempfile::tempdir().unwrap();
    if key(dir.path(), "ed25519", "256").is_none() {
        return;
    }
    fs::rename(dir.path().join("ed25519-256"), dir.path().join("-key")).unwrap();
    for name in ["-key", "./-key"] {
        let mut report = hostduty(&["report", "--check", "logs-persistent", "--sign", "--output", "report"]);
        let report = report.arg(format!("--key={name}")).current_dir(dir.path()).output().unwrap();
        assert_ne!(report.status.code(), Some(2), "{name}: {report:?}");
        fs::remove_file(dir.path().join("report.sig")).unwrap();
    }
}
