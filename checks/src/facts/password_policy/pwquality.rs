//! pwquality.conf(5): `option = value` lines of the files in pwquality.conf.d, and of pwquality.conf after them.

use std::collections::BTreeMap;

use super::Setting;
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{Host, SMALL};

const FILE: &str = "/etc/security/pwquality.conf";
const FOLDER: &str = "/etc/security/pwquality.conf.d";
/// Files that are read of the folder; more are a gap.
const FILES: usize = 100;
/// The options that hostduty judges; the value of no other is kept, for some name words that passwords must not contain.
const KNOWN: &[&str] = &["minlen", "dcredit", "ucredit", "lcredit", "ocredit", "enforcing"];

/// What the files set, by option.
pub(super) fn read(host: &dyn Host) -> Result<BTreeMap<String, Setting>, Gap> {
    let names = match host.list(FOLDER) {
        Ok(names) => names,
        Err(gap) if gap.is_absent() => Vec::new(),
        Err(gap) => return Err(gap),
    };
    let names: Vec<_> = names.into_iter().filter(|name| name.ends_with(".conf")).collect();
    if names.len() > FILES {
        return Err(Gap::too_large(FOLDER));
    }
    let mut options = BTreeMap::new();
    for path in names.iter().map(|name| format!("{FOLDER}/{name}")).chain([FILE.to_owned()]) {
        let content = match host.read(&path, SMALL) {
            Ok(content) => content,
            Err(gap) if gap.is_absent() => continue,
            Err(gap) => return Err(gap),
        };
        for (line, number) in String::from_utf8_lossy(&content).lines().zip(1_u32..) {
            let (said, _) = line.split_once('#').unwrap_or((line, ""));
            let said = said.trim();
            let end = said.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(said.len());
            let (name, rest) = said.split_at_checked(end).unwrap_or((said, ""));
            if KNOWN.contains(&name) {
                let value = rest.trim_start().trim_start_matches('=').trim().chars().take(32).collect();
                options.insert(name.to_owned(), Setting { value, at: Evidence::at(&path, number) });
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::{FileKind, Tree};

    #[test]
    fn the_main_file_comes_last() {
        let tree = Tree::new(Timestamp(0))
            .file(FILE, "# minlen = 20\n minlen=12 # why\nbadwords = secret\nenforce_for_root\n")
            .file(&format!("{FOLDER}/10-a.conf"), "minlen = 8\ndcredit -1\n")
            .file(&format!("{FOLDER}/90-b.conf"), "dcredit = -2\n")
            .file(&format!("{FOLDER}/README"), "ocredit = -1\n");
        let options = read(&tree).unwrap();
        let shown: Vec<_> =
            options.iter().map(|(name, one)| format!("{name}={} {}", one.value, one.at)).collect();
        assert_eq!(shown, [format!("dcredit=-2 {FOLDER}/90-b.conf:1"), format!("minlen=12 {FILE}:2")]);
        let fifo = Tree::new(Timestamp(0)).node(FILE, FileKind::Other, b"");
        assert!(read(&fifo).is_err());
    }
}
