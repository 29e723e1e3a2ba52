//! The algorithms that each release of sshd knows and offers, and how a list in its configuration changes the offer.

use super::build::{Build, Vendor};

/// What a list of algorithms is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cipher,
    Mac,
    KeyExchange,
    /// Of host keys and of users' keys.
    Key,
    /// Of the signatures of certificate authorities.
    Signature,
}

const ECDSA_CERTIFICATES: [&str; 3] = [
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
];
const ECDSA: [&str; 3] = ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
const WEBAUTHN: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
const WEBAUTHN_CERTIFICATE: &str = "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";

/// What a list stands for, or `None` when sshd refuses it. Names and patterns behind `+` come last, behind `^` first,
/// and behind `-` are taken away; without one of these the list stands alone. What takes all away leaves an empty list.
pub(super) fn assemble(kind: Kind, list: &str, build: &Build) -> Option<Vec<&'static str>> {
    let defaults = defaults(kind, build);
    let known = known(kind, build);
    if let Some(unwanted) = list.strip_prefix('-') {
        let kept: Vec<&str> =
            defaults.iter().copied().filter(|name| in_patterns(name, unwanted) != Some(true)).collect();
        return Some(kept);
    }
    let (sign, names) = match list.chars().next() {
        Some(sign @ ('+' | '^')) => (Some(sign), list.get(1..).unwrap_or_default()),
        _ => (None, list),
    };
    if !is_valid(kind, names, build) {
        return None;
    }
    let names = names.split(',');
    let words: Vec<&str> = match sign {
        Some('+') => defaults.iter().copied().chain(until_empty(names)).collect(),
        Some(_) => names.chain(defaults.iter().copied()).collect(),
        None => names.collect(),
    };
    let mut list: Vec<&'static str> = Vec::new();
    for word in words {
        if word.starts_with('!') {
            return None;
        }
        let found: Vec<&'static str> = known
            .iter()
            .copied()
            .filter(|name| !list.contains(name) && matches(word.as_bytes(), name.as_bytes()))
            .collect();
        list.extend(found);
    }
    (!list.is_empty()).then_some(list)
}

/// Whether every name up to the first empty one is known.
fn is_valid(kind: Kind, names: &str, build: &Build) -> bool {
    if names.is_empty() {
        return false;
    }
    let known = known(kind, build);
    let mut checked = until_empty(names.split(',')).peekable();
    match kind {
        Kind::Cipher | Kind::Mac => checked.peek().is_some() && checked.all(|name| known.contains(&name)),
        Kind::KeyExchange => checked.all(|name| {
            // Their names end in one of the mechanism, so that they are known and match nothing.
            let of_gssapi = build.vendor != Vendor::Upstream && GSS.iter().any(|gss| name.starts_with(gss));
            of_gssapi || known.contains(&name)
        }),
        Kind::Key | Kind::Signature => checked.all(|name| {
            if known_keys(build).contains(&name) {
                // Since 9.4 no certificate may sign one.
                return kind == Kind::Key || !build.since(9, 4) || !is_certificate(name);
            }
            let short = ["ED25519", "ED25519-SK", "RSA", "DSA", "ECDSA", "ECDSA-SK"];
            let is_short = !build.since(9, 9)
                && short.iter().any(|short| short.eq_ignore_ascii_case(name))
                && (has_dsa(build) || !name.eq_ignore_ascii_case("DSA"));
            is_short || known_keys(build).iter().any(|known| in_patterns(known, name).is_some())
        }),
    }
}

fn until_empty<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    names.take_while(|name| !name.is_empty())
}

/// Whether a list of patterns names a text: `None` is no pattern at all, `Some(false)` one behind `!`.
fn in_patterns(text: &str, patterns: &str) -> Option<bool> {
    let mut found = None;
    for pattern in patterns.split(',') {
        let (pattern, negated) = match pattern.strip_prefix('!') {
            Some(pattern) => (pattern, true),
            None => (pattern, false),
        };
        if matches(pattern.as_bytes(), text.as_bytes()) {
            if negated {
                return Some(false);
            }
            found = Some(true);
        }
    }
    found
}

/// PATTERNS of ssh_config(5): `*` and `?`. At most pattern × text steps.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    loop {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(wanted) if text.get(seen).is_some_and(|byte| byte == wanted || *wanted == b'?') => {
                at += 1;
                seen += 1;
            }
            None if seen == text.len() => return true,
            _ => match star {
                Some((behind, from)) if from < text.len() => {
                    star = Some((behind, from + 1));
                    (at, seen) = (behind, from + 1);
                }
                _ => return false,
            },
        }
    }
}

/// What a release offers when no line says otherwise.
pub(super) fn defaults(kind: Kind, build: &Build) -> Vec<&'static str> {
    match kind {
        Kind::Cipher => {
            let ctr = ["aes128-ctr", "aes192-ctr", "aes256-ctr"];
            let gcm = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"];
            let chacha = ["chacha20-poly1305@openssh.com"];
            match build.since(10, 0) {
                true => chacha.into_iter().chain(gcm).chain(ctr).collect(),
                false => chacha.into_iter().chain(ctr).chain(gcm).collect(),
            }
        }
        Kind::Mac => vec![
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "hmac-sha1-etm@openssh.com",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-sha1",
        ],
        Kind::KeyExchange => default_key_exchanges(build),
        Kind::Key => default_keys(build),
        Kind::Signature => {
            let mut names = match build.since(8, 5) {
                true => vec!["ssh-ed25519"],
                false => Vec::new(),
            };
            names.extend(ECDSA);
            match build.since(8, 5) {
                true => {
                    names.extend(["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]);
                }
                false => names.extend([
                    "sk-ecdsa-sha2-nistp256@openssh.com",
                    "ssh-ed25519",
                    "sk-ssh-ed25519@openssh.com",
                ]),
            }
            names.extend(build.since(10, 3).then_some(WEBAUTHN));
            names.extend(["rsa-sha2-512", "rsa-sha2-256"]);
            names
        }
    }
}

fn default_key_exchanges(build: &Build) -> Vec<&'static str> {
    let mut names = Vec::new();
    let prime = sntrup(build);
    if build.since(10, 0) {
        names.push("mlkem768x25519-sha256");
        names.extend(prime);
    } else if build.since(9, 0) {
        names.extend(prime);
        names.extend(build.since(9, 9).then_some("mlkem768x25519-sha256"));
    }
    names.extend(["curve25519-sha256", "curve25519-sha256@libssh.org"]);
    names.extend(["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"]);
    names.extend((build.version == (8, 9)).then_some("sntrup761x25519-sha512@openssh.com"));
    if !build.since(10, 0) {
        names.extend([
            "diffie-hellman-group-exchange-sha256",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group18-sha512",
            "diffie-hellman-group14-sha256",
        ]);
    }
    names
}

/// Debian took the registered name over into 9.2.
fn sntrup(build: &Build) -> Vec<&'static str> {
    let backported = build.vendor == Vendor::Debian && build.version == (9, 2);
    let mut names = Vec::new();
    names.extend((build.since(9, 9) || backported).then_some("sntrup761x25519-sha512"));
    names.extend(build.since(8, 5).then_some("sntrup761x25519-sha512@openssh.com"));
    names
}

fn default_keys(build: &Build) -> Vec<&'static str> {
    let mut names = Vec::new();
    if build.since(8, 5) {
        names.push("ssh-ed25519-cert-v01@openssh.com");
        names.extend(ECDSA_CERTIFICATES);
        names.push("sk-ssh-ed25519-cert-v01@openssh.com");
        names.push("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com");
    } else {
        names.extend(ECDSA_CERTIFICATES);
        names.push("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com");
        names.push("ssh-ed25519-cert-v01@openssh.com");
        names.push("sk-ssh-ed25519-cert-v01@openssh.com");
    }
    names.extend(build.since(10, 3).then_some(WEBAUTHN_CERTIFICATE));
    names.extend(["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"]);
    names.extend((!build.since(8, 8)).then_some("ssh-rsa-cert-v01@openssh.com"));
    if build.since(8, 5) {
        names.push("ssh-ed25519");
        names.extend(ECDSA);
        names.extend(["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]);
    } else {
        names.extend(ECDSA);
        names.extend(["sk-ecdsa-sha2-nistp256@openssh.com", "ssh-ed25519", "sk-ssh-ed25519@openssh.com"]);
    }
    names.extend(build.since(10, 3).then_some(WEBAUTHN));
    names.extend(["rsa-sha2-512", "rsa-sha2-256"]);
    names.extend((!build.since(8, 8)).then_some("ssh-rsa"));
    names
}

/// What a release knows, in the order in which patterns find it.
pub(super) fn known(kind: Kind, build: &Build) -> Vec<&'static str> {
    match kind {
        Kind::Cipher => {
            let mut names = vec!["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"];
            names.extend((!build.since(8, 5)).then_some("rijndael-cbc@lysator.liu.se"));
            names.extend(["aes128-ctr", "aes192-ctr", "aes256-ctr"]);
            names.extend(["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]);
            names.push("chacha20-poly1305@openssh.com");
            names
        }
        Kind::Mac => vec![
            "hmac-sha1",
            "hmac-sha1-96",
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-md5",
            "hmac-md5-96",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "hmac-sha1-etm@openssh.com",
            "hmac-sha1-96-etm@openssh.com",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "hmac-md5-etm@openssh.com",
            "hmac-md5-96-etm@openssh.com",
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
        ],
        Kind::KeyExchange => {
            let mut names = vec![
                "diffie-hellman-group1-sha1",
                "diffie-hellman-group14-sha1",
                "diffie-hellman-group14-sha256",
                "diffie-hellman-group16-sha512",
                "diffie-hellman-group18-sha512",
                "diffie-hellman-group-exchange-sha1",
                "diffie-hellman-group-exchange-sha256",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
            ];
            names.extend(build.since(10, 5).then_some("mlkem768nistp256-sha256"));
            names.extend(["curve25519-sha256", "curve25519-sha256@libssh.org"]);
            names.extend((!build.since(8, 5)).then_some("sntrup4591761x25519-sha512@tinyssh.org"));
            names.extend(sntrup(build));
            names.extend(build.since(9, 9).then_some("mlkem768x25519-sha256"));
            names
        }
        Kind::Key => known_keys(build),
        Kind::Signature => known_keys(build).into_iter().filter(|name| !is_certificate(name)).collect(),
    }
}

fn is_certificate(name: &str) -> bool {
    name.ends_with("-cert-v01@openssh.com")
}

/// DSA went with 10.0, where builds could still ask for it.
fn has_dsa(build: &Build) -> bool {
    !build.since(10, 0)
}

fn known_keys(build: &Build) -> Vec<&'static str> {
    let mut names = vec![
        "ssh-ed25519",
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
    ];
    if !build.since(9, 2) {
        names.extend(["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "ssh-dss"]);
        names.extend(ECDSA);
        names.extend(["sk-ecdsa-sha2-nistp256@openssh.com", WEBAUTHN]);
        names.extend(["ssh-rsa-cert-v01@openssh.com"]);
        names.extend(["rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"]);
        names.push("ssh-dss-cert-v01@openssh.com");
        names.extend(ECDSA_CERTIFICATES);
        names.push("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com");
        return names;
    }
    if build.since(10, 4) {
        names.extend(["ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com"]);
    }
    names.extend(ECDSA.into_iter().zip(ECDSA_CERTIFICATES).flat_map(|(plain, signed)| [plain, signed]));
    names.push("sk-ecdsa-sha2-nistp256@openssh.com");
    names.push("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com");
    names.push(WEBAUTHN);
    names.extend(build.since(10, 3).then_some(WEBAUTHN_CERTIFICATE));
    if has_dsa(build) {
        names.extend(["ssh-dss", "ssh-dss-cert-v01@openssh.com"]);
    }
    names.extend(["ssh-rsa", "ssh-rsa-cert-v01@openssh.com"]);
    names.extend(["rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com"]);
    names.extend(["rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"]);
    names
}

/// What the patched builds know of key exchange by GSSAPI.
const GSS: [&str; 7] = [
    "gss-gex-sha1-",
    "gss-group1-sha1-",
    "gss-group14-sha1-",
    "gss-group14-sha256-",
    "gss-group16-sha512-",
    "gss-nistp256-sha256-",
    "gss-curve25519-sha256-",
];

/// What the patched builds offer of it.
pub(super) const GSS_DEFAULTS: &str = "gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-,gss-group14-sha1-,gss-gex-sha1-";

/// Whether GSSAPIKexAlgorithms may hold a list, which takes no prefix and no pattern.
pub(super) fn is_valid_gss(list: &str) -> bool {
    !list.is_empty()
        && until_empty(list.split(',')).all(|name| GSS.iter().any(|known| name.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: (u32, u32)) -> Build {
        Build { version, vendor: Vendor::Debian, ..Build::default() }
    }

    #[test]
    fn prefixes_and_patterns() {
        let of = |list: &str| assemble(Kind::Cipher, list, &build((9, 2)));
        assert_eq!(of("aes128-ctr,aes128-ctr"), Some(vec!["aes128-ctr"]));
        assert_eq!(of("+3des-cbc").unwrap().last(), Some(&"3des-cbc"));
        assert_eq!(of("^3des-cbc").unwrap().first(), Some(&"3des-cbc"));
        assert_eq!(of("-*ctr,chacha*").unwrap(), ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]);
        assert_eq!(of("-*"), Some(vec![]));
        assert_eq!(of("-*,!aes128-ctr").unwrap(), ["aes128-ctr"]);
        for refused in ["", "+", "none", "aes*", "aes128-ctr,x", ","] {
            assert_eq!(of(refused), None, "{refused}");
        }
        assert_eq!(of("aes128-ctr,,x"), Some(vec!["aes128-ctr"]));
    }

    #[test]
    fn keys_take_patterns() {
        let of = |list: &str, version| assemble(Kind::Key, list, &build(version));
        assert_eq!(of("rsa*", (9, 2)).unwrap().len(), 4);
        assert!(of("+ssh-dss", (9, 2)).is_some() && of("+ssh-dss", (10, 0)).is_none());
        assert!(
            of("ssh-r*", (8, 4)).is_some() && of("!ssh-rsa", (9, 2)).is_none() && of("x*", (9, 2)).is_none()
        );
        assert!(of("+RSA", (9, 2)).is_some() && of("RSA", (9, 2)).is_none() && of("+RSA", (9, 9)).is_none());
        let signature = |list: &str, version| assemble(Kind::Signature, list, &build(version));
        assert!(signature("+ssh-rsa-cert-v01@openssh.com", (9, 2)).is_some());
        assert!(signature("+ssh-rsa-cert-v01@openssh.com", (9, 4)).is_none());
    }
}
