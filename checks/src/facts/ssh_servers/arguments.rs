//! The command line of sshd(8), as its own getopt reads it, and as the title of a running one shows it.

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::gap::Gap;

/// Arguments that are looked at; sshd itself takes 100 host keys and 256 ports.
const MOST: usize = 1_024;
/// Flags of sshd 8.4 to 10.x that take an argument.
const WITH_VALUE: &[char] = &['C', 'E', 'b', 'c', 'f', 'g', 'h', 'k', 'o', 'p', 'u'];
/// Flags that change what the files say.
const CONFIGURING: &[char] = &['4', '6', 'c', 'd', 'g', 'h', 'o', 'p', 'q', 'u'];

/// A flag that counts before every line of the files. The first value of a keyword wins, so that it wins over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// `o`: a line of sshd_config(5). `p`: a port, for which Port in the files counts nothing. `4` and `6`: the family of
    /// addresses. `h`, `c`: a host key, a host certificate. `g`: LoginGraceTime. `d`, `q`: more or nothing in the log.
    pub flag: char,
    /// What follows the flag, such as `PermitRootLogin=no`; empty for those that take nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Where it is given.
    pub at: Evidence,
}

impl Given {
    /// The keyword of `-o` in lower case and what follows it, both as written otherwise.
    #[must_use]
    pub fn keyword(&self) -> Option<(String, &str)> {
        let blank = |letter: char| matches!(letter, ' ' | '\t' | '=' | '"');
        let line = (self.flag == 'o').then_some(self.value.trim_start_matches(blank))?;
        let (keyword, value) = line.split_once(blank).unwrap_or((line, ""));
        Some((keyword.to_ascii_lowercase(), value.trim_start_matches(blank)))
    }
}

/// A command line, understood.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    /// `-f`, the last of them.
    pub(super) file: Option<String>,
    pub(super) given: Vec<Given>,
    /// `-i`: it serves one connection that somebody else accepted.
    pub(super) inetd: bool,
    /// `-t`, `-T`, `-G`, `-V`: it serves nobody. `-R`: it is the part of another one that serves a connection.
    pub(super) serves_nobody: bool,
    pub(super) gaps: Vec<Gap>,
}

/// Reads the arguments behind the program's name.
pub(super) fn parse(words: &[String], at: &Evidence) -> Arguments {
    let mut arguments = Arguments::default();
    let refuse = |why: &str| Gap::malformed(format!("sshd would refuse its arguments ({at}): {why}"));
    let mut words = words.iter().take(MOST);
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
            arguments.gaps.push(refuse("one is no flag"));
            break;
        };
        if flags == "-" {
            if words.next().is_some() {
                arguments.gaps.push(refuse("one is no flag"));
            }
            break;
        }
        let mut letters = flags.chars();
        while let Some(flag) = letters.next() {
            let mut value = String::new();
            if WITH_VALUE.contains(&flag) {
                let rest = std::mem::replace(&mut letters, "".chars()).as_str();
                match (rest, if rest.is_empty() { words.next() } else { None }) {
                    ("", Some(next)) => value = next.clone(),
                    ("", None) => {
                        arguments.gaps.push(refuse("the last flag lacks its value"));
                        break;
                    }
                    (rest, _) => value = rest.to_owned(),
                }
            }
            match flag {
                'f' => arguments.file = Some(value),
                'i' => arguments.inetd = true,
                'R' | 't' | 'T' | 'G' | 'V' => arguments.serves_nobody = true,
                _ if CONFIGURING.contains(&flag) => {
                    arguments.given.push(Given { flag, value, at: at.clone() });
                }
                'C' | 'D' | 'E' | 'Q' | 'b' | 'e' | 'k' | 'r' => {}
                _ => arguments.gaps.push(refuse("one of its flags is none of OpenSSH's")),
            }
        }
    }
    arguments
}

/// The arguments in the title that sshd gives itself, `sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups`, joined
/// by blanks; `None` for other titles.
pub(super) fn titled(title: &str) -> Option<&str> {
    let (joined, _) = title.strip_prefix("sshd: ")?.rsplit_once(" [listener]")?;
    Some(joined)
}

/// Takes joined arguments apart again. sshd refuses words that are neither a flag nor a flag's value, so that words
/// which follow a value belong to it. Only a word with a dash behind such a value can be part of it or a flag: then the
/// second answer is `false`.
pub(super) fn split(joined: &str) -> (Vec<String>, bool) {
    let mut words = joined.split(' ').take(MOST).peekable();
    words.next();
    let (mut arguments, mut certain) = (Vec::new(), true);
    let mut after_blanks = false;
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
            certain = false;
            arguments.push(word.to_owned());
            continue;
        };
        certain &= !after_blanks;
        arguments.push(word.to_owned());
        let Some(at) = flags.find(WITH_VALUE) else { continue };
        let mut value = Vec::new();
        if flags.get(at..).is_some_and(|rest| rest.len() == 1) {
            let Some(next) = words.next() else {
                certain = false;
                break;
            };
            certain &= !next.starts_with('-');
            arguments.push(next.to_owned());
        }
        while let Some(next) = words.next_if(|next| !next.starts_with('-')) {
            value.push(next);
        }
        after_blanks |= !value.is_empty();
        if let Some(last) = arguments.last_mut() {
            value.iter().for_each(|next| last.extend([" ", next]));
        }
    }
    (arguments, certain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn given(text: &str) -> Vec<(char, String)> {
        let arguments = parse(&words(text), &Evidence::of("x"));
        assert!(arguments.gaps.is_empty(), "{text}: {:?}", arguments.gaps);
        arguments.given.into_iter().map(|given| (given.flag, given.value)).collect()
    }

    #[test]
    fn flags_stand_alone_together_and_with_values() {
        let pair = |flag, value: &str| (flag, value.to_owned());
        assert_eq!(given("-D -e -oUsePAM=yes -o Port=1"), [pair('o', "UsePAM=yes"), pair('o', "Port=1")]);
        assert_eq!(given("-De4p22 -u0 -q"), [pair('4', ""), pair('p', "22"), pair('u', "0"), pair('q', "")]);
        assert_eq!(parse(&words("-Df/a -f /b --"), &Evidence::default()).file.unwrap(), "/b");
        assert!(parse(&words("-i"), &Evidence::default()).inetd);
        for text in ["-t", "-DT", "-D -R", "-V"] {
            assert!(parse(&words(text), &Evidence::default()).serves_nobody, "{text}");
        }
        for text in ["x", "-D x", "-o", "-Z", "-- x", ""] {
            assert!(!parse(&words(text), &Evidence::default()).gaps.is_empty(), "{text}");
        }
        assert!(parse(&words(&"-4 ".repeat(100_000)), &Evidence::default()).given.len() <= MOST);
    }

    #[test]
    fn keywords_are_found_as_sshd_finds_them() {
        let keyword = |value: &str| {
            let given = Given { flag: 'o', value: value.into(), at: Evidence::default() };
            given.keyword().map(|(keyword, value)| (keyword, value.to_owned()))
        };
        for text in ["UsePAM yes", "usepam=yes", " UsePAM = yes", "\"UsePAM\" yes"] {
            assert_eq!(keyword(text), Some(("usepam".to_owned(), "yes".to_owned())), "{text}");
        }
        assert_eq!(keyword("UsePAM"), Some(("usepam".to_owned(), String::new())));
    }

    #[test]
    fn titles_are_taken_apart_where_only_one_reading_is_possible() {
        let title =
            "sshd: /usr/sbin/sshd -D -f /srv/my file -o PermitRootLogin no [listener] 0 of 10-100 startups";
        let joined = titled(title).unwrap();
        assert_eq!(split(joined).0, ["-D", "-f", "/srv/my file", "-o", "PermitRootLogin no"]);
        assert!(!split(joined).1, "-o may be a part of the name of the file");
        for (joined, wanted, certain) in [
            ("/usr/sbin/sshd -D", &["-D"][..], true),
            ("/usr/sbin/sshd", &[], true),
            ("sshd -oA b -p 22", &["-oA b", "-p", "22"], false),
            ("sshd -p 22 -oA b", &["-p", "22", "-oA b"], true),
            ("sshd -o A=b -f /x", &["-o", "A=b", "-f", "/x"], true),
            ("sshd -o -p", &["-o", "-p"], false),
            ("sshd -D ", &["-D", ""], false),
        ] {
            let (words, sure) = split(joined);
            assert_eq!(
                (words, sure),
                (wanted.iter().map(|word| (*word).to_owned()).collect(), certain),
                "{joined}"
            );
        }
        for title in ["sshd: anna [priv]", "sshd: root@pts/0", "sshd: [accepted]", "/usr/sbin/sshd\0-D"] {
            assert!(titled(title).is_none(), "{title}");
        }
    }
}
