//! Look-ups in sets: the elements of those that are written in a rule, and the names of others.

use super::{Held, Reader, is_index, ordered, piece, verdict};
use crate::facts::firewall_boot::form::key::Key;
use crate::facts::firewall_boot::form::{self, Element, Step, Test, Values};
use crate::facts::ruleset::nftables::{self, Set};

/// The elements of a set, sorted; a gap when they were not read.
pub(crate) fn elements(set: &Set, keys: &[Key], native: bool) -> Result<Vec<Element>, String> {
    let read = set.elements.known().map_err(|gap| gap.to_string())?;
    let mut elements = Vec::new();
    let turn = |bytes: &[u8]| parts(bytes, keys, native);
    for element in read {
        if element.conditional {
            return Err(format!("set {} has elements with conditions of their own", set.name));
        }
        let data = data(element)?;
        if element.key.is_empty() {
            elements.push(Element { parts: Vec::new(), data });
        } else {
            let first = turn(&element.key)?;
            let last = turn(element.last.as_ref().unwrap_or(&element.key))?;
            elements.push(Element { parts: first.into_iter().zip(last).collect(), data });
        }
    }
    Ok(form::sorted(elements))
}

impl Reader<'_> {
    pub(super) fn lookup(
        &mut self,
        name: &str,
        register: u32,
        destination: Option<u32>,
        invert: bool,
    ) -> Result<(), String> {
        let mut keys = Vec::new();
        let (mut at, mut masked, mut all_native) = (piece(register), None, true);
        while let Some(Held::Key { key, mask, native, fresh: fresh @ true }) = self.registers.get_mut(&at) {
            *fresh = false;
            all_native &= *native || !key.is_native();
            masked = masked.or_else(|| mask.clone());
            at = at.saturating_add(key.bytes.div_ceil(4));
            keys.push(*key);
        }
        if keys.is_empty() || (masked.is_some() && keys.len() > 1) {
            return Err("it looks up what hostduty does not follow".to_owned());
        }
        if !matches!(destination, None | Some(0)) {
            return Err("it looks up a value in a map".to_owned());
        }
        let verdict = destination.is_some();
        let values = if name.starts_with("__") {
            let set = self.table.sets.iter().find(|set| set.name == name);
            let set = set.ok_or_else(|| format!("the elements of its set {name} were not read"))?;
            let mut elements = elements(set, &keys, all_native)?;
            if keys.iter().copied().any(is_index) {
                if keys.len() > 1 {
                    return Err("it names interfaces by a number".to_owned());
                }
                elements.iter_mut().try_for_each(|element| self.name(element))?;
            }
            Values::Here(elements)
        } else {
            Values::Named { name: name.to_owned(), verdict }
        };
        self.steps.push(Step::Test(Test { keys, mask: masked, invert, values }));
        Ok(())
    }
}

fn data(element: &nftables::Element) -> Result<Option<String>, String> {
    match &element.data {
        None => Ok(None),
        Some(nftables::Data::Verdict(end)) => verdict(end).map(Some),
        Some(_) => Err("a map gives something else than verdicts".to_owned()),
    }
}

/// The parts of a key that is a concatenation, each filled up to four bytes.
fn parts(bytes: &[u8], keys: &[Key], native: bool) -> Result<Vec<Vec<u8>>, String> {
    let wrong = || "the keys of a set have another length than what is looked up".to_owned();
    let mut rest = bytes;
    let mut parts = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let bytes = key.bytes as usize;
        let part = rest.get(..bytes).ok_or_else(wrong)?;
        parts.push(if native && key.is_native() { ordered(part) } else { part.to_vec() });
        let taken = if at.saturating_add(1) == keys.len() { bytes } else { bytes.next_multiple_of(4) };
        rest = rest.get(taken..).ok_or_else(wrong)?;
    }
    if rest.len() >= 4 { Err(wrong()) } else { Ok(parts) }
}
