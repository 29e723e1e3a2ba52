//! Swap areas in use, from /proc/swaps: proc_swaps(5).

use serde::{Deserialize, Serialize};

use super::backing::Backing;
use super::mountinfo::unescape;
use super::namespace::Namespace;
use crate::gap::Gap;
use crate::host::{self, Host};

/// One line of /proc/swaps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Swap {
    /// The device node or the file.
    pub path: String,
    /// Whether it is a file on a file system.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_file: bool,
    /// What it lies on.
    pub beneath: Backing,
    /// Line in /proc/swaps, from 1; the first is the heading.
    pub line: u32,
}

pub(super) fn read(host: &dyn Host, table: &Namespace<'_>) -> Result<Vec<Swap>, Gap> {
    let bytes = match host.read("/proc/swaps", host::SMALL) {
        Ok(bytes) => bytes,
        // The mounts of the same /proc were read: this kernel was built without swap.
        Err(gap) if gap.is_absent() => return Ok(Vec::new()),
        Err(gap) => return Err(gap),
    };
    parse(&bytes)?
        .into_iter()
        .map(|(path, is_file, line)| {
            let beneath = if is_file { table.file(&path) } else { table.node(&path) };
            Ok(Swap { path, is_file, beneath, line })
        })
        .collect()
}

/// Path, whether it is a file, and line of every area. One line that makes no sense makes the whole unknown: it may be
/// the one in the clear.
fn parse(bytes: &[u8]) -> Result<Vec<(String, bool, u32)>, Gap> {
    // The kernel writes a heading even where there is no area.
    if !bytes.starts_with(b"Filename") {
        return Err(Gap::malformed("/proc/swaps has no heading"));
    }
    let mut areas = Vec::new();
    for (number, line) in (1_u32..).zip(bytes.split(|&byte| byte == b'\n')).skip(1) {
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let Some(path) = fields.next() else { continue };
        let path = unescape(path);
        let is_file = match fields.next() {
            Some(b"file") => true,
            Some(b"partition") => false,
            _ => {
                return Err(Gap::malformed(format!(
                    "line {number} of /proc/swaps is neither a file nor a partition"
                )));
            }
        };
        if areas.len() >= 1024 {
            return Err(Gap::too_large("/proc/swaps"));
        }
        areas.push((path, is_file, number));
    }
    Ok(areas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_partitions_are_told_apart() {
        let text = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1                               partition\t8388604\t\t0\t\t-2\n/my\\040swap                              file\t\t1048572\t\t0\t\t-3\n";
        assert_eq!(
            parse(text).unwrap(),
            [("/dev/dm-1".to_owned(), false, 2), ("/my swap".to_owned(), true, 3)]
        );
        assert_eq!(parse(b"Filename Type Size Used Priority\n").unwrap(), []);
    }

    #[test]
    fn a_line_of_another_form_is_a_gap() {
        assert!(parse(b"").is_err());
        assert!(parse(b"\0\0\0garbage\n").is_err());
        assert!(parse(b"Filename\n/dev/sda2 \xff 1 2 3\n").is_err());
        assert!(parse(&[b"Filename\n".as_slice(), &b"/s file 1 0 -2\n".repeat(2000)].concat()).is_err());
    }
}
