//! Signatures with the host's own SSH key (SSHSIG), made by the system's ssh-keygen, so that stock ssh-keygen verifies them.

use std::io;
use std::path::{Path, PathBuf, absolute};

use checks::gap::{Gap, GapKind};
use checks::host::Command;
use nix::unistd::{AccessFlags, access};

use crate::host::program;
use crate::{output, sandbox};

/// Where the system has it.
pub(crate) const PROGRAM: &str = "/usr/bin/ssh-keygen";
/// The keys that sshd makes for itself, the most compact signature first.
const KEYS: [&str; 3] =
    ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_rsa_key"];

/// What a signature is about. One of one kind does not pass for one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A report.
    Report,
    /// The head of a host's record.
    History,
}

impl Purpose {
    /// The namespace of the signature. Nobody owns a name below `internal`, so nobody else gives it a meaning.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Report => "report@hostduty.internal",
            Self::History => "history@hostduty.internal",
        }
    }
}

/// Why there is no signature.
#[derive(Debug)]
pub(crate) enum Error {
    /// No key of the host can be read.
    NoKey,
    /// The key that was named cannot be read.
    Key(PathBuf, io::Error),
    /// Its path is not UTF-8, or begins with a dash.
    Name(PathBuf),
    /// ssh-keygen could not be run.
    Program(Gap),
    /// ssh-keygen refused.
    Refused(PathBuf, String),
    /// What was signed could not be written.
    Output(output::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoKey => write!(
                f,
                "none of this host's SSH keys can be read: {}\nrun as root, or name a private key with --key",
                KEYS.join(", ")
            ),
            Self::Key(path, error) => write!(
                f,
                "the key {} cannot be read: {error}\nrun as root, or name another private key with --key",
                path.display()
            ),
            Self::Name(path) => {
                write!(f, "{} cannot be handed to ssh-keygen\ngive the key another name", path.display())
            }
            Self::Program(gap) if gap.why == GapKind::Absent => {
                write!(f, "{PROGRAM} is not there\ninstall OpenSSH's client")
            }
            Self::Program(gap) => write!(f, "ssh-keygen could not sign: {gap}"),
            Self::Refused(path, why) => write!(
                f,
                "ssh-keygen does not sign with {}: {why}\nit takes OpenSSH 8.1 and a private key without a passphrase \
                 that only its owner can read",
                path.display()
            ),
            Self::Output(error) => error.fmt(f),
        }
    }
}

/// A signature, and what it takes to verify it.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The armoured SSHSIG.
    pub(crate) text: String,
    /// The key that made it.
    key: PathBuf,
    /// Its public half: type and base64.
    public: String,
    purpose: Purpose,
}

/// Signs a text with the key that is named, or with the host's own.
pub(crate) fn sign(text: &str, key: Option<&Path>, purpose: Purpose) -> Result<Signature, Error> {
    let key = find(key)?;
    let name = key.to_str().ok_or_else(|| Error::Name(key.clone()))?;
    let public = ask(&["-y", "-f", name], "", &key)?;
    let mut words = public.split_whitespace();
    let public = format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let text = ask(&["-Y", "sign", "-q", "-f", name, "-n", purpose.namespace()], text, &key)?;
    if !text.starts_with("-----BEGIN SSH SIGNATURE-----\n") {
        return Err(Error::Refused(key, "it printed no signature".to_owned()));
    }
    Ok(Signature { text, key, public, purpose })
}

/// Writes a text to a file and its signature beside it, and says how anybody verifies it.
pub(crate) fn deliver(text: &str, signature: &Signature, file: &Path, host: &str) -> Result<String, Error> {
    output::deliver(text, Some(file)).map_err(Error::Output)?;
    let beside = beside(file);
    output::deliver(&signature.text, Some(&beside)).map_err(Error::Output)?;
    let command = verify_command(signature.purpose, host, file);
    let (namespace, host) = (signature.purpose.namespace(), principal(host));
    let (file, beside) = (file.display(), beside.display());
    Ok(format!(
        "{file} is signed with {}, in {beside}\n\
         Anybody verifies it with the host's public key; compare it with known_hosts before you trust it:\n\
         \x20 echo '{host} namespaces=\"{namespace}\" {}' >> signers\n\
         \x20 {command}\n",
        signature.key.display(),
        signature.public,
    ))
}

/// What tells whether a key of a host signed a file.
pub(crate) fn verify_command(purpose: Purpose, host: &str, file: &Path) -> String {
    let (namespace, host, beside) = (purpose.namespace(), principal(host), beside(file));
    let (file, beside) = (file.display(), beside.display());
    format!("ssh-keygen -Y verify -f signers -I {host} -n {namespace} -s {beside} < {file}")
}

/// The name of the file that ssh-keygen itself would write a signature to.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn find(named: Option<&Path>) -> Result<PathBuf, Error> {
    // Asked and not opened: a private key is nobody's to read but ssh-keygen's.
    let may_read = |path: &Path| access(path, AccessFlags::R_OK);
    if let Some(path) = named {
        may_read(path).map_err(|errno| Error::Key(path.to_owned(), errno.into()))?;
        // ssh-keygen runs in another folder.
        return absolute(path).map_err(|error| Error::Key(path.to_owned(), error));
    }
    KEYS.iter().map(PathBuf::from).find(|path| may_read(path).is_ok()).ok_or(Error::NoKey)
}

fn ask(arguments: &[&str], input: &str, key: &Path) -> Result<String, Error> {
    let command = Command::new(PROGRAM, arguments);
    let input = input.as_bytes().to_vec();
    let output = sandbox::start(move || program::run_with_input(&command, input)).map_err(Error::Program)?;
    if output.status != 0 {
        return Err(Error::Refused(key.to_owned(), said_in_words(&output.stderr, &output.stdout)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Error::Refused(key.to_owned(), "it printed no text".to_owned()))
}

/// What ssh-keygen complains of, in one line: without the frame of its banner about permissions.
fn said_in_words(error: &[u8], output: &[u8]) -> String {
    let said = format!("{}\n{}", String::from_utf8_lossy(error), String::from_utf8_lossy(output));
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.trim_matches(|character| matches!(character, '@' | ' ' | '\r')))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

/// A host's name as a signer's identity, which may hold no blank, quote or pattern.
fn principal(host: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let name: String = host.chars().filter(|character| plain(*character)).take(253).collect();
    let name = name.trim_start_matches('-');
    if name.is_empty() { "host".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_host_is_no_pattern_and_no_option() {
        assert_eq!(principal("web1.example.org"), "web1.example.org");
        assert_eq!(principal("-Oa b\"*!,'\n"), "Oab");
        assert_eq!(principal("\u{202e}"), "host");
    }

    #[test]
    fn the_banner_of_ssh_keygen_has_no_frame() {
        let frame = "@".repeat(59);
        let error = format!(
            "{frame}\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n{frame}\nPermissions are too open.\n"
        );
        let wanted = "WARNING: UNPROTECTED PRIVATE KEY FILE! Permissions are too open.";
        assert_eq!(said_in_words(error.as_bytes(), b""), wanted);
    }

    #[test]
    fn the_signature_lies_beside() {
        assert_eq!(beside(Path::new("a/report.json")), Path::new("a/report.json.sig"));
    }
}
