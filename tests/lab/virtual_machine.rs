//! A Debian on a kernel of its own, with disks and a firmware, in which hostduty is installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::machines::{self, top, unpacked_of};
use super::say::left_out;
use super::units::Shell;

/// What boots: the machine of the other tests, a kernel and what loads its modules, and what makes and shows disks.
const PACKAGES: &str = "systemd-sysv,dbus,openssh-server,iproute2,nftables,sudo,cron,rsyslog,libpam-systemd,kmod,udev,\
                        linux-image-cloud-amd64,cryptsetup-bin,lvm2,mdadm,qemu-guest-agent";

/// The folders with the images that this run has made, by release. Whoever holds it is alone: there is one machine at a time.
type Images = BTreeMap<String, Image>;
static IMAGES: Mutex<Images> = Mutex::new(BTreeMap::new());

#[derive(Clone)]
struct Image {
    folder: PathBuf,
    encrypted: bool,
}

/// A virtual machine that ends with its test.
pub(super) struct VirtualMachine {
    folder: PathBuf,
    _alone: MutexGuard<'static, Images>,
}

impl VirtualMachine {
    /// Boots a Debian 12 with this hardware, in the words of `tests/lab/vm start`; `None` where it does not boot, and why
    /// is said.
    pub(super) fn boot(hardware: &[&str]) -> Option<Self> {
        Self::of("bookworm", hardware)
    }

    /// Boots another release.
    pub(super) fn of(suite: &str, hardware: &[&str]) -> Option<Self> {
        let binary = machines::optimised()?;
        let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = image(&mut images, suite, &binary, hardware.contains(&"encrypted"));
        let started = script(&[&["start", folder.to_str().unwrap()], hardware].concat());
        if !started.status.success() {
            left_out(format!("a virtual machine: {}", String::from_utf8_lossy(&started.stderr)));
            return None;
        }
        Some(Self { folder, _alone: images })
    }

    /// Boots it again, with what was written since.
    pub(super) fn reboot(&self) {
        self.outside("reboot");
    }
}

impl Shell for VirtualMachine {
    fn sh(&self, line: &str) -> String {
        let output = script(&["run", self.folder.to_str().unwrap(), line]);
        String::from_utf8(output.stdout).unwrap()
    }

    fn outside(&self, words: &str) {
        let mut words = words.split(' ');
        let mut all = vec![words.next().unwrap(), self.folder.to_str().unwrap()];
        all.extend(words);
        let done = script(&all);
        assert!(done.status.success(), "{all:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for VirtualMachine {
    fn drop(&mut self) {
        script(&["stop", self.folder.to_str().unwrap()]);
    }
}

/// The folder with the image of a release, made at its first use in a run.
fn image(images: &mut Images, suite: &str, binary: &Path, encrypted: bool) -> PathBuf {
    if !images.contains_key(suite) {
        images.insert(suite.to_owned(), Image { folder: made(suite, binary), encrypted: false });
    }
    let image = images.get_mut(suite).unwrap();
    if encrypted && !image.encrypted {
        image.encrypted = true;
        let done = script(&["encrypt", image.folder.to_str().unwrap()]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    image.folder.clone()
}

fn made(suite: &str, binary: &Path) -> PathBuf {
    let root = unpacked_of(suite, &format!("vm-{suite}"), PACKAGES);
    let copy = root.with_extension("copy");
    let _ = std::fs::remove_dir_all(&copy);
    let ready = Command::new("cp").args(["-a", "--reflink=auto"]).args([&root, &copy]).status();
    assert!(ready.unwrap().success());
    let installed =
        Command::new(top().join("packaging/install")).arg("--binary").args([binary, &copy]).status();
    assert!(installed.unwrap().success());
    for line in [
        "systemd-sysusers hostduty.conf",
        "systemctl enable hostduty nftables",
        // As a rented server has it, and before hostduty looks.
        "printf 'table inet filter {\\nchain input {\\ntype filter hook input priority 0; policy drop\\n\
         ct state established accept\\ntcp dport 22 accept\\n}\\n}\\n' > /etc/nftables.conf",
    ] {
        let done = Command::new("chroot").arg(&copy).args(["sh", "-c", line]).status();
        assert!(done.unwrap().success(), "{line}");
    }
    let folder = root.with_extension("machine");
    let image = script(&["image", copy.to_str().unwrap(), folder.to_str().unwrap()]);
    assert!(image.status.success(), "{}", String::from_utf8_lossy(&image.stderr));
    std::fs::remove_dir_all(copy).unwrap();
    folder
}

fn script(arguments: &[&str]) -> Output {
    Command::new(top().join("tests/lab/vm")).args(arguments).output().unwrap()
}
