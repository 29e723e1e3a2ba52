//! What a unit would run, word by word, and what a socket unit listens on: its file, its drop-ins and its variables.

use super::unit_file::logical_lines;
use super::words::{self, Environment, Kind};
use super::{Unit, environment};
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// Command lines of one unit that are looked at.
const COMMANDS: usize = 64;
/// Bytes in the arguments of one command; no server is handed as many.
const LONGEST: usize = 128 << 10;
/// Settings after which a service sees other files than the host has.
const OWN_FILES: &[&str] =
    &["RootDirectory", "RootImage", "BindPaths", "BindReadOnlyPaths", "MountImages", "ExtensionImages"];

/// One command of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The file that is run.
    pub(crate) program: String,
    /// Its arguments, variables put in.
    pub(crate) arguments: Vec<String>,
    /// The line of the unit or drop-in.
    pub(crate) at: Evidence,
    /// Why these may not be the arguments.
    pub(crate) gaps: Vec<Gap>,
}

/// What a socket unit says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SocketUnit {
    /// The values of `ListenStream=`.
    pub(crate) streams: Vec<(String, Evidence)>,
    /// `Accept=yes`: each connection starts an instance of its own.
    pub(crate) accept: bool,
    /// `Service=`
    pub(crate) service: Option<String>,
    /// `BindToDevice=`
    pub(crate) interface: Option<String>,
}

/// The commands of `ExecStart=` of a service.
pub(crate) fn starts(host: &dyn Host, name: &str, unit: &Unit) -> Result<Vec<Start>, Gap> {
    let settings = settings(host, unit)?;
    let mut commands: Vec<&Setting> = Vec::new();
    let mut files: Vec<&Setting> = Vec::new();
    let mut written: Vec<&Setting> = Vec::new();
    let mut gaps = Vec::new();
    for setting in settings.iter().filter(|setting| setting.section == "Service") {
        let list = match setting.key.as_str() {
            "ExecStart" => &mut commands,
            "EnvironmentFile" => &mut files,
            "Environment" => &mut written,
            key if OWN_FILES.contains(&key) && !setting.value.is_empty() => {
                gaps.push(Gap::unsupported(format!("{name} has files of its own ({})", setting.at)));
                continue;
            }
            _ => continue,
        };
        if setting.value.is_empty() {
            list.clear();
        } else if setting.value.len() > LONGEST {
            gaps.push(Gap::too_large(setting.at.to_string()));
        } else if list.len() < COMMANDS {
            list.push(setting);
        }
    }
    let mut variables = of_the_manager(host);
    variables.insert("CREDENTIALS_DIRECTORY".to_owned(), format!("/run/credentials/{name}"));
    for setting in written {
        assignments(name, setting, &mut variables, &mut gaps);
    }
    // All of them together, so that one that is named again and again takes no time.
    let mut room = host::SMALL;
    for setting in files {
        file(host, name, setting, &mut room, &mut variables, &mut gaps);
    }
    let mut starts = Vec::new();
    for setting in commands {
        commands_of(name, setting, &variables, &gaps, &mut starts);
    }
    Ok(starts)
}

/// What a socket unit listens on and starts.
pub(crate) fn socket(host: &dyn Host, unit: &Unit) -> Result<SocketUnit, Gap> {
    let mut socket = SocketUnit::default();
    for setting in settings(host, unit)?.into_iter().filter(|setting| setting.section == "Socket") {
        let value = Some(setting.value.clone()).filter(|value| !value.is_empty());
        match (setting.key.as_str(), &value) {
            ("ListenStream", Some(value)) if socket.streams.len() < COMMANDS => {
                socket.streams.push((value.clone(), setting.at));
            }
            // An empty value of any of them empties the one list of all sockets.
            (
                "ListenStream"
                | "ListenDatagram"
                | "ListenSequentialPacket"
                | "ListenFIFO"
                | "ListenNetlink"
                | "ListenSpecial"
                | "ListenMessageQueue"
                | "ListenUSBFunction",
                None,
            ) => socket.streams.clear(),
            ("Accept", Some(value)) => {
                let value = value.to_ascii_lowercase();
                socket.accept = matches!(value.as_str(), "1" | "yes" | "y" | "true" | "t" | "on");
            }
            ("Accept", None) => socket.accept = false,
            ("Service", _) => socket.service = value,
            ("BindToDevice", _) => socket.interface = value,
            _ => {}
        }
    }
    Ok(socket)
}

/// One line of a unit or drop-in.
#[derive(Debug)]
struct Setting {
    section: String,
    key: String,
    value: String,
    at: Evidence,
}

fn settings(host: &dyn Host, unit: &Unit) -> Result<Vec<Setting>, Gap> {
    let mut settings = Vec::new();
    for path in std::iter::once(&unit.path).chain(&unit.drop_ins) {
        let bytes = host.read(path, host::SMALL)?;
        let mut section = String::new();
        for (number, line) in logical_lines(&String::from_utf8_lossy(&bytes)) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                settings.push(Setting {
                    section: section.clone(),
                    key: key.trim_end().to_owned(),
                    value: value.trim().to_owned(),
                    at: Evidence::at(path, number),
                });
            }
        }
    }
    Ok(settings)
}

/// `DefaultEnvironment=` of systemd-system.conf(5), beneath everything that the unit says.
fn of_the_manager(host: &dyn Host) -> Environment {
    let mut paths = vec!["/etc/systemd/system.conf".to_owned()];
    for folder in
        ["/usr/lib/systemd/system.conf.d", "/run/systemd/system.conf.d", "/etc/systemd/system.conf.d"]
    {
        let names = host.list(folder).unwrap_or_default();
        let names = names.iter().filter(|name| name.ends_with(".conf")).take(COMMANDS);
        paths.extend(names.map(|name| format!("{folder}/{name}")));
    }
    let mut variables = Environment::new();
    for path in paths {
        let Ok(bytes) = host.read(&path, host::SMALL) else { continue };
        for (_, line) in logical_lines(&String::from_utf8_lossy(&bytes)) {
            let Some((key, value)) = line.split_once('=') else { continue };
            if key.trim_end() == "DefaultEnvironment" {
                let words = words::all(value.trim(), Kind::Setting).unwrap_or_default();
                variables.extend(words.iter().filter_map(|word| pair(word)));
            }
        }
    }
    variables
}

/// The words of one `Environment=`.
fn assignments(name: &str, setting: &Setting, variables: &mut Environment, gaps: &mut Vec<Gap>) {
    let Ok(words) = words::all(&setting.value, Kind::Setting) else {
        return gaps.push(Gap::malformed(format!("{} has an open quote", setting.at)));
    };
    for word in words {
        match specifiers(&word, name) {
            Ok(word) => variables.extend(pair(&word)),
            Err(what) => gaps.push(Gap::unsupported(format!("{}: {what}", setting.at))),
        }
    }
}

/// One `EnvironmentFile=`. With a dash before it the file may be missing.
fn file(
    host: &dyn Host,
    name: &str,
    setting: &Setting,
    room: &mut usize,
    variables: &mut Environment,
    gaps: &mut Vec<Gap>,
) {
    let path = setting.value.strip_prefix('-');
    let (path, may_be_missing) = (path.unwrap_or(&setting.value), path.is_some());
    let path = match specifiers(path, name) {
        Ok(path) if !path.contains(['*', '?', '[']) => path,
        Ok(_) => return gaps.push(Gap::unsupported(format!("{} is a pattern of files", setting.at))),
        Err(what) => return gaps.push(Gap::unsupported(format!("{}: {what}", setting.at))),
    };
    match host.read(&path, *room) {
        Ok(bytes) => {
            *room = room.saturating_sub(bytes.len());
            variables.extend(environment::parse(&String::from_utf8_lossy(&bytes)));
        }
        Err(gap) if gap.is_absent() && may_be_missing => {}
        Err(gap) => gaps.push(gap),
    }
}

/// The commands of one `ExecStart=`; a semicolon that stands alone parts them.
fn commands_of(
    name: &str,
    setting: &Setting,
    variables: &Environment,
    gaps: &[Gap],
    starts: &mut Vec<Start>,
) {
    let mut rest = setting.value.as_str();
    loop {
        rest = rest.trim_start();
        let bare = rest.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let prefix = rest.get(..rest.len().saturating_sub(bare.len())).unwrap_or_default();
        let mut gaps = gaps.to_vec();
        let mut words = Vec::new();
        let mut more = false;
        rest = bare;
        loop {
            rest = rest.trim_start();
            if let Some(after) =
                rest.strip_prefix(';').filter(|after| after.is_empty() || after.starts_with([' ', '\t']))
            {
                (more, rest) = (true, after);
                break;
            }
            match words::first(rest, Kind::Setting) {
                Ok(Some((word, after))) => {
                    let literal = rest.starts_with("\\;") && word == "\\;";
                    words.push(if literal { ";".to_owned() } else { word });
                    rest = after;
                }
                Ok(None) => break,
                Err(words::Unbalanced) => {
                    gaps.push(Gap::malformed(format!("{} has an open quote", setting.at)));
                    break;
                }
            }
        }
        let mut ready = Vec::new();
        for word in words {
            match specifiers(&word, name) {
                Ok(word) => ready.push(word),
                Err(what) => {
                    gaps.push(Gap::unsupported(format!("{}: {what}", setting.at)));
                    ready.push(word);
                }
            }
        }
        // With an `@` the word behind the program is the name that it is called by.
        let called = usize::from(prefix.contains('@'));
        let mut ready = ready.into_iter();
        if let Some(program) = ready.next()
            && starts.len() < COMMANDS
        {
            let arguments = ready.skip(called);
            let mut whole: Vec<String> = Vec::new();
            let mut length = 0_usize;
            for word in arguments {
                let words = match prefix.contains(':') {
                    true => Some(vec![word]),
                    false => words::expand(&word, variables),
                };
                let words = words.filter(|words| {
                    length = words.iter().map(String::len).fold(length, usize::saturating_add);
                    length <= LONGEST
                });
                let Some(words) = words else {
                    gaps.push(Gap::too_large(format!("the command line of {}", setting.at)));
                    break;
                };
                whole.extend(words);
            }
            let arguments = whole;
            starts.push(Start { program, arguments, at: setting.at.clone(), gaps });
        }
        if !more {
            return;
        }
    }
}

/// Puts in what `%` stands for, as far as the name of the unit tells.
fn specifiers(text: &str, name: &str) -> Result<String, String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut whole = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            whole.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => whole.push('%'),
            Some('n') => whole.push_str(name),
            Some('N') => whole.push_str(stem),
            Some('p') => whole.push_str(prefix),
            Some('i') if !instance.is_empty() || !stem.contains('@') => whole.push_str(instance),
            Some('d') => whole.push_str(&format!("/run/credentials/{name}")),
            Some(letter) => {
                return Err(format!("%{letter} stands for something that hostduty does not know"));
            }
            None => whole.push('%'),
        }
    }
    Ok(whole)
}

fn pair(word: &str) -> Option<(String, String)> {
    word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn unit(drop_ins: &[&str]) -> Unit {
        Unit {
            path: "/u".into(),
            drop_ins: drop_ins.iter().map(|path| (*path).to_owned()).collect(),
            ..Unit::default()
        }
    }

    #[test]
    fn a_drop_in_resets_and_variables_are_put_in() {
        let tree = Tree::new(Timestamp(0))
            .file("/u", "[Service]\nEnvironment=A=1 'B=x y'\nEnvironmentFile=-/env\nEnvironmentFile=-/none\nExecStart=/old\n")
            .file("/env", "A='2 3'\n")
            .file("/d", "[Service]\nExecStart=\nExecStart=-/usr/sbin/sshd -D \\\n # no\n $A \"${B}\" %%n %n ; @/x y z \\; ;\n");
        let starts = starts(&tree, "n.service", &unit(&["/d"])).unwrap();
        assert_eq!(starts[0].program, "/usr/sbin/sshd");
        assert_eq!(starts[0].arguments, ["-D", "2", "3", "x y", "%n", "n.service"]);
        assert_eq!(starts[0].at, Evidence::at("/d", 3));
        assert_eq!(
            (starts[1].program.as_str(), &starts[1].arguments[..]),
            ("/x", &["z".to_owned(), ";".to_owned()][..])
        );
        assert!(starts.iter().all(|start| start.gaps.is_empty()) && starts.len() == 2);
    }

    #[test]
    fn what_is_not_understood_is_a_gap() {
        for text in [
            "EnvironmentFile=/none\nExecStart=/x",
            "EnvironmentFile=/etc/*\nExecStart=/x",
            "ExecStart=/x %H",
            "ExecStart=/x \"a",
            "Environment=\"A\nExecStart=/x $A",
            "RootDirectory=/srv\nExecStart=/x",
        ] {
            let tree = Tree::new(Timestamp(0)).file("/u", format!("[Service]\n{text}\n"));
            assert_eq!(starts(&tree, "a.service", &unit(&[])).unwrap()[0].gaps.len(), 1, "{text}");
        }
        assert!(starts(&Tree::new(Timestamp(0)), "a.service", &unit(&[])).is_err());
    }

    #[test]
    fn sockets_reset_too() {
        let tree = Tree::new(Timestamp(0))
            .file("/u", "[Socket]\nListenStream=22\nAccept=YES\n")
            .file("/d", "[Socket]\nListenStream=\nListenStream=127.0.0.1:2222\nBindToDevice=eth0\n");
        let socket = socket(&tree, &unit(&["/d"])).unwrap();
        assert_eq!(socket.streams, [("127.0.0.1:2222".to_owned(), Evidence::at("/d", 3))]);
        assert!(socket.accept && socket.interface.as_deref() == Some("eth0"));
    }
}
