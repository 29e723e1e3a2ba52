//! Rules in their order, anchors, tables and redirections; drawn ones are held against a plain walk, packet by packet.

mod drawn;
mod plain;

use super::*;
use crate::facts::mac::pf::{Ruleset, Table};
use crate::facts::mac::pf_rule::{self, Names};
use crate::facts::network::Prefix;
use crate::gap::Reading;

fn filter(sets: &[(&str, &str)]) -> PacketFilter {
    let set = |(anchor, rules): &(&str, &str)| {
        let (nat, rules): (Vec<&str>, Vec<&str>) = rules.lines().partition(|line| line.contains("rdr"));
        Ruleset {
            anchor: (*anchor).to_owned(),
            rules: rules.iter().filter_map(|line| pf_rule::parse(line, &Names::default())).collect(),
            redirections: nat
                .iter()
                .filter_map(|line| pf_rule::redirection(line, &Names::default()))
                .collect(),
        }
    };
    PacketFilter { enabled: true, rulesets: sets.iter().map(set).collect(), ..PacketFilter::default() }
}

/// `open`, `refused` or `unknown` for a peer that comes in by en0 to port 5900.
fn says(filter: &PacketFilter, peer: &str) -> &'static str {
    let peer: IpAddr = peer.parse().unwrap();
    let family = if peer.is_ipv4() { "inet" } else { "inet6" };
    let pf = Pf::new(filter, None);
    let found = pf.reach(Way { interface: "en0", family }, 5900, true).unwrap();
    match (found.open.contains(number(peer)), found.unknown.contains(number(peer))) {
        (true, _) => "open",
        (_, true) => "unknown",
        _ => "refused",
    }
}

fn blocks(rules: &str) -> bool {
    says(&filter(&[("", rules)]), "203.0.113.99") == "refused"
}

#[test]
fn the_last_match_decides_and_quick_ends() {
    assert!(!blocks("anchor \"com.apple/*\" all"), "pf without a rule lets everything pass");
    assert!(blocks("pass all\nblock drop in all"));
    assert!(!blocks("block drop in all\npass in proto tcp from any to any port = 5900"));
    assert!(blocks("block drop in quick all\npass in all"));
    assert!(!blocks("block drop in on en1 all"));
    assert!(!blocks("block drop in from 203.0.113.9 to any"), "a block for one peer is none for the rest");
}

#[test]
fn anchors_count_only_where_they_are_hooked() {
    let block = "block drop in quick on ! lo0 proto tcp from any to any port = 5900";
    let says = |sets: &[(&str, &str)]| says(&filter(sets), "203.0.113.99");
    assert_eq!(says(&[("", "anchor \"desk\" all\npass all"), ("desk", block)]), "refused");
    assert_eq!(says(&[("", "pass all"), ("desk", block)]), "open");
    let children =
        [("", "anchor \"a/*\" all"), ("a", "pass quick all"), ("a/b", block), ("a/b/c", "pass quick all")];
    assert_eq!(says(&children), "refused");
    // An anchor that is quick ends the walk when one of its rules matched, though none of them is quick.
    let weak = block.replace(" quick", "");
    assert_eq!(says(&[("", "anchor \"desk\" all\npass all"), ("desk", &weak)]), "open");
    assert_eq!(says(&[("", "anchor \"desk\" quick all\npass all"), ("desk", &weak)]), "refused");
    assert_eq!(
        says(&[("", "block all\nanchor \"desk\" quick all\npass all"), ("desk", "pass in on en1 all")]),
        "open"
    );
    assert_eq!(says(&[("", "anchor \"../desk\" all"), ("desk", block)]), "unknown");
}

#[test]
fn some_peers_are_let_in_and_the_rest_refused() {
    let some = "pass in quick proto tcp from 203.0.113.9 to any port = 5900";
    let ahead = filter(&[("", &format!("{some}\nblock drop in quick all"))]);
    assert_eq!((says(&ahead, "203.0.113.9"), says(&ahead, "203.0.113.10")), ("open", "refused"));
    let plain = some.replace(" quick", "");
    let overruled = filter(&[("", &format!("{plain}\nblock drop in all"))]);
    assert_eq!(says(&overruled, "203.0.113.9"), "refused");
}

#[test]
fn what_is_not_understood_is_unknown_only_on_the_way() {
    let odd = filter(&[("", "pass in on en1 all tagged X\nblock drop in all")]);
    assert_eq!(says(&odd, "203.0.113.9"), "refused");
    assert_eq!(says(&filter(&[("", "block drop in all\npass in all tagged X")]), "203.0.113.9"), "unknown");
    assert_eq!(says(&filter(&[("", "pass in all tagged X\nblock drop in all")]), "203.0.113.9"), "refused");
    assert_eq!(
        says(&filter(&[("", "pass in quick all tagged X\nblock drop in all")]), "203.0.113.9"),
        "unknown"
    );
    assert_eq!(says(&filter(&[("", "block drop in all\nfrobnicate")]), "203.0.113.9"), "unknown");
    let cycle =
        filter(&[("", "anchor \"a\" all"), ("a", "anchor \"/a\" all\nanchor \"/a\" all\nanchor \"/a\" all")]);
    assert!(Pf::new(&cycle, None).reach(Way { interface: "en0", family: "inet" }, 1, true).is_err());
    let nothing = PacketFilter::default();
    assert!(Pf::new(&nothing, None).reach(Way { interface: "en0", family: "inet" }, 1, true).is_err());
}

#[test]
fn tables_of_an_anchor_are_its_own() {
    let mut one = filter(&[
        ("", "block drop in all\npass in from <friends> to any"),
        ("a", "pass in from <friends> to any"),
    ]);
    assert_eq!(says(&one, "203.0.113.9"), "unknown", "a table that nobody read");
    let prefix = |text: &str| pf_rule::parse(&format!("pass from {text} to any"), &Names::default()).unwrap();
    let prefixes = |list: &[&str]| -> Vec<Prefix> {
        let of = |text: &&str| match prefix(text).from.unwrap().of {
            pf_rule::HostSet::Network(prefix) => prefix,
            _ => panic!("{text}"),
        };
        list.iter().map(of).collect()
    };
    one.tables.push(Table {
        name: "friends".into(),
        holds: Reading::Known(prefixes(&["203.0.113.0/24", "203.0.113.17", "2001:db8::/32"])),
        without: prefixes(&["203.0.113.16/28"]),
        ..Table::default()
    });
    assert_eq!(says(&one, "203.0.113.9"), "open");
    assert_eq!(says(&one, "203.0.113.18"), "refused", "a longer entry leaves it out");
    assert_eq!(says(&one, "203.0.113.17"), "open", "a still longer one does not");
    assert_eq!((says(&one, "2001:db8::1"), says(&one, "2001:db9::1")), ("open", "refused"));
}

#[test]
fn redirections_lead_past_what_stands_at_the_port() {
    let closed = "block drop in proto tcp from any to any port = 5900";
    let past = "rdr pass on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5900";
    assert_eq!(says(&filter(&[("", closed)]), "203.0.113.9"), "refused");
    let open = filter(&[("", &format!("{past}\n{closed}"))]);
    assert_eq!((says(&open, "203.0.113.9"), says(&open, "2001:db8::9")), ("open", "refused"));
    let plain = past.replace("rdr pass", "rdr");
    assert_eq!(
        says(&filter(&[("", &format!("{plain}\n{closed}"))]), "203.0.113.9"),
        "refused",
        "the new port counts"
    );
    let earlier = format!("no rdr on en0 proto tcp from any to any port = 51900\n{past}\n{closed}");
    assert_eq!(says(&filter(&[("", &earlier)]), "203.0.113.9"), "refused");
    let hooked = [("", "rdr-anchor \"a\" all"), ("a", past)];
    let hooked = [hooked[0], hooked[1], ("b", "")];
    let with_block: Vec<(&str, String)> = hooked
        .iter()
        .map(|(name, text)| {
            (*name, if name.is_empty() { format!("{text}\n{closed}") } else { (*text).to_owned() })
        })
        .collect();
    let sets: Vec<(&str, &str)> = with_block.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(says(&filter(&sets), "203.0.113.9"), "open");
    assert_eq!(says(&filter(&[("", closed), ("a", past)]), "203.0.113.9"), "refused", "not hooked");
    let away =
        past.replace("127.0.0.1 port 5900", "10.0.0.9").replace("51900", "5900").replace("rdr pass", "rdr");
    assert_eq!(says(&filter(&[("", &away)]), "203.0.113.9"), "open", "whose address that is is not known");
}

#[test]
fn what_listens_on_the_loopback_is_reached_by_a_redirection_alone() {
    let reach = |rules: &str| {
        let filter = filter(&[("", rules)]);
        let way = Way { interface: "en0", family: "inet" };
        !Pf::new(&filter, None).reach(way, 5900, false).unwrap().open.is_empty()
    };
    assert!(!reach("pass all"));
    assert!(reach("rdr on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5900"));
    assert!(!reach("rdr on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5901"));
}

#[test]
fn a_port_that_nobody_named() {
    assert_eq!(unnamed_port(&filter(&[("", "block drop in all")])), Some(40_000));
    let named =
        "pass in proto tcp from any to any port 39000:40000\npass in proto tcp from any to any port > 1023";
    assert_eq!(unnamed_port(&filter(&[("", named)])), Some(40_001));
    assert_eq!(named_interfaces(&filter(&[("", "pass in on en0 all\nblock on lo0 all")])), ["", "en0"]);
}

#[test]
fn rules_without_end_are_refused_in_time() {
    let rules: String =
        (0..2_000).map(|at| format!("pass in from 10.{}.{}.0/25 to any\n", at >> 8, at & 255)).collect();
    let began = filter(&[("", &rules)]);
    let pf = Pf::new(&began, None);
    for port in 1..50 {
        if pf.reach(Way { interface: "en0", family: "inet" }, port, true).is_err() {
            return;
        }
    }
    panic!("nothing stopped it");
}

#[test]
fn hosts_without_end_are_refused_in_time_too() {
    let hosts = |at: u32| Prefix { address: std::net::Ipv4Addr::from(at << 8).into(), length: 32 };
    let rules = "pass in from any to <own>\n".repeat(2_000);
    let mut filter = filter(&[("", &rules)]);
    let holds = Reading::Known((0..10_000).map(hosts).collect());
    filter.tables.push(Table { name: "own".into(), holds, ..Table::default() });
    let own = [crate::facts::mac::interfaces::Interface {
        name: "en0".into(),
        up: true,
        addresses: vec![Prefix { address: "192.0.2.10".parse().unwrap(), length: 24 }],
        ..Default::default()
    }];
    let pf = Pf::new(&filter, Some(&own));
    let way = Way { interface: "en0", family: "inet" };
    assert!((1..9).any(|port| pf.reach(way, port, true).is_err()), "nothing stopped it");
}
