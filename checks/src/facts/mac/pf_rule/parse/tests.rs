//! Rules as the kernel prints them.

use super::*;

fn rule(line: &str) -> Rule {
    parse(line, &Names::default()).unwrap()
}

fn some(word: &str, negated: bool) -> Option<Hosts> {
    Some(Hosts { negated, of: HostSet::Network(network(word).unwrap()) })
}

#[test]
fn the_forms_of_the_kernel_are_understood() {
    let one = rule("block drop in log quick on ! lo0 inet6 proto tcp from any to any port = rfb");
    assert_eq!((one.action, one.direction, one.quick), (Action::Block, Direction::In, true));
    assert_eq!((one.interface.as_deref(), one.interface_negated), (Some("lo0"), true));
    assert_eq!((one.ports, one.narrowed), (Some((5900, 5900)), false));
    let one = rule(
        "pass in on en0 inet proto tcp from 203.0.113.9 to any port 5900:5910 flags S/SA keep state (source-track rule) label \"a b\"",
    );
    assert_eq!((one.action, one.narrowed, one.ports), (Action::Pass, false, Some((5900, 5910))));
    assert_eq!((one.from, one.to), (some("203.0.113.9", false), None));
    let one = rule("anchor \"com.apple/*\" all");
    assert_eq!(
        (one.action, one.anchor.as_deref(), one.narrowed),
        (Action::Anchor, Some("com.apple/*"), false)
    );
    for line in [
        "block return all",
        "block return-rst(ttl 5) in proto tcp all",
        "block return-icmp(port-unr, 3) in all",
        "block drop in inet from ! 198.51.100.0/24 to (en0:network)",
        "block drop in from <bad> to 192.0.2.1",
        "block drop in from urpf-failed to any",
    ] {
        assert_eq!((rule(line).action, rule(line).narrowed), (Action::Block, false), "{line}");
    }
    assert_eq!(rule("block drop from ! 198.51.100.0/24 to any").from, some("198.51.100.0/24", true));
    assert_eq!(rule("pass in proto tcp from any port = 20 to any").source_ports, Some((20, 20)));
    assert_eq!(parse("scrub-anchor \"com.apple/*\" all fragment reassemble", &Names::default()), None);
    assert_eq!(parse("scrub in all fragment reassemble", &Names::default()), None);
    assert_eq!(parse("dummynet-anchor \"com.apple/*\" all", &Names::default()), None);
}

#[test]
fn ports_are_ranges_or_all_but_a_range() {
    let ports = |text: &str| {
        let one = rule(&format!("pass in proto tcp from any to any port {text} no state"));
        (one.ports, one.ports_negated, one.narrowed)
    };
    assert_eq!(ports("= 22"), (Some((22, 22)), false, false));
    assert_eq!(ports("!= 22"), (Some((22, 22)), true, false));
    assert_eq!(ports("> 1024"), (Some((1025, 65535)), false, false));
    assert_eq!(ports("> 65535"), (Some((1, 0)), false, false));
    assert_eq!(ports("< 0"), (Some((1, 0)), false, false));
    assert_eq!(ports("<= 9"), (Some((0, 9)), false, false));
    assert_eq!(ports("5 >< 9"), (Some((6, 8)), false, false));
    assert_eq!(ports("5 <> 9"), (Some((5, 9)), true, false));
    assert_eq!(ports("= no-such-service"), (None, false, true));
    let names = Names::new("vnc-alt 51900/tcp rfb2 # a\nvnc-alt 1/udp\n# x\nbroken\n");
    let one = parse("pass in proto tcp from any to any port = rfb2", &names).unwrap();
    assert_eq!(one.ports, Some((51_900, 51_900)));
}

#[test]
fn flags_that_the_first_segment_never_has() {
    let later = |flags: &str| rule(&format!("pass in proto tcp all flags {flags} keep state")).later_segments;
    assert!(!later("S/SA") && !later("any") && !later("S/SAFR") && !later("S/FSRA"));
    assert!(later("A/A") && later("SA/SA") && later("/S") && !later("S/SW"));
    assert!(rule("pass in proto tcp all flags X/Y").narrowed);
}

#[test]
fn what_is_not_understood_narrows_a_rule() {
    for line in [
        "pass in all tagged X",
        "pass in quick all user = 501",
        "pass in all group = 20",
        "pass in route-to (en1 10.0.0.1) all",
        "pass in proto tcp from any to any port 70000:80000",
        "pass in from 10.0.0.1 - 10.0.0.9 to any",
        "pass in from (en0:0) to any",
        "pass in from (en0)/24 to any",
        "pass in proto tcp from any os \"Linux\" to any",
        "pass in all probability 50%",
        "block on",
    ] {
        let one = rule(line);
        assert!(one.narrowed && one.action != Action::NotUnderstood, "{line}");
    }
    for line in ["}", "keep", "\"unfinished (", "no rdr on en0"] {
        assert_eq!(rule(line).action, Action::NotUnderstood, "{line}");
    }
    assert_eq!(parse(" ", &Names::default()), None);
    assert_eq!(rule(&"(".repeat(100_000)).text.len(), 300);
}

#[test]
fn redirections_say_where_packets_go() {
    let rule = |line: &str| redirection(line, &Names::default());
    let one = rule("rdr on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5900").unwrap();
    let target = one.target.clone().unwrap();
    assert_eq!((one.action, one.narrowed, one.ports), (Action::Redirect, false, Some((51_900, 51_900))));
    assert_eq!(
        (target.address, target.port, target.past_rules),
        ("127.0.0.1".parse().ok(), Some(5900), false)
    );
    let past = rule("rdr pass on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1").unwrap();
    assert_eq!(past.target.map(|target| (target.port, target.past_rules)), Some((None, true)));
    assert_eq!(rule("no rdr on en0 all").unwrap().action, Action::Pass);
    assert_eq!(rule("rdr-anchor \"com.apple/*\" all").unwrap().anchor.as_deref(), Some("com.apple/*"));
    assert_eq!(rule("nat-anchor \"com.apple/*\" all"), None);
    assert_eq!(rule("nat on en0 inet from 10.0.0.0/8 to any -> (en0) round-robin"), None);
    assert_eq!(
        rule("binat on en0 inet from 10.0.0.2 to any -> 203.0.113.5").unwrap().action,
        Action::NotUnderstood
    );
    for line in [
        "rdr on en0 proto tcp all -> 127.0.0.1 port 3000:*",
        "rdr on en0 proto tcp all -> { 127.0.0.1, 127.0.0.2 } round-robin",
        "rdr on en0 proto tcp all -> <pool> round-robin",
        "rdr on en0 proto tcp all",
    ] {
        assert!(rule(line).unwrap().narrowed, "{line}");
    }
}
