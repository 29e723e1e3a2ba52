//! Rules in one form, whether they were read from a file or from the kernel, so that the two can be compared.

pub(crate) mod kernel;
pub(crate) mod key;
pub(crate) mod options;
mod text;

use std::collections::BTreeSet;

pub(crate) use key::{Key, Place};
pub(crate) use text::shown;

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ends the rule where it does not hold.
    Test(Test),
    /// Does something, in words that both sides write alike.
    Does(String),
    /// A match or a target of iptables, in its words.
    Xtables(String),
}

/// A look at one or several properties of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// Several for a concatenation.
    pub(crate) keys: Vec<Key>,
    /// The bits of a single key that count, when they are not a prefix.
    pub(crate) mask: Option<Vec<u8>>,
    /// Holds for all other values.
    pub(crate) invert: bool,
    /// Those for which it holds.
    pub(crate) values: Values,
}

/// The values of a test; bytes of a number are the most significant first, of whatever kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    /// Written in the rule.
    Here(Vec<Element>),
    /// Of a set or a map that has a name.
    Named {
        /// Its name.
        name: String,
        /// Whether the verdict is looked up there.
        verdict: bool,
    },
}

/// One element of a set or of a map of verdicts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    /// First and last value of each part of the key; empty for the element that takes every other key.
    pub(crate) parts: Vec<(Vec<u8>, Vec<u8>)>,
    /// What a map gives.
    pub(crate) data: Option<String>,
}

impl Element {
    /// One value of a single key.
    pub(crate) fn range(first: Vec<u8>, last: Vec<u8>) -> Self {
        Self { parts: vec![(first, last)], data: None }
    }
}

/// The rule in words. What two rules of the same meaning may differ in is gone: the order of tests that follow one
/// another, tests that say the same twice, and the counters, which the steps do not have.
pub(crate) fn words(family: &str, steps: Vec<Step>) -> Vec<String> {
    let mut words = Vec::new();
    let mut run = BTreeSet::new();
    for step in steps {
        match step {
            Step::Test(test) => {
                run.insert(test.words());
            }
            Step::Does(what) | Step::Xtables(what) => {
                words.extend(tests(family, std::mem::take(&mut run)));
                words.push(what);
            }
        }
    }
    words.extend(tests(family, run));
    words
}

/// Without those that nft(8) adds in some releases and leaves out in others, because another says as much.
fn tests(family: &str, mut run: BTreeSet<String>) -> BTreeSet<String> {
    let said: Vec<String> = run
        .iter()
        .filter_map(|test| test.strip_prefix("ip protocol ").or_else(|| test.strip_prefix("ip6 nexthdr ")))
        .filter(|value| !value.contains(' '))
        .map(|value| format!("meta l4proto {value}"))
        .collect();
    for redundant in said {
        run.remove(&redundant);
    }
    // Messages of either ICMP come in packets of one version.
    for (protocol, version) in [("icmp", "ipv4"), ("ipv6-icmp", "ipv6")] {
        if run.contains(&format!("meta l4proto {protocol}")) {
            run.remove(&format!("meta nfproto {version}"));
        }
    }
    match family {
        "ip" => run.remove("meta nfproto ipv4"),
        "ip6" => run.remove("meta nfproto ipv6"),
        _ => false,
    };
    run
}

/// Elements in order; values that touch are one range.
pub(crate) fn sorted(mut elements: Vec<Element>) -> Vec<Element> {
    elements.sort();
    elements.dedup();
    let mut merged: Vec<Element> = Vec::with_capacity(elements.len());
    for element in elements {
        if let ([(first, last)], Some(before)) = (element.parts.as_slice(), merged.last_mut())
            && before.data.is_none()
            && element.data.is_none()
            && let [(_, end)] = before.parts.as_mut_slice()
            && end.len() == first.len()
            && (*first <= *end || next(end).as_ref() == Some(first))
        {
            if *last > *end {
                end.clone_from(last);
            }
        } else {
            merged.push(element);
        }
    }
    merged
}

/// The number that follows; none after the last of this length.
pub(crate) fn next(number: &[u8]) -> Option<Vec<u8>> {
    step(number, |byte| byte.checked_add(1), 0)
}

/// The number before; none before zero.
pub(crate) fn previous(number: &[u8]) -> Option<Vec<u8>> {
    step(number, |byte| byte.checked_sub(1), 0xff)
}

fn step(number: &[u8], change: impl Fn(u8) -> Option<u8>, wrapped: u8) -> Option<Vec<u8>> {
    let mut number = number.to_vec();
    for byte in number.iter_mut().rev() {
        match change(*byte) {
            Some(changed) => {
                *byte = changed;
                return Some(number);
            }
            None => *byte = wrapped,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_touch_are_one_range_and_tests_have_no_order() {
        let port = |first: u8, last: u8| Element::range(vec![0, first], vec![0, last]);
        assert_eq!(sorted(vec![port(9, 9), port(3, 5), port(6, 6), port(4, 7)]), [port(3, 7), port(9, 9)]);
        assert_eq!(next(&[0xff, 0xff]), None);
        assert_eq!(next(&[0, 0xff]), Some(vec![1, 0]));
        assert_eq!(previous(&[1, 0]), Some(vec![0, 0xff]));
        let l4 = |value| {
            Step::Test(Test {
                keys: vec![Key::new(Place::Meta(key::L4PROTO), 1)],
                mask: None,
                invert: false,
                values: Values::Here(vec![Element::range(vec![value], vec![value])]),
            })
        };
        let accept = || Step::Does("accept".to_owned());
        assert_eq!(words("inet", vec![l4(6), l4(6), accept()]), ["meta l4proto tcp", "accept"]);
        assert_ne!(words("inet", vec![accept(), l4(6)]), words("inet", vec![l4(6), accept()]));
    }
}
