//! Reads sshd_config(5) and what it includes into lines in the order in which sshd meets them.

use super::build::Build;
use super::keywords::{self, Form};
use super::{Config, Line, MatchLine, criteria, glob, lexer, values};
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
        ended: false,
    };
    for given in options.given {
        walk.given(given);
    }
    let text = walk.load(main)?;
    walk.text(main, &text, None, 0);
    Ok(walk.config)
}

struct Walk<'a> {
    host: &'a dyn Host,
    options: Options<'a>,
    config: Config,
    files_left: usize,
    lines_left: usize,
    bytes_left: usize,
    /// Set when reading on makes no sense: a bound was met, or sshd would stop right here.
    ended: bool,
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

    /// A setting of the command line.
    fn given(&mut self, given: &Evidence) {
        let text = given.text.as_deref().unwrap_or_default();
        let Some(line) = lexer::line(text, self.options.build) else { return };
        let place = Evidence { text: None, ..given.clone() };
        let result = match keywords::find(&line.keyword).map(|keyword| keyword.form) {
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
        self.config.changed = self.config.changed.max(stat.modified);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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
        let Some(keyword) = keywords::find(&line.keyword) else {
            return Err("no keyword that hostduty knows of sshd".to_owned());
        };
        let written = &line.keyword;
        if line.rest.is_empty() {
            return Err(format!("{written} without an argument"));
        }
        let Some(words) = lexer::arguments(&line.rest, build) else {
            return Err(format!("{written} with a quotation mark that is not closed"));
        };
        if !keyword.in_match && !self.config.active_at_start(*under) {
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
                self.config.matches.push(MatchLine { criteria, at, under: outer });
                *under = self.config.matches.len().checked_sub(1);
            }
            _ => {
                let values = values::verify(keyword, written, &words, &line.rest)?;
                if self.options.record == Record::Judged && !keywords::is_recorded(keyword.name) {
                    return Ok(());
                }
                if values.iter().any(|value| value.contains('\u{fffd}')) {
                    self.gap(Gap::malformed(format!("{place} is not UTF-8")));
                }
                if keyword.form == Form::Port && values.iter().any(|port| port.parse::<u16>().is_err()) {
                    self.gap(Gap::unsupported(format!("{place} names a port by a word of services(5)")));
                }
                let at = place.clone().says(format!("{written} {}", values.join(" ")));
                let name = keyword.name.to_owned();
                self.config.lines.push(Line { keyword: name, values, at, under: *under });
            }
        }
        if self.config.lines.len() + self.config.matches.len() > RECORDED {
            self.end("the number of settings in the configuration of sshd");
        }
        Ok(())
    }

    fn include(
        &mut self,
        place: &Evidence,
        patterns: &[String],
        under: Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        if patterns.is_empty() || patterns.iter().any(String::is_empty) {
            return Err("Include without a file name".to_owned());
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
                self.config.changed = self.config.changed.max(modified);
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
