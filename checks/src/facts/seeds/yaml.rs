//! Passwords in cloud-config: lines of YAML or JSON that give one of the known keys a value.
//!
//! This is no reader of YAML: it looks at each line by itself and rather finds too much. Keys and values that span lines, and
//! parts that are encoded, are not clear.

use super::Written;

/// Keys whose value is a password or its hash, in the order in which they are looked for.
const KEYS: &[&str] = &["plain_text_passwd", "hashed_passwd", "password", "passwd"];
/// What makes a script that sets one.
const SCRIPTS: &[&str] = &["chpasswd", "--stdin", "usermod -p", "--password"];

/// The passwords in user data, vendor data or a file of cloud-init's configuration.
pub(super) fn passwords(text: &str) -> (Vec<Written>, Option<String>) {
    let (mut found, mut unclear) = (Vec::new(), None);
    let mut list = None;
    let (mut script, mut chpasswd) = (false, None);
    for (line, number) in text.lines().zip(1_u32..) {
        let said = line.trim_start();
        let indent = line.len() - said.len();
        if said.to_ascii_lowercase().starts_with("content-transfer-encoding: base64") {
            unclear = Some("holds a part that is encoded".to_owned());
        }
        if said.starts_with("#cloud-config") || said.starts_with("Content-Type:") {
            script = false;
        } else if said.starts_with("#!") {
            script = true;
        }
        if said.starts_with('#') || said.is_empty() {
            continue;
        }
        if script {
            if SCRIPTS.iter().any(|word| said.contains(word)) {
                unclear = Some(format!("holds a script that may set a password in line {number}"));
            }
            continue;
        }
        // The lines of `chpasswd: list:` are `name:password`.
        if let Some(above) = list {
            if indent > above || (indent == above && said.starts_with('-')) {
                let entry = said.trim_start_matches("- ").trim_matches(['"', '\'']);
                if let Some((_, value)) = entry.split_once(':') {
                    found.extend(written(number, "chpasswd", value));
                }
                continue;
            }
            list = None;
        }
        if value_of(said, "chpasswd").is_some() {
            chpasswd = Some(indent);
        } else if chpasswd.is_some_and(|above| indent <= above) {
            chpasswd = None;
        }
        match value_of(said, "list") {
            Some(value) if chpasswd.is_some() => {
                if value.starts_with(['[', '"', '\'']) {
                    unclear = Some(format!("has a list of passwords in line {number} that spans no lines"));
                }
                list = Some(indent);
                continue;
            }
            _ => {}
        }
        for key in KEYS {
            if let Some(value) = value_of(said, key) {
                found.extend(written(number, key, value));
                // `type: RANDOM` beside it has no value, and one line of a flow has one password.
                break;
            }
        }
    }
    (found, unclear)
}

/// What a key is given on a line, wherever it stands; a flow in braces may hold several.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.match_indices(key).find_map(|(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            return None;
        }
        let rest = line.get(at + key.len()..)?.trim_start_matches(['"', '\'']).trim_start();
        let value = rest.strip_prefix(':')?;
        // `name:value` without a blank is a text in YAML; JSON needs none.
        let quoted = before.is_some_and(|c| "\"'".contains(c));
        if !value.is_empty() && !value.starts_with([' ', '\t']) && !quoted {
            return None;
        }
        Some(value.trim())
    })
}

/// A password, unless the value says that there is none or that it is to be made up.
fn written(line: u32, key: &str, value: &str) -> Option<Written> {
    let value = value.trim().trim_matches(['"', '\'', ',', '}', ']', ' ']);
    let none = ["", "null", "~", "RANDOM", "R", "*", "!", "!!", "{", "true", "false"];
    if none.contains(&value) {
        return None;
    }
    let hashed = value.starts_with('$') || key == "hashed_passwd";
    Some(Written { line, key: key.to_owned(), hashed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<String> {
        let (found, unclear) = passwords(text);
        assert_eq!(unclear, None, "{text}");
        found
            .iter()
            .map(|one| format!("{} {} {}", one.line, one.key, if one.hashed { "hash" } else { "plain" }))
            .collect()
    }

    #[test]
    fn keys_in_every_dress() {
        for (text, expected) in [
            ("#cloud-config\npassword: secret\nssh_pwauth: true\n", &["2 password plain"][..]),
            ("users:\n  - name: ann\n    passwd: $6$x$y\n    lock_passwd: false\n", &["3 passwd hash"]),
            ("users:\n  - {name: ann, plain_text_passwd: secret}\n", &["2 plain_text_passwd plain"]),
            ("{\"password\":\"secret\",\n\"x\":1}\n", &["1 password plain"]),
            ("'hashed_passwd' : abJnggxhB/yWI\n", &["1 hashed_passwd hash"]),
            (
                "chpasswd:\n  expire: false\n  list: |\n    root:secret\n    ann:$y$j9T$x\n    bob:RANDOM\npackages: [a]\n",
                &["4 chpasswd plain", "5 chpasswd hash"],
            ),
            ("chpasswd:\n  list:\n  - root:secret\n  - 'bob:R'\n", &["3 chpasswd plain"]),
            (
                "chpasswd:\n  users:\n  - {name: ann, password: secret, type: text}\n  - {name: bob, type: RANDOM}\n",
                &["3 password plain"],
            ),
            ("  identity: {password: \"$6$x$y\"}\n", &["1 password hash"]),
            (
                "# password: secret\npassword:\npassword: null\nlock_passwd: true\nold_password: x\npassword:x\nssh_pwauth: no\n",
                &[],
            ),
            ("list: |\n  a: b\n", &[]),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_read_is_said() {
        for text in [
            "#!/bin/sh\necho root:x | chpasswd\n",
            "Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64\n\nI2Nsb3Vk\n",
            "chpasswd:\n  list: [\"root:secret\"]\n",
            "Content-Type: text/x-shellscript\n\n#!/bin/bash\nusermod -p x root\n",
        ] {
            assert!(passwords(text).1.is_some(), "{text}");
        }
        assert_eq!(passwords("#!/bin/sh\necho password: x\n"), (Vec::new(), None));
        assert_eq!(
            seen("#!/bin/sh\n--x\nContent-Type: text/cloud-config\n\n#cloud-config\npassword: x\n"),
            ["6 password plain"]
        );
    }
}
