//! Builds packages with the real rpmbuild and installs them with the real rpm into databases of both formats.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with packages that were built for one test.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

/// A program of rpm: this machine's, or that of a Debian which was unpacked elsewhere.
pub(crate) struct Rpm {
    command: Vec<OsString>,
    backend: &'static str,
}

impl Rpm {
    /// This machine's, which writes SQLite.
    pub(crate) fn own() -> Option<Self> {
        let there = Command::new("rpmbuild").arg("--version").output();
        there
            .is_ok_and(|output| output.status.success())
            .then(|| Self { command: vec!["rpm".into()], backend: "sqlite" })
    }

    /// That of Debian 13, which can write ndb as well; `tests/run` unpacks it.
    pub(crate) fn newer() -> Option<Self> {
        let root = PathBuf::from(std::env::var_os("HOSTDUTY_RPM_ROOT")?);
        let loader = ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"]
            .map(|path| root.join(path))
            .into_iter()
            .find(|path| path.exists())?;
        let libraries = fs::read_dir(root.join("usr/lib"))
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.to_string_lossy().ends_with("-linux-gnu"))?;
        let mut command = vec![OsString::from("env")];
        let mut settings = OsString::from("RPM_CONFIGDIR=");
        settings.push(root.join("usr/lib/rpm"));
        command.extend([settings, loader.into(), "--library-path".into(), libraries.into()]);
        command.push(root.join("usr/bin/rpm").into());
        Some(Self { command, backend: "ndb" })
    }

    /// Runs it on the database in a folder; what it prints.
    pub(crate) fn run(&self, database: &Path, arguments: &[&str]) -> String {
        fs::create_dir_all(database).unwrap();
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command.arg("--dbpath").arg(database).arg("--define").arg(format!("_db_backend {}", self.backend));
        let output = command.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Installs packages without a look at what they need, and without unpacking them.
    pub(crate) fn install(&self, database: &Path, packages: &[String]) {
        let mut arguments = vec![
            "--install",
            "--justdb",
            "--nodeps",
            "--noscripts",
            "--ignorearch",
            "--ignoreos",
            "--nosignature",
            "--oldpackage",
            "--noplugins",
        ];
        // Debian's rpm wants to be told that it is meant.
        if self.backend == "sqlite" {
            arguments.push("--force-debian");
        }
        arguments.extend(packages.iter().map(String::as_str));
        self.run(database, &arguments);
    }
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Builds the packages of a spec for an architecture; the files they became.
    pub(crate) fn build(&self, name: &str, target: &str, spec: &str) -> Vec<String> {
        let top = self.path().join(format!("build-{name}-{target}"));
        fs::create_dir_all(&top).unwrap();
        let file = top.join(format!("{name}.spec"));
        fs::write(&file, spec).unwrap();
        let output = Command::new("rpmbuild")
            .args(["-bb", "--quiet", "--target", target])
            .args(["--define", &format!("_topdir {}", top.display())])
            .args(["--define", "_build_id_links none", "--define", "debug_package %{nil}"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut found = Vec::new();
        for folder in fs::read_dir(top.join("RPMS")).unwrap() {
            for file in fs::read_dir(folder.unwrap().path()).unwrap() {
                found.push(file.unwrap().path().to_str().unwrap().to_owned());
            }
        }
        found.sort();
        found
    }
}

/// What a spec says of its main package.
pub(crate) fn preamble(name: &str, evr: (u32, &str, &str), more: &str) -> String {
    let (epoch, version, release) = evr;
    let epoch = if epoch == 0 { String::new() } else { format!("Epoch: {epoch}\n") };
    format!(
        "Name: {name}\n{epoch}Version: {version}\nRelease: {release}\nSummary: a stand-in\nLicense: MIT\n\
         Vendor: Example Builders\n{more}%description\na stand-in\n%files\n"
    )
}

/// A spec of which many packages come, with versions of every kind.
pub(crate) fn many() -> String {
    let mut spec = preamble("many", (0, "1.0", "1.el9"), "");
    let versions =
        ["1.0", "2.0~rc1", "3.0^git20240101", "0.0.1", "20240101", "1.2.3a", "9", "10", "007", "5.14.0"];
    let releases = ["1", "2.el9", "3.el9_4.2", "427.13.1.el9_4", "0.1~beta", "1^post"];
    for number in 0..60 {
        let epoch = [0, 0, 0, 1, 2, 32, u32::MAX][number % 7];
        let (version, release) = (versions[number % 10], releases[number % 6]);
        let epoch = if epoch == 0 { String::new() } else { format!("Epoch: {epoch}\n") };
        let architecture = if number % 3 == 0 { "BuildArch: noarch\n" } else { "" };
        let _ = write!(
            spec,
            "%package -n part{number}\n{epoch}Version: {version}\nRelease: {release}\n{architecture}Summary: p\n\
             %description -n part{number}\n{}\n%files -n part{number}\n",
            // Headers of every length: what of one lies on its leaf and what elsewhere depends on that.
            "p ".repeat(number * 173)
        );
    }
    spec
}

/// A spec of which more packages come than one page of slots of ndb has.
pub(crate) fn crowd() -> String {
    let mut spec = preamble("crowd", (0, "1.0", "1.el9"), "BuildArch: noarch\n");
    for number in 0..270 {
        let _ = write!(
            spec,
            "%package -n one{number}\nSummary: p\n%description -n one{number}\np\n%files -n one{number}\n"
        );
    }
    spec
}

/// A spec whose package has a header of more than two million bytes.
pub(crate) fn large() -> String {
    let mut spec = preamble("large", (3, "1.0", "1"), "ModularityLabel: large:1:2024:abc\n");
    spec.push_str("%changelog\n");
    for entry in 0..3000 {
        let _ = writeln!(spec, "* Mon Jan 01 2024 Somebody <somebody@example.org> - 1.{entry}");
        for line in 0..8 {
            let _ = writeln!(spec, "- what changed in {entry}, number {line}: {}", "so much ".repeat(9));
        }
    }
    spec
}
