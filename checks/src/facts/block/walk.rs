//! Whether every way from a file system down to the hardware passes an encrypted layer.

use std::collections::BTreeMap;

use super::{Backing, Block, Kind};

/// Where data that are written to something come to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Behind an encrypted layer, or in memory, whichever way they take; at least one way is encrypted.
    Encrypted,
    /// In the clear on at least one drive; `partly` when another way is encrypted.
    Clear {
        /// Whether an encrypted layer covers another way down.
        partly: bool,
    },
    /// In memory only.
    Memory,
    /// Nowhere: it is a read-only image.
    Image,
    /// Nobody can tell from here; why, one sentence.
    Unclear(String),
}

/// Walks the graph of devices. What it learns of a device is kept, so that judging thousands of mounts stays linear in
/// the number of devices, however they are entangled.
#[derive(Debug)]
pub struct Walker<'a> {
    block: &'a Block,
    known: BTreeMap<&'a str, Standing>,
}

/// Deeper stacks than any that works: partition, md, LUKS, LVM, cache and thin pool are six.
const MAX_DEPTH: usize = 64;

impl<'a> Walker<'a> {
    /// A walker that has seen nothing.
    #[must_use]
    pub fn new(block: &'a Block) -> Self {
        Self { block, known: BTreeMap::new() }
    }

    /// Where data that lie on this come to rest.
    pub fn standing(&mut self, beneath: &'a Backing) -> Standing {
        self.walk(beneath, 0)
    }

    fn walk(&mut self, beneath: &'a Backing, depth: usize) -> Standing {
        match beneath {
            Backing::Devices(names) => self.all(names, depth),
            Backing::Btrfs(uuid) => match self.block.btrfs.get(uuid) {
                Some(found) if found.missing > 0 => {
                    let missing = format!("{} devices of btrfs {uuid} are missing", found.missing);
                    combine([self.all(&found.devices, depth), Standing::Unclear(missing)])
                }
                Some(found) => self.all(&found.devices, depth),
                None => Standing::Unclear(format!("the facts do not say on which devices btrfs {uuid} lies")),
            },
            Backing::Pool(pool) => Standing::Unclear(format!(
                "whether the datasets of ZFS pool {pool} are encrypted is not in /sys or /proc; `zfs get encryption` tells"
            )),
            Backing::Hardware => Standing::Clear { partly: false },
            Backing::Memory => Standing::Memory,
            Backing::Image => Standing::Image,
            Backing::EncryptedFolder(_) => Standing::Encrypted,
            Backing::Elsewhere(source) => Standing::Unclear(format!(
                "its data lie on another machine ({source}), which alone can tell how it keeps them"
            )),
            Backing::Unclear(why) => Standing::Unclear(why.clone()),
        }
    }

    fn all(&mut self, names: &'a [String], depth: usize) -> Standing {
        if names.is_empty() {
            return Standing::Unclear("sysfs names no device beneath it".to_owned());
        }
        let standings: Vec<Standing> = names.iter().map(|name| self.device(name, depth)).collect();
        combine(standings)
    }

    fn device(&mut self, name: &'a str, depth: usize) -> Standing {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let Some(device) = self.block.devices.get(name) else {
            return Standing::Unclear(format!("{name} could not be read in /sys/class/block"));
        };
        if depth > MAX_DEPTH {
            return Standing::Unclear(format!("the devices beneath {name} are stacked without end"));
        }
        // Whoever meets this device again on the way down has gone in a circle.
        self.known.insert(name, Standing::Unclear(format!("{name} lies on itself")));
        let standing = match &device.kind {
            Kind::Crypt(_) => Standing::Encrypted,
            Kind::Verity => Standing::Image,
            kind => {
                let below = self.walk(&device.beneath, depth.saturating_add(1));
                match below {
                    // A table without a cryptsetup UUID may still be dm-crypt's; what is encrypted below it stays so.
                    Standing::Clear { .. } if *kind == Kind::Mapped => Standing::Unclear(format!(
                        "{name} is a device-mapper device without a UUID that tells what it does; `dmsetup table` shows it"
                    )),
                    Standing::Clear { .. } if *kind == Kind::Other => {
                        Standing::Unclear(format!("{name} is a kind of device that hostduty does not know"))
                    }
                    below => below,
                }
            }
        };
        self.known.insert(name, standing.clone());
        standing
    }
}

/// One clear way makes the whole clear; else one that nobody can tell makes it unclear.
fn combine(standings: impl IntoIterator<Item = Standing>) -> Standing {
    let (mut clear, mut encrypted, mut unclear, mut memory) = (false, false, None, false);
    for standing in standings {
        match standing {
            Standing::Clear { partly } => {
                clear = true;
                encrypted |= partly;
            }
            Standing::Encrypted => encrypted = true,
            Standing::Unclear(why) => unclear = unclear.or(Some(why)),
            Standing::Memory => memory = true,
            Standing::Image => {}
        }
    }
    match unclear {
        _ if clear => Standing::Clear { partly: encrypted },
        Some(why) => Standing::Unclear(why),
        None if encrypted => Standing::Encrypted,
        None if memory => Standing::Memory,
        None => Standing::Image,
    }
}
