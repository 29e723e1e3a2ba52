//! VNC servers: command lines of those that run, their files of settings, and units that start sessions with one.

#![no_main]

use checks::check::Verdict;
use checks::host::Tree;
use hostduty_fuzz::{CANARY, PEOPLE, gather, host, parts, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/proc/7/cmdline",
    "/proc/8/cmdline",
    "/home/anna/.x11vncrc",
    "/home/anna/.config/wayvnc/config",
    "/proc/10/cmdline",
    "/etc/tigervnc/vncserver.users",
    "/etc/tigervnc/vncserver-config-defaults",
    "/home/anna/.config/tigervnc/config",
    "/home/anna/.vnc/tigervnc.conf",
    "/etc/systemd/system/desk.service",
    "/etc/tigervnc/vncserver-config-mandatory",
];
const ROOMS: &[&str] = &["units", "processes", "sockets", "vnc_servers"];

fn base() -> Tree {
    let wants = "/etc/systemd/system/multi-user.target.wants";
    let mut tree = host()
        .dir("/run/systemd/system")
        .file("/proc/stat", "btime 1000\n")
        .file("/proc/net/tcp", "  sl\n")
        .file("/proc/net/udp", "  sl\n")
        .link(&format!("{wants}/desk.service"), "/etc/systemd/system/desk.service");
    for name in ["vncserver", "tigervncserver"] {
        let template = format!("/usr/lib/systemd/system/{name}@.service");
        let starter = name.replace("server", "session-start");
        tree = tree
            .file(&template, format!("[Service]\nExecStart=/usr/libexec/{starter} %i\n"))
            .link(&format!("{wants}/{name}@:1.service"), &template);
    }
    let programs = [
        (1, "systemd", 0),
        (7, "Xtigervnc", 1000),
        (8, "x11vnc", 1000),
        (9, "wayvnc", 1000),
        (10, "qemu-system-x86_64", 0),
    ];
    for (pid, program, uid) in programs {
        tree = tree
            .file(
                &format!("/proc/{pid}/stat"),
                format!("{pid} ({program}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0 0\n"),
            )
            .file(&format!("/proc/{pid}/status"), format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nNSpid:\t7\n"))
            .link(&format!("/proc/{pid}/exe"), &format!("/usr/bin/{program}"))
            .dir(&format!("/proc/{pid}/fd"));
    }
    tree.file("/proc/9/cmdline", "wayvnc\0")
}

fuzz_target!(|data: &[u8]| {
    // Words of a command line stand on lines of their own.
    let words =
        |part: &[u8]| part.iter().map(|byte| if *byte == b'\n' { 0 } else { *byte }).collect::<Vec<u8>>();
    let mut tree = with_files(base(), data, FILES);
    for (path, part) in FILES.iter().zip(parts(data)).filter(|(path, _)| path.starts_with("/proc/")) {
        tree = tree.file(path, words(&part));
    }
    // The passwords among the arguments and settings stay where they are.
    if let Some(part) = parts(data).nth(1) {
        tree = tree.file(FILES[1], [&words(&part)[..], b"\0-passwd\0", CANARY.as_bytes()].concat());
    }
    gather(&tree, PEOPLE, ROOMS);
    let first = words(&parts(data).next().unwrap_or_default());
    if first.len() < 1_000_000 && first.iter().filter(|byte| **byte == 0).count() < 4_000 {
        let open = [&first[..], b"\0-rfbport=5901\0-SecurityTypes\0None\0"].concat();
        let facts = gather(&base().file(FILES[0], open), PEOPLE, ROOMS);
        let said = verdict(&facts, "remote-desktop-legacy-password");
        assert_eq!(said, Verdict::Fail, "a server that lets in everybody was lost");
    }
});
