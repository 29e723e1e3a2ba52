//! `hostduty sshd`: what a user sees of the effective configuration, the lines that decide, and who can log in.

use std::path::Path;

use crate::support::{hostduty, is_root, left_out, run};

/// A server whose drop-in says yes before the main file says no, with a block for some addresses.
fn server() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("usr/sbin/sshd", "\u{7f}ELF\0libpam.so.0\0OpenSSH_9.2p1 Debian-2+deb12u10\0"),
        (
            "etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\nUsePAM yes\n\
             KbdInteractiveAuthentication no\nMatch Address 10.0.0.0/8\n  PasswordAuthentication no\n",
        ),
        ("etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n"),
        ("lib/systemd/systemd", ""),
        ("sbin/init", "->/lib/systemd/systemd"),
        ("etc/passwd", "root:x:0:0::/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/bash\n"),
        ("etc/group", "root:x:0:\nanna:x:1000:\nstaff:x:50:anna\n"),
        ("etc/shadow", "root:*:20000::::::\nanna:$y$j9T$salt$hash:20000::::::\n"),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\n"),
        ("etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_unix.so\n"),
        (
            "lib/systemd/system/ssh.service",
            "[Service]\nExecStart=/usr/sbin/sshd -D\n[Install]\nWantedBy=multi-user.target\n",
        ),
        ("etc/systemd/system/multi-user.target.wants/ssh.service", "->/lib/systemd/system/ssh.service"),
    ] {
        put(root.path(), path, text);
    }
    root
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match text.strip_prefix("->") {
        Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        None => std::fs::write(path, text).unwrap(),
    }
}

fn sshd(root: &Path, arguments: &[&str]) -> (String, String, i32) {
    let output =
        hostduty(&[&["sshd", "--root", root.to_str().unwrap()], arguments].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn the_effective_configuration_reads_as_sshd_prints_it() {
    let root = server();
    let (text, errors, code) = sshd(root.path(), &[]);
    assert_eq!((errors.as_str(), code), ("", 0));
    for line in [
        "port 22",
        "passwordauthentication yes",
        "permitrootlogin without-password",
        "usepam yes",
        "subsystem",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)) != (line == "subsystem"), "{line}: {text}");
    }
    let (text, _, _) = sshd(root.path(), &["-C", "user=anna,addr=10.1.2.3"]);
    assert!(text.contains("\npasswordauthentication no\n"), "{text}");
    // Another release has other keywords and other defaults.
    let (old, _, _) = sshd(root.path(), &["--release", "OpenSSH_8.4p1 Debian-5"]);
    assert!(
        old.contains("\nchallengeresponseauthentication ") && !text.contains("\nchallengeresponse"),
        "{old}"
    );
}

#[test]
fn the_line_that_decides_and_those_that_lost() {
    let root = server();
    let (text, _, code) = sshd(root.path(), &["--why", "PasswordAuthentication"]);
    let wanted = "passwordauthentication yes\n  \
                  decided by /etc/ssh/sshd_config.d/50-cloud-init.conf:1: PasswordAuthentication yes\n  \
                  lost       /etc/ssh/sshd_config:2: PasswordAuthentication no\n  \
                  lost       /etc/ssh/sshd_config:6: PasswordAuthentication no\n               \
                  under /etc/ssh/sshd_config:5: Match Address 10.0.0.0/8\n";
    assert_eq!((text.as_str(), code), (wanted, 0));
    let (_, errors, code) = sshd(root.path(), &["--why", "PaswordAuthentication"]);
    assert_eq!(code, 2);
    assert!(errors.contains("did you mean `passwordauthentication`?"), "{errors}");
}

#[test]
fn who_can_log_in_from_where() {
    let root = server();
    let (text, _, code) = sshd(root.path(), &["--logins"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("anna\n  opens    password from anywhere else\n"), "{text}");
    assert!(text.ends_with("nothing opens root\n"), "{text}");
    let (text, _, _) = sshd(root.path(), &["--logins", "-C", "addr=10.0.0.1", "--format", "json"]);
    let table: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ways = &table[0]["accounts"][1]["entries"][0]["ways"];
    assert_eq!(
        (&ways[0]["methods"][0], &ways[0]["answer"]),
        (&"password".into(), &"closed".into()),
        "{text}"
    );
}

#[test]
fn refused_and_unknown_have_codes_of_their_own() {
    let root = server();
    put(root.path(), "etc/ssh/sshd_config.d/60-bad.conf", "UsePAM perhaps\n");
    let (text, errors, code) = sshd(root.path(), &[]);
    assert_eq!((text.as_str(), code), ("", 1));
    assert!(
        errors.contains("/etc/ssh/sshd_config.d/60-bad.conf:1: UsePAM with a value that sshd does not take"),
        "{errors}"
    );
    put(root.path(), "etc/ssh/sshd_config.d/60-bad.conf", "Port ssh\n");
    assert_eq!(sshd(root.path(), &[]).2, 3);
    for (arguments, said) in [
        (&["-C", "adr=1.2.3.4"][..], "did you mean `addr`?"),
        (&["-C", "lport=x"], "lport="),
        (&["-f", "/etc/none"], "/etc/none does not exist"),
        (&["--release", "9.2"], "OpenSSH_9.2p1"),
    ] {
        let (_, errors, code) = sshd(root.path(), arguments);
        assert!(code == 2 && errors.contains(said), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_remedy_proves_a_key_first() {
    let root = server();
    let report = |root: &Path| {
        run(&["report", "--root", root.to_str().unwrap(), "--check", "ssh-key-only", "--verbose"]).0
    };
    let text = report(root.path());
    assert!(text.contains("→ Change nothing yet: hostduty finds no account that a key opens"), "{text}");
    assert!(!text.contains("00-hostduty.conf"), "{text}");
    if !is_root() {
        return left_out("sshd heeds keys only in files of root's or the account's, which take root to make");
    }
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGTqZ2tIbA7GRQR3TxRJ2hhpgJg7HFfPRz2gVtkk2wbr anna\n";
    put(root.path(), "home/anna/.ssh/authorized_keys", key);
    let text = report(root.path()).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("anna@THIS-HOST true # from your own machine: a key opens anna from anywhere"),
        "{text}"
    );
    assert!(
        text.contains("write `PasswordAuthentication no` to /etc/ssh/sshd_config.d/00-hostduty.conf"),
        "{text}"
    );
    // Following it closes the hole, and the line that decides is the new one.
    put(root.path(), "etc/ssh/sshd_config.d/00-hostduty.conf", "PasswordAuthentication no\n");
    let text = report(root.path()).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("kept ssh-key-only") && text.contains("00-hostduty.conf:1: PasswordAuthentication no"),
        "{text}"
    );
}
