//! What holds for a connection: the lines that count, and those that lost against them.
//!
//! sshd goes over its configuration twice. At its start it takes the lines outside of Match blocks, and those in blocks
//! that hold for everyone. For each connection it then takes the lines of the blocks that match, and what they set
//! replaces what the start has found. Within each round the first value wins, but for keywords that add up.

use std::collections::HashMap;

use super::connection::{Connection, Truth};
use super::criteria::Attribute;
use super::keywords;
use super::truths::Truths;
use super::{Config, DEFAULT, Line, MatchLine, Setting};
use crate::evidence::Evidence;
use crate::gap::Gap;

/// Lines that lost against another one and are kept to tell about.
const LOST: usize = 8;

/// Answers what a configuration sets, for many connections.
pub struct Evaluator<'a> {
    config: &'a Config,
    /// The lines of each keyword, in their order.
    by_keyword: HashMap<&'a str, Vec<&'a Line>>,
    /// For each Match line, whether the lines under it count at the start of sshd.
    at_start: Vec<bool>,
}

/// Which Match blocks hold for a connection, blocks around an Include included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Active(pub(super) Truths);

/// What a configuration sets for one connection.
#[derive(Clone, Copy)]
pub struct Effective<'a> {
    evaluator: &'a Evaluator<'a>,
    active: &'a Active,
}

impl Config {
    /// Whether sshd heeds the lines under a Match line at its start.
    pub(super) fn active_at_start(&self, under: Option<usize>) -> bool {
        self.around(under)
            .all(|block| block.criteria.iter().all(|criterion| criterion.holds_at_start(&self.build)))
    }

    /// The Match lines that must all hold for a line under `under`, innermost first.
    pub fn around(&self, under: Option<usize>) -> impl Iterator<Item = &MatchLine> {
        let block = |index: Option<usize>| index.and_then(|index| self.matches.get(index));
        // An Include cannot lead back to a block that is not read yet, so each index is smaller than the one before.
        let mut next = under;
        std::iter::from_fn(move || {
            let here = next;
            let found = block(here)?;
            next = found.under.filter(|outer| Some(*outer) < here);
            Some(found)
        })
    }

    /// Prepares the configuration for questions.
    #[must_use]
    pub fn evaluator(&self) -> Evaluator<'_> {
        let mut by_keyword: HashMap<&str, Vec<&Line>> = HashMap::new();
        for line in &self.lines {
            by_keyword.entry(line.keyword.as_str()).or_default().push(line);
        }
        let at_start = (0..self.matches.len()).map(|index| self.active_at_start(Some(index))).collect();
        Evaluator { config: self, by_keyword, at_start }
    }
}

impl<'a> Evaluator<'a> {
    /// The configuration itself.
    #[must_use]
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// Which blocks hold for a connection.
    #[must_use]
    pub fn active(&self, connection: &Connection<'_>) -> Active {
        Active(self.holds(connection, |_| true))
    }

    /// For each Match line, whether those criteria hold that look at some things, on it and on the lines around it.
    pub(super) fn holds(&self, connection: &Connection<'_>, looks_at: impl Fn(Attribute) -> bool) -> Truths {
        let build = &self.config.build;
        let mut all: Vec<Truth> = Vec::with_capacity(self.config.matches.len());
        for block in &self.config.matches {
            let outer =
                block.under.map_or(Truth::Yes, |outer| all.get(outer).copied().unwrap_or(Truth::Unknown));
            let criteria = block.criteria.iter().filter(|criterion| looks_at(criterion.of));
            all.push(criteria.fold(outer, |truth, criterion| match truth {
                Truth::No => Truth::No,
                truth => truth.and(criterion.holds(connection, build)),
            }));
        }
        Truths::of(all)
    }

    /// What holds for connections for which these blocks do.
    #[must_use]
    pub fn effective(&'a self, active: &'a Active) -> Effective<'a> {
        Effective { evaluator: self, active }
    }
}

impl Effective<'_> {
    /// The value of a keyword, in lower case.
    ///
    /// # Errors
    /// A block that sets it may hold or not.
    pub fn setting(&self, name: &str) -> Result<Setting, Gap> {
        let mut setting = self.decided(name)?;
        let lines = self.evaluator.by_keyword.get(name).map_or(&[][..], Vec::as_slice);
        let lost = lines.iter().map(|line| &line.at).filter(|at| !setting.at.contains(at));
        setting.lost = lost.take(LOST).cloned().collect();
        Ok(setting)
    }

    /// The same without the lines that lost.
    pub(super) fn decided(&self, name: &str) -> Result<Setting, Gap> {
        let config = self.evaluator.config;
        let lines = self.evaluator.by_keyword.get(name).map_or(&[][..], Vec::as_slice);
        let adds = keywords::accumulates(name);
        let (mut start, mut matched) = (Round::new(adds), Round::new(adds));
        for line in lines {
            let Some(index) = line.under else {
                start.take(line);
                continue;
            };
            match self.active.0.get(index) {
                Truth::Yes => matched.take(line),
                Truth::No => {}
                // Behind a line that has won, it makes no difference.
                Truth::Unknown if !adds && matched.setting.is_some() => {}
                Truth::Unknown => {
                    let block =
                        config.matches.get(index).map(|block| block.at.to_string()).unwrap_or_default();
                    return Err(Gap::unsupported(format!(
                        "{} counts where {block} holds, and whether it does is not known",
                        line.at
                    )));
                }
            }
            if self.evaluator.at_start.get(index) == Some(&true) {
                start.take(line);
            }
        }
        let is_copied = keywords::find(name).is_none_or(|keyword| keyword.in_match);
        let winner = if is_copied && matched.setting.is_some() { &matched } else { &start };
        let setting = winner.setting.clone().unwrap_or_else(|| Setting {
            values: keywords::default(name, &config.build),
            at: vec![Evidence::of(DEFAULT)],
            lost: Vec::new(),
        });
        Ok(setting)
    }

    /// Everything in the form of `sshd -T`.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn sshd_t(&self) -> Result<String, Gap> {
        let mut text = String::new();
        for name in keywords::names() {
            text += &format!("{name} {}\n", self.setting(name)?.values.join(" "));
        }
        Ok(text)
    }

    /// Whether a keyword of yes or no, or one of a fixed choice, has this value.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.is(value))
    }
}

/// The lines of one keyword that one round takes.
struct Round {
    adds: bool,
    setting: Option<Setting>,
}

impl Round {
    fn new(adds: bool) -> Self {
        Self { adds, setting: None }
    }

    fn take(&mut self, line: &Line) {
        match &mut self.setting {
            None => {
                let Line { values, at, .. } = line;
                self.setting =
                    Some(Setting { values: values.clone(), at: vec![at.clone()], lost: Vec::new() });
            }
            Some(setting) if self.adds => {
                setting.values.extend(line.values.iter().cloned());
                if setting.at.len() < LOST {
                    setting.at.push(line.at.clone());
                }
            }
            Some(_) => {}
        }
    }
}
