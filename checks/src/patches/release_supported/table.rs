//! Until when releases get security updates: a dated table, for hosts that do not know it themselves.

use std::cmp::Ordering;

use crate::date::Day;
use crate::facts::packages::debian_version::compare;

/// The support of one release.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `ID` of os-release(5).
    pub(super) id: &'static str,
    /// `VERSION_ID`, or the start of it up to a dot.
    pub(super) version: &'static str,
    /// The last day on which everyone gets security updates; empty where the vendor names none.
    until: &'static str,
    /// The last day of what comes after: Debian's LTS, Ubuntu's ESM. Empty without.
    extended: &'static str,
}

impl Row {
    pub(super) fn until(&self) -> Option<Day> {
        self.until.parse().ok()
    }
    pub(super) fn extended(&self) -> Option<Day> {
        self.extended.parse().ok()
    }
}

/// The day on which the rows about a distribution were compared with their source: for Debian and Ubuntu the package
/// distro-info-data, for the others the collection of vendors' announcements at endoflife.date, as it was on that day.
pub(super) fn as_of(id: &str) -> Option<Day> {
    match id {
        "debian" | "ubuntu" => "2026-11-22",
        _ => "2026-08-22",
    }
    .parse()
    .ok()
}

/// The architectures that Debian's LTS of a release builds, by the names of uname -m. Later releases have not
/// announced theirs.
pub(super) fn lts_machines(version: &str) -> &'static [&'static str] {
    match version {
        "12" => &["x86_64", "aarch64", "armv7l", "armv8l", "i386", "i586", "i686", "ppc64le"],
        _ => &[],
    }
}

/// What the table says of a release.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Row(&'static Row),
    /// It is older than every release in the table.
    Older,
    /// It is newer than every release in the table.
    Newer,
    /// It is between two of them, or the table has none of this distribution.
    Nothing,
}

pub(super) fn find(id: &str, version: &str) -> Found {
    let mut rows = ROWS.iter().filter(|row| row.id == id);
    let is_it = |row: &&Row| {
        version.strip_prefix(row.version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some(row) = rows.clone().find(is_it) {
        return Found::Row(row);
    }
    match rows.clone().next() {
        None => Found::Nothing,
        Some(_) if rows.clone().all(|row| compare(version, row.version) == Ordering::Less) => Found::Older,
        Some(_) if rows.all(|row| compare(version, row.version) == Ordering::Greater) => Found::Newer,
        Some(_) => Found::Nothing,
    }
}

const fn row(id: &'static str, version: &'static str, until: &'static str, extended: &'static str) -> Row {
    Row { id, version, until, extended }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("debian", "8", "2018-06-17", "2020-06-30"),
    row("debian", "9", "2020-07-18", "2022-06-30"),
    row("debian", "10", "2022-09-10", "2024-06-30"),
    row("debian", "11", "2024-08-14", "2026-08-31"),
    row("debian", "12", "2026-07-11", "2028-06-30"),
    row("debian", "13", "2028-08-09", "2030-06-30"),

    row("ubuntu", "18.04", "2023-05-31", "2028-04-26"),
    row("ubuntu", "20.04", "2025-05-29", "2030-04-23"),
    row("ubuntu", "22.04", "2027-06-01", "2032-04-21"),
    row("ubuntu", "22.10", "2023-07-20", ""),
    row("ubuntu", "23.04", "2024-01-25", ""),
    row("ubuntu", "23.10", "2024-07-11", ""),
    row("ubuntu", "24.04", "2029-05-31", "2034-04-25"),
    row("ubuntu", "24.10", "2025-07-10", ""),
    row("ubuntu", "25.04", "2026-01-15", ""),
    row("ubuntu", "25.10", "2026-07-09", ""),
    row("ubuntu", "26.04", "2031-05-29", "2036-04-23"),
    row("ubuntu", "26.10", "2027-07-15", ""),

    // Paid extensions after these dates are not taken for granted.
    row("rhel", "6", "2020-11-30", ""),
    row("rhel", "7", "2024-06-30", ""),
    row("rhel", "8", "2029-05-31", ""),
    row("rhel", "9", "2032-05-31", ""),
    row("rhel", "10", "2035-05-31", ""),
    row("rocky", "8", "2029-05-31", ""),
    row("rocky", "9", "2032-05-31", ""),
    row("rocky", "10", "2035-05-31", ""),
    row("almalinux", "8", "2029-05-31", ""),
    row("almalinux", "9", "2032-05-31", ""),
    row("almalinux", "10", "2035-05-31", ""),
    // Oracle names no end of its release 10 yet, so that it is not here.
    row("ol", "6", "2021-03-31", ""),
    row("ol", "7", "2024-12-31", ""),
    row("ol", "8", "2029-07-31", ""),
    row("ol", "9", "2032-06-30", ""),
    // CentOS Linux up to 8, whose end was earlier than that of Stream 8; Stream since 9.
    row("centos", "6", "2020-11-30", ""),
    row("centos", "7", "2024-06-30", ""),
    row("centos", "8", "2024-05-31", ""),
    row("centos", "9", "2027-05-31", ""),
    row("centos", "10", "2030-05-31", ""),
    row("fedora", "38", "2024-05-21", ""),
    row("fedora", "39", "2024-11-26", ""),
    row("fedora", "40", "2025-05-13", ""),
    row("fedora", "41", "2025-12-15", ""),
    row("fedora", "42", "2026-05-27", ""),
    row("fedora", "43", "2026-12-09", ""),
    row("fedora", "44", "2027-06-02", ""),
    row("amzn", "2018.03", "2023-12-31", ""),
    row("amzn", "2", "2026-06-30", ""),
    row("amzn", "2023", "2029-06-30", ""),

    // What LTSS prolongs is paid for and not taken for granted.
    row("sles", "12.4", "2020-06-30", ""),
    row("sles", "12.5", "2024-10-31", ""),
    row("sles", "15.1", "2021-01-31", ""),
    row("sles", "15.2", "2021-12-31", ""),
    row("sles", "15.3", "2022-12-31", ""),
    row("sles", "15.4", "2023-12-31", ""),
    row("sles", "15.5", "2024-12-31", ""),
    row("sles", "15.6", "2025-12-31", ""),
    row("sles", "15.7", "2031-07-31", ""),
    row("sles", "16.0", "2027-11-30", ""),
    row("opensuse-leap", "15.3", "2022-12-31", ""),
    row("opensuse-leap", "15.4", "2023-12-07", ""),
    row("opensuse-leap", "15.5", "2024-12-31", ""),
    row("opensuse-leap", "15.6", "2026-04-30", ""),
    row("opensuse-leap", "16.0", "2027-10-31", ""),

    row("alpine", "3.17", "2024-11-22", ""),
    row("alpine", "3.18", "2025-05-09", ""),
    row("alpine", "3.19", "2025-11-01", ""),
    row("alpine", "3.20", "2026-04-01", ""),
    row("alpine", "3.21", "2026-11-01", ""),
    row("alpine", "3.22", "2027-05-01", ""),
    row("alpine", "3.23", "2027-11-01", ""),
    row("alpine", "3.24", "2028-06-01", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_is_one_and_extensions_come_later() {
        for row in ROWS {
            assert!(row.until().is_some(), "{row:?}");
            assert!(row.extended.is_empty() || row.extended() > row.until(), "{row:?}");
            assert!(as_of(row.id).is_some());
        }
    }

    #[test]
    fn releases_in_before_and_behind_the_table() {
        let version = |id, version| match find(id, version) {
            Found::Row(row) => Ok(row.version),
            other => Err(other),
        };
        assert_eq!(version("rhel", "9.4"), Ok("9"));
        assert_eq!(version("alpine", "3.20.3"), Ok("3.20"));
        assert_eq!(version("amzn", "2023"), Ok("2023"));
        assert_eq!(version("amzn", "2018.03"), Ok("2018.03"));
        assert_eq!(version("ol", "9.8"), Ok("9"));
        assert_eq!(version("ol", "10.1"), Err(Found::Newer));
        assert_eq!(version("sles", "11.4"), Err(Found::Older));
        assert_eq!(version("debian", "7"), Err(Found::Older));
        assert_eq!(version("debian", "14"), Err(Found::Newer));
        assert_eq!(version("ubuntu", "27.04"), Err(Found::Newer));
        assert_eq!(version("gentoo", "2.15"), Err(Found::Nothing));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the source of the rows is a package on the machine that runs the tests"
    )]
    #[expect(clippy::print_stderr, reason = "a test says what it leaves out")]
    fn debian_and_ubuntu_are_as_distro_info_data_says() {
        for (id, extended) in [("debian", "eol-lts"), ("ubuntu", "eol-esm")] {
            let path = format!("/usr/share/distro-info/{id}.csv");
            let Ok(text) = std::fs::read_to_string(&path) else {
                eprintln!("left out: {path} does not exist (package distro-info-data)");
                continue;
            };
            let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
            let column = |name: &str| header.iter().position(|title| *title == name).unwrap();
            let mut seen = 0;
            for cells in text.lines().map(|line| line.split(',').collect::<Vec<_>>()) {
                let cell = |name: &str| cells.get(column(name)).copied().unwrap_or_default();
                if let Some(row) = ROWS
                    .iter()
                    .find(|row| row.id == id && Some(row.version) == cell("version").split(' ').next())
                {
                    assert_eq!((row.until, row.extended), (cell("eol"), cell(extended)), "{row:?}");
                    seen += 1;
                }
            }
            let rows = ROWS.iter().filter(|row| row.id == id).count();
            eprintln!("left out: {} of {rows} rows about {id}, which {path} has not", rows - seen);
            assert!(seen > 3);
        }
    }
}
