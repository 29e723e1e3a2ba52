//! The words of `systemctl is-enabled`, found as systemd finds them: by looking for symlinks folder by folder.

use super::{Index, instance_of, is_runtime, place};
use crate::facts::units::UnitState;
use crate::facts::units::unit_file::UnitFile;

/// What the symlinks of one folder say of a unit.
struct Seen {
    /// A symlink starts it or gives it another name.
    started: bool,
    /// A symlink of its own name makes it known there.
    same_name: bool,
}

/// The state of a unit that a file in `folder` defines; `real` is the name of that file where `name` is an instance.
pub(super) fn of(index: &Index, name: &str, real: &str, folder: usize, file: &UnitFile) -> UnitState {
    if place(folder).starts_with("/run/systemd/generator") {
        return UnitState::Generated;
    }
    if let Some(state) = by_links(index, name, real, folder, Some(file)) {
        return state;
    }
    if by_links(index, name, real, folder, None).is_some() {
        UnitState::Indirect
    } else if file.wanted || !file.aliases.is_empty() {
        UnitState::Disabled
    } else if file.also {
        UnitState::Indirect
    } else {
        UnitState::Static
    }
}

/// With `file`, only the links that enabling the unit would make; without, every link.
fn by_links(
    index: &Index,
    name: &str,
    real: &str,
    defined: usize,
    file: Option<&UnitFile>,
) -> Option<UnitState> {
    let (mut runtime, mut vendor, mut linked) = (false, false, false);
    for folder in 0..super::FOLDERS.len() {
        let seen = in_folder(index, name, real, folder, folder > defined, file);
        if seen.started {
            match place(folder) {
                "/etc/systemd/system" => return Some(UnitState::Enabled),
                _ if is_runtime(folder) => runtime = true,
                _ => vendor = true,
            }
        } else if seen.same_name && (place(folder) == "/etc/systemd/system" || is_runtime(folder)) {
            linked = true;
        }
    }
    if runtime {
        Some(UnitState::EnabledRuntime)
    } else if vendor && instance_of(name).is_some() {
        Some(UnitState::Static)
    } else {
        linked.then_some(UnitState::Linked)
    }
}

fn in_folder(
    index: &Index,
    name: &str,
    real: &str,
    folder: usize,
    below: bool,
    file: Option<&UnitFile>,
) -> Seen {
    let default_instance = file
        .and_then(|file| file.default_instance.as_ref())
        .and_then(|instance| name.split_once('@').map(|(prefix, rest)| format!("{prefix}@{instance}{rest}")));
    let known = |link: &str| {
        file.is_none_or(|file| file.aliases.iter().any(|alias| alias == link))
            || link == name
            || default_instance.as_deref() == Some(link)
    };
    let here = |link: &str| index.aliases.contains(&(real.to_owned(), folder, link.to_owned()));
    let started = match file {
        Some(file) => file
            .aliases
            .iter()
            .map(String::as_str)
            .chain(default_instance.as_deref())
            .chain((name != real).then_some(name))
            .any(|link| link != real && here(link)),
        // At most one of the links here has the unit's own name, so that the second one decides.
        None => index
            .aliases
            .range((real.to_owned(), folder, String::new())..)
            .take_while(|(target, at, _)| target == real && *at == folder)
            .take(2)
            .any(|(.., link)| link != real),
    };
    let mut seen = Seen { started, same_name: false };
    if here(real) {
        if below {
            seen.started = true;
        } else {
            seen.same_name = true;
        }
    }
    seen.started |= index.links.get(name).into_iter().flatten().any(|link| link.folder == folder);
    // Instances stand right behind their template's prefix in the list.
    if let Some((prefix, _)) = name.split_once("@.") {
        let prefix = format!("{prefix}@");
        seen.started |= index
            .links
            .range(prefix.clone()..)
            .take_while(|(link, _)| link.starts_with(&prefix))
            .filter(|(_, places)| places.iter().any(|place| place.folder == folder))
            .any(|(link, _)| known(link) && instance_of(link).as_deref() == Some(name));
    }
    seen
}
