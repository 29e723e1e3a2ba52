//! Whether FileVault guards the disk: fdesetup(8) and the volumes that diskutil(8) lists.

use serde::{Deserialize, Serialize};

use super::{plist, refusal};
use crate::gap::Gap;
use crate::host::Output;

/// What `fdesetup status` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileVault {
    /// Whether FileVault is on.
    pub enabled: bool,
    /// What it is doing meanwhile.
    pub progress: Progress,
}

/// A change of the encryption that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// None.
    #[default]
    Settled,
    /// The disk is being encrypted.
    Encrypting,
    /// The disk is being decrypted.
    Decrypting,
    /// FileVault waits for the next login of a user, and is off until then.
    Deferred,
}

/// A volume of an APFS container, as `diskutil apfs list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Volume {
    /// `Data`
    pub name: String,
    /// `disk3s5`
    pub device: String,
    /// `Data`, `System`, `Preboot`…; a volume that somebody added has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Whether it is encrypted at all. On Apple silicon the hardware does that without anybody's secret.
    pub encrypted: bool,
    /// Whether a user's secret is needed to open it.
    pub filevault: bool,
}

impl Volume {
    /// Whether it holds what users store, as opposed to the system's own volumes.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        self.roles.is_empty()
            || self.roles.iter().any(|role| matches!(role.as_str(), "Data" | "Backup" | "User"))
    }
}

/// `fdesetup status`.
pub fn parse_status(output: &Output) -> Result<FileVault, Gap> {
    let text = super::both(output);
    let mut lines = text.lines().map(str::trim);
    let enabled = match lines.find_map(|line| line.strip_prefix("FileVault is ")) {
        Some(rest) if rest.starts_with("On") => true,
        Some(rest) if rest.starts_with("Off") => false,
        _ => return Err(refusal("fdesetup status", output)),
    };
    let progress = lines
        .find_map(|line| {
            [
                ("Encryption in progress", Progress::Encrypting),
                ("Decryption in progress", Progress::Decrypting),
                ("Deferred enablement", Progress::Deferred),
            ]
            .into_iter()
            .find_map(|(start, progress)| line.starts_with(start).then_some(progress))
        })
        .unwrap_or_default();
    Ok(FileVault { enabled, progress })
}

/// `diskutil apfs list -plist`.
pub fn parse_volumes(output: &Output) -> Result<Vec<Volume>, Gap> {
    if output.status != 0 {
        return Err(refusal("diskutil apfs list", output));
    }
    let list = plist::parse(&output.stdout)?;
    let malformed = || Gap::malformed("`diskutil apfs list` shows no volume in the form that it has");
    let mut volumes = Vec::new();
    for container in list.get("Containers").and_then(plist::Value::array).ok_or_else(malformed)? {
        for volume in container.get("Volumes").and_then(plist::Value::array).unwrap_or(&[]) {
            let text = |key| volume.get(key).and_then(plist::Value::text).map(str::to_owned);
            let truth = |key| volume.get(key).and_then(plist::Value::bool);
            let roles = volume.get("Roles").and_then(plist::Value::array).unwrap_or(&[]);
            volumes.push(Volume {
                name: text("Name").unwrap_or_default(),
                device: text("DeviceIdentifier").ok_or_else(malformed)?,
                roles: roles.iter().filter_map(plist::Value::text).map(str::to_owned).collect(),
                encrypted: truth("Encryption").ok_or_else(malformed)?,
                filevault: truth("FileVault").ok_or_else(malformed)?,
            });
        }
    }
    if volumes.is_empty() { Err(malformed()) } else { Ok(volumes) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;
    use crate::gap::GapKind;

    #[test]
    fn fdesetup_says_on_off_or_in_between() {
        let parse = |text| parse_status(&out(text)).map(|vault| (vault.enabled, vault.progress));
        assert_eq!(parse("FileVault is On.\n"), Ok((true, Progress::Settled)));
        assert_eq!(parse("FileVault is Off.\n"), Ok((false, Progress::Settled)));
        assert_eq!(
            parse("FileVault is On.\nEncryption in progress: Percent completed = 61\n"),
            Ok((true, Progress::Encrypting))
        );
        assert_eq!(
            parse("FileVault is Off.\nDecryption in progress: Percent completed = 3\n"),
            Ok((false, Progress::Decrypting))
        );
        assert_eq!(
            parse("FileVault is Off.\nDeferred enablement appears to be active for user 'ada'.\n"),
            Ok((false, Progress::Deferred))
        );
        assert_eq!(
            parse_status(&err("FileVault is Off.\n")).unwrap(),
            FileVault::default(),
            "the answer may come on stderr"
        );
    }

    #[test]
    fn an_answer_without_the_sentence_is_a_gap() {
        assert_eq!(parse_status(&out("")).unwrap_err().why, GapKind::Malformed);
        assert_eq!(parse_status(&out("FileVault is Unknown.\n")).unwrap_err().why, GapKind::Malformed);
        let denied = exit(12, "Error: This command must be run as root.\n");
        assert_eq!(parse_status(&denied).unwrap_err().why, GapKind::Denied);
    }

    #[test]
    fn diskutil_tells_hardware_encryption_from_filevault() {
        let volume = |name: &str, role: &str, filevault: bool| {
            format!(
                "<dict><key>DeviceIdentifier</key><string>disk3s{}</string><key>Encryption</key><true/>\
                 <key>FileVault</key><{filevault}/><key>Name</key><string>{name}</string><key>Roles</key>\
                 <array>{role}</array></dict>",
                name.len()
            )
        };
        let list = format!(
            "<plist version=\"1.0\"><dict><key>Containers</key><array><dict><key>Volumes</key><array>{}{}{}\
             </array></dict></array></dict></plist>",
            volume("Macintosh HD", "<string>System</string>", false),
            volume("Data", "<string>Data</string>", false),
            volume("Scratch", "", true),
        );
        let volumes = parse_volumes(&out(&list)).unwrap();
        assert_eq!(volumes.len(), 3);
        assert!(!volumes[0].holds_data() && volumes[1].holds_data() && volumes[2].holds_data());
        assert!(volumes[1].encrypted && !volumes[1].filevault && volumes[2].filevault);
        let cut = parse_volumes(&out(&list[..list.len() - 30])).unwrap_err();
        assert_eq!(cut.why, GapKind::Malformed);
        assert!(parse_volumes(&out("<plist><dict/></plist>")).is_err());
        assert!(parse_volumes(&exit(1, "diskutil: did not recognize verb\n")).is_err());
    }
}
