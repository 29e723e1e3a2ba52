//! Passwords in what set the machine up: cloud-init's seeds and configuration, and installers' answers.

mod kickstart;
mod yaml;

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::{FileKind, Host, SMALL, System};
use crate::unpack::Packing;

/// Files and folders that are looked at; more are a gap.
const MOST: usize = 500;
/// Passwords of one file that are kept.
const PASSWORDS: usize = 100;
/// Files with cloud-init's configuration, and with what installers were told.
const FILES: &[&str] = &["/etc/cloud/cloud.cfg", "/var/log/installer/autoinstall-user-data"];
/// Answers of Red Hat's installer, see kickstart's `rootpw` and `user`.
const KICKSTARTS: &[&str] = &["/root/anaconda-ks.cfg", "/root/original-ks.cfg"];
/// Where cloud-init keeps what each instance was given, in a folder each.
const FOLDERS: &[&str] = &["/var/lib/cloud/instances", "/var/lib/cloud/seed"];
/// What it is called there.
const NAMES: &[&str] = &[
    "user-data",
    "vendor-data",
    "user-data.txt",
    "vendor-data.txt",
    "cloud-config.txt",
    "vendor-cloud-config.txt",
];

/// Passwords in what set the machine up. None of them is kept, nor any hash.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seeds {
    /// The files that are there.
    pub files: Vec<Seed>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// Where it lies.
    pub path: String,
    /// Whether every account can read it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open_to_all: bool,
    /// The passwords in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<Written>,
    /// What of it hostduty does not understand, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
}

/// A password that is written somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Written {
    /// Line, from 1.
    pub line: u32,
    /// The name that it is given there, such as `plain_text_passwd`.
    pub key: String,
    /// Whether it is a hash and not the password itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hashed: bool,
}

/// Looks for them.
pub(crate) fn read(host: &dyn Host) -> Result<Seeds, Gap> {
    if host.system() == System::MacOs {
        return Err(Gap::unsupported("what set up a Mac"));
    }
    let mut search = Search { host, seeds: Seeds::default() };
    for path in FILES {
        search.file(path, &yaml::passwords);
    }
    for path in KICKSTARTS {
        search.file(path, &kickstart::passwords);
    }
    for name in search.list("/etc/cloud/cloud.cfg.d") {
        if name.ends_with(".cfg") {
            search.file(&format!("/etc/cloud/cloud.cfg.d/{name}"), &yaml::passwords);
        }
    }
    for folder in FOLDERS {
        for instance in search.list(folder) {
            for name in NAMES {
                search.file(&format!("{folder}/{instance}/{name}"), &yaml::passwords);
            }
        }
    }
    // The file systems of root alone say that nothing is there.
    if search.seeds.files.is_empty() && search.seeds.gaps.is_empty() {
        host.stat("/etc")?;
    }
    Ok(search.seeds)
}

/// The passwords in a text, and what of it is not clear.
type Scan<'a> = &'a dyn Fn(&str) -> (Vec<Written>, Option<String>);

struct Search<'a> {
    host: &'a dyn Host,
    seeds: Seeds,
}

impl Search<'_> {
    fn list(&mut self, folder: &str) -> Vec<String> {
        match self.host.list(folder) {
            Ok(names) if names.len() > MOST => {
                self.seeds.gaps.push(Gap::too_large(folder));
                Vec::new()
            }
            Ok(names) => names,
            Err(gap) => {
                if !gap.is_absent() {
                    self.seeds.gaps.push(gap);
                }
                Vec::new()
            }
        }
    }

    fn file(&mut self, path: &str, scan: Scan<'_>) {
        let text = match self.text(path) {
            Ok(text) => text,
            Err(gap) if gap.is_absent() => return,
            Err(gap) => return self.seeds.gaps.push(gap),
        };
        let (mut passwords, unclear) = scan(&text);
        passwords.truncate(PASSWORDS);
        let open_to_all = self.open_to_all(path);
        self.seeds.files.push(Seed { path: path.to_owned(), open_to_all, passwords, unclear });
    }

    /// A file's text; user data may be packed.
    fn text(&self, path: &str) -> Result<String, Gap> {
        let content = self.host.read(path, SMALL)?;
        if !content.starts_with(&[0x1f, 0x8b]) {
            return Ok(String::from_utf8_lossy(&content).into_owned());
        }
        let mut unpacked = Vec::new();
        let most = SMALL as u64 + 1;
        Packing::Gzip
            .unpack(content.as_slice())
            .take(most)
            .read_to_end(&mut unpacked)
            .map_err(|_| Gap::malformed(path))?;
        if unpacked.len() > SMALL {
            return Err(Gap::too_large(path));
        }
        Ok(String::from_utf8_lossy(&unpacked).into_owned())
    }

    /// Whether the file may be read by everybody, and every folder above it passed.
    fn open_to_all(&self, path: &str) -> bool {
        crate::facts::accounts::parts(path).iter().all(|part| {
            self.host.stat(part).is_ok_and(|stat| match stat.kind {
                FileKind::Dir => stat.mode & 0o001 != 0,
                _ => stat.mode & 0o004 != 0,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn seeds_are_found_and_nothing_of_them_is_kept() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"#cloud-config\npassword: hunter2\n").unwrap();
        let tree = Tree::new(Timestamp(0))
            .file("/etc/cloud/cloud.cfg", "users:\n  - default\ndisable_root: true\n")
            .file("/etc/cloud/cloud.cfg.d/50-site.cfg", "#cloud-config\npassword: hunter2\n")
            .with("/etc/cloud/cloud.cfg.d/50-site.cfg", |node| node.mode = 0o600)
            .file("/var/lib/cloud/instances/i-1/user-data.txt", packed.finish().unwrap())
            .file("/root/anaconda-ks.cfg", "rootpw --iscrypted $6$x$y\n");
        let seeds = read(&tree).unwrap();
        let shown: Vec<_> = seeds
            .files
            .iter()
            .map(|seed| format!("{} {} {:?}", seed.path, seed.open_to_all, seed.passwords.len()))
            .collect();
        assert_eq!(
            shown,
            [
                "/etc/cloud/cloud.cfg true 0",
                "/root/anaconda-ks.cfg true 1",
                "/etc/cloud/cloud.cfg.d/50-site.cfg false 1",
                "/var/lib/cloud/instances/i-1/user-data.txt true 1"
            ]
        );
        assert!(!format!("{seeds:?}").contains("hunter2") && !format!("{seeds:?}").contains("$6$"));
    }

    #[test]
    fn what_cannot_be_read_is_a_gap() {
        let tree = Tree::new(Timestamp(0))
            .node("/etc/cloud/cloud.cfg", FileKind::Other, b"")
            .file("/var/lib/cloud/seed/nocloud/user-data", b"\x1f\x8b\x08nonsense");
        assert_eq!(read(&tree).unwrap().gaps.len(), 2);
        assert!(read(&Tree::new(Timestamp(0))).is_err());
    }
}
