//! One command asks fifty machines over SSH, some of them slow, dead or hostile, and leaves nothing on any of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machines::top;
use super::say::left_out;

/// The kinds that tests/lab/fleet/host knows, as whom they are asked, and what comes of it. There is one host of each;
/// plain ones make them fifty.
const KINDS: &[(&str, &str, &str)] = &[
    // Those that take long come first, so that others are asked meanwhile.
    ("stuck", "root", "timed-out"),
    ("stopped", "root", "unreachable"),
    ("absent", "root", "unreachable"),
    ("slow", "root", "reported"),
    ("sh-bash", "root", "reported"),
    ("sh-busybox", "root", "reported"),
    ("csh", "csh", "reported"),
    ("fish", "fish", "reported"),
    ("noisy", "root", "reported"),
    ("painted", "root", "reported"),
    ("lingering", "root", "reported"),
    ("noexec-memory", "root", "reported"),
    ("sudo", "ann", "reported"),
    ("no-proc", "root", "reported"),
    ("no-sudo", "bob", "no-sudo"),
    ("noexec", "root", "noexec"),
    ("no-room", "root", "no-room"),
    ("no-shell", "nobody-here", "no-shell"),
    ("other-processor", "root", "no-binary"),
    ("wrong-key", "root", "host-key-changed"),
    ("unknown-key", "root", "host-key-unknown"),
    ("refusing", "root", "authentication-refused"),
    ("closed", "root", "unreachable"),
    ("endless", "root", "too-much-output"),
    ("endless-errors", "root", "too-much-output"),
    ("huge", "root", "too-much-output"),
    ("deep", "root", "malformed-answer"),
    ("control", "root", "no-shell"),
    ("broken", "root", "malformed-answer"),
    ("forged", "root", "malformed-answer"),
    ("cut", "root", "connection-lost"),
];
const HOSTS: usize = 50;

/// The namespaces with everybody in them; they end with it.
struct Town {
    work: tempfile::TempDir,
    keeper: Child,
}

impl Town {
    fn build(hosts: &[(String, &str)]) -> Self {
        // Those who log in read keys and programs there.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let work = tempfile::Builder::new().permissions(readable).tempdir().unwrap();
        let mut keeper = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "bash"])
            .arg(top().join("tests/lab/fleet/town"))
            .arg(work.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = keeper.stdin.as_mut().unwrap();
        for (name, kind) in hosts {
            writeln!(input, "{name} {kind}").unwrap();
        }
        writeln!(input, "end").unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = fs::read_to_string(work.path().join("log")).unwrap_or_default();
        assert_eq!(line, "ready\n", "{log}");
        // The binary for the other side is the one under test; without its debugging information it travels faster.
        let folder =
            work.path().join("binaries").join(format!("{}-unknown-linux-musl", std::env::consts::ARCH));
        fs::create_dir_all(&folder).unwrap();
        let binary = env!("CARGO_BIN_EXE_hostduty");
        let stripped = Command::new("strip").args([binary, "-o"]).arg(folder.join("hostduty")).status();
        if !stripped.is_ok_and(|status| status.success()) {
            fs::copy(binary, folder.join("hostduty")).unwrap();
        }
        Self { work, keeper }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// hostduty as the client runs it.
    fn hostduty(&self, arguments: &[&str]) -> Command {
        let mut command = self.within(&self.keeper.id().to_string(), &["-n"]);
        command.arg(env!("CARGO_BIN_EXE_hostduty")).arg("report").arg("--remote-binaries");
        command.arg(self.path("binaries")).args(arguments);
        command.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        command
    }

    /// A program among the mounts of a host.
    fn on(&self, host: &str, words: &[&str]) -> String {
        let pid = fs::read_to_string(self.path("pids").join(host)).unwrap();
        let output = self.within(pid.trim(), &[]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn within(&self, pid: &str, more: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        // `unshare --fork` is in the namespaces of its child but for that of processes.
        command.args(["-t", pid, "-m"]).args(more).arg("--");
        command
    }

    fn files(&self, host: &str) -> Vec<String> {
        let text = self.on(host, &["find", "/tmp", "/var/tmp", "/dev/shm", "/run", "/srv"]);
        let mut files: Vec<String> = text.lines().map(str::to_owned).collect();
        files.sort();
        files
    }

    fn files_before(&self, host: &str) -> Vec<String> {
        let mut files: Vec<String> =
            fs::read_to_string(self.path("before").join(host)).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    }

    /// Waits until a host has no other files than before anybody came.
    fn is_clean(&self, host: &str, within: Duration) -> Result<(), String> {
        let until = Instant::now() + within;
        loop {
            let (before, after) = (self.files_before(host), self.files(host));
            // What sudo itself remembers about a user.
            let more: Vec<&String> = after
                .iter()
                .filter(|file| !before.contains(file) && !file.starts_with("/run/sudo"))
                .collect();
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{host}: {more:?}"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until no process runs on a host but those that it was built with, and `tail`, with which liars wait.
    fn is_quiet(&self, host: &str) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let text = self.on(host, &["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null"]);
            // `pid (name) state`; the first process of a host waits for nobody, so that the dead stay in the list.
            let alive = text.lines().filter(|line| !line.contains(") Z ") && !line.starts_with("1 ("));
            let left: Vec<&str> =
                alive.filter(|line| !["(sshd)", "(tail)"].iter().any(|own| line.contains(own))).collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{host} still runs {left:?}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // It ends with its input, and everybody with it.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn hosts() -> Vec<(String, &'static str)> {
    let plain = HOSTS - KINDS.len();
    let kinds = KINDS.iter().map(|(kind, ..)| ((*kind).to_owned(), *kind));
    kinds.chain((1..=plain).map(|number| (format!("plain{number:02}"), "plain"))).collect()
}

/// As whom each is asked is said in the ways that inventories have.
fn inventory() -> String {
    let mut text = "[kinds]\n".to_owned();
    for (kind, user, _) in KINDS {
        let user = if *user == "root" { String::new() } else { format!(" ansible_user={user}") };
        text += &format!("{kind}{user}\n");
    }
    text += "[special:children]\nkinds\n[special:vars]\nansible_user=root\n";
    text += &format!("[plain]\nplain[01:{:02}]\n", HOSTS - KINDS.len());
    text
}

fn is_installed(program: &str) -> bool {
    Path::new(program).exists()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Holds the merged report against its schema, and each report in it against that of reports.
fn valid(town: &Town, fleet: &Value) {
    let program = top().join("target/validator/bin/check-jsonschema");
    if !program.exists() {
        left_out("the validation of the merged report (tests/run installs the validator)");
        return;
    }
    let merged = town.path("fleet.json");
    fs::write(&merged, fleet.to_string()).unwrap();
    let mut reports = Vec::new();
    for host in fleet["hosts"].as_array().unwrap().iter().filter(|host| host["report"].is_object()) {
        let file = town.path(&format!("{}.json", host["name"].as_str().unwrap()));
        fs::write(&file, host["report"].to_string()).unwrap();
        reports.push(file);
    }
    for (schema, files) in [("fleet-v1", vec![merged]), ("report-v1", reports)] {
        let schema = top().join(format!("packaging/schema/{schema}.schema.json"));
        let output = Command::new(&program).arg("--schemafile").arg(schema).args(files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn fifty_machines_are_asked_and_nothing_stays_on_them() {
    if !super::allowed("fifty machines asked over SSH") {
        return;
    }
    let town = Town::build(&hosts());
    let inventory_file = town.path("hosts.ini");
    fs::write(&inventory_file, inventory()).unwrap();
    let config = town.path("hostduty.toml");
    fs::write(&config, "offer = \"ovhcloud-public-cloud\" # it's the operator's\n").unwrap();
    let (inventory_file, config) = (inventory_file.to_str().unwrap(), config.to_str().unwrap());
    let begun = Instant::now();
    let mut command =
        town.hostduty(&["--inventory", inventory_file, "--config", config, "--sudo", "--timeout", "15"]);
    let output = command.args(["--jobs", "12", "--format", "json"]).output().unwrap();
    eprintln!("{HOSTS} hosts took {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    // Nothing that a terminal would obey, and nothing beside the answer.
    assert!(output.stdout.iter().all(|byte| *byte >= b' ' || *byte == b'\n'));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let fleet = json(&output);
    assert_eq!(fleet["summary"]["hosts"], HOSTS);

    valid(&town, &fleet);

    let outcomes: BTreeMap<&str, &Value> = fleet["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| (host["name"].as_str().unwrap(), host))
        .collect();
    let mut problems = Vec::new();
    for (kind, _, expected) in KINDS {
        let host = outcomes[kind];
        let missing = match *kind {
            "csh" => !is_installed("/usr/bin/tcsh"),
            "fish" => !is_installed("/usr/bin/fish"),
            "sh-busybox" => !is_installed("/bin/busybox"),
            _ => false,
        };
        if missing {
            left_out(format!("a host with the shell of `{kind}`"));
        } else if host["outcome"] != *expected {
            problems.push(format!("{kind} is {} ({}), not {expected}", host["outcome"], host["detail"]));
        }
    }
    let reported: Vec<&&Value> = outcomes.values().filter(|host| host["outcome"] == "reported").collect();
    for host in &reported {
        let (name, report) = (&host["name"], &host["report"]);
        if report["host"]["seen_by_uid"] != 0 && *name != "no-proc" {
            problems.push(format!("{name} was not seen by root: {}", report["host"]));
        }
        if report["offer"]["how"] != format!("configured in {config}:1") {
            problems.push(format!("{name}: {}", report["offer"]));
        }
    }
    let painted = outcomes["painted"]["report"]["checks"].to_string();
    // As JSON writes it, and as hostduty does what JSON would not.
    assert!(painted.contains("\\u001b[2J\\\\u{202e}"), "nobody painted: {painted}");
    // The merge: each host is once in each check that it reported on.
    assert_eq!(fleet["summary"]["reported"], reported.len());
    for check in fleet["checks"].as_array().unwrap() {
        for verdict in ["fail", "unknown", "waived", "pass", "not_applicable"] {
            let named: Vec<&str> =
                check[verdict].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            let wanted: Vec<&str> = reported
                .iter()
                .filter(|host| {
                    let mut checks = host["report"]["checks"].as_array().unwrap().iter();
                    let own = checks.find(|own| own["id"] == check["id"]).unwrap();
                    own["verdict"].as_str().unwrap().replace('-', "_") == verdict
                })
                .map(|host| host["name"].as_str().unwrap())
                .collect();
            let (mut named, mut wanted) = (named, wanted);
            named.sort_unstable();
            wanted.sort_unstable();
            if named != wanted {
                problems.push(format!("{} {verdict}: {named:?}, not {wanted:?}", check["id"]));
            }
        }
    }
    for (name, kind) in hosts() {
        if kind != "absent" {
            problems.extend(town.is_clean(&name, Duration::from_secs(20)).err());
            problems.extend(town.is_quiet(&name).err());
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    eprintln!("with the search for what stays {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn a_broken_connection_leaves_nothing() {
    if !super::allowed("connections over SSH that break while the binary travels") {
        return;
    }
    let town = Town::build(&[("killed".to_owned(), "late"), ("unplugged".to_owned(), "late")]);
    let ask = |host: &str, timeout: &str| {
        let mut command =
            town.hostduty(&["--host", &format!("root@{host}"), "--timeout", timeout, "--format", "json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The other side waits four seconds before it reads the binary.
        let until = Instant::now() + Duration::from_secs(20);
        while !town.files(host).iter().any(|file| file.contains("/hostduty.") && file.ends_with("/hostduty"))
        {
            assert!(Instant::now() < until, "{host} was never sent anything");
            thread::sleep(Duration::from_millis(50));
        }
        child
    };

    // Neither hostduty nor ssh can say good-bye.
    let mut child = ask("killed", "30");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    for pid in children.split_whitespace().map(|pid| pid.parse().unwrap()).chain([child.id()]) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    child.wait().unwrap();
    town.is_clean("killed", Duration::from_secs(10)).unwrap();

    // Nothing tells the other side that nobody is there any more: its watchdog has to find out.
    let child = ask("unplugged", "6");
    let pid = town.keeper.id().to_string();
    let pulled = town.within(&pid, &["-n"]).args(["ip", "link", "set", "far2", "down"]).status().unwrap();
    assert!(pulled.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(json(&output)["hosts"][0]["outcome"], "timed-out", "{}", json(&output)["hosts"][0]);
    assert!(town.is_clean("unplugged", Duration::ZERO).is_err(), "the test looks at the wrong place");
    town.is_clean("unplugged", Duration::from_secs(15)).unwrap();
    for host in ["killed", "unplugged"] {
        town.is_quiet(host).unwrap();
    }
}
