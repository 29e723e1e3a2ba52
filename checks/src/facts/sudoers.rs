//! Who may become root through sudo, and how.

mod command;
mod cursor;
mod doas;
mod evaluate;
mod grammar;
mod names;
mod reader;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::accounts::{Accounts, sources};
use crate::gap::Gap;
use crate::host::{Host, SMALL};

/// More gaps than this are only counted.
const MOST_GAPS: usize = 100;
/// More names than this in all grants together are a gap.
const MOST_NAMES: usize = 10_000;

/// Who may run what through sudo(8) or doas(1) without typing a password. Rules that ask for one are read, because
/// they may override, and not kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sudoers {
    /// Every file that was read, in the order in which sudo reads them. Empty when neither program is configured.
    pub files: Vec<String>,
    /// Permissions that take no password.
    pub grants: Vec<Grant>,
    /// Sources of rules beyond the files, from the `sudoers:` line of nsswitch.conf(5), such as `sss` or `ldap`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_sources: Vec<String>,
    /// Files that could not be read and lines that were not understood. Whoever judges all rules must mention them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One rule that lets somebody run commands without typing a password.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grant {
    /// Users, `#uid`, `%groups`, `+netgroups` or `ALL`, with aliases resolved. Exceptions (`!name`) are left out.
    pub who: Vec<String>,
    /// Those of them whom a later rule asks for the password all the same: in sudoers(5) the last match counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
    /// Whether any command may be run. Commands that are excepted (`ALL, !/bin/su`) do not make it less.
    pub all_commands: bool,
    /// The commands, without their arguments, with aliases resolved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Whether root is among those as whom the commands may run.
    pub as_root: bool,
    /// As whom the commands may run, when root is not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub as_users: Vec<String>,
    /// What takes the password away.
    pub by: By,
    /// The file.
    pub path: String,
    /// The line in it, from 1; the first one of a continued line.
    pub line: u32,
}

/// What takes the password away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The tag `NOPASSWD:` of sudoers(5).
    #[default]
    Nopasswd,
    /// `Defaults !authenticate`: it concerns whoever has any rule.
    NotAuthenticate,
    /// `Defaults exempt_group`: likewise.
    ExemptGroup,
    /// `nopass` of doas.conf(5).
    Nopass,
}

impl By {
    /// As it is written in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nopasswd => "NOPASSWD",
            Self::NotAuthenticate => "!authenticate",
            Self::ExemptGroup => "exempt_group",
            Self::Nopass => "nopass",
        }
    }
}

/// Reads sudoers(5) with all that it includes, and doas.conf(5). The file of sudo-rs is read as well: which of the two
/// programs is called `sudo` is not known here.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Sudoers, Gap> {
    let nobody = Accounts::default();
    let accounts = facts.accounts.value().unwrap_or(&nobody);
    let mut sudoers = Sudoers::default();
    let mut first = Ok(());
    // sudo reads the vendor's file only where the administrator has none.
    for main in [&["/etc/sudoers", "/usr/etc/sudoers"][..], &["/etc/sudoers-rs"]] {
        for path in main {
            let mut reader = reader::Reader::new(host);
            match reader.main(path) {
                Ok(()) => {
                    evaluate::evaluate(&reader.lines, accounts, &mut sudoers.grants, &mut reader.gaps);
                    sudoers.files.append(&mut reader.files);
                    sudoers.gaps.append(&mut reader.gaps);
                    break;
                }
                Err(gap) if gap.is_absent() => {}
                Err(gap) => {
                    sudoers.gaps.push(gap.clone());
                    first = first.and(Err(gap));
                    break;
                }
            }
        }
    }
    doas::read(host, accounts, &mut sudoers);
    // Without a single file the reason why there is none is all that is known.
    if sudoers.files.is_empty() {
        first?;
        host.stat("/etc")?;
    }
    other_policies(host, &mut sudoers);
    let mut names = 0_usize;
    let before = sudoers.grants.len();
    sudoers.grants.retain(|grant| {
        names = names.saturating_add(grant.who.len());
        names <= MOST_NAMES
    });
    if sudoers.grants.len() < before {
        sudoers.gaps.insert(0, Gap::too_large("the list of those who need no password"));
    }
    let more = sudoers.gaps.len().saturating_sub(MOST_GAPS);
    if more > 0 {
        sudoers.gaps.truncate(MOST_GAPS);
        sudoers.gaps.push(Gap::unsupported(format!("{more} more lines or files that were not understood")));
    }
    Ok(sudoers)
}

/// Rules from a directory, and a sudo.conf(5) that leads away from the files.
fn other_policies(host: &dyn Host, sudoers: &mut Sudoers) {
    if let Ok(content) = host.read("/etc/nsswitch.conf", SMALL) {
        sudoers.other_sources = sources::services(&String::from_utf8_lossy(&content), "sudoers");
        sudoers.other_sources.retain(|source| source != "files");
    }
    let content = match host.read("/etc/sudo.conf", SMALL) {
        Ok(content) => content,
        Err(gap) if gap.is_absent() => return,
        Err(gap) => return sudoers.gaps.push(gap),
    };
    for (line, number) in String::from_utf8_lossy(&content).lines().zip(1_u32..) {
        let mut words = line.split_whitespace();
        if words.next() != Some("Plugin") {
            continue;
        }
        let own =
            words.nth(1).is_some_and(|object| object == "sudoers.so" || object.ends_with("/sudoers.so"));
        if !own || words.any(|argument| argument.starts_with("sudoers_file=")) {
            let what = format!(
                "/etc/sudo.conf:{number}: a policy plugin or a sudoers file that hostduty does not read"
            );
            return sudoers.gaps.push(Gap::unsupported(what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::{GapKind, Reading};
    use crate::host::{FileKind, Tree};

    fn facts() -> Facts {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/passwd", "root:x:0:0::/root:\nada:x:1000:1000::/home/ada:\n")
            .file("/etc/group", "sudo:x:27:ada\n");
        Facts { accounts: crate::facts::accounts::read(&tree).into(), ..Facts::default() }
    }

    fn sudoers(tree: &Tree) -> Sudoers {
        let sudoers = read(tree, &facts()).unwrap();
        let facts = Facts { sudoers: Reading::Known(sudoers.clone()), ..Facts::default() };
        assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
        sudoers
    }

    #[test]
    fn the_file_of_a_cloud_image_is_found_in_its_place() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n")
            .file("/etc/sudoers.d/90-cloud-init-users", "# Created by cloud-init\nada ALL=(ALL) NOPASSWD:ALL\n")
            .file("/etc/sudoers.d/README", "# nothing\n")
            .file("/etc/sudoers.d/old~", "%sudo ALL=NOPASSWD: ALL\n")
            .file("/etc/sudoers.d/x.dpkg-old", "%sudo ALL=NOPASSWD: ALL\n");
        let seen = sudoers(&tree);
        assert_eq!(
            seen.files,
            ["/etc/sudoers", "/etc/sudoers.d/90-cloud-init-users", "/etc/sudoers.d/README"]
        );
        let [grant] = seen.grants.as_slice() else { panic!("{seen:?}") };
        assert_eq!((grant.path.as_str(), grant.line), ("/etc/sudoers.d/90-cloud-init-users", 2));
        assert_eq!(
            (grant.who.as_slice(), grant.all_commands, grant.as_root),
            (&["ada".to_owned()][..], true, true)
        );
        assert!(grant.overridden.is_empty() && seen.gaps.is_empty(), "{seen:?}");
    }

    #[test]
    fn a_denied_file_is_a_gap_and_no_file_is_an_answer() {
        let denied = Tree::new(Timestamp(0)).refuse("/etc/sudoers", Gap::denied("/etc/sudoers"));
        assert_eq!(read(&denied, &facts()).unwrap_err().why, GapKind::Denied);
        assert_eq!(sudoers(&Tree::new(Timestamp(0)).dir("/etc")), Sudoers::default());
        assert!(read(&Tree::new(Timestamp(0)), &facts()).unwrap_err().is_absent(), "nothing was measured");
        let part = Tree::new(Timestamp(0))
            .file("/etc/sudoers", "@includedir /etc/sudoers.d\n")
            .refuse("/etc/sudoers.d/a", Gap::denied("/etc/sudoers.d/a"));
        assert_eq!(sudoers(&part).gaps, [Gap::denied("/etc/sudoers.d/a")]);
    }

    #[test]
    fn includes_that_loop_or_lead_to_a_fifo_end() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/sudoers", "@include sudoers\n#include \"/etc/b c\"\n@includedir /etc/d\n@include /etc/fifo\n@includedir /etc/fifo\n")
            .file("/etc/b c", "@include /etc/b\\ c\n@include /etc/sudoers\nada ALL=NOPASSWD:ALL\n")
            .node("/etc/d/fifo", FileKind::Other, b"")
            .node("/etc/fifo", FileKind::Other, b"");
        let seen = sudoers(&tree);
        assert_eq!(seen.files, ["/etc/sudoers", "/etc/b c"]);
        assert_eq!(seen.grants.len(), 1);
        assert_eq!(seen.gaps.len(), 5, "{:?}", seen.gaps);
    }

    #[test]
    fn an_endless_file_is_bounded_and_says_so() {
        let rules = "ada ALL=NOPASSWD:ALL\n".repeat(20_000) + &"nonsense\n".repeat(20_000);
        let seen = sudoers(&Tree::new(Timestamp(0)).file("/etc/sudoers", rules));
        assert_eq!((seen.grants.len(), seen.gaps.len()), (MOST_NAMES, MOST_GAPS + 1));
        assert_eq!(seen.gaps[0].why, GapKind::TooLarge);
        let large = Tree::new(Timestamp(0)).file("/etc/sudoers", "#".repeat(SMALL + 1));
        assert_eq!(read(&large, &facts()).unwrap_err().why, GapKind::TooLarge);
    }

    #[test]
    fn what_sudo_refuses_or_takes_from_elsewhere_is_a_gap() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/sudoers", "ada ALL=NOPASSWD:ALL\n")
            .with("/etc/sudoers", |node| node.mode = 0o666);
        assert!(read(&tree, &facts()).unwrap_err().what.contains("refuses"));
        let tree = Tree::new(Timestamp(0))
            .file("/etc/sudoers", "ada ALL=ALL\n")
            .file("/etc/nsswitch.conf", "sudoers: files sss\n")
            .file("/etc/sudo.conf", "# x\nPlugin sudoers_policy sudoers.so sudoers_file=/tmp/x\n");
        let seen = sudoers(&tree);
        assert_eq!(seen.other_sources, ["sss"]);
        assert_eq!(seen.gaps.len(), 1, "{:?}", seen.gaps);
    }
}
