//! How dnf and zypper are configured: repositories, variables, exclusions, locks, vendors.

#![no_main]

use hostduty_fuzz::{host, rpm, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/yum.repos.d/base.repo",
    "/etc/dnf/dnf.conf",
    "/etc/dnf/vars/own",
    "/etc/dnf/plugins/versionlock.list",
    "/etc/dnf/versionlock.toml",
    "/etc/zypp/repos.d/base.repo",
    "/etc/zypp/locks",
    "/etc/zypp/vendors.d/own.conf",
];
const REPOMD: &str = r#"<repomd><data type="primary"><location href="primary.xml"/></data></repomd>"#;
const PRIMARY: &str = r#"<metadata><package><name>openssl</name><arch>x86_64</arch>
    <version epoch="1" ver="3.2" rel="1"/></package></metadata>"#;

fuzz_target!(|data: &[u8]| {
    let mut host = host();
    for folder in ["/var/cache/dnf/base-0123456789abcdef", "/var/cache/zypp/raw/base"] {
        host = host
            .file(&format!("{folder}/repodata/repomd.xml"), REPOMD)
            .file(&format!("{folder}/repodata/primary.xml"), PRIMARY);
    }
    rpm::updates(&with_files(host, data, FILES));
});
