//! Who asks PAM, how sshd passes on what is typed, and what comes of it.

use crate::evidence::Evidence;
use crate::facts::accounts::PasswordState;

/// An account, as far as PAM's modules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// The names of all its groups, the primary one among them.
    pub groups: Vec<String>,
    /// Home folder.
    pub home: String,
    /// Login shell as in passwd(5).
    pub shell: String,
    /// Whether it comes from another source than the host's own files.
    pub foreign: bool,
    /// Its password; absent where it is not known.
    pub password: Option<PasswordState>,
    /// What time does to it.
    pub expiry: Expiry,
}

impl Who {
    /// An account with a password and nothing against it, for questions about nobody in particular.
    #[must_use]
    pub fn somebody() -> Self {
        Self {
            name: "somebody".to_owned(),
            uid: 1_000,
            gid: 1_000,
            groups: vec!["somebody".to_owned()],
            home: "/home/somebody".to_owned(),
            shell: "/bin/bash".to_owned(),
            foreign: false,
            password: Some(PasswordState::Usable),
            expiry: Expiry::Valid,
        }
    }
}

/// What shadow(5) says of an account's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiry {
    /// Neither the account nor its password is too old.
    Valid,
    /// The password must be changed at the next login.
    MustChange,
    /// The password was not changed in time and is of no use any more.
    PasswordExpired,
    /// The account has expired.
    AccountExpired,
    /// It is not known.
    #[default]
    Unknown,
}

/// How sshd answers the questions of PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversation {
    /// The method `password`: whatever PAM asks gets the one password that was typed, and a question whose answer would
    /// be shown ends the conversation.
    Password,
    /// The method `keyboard-interactive`: every question goes to the client.
    KeyboardInteractive,
}

/// What `pam_authenticate` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it lets in whoever knows nothing, by an empty or a wrong answer.
    pub nothing: Answer,
    /// Whether it lets in whoever knows the account's own password and nothing else.
    pub typed: Answer,
    /// Whether it lets in whoever knows the account's own password and has every second factor as well. It is a second
    /// factor that matters where this is a yes and `typed` is none; the evidence names it.
    pub factor: Answer,
    /// The modules by whose word somebody gets in with a password that is not in the host's own files; the text of each
    /// is the name of the module.
    pub elsewhere: Vec<Evidence>,
}

/// A yes or no of PAM with what decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer.
    pub decision: Decision,
    /// The rules that decide, the most telling first; the text of each is the name of the module.
    pub evidence: Vec<Evidence>,
    /// What PAM itself returns, such as `success` or `auth_err`, on the way that the evidence shows.
    pub code: &'static str,
}

/// Whether PAM lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It does.
    Yes,
    /// It refuses.
    No,
    /// It depends on something that hostduty does not know; the reason.
    Unknown(String),
}

impl Answer {
    /// Whether it is a plain yes.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.decision == Decision::Yes
    }
    /// Whether it is a plain no.
    #[must_use]
    pub fn is_no(&self) -> bool {
        self.decision == Decision::No
    }
}
