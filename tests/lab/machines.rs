//! A freshly installed Debian 12 with sshd, booted, and what hostduty knows of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;

/// What a customer finds on a fresh server.
const PACKAGES: &str =
    "systemd-sysv,dbus,openssh-server,iproute2,nftables,sudo,cron,rsyslog,libpam-systemd,dropbear-bin";

/// The root that every machine is a layer over, unpacked once below the build folder.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| unpacked("bookworm", PACKAGES));

/// A booted machine that ends with its test.
pub(super) struct Machine {
    name: String,
    /// The process that is its first.
    pid: String,
}

impl Machine {
    /// Boots a throw-away copy of Debian 12.
    pub(super) fn boot(name: &str) -> Self {
        Self::over(&ROOT, name)
    }

    /// Boots a throw-away copy of an unpacked root.
    pub(super) fn over(root: &Path, name: &str) -> Self {
        Self::with(root, name, None)
    }

    /// The same, with the files of a folder already there when it boots.
    pub(super) fn with(root: &Path, name: &str, files: Option<&Path>) -> Self {
        let files = files.map(|folder| folder.to_str().unwrap());
        let output = script(&[&["start", root.to_str().unwrap(), name], files.as_slice()].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pid = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let machine = Self { name: name.to_owned(), pid };
        machine.put(Path::new(env!("CARGO_BIN_EXE_hostduty")), "/usr/local/bin/hostduty");
        machine.sh("chmod 755 /usr/local/bin/hostduty");
        machine
    }

    /// Copies a file into it.
    pub(super) fn put(&self, from: &Path, to: &str) {
        let mut command = Command::new(top().join("tests/lab/machine"));
        command.args(["run", &self.name, "sh", "-c", &format!("cat > {to}")]);
        let copied = command.stdin(std::fs::File::open(from).unwrap()).status().unwrap();
        assert!(copied.success(), "{} could not be copied to {to}", from.display());
    }

    /// Installs hostduty in it as the README says.
    pub(super) fn install(&self) {
        let source = tempfile::NamedTempFile::new().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(source.path()).arg("-C").arg(top()).args(["packaging", "systemd"]);
        assert!(tar.status().unwrap().success());
        self.put(source.path(), "/run/source.tar");
        let installed = self.run(&[
            "sh",
            "-c",
            "mkdir -p /run/source; tar -C /run/source -xf /run/source.tar; \
             /run/source/packaging/install --binary /usr/local/bin/hostduty",
        ]);
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    }

    /// Runs a program of this machine in its network.
    pub(super) fn in_its_network(&self, words: &[&str]) -> Output {
        Command::new("nsenter").args(["--net", "--target", &self.pid]).args(words).output().unwrap()
    }

    /// Runs a shell line in it and gives its standard output.
    pub(super) fn sh(&self, line: &str) -> String {
        String::from_utf8(self.run(&["sh", "-c", line]).stdout).unwrap()
    }

    /// Runs a program in it.
    pub(super) fn run(&self, words: &[&str]) -> Output {
        script(&[&["run", &self.name], words].concat())
    }

    /// Its report.
    pub(super) fn report(&self) -> Value {
        serde_json::from_str(&self.sh("hostduty report --format json")).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        script(&["stop", &self.name]);
    }
}

/// A Debian 12 with some packages below the build folder, unpacked anew when the list of packages is another.
pub(super) fn unpacked(name: &str, packages: &str) -> PathBuf {
    unpacked_of("bookworm", name, packages)
}

/// Another release of Debian.
pub(super) fn unpacked_of(suite: &str, name: &str, packages: &str) -> PathBuf {
    // Two tests may want the same at the same time.
    static BUSY: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let own = BUSY.lock().unwrap().entry(name.to_owned()).or_default().clone();
    let _busy = own.lock().unwrap_or_else(PoisonError::into_inner);
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let list = root.with_extension("packages");
    if !root.is_dir() || std::fs::read_to_string(&list).ok().as_deref() != Some(packages) {
        // Only what this very function has unpacked is thrown away.
        let _ = std::fs::remove_dir_all(&root);
        let output = script(&["root", suite, root.to_str().unwrap(), packages]);
        assert!(
            output.status.success(),
            "no Debian could be unpacked: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::fs::write(list, packages).unwrap();
    }
    root
}

pub(super) fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The binary as it ships, which tests/run builds: what takes a processor seconds would take the other one minutes.
pub(super) fn optimised() -> Option<PathBuf> {
    let binary = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("release/hostduty");
    if binary.is_file() {
        return Some(binary);
    }
    super::left_out("what takes the optimised binary (tests/run builds it: cargo build --release)");
    None
}

fn script(arguments: &[&str]) -> Output {
    Command::new(top().join("tests/lab/machine")).args(arguments).output().unwrap()
}

pub(super) fn verdict<'a>(report: &'a Value, id: &str) -> &'a str {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap();
    check["verdict"].as_str().unwrap()
}

#[test]
fn a_fresh_debian_is_mostly_decided() {
    if !super::allowed("a booted Debian 12") {
        return;
    }
    let machine = Machine::boot("fresh");
    let report = machine.report();
    let checks = report["checks"].as_array().unwrap();
    let applicable: Vec<&Value> =
        checks.iter().filter(|check| check["verdict"] != "not-applicable").collect();
    let open: Vec<String> = applicable
        .iter()
        .filter(|check| check["verdict"] == "unknown")
        .map(|check| format!("{}: {}", check["id"], check["reason"]))
        .collect();
    let decided = applicable.len() - open.len();
    eprintln!("decided {decided} of {}; open:\n{}", applicable.len(), open.join("\n"));
    assert!(
        decided * 100 >= applicable.len() * 80,
        "{decided} of {}:\n{}",
        applicable.len(),
        open.join("\n")
    );
}

#[test]
fn verdicts_follow_what_is_done_to_the_machine() {
    if !super::allowed("a Debian 12 that is changed and judged again") {
        return;
    }
    let machine = Machine::boot("changed");
    let before = machine.report();
    assert_eq!(verdict(&before, "firewall-enforced"), "fail");
    assert_eq!(verdict(&before, "accounts-uid-zero"), "pass");

    machine.sh("useradd -m alice && echo alice:correct-horse | chpasswd");
    machine.sh("printf 'table inet filter {\nchain input {\ntype filter hook input priority 0; policy drop;\nct state established accept\ntcp dport 22 accept\n}\n}\n' > /etc/nftables.conf && systemctl enable --now nftables");
    machine.sh("useradd -o -u 0 -M toor");
    let open = machine.report();
    assert_eq!(verdict(&open, "ssh-key-only"), "fail");
    assert_eq!(verdict(&open, "firewall-enforced"), "pass");
    assert_eq!(verdict(&open, "firewall-persistent"), "pass");
    assert_eq!(verdict(&open, "accounts-uid-zero"), "fail");

    // Files and processes are dated to the second.
    machine.sh("sleep 2");
    machine.sh("printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' > /etc/ssh/sshd_config.d/10-keys.conf");
    machine.sh("userdel toor; sed -i '/^toor:/d' /etc/passwd");
    // The file says one thing and the daemon that runs another: that is not kept.
    assert_eq!(verdict(&machine.report(), "ssh-key-only"), "unknown");
    machine.sh("systemctl reload ssh");
    let closed = machine.report();
    assert_eq!(verdict(&closed, "ssh-key-only"), "pass");
    assert_eq!(verdict(&closed, "accounts-uid-zero"), "pass");
}

#[test]
fn a_user_without_privileges_learns_what_can_be_known() {
    if !super::allowed("an ordinary user on a booted Debian 12") {
        return;
    }
    let machine = Machine::boot("ordinary");
    machine.sh("useradd -m bob");
    let text = machine
        .sh("setpriv --reuid=$(id -u bob) --regid=$(id -g bob) --clear-groups hostduty report --format json");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(verdict(&report, "accounts-uid-zero"), "pass");
    assert_eq!(verdict(&report, "passwords-empty"), "unknown");
    assert_eq!(verdict(&report, "firewall-enforced"), "unknown");
    let doctor =
        machine.sh("setpriv --reuid=$(id -u bob) --regid=$(id -g bob) --clear-groups hostduty doctor");
    assert!(doctor.contains("/etc/shadow") && doctor.contains("passwords-empty"), "{doctor}");
}
