//! Secrets that give themselves away: password hashes, the tokens of known services, long random words.

use super::{Spans, before, ends_with, run, starts_with};

/// How the tokens of known services begin, and how many characters follow at least.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 16), // AWS, long-term
    ("ASIA", 16), // AWS, temporary
    ("SCW", 17),  // Scaleway, access key
    ("ghp_", 20), // GitHub
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16), // GitLab
    ("gldt-", 16),
    ("glrt-", 16),
    ("xoxa-", 10), // Slack
    ("xoxb-", 10),
    ("xoxe-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("sk_live_", 16), // Stripe
    ("rk_live_", 16),
    ("AIza", 35), // Google
    ("npm_", 30),
    ("pypi-", 60),
    ("dop_v1_", 40),             // DigitalOcean
    ("hvs.", 20),                // Vault
    ("tskey-", 16),              // Tailscale
    ("AGE-SECRET-KEY-1", 30),    // age
    ("b3BlbnNzaC1rZXktdjEA", 0), // the first bytes of an OpenSSH private key
];

/// crypt(5) and its relatives: what stands between the first two `$` of a hash.
const SCHEMES: &[&str] = &[
    "1",
    "2",
    "2a",
    "2b",
    "2x",
    "2y",
    "3",
    "5",
    "6",
    "7",
    "8",
    "9",
    "y",
    "gy",
    "md5",
    "sha1",
    "apr1",
    "argon2i",
    "argon2d",
    "argon2id",
    "scrypt",
    "bcrypt",
    "pbkdf2",
    "pbkdf2-sha1",
    "pbkdf2-sha256",
    "pbkdf2-sha512",
    "P",
    "H",
    "S",
];

/// Random words shorter than this are not told from names.
const LONG: usize = 40;

/// Finds hashes, tokens and random words.
pub(super) fn find(text: &str, spans: &mut Spans) {
    let bytes = text.as_bytes();
    // Where the blank-separated word around `at` begins.
    let mut word = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'$' => hash(text, at),
            b'{' => ldap_hash(text, at),
            b'B' | b'b' if starts_with(text, at, "bearer ") => bearer(text, at),
            _ => None,
        };
        if let Some((start, end)) = end {
            spans.hide(start, end);
            at = end.max(at + 1);
        } else if is_word(byte) {
            let end = run(text, at, is_word);
            at = words(text, word, at, end, spans);
        } else {
            at += 1;
            if byte.is_ascii_whitespace()
                || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b':' | b'(' | b',' | b'<')
            {
                word = at;
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// `$6$salt$hash`, also with the `$` escaped for a shell. A scheme that is only named, `$6$`, is none.
fn hash(text: &str, at: usize) -> Option<(usize, usize)> {
    let name_end = run(text, at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !SCHEMES.contains(&text.get(at + 1..name_end)?) {
        return None;
    }
    let dollar = run(text, name_end, |byte| byte == b'\\');
    let rest = run(text, dollar, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'$' | b'.' | b'/' | b'=' | b'+' | b',' | b'\\' | b'_' | b'-')
    });
    (text.as_bytes().get(dollar) == Some(&b'$') && rest - dollar > 8).then_some((at, rest))
}

/// `{SSHA}…`, as directories keep passwords.
fn ldap_hash(text: &str, at: usize) -> Option<(usize, usize)> {
    let name_end = run(text, at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = text.get(at + 1..name_end)?;
    let known = ["SHA", "SSHA", "MD5", "SMD5", "SHA256", "SSHA256", "SHA512", "SSHA512", "PBKDF2", "CRYPT"];
    if text.as_bytes().get(name_end) != Some(&b'}')
        || !known.iter().any(|known| name.eq_ignore_ascii_case(known))
    {
        return None;
    }
    let start = name_end + 1;
    let end = run(text, start, |byte| is_word(byte) || matches!(byte, b'=' | b'.' | b'$'));
    (end - start >= 13).then_some((start, end))
}

/// `Bearer ` and a word that is long enough to be a token.
fn bearer(text: &str, at: usize) -> Option<(usize, usize)> {
    let start = at + "bearer ".len();
    let end = run(text, start, |byte| is_word(byte) || matches!(byte, b'.' | b'=' | b'~'));
    (end - start >= 16).then_some((start, end))
}

/// Judges the run of word characters from `start` to `end`, in the blank-separated word that begins at `word`, and says
/// how far it has looked.
fn words(text: &str, word: usize, start: usize, end: usize, spans: &mut Spans) -> usize {
    // Tokens also stand behind a slash or a dash: `x-oauth/ghp_…`.
    let mut at = start;
    while let Some(skip) =
        text.as_bytes().get(at..end).and_then(|rest| rest.iter().position(u8::is_ascii_alphanumeric))
    {
        let here = at + skip;
        if let Some(stop) = known_token(text, here, end) {
            spans.hide(here, stop);
            return stop.max(end);
        }
        at = run(text, here, |byte| byte.is_ascii_alphanumeric());
    }
    long_word(text, word, start, end, spans);
    end
}

/// Hides a long run if it is random and nothing says that it may be read.
fn long_word(text: &str, word: usize, start: usize, end: usize, spans: &mut Spans) {
    let Some(run) = text.get(start..end) else { return };
    if run.len() < LONG || is_labelled(text, start) || is_public(text, start, run) {
        return;
    }
    if is_path(text, word) {
        // The kernel's own trees are full of long names; elsewhere a segment may be a secret, but a checksum is a name.
        if ["/dev/", "/sys/", "/proc/"].iter().any(|tree| starts_with(text, word, tree)) {
            return;
        }
        let mut at = start;
        for segment in run.split('/') {
            if segment.len() >= LONG
                && !segment.bytes().all(|byte| byte.is_ascii_hexdigit())
                && is_random(segment)
            {
                spans.hide(at, at + segment.len());
            }
            at += segment.len() + 1;
        }
    } else if is_random(run) {
        let padding = super::run(text, end, |byte| byte == b'=');
        spans.hide(start, padding);
    }
}

/// The end of a known service's token, or of a JSON web token, that begins at `at` in a run that ends at `end`.
fn known_token(text: &str, at: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let part = |from| run(text, from, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    // The dot behind a web token's head also ends the run, so that the head need not be scanned for it.
    if starts_with(text, at, "eyJ") && end - at >= 10 && bytes.get(end) == Some(&b'.') {
        let body = part(end + 1);
        if body - end > 10 {
            return Some(if bytes.get(body) == Some(&b'.') { part(body + 1) } else { body });
        }
    }
    let (prefix, least) =
        PREFIXES.iter().find(|(prefix, _)| bytes.get(at..at + prefix.len()) == Some(prefix.as_bytes()))?;
    let start = at + prefix.len();
    let end = match *least {
        0 => run(text, start, |byte| is_word(byte) || byte == b'='),
        _ => run(text, start, |byte| is_word(byte) || byte == b'.'),
    };
    // `SCW-DEV1-S` and `AKIArticle` are names; keys of these two have capitals and digits alone.
    let capitals = matches!(*prefix, "SCW" | "AKIA" | "ASIA");
    let key = run(text, start, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if capitals { (key - start >= *least).then_some(key) } else { (end - start >= *least).then_some(end) }
}

/// Whether a checksum or a fingerprint is announced right before: those are meant to be read.
fn is_labelled(text: &str, start: usize) -> bool {
    const LABELS: &[&str] =
        &["sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2b", "digest", "checksum", "commit"];
    let Some(byte) = before(text, start) else { return false };
    let label_end = match byte {
        b':' | b'=' => start - 1,
        b' ' if matches!(before(text, start - 1), Some(b':' | b'=')) => start - 2,
        b' ' => start - 1,
        _ => return false,
    };
    LABELS.iter().any(|label| ends_with(text, label_end, label))
}

/// Public keys of OpenSSH, integrity hashes of web pages, device-mapper's names and anything with a UUID in it.
fn is_public(text: &str, start: usize, run: &str) -> bool {
    const NAMES: &[&str] = &["CRYPT-", "LVM-", "DMRAID-", "mpath-", "sha256-", "sha384-", "sha512-"];
    const KEY_TYPES: &[&str] =
        &["ssh-ed25519 ", "ssh-rsa ", "ssh-dss ", "nistp256 ", "nistp384 ", "nistp521 ", "@openssh.com "];
    NAMES.iter().any(|name| run.starts_with(name))
        || run.starts_with("AAAA") && KEY_TYPES.iter().any(|kind| ends_with(text, start, kind))
        || holds_uuid(run)
}

/// Whether the word that begins here is an absolute path.
fn is_path(text: &str, word: usize) -> bool {
    const TOPS: &[&str] = &[
        "/bin/",
        "/boot/",
        "/dev/",
        "/etc/",
        "/home/",
        "/lib",
        "/media/",
        "/mnt/",
        "/nix/",
        "/opt/",
        "/proc/",
        "/root/",
        "/run/",
        "/sbin/",
        "/snap/",
        "/srv/",
        "/sys/",
        "/tmp/",
        "/usr/",
        "/var/",
        "/Applications/",
        "/Library/",
        "/System/",
        "/Users/",
        "/Volumes/",
        "/private/",
    ];
    TOPS.iter().any(|top| starts_with(text, word, top))
}

/// Eight, four, four, four and twelve hexadecimal digits.
fn holds_uuid(run: &str) -> bool {
    let lengths: Vec<usize> = run
        .split('-')
        .map(
            |group| if group.bytes().all(|byte| byte.is_ascii_hexdigit()) { group.len() } else { usize::MAX },
        )
        .collect();
    lengths.windows(5).any(|window| matches!(window, [8, 4, 4, 4, 12]))
}

/// Whether a word is rather drawn than written: how often neighbours change between small letters, capitals and digits.
/// Names change at the seams of their words, about every seventh letter; random base64 changes six times in ten,
/// hexadecimal and base32 three to five times.
fn is_random(run: &str) -> bool {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let (mut counts, mut changes, mut last) = ([0usize; 3], 0usize, None);
    for byte in run.bytes() {
        let now = class(byte);
        if let Some(count) = now.and_then(|class: usize| counts.get_mut(class)) {
            *count += 1;
        }
        changes += usize::from(now.is_some() && last.is_some() && now != last);
        last = now;
    }
    let percent = changes.saturating_mul(100) / run.len().max(1);
    let joined = run.contains(['-', '_']);
    match counts {
        [0, _, 0] | [_, 0, 0] | [0, 0, _] => false,
        [small, capital, digit] if small > 0 && capital > 0 && digit > 0 => percent >= 35,
        [_, _, 0] => percent >= 40,
        _ => percent >= 20 && !joined,
    }
}
