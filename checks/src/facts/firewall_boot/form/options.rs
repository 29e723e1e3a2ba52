//! Rules of iptables-nft and of the legacy tables as options of iptables(8).

use std::collections::BTreeMap;

use super::key::{L4PROTO, Place};
use super::{Element, Step, Test, Values, kernel};
use crate::facts::firewall_boot::iptables;
use crate::facts::ruleset::nftables::{Expression, Family, Layer, Rule, Table};
use crate::facts::ruleset::{legacy, xtables};

/// The options of a rule of a legacy table.
pub(crate) fn legacy(rule: &legacy::Rule, ipv6: bool) -> Result<Vec<String>, String> {
    let text = xtables::rule("x", rule);
    if is_partial(&text) {
        return Err("hostduty does not read all of it".to_owned());
    }
    iptables::words(&text, ipv6)
}

/// The options of a rule that iptables-nft has written.
pub(crate) fn native(
    table: &Table,
    rule: &Rule,
    interfaces: &BTreeMap<u32, String>,
) -> Result<Vec<String>, String> {
    let ipv6 = table.family == Family::Ip6;
    let mut line = "-A x".to_owned();
    let mut end = String::new();
    for step in kernel::steps(table, rule, interfaces)? {
        match step {
            Step::Xtables(option) => {
                if is_partial(&option) {
                    return Err("hostduty does not read all of it".to_owned());
                }
                if option.starts_with("-j") { end = option } else { line += &format!(" {option}") }
            }
            Step::Does(what) if what.starts_with("limit ") => line += &limit(&what)?,
            Step::Does(what) => end = verdict(&what)?,
            Step::Test(test) => line += &option(&test.without_prefix())?,
        }
    }
    let logs = |expression: &Expression| matches!(expression, Expression::Neutral(name) if name == "log");
    if end.is_empty() && rule.expressions.iter().any(logs) {
        end = "-j LOG".to_owned();
    }
    iptables::words(&format!("{line} {end}"), ipv6)
}

/// `limit until 3/60s burst 5 packets` in the words of iptables.
fn limit(what: &str) -> Result<String, String> {
    let wrong = || format!("iptables does not write `{what}`");
    let words: Vec<&str> = what.split(' ').collect();
    let [_, "until", rate, _, burst, "packets"] = words.as_slice() else { return Err(wrong()) };
    let (number, unit) = rate.split_once('/').ok_or_else(wrong)?;
    let unit = match unit {
        "1s" => "second",
        "60s" => "minute",
        "3600s" => "hour",
        "86400s" => "day",
        _ => return Err(wrong()),
    };
    Ok(format!(" -m limit --limit {number}/{unit} --limit-burst {burst}"))
}

/// What hostduty does not decode stands in brackets, outside of quotes.
fn is_partial(text: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    text.chars().any(|letter| {
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        letter == '[' && !quoted
    })
}

fn verdict(what: &str) -> Result<String, String> {
    Ok(match what {
        "accept" => "-j ACCEPT".to_owned(),
        "drop" => "-j DROP".to_owned(),
        "return" => "-j RETURN".to_owned(),
        "masquerade" => "-j MASQUERADE".to_owned(),
        _ => match what.split_once(' ') {
            Some(("jump", chain)) => format!("-j {}", quoted(chain)),
            Some(("goto", chain)) => format!("-g {}", quoted(chain)),
            _ => return Err(format!("iptables does not write `{what}`")),
        },
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A test of an address, an interface or the protocol.
fn option(test: &Test) -> Result<String, String> {
    let wrong = || "iptables does not write such a test".to_owned();
    let ([key], Values::Here(elements)) = (test.keys.as_slice(), &test.values) else { return Err(wrong()) };
    let [Element { parts, data: None }] = elements.as_slice() else { return Err(wrong()) };
    let [(first, last)] = parts.as_slice() else { return Err(wrong()) };
    let not = if test.invert { " !" } else { "" };
    if let (Some(mask), Place::Payload(Layer::Transport, 13), [value]) =
        (&test.mask, key.place, first.as_slice())
    {
        let [mask] = mask.as_slice() else { return Err(wrong()) };
        let names = ["FIN", "SYN", "RST", "ACK", "PSH", "URG"].into_iter().zip([1, 2, 4, 16, 8, 32]);
        let flags = |bits: u8| {
            let set: Vec<&str> =
                names.clone().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| name).collect();
            if set.is_empty() { "NONE".to_owned() } else { set.join(",") }
        };
        return Ok(format!("{not} --tcp-flags {} {}", flags(*mask), flags(*value)));
    }
    if let (Place::Meta(3), true) = (key.place, first == last) {
        let value = format!("{:#x}", number(first));
        let mask = test.mask.as_ref().map(|mask| format!("/{:#x}", number(mask))).unwrap_or_default();
        return Ok(format!(" -m mark{not} --mark {value}{mask}"));
    }
    if test.mask.is_some() {
        return Err(wrong());
    }
    let name = || {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        if first == last { text(first) } else { format!("{}+", text(first)) }
    };
    let (letter, value) = match (key.place, key.bytes) {
        (Place::Payload(Layer::Network, 12), 4) | (Place::Payload(Layer::Network, 8), 16) => {
            ("-s", network(first, last))
        }
        (Place::Payload(Layer::Network, 16), 4) | (Place::Payload(Layer::Network, 24), 16) => {
            ("-d", network(first, last))
        }
        (Place::Payload(Layer::Network, 9 | 6), 1) | (Place::Meta(L4PROTO), 1) if first == last => {
            ("-p", Some(number(first).to_string()))
        }
        (Place::Meta(6), _) => ("-i", Some(name())),
        (Place::Meta(7), _) => ("-o", Some(name())),
        (Place::Payload(Layer::Transport, at @ (0 | 2)), 2) => {
            let letter = if at == 0 { "--sport" } else { "--dport" };
            let range = if first == last {
                number(first).to_string()
            } else {
                format!("{}:{}", number(first), number(last))
            };
            (letter, Some(range))
        }
        _ => return Err(wrong()),
    };
    Ok(format!("{not} {letter} {}", value.ok_or_else(wrong)?))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number.wrapping_shl(8) | u32::from(*byte))
}

/// A range of addresses that is a network.
fn network(first: &[u8], last: &[u8]) -> Option<String> {
    let same = |(a, b): (&u8, &u8)| (a ^ b).leading_zeros().min(8);
    let mut length = 0_u32;
    for bits in first.iter().zip(last).map(same) {
        length = length.saturating_add(bits);
        if bits < 8 {
            break;
        }
    }
    let address = match first.len() {
        4 => std::net::IpAddr::from(<[u8; 4]>::try_from(first).ok()?),
        _ => std::net::IpAddr::from(<[u8; 16]>::try_from(first).ok()?),
    };
    Some(format!("{address}/{length}"))
}
