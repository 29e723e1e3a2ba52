//! One new connection: does it get through, and which rules does it meet?

use std::net::IpAddr;
use std::rc::Rc;

use serde::Serialize;

use super::context::Context;
use super::hooks;
use super::nft::protocol_number;
use super::packets::{FRAGMENT, HEADER_LENGTH, NEXT_HEADER, Packets};
use super::program::Free;
use super::ranges::Ranges;
use super::resolve::{Part, resolve};
use super::routing::{LOCAL, Way, address, number};
use super::tables::Program;
use super::walk::{End, Target, Trace};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::sockets::Protocol;
use crate::gap::Gap;

/// One new connection, or the first datagram of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The sender.
    pub from: IpAddr,
    /// Its port; any without.
    pub from_port: Option<u16>,
    /// The destination as the sender writes it.
    pub to: IpAddr,
    /// Its port.
    pub port: u16,
    /// The name of the interface that it comes in through; without, the one that an answer would leave through.
    pub interface: Option<String>,
    /// The address of the frame's sender; any without.
    pub source_mac: Option<[u8; 6]>,
}

/// What the packet filter does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it gets through.
    pub verdict: Verdict,
    /// Whether chance, a rate or a counter stops some of the kind.
    pub rate_limited: bool,
    /// The rule or policy that decided; nothing where no chain sees it, or where routing decided.
    pub decided_by: Option<Evidence>,
    /// Why the verdict is unknown, or what other than a rule decided.
    pub reason: Option<String>,
    /// Where it arrives, when its destination was rewritten.
    pub arrives_at: Option<(IpAddr, u16)>,
    /// Whether it is passed on to another machine or a container.
    pub forwarded: bool,
    /// The rules and policies that took it, in order.
    pub trace: Vec<Evidence>,
}

/// Whether a connection gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It reaches a socket, if one waits there.
    Accept,
    /// It ends without an answer.
    Drop,
    /// It ends, and the sender is told.
    Reject,
    /// That cannot be told.
    Unknown,
}

impl Answer {
    fn plain(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            rate_limited: false,
            decided_by: None,
            reason: Some(reason.into()),
            arrives_at: None,
            forwarded: false,
            trace: Vec::new(),
        }
    }
}

/// Asks the packet filter about one new connection.
#[must_use]
pub fn connect(facts: &Facts, question: &Question) -> Answer {
    answer(facts, question).unwrap_or_else(|gap| Answer::plain(Verdict::Unknown, gap.to_string()))
}

fn answer(facts: &Facts, question: &Question) -> Result<Answer, Gap> {
    let (network, ruleset) = (facts.network.known()?, facts.ruleset.known()?);
    let family = IpFamily::of(question.to);
    if IpFamily::of(question.from) != family {
        return Ok(Answer::plain(Verdict::Unknown, "the two addresses are of different families"));
    }
    let context = Context::new(family, question.protocol, network, ruleset);
    let from = number(question.from);
    let own = hooks::is_loopback(from, family) || context.kind(LOCAL).is_ok_and(|own| own.contains(from));
    let interfaces = match &question.interface {
        Some(name) => context.named(name),
        None if own => context.those(|interface| interface.loopback),
        None => match context.routing.way(from) {
            Way::Through(indexes) => indexes.iter().fold(0, |set, index| set | context.indexed(*index)),
            Way::Unknown(reason) => return Ok(Answer::plain(Verdict::Unknown, &*reason)),
            _ => {
                return Ok(Answer::plain(
                    Verdict::Unknown,
                    "no route leads back to the sender: name the interface",
                ));
            }
        },
    };
    if interfaces == 0 {
        let name = question.interface.as_deref().unwrap_or("that the route names");
        return Ok(Answer::plain(
            Verdict::Unknown,
            format!("no interface {name} is up and has addresses of its own"),
        ));
    }
    let target = Target {
        address: number(question.to),
        port: question.port,
        socket: super::exposure::waiting(facts, question.protocol, question.to, question.port),
    };
    let program = Program::new(&context);
    let local = own && question.interface.is_none();
    let mut packets = Packets::new(1, interfaces, Rc::new(Ranges::one(from)))
        // What the usual sender writes.
        .with(Free::TcpFlags, Rc::new(Ranges::one(0x02)))
        .with(FRAGMENT, Rc::new(Ranges::one(0x4000)));
    packets = match family {
        IpFamily::V4 => packets.with(HEADER_LENGTH, Rc::new(Ranges::one(0x45))),
        IpFamily::V6 => {
            packets.with(NEXT_HEADER, Rc::new(Ranges::one(protocol_number(question.protocol).into())))
        }
    };
    if let Some(port) = question.from_port {
        packets = packets.with(Free::SourcePort, Rc::new(Ranges::one(port.into())));
    }
    if let Some(mac) = question.source_mac {
        let number = mac.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        packets = packets.with(Free::SourceMac, Rc::new(Ranges::one(number)));
    }
    if !local {
        for (bit, interface) in context.interfaces.iter().take(128).enumerate() {
            if interfaces >> bit & 1 == 0 {
                continue;
            }
            let taken = hooks::sources(&context, interface).map_err(|reason| Gap::unsupported(&*reason))?;
            if !taken.contains(from) {
                let reason =
                    format!("the kernel takes no packets from {} on {}", question.from, interface.name);
                return Ok(Answer::plain(Verdict::Drop, reason));
            }
        }
    }
    let outcome = match local {
        true => hooks::within(&context, &program, std::slice::from_ref(&target), vec![packets], true),
        false => hooks::run(&context, &program, std::slice::from_ref(&target), vec![packets], true),
    };
    Ok(one_answer(resolve(outcome).parts, &context, &program))
}

fn one_answer(parts: Vec<Part>, context: &Context<'_>, program: &Program) -> Answer {
    let Some(first) = parts.first() else {
        return Answer::plain(Verdict::Unknown, "the walk through the rules had no end");
    };
    let origins = program.origins();
    let evidence = |part: &Part| part.by.map(|place| origins.evidence(place, context));
    let mut trace: Vec<Evidence> = Vec::new();
    let mut at = first.state.trace.as_deref();
    while let Some(Trace { place, before }) = at {
        trace.push(origins.evidence(*place, context));
        at = before.as_deref();
    }
    trace.reverse();
    let verdict = |part: &Part| match part.end {
        End::Through => Verdict::Accept,
        End::Dropped => Verdict::Drop,
        End::Rejected => Verdict::Reject,
        End::Unknown(_) => Verdict::Unknown,
    };
    let differs = parts.iter().find(|part| verdict(part) != verdict(first));
    let reason = match (&first.end, differs, first.by) {
        (_, Some(other), _) => {
            let open: Vec<&str> = other
                .packets
                .narrowed()
                .iter()
                .chain(first.packets.narrowed())
                .map(|(free, _)| free.name())
                .collect();
            Some(format!("it depends on {}", super::words::list(&open)))
        }
        (End::Unknown(reason), ..) => Some(reason.to_string()),
        (End::Dropped, None, None) => {
            Some("no route leads there, or this machine does not forward".to_owned())
        }
        (End::Through, None, None) => Some("no chain of the packet filter sees it".to_owned()),
        _ => None,
    };
    Answer {
        verdict: if differs.is_some() { Verdict::Unknown } else { verdict(first) },
        rate_limited: parts.iter().any(|part| part.chance.is_some()),
        decided_by: evidence(first),
        reason,
        arrives_at: first.state.destination.map(|(to, port)| (address(to, context.family), port)),
        forwarded: first.state.out.is_some() && first.end == End::Through,
        trace,
    }
}
