use super::*;
use crate::check::Verdict;
use crate::facts::block::Block;
use crate::gap::Reading;

fn judged(change: impl FnOnce(&mut Block, &mut Policy), example: &str) -> Judgement {
    let mut facts: Facts = toml::from_str(example).unwrap();
    let mut policy = Policy::default();
    let mut block = facts.block.known().unwrap().clone();
    change(&mut block, &mut policy);
    facts.block = Reading::Known(block);
    judge(&facts, &policy).unwrap()
}

#[test]
fn the_finding_shows_the_chain() {
    let judgement = judged(|_, _| {}, CHECK.examples.broken);
    assert_eq!(judgement.findings[0].subject, "/");
    assert_eq!(judgement.findings[0].message, "← vda1 ← vda: no encrypted layer");
    assert_eq!(judgement.findings[0].evidence[0].to_string(), "/proc/1/mountinfo:1: ext4 /dev/vda1 on /");
}

#[test]
fn a_clear_boot_is_told_and_never_held_for_the_data() {
    let judgement = judged(|_, _| {}, CHECK.examples.kept);
    assert!(judgement.observations[1].message.starts_with("/boot is in the clear"), "{judgement:?}");
    let only_boot = judged(|block, _| drop(block.mounts.remove(0)), CHECK.examples.kept);
    assert_eq!(only_boot.verdict(), Verdict::Unknown);
    // A name that only begins like it is data.
    let not_boot = judged(|block, _| block.mounts[1].point = "/boots".into(), CHECK.examples.kept);
    assert_eq!(not_boot.verdict(), Verdict::Fail);
}

#[test]
fn where_the_provider_encrypts_the_guest_cannot_tell() {
    let stance =
        |_: &mut Block, policy: &mut Policy| policy.offer.storage_encryption = Some("security page".into());
    let judgement = judged(stance, CHECK.examples.broken);
    assert_eq!(judgement.verdict(), Verdict::Unknown);
    assert!(judgement.unknowns[0].contains("vda1 ← vda") && judgement.unknowns[0].contains("security page"));
    assert_eq!(judged(stance, CHECK.examples.kept).verdict(), Verdict::Pass);
}

#[test]
fn what_was_not_seen_is_not_kept() {
    let own = judged(|block, _| block.mounts_from = "/proc/self/mountinfo".into(), CHECK.examples.kept);
    assert_eq!(own.verdict(), Verdict::Unknown);
    let malformed = judged(|block, _| block.malformed.push("x:1: y".into()), CHECK.examples.kept);
    assert_eq!(malformed.verdict(), Verdict::Unknown);
    let lost = judged(|block, _| drop(block.devices.remove("dm-0")), CHECK.examples.kept);
    assert_eq!(lost.verdict(), Verdict::Unknown);
    assert!(lost.unknowns[0].contains("dm-0 could not be read"), "{lost:?}");
}

#[test]
fn what_lies_on_a_server_is_judged_by_its_way_there() {
    let with = |kind: &str, options: &str| {
        judged(
            |block, _| {
                let mut mount = block.mounts[0].clone();
                mount.point = "/srv/data".into();
                mount.file_system = kind.into();
                mount.source = "filer.example.org:/data".into();
                mount.device = "0:50".into();
                mount.transport = options.split_whitespace().map(str::to_owned).collect();
                mount.beneath = Backing::Elsewhere(mount.source.clone());
                block.mounts.push(mount);
            },
            CHECK.examples.kept,
        )
    };
    let clear = with("nfs4", "vers=4.2 sec=sys");
    assert_eq!((clear.verdict(), clear.findings[0].subject.as_str()), (Verdict::Fail, "/srv/data"));
    assert!(clear.findings[0].message.contains("in the clear (nfs4, sec=sys without xprtsec=)"), "{clear:?}");
    // What the server does with them is not kept for what it may be.
    for (kind, options, words) in [
        ("nfs4", "sec=krb5p", "travel enciphered (nfs4, sec=krb5p)"),
        ("fuse.sshfs", "", "travel enciphered (sshfs, ssh)"),
        ("virtiofs", "", "lie with the hypervisor"),
        ("cifs", "vers=3.1.1", "DebugData"),
    ] {
        let judgement = with(kind, options);
        assert_eq!(judgement.verdict(), Verdict::Unknown, "{kind}");
        assert!(judgement.unknowns[0].contains(words), "{judgement:?}");
    }
}

#[test]
fn folders_that_are_enciphered_are_named_and_change_no_verdict() {
    let homes = |block: &mut Block, _: &mut Policy| {
        block.mounts[0].enciphered = (1..8).map(|number| format!("/home/{number}")).collect();
    };
    let judgement = judged(homes, CHECK.examples.broken);
    assert_eq!(judgement.verdict(), Verdict::Fail);
    assert_eq!(
        judgement.findings[0].message,
        "← vda1 ← vda: no encrypted layer but for the folders that fscrypt enciphers: /home/1, /home/2, /home/3, /home/4, \
         /home/5 and 2 more"
    );
}
