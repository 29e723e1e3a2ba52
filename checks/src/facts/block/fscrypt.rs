//! Folders that a clear file system enciphers by itself: fscrypt, which systemd-homed uses too.

use super::Mount;
use crate::host::{FileKind, Host};

/// Mounts whose folders are looked at, and folders of one of them.
const MOUNTS: usize = 32;
const FOLDERS: usize = 1024;

/// Finds them where people make them: each home, and the topmost folders of a mount. A file system's own root cannot be
/// enciphered, and what lies deeper nobody looks for.
pub(super) fn read(host: &dyn Host, mounts: &mut [Mount]) {
    let capable = |mount: &&mut Mount| {
        mount.root.is_empty() && matches!(mount.file_system.as_str(), "ext4" | "f2fs" | "ubifs" | "ceph")
    };
    for mount in mounts.iter_mut().filter(capable).take(MOUNTS) {
        let places: &[&str] = match mount.point.as_str() {
            // Its own folders come and go too often to be watched for that.
            "/" => &["/home", "/srv"],
            _ => &[&mount.point],
        };
        let names = |place: &str| {
            let names = host.list(place).unwrap_or_default().into_iter().take(FOLDERS);
            names.map(|name| format!("{}/{name}", place.trim_end_matches('/'))).collect::<Vec<String>>()
        };
        let mut folders: Vec<String> = places.iter().flat_map(|place| names(place)).collect();
        if mount.point == "/" {
            folders.push("/root".to_owned());
        }
        folders.retain(|folder| {
            host.stat_link(folder).is_ok_and(|stat| {
                let (major, minor) = stat.device;
                stat.kind == FileKind::Dir
                    && stat.enciphered
                    // What is mounted there belongs to another mount; a host in memory has no numbers.
                    && (stat.device == (0, 0) || mount.device == format!("{major}:{minor}"))
            })
        });
        mount.enciphered = folders;
    }
}
