use super::*;
use crate::date::Timestamp;
use crate::gap::Reading;
use crate::host::Tree;

const FIRST: &str = "5500-5510 r-xp 00000000 fe:00 1 /usr/lib/systemd/systemd\n";

/// A machine with a first process, and one of which the kernel says this.
fn machine(maps: &str) -> Tree {
    let tree = Tree::new(Timestamp(0)).file("/proc/stat", "btime 1000\n");
    let tree = process(tree, 1, "/usr/lib/systemd/systemd", "/init.scope").file("/proc/1/maps", FIRST);
    process(tree, 7, "/usr/sbin/nginx", "/system.slice/nginx.service").file("/proc/7/maps", maps)
}

fn process(tree: Tree, pid: u32, exe: &str, cgroup: &str) -> Tree {
    let name = exe.rsplit('/').next().unwrap();
    tree.file(
        &format!("/proc/{pid}/stat"),
        format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 50 0\n"),
    )
    .file(&format!("/proc/{pid}/status"), format!("Uid:\t0\t33\t0\t0\nNSpid:\t{pid}\n"))
    .link(&format!("/proc/{pid}/exe"), exe)
    .file(&format!("/proc/{pid}/cgroup"), format!("0::{cgroup}\n"))
    .dir(&format!("/proc/{pid}/fd"))
    .dir(&format!("/proc/{pid}/root"))
}

fn gathered(host: &Tree) -> Replaced {
    let processes = Reading::Known(processes::read(host).unwrap());
    let facts = Facts { processes, ..Facts::default() };
    let replaced = read(host, &facts).unwrap();
    let text = toml::to_string(&replaced).unwrap();
    assert_eq!(toml::from_str::<Replaced>(&text).unwrap(), replaced);
    replaced
}

/// The files of process 7, those that another replaced marked with a `+`.
fn files(host: &Tree) -> Vec<String> {
    let replaced = gathered(host);
    assert_eq!((replaced.unread, &replaced.gaps), (0, &Vec::new()));
    let mark = |file: &Code| format!("{}{}", if file.again { "+" } else { "" }, file.path);
    replaced.processes.iter().flat_map(|stale| stale.files.iter().map(mark)).collect()
}

fn mapped(path: &str, inode: u64) -> String {
    format!("5500-5510 r-xp 00000000 00:1f {inode}                {path}\n")
}

#[test]
fn code_that_was_replaced_or_removed() {
    let maps = [
        mapped("/usr/sbin/nginx (deleted)", 9),
        mapped("/usr/lib/libssl.so.3 (deleted)", 10),
        mapped("/usr/lib/libz.so.1.2.13 (deleted)", 11),
        mapped("/usr/lib/libc.so.6", 12),
        mapped("/srv/app/server (deleted)", 13),
        mapped("/srv/app/plug-in.so (deleted)", 14),
    ];
    let host = machine(&maps.concat())
        .file("/proc/7/root/usr/sbin/nginx", "")
        .file("/usr/lib/libssl.so.3", "")
        .file("/proc/7/root/srv/app/server", "");
    let replaced = gathered(&host);
    let [stale] = replaced.processes.as_slice() else { panic!("{replaced:?}") };
    assert_eq!((stale.pid, stale.name.as_str(), stale.uid), (7, "nginx", 33));
    assert_eq!((stale.unit.as_deref(), stale.group.as_deref()), (Some("nginx.service"), None));
    let expected =
        ["+/srv/app/server", "+/usr/lib/libssl.so.3", "/usr/lib/libz.so.1.2.13", "+/usr/sbin/nginx"];
    assert_eq!(files(&host), expected);
}

#[test]
fn what_is_deleted_and_no_update() {
    for path in [
        "/dev/zero",
        "/dev/shm/x",
        "/memfd:pulseaudio",
        "/SYSV00000000",
        "/[aio]",
        "/i915",
        "/anon_hugepage",
        "/tmp/ffiR9RirH",
        "/var/tmp/orcexec.X1",
        "/run/user/1000/orcexec.Ab",
        "/home/alice/.cache/jit.so",
        "/usr/#4711",
        "/var/lib/graylog-server/jna98137.tmp",
        "/var/lib/postgresql/15/main/x",
        "/var/log/journal/x.journal",
        "/usr/lib/locale/locale-archive",
        "/usr/share/mime/mime.cache",
        "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
    ] {
        assert_eq!(files(&machine(&mapped(&format!("{path} (deleted)"), 5))), [""; 0], "{path}");
    }
    // Data of a package that is mapped, and not as code.
    let data = "5500-5510 r--s 00000000 00:1f 5 /usr/lib/libx.so (deleted)\n";
    assert_eq!(files(&machine(data)), [""; 0]);
}

#[test]
fn a_name_that_ends_so_and_a_file_that_is_there_are_not_deleted() {
    let maps = mapped("/usr/lib/odd (deleted)", 5);
    assert_eq!(files(&machine(&maps)), ["/usr/lib/odd"]);
    let numbered =
        |path: &str, inode: u64| machine(&maps).file(path, "").with(path, |node| node.inode = inode);
    for path in ["/proc/7/root/usr/lib/odd (deleted)", "/proc/7/root/usr/lib/odd", "/usr/lib/odd"] {
        assert_eq!(files(&numbered(path, 5)), [""; 0], "{path}");
    }
    // Somebody else's file of that name hides nothing.
    assert_eq!(files(&numbered("/usr/lib/odd (deleted)", 6)), ["/usr/lib/odd"]);
    assert_eq!(files(&numbered("/usr/lib/odd", 6)), ["+/usr/lib/odd"]);
    // The same number on another disk is another file.
    let disk = "5500-5510 r-xp 0 fe:00 5 /usr/lib/odd (deleted)\n";
    let host = machine(disk).file("/usr/lib/odd", "").with("/usr/lib/odd", |node| node.inode = 5);
    assert_eq!(files(&host), ["+/usr/lib/odd"]);
    // Called so and deleted.
    assert_eq!(files(&machine(&mapped("/usr/lib/odd (deleted) (deleted)", 5))), ["/usr/lib/odd (deleted)"]);
    let host = machine(&mapped("/usr/lib/a\\012b (deleted)", 5)).file("/usr/lib/a\nb", "");
    assert_eq!(files(&host), ["+/usr/lib/a\\012b"]);
}

#[test]
fn what_is_no_unit_is_named_by_its_control_group() {
    for (cgroup, unit, group) in [
        ("/docker/4f2a/system.slice/x.service", None, Some("docker/4f2a")),
        ("/lxc.payload.web/system.slice/ssh.service", None, Some("lxc.payload.web")),
        ("/system.slice/docker-12ab.scope", Some("docker-12ab.scope"), None),
        ("/openrc.chronyd", None, Some("openrc.chronyd")),
        ("/../../x", None, None),
        ("/", None, None),
    ] {
        let host = process(machine(&mapped("/usr/lib/x.so (deleted)", 5)), 7, "/usr/sbin/nginx", cgroup);
        let replaced = gathered(&host);
        let stale = replaced.processes.first().unwrap();
        assert_eq!((stale.unit.as_deref(), stale.group.as_deref()), (unit, group), "{cgroup}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_and_what_has_ended_is_not() {
    let denied = machine("").refuse("/proc/7/maps", Gap::denied("/proc/7/maps"));
    let replaced = gathered(&denied);
    assert_eq!((replaced.unread, replaced.gaps), (1, vec![Gap::denied("/proc/7/maps")]));
    let broken = gathered(&machine("what\n"));
    assert_eq!((broken.unread, broken.gaps.len()), (1, 1));
    // Its list is empty and it goes on: the other threads have it.
    let empty = machine("");
    assert_eq!(gathered(&empty).unread, 1);
    let threads = empty
        .file("/proc/7/task/7/maps", "")
        .file("/proc/7/task/8/maps", mapped("/usr/lib/x.so (deleted)", 5));
    assert_eq!(files(&threads), ["/usr/lib/x.so"]);
    // It ended after it was listed.
    let facts =
        Facts { processes: Reading::Known(processes::read(&machine("")).unwrap()), ..Facts::default() };
    let ended = machine("").file("/proc/7/stat", "7 (nginx) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 50 0\n");
    assert_eq!(read(&ended, &facts).unwrap(), Replaced::default());
    let gone = Tree::new(Timestamp(0)).file("/proc/1/maps", FIRST);
    assert_eq!(read(&gone, &facts).unwrap(), Replaced::default());
    assert!(read(&gone, &Facts::default()).is_err());
}

#[test]
fn lists_without_end_are_bounded() {
    let many: String =
        (0..=FILES as u64).map(|n| mapped(&format!("/usr/lib/x{n}.so (deleted)"), n + 1)).collect();
    assert_eq!(files(&machine(&many)).len(), FILES);
    // None of the first is deleted after all.
    let host = (0..FILES as u64).fold(machine(&many), |host, n| {
        let path = format!("/usr/lib/x{n}.so");
        host.file(&path, "").with(&path, |node| node.inode = n + 1)
    });
    let replaced = gathered(&host);
    assert_eq!((replaced.unread, replaced.processes.len()), (1, 0));
    let long = mapped("/usr/lib/x.so", 1).repeat(ONE / 60);
    assert_eq!(gathered(&machine(&long)).unread, 1);
}
