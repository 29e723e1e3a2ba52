//! Whether the system's logs survive a reboot, and where they go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{self, FileKind, Host};

/// Whether the system's logs survive a reboot, and where they go. Which daemons write them, the units and processes say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// `Storage=` of systemd-journald as it is effective.
    pub storage: Reading<Storage>,
    /// The `path:line` that sets it; without one it is journald's own `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_set_in: Option<String>,
    /// Whether /var/log/journal is a folder: with `auto`, journald writes to the disk only then.
    pub journal_folder: Reading<bool>,
    /// The kind of file system beneath /var/log (`ext4`, `tmpfs`).
    pub file_system: Reading<String>,
    /// Lines that send messages to another machine, as `path:line`; not where to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwarded_by: Vec<String>,
}

/// The values of `Storage=` in journald.conf(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// On the disk where /var/log/journal exists, else in memory.
    #[default]
    Auto,
    /// On the disk.
    Persistent,
    /// In memory.
    Volatile,
    /// Nowhere.
    None,
}

/// The folders of journald.conf(5), most important first.
const FOLDERS: &[&str] = &["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];

/// Reads it.
pub(crate) fn read(host: &dyn Host, _facts: &Facts) -> Result<Logging, Gap> {
    let (storage, storage_set_in) = match storage(host) {
        Ok((storage, place)) => (Ok(storage), place),
        Err(gap) => (Err(gap), None),
    };
    let journal_folder = match host.stat("/var/log/journal") {
        Ok(stat) => Ok(stat.kind == FileKind::Dir),
        Err(gap) if gap.is_absent() => Ok(false),
        Err(gap) => Err(gap),
    };
    Ok(Logging {
        storage: storage.into(),
        storage_set_in,
        journal_folder: journal_folder.into(),
        file_system: file_system(host).into(),
        forwarded_by: forwarded_by(host),
    })
}

/// The main file that comes first counts alone; of drop-ins with one name the first hides the others, and all that
/// remain apply in the order of their names.
fn storage(host: &dyn Host) -> Result<(Storage, Option<String>), Gap> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        let path = format!("{folder}/journald.conf");
        if host.stat(&path).is_ok() {
            paths.push(path);
            break;
        }
    }
    paths.extend(drop_ins(host, FOLDERS, "journald.conf.d", ".conf")?);
    let mut found = (Storage::Auto, None);
    for path in paths {
        let text = match host.read(&path, host::SMALL) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // A link to /dev/null hides the files of its name.
            Err(gap) if gap.is_absent() || gap.why == GapKind::Unsupported => continue,
            Err(gap) => return Err(gap),
        };
        if let Some((storage, line)) = parse(&text) {
            found = (storage, Some(format!("{path}:{line}")));
        }
    }
    Ok(found)
}

/// The last valid `Storage=` of a file and its line.
fn parse(text: &str) -> Option<(Storage, u32)> {
    let mut section = "";
    let mut found = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        let Some(("Storage", value)) =
            line.split_once('=').map(|(key, value)| (key.trim_end(), value.trim()))
        else {
            continue;
        };
        let storage = match value {
            "auto" => Storage::Auto,
            "persistent" => Storage::Persistent,
            "volatile" => Storage::Volatile,
            "none" => Storage::None,
            _ => continue,
        };
        if section == "[Journal]" {
            found = Some((storage, number));
        }
    }
    found
}

/// The kind of the file system that is mounted closest above /var/log.
fn file_system(host: &dyn Host) -> Result<String, Gap> {
    let bytes = host.read("/proc/self/mountinfo", host::LARGE)?;
    let text = String::from_utf8_lossy(&bytes);
    let mounts = text.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        let above = matches!(point, "/" | "/var" | "/var/log" | "/var/log/journal");
        above.then(|| (point.len(), after.split(' ').next().unwrap_or_default()))
    });
    // Of several on one place the last one covers the others.
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
        .ok_or_else(|| Gap::malformed("/proc/self/mountinfo has no root"))
}

/// Forwarding of rsyslog and syslog-ng, and of systemd-journal-upload. It says where it was seen and never where to.
fn forwarded_by(host: &dyn Host) -> Vec<String> {
    let mut paths = vec![
        "/etc/rsyslog.conf".to_owned(),
        "/etc/syslog-ng/syslog-ng.conf".to_owned(),
        "/etc/systemd/journal-upload.conf".to_owned(),
    ];
    paths.extend(drop_ins(host, &["/etc"], "rsyslog.d", ".conf").unwrap_or_default());
    paths.extend(drop_ins(host, &["/etc/syslog-ng"], "conf.d", ".conf").unwrap_or_default());
    let mut found = Vec::new();
    for path in paths {
        let Ok(bytes) = host.read(&path, host::SMALL) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let lines = (1u32..).zip(text.lines()).filter(|(_, line)| forwards(line, path.contains("syslog-ng")));
        found.extend(lines.map(|(number, _)| format!("{path}:{number}")).take(16));
    }
    found
}

fn forwards(line: &str, syslog_ng: bool) -> bool {
    let line = line.trim();
    if line.starts_with('#') {
        return false;
    }
    if syslog_ng {
        // A source listens by the same words.
        return line.starts_with("destination")
            && ["network(", "syslog(", "tcp(", "udp(", "tls("].iter().any(|word| line.contains(word));
    }
    let action = line.split_whitespace().nth(1).is_some_and(|word| word.starts_with('@') && word.len() > 1);
    action || line.contains("\"omfwd\"") || line.contains("\"omrelp\"") || line.starts_with("URL=")
}

/// Drop-ins of several folders in the order of their names; the first of a name counts.
fn drop_ins(host: &dyn Host, folders: &[&str], name: &str, suffix: &str) -> Result<Vec<String>, Gap> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        let dir = format!("{folder}/{name}");
        match host.list(&dir) {
            Ok(names) => {
                for file in names.into_iter().filter(|file| file.ends_with(suffix)).take(1_000) {
                    let path = format!("{dir}/{file}");
                    files.entry(file).or_insert(path);
                }
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Ok(files.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn storage_of(tree: &Tree) -> (Storage, Option<String>) {
        storage(tree).unwrap()
    }

    #[test]
    fn the_drop_in_with_the_last_name_wins_and_etc_hides_usr() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/systemd/journald.conf", "[Journal]\n#Storage=none\nStorage=volatile\n")
            .file("/usr/lib/systemd/journald.conf", "[Journal]\nStorage=none\n");
        assert_eq!(storage_of(&tree), (Storage::Volatile, Some("/etc/systemd/journald.conf:3".to_owned())));
        let tree = tree
            .file("/usr/lib/systemd/journald.conf.d/50-keep.conf", "[Journal]\nStorage=persistent\n")
            .file("/etc/systemd/journald.conf.d/10-first.conf", "[Journal]\nStorage=none\n")
            .file(
                "/etc/systemd/journald.conf.d/90-wrong.conf",
                "[Other]\nStorage=none\n[Journal]\nStorage=disk\n",
            );
        assert_eq!(storage_of(&tree).0, Storage::Persistent);
        let tree = tree.node("/etc/systemd/journald.conf.d/50-keep.conf", FileKind::CharDevice, b"");
        assert_eq!(storage_of(&tree).0, Storage::None);
        assert_eq!(storage_of(&Tree::new(Timestamp(0))), (Storage::Auto, None));
    }

    #[test]
    fn forwarding_is_noticed_and_its_target_not_kept() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/rsyslog.conf", "#*.* @@a\n*.* @@logs.example.org:514\nauth.* /var/log/auth.log\n")
            .file("/etc/rsyslog.d/9.conf", "action(type=\"omfwd\" target=\"secret.example.org\")\n")
            .file(
                "/proc/self/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/vda1 rw\n2 1 0:9 / /var/log rw - tmpfs log2ram rw\n",
            );
        let logging = read(&tree, &Facts::default()).unwrap();
        assert_eq!(logging.forwarded_by, ["/etc/rsyslog.conf:2", "/etc/rsyslog.d/9.conf:1"]);
        assert_eq!(logging.file_system.known().unwrap(), "tmpfs");
        let text = toml::to_string(&logging).unwrap();
        assert!(!text.contains("example"));
        assert_eq!(toml::from_str::<Logging>(&text).unwrap(), logging);
    }

    #[test]
    fn hostile_bytes_are_harmless() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/systemd/journald.conf", b"\xff[Journal\0]\nStorage\n=\n[Journal]\nStorage=\xff\n")
            .file("/etc/rsyslog.conf", b"@\n@@\n\xff @\n")
            .file("/proc/self/mountinfo", " - \n\n - - -\n");
        let logging = read(&tree, &Facts::default()).unwrap();
        assert_eq!(logging.storage, Reading::Known(Storage::Auto));
        assert!(logging.file_system.known().is_err() && logging.forwarded_by.is_empty());
    }
}
