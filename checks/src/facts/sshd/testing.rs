//! Configurations for the tests of this room.

use super::build::Build;
use super::parser::{self, Options, Record};
use super::{Config, Evidence};
use crate::host::Tree;

/// The build that tests take for granted.
pub(crate) fn build() -> Build {
    Build::named("OpenSSH_9.2p1 Debian-2+deb12u10").unwrap()
}

/// What a main file without includes says.
pub(crate) fn config(text: &str) -> Config {
    with(text, &build(), &[])
}

/// The same for another build, with settings of the command line.
pub(crate) fn with(text: &str, build: &Build, given: &[Evidence]) -> Config {
    let tree = Tree::default().file("/etc/ssh/sshd_config", text);
    let options = Options { build, given, record: Record::Judged };
    parser::parse(&tree, "/etc/ssh/sshd_config", options).unwrap()
}
