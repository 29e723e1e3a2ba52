//! Which arguments sshd accepts behind a keyword, as far as this reader verifies them.

use super::keywords::{Form, Keyword};

/// The methods that AuthenticationMethods may name.
const METHODS: &[&str] = &[
    "none",
    "publickey",
    "gssapi-with-mic",
    "gssapi-keyex",
    "password",
    "keyboard-interactive",
    "hostbased",
];

/// The values that a line sets, or why sshd refuses it. The reason repeats no more than the keyword.
pub(super) fn verify(
    keyword: &Keyword,
    written: &str,
    words: &[String],
    rest: &str,
) -> Result<Vec<String>, String> {
    let bad = || format!("{written} with a value that sshd does not take");
    let missing = || format!("{written} without an argument");
    let single = || -> Result<&String, String> {
        match words {
            [] => Err(missing()),
            [word] if word.is_empty() => Err(missing()),
            [word] => Ok(word),
            _ => Err(format!("{written} with more than one argument")),
        }
    };
    match keyword.form {
        Form::Choice(choices) => {
            let lower = single()?.to_ascii_lowercase();
            if !choices.contains(&lower.as_str()) {
                return Err(bad());
            }
            // The older word for the same thing.
            Ok(vec![if lower == "without-password" { "prohibit-password".to_owned() } else { lower }])
        }
        Form::Number => {
            let word = single()?;
            let digits = word.strip_prefix('+').unwrap_or(word);
            match digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<i32>().is_ok() {
                true => Ok(vec![word.clone()]),
                false => Err(bad()),
            }
        }
        Form::Time => match is_time(single()?) {
            true => Ok(words.to_vec()),
            false => Err(bad()),
        },
        Form::Port => {
            let word = single()?;
            match word.parse::<i64>() {
                Ok(port @ 1..=65_535) => Ok(vec![port.to_string()]),
                Ok(_) => Err(bad()),
                Err(_) => Ok(vec![word.clone()]),
            }
        }
        Form::Word => Ok(vec![single()?.clone()]),
        Form::Listen => match words {
            [address] if !address.is_empty() => Ok(vec![address.clone()]),
            [address, domain, _] if !address.is_empty() && domain == "rdomain" => Ok(words.to_vec()),
            _ => Err(bad()),
        },
        Form::Words => match words {
            [] => Err(missing()),
            _ if words.iter().any(String::is_empty) => Err(bad()),
            _ => Ok(words.to_vec()),
        },
        Form::Methods => methods(words).ok_or_else(bad),
        Form::Command => {
            // Only the program is kept; its arguments may hold anything.
            let program = rest.split([' ', '\t']).next().unwrap_or_default();
            match program.starts_with('/') || rest.eq_ignore_ascii_case("none") {
                true => Ok(vec![program.to_owned()]),
                false => Err(format!("{written} without an absolute path")),
            }
        }
        Form::Unverified | Form::Include | Form::Match => Ok(words.to_vec()),
    }
}

/// The lists of methods, each of which is enough; or `any`, which stands alone.
fn methods(words: &[String]) -> Option<Vec<String>> {
    let known = |method: &str| METHODS.contains(&method.split(':').next().unwrap_or_default());
    let fits = match words {
        [] => false,
        [only] if only == "any" => true,
        lists => lists.iter().all(|list| list.split(',').all(known)),
    };
    fits.then(|| words.to_vec())
}

/// sshd_config(5), TIME FORMATS: numbers with units, the last of which may be left out.
fn is_time(text: &str) -> bool {
    let mut rest = text;
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || rest.get(..digits).is_none_or(|number| number.parse::<i32>().is_err()) {
            return false;
        }
        rest = rest.get(digits..).unwrap_or_default();
        match rest.chars().next() {
            None => {}
            Some(unit) if "sSmMhHdDwW".contains(unit) => rest = rest.get(1..).unwrap_or_default(),
            Some(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, fits) in [
            ("90", true),
            ("1m30s", true),
            ("2W", true),
            ("", false),
            ("m", false),
            ("1x", false),
            ("99999999999", false),
        ] {
            assert_eq!(is_time(text), fits, "{text}");
        }
    }
}
