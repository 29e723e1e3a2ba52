//! What one package asks of others: the alternatives of deb-control(5)'s Depends, Breaks and their like.

use std::cmp::Ordering;

use super::scan::fields;
use crate::facts::packages::debian_version::compare;

/// More relations of one package than these are not looked at.
const MOST: usize = 4096;

/// All that a version of a package asks of others.
#[derive(Debug, Clone, Default)]
pub(super) struct Relations {
    /// Each asks for one of its alternatives.
    pub(super) needs: Vec<Vec<Relation>>,
    /// As `needs`, for what is merely recommended.
    pub(super) wishes: Vec<Vec<Relation>>,
    /// Conflicts and Breaks.
    pub(super) against: Vec<Relation>,
    pub(super) provides: Vec<Relation>,
    pub(super) multi_arch: MultiArch,
    pub(super) essential: bool,
    /// Points for its Priority in apt's scores.
    pub(super) priority: i64,
    /// More was asked than is looked at.
    pub(super) cut: bool,
}

/// Who of another architecture may use a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum MultiArch {
    /// Nobody.
    #[default]
    No,
    /// It may be installed for several at once, of one version.
    Same,
    /// Everybody.
    Foreign,
    /// Who asks for `:any`.
    Allowed,
}

/// `name:architecture (>= version)`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) architecture: Option<String>,
    pub(super) version: Option<(Operator, String)>,
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `<<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>>`
    Greater,
}

impl Relation {
    /// Whether a version is what is asked for; nothing is known of a name that is provided without one.
    pub(super) fn takes(&self, version: Option<&str>) -> bool {
        let Some((operator, wanted)) = &self.version else { return true };
        let Some(version) = version else { return false };
        let order = compare(version, wanted);
        match operator {
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Greater => order == Ordering::Greater,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = match text.find(['(', '[', '<']) {
            Some(at) => text.split_at_checked(at)?,
            None => (text, ""),
        };
        let name = name.trim();
        let (name, architecture) = match name.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture.to_owned())),
            None => (name, None),
        };
        let inner =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inner, _)| inner.trim());
        let version = inner.and_then(|inner| {
            let at = inner.find(|c| !matches!(c, '<' | '>' | '='))?;
            let (operator, version) = inner.split_at_checked(at)?;
            let operator = match operator {
                "<<" => Operator::Less,
                // Long ago `<` and `>` meant these, and they still do.
                "<=" | "<" => Operator::LessOrEqual,
                "=" => Operator::Equal,
                ">=" | ">" => Operator::GreaterOrEqual,
                ">>" => Operator::Greater,
                _ => return None,
            };
            Some((operator, version.trim().to_owned()))
        });
        (!name.is_empty()).then(|| Self { name: name.to_owned(), architecture, version })
    }
}

impl Relations {
    /// Reads the stanza of a package.
    pub(super) fn read(stanza: &[u8]) -> Self {
        let mut all = Self { priority: -2, ..Self::default() };
        for (field, value) in fields(stanza) {
            let value = String::from_utf8_lossy(value);
            match field {
                b"Depends" | b"Pre-Depends" => all.needs.extend(groups(&value)),
                b"Recommends" => all.wishes.extend(groups(&value)),
                b"Conflicts" | b"Breaks" => all.against.extend(groups(&value).flatten()),
                b"Provides" => all.provides.extend(groups(&value).flatten()),
                b"Essential" | b"Important" | b"Protected" => all.essential |= *value == *"yes",
                b"Priority" => {
                    all.priority = match &*value {
                        "required" => 3,
                        "important" => 2,
                        "standard" => 1,
                        "optional" => -1,
                        _ => -2,
                    }
                }
                b"Multi-Arch" => {
                    all.multi_arch = match &*value {
                        "same" => MultiArch::Same,
                        "foreign" => MultiArch::Foreign,
                        "allowed" => MultiArch::Allowed,
                        _ => MultiArch::No,
                    }
                }
                _ => {}
            }
        }
        for list in [&mut all.needs, &mut all.wishes] {
            all.cut |= list.len() > MOST || list.iter().any(|group| group.len() > MOST);
            list.truncate(MOST);
            list.iter_mut().for_each(|group| group.truncate(MOST));
        }
        for list in [&mut all.against, &mut all.provides] {
            all.cut |= list.len() > MOST;
            list.truncate(MOST);
        }
        all
    }
}

fn groups(text: &str) -> impl Iterator<Item = Vec<Relation>> {
    text.split(',')
        .map(|group| group.split('|').filter_map(|one| Relation::parse(one.trim())).collect::<Vec<_>>())
        .filter(|group| !group.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_versions_and_architectures() {
        let all = Relations::read(
            b"Package: x\nDepends: a (>= 1:2~), b | c:any (<< 3) ,\n d:amd64(=4)\nPre-Depends: e\nRecommends: f\n\
              Breaks: g (<= 1)\nConflicts: h\nProvides: v, w (= 2)\nMulti-Arch: same\nEssential: yes\n",
        );
        assert_eq!(all.needs.len(), 4);
        assert_eq!(all.needs[0][0].version, Some((Operator::GreaterOrEqual, "1:2~".into())));
        assert_eq!(all.needs[1].len(), 2);
        assert_eq!(all.needs[1][1].architecture.as_deref(), Some("any"));
        assert_eq!(all.needs[2][0].name, "d");
        assert!(all.needs[2][0].takes(Some("4")) && !all.needs[2][0].takes(Some("4.1")));
        assert!(!all.needs[2][0].takes(None) && all.needs[3][0].takes(None));
        assert_eq!((all.wishes.len(), all.against.len(), all.provides.len()), (1, 2, 2));
        assert!(all.multi_arch == MultiArch::Same && all.essential && !all.cut);
    }

    #[test]
    fn nonsense_is_nothing_and_much_is_cut() {
        assert!(Relations::read(b"Depends: , | ,( ),[x]\n").needs.is_empty());
        let many = format!("Depends: {}\n", "a, ".repeat(MOST + 1));
        let all = Relations::read(many.as_bytes());
        assert!(all.cut && all.needs.len() == MOST);
    }
}
