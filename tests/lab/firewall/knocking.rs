//! A port that opens to those who knocked at another one is open to anyone who knows where to knock.

use std::env;
use std::net::TcpListener;
use std::process::Command;

use checks::check::Verdict;

use super::closing::{judge, sh, street};

/// Ways to keep port 3306 for those who knocked at port 7000: what keeps the list, and the rule that fills it.
const WAYS: [(&str, &str, &str); 3] = [
    (
        "ipset",
        "ipset create knocked hash:ip
            iptables -P INPUT DROP
            iptables -A INPUT -p tcp --dport 3306 -m set --match-set knocked src -j ACCEPT",
        "iptables -A INPUT -p tcp --dport 7000 -j SET --add-set knocked src",
    ),
    (
        "recent",
        "iptables -P INPUT DROP
            iptables -A INPUT -p tcp --dport 3306 -m recent --name knocked --rcheck -j ACCEPT",
        "iptables -A INPUT -p tcp --dport 7000 -m recent --name knocked --set -j DROP",
    ),
    (
        "nft",
        "nft 'add table ip filter
            add set ip filter knocked { type ipv4_addr; flags dynamic; size 1000; }
            add chain ip filter input { type filter hook input priority 0; policy drop; }
            add rule ip filter input tcp dport 3306 ip saddr @knocked accept'",
        "nft 'add rule ip filter input tcp dport 7000 add @knocked { ip saddr } drop'",
    ),
];

#[test]
fn who_can_knock_can_get_in() {
    if !super::possible() {
        return;
    }
    for (way, ..) in WAYS {
        let output = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--"])
            .arg(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "firewall::knocking::one_way", "--nocapture"])
            .env("HOSTDUTY_LAB_KNOCK", way)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 passed"), "{way}: {said}");
    }
}

#[test]
#[ignore = "the other test starts it in namespaces of its own"]
fn one_way() {
    let Ok(name) = env::var("HOSTDUTY_LAB_KNOCK") else { return };
    let (_, keeps, fills) = WAYS.into_iter().find(|(way, ..)| *way == name).unwrap();
    street();
    sh("ip netns add far
        ip link set far0 netns far
        ip -n far address add 198.51.100.2/24 dev far0
        ip -n far link set far0 up");
    sh(keeps);
    let _listener = TcpListener::bind("198.51.100.1:3306").unwrap();
    let closed = judge();
    assert_eq!(closed.verdict(), Verdict::Pass, "{name}: {closed:?}");
    assert!(!connects(3306) && !connects(7000) && !connects(3306), "{name}: nothing fills the list yet");
    sh(fills);
    // Nobody has knocked when it is judged.
    let open = judge();
    assert!(open.findings.iter().any(|finding| finding.subject.ends_with(":3306")), "{name}: {open:?}");
    assert!(!connects(3306) && !connects(7000), "{name}");
    assert!(connects(3306), "{name}: who knocked gets in");
}

/// Whether somebody outside gets a connection.
fn connects(port: u16) -> bool {
    Command::new("nsenter")
        .args(["--net=/run/netns/far", "timeout", "1", "bash", "-c"])
        .arg(format!("</dev/tcp/198.51.100.1/{port}"))
        .output()
        .is_ok_and(|output| output.status.success())
}
