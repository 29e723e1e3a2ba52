//! Chains in saved rules: where packets enter them, whether they drop any, and where they jump to.

use std::collections::{BTreeMap, BTreeSet};

/// The chains of a file, by family and name.
#[derive(Default)]
pub(super) struct Chains<'a>(BTreeMap<(&'a str, &'a str), Chain<'a>>);

/// What is said about one chain.
#[derive(Default)]
pub(super) struct Chain<'a> {
    /// Inbound traffic enters it.
    pub(super) inbound: bool,
    /// Something in it drops or rejects.
    pub(super) drops: bool,
    /// The chains that it jumps or goes to.
    pub(super) targets: Vec<&'a str>,
}

impl<'a> Chains<'a> {
    /// The chain of this name, new if it was not known.
    pub(super) fn get(&mut self, family: &'a str, name: &'a str) -> &mut Chain<'a> {
        self.0.entry((family, name)).or_default()
    }

    /// Whether inbound traffic can come to a chain that drops.
    pub(super) fn drop_inbound(&self, family: &str) -> bool {
        let mut open: Vec<&Chain<'a>> = self
            .0
            .iter()
            .filter(|(key, chain)| key.0 == family && chain.inbound)
            .map(|(_, chain)| chain)
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(chain) = open.pop() {
            if chain.drops {
                return true;
            }
            let new = chain.targets.iter().copied().filter(|target| seen.insert(*target)).collect::<Vec<_>>();
            open.extend(new.into_iter().filter_map(|target| self.0.get(&(family, target))));
        }
        false
    }
}
