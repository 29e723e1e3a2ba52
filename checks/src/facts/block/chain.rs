//! The way down as a person reads it: `dm-0 (lv vg0-srv) ← md0 (raid1) ← nvme0n1p3 ← nvme0n1`.

use super::{Backing, Block, Device, Kind, Scheme};

/// Names in one chain, and branches at one place; what exceeds them is counted or left out.
const MAX_NAMES: usize = 48;
const MAX_BRANCHES: usize = 4;

impl Block {
    /// What lies beneath, down to the hardware, on one line.
    #[must_use]
    pub fn chain(&self, beneath: &Backing) -> String {
        let mut text = String::new();
        let mut budget = MAX_NAMES;
        self.write_chain(&mut text, beneath, &mut budget);
        text
    }

    fn write_chain(&self, text: &mut String, beneath: &Backing, budget: &mut usize) {
        match beneath {
            Backing::Devices(names) => self.write_names(text, names, budget),
            Backing::Btrfs(uuid) => {
                let devices = self.btrfs.get(uuid).map_or(&[][..], |found| &found.devices);
                self.write_names(text, devices, budget);
            }
            Backing::Pool(pool) => text.push_str(&format!("ZFS pool {pool}")),
            Backing::Hardware => {}
            Backing::Memory => text.push_str("memory"),
            Backing::Image => text.push_str("a read-only image"),
            Backing::EncryptedFolder(kind) => text.push_str(&format!("{kind}'s enciphered files")),
            Backing::Elsewhere(source) => text.push_str(source),
            Backing::Unclear(_) => text.push('?'),
        }
    }

    fn write_names(&self, text: &mut String, names: &[String], budget: &mut usize) {
        let several = names.len() > 1;
        if several {
            text.push('[');
        }
        for (index, name) in names.iter().take(MAX_BRANCHES).enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            if *budget == 0 {
                text.push('…');
                break;
            }
            *budget = budget.saturating_sub(1);
            text.push_str(name);
            let Some(device) = self.devices.get(name) else { continue };
            if let Some(label) = label(device) {
                text.push_str(&format!(" ({label})"));
            }
            if device.beneath != Backing::Hardware {
                text.push_str(" ← ");
                self.write_chain(text, &device.beneath, budget);
            }
        }
        if names.len() > MAX_BRANCHES {
            text.push_str(&format!(", and {} more", names.len() - MAX_BRANCHES));
        }
        if several {
            text.push(']');
        }
    }
}

fn label(device: &Device) -> Option<String> {
    let name: String = device.name.chars().take(128).collect();
    let kind = match &device.kind {
        Kind::Disk | Kind::Partition | Kind::Other => return (!name.is_empty()).then_some(name),
        Kind::Crypt(scheme) => scheme.name().to_owned(),
        Kind::Lvm => "lv".to_owned(),
        Kind::Raid(level) if level == "lvm" => "lv raid".to_owned(),
        Kind::Raid(level) => level.clone(),
        Kind::Loop => "file".to_owned(),
        Kind::Multipath => "multipath".to_owned(),
        Kind::Bcache => "bcache".to_owned(),
        Kind::Zram => "compressed memory".to_owned(),
        Kind::Verity => "verity".to_owned(),
        Kind::Integrity => "integrity".to_owned(),
        Kind::Mapped => "device-mapper".to_owned(),
    };
    Some(format!("{kind} {name}").trim_end().to_owned())
}

impl Scheme {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Luks1 => "LUKS1",
            Self::Luks2 => "LUKS2",
            Self::Opal => "LUKS2 with OPAL",
            Self::Plain => "dm-crypt",
            Self::Tcrypt => "VeraCrypt",
            Self::Bitlk => "BitLocker",
            Self::Fvault2 => "FileVault 2",
            Self::Loopaes => "loop-AES",
        }
    }
}
