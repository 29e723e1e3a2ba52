//! How a report looks: one file per format.

pub(crate) mod drift;
pub(crate) mod exposure;
pub(crate) mod fleet;
pub(crate) mod fleet_v1;
pub(crate) mod history;
pub(crate) mod history_v1;
pub(crate) mod human;
pub(crate) mod json_v1;
pub(crate) mod logins;
pub(crate) mod patches;
pub(crate) mod reach;
