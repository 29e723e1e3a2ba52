//! Reads sshd_config(5) and what it includes into settings in the order in which sshd meets them.

use super::build::{Build, Vendor};
use super::keywords::{self, Form, Keyword};
use super::{glob, lexer, values};
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
/// Letters of the criteria of a Match line that are kept.
const CRITERIA: usize = 200;
/// Refused lines and gaps that are kept; the rest is only known to exist.
const KEPT: usize = 50;

/// Everything that the files say, nothing decided yet.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Lines with a recorded keyword, in the order in which sshd meets them.
    pub(super) directives: Vec<Directive>,
    /// Match lines; a directive and a Match line name the innermost one that they stand under.
    pub(super) guards: Vec<Guard>,
    /// Files read, each once, in that order.
    pub(super) files: Vec<String>,
    /// The latest change of any of them, or of a folder that an Include lists.
    pub(super) changed: Timestamp,
    /// Lines for which sshd would refuse to start, with the reason.
    pub(super) refused: Vec<Evidence>,
    /// What could not be read or understood.
    pub(super) gaps: Vec<Gap>,
}

/// One line that sets something.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) keyword: &'static Keyword,
    pub(super) values: Vec<String>,
    /// Where it stands and what it says.
    pub(super) at: Evidence,
    /// Index of the Match line that it stands under.
    pub(super) guard: Option<usize>,
}

/// One Match line.
#[derive(Debug)]
pub(super) struct Guard {
    /// Its criteria as written, cut after [`CRITERIA`] letters.
    pub(super) criteria: String,
    /// Whether it is `Match all`.
    pub(super) all: bool,
    pub(super) at: Evidence,
    /// Index of the Match line around the Include that led here; both must match.
    pub(super) outer: Option<usize>,
}

impl Parsed {
    /// The Match lines that must all match for a line under `guard`, innermost first.
    pub(super) fn guards_of(&self, guard: Option<usize>) -> impl Iterator<Item = &Guard> {
        std::iter::successors(guard.and_then(|index| self.guards.get(index)), |inner| {
            inner.outer.and_then(|index| self.guards.get(index))
        })
    }
    /// Whether a line under `guard` holds for every connection.
    pub(super) fn unconditional(&self, guard: Option<usize>) -> bool {
        self.guards_of(guard).all(|guard| guard.all)
    }
}

/// The release whose grammar is read, until the one that is installed is handed in.
pub(super) fn build() -> Build {
    Build { version: (9, 2), vendor: Vendor::Debian, ..Build::default() }
}

/// Reads a configuration from its main file.
pub(super) fn parse(host: &dyn Host, main: &str) -> Result<Parsed, Gap> {
    let mut walk = Walk {
        host,
        parsed: Parsed::default(),
        files_left: FILES,
        lines_left: LINES,
        bytes_left: BYTES,
        ended: false,
    };
    let text = walk.load(main)?;
    walk.text(main, &text, None, 0);
    Ok(walk.parsed)
}

struct Walk<'a> {
    host: &'a dyn Host,
    parsed: Parsed,
    files_left: usize,
    lines_left: usize,
    bytes_left: usize,
    /// Set when reading on makes no sense: a bound was met, or sshd would stop right here.
    ended: bool,
}

impl Walk<'_> {
    fn refuse(&mut self, path: &str, line: u32, why: String) {
        if self.parsed.refused.len() < KEPT {
            self.parsed.refused.push(Evidence::at(path, line).says(why));
        }
    }

    fn gap(&mut self, gap: Gap) {
        if self.parsed.gaps.len() < KEPT {
            self.parsed.gaps.push(gap);
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
        if !self.parsed.files.iter().any(|file| file == path) {
            self.parsed.files.push(path.to_owned());
        }
        self.parsed.changed = self.parsed.changed.max(stat.modified);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn text(&mut self, path: &str, text: &str, outer: Option<usize>, depth: usize) {
        let mut guard = outer;
        for (number, line) in (1_u32..).zip(text.split('\n')) {
            if self.ended {
                return;
            }
            let Some(left) = self.lines_left.checked_sub(1) else {
                self.gap(Gap::too_large("the configuration of sshd with all that it includes"));
                self.ended = true;
                return;
            };
            self.lines_left = left;
            if let Some(line) = lexer::line(line)
                && let Err(why) = self.line(path, number, &line, outer, &mut guard, depth)
            {
                self.refuse(path, number, why);
            }
        }
    }

    fn line(
        &mut self,
        path: &str,
        number: u32,
        line: &lexer::Line,
        outer: Option<usize>,
        guard: &mut Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        // The text of a line whose keyword is unknown is never repeated: an Include may name any file at all.
        let Some(keyword) = keywords::find(&line.keyword, &build()) else {
            return Err("no keyword that hostduty knows of sshd".to_owned());
        };
        let written = &line.keyword;
        if line.rest.is_empty() {
            return Err(format!("{written} without an argument"));
        }
        let Some(words) = lexer::arguments(&line.rest) else {
            return Err(format!("{written} with a quotation mark that is not closed"));
        };
        if !keyword.in_match && !self.parsed.unconditional(*guard) {
            return Err(format!("{written} is not allowed under Match"));
        }
        match keyword.form {
            Form::Include => self.include(path, number, &words, *guard, depth),
            Form::Match => {
                let all = values::criteria(&line.rest)?;
                let criteria = line.rest.chars().take(CRITERIA).collect();
                let at = Evidence::at(path, number);
                self.parsed.guards.push(Guard { criteria, all, at, outer });
                *guard = self.parsed.guards.len().checked_sub(1);
                Ok(())
            }
            _ => {
                let mut values = values::verify(keyword, written, &words, &line.rest, &build())?;
                // Only the program of a command is kept; its arguments may hold anything.
                if keyword.form == Form::Command {
                    let program =
                        |value: &String| value.split([' ', '\t']).next().unwrap_or_default().to_owned();
                    values = values.iter().map(program).collect();
                }
                if !keywords::is_recorded(keyword.name) {
                    return Ok(());
                }
                if values.iter().any(|value| value.contains('\u{fffd}')) {
                    self.gap(Gap::malformed(format!("{path}:{number} is not UTF-8")));
                }
                if keyword.form == Form::Port && values.iter().any(|port| port.parse::<u16>().is_err()) {
                    let what = format!("{path}:{number} names a port by a word of services(5)");
                    self.gap(Gap::unsupported(what));
                }
                let at = Evidence::at(path, number).says(format!("{written} {}", values.join(" ")));
                self.parsed.directives.push(Directive { keyword, values, at, guard: *guard });
                Ok(())
            }
        }
    }

    fn include(
        &mut self,
        path: &str,
        number: u32,
        patterns: &[String],
        guard: Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        if patterns.is_empty() || patterns.iter().any(String::is_empty) {
            return Err("Include without a file name".to_owned());
        }
        for pattern in patterns {
            // sshd hands `~/…` to glob(3) as it is, which then looks below the daemon's working folder.
            if pattern.starts_with('~') {
                self.gap(Gap::unsupported(format!(
                    "{path}:{number} includes a path that hostduty does not follow"
                )));
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
                self.parsed.changed = self.parsed.changed.max(modified);
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
                    self.gap(Gap::too_large("the number of files that the configuration of sshd includes"));
                    self.ended = true;
                    return Ok(());
                };
                self.files_left = left;
                match self.load(&file) {
                    Ok(text) => self.text(&file, &text, guard, depth + 1),
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
