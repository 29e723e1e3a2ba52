//! Stub.
use super::context::Context;
use super::program::{Rule, Step, Test};
use crate::facts::ruleset::legacy;
use crate::facts::ruleset::xtables::{Match, Target};

pub(crate) fn entry(_rule: &legacy::Rule, _chains: &[legacy::Chain], _context: &Context<'_>) -> Rule {
    Rule::default()
}
pub(crate) fn matching(_one: &Match, _context: &Context<'_>) -> Test {
    Test::Always
}
pub(crate) fn target(_one: &Target, _context: &Context<'_>) -> Vec<Step> {
    Vec::new()
}
