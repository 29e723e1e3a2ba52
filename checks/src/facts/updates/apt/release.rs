//! Reads an archive's InRelease or Release file: who publishes the suite, and as of when.

use std::collections::BTreeMap;

use crate::date::Timestamp;
use crate::facts::packages::control;

/// What a Release file says that matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Release {
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) suite: String,
    pub(super) codename: String,
    pub(super) version: String,
    pub(super) dated: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) not_automatic: bool,
    pub(super) automatic_upgrades: bool,
    /// Packages for all architectures have a list of their own, which apt fetches too.
    pub(super) separate_all: bool,
    /// Length of each package index by its path, compressed forms included.
    pub(super) sizes: BTreeMap<String, u64>,
}

/// The release, or nothing when the text is none. A signature around it is not checked: apt did that before it put
/// the file where it lies.
pub(super) fn parse(text: &str) -> Option<Release> {
    let stanza = control::stanzas(text)
        .take(4)
        .find(|stanza| stanza.get("Codename").or(stanza.get("Suite")).or(stanza.get("Date")).is_some())?;
    let field = |name: &str| stanza.get(name).unwrap_or_default().to_owned();
    let flag = |name: &str| stanza.get(name).and_then(super::sources::truth).unwrap_or_default();
    let sums = ["SHA256", "SHA512", "SHA1", "MD5Sum"];
    let words =
        sums.into_iter().map(|name| stanza.words(name)).find(|words| !words.is_empty()).unwrap_or_default();
    let sizes = words
        .chunks_exact(3)
        .filter_map(|chunk| {
            let [_, size, path] = chunk else { return None };
            let name = path.rsplit('/').next()?;
            let index = name == "Packages" || name.starts_with("Packages.");
            index.then(|| Some(((*path).trim_start_matches("./").to_owned(), size.parse().ok()?))).flatten()
        })
        .collect();
    Some(Release {
        origin: field("Origin"),
        label: field("Label"),
        suite: field("Suite"),
        codename: field("Codename"),
        version: field("Version"),
        dated: stanza.get("Date").and_then(instant),
        valid_until: stanza.get("Valid-Until").and_then(instant),
        not_automatic: flag("NotAutomatic"),
        automatic_upgrades: flag("ButAutomaticUpgrades"),
        separate_all: stanza.words("Architectures").contains(&"all")
            && !stanza.words("No-Support-for-Architecture-all").contains(&"Packages"),
        sizes,
    })
}

impl Release {
    /// Whether the archive has anything in this index (`main/binary-amd64/Packages`), and its length if it says so.
    pub(super) fn offers(&self, index: &str) -> Option<Option<u64>> {
        if let Some(size) = self.sizes.get(index) {
            return (*size > 0).then_some(Some(*size));
        }
        let compressed = format!("{index}.");
        self.sizes.keys().any(|path| path.starts_with(&compressed)).then_some(None)
    }
}

/// `Sat, 21 Nov 2026 00:53:02 UTC`, in any of the spellings of universal time that apt takes.
fn instant(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let rest = text.split_once(',').map_or(text, |(_, rest)| rest);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [day, month, year, time, "UTC" | "GMT" | "Z" | "+0000"] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)?.saturating_add(1);
    format!("{year}-{month:02}-{day:0>2}T{time:0>8}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_release_of_debian() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: Debian-Security\n\
                    Suite: oldstable-security\nCodename: bookworm-security\nDate: Sat, 21 Nov 2026 00:53:02 UTC\n\
                    Valid-Until: Sat, 28 Nov 2026  0:53:02 +0000\nSHA256:\n aa 0 contrib/binary-amd64/Packages\n \
                    bb 20 contrib/binary-amd64/Packages.gz\n cc 9 main/binary-amd64/Packages\n \
                    dd 8 x/binary-amd64/Packages.xz\n ee 7 main/Contents-amd64\n-----BEGIN PGP SIGNATURE-----\n";
        let release = parse(text).unwrap();
        assert_eq!(
            (release.label.as_str(), release.codename.as_str()),
            ("Debian-Security", "bookworm-security")
        );
        assert_eq!(release.dated.unwrap().to_string(), "2026-11-21T00:53:02Z");
        assert_eq!(release.valid_until.unwrap().to_string(), "2026-11-28T00:53:02Z");
        assert_eq!(release.offers("main/binary-amd64/Packages"), Some(Some(9)));
        assert_eq!(release.offers("contrib/binary-amd64/Packages"), None, "empty, so apt keeps no file");
        assert_eq!(release.offers("x/binary-amd64/Packages"), Some(None));
        assert_eq!(release.offers("non-free/binary-amd64/Packages"), None);
    }

    #[test]
    fn a_list_for_all_architectures_is_fetched_unless_the_release_says_otherwise() {
        let text = "Codename: x\nArchitectures: all amd64\n";
        assert!(parse(text).unwrap().separate_all);
        assert!(!parse(&format!("{text}No-Support-for-Architecture-all: Packages\n")).unwrap().separate_all);
        assert!(!parse("Codename: x\nArchitectures: amd64\n").unwrap().separate_all);
    }

    #[test]
    fn nonsense_is_no_release_and_no_instant() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("<html>\n\n404: not found\n"), None);
        for text in
            ["", ",", "Sat, 31 Feb 2026 00:00:00 UTC", "1 Jan 2026 00:00:00 CET", "9 Foo 2026 1:1:1 Z"]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
