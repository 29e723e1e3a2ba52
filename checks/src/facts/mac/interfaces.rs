//! The network interfaces of a Mac with their addresses: ifconfig(8).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::refusal;
use crate::facts::network::Prefix;
use crate::gap::Gap;
use crate::host::Output;

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interface {
    /// `en0`
    pub name: String,
    /// Whether it is up, and not said to be inactive.
    pub up: bool,
    /// Whether it is a loopback interface.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loopback: bool,
    /// Its addresses, with the length of their network in bits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Prefix>,
}

impl Interface {
    /// Whether it is a tunnel that a program or the kernel makes, such as a VPN's.
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        ["utun", "tun", "tap", "ipsec", "ppp"].iter().any(|start| {
            let rest = self.name.strip_prefix(start);
            rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }

    /// Whether others can send something through it over a family. At the other end of macOS's own tunnels, which have no
    /// address beyond the link, there is nobody.
    #[must_use]
    pub fn matters(&self, family: &str) -> bool {
        let any = self.addresses.iter().any(|one| one.address.is_ipv4() == (family == "inet"));
        any && (self.is_routed(family) || !self.is_tunnel())
    }

    /// Whether it has an address of this family that others than its neighbours can write to.
    #[must_use]
    pub fn is_routed(&self, family: &str) -> bool {
        self.addresses.iter().any(|prefix| match prefix.address {
            IpAddr::V4(address) => family == "inet" && !address.is_link_local(),
            IpAddr::V6(address) => family == "inet6" && !address.is_unicast_link_local(),
        })
    }
}

/// More interfaces than these are refused.
const INTERFACES: usize = 200;

/// `ifconfig -a`: names at the margin, the rest below them.
pub fn parse(output: &Output) -> Result<Vec<Interface>, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut interfaces: Vec<Interface> = Vec::new();
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) {
            let Some((name, rest)) = line.split_once(": flags=") else { continue };
            let flags = rest.split(['<', '>']).nth(1).unwrap_or_default();
            let has = |flag: &str| flags.split(',').any(|one| one == flag);
            interfaces.push(Interface {
                name: name.chars().take(32).collect(),
                up: has("UP"),
                loopback: has("LOOPBACK"),
                addresses: Vec::new(),
            });
            if interfaces.len() > INTERFACES {
                return Err(Gap::too_large("the list of interfaces"));
            }
            continue;
        }
        let Some(interface) = interfaces.last_mut() else { continue };
        let mut words = line.split_whitespace();
        match words.next() {
            Some("inet" | "inet6") => interface.addresses.push(address(&mut words).ok_or_else(|| {
                Gap::malformed("ifconfig writes an address in a form that hostduty does not know")
            })?),
            Some("status:") if words.next() == Some("inactive") => interface.up = false,
            _ => {}
        }
    }
    if output.status != 0 || interfaces.is_empty() {
        return Err(refusal("ifconfig -a", output));
    }
    Ok(interfaces)
}

/// `192.0.2.10 netmask 0xffffff00 broadcast …`, `192.0.2.10 --> 192.0.2.11 netmask …`, `fe80::1%lo0 prefixlen 64 …`.
fn address<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Prefix> {
    let address: IpAddr = words.next()?.split('%').next()?.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let mut length = most;
    while let Some(word) = words.next() {
        match word {
            "netmask" => {
                let mask = u32::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
                length = u8::try_from(mask.leading_ones()).ok()?;
            }
            "prefixlen" => length = words.next()?.parse().ok().filter(|length| *length <= 128)?,
            _ => {}
        }
    }
    Some(Prefix { address, length }).filter(|_| length <= most)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;

    const MAC: &str = "lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384\n\
        \toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>\n\
        \tinet 127.0.0.1 netmask 0xff000000\n\
        \tinet6 ::1 prefixlen 128\n\
        \tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x1\n\
        en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
        \tether 00:00:5e:00:53:01\n\
        \tinet6 fe80::5e:53ff%en0 prefixlen 64 secured scopeid 0xb\n\
        \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n\
        \tinet6 2001:db8::10 prefixlen 64 autoconf secured\n\
        \tmedia: autoselect (1000baseT <full-duplex>)\n\
        \tstatus: active\n\
        en1: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
        \tstatus: inactive\n\
        utun4: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380\n\
        \tinet 10.9.0.2 --> 10.9.0.2 netmask 0xffffff00\n";

    #[test]
    fn interfaces_have_addresses_and_a_state() {
        let all = parse(&out(MAC)).unwrap();
        let shown: Vec<(&str, bool, usize)> =
            all.iter().map(|one| (one.name.as_str(), one.up, one.addresses.len())).collect();
        assert_eq!(shown, [("lo0", true, 3), ("en0", true, 3), ("en1", false, 0), ("utun4", true, 1)]);
        assert!(all[0].loopback && !all[1].loopback && all[3].is_tunnel() && !all[1].is_tunnel());
        assert!(all[1].is_routed("inet") && all[1].is_routed("inet6") && !all[3].is_routed("inet6"));
        assert!(all[1].matters("inet6") && all[3].matters("inet") && !all[3].matters("inet6"));
        assert_eq!(all[1].addresses[1].length, 24);
    }

    #[test]
    fn an_answer_without_interfaces_is_a_gap() {
        assert!(parse(&out("")).is_err() && parse(&out("nothing\n\tinet 1.2.3.4\n")).is_err());
        assert!(parse(&exit(1, "ifconfig: no\n")).is_err());
        for odd in ["inet somewhere", "inet 192.0.2.1 prefixlen 64", "inet6 ::1 prefixlen 129"] {
            assert!(parse(&out(&format!("en0: flags=1<UP> mtu 1\n\t{odd}\n"))).is_err(), "{odd}");
        }
        assert!(parse(&out(&"en0: flags=1<UP> mtu 1\n".repeat(300))).is_err());
    }
}
