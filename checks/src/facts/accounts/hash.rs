//! What a password field says about how it is hashed, without keeping the hash: crypt(5).

use serde::{Deserialize, Serialize};

use super::{Password, PasswordState};
use crate::date::Day;

/// How a password is hashed, by the prefix of crypt(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `$y$`
    Yescrypt,
    /// `$gy$`
    GostYescrypt,
    /// `$7$`
    Scrypt,
    /// `$2a$`, `$2b$`, `$2y$`
    Bcrypt,
    /// `$6$`
    Sha512,
    /// `$5$`
    Sha256,
    /// `$sha1$`
    Sha1,
    /// `$md5$` or `$md5,rounds=…$`, of Solaris
    SunMd5,
    /// `$1$`
    Md5,
    /// `_` and 19 characters
    BsdiDes,
    /// 13 characters, or more of the same alphabet (bigcrypt)
    Des,
    /// `$3$`, without salt
    Nt,
    /// A prefix that crypt(5) does not list, or a hash that has not the form of its prefix.
    Other,
}

impl Scheme {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yescrypt => "yescrypt",
            Self::GostYescrypt => "gost-yescrypt",
            Self::Scrypt => "scrypt",
            Self::Bcrypt => "bcrypt",
            Self::Sha512 => "SHA-512",
            Self::Sha256 => "SHA-256",
            Self::Sha1 => "SHA-1",
            Self::SunMd5 => "Solaris MD5",
            Self::Md5 => "MD5",
            Self::BsdiDes => "BSDi DES",
            Self::Des => "DES",
            Self::Nt => "NT hash",
            Self::Other => "an unknown scheme",
        }
    }
}

/// The password field of passwd(5) or shadow(5). pam_unix(8) refuses what starts with `!` or `*`, whatever follows.
pub(super) fn password(field: &[u8], changed: Option<Day>, source: &str, line: u32) -> Password {
    let lock = field.iter().take_while(|byte| matches!(byte, b'!' | b'*')).count();
    let hash = hash(field.get(lock..).unwrap_or_default());
    let state = match (&hash, lock) {
        _ if field.is_empty() => PasswordState::Empty,
        (Some(_), 0) => PasswordState::Usable,
        (Some(_), _) => PasswordState::Locked,
        (None, _) => PasswordState::None,
    };
    let (scheme, rounds) = hash.map_or((None, None), |(scheme, rounds)| (Some(scheme), rounds));
    let locked = field.starts_with(b"!");
    Password {
        state,
        scheme,
        rounds,
        changed,
        locked,
        expires: None,
        ends: None,
        compared: None,
        source: source.to_owned(),
        line,
    }
}

/// The scheme and rounds of a hash; `None` for what no password hashes to.
fn hash(hash: &[u8]) -> Option<(Scheme, Option<u32>)> {
    let hash = std::str::from_utf8(hash).ok()?;
    // crypt(5): a hash is printable ASCII without blanks and without these delimiters.
    if !hash.bytes().all(|byte| byte.is_ascii_graphic() && !b":;*!\\".contains(&byte)) {
        return None;
    }
    if let Some(rest) = hash.strip_prefix('$') {
        return Some(modular(rest).unwrap_or((Scheme::Other, None)));
    }
    if let Some(rest) = hash.strip_prefix('_') {
        return base64(rest, 19..=19).then_some((Scheme::BsdiDes, None));
    }
    // What follows 13 characters is bigcrypt or the ageing of HP-UX, which pam_unix(8) cuts off.
    base64(hash.get(..13)?, 13..=13).then_some((Scheme::Des, None))
}

/// A hash after its first `$`, when it has the form that crypt(5) gives for its prefix. A hash of another form may
/// belong to a library that this page does not know, so it is not called unusable.
fn modular(rest: &str) -> Option<(Scheme, Option<u32>)> {
    let parts: Vec<&str> = rest.splitn(8, '$').collect();
    match parts.as_slice() {
        ["y", parameters, salt, hash] if yescrypt(parameters, salt, hash) => Some((Scheme::Yescrypt, None)),
        ["gy", parameters, salt, hash] if yescrypt(parameters, salt, hash) => {
            Some((Scheme::GostYescrypt, None))
        }
        ["7", setting, hash] if base64(setting, 11..=97) && base64(hash, 43..=43) => {
            Some((Scheme::Scrypt, None))
        }
        ["2a" | "2b" | "2y", cost, hash] if base64(hash, 53..=53) && cost.len() == 2 => {
            Some((Scheme::Bcrypt, Some(cost.parse().ok()?)))
        }
        ["6", rest @ ..] => Some((Scheme::Sha512, sha2(rest, 86)?)),
        ["5", rest @ ..] => Some((Scheme::Sha256, sha2(rest, 43)?)),
        ["sha1", rounds, salt, hash] if base64(salt, 1..=64) && base64(hash, 28..=96) => {
            Some((Scheme::Sha1, Some(rounds.parse().ok()?)))
        }
        [prefix, salt, .., hash]
            if (*prefix == "md5" || prefix.starts_with("md5,rounds="))
                && base64(salt, 8..=8)
                && base64(hash, 22..=22) =>
        {
            Some((Scheme::SunMd5, None))
        }
        ["1", salt, hash] if salt.len() <= 8 && base64(hash, 22..=22) => Some((Scheme::Md5, None)),
        ["3", "", hash] if hash.len() == 32 => Some((Scheme::Nt, None)),
        _ => None,
    }
}

fn yescrypt(parameters: &str, salt: &str, hash: &str) -> bool {
    base64(parameters, 1..=usize::MAX) && base64(salt, 0..=86) && base64(hash, 43..=43)
}

/// The rounds that a hash of SHA-2 states, after its prefix: `Some(None)` when it leaves them at 5000.
fn sha2(parts: &[&str], length: usize) -> Option<Option<u32>> {
    let (rounds, salt, hash) = match parts {
        [rounds, salt, hash] => {
            let rounds = rounds.strip_prefix("rounds=")?;
            let digits = rounds.bytes().all(|byte| byte.is_ascii_digit());
            (Some(rounds.parse().ok().filter(|_| digits)?), salt, hash)
        }
        [salt, hash] => (None, salt, hash),
        _ => return None,
    };
    (salt.len() <= 16 && base64(hash, length..=length)).then_some(rounds)
}

/// Whether a text has such a length and only characters of the alphabet that crypt(3) encodes with.
fn base64(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use PasswordState::{Empty, Locked, None as No, Usable};

    fn seen(field: &str) -> (PasswordState, Option<Scheme>, Option<u32>) {
        let password = password(field.as_bytes(), None, "", 1);
        (password.state, password.scheme, password.rounds)
    }

    /// Made from the word `secret` with mkpasswd(1) and crypt(3) of libxcrypt.
    #[rustfmt::skip]
    const HASHES: &[(&str, Scheme, Option<u32>)] = &[
        ("$y$j9T$7XSRUypX994lnNQVKBZPn0$XkEN8nGVK3iPFZxXO122OPiNQRJMumH7az4lVWIPfq1", Scheme::Yescrypt, None),
        ("$gy$j9T$zdowlLd0Khk0bH2ih2ty..$/ZkiGWL3.aj7w3SXgfQkER3IULOr/z5k8Vvw2zlFZe0", Scheme::GostYescrypt, None),
        ("$7$CU..../..../XGWvSmwEZiHb3WZYjgN20$y4VvEh.dhmdQe1NeSTfqar1G96SBYA8295bP69QuAo3", Scheme::Scrypt, None),
        ("$2b$06$lWVuGlNuyWCuReY0.sgPquSoDaWlf/Sv2LrJK8Jx8e0DJY8HhLKmS", Scheme::Bcrypt, Some(6)),
        ("$2a$05$tCISwiobVXJNWUikyDsYkepT8ScU2k88i1UKk4LhbIZaIGWc7h3sm", Scheme::Bcrypt, Some(5)),
        ("$6$.gRax3tA8ABYDz/3$Px0sPelyqIK5boi85AwmWasYrGSDZ8TmJPCCaHv/dgcobSWI5eLwNwFSIb2SJQflZDCiYdAdiSOBfx8XwJKnh0", Scheme::Sha512, None),
        ("$6$rounds=65536$.gIS.WqaWoawZYkZ$idmu5Ss1MoqsKauqxA4OiB..FNlUvw.wt1.N/8XJRA43w/jLx.E0ha9o3pidkdUnjvsxSEumZ2GYORxs4G9J5.", Scheme::Sha512, Some(65536)),
        ("$5$74gZ3g0wd8cguBuc$57pgwnRlJp2aJw1ATVvCKQ1LNXRoMohNrHSQlqTFdL/", Scheme::Sha256, None),
        ("$5$rounds=1000$TsLffCc4zCS3qL0K$6gF1Wwy38wneOdDYSYqhoBidSg355DJLLLQtR9kGpO3", Scheme::Sha256, Some(1000)),
        ("$md5,rounds=81212$/lHdMGAK$$0A1zYXFKpoYC1omwjJauh1", Scheme::SunMd5, None),
        ("$1$CIcS4mwY$muqNv3OmLVjm28kMtDONx1", Scheme::Md5, None),
        ("_J9..WR5j/RwH98NvDXE", Scheme::BsdiDes, None),
        ("pRmMEZDY/tsfw", Scheme::Des, None),
        ("$3$$878d8014606cda29677a44efa1353fc7", Scheme::Nt, None),
        ("$sha1$1234$saltsalt$vt.nV8ZZBcB.yKVQLiTP2CVTAbV0", Scheme::Sha1, Some(1234)),
    ];

    #[test]
    fn hashes_of_real_tools_are_named_and_a_lock_before_them_is_seen() {
        for (hash, scheme, rounds) in HASHES {
            assert_eq!(seen(hash), (Usable, Some(*scheme), *rounds), "{hash}");
            for lock in ["!", "!!", "*"] {
                assert_eq!(seen(&format!("{lock}{hash}")), (Locked, Some(*scheme), *rounds), "{lock}{hash}");
            }
        }
    }

    #[test]
    fn what_no_password_hashes_to_opens_nothing() {
        for field in
            ["*", "!", "!!", "!*", "x", "*NP*", "*LK*", "NP", "locked", "a b c d e f g h", "_short", "é"]
        {
            assert_eq!(seen(field), (No, None, None), "{field}");
        }
        assert_eq!(seen(""), (Empty, None, None));
    }

    #[test]
    fn an_unknown_or_crooked_hash_is_not_called_unusable() {
        for field in [
            "$argon2id$v=19$m=65536$salt$hash",
            "$6$salt$short",
            "$",
            "$6$rounds=99999999999$a$b",
            "$2x$05$a",
        ] {
            assert_eq!(seen(field), (Usable, Some(Scheme::Other), None), "{field}");
        }
        assert_eq!(seen(&"$".repeat(100_000)), (Usable, Some(Scheme::Other), None));
    }
}
