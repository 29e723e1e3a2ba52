//! What holds for a connection: the lines that count, and those that lost against them.
//!
//! sshd goes over its configuration twice. At its start it takes the lines outside of Match blocks, and those in blocks
//! that hold for everyone. For each connection it then takes the lines of the blocks that match, and what they set
//! replaces what the start has found. Within each round the first value wins, but for keywords that add up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::build::Build;
use super::connection::{Connection, Truth};
use super::criteria::{Attribute, Criterion};
use super::merge::{self, Counts};
use super::patterns::{AddressList, Listed};
use super::truths::Truths;
use super::{Config, DEFAULT, Line, MatchLine, Setting, defaults, keywords, print};
use crate::evidence::Evidence;
use crate::gap::Gap;

/// Lines that lost against another one and are kept to tell about.
const LOST: usize = 8;

/// Answers what a configuration sets, for many connections.
pub struct Evaluator<'a> {
    config: &'a Config,
    by_keyword: HashMap<&'a str, Lines<'a>>,
    /// For each Match line, whether the lines under it count at the start of sshd.
    at_start: Vec<bool>,
    /// What holds at the start of sshd, as far as it was asked for.
    starts: RefCell<HashMap<String, Rc<Setting>>>,
    /// Whether some line may make sshd end a connection.
    may_refuse: bool,
    /// For each Match line, the list of each of its criteria that looks at the client's address.
    addresses: Vec<Vec<Option<AddressList<'a>>>>,
}

/// The lines of one keyword.
#[derive(Default)]
struct Lines<'a> {
    /// Each with its number among all lines, in their order.
    all: Vec<(usize, &'a Line)>,
    /// The Match line of those that stand under one, and their index in `all`; sorted.
    under: Vec<(usize, usize)>,
}

/// Keywords that sshd verifies anew for each connection.
const VERIFIED: [&str; 3] = ["authenticationmethods", "authorizedkeyscommand", "authorizedprincipalscommand"];

/// Which Match blocks hold for a connection, blocks around an Include included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Active(pub(super) Truths);

/// What a configuration sets for one connection.
pub struct Effective<'a> {
    evaluator: &'a Evaluator<'a>,
    active: &'a Active,
    /// The blocks that hold or may hold.
    possible: Vec<usize>,
}

impl MatchLine {
    /// Whether sshd heeds the lines under it at its start, where that is known of the Match lines before it.
    pub(super) fn holds_at_start(&self, before: &[bool], build: &Build) -> bool {
        self.under.is_none_or(|outer| before.get(outer) == Some(&true))
            && self.criteria.iter().all(|criterion| criterion.holds_at_start(build))
    }
}

impl Config {
    /// For each Match line, whether sshd heeds the lines under it at its start.
    fn at_start(&self) -> Vec<bool> {
        let mut all = Vec::with_capacity(self.matches.len());
        for block in &self.matches {
            let active = block.holds_at_start(&all, &self.build);
            all.push(active);
        }
        all
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
    pub fn evaluator<'a>(&'a self) -> Evaluator<'a> {
        let mut by_keyword: HashMap<&str, Lines<'_>> = HashMap::new();
        for (number, line) in self.lines.iter().enumerate() {
            let lines = by_keyword.entry(line.keyword.as_str()).or_default();
            lines.under.extend(line.under.map(|under| (under, lines.all.len())));
            lines.all.push((number, line));
        }
        by_keyword.values_mut().for_each(|lines| lines.under.sort_unstable());
        let at_start = self.at_start();
        let verified =
            || VERIFIED.iter().filter_map(|name| by_keyword.get(name)).filter(|lines| lines.all.len() > 1);
        let odd = |line: &Line| line.refused || line.values.iter().any(|value| value == "any");
        let may_refuse = self.lines.iter().any(|line| line.refused)
            || verified().any(|lines| lines.all.iter().any(|(_, line)| odd(line)));
        let list = |criterion: &'a Criterion| {
            (criterion.of == Attribute::Address).then(|| AddressList::new(&criterion.patterns))
        };
        let addresses = self.matches.iter().map(|block| block.criteria.iter().map(list).collect()).collect();
        Evaluator { config: self, by_keyword, at_start, starts: RefCell::default(), may_refuse, addresses }
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
        for (block, lists) in self.config.matches.iter().zip(&self.addresses) {
            let outer =
                block.under.map_or(Truth::Yes, |outer| all.get(outer).copied().unwrap_or(Truth::Unknown));
            let criteria = block.criteria.iter().zip(lists).filter(|(criterion, _)| looks_at(criterion.of));
            all.push(criteria.fold(outer, |truth, (criterion, list)| match (truth, list) {
                (Truth::No, _) => Truth::No,
                (truth, Some(list)) => truth.and(Truth::of(
                    connection.address.is_some() && list.listed(connection.address) == Ok(Listed::Yes),
                )),
                (truth, None) => truth.and(criterion.holds(connection, build)),
            }));
        }
        Truths::of(all)
    }

    /// About how many networks could be compared in the time that [`Self::holds`] takes.
    pub(super) fn cost(&self) -> usize {
        let criteria = self.config.matches.iter().flat_map(|block| &block.criteria);
        let lists = self.addresses.iter().flatten();
        let cost = |(criterion, list): (&Criterion, &Option<AddressList<'_>>)| {
            list.as_ref().map_or(1 + criterion.patterns.len(), AddressList::cost)
        };
        criteria.zip(lists).map(cost).sum()
    }

    /// What holds for connections for which these blocks do.
    #[must_use]
    pub fn effective(&'a self, active: &'a Active) -> Effective<'a> {
        Effective { evaluator: self, active, possible: active.0.possible().collect() }
    }
}

impl<'a> Evaluator<'a> {
    fn lines(&self, name: &str) -> &[(usize, &'a Line)] {
        self.by_keyword.get(name).map_or(&[][..], |lines| &lines.all)
    }

    /// Whether a line counts at the start of sshd.
    fn is_at_start(&self, line: &Line) -> bool {
        line.under.is_none_or(|index| self.at_start.get(index) == Some(&true))
    }

    /// What the lines that count at the start of sshd set, or the default.
    pub(super) fn at_start(&self, name: &str) -> Rc<Setting> {
        if let Some(known) = self.starts.borrow().get(name) {
            return known.clone();
        }
        let setting = Rc::new(self.find_start(name));
        self.starts.borrow_mut().insert(name.to_owned(), setting.clone());
        setting
    }

    fn find_start(&self, name: &str) -> Setting {
        let mut round = Round::new(name, &self.config.build);
        for (number, line) in self.lines(name) {
            if self.is_at_start(line) {
                let is_set = |other: &str| self.is_set(other, *number, |line| self.is_at_start(line));
                round.take(line, &is_set);
            }
        }
        let mut setting = round.setting().unwrap_or_else(|| Setting {
            values: defaults::of(name, &self.config.build),
            at: vec![Evidence::of(DEFAULT)],
            lost: Vec::new(),
        });
        // A list of algorithms that is left empty is filled for each connection, but not one that a Match block empties.
        let is_algorithms =
            keywords::named(name, &self.config.build).is_some_and(keywords::Keyword::is_algorithms);
        if setting.values == [""] && is_algorithms {
            setting.values = defaults::of(name, &self.config.build);
        }
        if name != "kbdinteractiveauthentication" {
            return setting;
        }
        match merge::settle(&|other| self.at_start(other).values.clone(), &self.config.build) {
            Some((_, value)) if !setting.is(value) => {
                let by = self.at_start("challengeresponseauthentication");
                Setting { values: vec![value.to_owned()], ..(*by).clone() }
            }
            _ => setting,
        }
    }

    /// Whether a line of a keyword before another line sets it, among the lines that some round takes.
    fn is_set(&self, name: &str, before: usize, mut takes: impl FnMut(&Line) -> bool) -> bool {
        let mut lines = self.lines(name).iter().take_while(|(number, _)| *number < before);
        lines.any(|(_, line)| !line.values.is_empty() && !line.refused && takes(line))
    }
}

impl<'a> Effective<'a> {
    /// The lines of a keyword under blocks that hold or may hold, in their order.
    fn lines(&self, name: &str) -> Vec<(usize, &'a Line)> {
        let Some(lines) = self.evaluator.by_keyword.get(name) else { return Vec::new() };
        let mut found: Vec<usize> = Vec::new();
        for block in &self.possible {
            let first = lines.under.partition_point(|(under, _)| under < block);
            let under = lines.under.get(first..).unwrap_or_default().iter();
            found.extend(under.take_while(|(under, _)| under == block).map(|(_, index)| *index));
        }
        found.sort_unstable();
        found.into_iter().filter_map(|index| lines.all.get(index).copied()).collect()
    }

    fn truth(&self, line: &Line) -> Truth {
        let Some(index) = line.under else { return Truth::No };
        self.active.0.get(index)
    }

    /// The value of a keyword, in lower case.
    ///
    /// # Errors
    /// A block that sets it may hold or not.
    pub fn setting(&self, name: &str) -> Result<Setting, Gap> {
        let mut setting = (*self.decided(name)?).clone();
        let lines = self.evaluator.lines(name).iter().map(|(_, line)| &line.at);
        setting.lost = lines.filter(|at| !setting.at.contains(at)).take(LOST).cloned().collect();
        Ok(setting)
    }

    /// The same without the lines that lost.
    pub(super) fn decided(&self, name: &str) -> Result<Rc<Setting>, Gap> {
        let (evaluator, config) = (self.evaluator, self.evaluator.config);
        if name == "usepam" && config.build.without_pam {
            let at = vec![Evidence::of("sshd is built without PAM")];
            return Ok(Rc::new(Setting { values: vec!["no".to_owned()], at, lost: Vec::new() }));
        }
        let start = evaluator.at_start(name);
        let lines = self.lines(name);
        if lines.is_empty() {
            return Ok(start);
        }
        let mut matched = Round::new(name, &config.build);
        for (number, line) in lines {
            let is_set = |other: &str| evaluator.is_set(other, number, |line| self.truth(line) == Truth::Yes);
            match self.truth(line) {
                Truth::Yes => matched.take(line, &is_set),
                Truth::No => {}
                // Behind a line that has won, it makes no difference.
                Truth::Unknown if !matched.would_take(line, &is_set) => {}
                Truth::Unknown => {
                    let block = line.under.and_then(|index| config.matches.get(index));
                    let block = block.map(|block| block.at.to_string()).unwrap_or_default();
                    return Err(Gap::unsupported(format!(
                        "{} counts where {block} holds, and whether it does is not known",
                        line.at
                    )));
                }
            }
        }
        let is_copied = keywords::named(name, &config.build).is_none_or(|keyword| keyword.copied);
        Ok(match matched.setting() {
            Some(matched) if is_copied => {
                Rc::new(Setting { values: merge::overlay(name, &start.values, &matched.values), ..matched })
            }
            _ => start,
        })
    }

    /// The line on account of which sshd ends this connection before it asks for anything, where there is one: sshd
    /// goes over its configuration again for every connection, and some lines it verifies only then.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn refused(&self) -> Result<Option<Evidence>, Gap> {
        let (evaluator, build) = (self.evaluator, &self.evaluator.config.build);
        if !evaluator.may_refuse {
            return Ok(None);
        }
        for name in VERIFIED {
            let mut set: Option<Vec<String>> = None;
            for (number, line) in evaluator.lines(name) {
                let truth = self.truth(line);
                let is_set =
                    |other: &str| evaluator.is_set(other, *number, |line| self.truth(line) == Truth::Yes);
                if line.refused {
                    // A line with values is wrong only where it counts, or behind another one.
                    let looks = |is_active: bool| {
                        !merge::passes_over(name, set.is_some(), is_active, build)
                            && (line.values.is_empty() || is_active || set.is_some())
                    };
                    match (truth, looks(true), looks(false)) {
                        (Truth::Yes, true, _) | (Truth::No, _, true) | (Truth::Unknown, true, true) => {
                            return Ok(Some(line.at.clone()));
                        }
                        (Truth::Unknown, true, false) | (Truth::Unknown, false, true) => {
                            let why = format!("whether sshd comes to {} is not known", line.at);
                            return Err(Gap::unsupported(why));
                        }
                        _ => continue,
                    }
                }
                match merge::merge(name, set.as_deref(), &line.values, &is_set, build) {
                    Err(why) => return Ok(Some(line.at.clone().says(why))),
                    Ok((values, Counts::Replaces | Counts::Adds)) if truth == Truth::Yes => {
                        set = Some(values)
                    }
                    Ok(_) => {}
                }
            }
        }
        Ok(None)
    }

    /// Everything in the form of `sshd -T`.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn sshd_t(&self) -> Result<String, Gap> {
        let build = &self.evaluator.config.build;
        let mut all: HashMap<&str, Vec<String>> = HashMap::new();
        for name in keywords::names(build) {
            all.insert(name, self.setting(name)?.values);
        }
        Ok(print::sshd_t(&|name| all.get(name).cloned().unwrap_or_default(), build))
    }

    /// Whether a keyword of yes or no, or one of a fixed choice, has this value.
    ///
    /// # Errors
    /// As [`Effective::setting`].
    pub fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.is(value))
    }
}

/// Keywords whose lines do not simply add up or give way to the first one: see [`merge::merge`].
const ODD: &[&str] = &[
    "authenticationmethods",
    "authorizedprincipalscommand",
    "fingerprinthash",
    "ipqos",
    "logverbose",
    "maxstartups",
    "persourcemaxstartups",
    "persourcenetblocksize",
    "rekeylimit",
    "streamlocalbindmask",
    "subsystem",
    "unusedconnectiontimeout",
];

/// The lines of one keyword that one round takes.
struct Round<'a> {
    name: &'a str,
    build: &'a Build,
    values: Option<Vec<String>>,
    at: Vec<Evidence>,
}

impl<'a> Round<'a> {
    fn new(name: &'a str, build: &'a Build) -> Self {
        Self { name, build, values: None, at: Vec::new() }
    }

    /// What a line would do, with the values that hold behind it unless they are those before it and its own.
    fn counts(&self, line: &Line, is_set: &dyn Fn(&str) -> bool) -> (Counts, Option<Vec<String>>) {
        let plain = match &self.values {
            _ if line.values.is_empty() || line.refused => return (Counts::Lost, None),
            None => Counts::Replaces,
            Some(_) if keywords::accumulates(self.name) => Counts::Adds,
            Some(_) => Counts::Lost,
        };
        if !ODD.contains(&self.name) {
            return (plain, None);
        }
        match merge::merge(self.name, self.values.as_deref(), &line.values, is_set, self.build) {
            Ok((values, counts)) => (counts, Some(values)),
            Err(_) => (Counts::Lost, None),
        }
    }

    fn would_take(&self, line: &Line, is_set: &dyn Fn(&str) -> bool) -> bool {
        self.counts(line, is_set).0 != Counts::Lost
    }

    fn take(&mut self, line: &Line, is_set: &dyn Fn(&str) -> bool) {
        let (counts, values) = self.counts(line, is_set);
        let before = if counts == Counts::Adds { self.values.take().unwrap_or_default() } else { Vec::new() };
        match counts {
            Counts::Lost => return,
            Counts::Replaces => self.at.clear(),
            Counts::Adds => {}
        }
        self.values = Some(match values {
            Some(values) => values,
            None => {
                let mut all = before;
                all.extend(line.values.iter().cloned());
                all
            }
        });
        if self.at.len() < LOST {
            self.at.push(line.at.clone());
        }
    }

    /// What the round has found.
    fn setting(self) -> Option<Setting> {
        let values = self.values?;
        Some(Setting { values, at: self.at, lost: Vec::new() })
    }
}
