//! The reader of sshd_config says what the real `sshd -T` says, and refuses what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::collections::BTreeMap;
use std::path::Path;

use checks::date::Timestamp;
use checks::facts::{self, sshd::Config};
use checks::host::Tree;
use say::left_out;

const SSHD: &str = "/usr/sbin/sshd";

/// The keywords that are compared, as `sshd -T` names them.
const COMPARED: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "gssapiauthentication",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "listenaddress",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "port",
    "pubkeyauthentication",
    "strictmodes",
    "trustedusercakeys",
    "usepam",
];

/// A configuration: its main file, and files that `{dir}` in it leads to.
type Case = (String, Vec<(String, String)>);

#[test]
fn the_reader_agrees_with_sshd() {
    if !Path::new(SSHD).exists() || !am_root() {
        left_out(format!("comparing with the real sshd takes {SSHD} and root"));
        return;
    }
    let dir = std::env::temp_dir().join(format!("hostduty-sshd-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::create_dir_all("/run/sshd").unwrap();
    let key = dir.join("host_key");
    let made = run("/usr/bin/ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    assert!(made.is_some(), "ssh-keygen made no host key");
    let mut cases = written();
    cases.extend((1..=200).map(generated));
    let (mut differences, mut refused) = (Vec::new(), 0);
    for (number, case) in cases.iter().enumerate() {
        let here = dir.join(number.to_string());
        let theirs = ask_sshd(&here, &key, case);
        let ours = ask_us(&here, case);
        refused += usize::from(theirs.is_none());
        if theirs != ours {
            differences.push(format!("{}\n{:?}\nsshd: {theirs:?}\nours: {ours:?}\n", case.0, case.1));
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(refused * 20 > cases.len() && refused * 2 < cases.len(), "{refused} of {} refused", cases.len());
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// What sshd says, or `None` when it refuses.
fn ask_sshd(dir: &Path, key: &Path, (main, files): &Case) -> Option<BTreeMap<String, Vec<String>>> {
    for (name, text) in files {
        write(dir, name, text);
    }
    write(dir, "main", main);
    let file = dir.join("main");
    let output = run(SSHD, &["-T", "-h", key.to_str().unwrap(), "-f", file.to_str().unwrap()])?;
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in output.lines().filter_map(|line| line.split_once(' ')) {
        if !COMPARED.contains(&name) {
            continue;
        }
        let value = value.replace("without-password", "prohibit-password");
        let words = values.entry(name.to_owned()).or_default();
        match name {
            // Arguments are no fact.
            "authorizedkeyscommand" => words.extend(value.split(' ').next().map(str::to_owned)),
            _ => words.extend(value.split(' ').map(str::to_owned)),
        }
    }
    values.values_mut().for_each(|words| words.sort());
    Some(values)
}

/// What this crate says of the same files.
fn ask_us(dir: &Path, (main, files): &Case) -> Option<BTreeMap<String, Vec<String>>> {
    let path = dir.join("main");
    let main = main.replace("{dir}", dir.to_str().unwrap());
    let mut tree = Tree::new(Timestamp(0))
        .file(path.to_str().unwrap(), main)
        .link("/etc/ssh/sshd_config", path.to_str().unwrap());
    for (name, text) in files {
        tree = tree.file(dir.join(name).to_str().unwrap(), text.replace("{dir}", dir.to_str().unwrap()));
    }
    let facts = facts::gather(&tree);
    let config = facts.sshd.known().unwrap().config.known().unwrap().clone();
    assert!(config.gaps.is_empty(), "{:?}", config.gaps);
    config.refused.is_empty().then(|| values(&config))
}

fn values(config: &Config) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::new();
    let of = |name: &str| config.setting(name).unwrap().values.clone();
    for name in COMPARED {
        let mut words = match *name {
            "listenaddress" => listeners(&of("listenaddress"), &of("port")),
            // sshd prints no quotes, so words with blanks fall apart.
            _ => of(name).join(" ").split_whitespace().map(str::to_owned).collect(),
        };
        words.sort();
        if !words.is_empty() {
            values.insert((*name).to_owned(), words);
        }
    }
    values
}

/// Addresses with ports, as `sshd -T` resolves them.
fn listeners(addresses: &[String], ports: &[String]) -> Vec<String> {
    let any = ["0.0.0.0".to_owned(), "::".to_owned()];
    let addresses = if addresses.is_empty() { &any[..] } else { addresses };
    let bracket = |address: &str| match address.contains(':') && !address.starts_with('[') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    };
    let mut listeners = Vec::new();
    for address in addresses {
        match address.rsplit_once(':') {
            Some((host, _)) if !host.contains(':') || host.ends_with(']') => listeners.push(address.clone()),
            _ => listeners.extend(ports.iter().map(|port| format!("{}:{port}", bracket(address)))),
        }
    }
    listeners
}

/// Configurations with a point to each.
fn written() -> Vec<Case> {
    let plain = [
        "# nothing",
        "PasswordAuthentication no",
        "passwordauthentication=NO",
        "PASSWORDAUTHENTICATION = \"no\" # why",
        "\"PasswordAuthentication\" no",
        "PasswordAuthentication 'no'",
        "  \t PasswordAuthentication\t no \t\x0c",
        "PasswordAuthentication no\r\nUsePAM yes\r\n",
        "=PasswordAuthentication no",
        "PasswordAuthentication == no",
        "PasswordAuthentication no no",
        "PasswordAuthentication",
        "PasswordAuthentication # no",
        "PasswordAuthentication \"\"",
        "PasswordAuthentication \"no",
        "PasswordAuthentication\"no",
        "PasswordAuthentication \"no\"yes",
        "PasswordAuthentication n\\o",
        "PasswordAuthentication false",
        "PasswordAuthenticatio no",
        "PasswordAuthentication no\nPasswordAuthentication yes",
        "PasswordAuthentication yes\nPasswordAuthentication no",
        "ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes",
        "SkeyAuthentication no",
        "DSAAuthentication no",
        "PermitRootLogin without-password",
        "PermitRootLogin Prohibit-Password",
        "PermitRootLogin maybe",
        "Port 22\nPort 2222\nPort 2222",
        "Port 0",
        "Port 65536",
        "ListenAddress 127.0.0.1\nPort 2200\nPort 2201",
        "ListenAddress [::1]:2222\nListenAddress ::1\nListenAddress 127.0.0.1:80",
        "AllowUsers a b\nAllowUsers c@10.0.0.1\nDenyUsers d",
        "AllowGroups a b\nDenyGroups c\nDenyGroups d",
        "AllowUsers \"a b\" c # d",
        "AuthenticationMethods publickey,password publickey,keyboard-interactive:pam",
        "AuthenticationMethods any",
        "AuthenticationMethods any publickey",
        "AuthenticationMethods publickey any",
        "AuthenticationMethods pubkey",
        "AuthenticationMethods publickey\nAuthenticationMethods password",
        "AuthenticationMethods password\nPasswordAuthentication no",
        "AuthenticationMethods ,",
        "AuthenticationMethods",
        "AuthorizedKeysFile .ssh/a /etc/ssh/%u\nAuthorizedKeysFile .ssh/b",
        "AuthorizedKeysFile none",
        "AuthorizedKeysCommand /bin/true %u # x\nAuthorizedKeysCommandUser nobody",
        "AuthorizedKeysCommand /bin/true",
        "AuthorizedKeysCommand true",
        "AuthorizedKeysCommand none",
        "AuthorizedPrincipalsCommand /bin/true",
        "TrustedUserCAKeys /etc/ssh/ca.pub",
        "Match user nobody-here\nPasswordAuthentication no\nPort 22",
        "PasswordAuthentication no\nMatch user nobody-here\nPasswordAuthentication yes",
        "PasswordAuthentication no\nMatch all\nPasswordAuthentication yes",
        "Match all\nPasswordAuthentication no\nUsePAM yes\nPort 2022\nMatch user x\nPasswordAuthentication yes",
        "Match all\nAllowUsers b\nMatch all\nAllowUsers c",
        "AllowUsers a\nMatch all\nAllowUsers b",
        "Match all user x",
        "Match user x all",
        "Match",
        "Match user",
        "Match planet earth\nPasswordAuthentication no",
        "Match user x # comment\nPermitRootLogin yes",
        "Match user=x\nUsePAM yes",
        "RSAAuthentication yes\nProtocol 1\nUsePrivilegeSeparation sandbox",
        "LoginGraceTime 1m30s",
        "LoginGraceTime 1x",
        "MaxAuthTries six",
        "Include",
        "Include \"\"",
        "Include {dir}/none*",
        "Include {dir}",
        "DebianBanner no",
        "UsePAM yes\n\nUsePAM no",
        "Subsystem sftp internal-sftp -f AUTH",
    ];
    let mut cases: Vec<Case> = plain.iter().map(|text| ((*text).to_owned(), Vec::new())).collect();
    let with = |main: &str, files: &[(&str, &str)]| -> Case {
        (main.to_owned(), files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    };
    cases.extend([
        with("Include {dir}/d/*.conf\nUsePAM no", &[("d/20.conf", "UsePAM no"), ("d/10.conf", "UsePAM yes")]),
        with("Include {dir}/d/*", &[("d/a", "UsePAM no"), ("d/B", "UsePAM yes"), ("d/.0", "Port 1")]),
        with("Include {dir}/d/b {dir}/d/a", &[("d/a", "UsePAM no"), ("d/b", "UsePAM yes")]),
        with("Include {dir}/d/[!a]", &[("d/a", "UsePAM no"), ("d/b", "UsePAM yes")]),
        with("Include {dir}/d/? {dir}/*/x1", &[("d/a", "Port 3"), ("d/x1", "Port 4"), ("e/x1", "Port 5")]),
        with("UsePAM no\nInclude {dir}/d/a\nPort 9", &[("d/a", "Match user x\nPasswordAuthentication no")]),
        with("Match user x\nInclude {dir}/a\nPermitRootLogin no", &[("a", "PasswordAuthentication no")]),
        with("Match user x\nInclude {dir}/a", &[("a", "Port 3")]),
        with("Match user x\nInclude {dir}/a", &[("a", "Match all\nPasswordAuthentication no")]),
        with("Match all\nInclude {dir}/a", &[("a", "Match all\nPasswordAuthentication no\nPort 3")]),
        with(
            "Include {dir}/a",
            &[("a", "Match all\nPasswordAuthentication no\nInclude {dir}/b"), ("b", "Port 8")],
        ),
        with("Include {dir}/a", &[("a", "UsePAM\n")]),
        with("Include {dir}/a {dir}/a\n", &[("a", "Port 3")]),
        with("Include {dir}/main", &[]),
    ]);
    let chain = |length: usize| -> Case {
        let files = (0..length).map(|at| (format!("c{at}"), format!("Include {{dir}}/c{}", at + 1)));
        (
            "Include {dir}/c0".to_owned(),
            files.chain([(format!("c{length}"), "UsePAM yes".to_owned())]).collect(),
        )
    };
    cases.extend([chain(14), chain(15), chain(16), chain(17)]);
    cases
}

/// A configuration drawn from a seed.
fn generated(seed: u64) -> Case {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut files = Vec::new();
    for name in ["d/10.conf", "d/20.conf", "d/x"] {
        let text = lines(&mut dice, 3, &[]);
        files.push((name.to_owned(), text));
    }
    let main =
        lines(&mut dice, 9, &["Include {dir}/d/*.conf", "Include {dir}/d/x", "Match all", "Match User a"]);
    (main, files)
}

fn lines(dice: &mut Dice, most: usize, also: &[&str]) -> String {
    const NAMES: &[&str] = &[
        "PasswordAuthentication",
        "KbdInteractiveAuthentication",
        "ChallengeResponseAuthentication",
        "PubkeyAuthentication",
        "PermitEmptyPasswords",
        "GSSAPIAuthentication",
        "HostbasedAuthentication",
        "PermitRootLogin",
        "X11Forwarding",
    ];
    let mut text = String::new();
    for _ in 0..dice.below(most + 1) {
        let name = dice.pick(NAMES);
        let name = match dice.below(4) {
            0 => name.to_lowercase(),
            1 => format!("  {}", name.to_uppercase()),
            _ => (*name).to_owned(),
        };
        let value = dice.pick(&["yes", "no", "no", "YES", "\"no\"", "'yes' # x", "yes#", "no \\", "\"no"]);
        // Most lines are well formed, so that most configurations are accepted.
        let value = if dice.below(12) == 0 { value } else { dice.pick(&["yes", "no", "\"no\"", "No # x"]) };
        let line = match dice.below(10) {
            0 => dice
                .pick(&["AllowUsers a b*", "AllowUsers c", "DenyUsers d", "DenyGroups e f"])
                .to_owned()
                .to_owned(),
            1 => dice
                .pick(&["AuthenticationMethods publickey", "AuthorizedKeysFile a %h/b"])
                .to_owned()
                .to_owned(),
            2 | 3 if !also.is_empty() => dice.pick(also).to_string(),
            4 => format!("{name}={value}"),
            5 => format!("{name} = {value}"),
            _ => format!("{name} {value}"),
        };
        text += &line;
        text.push('\n');
    }
    text
}

/// xorshift64
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn am_root() -> bool {
    run("/usr/bin/id", &["-u"]).is_some_and(|id| id.trim() == "0")
}

#[expect(clippy::disallowed_methods, reason = "the oracle is a program")]
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "the oracle reads files from the disk")]
fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text.replace("{dir}", dir.to_str().unwrap())).unwrap();
}
