//! The documents say what the program does: every check is explained, and nothing is read that the page of contacts leaves out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use checks::facts::ROOMS;
use checks::registry::CHECKS;

use crate::support::{run, top};

fn document(name: &str) -> String {
    fs::read_to_string(top().join("docs").join(name)).unwrap()
}

#[test]
fn every_check_has_its_subject() {
    let text = document("verdicts.md");
    for check in CHECKS {
        assert!(text.contains(&format!("`{}`", check.id)), "docs/verdicts.md says nothing of {}", check.id);
    }
}

/// What stands in backticks in the second column of a room's row.
fn covered() -> BTreeMap<String, Vec<String>> {
    let text = document("contacts.md");
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (room, asked) = (cells.next()?, cells.next()?);
        let patterns = asked.split('`').skip(1).step_by(2).map(|pattern| pattern.to_owned());
        Some((room.to_owned(), patterns.collect()))
    });
    rows.collect()
}

/// Whether a pattern covers a path: it is the path or a folder above it, or lies below it; `*` is one name, a part of one at its end.
fn covers(pattern: &str, path: &str) -> bool {
    let parts = |text: &str| text.trim_end_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (parts(pattern), parts(path));
    let fits = |(wanted, found): (&String, &String)| match wanted.split_once('*') {
        Some((before, after)) => found.starts_with(before) && found.ends_with(after),
        None => wanted == found,
    };
    // A folder above what is asked for is looked at as well.
    pattern.iter().zip(&path).all(fits)
}

#[test]
fn nothing_is_read_that_the_page_of_contacts_leaves_out() {
    let covered = covered();
    for room in ROOMS {
        assert!(covered.contains_key(room.name), "docs/contacts.md says nothing of the room {}", room.name);
    }
    let (mut asked, mut left_out) = (0, BTreeSet::new());
    for host in fs::read_dir(top().join("tests/roots")).unwrap() {
        let root = host.unwrap().path().join("root");
        // A Mac is known by what its tools said.
        let Ok(passwd) = fs::read_to_string(root.join("etc/passwd")) else { continue };
        let homes: Vec<&str> = passwd
            .lines()
            .filter_map(|line| line.split(':').nth(5))
            .map(|home| home.trim_end_matches('/'))
            .filter(|home| !home.is_empty())
            .collect();
        let (text, _) = run(&["doctor", "--verbose", "--root", root.to_str().unwrap()]);
        let (_, listed) =
            text.split_once("Asked for, room by room\n").expect("doctor lists what was asked for");
        let mut room = "";
        for line in listed.lines() {
            let Some(path) = line.strip_prefix("    ") else {
                room = line.trim();
                continue;
            };
            let path = path.split(" (").next().unwrap_or(path);
            asked += 1;
            let patterns = &covered[room];
            let directly =
                patterns.iter().any(|pattern| path.starts_with(pattern.as_str()) || covers(pattern, path));
            // In the home of any account, or on the way to it.
            let at_home = homes.iter().any(|home| {
                let below = path.strip_prefix(home).map(|rest| format!("~{rest}"));
                below.is_some_and(|path| patterns.iter().any(|pattern| covers(pattern, &path)))
                    || home.starts_with(path) && patterns.iter().any(|pattern| pattern.starts_with('~'))
            });
            if !(directly || at_home) {
                left_out.insert(format!("{room}: {path}"));
            }
        }
    }
    assert!(left_out.is_empty(), "docs/contacts.md leaves out {left_out:#?}");
    assert!(asked > 1000, "only {asked} places");
}
