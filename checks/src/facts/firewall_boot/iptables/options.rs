//! The options of one rule of iptables(8), put in one order and one spelling.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Words of a line; quotes and backslashes as iptables-restore(8) takes them.
pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (_, '\\') => word.get_or_insert_default().extend(letters.next()),
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// One option with its values.
struct Given {
    name: String,
    invert: bool,
    values: Vec<String>,
}

/// The options of a rule after its chain. Those of every rule come first, in one order; matches follow in theirs.
pub(super) fn normal(words: &[String], ipv6: bool) -> Result<Vec<String>, String> {
    let mut first: Vec<(usize, String)> = Vec::new();
    let mut matches: Vec<String> = Vec::new();
    let mut target: Vec<String> = Vec::new();
    let mut protocol = String::new();
    // Which extension the next options belong to.
    let mut module = String::new();
    let mut in_target = false;
    for option in options(words)? {
        let value = || option.values.join(" ");
        let not = if option.invert { "! " } else { "" };
        let base = BASE.iter().position(|(short, long)| option.name == *short || option.name == *long);
        let base = base.filter(|_| !in_target);
        match (option.name.as_str(), base) {
            ("-c" | "--set-counters", _) => {}
            ("-m" | "--match", _) => {
                in_target = false;
                module = value();
                // The extension of the protocol is implied; comments do not decide.
                if module != protocol
                    && !IMPLIED.contains(&(protocol.as_str(), module.as_str()))
                    && module != "comment"
                {
                    matches.push(format!("-m {module}"));
                }
            }
            ("-j" | "--jump", _) => {
                in_target = true;
                target.push(format!("-j {}", value()));
                module = value();
            }
            ("-g" | "--goto", _) => target.push(format!("-g {}", value())),
            ("--comment", _) => {}
            (_, Some(at)) => {
                let (short, _) = BASE.get(at).copied().unwrap_or_default();
                let value = match short {
                    "-s" | "-d" => address(&value(), ipv6)?,
                    "-p" => {
                        protocol = self::protocol(&value());
                        protocol.clone()
                    }
                    _ => value(),
                };
                // Every address is no test.
                if !(matches!(short, "-s" | "-d") && value.ends_with("/0") || short == "-p" && value == "all")
                {
                    first.push((at, format!("{not}{short} {value}").trim_end().to_owned()));
                }
            }
            // What a rule logs does not decide.
            _ if in_target && matches!(module.as_str(), "LOG" | "NFLOG") => {}
            (name, None) => {
                if name == "--syn" {
                    matches.push(format!("{not}--tcp-flags FIN,SYN,RST,ACK SYN"));
                    continue;
                }
                let words = match name {
                    "--source-port" | "--source-ports" => "--sport",
                    "--destination-port" | "--destination-ports" => "--dport",
                    "--sports" | "--dports" | "--ports" if module == "multiport" => name,
                    other => other,
                };
                let written = format!("{not}{words} {}", values(words, &option.values)).trim_end().to_owned();
                if !in_target {
                    if !DEFAULTS.contains(&(module.as_str(), written.as_str())) {
                        matches.push(written);
                    }
                } else {
                    target.push(written);
                }
            }
        }
    }
    if let [only] = target.as_slice()
        && only == "-j REJECT"
    {
        target.push(format!(
            "--reject-with {}",
            if ipv6 { "icmp6-port-unreachable" } else { "icmp-port-unreachable" }
        ));
    }
    first.sort();
    Ok(first.into_iter().map(|(_, word)| word).chain(matches).chain(target).collect())
}

/// Options that every rule may have.
const BASE: &[(&str, &str)] = &[
    ("-s", "--source"),
    ("-s", "--src"),
    ("-d", "--destination"),
    ("-d", "--dst"),
    ("-i", "--in-interface"),
    ("-o", "--out-interface"),
    ("-p", "--protocol"),
    ("-p", "--proto"),
    ("-f", "--fragment"),
];

/// What extensions do unless told otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("limit", "--limit-burst 5"),
    ("recent", "--name DEFAULT"),
    ("recent", "--rsource"),
    ("recent", "--mask 255.255.255.255"),
    ("recent", "--mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Extensions that the protocol implies under another name.
const IMPLIED: &[(&str, &str)] =
    &[("ipv6-icmp", "icmp6"), ("ipv6-icmp", "ipv6-icmp"), ("ipv6-icmp", "icmpv6")];

/// Takes words apart: each option with the words up to the next.
fn options(words: &[String]) -> Result<Vec<Given>, String> {
    let mut options: Vec<Given> = Vec::new();
    let mut invert = false;
    for word in words {
        let is_option = word.starts_with('-')
            && word.len() > 1
            && !word.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if word == "!" {
            invert = true;
        } else if is_option {
            options.push(Given {
                name: word.clone(),
                invert: std::mem::take(&mut invert),
                values: Vec::new(),
            });
        } else {
            let last =
                options.last_mut().ok_or_else(|| format!("hostduty does not know what {word:?} is for"))?;
            // The way of long ago, `-i ! eth0`.
            last.invert |= std::mem::take(&mut invert);
            last.values.push(word.clone());
        }
    }
    Ok(options)
}

/// An address with the length of its network.
fn address(text: &str, ipv6: bool) -> Result<String, String> {
    let wrong = || format!("hostduty does not know the address {text:?}");
    let (host, mask) = text.split_once('/').unwrap_or((text, if ipv6 { "128" } else { "32" }));
    let host: IpAddr = host.parse().map_err(|_| wrong())?;
    let bits = if ipv6 { 128 } else { 32 };
    let length = match mask.parse::<u32>() {
        Ok(length) if length <= bits => length,
        _ => {
            let mask: Ipv4Addr = mask.parse().map_err(|_| wrong())?;
            let mask = u32::from(mask);
            if mask.leading_ones().checked_add(mask.trailing_zeros()) != Some(32) && mask != u32::MAX {
                return Err(wrong());
            }
            mask.leading_ones()
        }
    };
    Ok(match host {
        IpAddr::V4(host) if !ipv6 => {
            let mask = u32::MAX.checked_shl(bits.saturating_sub(length)).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from(u32::from(host) & mask))
        }
        IpAddr::V6(host) if ipv6 => {
            let mask = u128::MAX.checked_shl(bits.saturating_sub(length)).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from(u128::from(host) & mask))
        }
        _ => return Err(wrong()),
    })
}

fn protocol(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "1" => "icmp".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "58" | "icmpv6" | "icmp6" => "ipv6-icmp".to_owned(),
        "0" => "all".to_owned(),
        other => other.to_owned(),
    }
}

/// The values of an option of an extension.
fn values(option: &str, values: &[String]) -> String {
    let joined = values.join(" ");
    match option {
        "--sport" | "--dport" | "--sports" | "--dports" | "--ports" => {
            let port = |name: &str| {
                let service = super::super::nft::service(name);
                service.map_or_else(|| name.to_owned(), |number| number.to_string())
            };
            // An end that is left out is the first or the last port.
            let range = |range: &str| match range.split_once(':') {
                Some((first, last)) => {
                    let first = if first.is_empty() { "0" } else { first };
                    let last = if last.is_empty() { "65535" } else { last };
                    format!("{}:{}", port(first), port(last))
                }
                None => port(range),
            };
            joined.split(',').map(range).collect::<Vec<_>>().join(",")
        }
        "--ctstate" | "--state" | "--ctstatus" => {
            let mut states: Vec<&str> = joined.split(',').collect();
            states.sort_unstable();
            states.join(",")
        }
        "--limit" => match joined.split_once('/') {
            Some((rate, unit)) => {
                let unit =
                    ["second", "minute", "hour", "day"].into_iter().find(|whole| whole.starts_with(unit));
                format!("{rate}/{}", unit.unwrap_or_default())
            }
            None => format!("{joined}/second"),
        },
        "--icmp-type" | "--icmpv6-type" => super::super::nft::icmp(option == "--icmpv6-type", &joined)
            .map_or_else(|| joined.clone(), |number| number.to_string()),
        _ => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rule_has_one_form() {
        let of = |line: &str, ipv6| normal(&split(line).unwrap(), ipv6).unwrap().join(" ");
        for (hand, saved) in [
            ("-p tcp --dport ssh -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT"),
            ("-p 17 -s 10.1.2.3/255.0.0.0 -j DROP", "-s 10.0.0.0/8 -p udp -j DROP"),
            ("--jump REJECT", "-j REJECT --reject-with icmp-port-unreachable"),
            ("-i ! lo -j DROP", "! -i lo -j DROP"),
            (
                "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            ),
            (
                "-m limit --limit 3/min --limit-burst 5 -j LOG --log-prefix \"a b\"",
                "-m limit --limit 3/minute -j LOG",
            ),
            (
                "-j LOG --log-prefix \"x\" -m limit --limit 3/min -p tcp",
                "-p tcp -m limit --limit 3/minute -j LOG",
            ),
            ("-p icmp --icmp-type echo-request -j ACCEPT", "-p icmp -m icmp --icmp-type 8 -j ACCEPT"),
            ("-s 0.0.0.0/0 -m comment --comment 'it''s' -j ACCEPT", "-j ACCEPT"),
        ] {
            assert_eq!(of(hand, false), of(saved, false));
        }
        assert_ne!(of("-i lo -j DROP", false), of("! -i lo -j DROP", false));
        assert_eq!(of("-s fe80::1/10 -j ACCEPT", true), "-s fe80::/10 -j ACCEPT");
        assert!(normal(&split("-s host.example.org -j ACCEPT").unwrap(), false).is_err());
        assert!(split("-m comment --comment \"").is_err());
    }
}
