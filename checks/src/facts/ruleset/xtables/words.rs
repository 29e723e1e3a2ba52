//! Rules of xtables in the words of iptables-save(8).

use std::fmt::{Display, Formatter, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::legacy::{self, Rule};
use super::{Interface, Masked};

/// A rule as iptables-save writes it: `-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT`.
#[must_use]
pub fn rule(chain: &str, rule: &Rule) -> String {
    let mut line = format!("-A {}", Quoted(chain));
    let mut option = |invert: bool, letter: &str, value: &dyn Display| {
        line += &format!("{} {letter} {value}", not(invert));
    };
    for (letter, address) in [("-s", &rule.source), ("-d", &rule.destination)] {
        if let Some(address) = address {
            option(address.invert, letter, &WithMask(address));
        }
    }
    for (letter, interface) in [("-i", &rule.input), ("-o", &rule.output)] {
        if let Some(interface) = interface {
            option(interface.invert, letter, interface);
        }
    }
    if let Some(protocol) = &rule.protocol {
        match protocol_name(protocol.value) {
            Some(name) => option(protocol.invert, "-p", &name),
            None => option(protocol.invert, "-p", &protocol.value),
        }
    }
    match rule.fragments {
        Some(true) => line += " -f",
        Some(false) => line += " ! -f",
        None => {}
    }
    for strange in &rule.strange {
        line += &format!(" [{strange}]");
    }
    for one in &rule.matches {
        line += &format!(" {one}");
    }
    match &rule.target {
        legacy::Target::Accept => line += " -j ACCEPT",
        legacy::Target::Drop => line += " -j DROP",
        legacy::Target::Queue => line += " -j QUEUE",
        legacy::Target::Return => line += " -j RETURN",
        legacy::Target::Continue => {}
        legacy::Target::Jump(chain) => line += &format!(" -j {}", Quoted(chain)),
        legacy::Target::Goto(chain) => line += &format!(" -g {}", Quoted(chain)),
        legacy::Target::Extension(target) => line += &format!(" {target}"),
        legacy::Target::Other(verdict) => line += &format!(" [verdict {verdict}]"),
    }
    line
}

/// ` !`, or nothing.
pub(super) fn not(invert: bool) -> &'static str {
    if invert { " !" } else { "" }
}

/// Of the numbers that iptables knows, and of the common ones in /etc/protocols.
fn protocol_name(number: u16) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        2 => "igmp",
        4 => "ipencap",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        89 => "ospf",
        103 => "pim",
        108 => "ipcomp",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        135 => "mobility-header",
        136 => "udplite",
        _ => return None,
    })
}

impl Display for Interface {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", self.name, if self.wildcard { "+" } else { "" })
    }
}

/// An address with the length of its mask, or with the mask where that has holes.
pub(super) struct WithMask<'a>(pub(super) &'a Masked);

impl Display for WithMask<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match length(self.0.mask) {
            Some(length) => write!(f, "{}/{length}", self.0.address),
            None => write!(f, "{}/{}", self.0.address, self.0.mask),
        }
    }
}

/// Of a mask without holes.
pub(super) fn length(mask: IpAddr) -> Option<u32> {
    match mask {
        IpAddr::V4(mask) => {
            let length = mask.to_bits().leading_ones();
            (mask == Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - length).unwrap_or(0))).then_some(length)
        }
        IpAddr::V6(mask) => {
            let length = mask.to_bits().leading_ones();
            (mask == Ipv6Addr::from_bits(u128::MAX.checked_shl(128 - length).unwrap_or(0))).then_some(length)
        }
    }
}

/// Text as a shell and iptables-restore read it back (`xtables_save_string`).
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' | '\'' => write!(f, "\\{letter}")?,
                // What would break the line it stands in.
                letter if letter.is_control() => write!(f, "{}", letter.escape_default())?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Words with commas between them.
pub(super) struct List<'a>(pub(super) Vec<&'a str>);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0.join(","))
    }
}

/// The names of the bits that are set, in the order of the names.
pub(super) fn bits<'a>(number: u32, names: &[(u32, &'a str)]) -> List<'a> {
    List(names.iter().filter(|(bit, _)| number & bit != 0).map(|(_, name)| *name).collect())
}
