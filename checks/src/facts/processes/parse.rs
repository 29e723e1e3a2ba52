//! The files of `/proc/PID`, as proc(5) and cgroups(7) give their form. Another process chooses some of the bytes, so
//! these parsers take anything; procfs-core's own panic on a `stat` without its parentheses.

/// PF_KTHREAD in linux/sched.h: the thread belongs to the kernel.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    /// A zombie, or dead.
    pub(super) ended: bool,
    pub(super) kernel_thread: bool,
    pub(super) threads: u32,
    /// Ticks from the start of the machine.
    pub(super) started: i64,
}

/// What `/proc/PID/status` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// The effective one.
    pub(super) uid: u32,
    /// It has a process id of its own in a PID namespace below.
    pub(super) contained: bool,
}

/// Reads `/proc/PID/stat`. The name may hold spaces and parentheses; the last one closes it.
pub(super) fn stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let (start, rest) = text.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let mut fields = rest.split_whitespace();
    // Counted from 3, as proc(5) counts them: state 3, flags 9, num_threads 20, starttime 22.
    let state = fields.next()?;
    let flags = fields.nth(5)?.parse::<u64>().ok()?;
    let threads = fields.nth(10)?.parse::<u32>().unwrap_or(u32::MAX);
    let started = fields.nth(1)?.parse::<i64>().ok()?;
    Some(Stat {
        name: name.to_owned(),
        ended: matches!(state, "Z" | "X" | "x"),
        kernel_thread: flags & KERNEL_THREAD != 0,
        threads,
        started,
    })
}

/// Reads `/proc/PID/status`.
pub(super) fn status(bytes: &[u8]) -> Option<Status> {
    let text = String::from_utf8_lossy(bytes);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Some(Status {
        uid: field("Uid")?.split_whitespace().nth(1)?.parse().ok()?,
        contained: field("NSpid").is_some_and(|ids| ids.split_whitespace().count() > 1),
    })
}

/// Reads the moment at which the machine started from /proc/stat.
pub(super) fn boot_time(bytes: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// The systemd unit in `/proc/PID/cgroup`: the first part of the path that is no slice. A path that begins with
/// something else belongs to a container manager, and what comes deeper is not the host's unit.
pub(super) fn unit(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let path = |wanted: fn(&str, &str) -> bool| {
        text.lines().take(64).find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (hierarchy, controllers) = (fields.next()?, fields.next()?);
            fields.next().filter(|path| wanted(hierarchy, controllers) && *path != "/")
        })
    };
    let path = path(|_, controllers| controllers == "name=systemd")
        .or_else(|| path(|hierarchy, controllers| hierarchy == "0" && controllers.is_empty()))?;
    let part = path.split('/').find(|part| !part.is_empty() && !part.ends_with(".slice"))?;
    let name = part.strip_prefix('_').unwrap_or(part);
    let known = [".service", ".scope", ".socket", ".mount", ".swap"].iter().any(|end| name.ends_with(end));
    (known && name.len() <= 255).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_hosts_own() {
        for (cgroup, expected) in [
            ("0::/system.slice/ssh.service\n", Some("ssh.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service\n", Some("getty@tty1.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n",
                Some("user@1000.service"),
            ),
            ("0::/system.slice/docker-12ab.scope/system.slice/ssh.service\n", Some("docker-12ab.scope")),
            ("0::/lxc.payload.web/system.slice/ssh.service\n", None),
            ("0::/../../system.slice/ssh.service\n", None),
            ("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/\n", Some("cron.service")),
            ("1:name=systemd:/\n0::/system.slice/cron.service\n", Some("cron.service")),
            ("0::/\n", None),
            ("", None),
            (":::::::\n\0\n0:\n::\n", None),
        ] {
            assert_eq!(unit(cgroup.as_bytes()).as_deref(), expected, "{cgroup}");
        }
    }

    #[test]
    fn nonsense_is_nothing() {
        for bytes in [
            &b""[..],
            b")",
            b"(",
            b")(",
            b"1 (x)",
            b"1 (\xff) S 1",
            b"1 (x) S 1 1 1 0 -1 99999999999999999999 0",
        ] {
            assert_eq!(stat(bytes), None);
        }
        for bytes in [&b""[..], b"Uid:", b"Uid:\t0", b"Uid:\t0\t-1\t0\t0", b"\xff\xfe"] {
            assert_eq!(status(bytes), None);
        }
        assert_eq!(boot_time(b"btime x\n"), None);
    }

    #[test]
    fn a_container_shows_in_the_list_of_process_ids() {
        assert!(status(b"Uid:\t0\t0\t0\t0\nNSpid:\t812\t1\n").unwrap().contained);
        assert!(!status(b"Uid:\t0\t0\t0\t0\nNSpid:\t812\n").unwrap().contained);
    }
}
