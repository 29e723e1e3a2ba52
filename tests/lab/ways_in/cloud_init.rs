//! cloud-init's own first boot, with the user data of packaging/cloud-init and a seed of NoCloud.

use std::fs;
use std::process::Command;

use super::super::machines::{Machine, top};
use super::super::packages;
use super::{root, until};

/// What the machine has instead of the internet.
const DOWNLOADS: &str = "[Service]\nExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv 80\n\
                         [Install]\nWantedBy=sysinit.target\n[Unit]\nDefaultDependencies=no\n";

#[test]
fn the_first_boot_installs_hostduty_and_starts_its_watch() {
    if !crate::allowed("cloud-init at a first boot") {
        return;
    }
    let Some(package) = packages::deb() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sum = Command::new("sha256sum").arg(&package).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let example = fs::read_to_string(top().join("packaging/cloud-init/user-data.yaml")).unwrap();
    let user_data = example
        .replace("https://downloads.example.org/", "http://127.0.0.1/")
        .replace(&"0".repeat(64), sum.split(' ').next().unwrap());
    assert_eq!(user_data.lines().zip(example.lines()).filter(|(one, other)| one != other).count(), 2);

    let files = folder.path().join("files");
    let seed = files.join("var/lib/cloud/seed/nocloud");
    let units = files.join("etc/systemd/system");
    let wants = units.join("sysinit.target.wants");
    for place in [&seed, &wants, &files.join("srv")] {
        fs::create_dir_all(place).unwrap();
    }
    fs::copy(&package, files.join("srv/hostduty_amd64.deb")).unwrap();
    fs::write(seed.join("user-data"), &user_data).unwrap();
    fs::write(seed.join("meta-data"), "instance-id: i-1\nlocal-hostname: ways-cloud-init\n").unwrap();
    // Other than a cloud's image, the root has no locales; and where the laboratory runs at a cloud, that is not asked.
    let own = files.join("etc/cloud/cloud.cfg.d");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("99-laboratory.cfg"), "locale: false\ndatasource_list: [NoCloud]\n").unwrap();
    fs::write(units.join("downloads.service"), DOWNLOADS).unwrap();
    std::os::unix::fs::symlink("/etc/systemd/system/downloads.service", wants.join("downloads.service"))
        .unwrap();

    let machine = Machine::with(&root(), "ways-cloud-init", Some(&files));
    let status = machine.sh("cloud-init status --long --wait");
    let log = || machine.sh("cat /var/log/cloud-init-output.log");
    assert!(status.contains("status: done") && status.contains("DataSourceNoCloud"), "{status}{}", log());
    assert_eq!(
        machine.sh("systemctl is-active hostduty; systemctl is-enabled hostduty"),
        "active\nenabled\n",
        "{}",
        log()
    );
    assert!(
        machine.sh("dpkg-query -W -f '${db:Status-Status}' hostduty").ends_with("installed"),
        "{}",
        log()
    );
    until(&machine, "the metrics", "test -s /run/hostduty/metrics/hostduty.prom");
    let means = machine.sh("hostduty config check");
    assert!(means.contains("/etc/hostduty/hostduty.toml.d/10-site.toml"), "{means}");

    // cloud-init's own word on the file; the machine knows the schema.
    let schema = |change: &str| {
        let line =
            format!("sed '{change}' > /run/user-data; cloud-init schema --config-file /run/user-data 2>&1");
        machine.run(&["sh", "-c", &format!("cat /var/lib/cloud/seed/nocloud/user-data | {line}")])
    };
    assert!(schema("").status.success(), "{}", String::from_utf8_lossy(&schema("").stdout));
    let refused = schema("s/^runcmd:/runcmd: 1\\nfinal_message: [1]\\nx:/");
    let said = String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && said.contains("runcmd"), "{said}");
}
