//! Reads apk-world(5): what the administrator asked for, and in which versions.

use std::collections::BTreeMap;

use crate::facts::packages::apk_version::{begins, compare, is_version};
use crate::gap::Gap;
use crate::host::{self, Host};

const WORLD: &str = "/etc/apk/world";

/// The conditions by the name of the package.
#[derive(Debug, Default)]
pub(crate) struct World {
    conditions: BTreeMap<String, Vec<Condition>>,
    /// Words that are not understood.
    pub(crate) odd: Vec<Gap>,
}

#[derive(Debug, Default)]
struct Condition {
    /// `edge` of `name@edge`.
    tag: Option<String>,
    /// `<`, `>`, `=` and `~` in any order; empty for any version.
    operator: String,
    version: String,
}

impl World {
    pub(crate) fn read(host: &dyn Host) -> Result<Self, Gap> {
        let text = host::read_text(host, WORLD, host::SMALL)?;
        let mut world = Self::default();
        for word in text.split_whitespace() {
            if world.take(word).is_none() && world.odd.len() < 100 {
                world.odd.push(Gap::unsupported(format!("{WORLD}: what {word} asks for is not understood")));
            }
        }
        Ok(world)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        // Whatever must not be installed is not upgraded either.
        if word.starts_with('!') {
            return Some(());
        }
        let end = word.find(['<', '>', '=', '~']).unwrap_or(word.len());
        let (name, rest) = word.split_at_checked(end)?;
        let version = rest.trim_start_matches(['<', '>', '=', '~']);
        let operator = rest.strip_suffix(version).unwrap_or_default();
        let (name, tag) = match name.split_once('@') {
            Some((name, tag)) => (name, Some(tag.to_owned())),
            None => (name, None),
        };
        // `><` asks for one package by its digest.
        if name.is_empty()
            || (operator.is_empty() != version.is_empty())
            || (operator != "><" && !version.is_empty() && !is_version(version))
        {
            return None;
        }
        let condition = Condition { tag, operator: operator.to_owned(), version: version.to_owned() };
        self.conditions.entry(name.to_owned()).or_default().push(condition);
        Some(())
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Condition> {
        self.conditions.get(name).into_iter().flatten()
    }

    /// Whether a package may be taken from a repository with this tag.
    pub(crate) fn allows_tag(&self, name: &str, tag: &str) -> bool {
        self.of(name).any(|condition| condition.tag.as_deref() == Some(tag))
    }

    /// Whether a version is among those that are asked for.
    pub(crate) fn allows(&self, name: &str, version: &str) -> bool {
        self.of(name).all(|condition| condition.holds(version))
    }

    /// The packages that newer versions are kept from.
    pub(crate) fn pinned(&self) -> impl Iterator<Item = &str> {
        let pins = |condition: &Condition| !["", ">", ">=", ">~"].contains(&condition.operator.as_str());
        self.conditions.iter().filter(move |(_, all)| all.iter().any(pins)).map(|(name, _)| name.as_str())
    }
}

impl Condition {
    fn holds(&self, version: &str) -> bool {
        if self.operator == "><" {
            return false;
        }
        let has = |letter: char| self.operator.contains(letter);
        let order = compare(version, &self.version);
        self.operator.is_empty()
            || (has('~') && begins(version, &self.version))
            || (has('=') && order.is_eq())
            || (has('<') && order.is_lt())
            || (has('>') && order.is_gt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn world(text: &str) -> World {
        World::read(&Tree::new(Timestamp(0)).file(WORLD, text)).unwrap()
    }

    #[test]
    fn conditions() {
        for (word, version, allowed) in [
            ("a", "9", true),
            ("a=1.2-r0", "1.2-r0", true),
            ("a=1.2-r0", "1.3-r0", false),
            ("a<2", "2.0", false),
            ("a<2", "1.9-r7", true),
            ("a>=2", "2", true),
            ("a~1.6", "1.6.5-r0", true),
            ("a~1.6", "1.7", false),
            ("a>~1.6", "1.7", true),
            ("a<~1.6", "1.6.3", true),
            ("a><Q1abc=", "1", false),
            ("a@edge=1", "1", true),
            ("b=1", "2", true),
            ("a>1 a<3", "4", false),
        ] {
            let world = world(word);
            assert!(world.odd.is_empty(), "{word}");
            assert_eq!(world.allows("a", version), allowed, "{word} {version}");
        }
        let world = world("x@edge y !z=1\n");
        assert!(
            world.allows_tag("x", "edge") && !world.allows_tag("y", "edge") && !world.allows_tag("x", "own")
        );
        let pinned = self::world("a>1 b~1 c@edge=2 d<3 e=1 f@edge\n");
        assert_eq!(pinned.pinned().collect::<Vec<_>>(), ["b", "c", "d", "e"]);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for word in ["=1", "a=", "a=what", "@edge", "a<>>"] {
            assert_eq!(world(word).odd.len(), 1, "{word}");
        }
    }
}
