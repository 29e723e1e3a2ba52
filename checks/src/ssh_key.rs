//! What the judges of SSH keys share: how strong a key is, and what the configuration makes of key files.

use crate::facts::Facts;

/// How strong a public key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Strength {
    /// It can be broken; the text names it.
    Weak(String),
    /// Enough for a few years.
    Fair,
    Good,
    Unknown,
}

/// DSA is broken by its size of 1,024 bits; RSA by NIST SP 800-131A.
pub(crate) fn strength(kind: &str, bits: Option<u32>) -> Strength {
    match bits {
        _ if kind.starts_with("ssh-dss") => Strength::Weak("DSA".to_owned()),
        Some(bits) if kind.starts_with("ssh-rsa") && bits < 2_048 => {
            Strength::Weak(format!("RSA of {bits} bits"))
        }
        Some(bits) if kind.starts_with("ssh-rsa") && bits < 3_072 => Strength::Fair,
        Some(_) if kind.starts_with("ssh-rsa") => Strength::Good,
        _ if kind.contains("ed25519") || kind.contains("ecdsa-sha2-nistp") => Strength::Good,
        _ => Strength::Unknown,
    }
}

/// Whether sshd passes over key files that others can change; absent where its configuration is not known.
pub(crate) fn strict_modes(facts: &Facts) -> Option<bool> {
    let config = facts.sshd.value()?.config.value()?;
    Some(config.global("strictmodes").ok()?.is("yes"))
}

/// Whether no key opens root, whatever its options: only where no line of the configuration says otherwise.
pub(crate) fn root_is_closed(facts: &Facts) -> bool {
    let config = facts.sshd.value().and_then(|sshd| sshd.config.value());
    config.is_some_and(|config| {
        let mut lines = config.lines_of("permitrootlogin").peekable();
        lines.peek().is_some() && lines.all(|line| line.values == ["no"])
    })
}
