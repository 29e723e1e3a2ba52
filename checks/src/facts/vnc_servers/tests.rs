//! Hosts with VNC servers. No real program stands behind the settings of wayvnc and of TigerVNC's sessions: they are typed
//! from the manuals and the scripts; what runs is proved with a real Xtigervnc in tests/lab/transitions.

use super::*;
use crate::date::Timestamp;
use crate::facts::processes::{Open, Process, Processes};
use crate::facts::{accounts, units};
use crate::gap::GapKind;
use crate::host::{FileKind, Tree};

const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

fn machine() -> Tree {
    Tree::new(Timestamp(0))
        .file("/usr/lib/systemd/systemd", "")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
}

fn servers(tree: Tree, running: &[(&str, &str)]) -> VncServers {
    let mut tree = tree;
    let mut list = Vec::new();
    for (pid, (exe, line)) in (500_u32..).zip(running) {
        let words = format!("{exe} {line}").trim_end().replace(' ', "\0") + "\0";
        tree = tree.file(&format!("/proc/{pid}/cmdline"), words);
        list.push(Process {
            pid,
            exe: Ok(format!("/usr/bin/{exe}")).into(),
            uid: 1000,
            open: Ok(Open::default()).into(),
            ..Process::default()
        });
    }
    let facts = Facts {
        accounts: accounts::read(&tree).into(),
        units: units::read(&tree).into(),
        processes: Ok(Processes { list, ..Processes::default() }).into(),
        ..Facts::default()
    };
    let servers = read(&tree, &facts).unwrap();
    let text = toml::to_string(&servers).unwrap();
    assert_eq!(toml::from_str::<VncServers>(&text).unwrap(), servers);
    assert!(!text.contains("seventeen"), "a password got into the facts");
    servers
}

/// `program: types` of each, or the kind of gap.
fn shown(servers: &VncServers) -> Vec<String> {
    let takes = |server: &VncServer| match server.takes.known() {
        Ok(list) => list.iter().map(Scheme::name).collect::<Vec<_>>().join(","),
        Err(gap) => format!("{:?}", gap.why),
    };
    servers.servers.iter().map(|server| format!("{}: {}", server.program, takes(server))).collect()
}

#[test]
fn what_runs_is_told_by_its_command_line() {
    let running = [
        ("Xtigervnc", ":1 -SecurityTypes VncAuth -rfbauth /home/ann/.vnc/passwd"),
        ("x11vnc", "-passwd seventeen -norc"),
        ("Xvnc", ":2 -rfbport -1"),
        ("bash", "-vnc"),
        ("vino-server", ""),
    ];
    let tree = machine().file("/home/ann/.vnc/passwd", "seventeen").file("/etc/x11vnc.pass", "");
    let found = servers(tree, &running);
    assert_eq!(shown(&found), ["Xtigervnc: VncAuth", "x11vnc: VncAuth"]);
    assert_eq!(found.servers[0].account, "ann");
    assert_eq!(found.password_files, ["/home/ann/.vnc/passwd"], "and not the empty one");
}

/// An enabled session of Debian's or of TigerVNC's own unit.
fn session(debian: bool, files: &[(&str, &str)]) -> String {
    let (name, starter) =
        if debian { ("tigervncserver", "tigervncsession-start") } else { ("vncserver", "vncsession-start") };
    let unit = format!(
        "[Service]\nType=forking\nExecStart=/usr/libexec/{starter} %i\n[Install]\nWantedBy=multi-user.target\n"
    );
    let template = format!("/usr/lib/systemd/system/{name}@.service");
    let mut tree = machine()
        .file(&template, unit)
        .link(&format!("{WANTS}/{name}@:1.service"), &template)
        .file(USERS, "# users\n:11=bob\n:1=ann \n:1=bob\n");
    for (path, text) in files {
        tree = tree.file(path, text);
    }
    let found = servers(tree, &[]);
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    shown(&found).join("; ")
}

const USERS: &str = "/etc/tigervnc/vncserver.users";
const DEFAULTS: &str = "/etc/tigervnc/vncserver-config-defaults";
const MANDATORY: &str = "/etc/tigervnc/vncserver-config-mandatory";

#[test]
fn the_machine_has_the_first_and_the_last_word() {
    let says = |files: &[(&str, &str)]| session(false, files).replace("vncserver@:1.service: ", "");
    let own = "/home/ann/.config/tigervnc/config";
    assert_eq!(says(&[]), "TLSVnc,VncAuth");
    assert_eq!(says(&[(DEFAULTS, "# x\nsecuritytypes=none\nlocalhost\n")]), "None");
    assert_eq!(says(&[(DEFAULTS, "securitytypes=none"), (own, "SecurityTypes = TLSPlain")]), "TLSPlain");
    assert_eq!(says(&[(own, "securitytypes=none\nsecuritytypes=x509vnc\n")]), "X509Vnc");
    assert_eq!(says(&[(MANDATORY, "SecurityTypes=RA2"), (own, "securitytypes=none")]), "RA2");
    assert_eq!(says(&[("/home/ann/.vnc/config", "securitytypes=vncauth")]), "VncAuth");
    assert_eq!(
        says(&[("/home/ann/.vnc/config", "securitytypes=vncauth"), (own, "securitytypes=none")]),
        "Unsupported"
    );
    assert_eq!(says(&[(own, "\0\n=\nsecuritytypes=\0none")]), "none", "no type that TigerVNC knows");
}

#[test]
fn debian_has_settings_in_perl() {
    let says = |files: &[(&str, &str)]| session(true, files).replace("tigervncserver@:1.service: ", "");
    let own = "/home/ann/.vnc/tigervnc.conf";
    assert_eq!(says(&[(DEFAULTS, "# $SecurityTypes = \"None\";\n1;\n")]), "VncAuth");
    assert_eq!(says(&[(own, "$SecurityTypes = \"X509Plain\";\n1;\n")]), "X509Plain");
    assert_eq!(
        says(&[(own, "$SecurityTypes = \"None\";"), (MANDATORY, "$SecurityTypes = 'TLSVnc';")]),
        "TLSVnc"
    );
    assert_eq!(says(&[(own, "$SecurityTypes = lc(\"NONE\");")]), "Unsupported");
    assert_eq!(says(&[(own, "$depth = 24;"), ("/home/ann/.vnc/config", "securitytypes=none")]), "VncAuth");
    assert_eq!(says(&[("/home/ann/.vnc/config", "securitytypes=none")]), "None");
}

#[test]
fn an_account_owns_its_settings_and_may_put_anything_there() {
    let start = |change: fn(Tree) -> Tree| {
        let template = "/usr/lib/systemd/system/vncserver@.service";
        let tree = machine()
            .file(template, "[Service]\nExecStart=/usr/libexec/vncsession-start %i\n")
            .link(&format!("{WANTS}/vncserver@:1.service"), template)
            .file(USERS, ":1=ann\n");
        let found = servers(change(tree), &[]);
        found.servers[0].takes.known().map(|_| ()).map_err(|gap| gap.why)
    };
    const OWN: &str = "/home/ann/.vnc/config";
    assert_eq!(start(|tree| tree.node(OWN, FileKind::Other, b"")), Err(GapKind::Unsupported));
    assert_eq!(start(|tree| tree.file(OWN, "x".repeat(LONGEST + 1))), Err(GapKind::TooLarge));
    let shadow = |tree: Tree| {
        tree.file("/etc/shadow", "s").with("/etc/shadow", |node| node.mode = 0o600).link(OWN, "/etc/shadow")
    };
    assert_eq!(start(shadow), Err(GapKind::Denied));
    assert_eq!(start(|tree| tree.refuse(MANDATORY, Gap::denied("x"))), Err(GapKind::Denied));
    assert_eq!(start(|tree| tree.file(USERS, ":1=carl\n")), Err(GapKind::Absent));
    assert_eq!(start(|tree| tree.file(USERS, "none\n")), Err(GapKind::Unsupported));
    assert_eq!(start(|tree| tree.file(OWN, "SECURITYTYPES=".repeat(4000))), Ok(()));
}

#[test]
fn a_unit_and_its_process_are_one_where_they_ask_for_the_same() {
    let unit = |line: &str| {
        machine()
            .file(
                "/etc/systemd/system/desk.service",
                format!("[Service]\nExecStart=/usr/bin/{line}\n[Install]\nWantedBy=multi-user.target\n"),
            )
            .link(&format!("{WANTS}/desk.service"), "/etc/systemd/system/desk.service")
    };
    let running = [("x11vnc", "-norc -rfbauth /etc/p")];
    let one = servers(unit("x11vnc -norc -rfbauth /etc/p"), &running);
    assert_eq!((shown(&one), one.servers[0].starts), (vec!["x11vnc: VncAuth".to_owned()], Starts::Boot));
    let two = servers(unit("x11vnc -norc -ssl SAVE -rfbauth /etc/p"), &running);
    assert_eq!(shown(&two), ["x11vnc: VncAuth", "desk.service: TLSVnc"]);
    let wrapped = servers(unit("env X=1 runuser -u ann -- vncserver :1"), &[]);
    assert_eq!(shown(&wrapped), ["desk.service: Unsupported"]);
    let unknown = read(&machine(), &Facts::default()).unwrap();
    assert_eq!(unknown.gaps.len(), 2, "neither processes nor units");
}
