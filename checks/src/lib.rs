//! The functional core of hostduty: facts of a host, and what they mean for the customer's duties.
//!
//! Nothing here touches a host. [`host::Host`] is the one door; [`facts::gather`] turns what comes through it into
//! plain data; a [`check::Check`] judges that data; [`report::judge`] puts the verdicts together.

pub mod check;
pub mod date;
pub mod facts;
pub mod gap;
pub mod host;
pub mod policy;
pub mod providers;
pub mod redact;
pub mod registry;
pub mod report;
mod software;

// One module per check, in the folder of its subject. `tests/update` writes the lines between the marks.
// <checks>
mod backup {
    pub(crate) mod agent;
}
mod guest_tools {
    pub(crate) mod drivers;
    pub(crate) mod enabled;
    pub(crate) mod running;
}
mod logs {
    pub(crate) mod persistent;
}
mod malware {
    pub(crate) mod protection;
}
mod monitoring {
    pub(crate) mod agent;
}
mod services {
    pub(crate) mod legacy;
}
mod ssh {
    pub(crate) mod key_only;
}
// </checks>
