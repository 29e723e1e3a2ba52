//! The ways to a machine that a user's own configuration of ssh describes: a bastion, a shared connection, a key in an agent.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::town::{Town, json};

/// What comes of the hosts that are asked, by name.
fn outcomes(town: &Town, hosts: &[&str], environment: &[(&str, &Path)]) -> Vec<(String, String)> {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("root@{host}")).collect();
    let mut arguments = vec!["--format", "json", "--timeout", "20"];
    arguments.extend(hosts.iter().flat_map(|host| ["--host", host.as_str()]));
    let output = town.hostduty(&arguments).envs(environment.iter().copied()).output().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fleet = json(&output);
    let hosts = fleet["hosts"].as_array().unwrap();
    hosts.iter().map(|host| (text(&host["outcome"]), text(&host["detail"]))).collect()
}

/// What the client's user says to ssh.
fn configure(town: &Town, text: &str) {
    town.client(&["sh", "-c", &format!("cat >/srv/root/.ssh/config <<'END'\n{text}END\n")]);
}

const INNER: &str = "Host inner\n  HostName 198.51.100.1\n  HostKeyAlias inner\n";

#[test]
fn a_machine_behind_a_bastion_is_reached() {
    if !crate::allowed("a machine behind a bastion") {
        return;
    }
    let town = Town::build(&[("bastion", "bastion"), ("inner", "inner"), ("unknown", "unknown-key")]);
    configure(&town, INNER);
    assert_eq!(outcomes(&town, &["inner"], &[])[0].0, "unreachable", "it has another way");
    configure(&town, &format!("{INNER}  ProxyJump root@bastion\n"));
    assert_eq!(
        outcomes(&town, &["inner", "bastion"], &[]),
        [("reported".into(), "".into()), ("reported".into(), "".into())]
    );
    // What is wrong with the bastion is said of it, and nobody waits for an answer.
    configure(&town, &format!("{INNER}  ProxyJump root@unknown\n"));
    let said = outcomes(&town, &["inner"], &[]).remove(0);
    assert_eq!((said.0.as_str(), said.1.as_str()), ("host-key-unknown", "Host key verification failed."));
    configure(
        &town,
        &format!(
            "{INNER}  ProxyJump ann@bastion\n  IdentityFile /nowhere\nHost bastion\n  IdentityFile /nowhere\n"
        ),
    );
    let said = outcomes(&town, &["inner"], &[]).remove(0);
    assert!(
        said.0 == "authentication-refused" && said.1.starts_with("ann@bastion: Permission denied ("),
        "{said:?}"
    );
    for host in ["bastion", "inner"] {
        town.is_clean(host, std::time::Duration::from_secs(10)).unwrap();
        town.is_quiet(host).unwrap();
    }
}

#[test]
fn shared_connections_are_used_and_none_is_left_behind() {
    if !crate::allowed("connections that several ssh share") {
        return;
    }
    let town = Town::build(&[("web", "plain"), ("db", "plain"), ("bastion", "bastion"), ("inner", "inner")]);
    configure(
        &town,
        "Host *\n  ControlMaster auto\n  ControlPath /srv/root/master-%h\n  ControlPersist 10m\n",
    );
    let sockets = || town.client(&["find", "/srv/root", "-type", "s"]);
    let reported: Vec<(String, String)> = vec![("reported".into(), "".into()); 2];
    assert_eq!(outcomes(&town, &["web", "db"], &[]), reported);
    assert_eq!(sockets(), "", "a connection stays open");
    // The user's own one serves: without it, nobody would be let in.
    town.client(&["ssh", "-f", "-N", "-o", "BatchMode=yes", "root@web"]);
    assert_eq!(sockets(), "/srv/root/master-web\n");
    configure(
        &town,
        "Host *\n  ControlMaster auto\n  ControlPath /srv/root/master-%h\n  IdentityFile /nowhere\n",
    );
    let said = outcomes(&town, &["web", "db"], &[]);
    assert_eq!((said[0].0.as_str(), said[1].0.as_str()), ("reported", "authentication-refused"), "{said:?}");
    assert_eq!(sockets(), "/srv/root/master-web\n", "it is still the user's");
    // ssh itself starts the one to a jump host; it is kept as the configuration says, and nobody waits for its end.
    let begun = std::time::Instant::now();
    let shared = "Host *\n  ControlMaster auto\n  ControlPath /srv/root/master-%h\n  ControlPersist 10m\n";
    configure(&town, &format!("{INNER}  ProxyJump root@bastion\n{shared}"));
    assert_eq!(outcomes(&town, &["inner"], &[])[0].0, "reported");
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(sockets().lines().filter(|socket| socket.ends_with("-inner")).count(), 0);
    town.client(&["ssh", "-O", "exit", "root@bastion"]);
    assert_eq!(sockets(), "/srv/root/master-web\n");
    // What a killed one left behind stands in nobody's way.
    town.client(&["ssh", "-O", "check", "root@web"]);
    town.client(&["sh", "-c", "kill -9 $(ssh -O check root@web 2>&1 | tr -dc 0-9)"]);
    assert_eq!(sockets(), "/srv/root/master-web\n", "it was not killed");
    configure(&town, "Host *\n  ControlMaster auto\n  ControlPath /srv/root/master-%h\n");
    assert_eq!(outcomes(&town, &["web", "db"], &[]), reported);
    for host in ["web", "db"] {
        town.is_clean(host, std::time::Duration::from_secs(10)).unwrap();
        town.is_quiet(host).unwrap();
    }
}

#[test]
fn a_key_in_an_agent_opens_and_the_agent_is_not_lent() {
    if !crate::allowed("a key in ssh-agent") {
        return;
    }
    let town = Town::build(&[("web", "other-key")]);
    configure(&town, "Host *\n  ForwardAgent yes\n");
    assert_eq!(outcomes(&town, &["web"], &[])[0].0, "authentication-refused");
    let socket = town.path("agent");
    let mut agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let added = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(town.path("other_key")).env("SSH_AUTH_SOCK", &socket).stderr(Stdio::null());
        add.status().unwrap().success()
    });
    let said = outcomes(&town, &["web"], &[("SSH_AUTH_SOCK", &socket)]);
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(added);
    assert_eq!(said, [("reported".into(), "".into())]);
    // Its shell would have left a file if it had seen the agent.
    town.is_clean("web", std::time::Duration::from_secs(10)).unwrap();
    assert!(fs::exists(town.path("before").join("web")).unwrap());
}
