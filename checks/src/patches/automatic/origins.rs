//! Whether the origins that unattended-upgrades may install from include the security updates of the release.

use crate::facts::automatic_updates::Apt;
use crate::facts::machine::Release;

/// Whether security updates are among what may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Covers {
    /// No origin matches.
    No,
    /// An origin uses words that hostduty does not evaluate.
    Unclear,
    /// An origin matches.
    Yes,
}

/// How the security suite of a distribution presents itself.
struct Identity<'a> {
    origin: &'a str,
    label: &'a str,
    codename: String,
    /// `stable-security` or `oldstable-security` on Debian, depending on the day.
    archives: Vec<String>,
}

/// Compares the configured origins with the security suite of Debian or Ubuntu.
pub(super) fn covers(apt: &Apt, release: &Release) -> Covers {
    let codename = release.codename.as_str();
    let (distributor, identity) = match release.id.as_str() {
        "debian" => {
            let archives =
                ["stable-security", "oldstable-security", "oldoldstable-security"].map(str::to_owned);
            let codename = format!("{codename}-security");
            (
                "Debian",
                Identity { origin: "Debian", label: "Debian-Security", codename, archives: archives.into() },
            )
        }
        "ubuntu" => {
            let archives = vec![format!("{codename}-security")];
            (
                "Ubuntu",
                Identity { origin: "Ubuntu", label: "Ubuntu", codename: codename.to_owned(), archives },
            )
        }
        _ => return Covers::Unclear,
    };
    let resolve =
        |value: &str| value.replace("${distro_id}", distributor).replace("${distro_codename}", codename);
    let patterns = apt.origins_pattern.iter().map(|setting| pattern(&resolve(&setting.value), &identity));
    let allowed = apt.allowed_origins.iter().map(|setting| {
        let value = resolve(&setting.value);
        // Without a colon, the two words are parted by a blank.
        let Some((origin, archive)) = value.split_once(':').or_else(|| value.split_once(' ')) else {
            return Covers::Unclear;
        };
        let archive = archive.trim();
        let matches =
            glob(origin.trim(), identity.origin) && identity.archives.iter().any(|name| glob(archive, name));
        if matches { Covers::Yes } else { Covers::No }
    });
    patterns.chain(allowed).max().unwrap_or(Covers::No)
}

/// `origin=Debian,codename=bookworm-security,label=Debian-Security`: all parts must match.
fn pattern(text: &str, identity: &Identity<'_>) -> Covers {
    let mut covers = Covers::Yes;
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or(("", part));
        let value = value.trim();
        let part = match key.trim() {
            "o" | "origin" => glob(value, identity.origin).into(),
            "l" | "label" => glob(value, identity.label).into(),
            "n" | "codename" => glob(value, &identity.codename).into(),
            "a" | "suite" | "archive" => identity.archives.iter().any(|name| glob(value, name)).into(),
            "c" | "component" => glob(value, "main").into(),
            _ => Covers::Unclear,
        };
        covers = covers.min(part);
    }
    covers
}

impl From<bool> for Covers {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// `*` and `?` as fnmatch(3) has them; a bracket is compared as it stands.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(byte) if *byte == b'?' || Some(byte) == text.get(t) => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from.saturating_add(1)));
                p = at.saturating_add(1);
                t = from.saturating_add(1);
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::automatic_updates::apt_conf::Setting;

    fn answer(id: &str, codename: &str, patterns: &[&str], allowed: &[&str]) -> Covers {
        let settings = |values: &[&str]| {
            values.iter().map(|value| Setting { value: (*value).to_owned(), ..Setting::default() }).collect()
        };
        let apt =
            Apt { origins_pattern: settings(patterns), allowed_origins: settings(allowed), ..Apt::default() };
        covers(&apt, &Release { id: id.into(), codename: codename.into(), ..Release::default() })
    }

    #[test]
    fn the_defaults_of_debian_and_ubuntu() {
        let debian = [
            "origin=Debian,codename=${distro_codename},label=Debian",
            "origin=Debian,codename=${distro_codename}-security,label=Debian-Security",
        ];
        assert_eq!(answer("debian", "bookworm", &debian, &[]), Covers::Yes);
        assert_eq!(answer("debian", "bookworm", &debian[..1], &[]), Covers::No);
        let ubuntu = ["${distro_id}:${distro_codename}", "${distro_id}:${distro_codename}-security"];
        assert_eq!(answer("ubuntu", "noble", &[], &ubuntu), Covers::Yes);
        assert_eq!(answer("ubuntu", "noble", &[], &ubuntu[..1]), Covers::No);
        assert_eq!(answer("ubuntu", "noble", &["o=Ubuntu,a=noble-security"], &[]), Covers::Yes);
    }

    #[test]
    fn globs_other_releases_and_unknown_words() {
        assert_eq!(answer("debian", "bookworm", &["o=*"], &[]), Covers::Yes);
        assert_eq!(answer("debian", "bookworm", &["origin=Debian,archive=*-security"], &[]), Covers::Yes);
        assert_eq!(
            answer("debian", "bookworm", &["origin=Debian,codename=trixie-security"], &[]),
            Covers::No
        );
        assert_eq!(answer("debian", "bookworm", &["site=deb.example.org"], &[]), Covers::Unclear);
        assert_eq!(answer("debian", "bookworm", &["site=x,origin=Other"], &[]), Covers::No);
        assert_eq!(answer("kali", "x", &["o=*"], &[]), Covers::Unclear);
        assert_eq!(answer("debian", "bookworm", &[], &[]), Covers::No);
        assert!(!glob(&"*a".repeat(5_000), &"b".repeat(5_000)));
    }
}
