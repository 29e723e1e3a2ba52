//! The hosts of an inventory are those that Ansible itself would ask, in the same way.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::support::{left_out, run, top};

/// How each host is reached: address, user, port, private key.
type Ways = BTreeMap<String, [String; 4]>;

fn ours(file: &str) -> Ways {
    let (text, code) = run(&["report", "--inventory", file, "--list-hosts", "--format", "json"]);
    assert_eq!(code, 0, "{text}");
    let listed: Value = serde_json::from_str(&text).unwrap();
    let way = |host: &Value| {
        let target = host["destination"].as_str().unwrap();
        let (user, address) = target.rsplit_once('@').unwrap_or(("", target));
        (
            host["name"].as_str().unwrap().to_owned(),
            [address.to_owned(), user.to_owned(), plain(&host["port"]), plain(&host["identity"])],
        )
    };
    listed["hosts"].as_array().unwrap().iter().map(way).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn hosts_are_reached_as_ansible_reaches_them() {
    let oracle = top().join("target/validator/bin/ansible-inventory");
    // The Python behind it may be one that an ordinary user cannot read.
    if Command::new(&oracle).arg("--version").output().is_err() {
        left_out("inventories as Ansible reads them (tests/run installs ansible-inventory)");
        return;
    }
    let files = std::fs::read_dir(top().join("tests/inventories")).unwrap();
    for file in files.map(|entry| entry.unwrap().path()) {
        let output = Command::new(&oracle)
            .args(["--list", "-i"])
            .arg(&file)
            .env("ANSIBLE_LOCAL_TEMP", std::env::temp_dir())
            .output()
            .unwrap();
        let listed: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let mut theirs: Ways = BTreeMap::new();
        let groups = listed.as_object().unwrap().values();
        for host in groups.filter_map(|group| group["hosts"].as_array()).flatten() {
            let name = host.as_str().unwrap();
            let variables = &listed["_meta"]["hostvars"][name];
            let either = |one: &str, other: &str| match plain(&variables[other]) {
                older if older.is_empty() => plain(&variables[one]),
                older => older,
            };
            let address = either("ansible_host", "ansible_ssh_host");
            let way = [
                if address.is_empty() { name.to_owned() } else { address },
                either("ansible_user", "ansible_ssh_user"),
                either("ansible_port", "ansible_ssh_port"),
                either("ansible_private_key_file", "ansible_ssh_private_key_file"),
            ];
            theirs.insert(name.to_owned(), way);
        }
        assert!(theirs.len() >= 10, "{theirs:?}");
        assert_eq!(ours(file.to_str().unwrap()), theirs, "{}", file.display());
    }
}
