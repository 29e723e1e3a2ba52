//! Why a host gave no report: a name that programs can rely on, what was seen, and what to do about it.

/// The reasons; their names are part of the merged report's format and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No SSH server answered.
    Unreachable,
    /// It shows another host key than the one that is known.
    HostKeyChanged,
    /// Its host key is not known, and nobody was there to be asked.
    HostKeyUnknown,
    /// It did not let the user in.
    AuthenticationRefused,
    /// ssh ended for another reason before a shell answered.
    SshFailed,
    /// The account is let in, and no POSIX shell answers.
    NoShell,
    /// `sudo -n` was refused.
    NoSudo,
    /// There is no binary for its system and processor.
    NoBinary,
    /// No folder there lets programs run.
    Noexec,
    /// The binary did not fit on it.
    NoRoom,
    /// The binary does not run there.
    NotRun,
    /// The connection ended before the report did.
    ConnectionLost,
    /// It took longer than it may.
    TimedOut,
    /// It printed more than any report.
    TooMuchOutput,
    /// What it printed is no report.
    MalformedAnswer,
}

const ALL: [Reason; 15] = [
    Reason::Unreachable,
    Reason::HostKeyChanged,
    Reason::HostKeyUnknown,
    Reason::AuthenticationRefused,
    Reason::SshFailed,
    Reason::NoShell,
    Reason::NoSudo,
    Reason::NoBinary,
    Reason::Noexec,
    Reason::NoRoom,
    Reason::NotRun,
    Reason::ConnectionLost,
    Reason::TimedOut,
    Reason::TooMuchOutput,
    Reason::MalformedAnswer,
];

/// One host without a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    /// What was seen; may hold the other side's own words.
    pub(crate) detail: String,
}

impl Reason {
    /// What the failure comes to with what was seen.
    pub(super) fn because(self, detail: impl Into<String>) -> Failure {
        Failure { reason: self, detail: detail.into() }
    }

    /// The reason by its name in reports.
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::HostKeyChanged => "host-key-changed",
            Self::HostKeyUnknown => "host-key-unknown",
            Self::AuthenticationRefused => "authentication-refused",
            Self::SshFailed => "ssh-failed",
            Self::NoShell => "no-shell",
            Self::NoSudo => "no-sudo",
            Self::NoBinary => "no-binary",
            Self::Noexec => "noexec",
            Self::NoRoom => "no-room",
            Self::NotRun => "not-run",
            Self::ConnectionLost => "connection-lost",
            Self::TimedOut => "timed-out",
            Self::TooMuchOutput => "too-much-output",
            Self::MalformedAnswer => "malformed-answer",
        }
    }

    /// The first step that helps.
    pub(crate) fn cure(self) -> &'static str {
        match self {
            Self::Unreachable => "check the name, the address and the port: ssh -v HOST",
            Self::HostKeyChanged => {
                "find out why before anything else; after a reinstallation: ssh-keygen -R HOST"
            }
            Self::HostKeyUnknown => {
                "log in once by hand and compare the fingerprint, or add its key to known_hosts"
            }
            Self::AuthenticationRefused => "see which key ssh offers: ssh -v HOST",
            Self::SshFailed => "see what ssh says: ssh -v HOST",
            Self::NoShell => "name an account whose login shell runs commands",
            Self::NoSudo => {
                "leave out --sudo, log in as root, or let the account run any command with NOPASSWD"
            }
            Self::NoBinary => {
                "build one with packaging/static and put it there, or name the folder it is in with --remote-binaries"
            }
            Self::Noexec => "install the package there and run: ssh HOST hostduty report",
            Self::NoRoom => "make room on it",
            Self::NotRun => "try the binary there by hand",
            Self::ConnectionLost => "try again",
            Self::TimedOut => "try again with a longer --timeout",
            Self::TooMuchOutput | Self::MalformedAnswer => {
                "do not trust this host before you have seen what it prints: ssh HOST true"
            }
        }
    }
}

/// What ssh's last words mean, where no shell has answered.
pub(super) fn of_ssh(status: Option<i32>, said: &str) -> Failure {
    // ssh ends with 255 for reasons of its own and with the command's status otherwise.
    if status != Some(255) {
        let status = status.map_or_else(|| "by a signal".to_owned(), |code| format!("with status {code}"));
        let last = last_line(said);
        let words = if last.is_empty() { String::new() } else { format!(": {last}") };
        return Reason::NoShell.because(format!("the login shell ended {status}{words}"));
    }
    let line = |needle: &str| said.lines().map(str::trim).rfind(|line| line.contains(needle));
    for (reason, needles) in WORDS {
        if let Some(line) = needles.iter().copied().find_map(line) {
            return reason.because(line);
        }
    }
    Reason::SshFailed.because(last_line(said))
}

/// What ssh says when it cannot go on, the gravest first: on the way through a jump host it says several of them.
const WORDS: &[(Reason, &[&str])] = &[
    (
        Reason::HostKeyChanged,
        &["has changed and you have requested", "REMOTE HOST IDENTIFICATION HAS CHANGED", "REVOKED HOST KEY"],
    ),
    (Reason::HostKeyUnknown, &["host key is known for", "Host key verification failed"]),
    (Reason::AuthenticationRefused, &["Permission denied (", "Too many authentication failures"]),
    (
        Reason::Unreachable,
        &[
            "Could not resolve",
            "Connection refused",
            "timed out",
            "No route to host",
            "unreachable",
            "Connection closed",
            "Connection reset",
            "kex_exchange_identification",
            "Unable to negotiate",
            "Host is down",
        ],
    ),
];

/// The last line that says something.
pub(super) fn last_line(said: &str) -> &str {
    said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ssh_have_names() {
        for (said, name) in [
            ("ssh: Could not resolve hostname db.example.org: Name or service not known\r\n", "unreachable"),
            ("ssh: connect to host 192.0.2.9 port 22: Connection refused\r\n", "unreachable"),
            (
                "Connection timed out during banner exchange\r\nConnection to 192.0.2.9 port 22 timed out\r\n",
                "unreachable",
            ),
            (
                "@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n",
                "host-key-changed",
            ),
            ("Host key verification failed.\r\n", "host-key-unknown"),
            ("ann@192.0.2.9: Permission denied (publickey).\r\n", "authentication-refused"),
            ("/root/.ssh/config: line 3: Bad configuration option: hosst\r\n", "ssh-failed"),
            ("", "ssh-failed"),
        ] {
            assert_eq!(of_ssh(Some(255), said).reason.name(), name, "{said}");
        }
        // Of all that is said on the way through a jump host, what explains the rest.
        let jump = "ann@bastion: Permission denied (publickey).\r\nkex_exchange_identification: Connection closed by \
                    remote host\r\nConnection closed by UNKNOWN port 65535\r\n";
        let failure = of_ssh(Some(255), jump);
        assert_eq!(failure.reason, Reason::AuthenticationRefused);
        assert_eq!(failure.detail, "ann@bastion: Permission denied (publickey).");
        let failure = of_ssh(Some(1), "\nThis account is currently not available.\n");
        assert_eq!(failure.reason, Reason::NoShell);
        assert_eq!(
            failure.detail,
            "the login shell ended with status 1: This account is currently not available."
        );
    }
}
