//! What sshd knows of a connection when it decides which Match blocks hold for it.

use std::collections::{BTreeSet, HashMap};

use super::patterns::{self, Listed};
use crate::facts::accounts::{Accounts, User};

/// A connection, as `sshd -C` describes one. What is absent meets no criterion that looks at it.
#[derive(Debug, Clone, Default)]
pub struct Connection<'a> {
    /// The name that the client gives.
    pub user: Option<&'a str>,
    /// The groups of that account.
    pub groups: Groups<'a>,
    /// Whether no account has that name.
    pub invalid_user: bool,
    /// The client's host name; its address as text where sshd looks none up.
    pub host: Option<&'a str>,
    /// The client's address.
    pub address: Option<&'a str>,
    /// The server's address.
    pub local_address: Option<&'a str>,
    /// The server's port.
    pub local_port: Option<u16>,
    /// The routing domain.
    pub rdomain: Option<&'a str>,
}

/// The groups of an account, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct Groups<'a> {
    /// Those that the host's own files name.
    pub names: BTreeSet<&'a str>,
    /// Whether another source may name more.
    pub may_be_more: bool,
}

/// Whether a criterion holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// That is not known.
    Unknown,
}

impl Truth {
    /// What is known for certain.
    #[must_use]
    pub fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
    /// Whether both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

impl<'a> Groups<'a> {
    /// The groups of an account in the host's own files. Another source of accounts may know of more.
    #[must_use]
    pub fn of(user: &User, accounts: &'a Accounts) -> Self {
        let groups = accounts.groups.iter();
        let names = groups.filter(|group| group.gid == user.gid || group.members.contains(&user.name));
        Self {
            names: names.map(|group| group.name.as_str()).collect(),
            may_be_more: !(accounts.other_sources.is_empty() && accounts.group_sources.is_empty()),
        }
    }
}

/// Who is in which group of the host's own files, for many accounts.
pub(super) struct Memberships<'a> {
    by_name: HashMap<&'a str, Vec<&'a str>>,
    by_gid: HashMap<u32, Vec<&'a str>>,
    may_be_more: bool,
}

impl<'a> Memberships<'a> {
    pub(super) fn new(accounts: &'a Accounts) -> Self {
        let may_be_more = !(accounts.other_sources.is_empty() && accounts.group_sources.is_empty());
        let mut all = Self { by_name: HashMap::new(), by_gid: HashMap::new(), may_be_more };
        for group in &accounts.groups {
            all.by_gid.entry(group.gid).or_default().push(&group.name);
            for member in &group.members {
                all.by_name.entry(member).or_default().push(&group.name);
            }
        }
        all
    }

    /// As [`Groups::of`].
    pub(super) fn groups(&self, user: &User) -> Groups<'a> {
        let (by_gid, by_name) = (self.by_gid.get(&user.gid), self.by_name.get(user.name.as_str()));
        let names = by_gid.into_iter().chain(by_name).flatten().copied().collect();
        Groups { names, may_be_more: self.may_be_more }
    }
}

impl Groups<'_> {
    /// Whether one of the groups is in a list, and none is in it with `!`.
    pub(super) fn listed(&self, patterns: &str) -> Truth {
        let mut found = false;
        for name in &self.names {
            match patterns::list(patterns, name) {
                Listed::Negated => return Truth::No,
                Listed::Yes => found = true,
                Listed::No => {}
            }
        }
        match self.may_be_more {
            // Another group could be in the list, or in it with `!`.
            true if !found || patterns.contains('!') => Truth::Unknown,
            _ => Truth::of(found),
        }
    }

    /// Whether one of the groups matches one of the patterns, as AllowGroups and DenyGroups ask.
    pub(super) fn any(&self, patterns: &[String]) -> Truth {
        let found =
            patterns.iter().any(|pattern| self.names.iter().any(|name| patterns::matches(pattern, name)));
        match found {
            false if self.may_be_more && !patterns.is_empty() => Truth::Unknown,
            found => Truth::of(found),
        }
    }
}
