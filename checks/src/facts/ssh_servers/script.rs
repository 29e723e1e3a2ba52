//! Servers that scripts start: init scripts of OpenRC and sysvinit with their files of options, and inetd.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::shell::{self, Values};
use super::written::{Listen, Starts, Written, base};
use crate::evidence::Evidence;
use crate::facts::units::start::Start;
use crate::facts::units::{InetdService, Init, Unit, Units};
use crate::gap::Gap;
use crate::host::{self, Host};

/// Where distributions keep the options of a script, by its name.
const FOLDERS: &[&str] = &["/etc/default", "/etc/sysconfig", "/etc/conf.d"];
/// Variables with arguments. Of those that a script mentions the first that is set counts.
const OPTIONS: &[&str] =
    &["command_args", "SSHD_OPTS", "OPTIONS", "DROPBEAR_OPTS", "DROPBEAR_EXTRA_ARGS", "SSHD_ARGS"];
/// Variables with the name of sshd_config(5), or of its folder.
const FILES: &[&str] = &["cfgfile", "SSHD_CONFIG", "SSHD_CONFDIR"];
/// Variables with the program.
const PROGRAMS: &[&str] = &["command", "SSHD_BINARY"];

/// What a script starts of the programs that are looked for: nothing or one.
pub(super) fn read(
    host: &dyn Host,
    name: &str,
    unit: &Unit,
    wanted: fn(&str) -> bool,
) -> Result<Vec<Start>, Gap> {
    let text = String::from_utf8_lossy(&host.read(&unit.path, host::SMALL)?).into_owned();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let Some(mut program) = code.iter().find_map(|line| names(line, wanted)).map(str::to_owned) else {
        return Ok(Vec::new());
    };
    let mut at = Evidence::of(unit.path.clone());
    let mut gaps: Vec<Gap> =
        code.iter().filter(|line| hands_options(line, wanted)).map(|_| own_options(&at)).take(1).collect();
    let mut values = Values::new();
    let name = name.trim_end_matches(".service");
    let first = name.split('.').next().unwrap_or(name);
    // Debian's script is called ssh, SUSE's file of options too.
    let names = ["ssh", "sshd", first, name];
    for path in FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}"))) {
        let related = names.iter().skip(2).any(|own| path.ends_with(own)) || wanted("sshd");
        match host.read(&path, host::SMALL) {
            Ok(bytes) if related => {
                shell::read(&String::from_utf8_lossy(&bytes), &mut values);
                at = Evidence::of(path);
            }
            Err(gap) if !gap.is_absent() && related => gaps.push(gap),
            _ => {}
        }
    }
    // What the file says of a variable that the script does not use is idle.
    values.retain(|variable, _| text.contains(variable.as_str()));
    let mut set = |variables: &[&str]| {
        let (variable, value) = variables.iter().find_map(|name| values.get_key_value(*name))?;
        if value.is_none() {
            gaps.push(Gap::unsupported(format!("{variable} takes a shell to read ({at})")));
        }
        Some((variable.clone(), value.clone()?))
    };
    let words = |value: &str| value.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let mut arguments = set(OPTIONS).map(|(_, value)| words(&value)).unwrap_or_default();
    if let Some((variable, value)) = set(FILES).filter(|_| wanted("sshd")) {
        let file = if variable == "SSHD_CONFDIR" { format!("{value}/sshd_config") } else { value };
        arguments.extend(["-f".to_owned(), file]);
    }
    program = set(PROGRAMS).map_or(program, |(_, value)| value);
    // The script may add flags of its own, which only dropbear's are looked at for.
    let written = code.iter().find_map(|line| line.trim_start().strip_prefix("command_args="));
    if let Some(value) = written.filter(|_| !wanted("sshd")) {
        match shell::value(value, &values) {
            Some(value) => arguments = words(&value),
            None => gaps.push(own_options(&at)),
        }
    }
    Ok(vec![Start { program, arguments, at, gaps }])
}

fn own_options(at: &Evidence) -> Gap {
    Gap::unsupported(format!("the script hands over options of its own ({at})"))
}

/// The path in a line of a program that is looked for.
fn names(line: &str, wanted: fn(&str) -> bool) -> Option<&str> {
    let is_path = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    line.split(|letter| !is_path(letter))
        .map(|word| word.trim_start_matches('-'))
        .find(|word| word.starts_with('/') && wanted(base(word)))
}

/// Whether a line of a script hands sshd another file or a keyword, other than by the variables that are looked at.
fn hands_options(line: &str, wanted: fn(&str) -> bool) -> bool {
    if !wanted("sshd") || !(line.contains("command_args") || names(line, wanted).is_some()) {
        return false;
    }
    let mut words = line.split([' ', '\t', '"', '\'', '=']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let Some((flag, rest)) = word.strip_prefix('-').and_then(|flags| flags.split_at_checked(1)) else {
            continue;
        };
        let value = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
        match flag {
            "o" if !value.starts_with("PidFile") => return true,
            "f" if !FILES.iter().any(|name| value.contains(name)) => return true,
            _ => {}
        }
    }
    false
}

/// What inetd or xinetd starts of the programs that are looked for, where one of them is started itself.
pub(super) fn inetd(host: &dyn Host, units: &Units, wanted: fn(&str) -> bool) -> Vec<Written> {
    let serves = |(name, unit): (&String, &Unit)| name.contains("inetd") && unit.starts_at_boot();
    if units.init != Init::Other && !units.units.iter().any(serves) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for service in &units.inetd {
        let Ok(bytes) = host.read(&service.path, host::SMALL) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().skip(usize::try_from(service.line).unwrap_or(usize::MAX).saturating_sub(1));
        let is_xinetd = service.path.contains("xinetd");
        let command = if is_xinetd { block(lines, wanted) } else { entry(lines, wanted) };
        let Some((program, arguments)) = command else { continue };
        let at = Evidence::at(service.path.clone(), service.line);
        found.push(Written {
            program,
            arguments,
            unit: service.name.clone(),
            started_by: None,
            starts: Starts::EachConnection,
            listens: vec![listen(service, &at)],
            at,
            gaps: Vec::new(),
        });
    }
    found
}

fn listen(service: &InetdService, at: &Evidence) -> Listen {
    let port = match service.name.as_str() {
        "ssh" => Some(22),
        other => other.parse().ok(),
    };
    let address = port.map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    Listen { address, interface: None, at: at.clone().says(service.name.clone()) }
}

/// `ssh stream tcp nowait root /usr/sbin/sshd sshd -i`, or with tcpd between.
fn entry<'a>(
    mut lines: impl Iterator<Item = &'a str>,
    wanted: fn(&str) -> bool,
) -> Option<(String, Vec<String>)> {
    let words: Vec<&str> = lines.next()?.split_whitespace().skip(5).collect();
    let at = words.iter().position(|word| wanted(base(word)))?;
    // Behind the program stands the name that it is called by; tcpd takes the program for that.
    let skip = if at == 0 { 2 } else { at.saturating_add(1) };
    let arguments = words.iter().skip(skip).map(|word| (*word).to_owned()).collect();
    Some(((*words.get(at)?).to_owned(), arguments))
}

/// `server =` and `server_args =` of a block.
fn block<'a>(
    lines: impl Iterator<Item = &'a str>,
    wanted: fn(&str) -> bool,
) -> Option<(String, Vec<String>)> {
    let (mut program, mut arguments) = (None, Vec::new());
    for line in lines.take_while(|line| !line.trim_start().starts_with('}')) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim_start_matches(['=', ' ', '\t']).trim_end();
        match key.trim().trim_end_matches(['+', '-']).trim_end() {
            "server" => program = Some(value.to_owned()).filter(|value| wanted(base(value))),
            "server_args" => arguments.extend(value.split_whitespace().map(str::to_owned)),
            _ => {}
        }
    }
    Some((program?, arguments))
}
