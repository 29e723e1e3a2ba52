//! Hosts of each distribution and of each kind of administrator: what starts an SSH server there, and with what.

use super::*;
use crate::date::Timestamp;
use crate::facts::processes::{Open, Process, Processes};
use crate::facts::sockets::{Protocol, Socket, Sockets};
use crate::facts::units;
use crate::gap::{GapKind, Reading};
use crate::host::Tree;

const DEBIAN: &str = "[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStartPre=/usr/sbin/sshd -t\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

fn systemd() -> Tree {
    Tree::new(Timestamp(0)).file("/usr/lib/systemd/systemd", "").file("/usr/sbin/sshd", "")
}

fn debian() -> Tree {
    systemd()
        .file("/usr/lib/systemd/system/ssh.service", DEBIAN)
        .link(&format!("{WANTS}/ssh.service"), "/usr/lib/systemd/system/ssh.service")
        .link("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service")
        .file("/etc/default/ssh", "# Options\nSSHD_OPTS=\n")
}

/// Facts of an image with these processes, each with its socket of TCP.
fn facts(tree: &Tree, running: &[(u32, &str, &str, Option<u16>)]) -> Facts {
    let process = |(pid, exe, unit, port): &(u32, &str, &str, Option<u16>)| Process {
        pid: *pid,
        name: exe.rsplit('/').next().unwrap().into(),
        exe: Ok((*exe).to_owned()).into(),
        started: Timestamp(1_000),
        unit: Some((*unit).to_owned()),
        open: Ok(Open { sockets: port.map(u64::from).into_iter().collect(), ..Open::default() }).into(),
        ..Process::default()
    };
    let everywhere = std::net::IpAddr::from(std::net::Ipv4Addr::UNSPECIFIED);
    let socket = |port: u16| Socket::new(Protocol::Tcp, (everywhere, port).into(), port.into(), 0);
    let list = running.iter().filter_map(|(.., port)| *port).map(socket).collect();
    let processes = match running {
        [] => Err(Gap::offline("the list of processes")),
        list => Ok(Processes { list: list.iter().map(process).collect(), ..Processes::default() }),
    };
    let mut facts = Facts {
        units: units::read(tree).into(),
        processes: processes.into(),
        sockets: Ok(Sockets { list, ..Sockets::default() }).into(),
        sshd: crate::facts::sshd::read(tree, &Facts::default()).into(),
        ..Facts::default()
    };
    facts.ssh_servers = Ok(read(tree, &facts)).into();
    facts
}

fn servers(tree: &Tree, running: &[(u32, &str, &str, Option<u16>)]) -> SshServers {
    let servers = facts(tree, running).ssh_servers.known().unwrap().clone();
    let text = toml::to_string(&servers).unwrap();
    assert_eq!(toml::from_str::<SshServers>(&text).unwrap(), servers);
    servers
}

/// Each daemon as `sshd -f FILE FLAGS`, with when it starts.
fn shown(servers: &SshServers) -> Vec<(String, Starts)> {
    let line = |daemon: &Daemon| {
        let given = daemon.given.iter().map(|given| format!(" -{}{}", given.flag, given.value));
        (format!("{}{}", daemon.file, given.collect::<String>()), daemon.starts)
    };
    servers.daemons.iter().map(line).collect()
}

fn one(tree: &Tree) -> (String, Starts) {
    let servers = servers(tree, &[]);
    assert_eq!((servers.daemons.len(), &servers.gaps), (1, &Vec::new()), "{servers:?}");
    assert!(servers.daemons[0].certain().is_ok(), "{servers:?}");
    shown(&servers).remove(0)
}

#[test]
fn debian_runs_what_its_unit_says() {
    let (boot, file) = (Starts::Boot, "/etc/ssh/sshd_config".to_owned());
    assert_eq!(one(&debian()), (file.clone(), boot));
    let options = debian().file("/etc/default/ssh", "SSHD_OPTS=\"-4 -oPermitRootLogin=yes\"\n");
    assert_eq!(one(&options), (format!("{file} -4 -oPermitRootLogin=yes"), boot));
    let title = "sshd: /usr/sbin/sshd -D -4 -oPermitRootLogin=yes [listener] 0 of 10-100 startups";
    let running = options.clone().file("/proc/7/cmdline", title).file("/run/sshd.pid", "7\n");
    let running = running.with("/run/sshd.pid", |node| node.modified = Timestamp(2_000));
    let process = (7, "/usr/sbin/sshd", "ssh.service", Some(22));
    let found = servers(&running, &[process]);
    assert_eq!(shown(&found), [(format!("{file} -4 -oPermitRootLogin=yes"), boot)]);
    let daemon = &found.daemons[0];
    assert_eq!((daemon.running[0].pid, daemon.listens[0].address.unwrap().port()), (7, 22));
    assert_eq!(daemon.stale(Timestamp(2_000)), None);
    assert_eq!(daemon.stale(Timestamp(2_001)).unwrap().source, "/proc/7");
    // The options were taken away, and sshd has not been started since: both ways count.
    let stale = running.file("/etc/default/ssh", "SSHD_OPTS=\n");
    let found = servers(&stale, &[process]);
    let by_hand = (format!("{file} -4 -oPermitRootLogin=yes"), Starts::ByHand);
    assert_eq!(shown(&found), [(file, boot), by_hand]);
}

#[test]
fn a_unit_keeps_apart_what_a_title_has_joined() {
    let tree = debian()
        .file(
            "/etc/systemd/system/ssh.service.d/o.conf",
            "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o \"Banner /a -f /b\" -p 22\n",
        )
        .file(
            "/proc/7/cmdline",
            "sshd: /usr/sbin/sshd -D -o Banner /a -f /b -p 22 [listener] 0 of 10-100 startups",
        );
    let found = servers(&tree, &[(7, "/usr/sbin/sshd", "ssh.service", None)]);
    assert_eq!(shown(&found), [("/etc/ssh/sshd_config -oBanner /a -f /b -p22".to_owned(), Starts::Boot)]);
    assert!(found.daemons[0].certain().is_ok());
    let found = servers(&tree, &[(7, "/usr/sbin/sshd", "other.service", None)]);
    assert!(found.daemons[1].certain().is_err());
}

#[test]
fn a_second_unit_has_a_file_of_its_own() {
    let unit =
        "[Service]\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/second\n[Install]\nWantedBy=multi-user.target\n";
    let tree = debian()
        .file("/etc/systemd/system/a-second.service", unit)
        .link(&format!("{WANTS}/a-second.service"), "/etc/systemd/system/a-second.service");
    let found = servers(&tree, &[]);
    assert_eq!(
        found.daemons.iter().map(|daemon| daemon.file.as_str()).collect::<Vec<_>>(),
        ["/etc/ssh/sshd_config", "/etc/ssh/second"]
    );
    let masked = tree.link("/etc/systemd/system/ssh.service", "/dev/null");
    assert_eq!(one(&masked).0, "/etc/ssh/second");
}

#[test]
fn sockets_start_daemons_or_one_for_each_connection() {
    let service = "[Service]\nExecStart=-/usr/sbin/sshd -i $SSHD_OPTS\n";
    let socket = |accept: &str| {
        systemd()
            .file("/usr/lib/systemd/system/ssh.service", DEBIAN)
            .file("/usr/lib/systemd/system/ssh@.service", service)
            .file(
                "/usr/lib/systemd/system/ssh.socket",
                format!("[Socket]\nListenStream=22\nAccept={accept}\n[Install]\nWantedBy=sockets.target\n"),
            )
            .link("/etc/systemd/system/sockets.target.wants/ssh.socket", "/usr/lib/systemd/system/ssh.socket")
            .file(
                "/etc/systemd/system/ssh.socket.d/port.conf",
                "[Socket]\nListenStream=\nListenStream=10.0.0.1:2222\nBindToDevice=eth1\n",
            )
    };
    assert_eq!(one(&socket("no")).1, Starts::FirstConnection);
    assert_eq!(one(&socket("yes")).1, Starts::EachConnection);
    let found = servers(&socket("yes"), &[]);
    let listen = &found.daemons[0].listens[0];
    assert_eq!(
        (listen.address.unwrap().to_string().as_str(), listen.interface.as_deref()),
        ("10.0.0.1:2222", Some("eth1"))
    );
    assert_eq!(listen.at.source, "/etc/systemd/system/ssh.socket.d/port.conf");
    // What systemd itself writes for virtual machines from release 256 on.
    let local = systemd()
        .file("/run/systemd/generator/sshd-unix-local@.service", "[Service]\nExecStart=-/usr/sbin/sshd -i -o \"AuthorizedKeysFile ${CREDENTIALS_DIRECTORY}/ssh.ephemeral-authorized_keys-all .ssh/authorized_keys\"\n")
        .file("/run/systemd/generator/sshd-unix-local.socket", "[Socket]\nListenStream=/run/ssh-unix-local/socket\nAccept=yes\n")
        .link("/run/systemd/generator/sockets.target.wants/sshd-unix-local.socket", "../sshd-unix-local.socket");
    let found = servers(&local, &[]);
    assert_eq!((found.daemons.len(), found.daemons[0].listens[0].address), (1, None));
    assert!(shown(&found)[0].0.contains("-oAuthorizedKeysFile /run/credentials/"));
}

#[test]
fn red_hat_suse_and_wrappers() {
    let unit = |text: &str| {
        systemd()
            .file(
                "/usr/lib/systemd/system/sshd.service",
                format!("[Service]\n{text}\n[Install]\nWantedBy=multi-user.target\n"),
            )
            .link(&format!("{WANTS}/sshd.service"), "/usr/lib/systemd/system/sshd.service")
    };
    let red_hat = unit("EnvironmentFile=-/etc/crypto-policies/back-ends/opensshserver.config\nEnvironmentFile=-/etc/sysconfig/sshd\nExecStart=/usr/sbin/sshd -D $OPTIONS $CRYPTO_POLICY")
        .file("/etc/sysconfig/sshd", "OPTIONS=\"-u0\"\n")
        .file("/etc/crypto-policies/back-ends/opensshserver.config", "CRYPTO_POLICY='-oCiphers=aes256-gcm@openssh.com -oMACs=hmac-sha2-256'\n");
    assert_eq!(
        one(&red_hat).0,
        "/etc/ssh/sshd_config -u0 -oCiphers=aes256-gcm@openssh.com -oMACs=hmac-sha2-256"
    );
    let suse = unit("EnvironmentFile=-/etc/sysconfig/ssh\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS")
        .file("/etc/sysconfig/ssh", "SSHD_OPTS=\"-f /srv/x\"\n");
    assert_eq!(one(&suse).0, "/srv/x");
    for text in [
        "ExecStart=/bin/sh -c 'exec /usr/sbin/sshd -D'",
        "ExecStart=/usr/sbin/ip netns exec a /usr/sbin/sshd -D",
        "ExecStart=/usr/sbin/sshd -D -f conf",
        "ExecStart=/opt/sbin/sshd -D",
        "ExecStart=/usr/sbin/sshd -D %H",
    ] {
        let found = servers(&unit(text), &[]);
        assert!(found.daemons.len() == 1 && found.daemons[0].certain().is_err(), "{text}");
    }
    let own = unit("ExecStart=/opt/sbin/sshd -D")
        .file("/opt/sbin/sshd", "\0/opt/ssh_config\0/opt/etc/sshd_config\0");
    assert_eq!(one(&own).0, "/opt/etc/sshd_config");
    assert!(servers(&unit("ExecStart=/usr/bin/other -o sshd"), &[]).daemons.is_empty());
}

#[test]
fn scripts_of_openrc_and_sysvinit() {
    const ALPINE: &str = "#!/sbin/openrc-run\n: \"${cfgfile:=${SSHD_CONFIG:-\"${SSHD_CONFDIR:-\"/etc/ssh\"}/sshd_config\"}}\"\ncommand=\"${SSHD_BINARY:-\"/usr/sbin/sshd\"}\"\ncommand_args=\"${command_args:-${SSHD_OPTS:-}}\"\nstart_pre() {\n\tcommand_args=\"$command_args -o PidFile=$pidfile -f $cfgfile\"\n}\n";
    let alpine = |script: &str, options: &str| {
        Tree::new(Timestamp(0))
            .file("/sbin/openrc", "")
            .file("/etc/init.d/sshd", script)
            .dir("/etc/runlevels/default")
            .link("/etc/runlevels/default/sshd", "/etc/init.d/sshd")
            .file("/etc/conf.d/sshd", options)
    };
    assert_eq!(one(&alpine(ALPINE, "# SSHD_OPTS=\"-f x\"\n")).0, "/etc/ssh/sshd_config");
    assert_eq!(one(&alpine(ALPINE, "SSHD_OPTS=\"-oUsePAM=yes\"\ncfgfile=/srv/x\n")).0, "/srv/x -oUsePAM=yes");
    for (script, options) in [
        (ALPINE.to_owned(), "SSHD_OPTS=$(cat /x)\n"),
        (ALPINE.replace("$cfgfile", "/srv/y"), ""),
        (ALPINE.replace("PidFile=", "UsePAM="), ""),
    ] {
        let found = servers(&alpine(&script, options), &[]);
        assert!(found.daemons[0].certain().is_err(), "{script} {options}");
    }
    let sysv = Tree::new(Timestamp(0))
        .file("/proc/1/comm", "init\n")
        .file("/etc/init.d/ssh", "#!/bin/sh\ntest -x /usr/sbin/sshd || exit 0\n. /etc/default/ssh\nstart-stop-daemon --start --exec /usr/sbin/sshd -- $SSHD_OPTS\n")
        .file("/etc/default/ssh", "SSHD_OPTS=-p2222\n")
        .link("/etc/rc2.d/S01ssh", "../init.d/ssh");
    assert_eq!(one(&sysv), ("/etc/ssh/sshd_config -p2222".to_owned(), Starts::Boot));
}

#[test]
fn inetd_starts_one_for_each_connection() {
    let tree = |path: &str, text: &str| {
        let unit = "[Service]\nExecStart=/usr/sbin/inetd\n[Install]\nWantedBy=multi-user.target\n";
        systemd()
            .file("/usr/lib/systemd/system/inetd.service", unit)
            .link(&format!("{WANTS}/inetd.service"), "/usr/lib/systemd/system/inetd.service")
            .file(path, text)
    };
    for text in [
        "ssh stream tcp nowait root /usr/sbin/sshd sshd -i -f /x\n",
        "ssh stream tcp nowait root /usr/sbin/tcpd /usr/sbin/sshd -i -f /x\n",
    ] {
        assert_eq!(one(&tree("/etc/inetd.conf", text)), ("/x".to_owned(), Starts::EachConnection));
    }
    let text = "service ssh\n{\n\tserver = /usr/sbin/sshd\n\tserver_args = -i -f /x\n}\nservice other\n{\n server = /bin/x\n}\n";
    assert_eq!(one(&tree("/etc/xinetd.d/ssh", text)).0, "/x");
    assert!(
        servers(
            &systemd().file("/etc/inetd.conf", "ssh stream tcp nowait root /usr/sbin/sshd sshd -i\n"),
            &[]
        )
        .daemons
        .is_empty()
    );
}

#[test]
fn processes_that_are_no_daemon_of_the_host() {
    for title in ["sshd: anna [priv]", "sshd: root@pts/0", "/usr/sbin/sshd\0-D\0-R", "/usr/sbin/sshd\0-i", ""]
    {
        let tree = systemd().file("/proc/7/cmdline", title);
        let found = servers(&tree, &[(7, "/usr/sbin/sshd", "session-1.scope", None)]);
        assert_eq!(found.daemons.len(), usize::from(title.is_empty()), "{title}");
    }
    let cut = systemd().file("/proc/7/cmdline", "sshd: /usr/sbin/sshd -D -f /etc/ssh/x [liste");
    let found = servers(&cut, &[(7, "/usr/sbin/sshd", "x.service", Some(22))]);
    assert!(found.daemons[0].certain().is_err());
    let chroot = systemd().file("/proc/7/cmdline", "/usr/sbin/sshd\0").link("/proc/7/root", "/srv/root");
    assert!(servers(&chroot, &[(7, "/usr/sbin/sshd", "x.service", None)]).daemons[0].certain().is_err());
    // An account's own, and a container's on an address of the host.
    let tree = systemd().file("/proc/7/cmdline", "/usr/sbin/sshd\0-D");
    for change in
        [|process: &mut Process| process.uid = 1000, |process: &mut Process| process.contained = true]
    {
        let mut facts = facts(&tree, &[(7, "/usr/sbin/sshd", "x.service", Some(2222))]);
        let Reading::Known(processes) = &mut facts.processes else { unreachable!() };
        change(&mut processes.list[0]);
        let found = read(&tree, &facts);
        assert!(
            found.daemons.is_empty() && matches!(found.others[0].passwords, Answer::Unknown(_)),
            "{found:?}"
        );
        facts.sockets = Ok(Sockets::default()).into();
        assert!(read(&tree, &facts).others.is_empty());
    }
}

#[test]
fn dropbear_of_debian_alpine_and_initramfs() {
    let unit = "[Service]\nEnvironment=DROPBEAR_PORT=22 DROPBEAR_RECEIVE_WINDOW=65536\nEnvironmentFile=-/etc/default/dropbear\nExecStart=/usr/sbin/dropbear -EF -p \"$DROPBEAR_PORT\" -W \"$DROPBEAR_RECEIVE_WINDOW\" $DROPBEAR_EXTRA_ARGS\n[Install]\nWantedBy=multi-user.target\n";
    let debian = |options: &str| {
        systemd()
            .file("/usr/lib/systemd/system/dropbear.service", unit)
            .link(&format!("{WANTS}/dropbear.service"), "/usr/lib/systemd/system/dropbear.service")
            .file("/etc/default/dropbear", options)
    };
    let passwords = |tree: &Tree| {
        servers(tree, &[]).others.iter().map(|other| other.passwords.clone()).collect::<Vec<_>>()
    };
    assert_eq!(passwords(&debian("")), [Answer::Yes]);
    assert_eq!(passwords(&debian("DROPBEAR_EXTRA_ARGS=\"-s -w\"\n")), [Answer::No]);
    let process = (7, "/usr/sbin/dropbear", "dropbear.service", Some(22));
    let found = servers(
        &debian("DROPBEAR_EXTRA_ARGS=-s\n").file("/proc/7/cmdline", "/usr/sbin/dropbear\0-EF\0-p\x0022\0"),
        &[process],
    );
    assert_eq!(
        found.others.iter().map(|other| &other.passwords).collect::<Vec<_>>(),
        [&Answer::No, &Answer::Yes],
        "the one that runs is older"
    );
    let alpine = |options: &str| {
        Tree::new(Timestamp(0))
            .file("/sbin/openrc", "")
            .file(
                "/etc/init.d/dropbear",
                "#!/sbin/openrc-run\ncommand=\"/usr/sbin/dropbear\"\ncommand_args=\"${DROPBEAR_OPTS}\"\n",
            )
            .link("/etc/runlevels/default/dropbear", "/etc/init.d/dropbear")
            .file("/etc/conf.d/dropbear", options)
    };
    assert_eq!(passwords(&alpine("DROPBEAR_OPTS=\"-s -g\"\n")), [Answer::No]);
    assert!(matches!(passwords(&alpine("DROPBEAR_OPTS=`x`\n"))[0], Answer::Unknown(_)));
    let early = servers(&systemd().file("/usr/share/initramfs-tools/hooks/dropbear", ""), &[]);
    assert!(early.others[0].early && early.others[0].passwords == Answer::No);
}

#[test]
fn tailscale_asks_its_tailnet() {
    // {"RunSSH":true}, {"RunSSH":false}, {}, profile-1
    let (on, off, none, name) = ("eyJSdW5TU0giOnRydWV9", "eyJSdW5TU0giOmZhbHNlfQ==", "e30=", "cHJvZmlsZS0x");
    let state = |preferences: &str| {
        format!(
            "{{\"_current-profile\":\"{name}\",\"_machinekey\":\"c2VjcmV0\",\"profile-1\":\"{preferences}\"}}"
        )
    };
    let path = "/var/lib/tailscale/tailscaled.state";
    let process = (7, "/usr/sbin/tailscaled", "tailscaled.service", None);
    let found = |text: Option<String>, arguments: &str| {
        let tree = systemd().file("/proc/7/cmdline", format!("tailscaled{arguments}"));
        let tree = text.map_or(tree.clone(), |text| tree.file(path, text));
        servers(&tree, &[process]).others
    };
    assert!(
        found(None, "").is_empty()
            && found(Some(state(off)), "").is_empty()
            && found(Some(state(none)), "").is_empty()
    );
    let serving = found(Some(state(on)), &format!("\0--state={path}\0--port=1"));
    assert!(
        serving[0].passwords == Answer::No
            && serving[0].root == Answer::Unknown("the rules of the tailnet decide".into())
    );
    assert_eq!(found(Some(format!("{{\"_daemon\":\"{on}\"}}")), "").len(), 1);
    for (text, arguments) in [
        (Some("sealed".into()), ""),
        (Some(state("e3")), ""),
        (Some("{\"x\":\"e30=\"}".into()), ""),
        (None, "\0--state\0mem:"),
    ] {
        let unknown = found(text, arguments);
        assert!(
            unknown[0].passwords == Answer::No && matches!(unknown[0].root, Answer::Unknown(_)),
            "{unknown:?}"
        );
    }
}

#[test]
fn serving_idle_absent_or_unclear() {
    let presence = |facts: &Facts| facts.ssh_server().unwrap().presence;
    assert!(matches!(presence(&facts(&debian(), &[])), Presence::Serving(_)));
    assert!(matches!(presence(&facts(&systemd(), &[])), Presence::Idle(_)));
    let bare = Tree::new(Timestamp(0)).file("/usr/lib/systemd/systemd", "");
    assert_eq!(presence(&facts(&bare, &[])), Presence::Absent);
    // Someone else's program on the port of SSH, and one that nobody may see.
    let proxy = facts(
        &bare.clone().file("/proc/9/cmdline", "x"),
        &[(9, "/usr/sbin/haproxy", "haproxy.service", Some(22))],
    );
    assert_eq!((presence(&proxy), proxy.ssh_server().unwrap().doubts.len()), (Presence::Absent, 1));
    let mut hidden = proxy;
    hidden.processes = Err(Gap::denied("/proc")).into();
    hidden.ssh_servers = Ok(read(&bare, &hidden)).into();
    assert!(matches!(presence(&hidden), Presence::Unclear(_)));
    hidden.sockets = Reading::default();
    assert!(matches!(presence(&hidden), Presence::Unclear(_)));
    let mut unread = facts(&systemd(), &[]);
    unread.units = Reading::default();
    unread.ssh_servers = Ok(read(&systemd(), &unread)).into();
    assert!(matches!(presence(&unread), Presence::Unclear(_)));
    assert_eq!(Facts::default().ssh_server().unwrap_err().why, GapKind::NotGathered);
}
