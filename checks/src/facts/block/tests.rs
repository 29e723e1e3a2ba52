//! Whole hosts in memory, from mountinfo and sysfs to the chain that a person reads.

use std::fmt::Write as _;

use super::walk::{Standing, Walker};
use super::*;
use crate::date::Timestamp;
use crate::host::Tree;

/// A host with a drive `sda` and these mounts.
fn host(mountinfo: &str) -> Tree {
    disk(Tree::new(Timestamp(0)).file("/proc/1/mountinfo", mountinfo), "sda", "8:0")
}

fn disk(tree: Tree, name: &str, number: &str) -> Tree {
    let real = format!("/sys/devices/pci0/ata1/host0/target0:0:0/0:0:0:0/block/{name}");
    tree.link(&format!("/sys/class/block/{name}"), &format!("../../{}", real.trim_start_matches("/sys/")))
        .file(&format!("{real}/dev"), format!("{number}\n"))
        .file(&format!("{real}/size"), "2048\n")
        .file(&format!("{real}/device/model"), "x\n")
}

fn partition(tree: Tree, disk: &str, name: &str, number: &str) -> Tree {
    let real = format!("/sys/devices/pci0/ata1/host0/target0:0:0/0:0:0:0/block/{disk}/{name}");
    tree.link(&format!("/sys/class/block/{name}"), &format!("../../{}", real.trim_start_matches("/sys/")))
        .file(&format!("{real}/dev"), format!("{number}\n"))
        .file(&format!("{real}/partition"), "1\n")
}

fn stacked(mut tree: Tree, name: &str, number: &str, slaves: &[&str], attributes: &[(&str, &str)]) -> Tree {
    let real = format!("/sys/devices/virtual/block/{name}");
    tree = tree
        .link(&format!("/sys/class/block/{name}"), &format!("../../devices/virtual/block/{name}"))
        .file(&format!("{real}/dev"), format!("{number}\n"));
    for slave in slaves {
        tree = tree.link(&format!("{real}/slaves/{slave}"), &format!("../../{slave}"));
    }
    for (attribute, value) in attributes {
        tree = tree.file(&format!("{real}/{attribute}"), format!("{value}\n"));
    }
    tree
}

fn facts(tree: &Tree) -> Block {
    let block = read(tree).unwrap();
    let text = toml::to_string(&block).unwrap();
    assert_eq!(toml::from_str::<Block>(&text).unwrap(), block, "facts do not survive TOML:\n{text}");
    block
}

fn standing(block: &Block, point: &str) -> Standing {
    let mount = block.mounts.iter().rev().find(|mount| mount.point == point).unwrap();
    Walker::new(block).standing(&mount.beneath)
}

fn chain(block: &Block, point: &str) -> String {
    block.chain(&block.mounts.iter().find(|mount| mount.point == point).unwrap().beneath)
}

#[test]
fn lvm_on_luks_on_md_and_a_clear_root() {
    let mut tree = host(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 252:1 / /srv rw - xfs /dev/mapper/vg0-srv rw\n3 1 0:5 / /proc rw - proc proc rw\n",
    );
    tree = partition(partition(tree, "sda", "sda1", "8:1"), "sda", "sda2", "8:2");
    tree = disk(tree, "nvme0n1", "259:0");
    let raid =
        [("md/level", "raid1"), ("md/raid_disks", "2"), ("md/degraded", "1"), ("md/array_state", "clean")];
    tree = stacked(tree, "md0", "9:0", &["sda2", "nvme0n1"], &raid);
    tree = stacked(tree, "dm-0", "252:0", &["md0"], &[("dm/uuid", "CRYPT-LUKS2-00-pv"), ("dm/name", "pv")]);
    tree = stacked(tree, "dm-1", "252:1", &["dm-0"], &[("dm/uuid", "LVM-abc"), ("dm/name", "vg0-srv")]);
    let block = facts(&tree);
    assert_eq!(block.mounts.len(), 2);
    assert_eq!(standing(&block, "/"), Standing::Clear { partly: false });
    assert_eq!(standing(&block, "/srv"), Standing::Encrypted);
    assert_eq!(
        chain(&block, "/srv"),
        "dm-1 (lv vg0-srv) ← dm-0 (LUKS2 pv) ← md0 (raid1) ← [nvme0n1, sda2 ← sda]"
    );
    assert_eq!(block.degraded().len(), 1);
    assert_eq!(block.devices["sda"].bytes, 1 << 20);
}

#[test]
fn raid_volumes_of_lvm_are_told_by_their_hidden_parts() {
    // The names and links are those of LVM 2.03 after `vgchange --activationmode partial` without the second drive.
    let mounts =
        "1 0 252:6 / / rw - ext4 /dev/mapper/vr-mir rw\n2 1 252:12 / /s rw - ext4 /dev/mapper/vr-str rw\n";
    let mut tree = host(mounts);
    for (number, name, slaves) in [
        (2, "vr-mir_rmeta_0", &["sda"][..]),
        (3, "vr-mir_rimage_0", &["sda"]),
        (4, "vr-mir_rmeta_1-missing_0_0", &[]),
        (5, "vr-mir_rmeta_1", &["dm-4"]),
        (8, "vr-mir_rimage_1-missing_0_0", &[]),
        (7, "vr-mir_rimage_1", &["dm-8"]),
        (6, "vr-mir", &["dm-2", "dm-3", "dm-5", "dm-7"]),
        (9, "vr-str_rimage_0", &["sda"]),
        (12, "vr-str", &["dm-9"]),
    ] {
        let attributes = [("dm/name", name), ("dm/uuid", "LVM-FT10O1OUKIJeQYzsknCWW88snpCaSFDs")];
        tree = stacked(tree, &format!("dm-{number}"), &format!("252:{number}"), slaves, &attributes);
    }
    let block = facts(&tree);
    assert_eq!(block.devices["dm-6"].kind, Kind::Raid("lvm".into()));
    assert_eq!(block.devices["dm-12"].kind, Kind::Lvm, "raid0 has no metadata, and keeps nothing twice");
    assert_eq!(block.tolerance(&block.mounts[1].beneath), redundancy::Tolerance::Lost);
    assert!(
        matches!(block.tolerance(&block.mounts[0].beneath), redundancy::Tolerance::Unclear(why) if why.contains("lvs"))
    );
    let missing: Vec<String> = block.degraded().into_iter().map(|degraded| degraded.subject).collect();
    assert_eq!(missing, ["vr-mir_rimage_1-missing_0_0"]);
}

#[test]
fn every_leg_of_an_array_must_be_encrypted() {
    let mut tree = disk(host("1 0 9:0 / / rw - ext4 /dev/md0 rw\n"), "sdb", "8:16");
    tree = stacked(tree, "dm-0", "252:0", &["sda"], &[("dm/uuid", "CRYPT-LUKS1-00-a"), ("dm/name", "a")]);
    tree = stacked(tree, "md0", "9:0", &["dm-0", "sdb"], &[("md/level", "raid1")]);
    assert_eq!(standing(&facts(&tree), "/"), Standing::Clear { partly: true });
}

#[test]
fn a_mapping_without_a_uuid_may_be_anything_and_verity_is_an_image() {
    let mounts = "1 0 252:0 / / rw - ext4 /dev/dm-0 rw\n2 1 252:1 / /usr ro - ext4 /dev/dm-1 ro\n";
    let mut tree = stacked(host(mounts), "dm-0", "252:0", &["sda"], &[("dm/name", "by-hand")]);
    tree = stacked(tree, "dm-1", "252:1", &["sda"], &[("dm/uuid", "CRYPT-VERITY-00-usr")]);
    let block = facts(&tree);
    assert!(matches!(standing(&block, "/"), Standing::Unclear(why) if why.contains("dmsetup table")));
    assert_eq!(standing(&block, "/usr"), Standing::Image);
}

#[test]
fn btrfs_lies_on_every_device_that_sysfs_lists() {
    let uuid = "00000000-1111-2222-3333-444444444444";
    let mounts = "1 0 0:30 /@ / rw - btrfs /dev/mapper/root rw\n2 1 0:30 /@home /home rw - btrfs /dev/mapper/root rw\n";
    let root = [("dm/uuid", "CRYPT-LUKS2-00-root"), ("dm/name", "root")];
    let tree = stacked(host(mounts), "dm-0", "252:0", &["sda"], &root);
    // Without /sys/fs/btrfs there may be more devices than the one that the mount names.
    assert!(matches!(standing(&facts(&tree), "/"), Standing::Unclear(_)));
    let tree = tree
        .link(&format!("/sys/fs/btrfs/{uuid}/devices/dm-0"), "../../../../devices/virtual/block/dm-0")
        .file(&format!("/sys/fs/btrfs/{uuid}/allocation/data/raid1/used_bytes"), "5\n")
        .file(&format!("/sys/fs/btrfs/{uuid}/allocation/data/single/used_bytes"), "0\n")
        .file(&format!("/sys/fs/btrfs/{uuid}/allocation/data/used_bytes"), "5\n")
        .file(&format!("/sys/fs/btrfs/{uuid}/devinfo/1/missing"), "0\n");
    let block = facts(&tree);
    assert_eq!(standing(&block, "/"), Standing::Encrypted);
    assert_eq!(block.btrfs[uuid].profiles, ["raid1"]);
    let paths = block.data_paths();
    assert_eq!((paths.len(), paths[0].mount.point.as_str(), paths[0].others), (1, "/", 1));
    let tree = disk(tree, "sdb", "8:16").link(&format!("/sys/fs/btrfs/{uuid}/devices/sdb"), "x");
    assert_eq!(standing(&facts(&tree), "/"), Standing::Clear { partly: true });
}

#[test]
fn an_overlay_lies_where_its_writes_land() {
    let mounts = "1 0 0:40 / / rw - overlay overlay rw,lowerdir=/rom,upperdir=/overlay/upper,workdir=/overlay/work\n\
                  2 1 8:1 / /overlay rw - ext4 /dev/sda1 rw\n3 1 0:41 / /rom ro - squashfs /dev/loop0 ro\n\
                  4 1 0:42 / /m rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/store/m,workdir=/w\n\
                  5 1 0:43 / /ro rw - overlay overlay rw,lowerdir=/a:/b\n\
                  6 1 0:44 / /up rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/store/../rom\n";
    let folders = ["/overlay/upper", "/rom", "/store/m", "/store/../rom"];
    let there = folders.iter().fold(host(mounts), |host, folder| host.file(&format!("{folder}/x"), ""));
    let block = facts(&partition(there, "sda", "sda1", "8:1"));
    assert_eq!(standing(&block, "/"), Standing::Clear { partly: false });
    assert_eq!(standing(&block, "/ro"), Standing::Image);
    assert!(matches!(standing(&block, "/up"), Standing::Unclear(_)));
    assert_eq!(block.data_paths()[0].others, 2, "{:?}", block.data_paths());
    // Something else was mounted over the folders since.
    let over = "1 0 0:40 / / rw - overlay overlay rw,lowerdir=/tmp/lower,upperdir=/tmp/upper\n\
                2 1 0:41 / /tmp rw - tmpfs tmpfs rw\n";
    let covered = facts(&host(over).file("/tmp/x", ""));
    assert!(matches!(standing(&covered, "/"), Standing::Unclear(why) if why.contains("not visible")));
    let memory = facts(&host(over).file("/tmp/lower/x", "").file("/tmp/upper/x", ""));
    assert_eq!(standing(&memory, "/"), Standing::Memory);
    // In a container the folders belong to its host.
    let hidden = facts(&host("1 0 0:40 / / rw - overlay overlay rw,lowerdir=/x,upperdir=/var/lib/y\n"));
    assert!(matches!(standing(&hidden, "/"), Standing::Unclear(why) if why.contains("not visible")));
}

#[test]
fn loops_zram_and_swap_files_lie_on_the_file_system_that_holds_them() {
    let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 252:0 / /my\\040data rw - ext4 /dev/dm-0 rw\n\
                  3 2 7:0 / /my\\040data/in rw - ext4 /dev/loop0 rw\n4 1 0:9 / /run rw - tmpfs tmpfs rw\n";
    let mut tree = partition(host(mounts), "sda", "sda1", "8:1");
    tree = stacked(tree, "dm-0", "252:0", &["sda"], &[("dm/uuid", "CRYPT-LUKS2-0-d"), ("dm/name", "d")])
        .file("/my data/image", "")
        .file("/run/image", "")
        .file("/swapfile", "")
        .file("/proc/swaps", "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n/dev/zram0 partition 1 0 100\n/dev/zram1 partition 1 0 100\n/gone\\040(deleted) file 1 0 1\n");
    tree = stacked(tree, "loop0", "7:0", &[], &[("loop/backing_file", "/my data/image")]);
    tree = stacked(tree, "loop1", "7:1", &[], &[("loop/backing_file", "/run/image")]);
    tree = stacked(tree, "loop2", "7:2", &[], &[]);
    tree = stacked(tree, "loop3", "7:3", &[], &[("loop/backing_file", "/dev/sda")]);
    tree = stacked(tree, "zram0", "253:0", &[], &[("backing_dev", "none")]);
    tree = stacked(tree, "zram1", "253:1", &[], &[("backing_dev", "/dev/sda1")]);
    let block = facts(&tree);
    assert_eq!(chain(&block, "/my data/in"), "loop0 (file /my data/image) ← dm-0 (LUKS2 d) ← sda");
    assert_eq!(block.devices["loop1"].beneath, Backing::Memory);
    assert_eq!(block.devices["loop3"].beneath, Backing::Devices(vec!["sda".into()]));
    assert!(!block.devices.contains_key("loop2"));
    let mut walker = Walker::new(&block);
    let swaps: Vec<_> =
        block.swaps.known().unwrap().iter().map(|swap| walker.standing(&swap.beneath)).collect();
    assert_eq!(swaps[0], Standing::Clear { partly: false });
    assert_eq!(swaps[1], Standing::Memory);
    assert_eq!(swaps[2], Standing::Clear { partly: false }, "zram1 writes back to a clear partition");
    assert!(matches!(&swaps[3], Standing::Unclear(why) if why.contains("deleted")));
}

#[test]
fn other_machines_pools_and_encrypting_file_systems_are_told_apart() {
    let mounts = "1 0 8:0 / / rw - ext4 /dev/sda rw\n2 1 0:50 / /nfs rw - nfs4 filer:/vol rw\n\
                  3 1 0:51 / /tank rw - zfs tank/a rw\n4 1 0:52 / /tank/b rw - zfs tank/b rw\n\
                  5 1 0:53 / /home/a rw - ecryptfs /home/.ecryptfs/a rw\n6 1 0:54 / /x rw - newfs thing rw\n\
                  7 1 0:55 / /c rw - cifs //joe:secret@filer/share rw\n8 1 0:56 / /s rw - fuse.sshfs joe@box:/ rw\n";
    let block = facts(&host(mounts).file("/proc/spl/kstat/zfs/tank/state", "DEGRADED\n"));
    assert!(matches!(standing(&block, "/nfs"), Standing::Unclear(why) if why.contains("filer:/vol")));
    assert!(
        matches!(standing(&block, "/tank"), Standing::Unclear(why) if why.contains("zfs get encryption"))
    );
    assert_eq!(standing(&block, "/home/a"), Standing::Encrypted);
    assert!(matches!(standing(&block, "/x"), Standing::Unclear(why) if why.contains("newfs")));
    assert_eq!(block.data_paths().iter().filter(|path| path.mount.file_system == "zfs").count(), 1);
    assert_eq!(block.degraded()[0].subject, "ZFS pool tank");
    let sources: Vec<&str> = block.mounts.iter().map(|mount| mount.source.as_str()).collect();
    assert!(sources.contains(&"//filer/share") && sources.contains(&"box:/"), "{sources:?}");
    assert!(!toml::to_string(&block).unwrap().contains("secret"));
}

#[test]
fn hostile_sysfs_ends_as_unclear() {
    let mut tree = host(
        "1 0 252:0 / / rw - ext4 /dev/dm-0 rw\n2 1 252:500 / /deep rw - ext4 x rw\n3 1 99:9 / /lost rw - ext4 x rw\n4 1 252:9 / /bad rw - ext4 x rw\n",
    );
    tree = stacked(tree, "dm-0", "252:0", &["dm-1"], &[("dm/uuid", "LVM-a")]);
    tree = stacked(tree, "dm-1", "252:1", &["dm-0"], &[("dm/uuid", "LVM-b")]);
    for at in 100..500_u32 {
        let (number, below) = (format!("252:{}", at + 1), format!("dm-{at}"));
        tree = stacked(tree, &format!("dm-{}", at + 1), &number, &[&below], &[("dm/uuid", "LVM-c")]);
    }
    tree = stacked(tree, "dm-9", "252:9", &["sda"], &[("dm/uuid", "LVM-\u{1b}[2J")])
        .file("/sys/devices/virtual/block/dm-9/dm/name", b"\xff\0\x1b[2J")
        .file("/sys/devices/virtual/block/dm-9/size", "99999999999999999999999");
    tree = stacked(tree, &"x".repeat(5000), "1:1", &[], &[]);
    let block = facts(&tree);
    for point in ["/", "/deep", "/lost"] {
        assert!(matches!(standing(&block, point), Standing::Unclear(_)), "{point}");
    }
    assert!(chain(&block, "/deep").len() < 4096);
    assert!(matches!(block.tolerance(&block.mounts[0].beneath), redundancy::Tolerance::Unclear(_)));
    assert_eq!(block.devices["dm-9"].name, "\u{fffd}\\000\\033[2J");
    assert_eq!(block.malformed.len(), 1, "{:?}", block.malformed);
}

#[test]
fn five_thousand_mounts_are_one_file_system_each_once() {
    let mut mounts = String::from("1 0 8:0 / / rw - ext4 /dev/sda rw\n");
    for number in 2..5002 {
        let _ = writeln!(mounts, "{number} 1 8:0 /b /pods/{number}/volume rw - ext4 /dev/sda rw");
        let _ = writeln!(
            mounts,
            "{} 1 0:{number} / /m/{number} rw - overlay o rw,lowerdir=/l,upperdir=/pods/{number}/volume/u",
            number + 9000
        );
    }
    let folders =
        (2..5002).fold(host(&mounts), |host, number| host.file(&format!("/pods/{number}/volume/u/x"), ""));
    let block = facts(&folders);
    assert_eq!(block.mounts.len(), 10_001);
    let paths = block.data_paths();
    assert_eq!((paths.len(), paths[0].mount.point.as_str(), paths[0].others), (1, "/", 10_000));
}

#[test]
fn without_the_first_process_the_own_mounts_are_read_and_said_so() {
    let own = Tree::new(Timestamp(0)).file("/proc/self/mountinfo", "1 0 8:0 / / rw - ext4 /dev/sda rw\n");
    let block = facts(&disk(own.refuse("/proc/1/mountinfo", Gap::denied("/proc/1/mountinfo")), "sda", "8:0"));
    assert!(!block.sees_all_mounts());
    let nothing = Tree::new(Timestamp(0)).refuse("/proc/1/mountinfo", Gap::denied("/proc/1/mountinfo"));
    assert_eq!(read(&nothing).unwrap_err(), Gap::denied("/proc/1/mountinfo"));
    let no_sysfs = Tree::new(Timestamp(0)).file("/proc/1/mountinfo", "1 0 8:0 / / rw - ext4 /dev/sda rw\n");
    assert!(read(&no_sysfs).unwrap_err().is_absent());
}

#[test]
fn swap_that_cannot_be_read_is_a_gap_and_a_kernel_without_swap_has_none() {
    let tree = host("1 0 8:0 / / rw - ext4 /dev/sda rw\n");
    assert_eq!(facts(&tree).swaps, Reading::Known(Vec::new()));
    let denied = facts(&tree.refuse("/proc/swaps", Gap::denied("/proc/swaps")));
    assert!(denied.swaps.known().is_err());
}

/// A binary header of version 1 with its first keyslot in use.
fn first_version() -> Vec<u8> {
    let mut head = vec![0; 592];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"LUKS\xba\xbe\0\x01aes");
    put(40, b"xts-plain64");
    put(72, b"sha256");
    put(108, &64_u32.to_be_bytes());
    for slot in 0..8_usize {
        let state: u32 = if slot == 0 { 0x00AC_71F3 } else { 0x0000_DEAD };
        put(208 + slot * 48, &state.to_be_bytes());
    }
    put(212, &1_000_000_u32.to_be_bytes());
    put(168, b"12345678-abcd");
    head
}

#[test]
fn the_header_of_a_layer_lies_on_the_device_beneath_it() {
    use crate::gap::GapKind;
    use crate::host::FileKind;
    let mounts = "1 0 252:0 / / rw - ext4 /dev/dm-0 rw\n";
    let tree = |content: &[u8]| {
        let tree = partition(host(mounts), "sda", "sda1", "8:1");
        // cryptsetup puts authenticated encryption over a helper of its own.
        let helper = [("dm/uuid", "CRYPT-SUBDEV-d-x"), ("dm/name", "d_dif")];
        let tree = stacked(tree, "dm-1", "252:1", &["sda1"], &helper);
        let uuid = [("dm/uuid", "CRYPT-LUKS1-12345678abcd-x"), ("dm/name", "d")];
        stacked(tree, "dm-0", "252:0", &["dm-1"], &uuid).node("/dev/sda1", FileKind::BlockDevice, content)
    };
    let block = facts(&tree(&first_version()));
    let luks = block.luks["dm-0"].known().unwrap();
    assert_eq!((luks.device.as_str(), luks.version), ("/dev/sda1", 1));
    assert_eq!(luks.segments.first().unwrap().cipher, "aes-xts-plain64");
    assert_eq!((luks.keyslots.len(), luks.keyslots[0].key_bits), (1, 512));
    assert_eq!(luks.keyslots[0].kdf.iterations, 1_000_000);
    assert!(!toml::to_string(&block).unwrap().contains("12345678"), "the UUID is not kept");
    // What a device was once formatted as says nothing of a layer whose header is detached.
    let mut older = first_version();
    older[168] = b'9';
    let block = facts(&tree(&older));
    let gap = block.luks["dm-0"].known().unwrap_err();
    assert!(gap.why == GapKind::Unsupported && gap.what.contains("detached"), "{gap}");
    // Detached, torn, of a device that cannot be opened.
    let gap = |tree: &Tree| facts(tree).luks["dm-0"].known().unwrap_err().why;
    assert_eq!(gap(&tree(&[0; 8192])), GapKind::Unsupported);
    assert_eq!(gap(&tree(&first_version()[..300])), GapKind::Malformed);
    let closed = partition(host(mounts), "sda", "sda1", "8:1");
    let closed =
        stacked(closed, "dm-0", "252:0", &["sda1"], &[("dm/uuid", "CRYPT-LUKS1-d-x"), ("dm/name", "d")]);
    assert_eq!(gap(&closed), GapKind::Absent);
}

#[test]
fn homes_that_are_enciphered_are_found() {
    let home =
        |tree: Tree, path: &str, enciphered| tree.dir(path).with(path, |node| node.enciphered = enciphered);
    let tree = host("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:2 / /data rw - ext4 /dev/sda2 rw\n");
    let tree = home(home(home(tree, "/home/alice", true), "/home/bob", false), "/data/secret", true);
    let block = facts(&tree);
    let folders: Vec<&[String]> = block.mounts.iter().map(|mount| mount.enciphered.as_slice()).collect();
    assert_eq!(folders, [&["/home/alice".to_owned()][..], &["/data/secret".to_owned()][..]]);
}
