//! hostduty reads apt's configuration as the apt-config of this machine does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::process::Command;

use checks::facts::automatic_updates::apt_conf::AptConf;
use say::left_out;

/// Each is one configuration; `===` separates its files.
const CONFIGURATIONS: &[&str] = &[
    "T::A \"1\";",
    "T::A 1;\nT::B \"two words\";",
    "T { A \"1\"; B \"2\" };",
    "T { A { B { C \"deep\"; }; }; };",
    "T::L { \"a\"; \"b\"; };\nT::L:: \"c\";",
    "T::L { \"a\"; };\n===\nT::L { \"b\"; };",
    "T::A \"1\";\n===\nT::A \"2\";",
    "T::L { \"a\"; };\n===\n#clear T::L;\nT::L { \"b\"; };",
    "T { A \"1\"; B \"2\"; };\n#clear T::A;",
    "T { L { \"a\"; }; X \"1\"; };\n===\n#clear T;\nT::Y \"2\";",
    "// comment\nT::A \"1\"; // after\n# hash\nT::B \"2\"; # after\n",
    "/* one\n two T::X \"1\"; */ T::A \"1\"; /* three */ T::B \"2\";",
    "T::Url \"http://x//y#z\";\nT::C \"/* no comment */\";",
    "t::lower \"1\";\nT::LOWER \"2\";\nT::Mixed \"3\";",
    "T {\n  A\n    \"1\"\n  ;\n};",
    "T::A \"a\" \"b\";",
    "T::A a%20b;",
    "T \"value\" { A \"1\"; };",
    "T { A \"1\"; }\nT { B \"2\"; }",
    "T::N:: \"x\"; T::N::Named \"y\"; T::N { \"z\"; Named \"w\"; };",
    "Unattended-Upgrade::Origins-Pattern {\n  \"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";\n};",
    "APT::Periodic::Update-Package-Lists \"1\";\n===\nAPT { Periodic { Update-Package-Lists \"0\"; Unattended-Upgrade \"7\"; }; };",
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the oracle is the apt-config of the machine that runs the tests"
)]
fn as_apt_config_dumps() {
    if !std::path::Path::new("/usr/bin/apt-config").exists() {
        left_out(format!(
            "there is no apt-config here to compare {} configurations with",
            CONFIGURATIONS.len()
        ));
        return;
    }
    for configuration in CONFIGURATIONS {
        let dir = tempfile::tempdir().unwrap();
        let mut conf = AptConf::default();
        for (number, text) in configuration.split("===\n").enumerate() {
            let path = dir.path().join(format!("{number}part"));
            std::fs::write(&path, text).unwrap();
            conf.parse(path.to_str().unwrap(), text).unwrap();
        }
        // The file named by APT_CONFIG is read first, so it can point apt at our parts instead of the machine's.
        let first = dir.path().join("first.conf");
        let parts = dir.path().display();
        std::fs::write(&first, format!("Dir::Etc::parts \"{parts}\";\nDir::Etc::main \"/dev/null\";\n"))
            .unwrap();
        let output =
            Command::new("/usr/bin/apt-config").arg("dump").env("APT_CONFIG", &first).output().unwrap();
        assert!(output.status.success(), "{configuration}\n{}", String::from_utf8_lossy(&output.stderr));
        // apt's own defaults are in its answer too: what is ours starts with one of these.
        let ours = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["t", "unattended-upgrade"]
                .iter()
                .any(|top| name == *top || name.starts_with(&format!("{top}::")))
                || name.starts_with("apt::periodic")
        };
        let theirs: Vec<(String, String)> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_suffix("\";")?.split_once(" \""))
            .filter(|(name, _)| ours(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let dumped: Vec<(String, String)> = conf.dump().into_iter().filter(|(name, _)| ours(name)).collect();
        assert_eq!(dumped, theirs, "{configuration}");
        assert!(!theirs.is_empty(), "{configuration}");
    }
}
