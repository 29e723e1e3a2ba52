//! What the tests share: the binary with a scrubbed environment, and hosts made of the folders below tests/roots.

mod roots;
#[path = "../../checks/tests/say/mod.rs"]
mod say;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
pub(crate) use roots::{Golden, goldens};
pub(crate) use say::left_out;

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The built binary at the top of the repository, in an environment that says nothing.
pub(crate) fn hostduty(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostduty"));
    command.current_dir(top()).env_clear().env("PATH", "/usr/bin:/bin").args(arguments);
    command
}

/// Its standard output and exit code.
pub(crate) fn run(arguments: &[&str]) -> (String, i32) {
    let output = hostduty(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

/// Whether `tests/update` runs: then a generated file is written instead of compared.
pub(crate) fn updating() -> bool {
    std::env::var_os("HOSTDUTY_UPDATE").is_some()
}

/// Compares a generated, committed file with what it should hold.
pub(crate) fn current(path: &Path, wanted: &str) {
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found != wanted {
        let line = found.lines().zip(wanted.lines()).position(|(old, new)| old != new);
        let line = line.unwrap_or_else(|| found.lines().count().min(wanted.lines().count()));
        panic!(
            "{} is not current from line {}:\n- {}\n+ {}\nread the difference; if it is meant, run tests/update and commit",
            path.display(),
            line + 1,
            found.lines().nth(line).unwrap_or("(ends)"),
            wanted.lines().nth(line).unwrap_or("(ends)"),
        );
    }
}

/// Whether files can be made that belong to root.
pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}
