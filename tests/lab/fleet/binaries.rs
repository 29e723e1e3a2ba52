//! The binary that fits is found where packages install it, and runs on another processor.

use serde_json::Value;

use super::town::{Town, is_installed, json, static_aarch64};
use crate::say::left_out;

fn ask(town: &Town, host: &str, more: &[&str]) -> Value {
    let host = format!("root@{host}");
    let arguments = [&["--host", &host, "--format", "json"], more].concat();
    json(&town.hostduty(&arguments).output().unwrap())["hosts"][0].clone()
}

#[test]
fn the_binary_that_fits_is_found_where_packages_install_it() {
    if !crate::allowed("binaries for other machines") {
        return;
    }
    let town = Town::build(&[("web", "plain"), ("called", "called-aarch64"), ("arm", "aarch64")]);
    assert_eq!(ask(&town, "web", &[])["outcome"], "reported");
    let folder = town.path("root/usr/lib/hostduty/remote");
    assert_eq!(ask(&town, "web", &["--remote-binaries", folder.to_str().unwrap()])["outcome"], "reported");
    let empty = town.path("pids");
    assert_eq!(ask(&town, "web", &["--remote-binaries", empty.to_str().unwrap()])["outcome"], "no-binary");
    // It gets the one that it asks for, and its processor is none that runs it.
    if std::env::consts::ARCH != "aarch64" {
        let called = ask(&town, "called", &[]);
        assert_eq!(called["outcome"], "not-run", "{called}");
    }
    if !static_aarch64().exists() || !is_installed("/usr/bin/qemu-aarch64-static") {
        left_out(
            "a machine of another processor (packaging/static builds its binary and installs the emulator)",
        );
    } else {
        let arm = ask(&town, "arm", &["--check", "ssh-key-only"]);
        assert_eq!(arm["outcome"], "reported", "{arm}");
        assert_eq!(arm["report"]["checks"][0]["id"], "ssh-key-only");
    }
    for host in ["web", "called", "arm"] {
        town.is_clean(host, std::time::Duration::from_secs(10)).unwrap();
        town.is_quiet(host).unwrap();
    }
}
