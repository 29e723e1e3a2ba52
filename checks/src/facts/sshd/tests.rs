//! Configurations as administrators, cloud images and attackers write them.

use super::{read as read_for, *};
use crate::gap::GapKind;
use crate::host::{FileKind, Tree};

fn tree(main: impl AsRef<[u8]>) -> Tree {
    Tree::new(Timestamp(1_000))
        .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0")
        .file("/etc/ssh/sshd_config", main)
}

fn read(tree: &Tree) -> Result<Sshd, Gap> {
    read_for(tree, &Facts::default())
}

fn settings(tree: &Tree) -> Config {
    read(tree).unwrap().config.known().unwrap().clone()
}

#[test]
fn the_drop_in_of_a_cloud_image_beats_the_main_file() {
    let config = settings(
        &tree("Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\n")
            .file("/etc/ssh/sshd_config.d/50-cloud-init.conf", "\npasswordauthentication = Yes # cloud\n")
            .file("/etc/ssh/sshd_config.d/60-mine.conf", "PasswordAuthentication no\n")
            .file("/etc/ssh/sshd_config.d/10-off.conf.bak", "PasswordAuthentication no\n"),
    );
    let setting = config.global("passwordauthentication").unwrap();
    assert_eq!(setting.values, ["yes"]);
    assert_eq!(
        (setting.at[0].source.as_str(), setting.at[0].line),
        ("/etc/ssh/sshd_config.d/50-cloud-init.conf", Some(2))
    );
    let lost: Vec<&str> = setting.lost.iter().map(|line| line.source.as_str()).collect();
    assert_eq!(lost, ["/etc/ssh/sshd_config.d/60-mine.conf", "/etc/ssh/sshd_config"]);
    assert!(config.global("permitrootlogin").unwrap().is_default());
    assert!(config.refused.is_empty() && config.gaps.is_empty() && config.matches.is_empty());
}

/// What a keyword is for a user from an address.
fn effective(config: &Config, user: &str, address: &str, keyword: &str) -> Vec<String> {
    let connection = Connection { user: Some(user), address: Some(address), ..Connection::default() };
    let evaluator = config.evaluator();
    evaluator.effective(&evaluator.active(&connection)).setting(keyword).unwrap().values
}

#[test]
fn match_blocks_hold_with_what_is_included_in_them() {
    let config = settings(
        &tree("PasswordAuthentication no\nMatch User a,b\n  Include inner\nMatch all\nPermitRootLogin no\nX11Forwarding no\n")
            .file("/etc/ssh/inner", "Match Address 10.0.0.0/8\nPasswordAuthentication yes\nMatch all\nPermitEmptyPasswords yes\n"),
    );
    for (user, address, password, empty) in
        [("a", "10.1.1.1", "yes", "yes"), ("a", "11.1.1.1", "no", "yes"), ("c", "10.1.1.1", "no", "no")]
    {
        assert_eq!(
            effective(&config, user, address, "passwordauthentication"),
            [password],
            "{user} {address}"
        );
        assert_eq!(effective(&config, user, address, "permitemptypasswords"), [empty], "{user} {address}");
        assert_eq!(effective(&config, user, address, "permitrootlogin"), ["no"]);
    }
}

#[test]
fn match_all_replaces_what_stands_before_it() {
    let config =
        settings(&tree("PasswordAuthentication no\nMatch all\nPasswordAuthentication yes\nUsePAM yes\n"));
    let setting = config.global("passwordauthentication").unwrap();
    assert_eq!((setting.values[0].as_str(), setting.at[0].line, setting.lost.len()), ("yes", Some(3), 1));
    assert!(config.global("usepam").unwrap().is("yes"));
}

#[test]
fn lists_add_up_within_a_round_and_a_block_replaces_them() {
    let config = settings(&tree(
        "AllowUsers a b\nAllowUsers c\nMatch Address 10.0.0.0/8\nAllowUsers d\nMatch User x\nAllowUsers e\n",
    ));
    assert_eq!(effective(&config, "x", "11.0.0.1", "allowusers"), ["e"]);
    assert_eq!(effective(&config, "x", "10.0.0.1", "allowusers"), ["d", "e"]);
    assert_eq!(effective(&config, "y", "11.0.0.1", "allowusers"), ["a", "b", "c"]);
}

#[test]
fn what_sshd_refuses_is_named_and_nothing_of_it_repeated() {
    let config = settings(
        &tree("Include shadow\nPort 0\nUsePAM\nMatch User x\nPort 23\n")
            .file("/etc/ssh/shadow", "root:$y$secret:1::::::\n"),
    );
    let lines: Vec<String> = config.refused.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("/etc/ssh/shadow:1: ") && !lines.concat().contains("secret"), "{lines:?}");
    assert!(lines[3].contains("not allowed under Match"), "{lines:?}");
}

#[test]
fn unreadable_includes_are_gaps() {
    for (kind, why) in [(FileKind::Other, GapKind::Unsupported), (FileKind::File, GapKind::TooLarge)] {
        let big = vec![b'#'; crate::host::SMALL + 1];
        let config = settings(&tree("Include /etc/ssh/d/*\n").node("/etc/ssh/d/x", kind, &big));
        assert_eq!(config.gaps.iter().map(|gap| gap.why).collect::<Vec<_>>(), [why]);
    }
    let denied = tree("Include d/*\n").refuse("/etc/ssh/d/x", Gap::denied("/etc/ssh/d/x"));
    assert_eq!(settings(&denied).gaps.len(), 1);
    let folder = tree("Include d e none*\n").dir("/etc/ssh/d/sub").link("/etc/ssh/e", "/dev/null").node(
        "/dev/null",
        FileKind::CharDevice,
        b"",
    );
    assert!(settings(&folder).gaps.is_empty() && settings(&folder).refused.is_empty());
    assert_eq!(settings(&tree("Include d\n").link("/etc/ssh/d", "/nowhere")).refused.len(), 1);
    let fifo = Tree::new(Timestamp(0)).node("/etc/ssh/sshd_config", FileKind::Other, b"");
    let fifo = fifo.file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0");
    assert_eq!(read(&fifo).unwrap().config.known().unwrap_err().why, GapKind::Unsupported);
    assert!(read(&Tree::new(Timestamp(0))).unwrap().config.known().unwrap_err().is_absent());
}

#[test]
fn cycles_and_fans_end() {
    let cycle = settings(&tree("Include sshd_config\nUsePAM yes\n"));
    assert_eq!(cycle.refused.len(), 1, "{:?}", cycle.refused);
    let mut fan = tree("Include f0 f0\n");
    for level in 0..14 {
        fan = fan.file(&format!("/etc/ssh/f{level}"), format!("Include f{0} f{0} f{0}\n", level + 1));
    }
    let fan = settings(&fan.file("/etc/ssh/f14", "UsePAM yes\n"));
    assert_eq!(fan.gaps.iter().map(|gap| gap.why).collect::<Vec<_>>(), [GapKind::TooLarge]);
}

#[test]
fn hostile_bytes() {
    let config = settings(&tree(b"# caf\xe9\nBanner /\xff\nAllowUsers \xff\nPermitRootLogin no\n"));
    assert!(
        config.global("permitrootlogin").unwrap().is("no")
            && config.gaps.len() == 1
            && config.refused.is_empty()
    );
    assert_eq!(read(&tree(b"UsePAM\0 yes\n")).unwrap().config.known().unwrap_err().why, GapKind::Malformed);
    let many = settings(&tree("UsePAM no\n".repeat(10_000)));
    assert!(many.global("usepam").unwrap().lost.len() < 10 && many.gaps.is_empty());
    assert_eq!(settings(&tree("UsePAM no\n".repeat(100_000))).gaps.len(), 1);
    let junk = settings(&tree("a b\n".repeat(100_000)));
    assert!(!junk.refused.is_empty() && junk.refused.len() < 100);
    let wide = settings(&tree(format!("Match User {}\n{}", "x,".repeat(100_000), "\"".repeat(99_999))));
    assert!(wide.refused.is_empty());
    let endless = (0..30)
        .fold(tree("Include d/*\n"), |tree, at| tree.file(&format!("/etc/ssh/d/{at}"), "\n".repeat(10_000)));
    assert_eq!(settings(&endless).gaps.len(), 1);
}

#[test]
fn facts_travel_as_toml() {
    let sshd = read(&tree("Port 22\nPort 2222\nMatch User x\nPermitRootLogin yes\nBad\n")).unwrap();
    let text = toml::to_string(&sshd).unwrap();
    assert_eq!(toml::from_str::<Sshd>(&text).unwrap(), sshd, "{text}");
}
