//! Answers of the kernel, typed by hand.

use std::net::IpAddr;

use super::*;
use crate::date::Timestamp;
use crate::gap::GapKind;
use crate::host::Tree;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_ne_bytes())
}

fn message(kind: u16, header: &[u8], attributes: &[Vec<u8>]) -> Vec<u8> {
    let body = [header, &attributes.concat()].concat();
    let mut bytes = u32::try_from(body.len() + 16).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(body);
    bytes
}

fn link(index: u32, name: &str, more: &[Vec<u8>]) -> Vec<u8> {
    let header = [&[0, 0, 1, 0][..], &index.to_ne_bytes(), &1_u32.to_ne_bytes(), &[0; 4]].concat();
    message(16, &header, &[vec![attribute(3, format!("{name}\0").as_bytes())], more.to_vec()].concat())
}

fn route(family: u8, length: u8, flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
    message(24, &[&[family, length, 0, 0, 254, 0, 0, 1][..], &flags.to_ne_bytes()].concat(), attributes)
}

fn rule(flags: u32, action: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    message(32, &[&[2, 0, 0, 0, 254, 0, 0, action][..], &flags.to_ne_bytes()].concat(), attributes)
}

fn host(links: Vec<u8>, routes: Vec<u8>, rules: Vec<u8>) -> Tree {
    let address = [&[2, 24, 0, 0][..], &2_u32.to_ne_bytes()].concat();
    let addresses = message(20, &address, &[attribute(1, &[192, 0, 2, 9]), attribute(2, &[192, 0, 2, 1])]);
    let answer = |tree: Tree, object, bytes: Vec<u8>| tree.answer(Query::Route(object), bytes);
    let mut tree = answer(Tree::new(Timestamp(0)), RouteObject::Links, links);
    tree = answer(tree, RouteObject::Addresses, addresses);
    tree = answer(tree, RouteObject::Routes, routes);
    tree = answer(tree, RouteObject::Rules, rules);
    answer(tree, RouteObject::Qdiscs, Vec::new())
        .file("/proc/sys/net/ipv4/ip_forward", "1\n")
        .file("/proc/sys/net/ipv4/conf/all/rp_filter", "0\n")
        .file("/proc/sys/net/ipv4/conf/eth0/rp_filter", "2\n")
}

fn eth0() -> Vec<u8> {
    link(2, "eth0", &[])
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn an_interface_has_its_own_address_and_the_settings_in_effect() {
    let network = read(&host(eth0(), Vec::new(), Vec::new())).unwrap();
    let [eth0] = network.interfaces.as_slice() else { panic!("{network:?}") };
    assert!(eth0.up && !eth0.loopback && eth0.hardware == 1);
    // 192.0.2.9 is the other end.
    assert_eq!(eth0.addresses, [prefix("192.0.2.1/24")]);
    assert_eq!(eth0.reverse_path_filter, Reading::Known(2));
    assert_eq!(eth0.route_localnet.known().unwrap_err().why, GapKind::Absent);
    assert_eq!((eth0.ipv6_disabled.value(), network.forwards_ipv6.value()), (Some(&true), Some(&false)));
    assert_eq!(network.forwards(IpFamily::V4), Ok(true));
    let written = toml::to_string(&network).unwrap();
    assert!(written.contains(r#"addresses = ["192.0.2.1/24"]"#), "{written}");
    assert_eq!(toml::from_str::<Network>(&written).unwrap(), network);
}

#[test]
fn a_setting_of_ipv6_that_is_missing_alone_is_a_gap() {
    let host = host(eth0(), Vec::new(), Vec::new()).file("/proc/sys/net/ipv6/bindv6only", "1\n");
    let network = read(&host).unwrap();
    assert_eq!(network.bind_ipv6_only, Reading::Known(true));
    assert!(network.forwards_ipv6.known().is_err());
    assert!(network.interfaces[0].ipv6_disabled.known().is_err());
}

#[test]
fn a_vrf_its_members_and_programs_of_xdp_are_seen() {
    let vrf = attribute(18, &[attribute(1, b"vrf\0"), attribute(2, &number(1, 100))].concat());
    let xdp = attribute(43, &[attribute(2, &[2]), number(4, 77)].concat());
    let elsewhere = [number(5, 9), number(37, 1)];
    let links = [
        link(5, "blue", &[vrf]),
        link(2, "eth0", &[number(10, 5), xdp, elsewhere[0].clone(), elsewhere[1].clone()]),
        link(3, "none", &[attribute(43, &attribute(2, &[0]))]),
    ];
    let network = read(&host(links.concat(), Vec::new(), Vec::new())).unwrap();
    let names: Vec<&str> = network.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names, ["eth0", "none", "blue"]);
    let blue = network.interface(5).unwrap();
    assert_eq!((blue.kind.as_str(), blue.table), ("vrf", Some(100)));
    assert_eq!((network.interfaces[0].master, network.interfaces[0].link), (Some(5), None));
    let (interfaces, xdp) = decode::interfaces(&links.concat()).unwrap();
    assert_eq!(interfaces.len(), 3);
    assert_eq!((xdp.len(), xdp[0].place.as_str(), xdp[0].program), (1, "eth0", Some(77)));
}

#[test]
fn routes_have_tables_above_255_and_dead_paths() {
    let paths = |flags: [u8; 2]| {
        let path = |flags: u8, index: u8| vec![8, 0, flags, 0, index, 0, 0, 0];
        attribute(9, &[path(flags[0], 2), path(flags[1], 3)].concat())
    };
    let dump = [
        route(2, 24, 0, &[attribute(1, &[198, 51, 100, 0]), number(15, 1000), number(4, 2), number(6, 5)]),
        route(10, 0, 1, &[number(4, 2)]),
        route(2, 0, 0, &[paths([1, 0])]),
        route(2, 0, 0, &[paths([1, 1])]),
        route(10, 128, 0x200, &[attribute(1, &[0; 16])]),
        route(28, 20, 0, &[]),
    ];
    let routes = decode::routes(&dump.concat()).unwrap();
    let [one, default, half, dead] = routes.as_slice() else { panic!("{routes:?}") };
    assert_eq!((one.to, one.table, one.metric), (prefix("198.51.100.0/24"), 1000, 5));
    assert_eq!((one.through.as_slice(), one.alive), ([2].as_slice(), true));
    assert_eq!((default.to, default.alive), (prefix("::/0"), false));
    assert_eq!((half.through.as_slice(), half.alive), ([2, 3].as_slice(), true));
    assert!(!dead.alive);
    assert!(decode::routes(&route(2, 33, 0, &[attribute(1, &[0; 4])])).is_err());
    assert!(decode::routes(&route(2, 24, 0, &[])).is_err());
}

#[test]
fn a_rule_takes_everything_only_without_a_condition() {
    let none = number(14, u32::MAX);
    let dump = [
        rule(0, 1, &[none.clone(), number(6, 32766), number(15, 254)]),
        rule(
            2,
            1,
            &[none.clone(), number(6, 10), number(10, 0xca6c), number(16, u32::MAX), number(15, 51820)],
        ),
        rule(0, 1, &[number(14, 0), number(6, 9)]),
        rule(0, 7, &[none.clone(), number(6, 8), attribute(24, &[22, 0, 22, 0])]),
        rule(0, 2, &[none.clone(), number(6, 7), number(4, 32766)]),
        rule(0, 1, &[none, number(6, 6), attribute(3, b"eth0\0"), number(13, 4)]),
    ];
    let rules = decode::rules(&dump.concat()).unwrap();
    let [suppressing, jump, ports, shorter, wireguard, main] = rules.as_slice() else { panic!("{rules:?}") };
    assert!(main.takes_everything() && main.action == RuleAction::Table(254));
    assert!(main.suppress_prefix_length.is_none());
    assert!(wireguard.not && !wireguard.takes_everything());
    assert_eq!(wireguard.mark, Some(Mark { value: 0xca6c, mask: u32::MAX }));
    assert_eq!((shorter.suppress_prefix_length, shorter.takes_everything()), (Some(0), true));
    assert_eq!((ports.other.as_slice(), ports.action), ([24].as_slice(), RuleAction::Unreachable));
    assert_eq!(jump.action, RuleAction::Goto(32766));
    assert_eq!((suppressing.input.as_deref(), suppressing.other.as_slice()), (Some("eth0"), [13].as_slice()));
}

#[test]
fn what_is_cut_short_is_a_gap_and_never_an_empty_network() {
    let whole = host(eth0(), route(2, 0, 0, &[number(4, 2)]), rule(0, 1, &[]));
    assert!(read(&whole).unwrap().routes.known().is_ok());
    for cut in 1..eth0().len() {
        let host = host(eth0()[..cut].to_vec(), Vec::new(), Vec::new());
        assert!(read(&host).is_err(), "{cut}");
    }
    let routes = route(2, 0, 0, &[number(4, 2)]);
    let cut = read(&host(eth0(), routes[..20].to_vec(), vec![1])).unwrap();
    assert!(cut.routes.known().is_err() && cut.rules.known().is_err());
    assert_eq!(read(&Tree::new(Timestamp(0))).unwrap_err().why, GapKind::Offline);
    assert!(read(&Tree::new(Timestamp(0)).system(System::MacOs)).is_err());
}

#[test]
fn no_name_of_an_interface_leads_out_of_its_folder() {
    let host = host(link(2, "../../../../../etc", &[]), Vec::new(), Vec::new())
        .file("/etc/rp_filter", "1\n")
        .file("/proc/sys/net/ipv4/conf/default", "");
    let network = read(&host).unwrap();
    assert_eq!(network.interfaces[0].reverse_path_filter.known().unwrap_err().why, GapKind::NotGathered);
}

#[test]
fn a_network_is_read_as_it_is_written() {
    for text in ["0.0.0.0/0", "192.0.2.1/24", "2001:db8::1/64", "::/0"] {
        assert_eq!(prefix(text).to_string(), text);
    }
    for text in ["192.0.2.1", "192.0.2.1/33", "2001:db8::/129", "x/1", "192.0.2.1/-1", ""] {
        assert!(text.parse::<Prefix>().is_err(), "{text:?}");
    }
    assert!(prefix("192.0.2.1/24").address == "192.0.2.1".parse::<IpAddr>().unwrap());
}
