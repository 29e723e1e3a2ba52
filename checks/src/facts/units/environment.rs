//! The grammar of `EnvironmentFile=`: assignments with quotes as in a shell, and nothing else of one.

/// The variables that a file sets, in its order.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| is_blank(*letter) || is_end(*letter)).is_some() {}
        let Some(start) = letters.peek().copied() else { return found };
        if matches!(start, '#' | ';') {
            comment(&mut letters);
            continue;
        }
        let mut key = String::new();
        let mut assigns = false;
        for letter in letters.by_ref() {
            match letter {
                '=' => {
                    assigns = true;
                    break;
                }
                letter if is_end(letter) => break,
                letter => key.push(letter),
            }
        }
        if assigns {
            found.push((key.trim_end_matches(is_blank).to_owned(), value(&mut letters)));
        }
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Since systemd 254 a backslash at the end of a comment does not reach the next line. Before it did: what it hid then
/// is taken for set here, so that nothing is overlooked.
fn comment(letters: &mut Letters<'_>) {
    while letters.next_if(|letter| !is_end(*letter)).is_some() {}
}

/// Up to the end of the line. Behind a quote, blanks are passed over and what follows is joined.
fn value(letters: &mut Letters<'_>) -> String {
    let mut value = String::new();
    // Blanks at the end of bare text do not count, and those before it neither.
    let (mut kept, mut bare) = (0, false);
    while let Some(letter) = letters.next() {
        match letter {
            letter if is_end(letter) => break,
            '\'' if !bare => {
                value.extend(letters.by_ref().take_while(|letter| *letter != '\''));
                kept = value.len();
            }
            '"' if !bare => {
                quoted(letters, &mut value);
                kept = value.len();
            }
            '\\' => {
                bare = true;
                value.extend(letters.next().filter(|letter| !is_end(*letter)));
                kept = value.len();
            }
            letter if is_blank(letter) && !bare => {}
            letter => {
                bare = true;
                value.push(letter);
                if !is_blank(letter) {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    value
}

/// Within double quotes a backslash protects what a shell would take for special.
fn quoted(letters: &mut Letters<'_>, value: &mut String) {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return,
            '\\' => match letters.next() {
                Some(special @ ('"' | '\\' | '`' | '$')) => value.push(special),
                Some('\n') | None => {}
                Some(other) => value.extend(['\\', other]),
            },
            letter => value.push(letter),
        }
    }
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

fn is_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_systemd_reads_it() {
        for (text, wanted) in [
            ("A=b c \nB = d\n", &[("A", "b c"), ("B", "d")][..]),
            ("# A=b\n;B=c\n\nC=d#e", &[("C", "d#e")]),
            ("A='b c'\"d $\\$ \\n\" e\\ \n", &[("A", "b cd $$ \\ne ")]),
            ("A=b\\\nc\nB='x\ny'", &[("A", "bc"), ("B", "x\ny")]),
            ("A=b'c'", &[("A", "b'c'")]),
            ("nonsense\nA=", &[("A", "")]),
            ("export A=b", &[("export A", "b")]),
            ("A=\"b", &[("A", "b")]),
            ("=\n=x", &[("", ""), ("", "x")]),
            ("\u{0}é=\\", &[("\u{0}é", "")]),
        ] {
            let found = parse(text);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(found, wanted, "{text:?}");
        }
    }
}
