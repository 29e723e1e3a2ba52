//! Reads apk-repositories(5): the file, and since apk 3 the folders beside it, with their variables.

use std::collections::{BTreeMap, BTreeSet};

use sha2::Digest;

use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

const FILE: &str = "/etc/apk/repositories";
const FOLDERS: [&str; 2] = ["/etc/apk/repositories.d", "/lib/apk/repositories.d"];
/// More repositories than these apk itself does not take.
const MOST: usize = 64;

/// What kind of index a repository has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// APKINDEX.tar.gz
    Second,
    /// Packages.adb
    Third,
}

/// A line, or a component of it.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) place: Evidence,
    /// Its address without architecture and file.
    pub(super) base: String,
    /// The address of its index.
    url: String,
    /// Packages are taken from it only when asked for with `name@tag`.
    pub(super) tag: Option<String>,
    pub(super) form: Form,
}

impl Repository {
    /// Where its index may lie. A copy's name has the first bytes of a digest of the address: SHA-1 up to apk 2, SHA-256
    /// since apk 3.
    pub(super) fn copies(&self, cache: &str) -> Vec<String> {
        if let Some(path) =
            self.url.strip_prefix("file://").or(self.url.starts_with('/').then_some(&self.url))
        {
            return vec![path.to_owned()];
        }
        let name = |digest: &[u8]| {
            let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("{cache}/APKINDEX.{digits}.tar.gz")
        };
        vec![name(&sha2::Sha256::digest(&self.url)), name(&sha1::Sha1::digest(&self.url))]
    }
}

/// Archive and repository: `v3.20/main` of Alpine's mirrors, or the last folder of another path.
pub(super) fn split(address: &str) -> (String, String) {
    let mut parts = address.rsplitn(3, '/');
    let (last, branch, rest) = (parts.next(), parts.next(), parts.next());
    match (last, branch, rest) {
        (Some(last), Some(branch), Some(rest))
            if branch.starts_with('v') || matches!(branch, "edge" | "latest-stable") =>
        {
            (rest.to_owned(), format!("{branch}/{last}"))
        }
        _ => {
            let (rest, last) = address.rsplit_once('/').unwrap_or((address, ""));
            (rest.to_owned(), last.to_owned())
        }
    }
}

/// Reads the repositories, in the order in which apk does.
pub(super) fn read(host: &dyn Host, architecture: &str) -> (Vec<Repository>, Vec<Gap>) {
    let mut reader = Reader {
        architecture,
        variables: [("APK_ARCH".to_owned(), architecture.to_owned())].into(),
        found: Vec::new(),
        unread: Vec::new(),
    };
    reader.file(host, FILE);
    let mut seen = BTreeSet::new();
    for folder in FOLDERS {
        let names = host.list(folder).unwrap_or_else(|gap| {
            if !gap.is_absent() {
                reader.unread.push(gap);
            }
            Vec::new()
        });
        for name in
            names.into_iter().filter(|name| name.ends_with(".list") && !name.starts_with('.')).take(1000)
        {
            if seen.insert(name.clone()) {
                reader.file(host, &format!("{folder}/{name}"));
            }
        }
    }
    (reader.found, reader.unread)
}

struct Reader<'a> {
    architecture: &'a str,
    variables: BTreeMap<String, String>,
    found: Vec<Repository>,
    unread: Vec<Gap>,
}

impl Reader<'_> {
    fn file(&mut self, host: &dyn Host, path: &str) {
        let text = match host.read(path, host::SMALL) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(gap) if gap.is_absent() => return,
            Err(gap) => return self.unread.push(gap),
        };
        for (number, line) in text.lines().enumerate() {
            let place = Evidence::at(path, u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX));
            let says_nothing = line.trim().is_empty() || line.starts_with('#');
            if !says_nothing && self.line(line, &place).is_none() && self.unread.len() < 100 {
                self.unread
                    .push(Gap::malformed(format!("{place}: apk or hostduty does not understand this line")));
            }
        }
    }

    fn line(&mut self, line: &str, place: &Evidence) -> Option<()> {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let mut word = words.next()?;
        let mut kind = "";
        if !word.starts_with(['@', '$', '/']) && !word.contains("://") {
            kind = word;
            match kind {
                "set" => return self.set(words.collect()),
                "v2" | "v3" | "ndx" => word = words.next()?,
                _ => return None,
            }
        }
        let tag = word.strip_prefix('@').map(str::to_owned);
        if tag.is_some() {
            word = words.next()?;
        }
        let url = self.expand(word)?;
        let url = url.trim_end_matches('/');
        if !url.starts_with('/') && !url.contains("://") {
            return None;
        }
        let is_index =
            kind == "ndx" || (kind.is_empty() && (word.ends_with(".adb") || word.ends_with(".tar.gz")));
        let mut components = Vec::new();
        for word in words {
            components.extend(self.expand(word)?.split([' ', '\t']).map(str::to_owned));
        }
        let bases: Vec<String> = match components.as_slice() {
            [] => vec![url.to_owned()],
            _ if is_index => return None,
            _ => components.iter().map(|component| format!("{url}/{component}")).collect(),
        };
        for base in bases {
            let form = if kind == "v3" || base.ends_with(".adb") { Form::Third } else { Form::Second };
            let (base, url) = match (is_index, form) {
                (true, _) => (base.rsplit_once('/').map_or("", |(base, _)| base).to_owned(), base),
                (false, Form::Second) => {
                    (base.clone(), format!("{base}/{}/APKINDEX.tar.gz", self.architecture))
                }
                (false, Form::Third) => (base.clone(), format!("{base}/{}/Packages.adb", self.architecture)),
            };
            if self.found.len() >= MOST {
                return None;
            }
            // The same repository again, with a tag and without: whoever may take from it without may.
            match self.found.iter_mut().find(|other| other.url == url) {
                Some(other) if tag.is_none() => other.tag = None,
                Some(other) if other.tag.is_none() || other.tag == tag => {}
                _ => self.found.push(Repository { place: place.clone(), base, url, tag: tag.clone(), form }),
            }
        }
        Some(())
    }

    fn set(&mut self, words: Vec<&str>) -> Option<()> {
        let (default, words) = match words.split_first()? {
            (&"-default", rest) => (true, rest),
            _ => (false, words.as_slice()),
        };
        let [assignment] = words else { return None };
        let (key, value) = assignment.split_once('=')?;
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if key.starts_with("APK_")
            || !key.starts_with(|first: char| first.is_ascii_alphabetic())
            || !key.chars().all(word)
        {
            return None;
        }
        let value = self.expand(value)?;
        if !default || !self.variables.contains_key(key) {
            self.variables.insert(key.to_owned(), value);
        }
        Some(())
    }

    /// Puts variables in; nothing where one is not set, or the answer is without measure.
    fn expand(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once("${") {
            let (name, behind) = variable.split_once('}')?;
            out.push_str(before);
            out.push_str(self.variables.get(name)?);
            rest = behind;
            if out.len() > 4096 {
                return None;
            }
        }
        out.push_str(rest);
        (out.len() <= 4096).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn read_files(files: &[(&str, &str)]) -> (Vec<Repository>, Vec<Gap>) {
        let host = files.iter().fold(Tree::new(Timestamp(0)), |host, (path, text)| host.file(path, text));
        read(&host, "x86_64")
    }

    #[test]
    fn lines_tags_and_names_of_copies() {
        let text = "#http://old.example.org\n\nhttps://dl-cdn.alpinelinux.org/alpine/v3.20/main/\n@edge http://m.example.org/edge/testing\n/srv/own\n";
        let (found, unread) = read_files(&[(FILE, text)]);
        assert!(unread.is_empty(), "{unread:?}");
        let [main, edge, own] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(main.place.to_string(), "/etc/apk/repositories:3");
        // Recorded: `printf %s https://dl-cdn.alpinelinux.org/alpine/v3.20/main/x86_64/APKINDEX.tar.gz | sha1sum`.
        assert_eq!(main.copies("/c")[1], "/c/APKINDEX.e0297a25.tar.gz");
        assert_eq!(main.copies("/c")[0], "/c/APKINDEX.7ad9cf74.tar.gz");
        assert_eq!(edge.tag.as_deref(), Some("edge"));
        assert_eq!(own.copies("/c"), ["/srv/own/x86_64/APKINDEX.tar.gz"]);
        let split = |text: &str| split(text);
        assert_eq!(
            split("dl-cdn.alpinelinux.org/alpine/v3.20/main"),
            ("dl-cdn.alpinelinux.org/alpine".into(), "v3.20/main".into())
        );
        assert_eq!(split("/srv/own"), ("/srv".into(), "own".into()));
        assert_eq!(split("h"), ("h".into(), String::new()));
    }

    #[test]
    fn the_words_of_apk_3() {
        let (found, unread) = read_files(&[
            (
                "/etc/apk/repositories.d/a.list",
                "set mirror=https://m.example.org\nv2 @own ${mirror}/alpine main community\n",
            ),
            (
                "/etc/apk/repositories.d/b.list",
                "set -default mirror=https://no.example.org\nv3 ${mirror} x\nndx ${mirror}/o/APKINDEX.tar.gz\n",
            ),
            ("/lib/apk/repositories.d/a.list", "https://hidden.example.org\n"),
            ("/lib/apk/repositories.d/c.txt", "https://hidden.example.org\n"),
        ]);
        assert!(unread.is_empty(), "{unread:?}");
        let urls: Vec<&str> = found.iter().map(|repository| repository.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://m.example.org/alpine/main/x86_64/APKINDEX.tar.gz",
                "https://m.example.org/alpine/community/x86_64/APKINDEX.tar.gz",
                "https://m.example.org/x/x86_64/Packages.adb",
                "https://m.example.org/o/APKINDEX.tar.gz",
            ]
        );
        assert_eq!(found[2].form, Form::Third);
        assert_eq!(found[3].base, "https://m.example.org/o");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in [
            "main",
            "@edge",
            "v4 https://h.example.org",
            "https://${no}/x",
            "set APK_X=1",
            "ndx https://h/a.tar.gz x",
        ] {
            let (found, unread) = read_files(&[(FILE, line)]);
            assert!(found.is_empty() && unread.len() == 1, "{line}");
        }
        let grows: String = "set a=xxxxxxxxxx\n".to_owned() + &"set a=${a}${a}\n".repeat(40);
        assert!(!read_files(&[(FILE, &grows)]).1.is_empty());
    }
}
