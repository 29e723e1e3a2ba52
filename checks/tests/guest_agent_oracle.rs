//! The table of guest tools and what we take qemu-ga's options for, held against Debian's real packages.
//!
//! The packages are downloaded by this machine's own apt and unpacked, never installed; qemu-ga runs on a socket of its own
//! in a folder of the test. Where apt cannot download one, it is left out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod guest_host;
mod host;
mod say;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use checks::check::Verdict;
use checks::facts::packages::Packages;
use checks::facts::units::Units;
use checks::facts::{self, Facts};
use checks::gap::Reading;
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;
use guest_host::{kvm, process};
use host::Root;
use say::left_out;

/// A package, unpacked.
struct Package {
    folder: tempfile::TempDir,
}

impl Package {
    /// Downloads and unpacks one; nothing where this machine cannot.
    fn get(name: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let download = Command::new("/usr/bin/apt-get")
            .args(["-qq", "download", name])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .status();
        let archive = fs::read_dir(folder.path())
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|end| end == "deb"));
        let (Ok(_), Some(archive)) = (download, archive) else {
            left_out(format!("the package {name}, which apt-get cannot download here"));
            return None;
        };
        let root = folder.path().join("root");
        // On a host /bin, /lib and /sbin are those below /usr.
        fs::create_dir_all(root.join("usr")).unwrap();
        for name in ["bin", "lib", "sbin"] {
            fs::create_dir_all(root.join("usr").join(name)).unwrap();
            std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
        }
        let unpack = Command::new("/usr/bin/dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&archive)
            .stdout(Stdio::piped())
            .spawn();
        let mut unpack = unpack.unwrap();
        let tar = Command::new("/usr/bin/tar")
            .args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--directory"])
            .arg(&root)
            .stdin(unpack.stdout.take().unwrap())
            .status();
        assert!(tar.unwrap().success() && unpack.wait().unwrap().success(), "{name}");
        Some(Self { folder })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Puts a file beside those of the package.
    fn put(&self, path: &str, text: &str) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    fn process(&self, pid: u32, exe: &str, unit: &str) {
        let name = exe.rsplit('/').next().unwrap();
        self.put(
            &format!("/proc/{pid}/stat"),
            &format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0\n"),
        );
        self.put(&format!("/proc/{pid}/status"), "Uid:\t0\t0\t0\t0\n");
        self.put(&format!("/proc/{pid}/cgroup"), &format!("0::/system.slice/{unit}\n"));
        self.link(&format!("/proc/{pid}/exe"), exe);
        fs::create_dir_all(self.root().join(format!("proc/{pid}/fd"))).unwrap();
    }

    /// Makes the package's files those of a machine with systemd on this hypervisor.
    fn on(&self, vendor: &str, product: &str, port: Option<&str>) {
        self.put("/sys/class/dmi/id/sys_vendor", vendor);
        self.put("/sys/class/dmi/id/product_name", product);
        self.put("/proc/sys/kernel/osrelease", "6.1.0-40-amd64\n");
        self.put("/proc/stat", "btime 1795340000\n");
        self.put("/proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n");
        self.put("/usr/lib/systemd/systemd", "");
        self.put("/etc/systemd/system/note", "");
        self.put("/sys/class/misc/note", "");
        if let Some(port) = port {
            self.put("/sys/class/virtio-ports/vport2p1/name", port);
        }
        fs::create_dir_all(self.root().join("run/systemd/system")).unwrap();
        self.process(1, "/usr/lib/systemd/systemd", "init.scope");
    }

    fn facts(&self) -> Facts {
        facts::gather(&Root::new(self.root().to_str().unwrap(), guest_host::NOW).unwrap())
    }
}

fn verdict(facts: &Facts, id: &str) -> (Verdict, String) {
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let policy = Policy::default();
    let report = report::judge(facts, &policy, &detected, &[id.to_owned()]);
    (report.outcomes[0].verdict, report.outcomes[0].reason.clone())
}

#[test]
fn the_table_knows_what_debian_packages_bring() {
    for (name, (vendor, product), unit, program, device) in [
        (
            "qemu-guest-agent",
            ("QEMU", "Standard PC"),
            "qemu-guest-agent.service",
            "/usr/sbin/qemu-ga",
            "/dev/vport2p1",
        ),
        ("open-vm-tools", ("VMware, Inc.", "VMware7,1"), "open-vm-tools.service", "/usr/bin/vmtoolsd", ""),
        (
            "hyperv-daemons",
            ("Microsoft Corporation", "Virtual Machine"),
            "hv-kvp-daemon.service",
            "/usr/sbin/hv_kvp_daemon",
            "/dev/vmbus/hv_kvp",
        ),
        (
            "waagent",
            ("Microsoft Corporation", "Virtual Machine"),
            "walinuxagent.service",
            "/usr/sbin/waagent",
            "",
        ),
        (
            "virtualbox-guest-utils",
            ("innotek GmbH", "VirtualBox"),
            "virtualbox-guest-utils.service",
            "/usr/sbin/VBoxService",
            "/dev/vboxguest",
        ),
    ] {
        let Some(package) = Package::get(name) else { continue };
        package.on(vendor, product, (name == "qemu-guest-agent").then_some("org.qemu.guest_agent.0"));
        if device.starts_with("/dev/v") && name != "qemu-guest-agent" {
            package.put(device, "");
        }
        // By the program alone, without a database of packages.
        let found = verdict(&package.facts(), "guest-tools-running");
        assert!(found.0 == Verdict::Fail && !found.1.contains("not installed"), "{name}: {found:?}");
        // By the name of the package alone.
        let mut facts = package.facts();
        let mut known = Packages::default();
        known.installed.insert(name.to_owned(), "1".to_owned());
        facts.packages = Reading::Known(known);
        facts.units = Reading::Known(Units::default());
        if let Reading::Known(hypervisor) = &mut facts.hypervisor {
            hypervisor.tool_files.clear();
        }
        let found = verdict(&facts, "guest-tools-enabled");
        assert!(found.1.contains("is installed, and no unit starts it"), "{name}: {found:?}");
        // By its unit: rules of udev start some, the real systemctl enables the others.
        if !["qemu-guest-agent", "hyperv-daemons"].contains(&name) {
            let found = verdict(&package.facts(), "guest-tools-enabled");
            assert!(found.1.contains(&format!("{unit} is disabled")), "{name}: {found:?}");
            let root = format!("--root={}", package.root().display());
            let enabled = Command::new("/usr/bin/systemctl")
                .args([root.as_str(), "enable", unit])
                .env("SYSTEMCTL_SKIP_SYSV", "1")
                .output();
            let Ok(enabled) = enabled else {
                left_out(format!("{unit}, which takes systemctl to enable"));
                continue;
            };
            assert!(enabled.status.success(), "{}", String::from_utf8_lossy(&enabled.stderr));
        }
        let found = verdict(&package.facts(), "guest-tools-enabled");
        assert_eq!(found.0, Verdict::Pass, "{name}: {found:?}");
        assert!(found.1.contains(&format!("starts at boot by {unit}")), "{name}: {found:?}");
        // By its process; an agent in Python runs as that.
        let script = fs::read(package.root().join(&program[1..])).unwrap().starts_with(b"#!");
        package.process(812, if script { "/usr/bin/python3.11" } else { program }, unit);
        if !device.is_empty() {
            package.link("/proc/812/fd/3", device);
        }
        let found = verdict(&package.facts(), "guest-tools-running");
        assert_eq!(found.0, Verdict::Pass, "{name}: {found:?}");
        eprintln!("{name}: {}", found.1);
    }
}

#[test]
fn packages_that_are_no_guest_tools_are_not_taken_for_them() {
    // One reads xenstore for people, the other shares a clipboard; no hypervisor counts on either.
    for (name, (vendor, product)) in
        [("xenstore-utils", ("Xen", "HVM domU")), ("spice-vdagent", ("QEMU", "Standard PC"))]
    {
        let Some(package) = Package::get(name) else { continue };
        package.on(vendor, product, Some("org.qemu.guest_agent.0"));
        let mut facts = package.facts();
        let mut known = Packages::default();
        known.installed.insert(name.to_owned(), "1".to_owned());
        facts.packages = Reading::Known(known);
        let found = verdict(&facts, "guest-tools-running");
        assert!(found.0 == Verdict::Fail && found.1.contains("is not installed"), "{name}: {found:?}");
    }
}

#[test]
fn vmtoolsd_has_the_plugins_that_we_look_for() {
    let Some(unpacked) = Package::get("open-vm-tools") else { return };
    let list = Command::new("/usr/bin/find")
        .arg(unpacked.root())
        .args(["-path", "*/plugins/vmsvc/*", "-printf", "%f\n"])
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for plugin in ["guestInfo", "powerOps", "vmbackup"] {
        assert!(list.lines().any(|line| line == format!("lib{plugin}.so")), "{list}");
    }
    let example = fs::read_to_string(unpacked.root().join("etc/vmware-tools/tools.conf.example")).unwrap();
    for key in ["#poll-interval=30", "#enableSyncDriver=true"] {
        assert!(example.contains(key), "tools.conf knows {key} no more");
    }
}

/// A real qemu-ga on a socket of its own.
struct Agent {
    child: Child,
}

impl Agent {
    /// The commands that it says it refuses; nothing where it does not start.
    fn refuses(program: &Path, configuration: Option<&str>, options: &[&str]) -> Option<BTreeSet<String>> {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("socket"), folder.path().join("conf"));
        if let Some(text) = configuration {
            fs::write(&file, text).unwrap();
        }
        let child = Command::new(program)
            .args(["-m", "unix-listen", "-p"])
            .arg(&socket)
            .arg("-t")
            .arg(folder.path())
            .args(options)
            .env("QGA_CONF", &file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut agent = Self { child };
        while !socket.exists() {
            if agent.child.try_wait().unwrap().is_some() {
                return None;
            }
            sleep(Duration::from_millis(20));
        }
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"{\"execute\":\"guest-info\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
        let commands = answer["return"]["supported_commands"].as_array().unwrap();
        let refused = commands.iter().filter(|command| command["enabled"] == false);
        Some(refused.map(|command| command["name"].as_str().unwrap().to_owned()).collect())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What hostduty takes the same configuration and options for; nothing where it holds the file for broken.
fn ours(configuration: Option<&str>, options: &[&str]) -> Option<BTreeSet<String>> {
    let mut tree = process(kvm(), 812, "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service")
        .file("/proc/812/cmdline", format!("/usr/sbin/qemu-ga\0{}\0", options.join("\0")));
    if let Some(text) = configuration {
        tree = tree.file("/etc/qemu/qemu-ga.conf", text);
    }
    let facts = facts::gather(&tree);
    let agent = facts.processes.known().unwrap().list.iter().find(|process| process.pid == 812).unwrap();
    let limits = agent.limits.as_ref().unwrap().value()?;
    Some(limits.iter().filter(|limit| !limit.only).flat_map(|limit| limit.names.clone()).collect())
}

#[test]
fn qemu_ga_refuses_what_we_say_that_it_refuses() {
    let Some(unpacked) = Package::get("qemu-guest-agent") else { return };
    let program = unpacked.root().join("usr/sbin/qemu-ga");
    let Ok(version) = Command::new(&program).arg("-V").output() else {
        return left_out("qemu-ga, which does not run");
    };
    if !version.status.success() {
        return left_out(format!("qemu-ga: {}", String::from_utf8_lossy(&version.stderr).trim()));
    }
    // This build of Debian's cannot list devices whatever it is told.
    let always = Agent::refuses(&program, None, &[]).unwrap();
    let mut compared = 0;
    for (configuration, options) in [
        (None, &["-b", "guest-shutdown"][..]),
        (None, &["--block-rpcs=guest-shutdown, guest-exec"]),
        (None, &["--blacklist=guest-shutdown"]),
        (None, &["--bl", "guest-exec"]),
        (None, &["-vbguest-shutdown", "-b", "guest-exec"]),
        (None, &["--", "-b", "guest-shutdown"]),
        (None, &["word", "-b", "guest-shutdown"]),
        (None, &["-b", ""]),
        (None, &["-l", "/dev/null", "-b", "guest-sync,guest-sync-delimited,guest-ping"]),
        (Some("[general]\nblock-rpcs=guest-shutdown\n"), &[]),
        (Some("[general]\nblock-rpcs=guest-shutdown\n"), &["-b", "guest-exec"]),
        (Some("[general]\n blacklist = guest-shutdown ,guest-exec\n"), &[]),
        (Some("[general]\nblacklist=guest-exec  \n"), &[]),
        (Some("[general]\nblacklist=guest-exec\nblock-rpcs=guest-shutdown\n"), &[]),
        (Some("[general]\nblock-rpcs=guest-shutdown\nblock-rpcs=guest-exec\n"), &[]),
        (
            Some(
                "[general]\nblock-rpcs=guest-shutdown\n[other]\nblock-rpcs=guest-exec\n[general]\nverbose=true\n",
            ),
            &[],
        ),
        (Some("[General]\nblock-rpcs=guest-shutdown\n"), &[]),
        (Some("[general]\nblock-rpcs=guest-shutdown;guest-exec\n"), &[]),
        (Some("[general]\nblock-rpcs=\"guest-shutdown\"\n"), &[]),
        (Some("[general]\nblock-rpcs[de]=guest-shutdown\n"), &[]),
        (Some("[general]\nblock-rpcs=guest-\\sx,guest-exec\n"), &[]),
        (Some("[general]\r\nblock-rpcs=guest-shutdown\r\n"), &[]),
        (Some("# note\n\n  [general] \n\tblock-rpcs\t=\tguest-exec\n"), &[]),
        (Some("nonsense\n"), &[]),
        (Some("[general]\nnonsense\n"), &[]),
        (Some("[general]\n;block-rpcs=guest-exec\n"), &[]),
        (Some("block-rpcs=guest-exec\n[general]\n"), &[]),
        (Some("[general]x\nblock-rpcs=guest-exec\n"), &[]),
        (Some("[general]\n=x\n"), &[]),
    ] {
        let real = Agent::refuses(&program, configuration, options);
        let real = real.map(|names| names.difference(&always).cloned().collect::<BTreeSet<String>>());
        assert_eq!(ours(configuration, options), real, "{configuration:?} {options:?}");
        compared += 1;
    }
    eprintln!("{compared} configurations of {}", String::from_utf8_lossy(&version.stdout).trim());
}
