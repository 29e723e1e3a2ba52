//! A thread that may do one thing besides looking: write below the named folders, or start one program (landlock(7)).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};

use super::look;

/// Where the loaders of programs are, as programs name them.
const LOADERS: [&str; 2] = ["/lib", "/lib64"];
/// The newest rights that are asked for; an older kernel grants what it knows.
const RIGHTS: ABI = ABI::V6;

type Work = Box<dyn FnOnce() + Send>;

/// What a thread may do.
pub(super) enum May {
    /// Change files below these folders.
    Write(Vec<PathBuf>),
    /// Start this program, which can change nothing and reach nobody either.
    Start(&'static str),
}

/// A thread that does what it is handed.
pub(super) struct Hands {
    work: Sender<Work>,
    #[cfg_attr(not(test), allow(dead_code, reason = "a kernel without Landlock does without"))]
    confined: bool,
}

impl Hands {
    pub(super) fn start(may: May) -> Self {
        let (work, received) = channel::<Work>();
        let (say, said) = channel();
        let serve = move || {
            let confined = restrict(&may).is_ok_and(|status| status != RulesetStatus::NotEnforced);
            match may {
                May::Write(_) => look::neither_connect_nor_execute(),
                May::Start(_) => look::neither_write_nor_reach(),
            };
            let _ = say.send(confined);
            serve(&received);
        };
        let started = thread::Builder::new().name("hands".to_owned()).spawn(serve);
        let confined = started.is_ok() && said.recv().unwrap_or(false);
        Self { work, confined }
    }

    /// Whether the kernel holds it to that.
    #[cfg(test)]
    pub(super) fn confined(&self) -> bool {
        self.confined
    }

    /// Does it in that thread and waits for what comes of it.
    pub(super) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, answer) = channel();
        let mut left: Work = Box::new(move || drop(done.send(work())));
        if let Err(unsent) = self.work.send(left) {
            // No thread could be started: this one does it, as far as it may.
            left = unsent.0;
            left();
        }
        #[allow(clippy::expect_used, reason = "a panic ends the program in either thread")]
        answer.recv().expect("the work was done")
    }
}

fn serve(work: &Receiver<Work>) {
    while let Ok(next) = work.recv() {
        next();
    }
}

/// Writing, making, moving and executing files, and TCP: nothing of it but what is allowed here.
fn restrict(may: &May) -> Result<RulesetStatus, RulesetError> {
    let writing: BitFlags<AccessFs> = AccessFs::from_write(RIGHTS);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writing | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .create()?;
    let allowed: Vec<(PathBuf, BitFlags<AccessFs>)> = match may {
        May::Write(folders) => folders.iter().map(|folder| (folder.clone(), writing)).collect(),
        May::Start(program) => {
            let started = loaders().chain([PathBuf::from(program)]);
            let nothing = (PathBuf::from("/dev/null"), AccessFs::WriteFile.into());
            started.map(|path| (path, AccessFs::Execute.into())).chain([nothing]).collect()
        }
    };
    for (path, rights) in allowed {
        // What is not there can neither be written to nor started.
        if let Ok(handle) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(handle, rights))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The kernel starts a program's loader with the program: ld-linux-x86-64.so.2, ld-musl-aarch64.so.1, ld64.so.1.
fn loaders() -> impl Iterator<Item = PathBuf> {
    let is_loader = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("ld") && name.contains(".so")
    };
    let entries = LOADERS.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(move |path| is_loader(path))
}
