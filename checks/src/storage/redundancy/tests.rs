use super::*;
use crate::check::Verdict;
use crate::facts::block::{Backing, Kind};
use crate::gap::Reading;

fn judged(platform: Platform, change: impl FnOnce(&mut Block)) -> Judgement {
    let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
    let mut hypervisor = facts.hypervisor.known().unwrap().clone();
    hypervisor.platform = platform;
    facts.hypervisor = Reading::Known(hypervisor);
    let mut block = facts.block.known().unwrap().clone();
    change(&mut block);
    facts.block = Reading::Known(block);
    judge(&facts, &Policy::default()).unwrap()
}

fn one_drive(block: &mut Block) {
    block.devices.remove("md0");
    block.mounts[0].beneath = Backing::Devices(vec!["sda".into()]);
}

#[test]
fn a_single_drive_is_a_finding_on_bare_metal_only() {
    assert_eq!(judged(Platform::BareMetal, one_drive).verdict(), Verdict::Fail);
    assert_eq!(judged(Platform::Kvm, one_drive).verdict(), Verdict::NotApplicable);
    assert_eq!(judged(Platform::Unknown, one_drive).verdict(), Verdict::Unknown);
}

#[test]
fn a_degraded_array_is_a_finding_anywhere() {
    let degrade = |block: &mut Block| {
        let array = block.devices.get_mut("md0").and_then(|device| device.array.as_mut()).unwrap();
        array.degraded = Some(1);
        array.action = "recover".into();
    };
    for platform in [Platform::BareMetal, Platform::Kvm, Platform::Unknown] {
        let judgement = judged(platform, degrade);
        assert_eq!(judgement.findings.len(), 1, "{judgement:?}");
        assert!(judgement.findings[0].message.contains("1 of the 2 members"), "{judgement:?}");
        assert!(judgement.findings[0].message.ends_with("and is rebuilding"), "{judgement:?}");
    }
}

#[test]
fn an_array_over_two_parts_of_one_drive_is_none() {
    let judgement = judged(Platform::BareMetal, |block| {
        for name in ["sda", "sdb"] {
            let part = block.devices.get_mut(name).unwrap();
            (part.kind, part.beneath) = (Kind::Partition, Backing::Devices(vec!["sdc".into()]));
        }
        let disk = crate::facts::block::Device {
            kind: Kind::Disk,
            beneath: Backing::Hardware,
            ..Default::default()
        };
        block.devices.insert("sdc".into(), disk);
    });
    assert_eq!(judgement.verdict(), Verdict::Fail, "{judgement:?}");
}

#[test]
fn a_controller_that_may_hide_an_array_leaves_it_unknown() {
    let judgement = judged(Platform::BareMetal, |block| {
        one_drive(block);
        block.devices.get_mut("sda").unwrap().driver = Some("megaraid_sas".into());
    });
    assert_eq!(judgement.verdict(), Verdict::Unknown);
    assert!(judgement.unknowns[0].contains("megaraid_sas"), "{judgement:?}");
}

#[test]
fn raid0_survives_nothing_and_an_unread_state_is_unknown() {
    let level = |level: &str| Kind::Raid(level.to_owned());
    let striped = judged(Platform::BareMetal, |block| {
        let device = block.devices.get_mut("md0").unwrap();
        device.kind = level("raid0");
        device.array.as_mut().unwrap().degraded = None;
    });
    assert_eq!(striped.verdict(), Verdict::Fail);
    let unread = judged(Platform::BareMetal, |block| {
        block.devices.get_mut("md0").unwrap().array.as_mut().unwrap().degraded = None;
    });
    assert_eq!(unread.verdict(), Verdict::Unknown);
    let lvm = judged(Platform::BareMetal, |block| {
        let device = block.devices.get_mut("md0").unwrap();
        (device.kind, device.array) = (level("lvm"), None);
    });
    assert_eq!(lvm.verdict(), Verdict::Unknown);
}
