//! The command line of dropbear(8) and its settings on OpenWrt: what it does with typed passwords.

use super::others::{Answer, Other};
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// Flags that take an argument, of every release.
const WITH_VALUE: &[char] = &['A', 'D', 'G', 'I', 'K', 'P', 'T', 'W', 'b', 'c', 'd', 'l', 'p', 'r'];
/// Flags that decide nothing here.
const IDLE: &[char] = &['E', 'F', 'R', 'a', 'e', 'i', 'j', 'k', 'm', 'u', 'v', 'x', 'z'];

/// What the arguments make of it.
pub(super) fn from_arguments(words: &[String], mut gaps: Vec<Gap>) -> Other {
    let mut other =
        Other { passwords: Answer::Yes, root_passwords: Answer::Yes, root: Answer::Yes, ..Other::default() };
    let mut words = words.iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let flags = word.strip_prefix('-').unwrap_or("?");
        let mut letters = flags.chars();
        while let Some(flag) = letters.next() {
            if WITH_VALUE.contains(&flag) {
                let rest = std::mem::replace(&mut letters, "".chars()).as_str();
                let value = if rest.is_empty() { words.next().map_or("", String::as_str) } else { rest };
                if flag == 'G' {
                    other.group = Some(value.to_owned());
                }
                continue;
            }
            match flag {
                's' => other.passwords = Answer::No,
                'g' => other.root_passwords = Answer::No,
                'w' => other.root = Answer::No,
                'B' => other.empty_passwords = true,
                't' => other.second_factor = true,
                flag if IDLE.contains(&flag) => {}
                _ => gaps.push(Gap::unsupported("one of its arguments is none that hostduty knows")),
            }
        }
    }
    settle(other, gaps)
}

/// Each `config dropbear` of OpenWrt's /etc/config/dropbear, unless it is switched off.
pub(super) fn from_uci(host: &dyn Host) -> Result<Vec<Other>, Gap> {
    const PATH: &str = "/etc/config/dropbear";
    let text = match host.read(PATH, host::SMALL) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(gap) if gap.is_absent() => return Ok(Vec::new()),
        Err(gap) => return Err(gap),
    };
    let mut found: Vec<(Other, bool)> = Vec::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let mut words = line.split([' ', '\t', '\'', '"']).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some("config"), Some("dropbear"), _) => {
                let yes = || Answer::Yes;
                let at = vec![Evidence::at(PATH, number)];
                let other = Other {
                    name: "dropbear".into(),
                    passwords: yes(),
                    root_passwords: yes(),
                    root: yes(),
                    // OpenWrt has no shadow passwords at first, and starts its server with -B for that.
                    empty_passwords: true,
                    at,
                    ..Other::default()
                };
                found.push((other, true));
            }
            (Some("option"), Some(name), Some(value)) => {
                let Some((other, enabled)) = found.last_mut() else { continue };
                let answer = match value {
                    "1" | "on" | "yes" | "true" | "enabled" => Answer::Yes,
                    "0" | "off" | "no" | "false" | "disabled" => Answer::No,
                    _ => Answer::Unknown(format!("{PATH}:{number} is neither on nor off")),
                };
                match name {
                    "PasswordAuth" => other.passwords = answer,
                    "RootPasswordAuth" => other.root_passwords = answer,
                    "RootLogin" => other.root = answer,
                    "enable" => *enabled = answer != Answer::No,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(found
        .into_iter()
        .filter(|(_, enabled)| *enabled)
        .map(|(other, _)| settle(other, Vec::new()))
        .collect())
}

/// Makes the answers agree with one another, and unknown where the arguments are.
fn settle(mut other: Other, gaps: Vec<Gap>) -> Other {
    let unknown = |gap: &Gap| Answer::Unknown(gap.to_string());
    if let Some(gap) = gaps.first() {
        return Other {
            passwords: unknown(gap),
            root_passwords: unknown(gap),
            root: unknown(gap),
            empty_passwords: true,
            group: None,
            second_factor: false,
            ..other
        };
    }
    // With both factors asked for, a password alone opens nothing.
    if other.second_factor {
        other.passwords = Answer::No;
    }
    if other.passwords == Answer::No || other.root == Answer::No {
        other.root_passwords = Answer::No;
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn flags_decide() {
        use Answer::{No, Yes};
        for (text, passwords, root_passwords, root) in [
            ("", Yes, Yes, Yes),
            ("-s", No, No, Yes),
            ("-g", Yes, No, Yes),
            ("-w", Yes, No, No),
            ("-EFs -p 22", No, No, Yes),
            ("-p 22 -W 65536 -r -s", Yes, Yes, Yes),
            ("-ps -G g -t", No, No, Yes),
        ] {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            let other = from_arguments(&words, Vec::new());
            assert_eq!(
                (other.passwords, other.root_passwords, other.root),
                (passwords, root_passwords, root),
                "{text}"
            );
        }
        for text in ["-s -?", "-s x", "-sQ"] {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            assert!(matches!(from_arguments(&words, Vec::new()).passwords, Answer::Unknown(_)), "{text}");
        }
    }

    #[test]
    fn openwrt_has_settings_of_its_own() {
        let text = "config dropbear 'main'\n\toption enable '1'\n\toption PasswordAuth 'off'\n\
                    config dropbear\n option RootPasswordAuth off\n option PasswordAuth maybe\n\
                    config dropbear\n option enable 0\n";
        let found = from_uci(&Tree::new(Timestamp(0)).file("/etc/config/dropbear", text)).unwrap();
        assert_eq!(
            (found.len(), &found[0].passwords, &found[0].root_passwords),
            (2, &Answer::No, &Answer::No)
        );
        assert_eq!((&found[1].root_passwords, &found[1].root), (&Answer::No, &Answer::Yes));
        assert!(matches!(found[1].passwords, Answer::Unknown(_)));
        assert!(from_uci(&Tree::new(Timestamp(0))).unwrap().is_empty());
    }
}
