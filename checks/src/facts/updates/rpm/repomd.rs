//! Reads repomd.xml: which files a repository has, and as of when.

use super::xml::{self, Node};
use crate::date::Timestamp;
use crate::gap::Gap;

/// More kinds of files are in no repository.
const MOST: usize = 256;
/// Numbers below are counters of builds and not seconds since 1970: a revision is whatever the publisher likes.
const PLAUSIBLE: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// What repomd.xml says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Repomd {
    /// When the repository was made, as far as it says.
    pub(super) dated: Option<Timestamp>,
    pub(super) files: Vec<File>,
}

/// One of the files of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct File {
    /// `primary`, `updateinfo`, `modules`.
    pub(super) kind: String,
    /// The last part of its address: `0a1b…-primary.xml.gz`.
    pub(super) name: String,
    /// Its length in bytes as it is packed, and unpacked.
    pub(super) size: Option<u64>,
    pub(super) open_size: Option<u64>,
}

impl Repomd {
    pub(super) fn file(&self, kind: &str) -> Option<&File> {
        self.files.iter().find(|file| file.kind == kind)
    }
}

pub(super) fn parse(bytes: &[u8], path: &str) -> Result<Repomd, Gap> {
    let mut repomd = Repomd::default();
    let mut file: Option<File> = None;
    let mut text = String::new();
    let (mut root, mut revision, mut latest) = (false, None, None);
    let most = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    xml::walk(bytes, path, most, |node| {
        match node {
            Node::Open(element) => {
                text.clear();
                match element.name() {
                    b"repomd" => root = true,
                    b"data" => file = Some(File { kind: element.attribute("type")?, ..File::default() }),
                    b"location" => {
                        if let Some(file) = &mut file {
                            let address = element.attribute("href")?;
                            file.name = address.rsplit('/').next().unwrap_or_default().to_owned();
                        }
                    }
                    _ => {}
                }
            }
            Node::Text(more) => text.push_str(more),
            Node::Close(name) => {
                let number = text.trim();
                match (name, &mut file) {
                    (b"revision", _) => revision = number.parse().ok(),
                    // Some are written with a fraction.
                    (b"timestamp", Some(_)) => {
                        latest = latest.max(number.split('.').next().and_then(|whole| whole.parse().ok()));
                    }
                    (b"size", Some(file)) => file.size = number.parse().ok(),
                    (b"open-size", Some(file)) => file.open_size = number.parse().ok(),
                    (b"data", kept) => repomd.files.extend(kept.take()),
                    _ => {}
                }
                text.clear();
            }
        }
        if repomd.files.len() > MOST {
            return Err(Gap::malformed(format!("{path} lists more than {MOST} files")));
        }
        Ok(())
    })?;
    if !root {
        return Err(Gap::malformed(format!("{path} is no repomd.xml")));
    }
    repomd.dated =
        [revision, latest].into_iter().flatten().filter(|at| PLAUSIBLE.contains(at)).max().map(Timestamp);
    Ok(repomd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"<?xml version="1.0"?><repomd xmlns="http://example.org/repo" xmlns:rpm="http://example.org/rpm">
        <revision>1763770000</revision><data type="primary"><checksum type="sha256">aa</checksum>
        <location href="repodata/aa-primary.xml.gz"/><timestamp>1763770001.5</timestamp><size>10</size>
        <open-size>30</open-size></data><data type="modules"><location href="../../etc/passwd"/></data></repomd>"#;

    #[test]
    fn files_and_date() {
        let repomd = parse(TEXT.as_bytes(), "r").unwrap();
        assert_eq!(repomd.dated, Some(Timestamp(1_763_770_001)));
        let primary = repomd.file("primary").unwrap();
        assert_eq!(
            (primary.name.as_str(), primary.size, primary.open_size),
            ("aa-primary.xml.gz", Some(10), Some(30))
        );
        assert_eq!(repomd.file("modules").unwrap().name, "passwd", "nothing leads out of the folder");
    }

    #[test]
    fn a_counter_is_no_date() {
        let repomd = parse(b"<repomd><revision>77</revision></repomd>", "r").unwrap();
        assert_eq!(repomd.dated, None);
        assert!(parse(b"<html></html>", "r").is_err());
    }
}
