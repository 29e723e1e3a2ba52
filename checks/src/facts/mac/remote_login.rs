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

/// A setting that holds only for the connections that a `Match` line names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exception {
    /// Its file.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// The keyword, in lower case.
    pub keyword: String,
    /// Its value, in lower case.
    pub value: String,
}

const SSHD: &str = "/usr/sbin/sshd";
const CONFIG: &str = "/etc/ssh/sshd_config";
const DROP_INS: &str = "/etc/ssh/sshd_config.d";

/// Asks sshd for its settings and reads its files for `Match` blocks.
pub(super) fn read(host: &dyn Host) -> Result<RemoteLogin, Gap> {
    let output = host.run(&Command::new(SSHD, &["-G"]))?;
    // OpenSSH before 9.3 (macOS 13) has only -T, which takes root for the host keys.
    let output = if output.status == 0 { output } else { host.run(&Command::new(SSHD, &["-T"]))? };
    let mut login = parse(&output)?;
    login.exceptions = exceptions(CONFIG, &host::read_text(host, CONFIG, host::SMALL)?);
    let names = match host.list(DROP_INS) {
        Err(gap) if gap.is_absent() => Vec::new(),
        other => other?,
    };
    // sshd's glob `*` leaves hidden files out.
    for name in names.iter().filter(|name| !name.starts_with('.')).take(1_000) {
        let path = format!("{DROP_INS}/{name}");
        login.exceptions.extend(exceptions(&path, &host::read_text(host, &path, host::SMALL)?));
    }
    Ok(login)
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

/// The settings below `Match` lines of one file that have to do with who may log in. An `Include` there is one too:
/// what it leads to holds only for some.
fn exceptions(path: &str, text: &str) -> Vec<Exception> {
    let (mut inside, mut found) = (false, Vec::new());
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        let end = line.find(|char: char| char.is_whitespace() || char == '=').unwrap_or(line.len());
        let (keyword, rest) = line.split_at(end);
        let keyword = keyword.to_ascii_lowercase();
        let value = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '=');
        let value = value.split('#').next().unwrap_or("").trim().trim_matches('"').to_ascii_lowercase();
        match keyword.as_str() {
            "match" => inside = value != "all",
            "passwordauthentication"
            | "kbdinteractiveauthentication"
            | "challengeresponseauthentication"
            | "permitrootlogin"
            | "authenticationmethods"
            | "include"
                if inside && found.len() < 1_000 =>
            {
                found.push(Exception { path: path.to_owned(), line: number, keyword, value });
            }
            _ => {}
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
                "Include /etc/ssh/sshd_config.d/*\nMatch User ada\n  PasswordAuthentication=yes # for now\n",
            )
            .file(
                "/etc/ssh/sshd_config.d/10-x",
                "PasswordAuthentication no\nMATCH all\nPermitRootLogin yes\n",
            )
            .file("/etc/ssh/sshd_config.d/20-y", "Match Address 10.0.0.0/8\n\tInclude /etc/ssh/more\n")
            .output(Command::new(SSHD, &["-G"]), out(GOOD));
        let found = read(&tree).unwrap().exceptions;
        let seen: Vec<_> =
            found.iter().map(|one| (one.line, one.keyword.as_str(), one.value.as_str())).collect();
        assert_eq!(seen, [(3, "passwordauthentication", "yes"), (2, "include", "/etc/ssh/more")]);
        let unreadable = tree.refuse("/etc/ssh/sshd_config.d/20-y", Gap::denied("it"));
        assert_eq!(read(&unreadable).unwrap_err().why, GapKind::Denied);
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
