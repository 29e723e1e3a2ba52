//! Every keyword with good, odd and bad values: sshd accepts what this crate accepts, and `sshd -T` prints what it prints.

#[path = "../../../tests/say/mod.rs"]
mod say;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::build::{Build, Vendor};
use super::merge::{self, Counts};
use super::{defaults, keywords, lexer, print, values};
use say::left_out;

/// A real sshd: below this root, of this build.
struct Oracle {
    root: PathBuf,
    build: Build,
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the roots with other releases are, and how long it may take"
)]
fn every_keyword_as_sshd_reads_it() {
    let oracle = |root: PathBuf, version| Oracle {
        root,
        build: Build { version, vendor: Vendor::Debian, ..Build::default() },
    };
    let mut oracles = vec![oracle("/".into(), (9, 2))];
    match std::env::var("HOSTDUTY_SSHD_ROOTS") {
        Ok(roots) => {
            oracles.push(oracle(Path::new(&roots).join("bullseye"), (8, 4)));
            oracles.push(oracle(Path::new(&roots).join("trixie"), (10, 0)));
        }
        Err(_) => left_out("sshd of 8.4 and 10.0: HOSTDUTY_SSHD_ROOTS names no folder with their roots"),
    }
    // With everything it takes minutes.
    let share = if std::env::var("HOSTDUTY_SSHD_ALL").is_ok() { 1 } else { 20 };
    let differences: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> =
            oracles.iter().map(|oracle| scope.spawn(move || compare(oracle, share))).collect();
        running.into_iter().flat_map(|running| running.join().unwrap()).collect()
    });
    let shown: Vec<&String> = differences.iter().take(60).collect();
    assert!(differences.is_empty(), "{} differ:\n{shown:#?}", differences.len());
}

fn compare(oracle: &Oracle, share: usize) -> Vec<String> {
    let version = oracle.build.version;
    let Some(place) = Place::new(oracle) else {
        left_out(format!("sshd {version:?}: it takes root, and that release in {}", oracle.root.display()));
        return Vec::new();
    };
    let mut differences = Vec::new();
    let (mut batches, mut alone): (Vec<Vec<String>>, Vec<Vec<String>>) = (vec![Vec::new()], Vec::new());
    let mut spellings = keywords::spellings();
    spellings.sort_unstable();
    spellings.dedup();
    for (row, spelling) in spellings.into_iter().enumerate() {
        if matches!(spelling, "Match" | "Include") {
            continue;
        }
        let own = own_values(&spelling.to_ascii_lowercase());
        let common = COMMON.iter().enumerate().filter(|(column, _)| (column + row) % share == 0);
        let mut column = 0;
        for value in own.iter().chain(common.map(|(_, value)| value)) {
            let line = format!("{spelling} {value}");
            match read(std::slice::from_ref(&line), oracle) {
                Answer::Depends => {}
                Answer::Reads(_) if !NEEDS.contains(&spelling.to_ascii_lowercase().as_str()) => {
                    if batches.len() == column {
                        batches.push(Vec::new());
                    }
                    batches[column].push(line);
                    column += 1;
                }
                _ => alone.push(vec![line]),
            }
        }
        // Two lines of the same keyword, and the other way round.
        let good: Vec<String> = own
            .iter()
            .map(|value| format!("{spelling} {value}"))
            .filter(|line| matches!(read(std::slice::from_ref(line), oracle), Answer::Reads(_)))
            .collect();
        if let [first, second, ..] = &good[..] {
            alone.push(vec![first.clone(), second.clone()]);
            alone.push(vec![second.clone(), first.clone()]);
        }
    }
    let count = batches.iter().chain(&alone).map(Vec::len).sum::<usize>();
    for batch in batches {
        // One keyword once: its first spelling.
        let mut names = Vec::new();
        let (once, again): (Vec<String>, Vec<String>) = batch.into_iter().partition(|line| {
            let written = line.split(' ').next().unwrap_or_default();
            let name = keywords::find(written, &oracle.build).map(|keyword| keyword.name);
            let is_new = !names.contains(&name);
            names.push(name);
            is_new
        });
        alone.extend(again.into_iter().map(|line| vec![line]));
        if differ(&once, oracle, &place).is_some() {
            let each: Vec<String> =
                once.iter().filter_map(|line| differ(std::slice::from_ref(line), oracle, &place)).collect();
            assert!(!each.is_empty(), "together they differ: {:?}", differ(&once, oracle, &place));
            differences.extend(each);
        }
    }
    differences.extend(alone.iter().filter_map(|lines| differ(lines, oracle, &place)));
    assert!(count > 1_000, "{count} lines");
    differences
}

/// How sshd and this crate differ over a file.
fn differ(lines: &[String], oracle: &Oracle, place: &Place) -> Option<String> {
    let theirs = place.ask(lines);
    let what = match (read(lines, oracle), theirs) {
        (Answer::Depends, _) => return None,
        (Answer::Refuses(_), Err(_)) => return None,
        (Answer::Refuses(why), Ok(_)) => format!("sshd takes it: {why}"),
        (Answer::Reads(_), Err(why)) => format!("sshd refuses it: {why}"),
        (Answer::Reads(set), Ok(theirs)) => {
            let ours = print(&set, oracle, place);
            if ours == theirs {
                return None;
            }
            let only = |these: &str, others: &str| -> Vec<String> {
                these
                    .lines()
                    .filter(|line| !others.lines().any(|other| other == *line))
                    .map(str::to_owned)
                    .collect()
            };
            format!("ours {:?}, sshd {:?}", only(&ours, &theirs), only(&theirs, &ours))
        }
    };
    Some(format!("{:?} {lines:?}: {what}", oracle.build.version))
}

/// What lines set, by keyword.
type Set = BTreeMap<&'static str, Vec<String>>;

enum Answer {
    Reads(Set),
    Refuses(String),
    /// The machine decides.
    Depends,
}

fn read(lines: &[String], oracle: &Oracle) -> Answer {
    let build = &oracle.build;
    let mut set = Set::new();
    let mut depends = false;
    for line in lines {
        let line = if build.since(8, 7) { line } else { line.split('#').next().unwrap_or_default() };
        let Some(lexer::Line { keyword: written, rest }) = lexer::line(line) else { continue };
        let Some(keyword) = keywords::find(&written, build) else {
            return Answer::Refuses("unknown".to_owned());
        };
        let Some(arguments) = arguments(&rest, build) else {
            return Answer::Refuses("quotation mark".to_owned());
        };
        if merge::passes_over(keyword.name, set.contains_key(keyword.name), true, build) {
            continue;
        }
        let values = match values::verify(keyword, &written, &arguments, &rest, build) {
            Ok(values) => values,
            Err(why) => return Answer::Refuses(why),
        };
        let missing_bits = keyword.name == "persourcenetblocksize" && !rest.contains(':');
        depends |= values::depends_on_machine(keyword, &values) || missing_bits;
        let before = set.get(keyword.name).map(Vec::as_slice);
        match merge::merge(keyword.name, before, &values, &|name| set.contains_key(name), build) {
            Ok((_, Counts::Lost)) => {}
            Ok((values, _)) => {
                set.insert(keyword.name, values);
            }
            Err(why) => return Answer::Refuses(why.to_owned()),
        }
    }
    if depends {
        return Answer::Depends;
    }
    let get = |name: &str| set.get(name).cloned().unwrap_or_else(|| defaults::of(name, build));
    match values::contradictions(&get, build).first() {
        Some((_, why)) => Answer::Refuses((*why).to_owned()),
        None => Answer::Reads(set),
    }
}

fn print(set: &Set, oracle: &Oracle, place: &Place) -> String {
    let build = &oracle.build;
    let get = |name: &str| set.get(name).cloned().unwrap_or_else(|| defaults::of(name, build));
    let settled = merge::settle(&get, build);
    let shown = |name: &str| match (name, settled) {
        ("hostkey", _) => {
            let files = set.get(name).cloned().unwrap_or_default();
            std::iter::once(place.key.clone()).chain(files).collect()
        }
        (name, Some((settled, value))) if name == settled => vec![value.to_owned()],
        _ => get(name),
    };
    print::sshd_t(&shown, build)
}

/// The arguments as the release splits them.
fn arguments(rest: &str, build: &Build) -> Option<Vec<String>> {
    if build.since(8, 7) {
        return lexer::arguments(rest);
    }
    let (mut words, mut rest) = (Vec::new(), (!rest.is_empty()).then_some(rest));
    while let Some((word, behind)) = rest.and_then(lexer::first_word) {
        words.push(word);
        rest = behind;
    }
    Some(words)
}

/// Where a file is handed to sshd.
struct Place {
    root: PathBuf,
    folder: PathBuf,
    key: String,
    file: String,
}

#[expect(clippy::disallowed_methods, reason = "the oracle is a program that reads files from the disk")]
impl Place {
    fn new(oracle: &Oracle) -> Option<Self> {
        use std::process::Command;
        let inside = format!("/tmp/hostduty-keywords-{}", std::process::id());
        let folder = oracle.root.join(inside.trim_start_matches('/'));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::create_dir_all(oracle.root.join("run/sshd")).ok()?;
        let key = folder.join("key");
        if !key.exists() {
            let made = Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key)
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return None;
            }
        }
        let place = Self {
            root: oracle.root.clone(),
            folder,
            key: format!("{inside}/key"),
            file: format!("{inside}/sshd_config"),
        };
        let of_this_release = place.ask(&["RefuseConnection no".to_owned()]).is_ok()
            == oracle.build.since(9, 9)
            && place.ask(&["LogVerbose x".to_owned()]).is_ok() == oracle.build.since(8, 5);
        (of_this_release && place.ask(&[]).is_ok()).then_some(place)
    }

    /// What `sshd -T` prints of a file, or why it refuses it.
    fn ask(&self, lines: &[String]) -> Result<String, String> {
        use std::process::Command;
        std::fs::write(self.root.join(self.file.trim_start_matches('/')), lines.join("\n") + "\n").unwrap();
        let mut command = match self.root == Path::new("/") {
            true => Command::new("/usr/sbin/sshd"),
            false => {
                let mut command = Command::new("/usr/sbin/chroot");
                command.arg(&self.root).arg("/usr/sbin/sshd");
                command
            }
        };
        let output =
            command.args(["-T", "-h", &self.key, "-f", &self.file]).current_dir("/").output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Keywords that need another one or rule another one out, so that each of their lines has a file to itself.
const NEEDS: &[&str] = &[
    "addressfamily",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedprincipalscommand",
    "challengeresponseauthentication",
    "listenaddress",
];

/// Values that every keyword gets, one in twelve of them when time is short.
const COMMON: &[&str] = &[
    "",
    "# c",
    "\"\"",
    "\"\" a",
    "a",
    "a # c",
    "a b",
    "a \"\" b",
    "a \"\"",
    "a=b",
    "=a",
    "\"a b\" c",
    "'a b'",
    "'a",
    "a\\ b",
    "\"a",
    "yes",
    "No",
    "yes no",
    "no # yes",
    "none",
    "NONE",
    "none a",
    "a none",
    "any",
    "default",
    "*",
    "!a",
    "0",
    "1",
    "+1",
    "-1",
    "\" 1\"",
    "07",
    "0x10",
    "1x",
    "99",
    "256",
    "70000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "90s",
    "1m30s",
    "\"1m 30s\"",
    "1W2D3H4M5S",
    "5s5",
    "1.5",
    "35791395m",
    "/etc/a",
    "//etc/../a",
    "~/a",
    "10:30:100",
    "10.0.0.1",
    "::1",
    "[::1]:22",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "a@10.0.0.1/8",
    "a,b",
    "a,,b",
    ",",
    "-*",
    "+a",
    "^a",
    "a b c d",
    "é",
];

/// Values with a point for one keyword.
fn own_values(name: &str) -> &'static [&'static str] {
    match name {
        "acceptenv" | "allowgroups" | "denygroups" | "logverbose" => &["A* B", "C", "A=b", "none", "*,x"],
        "addressfamily" => &["any", "inet", "INET6", "inet4"],
        "allowusers" | "denyusers" => &[
            "a b@10.0.0.0/8",
            "c@host.example.org",
            "d@!10.0.0.0/8,*",
            "d@10.0.0.0/33",
            "d@::/0",
            "a@",
            "a@,",
            "@",
        ],
        "allowtcpforwarding" | "allowstreamlocalforwarding" => &["all", "Local", "remote", "both"],
        "authenticationmethods" => &[
            "publickey,password keyboard-interactive:pam",
            "any",
            "any any",
            "publickey any",
            "any publickey",
            "Publickey",
            "publickey,",
            "none",
            "hostbased",
            "hostbased password",
            "gssapi-with-mic,password",
            "gssapi-keyex",
            "password:",
            "keyboard-interactive:bsdauth,publickey:x",
        ],
        "authorizedkeyscommand" | "authorizedprincipalscommand" => {
            &["/bin/true %u # x", "None", "true", "\"/bin/true\"", " /bin/true", "none x"]
        }
        "authorizedkeysfile" | "revokedkeys" => {
            &[".ssh/a /b/%u", "~/c", "none", "none a", "a None", "a\"b c\"d"]
        }
        "casignaturealgorithms" => &[
            "+ssh-rsa",
            "ssh-ed25519,rsa-sha2-512",
            "-ecdsa*",
            "ssh-ed25519-cert-v01@openssh.com",
            "+ssh-rsa-cert-v01@openssh.com",
            "ssh-*",
        ],
        "channeltimeout" => {
            &["session=5m *=1h", "none", "session=5m none", "none session=5m", "=5", "a=b=5", "a=1x"]
        }
        "ciphers" => &[
            "aes128-ctr,aes256-ctr",
            "+3des-cbc",
            "^aes256-ctr,aes128-cbc",
            "-aes*,chacha*",
            "aes*",
            "none",
            "AES128-CTR",
            "rijndael-cbc@lysator.liu.se",
            "aes128-ctr,,x",
            "aes128-ctr,aes128-ctr",
            "-x,!aes128-ctr",
            "-*,!aes128-ctr",
            "+",
            "-",
        ],
        "compression" => &["delayed", "Yes", "no"],
        "fingerprinthash" => &["md5", "sha1", "SHA384", "sha512", "sha224"],
        "gatewayports" => &["clientspecified", "Yes"],
        "gssapikexalgorithms" => {
            &["gss-gex-sha1-", "gss-group1-sha1-,gss-group14-sha1-x", "+gss-gex-sha1-", "gss-*", "gss-x"]
        }
        "hostbasedacceptedalgorithms"
        | "hostbasedacceptedkeytypes"
        | "hostkeyalgorithms"
        | "pubkeyacceptedalgorithms"
        | "pubkeyacceptedkeytypes" => &[
            "ssh-ed25519",
            "+ssh-rsa,ssh-dss",
            "+ssh-dss*",
            "-*cert*,rsa*",
            "^rsa*",
            "*",
            "!ssh-rsa",
            "+!ssh-rsa",
            "RSA",
            "+RSA",
            "+dsa",
            "ssh-rsa,RSA",
            "*webauthn*",
            "ssh-xmss@openssh.com",
            "ssh-?s?",
        ],
        "hostkeyagent" => &["SSH_AUTH_SOCK", "ssh_auth_sock", "/run/agent"],
        "ignorerhosts" => &["shosts-only", "YES", "shosts"],
        "ipqos" => &[
            "ef",
            "af21 cs1",
            "LE",
            "reliability",
            "lowdelay throughput",
            "0x10",
            "0x28 040",
            "255",
            "256",
            "none ef",
            "va",
            "cs0 0",
            "ef ef ef",
            "ef \"\"",
            "0x",
            "08",
        ],
        "kexalgorithms" => &[
            "curve25519-sha256",
            "+diffie-hellman-group1-sha1",
            "-*sntrup*",
            "^ecdh-sha2-nistp256,diffie-hellman-group14-sha1",
            "sntrup761x25519-sha512@openssh.com",
            "+sntrup761x25519-sha512",
            "sntrup4591761x25519-sha512@tinyssh.org",
            "mlkem768x25519-sha256",
            "mlkem768nistp256-sha256",
            "gss-gex-sha1-x",
            "+gss-gex-sha1-x",
            "curve*",
        ],
        "listenaddress" => &[
            "127.0.0.1:2222",
            "[::1]:2222",
            "[::1]",
            "::1",
            "::ffff:1.2.3.4",
            "127.1",
            "0x7f000001:22",
            "[127.0.0.1]:22",
            "127.0.0.1:0",
            "127.0.0.1:",
            "127.0.0.1/22",
            "::1 rdomain",
            "::1 domain x",
            "[::1",
            "1.2.3.4.5:22",
        ],
        "loglevel" => &["debug", "DEBUG1", "Debug3", "quiet", "verbose", "silent", "info info", "DEBUG4"],
        "macs" => &[
            "hmac-sha1",
            "+hmac-md5-96",
            "-*etm*",
            "^umac-64@openssh.com,hmac-md5",
            "hmac*",
            "hmac-sha2-256,x",
        ],
        "maxstartups" => &[
            "5:10:20",
            "7",
            "10:30",
            "30:10:20",
            "1:0:2",
            "1:101:2",
            "0",
            "0:30:100",
            "-1",
            "10:30:100x",
            "10:x",
            "5:10:20:30",
            "+5",
        ],
        "permitlisten" | "permitopen" => &[
            "host.example.org:22",
            "any",
            "none",
            "any host:22",
            "none none",
            "host:22 any",
            "22",
            "*:*",
            "[::1]:22 127.0.0.1:*",
            "host:0",
            "host:",
            ":22",
            "::1:22",
            "a/22",
            "host:22 \"\"",
            "host:22 \"\" x",
            "host:65536",
            "*",
        ],
        "permitrootlogin" => {
            &["without-password", "Prohibit-Password", "forced-commands-only", "yes", "maybe", "no"]
        }
        "permittunnel" => &["point-to-point", "ethernet", "Yes", "yes", "no"],
        "permituserenvironment" => &["LANG,LC_*", "yes", "Yes", "no"],
        "persourcemaxstartups" => &["10", "none", "None", "2147483647"],
        "persourcenetblocksize" => &["24:64", "0:0", "33:64", "24:129", "-1:0", "24:64x"],
        "persourcepenalties" => &[
            "crash:5m noauth:0",
            "no",
            "Yes",
            "yes crash:5",
            "crash:5 no",
            "overflow:deny-all",
            "overflow6:deny-all max-sources4:5",
            "max-sources4:-1",
            "refuseconnection:1m",
            "invaliduser:5",
            "crash:1.5",
            "crash:",
            "Crash:5",
            "grace-exceeded:1h max:2w min:1 authfail:3",
        ],
        "persourcepenaltyexemptlist" => {
            &["10.0.0.0/8,::1", "10.0.0.1/8", "*.example.org", "!10.0.0.1", "a,,b"]
        }
        "port" => &["22", "2222", "0", "65536", "+22", "022", "22="],
        "pubkeyauthoptions" => {
            &["touch-required", "verify-required Touch-Required", "none touch-required", "none", "x"]
        }
        "rekeylimit" => &[
            "1G",
            "1G 1h",
            "default none",
            "default 1m",
            "16",
            "15",
            "0",
            "1.5K",
            "1K5",
            "K",
            "-1",
            "+16",
            "1KB",
            "8E",
            "7.9E",
            "1G none",
            "1G None",
            "1G \"none\"",
            "1G 1h x",
            "1..5K",
            "none",
            "1K/ 5",
        ],
        "sshdauthpath" | "sshdsessionpath" => &["/usr/lib/a", "/usr/lib/b"],
        "securitykeyprovider" => &["internal", "Internal", "/usr/lib/a.so"],
        "setenv" => &[
            "A=b C=\"d e\"",
            "A=b A=c",
            "A",
            "=x",
            "A= B=",
            "A=\"b",
            "\"A=b c\"",
            "D=e",
            "A='b c'",
            "A=b \"\" C",
        ],
        "streamlocalbindmask" => &["0177", "0", "777", "1000", "8", "07x", "-1", "0x10"],
        "subsystem" => &[
            "sftp internal-sftp",
            "sftp /usr/lib/sftp-server -f \"A B\" -l 'c'",
            "x \"/a b/c\" d\\ e",
            "sftp",
            "sftp \"\"",
            "a b \"\" c",
            "a b # c",
            "a it\\'s",
        ],
        "syslogfacility" => &["auth", "AUTHPRIV", "local7", "kern", "daemon"],
        "unusedconnectiontimeout" => &["5m", "None", "0", "1h", "none 5"],
        "versionaddendum" => &["for you # and me", "None", "a  b", "\"a\""],
        "forcecommand" => &["internal-sftp -u 0077 # x", "None", "\"a b\" 'c'", "a  b"],
        "x11displayoffset" | "maxauthtries" | "maxsessions" | "clientalivecountmax" | "requiredrsasize" => {
            &["5", "0", "2147483648", "7"]
        }
        "logingracetime" | "clientaliveinterval" => &["5m", "0", "1h", "-5", "+5"],
        "passwordauthentication"
        | "kbdinteractiveauthentication"
        | "challengeresponseauthentication"
        | "pubkeyauthentication"
        | "skeyauthentication"
        | "dsaauthentication" => &["no", "YES", "yes"],
        _ => &["yes", "no", "/a", "/b"],
    }
}
