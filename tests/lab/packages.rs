//! The packages of packaging/build: the same bytes twice, and installed, upgraded, removed and purged on booted Debians.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use super::machines::{Machine, optimised, top, unpacked_of};
use super::say::left_out;

/// What stands in the configuration of the build before, so that an upgrade brings another one.
const BEFORE: &str = "# As it was before.\n";
const MINE: &str = "# As its administrator wants it.";

/// Two builds of the same, and one of a version before.
struct Builds {
    _folder: tempfile::TempDir,
    now: PathBuf,
    again: PathBuf,
    before: PathBuf,
}

/// The architectures by Debian's name and by rpm's, the own one first.
const ARCHITECTURES: [[&str; 2]; 2] = if cfg!(target_arch = "aarch64") {
    [["arm64", "aarch64"], ["amd64", "x86_64"]]
} else {
    [["amd64", "x86_64"], ["arm64", "aarch64"]]
};

/// The binaries that ship, where packaging/static made them since; else the optimised one, of the own architecture.
static BINARIES: LazyLock<Option<Vec<PathBuf>>> = LazyLock::new(|| {
    let optimised = optimised()?;
    let age = |binary: &Path| binary.metadata().and_then(|binary| binary.modified()).ok();
    let shipped = ARCHITECTURES.map(|[_, machine]| top().join(shipped(machine)));
    if shipped.iter().all(|binary| age(binary) > age(&optimised)) {
        return Some(shipped.into());
    }
    left_out("packages of the binaries that ship (tests/run builds them): these have the one of the tests");
    Some(vec![optimised])
});

/// Where packaging/static leaves a binary.
fn shipped(machine: &str) -> String {
    format!("target/static/hostduty-{machine}-unknown-linux-musl")
}

/// Made once; none where something that they take is missing.
static BUILDS: LazyLock<Option<Builds>> = LazyLock::new(|| {
    if Command::new("rpmbuild").arg("--version").output().is_err() {
        left_out("packages, which take rpmbuild (tests/run installs it)");
        return None;
    }
    let binaries = BINARIES.as_ref()?;
    let folder = tempfile::tempdir().unwrap();
    let [now, again, before, copy] = ["now", "again", "before", "copy"].map(|name| folder.path().join(name));
    build(&top(), binaries, &now, &[]);
    // Another folder, other times and permissions of its files, another time zone.
    std::fs::create_dir(&copy).unwrap();
    let line =
        "umask 077; tar -c --exclude=./target --exclude=./.git . | tar -x -m --no-same-permissions -C \"$0\"";
    assert!(Command::new("sh").args(["-c", line]).arg(&copy).current_dir(top()).status().unwrap().success());
    build(&copy, binaries, &again, &[]);
    let configuration = copy.join("packaging/etc/hostduty/hostduty.toml");
    let text = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(configuration, BEFORE.to_owned() + &text).unwrap();
    build(&copy, binaries, &before, &["--version", "0.0.9"]);
    Some(Builds { _folder: folder, now, again, before })
});

fn build(sources: &Path, binaries: &[PathBuf], to: &Path, more: &[&str]) {
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"$0\" && exec packaging/build \"$@\""]);
    command
        .arg(if sources == top() { "022" } else { "077" })
        .arg("--to")
        .arg(to)
        .args(more)
        .current_dir(sources);
    for (binary, [architecture, _]) in binaries.iter().zip(ARCHITECTURES) {
        command.arg("--binary").arg(binary).args(["--arch", architecture]);
    }
    if sources != top() {
        command.env("SOURCE_DATE_EPOCH", committed()).env("TZ", "Asia/Tokyo");
    }
    let output = command.output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The time of the commit, as the script reads it where the repository is.
fn committed() -> String {
    let own = format!("safe.directory={}", top().display());
    let words = ["-c", &own, "log", "-1", "--format=%ct"];
    let output = Command::new("git").args(words).current_dir(top()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The file of a folder whose name ends so.
fn ending(folder: &Path, end: &str) -> PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.find(|path| path.to_str().unwrap().ends_with(end)).unwrap()
}

/// The package of a kind for an architecture.
fn package_for(names: [&str; 2], folder: &Path, kind: &str) -> PathBuf {
    let [debian, machine] = names;
    match kind {
        "deb" => ending(folder, &format!("_{debian}.deb")),
        "rpm" => ending(folder, &format!(".{machine}.rpm")),
        _ => ending(folder, &format!("-{machine}-linux.tar.gz")),
    }
}

/// The package of a kind for this machine.
fn package(folder: &Path, kind: &str) -> PathBuf {
    package_for(ARCHITECTURES[0], folder, kind)
}

/// The .deb for this machine.
pub(super) fn deb() -> Option<PathBuf> {
    BUILDS.as_ref().map(|builds| package(&builds.now, "deb"))
}

#[test]
fn two_builds_are_the_same_bytes() {
    if !super::allowed("packages built twice") {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let files = |folder: &Path| -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        files
            .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
            .collect()
    };
    let (now, again) = (files(&builds.now), files(&builds.again));
    assert!(now.len() > 4, "{:?}", now.keys());
    assert!(now.keys().eq(again.keys()), "{:?} {:?}", now.keys(), again.keys());
    let other: Vec<&String> = now.keys().filter(|name| now[*name] != again[*name]).collect();
    assert!(other.is_empty(), "another time another {other:?}");
    let mut sums = Command::new("sha256sum");
    let sums = sums.args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&builds.now);
    let sums = sums.output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
}

#[test]
fn lintian_has_nothing_to_say() {
    if !super::allowed("lintian on the package") {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let static_ones = BINARIES.as_ref().is_some_and(|binaries| binaries.len() == ARCHITECTURES.len());
    let architectures = if static_ones { &ARCHITECTURES[..] } else { &ARCHITECTURES[..1] };
    for names in architectures {
        let mut lintian = Command::new("lintian");
        if !static_ones {
            lintian.args(["--suppress-tags", "missing-dependency-on-libc,undeclared-elf-prerequisites"]);
        }
        let Ok(said) = lintian.arg(package_for(*names, &builds.now, "deb")).output() else {
            left_out("lintian, which is not here (tests/run installs it)");
            return;
        };
        assert!(said.status.success() && said.stdout.is_empty(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

/// The bytes that a command prints.
fn printed(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(top()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{program} {arguments:?}: {output:?}");
    output.stdout
}

/// The other processor's packages, unpacked, and their program run in an emulator.
#[test]
fn what_is_packed_for_the_other_processor_runs_there() {
    if !super::allowed("packages of another architecture") {
        return;
    }
    let (Some(builds), Some([own, _])) = (&*BUILDS, BINARIES.as_deref()) else {
        left_out("packages of another architecture (tests/run builds its binary)");
        return;
    };
    let [_, names] = ARCHITECTURES;
    let [deb, rpm, archive] = ["deb", "rpm", "tar.gz"].map(|kind| package_for(names, &builds.now, kind));
    let [deb, rpm, archive] = [&deb, &rpm, &archive].map(|path| path.to_str().unwrap());
    assert_eq!(
        printed("dpkg-deb", &["--field", deb, "Architecture"]),
        format!("{}\n", names[0]).into_bytes()
    );
    assert_eq!(printed("rpm", &["-qp", "--queryformat", "%{arch}", rpm]), names[1].as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    printed("dpkg-deb", &["--extract", deb, to]);
    let program = folder.path().join("usr/bin/hostduty");
    let bytes = std::fs::read(&program).unwrap();
    assert!(bytes == printed("bsdtar", &["-xOf", rpm, "./usr/bin/hostduty"]), "the .rpm has another program");
    let folder_of = Path::new(archive).file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz");
    let in_archive = printed("bsdtar", &["-xOf", archive, &format!("{folder_of}/hostduty")]);
    assert!(bytes == in_archive, "the archive has another program");
    let emulator = format!("qemu-{}-static", names[1]);
    let question = ["report", "--root", "tests/roots/ubuntu-careless/root", "--at", "2026-11-22"];
    let theirs = printed(&emulator, &[&[program.to_str().unwrap()], &question[..]].concat());
    assert!(theirs == printed(own.to_str().unwrap(), &question), "two processors, two opinions");
}

/// The same commit, built once more in another folder, is the same program on both processors.
#[test]
fn two_static_builds_are_the_same_bytes() {
    if !super::allowed("binaries built twice") {
        return;
    }
    if std::env::var_os("HOSTDUTY_NIGHTLY").is_none() {
        left_out("binaries built twice, which takes a quarter of an hour (tests/run --all)");
        return;
    }
    let Some(binaries) = BINARIES.as_deref().filter(|binaries| binaries.len() == ARCHITECTURES.len()) else {
        return;
    };
    let copy = tempfile::tempdir().unwrap();
    let line = "tar -c --exclude=./target --exclude=./.git . | tar -x -C \"$0\"";
    assert!(
        Command::new("sh").args(["-c", line]).arg(copy.path()).current_dir(top()).status().unwrap().success()
    );
    let built = Command::new(copy.path().join("packaging/static")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for (binary, [_, machine]) in binaries.iter().zip(ARCHITECTURES) {
        let again = copy.path().join(shipped(machine));
        assert!(
            std::fs::read(binary).unwrap() == std::fs::read(again).unwrap(),
            "{machine}: another program"
        );
    }
}

/// What another reader says of an inventory.
const INVENTORY: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or ''))";

#[test]
fn the_inventory_is_valid_and_complete() {
    if !super::allowed("the inventory of crates") {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let python = top().join("target/validator/bin/python");
    if !Command::new(&python).args(["-c", "import cyclonedx"]).status().is_ok_and(|status| status.success()) {
        left_out("the validation of the inventory (tests/run installs its validator)");
        return;
    }
    let text = std::fs::read_to_string(ending(&builds.now, ".cdx.json")).unwrap();
    let complaint = |text: &str| {
        let said =
            assert_cmd::Command::new(&python).args(["-c", INVENTORY]).write_stdin(text).output().unwrap();
        String::from_utf8(said.stderr).unwrap().trim().to_owned()
    };
    assert_eq!(complaint(&text), "");
    let broken = text.replacen("\"library\"", "\"libary\"", 1);
    assert!(complaint(&broken).contains("libary"), "a broken one is taken for valid");
    // What cargo itself says is compiled for the program, by another of its commands.
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--package", "hostduty", "--edges", "normal,build", "--prefix", "none"]);
    tree.args(["--target", "x86_64-unknown-linux-musl", "--target", "aarch64-unknown-linux-musl"]);
    let tree = tree.args(["--format", "{p}"]).current_dir(top()).output().unwrap();
    let crates = String::from_utf8(tree.stdout).unwrap();
    let crates =
        crates.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join("@").replace("@v", "@"));
    let crates: BTreeSet<String> = crates.filter(|name| !name.is_empty()).collect();
    let inventory: Value = serde_json::from_str(&text).unwrap();
    let listed = inventory["dependencies"].as_array().unwrap().iter().map(|one| {
        let reference = one["ref"].as_str().unwrap().replace("%2B", "+");
        reference.rsplit('/').next().unwrap().to_owned()
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), crates);
}

/// Runs a line that must not fail.
fn done(machine: &Machine, line: &str) -> String {
    let output = machine.run(&["sh", "-c", &format!("exec 2>&1 </dev/null; set -e; {line}")]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{line}: {said}");
    said
}

const UNITS: &str = "hostduty.service hostduty-report.timer";

/// A machine with systemd, and the packages of both builds as /run/before.* and /run/now.*.
fn machine(suite: &str, kind: &str, builds: &Builds) -> Machine {
    let root = unpacked_of(suite, &format!("packages-{suite}"), "systemd-sysv,dbus,rpm");
    let machine = Machine::over(&root, &format!("packages-{suite}-{}", kind.replace('.', "-")));
    // What every machine of the laboratory has would hide what the package brings.
    done(&machine, "rm /usr/local/bin/hostduty");
    machine.put(&package(&builds.before, kind), &format!("/run/before.{kind}"));
    machine.put(&package(&builds.now, kind), &format!("/run/now.{kind}"));
    machine
}

/// Installed, nothing runs; started, all of it works.
fn works(machine: &Machine) {
    assert_eq!(machine.sh(&format!("systemctl is-enabled {UNITS}")), "disabled\ndisabled\n");
    assert_eq!(machine.sh(&format!("systemctl is-active {UNITS}")), "inactive\ninactive\n");
    let verified =
        "systemd-analyze verify --man=no hostduty.service hostduty-report.service hostduty-report.timer";
    assert_eq!(done(machine, verified), "");
    done(machine, &format!("systemctl enable --now {UNITS}"));
    assert_eq!(done(machine, "stat -c '%U %G %a' /var/lib/hostduty"), "hostduty hostduty 750\n");
    let report = machine.run(&["hostduty", "report"]);
    assert!(matches!(report.status.code(), Some(0 | 1 | 3)), "{report:?}");
    assert!(String::from_utf8_lossy(&report.stdout).contains("firewall"), "{report:?}");
    let status = machine.run(&["hostduty", "status"]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    done(machine, "systemctl start hostduty-report.service");
    done(machine, &format!("echo '{MINE}' >>/etc/hostduty/hostduty.toml"));
}

/// The process of the watch.
fn watch(machine: &Machine) -> String {
    assert_eq!(machine.sh(&format!("systemctl is-active {UNITS}")), "active\nactive\n");
    machine.sh("systemctl show -P MainPID hostduty.service")
}

/// Upgrades by a line: the new watch runs, the administrator's configuration is the same, the new one lies beside it.
fn upgraded(machine: &Machine, line: &str, beside: &str) {
    let watched = watch(machine);
    done(machine, line);
    assert_ne!(watch(machine), watched, "the watch is still the old program");
    let configuration = done(machine, "cat /etc/hostduty/hostduty.toml");
    assert!(configuration.starts_with(BEFORE) && configuration.contains(MINE), "{configuration}");
    let new = std::fs::read_to_string(top().join("packaging/etc/hostduty/hostduty.toml")).unwrap();
    assert_eq!(done(machine, &format!("cat /etc/hostduty/hostduty.toml{beside}")), new);
}

/// Removed by a line: nothing runs, nothing is asked for at boot, the program is gone and the record is there.
fn removed(machine: &Machine, line: &str) {
    done(machine, line);
    assert_eq!(machine.sh("systemctl list-units --all --no-legend 'hostduty*'"), "");
    assert_eq!(machine.sh("find /etc/systemd /run/systemd/system -name 'hostduty*'"), "");
    assert_eq!(machine.sh("find /usr -name '*hostduty*' ! -path '/usr/local/*'"), "");
    done(machine, "test -s /var/lib/hostduty/history/head || ls -R /var/lib/hostduty | grep -q json");
}

/// Nothing has its name but the user, whose number no other shall get.
fn gone(machine: &Machine) {
    let left = "find / -xdev -name '*hostduty*'; find /run -name '*hostduty*' ! -path '/run/udev/*'";
    assert_eq!(machine.sh(left), "");
    done(machine, "getent passwd hostduty && getent group hostduty");
}

fn debian(suite: &str) {
    if !super::allowed(&format!("the .deb on {suite}")) {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let machine = machine(suite, "deb", builds);
    done(&machine, "dpkg -i /run/before.deb");
    works(&machine);
    upgraded(&machine, "dpkg -i --force-confold /run/now.deb", ".dpkg-dist");
    removed(&machine, "dpkg -r hostduty");
    assert!(done(&machine, "cat /etc/hostduty/hostduty.toml").contains(MINE));
    done(&machine, "dpkg -i /run/now.deb");
    done(&machine, &format!("systemctl enable --now {UNITS}; dpkg -P hostduty"));
    gone(&machine);
}

#[test]
fn the_deb_on_debian_12() {
    debian("bookworm");
}

#[test]
fn the_deb_on_debian_13() {
    debian("trixie");
}

/// Debian's rpm with a database of its own, which knows of no systemd (--nodeps), on a real one.
#[test]
fn the_rpm_by_rpm() {
    if !super::allowed("the .rpm on a booted system") {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let machine = machine("trixie", "rpm", builds);
    let rpm = "rpm --nodeps";
    done(&machine, &format!("{rpm} -i /run/before.rpm"));
    works(&machine);
    upgraded(&machine, &format!("{rpm} -U /run/now.rpm"), ".rpmnew");
    done(
        &machine,
        "rpm -V --nodeps hostduty || [ \"$(rpm -V --nodeps hostduty | grep -v ' c /etc/hostduty/hostduty.toml')\" = '' ]",
    );
    removed(&machine, &format!("{rpm} -e hostduty"));
    assert!(done(&machine, "cat /etc/hostduty/hostduty.toml.rpmsave").contains(MINE));
}

/// Elsewhere the archive installs itself and takes itself away again.
#[test]
fn the_archive_by_its_own_script() {
    if !super::allowed("the archive on a booted system") {
        return;
    }
    let Some(builds) = &*BUILDS else { return };
    let machine = machine("bookworm", "tar.gz", builds);
    done(&machine, "cd /tmp && tar -xzf /run/before.tar.gz && hostduty-*/install");
    works(&machine);
    removed(&machine, "/tmp/hostduty-*/install --uninstall");
}

/// The archive for macOS puts there what the sources put there; what program it holds is all the same to it.
#[test]
fn the_archive_for_macos_installs_what_the_sources_install() {
    if !super::allowed("the archive for macOS") {
        return;
    }
    let Some(binary) = optimised() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [dist, theirs, ours] =
        ["dist", "theirs", "ours"].map(|name| folder.path().join(name).display().to_string());
    let binary = binary.to_str().unwrap();
    printed("packaging/build", &["--binary", binary, "--arch", "macos", "--to", &dist]);
    let archive = ending(Path::new(&dist), "-aarch64-macos.tar.gz");
    printed("tar", &["-xzf", archive.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let name = archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz").to_owned();
    printed(folder.path().join(name).join("install").to_str().unwrap(), &[&theirs]);
    printed("packaging/macos/install", &["--binary", binary, &ours]);
    assert_eq!(printed("diff", &["-r", "--no-dereference", &theirs, &ours]), b"");
    assert!(Path::new(&theirs).join("Library/LaunchDaemons").is_dir());
}
