//! The way of a packet through the hooks of netfilter, from the device to a socket or to another machine.

use std::rc::Rc;

use super::context::Context;
use super::packets::{NEXT_HEADER, Packets, next_headers};
use super::program::Step;
use super::ranges::Ranges;
use super::routing::{LOCAL, MULTICAST, UNICAST, Way, number};
use super::tables::{Base, Layer, Program};
use super::walk::{End, Flow, Outcome, State, Target, Walk, without_decision};
use crate::facts::network::{BpfHook, Interface};
use crate::facts::ruleset::{Hook, IpFamily};
use crate::facts::sockets::Protocol;

/// NF_IP_PRI_CONNTRACK, _NAT_DST, _NAT_SRC in linux/netfilter_ipv4.h.
const TRACKING: i32 = -200;
const DESTINATION_NAT: i32 = -100;
const SOURCE_NAT: i32 = 100;

/// Where new connections from `sources`, through `interfaces`, to the targets end.
pub(crate) fn run(
    context: &Context<'_>,
    program: &Program,
    targets: &[Target],
    from: Vec<Packets>,
    tracing: bool,
) -> Outcome {
    let mut walk = Walk::new(context, program, targets, tracing);
    let flows: Vec<Flow> =
        from.into_iter().map(|packets| Flow { packets, state: State::default() }).collect();
    if let Some(gap) = program.gaps.first() {
        walk.give_up(flows, gap);
        return walk.outcome;
    }
    let flows = outside_netfilter(&mut walk, flows);
    let flows = through(&mut walk, flows, Hook::Ingress);
    let flows = bridged(&mut walk, flows);
    let flows = through(&mut walk, flows, Hook::Prerouting);
    let mut here = Vec::new();
    for flow in flows {
        for flow in by_way(&walk, flow) {
            route(&mut walk, flow, &mut here);
        }
    }
    input(&mut walk, here);
    walk.outcome
}

/// Packets of the machine to itself. Connection tracking knows them from the way out, where their destination would have
/// been rewritten; what the output chains do is not evaluated.
pub(crate) fn within(
    context: &Context<'_>,
    program: &Program,
    targets: &[Target],
    from: Vec<Packets>,
    tracing: bool,
) -> Outcome {
    let mut walk = Walk::new(context, program, targets, tracing);
    let mut flows: Vec<Flow> =
        from.into_iter().map(|packets| Flow { packets, state: State::default() }).collect();
    if let Some(gap) = program.gaps.first() {
        walk.give_up(flows, gap);
        return walk.outcome;
    }
    Walk::track(&mut flows);
    let here = |base: &&Base| base.hook == Hook::Prerouting && base.layer == Layer::Ip && !base.nat;
    for base in program.bases.iter().filter(here) {
        flows = walk.base(base, flows);
    }
    input(&mut walk, flows);
    walk.outcome
}

/// What a hook calls at one priority.
#[derive(Clone, Copy)]
enum Stage<'b> {
    /// Connection tracking.
    Track,
    /// The chains that rewrite addresses, which are called together.
    Rewrite,
    Chain(&'b Base),
}

/// The base chains of a hook by priority; those that rewrite addresses are called together, as the kernel does.
fn through(walk: &mut Walk<'_>, mut flows: Vec<Flow>, hook: Hook) -> Vec<Flow> {
    let program = walk.program;
    let layer = if hook == Hook::Ingress { Layer::Device } else { Layer::Ip };
    let here = |base: &&Base| base.hook == hook && base.layer == layer;
    let (nat, plain): (Vec<&Base>, Vec<&Base>) = program.bases.iter().filter(here).partition(|base| base.nat);
    let nat_at = if hook == Hook::Prerouting { DESTINATION_NAT } else { SOURCE_NAT };
    let tracking = (hook == Hook::Prerouting).then_some((TRACKING, Stage::Track));
    let rewriting = (!nat.is_empty()).then_some((nat_at, Stage::Rewrite));
    let chains = plain.into_iter().map(|base| (base.priority, Stage::Chain(base)));
    let mut stages: Vec<(i32, Stage<'_>)> = tracking.into_iter().chain(chains).chain(rewriting).collect();
    stages.sort_by_key(|(priority, _)| *priority);
    flows = flows.into_iter().map(without_decision).collect();
    for equal in stages.chunk_by(|(one, _), (other, _)| one == other) {
        let order: Vec<Stage<'_>> = equal.iter().map(|(_, stage)| *stage).collect();
        if !order_matters(program, &order) {
            flows = in_order(walk, flows, order.iter(), &nat, hook);
            continue;
        }
        // nf_hook_entries_grow puts the one that came last first, and nothing tells which that was.
        for flow in &mut flows {
            flow.state.doubt.get_or_insert_with(|| "chains of the same priority, in an unknown order".into());
        }
        let mut reversed = in_order(walk, flows.clone(), order.iter().rev(), &nat, hook);
        flows = in_order(walk, flows, order.iter(), &nat, hook);
        flows.append(&mut reversed);
    }
    flows
}

fn in_order<'b>(
    walk: &mut Walk<'_>,
    mut flows: Vec<Flow>,
    order: impl Iterator<Item = &'b Stage<'b>>,
    nat: &[&Base],
    hook: Hook,
) -> Vec<Flow> {
    for stage in order {
        match stage {
            Stage::Track => Walk::track(&mut flows),
            Stage::Rewrite => flows = walk.nat(nat, flows, hook),
            Stage::Chain(base) => flows = walk.base(base, flows),
        }
    }
    flows
}

/// Whether one of these does what another may test.
fn order_matters(program: &Program, stages: &[Stage<'_>]) -> bool {
    let rules = |base: &Base| {
        program.tables.get(base.table).into_iter().flat_map(|table| table.chains.iter().flatten())
    };
    // Where no rule asks, the order shows in nothing.
    let silent = |stage: &Stage<'_>| matches!(stage, Stage::Chain(base) if rules(base).all(|rule| rule.steps.is_empty()));
    let changes = |stage: &Stage<'_>| match stage {
        Stage::Chain(base) => rules(base).any(|rule| changes(&rule.steps)),
        _ => true,
    };
    stages.iter().filter(|stage| !silent(stage)).count() > 1 && stages.iter().any(changes)
}

fn changes(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        // What a rule adds to a set, rules of the same table ask for.
        Step::Test(_) | Step::Then(_) | Step::Adds(_) => false,
        Step::Branch(ways) => ways.iter().any(|(_, steps)| changes(steps)),
        _ => true,
    })
}

/// What XDP, tc and the like do to packets is not known.
fn outside_netfilter(walk: &mut Walk<'_>, flows: Vec<Flow>) -> Vec<Flow> {
    // Without the right to ask for some, the rest is still worth saying: exposure names the gap.
    let network = walk.context.network;
    let mut flows = flows;
    for program in network.programs() {
        let (interfaces, what) = match program.hook {
            BpfHook::Xdp => (walk.context.seen_through(&program.place), format!("XDP on {}", program.place)),
            // What sees the answers on their way out can stop a connection as well.
            BpfHook::Tc | BpfHook::TcEgress => {
                (walk.context.seen_through(&program.place), format!("a filter of tc on {}", program.place))
            }
            BpfHook::SocketLookup => (u128::MAX, "a program of BPF that chooses sockets".to_owned()),
            BpfHook::Netfilter => (u128::MAX, "a program of BPF at a hook of netfilter".to_owned()),
            // It concerns the sockets of that control group only.
            BpfHook::ControlGroup => continue,
        };
        let mut rest = Vec::new();
        for flow in flows {
            let Flow { packets, state } = flow;
            let (inside, outside) = packets.split_interfaces(interfaces);
            if let Some(packets) = inside {
                walk.give_up(vec![Flow { packets, state: state.clone() }], &format!("{what} sees it first"));
            }
            rest.extend(outside.map(|packets| Flow { packets, state }));
        }
        flows = rest;
    }
    flows
}

/// Packets that come through a bridge pass the chains for frames first, which are not evaluated.
fn bridged(walk: &mut Walk<'_>, flows: Vec<Flow>) -> Vec<Flow> {
    let bridges = walk.context.those(|interface| interface.kind == "bridge");
    let program = walk.program;
    let filters = |base: &&Base| {
        let rules = program.tables.get(base.table).and_then(|table| table.chains.get(base.chain));
        let drops = base.policy == crate::facts::ruleset::Policy::Drop;
        base.layer == Layer::Bridge && (drops || rules.is_none_or(|rules| !rules.is_empty()))
    };
    if bridges == 0 || !program.bases.iter().any(|base| filters(&base)) {
        return flows;
    }
    let mut rest = Vec::new();
    for flow in flows {
        let Flow { packets, state } = flow;
        let (inside, outside) = packets.split_interfaces(bridges);
        if let Some(packets) = inside {
            walk.give_up(
                vec![Flow { packets, state: state.clone() }],
                "the filter for frames of bridges is not evaluated",
            );
        }
        rest.extend(outside.map(|packets| Flow { packets, state }));
    }
    rest
}

/// The packets apart by where their destinations lead.
fn by_way(walk: &Walk<'_>, flow: Flow) -> Vec<Flow> {
    if flow.state.destination.is_some() {
        return vec![flow];
    }
    let context = walk.context;
    let mut ways: Vec<((bool, Way), u128)> = Vec::new();
    for (bit, target) in walk.targets.iter().enumerate().take(128) {
        if flow.packets.targets >> bit & 1 == 0 {
            continue;
        }
        let way = (is_loopback(target.address, context.family), context.routing.way(target.address));
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, targets)) => *targets |= 1 << bit,
            None => ways.push((way, 1 << bit)),
        }
    }
    ways.into_iter()
        .map(|(_, targets)| Flow { packets: flow.packets.to(targets), state: flow.state.clone() })
        .collect()
}

/// Packets of one way after prerouting: to a socket here, or on to another machine.
fn route(walk: &mut Walk<'_>, flow: Flow, here: &mut Vec<Flow>) {
    let context = walk.context;
    let Some((address, _)) = walk.destination(&flow) else { return };
    if is_loopback(address, context.family) {
        // ip_route_input_slow: a martian destination, but where route_localnet says otherwise.
        let allowed = context.those(|interface| {
            interface.loopback
                || context.family == IpFamily::V4 && interface.route_localnet.value() == Some(&true)
        });
        let Flow { packets, state } = flow;
        let (inside, outside) = packets.split_interfaces(allowed);
        if let Some(packets) = outside {
            walk.end(Flow { packets, state: state.clone() }, End::Dropped, None);
        }
        here.extend(inside.map(|packets| Flow { packets, state }));
        return;
    }
    match context.routing.way(address) {
        Way::Here => here.push(flow),
        Way::Through(indexes) => {
            let out = indexes.iter().fold(0, |set, index| set | context.indexed(*index));
            passed_on(walk, flow, out);
        }
        Way::Nowhere => walk.end(flow, End::Dropped, None),
        // tcp_v4_rcv takes only what was sent to this machine alone.
        Way::Many | Way::Anycast if context.protocol == Protocol::Tcp => walk.end(flow, End::Dropped, None),
        Way::Many | Way::Anycast => here.push(flow),
        Way::Unknown(reason) => walk.end(flow, End::Unknown(reason), None),
    }
}

/// Rewritten or not, a machine that does not forward drops what is not its own. For IPv4 the inbound interface decides.
fn passed_on(walk: &mut Walk<'_>, flow: Flow, out: u128) {
    let context = walk.context;
    let forwards = |interface: &Interface| match (context.family, interface.forwards_ipv4.known()) {
        (IpFamily::V4, Ok(own)) => Ok(*own),
        _ => context.network.forwards(context.family),
    };
    let (open, silent) = (
        context.those(|interface| forwards(interface).is_ok_and(|forwards| forwards)),
        context.those(|interface| forwards(interface).is_ok_and(|forwards| !forwards)),
    );
    let Flow { packets, state } = flow;
    let (inside, rest) = packets.split_interfaces(open);
    if let Some(packets) = inside {
        forward(walk, Flow { packets, state: state.clone() }, out);
    }
    let (closed, unknown) = rest.map_or((None, None), |rest| rest.split_interfaces(silent));
    if let Some(packets) = closed {
        walk.end(Flow { packets, state: state.clone() }, End::Dropped, None);
    }
    if let Some(packets) = unknown {
        let reason = context.network.forwards(context.family).err().map(|gap| gap.to_string());
        let reason = reason.unwrap_or_else(|| "whether the interface forwards".to_owned());
        walk.end(Flow { packets, state }, End::Unknown(reason.into()), None);
    }
}

fn input(walk: &mut Walk<'_>, flows: Vec<Flow>) {
    for flow in through(walk, flows, Hook::Input) {
        let by = flow.state.accepted_by;
        walk.end(flow, End::Through, by);
    }
}

fn forward(walk: &mut Walk<'_>, mut flow: Flow, out: u128) {
    flow.state.out = Some(out);
    let passed = through(walk, vec![flow], Hook::Forward);
    for flow in passed {
        let by = flow.state.accepted_by;
        for mut flow in through(walk, vec![flow], Hook::Postrouting) {
            flow.state.accepted_by = by;
            walk.end(flow, End::Through, by);
        }
    }
}

pub(crate) fn is_loopback(address: u128, family: IpFamily) -> bool {
    super::routing::address(address, family).is_loopback()
}

/// Every source that the kernel takes packets from, by the interface that they come in through, loopbacks left out.
pub(crate) fn outside(context: &Context<'_>, targets: u128) -> Result<Vec<Packets>, Rc<str>> {
    let mut found: Vec<Packets> = Vec::new();
    for (bit, interface) in context.interfaces.iter().take(128).enumerate().filter(|(_, one)| !one.loopback) {
        if context.family == IpFamily::V6 && interface.ipv6_disabled.value() == Some(&true) {
            continue;
        }
        let sources = Rc::new(sources(context, interface)?);
        match found.iter_mut().find(|packets| packets.sources.ranges() == sources) {
            Some(packets) => packets.interfaces |= 1 << bit,
            None => found.push(from_outside(context, Packets::new(targets, 1 << bit, sources))),
        }
    }
    if context.interfaces.len() > 128 {
        return Err("more than 128 interfaces".into());
    }
    Ok(found)
}

/// What every packet from outside has.
pub(crate) fn from_outside(context: &Context<'_>, packets: Packets) -> Packets {
    match context.family {
        IpFamily::V4 => packets,
        IpFamily::V6 => packets.with(NEXT_HEADER, next_headers(context.protocol)),
    }
}

/// The sources that a machine accepts on an interface (ip_route_input_slow and fib_validate_source; ipv6_rcv).
pub(crate) fn sources(context: &Context<'_>, interface: &Interface) -> Result<Ranges, Rc<str>> {
    let prefix = |text: &str, length| {
        let address = text.parse().map_or(0, number);
        Ranges::prefix(address, length, context.family.bits())
    };
    let all = Ranges::all(context.family.bits());
    if context.family == IpFamily::V6 {
        let never = prefix("ff00::", 8).or(&prefix("::", 127)).or(&prefix("::ffff:0.0.0.0", 96));
        return Ok(all.without(&never));
    }
    let mut never = prefix("0.0.0.0", 32).or(&prefix("224.0.0.0", 4)).or(&Ranges::one(0xffff_ffff));
    if interface.route_localnet.value() != Some(&true) {
        never = never.or(&prefix("127.0.0.0", 8));
    }
    never = never.or(context.kind(LOCAL)?.as_ref());
    let strict = interface.reverse_path_filter.known().map_err(|gap| Rc::<str>::from(gap.to_string()))?;
    let usable = match strict {
        0 => all,
        // Only what would be answered through the same interface.
        1 => context.routing.through(interface.index)?.as_ref().clone(),
        _ => context.kind(UNICAST)?.as_ref().clone(),
    };
    Ok(usable.without(&never).without(context.kind(MULTICAST)?.as_ref()))
}
