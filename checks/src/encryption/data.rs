//! What is written to a mounted file system comes to rest enciphered.

mod transit;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::block::walk::{Standing, Walker};
use crate::facts::block::{Backing, Block, DataPath};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use transit::{Transit, transit};

pub(crate) static CHECK: Check = Check {
    id: "encryption-data",
    title: "Every mounted file system that holds data lies on an encrypted block layer",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "A drive leaves the data centre sooner or later: failed, replaced, rented to the next customer, or copied as a \
snapshot. What was written to it in the clear can be read by whoever holds it then. One encrypted disk beside a clear one \
protects only itself, so every file system is followed down to the drives that carry it. What lies on a server crosses a network \
first, where others may read along.",
    remedy: "lsblk -o NAME,TYPE,FSTYPE,MOUNTPOINTS   # see which layer is missing; make a backup before anything else
For a data file system: copy the data away, umount it, then cryptsetup luksFormat the device beneath it
cryptsetup open <device> <name>, mkfs and mount /dev/mapper/<name>; copy the data back
Add the name to /etc/crypttab and the mount to /etc/fstab with nofail, so that the machine still boots when the key is missing
For /, reinstall with encryption (or cryptsetup reencrypt --encrypt from a rescue system); arrange how it is unlocked at boot, \
such as dropbear-initramfs or Clevis, before you rely on it
For a network file system: mount it with sec=krb5p or xprtsec=mtls (NFS), seal (CIFS), ms_mode=secure (Ceph), or through WireGuard
Where files are enciphered by other means that no block layer shows (fscrypt, a drive with its own key), waive the mount point and say so",
    references: &["cryptsetup(8)", "crypttab(5)", "proc_pid_mountinfo(5)", "lsblk(8)"],
    examples: Examples {
        kept: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
mounts = [
    { point = "/", source = "/dev/mapper/vg0-root", file_system = "ext4", device = "252:1", beneath = { devices = ["dm-1"] }, line = 1 },
    { point = "/boot", source = "/dev/vda1", file_system = "ext4", device = "254:1", beneath = { devices = ["vda1"] }, line = 2 },
]
[block.known.devices]
dm-1 = { number = "252:1", kind = "lvm", name = "vg0-root", beneath = { devices = ["dm-0"] } }
dm-0 = { number = "252:0", kind = { crypt = "luks2" }, name = "vda2_crypt", beneath = { devices = ["vda2"] } }
vda1 = { number = "254:1", kind = "partition", beneath = { devices = ["vda"] } }
vda2 = { number = "254:2", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
"#,
        broken: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
mounts = [
    { point = "/", source = "/dev/vda1", file_system = "ext4", device = "254:1", beneath = { devices = ["vda1"] }, line = 1 },
]
[block.known.devices]
vda1 = { number = "254:1", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::encryption::data(facts, policy);
    }
    let block = facts.block.known()?;
    let mut judgement = Judgement::new();
    let mut walker = Walker::new(block);
    let mut seen = 0_usize;
    for path in block.data_paths() {
        if matches!(path.mount.beneath, Backing::Elsewhere(_)) && path.mount.file_system != "overlay" {
            seen = seen.saturating_add(1);
            weigh_the_way(&mut judgement, block, path);
            continue;
        }
        let standing = walker.standing(&path.mount.beneath);
        if path.mount.is_boot() {
            let point = &path.mount.point;
            judgement.observe(
                match standing {
                    Standing::Clear { .. } => {
                        format!("{point} is in the clear, as firmware and boot loaders want it")
                    }
                    _ => format!("{point} is where the machine boots from and is judged apart"),
                },
                [evidence(block, path)],
            );
        } else if standing != Standing::Image {
            seen = seen.saturating_add(1);
            weigh(&mut judgement, block, path, standing, policy);
        }
    }
    if seen == 0 {
        judgement.unknown(format!("{} shows no file system that holds data", block.mounts_from));
    }
    if !block.sees_all_mounts() {
        judgement.unknown(format!(
            "only the mounts of hostduty's own namespace were read ({}); /proc/1/mountinfo, which takes root where proc \
             hides other users' processes, shows those of the machine",
            block.mounts_from
        ));
    }
    for malformed in &block.malformed {
        judgement.unknown(malformed.clone());
    }
    Ok(judgement)
}

fn weigh(judgement: &mut Judgement, block: &Block, path: DataPath<'_>, standing: Standing, policy: &Policy) {
    let point = &path.mount.point;
    let chain = block.chain(&path.mount.beneath);
    let also = match path.others {
        0 => String::new(),
        1 => " (mounted at one more place)".to_owned(),
        others => format!(" (mounted at {others} more places)"),
    };
    match standing {
        Standing::Encrypted => {
            judgement.observe(format!("{point} ← {chain}: encrypted{also}"), [evidence(block, path)]);
        }
        Standing::Memory => {
            judgement.observe(format!("{point} ← {chain}: lies in memory{also}"), [evidence(block, path)]);
        }
        Standing::Image => {}
        Standing::Unclear(why) => judgement.unknown(format!("{point} ← {chain}: {why}")),
        Standing::Clear { partly } => {
            let what = if partly { "only some ways down are encrypted" } else { "no encrypted layer" };
            let what = &format!("{what}{}", folders(path));
            match &policy.offer.storage_encryption {
                Some(statement) => {
                    judgement.unknown(beneath_the_guest(&format!("{point} ← {chain}"), what, statement))
                }
                None => judgement.fail(Finding::new(
                    point.clone(),
                    format!("← {chain}: {what}{also}"),
                    evidence(block, path),
                )),
            }
        }
    }
}

/// The folders that are enciphered all the same; what lies beside them is in the clear, names and sizes of files included.
fn folders(path: DataPath<'_>) -> String {
    let all = &path.mount.enciphered;
    let named: Vec<&str> = all.iter().take(5).map(String::as_str).collect();
    match all.len().saturating_sub(named.len()) {
        _ if named.is_empty() => String::new(),
        0 => format!(" but for the folders that fscrypt enciphers: {}", named.join(", ")),
        more => format!(" but for the folders that fscrypt enciphers: {} and {more} more", named.join(", ")),
    }
}

/// A file system of another machine: what travels can be judged from here, what comes to rest there cannot.
fn weigh_the_way(judgement: &mut Judgement, block: &Block, path: DataPath<'_>) {
    let mount = path.mount;
    let kind = mount.file_system.strip_prefix("fuse.").unwrap_or(&mount.file_system);
    let (point, source) = (&mount.point, &mount.source);
    let rest = "how it keeps them only it can tell; waive the mount point once somebody has looked there";
    match transit(mount) {
        Transit::Clear(why) => {
            let message = format!(
                "← {source}: its data cross the network in the clear ({kind}, {why}), unless a tunnel such as WireGuard or IPsec \
                 carries them; how that server keeps them only it can tell"
            );
            judgement.fail(Finding::new(point.clone(), message, evidence(block, path)));
        }
        Transit::Enciphered(by) => judgement.unknown(format!(
            "{point} ← {source}: its data travel enciphered ({kind}, {by}) to another machine; {rest}"
        )),
        Transit::Handed => judgement.unknown(format!(
            "{point} ← {source}: its data lie with the hypervisor, which hands them over ({kind}); {rest}"
        )),
        Transit::Unclear(why) => judgement
            .unknown(format!("{point} ← {source}: its data lie on another machine ({kind}): {why}; {rest}")),
    }
}

/// What the guest sees where the provider says that it encrypts the storage: neither kept nor broken by what is seen here.
pub(super) fn beneath_the_guest(chain: &str, what: &str, statement: &str) -> String {
    format!(
        "{chain}: {what} that this machine could see; the provider states encryption beneath it ({statement}), which an \
         attestation answers and not the guest"
    )
}

fn evidence(block: &Block, path: DataPath<'_>) -> Evidence {
    let mount = path.mount;
    Evidence::at(block.mounts_from.clone(), mount.line)
        .says(format!("{} {} on {}", mount.file_system, mount.source, mount.point))
}

#[cfg(test)]
mod tests;
