//! Our mounts and devices are those that findmnt and lsblk (util-linux) tell, on this machine and on stacks made for it.
//!
//! The stacks take root, loop devices and mkfs; md, LUKS and LVM also take a kernel that has them and mdadm, cryptsetup
//! and lvm2. What is missing is printed as left out (`--nocapture`). Mounts are made in a mount namespace of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use checks::facts::block::walk::{Standing, Walker};
use checks::facts::block::{Backing, Block, Kind};
use checks::facts::{ROOMS, begin};
use checks::gap::Gap;
use live::Live;
use say::left_out;
use serde_json::Value;

/// Devices that one test makes would surprise the other between its two looks.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn this_machine_is_as_lsblk_and_findmnt_tell_it() {
    let _turn = TURN.lock();
    let block = match gather(1) {
        Ok(block) => block,
        Err(gap) => return left_out(format!("this machine: {gap}")),
    };
    compare_with_lsblk(&block);
    compare_with_findmnt(&block, 1);
}

#[test]
fn stacks_are_as_lsblk_and_findmnt_tell_them() {
    let _turn = TURN.lock();
    let Some(mut lab) = Lab::new() else { return };
    let clear = lab.partitioned("clear");
    lab.run(&["mkfs.ext4", "-q", &clear]);
    lab.mount(&clear, "clear with a space");
    lab.run(&["mkdir", &lab.path("clear with a space/bound"), &lab.path("elsewhere")]);
    lab.run(&["mount", "--bind", &lab.path("clear with a space/bound"), &lab.path("elsewhere")]);

    let inner = lab.image("clear with a space/inner.img", 16);
    let inner = lab.attach(&inner);
    lab.run(&["mkfs.ext4", "-q", &inner]);
    lab.mount(&inner, "inner");
    lab.overlay();
    lab.btrfs();
    lab.swap_area();
    let stacked = lab.md_luks_lvm();

    let block = gather(lab.holder.id()).unwrap();
    compare_with_lsblk(&block);
    compare_with_findmnt(&block, lab.holder.id());
    let place = |name: &str| block.mounts.iter().find(|mount| mount.point == lab.path(name)).unwrap();
    let chain = |name: &str| block.chain(&place(name).beneath);
    let kernel = |device: &str| device.trim_start_matches("/dev/").to_owned();
    assert!(chain("clear with a space").starts_with(&kernel(&clear)), "{}", chain("clear with a space"));
    assert!(chain("inner").contains(&format!("inner.img) ← {} ", kernel(&clear))), "{}", chain("inner"));
    assert_eq!(place("elsewhere").root, "/bound");
    if stacked {
        eprintln!("{}", chain("stacked"));
        assert_eq!(Walker::new(&block).standing(&place("stacked").beneath), Standing::Encrypted);
        let (_, level, array) = block.arrays().next().unwrap();
        assert_eq!((level, array.disks, array.degraded), ("raid1", 2, Some(1)));
        assert_eq!(block.degraded().len(), 1);
    }
    if let Some(swap) = &lab.swap {
        let seen = block.swaps.known().unwrap().iter().find(|seen| seen.path == *swap).unwrap();
        assert_eq!(seen.beneath, Backing::Devices(vec![kernel(swap)]));
        let mapped = swap.starts_with("/dev/dm-");
        let expected = if mapped { Standing::Encrypted } else { Standing::Clear { partly: false } };
        assert_eq!(Walker::new(&block).standing(&seen.beneath), expected);
    }
}

fn gather(pid: u32) -> Result<Block, Gap> {
    let host = Live { pid };
    let mut facts = begin(&host);
    let room = ROOMS.iter().find(|room| room.name == "block").unwrap();
    (room.gather)(&host, &mut facts);
    facts.block.known().cloned()
}

/// Every device that lsblk lists and uses has our number, size, flags and kind, and stands on the same devices.
fn compare_with_lsblk(block: &Block) {
    // lsblk nests devices only beside their names.
    let columns = "NAME,KNAME,MAJ:MIN,TYPE,SIZE,RO,RM";
    let Some(json) = json(&["lsblk", "--json", "--bytes", "--all", "--output", columns], "blockdevices")
    else {
        return left_out("devices: lsblk is missing");
    };
    let (mut rows, mut below) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<String>>::new());
    let mut todo: Vec<(Value, Option<String>)> = json.into_iter().map(|row| (row, None)).collect();
    while let Some((row, parent)) = todo.pop() {
        let name = row["kname"].as_str().unwrap().to_owned();
        below.entry(name.clone()).or_default().extend(parent);
        for child in row["children"].as_array().into_iter().flatten() {
            todo.push((child.clone(), Some(name.clone())));
        }
        rows.insert(name, row);
    }
    for (name, device) in &block.devices {
        let row = rows.get(name).unwrap_or_else(|| panic!("lsblk does not list {name}"));
        assert_eq!(row["maj:min"].as_str().map(str::trim), Some(device.number.as_str()), "{name}");
        assert_eq!(row["size"].as_u64().unwrap_or(0), device.bytes, "size of {name}");
        assert_eq!(row["ro"].as_bool(), Some(device.read_only), "{name}");
        assert_eq!(row["rm"].as_bool(), Some(device.removable), "{name}");
        let kind = match &device.kind {
            Kind::Disk | Kind::Zram => "disk".to_owned(),
            Kind::Partition => "part".to_owned(),
            Kind::Crypt(_) => "crypt".to_owned(),
            Kind::Lvm => "lvm".to_owned(),
            Kind::Raid(level) if level != "lvm" => level.clone(),
            Kind::Loop => "loop".to_owned(),
            _ => row["type"].as_str().unwrap().to_owned(),
        };
        assert_eq!(row["type"].as_str(), Some(kind.as_str()), "{name}");
        // lsblk does not follow the file behind a loop device, and we do.
        if let (Backing::Devices(names), true) = (&device.beneath, device.kind != Kind::Loop) {
            assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), below[name], "beneath {name}");
        }
    }
    for (name, row) in &rows {
        let used = row["type"] != "loop" || row["size"].as_u64().unwrap_or(0) > 0;
        assert!(!used || block.devices.contains_key(name), "we do not list {name}");
    }
}

/// Every mount of ours is one of findmnt's, and what findmnt says lies on a device is one of ours, or an image.
fn compare_with_findmnt(block: &Block, pid: u32) {
    let columns = "TARGET,SOURCE,FSTYPE,MAJ:MIN,FSROOT";
    let pid = pid.to_string();
    let command = ["findmnt", "--json", "--list", "--nofsroot", "--task", &pid, "--output", columns];
    let Some(json) = json(&command, "filesystems") else { return left_out("mounts: findmnt is missing") };
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().trim().to_owned();
    let rows: Vec<[String; 4]> = json
        .iter()
        .map(|row| [text(row, "target"), text(row, "source"), text(row, "fstype"), text(row, "fsroot")])
        .collect();
    for mount in &block.mounts {
        let root = if mount.root.is_empty() { "/" } else { &mount.root };
        let ours = [mount.point.clone(), mount.source.clone(), mount.file_system.clone(), root.to_owned()];
        assert!(rows.contains(&ours), "findmnt does not show {ours:?} among {rows:?}");
    }
    for row in json.iter().filter(|row| !text(row, "maj:min").starts_with("0:")) {
        let image = matches!(row["fstype"].as_str(), Some("squashfs" | "iso9660" | "erofs"));
        let target = text(row, "target");
        assert!(image || block.mounts.iter().any(|mount| mount.point == target), "we do not show {target}");
    }
}

fn json(command: &[&str], list: &str) -> Option<Vec<Value>> {
    let output = Command::new(command[0]).args(&command[1..]).output().ok()?;
    let value: Value = serde_json::from_slice(&output.stdout).ok()?;
    value[list].as_array().cloned()
}

/// A mount namespace with loop devices, which vanish with it.
struct Lab {
    dir: tempfile::TempDir,
    holder: Child,
    loops: Vec<String>,
    swap: Option<String>,
    undo: Vec<Vec<String>>,
}

impl Lab {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let script = "mount --make-rprivate / && echo ready && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().ok()?;
        let mut ready = [0_u8; 6];
        let read = std::io::Read::read_exact(holder.stdout.as_mut()?, &mut ready);
        let lab = Self { dir, holder, loops: Vec::new(), swap: None, undo: Vec::new() };
        if read.is_err() || !lab.try_run(&["losetup", "--find"]) || !lab.try_run(&["mkfs.ext4", "-V"]) {
            left_out("stacks of block devices, which take root, loop devices and mkfs.ext4");
            return None;
        }
        Some(lab)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a program inside the namespace.
    fn output(&self, words: &[&str]) -> Option<String> {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let output = Command::new("nsenter").arg(namespace).args(words).output().ok()?;
        if !output.status.success() {
            left_out(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()));
        }
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
    fn try_run(&self, words: &[&str]) -> bool {
        self.output(words).is_some()
    }
    fn run(&self, words: &[&str]) {
        assert!(self.try_run(words), "{words:?} failed");
    }

    fn image(&self, name: &str, mebibytes: u64) -> String {
        // Inside the namespace, because the folder may be a mount that only exists there.
        let path = self.path(name);
        self.run(&["truncate", "--size", &format!("{mebibytes}M"), &path]);
        path
    }
    fn attach(&mut self, image: &str) -> String {
        let device = self.output(&["losetup", "--find", "--show", "--partscan", image]).unwrap();
        self.loops.push(device.clone());
        device
    }
    fn loop_device(&mut self, name: &str) -> String {
        let image = self.image(&format!("{name}.img"), 128);
        self.attach(&image)
    }
    /// A partition, where sfdisk makes one and the kernel sees it; else the whole device.
    fn partitioned(&mut self, name: &str) -> String {
        let image = self.image(&format!("{name}.img"), 128);
        let made = self.try_run(&["sh", "-c", &format!("echo , | sfdisk --quiet '{image}'")]);
        let device = self.attach(&image);
        let part = format!("{device}p1");
        // A kernel need not know any partition table.
        if made && Path::new(&part).exists() { part } else { device }
    }
    fn mount(&self, device: &str, name: &str) {
        self.run(&["mkdir", &self.path(name)]);
        self.run(&["mount", device, &self.path(name)]);
    }

    fn overlay(&self) {
        let under = self.path("inner");
        for dir in ["upper", "work"] {
            self.run(&["mkdir", &format!("{under}/{dir}")]);
        }
        self.run(&["mkdir", &self.path("over")]);
        let options = format!("lowerdir=/usr,upperdir={under}/upper,workdir={under}/work");
        self.try_run(&["mount", "-t", "overlay", "overlay", "-o", &options, &self.path("over")]);
    }

    fn btrfs(&mut self) {
        let (one, two) = (self.loop_device("btrfs-one"), self.loop_device("btrfs-two"));
        if self.try_run(&["mkfs.btrfs", "-q", "-m", "raid1", "-d", "raid1", &one, &two]) {
            self.run(&["mkdir", &self.path("btrfs")]);
            let options = format!("device={one},device={two}");
            self.try_run(&["mount", "-o", &options, &one, &self.path("btrfs")]);
        }
    }

    fn swap_area(&mut self) {
        let (mut device, name) = (self.loop_device("swap"), format!("hostduty-swap{}", std::process::id()));
        let plain = ["--type", "plain", "--cipher", "aes-xts-plain64", "--key-size", "256"];
        let open = ["cryptsetup", "open", "--key-file", "/dev/urandom", &device, &name];
        if has_device_mapper() && self.try_run(&[open.as_slice(), &plain].concat()) {
            self.undo.push(vec!["cryptsetup".into(), "close".into(), name.clone()]);
            device = self.output(&["realpath", &format!("/dev/mapper/{name}")]).unwrap();
        }
        if self.try_run(&["mkswap", &device]) && self.try_run(&["swapon", &device]) {
            self.undo.push(vec!["swapoff".into(), device.clone()]);
            self.swap = Some(device);
        }
    }

    /// ext4 on a logical volume on LUKS on a mirror that has lost one half.
    fn md_luks_lvm(&mut self) -> bool {
        if !has_device_mapper() {
            left_out("md, LUKS and LVM: this kernel has no device-mapper");
            return false;
        }
        let (one, two) = (self.loop_device("md-one"), self.loop_device("md-two"));
        let number = std::process::id();
        let (md, crypt, group) = ("/dev/md77", format!("hostduty{number}"), format!("hostduty-vg{number}"));
        let (key, mapped) = (self.path("key"), format!("/dev/mapper/{crypt}"));
        std::fs::write(&key, "a key of a test").unwrap();
        let create =
            ["mdadm", "--create", md, "--run", "--level=1", "--raid-devices=2", "--metadata=1.2", &one, &two];
        if !self.try_run(&create) {
            return false;
        }
        self.undo.push(vec!["mdadm".into(), "--stop".into(), md.into()]);
        self.run(&["mdadm", "--fail", md, &two]);
        let format = ["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2"];
        let quick = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", md, &key];
        self.run(&[format.as_slice(), &quick].concat());
        self.run(&["cryptsetup", "open", "--key-file", &key, md, &crypt]);
        self.undo.push(vec!["cryptsetup".into(), "close".into(), crypt.clone()]);
        self.run(&["vgcreate", &group, &mapped]);
        self.undo.push(vec!["vgchange".into(), "-an".into(), group.clone()]);
        self.run(&["lvcreate", "--yes", "--extents", "100%FREE", "--name", "data-1", &group]);
        let volume = format!("/dev/{group}/data-1");
        self.run(&["mkfs.ext4", "-q", &volume]);
        self.mount(&volume, "stacked");
        true
    }
}

fn has_device_mapper() -> bool {
    // The node below /dev may have been made by a tool on a kernel that has none.
    std::fs::read_to_string("/proc/misc").is_ok_and(|misc| misc.contains("device-mapper"))
}

impl Drop for Lab {
    fn drop(&mut self) {
        // From the top down; lazily, because a mount may still be busy after a failed assertion.
        for name in ["stacked", "over", "btrfs", "inner", "elsewhere", "clear with a space"] {
            if File::open(format!("/proc/{}/root{}", self.holder.id(), self.path(name))).is_ok() {
                self.output(&["umount", "--lazy", "--quiet", &self.path(name)]);
            }
        }
        for words in self.undo.iter().rev() {
            self.output(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for device in self.loops.iter().rev() {
            self.output(&["losetup", "--detach", device]);
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
