//! Which kernel GRUB takes next, from entries of the Boot Loader Specification and GRUB's environment block.
//!
//! systemd-boot, its entries and its unified kernel images are recognised and not followed.
//! Proved by fixtures alone: neither a GRUB nor `grubby` is asked.
//!
//! `/etc/kernel/cmdline` plays no part: it says with which words a kernel starts, not which one does.

use super::NextBoot;
use crate::facts::packages::rpm_version::compare_segments;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};

const ENTRIES: &str = "/boot/loader/entries";
const ENVIRONMENTS: [&str; 2] = ["/boot/grub2/grubenv", "/boot/grub/grubenv"];
const DEFAULTS: &str = "/etc/default/grub";
/// What systemd-boot is told to do; its partition is mounted in one of these places.
const SYSTEMD_BOOT: [&str; 3] =
    ["/boot/loader/loader.conf", "/efi/loader/loader.conf", "/boot/efi/loader/loader.conf"];
/// More entries than this are on no real host.
const MOST: usize = 1000;

/// The entry that GRUB takes; not gathered where there are no such entries or no GRUB that reads them.
pub(super) fn next(host: &dyn Host) -> Reading<NextBoot> {
    // Its choice lies in variables of the firmware, counters in the names of entries and images that have none.
    if let Some(path) = SYSTEMD_BOOT.into_iter().find(|path| host.stat(path).is_ok()) {
        let what = format!("{path} is systemd-boot's, whose choice hostduty does not work out");
        return Reading::Gap(Gap::unsupported(what));
    }
    match entries(host) {
        Ok(entries) => match chosen(host, &entries) {
            Ok(Some(next)) => Reading::Known(next),
            Ok(None) => Reading::default(),
            Err(gap) => Reading::Gap(gap),
        },
        Err(gap) => Reading::Gap(gap),
    }
}

struct Entry {
    path: String,
    /// The file's name without its end.
    id: String,
    title: String,
    release: String,
}

/// The entries in the order of GRUB's menu: the highest first.
fn entries(host: &dyn Host) -> Result<Vec<Entry>, Gap> {
    let names = match host.list(ENTRIES) {
        Err(gap) if gap.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let mut entries = Vec::new();
    for id in names.iter().filter_map(|name| name.strip_suffix(".conf")).take(MOST) {
        let path = format!("{ENTRIES}/{id}.conf");
        let text = host::read_text(host, &path, 64 << 10)?;
        let value = |key: &str| {
            let words =
                text.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix([' ', '\t']));
            words.map(str::trim).unwrap_or_default()
        };
        // `linux /vmlinuz-5.14.0-427.el9.x86_64`
        let image = value("linux").rsplit('/').next().and_then(|name| name.strip_prefix("vmlinuz-"));
        let release = image.unwrap_or_else(|| value("version")).to_owned();
        let title = value("title").to_owned();
        entries.push(Entry { path, id: id.to_owned(), title, release });
    }
    entries.sort_by(|left, right| compare_segments(&right.id, &left.id));
    Ok(entries)
}

/// Nothing where there are no entries, or no GRUB.
fn chosen(host: &dyn Host, entries: &[Entry]) -> Result<Option<NextBoot>, Gap> {
    let mut found = None;
    for path in ENVIRONMENTS {
        match host.read(path, 64 << 10) {
            Ok(bytes) => {
                found = Some((path, String::from_utf8_lossy(&bytes).into_owned()));
                break;
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    let defaults = match host::read_text(host, DEFAULTS, 64 << 10) {
        Ok(text) => Some(text),
        Err(gap) if gap.is_absent() => None,
        Err(gap) => return Err(gap),
    };
    if found.is_none() && defaults.is_none() {
        return Ok(None);
    }
    let (path, environment) = found.unwrap_or((ENVIRONMENTS[0], String::new()));
    let noted = |key: &str| {
        let value = environment.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.map(str::trim).filter(|value| !value.is_empty())
    };
    let configured = defaults.iter().flat_map(|text| text.lines()).rev().find_map(|line| {
        let value = line.trim().strip_prefix("GRUB_DEFAULT=")?.trim_matches(['"', '\'']);
        (!value.is_empty()).then_some(value)
    });
    // What is to be started once comes before what is started each time.
    let (place, key, wanted) = match (noted("next_entry"), configured.unwrap_or("saved")) {
        (Some(once), _) => (path, "next_entry", Some(once)),
        (None, "saved") => (path, "saved_entry", noted("saved_entry")),
        (None, other) => (DEFAULTS, "GRUB_DEFAULT", Some(other)),
    };
    let named = |wanted: &str| {
        entries.iter().find(|entry| entry.id == wanted || entry.title == wanted || entry.release == wanted)
    };
    let numbered = |wanted: &str| wanted.parse().ok().and_then(|number: usize| entries.get(number));
    let entry = wanted.and_then(|wanted| named(wanted).or_else(|| numbered(wanted)));
    // GRUB takes the first where there is none of that name, and so does whoever did not choose.
    let Some(taken) = entry.or(entries.first()) else { return Ok(None) };
    let (chosen_in, choice) = match wanted {
        Some(wanted) => (place.to_owned(), format!("{key}={wanted}")),
        None => (String::new(), String::new()),
    };
    Ok(Some(NextBoot { release: taken.release.clone(), entry: taken.path.clone(), chosen_in, choice }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn host() -> Tree {
        let mut host = Tree::new(Timestamp(0));
        for release in ["5.14.0-70.el9.x86_64", "5.14.0-427.el9.x86_64", "0-rescue-abc"] {
            let text =
                format!("title Rocky ({release})\nversion {release}\nlinux /vmlinuz-{release}\noptions x\n");
            host = host.file(&format!("{ENTRIES}/abc-{release}.conf"), text);
        }
        host
    }

    fn release(host: &Tree) -> String {
        next(host).known().unwrap().release.clone()
    }

    #[test]
    fn names_numbers_and_nothing_choose_an_entry() {
        let grub =
            |text: &str| host().file("/boot/grub2/grubenv", format!("# GRUB Environment Block\n{text}####"));
        for (text, expected) in [
            ("saved_entry=abc-5.14.0-70.el9.x86_64\n", "5.14.0-70.el9.x86_64"),
            ("saved_entry=1\n", "5.14.0-70.el9.x86_64"),
            ("saved_entry=0\n", "5.14.0-427.el9.x86_64"),
            ("saved_entry=gone\n", "5.14.0-427.el9.x86_64"),
            ("", "5.14.0-427.el9.x86_64"),
            ("saved_entry=0\nnext_entry=2\n", "0-rescue-abc"),
            ("saved_entry=Rocky (5.14.0-70.el9.x86_64)\n", "5.14.0-70.el9.x86_64"),
        ] {
            assert_eq!(release(&grub(text)), expected, "{text}");
        }
        let fixed = grub("saved_entry=1\n").file(DEFAULTS, "GRUB_TIMEOUT=1\nGRUB_DEFAULT=\"0\"\n");
        assert_eq!(release(&fixed), "5.14.0-427.el9.x86_64");
    }

    #[test]
    fn systemd_boot_is_not_taken_for_grub() {
        for path in SYSTEMD_BOOT {
            let both = host().file("/boot/grub2/grubenv", "saved_entry=1\n").file(path, "default @saved\n");
            assert!(next(&both).gap().is_some_and(|gap| gap.what.starts_with(path)), "{path}");
        }
    }

    #[test]
    fn nothing_is_said_without_entries_or_grub() {
        assert_eq!(next(&Tree::new(Timestamp(0))), Reading::default());
        assert_eq!(next(&host()), Reading::default());
        let denied = host().refuse("/boot/grub2/grubenv", Gap::denied("/boot/grub2/grubenv"));
        assert!(next(&denied).gap().is_some_and(|gap| *gap == Gap::denied("/boot/grub2/grubenv")));
    }
}
