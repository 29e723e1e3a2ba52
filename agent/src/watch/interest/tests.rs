use super::*;
use checks::date::Timestamp;
use checks::host::{Host, NftObject, Tree};

fn paths(touched: &[&str]) -> Vec<Touch> {
    touched
        .iter()
        .map(|path| match path.strip_suffix('/') {
            Some(folder) => Touch::Folder(folder.to_owned()),
            None => Touch::Path((*path).to_owned()),
        })
        .collect()
}

fn reach(tree: &Tree, touched: &[Touch]) -> Reach {
    let is_folder = |path: &str| tree.stat(path).is_ok_and(|there| there.kind == checks::host::FileKind::Dir);
    Reach::of(touched, &mut Links::new(&|path| tree.read_link(path), &is_folder))
}

fn folders(interest: &Interest) -> Vec<&str> {
    interest.folders().map(|(folder, _)| folder).collect()
}

fn interest(tree: &Tree, rooms: &[(&str, &[&str])]) -> Interest {
    let mut interest = Interest::default();
    for (room, touched) in rooms {
        interest.set(RoomSet::named(room), &reach(tree, &paths(touched)));
    }
    interest
}

fn host() -> Tree {
    Tree::new(Timestamp(0))
        .file("/etc/ssh/sshd_config", "")
        .file("/etc/ssh/sshd_config.d/10.conf", "")
        .file("/run/systemd/resolve/stub.conf", "")
        .link("/etc/resolv.conf", "../run/systemd/resolve/stub.conf")
        .link("/bin", "usr/bin")
        .file("/usr/bin/dash", "")
        .link("/usr/bin/sh", "dash")
        .link("/etc/loop", "loop")
        .link("/etc/mtab", "/proc/self/mounts")
        .file("/proc/self/mounts", "")
        .file("/proc/77/status", "")
}

#[test]
fn a_file_is_watched_by_its_name_in_every_folder_on_the_way() {
    let watched = interest(&host(), &[("sshd", &["/etc/ssh/sshd_config"])]);
    assert_eq!(folders(&watched), ["/", "/etc", "/etc/ssh"]);
    let sshd = RoomSet::named("sshd");
    // Replaced by rename, changed in place, its folder exchanged.
    assert_eq!(watched.rooms("/etc/ssh/sshd_config", Change::Name), sshd);
    assert_eq!(watched.rooms("/etc/ssh/sshd_config", Change::File), sshd);
    assert_eq!(watched.rooms("/etc/ssh", Change::Name), sshd);
    assert_eq!(watched.rooms("/etc", Change::Name), sshd);
    assert_eq!(watched.rooms("/etc/ssh/moduli", Change::Name), RoomSet::NONE);
    assert_eq!(watched.rooms("/etc/motd", Change::File), RoomSet::NONE);
}

#[test]
fn what_is_absent_is_awaited_in_the_nearest_folder_that_exists() {
    let watched = interest(&host(), &[("sudoers", &["/etc/doas.d/a/b.conf", "/opt/x"])]);
    assert_eq!(folders(&watched), ["/", "/etc"]);
    assert_eq!(watched.rooms("/etc/doas.d", Change::Name).names(), ["sudoers"]);
    assert_eq!(watched.rooms("/opt", Change::Name).names(), ["sudoers"]);
}

#[test]
fn a_list_changes_by_names_and_not_by_contents() {
    let watched = interest(&host(), &[("sshd", &["/etc/ssh/sshd_config.d/"])]);
    assert_eq!(watched.rooms("/etc/ssh/sshd_config.d/99.conf", Change::Name).names(), ["sshd"]);
    assert_eq!(watched.rooms("/etc/ssh/sshd_config.d/99.conf", Change::File), RoomSet::NONE);
    assert_eq!(watched.rooms("/etc/ssh/sshd_config.d", Change::Name).names(), ["sshd"]);
}

#[test]
fn a_symlink_is_watched_where_it_stands_and_where_it_leads() {
    let watched =
        interest(&host(), &[("provider_traces", &["/etc/resolv.conf"]), ("accounts", &["/bin/sh"])]);
    assert_eq!(
        folders(&watched),
        ["/", "/etc", "/run", "/run/systemd", "/run/systemd/resolve", "/usr", "/usr/bin"]
    );
    for path in ["/etc/resolv.conf", "/run/systemd/resolve/stub.conf", "/run/systemd"] {
        assert_eq!(watched.rooms(path, Change::Name).names(), ["provider_traces"], "{path}");
    }
    for path in ["/bin", "/usr/bin/sh", "/usr/bin/dash"] {
        assert_eq!(watched.rooms(path, Change::Name).names(), ["accounts"], "{path}");
    }
}

#[test]
fn loops_end_and_dots_are_walked() {
    let watched =
        interest(&host(), &[("block", &["/etc/loop/x", "/etc/../etc/./ssh/../ssh/sshd_config", "/.."])]);
    assert_eq!(folders(&watched), ["/", "/etc", "/etc/ssh"]);
}

#[test]
fn what_the_kernel_does_not_announce_is_asked_for_again() {
    let tree = host();
    let told = |touched: &[Touch]| {
        let reach = reach(&tree, touched);
        (reach.polled, reach.glanced)
    };
    assert_eq!(told(&paths(&["/sys/class/net/"])), (true, false));
    assert_eq!(told(&paths(&["/etc/mtab"])), (true, false));
    assert_eq!(told(&paths(&["/proc/1/mountinfo"])), (true, false));
    assert_eq!(told(&paths(&["/proc/net/ip_tables_names"])), (true, false));
    assert_eq!(
        told(&paths(&["/proc/77/status", "/proc/", "/proc/net/tcp6", "/proc/77/net/udp"])),
        (false, true)
    );
    assert_eq!(told(&[Touch::Query(Query::ClockState)]), (true, false));
    assert_eq!(told(&[Touch::Run("/usr/bin/pwpolicy".into())]), (true, false));
    let legacy = reach(&tree, &[Touch::Query(Query::LegacyTable { ipv6: false, table: "filter".into() })]);
    assert!(legacy.polled && legacy.asked);
    let tales = reach(
        &tree,
        &paths(&["/etc/mtab", "/proc//swaps", "/proc/stat", "/sys/block/vda/ro", "/proc/7/stat"]),
    );
    assert_eq!(tales.tales.into_iter().collect::<Vec<_>>(), ["/proc/self/mounts", "/proc/swaps"]);
    let announced = reach(&tree, &[Touch::Query(Query::Nftables(NftObject::Rules))]);
    assert!(announced.nftables && !announced.polled);
}

#[test]
fn what_a_room_reads_no_more_is_watched_no_more() {
    let tree = host();
    let mut watched =
        interest(&tree, &[("sshd", &["/etc/ssh/sshd_config.d/"]), ("accounts", &["/etc/passwd"])]);
    watched.set(RoomSet::named("sshd"), &reach(&tree, &paths(&["/proc/77/status"])));
    assert_eq!(folders(&watched), ["/", "/etc"]);
    assert_eq!(watched.rooms("/etc/ssh", Change::Name), RoomSet::NONE);
    assert_eq!(watched.of_folder("/etc").names(), ["accounts"]);
    assert_eq!(watched.glanced.names(), ["sshd"]);
}

#[test]
fn only_where_a_file_is_read_matters_what_is_written() {
    let read = [
        "/etc/ssh/sshd_config",
        "/etc/ssh/sshd_config.d",
        "/etc/ssh/sshd_config.d/",
        "/etc/ssh/absent",
        "/bin/sh",
    ];
    let watched = interest(&host(), &[("sshd", &read)]);
    let written: Vec<&str> =
        watched.folders().filter(|(_, content)| *content).map(|(folder, _)| folder).collect();
    assert_eq!(written, ["/etc/ssh", "/usr/bin"]);
    assert_eq!(folders(&watched), ["/", "/etc", "/etc/ssh", "/etc/ssh/sshd_config.d", "/usr", "/usr/bin"]);
}
