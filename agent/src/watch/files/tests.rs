use std::fs;
use std::time::Duration;

use super::super::bell;
use super::super::interest::{Links, Reach};
use super::*;
use crate::host::{Live, Touch};
use checks::host::Host;

/// Watches what one room is said to have asked for.
fn watching(touched: &[Touch]) -> Files {
    let (_, rope) = bell::hang().unwrap();
    let mut files = Files::new(rope);
    derive(&mut files, touched);
    files
}

fn derive(files: &mut Files, touched: &[Touch]) -> Synced {
    let live = Live::new();
    let reach = Reach::of(
        touched,
        &mut Links::new(&|path| live.read_link(path), &|path| std::path::Path::new(path).is_dir()),
    );
    files.interest(|interest| interest.set(RoomSet::named("sshd"), &reach));
    files.sync(true)
}

/// What came, once it has come.
fn wait(files: &Files) -> Option<Noticed> {
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(10));
        if let Some(noticed) = files.noticed() {
            return Some(noticed);
        }
    }
    None
}

fn silent(files: &Files) -> bool {
    std::thread::sleep(Duration::from_millis(100));
    files.noticed().is_none()
}

fn path(dir: &tempfile::TempDir, name: &str) -> String {
    fs::canonicalize(dir.path()).unwrap().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_file_is_seen_to_change_however_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (file, draft) = (path(&dir, "file"), path(&dir, "draft"));
    fs::write(&file, "1").unwrap();
    let files = watching(&[Touch::Path(file.clone())]);
    for _ in 0..3 {
        fs::write(&draft, "2").unwrap();
        assert!(silent(&files), "a name that nobody reads");
        fs::rename(&draft, &file).unwrap();
        assert_eq!(wait(&files).unwrap().rooms.names(), ["sshd"]);
    }
    fs::write(&file, "3").unwrap();
    assert!(wait(&files).is_some());
    fs::remove_file(&file).unwrap();
    assert!(wait(&files).is_some());
    fs::write(&file, "4").unwrap();
    assert!(wait(&files).is_some());
    assert!(silent(&files));
    fs::read(&file).unwrap();
    assert!(silent(&files), "reading is no change");
}

#[test]
fn what_is_absent_is_seen_to_come_one_folder_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let touched = [Touch::Path(path(&dir, "a/b/c"))];
    let mut files = watching(&touched);
    for folder in ["a", "a/b"] {
        fs::create_dir(path(&dir, folder)).unwrap();
        assert!(wait(&files).is_some(), "{folder}");
        assert_eq!(derive(&mut files, &touched).late.names(), ["sshd"]);
    }
    fs::write(path(&dir, "a/b/c"), "").unwrap();
    assert!(wait(&files).is_some());
}

#[test]
fn another_folder_in_the_place_of_a_watched_one_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    let touched = [Touch::Folder(path(&dir, "d"))];
    fs::create_dir(path(&dir, "d")).unwrap();
    let mut files = watching(&touched);
    fs::create_dir(path(&dir, "new")).unwrap();
    fs::rename(path(&dir, "d"), path(&dir, "old")).unwrap();
    fs::rename(path(&dir, "new"), path(&dir, "d")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(wait(&files).unwrap().folders);
    assert_eq!(derive(&mut files, &touched).late.names(), ["sshd"]);
    while files.noticed().is_some() {}
    fs::write(path(&dir, "d/x"), "").unwrap();
    assert_eq!(wait(&files).unwrap().rooms.names(), ["sshd"]);
}

#[test]
fn what_the_watch_itself_writes_is_no_news() {
    let dir = tempfile::tempdir().unwrap();
    let files = watching(&[Touch::Folder(path(&dir, ""))]);
    files.pass_over(std::iter::once(dir.path().join("status.json")));
    super::super::status::replace(dir.path(), "status.json", "{}", 0o600).unwrap();
    assert!(silent(&files));
    super::super::status::replace(dir.path(), "other", "{}", 0o600).unwrap();
    assert!(wait(&files).is_some());
}

#[test]
fn what_a_symlink_leads_to_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(path(&dir, "there")).unwrap();
    fs::write(path(&dir, "there/target"), "").unwrap();
    std::os::unix::fs::symlink("there/target", path(&dir, "link")).unwrap();
    let files = watching(&[Touch::Path(path(&dir, "link"))]);
    fs::write(path(&dir, "there/target"), "1").unwrap();
    assert!(wait(&files).is_some());
    std::os::unix::fs::symlink("elsewhere", path(&dir, "other")).unwrap();
    fs::rename(path(&dir, "other"), path(&dir, "link")).unwrap();
    assert!(wait(&files).is_some());
}

#[test]
fn lines_that_are_added_to_files_that_nobody_reads_wake_nobody_until_somebody_does() {
    let dir = tempfile::tempdir().unwrap();
    let log = path(&dir, "log");
    fs::write(&log, "1").unwrap();
    let mut files = watching(&[Touch::Folder(path(&dir, ""))]);
    fs::write(&log, "2").unwrap();
    assert!(silent(&files));
    assert_eq!(derive(&mut files, &[Touch::Path(log.clone())]).late.names(), ["sshd"]);
    fs::write(&log, "3").unwrap();
    assert!(wait(&files).is_some());
}
