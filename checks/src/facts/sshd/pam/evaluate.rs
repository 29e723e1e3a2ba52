//! Walks a stack as libpam does, and asks at each rule what the client may type and what the host may do.
//!
//! The client chooses what it types, so one good choice is enough. What hostduty does not know chooses itself: only
//! where every possibility ends the same is the answer certain.

use std::collections::{BTreeSet, HashMap};

use super::control::{Action, Code};
use super::outcome::{Answer, Conversation, Decision, Outcome, Who};
use super::reader::RULES;
use super::ways::{self, Memory, Secret, Ways};
use super::{Rule, Sort, Stack};
use crate::evidence::Evidence;

/// States of one walk; a stack that takes more is not followed to its end.
const STATES: usize = 4_000;
/// Rules that are shown for one answer.
const SHOWN: usize = 8;
/// Modules with passwords from elsewhere that are followed one by one.
const ELSEWHERE: usize = 16;

impl Stack {
    /// What `pam_authenticate` comes to for an account. `empty` is PermitEmptyPasswords of sshd_config(5).
    #[must_use]
    pub fn authenticate(&self, who: &Who, how: Conversation, empty: bool) -> Outcome {
        let walk = |client: &[Secret], elsewhere: Option<usize>| {
            let ways = Ways { stack: self, who, auth: true, how, empty, client, elsewhere };
            self.walk(&self.auth, &ways)
        };
        const NOTHING: [Secret; 2] = [Secret::Wrong, Secret::Empty];
        let with = |more: &[Secret]| [more, &NOTHING].concat();
        let typed = walk(&with(&[Secret::Own]), None);
        let factor = walk(&with(&[Secret::Own, Secret::OwnAndCode, Secret::Code]), None);
        let places = self.auth.iter().enumerate().filter(|(_, rule)| ways::is_elsewhere(rule));
        let opens = |index: usize| {
            let alone = walk(&with(&[Secret::Foreign]), Some(index));
            let both = [Secret::Foreign, Secret::Both, Secret::Own];
            !alone.is_no() || (typed.is_no() && !walk(&with(&both), Some(index)).is_no())
        };
        let elsewhere = places
            .enumerate()
            .filter(|(count, (index, _))| *count >= ELSEWHERE || opens(*index))
            .map(|(_, (_, rule))| rule.at.clone().says(rule.module.clone()))
            .collect();
        Outcome { nothing: walk(&NOTHING, None), typed, factor, elsewhere }
    }

    /// What `pam_acct_mgmt` comes to for an account, however it has proved who it is. A password that must be changed
    /// lets in as well; the code is `new_authtok_reqd` then.
    #[must_use]
    pub fn account(&self, who: &Who) -> Answer {
        let how = Conversation::KeyboardInteractive;
        let ways = Ways {
            stack: self,
            who,
            auth: false,
            how,
            empty: false,
            client: &[Secret::Wrong],
            elsewhere: None,
        };
        self.walk(&self.account, &ways)
    }

    fn walk(&self, rules: &[Rule], ways: &Ways<'_>) -> Answer {
        let say = |decision, evidence, code: Code| Answer { decision, evidence, code: code.name() };
        if let Some(place) = &self.aborts {
            return say(Decision::No, vec![place.clone()], Code::ABORT);
        }
        if rules.is_empty() {
            return say(Decision::No, Vec::new(), Code::PERM_DENIED);
        }
        if rules.len() > RULES || rules.iter().any(|rule| rule.level > 16) {
            return say(
                Decision::Unknown("the PAM stack of sshd is too long".to_owned()),
                Vec::new(),
                Code::ABORT,
            );
        }
        let mut walk = Walk { rules, ways, known: HashMap::new() };
        let value = walk.value(&State::default());
        let (code, trail) = walk.trail(&value);
        let shown = |rules: &[usize]| {
            let rules = rules.iter().filter_map(|index| rules_at(walk.rules, *index));
            rules.take(SHOWN).collect::<Vec<Evidence>>()
        };
        match value {
            Value::Yes => say(Decision::Yes, shown(&trail), code),
            Value::No => say(Decision::No, shown(&trail), code),
            Value::Unknown(places) => {
                let places: Vec<usize> = places.into_iter().collect();
                let reason = places.first().and_then(|index| rules.get(*index)).map(|rule| ways.reason(rule));
                let reason = reason.unwrap_or_else(|| "the PAM stack of sshd branches too often".to_owned());
                say(Decision::Unknown(reason), shown(&places), code)
            }
        }
    }
}

fn rules_at(rules: &[Rule], index: usize) -> Option<Evidence> {
    let rule = rules.get(index)?;
    let text =
        if rule.sort == Sort::Module { rule.module.clone() } else { "a line that PAM cannot use".to_owned() };
    Some(rule.at.clone().says(text))
}

/// What libpam thinks of the stack so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Impression {
    #[default]
    None,
    Good,
    Bad,
}

/// How it stands: the impression with the code that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Standing(Impression, Code);

impl Default for Standing {
    fn default() -> Self {
        Self(Impression::None, Code::PERM_DENIED)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct State {
    /// The rule that is asked next.
    at: usize,
    now: Standing,
    /// How it stood when each substack began that is not left yet; that of the whole stack is the default.
    began: Vec<Standing>,
    memory: Memory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Yes,
    No,
    /// The rules at which it depends on what is not known.
    Unknown(BTreeSet<usize>),
}

struct Walk<'a> {
    rules: &'a [Rule],
    ways: &'a Ways<'a>,
    known: HashMap<State, Value>,
}

/// Where a rule leads.
enum Next {
    Goes(State),
    Ends(Code),
}

impl Walk<'_> {
    fn value(&mut self, state: &State) -> Value {
        if let Some(value) = self.known.get(state) {
            return value.clone();
        }
        if self.known.len() >= STATES {
            return Value::Unknown(BTreeSet::new());
        }
        let value = match self.worlds(state) {
            None => self.ends(end(state.now)),
            Some(worlds) => {
                let values = worlds.into_iter().map(|choices| self.best(choices)).collect();
                common(state.at, values)
            }
        };
        self.known.insert(state.clone(), value.clone());
        value
    }

    /// The best that the client can make of its choices.
    fn best(&mut self, choices: Vec<Next>) -> Value {
        let mut best = Value::No;
        for choice in choices {
            match (self.of(&choice), &mut best) {
                (Value::Yes, _) => return Value::Yes,
                (Value::Unknown(more), Value::Unknown(places)) => places.extend(more),
                (Value::Unknown(more), best) => *best = Value::Unknown(more),
                (Value::No, _) => {}
            }
        }
        best
    }

    fn of(&mut self, next: &Next) -> Value {
        match next {
            Next::Goes(state) => self.value(state),
            Next::Ends(code) => self.ends(*code),
        }
    }

    /// sshd lets in whose password must be changed, and lets him change it.
    fn ends(&self, code: Code) -> Value {
        match code == Code::SUCCESS || (!self.ways.auth && code == Code::NEW_AUTHTOK_REQD) {
            true => Value::Yes,
            false => Value::No,
        }
    }

    /// Where the next rule leads in each world that is possible, for each choice of the client; nothing behind the last.
    fn worlds(&self, state: &State) -> Option<Vec<Vec<Next>>> {
        let rule = self.rules.get(state.at)?;
        let mut state = state.clone();
        let level = usize::from(rule.level);
        state.began.truncate(level);
        while state.began.len() < level {
            state.began.push(state.now);
        }
        if rule.sort == Sort::Substack {
            state.at += 1;
            return Some(vec![vec![Next::Goes(state)]]);
        }
        let worlds = self.ways.of(state.at, rule, state.memory);
        let follow = |(code, memory)| self.follow(rule, &State { memory, ..state.clone() }, code);
        Some(worlds.into_iter().map(|choices| choices.into_iter().map(follow).collect()).collect())
    }

    /// What libpam does when a module has returned.
    fn follow(&self, rule: &Rule, state: &State, code: Code) -> Next {
        let mut next = state.clone();
        if code == Code::INCOMPLETE {
            return Next::Ends(code);
        }
        let bad = |standing: Standing| match standing {
            Standing(Impression::Bad, _) => standing,
            _ if code == Code::IGNORE => Standing(Impression::Bad, Code::PERM_DENIED),
            _ => Standing(Impression::Bad, code),
        };
        match rule.control.action(code) {
            Action::Ignore => {}
            Action::Reset => {
                let level = usize::from(rule.level);
                next.now =
                    level.checked_sub(1).and_then(|level| next.began.get(level)).copied().unwrap_or_default();
            }
            action @ (Action::Ok | Action::Done) => {
                if matches!(
                    next.now,
                    Standing(Impression::None, _) | Standing(Impression::Good, Code::SUCCESS)
                ) {
                    next.now = Standing(Impression::Good, code);
                }
                if action == Action::Done && next.now.0 == Impression::Good {
                    next.at = self.behind(state.at, rule.level);
                }
            }
            Action::Bad => next.now = bad(next.now),
            Action::Die => {
                next.now = bad(next.now);
                next.at = self.behind(state.at, rule.level);
            }
            Action::Jump(rules) => match self.jump(state.at, rule.level, rules) {
                (at, true) => next.at = at,
                (at, false) => {
                    next.at = at;
                    next.now = Standing(Impression::Bad, Code::PERM_DENIED);
                }
            },
        }
        next.at += 1;
        Next::Goes(next)
    }

    fn level(&self, at: usize) -> Option<u8> {
        self.rules.get(at).map(|rule| rule.level)
    }

    /// The last rule of the substack that a rule lies in.
    fn behind(&self, mut at: usize, level: u8) -> usize {
        while self.level(at + 1).is_some_and(|next| next >= level) {
            at += 1;
        }
        at
    }

    /// The last rule that a jump leaves out, and whether there were enough of them. A substack counts as one.
    fn jump(&self, mut at: usize, level: u8, rules: u32) -> (usize, bool) {
        let mut left = rules;
        while left > 0 && self.level(at + 1).is_some_and(|next| next >= level) {
            at += 1;
            while self.level(at + 1).is_some_and(|next| next > level) {
                at += 1;
            }
            left -= 1;
        }
        (at, left == 0)
    }

    /// One way through the stack that ends as the whole does, with what PAM returns there and the rules that made it so.
    fn trail(&mut self, value: &Value) -> (Code, Vec<usize>) {
        let mut state = State::default();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        loop {
            let Some(worlds) = self.worlds(&state) else {
                let shown = if *value == Value::Yes { good } else { bad };
                return (end(state.now), shown);
            };
            let choices = worlds.into_iter().next().unwrap_or_default();
            let mut chosen = None;
            for choice in choices {
                if chosen.is_none() || self.of(&choice) == *value {
                    let fits = self.of(&choice) == *value;
                    chosen = Some(choice);
                    if fits {
                        break;
                    }
                }
            }
            match chosen {
                Some(Next::Goes(next)) => {
                    let rule = state.at;
                    if next.now.0 == Impression::Bad && state.now.0 != Impression::Bad {
                        bad.insert(0, rule);
                    }
                    let spoke = next.now != state.now || next.at > rule + 1;
                    if spoke && self.rules.get(rule).is_some_and(|rule| rule.sort == Sort::Module) {
                        good.push(rule);
                    }
                    state = next;
                }
                Some(Next::Ends(code)) => return (code, vec![state.at]),
                None => return (Code::PERM_DENIED, bad),
            }
        }
    }
}

/// What is certain whichever world it is.
fn common(at: usize, values: Vec<Value>) -> Value {
    let kind = std::mem::discriminant::<Value>;
    let Some(first) = values.first() else { return Value::No };
    let same = values.iter().all(|value| kind(value) == kind(first));
    if same && !matches!(first, Value::Unknown(_)) {
        return first.clone();
    }
    let mut places = BTreeSet::new();
    if !same {
        places.insert(at);
    }
    for value in values {
        if let Value::Unknown(more) = value {
            places.extend(more);
        }
    }
    Value::Unknown(places)
}

/// What a stack that is at its end returns.
fn end(Standing(impression, code): Standing) -> Code {
    match code == Code::SUCCESS && impression != Impression::Good {
        true => Code::PERM_DENIED,
        false => code,
    }
}
