//! A root on this machine's disk: a mounted image, a chroot, a tree made for a test. Nothing in it leads out of it.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use checks::date::Timestamp;
use checks::gap::Gap;
use checks::host::{Command, FileKind, Host, Output, Query, Stat, System};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

use super::files::{self, HANDLE, LINK_HANDLE, Resolve};

/// A root folder, judged as of an instant.
#[derive(Debug)]
pub(crate) struct Root {
    folder: OwnedFd,
    now: Timestamp,
    system: System,
    /// The kernel's own folders that are empty here: what would be in them is not absent, it is not known.
    unmounted: Vec<&'static str>,
}

impl Root {
    /// Opens a folder as a root.
    ///
    /// # Errors
    /// Says why it cannot be opened.
    pub(crate) fn new(folder: &str, now: Timestamp) -> Result<Self, Gap> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let folder = fcntl::open(folder, flags, Mode::empty()).map_err(|errno| files::gap(folder, errno))?;
        let mut root = Self { folder, now, system: System::Linux, unmounted: Vec::new() };
        if root.stat("/System/Library/CoreServices/SystemVersion.plist").is_ok() {
            root.system = System::MacOs;
        }
        root.unmounted = ["/proc", "/sys"]
            .into_iter()
            .filter(|dir| root.list(dir).is_ok_and(|names| names.is_empty()))
            .collect();
        Ok(root)
    }

    /// What is absent only because nothing runs here is known on the running machine alone.
    fn running_only<T>(&self, path: &str, answer: Result<T, Gap>) -> Result<T, Gap> {
        let below = |dir: &&str| path.strip_prefix(*dir).is_some_and(|rest| rest.starts_with('/'));
        answer.map_err(|gap| {
            if gap.is_absent() && self.unmounted.iter().any(below) { Gap::offline(path) } else { gap }
        })
    }
}

impl Resolve for Root {
    #[cfg(target_os = "linux")]
    fn handle(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        use nix::fcntl::{OpenHow, ResolveFlag};
        let how = OpenHow::new()
            .flags(flags)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        match fcntl::openat2(self.folder.as_fd(), path, how) {
            // Kernels before 5.6, and sandboxes that do not know the call. EAGAIN: something was renamed meanwhile.
            Err(Errno::ENOSYS | Errno::EPERM | Errno::EAGAIN) => walk(&self.folder, path, flags),
            other => other,
        }
    }
    #[cfg(not(target_os = "linux"))]
    fn handle(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        walk(&self.folder, path, flags)
    }
    fn link(&self, path: &str) -> Result<OsString, Errno> {
        let (parent, name) = path.trim_end_matches('/').rsplit_once('/').ok_or(Errno::EINVAL)?;
        let parent = self.handle(if parent.is_empty() { "/" } else { parent }, HANDLE)?;
        // `..` and an empty name are no symlinks, which is what the kernel will say.
        fcntl::readlinkat(parent.as_fd(), if name.is_empty() { "." } else { name })
    }
    #[cfg(target_os = "linux")]
    fn top(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(self.folder.as_fd())
    }
}

/// Resolves a path component by component, each opened without following links, so that `..` and absolute symlinks
/// stay below the root whatever is renamed meanwhile.
fn walk(root: &OwnedFd, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
    let follow = !flags.contains(LINK_HANDLE);
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut folders = vec![root.try_clone().map_err(|_| Errno::EMFILE)?];
    let mut links = 0;
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                folders.truncate(folders.len().saturating_sub(1).max(1));
                continue;
            }
            _ => {}
        }
        let last = !todo.iter().any(|rest| !rest.is_empty() && rest != ".");
        let here = folders.last().ok_or(Errno::ENOENT)?;
        match fcntl::readlinkat(here.as_fd(), part.as_str()) {
            Ok(target) if !last || follow => {
                links += 1;
                if links > 40 {
                    return Err(Errno::ELOOP);
                }
                let target = target.into_string().map_err(|_| Errno::EILSEQ)?;
                if target.starts_with('/') {
                    folders.truncate(1);
                }
                todo.extend(target.split('/').rev().map(str::to_owned));
            }
            // No symlink, or one that is wanted itself. Should it become one meanwhile, it is opened and not followed.
            _ => folders.push(fcntl::openat(here.as_fd(), part.as_str(), LINK_HANDLE, Mode::empty())?),
        }
    }
    folders.pop().ok_or(Errno::ENOENT)
}

impl Host for Root {
    fn system(&self) -> System {
        self.system
    }
    fn now(&self) -> Timestamp {
        self.now
    }
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        self.running_only(path, files::read(self, path, None, limit))
    }
    fn read_as(&self, path: &str, uid: u32, limit: usize) -> Result<Vec<u8>, Gap> {
        self.running_only(path, files::read(self, path, Some(uid), limit))
    }
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap> {
        let opened = files::open(self, path, FileKind::File, None);
        self.running_only(path, opened).map(|(file, _)| Box::new(file) as Box<dyn Read>)
    }
    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        self.running_only(path, files::read_at(self, path, FileKind::File, offset, len))
    }
    fn read_block_device(&self, path: &str, _offset: u64, _len: usize) -> Result<Vec<u8>, Gap> {
        // A device node of an image names a device of this machine, which is not the image's.
        Err(Gap::offline(path))
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap> {
        self.running_only(dir, files::list(self, dir))
    }
    fn stat(&self, path: &str) -> Result<Stat, Gap> {
        let handle = self.handle(path, HANDLE).map_err(|errno| files::gap(path, errno));
        files::stat(path, &self.running_only(path, handle)?.into())
    }
    fn stat_link(&self, path: &str) -> Result<Stat, Gap> {
        let handle = self.handle(path, LINK_HANDLE).map_err(|errno| files::gap(path, errno));
        files::stat(path, &self.running_only(path, handle)?.into())
    }
    fn read_link(&self, path: &str) -> Result<String, Gap> {
        self.running_only(path, files::read_link(self, path))
    }
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        Err(Gap::offline(query.subject()))
    }
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        Err(Gap::offline(format!("the answer of {}", command.program)))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use checks::gap::GapKind;

    use super::*;

    /// Both ways of resolving must give the same answers.
    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        std::fs::create_dir_all(at("etc/deep/er")).unwrap();
        std::fs::write(at("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", at("absolute")).unwrap();
        symlink("../../../../../../../../etc/passwd", at("etc/deep/er/climbs")).unwrap();
        symlink("/etc", at("folder")).unwrap();
        symlink("/proc/self/root/etc/passwd", at("magic")).unwrap();
        symlink("loop", at("loop")).unwrap();
        dir
    }

    #[test]
    fn no_symlink_leads_out_of_the_root() {
        let dir = tree();
        let root = Root::new(dir.path().to_str().unwrap(), Timestamp(0)).unwrap();
        for path in
            ["/absolute", "/etc/deep/er/climbs", "/folder/passwd", "/../../etc/passwd", "/folder/../absolute"]
        {
            assert_eq!(root.read(path, 100).unwrap(), b"inside", "{path}");
            let walked = walk(&root.folder, path, HANDLE).unwrap();
            let stat = files::stat(path, &walked.into()).unwrap();
            assert_eq!((stat.size, stat.kind), (6, FileKind::File), "{path}");
        }
        assert!(root.read("/magic", 100).is_err());
        assert!(walk(&root.folder, "/magic", HANDLE).is_err());
        assert_eq!(root.read("/loop", 100).unwrap_err().why, GapKind::Malformed);
        assert_eq!(walk(&root.folder, "/loop", HANDLE).unwrap_err(), Errno::ELOOP);
        assert_eq!(root.read_link("/absolute").unwrap(), "/etc/passwd");
        assert_eq!(root.stat_link("/absolute").unwrap().kind, FileKind::Symlink);
        let link = walk(&root.folder, "/absolute", LINK_HANDLE).unwrap();
        assert_eq!(files::stat("/absolute", &link.into()).unwrap().kind, FileKind::Symlink);
        assert_eq!(root.list("/folder").unwrap(), ["deep", "passwd"]);
    }

    #[test]
    fn what_is_no_regular_file_is_never_read() {
        let dir = tree();
        let root = Root::new(dir.path().to_str().unwrap(), Timestamp(0)).unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
        std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        std::fs::File::create(dir.path().join("sparse")).unwrap().set_len(10 << 30).unwrap();
        for (path, why) in [
            ("/fifo", GapKind::Unsupported),
            ("/socket", GapKind::Unsupported),
            ("/etc", GapKind::Unsupported),
            ("/sparse", GapKind::TooLarge),
            ("/none", GapKind::Absent),
            ("/etc/passwd/below", GapKind::Absent),
        ] {
            assert_eq!(root.read(path, 1 << 20).unwrap_err().why, why, "{path}");
        }
        assert_eq!(root.read_at("/sparse", 9 << 30, 4).unwrap(), [0; 4]);
        assert_eq!(root.list("/fifo").unwrap_err().why, GapKind::Unsupported);
    }

    #[test]
    fn a_user_cannot_make_us_read_what_the_user_may_not() {
        let dir = tree();
        let root = Root::new(dir.path().to_str().unwrap(), Timestamp(0)).unwrap();
        let secret = dir.path().join("etc/shadow");
        std::fs::write(&secret, "root:$6$x").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        symlink("/etc/shadow", dir.path().join("authorized_keys")).unwrap();
        let owner = root.stat("/etc/shadow").unwrap().uid;
        assert_eq!(root.read_as("/authorized_keys", owner + 1000, 100).unwrap_err().why, GapKind::Denied);
        if owner != 0 {
            assert!(root.read_as("/authorized_keys", owner, 100).is_ok());
        }
        assert!(root.read_as("/etc/passwd", owner + 1000, 100).is_ok());
    }

    #[test]
    fn what_only_a_running_kernel_shows_is_not_absent_from_an_image() {
        let dir = tree();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        let root = Root::new(dir.path().to_str().unwrap(), Timestamp(0)).unwrap();
        assert_eq!(root.read("/proc/net/tcp", 100).unwrap_err().why, GapKind::Offline);
        assert_eq!(root.stat("/proc/xen").unwrap_err().why, GapKind::Offline);
        assert_eq!(root.read("/sys/x", 100).unwrap_err().why, GapKind::Absent, "there is no /sys at all");
        assert_eq!(root.read("/etc/none", 100).unwrap_err().why, GapKind::Absent);
        std::fs::create_dir_all(dir.path().join("proc/1")).unwrap();
        let running = Root::new(dir.path().to_str().unwrap(), Timestamp(0)).unwrap();
        assert_eq!(running.read("/proc/net/tcp", 100).unwrap_err().why, GapKind::Absent);
    }
}
