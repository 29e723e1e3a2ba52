//! Inventories and lists of hosts in hostile bytes: nothing that ssh or a shell would take for something else comes of them.
//!
//! The agent's own files are compiled in, with a list in memory in the place of one on a disk.

#![no_main]
#![allow(dead_code, reason = "the agent needs more of these files")]

use std::path::Path;

use hostduty_fuzz::parts;
use libfuzzer_sys::fuzz_target;

#[path = "../../../agent/src/fleet"]
mod fleet {
    pub mod destination;
    pub mod inventory;

    use std::cell::RefCell;
    use std::path::Path;

    /// Why a list is not followed.
    #[derive(Debug)]
    pub enum Error {
        Inventory(String, String),
        Line(String, usize, String),
    }

    thread_local! {
        pub static LIST: RefCell<String> = const { RefCell::new(String::new()) };
    }

    fn read(_: &Path) -> Result<String, Error> {
        Ok(LIST.with_borrow(Clone::clone))
    }
}

use fleet::destination::{Destination, listed};
use fleet::{Error, LIST};

fuzz_target!(|data: &[u8]| {
    for part in parts(data) {
        let text = String::from_utf8_lossy(&part).into_owned();
        let lines = text.lines().count();
        LIST.set(text);
        let lists = ["/nowhere/hosts.ini", "/nowhere/hosts.yml", "/nowhere/hosts"]
            .map(|path| fleet::inventory::read(Path::new(path)).map(|listed| listed.hosts));
        for list in lists.into_iter().chain([listed(Path::new("/nowhere/list"))]) {
            match list {
                Ok(hosts) => hosts.iter().for_each(plain),
                Err(Error::Line(_, line, why)) => {
                    assert!(
                        line >= 1 && line <= lines.max(1) && !why.is_empty(),
                        "line {line} of {lines}: {why}"
                    );
                }
                Err(Error::Inventory(..)) => {}
            }
        }
    }
});

/// Whether ssh gets a name, and a shell that ssh hands it to nothing else.
fn plain(host: &Destination) {
    let odd = |one: char| one.is_control() || one.is_whitespace() || "'`\"$;&<>|(){}*?!#,".contains(one);
    let bare = host.target.strip_prefix("ssh://").unwrap_or(&host.target);
    let (user, name) = bare.rsplit_once('@').unwrap_or(("nobody", bare));
    for word in [host.target.as_str(), user, name] {
        assert!(!word.is_empty() && !word.starts_with('-'), "{host:?}");
    }
    assert!(!host.target.contains(odd), "{host:?}");
    let identity = host.identity.as_deref().unwrap_or("plain");
    assert!(!identity.starts_with('-') && !identity.contains(char::is_control), "{host:?}");
}
