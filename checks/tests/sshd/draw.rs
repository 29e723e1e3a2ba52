//! Draws configurations and connections: mostly well formed, so that most are accepted.

use super::dice::Dice;
use super::settings::{ACCESS, Place, REST, Setting};
use super::{Client, Pair};

/// Files that a configuration may have besides the main one. One includes only those of a later rank, but for a rare
/// cycle.
const FILES: &[(&str, usize)] = &[
    ("d/10-cloud.conf", 1),
    ("d/20-own.conf", 1),
    ("d/B.conf", 1),
    ("d/.hidden.conf", 1),
    ("d/30-old.conf.bak", 1),
    ("inner", 1),
    ("with blank", 1),
    ("e/10.conf", 2),
    ("e/a/x.conf", 2),
    ("last", 3),
];

/// What Include may be followed by, with the rank that the files have at least.
const INCLUDES: &[(&str, usize)] = &[
    ("{dir}/d/*.conf", 1),
    ("{dir}/d/*.conf", 1),
    ("{rel}/d/*.conf", 1),
    ("{dir}/d/*", 1),
    ("{dir}/d/.*.conf", 1),
    ("{dir}/d/[12]?-*", 1),
    ("{dir}/d/[!12]*.conf", 1),
    ("{dir}/d/[^B]*", 1),
    ("{dir}/d/[[:digit:]]*", 1),
    ("{dir}/d/20-own.conf {rel}/d/10-cloud.conf", 1),
    ("{dir}/inner {dir}/none", 1),
    ("{rel}/inner", 1),
    ("{dir}/inner {dir}/inner", 1),
    ("\"{dir}/with blank\"", 1),
    ("{dir}/with?blank", 1),
    ("{dir}/with\\ blank", 1),
    ("'{dir}/inn*'", 1),
    ("{dir}/inner#{dir}/inner", 1),
    ("{dir}/inner # and no more", 1),
    ("{dir}/*/10.conf", 2),
    ("{rel}/e/*.conf {dir}/e/a/x.conf", 2),
    ("{dir}/e/*/*", 2),
    ("{dir}/e/*", 2),
    ("{dir}/e/./10.conf", 2),
    ("{dir}//e//10.conf", 2),
    ("{dir}/e/../e/10.conf", 2),
    ("{dir}/e/1\\0.conf", 2),
    ("{dir}/last", 3),
    ("{dir}/las[t]", 3),
    ("{rel}/l*t {dir}/[", 3),
    ("{dir}/missing", 9),
    ("{dir}/missing*", 9),
    ("{dir}/missing/*/x", 9),
    ("{dir}/d", 9),
    ("{dir}/inner/x", 9),
];

const CRITERIA: &[(&str, &[&str], &[&str])] = &[
    (
        "User",
        &[
            "alice", "bob", "root", "a*", "?ob", "*", "!bob", "carol", "Carol", "ghost", "al\\ice", "a*c?",
            "**e", "a b",
        ],
        &[""],
    ),
    (
        "Group",
        &["admins", "Staff", "staff", "s*", "!root", "users", "*", "?ucarol", "alice", "no such"],
        &[""],
    ),
    (
        "Host",
        &[
            "*.example.org",
            "HOST.Example.ORG",
            "host.example.org",
            "!*.example.com",
            "10.0.0.1",
            "*",
            "?*",
            "*.net",
        ],
        &[""],
    ),
    ("Address", ADDRESSES, NO_ADDRESSES),
    ("LocalAddress", ADDRESSES, NO_ADDRESSES),
    (
        "LocalPort",
        &["22", "2222", "022", "65535"],
        &["0", "22,2222", "70000", "-1", "x y", "22x", "!22", "*"],
    ),
    ("RDomain", &["vrf1", "vrf*", "!vrf2", "*", "Vrf1"], &[""]),
];

const ADDRESSES: &[&str] = &[
    "10.0.0.0/8",
    "192.168.1.0/24",
    "127.0.0.1",
    "::1",
    "2001:db8::/32",
    "2001:db8::1",
    "2001:DB8:0::1",
    "192.168.*",
    "!10.0.0.0/16",
    "0.0.0.0/0",
    "::/0",
    "*",
    "10.0.0.1/32",
    "127.1",
    "0x7f000001",
    "::ffff:10.0.0.1",
    "::ffff:0:0/96",
    "::10.0.0.1",
    "10.?.0.1",
    "2001:db8:*",
    "fe80::1%lo",
    "10.0.0.0/08",
    "host.example.org",
    "10.0.0.0/x",
];
const NO_ADDRESSES: &[&str] = &[
    "10.0.0.1/8",
    "10.0.0.0/33",
    "",
    "::1/64",
    "::/129",
    "10/8",
    "10.0.0.0/-1",
    "10.0.0.0/129",
    "2001:db8::/999",
];

const CLIENT_ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.1.2.3",
    "192.168.1.7",
    "192.168.2.7",
    "127.0.0.1",
    "203.0.113.9",
    "::1",
    "2001:db8::1",
    "2001:db8:1::7",
    "::ffff:10.0.0.1",
    "fe80::1%lo",
    "unknown",
];

/// A pair drawn for a release.
pub(crate) fn pair(seed: u64, number: u64, version: (u32, u32)) -> Pair {
    let mut draw = Draw { dice: Dice::new(seed, number), version };
    let mut files = vec![("main".to_owned(), draw.file(0, 12))];
    for (name, rank) in FILES {
        if draw.dice.percent(70) {
            let most = if *rank == 1 { 5 } else { 3 };
            files.push(((*name).to_owned(), draw.file(*rank, most)));
        }
    }
    // What nothing includes says nothing.
    if !files.iter().any(|(_, lines)| lines.iter().any(|line| line.to_lowercase().contains("include"))) {
        files.truncate(1);
    }
    let client = (!draw.dice.percent(12)).then(|| draw.client());
    Pair { files, client }
}

struct Draw {
    dice: Dice,
    version: (u32, u32),
}

impl Draw {
    /// The lines of a file.
    fn file(&mut self, rank: usize, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        // Included files may end up under a Match.
        let mut place = if rank > 0 && self.dice.percent(75) { Place::Anywhere } else { Place::Global };
        for _ in 0..=self.dice.below(most) {
            let line = match self.dice.below(100) {
                0..=5 => self
                    .dice
                    .pick(&[
                        "",
                        "# nothing",
                        "   ",
                        "#\"",
                        "\t# x",
                        "\r",
                        " \r",
                        "=",
                        "  #Match all",
                        "\"\"",
                        "# x",
                        " \t",
                    ])
                    .to_owned(),
                6..=20 => {
                    place = Place::Anywhere;
                    self.block()
                }
                21..=30 if rank < 3 => self.include(rank),
                31..=40 => self.setting(REST, place),
                _ => self.setting(ACCESS, place),
            };
            let line = match self.dice.below(60) {
                _ if self.dice.below(900) == 0 => "\x0c".to_owned(),
                0 => format!("{line}\r"),
                1 => format!("{line}\x0c"),
                2 => format!("{line} \t "),
                3 => format!("{line} # a comment"),
                4 => format!("\t {line}"),
                5 => format!(" \r{line}"),
                6 => format!("{line} \x0c\r"),
                _ => line,
            };
            // sshd refuses one without the other.
            let command = line.to_lowercase();
            let names = ["AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"];
            let user = names
                .iter()
                .find(|name| command.contains(&name.to_lowercase()) && !command.contains("commanduser"));
            lines.push(line);
            lines.extend(user.filter(|_| !self.dice.percent(5)).map(|name| format!("{name}User nobody")));
        }
        lines
    }

    /// A line that sets something.
    fn setting(&mut self, from: &'static [Setting], place: Place) -> String {
        let setting = loop {
            let setting = &from[self.dice.below(from.len())];
            let fits =
                place == Place::Global || setting.place == Place::Anywhere || self.dice.below(400) == 0;
            if fits && (self.version >= setting.since || self.dice.below(40) == 0) {
                break setting;
            }
        };
        let name = self.dice.pick(setting.names);
        let values = match self.dice.below(150) {
            0 => setting.bad,
            _ => setting.good,
        };
        let value = self.dice.pick(values);
        let words: Vec<String> = value.split(' ').map(|word| self.quoted(&word.replace('\0', " "))).collect();
        self.line(name, &words.join(" "))
    }

    /// A keyword with what follows it, in one of the forms that a line may have.
    fn line(&mut self, keyword: &str, rest: &str) -> String {
        let keyword = self.cased(keyword);
        let keyword = if self.dice.below(60) == 0 { format!("\"{keyword}\"") } else { keyword };
        let separator = match self.dice.below(24) {
            0 => "=",
            1 => " = ",
            2 => "\t",
            3 => "   ",
            4 => "= ",
            5 if self.dice.below(5) == 0 => " =",
            6 if self.dice.below(12) == 0 => {
                self.dice.pick(&["==", " == ", " \r", "\x0c", "\"", ":", "=\t=", " = \"\" "])
            }
            _ => " ",
        };
        format!("{keyword}{separator}{rest}")
    }

    fn cased(&mut self, word: &str) -> String {
        match self.dice.below(8) {
            0 => word.to_lowercase(),
            1 => word.to_uppercase(),
            2 => word
                .chars()
                .map(|letter| if self.dice.percent(50) { letter.to_ascii_uppercase() } else { letter })
                .collect(),
            _ => word.to_owned(),
        }
    }

    /// A word as it may be quoted.
    fn quoted(&mut self, word: &str) -> String {
        if word.is_empty() {
            return self.dice.pick(&["", "\"\"", "''"]).to_owned();
        }
        let middle = word.char_indices().nth(self.dice.below(word.chars().count())).map_or(0, |(at, _)| at);
        let (before, after) = word.split_at(middle);
        let needs = word.contains(' ') && !self.dice.percent(10);
        match self.dice.below(if needs { 8 } else { 70 }) {
            0..=3 => format!("\"{word}\""),
            4 if self.version >= (8, 7) || self.dice.below(9) == 0 => format!("'{word}'"),
            5 if self.version >= (8, 7) || self.dice.below(9) == 0 => word.replace(' ', "\\ "),
            6 if self.dice.percent(10) => format!("{before}\"{after}\""),
            7 if self.dice.percent(10) => format!("\"{before}\"{after}"),
            8 if self.dice.below(16) == 0 => format!("{before}'{after}'"),
            9 if self.dice.below(16) == 0 => format!("{before}\\{after}"),
            10 if self.dice.below(16) == 0 => format!("{before}\"{after}"),
            11 if self.dice.below(16) == 0 => format!("{word}#x"),
            12 if self.dice.below(16) == 0 => format!("{before}\\\"{after}"),
            13 if self.dice.below(16) == 0 => format!("{before}={after}"),
            14 if self.dice.below(16) == 0 => format!("\"{before}\\\"{after}\""),
            _ if needs => format!("\"{word}\""),
            _ => word.to_owned(),
        }
    }

    /// A Match line.
    fn block(&mut self) -> String {
        let rest = match self.dice.below(40) {
            0..=5 => self.dice.pick(&["all", "All", "all", "ALL # everybody", "all ", "\"all\""]).to_owned(),
            6 if self.dice.below(3) == 0 => self
                .dice
                .pick(&[
                    "all user x",
                    "user alice all",
                    "planet earth",
                    "",
                    "user",
                    "# x",
                    "all all",
                    "user alice # x",
                    "user # x",
                    "all #",
                    "all#",
                    "user alice group",
                    "\"user alice\"",
                    "exec true",
                    "final",
                    "user alice \"\" x",
                    "\"\" user alice",
                    "canonical",
                    "user 'alice",
                    "invalid-user x",
                ])
                .to_owned(),
            7..=9 if self.version >= (9, 9) || self.dice.below(10) == 0 => self
                .dice
                .pick(&["invalid-user", "Invalid-User", "invalid-user address 10.*", "user g* invalid-user"])
                .to_owned(),
            10 if self.version >= (10, 0) || self.dice.below(10) == 0 => self
                .dice
                .pick(&[
                    "version OpenSSH_10*",
                    "version *",
                    "Version=!*Debian*,*",
                    "version OpenSSH_9*",
                    "version *Debian* user alice",
                ])
                .to_owned(),
            _ => {
                let count = [1, 1, 1, 1, 2, 2, 3][self.dice.below(7)];
                (0..count)
                    .map(|_| self.criterion())
                    .collect::<Vec<_>>()
                    .join(self.dice.pick(&[" ", " ", " ", "  ", "\t"]))
            }
        };
        self.line("Match", &rest)
    }

    fn criterion(&mut self) -> String {
        let (name, good, bad) = CRITERIA[self.dice.below(CRITERIA.len())];
        let count = if name == "LocalPort" { 1 } else { [1, 1, 1, 2, 3][self.dice.below(5)] };
        let mut patterns: Vec<String> = Vec::new();
        for _ in 0..count {
            let pattern = match self.dice.below(120) {
                0 => self.dice.pick(bad).to_owned(),
                _ => self.dice.pick(good).to_owned(),
            };
            patterns.push(if name != "LocalPort" && self.dice.below(9) == 0 {
                format!("!{pattern}")
            } else {
                pattern
            });
        }
        let separator = match self.dice.below(12) {
            0 if self.version < (9, 9) || self.version >= (10, 0) || self.dice.below(5) == 0 => "=",
            1 if self.dice.percent(30) => self.dice.pick(&[" = ", "= ", " =", "\t"]),
            _ => " ",
        };
        let value = self.quoted(&patterns.join(","));
        format!("{}{separator}{value}", self.cased(name))
    }

    fn include(&mut self, rank: usize) -> String {
        let pattern = loop {
            let (pattern, of) = INCLUDES[self.dice.below(INCLUDES.len())];
            if of > rank {
                break pattern;
            }
            if self.dice.below(200) == 0 {
                break "{dir}/main";
            }
        };
        let pattern = if self.dice.below(150) == 0 { "" } else { pattern };
        self.line("Include", pattern)
    }

    fn client(&mut self) -> Client {
        let some = |dice: &mut Dice, from: &[&str]| (!dice.percent(8)).then(|| dice.pick(from).to_owned());
        let dice = &mut self.dice;
        Client {
            user: some(
                dice,
                &["alice", "bob", "root", "Carol", "carol", "ghost", "al ice", "nobody", "Alice"],
            ),
            host: some(
                dice,
                &[
                    "host.example.org",
                    "Host.EXAMPLE.org",
                    "other.example.com",
                    "10.0.0.1",
                    "a.net",
                    "UNKNOWN",
                ],
            ),
            addr: some(dice, CLIENT_ADDRESSES),
            laddr: some(dice, CLIENT_ADDRESSES),
            // Without a port sshd refuses to say what a Match by LocalPort does.
            lport: (!dice.percent(3)).then(|| [22, 2222, 22, 65_535][dice.below(4)]),
            rdomain: dice.percent(40).then(|| dice.pick(&["vrf1", "vrf2", "blue", "VRF1"]).to_owned()),
            invalid_user: self.version >= (9, 9) && self.dice.percent(20),
        }
    }
}
