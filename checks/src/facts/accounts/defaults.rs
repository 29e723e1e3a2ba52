//! Whether a password is one of those that machines are delivered with. Only the answer is kept.
//!
//! It is a guess at each stored hash, so it is made only for whoever asks for it, and what it may cost is bounded: a hash
//! chooses itself how dear a guess is.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{PasswordState, SHADOW, Scheme};
use crate::facts::Facts;
use crate::gap::Reading;
use crate::host::{Host, LARGE};

const LIST: &str = include_str!("default_passwords.txt");
/// A guess may take about this long. Milliseconds on a processor of 2020.
const DEAREST: u64 = 150;
/// All guesses of one run together may take about this long. Milliseconds.
const TOGETHER: u64 = 30_000;

/// What came of comparing a password with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// It is on the list.
    Known,
    /// It is not.
    Other,
    /// Its hash makes a guess dearer than is allowed, or the time for all guesses was used up.
    TooDear,
    /// Its scheme is one that hostduty cannot compute.
    Unsupported,
}

/// Compares every password that is in use with the list. Hashes that cannot be read stay without an answer.
pub fn compare_with_defaults(host: &dyn Host, facts: &mut Facts) {
    let Reading::Known(accounts) = &mut facts.accounts else { return };
    let Ok(shadow) = host.read(SHADOW, LARGE) else { return };
    let mut hashes: HashMap<&[u8], &[u8]> = HashMap::new();
    for line in shadow.split(|byte| *byte == b'\n') {
        let mut fields = line.trim_ascii_start().splitn(3, |byte| *byte == b':');
        if let (Some(name), Some(hash)) = (fields.next(), fields.next()) {
            hashes.entry(name).or_insert(hash);
        }
    }
    let mut left = TOGETHER;
    for user in &mut accounts.users {
        let Reading::Known(password) = &mut user.password else { continue };
        // A hash in passwd(5) itself is a relic, and its scheme one of those that cannot be computed here.
        if password.state != PasswordState::Usable {
            continue;
        }
        password.compared = Some(match hashes.get(user.name.as_bytes()) {
            Some(hash) if password.source == SHADOW => compare(&user.name, hash, password.scheme, &mut left),
            _ => Compared::Unsupported,
        });
    }
}

fn compare(name: &str, hash: &[u8], scheme: Option<Scheme>, left: &mut u64) -> Compared {
    let (Ok(hash), Some(scheme)) = (std::str::from_utf8(hash), scheme) else { return Compared::Unsupported };
    let cost = match cost(hash, scheme) {
        None => return Compared::Unsupported,
        Some(cost) if cost > DEAREST => return Compared::TooDear,
        Some(cost) => cost,
    };
    for line in LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let Some(rest) = left.checked_sub(cost) else { return Compared::TooDear };
        *left = rest;
        match opens(hash, scheme, &line.replace("{user}", name)) {
            Some(true) => return Compared::Known,
            Some(false) => {}
            None => return Compared::Unsupported,
        }
    }
    Compared::Other
}

/// About how many milliseconds a guess takes; absent for a form that is not computed.
fn cost(hash: &str, scheme: Scheme) -> Option<u64> {
    let parts: Vec<&str> = hash.splitn(4, '$').collect();
    match (scheme, parts.as_slice()) {
        (Scheme::Sha256 | Scheme::Sha512, [_, _, setting, ..]) => match setting.strip_prefix("rounds=") {
            Some(rounds) => rounds.parse::<u64>().ok().map(|rounds| rounds.max(1000) / 1000),
            None => Some(5),
        },
        (Scheme::Bcrypt, [_, _, cost, _]) => {
            1_u64.checked_shl(cost.parse().ok()?)?.checked_div(16).map(|cost| cost.max(1))
        }
        // crypt(5): `j`, then log2 of N less one, then r less one, in the alphabet of crypt. More parameters are nobody's default.
        (Scheme::Yescrypt, [_, _, parameters, _]) => match parameters.as_bytes() {
            [b'j', n, r] => {
                let kibibytes =
                    1_u64.checked_shl(u32::try_from(digit(*n)? + 1).ok()?)?.checked_mul(digit(*r)? + 1)? / 8;
                Some(kibibytes / 1024 * 3 + 1)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The value of a character of crypt's alphabet, `./0-9A-Za-z`, below 48, which is as far as one character counts.
fn digit(byte: u8) -> Option<u64> {
    let value = match byte {
        b'.' | b'/' | b'0'..=b'9' => byte.checked_sub(b'.')?,
        b'A'..=b'Z' => byte.checked_sub(b'A')?.checked_add(12)?,
        b'a'..=b'z' => byte.checked_sub(b'a')?.checked_add(38)?,
        _ => return None,
    };
    (value < 48).then_some(u64::from(value))
}

/// Whether a password hashes to this; absent where the form is not understood.
fn opens(hash: &str, scheme: Scheme, password: &str) -> Option<bool> {
    use sha_crypt::password_hash::{Error, PasswordVerifier};
    let answer = |result: Result<(), Error>| match result {
        Ok(()) => Some(true),
        Err(Error::PasswordInvalid) => Some(false),
        Err(_) => None,
    };
    match scheme {
        Scheme::Sha256 | Scheme::Sha512 => {
            answer(sha_crypt::ShaCrypt::default().verify_password(password.as_bytes(), hash))
        }
        Scheme::Yescrypt => answer(yescrypt::Yescrypt::default().verify_password(password.as_bytes(), hash)),
        Scheme::Bcrypt => bcrypt::verify(password, hash).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn compared(hash: &str) -> Option<Compared> {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n")
            .file(SHADOW, format!("ann:{hash}:20000:0:99999:7:::\n"));
        let mut facts = Facts { accounts: super::super::read(&tree).into(), ..Facts::default() };
        compare_with_defaults(&tree, &mut facts);
        facts.accounts.known().unwrap().users[0].password.known().unwrap().compared
    }

    #[test]
    fn dear_and_foreign_hashes_are_refused() {
        let tail = "a".repeat(86);
        assert_eq!(compared(&format!("$6$rounds=999999999$salt${tail}")), Some(Compared::TooDear));
        assert_eq!(compared(&format!("$2b$31${}", "a".repeat(53))), Some(Compared::TooDear));
        assert_eq!(compared(&format!("$y$jzT$salt${}", "a".repeat(43))), Some(Compared::Unsupported));
        assert_eq!(compared(&format!("$y$jKT$salt${}", "a".repeat(43))), Some(Compared::TooDear));
        assert_eq!(compared("abJnggxhB/yWI"), Some(Compared::Unsupported));
        assert_eq!(compared("!"), None);
    }

    #[test]
    fn the_time_for_all_is_bounded() {
        let mut left = 20;
        // Of a password that is not on the list, by crypt(3).
        let hash = "$6$saltsalt$59y94VacqaD5cz/KZ9Y/f.ynkVl/FmjllzhmzIto.pFO/IYAVZvMKm4r8WYs6sKZWkzgY6abGchY/zGXmuZ3W1";
        assert_eq!(compare("ann", hash.as_bytes(), Some(Scheme::Sha512), &mut left), Compared::TooDear);
        assert_eq!(left, 0);
    }
}
