//! The ways in which OpenSSH's server is or will be started: which file each reads, what comes before it, and when it
//! has last read it.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::arguments::{self, Arguments, Given};
use super::running::{self, Server, is_sshd};
use super::written::{self, Listen, Starts, Written};
use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::{Gap, GapKind};
use crate::host::{self, Host};

/// What sshd of every distribution reads unless `-f` says otherwise.
const FILE: &str = "/etc/ssh/sshd_config";
/// Where distributions put sshd; what they put there reads [`FILE`].
const FOLDERS: &[&str] = &["/usr/sbin/", "/usr/bin/", "/sbin/"];
/// Where sshd writes its process id unless it is told otherwise.
const PID_FILES: &[&str] = &["/run/sshd.pid", "/var/run/sshd.pid"];
/// Names of the distributions' own units and scripts.
const OWN: &[&str] = &["ssh.service", "sshd.service", "ssh@.service", "sshd@.service"];
/// More than any host has; a script that starts more is not followed.
const MOST: usize = 64;

/// One way in which sshd is or will be started.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// The program.
    pub program: String,
    /// The file that it reads first; `none` for no file at all.
    pub file: String,
    /// What comes before the first line of the file, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Given>,
    /// When it is started.
    pub starts: Starts,
    /// What starts it: lines of units, links, a process.
    pub at: Vec<Evidence>,
    /// Its processes, where it runs; never the ones that serve a connection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<Running>,
    /// Where it listens while it runs, or where something listens on its behalf. Empty where neither runs: then Port and
    /// ListenAddress of its files decide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<Listen>,
    /// Why `file` and `given` may not be all that decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A process that waits for connections.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// When it has last read its files, as far as that shows.
    ///
    /// On SIGHUP sshd runs its program anew in the same process. What the kernel shows of a process keeps its age: the
    /// time of start, the age of /proc/PID and of its descriptors. Listening sockets get new inodes, but those carry no
    /// time. The one dated trace is the PidFile, which sshd removes and writes again once it has read its files. So the
    /// change of a PidFile that names this process counts, and without one the start, which is never too late.
    pub loaded_at: Timestamp,
    /// The file of its program was replaced since, so that it has the code and the defaults of an older one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

impl Daemon {
    /// Whether nothing keeps `file` and `given` from deciding alone.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn certain(&self) -> Result<(), Gap> {
        self.gaps.first().map_or(Ok(()), |gap| Err(gap.clone()))
    }

    /// The process that has read its files before they were changed, with the time at which it has read them; nothing
    /// where all have read them since, or where each connection reads them anew. Times are of whole seconds: files that
    /// are changed in the second in which they are read count as read, as otherwise every machine that is set up by a
    /// program would be in doubt for ever.
    #[must_use]
    pub fn stale(&self, changed: Timestamp) -> Option<Evidence> {
        self.running.iter().find_map(|process| process.stale(changed))
    }

    /// The process whose program was replaced since it started.
    #[must_use]
    pub fn replaced(&self) -> Option<Evidence> {
        self.running.iter().find_map(Running::old)
    }

    /// Takes the change of a PidFile for the time of the last reading, where it names one of the processes.
    pub(crate) fn reread(&mut self, host: &dyn Host, pid_file: &str) {
        if self.running.is_empty() || !pid_file.starts_with('/') {
            return;
        }
        let Ok(pid) = host::read_line(host, pid_file) else { return };
        let Ok(stat) = host.stat(pid_file) else { return };
        for process in self.running.iter_mut().filter(|process| process.pid.to_string() == pid.trim()) {
            process.loaded_at = process.loaded_at.max(stat.modified);
        }
    }
}

impl Running {
    /// See [`Daemon::stale`].
    #[must_use]
    pub fn stale(&self, changed: Timestamp) -> Option<Evidence> {
        let place = || Evidence::of(format!("/proc/{}", self.pid)).says(self.loaded_at.to_string());
        (changed > self.loaded_at).then(place)
    }

    /// See [`Daemon::replaced`].
    #[must_use]
    pub fn old(&self) -> Option<Evidence> {
        self.replaced.then(|| Evidence::of(format!("/proc/{}/exe", self.pid)).says("(deleted)"))
    }
}

/// Finds them, the distribution's own first.
pub(super) fn read(host: &dyn Host, facts: &Facts, gaps: &mut Vec<Gap>) -> Vec<Daemon> {
    let sockets = running::sockets(facts);
    let servers = running::daemons(host, facts, &sockets);
    let also: Vec<&str> = servers.iter().filter_map(|server| server.process.unit.as_deref()).collect();
    let mut written = match facts.units.known() {
        Ok(units) => {
            gaps.extend(units.gaps.iter().cloned());
            written::read(host, units, &also, is_sshd, gaps)
        }
        Err(gap) => {
            gaps.push(gap);
            Vec::new()
        }
    };
    written.sort_by_key(|written| !OWN.contains(&written.unit.as_str()));
    let mut daemons: Vec<Daemon> = Vec::new();
    for (written, arguments) in
        written.iter().map(|written| (written, arguments::parse(&written.arguments, &written.at)))
    {
        if !arguments.serves_nobody && written.starts != Starts::ByHand {
            add(&mut daemons, from_written(host, written, arguments), gaps);
        }
    }
    for server in servers {
        if let Some(daemon) = from_process(host, server, &written) {
            add(&mut daemons, daemon, gaps);
        }
    }
    // A PidFile in an included file is left to whoever reads the configuration whole.
    for daemon in &mut daemons {
        for path in pid_files(host, daemon) {
            daemon.reread(host, &path);
        }
    }
    if let Err(gap) = facts.processes.known()
        && !matches!(gap.why, GapKind::Offline | GapKind::Absent)
    {
        gaps.push(gap);
    }
    daemons
}

/// Two that read the same do not differ, whatever starts them.
fn add(daemons: &mut Vec<Daemon>, daemon: Daemon, gaps: &mut Vec<Gap>) {
    // Where it writes its process id decides nothing.
    let told = |daemon: &Daemon| -> Vec<(char, String)> {
        let given = daemon.given.iter();
        let given = given.filter(|given| given.keyword().is_none_or(|(keyword, _)| keyword != "pidfile"));
        given.map(|given| (given.flag, given.value.clone())).collect()
    };
    let same = |other: &Daemon| {
        (&other.program, &other.file, &other.gaps) == (&daemon.program, &daemon.file, &daemon.gaps)
            && told(other) == told(&daemon)
    };
    let known = daemons.iter().position(same);
    let Some(known) = known.and_then(|at| daemons.get_mut(at)) else {
        return match daemons.len() {
            ..MOST => daemons.push(daemon),
            MOST => gaps.push(Gap::too_large("the list of ways in which sshd is started")),
            _ => {}
        };
    };
    known.at.extend(daemon.at);
    known.at.dedup();
    known.running.extend(daemon.running);
    for listen in daemon.listens {
        let held = |other: &Listen| listen.address.is_some() && other.address == listen.address;
        if !known.listens.iter().any(held) {
            known.listens.push(listen);
        }
    }
    known.starts = known.starts.or(daemon.starts);
}

fn from_written(host: &dyn Host, written: &Written, arguments: Arguments) -> Daemon {
    let mut at = vec![written.at.clone().says(format!("of {}", written.unit))];
    at.extend(written.started_by.clone());
    // With `-i` something else accepts the connections, whatever unit it is.
    let starts = if arguments.inetd { Starts::EachConnection } else { written.starts };
    let mut gaps = written.gaps.clone();
    gaps.extend(arguments.gaps);
    let program = written.program.clone();
    let file = file(host, &program, arguments.file, &mut gaps);
    Daemon {
        file,
        program,
        given: arguments.given,
        starts,
        at,
        running: Vec::new(),
        listens: written.listens.clone(),
        gaps,
    }
}

fn from_process(host: &dyn Host, server: Server<'_>, written: &[Written]) -> Option<Daemon> {
    let process = server.process;
    let Server { arguments, title, at, listens, mut gaps, .. } = server;
    let exe = process.exe.value();
    let program = exe.map(|exe| exe.trim_end_matches(" (deleted)").to_owned());
    let named =
        title.as_deref().and_then(|title| title.split(' ').next()).filter(|name| name.starts_with('/'));
    let program = program.or_else(|| named.map(str::to_owned)).unwrap_or_else(|| "sshd".to_owned());
    // A unit keeps its arguments apart where a title has joined them.
    let source = written.iter().find(|written| {
        let joined =
            std::iter::once(written.program.as_str()).chain(written.arguments.iter().map(String::as_str));
        Some(joined.collect::<Vec<_>>().join(" ")) == title && process.unit.as_deref() == Some(&written.unit)
    });
    let (arguments, program) = match source {
        Some(written) => {
            gaps.clone_from(&written.gaps);
            (arguments::parse(&written.arguments, &written.at), written.program.clone())
        }
        None => (arguments::parse(&arguments, &at), program),
    };
    if arguments.serves_nobody || (arguments.inetd && title.is_none()) {
        return None;
    }
    gaps.extend(arguments.gaps);
    let file = file(host, &program, arguments.file, &mut gaps);
    let running = Running {
        pid: process.pid,
        started: process.started,
        loaded_at: process.started,
        replaced: exe.is_some_and(|exe| exe.ends_with(" (deleted)")),
    };
    Some(Daemon {
        program,
        file,
        given: arguments.given,
        starts: Starts::ByHand,
        at: std::iter::once(at.says("runs")).chain(source.map(|written| written.at.clone())).collect(),
        running: vec![running],
        listens,
        gaps,
    })
}

/// The file that counts: the one of `-f`, or the one that the program was built for.
fn file(host: &dyn Host, program: &str, given: Option<String>, gaps: &mut Vec<Gap>) -> String {
    if let Some(file) = given {
        if !file.starts_with('/') && !file.eq_ignore_ascii_case("none") {
            gaps.push(Gap::unsupported(format!("-f {file} depends on the folder in which it was started")));
        }
        return file;
    }
    let own =
        FOLDERS.iter().any(|folder| program.strip_prefix(folder).is_some_and(|name| !name.contains('/')));
    if own || !program.starts_with('/') {
        return FILE.to_owned();
    }
    match host.read(program, host::LARGE).ok().and_then(|bytes| built_for(&bytes)) {
        Some(file) => file,
        None => {
            gaps.push(Gap::unsupported(format!("which file {program} reads is not known")));
            FILE.to_owned()
        }
    }
}

/// The path in a program that ends as sshd's own file does.
fn built_for(program: &[u8]) -> Option<String> {
    let end = memmem::find(program, b"/sshd_config\0")?.checked_add(b"/sshd_config".len())?;
    let start = memchr::memrchr(0, program.get(..end)?)?.checked_add(1)?;
    let path = String::from_utf8(program.get(start..end)?.to_vec()).ok()?;
    path.starts_with('/').then_some(path)
}

/// Where its process may have written its id: what it was given, what the first file says, or the default.
fn pid_files(host: &dyn Host, daemon: &Daemon) -> Vec<String> {
    if daemon.running.is_empty() {
        return Vec::new();
    }
    let given = daemon.given.iter().filter_map(Given::keyword).find(|(keyword, _)| keyword == "pidfile");
    if let Some((_, path)) = given {
        return vec![path.trim_matches('"').to_owned()];
    }
    let text = host.read(&daemon.file, host::SMALL).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|line| {
        let (keyword, value) = line.trim_start().split_once([' ', '\t', '='])?;
        let value = value.trim_start_matches([' ', '\t', '=', '"']).split([' ', '\t', '"', '#']).next()?;
        keyword.eq_ignore_ascii_case("pidfile").then(|| value.to_owned())
    });
    line.into_iter().chain(PID_FILES.iter().map(|path| (*path).to_owned())).collect()
}
