//! The role, played by the real Ansible over SSH.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::super::machines::{Machine, optimised, top};
use super::super::packages;
use super::super::say::left_out;
use super::booted;

/// A machine that lets Ansible in, and what Ansible is told of it.
struct Play<'a> {
    machine: &'a Machine,
    playbook: PathBuf,
    folder: &'a Path,
}

impl<'a> Play<'a> {
    fn prepare(machine: &'a Machine, playbook: PathBuf, folder: &'a Path) -> Self {
        let key = folder.join("key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.unwrap().success());
        machine.sh("install -d -m 700 /root/.ssh");
        machine.put(&key.with_extension("pub"), "/root/.ssh/authorized_keys");
        let host = machine.sh("cat /etc/ssh/ssh_host_ed25519_key.pub");
        fs::write(folder.join("known_hosts"), format!("127.0.0.1 {host}")).unwrap();
        let inventory = format!(
            "web1 ansible_host=127.0.0.1 ansible_user=root ansible_python_interpreter=/usr/bin/python3 \
             ansible_ssh_private_key_file={} ansible_ssh_common_args='-o UserKnownHostsFile={}'\n",
            key.display(),
            folder.join("known_hosts").display()
        );
        fs::write(folder.join("hosts.ini"), inventory).unwrap();
        // Nobody's own configuration counts.
        fs::write(
            folder.join("ansible.cfg"),
            "[defaults]\nnocolor = true\n[connection]\npipelining = true\n",
        )
        .unwrap();
        Self { machine, playbook, folder }
    }

    /// Plays it with these words behind, and gives the numbers of the recap and all that was said.
    fn play(&self, words: &[&str]) -> (BTreeMap<String, u32>, String) {
        let home = format!("ANSIBLE_HOME={}", self.folder.join("home").display());
        let config = format!("ANSIBLE_CONFIG={}", self.folder.join("ansible.cfg").display());
        let program = top().join("target/validator/bin/ansible-playbook");
        let report = format!("hostduty_report_folder={}", self.folder.display());
        let inventory = self.folder.join("hosts.ini");
        let mut all = vec!["env", &config, &home];
        all.extend([program.to_str().unwrap(), "-i", inventory.to_str().unwrap(), "-e", &report]);
        all.extend(words);
        all.push(self.playbook.to_str().unwrap());
        let output = self.machine.in_its_network(&all);
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        let recap = said.lines().find(|line| line.starts_with("web1 ") && line.contains("changed="));
        let recap = recap.unwrap_or_else(|| panic!("{said}"));
        let numbers = recap.split_whitespace().filter_map(|word| word.split_once('='));
        (numbers.map(|(name, number)| (name.to_owned(), number.parse().unwrap())).collect(), said)
    }

    /// Plays it without a failure, and says how much was changed.
    fn changed(&self, words: &[&str]) -> u32 {
        let (recap, said) = self.play(words);
        assert_eq!((recap["failed"], recap["unreachable"]), (0, 0), "{said}");
        assert!(recap["ok"] > 3, "{said}");
        recap["changed"]
    }
}

#[test]
fn the_role_installs_changes_nothing_twice_and_takes_away_again() {
    if !crate::allowed("the role, by Ansible over SSH") {
        return;
    }
    if !top().join("target/validator/bin/ansible-playbook").exists() {
        left_out("the role (tests/run installs ansible-playbook)");
        return;
    }
    let Some(binary) = optimised() else { return };
    let folder = tempfile::tempdir().unwrap();
    let machine = booted("ways-ansible");
    let play = Play::prepare(&machine, top().join("packaging/ansible/playbook.yml"), folder.path());
    let binary_word = format!("hostduty_binary={}", binary.display());
    let words = ["-e", &binary_word];
    let state =
        || machine.sh("systemctl is-active hostduty; systemctl is-enabled hostduty; ls /usr/bin/hostduty");

    // Nothing is done by asking, and once it is done there is nothing to do.
    assert!(play.changed(&["--check", "-e", &binary_word]) >= 3);
    assert_eq!(state(), "inactive\n");
    let changed = play.changed(&words);
    assert!(changed >= 5, "{changed}");
    assert_eq!(state(), "active\nenabled\n/usr/bin/hostduty\n");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("web1.json")).unwrap()).unwrap();
    assert!(report["checks"].as_array().is_some_and(|checks| checks.len() > 30), "{report}");
    let means = machine.sh("hostduty config check");
    for line in
        ["Waiver of encryption-swap by ops@example.org until 2027-01-31", "restore-test", "Alex Martin"]
    {
        assert!(means.contains(line), "{line}: {means}");
    }
    assert!(
        machine.sh("cat /etc/hostduty/hostduty.toml").contains("textfile_folder = \"/run/hostduty/metrics\"")
    );
    assert_eq!(play.changed(&words), 0);

    // A configuration that means nothing never gets there.
    let before = machine.sh("cat /etc/hostduty/hostduty.toml");
    let file = folder.path().join("ours.toml");
    fs::write(&file, "[watch]\npoll = 1\n").unwrap();
    let file = format!("hostduty_config_file={}", file.display());
    let (recap, said) = play.play(&["-e", &binary_word, "-e", &file]);
    assert!(recap["failed"] == 1 && said.contains("unknown key `poll`"), "{said}");
    assert_eq!(machine.sh("cat /etc/hostduty/hostduty.toml"), before);
    assert_eq!(machine.sh("systemctl is-active hostduty"), "active\n");

    assert!(play.changed(&["-e", "hostduty_state=absent"]) >= 2);
    assert_eq!(state(), "inactive\n");
    assert_eq!(machine.sh("ls /etc/hostduty; find /usr/lib -name '*hostduty*'"), "hostduty.toml\n");
    assert_eq!(play.changed(&["-e", "hostduty_state=absent"]), 0);

    // The same by a package.
    let Some(package) = packages::deb() else { return };
    let package = format!("hostduty_package={}", package.display());
    let by_package = ["-e", package.as_str()];
    assert!(play.changed(&by_package) >= 3);
    assert_eq!(state(), "active\nenabled\n/usr/bin/hostduty\n");
    assert_eq!(play.changed(&by_package), 0);
    let away = ["-e", &package, "-e", "hostduty_state=absent", "-e", "hostduty_purge=true"];
    assert!(play.changed(&away) >= 3);
    assert_eq!(state() + &machine.sh("ls -d /etc/hostduty /var/lib/hostduty"), "inactive\n");
}
