//! What a further line of the same keyword does, and what a Match block that matches changes.

use super::build::Build;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// It decides alone.
    Replaces,
    /// Together with those before it.
    Adds,
    /// Not at all.
    Lost,
}

/// What holds after a line, and whether the line counts; or why sshd refuses it on account of the lines before.
///
/// `before` is what the lines before it set in the same pass over the configuration, `None` when there is none. sshd
/// starts each connection's pass over Match blocks with nothing set. `is_set` answers for other keywords.
pub(super) fn merge(
    name: &str,
    before: Option<&[String]>,
    line: &[String],
    is_set: &dyn Fn(&str) -> bool,
    build: &Build,
) -> Result<(Vec<String>, Counts), &'static str> {
    let kept = before.unwrap_or_default().to_vec();
    // From 8.7 to 9.3 sshd looked at the wrong variable before it stored this one.
    let confused = name == "authorizedprincipalscommand" && build.since(8, 7) && !build.since(9, 4);
    if line.is_empty() || (confused && is_set("authorizedkeyscommand")) {
        return Ok((kept, Counts::Lost));
    }
    if name == "port" && kept.len() >= 256 {
        return Err("more than 256 ports");
    }
    if name == "authenticationmethods" && build.since(8, 7) && !build.since(9, 7) && before.is_some() {
        // The test that `any` stands alone also saw what an earlier line had set.
        return match line.iter().any(|list| list == "any") {
            true => Err("AuthenticationMethods any behind another AuthenticationMethods"),
            false => Ok((kept, Counts::Lost)),
        };
    }
    let Some(before) = before else { return Ok((line.to_vec(), Counts::Replaces)) };
    if let ("maxstartups", [full], [old]) = (name, line, before)
        && let Some((_, rate, _)) = three(old)
        && is_last(name, build)
        && !full.contains(':')
    {
        // One number leaves the rate as an earlier line has set it.
        return Ok((vec![format!("{full}:{rate}:{full}")], Counts::Adds));
    }
    if confused || is_last(name, build) || (name == "unusedconnectiontimeout" && line == ["none"]) {
        return Ok((line.to_vec(), Counts::Replaces));
    }
    match name {
        "port" | "listenaddress" | "hostkey" | "hostcertificate" | "allowusers" | "denyusers"
        | "allowgroups" | "denygroups" | "acceptenv" | "persourcepenalties" => {
            Ok((joined(before, line), Counts::Adds))
        }
        "logverbose" if !build.since(8, 7) => Ok((joined(before, line), Counts::Adds)),
        "subsystem" => {
            let subsystem = |value: &String| value.split(' ').next().map(str::to_owned);
            let known = line.iter().any(|new| before.iter().any(|old| subsystem(old) == subsystem(new)));
            match known {
                true if build.since(9, 5) => Ok((kept, Counts::Lost)),
                true => Err("a Subsystem that an earlier line has defined"),
                false if !build.since(9, 5) && before.len() >= 256 => Err("more than 256 subsystems"),
                false => Ok((joined(before, line), Counts::Adds)),
            }
        }
        // Bytes and seconds are two settings, each of which the first line decides that has it.
        "rekeylimit" if before.len() < line.len() => {
            Ok((joined(before, line.get(before.len()..).unwrap_or_default()), Counts::Adds))
        }
        _ => Ok((kept, Counts::Lost)),
    }
}

/// The parts of `begin:rate:full`.
fn three(value: &str) -> Option<(&str, &str, &str)> {
    let (begin, rest) = value.split_once(':')?;
    let (rate, full) = rest.split_once(':')?;
    Some((begin, rate, full))
}

fn joined(before: &[String], line: &[String]) -> Vec<String> {
    before.iter().chain(line).cloned().collect()
}

/// Whether the last line of a keyword wins, against the rule.
fn is_last(name: &str, build: &Build) -> bool {
    match name {
        "streamlocalbindmask" | "fingerprinthash" => true,
        "persourcemaxstartups" => !build.since(9, 5),
        "maxstartups" | "persourcenetblocksize" => !build.since(10, 1),
        "ipqos" => !build.since(10, 3),
        _ => false,
    }
}

/// What holds for a connection: `matched` is what the Match blocks set that match it, `global` what holds otherwise. A
/// keyword that is allowed under Match but not copied from there keeps `global`; see
/// [`Keyword::copied`](super::keywords::Keyword::copied).
pub(super) fn overlay(name: &str, global: &[String], matched: &[String]) -> Vec<String> {
    match name {
        _ if matched.is_empty() => global.to_vec(),
        "rekeylimit" => joined(matched, global.get(matched.len()..).unwrap_or_default()),
        _ => matched.to_vec(),
    }
}

/// Whether sshd passes over a line without a look at its arguments. `is_set`: an earlier line of the same pass has set
/// the keyword; `is_active`: the line is not below a Match line that does not match.
pub(super) fn passes_over(name: &str, is_set: bool, is_active: bool, build: &Build) -> bool {
    !build.since(8, 7)
        && match name {
            "authenticationmethods" => is_set,
            "authorizedkeyscommand" | "authorizedprincipalscommand" => is_set || !is_active,
            _ => false,
        }
}

/// What sshd itself sets between its start and the first connection: before 8.7 ChallengeResponseAuthentication turned
/// keyboard-interactive authentication on. A Match block may turn that off again.
pub(super) fn settle(
    get: &dyn Fn(&str) -> Vec<String>,
    build: &Build,
) -> Option<(&'static str, &'static str)> {
    let turns_on = !build.since(8, 7) && get("challengeresponseauthentication") == ["yes"];
    turns_on.then_some(("kbdinteractiveauthentication", "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(name: &str, lines: &[&[&str]], version: (u32, u32)) -> Option<Vec<String>> {
        let build = Build { version, ..Build::default() };
        let mut set: Option<Vec<String>> = None;
        for line in lines {
            let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
            let (values, counts) = merge(name, set.as_deref(), &line, &|_| false, &build).ok()?;
            if set.is_some() || counts != Counts::Lost {
                set = Some(values);
            }
        }
        set
    }

    #[test]
    fn who_wins() {
        for (name, lines, version, wanted) in [
            ("passwordauthentication", [["no"], ["yes"]], (9, 2), Some(&["no"][..])),
            ("port", [["22"], ["23"]], (9, 2), Some(&["22", "23"])),
            ("maxstartups", [["1:30:1"], ["2:30:2"]], (10, 0), Some(&["2:30:2"])),
            ("maxstartups", [["1:30:1"], ["2:30:2"]], (10, 1), Some(&["1:30:1"])),
            ("maxstartups", [["1:50:1"], ["2"]], (10, 0), Some(&["2:50:2"])),
            ("unusedconnectiontimeout", [["5"], ["none"]], (9, 2), Some(&["none"])),
            ("unusedconnectiontimeout", [["5"], ["0"]], (9, 2), Some(&["5"])),
            ("subsystem", [["a x"], ["a y"]], (9, 2), None),
            ("subsystem", [["a x"], ["a y"]], (9, 5), Some(&["a x"])),
            ("subsystem", [["a x"], ["b y"]], (9, 2), Some(&["a x", "b y"])),
            ("authenticationmethods", [["password"], ["any"]], (9, 2), None),
            ("authenticationmethods", [["password"], ["any"]], (9, 7), Some(&["password"])),
            ("authorizedprincipalscommand", [["/a"], ["/b"]], (9, 2), Some(&["/b"])),
            ("authorizedprincipalscommand", [["/a"], ["/b"]], (9, 4), Some(&["/a"])),
        ] {
            let lines: Vec<&[&str]> = lines.iter().map(|line| &line[..]).collect();
            let wanted = wanted.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
            assert_eq!(after(name, &lines, version), wanted, "{name} {version:?}");
        }
    }

    #[test]
    fn bytes_and_seconds_are_two_settings() {
        assert_eq!(after("rekeylimit", &[&["16"], &["32", "60"]], (9, 2)).unwrap(), ["16", "60"]);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(overlay("rekeylimit", &words(&["16", "60"]), &words(&["32"])), ["32", "60"]);
        assert_eq!(overlay("allowusers", &words(&["a"]), &[]), ["a"]);
    }
}
