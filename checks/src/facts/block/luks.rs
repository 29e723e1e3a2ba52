//! What a LUKS header says of how its volume is enciphered: cipher, key sizes, how passphrases are stretched, tokens.
//!
//! Both on-disk formats of cryptsetup: "LUKS1 On-Disk Format Specification" 1.2.3 and "LUKS2 On-Disk Format
//! Specification" 1.1.4. Salts, digests, areas of key material and UUIDs are not kept.

mod version1;
mod version2;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::backing::Backing;
use super::device::{Device, Kind, Scheme};
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};

/// What both formats begin with.
const MAGIC: &[u8] = b"LUKS\xba\xbe";
/// Devices below an encrypted layer that belong to it (cryptsetup's `CRYPT-SUBDEV`, dm-integrity): at most so many.
const MAX_HELPERS: usize = 4;

/// What one header says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Luks {
    /// The node that it was read from.
    pub device: String,
    /// 1 or 2.
    pub version: u16,
    /// What the volume's data pass through, the same cipher once: a volume that is being enciphered anew has two.
    pub segments: BTreeSet<Segment>,
    /// Keyslots that are in use and open the volume, in the order of their numbers.
    pub keyslots: Vec<Keyslot>,
    /// Keyslots that hold a key of nothing (`unbound`).
    pub unbound: BTreeSet<u32>,
    /// Tokens by type: `systemd-tpm2`, `systemd-fido2`, `clevis`; each with the keyslots that it fills in.
    pub tokens: BTreeMap<String, BTreeSet<u32>>,
    /// What the reader of the volume has to understand: `online-reencrypt-v2`, `opal`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub requirements: BTreeSet<String>,
    /// Whether the first of the two headers of version 2 is damaged and the second one was read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_second: bool,
}

/// A part of the volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Segment {
    /// `crypt`, `linear` for one in the clear, `hw-opal`, `hw-opal-crypt`.
    pub kind: String,
    /// In the kernel's words: `aes-xts-plain64`. Empty where dm-crypt does nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// What authenticates the sectors: `hmac(sha256)`, `aead`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub integrity: String,
}

/// One keyslot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keyslot {
    /// As cryptsetup counts them, from 0.
    pub number: u32,
    /// Bits of the volume's key that it holds; XTS uses half of them for each of its two keys.
    pub key_bits: u32,
    /// What that key is itself enciphered with; empty in version 1, where it is as the volume's data.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// How its passphrase becomes a key.
    pub kdf: Kdf,
}

/// How a passphrase is stretched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kdf {
    /// `pbkdf2`, `argon2i`, `argon2id`.
    pub name: String,
    /// PBKDF2's hash: `sha256`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// PBKDF2's iterations.
    #[serde(skip_serializing_if = "is_zero")]
    pub iterations: u64,
    /// Argon2's passes.
    #[serde(skip_serializing_if = "is_zero")]
    pub passes: u64,
    /// Argon2's memory in KiB.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_kib: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The headers of all encrypted layers that have one, by the name of the layer's device (`dm-0`).
pub(super) fn read_all(
    host: &dyn Host,
    devices: &BTreeMap<String, Device>,
) -> BTreeMap<String, Reading<Luks>> {
    devices
        .iter()
        .filter(|(_, device)| {
            matches!(device.kind, Kind::Crypt(Scheme::Luks1 | Scheme::Luks2 | Scheme::Opal))
        })
        .map(|(name, device)| (name.clone(), of_layer(host, devices, name, device).into()))
        .collect()
}

fn of_layer(
    host: &dyn Host,
    devices: &BTreeMap<String, Device>,
    name: &str,
    layer: &Device,
) -> Result<Luks, Gap> {
    let open = opened_with(&host::read_line(host, &format!("/sys/class/block/{name}/dm/uuid"))?);
    let mut beneath = &layer.beneath;
    for _ in 0..MAX_HELPERS {
        let Backing::Devices(names) = beneath else { break };
        let [name] = names.as_slice() else { break };
        match devices.get(name) {
            Some(device) if matches!(device.kind, Kind::Mapped | Kind::Integrity) => {
                beneath = &device.beneath
            }
            // The kernel writes `!` for a slash in the name of a device.
            _ => return read(host, &format!("/dev/{}", name.replace('!', "/")), &layer.name, &open),
        }
    }
    Err(Gap::unsupported(format!("which device holds the LUKS header of {} is not clear", layer.name)))
}

/// The UUID of the header that a layer was opened with, which cryptsetup writes without dashes into the UUID of its
/// device-mapper device: `CRYPT-LUKS2-<uuid>-<name>`.
fn opened_with(uuid: &str) -> String {
    let rest = uuid.strip_prefix("CRYPT-").unwrap_or_default();
    let rest = rest.split_once('-').map_or("", |(_, rest)| rest);
    let rest = rest.strip_prefix("OPAL-").unwrap_or(rest);
    rest.split('-').next().unwrap_or_default().to_owned()
}

/// Reads the header of a device and makes sure that the layer was opened with that one: a device whose header is
/// detached may still have an old one.
fn read(host: &dyn Host, device: &str, layer: &str, open: &str) -> Result<Luks, Gap> {
    let mut at = |offset: u64, length: usize| host.read_block_device(device, offset, length);
    let (luks, uuid) = find(device, &mut at)?;
    if uuid.replace('-', "") != open {
        return Err(Gap::unsupported(format!(
            "the LUKS header of {device} is not the one that {layer} was opened with: that is detached, or was changed since"
        )));
    }
    Ok(Luks { device: device.to_owned(), ..luks })
}

/// Reads a header through a function that gives the bytes at an offset, fewer at the end of the device.
///
/// # Errors
/// Those of the function; unsupported where there is no header; malformed where it is damaged.
pub fn parse(name: &str, at: &mut dyn FnMut(u64, usize) -> Result<Vec<u8>, Gap>) -> Result<Luks, Gap> {
    find(name, at).map(|(luks, _)| luks)
}

/// The header and its UUID.
fn find(name: &str, at: &mut dyn FnMut(u64, usize) -> Result<Vec<u8>, Gap>) -> Result<(Luks, String), Gap> {
    let head = at(0, version1::LENGTH)?;
    match (head.starts_with(MAGIC), head.get(6..8)) {
        (true, Some(&[0, 1])) => Ok((version1::parse(name, &head)?, uuid(&head))),
        (true, Some(&[0, 2])) | (false, _) => match version2::parse(name, at)? {
            Some(found) => Ok(found),
            None => Err(Gap::unsupported(format!(
                "{name} does not begin with a LUKS header: it is detached, or was overwritten"
            ))),
        },
        (true, _) => Err(Gap::unsupported(format!(
            "the LUKS header of {name} is of a version that hostduty does not know"
        ))),
    }
}

/// The UUID, at the same place in both versions.
fn uuid(head: &[u8]) -> String {
    head.get(168..208).and_then(text).unwrap_or_default()
}

/// The text in a field that NUL bytes fill up, if it is printable.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| text.to_owned())
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
