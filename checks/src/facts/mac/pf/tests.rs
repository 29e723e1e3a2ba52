//! What pfctl prints.

use super::super::tests::{err, exit, out};
use super::*;
use crate::gap::GapKind;

#[test]
fn the_status_is_on_the_first_line_of_the_table() {
    let remarks = b"No ALTQ support in kernel\nALTQ related functions disabled\n".to_vec();
    let info = |line: &str| Output { stderr: remarks.clone(), ..out(&format!("{line}   Debug: Urgent\n")) };
    assert_eq!(parse_info(&info("Status: Enabled for 4 days 01:02:03")), Ok(true));
    assert_eq!(parse_info(&info("Status: Disabled")), Ok(false));
    assert_eq!(parse_info(&err("Status: Disabled\n")), Ok(false));
    assert_eq!(parse_info(&Output { stderr: remarks, ..out("") }).unwrap_err().why, GapKind::Malformed);
    let denied = exit(1, "pfctl: /dev/pf: Permission denied\n");
    assert_eq!(parse_info(&denied).unwrap_err().why, GapKind::Denied);
    assert_eq!(parse_rules("", &denied, &Names::default()).unwrap_err().why, GapKind::Denied);
}

#[test]
fn skipped_interfaces_stand_at_the_margin() {
    let text = "all\nen0\n\tCleared:     Sun Nov 22\nlo0 (skip)\n\tnote (skip)\n";
    assert_eq!(parse_skipped(&out(text)).unwrap(), ["lo0"]);
    assert!(parse_skipped(&out("")).is_err());
}

#[test]
fn redirections_that_pass_are_seen() {
    let past = |line: &str| {
        let lines = parse_redirections(&out(line), &Names::default()).unwrap();
        lines.iter().any(past_rules)
    };
    let plain = "rdr-anchor \"com.apple/*\" all\nrdr on en0 inet proto tcp from any to any port = 51900 -> 127.0.0.1 port 5900\n";
    assert!(!past(plain) && past(&plain.replace("rdr on", "rdr pass on")));
    assert!(past("binat pass on en0 inet from 10.0.0.2 to any -> 203.0.113.5\n"));
}

#[test]
fn tables_hold_networks_and_leave_some_out() {
    let (holds, without) =
        parse_table(&out("   198.51.100.0/24\n  !198.51.100.9\n   2001:db8::/32\n")).unwrap();
    assert_eq!((holds.len(), without.len()), (2, 1));
    assert_eq!(parse_table(&out("")).unwrap(), (Vec::new(), Vec::new()));
    assert!(parse_table(&exit(255, "pfctl: Table does not exist.\n")).unwrap_err().is_absent());
    assert_eq!(parse_table(&out("a.example\n")).unwrap_err().why, GapKind::Malformed);
    assert_eq!(parse_table(&exit(1, "")).unwrap_err().why, GapKind::Malformed);
    let many: String = (0..20_000).map(|at| format!("10.0.{}.{}\n", at >> 8, at & 255)).collect();
    assert_eq!(parse_table(&out(&many)).unwrap_err().why, GapKind::TooLarge);
}

#[test]
fn anchors_without_a_name_stand_in_braces() {
    let text = "pass all\nanchor in on en0 all {\n  block drop all\n  anchor all {\n    pass all\n  }\n}\nblock drop in all\n";
    let sets = parse_rules("a", &out(text), &Names::default()).unwrap();
    let shown: Vec<(&str, usize)> = sets.iter().map(|set| (set.anchor.as_str(), set.rules.len())).collect();
    assert_eq!(shown, [("a", 3), ("a/{1}", 2), ("a/{2}", 1)]);
    assert_eq!(sets[0].rules[1].anchor.as_deref(), Some("/a/{1}"));
    assert_eq!(parse_rules("", &out(text), &Names::default()).unwrap()[1].anchor, "{1}");
    for text in ["}\n", "anchor all {\n"] {
        assert_eq!(parse_rules("", &out(text), &Names::default()).unwrap_err().why, GapKind::Malformed);
    }
}

#[test]
fn anchors_are_asked_one_by_one() {
    let rules = "anchor \"com.apple/*\" all\nblock drop in all\n";
    let mut tree = crate::host::Tree::new(crate::date::Timestamp(0));
    for (arguments, text) in [
        (&["-s", "info"][..], "Status: Enabled for 0 days 00:00:09\n"),
        (&["-v", "-s", "Interfaces"], "lo0 (skip)\nen0\n"),
        (&["-v", "-s", "Anchors"], "  com.apple\n  com.apple/200.AirDrop\n"),
        (&["-s", "rules"], rules),
        (&["-s", "nat"], ""),
        (&["-a", "com.apple", "-s", "rules"], "anchor \"200.AirDrop/*\" all\n"),
        (&["-a", "com.apple", "-s", "nat"], ""),
        (&["-a", "com.apple/200.AirDrop", "-s", "rules"], ""),
        (&["-a", "com.apple/200.AirDrop", "-s", "nat"], "rdr pass on en0 proto tcp all -> 127.0.0.1\n"),
    ] {
        tree = tree.output(Command::new(PFCTL, arguments), out(text));
    }
    let filter = read(&tree).unwrap();
    assert!(filter.enabled);
    assert_eq!((filter.rulesets.len(), filter.rulesets[0].rules.len()), (3, 2));
    assert_eq!(filter.redirects_past_rules, ["com.apple/200.AirDrop"]);
}
