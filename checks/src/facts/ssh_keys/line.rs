//! One line of an authorized_keys file: options, type, key, comment. See sshd(8), AUTHORIZED_KEYS FILE FORMAT.

use super::blob::{self, Family, SMALLEST_RSA};
use super::{AuthorizedKey, base64, options};
use crate::facts::sshd::Build;

/// The newest release whose types of keys are known here.
const NEWEST: (u32, u32) = (10, 5);
/// Longer keys than this in base64 are taken for none; a 16,384-bit RSA key takes about 2,800 letters.
const ENCODED: usize = 64 << 10;

/// What the reader of a line knows besides it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context<'a> {
    /// The release of sshd, where it is known.
    pub(super) build: Option<&'a Build>,
    /// Whether the host's own time zone is UTC.
    pub(super) utc: bool,
}

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Blank, or a comment.
    Nothing,
    /// Something that is no key.
    Malformed,
    /// A key, its line number still 0.
    Key(Box<AuthorizedKey>),
}

/// Reads a line without its end.
pub(super) fn parse(line: &[u8], context: Context<'_>) -> Parsed {
    let line = skip_blanks(content(line));
    if matches!(line.first(), None | Some(b'#')) {
        return Parsed::Nothing;
    }
    if let Some(key) = key(line, context) {
        return Parsed::Key(Box::new(key));
    }
    let rest = line.get(options_end(line)..).unwrap_or_default();
    let Some(key) = key(skip_blanks(rest), context) else { return Parsed::Malformed };
    // sshd does not stop at the key when it reads what stands before it.
    Parsed::Key(Box::new(match options::parse(line, context.utc, context.build) {
        Err(why) => AuthorizedKey { passed_over: why.to_owned(), ..key },
        Ok(found) => {
            let unclear = match found.named_port {
                true => "services(5) decides whether the name of a port in its options is one".to_owned(),
                false => key.unclear,
            };
            let (options, from, principals, expires) =
                (found.names, found.from, found.principals, found.expires);
            AuthorizedKey { options, from, principals, expires, unclear, ..key }
        }
    }))
}

/// A type and its key in base64, as sshd reads them wherever keys stand one to a line.
pub(super) fn key(text: &[u8], context: Context<'_>) -> Option<AuthorizedKey> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let (name, rest) = text.split_at_checked(text.iter().position(blank)?)?;
    let name = std::str::from_utf8(name).ok().filter(|name| (1..=64).contains(&name.len()))?;
    let encoded = skip_blanks(rest).split(blank).next().filter(|encoded| !encoded.is_empty())?;
    let blob = base64::decode(encoded, ENCODED)?;
    let Some((family, certificate)) = Family::of(name) else { return unknown(name, &blob, context) };
    let public = blob::describe(&blob)?;
    (public.kind == family.kind(certificate)).then_some(())?;
    let passed_over = match public.bits {
        _ if certificate => "it is a certificate, which opens nothing from here",
        Some(bits) if family == Family::Rsa && bits < SMALLEST_RSA => {
            "OpenSSH takes no RSA key below 1,024 bits"
        }
        _ if family == Family::Dsa && context.build.is_some_and(|build| build.since(10, 0)) => {
            "OpenSSH no longer knows DSA"
        }
        _ => "",
    };
    Some(AuthorizedKey {
        kind: public.kind,
        bits: public.bits,
        fingerprint: public.fingerprint,
        passed_over: passed_over.to_owned(),
        ..AuthorizedKey::default()
    })
}

/// A key whose own name is that of its type, where the type is none that is known here. A release of OpenSSH that is
/// known does not know it either.
fn unknown(name: &str, blob: &[u8], context: Context<'_>) -> Option<AuthorizedKey> {
    let mut rest = blob;
    let graphic = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    (graphic && name.contains('-') && blob::field(&mut rest)? == name.as_bytes()).then_some(())?;
    let known = context.build.is_some_and(|build| build.version <= NEWEST);
    let (passed_over, unclear) = if known {
        ("this release of OpenSSH does not know its type", "")
    } else {
        ("", "hostduty does not know its type")
    };
    Some(AuthorizedKey {
        kind: name.to_owned(),
        passed_over: passed_over.to_owned(),
        unclear: unclear.to_owned(),
        ..AuthorizedKey::default()
    })
}

/// What C takes for the line: all of it up to a NUL.
pub(super) fn content(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or_default()
}

pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text.get(blanks..).unwrap_or_default()
}

/// Where the options end: at the first blank outside of quotes.
fn options_end(line: &[u8]) -> usize {
    let (mut quoted, mut before) = (false, b' ');
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b'"' if before != b'\\' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return at,
            _ => {}
        }
        before = *byte;
    }
    line.len()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const ED25519: &str =
        "AAAAC3NzaC1lZDI1NTE5AAAAIJhPnbKPVrdm4lgGE3ijkMMAZHDs2KlA7ABkjXFoGvPL";

    fn read(line: &str) -> Option<AuthorizedKey> {
        match parse(line.as_bytes(), Context::default()) {
            Parsed::Key(key) => Some(*key),
            _ => None,
        }
    }

    #[test]
    fn lines_that_sshd_takes() {
        let key = format!("ssh-ed25519 {ED25519}");
        for (line, wanted) in [
            (key.clone(), &[][..]),
            (format!(" \t{key} a comment with \"quotes\r"), &[]),
            (format!("{key}\r"), &[]),
            (format!("{key}\0garbage"), &[]),
            (format!("ssh-ed25519\t\t{ED25519}"), &[]),
            (format!("no-pty,command=\"/bin/true x, \\\"y\\\" z\"  {key}"), &["no-pty", "command"]),
            (format!("environment=\"TOKEN=hunter2\",From=\"10.0.0.*\" {key} c"), &["environment", "from"]),
            (format!("no-pty, {key}"), &["no-pty"]),
            (format!(",, {key}"), &[]),
        ] {
            let read = read(&line).unwrap();
            assert_eq!(
                (read.options.join(" "), read.passed_over),
                (wanted.join(" "), String::new()),
                "{line}"
            );
        }
    }

    #[test]
    fn lines_that_hold_no_key() {
        for line in ["", "   ", "# ssh-ed25519 AAAA", "\0", "\t#"] {
            assert_eq!(parse(line.as_bytes(), Context::default()), Parsed::Nothing, "{line}");
        }
        let key = format!("ssh-ed25519 {ED25519}");
        for line in [
            "\r".to_owned(),
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 AAAA".to_owned(),
            format!("ssh-rsa {ED25519}"),
            format!("SSH-ED25519 {ED25519}"),
            format!("ssh-ed25519 {ED25519}AAAA"),
            format!("ssh-ed25519-cert-v01@openssh.com {ED25519}"),
            format!("command=\"x {key}"),
            format!("a b {key}"),
            format!("\u{b}{key}"),
            "\"".repeat(10_000),
            "A".repeat(100_000),
        ] {
            assert_eq!(parse(line.as_bytes(), Context::default()), Parsed::Malformed, "{line:.100}");
        }
    }

    #[test]
    fn keys_that_sshd_passes_over_are_kept_with_the_reason() {
        let key = format!("ssh-ed25519 {ED25519}");
        for line in [format!("no-such {key}"), format!("from=\"a\",from=\"b\" {key}")] {
            assert!(!read(&line).unwrap().passed_over.is_empty(), "{line}");
        }
        let new = "ssh-new AAAAB3NzaC1uZXc=";
        assert!(!read(new).unwrap().unclear.is_empty());
        let build = Build { version: (9, 2), ..Build::default() };
        let context = Context { build: Some(&build), utc: true };
        assert!(matches!(parse(new.as_bytes(), context), Parsed::Key(key) if !key.passed_over.is_empty()));
    }
}
