//! Lines of mountinfo as the kernel writes them: proc_pid_mountinfo(5).
//!
//! procfs-core has a parser too, which leaves octal escapes in names and gives up on the whole file when one line is
//! not UTF-8; neither will do here.

use crate::gap::Gap;

/// One line, its names unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Identifier of the mount.
    pub(super) id: u32,
    /// Identifier of the mount that it is mounted on.
    pub(super) parent: u32,
    /// `major:minor` of the file system.
    pub(super) device: String,
    /// Folder of the file system that is mounted.
    pub(super) root: String,
    /// Where.
    pub(super) point: String,
    /// Type of the file system.
    pub(super) file_system: String,
    /// What is mounted.
    pub(super) source: String,
    /// The folders of an overlay, upper first.
    pub(super) folders: Folders,
    /// The options that say how data get to another machine; of the others, which may name users, none is kept.
    pub(super) transport: Vec<String>,
    /// From 1.
    pub(super) number: u32,
}

/// The folders that an overlay merges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Folders {
    /// Where what is written lands.
    pub(super) upper: Option<String>,
    /// What shines through, at most [`MAX_LOWER`].
    pub(super) lower: Vec<String>,
}

const MAX_LOWER: usize = 32;

/// Every line that makes sense, and where the others are.
pub(super) fn parse(bytes: &[u8], path: &str) -> Result<(Vec<Line>, Vec<String>), Gap> {
    let (mut lines, mut malformed) = (Vec::new(), Vec::new());
    for (number, line) in (1_u32..).zip(bytes.split(|&byte| byte == b'\n')) {
        if line.is_empty() {
            continue;
        }
        if lines.len() >= super::MAX_MOUNTS {
            return Err(Gap::too_large(format!("{path}, with more than {} mounts,", super::MAX_MOUNTS)));
        }
        match parse_line(line, number) {
            Some(line) => lines.push(line),
            None if malformed.len() < super::MAX_MALFORMED => {
                malformed.push(format!("{path}:{number}: is not a line of mountinfo"));
            }
            None => {}
        }
    }
    Ok((lines, malformed))
}

fn parse_line(line: &[u8], number: u32) -> Option<Line> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = decimal(fields.next()?)?;
    let parent = decimal(fields.next()?)?;
    let device = std::str::from_utf8(fields.next()?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let (major, minor) = (decimal(major.as_bytes())?, decimal(minor.as_bytes())?);
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    fields.next()?;
    fields.by_ref().find(|&field| field == b"-")?;
    let file_system = unescape(fields.next()?);
    let source = unescape(fields.next()?);
    let options = fields.next().unwrap_or_default();
    if !point.starts_with('/') || file_system.is_empty() {
        return None;
    }
    let folders = if file_system == "overlay" { folders(options) } else { Folders::default() };
    let transport = transport(options);
    let device = format!("{major}:{minor}");
    Some(Line { id, parent, device, root, point, file_system, source, folders, transport, number })
}

/// The `upperdir=` and `lowerdir=` of an overlay. Its options escape commas, and a colon inside a folder's name by a
/// backslash, which mountinfo then escapes in turn.
fn folders(options: &[u8]) -> Folders {
    let mut folders = Folders::default();
    for option in options.split(|&byte| byte == b',') {
        if let Some(value) = option.strip_prefix(b"upperdir=") {
            folders.upper = Some(unescape(value));
        } else if let Some(value) = option.strip_prefix(b"lowerdir=") {
            folders.lower = split_colons(&unescape(value));
        } else if let Some(value) = option.strip_prefix(b"lowerdir+=")
            && folders.lower.len() < MAX_LOWER
        {
            folders.lower.push(unescape(value));
        }
    }
    folders
}

/// Options of network file systems that decide who may read what travels: nfs(5), mount.cifs(8), mount.ceph(8), 9p.
const TRANSPORT: &[&str] = &["addr", "ms_mode", "seal", "sec", "trans", "vers", "xprtsec"];

fn transport(options: &[u8]) -> Vec<String> {
    let of_interest = |option: &&[u8]| {
        let key = option.split(|&byte| byte == b'=').next().unwrap_or_default();
        option.len() <= 64 && TRANSPORT.iter().any(|name| name.as_bytes() == key)
    };
    options.split(|&byte| byte == b',').filter(of_interest).take(TRANSPORT.len()).map(unescape).collect()
}

fn split_colons(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let last = parts.len();
        match (char, parts.last_mut()) {
            ('\\', Some(part)) => part.extend(chars.next()),
            (':', _) if last >= MAX_LOWER => break,
            (':', _) => parts.push(String::new()),
            (char, Some(part)) => part.push(char),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn decimal(bytes: &[u8]) -> Option<u32> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Undoes the kernel's `\ooo`, and makes the result [`printable`].
pub(super) fn unescape(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                plain.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                rest = after;
            }
            _ => plain.push(byte),
        }
    }
    printable(&plain)
}

/// Text that cannot disturb a terminal or a report: control characters become `\ooo`, what is not UTF-8 becomes U+FFFD,
/// and 4,096 characters (PATH_MAX) are kept.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(4096));
    for char in String::from_utf8_lossy(bytes).chars().take(4096) {
        if char.is_control() {
            text.push_str(&format!("\\{:03o}", u32::from(char)));
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &[u8]) -> Line {
        let (lines, malformed) = parse(line, "mountinfo").unwrap();
        assert_eq!(malformed, Vec::<String>::new());
        lines.into_iter().next().unwrap()
    }

    #[test]
    fn names_are_unescaped_and_optional_fields_are_skipped() {
        let line = one(
            b"36 35 98:0 /mnt1 /srv/my\\040data\\134x rw,noatime master:1 shared:7 - ext4 /dev/mapper/a\\040b rw,errors=continue\n",
        );
        assert_eq!((line.id, line.parent, line.device.as_str()), (36, 35, "98:0"));
        assert_eq!((line.root.as_str(), line.point.as_str()), ("/mnt1", "/srv/my data\\x"));
        assert_eq!((line.file_system.as_str(), line.source.as_str()), ("ext4", "/dev/mapper/a b"));
        assert_eq!(one(b"1 1 0:1 / / rw - tmpfs  rw").source, "");
    }

    #[test]
    fn an_overlay_names_its_folders() {
        let line = one(
            b"90 1 0:50 / /m rw - overlay overlay rw,lowerdir=/l/A\\134:b:/l/C,upperdir=/u\\054x/diff,workdir=/w",
        );
        assert_eq!(line.folders.upper.as_deref(), Some("/u,x/diff"));
        assert_eq!(line.folders.lower, ["/l/A:b", "/l/C"]);
        let many = format!("90 1 0:50 / /m rw - overlay o lowerdir={}", "/x:".repeat(5000));
        assert_eq!(one(many.as_bytes()).folders.lower.len(), MAX_LOWER);
    }

    #[test]
    fn of_options_only_those_of_the_way_are_kept() {
        let line = one(
            b"90 1 0:50 / /m rw - nfs4 h:/x rw,vers=4.2,rsize=65536,sec=sys,clientaddr=192.0.2.7,addr=192.0.2.1",
        );
        assert_eq!(line.transport, ["vers=4.2", "sec=sys", "addr=192.0.2.1"]);
        let line = one(b"90 1 0:50 / /m rw - cifs //h/x rw,vers=3.1.1,username=alice,password=x,seal");
        assert_eq!(line.transport, ["vers=3.1.1", "seal"]);
        assert_eq!(
            one(format!("9 1 0:5 / /m rw - nfs h:/x {}", "sec=sys,".repeat(5000)).as_bytes()).transport.len(),
            7
        );
    }

    #[test]
    fn hostile_lines_are_named_and_the_others_survive() {
        let bytes = b"1 1 8:1 / / rw - ext4 /dev/sda1 rw\n\xff\xfe\0\n2 1 8:9999999999 / /x rw - ext4 a rw\n3 1 8:2 / x rw - ext4 a rw\n4 1 8:2 / /y rw shared:1 ext4 a rw\n5 1 8:2 / /\x1b[2J\xff rw - ext4 a rw\n";
        let (lines, malformed) = parse(bytes, "mountinfo").unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].point, "/\\033[2J\u{fffd}");
        assert_eq!(malformed.len(), 4);
        assert!(malformed[0].starts_with("mountinfo:2: "), "{malformed:?}");
        assert!(parse(&b"1 1 8:1 / / rw - ext4 a rw\n".repeat(100_001), "mountinfo").is_err());
    }
}
