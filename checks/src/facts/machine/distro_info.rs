//! Reads until when a release is supported, as the distro-info-data package on the host says.

use serde::{Deserialize, Serialize};

use super::Release;
use crate::date::{Day, Timestamp};
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// The row of `/usr/share/distro-info/{debian,ubuntu}.csv` about the release that the host runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistroInfo {
    /// File and line.
    pub place: Evidence,
    /// Last change of the file, which is when its package was built: the data is as old.
    pub modified: Timestamp,
    /// When it was released, or will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<Day>,
    /// The last day of regular support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eol: Option<Day>,
    /// The last day of Debian's long-term support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eol_lts: Option<Day>,
    /// The last day of Ubuntu's Expanded Security Maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eol_esm: Option<Day>,
}

pub(super) fn read(host: &dyn Host, release: Result<&Release, &Gap>) -> Result<DistroInfo, Gap> {
    let release = release.map_err(Clone::clone)?;
    if !["debian", "ubuntu"].contains(&release.id.as_str()) {
        return Err(Gap::unsupported(format!("distro-info-data says nothing of {}", release.id)));
    }
    let path = format!("/usr/share/distro-info/{}.csv", release.id);
    let text = host::read_text(host, &path, host::SMALL)?;
    let modified = host.stat(&path)?.modified;
    parse(&path, &text, modified, release)
}

fn parse(path: &str, text: &str, modified: Timestamp, release: &Release) -> Result<DistroInfo, Gap> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map(|(_, line)| line.split(',').collect()).unwrap_or_default();
    for (number, line) in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| {
            let column = header.iter().position(|title| *title == name)?;
            cells.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        // Ubuntu writes `24.04 LTS`; releases in development have a series but no version.
        let version = cell("version").and_then(|version| version.split(' ').next());
        let is_it = match release.version.as_str() {
            "" => cell("series") == Some(release.codename.as_str()),
            own => version == Some(own),
        };
        if is_it {
            let line = u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
            let day = |name: &str| cell(name).and_then(|cell| cell.parse().ok());
            return Ok(DistroInfo {
                place: Evidence::at(path, line),
                modified,
                released: day("release"),
                eol: day("eol"),
                eol_lts: day("eol-lts"),
                eol_esm: day("eol-esm"),
            });
        }
    }
    Err(Gap::absent(format!("a row about {} {} in {path}", release.id, release.version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UBUNTU: &str = "version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy\n\
        24.04 LTS,Noble Numbat,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-31,2034-04-25,2036-04-29\n\
        25.10,Questing Quokka,questing,2025-04-17,2025-10-09,2026-07-09\n";
    const DEBIAN: &str = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
        12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n14,Forky,forky,2025-08-09\n";

    fn row(text: &str, version: &str, codename: &str) -> Result<DistroInfo, Gap> {
        let release = Release { version: version.into(), codename: codename.into(), ..Release::default() };
        parse("p", text, Timestamp(7), &release)
    }

    #[test]
    fn rows_by_version_or_series() {
        let noble = row(UBUNTU, "24.04", "noble").unwrap();
        assert_eq!(noble.place.to_string(), "p:2");
        assert_eq!(noble.eol_esm.unwrap().to_string(), "2034-04-25");
        assert_eq!(row(UBUNTU, "25.10", "").unwrap().eol_esm, None);
        assert_eq!(row(DEBIAN, "12", "bookworm").unwrap().eol_lts.unwrap().to_string(), "2028-06-30");
        assert_eq!(row(DEBIAN, "", "forky").unwrap().eol, None);
    }

    #[test]
    fn no_row_is_a_gap_and_nonsense_no_panic() {
        assert!(row(DEBIAN, "99", "").unwrap_err().is_absent());
        assert!(row("", "12", "").is_err());
        assert_eq!(row("version,eol\n12,never,,,\n,,\n\0", "12", "").unwrap().eol, None);
    }
}
