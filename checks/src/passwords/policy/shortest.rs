//! The shortest password that a module of PAM lets an ordinary user set.

use std::collections::BTreeMap;

use crate::check::Evidence;
use crate::facts::password_policy::Setting;
use crate::facts::sshd::pam::Rule;
use crate::gap::Reading;

/// How short a password may be, and what says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shortest {
    /// Characters.
    pub(super) length: u32,
    /// What decides.
    pub(super) decided_by: Vec<Evidence>,
    /// More to say, behind the sentence.
    pub(super) why: String,
}

/// pam_unix(8): `minlen=`, 6 without.
pub(super) fn unix(rule: &Rule) -> Result<Shortest, String> {
    let given = rule.arguments.iter().rev().find_map(|argument| argument.strip_prefix("minlen="));
    let length = match given.map(str::parse) {
        None => 6,
        Some(Ok(length)) => length,
        Some(Err(_)) => return Err(format!("pam_unix, {}, has a minlen that is no number", rule.at)),
    };
    Ok(Shortest { length, decided_by: vec![rule.at.clone().says("pam_unix")], why: String::new() })
}

/// What a module that looks at the quality of passwords asks for.
pub(super) fn by(rule: &Rule, quality: &Reading<BTreeMap<String, Setting>>) -> Result<Shortest, String> {
    match rule.module.as_str() {
        "pam_pwquality" => pwquality(rule, quality),
        "pam_passwdqc" => passwdqc(rule),
        // It compares with former passwords only.
        "pam_pwhistory" => Ok(Shortest { length: 0, decided_by: Vec::new(), why: String::new() }),
        name => Err(format!("what {name}, {}, asks of a password is not known to hostduty", rule.at)),
    }
}

/// pam_pwquality(8), by the rule of pwquality.conf(5): the length and one more for each character that earns a credit
/// must reach `minlen`. No setting lets fewer than six characters through.
fn pwquality(rule: &Rule, quality: &Reading<BTreeMap<String, Setting>>) -> Result<Shortest, String> {
    const BASE: i64 = 6;
    let files = quality.known().map_err(|gap| gap.to_string())?;
    let mut decided_by = vec![rule.at.clone().says("pam_pwquality")];
    let mut value = |name: &str, default: i64| -> Result<i64, String> {
        let argument = rule.arguments.iter().rev().find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
        let (text, at) = match (argument, files.get(name)) {
            (Some(text), _) => (text, None),
            (None, Some(one)) => (one.value.as_str(), Some(&one.at)),
            (None, None) => return Ok(default),
        };
        let number = text
            .parse()
            .map_err(|_| format!("{name} of pam_pwquality, {}, is no number", at.unwrap_or(&rule.at)))?;
        decided_by.push(at.unwrap_or(&rule.at).clone().says(format!("{name} = {number}")));
        Ok(number)
    };
    let enforcing = value("enforcing", 1)?;
    let least = value("minlen", 8)?.clamp(BASE, i64::from(u32::MAX));
    let (mut credit, mut asked) = (0_i64, 0_i64);
    for name in ["dcredit", "ucredit", "lcredit", "ocredit"] {
        let number = value(name, 0)?.clamp(-1000, 1000);
        credit += number.max(0);
        asked += number.min(0).abs();
    }
    if enforcing == 0 {
        let why = ", for pam_pwquality only warns".to_owned();
        return Ok(Shortest { length: 0, decided_by, why });
    }
    // With `credit` credits to earn, half of the length at most is earned.
    let length = (least - credit).max((least + 1) / 2).max(asked).max(BASE);
    let why = if credit > 0 && length < least {
        format!(", for others count twice up to minlen {least}")
    } else {
        String::new()
    };
    Ok(Shortest { length: u32::try_from(length).unwrap_or(u32::MAX), decided_by, why })
}

/// pam_passwdqc(8): `min=N0,N1,N2,N3,N4`, a least length for each kind of password. A password may be of the kind for which
/// the fewest are asked.
fn passwdqc(rule: &Rule) -> Result<Shortest, String> {
    let last = |name: &str| rule.arguments.iter().rev().find_map(|one| one.strip_prefix(name));
    if last("config=").is_some() {
        return Err(format!("pam_passwdqc, {}, reads a file that hostduty does not", rule.at));
    }
    let decided_by = vec![rule.at.clone().says("pam_passwdqc")];
    if last("enforce=").is_some_and(|whom| whom == "none") {
        return Ok(Shortest { length: 0, decided_by, why: ", for pam_passwdqc only warns".to_owned() });
    }
    let lengths = last("min=").unwrap_or("disabled,24,11,8,7").split(',').filter(|word| *word != "disabled");
    let lengths: Result<Vec<u32>, _> = lengths.map(str::parse).collect();
    let malformed = || format!("min of pam_passwdqc, {}, is no list of numbers", rule.at);
    let length = lengths.map_err(|_| malformed())?.into_iter().min().ok_or_else(malformed)?;
    Ok(Shortest { length, decided_by, why: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(module: &str, arguments: &str, file: &[(&str, &str)]) -> Result<u32, String> {
        let rule = Rule {
            module: module.to_owned(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            ..Rule::default()
        };
        let option = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), Setting { value: (*value).to_owned(), ..Setting::default() })
        };
        let quality = Reading::Known(file.iter().map(option).collect());
        if module == "pam_unix" { unix(&rule) } else { by(&rule, &quality) }.map(|shortest| shortest.length)
    }

    #[test]
    fn credits_shorten_and_arguments_come_last() {
        for (arguments, file, expected) in [
            ("retry=3", &[][..], 8),
            ("minlen=14", &[("minlen", "10")], 14),
            ("", &[("minlen", "10")], 10),
            ("", &[("minlen", "3")], 6),
            ("minlen=12 dcredit=1 ucredit=1", &[], 10),
            ("minlen=12 dcredit=9", &[], 6),
            ("minlen=13 ocredit=20", &[], 7),
            ("minlen=8 dcredit=-5 ucredit=-5", &[], 10),
            ("", &[("minlen", "14"), ("enforcing", "0")], 0),
        ] {
            assert_eq!(length("pam_pwquality", arguments, file), Ok(expected), "{arguments} {file:?}");
        }
        assert!(length("pam_pwquality", "minlen=x", &[]).is_err());
    }

    #[test]
    fn other_modules() {
        assert_eq!(length("pam_unix", "obscure", &[]), Ok(6));
        assert_eq!(length("pam_unix", "minlen=9 sha512", &[]), Ok(9));
        assert!(length("pam_unix", "minlen=long", &[]).is_err());
        assert_eq!(length("pam_passwdqc", "", &[]), Ok(7));
        assert_eq!(length("pam_passwdqc", "min=disabled,disabled,15,15,12", &[]), Ok(12));
        assert_eq!(length("pam_passwdqc", "enforce=none", &[]), Ok(0));
        assert!(length("pam_passwdqc", "min=disabled", &[]).is_err());
        assert!(length("pam_passwdqc", "config=/etc/passwdqc.conf", &[]).is_err());
        assert!(length("pam_cracklib", "", &[]).is_err());
    }
}
