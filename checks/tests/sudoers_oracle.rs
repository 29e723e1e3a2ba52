//! Nobody runs anything as root without a password whom the facts of sudoers(5) do not name: on drawn files, put to sudo
//! and to sudo-rs themselves.
//!
//! The root with both programs comes from `tests/run` in HOSTDUTY_SUDO_ROOT. Every run draws the same files; HOSTDUTY_SEED
//! draws others, HOSTDUTY_NIGHTLY=1 twenty times as many. Written cases are in `accounts_oracle.rs`.
//!
//! The facts may say more than the programs do: exceptions (`!name`), names of other hosts and arguments of commands
//! are left out of them, and what a later rule asks a part of a group, or before one command only. How often they do is
//! bounded; every other file is drawn without the first three.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads what it guards and fails loudly"
)]

#[path = "sshd/dice.rs"]
mod dice;
mod say;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use checks::date::Timestamp;
use checks::facts::{Facts, ROOMS, begin};
use checks::host::Tree;
use dice::Dice;
use say::left_out;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nada:x:4001:4001::/:/bin/sh\nbob:x:4002:4027::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nada:x:4001:\nops:x:4027:\nteam:x:4028:ada\n";

/// Who asks: name, id, groups, and how setpriv(1) makes a process theirs.
const PEOPLE: [(&str, &str, &[&str], &str); 2] = [
    ("ada", "#4001", &["%ada", "%team", "%#4001", "%#4028"], "--reuid=4001 --regid=4001 --groups=4028"),
    ("bob", "#4002", &["%ops", "%#4027"], "--reuid=4002 --regid=4027 --clear-groups"),
];
/// What they ask for; each prints a 0 as root.
const COMMANDS: [&str; 2] = ["/usr/bin/id -u", "/usr/bin/stat -c %u /proc/self"];
/// How the programs are called in the root.
const PROGRAMS: [&str; 2] = ["/usr/bin/sudo", "/tmp/sudo-rs"];

const USERS: &[&str] = &["ada", "bob", "%team", "%ops", "#4001", "#4002", "%#4027", "ALL", "root", "eve"];
const RUN_AS: &[&str] = &["root", "ALL", "bob", "#0", "ada"];
const PATHS: &[&str] = &[
    "ALL",
    "/usr/bin/id",
    "/usr/bin/stat",
    "/usr/bin/true",
    "/usr/bin/",
    "/usr/bin/*",
    "/usr/bin/[a-z]d",
    "/usr/bin/id -u",
    "/usr/bin/id \"\"",
    "sudoedit /etc/motd",
];
const TAGS: &[&str] =
    &["", "", "", "NOPASSWD: ", "NOPASSWD: ", "NOPASSWD: ", "PASSWD: ", "NOPASSWD:NOEXEC: ", "SETENV: "];
const HOSTS: &[&str] = &["ALL", "ALL", "ALL", "ALL", "elsewhere", "10.9.8.7"];

/// Some names with commas between, aliases among them, and rarely an exception.
fn list(dice: &mut Dice, from: &[&str], alias: &str, plain: bool) -> String {
    let mut names = Vec::new();
    for _ in 0..=dice.below(3) {
        let not = if !plain && dice.percent(8) { "!" } else { "" };
        let name =
            if dice.percent(25) { format!("{alias}{}", dice.below(2)) } else { dice.pick(from).to_owned() };
        names.push(format!("{not}{name}"));
    }
    names.join(if dice.percent(50) { "," } else { ", " })
}

fn rule(dice: &mut Dice, plain: bool) -> String {
    let host = if plain { "ALL" } else { dice.pick(HOSTS) };
    let mut text = format!("{} {host} =", list(dice, USERS, "U", plain));
    for number in 0..=dice.below(3) {
        if number > 0 {
            text += if dice.percent(20) { ", \\\n   " } else { ", " };
        }
        if dice.percent(50) {
            match dice.below(4) {
                0 => write!(text, " ({}:ALL)", list(dice, RUN_AS, "R", plain)).unwrap(),
                _ => write!(text, " ({})", list(dice, RUN_AS, "R", plain)).unwrap(),
            }
        }
        let not = if !plain && dice.percent(6) { "!" } else { "" };
        let command =
            if dice.percent(20) { format!("C{}", dice.below(2)) } else { path(dice, plain).to_owned() };
        write!(text, " {}{not}{command}", dice.pick(TAGS)).unwrap();
    }
    text
}

fn path(dice: &mut Dice, plain: bool) -> &'static str {
    let without_arguments = PATHS.len() - 3;
    PATHS[dice.below(if plain { without_arguments } else { PATHS.len() })]
}

fn default(dice: &mut Dice) -> String {
    let not = if dice.percent(70) { "!" } else { "" };
    match dice.below(6) {
        0 => format!("Defaults {not}authenticate"),
        1 => format!("Defaults:{} {not}authenticate", dice.pick(USERS)),
        2 => format!("Defaults>{} {not}authenticate", dice.pick(RUN_AS)),
        3 => format!("Defaults!/usr/bin/id {not}authenticate"),
        4 => format!("Defaults exempt_group={}", dice.pick(&["ops", "team", "nobody"])),
        _ => "Defaults env_reset, secure_path=/usr/bin".to_owned(),
    }
}

/// The files of a host: /etc/sudoers and one that it includes.
fn draw(dice: &mut Dice, plain: bool) -> [String; 2] {
    let mut files = [String::new(), String::new()];
    for number in 0..2 {
        // No alias of a later number leads back, for sudo refuses a cycle.
        let users = list(dice, USERS, if number == 0 { "%n" } else { "U" }, plain).replace("U1", "U0");
        let run_as = dice.pick(RUN_AS);
        let commands = format!("{}, {}", path(dice, plain), path(dice, plain));
        let file = &mut files[dice.below(2)];
        write!(file, "User_Alias U{number} = {users}\nRunas_Alias R{number} = {run_as}\nCmnd_Alias C{number} = {commands}\n")
            .unwrap();
    }
    for _ in 0..=dice.below(4) {
        let line = if !plain && dice.percent(12) { default(dice) } else { rule(dice, plain) };
        files[dice.below(2)] += &format!("{line}\n");
    }
    let place = if dice.percent(50) { "@includedir /etc/sudoers.d" } else { "@include sudoers.d/extra" };
    files[0] =
        if dice.percent(50) { format!("{place}\n{}", files[0]) } else { format!("{}{place}\n", files[0]) };
    files
}

/// Who got through where: `number program person command`.
fn ask(root: &Path, cases: &[[String; 2]]) -> BTreeSet<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sudoers-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (number, [main, extra]) in cases.iter().enumerate() {
        fs::write(folder.join(format!("{number}.main")), main).unwrap();
        fs::write(folder.join(format!("{number}.extra")), extra).unwrap();
    }
    // Whoever would have to type a password is turned away by PAM.
    let mut script = format!(
        "set -e\nR={root} F={folder}\nmkdir -p $R/run $R/proc $R/dev $R/tmp\nmount -t tmpfs none $R/run\nmount -t tmpfs none $R/tmp
mount --rbind /proc $R/proc\nmount --bind /dev $R/dev\ncp -a $R/etc $R/tmp/etc\nmount --bind $R/tmp/etc $R/etc
cp $R/usr/lib/cargo/bin/sudo $R/tmp/sudo-rs\nchmod 4755 $R/tmp/sudo-rs\nrm -rf $R/etc/sudoers* $R/etc/pam.d/*\nmkdir $R/etc/sudoers.d
for name in sudo sudo-i other; do printf 'auth requisite pam_deny.so\\naccount required pam_permit.so\\nsession required pam_permit.so\\n' > $R/etc/pam.d/$name; done
printf '{PASSWD}' > $R/etc/passwd\nprintf '{GROUP}' > $R/etc/group\nprintf 'passwd: files\\ngroup: files\\nhosts: files\\n' > $R/etc/nsswitch.conf
for n in $(seq 0 {last}); do\ncp $F/$n.main $R/etc/sudoers\ncp $F/$n.extra $R/etc/sudoers.d/extra\nchmod 440 $R/etc/sudoers $R/etc/sudoers.d/extra\n",
        root = root.display(),
        folder = folder.display(),
        last = cases.len() - 1,
    );
    for program in PROGRAMS {
        for (person, _, _, ids) in PEOPLE {
            for (command, line) in COMMANDS.iter().enumerate() {
                writeln!(
                    script,
                    "[ \"$(chroot $R setpriv {ids} {program} -n {line} 2>/dev/null </dev/null)\" != 0 ] || echo $n {program} {person} {command}"
                )
                .unwrap();
            }
        }
    }
    script += "done\n";
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(&folder).unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn facts([main, extra]: &[String; 2]) -> Facts {
    let tree = Tree::new(Timestamp(1_790_000_000))
        .file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP)
        .file("/etc/sudoers", main)
        .file("/etc/sudoers.d/extra", extra);
    let mut facts = begin(&tree);
    for room in ROOMS.iter().filter(|room| ["accounts", "sudoers"].contains(&room.name)) {
        (room.gather)(&tree, &mut facts);
    }
    facts
}

/// Whether the facts say that somebody may run a program as root without a password.
fn said(facts: &Facts, person: &str, id: &str, groups: &[&str], program: &str) -> bool {
    let names = |who: &str| who == person || who == "ALL" || who == id || groups.contains(&who);
    facts.sudoers.known().unwrap().grants.iter().any(|grant| {
        let covers = |command: &String| match command.as_str() {
            "/usr/bin/" | "/usr/bin/*" => true,
            "/usr/bin/[a-z]d" => program == "/usr/bin/id",
            other => other == program,
        };
        let command = grant.all_commands || grant.commands.iter().any(covers);
        grant.as_root && command && grant.who.iter().any(|who| names(who) && !grant.overridden.contains(who))
    })
}

#[test]
fn whoever_gets_in_without_a_password_is_named() {
    let root = env::var_os("HOSTDUTY_SUDO_ROOT").map(PathBuf::from);
    let Some(root) = root.filter(|root| root.join("usr/lib/cargo/bin/sudo").exists()) else {
        return left_out("drawn sudoers, which take root and the programs that tests/run unpacks");
    };
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse().ok());
    let seed = number("HOSTDUTY_SEED").unwrap_or(1_u64);
    let count = if env::var_os("HOSTDUTY_NIGHTLY").is_some() { 4000 } else { 200_usize };
    let plain = |case: usize| case % 2 == 1;
    let cases: Vec<_> = (0..count).map(|case| draw(&mut Dice::new(seed, case as u64), plain(case))).collect();
    let through = ask(&root, &cases);
    let (mut entered, mut asked, mut beyond) = (0, 0, [0, 0]);
    for (number, case) in cases.iter().enumerate() {
        let facts = facts(case);
        for (person, id, groups, _) in PEOPLE {
            for (command, line) in COMMANDS.iter().enumerate() {
                let enters = PROGRAMS
                    .map(|program| through.contains(&format!("{number} {program} {person} {command}")))
                    .contains(&true);
                let said = said(&facts, person, id, groups, line.split(' ').next().unwrap());
                let [main, extra] = case;
                assert!(
                    said || !enters,
                    "HOSTDUTY_SEED={seed}, case {number}: nobody names {person}, who may {line}\n{main}-- extra\n{extra}{:?}",
                    facts.sudoers
                );
                entered += usize::from(enters);
                asked += usize::from(!said);
                beyond[usize::from(plain(number))] += usize::from(said && !enters);
            }
        }
    }
    println!("{entered} got in, {asked} are asked, {beyond:?} are named and asked all the same");
    assert!(entered > count / 2 && asked > count / 2, "the oracle is broken");
    let questions = count / 2 * PEOPLE.len() * COMMANDS.len();
    assert!(
        beyond[0] < questions / 3 && beyond[1] < questions / 5,
        "too often named: {beyond:?} of {questions} each"
    );
}
