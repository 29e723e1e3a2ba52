//! What the other side is told to do: a short command that any login shell passes on, then a script, then the binary.

use std::fmt::Write;
use std::io::Read;

/// What the other side runs once it knows its parameters.
const REMOTE: &str = include_str!("remote.sh");

/// Two unguessable words for one session: one marks our lines among whatever else a login shell prints, the other names
/// the private folder. The first can be seen in the other side's process list, the second cannot.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) token: String,
    place: String,
}

/// What the script is told besides the binary.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    /// The words of `report` on the other side.
    pub(super) arguments: &'a [String],
    /// The operator's configuration, which travels in this script and is never written to a disk over there.
    pub(super) config: Option<&'a str>,
    pub(super) sudo: bool,
    /// Seconds after which the other side ends by itself, even if nobody closes the connection.
    pub(super) patience: u64,
    /// Bytes of the binary.
    pub(super) size: usize,
}

impl Words {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut bytes = [0; 24];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let (token, place) = bytes.split_at(12);
        Ok(Self { token: format!("hostduty-{}", hex(token)), place: format!("hostduty.{}", hex(place)) })
    }

    /// The command for the login shell, whichever it is: fish, csh and cmd read quotes and newlines differently, so it is
    /// one line with one pair of single quotes and without `!` and `\`. `read` and `dd bs=1` take no byte too many; a
    /// shell that reads its script from standard input may.
    pub(super) fn command(&self) -> String {
        let token = &self.token;
        format!(
            "exec /bin/sh -c 'echo; echo {token} system $(uname -s -m); read n; eval \"$(dd bs=1 count=$n 2>/dev/null)\"'"
        )
    }

    /// The script with its length before it, as the command reads it.
    pub(super) fn script(&self, parameters: &Parameters<'_>) -> Vec<u8> {
        let mut script = String::new();
        for (name, value) in [
            ("token", self.token.as_str()),
            ("place", &self.place),
            ("size", &parameters.size.to_string()),
            ("patience", &parameters.patience.to_string()),
            ("elevate", if parameters.sudo { "yes" } else { "no" }),
            ("config", parameters.config.unwrap_or_default()),
        ] {
            let _ = writeln!(script, "{name}={}", quoted(value));
        }
        script.push_str("set --");
        for argument in parameters.arguments {
            let _ = write!(script, " {}", quoted(argument));
        }
        script.push('\n');
        script.push_str(REMOTE);
        format!("{}\n{script}", script.len()).into_bytes()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_login_shell_can_read_the_command() {
        let command = Words::new().unwrap().command();
        assert_eq!(command.matches('\'').count(), 2, "{command}");
        assert!(!command.contains(['!', '\\', '\n', '`']), "{command}");
    }

    #[test]
    fn no_parameter_becomes_a_command() {
        let config = "a = \"it's; $(reboot) `x` \\\"\n'\n";
        let arguments = ["report".to_owned(), "--offer".to_owned(), "'; id".to_owned()];
        let words = Words::new().unwrap();
        let parameters =
            Parameters { arguments: &arguments, config: Some(config), sudo: false, patience: 5, size: 7 };
        let script = String::from_utf8(words.script(&parameters)).unwrap();
        let (length, script) = script.split_once('\n').unwrap();
        assert_eq!(length.parse(), Ok(script.len()));
        let prologue = script.strip_suffix(REMOTE).unwrap();
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("{prologue}printf '%s|' \"$config\" \"$@\" \"$size\"")])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, format!("{config}|report|--offer|'; id|7|"));
    }
}
