//! What machine a Mac is: release, kernel, names and start, from SystemVersion.plist, uname(1) and sysctl(8).

use super::{plist, refusal};
use crate::date::Timestamp;
use crate::facts::machine::{Machine, Release};
use crate::gap::{Gap, Reading};
use crate::host::{Command, Host, Output, Query};

/// World-readable, and right even for programs to which macOS pretends to be version 10.16.
const SYSTEM_VERSION: &str = "/System/Library/CoreServices/SystemVersion.plist";

/// Fills the machine's room on macOS. What the kernel answers by a query is taken from there.
pub(in crate::facts) fn machine(host: &dyn Host) -> Machine {
    let word = |program, arguments: &[&str]| one_word(&host.run(&Command::new(program, arguments))?);
    let query = |query| host.query(&query).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let uname = |option| word("/usr/bin/uname", &[option]);
    let booted = query(Query::BootTime).and_then(|seconds| seconds.parse().ok()).map(Timestamp);
    Machine {
        name: query(Query::HostName).map_or_else(|| uname("-n"), Ok).into(),
        release: plist::read(host, SYSTEM_VERSION).and_then(|list| release(&list)).into(),
        kernel: uname("-r").into(),
        architecture: query(Query::Architecture).map_or_else(|| uname("-m"), Ok).into(),
        booted_at: booted
            .map_or_else(
                || boot_time(&host.run(&Command::new("/usr/sbin/sysctl", &["-n", "kern.boottime"]))?),
                Ok,
            )
            .into(),
        clock_synchronised: Err(Gap::unsupported("macOS does not say whether its clock is synchronised"))
            .into(),
        distro_info: Reading::default(),
        seen_by_uid: query(Query::EffectiveUser)
            .map_or_else(|| word("/usr/bin/id", &["-u"]), Ok)
            .and_then(|uid| {
                uid.parse().map_err(|_| Gap::malformed("id(1) printed something else than a number"))
            })
            .into(),
        instance_uuid: Err(Gap::unsupported("hostduty does not read the hardware identifier of a Mac"))
            .into(),
    }
}

fn release(list: &plist::Value) -> Result<Release, Gap> {
    let text = |key| list.get(key).and_then(plist::Value::text);
    let (Some(name), Some(version), Some(build)) =
        (text("ProductName"), text("ProductVersion"), text("ProductBuildVersion"))
    else {
        return Err(Gap::malformed(format!(
            "{SYSTEM_VERSION} does not name a product, a version and a build"
        )));
    };
    Ok(Release {
        id: "macos".to_owned(),
        version: version.to_owned(),
        name: format!("{name} {version} ({build})"),
        ..Release::default()
    })
}

fn one_word(output: &Output) -> Result<String, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    match (output.status, words.next(), words.next()) {
        (0, Some(word), None) => Ok(word.to_owned()),
        _ => Err(refusal("uname", output)),
    }
}

/// `{ sec = 1763800000, usec = 12345 } Sat Nov 22 08:26:40 2026`
fn boot_time(output: &Output) -> Result<Timestamp, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let seconds = text.split("sec = ").nth(1).and_then(|rest| rest.split(',').next());
    let seconds = seconds.and_then(|digits| digits.trim().parse().ok());
    seconds.map(Timestamp).ok_or_else(|| refusal("sysctl -n kern.boottime", output))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;
    use crate::host::{System, Tree};

    #[test]
    fn the_machine_of_a_tree() {
        let list = "<plist><dict><key>ProductName</key><string>macOS</string><key>ProductVersion</key>\
            <string>26.7</string><key>ProductBuildVersion</key><string>25H71</string></dict></plist>";
        let tree = Tree::new(Timestamp(0))
            .system(System::MacOs)
            .file(SYSTEM_VERSION, list)
            .output(Command::new("/usr/bin/uname", &["-r"]), out("25.7.0\n"))
            .answer(Query::HostName, "mini")
            .answer(Query::BootTime, "17");
        let machine = machine(&tree);
        let release = machine.release.value().unwrap();
        assert_eq!((release.id.as_str(), release.version.as_str()), ("macos", "26.7"));
        assert_eq!(release.name, "macOS 26.7 (25H71)");
        assert_eq!(machine.kernel.value().unwrap(), "25.7.0");
        assert_eq!(
            (machine.name.value().unwrap().as_str(), machine.booted_at.value()),
            ("mini", Some(&Timestamp(17)))
        );
        assert!(machine.architecture.value().is_none());
    }

    #[test]
    fn answers_that_are_none() {
        assert_eq!(
            boot_time(&out("{ sec = 1771000000, usec = 5 } Fri Feb 13 2026\n")),
            Ok(Timestamp(1_771_000_000))
        );
        assert!(boot_time(&out("")).is_err() && boot_time(&out("{ sec = x, }")).is_err());
        assert!(one_word(&out("")).is_err() && one_word(&out("two words")).is_err());
        assert!(one_word(&exit(1, "no\n")).is_err());
        assert!(release(&plist::Value::Dict([].into())).is_err());
    }
}
