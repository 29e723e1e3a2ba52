//! The lines of passwd(5), shadow(5) and group(5), read as glibc reads them: what it accepts is an account here too.

use super::{Group, Password, User, hash};
use crate::date::Day;

/// The last day that can be written as a date: 9999-12-31.
const LAST_DAY: i64 = 2_932_896;
/// useradd(8) allows 32 characters; nothing allows more than this many bytes.
const LONGEST_NAME: usize = 256;
/// PATH_MAX.
const LONGEST_PATH: usize = 4096;
/// More complaints than this are only counted.
const MOST_COMPLAINTS: usize = 100;

/// Lines that make no sense: never their text, because it may hold a hash.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    lines: Vec<String>,
    more: usize,
}

impl Complaints {
    pub(super) fn add(&mut self, sentence: String) {
        if self.lines.len() < MOST_COMPLAINTS {
            self.lines.push(sentence);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
    fn line(&mut self, path: &str, line: u32, why: &str) {
        self.add(format!("{path}:{line}: {why}"));
    }
    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("the account files have {} more lines that make no sense", self.more));
        }
        self.lines
    }
}

/// What /etc/passwd says.
pub(super) struct Passwd {
    pub(super) lines: Vec<PasswdLine>,
    /// Whether a line starts with `+`, which the `compat` service takes as "and all of NIS".
    pub(super) includes_nis: bool,
}

/// An account and its own password field, which is `x` when shadow(5) has it.
pub(super) struct PasswdLine {
    pub(super) user: User,
    pub(super) password: Vec<u8>,
}

/// A line of shadow(5).
pub(super) struct ShadowLine {
    pub(super) name: String,
    pub(super) password: Password,
}

/// Reads passwd(5). Like glibc it takes a line that ends after the group id; such a line is complained about as well.
/// The comment field is nowhere used and may hold any bytes.
pub(super) fn passwd(path: &str, content: &[u8], complaints: &mut Complaints) -> Passwd {
    let mut passwd = Passwd { lines: Vec::new(), includes_nis: false };
    for (number, fields) in lines(path, content, complaints) {
        if let Some(b'+' | b'-') = fields.first().and_then(|name| name.first()) {
            passwd.includes_nis |= fields.first().is_some_and(|name| name.starts_with(b"+"));
            continue;
        }
        let [name, password, uid, gid, rest @ ..] = fields.as_slice() else {
            complaints.line(path, number, "fewer than the seven fields of an account");
            continue;
        };
        if rest.len() != 3 {
            complaints.line(path, number, "not the seven fields of an account");
        }
        let (Some(uid), Some(gid)) = (decimal(uid), decimal(gid)) else {
            complaints.line(path, number, "its user or group id is no number");
            continue;
        };
        let texts = (
            text(name, LONGEST_NAME).filter(|name| !name.is_empty()),
            text(rest.get(1).copied().unwrap_or_default(), LONGEST_PATH),
            text(rest.get(2).copied().unwrap_or_default(), LONGEST_PATH),
        );
        let (Some(name), Some(home), Some(shell)) = texts else {
            complaints.line(path, number, "its name, home or shell is empty, too long or not UTF-8");
            continue;
        };
        let user = User { name, uid, gid, home, shell, line: number, ..User::default() };
        passwd.lines.push(PasswdLine { user, password: password.to_vec() });
    }
    passwd
}

/// Reads shadow(5). A line whose day of change is no number is none to glibc either; here it keeps its hash, because
/// other readers of the file may take it.
pub(super) fn shadow(path: &str, content: &[u8], complaints: &mut Complaints) -> Vec<ShadowLine> {
    let mut shadow = Vec::new();
    for (number, fields) in lines(path, content, complaints) {
        let [name, password, rest @ ..] = fields.as_slice() else {
            complaints.line(path, number, "fewer than the nine fields of a password");
            continue;
        };
        if rest.len() != 7 {
            complaints.line(path, number, "not the nine fields of a password");
        }
        let Some(name) = text(name, LONGEST_NAME) else {
            complaints.line(path, number, "its name is too long or not UTF-8");
            continue;
        };
        let changed = match rest.first().copied().unwrap_or_default() {
            b"" => None,
            day => match std::str::from_utf8(day).ok().and_then(|day| day.parse::<i64>().ok()) {
                Some(day @ 0..=LAST_DAY) => Some(Day(day)),
                Some(_) | None => {
                    complaints.line(path, number, "its day of the last change is no day");
                    None
                }
            },
        };
        let day = |field: &[u8]| {
            std::str::from_utf8(field).ok()?.parse().ok().filter(|day| (0..=LAST_DAY).contains(day))
        };
        let field = |index: usize| rest.get(index).and_then(|field| day(field));
        let expires = field(5).map(Day);
        // shadow(5): after the greatest age and the days of grace behind it.
        let ends = changed
            .zip(field(2))
            .zip(field(4))
            .map(|((Day(changed), age), grace)| Day(changed + age + grace + 1));
        let password = Password { expires, ends, ..hash::password(password, changed, path, number) };
        shadow.push(ShadowLine { name, password });
    }
    shadow
}

/// Reads group(5).
pub(super) fn group(path: &str, content: &[u8], complaints: &mut Complaints) -> Vec<Group> {
    let mut groups = Vec::new();
    for (number, fields) in lines(path, content, complaints) {
        if let Some(b'+' | b'-') = fields.first().and_then(|name| name.first()) {
            continue;
        }
        let parsed = match fields.as_slice() {
            [name, _, gid] => Some((*name, *gid, &b""[..])),
            [name, _, gid, members] => Some((*name, *gid, *members)),
            _ => None,
        }
        .and_then(|(name, gid, members)| {
            let members = text(members, usize::MAX)?;
            let members =
                members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
            Some(Group { name: text(name, LONGEST_NAME)?, gid: decimal(gid)?, members: members.collect() })
        });
        match parsed {
            Some(group) => groups.push(group),
            None => complaints.line(path, number, "not the four fields of a group"),
        }
    }
    groups
}

/// The lines that are neither blank nor a comment, cut at their colons, with their number from 1. A line is cut at
/// most ten times, so that a line of nothing but colons costs nothing.
fn lines<'a>(path: &str, content: &'a [u8], complaints: &mut Complaints) -> Vec<(u32, Vec<&'a [u8]>)> {
    let mut found = Vec::new();
    for (line, number) in content.split(|byte| *byte == b'\n').zip(1_u32..) {
        let line = line.trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if line.contains(&0) {
            complaints.line(path, number, "it holds a NUL byte");
            continue;
        }
        found.push((number, line.splitn(11, |byte| *byte == b':').collect()));
    }
    found
}

/// Digits only; strtoul(3) would take a sign and blanks too, which nobody writes who means well.
fn decimal(field: &[u8]) -> Option<u32> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()
}

fn text(field: &[u8], longest: usize) -> Option<String> {
    if field.len() > longest {
        return None;
    }
    std::str::from_utf8(field).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_takes_a_line_that_ends_early_and_so_do_we_but_not_silently() {
        let mut complaints = Complaints::default();
        let seen = passwd("p", b"toor::0:0\nshort:x:0\nsigned:x:-0:0::/:\n", &mut complaints);
        assert_eq!(seen.lines.len(), 1);
        assert_eq!(seen.lines[0].user.uid, 0);
        let lines = complaints.into_lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("p:1: "), "{lines:?}");
    }

    #[test]
    fn comments_blanks_and_nis_lines_are_no_accounts() {
        let mut complaints = Complaints::default();
        let seen = passwd("p", b"\n# a\n  ada:x:1:1:Ad\xe9le:/h:/s\n+::::::\n-bob\n", &mut complaints);
        assert_eq!(seen.lines.len(), 1);
        assert_eq!(seen.lines[0].user.name, "ada", "a comment field in Latin-1 hides nobody");
        assert_eq!(seen.lines[0].user.line, 3);
        assert!(seen.includes_nis && complaints.into_lines().is_empty());
    }

    #[test]
    fn a_day_out_of_range_is_complained_about() {
        for day in ["99999999999999999999", "2932897", "-1", "soon"] {
            let mut complaints = Complaints::default();
            let seen = shadow("s", format!("a:*:{day}:::::: \n").as_bytes(), &mut complaints);
            assert_eq!(seen[0].password.changed, None);
            assert_eq!(complaints.into_lines().len(), 1, "{day}");
        }
    }
}
