//! What hostduty forbids itself where the kernel lets it: to change the host, to reach an internet address, to start a program.
//!
//! The thread that looks at the host loses the right to write, connect and execute (seccomp). What has to be written is
//! handed to another thread, which can write below the folders that were named and nowhere else (Landlock). It is another
//! thread because Landlock takes more than the right to write: who is under it sees no other process's open files. A third
//! thread starts the program that signs, where something is to be signed, and can start no other.

#[cfg(target_os = "linux")]
mod hands;
#[cfg(target_os = "linux")]
mod look;

use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
static WRITES: std::sync::OnceLock<hands::Hands> = std::sync::OnceLock::new();
#[cfg(target_os = "linux")]
static STARTS: std::sync::OnceLock<hands::Hands> = std::sync::OnceLock::new();

/// Confines this thread and all that it starts; files are written through [`write()`] from now on, below these folders, and
/// the program is started through [`start()`]. A kernel without seccomp or Landlock does without, as does another system.
#[cfg(target_os = "linux")]
pub(crate) fn confine(folders: Vec<PathBuf>, program: Option<&'static str>) {
    use hands::{Hands, May};
    crate::host::open_what_takes_writing();
    WRITES.get_or_init(|| Hands::start(May::Write(folders)));
    if let Some(program) = program {
        STARTS.get_or_init(|| Hands::start(May::Start(program)));
    }
    look::only();
}

/// Does something that writes files: in the writing thread, where there is one.
#[cfg(target_os = "linux")]
pub(crate) fn write<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match WRITES.get() {
        Some(hands) => hands.run(work),
        None => work(),
    }
}

/// Does something that starts the program: in the thread that may, where there is one.
#[cfg(target_os = "linux")]
pub(crate) fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match STARTS.get() {
        Some(hands) => hands.run(work),
        None => work(),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_: Vec<PathBuf>, _: Option<&'static str>) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn start<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// The folder that a file is written to.
pub(crate) fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};
    use std::process::Command;
    use std::{fs, thread};

    use super::*;

    #[test]
    fn who_looks_can_neither_write_nor_connect_nor_execute() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "before").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // A thread of its own: what is taken away does not come back.
        let (path, folder) = (file.clone(), dir.path().to_owned());
        thread::spawn(move || {
            if !look::only() {
                return;
            }
            let refused = |outcome: Result<(), std::io::Error>| {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PermissionDenied);
            };
            assert_eq!(fs::read_to_string(&path).unwrap(), "before");
            refused(fs::write(&path, "after"));
            refused(fs::write(folder.join("new"), "new"));
            refused(fs::create_dir(folder.join("folder")));
            refused(fs::remove_file(&path));
            refused(fs::rename(&path, folder.join("other")));
            refused(std::os::unix::fs::symlink("/", folder.join("link")));
            refused(fs::set_permissions(&path, fs::metadata(&path).unwrap().permissions()));
            refused(TcpStream::connect(("127.0.0.1", port)).map(drop));
            refused(UdpSocket::bind("127.0.0.1:0").map(drop));
            refused(Command::new("/bin/true").status().map(drop));
            // What it still has to do.
            drop(std::os::unix::net::UnixDatagram::unbound().unwrap());
            fs::read_dir("/proc/self/fd").unwrap().for_each(drop);
            let child = thread::spawn(move || fs::write(path, "after"));
            refused(child.join().unwrap());
        })
        .join()
        .unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "before");
    }

    #[test]
    fn who_writes_can_do_so_in_its_folders_only() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let hands = hands::Hands::start(hands::May::Write(vec![own.path().to_owned()]));
        let write = |path: PathBuf| hands.run(move || fs::write(path, "new").map_err(|error| error.kind()));
        assert_eq!(write(own.path().join("file")), Ok(()));
        let moved = (own.path().join("file"), own.path().join("moved"));
        assert!(hands.run(move || fs::rename(moved.0, moved.1)).is_ok());
        if hands.confined() {
            assert_eq!(write(other.path().join("file")), Err(ErrorKind::PermissionDenied));
            assert!(hands.run(|| Command::new("/bin/true").status()).is_err());
        }
        // What this thread may do is what it was.
        fs::write(other.path().join("file"), "new").unwrap();
    }

    #[test]
    fn who_starts_a_program_can_start_no_other_and_neither_can_that() {
        let dir = tempfile::tempdir().unwrap();
        // `env` starts what it is told.
        let hands = hands::Hands::start(hands::May::Start("/usr/bin/env"));
        if !hands.confined() {
            return;
        }
        let file = dir.path().join("file");
        let path = file.clone();
        hands.run(move || {
            assert!(Command::new("/usr/bin/env").output().unwrap().status.success());
            assert!(Command::new("/bin/true").status().is_err());
            let other = Command::new("/usr/bin/env").arg("/bin/true").output().unwrap();
            assert_eq!(other.status.code(), Some(126), "{other:?}");
            assert_eq!(fs::write(path, "new").unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(UdpSocket::bind("127.0.0.1:0").unwrap_err().kind(), ErrorKind::PermissionDenied);
            let listener = std::net::TcpListener::bind("127.0.0.1:0");
            assert_eq!(listener.unwrap_err().kind(), ErrorKind::PermissionDenied);
            drop(std::os::unix::net::UnixStream::pair().unwrap());
        });
        assert!(!file.exists());
    }
}
