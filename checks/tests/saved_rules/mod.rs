//! Rules as people write them, and what is changed after they were loaded.

use checks::check::Verdict;

/// Rules of nft(8) in the chain `input` of a table `inet f`.
pub(crate) const RULES: &[&str] = &[
    "ct state established,related accept",
    "ct state { new, related } accept",
    "ct state vmap { established : accept, invalid : drop }",
    "ct state != invalid accept",
    "ct state invalid counter drop",
    "iif lo accept",
    "iif != lo tcp dport 22 accept",
    "iifname lo accept",
    "iifname \"eth*\" accept",
    "iifname { \"eth0\", \"eth1\" } accept",
    "iifname != \"eth0\" drop",
    "tcp dport ssh accept",
    "tcp dport { ssh, http, 443 } accept",
    "tcp dport { 22 } ct state new accept comment \"one\"",
    "tcp dport 1024-65535 accept",
    "tcp dport != { 53, 100-200 } accept",
    "tcp dport >= 1024 accept",
    "udp sport 53 udp dport 1024-65535 accept",
    "ip saddr 10.0.0.0/8 accept",
    "ip saddr 172.16.0.0/12 tcp dport 22 accept",
    "ip saddr != 192.0.2.1 drop",
    "ip saddr { 10.0.0.0/8, 192.168.0.0/16, 203.0.113.5 } accept",
    "ip saddr 192.0.2.1-192.0.2.9 accept",
    "ip daddr 255.255.255.255 drop",
    "ip saddr @blocked drop",
    "ip saddr != @blocked accept",
    "tcp dport vmap @where",
    "tcp dport vmap { 22 : accept, 80-90 : jump other }",
    "ip6 saddr fe80::/10 accept",
    "ip6 saddr 2001:db8::/33 accept",
    "ip6 saddr { 2001:db8::1, 2001:db8:1::/48 } accept",
    "icmp type echo-request limit rate 5/second accept",
    "icmp type { echo-request, destination-unreachable } accept",
    "icmpv6 type { nd-neighbor-solicit, nd-router-advert, 148 } accept",
    "meta nfproto ipv6 icmpv6 type { echo-request, nd-redirect } accept",
    "ip protocol icmp accept",
    "ip6 nexthdr icmpv6 accept",
    "meta l4proto { icmp, ipv6-icmp } accept",
    "meta l4proto { tcp, udp } th dport 53 accept",
    "ip protocol tcp tcp dport 22 accept",
    "meta l4proto tcp tcp dport 22 accept",
    "meta l4proto icmp icmp type echo-request accept",
    "tcp flags & (fin|syn|rst|ack) == syn accept",
    "tcp flags syn / fin,syn,rst,ack accept",
    "tcp flags syn drop",
    "tcp flags & (fin|syn) == (fin|syn) drop",
    "tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0 drop",
    "tcp flags != syn ct state new drop",
    "meta mark 0x10 accept",
    "meta mark & 0xff == 0x10 accept",
    "meta mark 1-100 accept",
    "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80-90 } accept",
    "fib daddr type local accept",
    "fib daddr type { broadcast, multicast } drop",
    "fib saddr . iif oif missing drop",
    "tcp dport 22 meta mark set 0x1",
    "ct mark set meta mark",
    "meta pkttype { broadcast, multicast } drop",
    "meta skuid 0 accept",
    "tcp dport 22 counter log prefix \"in: \" flags all accept",
    "log prefix \"x\" level info limit rate 3/minute",
    "reject with icmpx type admin-prohibited",
    "reject with tcp reset",
    "reject with icmp type host-unreachable",
    "ip saddr 192.0.2.1 reject",
    "reject",
    "limit rate over 10/minute burst 7 packets drop",
    "jump other",
    "tcp dport 22 goto other",
    "counter",
    "notrack",
    "ether saddr 02:00:00:00:00:01 accept",
    "meta protocol ip accept",
    "ip ttl < 5 drop",
    "tcp dport 22 return",
    "udp sport 67 udp dport 68 accept",
    "ip saddr 192.0.2.1 ip daddr 198.51.100.1 accept",
];

/// A file that is loaded before each of the changes.
pub(crate) const FILE: &str = "flush ruleset
define ssh = { 22, 2222 }
table inet filter {
  set friends { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
  set banned { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
  set enemies { type ipv4_addr; elements = { 198.51.100.7 }; }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    ip saddr @enemies drop
    ip saddr @banned drop
    tcp dport $ssh accept
    ip saddr @friends tcp dport 5432 accept
    jump more
  }
  chain more {
    udp dport 53 accept
  }
  chain output { type filter hook output priority filter; policy accept; }
}
";

/// What happens after a file was loaded, and what hostduty has to say then.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    /// For `nft -f`, or for sh(1).
    pub(crate) with: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) says: &'static str,
}

const fn change(name: &'static str, with: &'static str, verdict: Verdict, says: &'static str) -> Change {
    Change { name, with, verdict, says }
}

pub(crate) const CHANGES: &[Change] = &[
    change("nothing", "", Verdict::Pass, "inet filter is what nftables.service loads at boot"),
    change(
        "a rule that drops was added",
        "insert rule inet filter input tcp dport 22 drop",
        Verdict::Fail,
        "tcp dport 22 drop",
    ),
    change(
        "a rule that accepts was deleted",
        "flush chain inet filter more",
        Verdict::Fail,
        "udp dport 53 accept",
    ),
    change(
        "a rule that accepts was added",
        "add rule inet filter more tcp dport 25 accept",
        Verdict::Pass,
        "tcp dport 25 accept",
    ),
    change(
        "the policy was opened",
        "add chain inet filter input { policy accept; }",
        Verdict::Pass,
        "policy accept now and policy drop in the file",
    ),
    change(
        "the order was changed",
        "flush chain inet filter input
         add rule inet filter input ct state established,related accept
         add rule inet filter input tcp dport { 22, 2222 } accept
         add rule inet filter input ip saddr @enemies drop
         add rule inet filter input ip saddr @banned drop
         add rule inet filter input ip saddr @friends tcp dport 5432 accept
         add rule inet filter input jump more",
        Verdict::Unknown,
        "another order",
    ),
    change(
        "a friend was added",
        "add element inet filter friends { 203.0.113.9 }",
        Verdict::Pass,
        "set friends has 203.0.113.9 now",
    ),
    change(
        "a friend was removed",
        "delete element inet filter friends { 192.0.2.0/24 }",
        Verdict::Fail,
        "192.0.2.0-192.0.2.255",
    ),
    change(
        "an enemy was added",
        "add element inet filter enemies { 203.0.113.9 }",
        Verdict::Fail,
        "203.0.113.9",
    ),
    change("somebody was banned", "add element inet filter banned { 203.0.113.9 }", Verdict::Pass, "is what"),
    change(
        "another table filters",
        "table ip6 own { chain c { type filter hook prerouting priority raw; tcp dport 23 drop; }; }",
        Verdict::Fail,
        "ip6 own",
    ),
    change("the table is gone", "flush ruleset", Verdict::Unknown, "and yet none is loaded now"),
    change(
        "fail2ban is there",
        "table inet f2b-table { chain f2b-chain { type filter hook input priority -1; ip saddr 203.0.113.1 drop; }; }",
        Verdict::Unknown,
        "was put there by fail2ban",
    ),
    change(
        "what is not understood",
        "add rule inet filter input tcp option maxseg size 500 drop",
        Verdict::Unknown,
        "takes a reboot to see",
    ),
];

/// Rules of iptables(8) in the chain INPUT.
pub(crate) const IPTABLES: &[&str] = &[
    "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    "-m state --state NEW -j ACCEPT",
    "-i lo -j ACCEPT",
    "-i eth+ -j ACCEPT",
    "! -i lo -d 127.0.0.0/8 -j DROP",
    "-p tcp --dport ssh -j ACCEPT",
    "-p tcp -m tcp --dport 1000:2000 -j ACCEPT",
    "-p tcp -m multiport --dports 22,80,443 -j ACCEPT",
    "-p udp --sport 53 --dport 1024: -j ACCEPT",
    "-s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT",
    "-s 10.1.2.3/255.255.0.0 -j ACCEPT",
    "-s 192.0.2.1 -j DROP",
    "! -s 192.0.2.0/25 -j DROP",
    "-p icmp --icmp-type echo-request -j ACCEPT",
    "-p icmp -j ACCEPT",
    "-p tcp --tcp-flags SYN,ACK SYN -j DROP",
    "-p tcp --syn -j ACCEPT",
    "-j REJECT",
    "-j REJECT --reject-with icmp-host-prohibited",
    "-p tcp -j REJECT --reject-with tcp-reset",
    "-m limit --limit 3/min -j LOG --log-prefix \"dropped [x] \"",
    "-m limit --limit 10/second --limit-burst 20 -j ACCEPT",
    "-m comment --comment \"the rest\" -j DROP",
    "-m addrtype --dst-type LOCAL -j ACCEPT",
    "-m mark --mark 0x1 -j ACCEPT",
    "-m pkttype --pkt-type broadcast -j DROP",
    "-m mac --mac-source 02:00:00:00:00:01 -j ACCEPT",
    "-m iprange --src-range 192.0.2.1-192.0.2.9 -j ACCEPT",
    "-j user",
    "-p udp -g user",
    "-p tcp",
];

/// Loaded before each of the changes below.
pub(crate) const IPTABLES_FILE: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
";

pub(crate) const IPTABLES_CHANGES: &[Change] = &[
    change("nothing", "true", Verdict::Pass, "is what netfilter-persistent.service loads at boot"),
    change(
        "a rule that drops was added",
        "iptables -I INPUT -p tcp --dport 80 -j DROP",
        Verdict::Fail,
        "--dport 80",
    ),
    change("a rule that accepts was deleted", "iptables -D INPUT 3", Verdict::Fail, "--dport 22 -j ACCEPT"),
    change(
        "a rule that accepts was added",
        "iptables -A INPUT -p tcp --dport 80 -j ACCEPT",
        Verdict::Pass,
        "--dport 80",
    ),
    change(
        "the policy was opened",
        "iptables -P INPUT ACCEPT; iptables -A INPUT -j DROP",
        Verdict::Fail,
        "-j DROP",
    ),
    change(
        "fail2ban is there",
        "iptables -N f2b-sshd; iptables -A f2b-sshd -s 203.0.113.1 -j REJECT; iptables -I INPUT -j f2b-sshd",
        Verdict::Pass,
        "apart from the chains of fail2ban",
    ),
    change(
        "Docker is there",
        "iptables -N DOCKER; iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; iptables -A FORWARD -o docker0 -j \
         DOCKER; iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        Verdict::Pass,
        "apart from the chains of Docker",
    ),
];

/// What `ufw allow 22/tcp` and two more leave.
pub(crate) const UFW_USER: &str = "*filter
:ufw-user-input - [0:0]
:ufw-user-output - [0:0]
:ufw-user-forward - [0:0]
:ufw-before-logging-input - [0:0]
:ufw-before-logging-output - [0:0]
:ufw-before-logging-forward - [0:0]
:ufw-user-logging-input - [0:0]
:ufw-user-logging-output - [0:0]
:ufw-user-logging-forward - [0:0]
:ufw-after-logging-input - [0:0]
:ufw-after-logging-output - [0:0]
:ufw-after-logging-forward - [0:0]
:ufw-logging-deny - [0:0]
:ufw-logging-allow - [0:0]
:ufw-user-limit - [0:0]
:ufw-user-limit-accept - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### allow any 53 0.0.0.0/0 any 10.0.0.0/8 in
-A ufw-user-input -p tcp --dport 53 -s 10.0.0.0/8 -j ACCEPT
-A ufw-user-input -p udp --dport 53 -s 10.0.0.0/8 -j ACCEPT

### tuple ### limit tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --set
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit
-A ufw-user-input -p tcp --dport 2222 -j ufw-user-limit-accept

### END RULES ###

### LOGGING ###
-A ufw-after-logging-input -j LOG --log-prefix \"[UFW BLOCK] \" -m limit --limit 3/min --limit-burst 10
-A ufw-after-logging-forward -j LOG --log-prefix \"[UFW BLOCK] \" -m limit --limit 3/min --limit-burst 10
-I ufw-logging-deny -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min --limit-burst 10
-A ufw-logging-deny -j LOG --log-prefix \"[UFW BLOCK] \" -m limit --limit 3/min --limit-burst 10
-A ufw-logging-allow -j LOG --log-prefix \"[UFW ALLOW] \" -m limit --limit 3/min --limit-burst 10
### END LOGGING ###

### RATE LIMITING ###
-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix \"[UFW LIMIT BLOCK] \"
-A ufw-user-limit -j REJECT
-A ufw-user-limit-accept -j ACCEPT
### END RATE LIMITING ###
COMMIT
";
