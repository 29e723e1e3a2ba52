//! No secret leaves: one is planted in every place where hosts keep them, and every output is searched for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::run;

/// What must never be seen, each recognisable. None is real.
const SECRETS: &[&str] = &[
    "sa1tsa1tsa1tsa1t",
    "qPlantedHashqPlantedHashqPlantedHashqPlantedHash0123456789",
    "b3BlbnNzaC1rZXktdjEAAAAAPlantedPrivateKeyMaterial",
    "PLANTED-API-SECRET-0001",
    "planted-apt-password",
    "planted-environment-value",
    "planted-argument-password",
    "planted-unit-password",
    "planted-openstack-password",
    "planted-cloud-init-password",
];

/// A root with a secret in each place.
fn plant(root: &Path) {
    let hash = format!("$6${}${}", SECRETS[0], SECRETS[1]);
    let key =
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", SECRETS[2]);
    let files: Vec<(&str, String)> = vec![
        ("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n".into()),
        ("etc/passwd", format!("root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\nold:{hash}:1001:1001::/home/old:/bin/sh\nbroken:{hash}\n")),
        ("etc/shadow", format!("root:{hash}:19000:0:99999:7:::\nalice:!{hash}:19000::::::\n{hash}\n:{hash}:x:\n")),
        ("etc/group", "root:x:0:\nsudo:x:27:alice\n".into()),
        ("etc/sudoers", format!("alice ALL=(ALL) NOPASSWD: /usr/bin/mysql --password={}\nthis is {} broken\n", SECRETS[6], SECRETS[6])),
        ("etc/ssh/sshd_config", format!("PasswordAuthentication yes\nNonsense {}\nForceCommand /bin/x --password={}\n", SECRETS[3], SECRETS[6])),
        ("root/.ssh/authorized_keys", format!("environment=\"TOKEN={}\",command=\"x --password={}\" ssh-rsa {}\n{}\n", SECRETS[5], SECRETS[6], "AAAAB3NzaC1yc2EAAAADAQABAAAAgQ", key)),
        ("home/alice/.ssh/id_ed25519", key.clone()),
        ("root/.ssh/id_rsa", key),
        ("root/.config/scw/config.yaml", format!("access_key: SCWXXXXXXXXXXXXXXXXX\nsecret_key: {}\n", SECRETS[3])),
        ("root/.aws/credentials", format!("[default]\naws_secret_access_key = {}\n", SECRETS[3])),
        ("root/openrc.sh", format!("export OS_PASSWORD={}\n", SECRETS[8])),
        ("etc/apt/sources.list", format!("deb https://user:{}@repo.example.org/debian bookworm main\n", SECRETS[4])),
        ("etc/apt/apt.conf.d/99proxy", format!("Acquire::http::Proxy \"http://user:{}@proxy.example.org:3128\";\n", SECRETS[4])),
        ("var/lib/cloud/instance/user-data.txt", format!("#cloud-config\nchpasswd:\n  list: root:{}\n", SECRETS[9])),
        ("run/cloud-init/instance-data-sensitive.json", format!("{{\"password\":\"{}\"}}", SECRETS[9])),
        ("etc/systemd/system/app.service", format!("[Service]\nEnvironment=PASSWORD={0}\nExecStart=/usr/bin/app --password={0} --token {0}\n[Install]\nWantedBy=multi-user.target\n", SECRETS[7])),
        ("proc/77/stat", "77 (app) S 1 77 77 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n".into()),
        ("proc/77/cmdline", format!("/usr/bin/app\0--password={}\0", SECRETS[6])),
        ("proc/77/environ", format!("TOKEN={}\0", SECRETS[5])),
        ("proc/77/status", "Name:\tapp\nPid:\t77\nPPid:\t1\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n".into()),
        ("etc/hostname", "planted\n".into()),
    ];
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
}

#[test]
fn no_secret_leaves_in_any_output() {
    let root = tempfile::tempdir().unwrap();
    plant(root.path());
    let at = root.path().to_str().unwrap();
    let snapshot = root.path().join("snapshot.toml");
    let snapshot = snapshot.to_str().unwrap();
    let (facts, code) = run(&["facts", "--root", at]);
    assert_eq!(code, 0);
    fs::write(snapshot, &facts).unwrap();
    let outputs = [
        ("facts", facts),
        ("human", run(&["report", "--root", at, "--verbose"]).0),
        ("json", run(&["report", "--root", at, "--format", "json"]).0),
        ("replayed", run(&["report", "--facts", snapshot, "--verbose"]).0),
        ("duties", run(&["duties", "--root", at]).0),
        ("duties json", run(&["duties", "--root", at, "--format", "json"]).0),
        ("doctor", run(&["doctor", "--root", at, "--verbose"]).0),
    ];
    for (name, text) in &outputs {
        assert!(text.len() > 40, "{name} says nothing: {text}");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{name} lets out {secret}");
        }
    }
    // The accounts and the keys were really read: this is no test of an empty report.
    let json = &outputs[2].1;
    assert!(json.contains("alice") && json.contains("id_ed25519"), "the planted files were not looked at");
}

#[test]
fn what_a_snapshot_was_made_to_hold_does_not_leave_either() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("forged.toml");
    let hash = format!("$6${}${}", SECRETS[0], SECRETS[1]);
    fs::write(
        &snapshot,
        format!(
            "schema = 1\ntaken_at = \"2026-11-22T00:00:00Z\"\nsystem = \"linux\"\n[machine.known]\nname.known = \"password={hash}\"\n"
        ),
    )
    .unwrap();
    let snapshot = snapshot.to_str().unwrap();
    for arguments in
        [vec!["report", "--facts", snapshot], vec!["report", "--format", "json", "--facts", snapshot]]
    {
        let (text, _) = run(&arguments);
        assert!(text.contains("[redacted]") && !text.contains(SECRETS[1]), "{text}");
    }
}
