//! What a mount, a swap area or a block device lies on.

use serde::{Deserialize, Serialize};

/// What something lies on, one level down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backing {
    /// All of these devices hold a part or a copy; names in [`Block::devices`](super::Block::devices).
    Devices(Vec<String>),
    /// The btrfs file system with this UUID, in [`Block::btrfs`](super::Block::btrfs).
    Btrfs(String),
    /// A ZFS pool, whose disks and keys only its own ioctl shows.
    Pool(String),
    /// Nothing: it is the drive itself, or what the hypervisor shows as one.
    Hardware,
    /// Memory that the next power cut empties.
    Memory,
    /// A read-only image, such as squashfs: what it holds was published.
    Image,
    /// A file system that enciphers its files by itself, such as ecryptfs; its type.
    EncryptedFolder(String),
    /// Another machine, or the hypervisor's; which, as the mount source says.
    Elsewhere(String),
    /// Nothing that hostduty could follow; why, one sentence.
    Unclear(String),
}

impl Default for Backing {
    fn default() -> Self {
        Self::Unclear("the facts do not say what it lies on".to_owned())
    }
}
