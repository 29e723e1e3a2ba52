//! Rulesets with the outcome that each has by the manual pages of nft and iptables, written by hand.

use checks::facts::Facts;
use checks::facts::ruleset::{IpFamily, Ruleset};
use checks::facts::sockets::Protocol;
use checks::gap::Reading;
use checks::host::NftObject;
use checks::reach::{Answer, Question, Verdict, connect};

/// One ruleset.
pub(crate) struct Case {
    /// The name of its folder below `tests/rulesets`.
    pub(crate) name: &'static str,
    /// What loads it, for sh(1) as root in an empty network namespace.
    #[allow(dead_code, reason = "only the oracle loads them")]
    pub(crate) load: &'static str,
    /// What becomes of [`neighbour`] over IPv4 and IPv6, as [`shown`] writes it.
    pub(crate) outcome: [&'static str; 2],
}

/// A machine with this packet filter, one cable to a neighbour, and nothing else.
pub(crate) fn machine(ruleset: Ruleset) -> Facts {
    let network = r#"
[network.known]
routes.known = [
    { to = "172.31.7.1/32", table = 255, kind = 2, through = [2] },
    { to = "172.31.7.0/24", table = 254, kind = 1, through = [2] },
    { to = "fd57::1/128", table = 255, kind = 2, through = [2] },
    { to = "fd57::/64", table = 254, kind = 1, through = [2] },
]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "cable"
up = true
hardware = 1
addresses = ["172.31.7.1/24", "fd57::1/64"]
reverse_path_filter.known = 0
route_localnet.known = false
"#;
    Facts { ruleset: Reading::Known(ruleset), ..toml::from_str(network).unwrap() }
}

/// What becomes of the neighbour's connection to a port that no ruleset speaks about.
pub(crate) fn neighbour(facts: &Facts, family: IpFamily) -> Answer {
    let (from, to) = match family {
        IpFamily::V4 => ("172.31.7.2", "172.31.7.1"),
        IpFamily::V6 => ("fd57::2", "fd57::1"),
    };
    let question = Question {
        protocol: Protocol::Tcp,
        from: from.parse().unwrap(),
        from_port: None,
        to: to.parse().unwrap(),
        port: 40001,
        interface: Some("cable".to_owned()),
        source_mac: None,
    };
    connect(facts, &question)
}

/// The answer in one line.
pub(crate) fn shown(answer: &Answer) -> String {
    let by = answer.decided_by.as_ref().map(|by| match &by.text {
        Some(text) if text.starts_with("policy") => format!(" by {}: {text}", by.source),
        // The place in the chain is left to the tests of evidence.
        _ => format!(" by {}", by.source.split(" (rule").next().unwrap_or_default()),
    });
    match answer.verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => format!("drop{}", by.unwrap_or_default()),
        Verdict::Reject => format!("reject{}", by.unwrap_or_default()),
        Verdict::Unknown => format!("unknown: {}", answer.reason.as_deref().unwrap_or_default()),
    }
}

/// The dumps over all families, with the file that holds each.
pub(crate) const OBJECTS: [(NftObject, &str); 6] = [
    (NftObject::Tables, "tables"),
    (NftObject::Chains, "chains"),
    (NftObject::Rules, "rules"),
    (NftObject::Sets, "sets"),
    (NftObject::Objects, "objects"),
    (NftObject::Flowtables, "flowtables"),
];

/// Family, table and name of each set in a dump of them: its first two attributes.
#[allow(dead_code, reason = "only who asks the kernel needs them")]
pub(crate) fn sets(mut dump: &[u8]) -> Vec<(u8, String, String)> {
    let mut found = Vec::new();
    while let Some(length) = dump.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) {
        let mut name = {
            let mut at = 20;
            move || {
                let length = usize::from(u16::from_ne_bytes([dump[at], dump[at + 1]]));
                let name = String::from_utf8(dump[at + 4..at + length - 1].to_vec()).unwrap();
                at += length.next_multiple_of(4);
                name
            }
        };
        found.push((dump[16], name(), name()));
        dump = &dump[length.next_multiple_of(4)..];
    }
    found
}

const OPEN: &str = "accept";

pub(crate) const CASES: &[Case] = &[
    Case { name: "nothing-loaded", load: "true", outcome: [OPEN, OPEN] },
    Case {
        name: "nft-policy-drop",
        load: "nft -f - <<'R'
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    iif lo accept
    meta l4proto ipv6-icmp accept
    tcp dport 22 counter log prefix \"ssh \" accept
    tcp dport 80 reject with tcp reset
  }
  chain forward { type filter hook forward priority 0; policy drop; }
  chain output { type filter hook output priority 0; policy accept; }
}
R",
        outcome: ["drop by inet filter input: policy drop"; 2],
    },
    Case {
        // What Debian installs as /etc/nftables.conf: loaded, hooked, and it filters nothing.
        name: "nft-debian-stock",
        load: "nft -f - <<'R'
table inet filter {
  chain input { type filter hook input priority filter; }
  chain forward { type filter hook forward priority filter; }
  chain output { type filter hook output priority filter; }
}
R",
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "nft-conditional-drop",
        load: "nft -f - <<'R'
table inet filter {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 3306 drop
    ip saddr 192.0.2.0/24 jump blocked
  }
  chain blocked { log prefix \"blocked \" drop; }
}
R",
        // `ip saddr` is for IPv4 alone.
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "nft-last-rule-drops",
        load: "nft -f - <<'R'
table inet filter {
  chain services { tcp dport { 22, 443 } accept; }
  chain input {
    type filter hook input priority 0; policy accept;
    jump services
    counter drop comment \"the rest\"
    accept
  }
}
R",
        outcome: ["drop by inet filter input handle 6"; 2],
    },
    Case {
        name: "nft-verdict-maps",
        load: "nft -f - <<'R'
table inet filter {
  map services { type inet_service : verdict; elements = { 22 : accept, 80 : jump web }; }
  chain web { ip saddr 198.51.100.7 accept; }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    tcp dport vmap @services
  }
}
R",
        outcome: ["drop by inet filter input: policy drop"; 2],
    },
    Case {
        name: "nft-ipv4-only",
        load: "nft -f - <<'R'
table ip filter {
  chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept; }
}
R",
        outcome: ["drop by ip filter input: policy drop", OPEN],
    },
    Case {
        name: "nft-nfproto",
        load: "nft -f - <<'R'
table inet filter {
  chain input {
    type filter hook input priority 0; policy accept;
    tcp dport 22 accept
    meta nfproto ipv6 accept
    meta nfproto ipv4 counter drop
  }
}
R",
        outcome: ["drop by inet filter input handle 4", OPEN],
    },
    Case {
        // A table that is switched off is listed like any other.
        name: "nft-dormant",
        load: "nft -f - <<'R'
table inet filter {
  flags dormant
  chain input { type filter hook input priority 0; policy drop; }
}
R",
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "nft-accept-does-not-end-later-chains",
        load: "nft -f - <<'R'
table inet early {
  chain input { type filter hook input priority -10; policy accept; accept; }
}
table inet late {
  chain input { type filter hook input priority 10; policy drop; tcp dport 22 accept; }
}
R",
        outcome: ["drop by inet late input: policy drop"; 2],
    },
    Case {
        name: "nft-prerouting",
        load: "nft -f - <<'R'
table inet raw {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname \"lo\" accept
    tcp dport 22 accept
    ct state established accept
    drop
  }
}
R",
        outcome: ["drop by inet raw prerouting handle 5"; 2],
    },
    Case {
        name: "nft-every-packet-goes-elsewhere",
        load: "nft -f - <<'R'
table ip nat {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; tcp dport 22 accept; dnat to 192.0.2.1; }
}
R",
        outcome: ["drop", OPEN],
    },
    Case {
        // The return goes to the policy, because the chain was entered by goto.
        name: "nft-goto-and-return",
        load: "nft -f - <<'R'
table inet filter {
  chain rest { tcp dport 22 return; reject; }
  chain input {
    type filter hook input priority 0; policy accept;
    goto rest
  }
}
R",
        outcome: ["reject by inet filter rest handle 4"; 2],
    },
    Case {
        name: "nft-ingress",
        load: "nft -f - <<'R'
table netdev edge {
  chain ingress { type filter hook ingress device \"lo\" priority 0; policy drop; }
}
table bridge filter {
  chain input { type filter hook input priority 0; policy accept; ether type arp accept; }
}
R",
        outcome: [OPEN; 2],
    },
    Case {
        // The last rule counts, marks and accepts everybody: it has no condition, however many steps.
        name: "nft-marks-and-sets",
        load: "nft -f - <<'R'
table inet filter {
  set blocked { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.0/24 timeout 1h }; }
  set recent { type ipv4_addr; size 100; flags dynamic; }
  counter seen { }
  chain input {
    type filter hook input priority 0; policy drop;
    ip saddr @blocked drop
    tcp dport 22 ct state new add @recent { ip saddr limit rate over 10/minute } drop
    ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80 } accept
    tcp flags & (fin | syn | rst | ack) == syn limit rate 5/second accept
    fib saddr . iif oif missing drop
    counter name \"seen\" meta mark set 1 ct mark set meta mark notrack accept
  }
}
R",
        // The first two tests look at an IPv4 address, which is for IPv4 alone.
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "nft-docker-shaped",
        load: "nft -f - <<'R'
table ip nat {
  chain DOCKER { tcp dport 8080 dnat to 172.17.0.2:80; }
  chain PREROUTING {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump DOCKER
  }
  chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; oifname != \"docker0\" masquerade; }
}
table ip filter {
  chain FORWARD { type filter hook forward priority filter; policy drop; }
}
R",
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "iptables-nft-policy-drop",
        load: "for tool in iptables-nft ip6tables-nft; do
  $tool -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  $tool -A INPUT -i lo -j ACCEPT
  $tool -A INPUT -p tcp --dport 22 -m comment --comment ssh -j ACCEPT
  $tool -A INPUT -m limit --limit 5/min -j LOG --log-prefix 'dropped '
  $tool -P INPUT DROP
done",
        outcome: [
            "drop by ip filter INPUT: policy drop",
            "drop by ip6 filter INPUT: policy drop",
        ],
    },
    Case {
        // The last rule of RHEL's stock iptables: policy ACCEPT, and a REJECT without a condition but a comment.
        name: "iptables-nft-reject-at-the-end",
        load: "iptables-nft -A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT
iptables-nft -N LOGGING
iptables-nft -A LOGGING -j LOG
iptables-nft -A INPUT -j LOGGING
iptables-nft -A INPUT -m comment --comment rest -j REJECT --reject-with icmp-host-prohibited",
        outcome: ["reject by ip filter INPUT handle 6", OPEN],
    },
    Case {
        name: "legacy-policy-drop",
        load: "for tool in iptables-legacy ip6tables-legacy; do
  $tool -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
  $tool -A INPUT -p tcp --dport 22 -j ACCEPT
  $tool -P INPUT DROP
  $tool -t mangle -A PREROUTING -j MARK --set-mark 1
done",
        outcome: [
            "drop by iptables filter INPUT: policy drop",
            "drop by ip6tables filter INPUT: policy drop",
        ],
    },
    Case {
        name: "legacy-chains",
        load: "iptables-legacy -N before
iptables-legacy -N user
iptables-legacy -N deny
iptables-legacy -A before -i lo -j ACCEPT
iptables-legacy -A before -m comment --comment counts
iptables-legacy -A user -s 198.51.100.0/24 -p udp --dport 53 -j ACCEPT
iptables-legacy -A user -j RETURN
iptables-legacy -A deny -m limit --limit 3/min -j LOG
iptables-legacy -A deny -j DROP
iptables-legacy -A INPUT -j before
iptables-legacy -A INPUT -s 0.0.0.0/0 -j user
iptables-legacy -A INPUT ! -i lo -p tcp --dport 23 -g deny
iptables-legacy -A INPUT -g deny
iptables-legacy -A INPUT -j ACCEPT
ip6tables-legacy -N deny
ip6tables-legacy -A deny -j REJECT
ip6tables-legacy -A INPUT -s fe80::/10 -j ACCEPT
ip6tables-legacy -A INPUT -p ipv6-icmp -j ACCEPT
ip6tables-legacy -A INPUT -j deny",
        outcome: [
            "drop by iptables filter deny rule 2",
            "reject by ip6tables filter deny rule 1",
        ],
    },
    Case {
        // The shape of fail2ban: it blocks some, and lets everybody else in.
        name: "legacy-fail2ban",
        load: "iptables-legacy -N f2b-sshd
iptables-legacy -A f2b-sshd -s 203.0.113.9 -j REJECT
iptables-legacy -A f2b-sshd -j RETURN
iptables-legacy -A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd",
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "legacy-accepts-before-policy-drop",
        load: "iptables-legacy -P INPUT DROP
iptables-legacy -A INPUT -j ACCEPT
iptables-legacy -A INPUT -p tcp --dport 23 -j DROP",
        outcome: [OPEN, OPEN],
    },
    Case {
        name: "legacy-and-nft",
        load: "nft -f - <<'R'
table inet filter { chain input { type filter hook input priority 0; policy accept; tcp dport 22 accept; }; }
R
iptables-legacy -P INPUT DROP
iptables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT
ip6tables-legacy -t raw -A PREROUTING -p tcp --dport 23 -j DROP",
        outcome: ["drop by iptables filter INPUT: policy drop", OPEN],
    },
];
