//! The forms in which private keys are written: whether a passphrase protects one, and its public half.

use super::blob::{self, Curve, PublicKey};
use super::{Protection, base64, der};

/// A larger file is no private key.
pub(in crate::facts) const SIZE: usize = 64 << 10;

/// What is kept of a private key: nothing that is secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::facts) struct Form {
    pub(in crate::facts) protection: Protection,
    /// Its public half, where the file holds it in clear.
    pub(in crate::facts) public: Option<PublicKey>,
}

impl Form {
    fn bare(protection: Protection) -> Self {
        Self { protection, public: None }
    }
}

/// Reads the form of a private key; `None` when the bytes are none.
pub(in crate::facts) fn read(bytes: &[u8]) -> Option<Form> {
    let bytes = bytes.get(..bytes.len().min(SIZE))?;
    if let Some(rest) = bytes.strip_prefix(b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0") {
        // Version 1 of the protocol: the number of a cipher follows, 0 for none.
        return Some(Form::bare(match rest.first() {
            Some(0) => Protection::None,
            Some(_) => Protection::Encrypted,
            None => Protection::Unknown,
        }));
    }
    let text = String::from_utf8_lossy(bytes);
    if text.starts_with("PuTTY-User-Key-File-") {
        let cipher = text.lines().take(5).find_map(|line| line.strip_prefix("Encryption:"));
        return Some(Form::bare(match cipher.map(str::trim) {
            Some("none") => Protection::None,
            Some(_) => Protection::Encrypted,
            None => Protection::Unknown,
        }));
    }
    let mut forms = pem(&text);
    let first = forms.next()?;
    // A file may hold several; what matters is one that lies open.
    Some(forms.fold(first, |held, next| if next.protection == Protection::None { next } else { held }))
}

/// The private keys between BEGIN and END lines, in their order. Certificates and parameters may stand among them.
fn pem(text: &str) -> impl Iterator<Item = Form> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        loop {
            let label = lines.find_map(|line| {
                let line = line.trim_start_matches('-').trim_start();
                Some(line.strip_prefix("BEGIN ")?.trim_end_matches('-').trim_end())
            })?;
            if !label.ends_with("PRIVATE KEY") {
                continue;
            }
            let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("--")).collect();
            return Some(form(label, &body));
        }
    })
}

fn form(label: &str, body: &[&str]) -> Form {
    let decoded = || base64::decode(body.concat().as_bytes(), SIZE);
    let clear = |read: fn(&[u8]) -> Option<PublicKey>| {
        if body.iter().take(3).any(|line| line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED")) {
            return Form::bare(Protection::Encrypted);
        }
        Form { protection: Protection::None, public: decoded().as_deref().and_then(read) }
    };
    match label {
        "OPENSSH PRIVATE KEY" => {
            // A file that is cut off still says in its first lines whether it is encrypted.
            let whole = body.concat();
            let head = whole.get(..whole.len().min(160) / 4 * 4).unwrap_or_default();
            decoded()
                .or_else(|| base64::decode(head.as_bytes(), SIZE))
                .map_or_else(Form::default, |key| openssh(&key))
        }
        "ENCRYPTED PRIVATE KEY" => Form::bare(Protection::Encrypted),
        "PRIVATE KEY" => clear(der::any),
        "RSA PRIVATE KEY" => clear(der::rsa),
        "DSA PRIVATE KEY" => clear(der::dsa),
        "EC PRIVATE KEY" => clear(|key| der::ecdsa(key, None::<Curve>)),
        _ => Form::default(),
    }
}

/// PROTOCOL.key of OpenSSH: a magic word, the cipher, how the passphrase makes its key, then the public half.
fn openssh(key: &[u8]) -> Form {
    let Some(mut rest) = key.strip_prefix(b"openssh-key-v1\0") else { return Form::default() };
    let protection = match blob::field(&mut rest) {
        Some(b"none") => Protection::None,
        Some([_, ..]) => Protection::Encrypted,
        _ => return Form::default(),
    };
    let public = || {
        blob::field(&mut rest)?;
        blob::field(&mut rest)?;
        rest = rest.strip_prefix(b"\0\0\0\x01")?;
        blob::describe(blob::field(&mut rest)?)
    };
    Form { protection, public: { public }() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_private_keys() {
        let openssh = |body: &str| {
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        for (text, wanted) in [
            (
                openssh("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"),
                Some(Protection::None),
            ),
            (
                openssh("b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBFakeSaltFak"),
                Some(Protection::Encrypted),
            ),
            (openssh("!!!!"), Some(Protection::Unknown)),
            (openssh(""), Some(Protection::Unknown)),
            ("-----BEGIN PRIVATE KEY-----\nMII".into(), Some(Protection::None)),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n".into(), Some(Protection::Encrypted)),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII".into(), Some(Protection::None)),
            (
                "-----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n".into(),
                Some(Protection::Encrypted),
            ),
            (
                "-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMII".into(),
                Some(Protection::None),
            ),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\nMII".into(),
                Some(Protection::None),
            ),
            ("-----BEGIN NEW PRIVATE KEY-----\n".into(), Some(Protection::Unknown)),
            ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n".into(), Some(Protection::Unknown)),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n".into(), Some(Protection::None)),
            ("PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: aes256-cbc\r\n".into(), Some(Protection::Encrypted)),
            ("SSH PRIVATE KEY FILE FORMAT 1.1\n\0\0".into(), Some(Protection::None)),
            ("SSH PRIVATE KEY FILE FORMAT 1.1\n\0\u{3}".into(), Some(Protection::Encrypted)),
            ("-----BEGIN CERTIFICATE-----\n".into(), None),
            ("just notes\n".into(), None),
            ("\0\u{fffd}\n".repeat(1_000), None),
        ] {
            assert_eq!(read(text.as_bytes()).map(|form| form.protection), wanted, "{text:.60}");
        }
    }
}
