//! The advisories that dnf has fetched of a repository.

#![no_main]

use hostduty_fuzz::{host, rpm, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/var/cache/dnf/base-0123456789abcdef/repodata/updateinfo.xml"];
const REPOSITORY: &str = "[base]\nbaseurl=https://r.example.org/$releasever/\ngpgcheck=1\n";
const REPOMD: &str = r#"<repomd><data type="primary"><location href="primary.xml"/></data>
    <data type="updateinfo"><location href="updateinfo.xml"/></data></repomd>"#;
const PRIMARY: &str = r#"<metadata><package><name>openssl</name><arch>x86_64</arch>
    <version epoch="1" ver="3.2" rel="1"/></package></metadata>"#;

fuzz_target!(|data: &[u8]| {
    let host = host()
        .file("/etc/yum.repos.d/base.repo", REPOSITORY)
        .file("/var/cache/dnf/base-0123456789abcdef/repodata/repomd.xml", REPOMD)
        .file("/var/cache/dnf/base-0123456789abcdef/repodata/primary.xml", PRIMARY);
    rpm::updates(&with_files(host, data, FILES));
});
