//! SSH servers of a booted Debian 12: what systemd starts, with which words, and what a client can do there.

use serde_json::Value;

use super::machines::{Machine, verdict};

/// The room of SSH servers, as `hostduty facts` prints it.
fn servers(machine: &Machine) -> Value {
    let facts: toml::Value = toml::from_str(&machine.sh("hostduty facts")).unwrap();
    serde_json::to_value(&facts["ssh_servers"]["known"]).unwrap()
}

/// Each daemon as `sshd -f FILE FLAGS: when`.
fn daemons(servers: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |daemon: &Value| {
        let given = daemon["given"].as_array().into_iter().flatten();
        let given = given.map(|given| format!(" -{}{}", text(&given["flag"]), text(&given["value"])));
        let gaps = daemon["gaps"].as_array().map_or(0, Vec::len);
        let doubt = if gaps == 0 { "" } else { "?" };
        format!("{}{}: {}{doubt}", text(&daemon["file"]), given.collect::<String>(), text(&daemon["starts"]))
    };
    servers["daemons"].as_array().into_iter().flatten().map(line).collect()
}

#[test]
fn units_drop_ins_and_sockets_are_as_systemd_takes_them() {
    if !super::allowed("SSH servers of a booted Debian 12") {
        return;
    }
    let machine = Machine::boot("servers");
    let config = "/etc/ssh/sshd_config";
    let found = servers(&machine);
    assert_eq!(daemons(&found), [format!("{config}: boot")]);
    let running = &found["daemons"][0]["running"][0]["pid"];
    assert_eq!(running.to_string(), machine.sh("systemctl show -P MainPID ssh").trim());

    // The administrator's drop-in, and a second server with files of its own.
    machine.sh("mkdir -p /etc/systemd/system/ssh.service.d; printf '[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o \"PermitRootLogin no\" $SSHD_OPTS\n' > /etc/systemd/system/ssh.service.d/o.conf; echo 'SSHD_OPTS=\"-4 -oUsePAM=yes\"' > /etc/default/ssh");
    machine.sh("printf 'Port 2222\nPidFile /run/second.pid\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n' > /etc/ssh/second; printf '[Service]\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/second\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/second.service");
    machine.sh("systemctl daemon-reload; systemctl restart ssh; systemctl enable --now second; sleep 1");
    let first = format!("{config} -oPermitRootLogin no -4 -oUsePAM=yes: boot");
    let found = servers(&machine);
    assert_eq!(daemons(&found), [first.clone(), "/etc/ssh/second: boot".to_owned()]);
    for (at, (unit, port)) in [("ssh", 22), ("second", 2222)].into_iter().enumerate() {
        let daemon = &found["daemons"][at];
        assert_eq!(
            daemon["running"][0]["pid"].to_string(),
            machine.sh(&format!("systemctl show -P MainPID {unit}")).trim()
        );
        let address = daemon["listens"][0]["address"].as_str().unwrap();
        assert!(address.ends_with(&format!(":{port}")), "{address}");
    }
    // Each is judged by what it reads: nobody has a password, then somebody has one that only the first one takes.
    assert_eq!(verdict(&machine.report(), "ssh-key-only"), "pass");
    machine.sh("useradd --create-home ann; echo ann:correct-horse | chpasswd");
    let report = machine.report();
    assert_eq!(verdict(&report, "ssh-key-only"), "fail");
    let check =
        report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "ssh-key-only").unwrap();
    assert_eq!(check["findings"].as_array().unwrap().len(), 1, "{check}");

    // A reload counts as a reading, a restart of the other one does not.
    machine.sh("sleep 1.1; systemctl reload second; sleep 1");
    let again = servers(&machine);
    let loaded = |servers: &Value, at: usize| servers["daemons"][at]["running"][0]["loaded_at"].clone();
    assert_ne!(loaded(&found, 1), Value::Null);
    assert_eq!(loaded(&found, 0), loaded(&again, 0));

    // A socket with an instance for each connection, as Debian 11 has it.
    machine.sh(
        "printf '[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStart=-/usr/sbin/sshd -i $SSHD_OPTS\nStandardInput=socket\nRuntimeDirectory=sshd\n' \
         > /etc/systemd/system/ssh@.service",
    );
    machine.sh("systemctl disable --now ssh second; printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:2200\nAccept=yes\n' > /tmp/o; mkdir -p /etc/systemd/system/ssh.socket.d; cp /tmp/o /etc/systemd/system/ssh.socket.d/o.conf; systemctl daemon-reload; systemctl enable --now ssh.socket");
    let found = servers(&machine);
    assert_eq!(daemons(&found), [format!("{config} -4 -oUsePAM=yes: each-connection")]);
    assert_eq!(found["daemons"][0]["listens"][0]["address"], "127.0.0.1:2200");
    assert!(
        machine
            .sh("cat < /dev/null | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2200; head -n 1 <&3'")
            .starts_with("SSH-2.0-OpenSSH")
    );
    // The other one: systemd listens, and one daemon comes with the first connection and stays.
    machine.sh("sed -i s/Accept=yes/Accept=no/ /etc/systemd/system/ssh.socket.d/o.conf; systemctl daemon-reload; systemctl restart ssh.socket");
    let found = servers(&machine);
    assert_eq!(daemons(&found), [first.replace("boot", "first-connection")]);
    assert!(found["daemons"][0]["running"].is_null());
    machine.sh("timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2200; head -n 1 <&3'");
    let found = servers(&machine);
    assert_eq!(daemons(&found), [first.replace("boot", "first-connection")]);
    assert_eq!(
        found["daemons"][0]["running"][0]["pid"].to_string(),
        machine.sh("systemctl show -P MainPID ssh").trim()
    );
    assert_eq!(found["daemons"][0]["listens"][0]["address"], "127.0.0.1:2200");
}

#[test]
fn words_of_units_are_those_that_systemd_hands_over() {
    if !super::allowed("command lines as systemd takes them apart") {
        return;
    }
    let machine = Machine::boot("words");
    // A program by the name of sshd that writes down what it is handed.
    machine.sh("mkdir -p /opt/bin /out; printf '#!/bin/bash\nprintf \"%%s\\\\0\" \"$@\" > /out/$1\n' > /opt/bin/sshd; chmod 755 /opt/bin/sshd; printf 'A=\"x y\" # z\nB='\"'\"'p q'\"'\"'r s  \nexport C=1\nD=a\\\\\nb\n;E=1\nF=\"\\$1 \\\\n\"\nG=x\\ y\\ \n' > /etc/vars");
    let lines = [
        r#"-o A=$A -o "B ${B}" -o C=${C}."#,
        r#"-o"X \x41\101 \u00e9" -o 'it''s' -o a\sb -o \q"#,
        "-o $A -o=$D -o ${D}${F} $E -o $$HOME -o $NONE",
        r#"-o %%p%p -o "%n" $V -o "$W""#,
        "-o ${G} $G -o ${NONE} -o \"\" -o x\\;y",
        "-o $A$B ${A",
    ];
    let mut script = String::new();
    for (number, line) in lines.iter().enumerate() {
        script += &format!(
            "cat > /etc/systemd/system/t{number}.service <<'END'\n[Service]\nEnvironment=V='1 \"2 3\"' \"W=a b\"\nEnvironmentFile=-/etc/vars\nExecStart=/opt/bin/sshd -u{number} {line}\n[Install]\nWantedBy=multi-user.target\nEND\n"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("script");
    std::fs::write(&file, script).unwrap();
    machine.put(&file, "/tmp/script");
    machine.sh("sh /tmp/script; systemctl daemon-reload; systemctl enable t0 t1 t2 t3 t4 t5; systemctl start t0 t1 t2 t3 t4 t5; sleep 1");
    let found = servers(&machine);
    for (number, line) in lines.iter().enumerate() {
        let handed = machine.sh(&format!("tr '\\000' '\\001' < /out/-u{number}"));
        let handed: Vec<&str> = handed.split_terminator('\u{1}').collect();
        // What sshd would make of it: only -o and -u are there.
        let (mut wanted, mut words) = (Vec::new(), handed.iter());
        while let Some(word) = words.next() {
            let Some((flag, rest)) = word.strip_prefix('-').and_then(|word| word.split_at_checked(1)) else {
                break;
            };
            let value = if rest.is_empty() { *words.next().unwrap_or(&"") } else { rest };
            wanted.push((flag.to_owned(), value.to_owned()));
        }
        let ours = found["daemons"].as_array().unwrap().iter().find(|daemon| {
            daemon["given"][0]["value"].as_str().is_some_and(|value| value.parse() == Ok(number))
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ours: Vec<(String, String)> = ours.unwrap()["given"]
            .as_array()
            .unwrap()
            .iter()
            .map(|given| (text(&given["flag"]), text(&given["value"])))
            .collect();
        assert_eq!(ours, wanted, "{line}: {handed:?}");
    }
}

#[test]
fn dropbear_does_what_its_flags_are_taken_for() {
    if !super::allowed("passwords typed at a real dropbear") {
        return;
    }
    let machine = Machine::boot("dropbear");
    machine.sh("systemctl disable --now ssh; mkdir -p /etc/dropbear; useradd -m -s /bin/bash alice; printf 'alice:correct-horse\nroot:battery-staple\n' | chpasswd; useradd -m -s /bin/bash empty; passwd -d empty");
    let enters = |user: &str, password: &str| {
        let line = format!(
            "DROPBEAR_PASSWORD='{password}' timeout 20 dbclient -y -y -p 2022 {user}@127.0.0.1 id -un 2>/dev/null </dev/null"
        );
        machine.sh(&line).trim() == user
    };
    for (flags, alice, root, empty, key_only, root_login) in [
        ("", true, true, false, "fail", "fail"),
        ("-s", false, false, false, "pass", "pass"),
        ("-g", true, false, false, "fail", "pass"),
        ("-w", true, false, false, "fail", "pass"),
        ("-B", true, true, true, "fail", "fail"),
        ("-t", false, false, false, "pass", "pass"),
    ] {
        machine
            .sh(&format!("/usr/sbin/dropbear -R -p 127.0.0.1:2022 -P /run/dropbear.pid {flags}; sleep 0.5"));
        let report = machine.report();
        let entered =
            (enters("alice", "correct-horse"), enters("root", "battery-staple"), enters("empty", ""));
        assert_eq!(entered, (alice, root, empty), "dropbear {flags}");
        let verdicts = (verdict(&report, "ssh-key-only"), verdict(&report, "ssh-root-login"));
        assert_eq!(verdicts, (key_only, root_login), "dropbear {flags}");
        let check =
            report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "ssh-key-only").unwrap();
        let named = |user: &str| check["findings"].to_string().contains(&format!("\"{user}\""));
        assert_eq!(
            (named("alice"), named("root"), named("empty")),
            (alice, root, empty),
            "dropbear {flags}: {check}"
        );
        machine.sh("kill $(cat /run/dropbear.pid); sleep 0.5");
    }
}
