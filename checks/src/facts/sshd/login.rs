//! Who can log in over SSH, from where, by which methods: each account and each class of connections.

mod gate;
mod methods;
mod person;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::connection::{Connection, Groups, Memberships};
use super::criteria::Attribute;
use super::effective::{Active, Evaluator};
use super::origins::{Listening, Origin, Origins, origins};
use super::truths::Truths;
use super::{Config, Line, SERVICE, Setting, Sshd};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, User};
use crate::gap::Gap;
pub use methods::Method;
use person::Person;

/// The uid of an account that stands for unlisted ones: `(uid_t) -1`, which no account can have.
const UNLISTED: u32 = u32::MAX;
/// Names of unlisted accounts that are looked at one by one.
const NAMES: usize = 100;
/// Lines and values that are looked at to answer for every account from everywhere; what needs more stays unknown.
const WORK: usize = 50_000_000;

/// The keywords that bear on logging in.
const KEYWORDS: &[&str] = &[
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "authorizedprincipalsfile",
    "chrootdirectory",
    "denygroups",
    "denyusers",
    "gssapiauthentication",
    "hostbasedauthentication",
    "ignorerhosts",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "requiredrsasize",
    "strictmodes",
    "trustedusercakeys",
    "usepam",
];

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
        let labels: Vec<&str> = classes
            .iter()
            .filter_map(|index| self.origins.get(*index))
            .map(|origin| origin.label.as_str())
            .collect();
        if labels.len() == self.origins.len() && self.origins.len() > 1 {
            return "anywhere".to_owned();
        }
        labels.join(", ")
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
        let Origins { classes, doubts } = origins;
        let context = Context { facts: self, sshd, accounts, members: Memberships::new(accounts) };
        let listed = context.listed().map(|user| (user.name.clone(), Cow::Borrowed(user)));
        let unlisted = context.unlisted(config).into_iter().map(|(name, user)| (name, Cow::Owned(user)));
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

    /// What a keyword is for an account, by classes of connections in words.
    ///
    /// # Errors
    /// The accounts are not known.
    pub fn setting_by_origin(
        &self,
        config: &Config,
        listening: &Listening,
        user: &User,
        keyword: &str,
    ) -> Result<Vec<(String, Result<Setting, Gap>)>, Gap> {
        let (sshd, accounts) = (self.sshd.known()?, self.accounts.known()?);
        let context = Context { facts: self, sshd, accounts, members: Memberships::new(accounts) };
        let evaluator = config.evaluator();
        let Origins { classes, .. } = origins(&evaluator, listening);
        let looked_at = config.lines_of(keyword).count() + config.matches.len() / 64 + 1;
        if classes.len().saturating_mul(looked_at) > WORK {
            return Err(Gap::too_large("the configuration of sshd, asked from everywhere,"));
        }
        let holds = of_account(&evaluator, user, &context.groups(user));
        let mut settings: Vec<(Vec<usize>, Result<Setting, Gap>)> = Vec::new();
        for (index, origin) in classes.iter().enumerate() {
            let setting = evaluator.effective(&Active(holds.and(&origin.holds))).setting(keyword);
            match settings.iter_mut().find(|(_, known)| *known == setting) {
                Some((indices, _)) => indices.push(index),
                None => settings.push((vec![index], setting)),
            }
        }
        let logins = Logins { origins: classes, ..Logins::default() };
        Ok(settings.into_iter().map(|(indices, setting)| (logins.from(&indices), setting)).collect())
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
    settings: &'a View,
}

/// What a configuration sets where certain Match blocks hold: the keywords that bear on logging in.
struct View {
    settings: HashMap<&'static str, Result<Setting, Gap>>,
    /// The line for which sshd ends every such connection.
    refused: Result<Option<Evidence>, Gap>,
}

/// The views that were asked for, each found out once.
struct Views<'a> {
    evaluator: &'a Evaluator<'a>,
    known: Vec<View>,
    numbers: HashMap<Active, usize>,
    /// What it costs to look through the whole configuration once.
    size: usize,
    /// What may still be spent.
    left: usize,
}

impl<'a> Views<'a> {
    fn new(evaluator: &'a Evaluator<'a>) -> Self {
        let config = evaluator.config();
        // Sixteen letters of a value take about as long as a line.
        let cost = |line: &Line| 1 + line.values.iter().map(|value| 1 + value.len() / 16).sum::<usize>();
        let size = KEYWORDS.len() + evaluator.cost() / 16 + config.lines.iter().map(cost).sum::<usize>();
        Self { evaluator, known: Vec::new(), numbers: HashMap::new(), size, left: WORK }
    }

    /// Spends something; false where it is more than may be spent.
    fn spend(&mut self, cost: usize) -> bool {
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// The number of the view where these blocks hold.
    fn of(&mut self, active: Active) -> usize {
        if let Some(number) = self.numbers.get(&active) {
            return *number;
        }
        let effective = self.evaluator.effective(&active);
        let settings = KEYWORDS.iter().map(|name| (*name, effective.decided(name))).collect();
        let view = View { settings, refused: effective.refused() };
        self.known.push(view);
        let number = self.known.len() - 1;
        self.numbers.insert(active, number);
        number
    }
}

impl View {
    /// The value of one of [`KEYWORDS`] and the lines that decide it.
    fn setting(&self, name: &str) -> Result<&Setting, Gap> {
        match self.settings.get(name) {
            Some(Ok(setting)) => Ok(setting),
            Some(Err(gap)) => Err(gap.clone()),
            None => Err(Gap::not_gathered()),
        }
    }
    fn is(&self, name: &str, value: &str) -> Result<bool, Gap> {
        Ok(self.setting(name)?.is(value))
    }
    /// The service that sshd names to PAM. Before 9.9 it is always the same.
    fn service(&self) -> Result<&str, Gap> {
        Ok(self.setting("pamservicename")?.values.first().map_or(SERVICE, String::as_str))
    }
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
            .map(|value| value.rsplit_once('@').map_or(value.as_str(), |(name, _)| name));
        let names: BTreeSet<String> =
            named.chain(listed).map(|pattern| pattern.replace('*', "x").replace('?', "x")).collect();
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

    fn groups(&self, user: &User) -> Groups<'a> {
        let groups = self.members.groups(user);
        Groups { may_be_more: groups.may_be_more || user.uid == UNLISTED, ..groups }
    }

    fn entries(&self, views: &mut Views<'_>, classes: &[Origin], user: &User) -> Vec<Entry> {
        if !views.spend(views.size) {
            return vec![too_much(classes.len())];
        }
        let person = Person::new(self, user);
        let holds = of_account(views.evaluator, user, &person.groups);
        let mut seen: HashMap<(usize, &[bool]), usize> = HashMap::new();
        let mut entries: Vec<Vec<usize>> = Vec::new();
        let mut alike: HashMap<Vec<Way>, usize> = HashMap::new();
        let words = views.evaluator.config().matches.len() / 64;
        for (index, origin) in classes.iter().enumerate() {
            // A class that is like one before costs its comparison, any other a look through the configuration.
            let fits = views.spend(1 + words + origin.listed.len() / 64);
            let active = Active(holds.and(&origin.holds));
            let is_new = |views: &Views<'_>| match views.numbers.get(&active) {
                Some(view) => !seen.contains_key(&(*view, origin.listed.as_slice())),
                None => true,
            };
            if !fits || (is_new(views) && !views.spend(views.size)) {
                return vec![too_much(classes.len())];
            }
            let view = views.of(active);
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
        let gate = self.gate(question).unwrap_or_else(Answer::from);
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
    let why = Gap::too_large("the configuration of sshd, asked for each account from everywhere,");
    Entry {
        origins: (0..classes).collect(),
        ways: vec![Way { methods: vec![Method::Password], answer: why.into() }],
    }
}

/// For each Match line, whether the criteria that look at the account hold.
fn of_account(evaluator: &Evaluator<'_>, user: &User, groups: &Groups<'_>) -> Truths {
    let connection = Connection { user: Some(&user.name), groups: groups.clone(), ..Connection::default() };
    evaluator.holds(&connection, Attribute::is_of_account)
}
