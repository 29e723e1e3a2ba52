//! What a rule does: verdicts, reject, limit, translation of addresses, marks.

use super::context::Context;
use super::lexer::Token;
use crate::facts::firewall_boot::form::Step;
use crate::facts::firewall_boot::form::kernel::limit;
use crate::facts::ruleset::nftables::Family;

/// Reads one statement; says how many words it took, or nothing where the words begin a test.
pub(super) fn read(
    words: &[Token],
    context: &mut Context,
    steps: &mut Vec<Step>,
) -> Result<Option<usize>, String> {
    let word = |at: usize| {
        words.get(at).filter(|word| !word.quoted).map(|word| word.text.as_str()).unwrap_or_default()
    };
    let mut does = |what: String| steps.push(Step::Does(what));
    let taken = match word(0) {
        "accept" | "drop" | "return" | "continue" => {
            does(word(0).to_owned());
            1
        }
        "jump" | "goto" => {
            does(format!(
                "{} {}",
                word(0),
                words.get(1).map(|chain| chain.text.as_str()).unwrap_or_default()
            ));
            2
        }
        "comment" => 2,
        "counter" => match word(1) {
            "packets" => 5,
            "name" => 3,
            _ => 1,
        },
        "log" => log(words),
        "notrack" => {
            does("notrack".to_owned());
            1
        }
        "masquerade" if words.len() == 1 => {
            does("masquerade".to_owned());
            1
        }
        "reject" => return reject(words, context, steps).map(Some),
        "limit" => return rate(words, steps).map(Some),
        "redirect" => {
            let port = match (word(1), word(2), word(3)) {
                ("", ..) => "-".to_owned(),
                ("to", ":", port) if let Ok(port) = port.parse::<u16>() => format!("{port:04x}"),
                _ => return Err("hostduty does not compare its redirect".to_owned()),
            };
            does(format!("redirect {port}"));
            words.len()
        }
        "dnat" | "snat" => return translate(words, context, steps).map(Some),
        "meta" | "ct" if word(2) == "set" => return mark(word(0), word(1), words, 3, steps).map(Some),
        "mark" if word(1) == "set" => return mark("meta", "mark", words, 2, steps).map(Some),
        "ct" if word(1) == "count" => {
            let over = word(2) == "over";
            let at = if over { 3 } else { 2 };
            does(format!("ct count {} {}", if over { "over" } else { "until" }, word(at)));
            at.saturating_add(1)
        }
        _ => return Ok(None),
    };
    Ok(Some(taken))
}

/// `log` with its options, which decide nothing.
fn log(words: &[Token]) -> usize {
    let mut at: usize = 1;
    while let Some(word) = words.get(at).filter(|word| !word.quoted) {
        match word.text.as_str() {
            "prefix" | "level" | "group" | "snaplen" | "queue-threshold" => at = at.saturating_add(2),
            "flags" => {
                at = at.saturating_add(2);
                // `flags tcp sequence,options`, `flags ip options`
                while let Some(word) = words.get(at)
                    && [",", "sequence", "options", "tcp", "ip", "skuid", "ether", "all"].iter().any(|one| word.is(one))
                    // A test of the rule may begin with the same word.
                    && !(word.is("tcp") || word.is("ip") || word.is("ether"))
                {
                    at = at.saturating_add(1);
                }
            }
            _ => break,
        }
    }
    at
}

/// `limit rate over 10/minute burst 5 packets`
fn rate(words: &[Token], steps: &mut Vec<Step>) -> Result<usize, String> {
    let wrong = || "hostduty does not compare its limit".to_owned();
    let word = |at: usize| words.get(at).map(|word| word.text.as_str()).unwrap_or_default();
    if word(1) != "rate" {
        return Err(wrong());
    }
    let mut at = 2;
    let over = word(at) == "over";
    if over || word(at) == "until" {
        at = 3;
    }
    let (number, unit) = match word(at).split_once('/') {
        Some((number, unit)) => (number, unit),
        None => {
            let unit = word(at.saturating_add(1)).strip_prefix('/').ok_or_else(wrong)?;
            at = at.saturating_add(1);
            (word(at.saturating_sub(1)), unit)
        }
    };
    let unit = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return Err(wrong()),
    };
    at = at.saturating_add(1);
    let mut burst = 5;
    if word(at) == "burst" {
        burst = word(at.saturating_add(1)).parse().map_err(|_| wrong())?;
        if word(at.saturating_add(2)) != "packets" {
            return Err(wrong());
        }
        at = at.saturating_add(3);
    }
    let number = number.parse().map_err(|_| wrong())?;
    steps.push(Step::Does(limit(number, unit, burst, false, over)));
    Ok(at)
}

/// `reject`, `reject with tcp reset`, `reject with icmp port-unreachable`
fn reject(words: &[Token], context: &mut Context, steps: &mut Vec<Step>) -> Result<usize, String> {
    let word = |at: usize| words.get(at).map(|word| word.text.as_str()).unwrap_or_default();
    if word(1) != "with" {
        let (kind, code) = match (context.family(), context.is_network()) {
            (Family::Ip, _) | (Family::Inet, Some(2)) => (0, 3),
            (Family::Ip6, _) | (Family::Inet, Some(10)) => (0, 4),
            (Family::Inet, _) => (2, 1),
            _ => return Err("hostduty does not compare its reject".to_owned()),
        };
        steps.push(Step::Does(format!("reject {kind} {code}")));
        return Ok(1);
    }
    let (at, typed): (usize, usize) = if word(3) == "type" { (4, 1) } else { (3, 0) };
    let code = word(at);
    let number = |names: &[&str]| {
        let named = names.iter().position(|name| *name == code);
        named.or_else(|| code.parse().ok()).ok_or_else(|| format!("hostduty does not know reject {code:?}"))
    };
    let mut before = Vec::new();
    let said = match word(2) {
        "tcp" if word(3) == "reset" => {
            context.transport(6, &mut before);
            "reject 1 0".to_owned()
        }
        "icmp" => {
            context.network(2, &mut before)?;
            let names = [
                "net-unreachable",
                "host-unreachable",
                "prot-unreachable",
                "port-unreachable",
                "",
                "",
                "",
                "",
                "",
                "net-prohibited",
                "host-prohibited",
                "",
                "",
                "admin-prohibited",
            ];
            format!("reject 0 {}", number(&names)?)
        }
        "icmpv6" => {
            context.network(10, &mut before)?;
            let names = [
                "no-route",
                "admin-prohibited",
                "",
                "addr-unreachable",
                "port-unreachable",
                "policy-fail",
                "reject-route",
            ];
            format!("reject 0 {}", number(&names)?)
        }
        "icmpx" => {
            let names = ["no-route", "port-unreachable", "host-unreachable", "admin-prohibited"];
            format!("reject 2 {}", number(&names)?)
        }
        _ => return Err("hostduty does not compare its reject".to_owned()),
    };
    steps.extend(before);
    steps.push(Step::Does(said));
    Ok(4_usize.saturating_add(typed))
}

/// `dnat to 192.0.2.1:80`, `dnat ip to 192.0.2.1`
fn translate(words: &[Token], context: &mut Context, steps: &mut Vec<Step>) -> Result<usize, String> {
    let wrong = || "hostduty does not compare its translation of addresses".to_owned();
    let word = |at: usize| words.get(at).map(|word| word.text.as_str()).unwrap_or_default();
    let kind = u8::from(word(0) == "dnat");
    let (mut family, mut at) = match context.family() {
        Family::Ip => (2, 1),
        Family::Ip6 => (10, 1),
        _ => (context.is_network().unwrap_or(0), 1),
    };
    if word(at) == "ip" || word(at) == "ip6" {
        family = if word(at) == "ip" { 2 } else { 10 };
        at = 2;
    }
    if word(at) != "to" {
        return Err(wrong());
    }
    let address: std::net::IpAddr = word(at.saturating_add(1)).parse().map_err(|_| wrong())?;
    let mut port = "-".to_owned();
    at = at.saturating_add(2);
    if word(at) == ":" {
        port = format!("{:04x}", word(at.saturating_add(1)).parse::<u16>().map_err(|_| wrong())?);
        at = at.saturating_add(2);
    }
    if at != words.len() {
        return Err(wrong());
    }
    let bytes = match address {
        std::net::IpAddr::V4(address) => {
            context.network(2, steps).ok();
            address.octets().to_vec()
        }
        std::net::IpAddr::V6(address) => {
            context.network(10, steps).ok();
            address.octets().to_vec()
        }
    };
    if family == 0 {
        family = context.is_network().unwrap_or(0);
    }
    let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    steps.push(Step::Does(format!("nat {kind} {family} {bytes} {port}")));
    Ok(at)
}

/// `meta mark set 0x1`, `ct mark set meta mark`
fn mark(what: &str, field: &str, words: &[Token], at: usize, steps: &mut Vec<Step>) -> Result<usize, String> {
    let word = |at: usize| words.get(at).map(|word| word.text.as_str()).unwrap_or_default();
    if field != "mark" || word(at.saturating_add(1)) == "&" || word(at.saturating_add(2)) == "&" {
        return Err(format!("hostduty does not compare `{what} {field} set`"));
    }
    let (value, taken) = match (word(at), word(at.saturating_add(1))) {
        ("meta", "mark") => ("meta mark".to_owned(), 2),
        ("ct", "mark") => ("ct mark".to_owned(), 2),
        ("mark", _) => ("meta mark".to_owned(), 1),
        (number, _) => {
            let number = match number.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            (format!("{:08x}", number.map_err(|_| "hostduty does not know the mark".to_owned())?), 1)
        }
    };
    steps.push(Step::Does(format!("{what} mark set {value}")));
    Ok(at.saturating_add(taken))
}
