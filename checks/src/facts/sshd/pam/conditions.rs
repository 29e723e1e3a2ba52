//! The conditions of pam_succeed_if(8).

use super::control::Code;
use super::outcome::Who;
use crate::facts::sshd::glob;

/// Stands for arguments that are too long to keep.
pub(super) const CUT: &str = "…";

/// Every code that the module may return, in no order; one where it is certain.
pub(super) fn succeed_if(arguments: &[String], who: &Who, service: &str) -> Vec<Code> {
    let open = vec![Code::SUCCESS, Code::AUTH_ERR, Code::SERVICE_ERR];
    // `use_uid` asks about the account that sshd runs as.
    if arguments.iter().any(|argument| argument == CUT || argument == "use_uid") {
        return open;
    }
    const FLAGS: [&str; 5] = ["debug", "quiet", "quiet_fail", "quiet_success", "audit"];
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !FLAGS.contains(word)).collect();
    let mut codes = Vec::new();
    for triple in words.chunks(3) {
        let [left, how, right] = triple else {
            codes.push(Code::SERVICE_ERR);
            return codes;
        };
        match holds(left, how, right, who, service) {
            Some(Code::SUCCESS) => {}
            Some(code) => {
                codes.push(code);
                return codes;
            }
            None => codes.extend([Code::AUTH_ERR, Code::SERVICE_ERR]),
        }
    }
    codes.push(Code::SUCCESS);
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What one condition gives; nothing where hostduty cannot tell.
fn holds(left: &str, how: &str, right: &str, who: &Who, service: &str) -> Option<Code> {
    let (uid, gid) = (who.uid.to_string(), who.gid.to_string());
    let value = match left.to_ascii_lowercase().as_str() {
        "login" | "name" | "user" => &who.name,
        "uid" => &uid,
        "gid" => &gid,
        "shell" => &who.shell,
        "home" | "dir" | "homedir" => &who.home,
        "service" => service,
        // sshd sets a terminal of this name before there is one, and nobody's name on the client.
        "tty" => "ssh",
        "ruser" => "",
        "rhost" => return None,
        _ => return Some(Code::SERVICE_ERR),
    };
    let yes = |holds: bool| Some(if holds { Code::SUCCESS } else { Code::AUTH_ERR });
    let compared = |test: fn(i64, i64) -> bool| match (number(value), number(right)) {
        (Some(left), Some(right)) => yes(test(left, right)),
        _ => Some(Code::SERVICE_ERR),
    };
    let listed = || right.split(':').any(|item| item == value);
    // Of an account from elsewhere the groups are not known.
    let grouped = || match who.foreign {
        true => None,
        false => Some(
            right.split(':').any(|group| !group.is_empty() && who.groups.iter().any(|name| name == group)),
        ),
    };
    match how.to_ascii_lowercase().as_str() {
        "<" | "lt" => compared(|left, right| left < right),
        "<=" | "le" => compared(|left, right| left <= right),
        ">" | "gt" => compared(|left, right| left > right),
        ">=" | "ge" => compared(|left, right| left >= right),
        "eq" => compared(|left, right| left == right),
        "ne" => compared(|left, right| left != right),
        "=" => yes(value == right),
        "!=" => yes(value != right),
        "=~" | "glob" => yes(pattern(right, value)?),
        "!~" | "noglob" => yes(!pattern(right, value)?),
        "in" => yes(listed()),
        "notin" => yes(!listed()),
        "ingroup" => yes(grouped()?),
        "notingroup" => yes(!grouped()?),
        "innetgr" | "notinnetgr" => None,
        _ => Some(Code::SERVICE_ERR),
    }
}

/// fnmatch(3) without flags, for patterns that leave little to argue about.
fn pattern(pattern: &str, value: &str) -> Option<bool> {
    match pattern.contains(['[', '\\']) {
        true => None,
        false => Some(glob::matches(pattern, value)),
    }
}

/// A whole number as strtoll(3) reads it: in base 8 behind a zero, in base 16 behind `0x`.
fn number(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match (hex, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(base)) {
        return None;
    }
    let number = i128::from(u64::from_str_radix(digits, base).ok()?);
    i64::try_from(if negative { -number } else { number }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Vec<&'static str> {
        let arguments: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let groups = vec!["somebody".to_owned(), "wheel".to_owned()];
        let who = Who { groups, ..Who::somebody() };
        succeed_if(&arguments, &who, "sshd").into_iter().map(Code::name).collect()
    }

    #[test]
    fn conditions_hold_or_not() {
        for yes in [
            "",
            "quiet",
            "uid >= 1000 quiet_success",
            "uid lt 0x3e9",
            "user ingroup wheel",
            "user ingroup x:wheel",
            "user notingroup x",
            "user in root:somebody",
            "Shell = /bin/bash",
            "user =~ some*",
            "user !~ *root*",
            "service in ssh:sshd",
            "tty = ssh",
            "gid eq 01750",
        ] {
            assert_eq!(of(yes), ["success"], "{yes}");
        }
        for no in
            ["uid > 1000", "uid eq -1000", "user notin somebody", "user != somebody", "uid eq 1 rhost = x"]
        {
            assert_eq!(of(no), ["auth_err"], "{no}");
        }
        for wrong in ["uid", "uid eq", "uid eq x", "user lt 5", "colour = red", "uid is 5", "uid eq 08"] {
            assert_eq!(of(wrong), ["service_err"], "{wrong}");
        }
        for open in ["rhost = 192.0.2.1", "user innetgr x", "use_uid uid = 0", "user =~ [a-z]*"] {
            assert!(of(open).len() > 1, "{open}");
        }
    }
}
