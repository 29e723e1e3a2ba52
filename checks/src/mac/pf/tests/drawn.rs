//! Drawn rulesets, 600 of them and every night 40,000, each asked about a grid of packets by the engine and by the plain walk.

use super::super::redirect::End;
use super::super::{Packet, Pf, Way};
use super::plain::{self, Does, Host, Line, Ports, Rules, Sent};
use crate::facts::mac::interfaces::Interface;
use crate::facts::mac::pf::{PacketFilter, Ruleset, Table};
use crate::facts::mac::pf_rule::{self, HostSet, Names};
use crate::facts::network::Prefix;
use crate::gap::Reading;

/// Numbers that are the same at every run (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

const NAMES: [&str; 3] = ["en0", "en1", "lo0"];
const PEERS: [&str; 9] = [
    "203.0.113.7",
    "203.0.113.8",
    "203.0.113.9",
    "203.0.113.80",
    "198.51.100.7",
    "10.1.2.3",
    "2001:db8:1::7",
    "2001:db8:2::7",
    "fe80::7",
];
const OWN: [(&str, &str, &str); 4] = [
    ("en0", "inet", "192.0.2.10"),
    ("en1", "inet", "10.1.0.2"),
    ("en0", "inet6", "2001:db8::10"),
    ("en0", "inet6", "fe80::10"),
];
const NETS: [&str; 8] = [
    "203.0.113.7",
    "203.0.113.8/29",
    "203.0.113.0/24",
    "198.51.100.0/24",
    "0.0.0.0/0",
    "2001:db8:1::/48",
    "fe80::/10",
    "::/0",
];
const FROM_PORTS: [u16; 9] = [1, 19, 20, 21, 999, 1000, 2000, 2001, 49_152];
const OUTER: [u16; 8] = [22, 80, 5899, 5900, 5901, 6000, 51_900, 51_901];

fn host(draw: &mut Draw, own: bool) -> Host {
    match draw.below(8) {
        0 | 1 => {
            Host::Net { not: draw.chance(4), net: if own { OWN[draw.below(4)].2 } else { draw.one(&NETS) } }
        }
        2 if !own => Host::Table { not: draw.chance(4), name: draw.one(&["t", "u", "none"]) },
        _ => Host::Any,
    }
}

fn ports(draw: &mut Draw, of: [u16; 3]) -> Ports {
    let [one, low, high] = of;
    match draw.below(10) {
        0..=2 => Ports::Is(one),
        3 => Ports::Not(one),
        4 => Ports::From(low, high),
        5 => Ports::Outside(low, high),
        6 => Ports::Between(low, high),
        7 => Ports::Above(draw.one(&[low, one, 65_535])),
        8 => Ports::Below(draw.one(&[one, high, 0])),
        _ => Ports::Any,
    }
}

fn line(draw: &mut Draw, does: Does) -> Line {
    let from_port = if draw.chance(8) { ports(draw, [20, 1000, 2000]) } else { Ports::Any };
    Line {
        does,
        way: draw.one(&[" in", " in", " in", "", " out"]),
        quick: draw.chance(3),
        on: draw.chance(3).then(|| (draw.chance(3), draw.one(&NAMES))),
        family: draw.chance(4).then(|| draw.one(&["inet", "inet6"])),
        protocol: (!draw.chance(3)).then(|| draw.one(&["tcp", "tcp", "tcp", "udp"])),
        from: host(draw, false),
        from_port,
        to: host(draw, true),
        port: ports(draw, [5900, 5899, 6000]),
        later: draw.chance(15),
        unclear: None,
    }
}

fn plain_line(does: Does) -> Line {
    Line {
        does,
        way: "",
        quick: false,
        on: None,
        family: None,
        protocol: None,
        from: Host::Any,
        from_port: Ports::Any,
        to: Host::Any,
        port: Ports::Any,
        later: false,
        unclear: None,
    }
}

fn rules(draw: &mut Draw) -> Rules {
    let mut unclear = 0;
    let mut sets: Rules = Vec::new();
    for anchor in ["", "a", "a/b", "a/c", "d"] {
        let (mut filter, mut nat) = (Vec::new(), Vec::new());
        for _ in 0..draw.below(5) {
            let deeper: &[&'static str] = if anchor.is_empty() { &["a", "a/*", "d", "gone"] } else { &[] };
            let does = match draw.below(6) {
                0..=2 => Does::Block,
                3 | 4 => Does::Pass,
                _ if deeper.is_empty() => Does::Pass,
                _ => Does::Anchor(draw.one(deeper)),
            };
            let hook = matches!(does, Does::Anchor(_));
            let mut one = if hook && draw.chance(2) { plain_line(does) } else { line(draw, does) };
            if hook {
                (one.port, one.later) = (Ports::Any, false);
                one.quick = draw.chance(3);
            } else if unclear < 2 && draw.chance(12) {
                one.unclear = Some(unclear);
                one.later = false;
                unclear += 1;
            }
            filter.push(one);
        }
        for _ in 0..draw.below(3) {
            let does = match draw.below(6) {
                0 => Does::NoRedirect,
                1 if anchor.is_empty() => Does::RedirectAnchor(draw.one(&["a", "a/*", "d"])),
                _ => {
                    let to = draw.one(&["127.0.0.1", "192.0.2.10", "10.1.9.9", "::1"]);
                    Does::Redirect(to, draw.one(&[5900, 5900, 5901]), draw.chance(3))
                }
            };
            let hook = matches!(does, Does::RedirectAnchor(_));
            let mut one = if hook { plain_line(does) } else { line(draw, does) };
            (one.way, one.quick, one.later) = ("", false, false);
            if let Does::Redirect(to, ..) = one.does {
                one.family = Some(if to.contains(':') { "inet6" } else { "inet" });
                one.port = Ports::Is(draw.one(&OUTER));
            }
            nat.push(one);
        }
        sets.push((anchor, filter, nat));
    }
    sets
}

fn parsed(rules: &Rules) -> PacketFilter {
    let names = Names::default();
    let set = |(anchor, filter, nat): &(&str, Vec<Line>, Vec<Line>)| Ruleset {
        anchor: (*anchor).to_owned(),
        rules: filter.iter().map(|line| pf_rule::parse(&line.text(), &names).unwrap()).collect(),
        redirections: nat.iter().map(|line| pf_rule::redirection(&line.text(), &names).unwrap()).collect(),
    };
    let prefix = |text: &&str| -> Prefix {
        match pf_rule::parse(&format!("pass from {text} to any"), &names).unwrap().from.unwrap().of {
            HostSet::Network(prefix) => prefix,
            _ => panic!("{text}"),
        }
    };
    let mut tables = Vec::new();
    for anchor in ["", "a", "a/b", "a/c", "d"] {
        for name in ["t", "u", "none"] {
            let find =
                |anchor: &str| plain::TABLES.iter().find(|(own, table, ..)| *own == anchor && *table == name);
            let (holds, without): (&[&str], &[&str]) =
                find(anchor).or_else(|| find("")).map_or((&[], &[]), |(.., holds, without)| (holds, without));
            tables.push(Table {
                anchor: anchor.to_owned(),
                name: name.to_owned(),
                holds: Reading::Known(holds.iter().map(prefix).collect()),
                without: without.iter().map(prefix).collect(),
            });
        }
    }
    PacketFilter {
        enabled: true,
        rulesets: rules.iter().map(set).collect(),
        tables,
        ..PacketFilter::default()
    }
}

fn interfaces() -> Vec<Interface> {
    let one = |name: &&str| Interface {
        name: (*name).to_owned(),
        up: true,
        loopback: *name == "lo0",
        addresses: OWN
            .iter()
            .filter(|(on, ..)| on == name)
            .map(|(.., address)| Prefix { address: address.parse().unwrap(), length: 64 })
            .collect(),
    };
    NAMES.iter().map(one).collect()
}

fn show(rules: &Rules) -> String {
    let lines = |name: &str, list: &[Line]| {
        list.iter().map(|line| format!("[{name}] {}\n", line.text())).collect::<String>()
    };
    rules.iter().map(|(name, filter, nat)| lines(name, nat) + &lines(name, filter)).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a seed repeats a run")]
fn the_engine_says_of_drawn_rules_what_a_plain_walk_says() {
    let seed = std::env::var("HOSTDUTY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5900);
    let count = if std::env::var_os("HOSTDUTY_NIGHTLY").is_some() { 40_000 } else { 600 };
    let own = interfaces();
    let (mut asked, mut open, mut doubted, mut overcautious) = (0_u64, 0_u64, 0_u64, 0_u64);
    for number in 0..count {
        let mut draw = Draw(seed + number);
        let rules = rules(&mut draw);
        let filter = parsed(&rules);
        let pf = Pf::new(&filter, Some(&own));
        let (on, family) = (draw.one(&["en0", "en1", "bridge0"]), draw.one(&["inet", "inet6"]));
        let way = Way { interface: on, family };
        let to_port = draw.one(&[5900, 5900, 5901]);
        let mine: Vec<&str> = OWN.iter().filter(|(_, of, _)| *of == family).map(|(.., one)| *one).collect();
        let everybody = super::super::senders(family, Some(&own));
        let union = pf.reach(way, to_port, true).unwrap();
        for from in PEERS.iter().filter(|peer| peer.contains(':') == (family == "inet6")) {
            let peer = super::super::number(from.parse().unwrap());
            let (mut any, mut unsure) = (false, false);
            for to in &mine {
                for from_port in FROM_PORTS {
                    for port in OUTER.iter().copied().chain([to_port]) {
                        let sent = Sent { on, family, from, from_port, to, port };
                        let says: Vec<bool> = (0..4)
                            .map(|choice| end(&rules, sent, to_port, &[choice & 1 == 1, choice & 2 == 2]))
                            .collect();
                        let packet = Packet { way, to: to.parse().ok(), port, from_port };
                        let found = pf.one(packet, to_port, true, &everybody).unwrap();
                        let ours = (found.open.contains(peer), found.unknown.contains(peer));
                        let context = || {
                            format!(
                                "seed {}: {sent:?} to {to_port}: {says:?} and we {ours:?}\n{}",
                                seed + number,
                                show(&rules)
                            )
                        };
                        asked += 1;
                        if says.iter().all(|one| *one == says[0]) {
                            overcautious += u64::from(ours.1);
                            assert!(ours.1 || ours.0 == says[0], "{}", context());
                        } else {
                            doubted += 1;
                            assert!(ours.1, "{}", context());
                        }
                        any |= says.iter().all(|one| *one);
                        unsure |= says.iter().any(|one| *one);
                        open += u64::from(says[0]);
                    }
                }
            }
            let ours = (union.open.contains(peer), union.unknown.contains(peer));
            let context = || {
                format!(
                    "seed {}: {from} by {on} to {to_port}: {any} {unsure} and we {ours:?}\n{}",
                    seed + number,
                    show(&rules)
                )
            };
            assert!(!any || ours.0, "{}", context());
            assert!(!unsure || ours.0 || ours.1, "{}", context());
            assert!(unsure || !ours.0, "{}", context());
        }
    }
    // Both answers, doubt and redirections all have to be there, or nothing was proved.
    assert!(
        asked > 150_000 && open > asked / 20 && open < asked * 19 / 20 && doubted > asked / 1000,
        "{asked} {open} {doubted}"
    );
    assert!(overcautious * 200 < asked, "{overcautious} of {asked} are unknown without need");
    let moved = |draw: u64| {
        let rules = rules(&mut Draw(draw));
        let filter = parsed(&rules);
        let pf = Pf::new(&filter, Some(&own));
        let way = Way { interface: "en0", family: "inet" };
        let packet = Packet { way, to: "192.0.2.10".parse().ok(), port: 51_900, from_port: 49_152 };
        let ends = pf.redirected(packet, &super::super::senders("inet", None)).unwrap();
        ends.iter().any(|(_, end)| matches!(end, End::Moves(..)))
    };
    assert!((seed..seed + 2_000).filter(|draw| moved(*draw)).count() > 50);
}

/// Whether a packet gets to a port of this machine in the end.
fn end(rules: &Rules, sent: Sent<'_>, port: u16, clear: &[bool]) -> bool {
    match plain::redirect(rules, "", sent) {
        None => sent.port == port && plain::lets_in(rules, sent, clear),
        Some((to, new, asked)) => {
            let mine = matches!(to, "127.0.0.1" | "::1") || OWN.iter().any(|(.., own)| *own == to);
            let sent = Sent { to, port: new, ..sent };
            new == port && mine && (!asked || plain::lets_in(rules, sent, clear))
        }
    }
}
