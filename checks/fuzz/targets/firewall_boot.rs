//! What a packet filter is loaded from at boot: nft(8) scripts, saved tables, ufw, firewalld.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/nftables.conf",
    "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",
    "/etc/sysconfig/iptables",
    "/etc/ufw/ufw.conf",
    "/etc/default/ufw",
    "/etc/firewalld/firewalld.conf",
    "/etc/firewalld/zones/public.xml",
    "/etc/sysconfig/ip6tables",
    "/etc/nftables.d/one.nft",
    "/etc/ufw/before.rules",
    "/etc/ufw/user.rules",
    "/etc/rc.local",
];

const KNOWN: &str = r#"
[units.known]
init = "systemd"
[units.known.units]
"nftables.service" = { state = "enabled", path = "/usr/lib/systemd/system/nftables.service" }
"netfilter-persistent.service" = { state = "enabled", path = "/usr/lib/systemd/system/netfilter-persistent.service" }
"iptables.service" = { state = "enabled", path = "/usr/lib/systemd/system/iptables.service" }
"ip6tables.service" = { state = "enabled", path = "/usr/lib/systemd/system/ip6tables.service" }
"ufw.service" = { state = "enabled", path = "/usr/lib/systemd/system/ufw.service" }
"firewalld.service" = { state = "enabled", path = "/usr/lib/systemd/system/firewalld.service" }
"#;

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, KNOWN, &["firewall_boot"]);
});
