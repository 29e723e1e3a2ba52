//! Reads sshd_config(5) and what it includes into lines in the order in which sshd meets them.

use std::collections::HashMap;

use super::build::Build;
use super::keywords::{self, Form, Keyword};
use super::{Config, Line, MatchLine, criteria, glob, lexer, merge, values};
use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, FileKind, Host};

/// sshd gives up below this many includes within each other.
const DEPTH: usize = 16;
/// Files read, one that is included twice counting twice; more are a gap.
const FILES: usize = 500;
/// Lines read in all files together; more are a gap.
const LINES: usize = 200_000;
/// Bytes read in all files together; more are a gap.
const BYTES: usize = 16 << 20;
/// Lines and Match lines that are kept; more are a gap.
const RECORDED: usize = 20_000;
/// Letters of the criteria of a Match line that are repeated in its evidence.
const CRITERIA: usize = 200;
/// Refused lines and gaps that are kept; the rest is only known to exist.
const KEPT: usize = 50;

/// Keywords of which a line may be refused on account of lines before it.
const LOOKING_BACK: &[&str] =
    &["port", "subsystem", "authenticationmethods", "authorizedkeyscommand", "authorizedprincipalscommand"];

/// Which lines are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// Those that some judgement rests on: what a snapshot may hold.
    Judged,
    /// All that sshd would heed; their values may be secrets.
    All,
}

/// How a configuration is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'a> {
    /// The build of sshd that reads it.
    pub(super) build: &'a Build,
    /// Settings of the command line, `keyword value` or `keyword=value`, which come before any file.
    pub(super) given: &'a [Evidence],
    /// Which lines are kept.
    pub(super) record: Record,
}

/// Reads a configuration from its main file.
pub(super) fn parse(host: &dyn Host, main: &str, options: Options<'_>) -> Result<Config, Gap> {
    let mut walk = Walk {
        host,
        options,
        config: Config { build: options.build.clone(), ..Config::default() },
        files_left: FILES,
        lines_left: LINES,
        bytes_left: BYTES,
        at_start: Vec::new(),
        ended: false,
        start: HashMap::new(),
    };
    for given in options.given {
        walk.given(given);
    }
    let text = walk.load(main)?;
    walk.text(main, &text, None, 0);
    walk.contradictions();
    Ok(walk.config)
}

struct Walk<'a> {
    host: &'a dyn Host,
    options: Options<'a>,
    config: Config,
    files_left: usize,
    lines_left: usize,
    bytes_left: usize,
    /// For each Match line, whether the lines under it count at the start of sshd.
    at_start: Vec<bool>,
    /// Set when reading on makes no sense: a bound was met, or sshd would stop right here.
    ended: bool,
    /// What the lines read so far set at the start of sshd, for keywords of which a line may clash with those before it.
    start: HashMap<&'static str, Vec<String>>,
}

/// Lists of methods with `any` behind them, which sshd until 9.6 refuses only where it counts the ones before.
fn late_any(words: &[String], verify: impl Fn(&[String]) -> bool, build: &Build) -> Option<Vec<String>> {
    let end = words.iter().position(String::is_empty).filter(|_| !build.since(8, 7));
    let words = words.get(..end.unwrap_or(words.len()))?;
    let (lists, behind) = words.split_at(words.iter().position(|word| word == "any")?);
    let fits = behind.iter().all(|word| word == "any") && (lists.is_empty() || verify(lists));
    (fits && !build.since(9, 7)).then(|| words.to_vec())
}

impl Walk<'_> {
    fn refuse(&mut self, at: Evidence) {
        if self.config.refused.len() < KEPT {
            self.config.refused.push(at);
        }
    }

    fn gap(&mut self, gap: Gap) {
        if self.config.gaps.len() < KEPT {
            self.config.gaps.push(gap);
        }
    }

    /// Whether sshd heeds a line at its start.
    fn is_active(&self, under: Option<usize>) -> bool {
        under.is_none_or(|index| self.at_start.get(index) == Some(&true))
    }

    /// A setting of the command line.
    fn given(&mut self, given: &Evidence) {
        let text = given.text.as_deref().unwrap_or_default();
        let Some(line) = lexer::line(text, self.options.build) else { return };
        let place = Evidence { text: None, ..given.clone() };
        let result = match keywords::find(&line.keyword, self.options.build).map(|keyword| keyword.form) {
            Some(Form::Include | Form::Match) => Err(format!("{} on the command line", line.keyword)),
            _ => self.line(&place, &line, None, &mut None, 0),
        };
        if let Err(why) = result {
            self.refuse(place.says(why));
        }
    }

    /// The content of a file. sshd reads a folder and /dev/null as empty.
    fn load(&mut self, path: &str) -> Result<String, Gap> {
        let stat = self.host.stat(path)?;
        let is_null =
            || path == "/dev/null" || self.host.read_link(path).is_ok_and(|target| target == "/dev/null");
        if stat.kind == FileKind::Dir {
            self.dated(path, stat.modified);
        }
        if stat.kind == FileKind::Dir || (stat.kind == FileKind::CharDevice && is_null()) {
            return Ok(String::new());
        }
        let bytes = self.host.read(path, host::SMALL)?;
        let left = self.bytes_left.checked_sub(bytes.len());
        self.bytes_left =
            left.ok_or_else(|| Gap::too_large("the configuration of sshd with all that it includes"))?;
        if bytes.contains(&0) {
            return Err(Gap::malformed(format!("{path} contains NUL bytes")));
        }
        if !self.config.files.iter().any(|file| file == path) {
            self.config.files.push(path.to_owned());
        }
        self.dated(path, stat.modified);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes the last change of a file or folder into account.
    fn dated(&mut self, path: &str, modified: Timestamp) {
        if modified > self.config.changed {
            (self.config.changed, self.config.changed_at) = (modified, path.to_owned());
        }
    }

    fn text(&mut self, path: &str, text: &str, outer: Option<usize>, depth: usize) {
        let mut under = outer;
        for (number, line) in (1_u32..).zip(text.split('\n')) {
            if self.ended {
                return;
            }
            let Some(left) = self.lines_left.checked_sub(1) else {
                self.end("the configuration of sshd with all that it includes");
                return;
            };
            self.lines_left = left;
            if let Some(line) = lexer::line(line, self.options.build) {
                let place = Evidence::at(path, number);
                if let Err(why) = self.line(&place, &line, outer, &mut under, depth) {
                    self.refuse(place.says(why));
                }
            }
        }
    }

    fn end(&mut self, what: &str) {
        self.gap(Gap::too_large(what));
        self.ended = true;
    }

    fn line(
        &mut self,
        place: &Evidence,
        line: &lexer::Line,
        outer: Option<usize>,
        under: &mut Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        let build = self.options.build;
        // The text of a line whose keyword is unknown is never repeated: an Include may name any file at all.
        let Some(keyword) = keywords::find(&line.keyword, build) else {
            if keywords::may_be_patched(&line.keyword, build) {
                self.gap(Gap::unsupported(format!(
                    "{place} sets {}, which some vendors' sshd has and others not",
                    line.keyword
                )));
                return Ok(());
            }
            return Err("no keyword that hostduty knows of sshd".to_owned());
        };
        let written = &line.keyword;
        if line.rest.is_empty() && build.since(8, 7) {
            return Err(format!("{written} without an argument"));
        }
        let Some(words) = lexer::arguments(&line.rest, build) else {
            return Err(format!("{written} with a quotation mark that is not closed"));
        };
        if !keyword.in_match && !self.is_active(*under) {
            return Err(format!("{written} is not allowed under Match"));
        }
        match keyword.form {
            Form::Include => return self.include(place, &words, *under, depth),
            Form::Match => {
                let criteria = criteria::parse(&line.rest, &words, build)?;
                for criterion in &criteria {
                    if criterion.patterns.contains('\u{fffd}') {
                        self.gap(Gap::malformed(format!("{place} is not UTF-8")));
                    }
                    if criterion.is_named_port() {
                        self.gap(Gap::unsupported(format!("{place} names a port by a word of services(5)")));
                    }
                }
                let text: String = line.rest.chars().take(CRITERIA).collect();
                let at = place.clone().says(format!("Match {text}"));
                let block = MatchLine { criteria, at, under: outer };
                self.at_start.push(block.holds_at_start(&self.at_start, build));
                self.config.matches.push(block);
                *under = self.config.matches.len().checked_sub(1);
            }
            _ => self.setting(place, line, keyword, &words, *under)?,
        }
        if self.config.lines.len() + self.config.matches.len() > RECORDED {
            self.end("the number of settings in the configuration of sshd");
        }
        Ok(())
    }

    /// A line that sets something.
    fn setting(
        &mut self,
        place: &Evidence,
        line: &lexer::Line,
        keyword: &'static Keyword,
        words: &[String],
        under: Option<usize>,
    ) -> Result<(), String> {
        let (build, name, written) = (self.options.build, keyword.name, &line.keyword);
        let is_active = self.is_active(under);
        let is_set = self.start.contains_key(name);
        let mut refused = None;
        let mut values = match values::verify(keyword, written, words, &line.rest, build) {
            Ok(values) => values,
            Err(why) => {
                // A keyword alone is refused even where its arguments are not looked at.
                let is_bare = line.bare && keyword.form == Form::Command;
                let values = match merge::passes_over(name, is_set, is_active, build) && !is_bare {
                    true => Some(Vec::new()),
                    false if keyword.form == Form::Methods && !is_active && !is_set => {
                        let verify = |lists: &[String]| {
                            values::verify(keyword, written, lists, &line.rest, build).is_ok()
                        };
                        late_any(words, verify, build)
                    }
                    false => None,
                };
                let Some(values) = values else { return Err(why) };
                refused = Some(why);
                values
            }
        };
        if refused.is_none() && LOOKING_BACK.contains(&name) {
            let is_set = |other: &str| self.start.contains_key(other);
            let before = self.start.get(name).map(Vec::as_slice);
            let (merged, _) = merge::merge(name, before, &values, &is_set, build)?;
            if is_active && !merged.is_empty() {
                self.start.insert(name, merged);
            }
        }
        let nothing = values.is_empty() && refused.is_none();
        if nothing || (self.options.record == Record::Judged && !keywords::is_recorded(name)) {
            return Ok(());
        }
        if self.options.record == Record::Judged && keyword.form == Form::Command {
            // Only the program of a command is kept; its arguments may hold anything.
            for value in &mut values {
                value.truncate(value.find([' ', '\t']).unwrap_or(value.len()));
            }
        }
        if values.iter().any(|value| value.contains('\u{fffd}')) {
            self.gap(Gap::malformed(format!("{place} is not UTF-8")));
        }
        // Of a keyword that nobody judges, a name hardly says that sshd would refuse to start.
        let matters = self.options.record == Record::All || keywords::is_recorded(name);
        if matters && values::depends_on_machine(keyword, &values) {
            self.gap(Gap::unsupported(format!(
                "{place} takes more of the machine to understand than its files"
            )));
        }
        let at = match refused {
            Some(ref why) => place.clone().says(why.clone()),
            None => place.clone().says(format!("{written} {}", values.join(" "))),
        };
        self.config.lines.push(Line {
            keyword: name.to_owned(),
            values,
            at,
            under,
            refused: refused.is_some(),
        });
        Ok(())
    }

    /// What sshd refuses although it takes each line.
    fn contradictions(&mut self) {
        let found: Vec<Evidence> = {
            let evaluator = self.config.evaluator();
            let values = |name: &str| evaluator.at_start(name).values.clone();
            let found = values::contradictions(&values, self.options.build);
            found.into_iter().map(|(name, why)| evaluator.at_start(name).place().says(why)).collect()
        };
        found.into_iter().for_each(|at| self.refuse(at));
    }

    fn include(
        &mut self,
        place: &Evidence,
        patterns: &[String],
        under: Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        // Before 8.7 an empty word ended the list.
        let end = patterns.iter().position(String::is_empty).unwrap_or(patterns.len());
        let (patterns, behind) = patterns.split_at(end);
        if patterns.is_empty() || (!behind.is_empty() && self.options.build.since(8, 7)) {
            return Err("Include without a file name".to_owned());
        }
        if behind.get(1).is_some_and(|word| !word.is_empty()) {
            return Err("Include with more behind an empty word".to_owned());
        }
        if under.is_none() && self.config.includes.len() < KEPT {
            self.config.includes.push(place.clone().says(patterns.join(" ")));
        }
        for pattern in patterns {
            // sshd hands `~/…` to glob(3) as it is, which then looks below the daemon's working folder.
            if pattern.starts_with('~') {
                self.gap(Gap::unsupported(format!("{place} includes a path that hostduty does not follow")));
                continue;
            }
            let absolute =
                if pattern.starts_with('/') { pattern.clone() } else { format!("/etc/ssh/{pattern}") };
            let found = match glob::expand(self.host, &absolute) {
                Ok(found) => found,
                Err(gap) => {
                    self.gap(gap);
                    continue;
                }
            };
            // A file that was taken away has no date any more, but its folder has.
            for folder in found.folders {
                let modified = self.host.stat(&folder).map(|stat| stat.modified).unwrap_or_default();
                self.dated(&folder, modified);
            }
            for file in found.paths {
                if self.ended {
                    return Ok(());
                }
                if depth >= DEPTH {
                    self.ended = true;
                    return Err(format!("more than {DEPTH} files that include each other"));
                }
                let Some(left) = self.files_left.checked_sub(1) else {
                    self.end("the number of files that the configuration of sshd includes");
                    return Ok(());
                };
                self.files_left = left;
                match self.load(&file) {
                    Ok(text) => self.text(&file, &text, under, depth + 1),
                    Err(gap) if gap.is_absent() => {
                        return Err(format!("Include of {file}, which leads nowhere"));
                    }
                    Err(gap) => self.gap(gap),
                }
            }
        }
        Ok(())
    }
}
