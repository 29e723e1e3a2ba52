//! The loss of one drive loses no data.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::block::Block;
use crate::facts::block::redundancy::Tolerance;
use crate::facts::hypervisor::Platform;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "storage-redundancy",
    title: "The machine's file systems survive the loss of one drive",
    severity: Severity::Advice,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "On a rented machine the drives are the customer's to arrange, and a drive that fails takes with it whatever is \
not kept twice. An array that has already lost a member works on without a word until the next one goes. Redundancy is no \
backup, but it turns a lost night into a replaced drive.",
    remedy: "cat /proc/mdstat; mdadm --detail /dev/md0   # which member is missing
Ask the provider to replace the drive, copy the partition table (sfdisk -d <good> | sfdisk <new>), then mdadm --manage /dev/md0 --add <new partition>
btrfs: btrfs device stats <mount>, then btrfs replace start; LVM: lvconvert --repair; ZFS: zpool status, then zpool replace
A machine without an array is best reinstalled with RAID 1 or 10 from the provider's installer
Where losing the drive is acceptable because the data exist elsewhere, waive the mount point and say where",
    references: &["md(4)", "mdadm(8)", "lvmraid(7)", "btrfs-replace(8)"],
    examples: Examples {
        kept: r#"
[hypervisor.known]
platform = "bare-metal"
[block.known]
mounts_from = "/proc/1/mountinfo"
mounts = [
    { point = "/", source = "/dev/md0", file_system = "ext4", device = "9:0", beneath = { devices = ["md0"] }, line = 1 },
]
[block.known.devices]
md0 = { number = "9:0", kind = { raid = "raid1" }, beneath = { devices = ["sda", "sdb"] }, array = { state = "clean", disks = 2, degraded = 0 } }
sda = { number = "8:0", kind = "disk", beneath = "hardware" }
sdb = { number = "8:16", kind = "disk", beneath = "hardware" }
"#,
        broken: r#"
[hypervisor.known]
platform = "bare-metal"
[block.known]
mounts_from = "/proc/1/mountinfo"
mounts = [
    { point = "/", source = "/dev/md0", file_system = "ext4", device = "9:0", beneath = { devices = ["md0"] }, line = 1 },
]
[block.known.devices]
md0 = { number = "9:0", kind = { raid = "raid1" }, beneath = { devices = ["sda"] }, array = { state = "clean", disks = 2, degraded = 1 } }
sda = { number = "8:0", kind = "disk", beneath = "hardware" }
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let block = facts.block.known()?;
    let mut judgement = Judgement::new();
    for degraded in block.degraded() {
        judgement.fail(Finding::new(degraded.subject, degraded.message, Evidence::of(degraded.source)));
    }
    for (name, level, array) in block.arrays().filter(|(_, level, array)| array.is_redundant(level)) {
        if array.degraded == Some(0) && !matches!(array.state.as_str(), "inactive" | "broken" | "clear") {
            judgement.observe(
                format!("{name} ({level}) has all of its {} members", array.disks),
                [Evidence::of(format!("/sys/class/block/{name}/md/degraded"))],
            );
        }
    }
    match facts.hypervisor.known().map(|hypervisor| hypervisor.platform) {
        Ok(Platform::BareMetal) => paths(&mut judgement, block, true),
        Ok(Platform::Unknown) => paths(&mut judgement, block, false),
        Ok(_) => {
            // A guest's drives are slices of the provider's storage; only arrays that the guest made itself are its own.
            judgement.not_applicable = Some(
                "this is a virtual machine; what its drives survive is the provider's storage".to_owned(),
            );
        }
        Err(gap) => judgement.unknown(format!("whether this is a virtual machine is not known: {gap}")),
    }
    Ok(judgement)
}

/// Every file system of a machine whose drives are its own, or, when nobody can tell, may be.
fn paths(judgement: &mut Judgement, block: &Block, own_drives: bool) {
    for path in block.data_paths() {
        let mount = path.mount;
        if mount.is_boot() {
            continue;
        }
        let chain = format!("← {}", block.chain(&mount.beneath));
        let evidence = Evidence::at(block.mounts_from.clone(), mount.line)
            .says(format!("{} {} on {}", mount.file_system, mount.source, mount.point));
        match block.tolerance(&mount.beneath) {
            Tolerance::Survives => judgement.observe(format!("{} {chain}: survives the loss of a drive", mount.point), [evidence]),
            Tolerance::NoData => {}
            Tolerance::Unclear(why) => judgement.unknown(format!("{} {chain}: {why}", mount.point)),
            Tolerance::Lost if own_drives => {
                judgement.fail(Finding::new(
                    mount.point.clone(),
                    format!("{chain}: is lost with a single drive"),
                    evidence,
                ));
            }
            Tolerance::Lost => judgement.unknown(format!(
                "{} {chain}: no array that this machine could see, and whether its drives are the provider's storage \
                 is not known",
                mount.point
            )),
        }
    }
    if !block.sees_all_mounts() {
        judgement.unknown(format!(
            "only the mounts of hostduty's own namespace were read ({})",
            block.mounts_from
        ));
    }
    for malformed in &block.malformed {
        judgement.unknown(malformed.clone());
    }
}

#[cfg(test)]
mod tests;
