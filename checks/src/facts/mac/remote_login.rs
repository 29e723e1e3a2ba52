//! What the SSH server of macOS accepts: the effective settings by `sshd -G`, and `Match` blocks that change them.

use serde::{Deserialize, Serialize};

use super::refusal;
use crate::gap::Gap;
use crate::host::{self, Command, Host, Output};

/// The settings that decide who may log in, for a connection that no `Match` block names (sshd_config(5)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteLogin {
    /// PasswordAuthentication.
    pub password: bool,
    /// KbdInteractiveAuthentication.
    pub keyboard_interactive: bool,
    /// UsePAM: with it, keyboard-interactive asks for the password.
    pub use_pam: bool,
    /// PermitRootLogin, in lower case.
    pub permit_root: String,
    /// AuthenticationMethods: lists of which one must succeed whole; empty for `any`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Settings inside `Match` blocks that change one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// A setting that holds only for the connections that a `Match` line names, or may.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exception {
    /// Its file.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// Whether it stands below a `Match` line; otherwise it is an `Include` that hostduty does not follow.
    pub conditional: bool,
    /// The keyword, in lower case.
    pub keyword: String,
    /// Its value, in lower case but for paths.
    pub value: String,
}

const SSHD: &str = "/usr/sbin/sshd";
const CONFIG: &str = "/etc/ssh/sshd_config";
/// More files than these are refused.
const FILES: usize = 500;

/// Asks sshd for its settings and reads its files for `Match` blocks.
pub(super) fn read(host: &dyn Host) -> Result<RemoteLogin, Gap> {
    let output = host.run(&Command::new(SSHD, &["-G"]))?;
    // OpenSSH before 9.3 (macOS 13) has only -T, which takes root for the host keys.
    let output = if output.status == 0 { output } else { host.run(&Command::new(SSHD, &["-T"]))? };
    let mut login = parse(&output)?;
    login.exceptions = exceptions(host)?;
    Ok(login)
}

/// The settings below `Match` lines in sshd_config and all that it includes.
fn exceptions(host: &dyn Host) -> Result<Vec<Exception>, Gap> {
    let (mut found, mut todo, mut next) = (Vec::new(), vec![CONFIG.to_owned()], 0);
    while let Some(path) = todo.get(next).cloned() {
        next += 1;
        let text = match host::read_text(host, &path, host::SMALL) {
            // sshd passes over an included file that does not exist.
            Err(gap) if gap.is_absent() && path != CONFIG => continue,
            text => text?,
        };
        for exception in scan(&path, &text) {
            if exception.keyword != "include" {
                found.push(exception);
                continue;
            }
            match included(host, &exception.value)? {
                Some(paths) if !exception.conditional => {
                    let new: Vec<String> = paths.into_iter().filter(|path| !todo.contains(path)).collect();
                    todo.extend(new);
                }
                // What it leads to holds only for some, or cannot be told.
                _ => found.push(exception),
            }
        }
        if todo.len() > FILES || found.len() > FILES {
            return Err(Gap::too_large("the configuration of sshd"));
        }
    }
    Ok(found)
}

/// The files that `Include` names: plain paths and whole folders, relative to /etc/ssh; nothing for other patterns.
fn included(host: &dyn Host, value: &str) -> Result<Option<Vec<String>>, Gap> {
    let mut paths = Vec::new();
    for word in value.split_whitespace() {
        let path = if word.starts_with('/') { word.to_owned() } else { format!("/etc/ssh/{word}") };
        let (dir, whole) = path.strip_suffix("/*").map_or((path.as_str(), false), |dir| (dir, true));
        if dir.contains(['*', '?', '[', '"', '\\']) {
            return Ok(None);
        }
        match host.list(dir) {
            _ if !whole => paths.push(path),
            Err(gap) if gap.is_absent() => {}
            // sshd's glob leaves hidden files out.
            names => {
                let shown = names?.into_iter().filter(|name| !name.starts_with('.'));
                paths.extend(shown.map(|name| format!("{dir}/{name}")));
            }
        }
    }
    Ok(Some(paths))
}

/// `sshd -G` or `sshd -T`: one keyword a line, in lower case.
pub fn parse(output: &Output) -> Result<RemoteLogin, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |keyword: &str| {
        text.lines().find_map(|line| Some(line.split_once(' ').filter(|(key, _)| *key == keyword)?.1.trim()))
    };
    let truth = |keyword: &str| match value(keyword) {
        Some("yes") => Ok(true),
        Some("no") => Ok(false),
        _ => Err(refusal("sshd -G", output)),
    };
    if output.status != 0 {
        return Err(refusal("sshd -G", output));
    }
    let methods = value("authenticationmethods").filter(|methods| *methods != "any").unwrap_or("");
    Ok(RemoteLogin {
        password: truth("passwordauthentication")?,
        keyboard_interactive: truth("kbdinteractiveauthentication")?,
        use_pam: truth("usepam")?,
        permit_root: value("permitrootlogin").ok_or_else(|| refusal("sshd -G", output))?.to_owned(),
        methods: methods.split_whitespace().map(str::to_owned).collect(),
        exceptions: Vec::new(),
    })
}

/// The lines of one file that include others, and those below `Match` lines that have to do with who may log in.
fn scan(path: &str, text: &str) -> Vec<Exception> {
    let (mut conditional, mut found) = (false, Vec::new());
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        let end = line.find(|char: char| char.is_whitespace() || char == '=').unwrap_or(line.len());
        let (keyword, rest) = line.split_at(end);
        let keyword = keyword.to_ascii_lowercase();
        let value = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '=');
        let value = value.split('#').next().unwrap_or("").trim();
        let counts = match keyword.as_str() {
            "match" => {
                conditional = !value.trim_matches('"').eq_ignore_ascii_case("all");
                false
            }
            "include" => true,
            "passwordauthentication"
            | "kbdinteractiveauthentication"
            | "challengeresponseauthentication"
            | "permitrootlogin"
            | "authenticationmethods" => conditional,
            _ => false,
        };
        if counts && found.len() <= FILES {
            let value = match keyword.as_str() {
                // Quotes stay, so that a path with spaces is not taken for two.
                "include" => value.to_owned(),
                _ => value.trim_matches('"').to_ascii_lowercase(),
            };
            found.push(Exception { path: path.to_owned(), line: number, conditional, keyword, value });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    const GOOD: &str = "port 22\nusepam yes\npermitrootlogin no\npubkeyauthentication yes\n\
        passwordauthentication no\nkbdinteractiveauthentication no\nauthenticationmethods any\n";

    #[test]
    fn effective_settings() {
        let login = parse(&out(GOOD)).unwrap();
        assert!(!login.password && !login.keyboard_interactive && login.use_pam && login.methods.is_empty());
        assert_eq!(login.permit_root, "no");
        let methods =
            GOOD.replace("methods any", "methods publickey,password publickey,keyboard-interactive");
        assert_eq!(parse(&out(&methods)).unwrap().methods.len(), 2);
        for bad in ["", "port 22\n", &GOOD.replace("usepam yes", "usepam perhaps")] {
            assert_eq!(parse(&out(bad)).unwrap_err().why, GapKind::Malformed, "{bad}");
        }
        assert!(parse(&exit(1, "sshd: no hostkeys available -- exiting.\n")).is_err());
        assert!(parse(&err(GOOD)).is_err());
    }

    #[test]
    fn match_blocks_are_found_in_every_file() {
        let tree = Tree::new(Timestamp(0))
            .file(
                CONFIG,
                "Include /etc/ssh/sshd_config.d/*\nMatch User ada\n  PasswordAuthentication=YES # now\n",
            )
            .file(
                "/etc/ssh/sshd_config.d/10-x",
                "PasswordAuthentication no\nMATCH all\nPermitRootLogin yes\n",
            )
            .file(
                "/etc/ssh/sshd_config.d/20-y",
                "include Deep.conf gone\nMatch Address 10.0.0.0/8\n\tInclude more\n",
            )
            .file("/etc/ssh/sshd_config.d/.DS_Store", b"\xff")
            .file(
                "/etc/ssh/Deep.conf",
                "Include sshd_config\nInclude \"/etc/a b\"\nMatch Host a\nPermitRootLogin yes\n",
            )
            .file("/etc/ssh/unused", "Match all\nPermitRootLogin yes\n")
            .output(Command::new(SSHD, &["-G"]), out(GOOD));
        let found = read(&tree).unwrap().exceptions;
        let seen: Vec<_> = found
            .iter()
            .map(|one| (one.line, one.conditional, one.keyword.as_str(), one.value.as_str()))
            .collect();
        let expected = [
            (3, true, "passwordauthentication", "yes"),
            (3, true, "include", "more"),
            (2, false, "include", "\"/etc/a b\""),
            (4, true, "permitrootlogin", "yes"),
        ];
        assert_eq!(seen, expected);
        let unreadable = tree.refuse("/etc/ssh/sshd_config.d/20-y", Gap::denied("it"));
        assert_eq!(read(&unreadable).unwrap_err().why, GapKind::Denied);
    }

    #[test]
    fn endless_files_are_refused() {
        let matches = format!("Match User a\n{}", "PermitRootLogin no\n".repeat(10_000));
        let includes: String = (0..1_000).map(|number| format!("Include {number}\n")).collect();
        for text in [matches, includes] {
            let tree = Tree::new(Timestamp(0)).file(CONFIG, text);
            assert_eq!(exceptions(&tree).unwrap_err().why, GapKind::TooLarge);
        }
    }

    #[test]
    fn an_older_sshd_is_asked_with_t() {
        let tree = Tree::new(Timestamp(0))
            .file(CONFIG, "")
            .output(Command::new(SSHD, &["-G"]), exit(1, "sshd: illegal option -- G\n"))
            .output(Command::new(SSHD, &["-T"]), out(GOOD));
        assert!(!read(&tree).unwrap().password);
    }
}
