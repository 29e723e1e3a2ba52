//! Where the tools of clouds keep their keys, and how to see that a file holds one without keeping it.

/// A path and what lies there.
#[derive(Debug)]
pub(super) struct Place {
    /// Below the home, or absolute.
    pub(super) path: &'static str,
    /// What the key opens.
    pub(super) cloud: &'static str,
    pub(super) proof: Proof,
}

/// How to see that a file holds a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// It has no other use.
    Presence,
    /// One of these names has a value, in any of `name = value`, `name: value` and `"name": "value"`.
    States(&'static [&'static str]),
    /// The same in a shell script, where a value that starts with `$` is no value but a name.
    Exports(&'static [&'static str]),
}

const fn place(path: &'static str, cloud: &'static str, proof: Proof) -> Place {
    Place { path, cloud, proof }
}

const AWS: Proof = Proof::States(&["aws_secret_access_key", "aws_session_token"]);
const OPENSTACK: Proof = Proof::States(&["password", "application_credential_secret", "token", "auth_token"]);
const OPENSTACK_SHELL: Proof =
    Proof::Exports(&["OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_TOKEN", "OS_AUTH_TOKEN"]);
const OVH: Proof = Proof::States(&["application_secret", "consumer_key", "client_secret"]);

/// OpenStack's dashboard hands these scripts out under the name of the project.
pub(super) const OPENRC: Place = place("*-openrc.sh", "OpenStack", OPENSTACK_SHELL);

/// Below every home.
pub(super) const HOME: &[Place] = &[
    place(".config/scw/config.yaml", "Scaleway", Proof::States(&["secret_key"])),
    place(".scwrc", "Scaleway", Proof::States(&["token", "secret_key"])),
    place(".ovh.conf", "OVHcloud", OVH),
    place(".config/openstack/clouds.yaml", "OpenStack", OPENSTACK),
    place(".config/openstack/secure.yaml", "OpenStack", OPENSTACK),
    place("openrc.sh", "OpenStack", OPENSTACK_SHELL),
    place(".openrc", "OpenStack", OPENSTACK_SHELL),
    place(".aws/credentials", "AWS", AWS),
    place(".aws/config", "AWS", AWS),
    place(".s3cfg", "S3", Proof::States(&["secret_key"])),
    place(".passwd-s3fs", "S3", Proof::Presence),
    place(".mc/config.json", "S3", Proof::States(&["secretKey"])),
    place(".config/gcloud/credentials.db", "Google Cloud", Proof::Presence),
    place(
        ".config/gcloud/application_default_credentials.json",
        "Google Cloud",
        Proof::States(&["refresh_token", "private_key", "client_secret"]),
    ),
    place(".azure/msal_token_cache.json", "Azure", Proof::Presence),
    place(".azure/service_principal_entries.json", "Azure", Proof::Presence),
    place(".azure/accessTokens.json", "Azure", Proof::Presence),
    place(
        ".config/rclone/rclone.conf",
        "rclone",
        Proof::States(&["secret_access_key", "pass", "password", "token", "key", "client_secret", "sas_url"]),
    ),
    place(".terraformrc", "Terraform", Proof::States(&["token"])),
    place(".terraform.d/credentials.tfrc.json", "Terraform", Proof::States(&["token"])),
    place(
        ".docker/config.json",
        "container registry",
        Proof::States(&["auth", "identitytoken", "registrytoken"]),
    ),
    place(".kube/config", "Kubernetes", Proof::States(&["token", "client-key-data", "password"])),
];

/// On the whole host.
pub(super) const SYSTEM: &[Place] = &[
    place("/etc/ovh.conf", "OVHcloud", OVH),
    place("/etc/openstack/clouds.yaml", "OpenStack", OPENSTACK),
    place("/etc/openstack/secure.yaml", "OpenStack", OPENSTACK),
    place("/etc/passwd-s3fs", "S3", Proof::Presence),
    place("/etc/boto.cfg", "AWS", AWS),
];

/// Whether one of the names has a value in a file, outside comments. Says so at the first one and keeps nothing.
pub(super) fn states(content: &[u8], names: &[&str], shell: bool) -> bool {
    content.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii_start();
        !line.starts_with(b"#")
            && !line.starts_with(b";")
            && !line.starts_with(b"//")
            && names.iter().any(|name| has_value(line, name.as_bytes(), shell))
    })
}

fn has_value(line: &[u8], name: &[u8], shell: bool) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    line.windows(name.len()).enumerate().any(|(at, window)| {
        if window != name || at.checked_sub(1).and_then(|before| line.get(before)).is_some_and(is_word) {
            return false;
        }
        let rest = line.get(at.saturating_add(name.len())..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\"").or(rest.strip_prefix(b"'")).unwrap_or(rest).trim_ascii_start();
        let Some((b'=' | b':', value)) = rest.split_first() else { return false };
        let value = value.trim_ascii_start();
        let bare = value.strip_prefix(b"\"").unwrap_or(value);
        if shell && bare.starts_with(b"$") {
            return false;
        }
        let bare = bare.strip_prefix(b"'").unwrap_or(bare);
        let end =
            bare.iter().position(|byte| matches!(byte, b'"' | b'\'' | b',' | b'}' | b' ' | b'\r' | b'#'));
        let value = bare.get(..end.unwrap_or(bare.len())).unwrap_or_default();
        !matches!(value, b"" | b"null" | b"~" | b"{" | b"[" | b"None")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_only_whole_with_a_value_and_outside_comments() {
        let stated = |text: &str| states(text.as_bytes(), &["auth", "token"], false);
        for text in [
            "token=x",
            " token : \"x\"",
            "{\"auths\":{\"r\":{\"auth\":\"eA==\"}}}",
            "a=1\n\"token\": 'x'",
            "x = {token = 1}",
        ] {
            assert!(stated(text), "{text}");
        }
        for text in [
            "",
            "#token=x",
            "  ; token=x",
            "// token=x",
            "token=",
            "token: \"\"",
            "token: null",
            "my_token=x",
            "token_url=x",
            "{\"auths\":{}}",
            "token",
            "\"auth\": {",
            "token x",
        ] {
            assert!(!stated(text), "{text}");
        }
    }

    #[test]
    fn a_variable_in_a_script_is_no_secret() {
        let exported = |text: &str| states(text.as_bytes(), &["OS_PASSWORD"], true);
        assert!(exported("export OS_PASSWORD=x") && exported("export OS_PASSWORD='$x'"));
        assert!(!exported("export OS_PASSWORD=$OS_PASSWORD_INPUT") && !exported("export OS_PASSWORD=\"$X\""));
        assert!(states(b"password: $x", &["password"], false));
    }

    #[test]
    fn binary_and_endless_lines_end_in_time() {
        assert!(!states(&vec![0xff; 1 << 20], &["token", "auth"], false));
        assert!(!states("token".repeat(200_000).as_bytes(), &["token", "auth"], true));
    }
}
