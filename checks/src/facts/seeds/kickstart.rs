//! Passwords in the answers of Red Hat's installer: `rootpw` and `user` of pykickstart's commands.
//!
//! There is no Anaconda here to compare with: the forms are those of its documentation.

use super::Written;

/// The passwords in a kickstart file.
pub(super) fn passwords(text: &str) -> (Vec<Written>, Option<String>) {
    let found = text.lines().zip(1_u32..).filter_map(|(line, number)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (command, arguments) = words.split_first()?;
        let key = match *command {
            "rootpw" => arguments.iter().find(|word| !word.starts_with("--")).map(|_| "rootpw"),
            "user" => arguments.iter().find(|word| word.starts_with("--password")).map(|_| "user --password"),
            _ => None,
        }?;
        let hashed = arguments.contains(&"--iscrypted");
        Some(Written { line: number, key: key.to_owned(), hashed })
    });
    (found.collect(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_set_a_password() {
        let text = "# rootpw x\nrootpw --lock\nrootpw --iscrypted $6$x$y\nrootpw --plaintext secret\nuser --name=ann --password=x --iscrypted\nuser --name=bob\n";
        let (found, _) = passwords(text);
        let shown: Vec<_> = found.iter().map(|one| (one.line, one.key.as_str(), one.hashed)).collect();
        assert_eq!(shown, [(3, "rootpw", true), (4, "rootpw", false), (5, "user --password", true)]);
    }
}
