//! What a remedy says to type into ufw, firewalld, iptables or nft closes the port that it names.

use std::env;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use checks::check::{Judgement, Verdict};
use checks::gap::Reading;
use checks::policy::Policy;

use super::predict::gather;
use super::{installed, left_out};

/// A program that people type rules into.
struct FrontEnd {
    name: &'static str,
    /// The programs that it takes.
    needs: &'static [&'static str],
    /// Opens port 3306 to anyone, in a way that people do; its folders are copies that nobody else sees.
    opens: &'static str,
}

const FRONT_ENDS: [FrontEnd; 4] = [
    FrontEnd {
        name: "ufw",
        needs: &["ufw"],
        opens: "cp -r /etc/ufw /run/ufw
            sed 's/^IPT_SYSCTL=.*/IPT_SYSCTL=/' /etc/default/ufw >/run/default
            sed -i 's/^ENABLED=.*/ENABLED=yes/' /run/ufw/ufw.conf
            mount --bind /run/ufw /etc/ufw
            mount --bind /run/default /etc/default/ufw
            /lib/ufw/ufw-init start
            ufw allow 22/tcp
            ufw allow in on wan0 to any port 3306",
    },
    FrontEnd {
        name: "firewalld",
        needs: &["firewalld", "firewall-cmd", "dbus-daemon"],
        opens: "mkdir /run/dbus /run/firewalld
            mount -t tmpfs none /etc/firewalld
            mount -t tmpfs none /var/log
            dbus-daemon --system --fork --nopidfile
            firewalld --nofork --nopid &
            for try in $(seq 50); do firewall-cmd --state && break || sleep 0.2; done
            firewall-cmd --permanent --add-service=mysql
            firewall-cmd --reload",
    },
    FrontEnd {
        name: "iptables",
        needs: &["iptables", "ip6tables"],
        // What it saves is not looked at here.
        opens: "mkdir /run/bin
            ln -s /bin/true /run/bin/netfilter-persistent
            for tool in iptables ip6tables; do
                $tool -A INPUT -p tcp --dport 3306 -j ACCEPT
                $tool -P INPUT DROP
            done",
    },
    FrontEnd {
        name: "nft",
        needs: &["nft"],
        opens: "nft -f - <<'END'
table inet filter {
    chain input { type filter hook input priority 0; policy drop; tcp dport { 22, 3306 } accept; }
}
END",
    },
];

#[test]
fn what_a_remedy_says_closes_the_port() {
    if !super::possible() {
        return;
    }
    for front_end in &FRONT_ENDS {
        let missing: Vec<_> = front_end.needs.iter().filter(|program| !installed(program)).collect();
        if !missing.is_empty() {
            left_out(format!("the remedies of {}: {missing:?} not installed", front_end.name));
            continue;
        }
        // What it starts ends with it.
        let output = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--"])
            .arg(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "firewall::closing::one_front_end", "--nocapture"])
            .env("HOSTDUTY_LAB_FRONT_END", front_end.name)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{}: {said}", front_end.name);
    }
}

#[test]
#[ignore = "the other test starts it in namespaces of its own"]
fn one_front_end() {
    let Ok(name) = env::var("HOSTDUTY_LAB_FRONT_END") else { return };
    let front_end = FRONT_ENDS.iter().find(|front_end| front_end.name == name).unwrap();
    street();
    sh(front_end.opens);
    let _listener = TcpListener::bind("[::]:3306").unwrap();
    let open = judge();
    assert_eq!(open.verdict(), Verdict::Fail, "{open:?}");
    assert!(open.findings.iter().any(|finding| finding.subject.ends_with(":3306")), "{open:?}");
    let remedy = open.remedy.unwrap();
    let step = remedy.lines().find(|line| line.contains("3306")).unwrap();
    match step.split('`').nth(1).filter(|_| front_end.name == "nft") {
        Some(rule) => sh(&format!("nft 'insert rule inet filter input {rule}'")),
        None => sh(step),
    }
    let closed = judge();
    assert_eq!(closed.verdict(), Verdict::Pass, "{step}: {closed:?}");
}

/// An interface with an address of each family, and what else front ends take, in namespaces of this process alone.
pub(super) fn street() {
    sh("mount --make-rprivate /
        mount -t tmpfs none /run
        ip link set lo up
        ip link add wan0 type veth peer name far0
        ip link set far0 up
        ip link set wan0 up
        ip address add 198.51.100.1/24 dev wan0
        ip address add 2001:db8:100::1/64 dev wan0 nodad");
}

/// Who is let in to what listens here; no SSH server does.
pub(super) fn judge() -> Judgement {
    let mut facts = gather();
    facts.ssh_servers = Reading::Known(Default::default());
    let check = checks::registry::CHECKS.iter().find(|check| check.id == "firewall-exposure").unwrap();
    (check.judge)(&facts, &Policy::default()).unwrap()
}

pub(super) fn sh(script: &str) {
    // What stays behind holds no pipe of the test.
    let status = Command::new("sh")
        .args(["-euc", script])
        .env("PATH", format!("/run/bin:{}", env::var("PATH").unwrap()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}
