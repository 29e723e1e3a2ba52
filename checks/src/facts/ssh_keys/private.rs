//! Private keys in the `.ssh` folders of accounts, told by their first lines; their content is never kept.

use super::{PrivateKey, Protection, SshKeys, blob};
use crate::facts::accounts::User;
use crate::gap::{Gap, GapKind};
use crate::host::{FileKind, Host};

/// Files of one folder that are looked at; more are a gap.
const FILES: usize = 500;
/// A larger file is no private key.
const SIZE: usize = 64 << 10;

/// Where ssh(1) looks for a key by itself.
const USUAL: [&str; 7] =
    ["id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa", "identity"];

/// Looks through the `.ssh` folder of an account.
pub(super) fn search(host: &dyn Host, user: &User, found: &mut SshKeys) {
    let dir = format!("{}/.ssh", user.home.trim_end_matches('/'));
    let names = match host.list(&dir) {
        Ok(names) => names,
        Err(gap) if gap.is_absent() => return,
        // One odd name, or too many, must not hide the keys that bear the usual names.
        Err(gap) if matches!(gap.why, GapKind::Malformed | GapKind::TooLarge) => {
            found.gaps.push(gap);
            USUAL.map(str::to_owned).to_vec()
        }
        Err(gap) => return found.gaps.push(gap),
    };
    let skipped = |name: &str| {
        name.ends_with(".pub")
            || name.starts_with("known_hosts")
            || name.starts_with("authorized_keys")
            || matches!(name, "config" | "environment" | "rc")
    };
    let mut names = names.iter().filter(|name| !skipped(name));
    for name in names.by_ref().take(FILES) {
        let path = format!("{dir}/{name}");
        let Ok(stat) = host.stat(&path) else { continue };
        if stat.kind != FileKind::File {
            continue;
        }
        let protection = match host.read_as(&path, user.uid, SIZE) {
            Ok(bytes) => protection(&bytes),
            Err(gap) if matches!(gap.why, GapKind::TooLarge | GapKind::Absent) => None,
            Err(gap) => {
                found.gaps.push(gap);
                None
            }
        };
        if let Some(protection) = protection {
            found.private.push(PrivateKey {
                account: user.name.clone(),
                path,
                protection,
                mode: stat.mode,
                uid: stat.uid,
                modified: stat.modified,
            });
        }
    }
    if names.next().is_some() {
        found.gaps.push(Gap::too_large(dir));
    }
}

/// How a private key is protected; `None` when the bytes are none.
fn protection(bytes: &[u8]) -> Option<Protection> {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(SIZE))?);
    if text.starts_with("PuTTY-User-Key-File-") {
        let cipher = text.lines().take(5).find_map(|line| line.strip_prefix("Encryption:"));
        return Some(match cipher.map(str::trim) {
            Some("none") => Protection::None,
            Some(_) => Protection::Encrypted,
            None => Protection::Unknown,
        });
    }
    let mut lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN "));
    let label = lines.next()?.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    match label {
        "OPENSSH PRIVATE KEY" => {
            let body: String = lines.take_while(|line| !line.starts_with('-')).take(4).collect();
            // Whole groups of four decode by themselves.
            let head = body.get(..body.len().min(160) / 4 * 4).unwrap_or_default();
            Some(blob::base64(head).map_or(Protection::Unknown, |head| openssh(&head)))
        }
        "ENCRYPTED PRIVATE KEY" => Some(Protection::Encrypted),
        "PRIVATE KEY" => Some(Protection::None),
        "RSA PRIVATE KEY" | "DSA PRIVATE KEY" | "EC PRIVATE KEY" => {
            let encrypted =
                lines.take(3).any(|line| line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED"));
            Some(if encrypted { Protection::Encrypted } else { Protection::None })
        }
        other => other.ends_with("PRIVATE KEY").then_some(Protection::Unknown),
    }
}

/// PROTOCOL.key of OpenSSH: a magic word, then the name of the cipher.
fn openssh(head: &[u8]) -> Protection {
    let cipher = head.strip_prefix(b"openssh-key-v1\0\0\0\0");
    match cipher.and_then(|rest| rest.split_first()) {
        Some((4, rest)) if rest.starts_with(b"none") => Protection::None,
        Some((1..=64, _)) => Protection::Encrypted,
        _ => Protection::Unknown,
    }
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
            ("-----BEGIN NEW PRIVATE KEY-----\n".into(), Some(Protection::Unknown)),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n".into(), Some(Protection::None)),
            ("-----BEGIN CERTIFICATE-----\n".into(), None),
            ("just notes\n".into(), None),
            ("\0\u{fffd}\n".repeat(1_000), None),
        ] {
            assert_eq!(protection(text.as_bytes()), wanted, "{text:.60}");
        }
    }
}
