//! The thread that writes: below the named folders and nowhere else (landlock(7)).

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
};

use super::look;

/// The newest rights that are asked for; an older kernel grants what it knows.
const RIGHTS: ABI = ABI::V6;

type Work = Box<dyn FnOnce() + Send>;

/// The writing thread.
pub(super) struct Hands {
    work: Sender<Work>,
    #[cfg_attr(not(test), allow(dead_code, reason = "a kernel without Landlock does without"))]
    confined: bool,
}

impl Hands {
    pub(super) fn start(folders: Vec<PathBuf>) -> Self {
        let (work, received) = channel::<Work>();
        let (say, said) = channel();
        let serve = move || {
            let confined = restrict(&folders).is_ok_and(|status| status != RulesetStatus::NotEnforced);
            look::neither_connect_nor_execute();
            let _ = say.send(confined);
            serve(&received);
        };
        let started = thread::Builder::new().name("writing".to_owned()).spawn(serve);
        let confined = started.is_ok() && said.recv().unwrap_or(false);
        Self { work, confined }
    }

    /// Whether the kernel holds it to its folders.
    #[cfg(test)]
    pub(super) fn confined(&self) -> bool {
        self.confined
    }

    /// Does it in the writing thread and waits for what comes of it.
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

/// Writing, making, moving and executing files, and TCP: nothing of it but writing below these folders.
fn restrict(folders: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let writing: BitFlags<AccessFs> = AccessFs::from_write(RIGHTS);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writing | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .create()?;
    for folder in folders {
        // A folder that is not there cannot be written to either.
        if let Ok(handle) = PathFd::new(folder) {
            ruleset = ruleset.add_rule(PathBeneath::new(handle, writing))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}
