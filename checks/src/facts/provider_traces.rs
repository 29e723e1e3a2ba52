//! What a provider's own set-up left on the machine: cloud-init's summary, resolvers, a word for the kernel.

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::{self, Host, System};

/// What a provider's own set-up left on the machine. Everything here is readable by any user and holds no secret:
/// cloud-init's `instance-data-sensitive.json` is never opened, and the kernel's command line is not kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderTraces {
    /// The word in `/run/cloud-init/cloud-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_id: Option<String>,
    /// `v1.cloud_name` of `/run/cloud-init/instance-data.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_name: Option<String>,
    /// `v1.platform` of the same file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Whether `/proc/cmdline` holds the word `scaleway`, by which cloud-init knows a Scaleway Instance.
    pub scaleway_on_command_line: bool,
    /// The first resolvers of resolv.conf(5), behind systemd-resolved too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// What exists and could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// Words and addresses longer than this are no names of clouds.
const LONGEST: usize = 64;
/// resolv.conf(5) lets the resolver use three; some files list more.
const MOST_NAMESERVERS: usize = 8;

/// Reads the traces. A file that does not exist is an answer; one that cannot be read is kept as a gap.
pub(crate) fn read(host: &dyn Host) -> Result<ProviderTraces, Gap> {
    if host.system() == System::MacOs {
        return Err(Gap::unsupported("macOS has no cloud-init"));
    }
    let mut traces = ProviderTraces::default();
    let mut text = |path: &str| match host::read_text(host, path, host::SMALL) {
        Ok(text) => text,
        Err(gap) => {
            if !gap.is_absent() {
                traces.gaps.push(gap);
            }
            String::new()
        }
    };
    let cloud_id = text("/run/cloud-init/cloud-id");
    let instance_data = text("/run/cloud-init/instance-data.json");
    let command_line = text("/proc/cmdline");
    let resolvers = [text("/etc/resolv.conf"), text("/run/systemd/resolve/resolv.conf")].concat();
    traces.cloud_id = word(&cloud_id);
    let said = parse_instance_data(&instance_data);
    if !instance_data.is_empty() && said.is_none() {
        traces.gaps.push(Gap::malformed("/run/cloud-init/instance-data.json is not as cloud-init writes it"));
    }
    if let Some(InstanceData { v1 }) = said {
        traces.cloud_name = v1.cloud_name.as_deref().and_then(word);
        traces.platform = v1.platform.as_deref().and_then(word);
    }
    traces.scaleway_on_command_line = command_line.split_ascii_whitespace().any(|word| word == "scaleway");
    traces.nameservers = parse_nameservers(&resolvers);
    Ok(traces)
}

/// What hostduty takes from cloud-init's instance data; everything else in the file is passed over.
#[derive(Debug, Deserialize)]
struct InstanceData {
    v1: Standardised,
}

/// The keys that cloud-init promises on every cloud.
#[derive(Debug, Default, Deserialize)]
struct Standardised {
    #[serde(default)]
    cloud_name: Option<String>,
    #[serde(default)]
    platform: Option<String>,
}

fn parse_instance_data(text: &str) -> Option<InstanceData> {
    serde_json::from_slice(text.as_bytes()).ok()
}

/// resolv.conf(5): the addresses of its `nameserver` lines, without repetitions.
#[must_use]
pub fn parse_nameservers(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let Some(address) = words.next().and_then(word) else { continue };
        if found.len() < MOST_NAMESERVERS && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// A single printable word that may be a name or an address.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:%".contains(&byte);
    (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn traces_of_an_openstack_instance() {
        let traces = read(
            &Tree::new(Timestamp(0))
                .file("/run/cloud-init/cloud-id", "openstack\n")
                .file(
                    "/run/cloud-init/instance-data.json",
                    r#"{"ds": {"meta_data": {"x": [1, null]}}, "v1": {"cloud_name": "openstack", "platform": "openstack", "region": null}}"#,
                )
                .file("/run/cloud-init/instance-data-sensitive.json", r#"{"v1": {"cloud_name": "never-read"}}"#)
                .file("/proc/cmdline", "root=/dev/sda1 ro scaleway=1 quiet")
                .file("/etc/resolv.conf", "# 192.0.2.1\nnameserver 127.0.0.53\noptions edns0\n")
                .file("/run/systemd/resolve/resolv.conf", "nameserver 213.186.33.99\nnameserver 127.0.0.53\n"),
        )
        .unwrap();
        assert_eq!(traces.cloud_id.as_deref(), Some("openstack"));
        assert_eq!(traces.cloud_name.as_deref(), Some("openstack"));
        assert_eq!(traces.platform.as_deref(), Some("openstack"));
        assert_eq!(traces.nameservers, ["127.0.0.53", "213.186.33.99"]);
        assert!(!traces.scaleway_on_command_line && traces.gaps.is_empty());
    }

    #[test]
    fn a_machine_without_cloud_init_has_no_traces_and_no_gaps() {
        let traces = read(&Tree::new(Timestamp(0))).unwrap();
        assert_eq!(traces, ProviderTraces::default());
        assert!(read(&Tree::new(Timestamp(0)).system(System::MacOs)).is_err());
    }

    #[test]
    fn what_cannot_be_read_or_understood_is_a_gap() {
        let path = "/run/cloud-init/instance-data.json";
        for content in
            ["{", "[]", r#"{"v1": 3}"#, r#"{"v1": {"cloud_name": {}}}"#, &"[".repeat(100_000), "\u{0}"]
        {
            let traces = read(&Tree::new(Timestamp(0)).file(path, content)).unwrap();
            assert_eq!(traces.gaps.len(), 1, "{}", &content[..content.len().min(40)]);
            assert!(traces.cloud_name.is_none());
        }
        let traces = read(
            &Tree::new(Timestamp(0))
                .refuse(path, Gap::denied(path))
                .file("/run/cloud-init/cloud-id", b"\xff\xfe")
                .file("/proc/cmdline", "scaleway"),
        )
        .unwrap();
        assert_eq!(traces.gaps.len(), 2);
        assert!(traces.scaleway_on_command_line);
    }

    #[test]
    fn hostile_words_are_not_names() {
        assert_eq!(word(&"x".repeat(65)), None);
        assert_eq!(word("two words"), None);
        assert_eq!(word("\u{1b}[31mred"), None);
        assert_eq!(parse_nameservers(&"nameserver 1.1.1.1\n".repeat(10_000)), ["1.1.1.1"]);
        let many: String = (0..10_000).map(|number| format!("nameserver n{number}\n")).collect();
        assert_eq!(parse_nameservers(&many).len(), MOST_NAMESERVERS);
    }

    #[test]
    fn traces_read_back_as_written() {
        let traces = ProviderTraces {
            cloud_id: Some("openstack".into()),
            nameservers: vec!["213.186.33.99".into()],
            gaps: vec![Gap::denied("/proc/cmdline")],
            ..ProviderTraces::default()
        };
        assert_eq!(toml::from_str::<ProviderTraces>(&toml::to_string(&traces).unwrap()).unwrap(), traces);
    }
}
