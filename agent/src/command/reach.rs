//! `hostduty reach`: whether one new connection would get through, and which rules it meets.

use std::net::{IpAddr, Ipv6Addr};
use std::process::ExitCode;

use checks::facts::Facts;
use checks::facts::sockets::Protocol;
use checks::reach::{Question, connect};

use super::{Error, no_such};
use crate::cli::{self, Format, Proto};
use crate::render::human::Paint;
use crate::render::reach;
use crate::{output, source};

const ROOMS: &[&str] = &["machine", "sockets", "network", "ruleset"];

pub(crate) fn run(arguments: &cli::Reach) -> Result<ExitCode, Error> {
    let mut question = question(arguments)?;
    let facts = source::rooms(ROOMS, &arguments.kernel)?;
    if let (Some(name), Some(network)) = (&question.interface, facts.network.value()) {
        let known: Vec<&str> = network.interfaces.iter().map(|interface| interface.name.as_str()).collect();
        // A zone may be an index as well.
        let numbered = name.parse().ok().and_then(|index| network.interface(index));
        match numbered {
            _ if known.contains(&name.as_str()) => {}
            Some(interface) => question.interface = Some(interface.name.clone()),
            None => return Err(no_such("interface", name, &known)),
        }
    }
    let answer = connect(&facts, &question);
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&reach::json(&question, &answer))?,
        Format::Human => {
            let paint = Paint(output::coloured(arguments.answer.color, file.is_some()));
            reach::human(&question, &answer, seen_by(&facts), paint)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::SUCCESS)
}

/// The user that looked, where it was not root: then there is more to see.
pub(super) fn seen_by(facts: &Facts) -> Option<u32> {
    let uid = facts.machine.value()?.seen_by_uid.value().copied()?;
    (uid != 0).then_some(uid)
}

fn question(arguments: &cli::Reach) -> Result<Question, Error> {
    let from = Place::parse(&arguments.from).map_err(|why| bad("--from", &arguments.from, &why))?;
    let to = Place::parse(&arguments.to).map_err(|why| bad("--to", &arguments.to, &why))?;
    let port = to.port.ok_or_else(|| {
        let wanted = match to.address {
            IpAddr::V4(address) => format!("{address}:22"),
            IpAddr::V6(address) => format!("[{address}]:22"),
        };
        bad("--to", &arguments.to, &format!("it has no port: write it like {wanted}"))
    })?;
    if from.address.is_ipv4() != to.address.is_ipv4() {
        return Err(Error::Usage(format!(
            "--from {} and --to {} are addresses of different families\ngive two of IPv4 or two of IPv6",
            from.address, to.address
        )));
    }
    let mut named = [&arguments.interface, &from.zone, &to.zone].into_iter().flatten();
    let interface = named.next().cloned();
    if let Some(other) = named.find(|other| Some(*other) != interface.as_ref()) {
        return Err(Error::Usage(format!(
            "the packet cannot come in through both `{}` and `{other}`\nname one interface",
            interface.unwrap_or_default()
        )));
    }
    Ok(Question {
        protocol: match arguments.proto {
            Proto::Tcp => Protocol::Tcp,
            Proto::Udp => Protocol::Udp,
        },
        from: from.address,
        from_port: from.port,
        to: to.address,
        port,
        interface,
        source_mac: None,
    })
}

fn bad(option: &str, text: &str, why: &str) -> Error {
    Error::Usage(format!("{option} `{text}` makes no sense: {why}"))
}

/// An address with what may stand beside it: `192.0.2.1:22`, `fe80::1%eth0`, `[fe80::1%eth0]:22`.
#[derive(Debug, PartialEq)]
struct Place {
    address: IpAddr,
    zone: Option<String>,
    port: Option<u16>,
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let (address, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or("the bracket `[` is never closed")?;
                if !address.contains(':') {
                    return Err("brackets are for IPv6".to_owned());
                }
                match rest.strip_prefix(':') {
                    Some(port) => (address, Some(port)),
                    None if rest.is_empty() => (address, None),
                    None => return Err("after `]` comes nothing, or `:` and a port".to_owned()),
                }
            }
            // One colon parts a port; more belong to an address of IPv6.
            None => match text.split_once(':') {
                Some((address, port)) if !port.contains(':') => (address, Some(port)),
                _ => (text, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(0)) | Some(Err(_)) => return Err("a port is a number from 1 to 65535".to_owned()),
            Some(Ok(port)) => Some(port),
        };
        let (address, zone) = match address.split_once('%') {
            Some((_, "")) => return Err("`%` comes before the name of an interface".to_owned()),
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (address, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| "an address is a number such as 203.0.113.9 or 2001:db8::9")?;
        match address {
            IpAddr::V4(_) if zone.is_some() => Err("only addresses of IPv6 have a zone".to_owned()),
            IpAddr::V6(mapped) if mapped_v4(mapped) => {
                Err("on the wire it is an address of IPv4: write it as one".to_owned())
            }
            _ => Ok(Self { address, zone, port }),
        }
    }
}

fn mapped_v4(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let place = |address: &str, zone: Option<&str>, port| Place {
            address: address.parse().unwrap(),
            zone: zone.map(str::to_owned),
            port,
        };
        for (text, wanted) in [
            ("192.0.2.1", place("192.0.2.1", None, None)),
            ("192.0.2.1:22", place("192.0.2.1", None, Some(22))),
            ("2001:db8::1", place("2001:db8::1", None, None)),
            ("[2001:db8::1]", place("2001:db8::1", None, None)),
            ("[2001:db8::1]:65535", place("2001:db8::1", None, Some(65535))),
            ("fe80::1%eth0", place("fe80::1", Some("eth0"), None)),
            ("[fe80::1%eth0]:22", place("fe80::1", Some("eth0"), Some(22))),
        ] {
            assert_eq!(Place::parse(text).unwrap(), wanted, "{text}");
        }
        for (text, why) in [
            ("", "such as 203.0.113.9"),
            ("example.org:22", "an address is a number"),
            ("192.0.2.300", "an address is a number"),
            ("192.0.2.1:", "from 1 to 65535"),
            ("192.0.2.1:0", "from 1 to 65535"),
            ("192.0.2.1:70000", "from 1 to 65535"),
            ("[2001:db8::1", "never closed"),
            ("[2001:db8::1]22", "after `]`"),
            ("[192.0.2.1]:22", "for IPv6"),
            ("192.0.2.1%eth0", "have a zone"),
            ("fe80::1%", "before the name"),
            ("[::ffff:192.0.2.1]:22", "write it as one"),
        ] {
            let error = Place::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
