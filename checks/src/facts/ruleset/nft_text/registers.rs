//! What the registers hold while a rule is read: keys with names, constants, and what was computed from them.

use super::kinds::{Kind, Order};
use crate::facts::ruleset::nftables::Layer;

/// What bytes of a register are.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// As nft writes it.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) order: Order,
    /// Bytes of the whole; a load may take the first ones only.
    pub(super) size: usize,
    /// Bytes that it occupies.
    pub(super) length: usize,
    /// What is kept of it, and what is flipped.
    pub(super) mask: Option<(Vec<u8>, Vec<u8>)>,
    /// Where in the packet it lies, for parts of bytes that only a mask tells apart.
    pub(super) place: Option<(Layer, u32)>,
    /// A constant and no key.
    pub(super) constant: Option<Vec<u8>>,
}

impl Key {
    pub(super) fn new(name: impl Into<String>, kind: Kind, order: Order, size: usize) -> Self {
        Self { name: name.into(), kind, order, size, length: size, mask: None, place: None, constant: None }
    }
}

/// All registers, as one space of 64 bytes.
#[derive(Default)]
pub(super) struct Registers {
    held: Vec<(usize, Key)>,
}

/// The first byte of a register, by the number that the kernel sends (NFT_REG_*).
fn start(register: u32) -> Option<usize> {
    let register = usize::try_from(register).ok()?;
    match register {
        1..=4 => Some((register - 1) * 16),
        8..=23 => Some((register - 8) * 4),
        _ => None,
    }
}

impl Registers {
    /// Puts a key into a register.
    pub(super) fn load(&mut self, register: u32, key: Key) {
        self.load_at(register, 0, key);
    }

    /// Puts a key behind others that were loaded together with it.
    pub(super) fn load_at(&mut self, register: u32, offset: usize, key: Key) {
        let Some(at) = start(register).map(|at| at.saturating_add(offset)) else { return };
        let end = at.saturating_add(key.length);
        self.held.retain(|(other, held)| *other >= end || other.saturating_add(held.length) <= at);
        self.held.push((at, key));
    }

    pub(super) fn constant(&mut self, register: u32, bytes: &[u8]) {
        let mut key = Key::new("", Kind::Raw, Order::Network, bytes.len());
        key.constant = Some(bytes.to_vec());
        self.load(register, key);
    }

    /// `destination = (source & mask) ^ xor`
    pub(super) fn mask(&mut self, source: u32, register: u32, length: u32, mask: &[u8], xor: &[u8]) {
        let parts = self.parts(source, usize::try_from(length).unwrap_or(usize::MAX));
        for (offset, mut key) in parts {
            let of = |bytes: &[u8]| bytes.get(offset..offset.saturating_add(key.length)).map(<[u8]>::to_vec);
            match (of(mask), of(xor), &key.mask) {
                (Some(mask), Some(xor), None) if key.constant.is_none() => {
                    let all = mask.iter().all(|byte| *byte == 0xff) && xor.iter().all(|byte| *byte == 0);
                    key.mask = (!all).then_some((mask, xor));
                }
                _ => {
                    let length = key.length;
                    key = super::properties::unnamed("bitwise");
                    key.length = length;
                }
            }
            self.load_at(register, offset, key);
        }
    }

    /// Turns numbers around.
    pub(super) fn swap(&mut self, source: u32, register: u32, length: u32) {
        for (offset, mut key) in self.parts(source, usize::try_from(length).unwrap_or(usize::MAX)) {
            key.order = match key.order {
                Order::Network => Order::Host,
                Order::Host => Order::Network,
            };
            self.load_at(register, offset, key);
        }
    }

    /// The keys in so many bytes, each with its place in them. In a concatenation each starts at a multiple of four.
    pub(super) fn parts(&self, register: u32, length: usize) -> Vec<(usize, Key)> {
        let mut found = Vec::new();
        let Some(first) = start(register) else { return found };
        let mut at = first;
        while at < first.saturating_add(length) {
            let near = at..=at.next_multiple_of(4);
            let Some((place, key)) = self.held.iter().find(|(place, _)| near.contains(place)) else { break };
            found.push((place - first, key.clone()));
            at = place.saturating_add(key.length.max(1));
        }
        found
    }
}
