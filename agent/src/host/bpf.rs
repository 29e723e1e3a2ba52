//! Asks the kernel which programs of BPF see packets, through bpf(2): only questions, nothing is loaded or attached.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use checks::gap::Gap;
use checks::host::BpfObject;
use nix::errno::Errno;

use crate::sys;

/// BPF_* of `enum bpf_attach_type`.
const CGROUP_INET_INGRESS: u32 = 0;
const SK_LOOKUP: u32 = 36;
const TCX_INGRESS: u32 = 46;
const TCX_EGRESS: u32 = 47;
const NETKIT_PRIMARY: u32 = 54;
const NETKIT_PEER: u32 = 55;
/// Programs of the folders above count as well.
const QUERY_EFFECTIVE: u32 = 1;
/// BPF_LINK_TYPE_NETFILTER
const LINK_NETFILTER: u32 = 10;

/// Folders of control groups, and links, that are looked at.
const BOUND: usize = 20_000;

/// The programs at one kind of place, a line for each; see [`checks::host::Query::Bpf`].
///
/// # Errors
/// Denied without CAP_NET_ADMIN, for netfilter without CAP_SYS_ADMIN.
pub(super) fn programs(object: BpfObject) -> Result<Vec<u8>, Gap> {
    let mut lines = String::new();
    let asked = match object {
        BpfObject::Interface(index) => interface(index, &mut lines),
        BpfObject::Namespace => namespace(&mut lines),
        BpfObject::ControlGroups => control_groups(&mut lines),
        BpfObject::Netfilter => netfilter(&mut lines),
    };
    match asked {
        Ok(()) => Ok(lines.into_bytes()),
        Err(Failure::Errno(Errno::ENOSYS)) if kernel_without_bpf() => Ok(Vec::new()),
        Err(Failure::Errno(Errno::EPERM | Errno::EACCES)) => {
            let privilege = if object == BpfObject::Netfilter { "CAP_SYS_ADMIN" } else { "CAP_NET_ADMIN" };
            Err(Gap::denied(format!("{}: needs {privilege} and the system call bpf", object.subject())))
        }
        Err(Failure::Errno(errno)) => {
            Err(Gap::unsupported(format!("the kernel does not answer about {}: {errno}", object.subject())))
        }
        Err(Failure::Gap(gap)) => Err(gap),
    }
}

/// A sandbox may pretend that a call does not exist; the setting is there whenever the call is.
fn kernel_without_bpf() -> bool {
    Path::new("/proc/sys/kernel/osrelease").exists()
        && !Path::new("/proc/sys/kernel/unprivileged_bpf_disabled").exists()
}

enum Failure {
    Errno(Errno),
    Gap(Gap),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// The programs of tcx and netkit, which rtnetlink does not show.
fn interface(index: u32, lines: &mut String) -> Result<(), Failure> {
    for (attach_type, hook) in [
        (TCX_INGRESS, "tc"),
        (TCX_EGRESS, "tc-egress"),
        (NETKIT_PRIMARY, "tc-egress"),
        (NETKIT_PEER, "tc-egress"),
    ] {
        let netkit = attach_type >= NETKIT_PRIMARY;
        match sys::bpf_attached(index, attach_type, 0) {
            Ok(programs) => programs.into_iter().for_each(|program| line(lines, hook, program, "")),
            // A kernel that does not know the kind of place; an interface without programs.
            Err(Errno::EINVAL | Errno::ENOENT | Errno::ENODEV) => {}
            // No netkit, or the end of one whose programs its other end shows.
            Err(Errno::ENXIO | Errno::EACCES) if netkit => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn namespace(lines: &mut String) -> Result<(), Failure> {
    let own = File::open("/proc/self/ns/net").map_err(|error| errno(&error))?;
    match sys::bpf_attached(number(&own)?, SK_LOOKUP, 0) {
        Ok(programs) => programs.into_iter().for_each(|program| line(lines, "socket-lookup", program, "")),
        Err(Errno::EINVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(())
}

fn control_groups(lines: &mut String) -> Result<(), Failure> {
    // Where the hierarchy is not mounted nobody has a folder to attach a program to.
    let Some(top) = mounted()? else { return Ok(()) };
    let mut todo = vec![top.clone()];
    let mut seen = 0;
    while let Some(folder) = todo.pop() {
        seen += 1;
        if seen > BOUND {
            return Err(Failure::Gap(Gap::too_large("the tree of control groups")));
        }
        let opened = match File::open(&folder) {
            Ok(opened) => opened,
            // It ended meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(errno(&error).into()),
        };
        // In a container the folder on top has others above it.
        let flags = if folder == top { QUERY_EFFECTIVE } else { 0 };
        let place = folder.strip_prefix(&top).unwrap_or(&folder).to_string_lossy().into_owned();
        match sys::bpf_attached(number(&opened)?, CGROUP_INET_INGRESS, flags) {
            Ok(programs) => {
                programs
                    .into_iter()
                    .for_each(|program| line(lines, "control-group", program, &format!("/{place}")));
            }
            Err(Errno::ENOENT | Errno::ENODEV) => continue,
            // A kernel whose control groups take no programs.
            Err(Errno::EINVAL) if folder == top => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        todo.extend(folders.map(|entry| entry.path()));
    }
    Ok(())
}

/// Where the one hierarchy of cgroup v2 is mounted as a whole.
fn mounted() -> Result<Option<PathBuf>, Failure> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| errno(&error))?;
    Ok(mount_of(&mounts).map(PathBuf::from))
}

/// The usual places before others, which may be hidden below another mount.
fn mount_of(mounts: &str) -> Option<&str> {
    let points: Vec<&str> = mounts
        .lines()
        .filter(|line| line.split_once(" - ").is_some_and(|(_, end)| end.starts_with("cgroup2 ")))
        .filter_map(|line| {
            let mut words = line.split(' ').skip(3);
            (words.next() == Some("/")).then(|| words.next()).flatten()
        })
        .collect();
    let usual = |point: &&&str| matches!(**point, "/sys/fs/cgroup" | "/sys/fs/cgroup/unified");
    points.iter().find(usual).or(points.first()).copied()
}

/// Programs at the hooks of netfilter, of every network namespace: the kernel does not tell which.
fn netfilter(lines: &mut String) -> Result<(), Failure> {
    let mut last = 0;
    for _ in 0..BOUND {
        last = match sys::bpf_link_after(last) {
            Ok(next) => next,
            Err(Errno::ENOENT) => return Ok(()),
            // Kernels before 5.8 have no such links.
            Err(Errno::EINVAL) => return Ok(()),
            Err(Errno::EPERM) if kernel_without_netfilter_links() => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        let link = match sys::bpf_link(last) {
            Ok(link) => link.map(halves),
            // It ended meanwhile.
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let [[kind, _], [program, _], [family, hook], ..] = link;
        if kind == LINK_NETFILTER {
            line(lines, "netfilter", program, &format!("{} {}", family_name(family), hook_name(hook)));
        }
    }
    Err(Failure::Gap(Gap::too_large("the list of links of BPF")))
}

/// Whether the kernel's own description of its types, which anybody may read, has none for such links.
fn kernel_without_netfilter_links() -> bool {
    let name = b"\0bpf_nf_link\0";
    let description = fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
    // One that lacks what every kernel with links has is not read as expected.
    let has = |name: &[u8]| description.windows(name.len()).any(|window| window == name);
    has(b"\0bpf_link_info\0") && !has(name)
}

/// The two numbers of 32 bits that lie in one of 64.
fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}

fn family_name(family: u32) -> String {
    match family {
        2 => "ip".to_owned(),
        10 => "ip6".to_owned(),
        other => other.to_string(),
    }
}

fn hook_name(hook: u32) -> String {
    let names = ["prerouting", "input", "forward", "output", "postrouting"];
    names.get(hook as usize).map_or_else(|| hook.to_string(), |name| (*name).to_owned())
}

/// The kernel lets names of programs be letters, digits, `_` and `.`, and no control group's contain a line end.
fn line(lines: &mut String, hook: &str, program: u32, place: &str) {
    let name = sys::bpf_program(program).map(|information| {
        let bytes: Vec<u8> = information.iter().skip(8).take(2).flat_map(|word| word.to_ne_bytes()).collect();
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace([' ', '\n', '\0'], "_")
    });
    // Without CAP_SYS_ADMIN the kernel tells the number only.
    let name = name.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "-".to_owned());
    lines.push_str(&format!("{hook} {program} {name} {place}\n"));
}

fn number(file: &File) -> Result<u32, Errno> {
    u32::try_from(file.as_raw_fd()).map_err(|_| Errno::EBADF)
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_hierarchy_is_looked_at_and_not_a_part_that_somebody_mounted() {
        let mounts = "30 1 0:1 / / rw - ext4 /dev/vda rw\n\
                      31 30 0:2 /user.slice /home/x rw - cgroup2 none rw\n\
                      32 30 0:2 / /mnt/lab rw shared:4 - cgroup2 none rw\n\
                      33 30 0:2 / /sys/fs/cgroup rw,nosuid shared:5 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount_of(mounts), Some("/sys/fs/cgroup"));
        assert_eq!(mount_of(&mounts[..mounts.len() - 70]), Some("/mnt/lab"));
        assert_eq!(mount_of("36 30 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), None);
    }
}
