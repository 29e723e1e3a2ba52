//! Memory that is moved out of memory comes to rest enciphered.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::block::walk::{Standing, Walker};
use crate::facts::block::{Backing, Block, Swap};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "encryption-swap",
    title: "No swap area leaves memory in the clear on a drive",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Swap holds whatever processes had in memory: passwords, session keys, the keys of encrypted disks. It stays on \
the drive after a power cut, so one clear swap area undoes the encryption of everything else. Hibernation writes the whole \
memory to the same place.",
    remedy: "swapoff <path>   # first make sure with free -m that the machine can do without it for a moment
For a partition: in /etc/crypttab add: swap <device by its PARTUUID> /dev/urandom swap,cipher=aes-xts-plain64,size=512
In /etc/fstab replace the old line by: /dev/mapper/swap none swap sw 0 0
systemctl daemon-reload && systemctl start systemd-cryptsetup@swap && swapon -a
A machine that hibernates needs a LUKS volume for swap instead: a random key forgets the image
For a file: move it to an encrypted file system, or use zram",
    references: &["proc_swaps(5)", "crypttab(5)", "swapon(8)"],
    examples: Examples {
        kept: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
swaps = { known = [{ path = "/dev/dm-0", beneath = { devices = ["dm-0"] }, line = 2 }] }
[block.known.devices]
dm-0 = { number = "252:0", kind = { crypt = "plain" }, name = "swap", beneath = { devices = ["vda3"] } }
vda3 = { number = "254:3", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
"#,
        broken: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
swaps = { known = [{ path = "/dev/vda3", beneath = { devices = ["vda3"] }, line = 2 }] }
[block.known.devices]
vda3 = { number = "254:3", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let block = facts.block.known()?;
    let swaps = block.swaps.known()?;
    let mut judgement = Judgement::new();
    let mut walker = Walker::new(block);
    if swaps.is_empty() {
        judgement.observe("no swap is in use", [Evidence::of("/proc/swaps")]);
    }
    for swap in swaps {
        let standing = walker.standing(&swap.beneath);
        weigh(&mut judgement, block, swap, standing, policy);
    }
    Ok(judgement)
}

fn weigh(judgement: &mut Judgement, block: &Block, swap: &Swap, standing: Standing, policy: &Policy) {
    let path = &swap.path;
    let chain = block.chain(&swap.beneath);
    let evidence = Evidence::at("/proc/swaps", swap.line).says(path.clone());
    match standing {
        Standing::Encrypted => judgement.observe(format!("{path} ← {chain}: encrypted"), [evidence]),
        Standing::Memory => judgement.observe(format!("{path} keeps what it swaps in memory"), [evidence]),
        Standing::Image => {
            judgement.unknown(format!("{path} ← {chain}: a swap area in a read-only image makes no sense"))
        }
        Standing::Unclear(why) => judgement.unknown(format!("{path} ← {chain}: {why}")),
        Standing::Clear { partly } => {
            let what = if partly { "only some ways down are encrypted" } else { "no encrypted layer" };
            if let Some(statement) = &policy.offer.storage_encryption {
                let chain = format!("{path} ← {chain}");
                judgement.unknown(super::data::beneath_the_guest(&chain, what, statement));
                return;
            }
            let hibernates = matches!((&swap.beneath, &block.resume), (Backing::Devices(names), Some(resume)) if names.contains(resume));
            let more = if hibernates { ", and hibernation would write the whole memory there" } else { "" };
            let finding = Finding::new(path.clone(), format!("← {chain}: {what}{more}"), evidence);
            judgement.fail(if hibernates { finding.and(Evidence::of("/sys/power/resume")) } else { finding });
        }
    }
}
