//! Which rules take no password, on lines of sudoers(5).

use super::*;
use crate::date::Timestamp;
use crate::facts::accounts;
use crate::host::Tree;

fn grants(text: &str) -> (Vec<Grant>, Vec<Gap>) {
    let tree = Tree::new(Timestamp(0))
        .file("/etc/passwd", "root:x:0:0::/:\ntoor:x:0:0::/:\nada:x:1000:27::/:\nbob:x:1001:1001::/:\n")
        .file("/etc/group", "sudo:x:27:\nwheel:x:10:bob\n");
    let lines: Vec<Placed> = text
        .lines()
        .zip(1..)
        .map(|(text, line)| Placed { path: "/etc/sudoers".into(), line, text: text.to_owned() })
        .collect();
    let (mut grants, mut gaps) = (Vec::new(), Vec::new());
    evaluate(&lines, &accounts::read(&tree).unwrap(), &mut grants, &mut gaps);
    (grants, gaps)
}

/// Each grant as `who|overridden|commands|as whom`.
fn seen(text: &str) -> Vec<String> {
    let all = |grant: &Grant| if grant.all_commands { "ALL".to_owned() } else { grant.commands.join(",") };
    let as_whom = |grant: &Grant| if grant.as_root { "root".to_owned() } else { grant.as_users.join(",") };
    let (grants, gaps) = grants(text);
    assert!(gaps.is_empty(), "{gaps:?}");
    grants
        .iter()
        .map(|grant| {
            format!(
                "{}|{}|{}|{}",
                grant.who.join(","),
                grant.overridden.join(","),
                all(grant),
                as_whom(grant)
            )
        })
        .collect()
}

#[test]
fn the_last_match_counts() {
    for (text, expected) in [
        ("ada ALL=NOPASSWD:ALL", "ada||ALL|root"),
        ("ada ALL=(ALL) NOPASSWD:ALL\n%sudo ALL=(ALL:ALL) ALL", "ada|ada|ALL|root"),
        ("%sudo ALL=(ALL:ALL) ALL\nada ALL=(ALL) NOPASSWD:ALL", "ada||ALL|root"),
        ("ada,bob ALL=(ALL) NOPASSWD:ALL\n%wheel ALL=(ALL) ALL", "ada,bob|bob|ALL|root"),
        ("ada ALL=(ALL) NOPASSWD:ALL\nALL ALL=(ALL) PASSWD:ALL", "ada|ada|ALL|root"),
        ("ada ALL=(ALL) NOPASSWD:ALL\nada ALL=ALL", "ada||ALL|root"),
        ("ada ALL=NOPASSWD:ALL\nada ALL=ALL", "ada|ada|ALL|root"),
        ("ada ALL=NOPASSWD:ALL\nada web=ALL", "ada||ALL|root"),
        ("ada ALL=NOPASSWD:ALL\nALL,!ada ALL=ALL", "ada||ALL|root"),
        ("ada ALL=NOPASSWD:ALL\nada ALL=(ALL) NOTAFTER=20300101000000Z ALL", "ada||ALL|root"),
        ("ada ALL=NOPASSWD:ALL, PASSWD:ALL", "ada|ada|ALL|root"),
        ("ada ALL=NOPASSWD:/bin/a, PASSWD:/bin/b", "ada||/bin/a|root"),
        ("ada ALL=NOPASSWD:!/bin/a, /bin/b --key=secret", "ada||/bin/b|root"),
    ] {
        assert_eq!(seen(text), [expected], "{text}");
    }
}

#[test]
fn aliases_are_resolved_and_may_loop() {
    let text = "User_Alias OPS = ada, MORE : MORE = OPS, %wheel, !bob\nCmnd_Alias C = /bin/a x, D\nCmnd_Alias D = ALL\n\
                Runas_Alias DB = postgres, #0\nOPS ALL = (DB) NOPASSWD: /bin/z, C";
    assert_eq!(seen(text), ["ada,%wheel||ALL|root"]);
}

#[test]
fn another_user_than_root_is_told_apart() {
    assert_eq!(seen("ada ALL=(postgres,#70) NOPASSWD: /bin/psql"), ["ada||/bin/psql|postgres,#70"]);
    assert_eq!(seen("ada ALL=(:docker) NOPASSWD: ALL"), ["ada||ALL|:docker"]);
    for root in ["toor", "#0", "ALL", "%wheel", "UNDEFINED", "!root"] {
        assert_eq!(seen(&format!("ada ALL=({root}) NOPASSWD: ALL")), ["ada||ALL|root"], "{root}");
    }
    let both = seen("ada ALL=(www) NOPASSWD: /bin/a, (root) /bin/b");
    assert_eq!(both, ["ada||/bin/b|root", "ada||/bin/a|www"]);
}

#[test]
fn defaults_take_the_password_away_too() {
    assert_eq!(seen("Defaults env_reset, !authenticate"), ["ALL||ALL|root"]);
    assert!(seen("Defaults !authenticate\nDefaults authenticate").is_empty());
    assert_eq!(seen("Defaults:ada,%wheel !authenticate"), ["ada,%wheel||ALL|root"]);
    assert_eq!(seen("Defaults!/bin/x !authenticate"), ["ALL||/bin/x|root"]);
    assert_eq!(seen("Defaults>www !authenticate"), ["ALL||ALL|www"]);
    assert_eq!(seen("Defaults exempt_group = \"admin\""), ["%admin||ALL|root"]);
    let text = "ada ALL=NOPASSWD:ALL\nada ALL=ALL\nDefaults:bob !authenticate";
    assert_eq!(seen(text), ["bob||ALL|root", "ada||ALL|root"], "nothing overrides beside !authenticate");
}

#[test]
fn a_crooked_line_is_named_and_not_quoted() {
    let (found, gaps) = grants("ada ALL=NOPASSWD:ALL\nsecret, ALL=\n");
    assert_eq!(found.len(), 1);
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].what.starts_with("/etc/sudoers:2: ") && !gaps[0].what.contains("secret"));
}

#[test]
fn many_rules_with_many_names_end_in_time() {
    let users = (0..5000).map(|index| format!("u{index}")).collect::<Vec<_>>().join(",");
    let commands = "/bin/x, ".repeat(5000);
    let mut text = format!("{users} ALL=NOPASSWD: {commands}ALL\n");
    text += &"ada ALL=NOPASSWD: /bin/a\nada ALL=(ALL) ALL\n".repeat(5000);
    let (found, gaps) = grants(&text);
    assert_eq!(found.len(), 5001);
    assert_eq!(gaps.len(), 1, "the list is longer than the facts keep");
}
