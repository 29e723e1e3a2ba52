//! Who can log in over SSH, from where, by which methods: each account and each class of connections.

mod gate;
mod hosts;
mod keys;
mod methods;
mod person;
mod view;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::connection::{Connection, Groups, Memberships};
use super::criteria::Attribute;
use super::effective::Active;
use super::origins::{self, Listening, Origin, Origins};
use super::{Config, Setting, Sshd, patterns};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, User};
use crate::gap::Gap;
pub(crate) use keys::{BOUND, CERTIFICATES};
pub use methods::Method;
use person::Person;
use view::{View, Views};

/// The uid of an account that stands for unlisted ones: `(uid_t) -1`, which no account can have.
const UNLISTED: u32 = u32::MAX;
/// Names of unlisted accounts that are looked at one by one.
const NAMES: usize = 100;

/// Whether something lets a client in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It does, by these lines.
    Opens(Vec<Evidence>),
    /// It does not: why, and by which lines.
    Closed(String, Vec<Evidence>),
    /// It does not while something lasts that is soon over: what, and by which lines.
    Paused(String, Vec<Evidence>),
    /// That is not known; the reason.
    Unknown(String),
}

/// Methods that together let an account in, and whether they can.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Way {
    /// What the client must pass in turn: one method, or several that AuthenticationMethods asks for.
    pub methods: Vec<Method>,
    /// Whether it leads in.
    pub answer: Answer,
}

/// What holds for one account and the classes of connections that are alike to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Indices of the classes.
    pub origins: Vec<usize>,
    /// Every way that the configuration offers.
    pub ways: Vec<Way>,
}

/// The ways of one account.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// Its name, or in words those accounts that the host's own files do not list.
    pub name: String,
    /// Whose. An account that stands for unlisted ones is made up.
    pub user: Cow<'a, User>,
    /// Classes of connections that are alike to it, with what they may do.
    pub entries: Vec<Entry>,
}

/// Who can log in to one server.
#[derive(Debug, Clone, Default)]
pub struct Logins<'a> {
    /// The classes of connections.
    pub origins: Vec<Origin>,
    /// The accounts of the host's own files.
    pub accounts: Vec<Account<'a>>,
    /// Why the table is not all there is to know, one sentence each.
    pub doubts: Vec<String>,
}

/// What a keyword is for connections from some places, or why that is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingFrom {
    /// From where, in words.
    pub from: String,
    /// What it is.
    pub setting: Result<Setting, Gap>,
}

impl Way {
    /// Whether nothing but typing is asked for.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        self.methods.iter().all(|method| matches!(method, Method::Password | Method::KeyboardInteractive))
    }
    /// Its methods in words.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.methods.iter().map(|method| method.name()).collect();
        names.join(" then ")
    }
}

impl Answer {
    /// Whether it is certain that a client gets in.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self, Self::Opens(_))
    }
    /// Both must let the client in.
    #[must_use]
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (closed @ Self::Closed(..), _) | (_, closed @ Self::Closed(..)) => closed,
            (paused @ Self::Paused(..), _) | (_, paused @ Self::Paused(..)) => paused,
            (unknown @ Self::Unknown(_), _) | (_, unknown @ Self::Unknown(_)) => unknown,
            (Self::Opens(mut lines), Self::Opens(more)) => {
                lines.extend(more.into_iter().filter(|line| !lines.contains(line)).collect::<Vec<_>>());
                Self::Opens(lines)
            }
        }
    }
}

impl From<Gap> for Answer {
    fn from(gap: Gap) -> Self {
        Self::Unknown(gap.to_string())
    }
}

impl Logins<'_> {
    /// The labels of classes, in words.
    #[must_use]
    pub fn from(&self, classes: &[usize]) -> String {
        origins::labels(&self.origins, classes)
    }
}

impl Facts {
    /// Who can log in to the server that a configuration describes, from where.
    ///
    /// # Errors
    /// The accounts are not known.
    pub fn logins<'a>(
        &'a self,
        sshd: &'a Sshd,
        config: &'a Config,
        origins: Origins,
    ) -> Result<Logins<'a>, Gap> {
        let accounts = self.accounts.known()?;
        let evaluator = config.evaluator();
        let Origins { classes, mut doubts } = origins;
        let context = Context { facts: self, sshd, accounts, members: Memberships::new(accounts) };
        let listed = context.listed().map(|user| (user.name.clone(), Cow::Borrowed(user)));
        let unlisted = context.unlisted(config).into_iter().map(|(name, user)| (name, Cow::Owned(user)));
        doubts.extend(context.untried(config));
        let mut views = Views::new(&evaluator);
        let accounts = listed
            .chain(unlisted)
            .map(|(name, user)| {
                let entries = context.entries(&mut views, &classes, &user);
                Account { name, user, entries }
            })
            .collect();
        Ok(Logins { origins: classes, accounts, doubts })
    }

    /// The classes of connections that a configuration or a key of some account tells apart.
    #[must_use]
    pub fn ssh_origins(&self, config: &Config, listening: &Listening) -> Origins {
        let files = self.ssh_keys.value().map_or(&[][..], |keys| &keys.files);
        let keys = files.iter().flat_map(|file| &file.keys).filter(|key| !key.from.is_empty());
        let mut lists: BTreeSet<String> = keys.map(|key| key.from.join(",")).collect();
        if config.lines_of("hostbasedauthentication").any(|line| line.values == ["yes"]) {
            let trust = self.sshd.value().and_then(|sshd| sshd.trust.value());
            let hosts = trust.map_or(&[][..], |trust| &trust.hosts);
            lists.extend(hosts.iter().filter_map(|place| place.text.clone()));
        }
        origins::origins(&config.evaluator(), listening, &lists)
    }

    /// What a keyword that bears on logging in is for some accounts, by classes of connections.
    ///
    /// # Errors
    /// The accounts are not known.
    pub fn settings_by_origin<'a>(
        &'a self,
        config: &Config,
        origins: &Origins,
        users: impl IntoIterator<Item = &'a User>,
        keyword: &str,
    ) -> Result<Vec<(&'a User, Vec<SettingFrom>)>, Gap> {
        let (sshd, accounts) = (self.sshd.known()?, self.accounts.known()?);
        let context = Context { facts: self, sshd, accounts, members: Memberships::new(accounts) };
        let evaluator = config.evaluator();
        let mut views = Views::new(&evaluator);
        let mut all = Vec::new();
        for user in users {
            let Some(numbers) = context.views(&mut views, &origins.classes, user, &context.groups(user))
            else {
                return Err(view::too_large());
            };
            let mut by_view: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (index, number) in numbers.into_iter().enumerate() {
                by_view.entry(number).or_default().push(index);
            }
            let mut alike: HashMap<Rc<Setting>, Vec<usize>> = HashMap::new();
            let mut settings = Vec::new();
            for (number, indices) in by_view {
                match views.known.get(number).map(|view| view.setting(keyword)) {
                    Some(Ok(setting)) => match alike.get_mut(&setting) {
                        Some(known) => known.extend(indices),
                        None => {
                            alike.insert(setting, indices);
                        }
                    },
                    Some(Err(gap)) => {
                        settings.push(SettingFrom { from: origins.labels(&indices), setting: Err(gap) })
                    }
                    None => {}
                }
            }
            let known = alike.into_iter().map(|(setting, indices)| (indices, (*setting).clone()));
            let mut known: Vec<(Vec<usize>, Setting)> = known.collect();
            known.sort_by(|one, other| one.0.cmp(&other.0));
            let from = |(indices, setting): (Vec<usize>, Setting)| SettingFrom {
                from: origins.labels(&indices),
                setting: Ok(setting),
            };
            settings.extend(known.into_iter().map(from));
            all.push((user, settings));
        }
        Ok(all)
    }
}

/// What every question looks at.
struct Context<'a> {
    facts: &'a Facts,
    sshd: &'a Sshd,
    accounts: &'a Accounts,
    members: Memberships<'a>,
}

/// One account, and what a configuration sets for it from one class of connections.
struct Question<'a> {
    person: &'a Person<'a>,
    origin: &'a Origin,
    settings: &'a View<'a>,
}

impl<'a> Context<'a> {
    /// The accounts of the host's own files. The first line of a name is the one that getpwnam(3) finds.
    fn listed(&self) -> impl Iterator<Item = &'a User> {
        let mut names = BTreeSet::new();
        self.accounts.users.iter().filter(move |user| names.insert(user.name.as_str()))
    }

    /// Accounts that stand for those which the host's own files do not list, or not legibly: one for each name that
    /// the configuration singles out, and one for all others.
    fn unlisted(&self, config: &Config) -> Vec<(String, User)> {
        let mut sources = self.accounts.other_sources.clone();
        sources.extend(
            self.accounts.malformed.first().map(|line| format!("a line that makes no sense ({line})")),
        );
        if sources.is_empty() {
            return Vec::new();
        }
        let criteria = config.matches.iter().flat_map(|block| &block.criteria);
        let named = criteria.filter(|criterion| criterion.of == Attribute::User).flat_map(|criterion| {
            criterion.patterns.split(',').map(|pattern| pattern.strip_prefix('!').unwrap_or(pattern))
        });
        let lists =
            config.lines.iter().filter(|line| matches!(line.keyword.as_str(), "allowusers" | "denyusers"));
        let listed = lists
            .flat_map(|line| &line.values)
            .map(|value| patterns::at_host(value, &config.build).map_or(value.as_str(), |(name, _)| name));
        let names: BTreeSet<String> =
            named.chain(listed).map(|pattern| pattern.replace(['*', '?'], "x")).collect();
        let sources = sources.join(", ");
        let gap = Gap::unsupported(format!(
            "accounts from {sources} are not in the host's own files, and hostduty cannot list them"
        ));
        let user = |name: &str| User {
            name: name.to_owned(),
            uid: UNLISTED,
            gid: UNLISTED,
            password: Err(gap.clone()).into(),
            ..User::default()
        };
        let known: BTreeSet<&str> = self.listed().map(|user| user.name.as_str()).collect();
        let names = names.iter().filter(|name| !known.contains(name.as_str()));
        let mut users: Vec<(String, User)> =
            names.take(NAMES).map(|name| (format!("{name} from {sources}"), user(name))).collect();
        users.push((format!("accounts from {sources}"), user("\u{1}")));
        users
    }

    /// Why the accounts that stand for unlisted ones may not stand for all of them.
    fn untried(&self, config: &Config) -> Option<String> {
        let criteria = config.matches.iter().flat_map(|block| &block.criteria);
        let mut lists =
            criteria.filter(|criterion| criterion.of == Attribute::User).map(|criterion| &criterion.patterns);
        let many = lists.clone().map(|patterns| patterns.split(',').count()).sum::<usize>();
        let lines =
            config.lines.iter().filter(|line| matches!(line.keyword.as_str(), "allowusers" | "denyusers"));
        let many = many + lines.map(|line| line.values.len()).sum::<usize>();
        let odd = lists.any(|patterns| patterns.contains('!') && patterns.contains(['*', '?']));
        let unlisted = !self.accounts.other_sources.is_empty() || !self.accounts.malformed.is_empty();
        (unlisted && (odd || many > NAMES)).then(|| {
            "not every name that the configuration singles out is tried for accounts that are not in the host's own files"
                .to_owned()
        })
    }

    fn groups(&self, user: &User) -> Groups<'a> {
        let groups = self.members.groups(user);
        Groups { may_be_more: groups.may_be_more || user.uid == UNLISTED, ..groups }
    }

    /// For each class of connections, the number of the view that holds for an account; nothing where that is more to
    /// look through than hostduty does.
    fn views(
        &self,
        views: &mut Views<'_>,
        classes: &[Origin],
        user: &User,
        groups: &Groups<'_>,
    ) -> Option<Vec<usize>> {
        views.spend_account()?;
        let connection =
            Connection { user: Some(&user.name), groups: groups.clone(), ..Connection::default() };
        let holds = views.evaluator.holds(&connection, Attribute::is_of_account);
        classes.iter().map(|origin| views.of(Active(holds.and(&origin.holds)), origin)).collect()
    }

    fn entries(&self, views: &mut Views<'_>, classes: &[Origin], user: &User) -> Vec<Entry> {
        let person = Person::new(self, user);
        let Some(numbers) = self.views(views, classes, user, &person.groups) else {
            return vec![too_much(classes.len())];
        };
        let mut seen: HashMap<(usize, &[bool]), usize> = HashMap::new();
        let mut entries: Vec<Vec<usize>> = Vec::new();
        let mut alike: HashMap<Vec<Way>, usize> = HashMap::new();
        for (index, (origin, view)) in classes.iter().zip(numbers).enumerate() {
            let entry = *seen.entry((view, &origin.listed)).or_insert_with(|| {
                let view = views.known.get(view);
                let ways = view.map(|view| self.ways(&Question { person: &person, origin, settings: view }));
                *alike.entry(ways.unwrap_or_default()).or_insert_with(|| {
                    entries.push(Vec::new());
                    entries.len() - 1
                })
            });
            if let Some(origins) = entries.get_mut(entry) {
                origins.push(index);
            }
        }
        let mut ways: Vec<(usize, Vec<Way>)> = alike.into_iter().map(|(ways, entry)| (entry, ways)).collect();
        ways.sort_by_key(|(entry, _)| *entry);
        entries.into_iter().zip(ways).map(|(origins, (_, ways))| Entry { origins, ways }).collect()
    }

    /// Every way that a configuration offers, and whether it leads in.
    fn ways(&self, question: &Question<'_>) -> Vec<Way> {
        let gate = self.gate(question);
        let lists = match question.settings.setting("authenticationmethods") {
            Ok(lists) => lists,
            Err(gap) => {
                return vec![Way { methods: vec![Method::Password], answer: gap.into() }];
            }
        };
        let answer = |method: Method| match &gate {
            // Whoever is refused at the gate is refused whatever he shows.
            Answer::Closed(..) => gate.clone(),
            _ => self.method(question, method).unwrap_or_else(Answer::from).and(gate.clone()),
        };
        if lists.is("any") {
            return Method::ALL
                .iter()
                .map(|method| Way { methods: vec![*method], answer: answer(*method) })
                .collect();
        }
        let mut ways = Vec::new();
        for list in &lists.values {
            let methods: Vec<Option<Method>> = list.split(',').map(Method::named).collect();
            let known: Vec<Method> = methods.iter().flatten().copied().collect();
            let mut all = Answer::Opens(vec![lists.shown("authenticationmethods")]);
            for method in &methods {
                let next = method.map_or_else(
                    || {
                        Answer::Closed(
                            "asks for a method that no build of sshd on Linux has".to_owned(),
                            Vec::new(),
                        )
                    },
                    answer,
                );
                all = all.and(next);
            }
            ways.push(Way { methods: known, answer: all });
        }
        ways
    }
}

/// The entry of an account for which there are more classes and lines than hostduty looks through.
fn too_much(classes: usize) -> Entry {
    let answer = view::too_large().into();
    Entry { origins: (0..classes).collect(), ways: vec![Way { methods: vec![Method::Password], answer }] }
}
