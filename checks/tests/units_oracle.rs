//! The states of units are what systemctl(1) itself says of the same root.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod host;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command as Program;

use checks::date::Timestamp;
use checks::facts::units::{UnitState, Units};
use checks::facts::{Facts, ROOMS};
use host::Root;
use say::left_out;

fn units(root: &Path) -> Units {
    let mut facts = Facts::default();
    let room = ROOMS.iter().find(|room| room.name == "units").unwrap();
    (room.gather)(&Root::new(root.to_str().unwrap(), Timestamp(0)).unwrap(), &mut facts);
    facts.units.known().unwrap().clone()
}

/// What systemctl says of one unit of a root, without the suffix for the runtime of a link, which we do not tell apart.
fn systemctl(root: &Path, unit: &str) -> String {
    let output =
        Program::new("systemctl").arg("--root").arg(root).args(["is-enabled", "--", unit]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().replace("linked-runtime", "linked")
}

fn is_missing() -> bool {
    let missing = Program::new("systemctl").arg("--version").output().is_err();
    if missing {
        left_out("there is no systemctl to compare with");
    }
    missing
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn link(root: &Path, path: &str, target: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.symlink_metadata().is_err() {
        symlink(target, path).unwrap();
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("usr/lib/systemd/system")).unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    write(root, "/usr/lib/systemd/systemd", "");
    folder
}

const WANTED: &str = "[Service]\nExecStart=/usr/bin/x\n[Install]\nWantedBy=multi-user.target\n";
const BARE: &str = "[Service]\nExecStart=/usr/bin/x\n";

#[test]
fn every_state_is_as_systemctl_says() {
    if is_missing() {
        return;
    }
    let folder = folder();
    let root = folder.path().to_owned();
    let unit = |name: &str, text: &str| write(&root, &format!("/usr/lib/systemd/system/{name}"), text);
    let etc = |name: &str, target: &str| link(&root, &format!("/etc/systemd/system/{name}"), target);
    let run = |name: &str, target: &str| link(&root, &format!("/run/systemd/system/{name}"), target);
    let vendor = |name: &str, target: &str| link(&root, &format!("/usr/lib/systemd/system/{name}"), target);
    for name in ["enabled", "disabled", "runtime", "required", "hidden", "upheld"] {
        unit(&format!("{name}.service"), WANTED);
    }
    etc("multi-user.target.wants/enabled.service", "/usr/lib/systemd/system/enabled.service");
    etc("multi-user.target.requires/required.service", "../../../../lib/systemd/system/required.service");
    etc("wrong-target.target.wants/enabled.service", "nonsense");
    run("multi-user.target.wants/runtime.service", "/usr/lib/systemd/system/runtime.service");
    for name in ["static", "vendor-wanted", "static-but-wanted", "masked", "masked-run", "empty", "empty-run"]
    {
        unit(&format!("{name}.service"), BARE);
    }
    vendor("multi-user.target.wants/vendor-wanted.service", "../vendor-wanted.service");
    unit("vendor-install.service", WANTED);
    vendor("multi-user.target.wants/vendor-install.service", "../vendor-install.service");
    etc(
        "multi-user.target.wants/static-but-wanted.service",
        "/usr/lib/systemd/system/static-but-wanted.service",
    );
    etc("masked.service", "/dev/null");
    etc("multi-user.target.wants/masked.service", "/usr/lib/systemd/system/masked.service");
    run("masked-run.service", "/dev/null");
    write(&root, "/etc/systemd/system/empty.service", "");
    write(&root, "/run/systemd/system/empty-run.service", "");
    etc("masked-and-gone.service", "/dev/null");
    vendor("masked-by-vendor.service", "/dev/null");
    unit("overridden.service", WANTED);
    write(&root, "/etc/systemd/system/overridden.service", BARE);
    write(&root, "/etc/systemd/system/local.service", WANTED);
    write(&root, "/usr/local/lib/systemd/system/site.service", WANTED);
    etc("multi-user.target.wants/site.service", "/usr/local/lib/systemd/system/site.service");
    unit("ssh.service", &format!("{WANTED}Alias=sshd.service\n"));
    etc("sshd.service", "/usr/lib/systemd/system/ssh.service");
    etc("multi-user.target.wants/ssh.service", "/usr/lib/systemd/system/ssh.service");
    unit("display.service", "[Service]\nExecStart=/x\n[Install]\nAlias=display-manager.service\n");
    etc("display-manager.service", "/usr/lib/systemd/system/display.service");
    unit("nodisplay.service", "[Service]\nExecStart=/x\n[Install]\nAlias=another-manager.service\n");
    unit("other-name.service", WANTED);
    etc("unasked-name.service", "/usr/lib/systemd/system/other-name.service");
    unit("vendor-name.service", BARE);
    vendor("vendor-alias.service", "vendor-name.service");
    unit("also.service", "[Service]\nExecStart=/x\n[Install]\nAlso=also.socket\n");
    unit("also.socket", "[Socket]\nListenStream=1\n[Install]\nWantedBy=sockets.target\n");
    etc("sockets.target.wants/also.socket", "/usr/lib/systemd/system/also.socket");
    unit("daily.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n");
    unit(
        "getty@.service",
        "[Service]\nExecStart=/x\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
    );
    etc("getty.target.wants/getty@tty1.service", "/usr/lib/systemd/system/getty@.service");
    unit(
        "other@.service",
        "[Service]\nExecStart=/x\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
    );
    etc("getty.target.wants/other@ttyS0.service", "/usr/lib/systemd/system/other@.service");
    unit("idle@.service", WANTED);
    unit("vend@.service", BARE);
    vendor("multi-user.target.wants/vend@a.service", "../vend@.service");
    unit("plain@.service", BARE);
    etc("plain@x.service", "/usr/lib/systemd/system/plain@.service");
    write(&root, "/opt/tool/linked.service", WANTED);
    etc("linked.service", "/opt/tool/linked.service");
    write(&root, "/opt/tool/linked-on.service", WANTED);
    etc("linked-on.service", "/opt/tool/linked-on.service");
    etc("multi-user.target.wants/linked-on.service", "/opt/tool/linked-on.service");
    write(&root, "/opt/tool/linked-run.service", WANTED);
    run("linked-run.service", "/opt/tool/linked-run.service");
    unit("dropped.service", BARE);
    write(
        &root,
        "/etc/systemd/system/dropped.service.d/install.conf",
        "[Install]\nWantedBy=multi-user.target\n",
    );
    unit("unset.service", WANTED);
    unit("alias-of-mask.service", "");
    etc("to-mask.service", "/usr/lib/systemd/system/masked.service");
    for dir in ["generator", "generator.early", "generator.late"] {
        write(&root, &format!("/run/systemd/{dir}/made-{dir}.service"), BARE);
    }
    link(
        &root,
        "/run/systemd/generator/local-fs.target.wants/static.service",
        "/usr/lib/systemd/system/static.service",
    );
    let ours = units(&root);
    compare(&root, &ours, 50);
    // Links that hide others are a thing of systemd itself; systemctl takes them for links that start the unit.
    link(&root, "/usr/lib/systemd/system/multi-user.target.wants/hidden.service", "../hidden.service");
    link(&root, "/etc/systemd/system/multi-user.target.wants/hidden.service", "/dev/null");
    assert_eq!(units(&root).units["hidden.service"].wanted_by, Vec::<String>::new());
}

fn compare(root: &Path, ours: &Units, at_least: usize) {
    let mut differ = BTreeMap::new();
    for (name, unit) in &ours.units {
        let said = systemctl(root, name);
        if said != unit.state.name() {
            differ.insert(name.clone(), (unit.state.name(), said));
        }
    }
    assert!(differ.is_empty(), "ours, then systemctl's: {differ:#?}");
    assert!(ours.units.len() >= at_least, "only {} units", ours.units.len());
    eprintln!("{} units agree", ours.units.len());
}

#[test]
fn random_roots_are_as_systemctl_says() {
    if is_missing() {
        return;
    }
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    const DIRS: &[&str] = &[
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
    ];
    const NAMES: &[&str] =
        &["a.service", "b.service", "c.socket", "d.timer", "t@.service", "t@one.service", "t@two.service"];
    const INSTALL: &[&str] = &[
        "",
        "[Install]\nWantedBy=m.target\n",
        "[Install]\nAlias=b.service\n",
        "[Install]\nAlso=c.socket\n",
        "[Install]\nWantedBy=m.target\nDefaultInstance=one\n",
    ];
    let (mut compared, mut refused) = (0, 0);
    for round in 0..80 {
        let folder = folder();
        let root = folder.path().to_owned();
        for name in NAMES {
            for dir in DIRS {
                match random(8) {
                    0 | 1 => write(
                        &root,
                        &format!("{dir}/{name}"),
                        &format!("[Service]\nExecStart=/x\n{}", INSTALL[random(5) as usize]),
                    ),
                    2 if random(3) == 0 => link(&root, &format!("{dir}/{name}"), "/dev/null"),
                    3 if random(4) == 0 => write(&root, &format!("{dir}/{name}"), ""),
                    4 => link(&root, &format!("{dir}/m.target.wants/{name}"), &format!("../{name}")),
                    5 if random(2) == 0 => {
                        let other = NAMES[random(NAMES.len() as u64) as usize];
                        if other != *name && other.rsplit('.').next() == name.rsplit('.').next() {
                            link(
                                &root,
                                &format!("{dir}/{name}"),
                                &format!("/usr/lib/systemd/system/{other}"),
                            );
                        }
                    }
                    _ => {}
                }
            }
        }
        let ours = units(&root);
        let mut differ = BTreeMap::new();
        for (name, unit) in &ours.units {
            let said = systemctl(&root, name);
            if said.is_empty() || said == "not-found" {
                refused += 1;
                continue;
            }
            compared += 1;
            if said != unit.state.name() {
                differ.insert(name.clone(), (unit.state.name(), said));
            }
        }
        assert!(differ.is_empty(), "round {round}: ours, then systemctl's: {differ:#?}");
    }
    eprintln!(
        "{compared} units of random roots agree; {refused} left out, of which systemctl reports an error"
    );
}

#[test]
fn this_machine_is_as_systemctl_says() {
    if is_missing() || !Path::new("/usr/lib/systemd/systemd").exists() {
        left_out("this machine has no systemd");
        return;
    }
    // A copy of the folders only, so that nothing that runs decides which init system there is.
    let folder = folder();
    let root = folder.path().to_owned();
    for dir in ["etc/systemd", "usr/lib/systemd/system", "usr/local/lib/systemd"] {
        copy(&Path::new("/").join(dir), &root.join(dir));
    }
    let ours = units(&root);
    let masks = ours.units.values().filter(|unit| unit.state == UnitState::Masked).count();
    compare(&root, &ours, 20);
    eprintln!("of which {masks} are masked");
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        match fs::read_link(&path) {
            Ok(target) => symlink(target, to).unwrap(),
            Err(_) if path.is_dir() => copy(&path, &to),
            Err(_) => {
                fs::copy(&path, &to).unwrap();
                fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
            }
        }
    }
}
