//! A virtual machine with a layer of storage of every kind: facts are what lsblk, findmnt, cryptsetup, mdadm, LVM, swapon and
//! systemctl tell of it, and its report after a reboot is the one from before.

use std::collections::{BTreeMap, BTreeSet};

use checks::facts::Facts;
use checks::facts::block::{Backing, Block, Device, Kind};
use serde_json::Value;

use super::transitions::{residue, taken};
use super::units::Shell;
use super::virtual_machine::VirtualMachine;

const HARDWARE: &[&str] = &["encrypted", "disks=4", "agent", "dmi=OpenStack Foundation,OpenStack Nova"];

/// A disk in LUKS, a volume on LUKS on an array, and swap under a key of the moment; all of them come back at boot.
const STORAGE: &str = "
set -e
systemctl is-system-running --wait
systemctl stop hostduty
head -c 64 /dev/urandom > /etc/key; chmod 400 /etc/key
seal() { cryptsetup -q luksFormat --pbkdf-force-iterations 4 --pbkdf-memory 32768 $1 /etc/key; cryptsetup open --key-file /etc/key $1 $2; }
seal /dev/vdb data; mkfs.ext4 -q /dev/mapper/data
mdadm --quiet --create /dev/md0 --run --metadata=1.2 --level=1 --raid-devices=2 /dev/vdc /dev/vdd
mdadm --wait /dev/md0 || true
mdadm --detail --scan >> /etc/mdadm/mdadm.conf
seal /dev/md0 raid; vgcreate -q vg0 /dev/mapper/raid; lvcreate -qy -L 64M -n vault vg0; mkfs.ext4 -q /dev/vg0/vault
uuid() { cryptsetup luksUUID $1; }
printf 'data UUID=%s /etc/key luks\\nraid UUID=%s /etc/key luks\\n' $(uuid /dev/vdb) $(uuid /dev/md0) > /etc/crypttab
echo 'swap /dev/vde /dev/urandom swap,plain,cipher=aes-xts-plain64,size=512' >> /etc/crypttab
mkdir -p /var/vault
printf '/dev/mapper/data /srv ext4 nofail 0 0\\n/dev/vg0/vault /var/vault ext4 nofail 0 0\\n/dev/mapper/swap none swap nofail 0 0\\n' >> /etc/fstab
systemctl daemon-reload
systemctl start systemd-cryptsetup@swap
mount -a; swapon -a; udevadm settle
echo alice:correct-horse-battery > /run/alice; useradd -m alice; chpasswd < /run/alice
echo made
";

/// Checks that say something else after a reboot although nothing is wrong with the machine.
const OF_THE_MOMENT: &[&str] = &[];

#[test]
fn facts_are_what_the_tools_tell_and_a_reboot_changes_no_verdict() {
    if !super::allowed("storage of every kind in a virtual machine, and its reboot") {
        return;
    }
    let Some(machine) = VirtualMachine::boot(HARDWARE) else { return };
    let made = machine.sh(&format!("( {STORAGE} ) 2>&1"));
    assert!(made.ends_with("made\n"), "{made}");
    agrees(&machine);

    let before = taken(&machine, "");
    assert_eq!(before["firewall-persistent"].verdict, "pass");
    assert_eq!(before["encryption-data"].verdict, "pass", "{:#?}", before["encryption-data"]);
    assert_eq!(before["encryption-swap"].verdict, "pass", "{:#?}", before["encryption-swap"]);
    let boot = machine.sh("cat /proc/sys/kernel/random/boot_id");
    machine.reboot();
    assert_ne!(machine.sh("cat /proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(
        machine.sh("systemctl is-system-running --wait"),
        "running\n",
        "{}",
        machine.sh("systemctl --failed")
    );
    let mut after = taken(&machine, "");
    for id in OF_THE_MOMENT {
        after.insert((*id).to_owned(), before[*id].clone());
    }
    assert_eq!(residue(&before, &after), Vec::<String>::new());
    agrees(&machine);
}

/// Holds our facts against every tool that knows better.
fn agrees(machine: &VirtualMachine) {
    let text = machine.sh("hostduty facts");
    let facts: Facts = toml::from_str(&text).unwrap();
    let block = facts.block.known().unwrap();
    lsblk(machine, block);
    findmnt(machine, block);
    cryptsetup(machine, block);
    mdadm(machine, block);
    lvm(machine, block);
    let swapon = machine.sh("swapon --show=NAME --noheadings --raw | xargs -n1 readlink -f");
    let ours: String = block.swaps.known().unwrap().iter().map(|swap| swap.path.clone() + "\n").collect();
    assert_eq!(ours, swapon);
    systemctl(machine, &facts);
    let hypervisor = facts.hypervisor.known().unwrap();
    let firmware = machine.sh("cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name");
    let ours = [&hypervisor.vendor, &hypervisor.product].map(|word| word.clone().unwrap_or_default() + "\n");
    assert_eq!(
        (ours.concat(), firmware.as_str()),
        (firmware.clone(), "OpenStack Foundation\nOpenStack Nova\n")
    );
}

fn json(machine: &VirtualMachine, line: &str) -> Value {
    let text = machine.sh(line);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default().trim()
}

fn names(backing: &Backing) -> BTreeSet<String> {
    match backing {
        Backing::Devices(names) => names.iter().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

/// The same devices of the same kinds and sizes, each over the same others.
fn lsblk(machine: &VirtualMachine, block: &Block) {
    // As a tree, in which what lies on two devices is listed below both; lsblk makes one only beside the names.
    let rows = json(machine, "lsblk --json --bytes --all --output NAME,KNAME,MAJ:MIN,TYPE,SIZE");
    let mut theirs: BTreeMap<String, (String, String, u64)> = BTreeMap::new();
    let mut beneath: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut rows: Vec<(Value, Option<String>)> =
        rows["blockdevices"].as_array().unwrap().iter().map(|row| (row.clone(), None)).collect();
    while let Some((row, parent)) = rows.pop() {
        let size = row["size"].as_u64().unwrap_or(0);
        if word(&row, "type") == "loop" && size == 0 {
            continue;
        }
        let name = word(&row, "kname").to_owned();
        beneath.entry(name.clone()).or_default().extend(parent);
        let above = row["children"].as_array().into_iter().flatten();
        rows.extend(above.map(|child| (child.clone(), Some(name.clone()))));
        theirs.insert(name, (word(&row, "maj:min").to_owned(), word(&row, "type").to_owned(), size));
    }
    let kind = |device: &Device| match &device.kind {
        Kind::Crypt(_) => "crypt".to_owned(),
        Kind::Lvm => "lvm".to_owned(),
        Kind::Raid(level) => level.clone(),
        Kind::Partition => "part".to_owned(),
        _ => "disk".to_owned(),
    };
    let devices = block.devices.iter();
    let ours: BTreeMap<_, _> = devices
        .clone()
        .map(|(name, device)| (name.clone(), (device.number.clone(), kind(device), device.bytes)))
        .collect();
    assert_eq!(ours, theirs);
    let ours: BTreeMap<_, _> = devices.map(|(name, device)| (name.clone(), names(&device.beneath))).collect();
    assert_eq!(ours, beneath);
    let kinds: BTreeSet<String> = theirs.into_values().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, ["crypt", "disk", "lvm", "raid1"].map(str::to_owned).into());
}

/// The same file systems on devices, from the same sources.
fn findmnt(machine: &VirtualMachine, block: &Block) {
    let rows = json(machine, "findmnt --json --list --nofsroot --real --output TARGET,SOURCE,FSTYPE,MAJ:MIN");
    let rows = rows["filesystems"].as_array().unwrap().iter();
    let on_devices = rows.filter(|row| !word(row, "maj:min").starts_with("0:"));
    let theirs: BTreeSet<_> = on_devices
        .map(|row| ["target", "source", "fstype", "maj:min"].map(|name| word(row, name).to_owned()))
        .collect();
    let ours = block.mounts.iter().filter(|mount| matches!(mount.beneath, Backing::Devices(_)));
    let ours: BTreeSet<_> = ours
        .map(|mount| [&mount.point, &mount.source, &mount.file_system, &mount.device].map(String::clone))
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 3, "{ours:?}");
}

/// The same scheme over the same device.
fn cryptsetup(machine: &VirtualMachine, block: &Block) {
    let mut seen = 0;
    for device in block.devices.values() {
        let Kind::Crypt(scheme) = &device.kind else { continue };
        let status = machine.sh(&format!("cryptsetup status {}", device.name));
        let said = |name: &str| {
            let line = status.lines().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
        };
        assert_eq!(format!("{scheme:?}").to_lowercase(), said("type:").to_lowercase());
        let beneath = machine.sh(&format!("basename $(readlink -f {})", said("device:")));
        assert_eq!(names(&device.beneath), [beneath.trim().to_owned()].into());
        seen += 1;
    }
    assert_eq!(seen, 4, "the root, two of data and one of swap");
}

/// The same level, members and health.
fn mdadm(machine: &VirtualMachine, block: &Block) {
    let device = &block.devices["md0"];
    let array = device.array.as_ref().unwrap();
    let detail = machine.sh("mdadm --detail /dev/md0");
    let said = |name: &str| {
        let line = detail.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" : "));
        line.unwrap_or_else(|| panic!("no {name} in {detail}")).trim().to_owned()
    };
    assert_eq!(device.kind, Kind::Raid(said("Raid Level")));
    assert_eq!(array.disks.to_string(), said("Raid Devices"));
    assert_eq!(array.degraded, Some(0));
    assert!(["clean", "active"].contains(&array.state.as_str()), "{}: {}", array.state, said("State"));
    let members =
        detail.lines().filter_map(|line| line.rsplit_once("/dev/").map(|(_, name)| name.to_owned()));
    let members: BTreeSet<String> = members.filter(|name| name.starts_with("vd")).collect();
    assert_eq!(names(&device.beneath), members);
}

/// The same volumes over the same physical ones.
fn lvm(machine: &VirtualMachine, block: &Block) {
    let rows = json(
        machine,
        "lvs --reportformat json --units b --nosuffix -o vg_name,lv_name,lv_kernel_major,lv_kernel_minor,lv_size",
    );
    let rows = rows["report"][0]["lv"].as_array().unwrap().clone();
    let theirs: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            let number = format!("{}:{}", word(row, "lv_kernel_major"), word(row, "lv_kernel_minor"));
            (
                format!("{}-{}", word(row, "vg_name"), word(row, "lv_name")),
                number,
                word(row, "lv_size").to_owned(),
            )
        })
        .collect();
    let volumes = block.devices.values().filter(|device| device.kind == Kind::Lvm);
    let ours: BTreeSet<_> = volumes
        .clone()
        .map(|device| (device.name.clone(), device.number.clone(), device.bytes.to_string()))
        .collect();
    assert_eq!(ours, theirs);
    let physical = json(machine, "pvs --reportformat json -o pv_name");
    let physical = physical["report"][0]["pv"].as_array().unwrap().clone();
    let theirs: BTreeSet<String> = physical
        .iter()
        .map(|row| machine.sh(&format!("basename $(readlink -f {})", word(row, "pv_name"))).trim().to_owned())
        .collect();
    let ours: BTreeSet<String> = volumes.flat_map(|device| names(&device.beneath)).collect();
    assert_eq!(ours, theirs);
}

/// The same file and the same state of every unit that systemd has loaded from one.
fn systemctl(machine: &VirtualMachine, facts: &Facts) {
    let units = &facts.units.known().unwrap().units;
    let shown = machine
        .sh("systemctl show -p Id,FragmentPath,UnitFileState,LoadState '*.service' '*.socket' '*.timer'");
    let mut compared = 0;
    for unit in shown.split("\n\n") {
        let said = |name: &str| {
            let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().to_owned()
        };
        // Of an instance only the template has a file, and what a generator wrote is gone with the boot.
        let id = said("Id");
        if id.contains('@') || said("FragmentPath").starts_with("/run/") || said("UnitFileState").is_empty() {
            continue;
        }
        let ours = units.get(&id).unwrap_or_else(|| panic!("{id} is not listed: {unit}"));
        let state = serde_json::to_value(ours.state).unwrap();
        assert_eq!(state, said("UnitFileState").as_str(), "{id}");
        if said("LoadState") == "loaded" {
            assert_eq!(
                ours.path.replacen("/usr/lib/", "/lib/", 1),
                said("FragmentPath").replacen("/usr/lib/", "/lib/", 1)
            );
        }
        compared += 1;
    }
    assert!(compared > 20, "{compared} units compared");
}
