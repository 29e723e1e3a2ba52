//! Rules of nftables in the common language: registers are followed until something compares them.

mod effects;
mod loads;
mod logic;
mod registers;
mod sets;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) use loads::protocol_number;
pub(crate) use logic::{all, any, not};

use super::context::Context;
use super::program::{Action, Rule, STATE_NEW, Socket, Step, Test};
use super::ranges::Ranges;
use super::xtables;
use crate::facts::ruleset::nftables::{self, Data, Expression, Verdict};
use loads::Loaded;
use registers::{Property, Registers};
use sets::{Group, Sets};

/// Steps into which the maps of one rule may unfold.
const STEPS: usize = 50_000;

/// The chains of a table, in the order of the facts.
pub(crate) fn table(table: &nftables::Table, context: &Context<'_>) -> Vec<Vec<Rule>> {
    let compiler = Compiler::new(table, context);
    table.chains.iter().map(|chain| chain.rules.iter().map(|rule| compiler.rule(rule)).collect()).collect()
}

struct Compiler<'a> {
    context: &'a Context<'a>,
    chains: HashMap<&'a str, usize>,
    sets: Sets<'a>,
    /// Sets that rules change, with what their keys are made of.
    changed: HashMap<&'a str, Vec<String>>,
    /// Tests of sets, by set and by what the key is made of: a long list is turned into ranges once.
    tests: RefCell<HashMap<(&'a str, String), Test>>,
    unfolded: std::cell::Cell<usize>,
}

impl<'a> Compiler<'a> {
    fn new(table: &'a nftables::Table, context: &'a Context<'a>) -> Self {
        let chains = table.chains.iter().enumerate().map(|(at, chain)| (chain.name.as_str(), at)).collect();
        let mut compiler = Self {
            context,
            chains,
            sets: Sets::new(table),
            changed: HashMap::new(),
            tests: RefCell::default(),
            unfolded: std::cell::Cell::new(0),
        };
        let mut changed: HashMap<&str, Vec<String>> = HashMap::new();
        for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
            let mut registers = Registers::new();
            for expression in &rule.expressions {
                if let Expression::Dynset { set, register, .. } = expression {
                    let key = compiler.key(set, *register, &registers);
                    changed.entry(set).or_default().push(key);
                }
                compiler.load(expression, &mut registers);
            }
        }
        compiler.changed = changed;
        compiler
    }

    fn rule(&self, rule: &'a nftables::Rule) -> Rule {
        self.unfolded.set(0);
        Rule { steps: self.steps(&rule.expressions, Registers::new()) }.arranged()
    }

    fn steps(&self, expressions: &'a [Expression], mut registers: Registers) -> Vec<Step> {
        let mut steps = Vec::new();
        self.unfolded.set(self.unfolded.get() + expressions.len());
        for (at, expression) in expressions.iter().enumerate() {
            match expression {
                Expression::Lookup { set, register, destination: Some(destination), .. } => {
                    let rest = expressions.get(at + 1..).unwrap_or_default();
                    self.branch(set, *register, *destination, rest, &registers, &mut steps);
                    return steps;
                }
                Expression::Lookup { set, register, invert, .. } => {
                    let test = self.lookup(set, *register, &registers);
                    push(&mut steps, if *invert { not(test) } else { test });
                }
                Expression::Compare { register, operator, value } => {
                    push(&mut steps, registers.compare(*register, *operator, value));
                }
                Expression::Range { register, invert, from, to } => {
                    let test = registers.between(*register, from, to);
                    push(&mut steps, if *invert { not(test) } else { test });
                }
                Expression::Verdict(Verdict::Continue) => {}
                Expression::Match(one) => steps.extend(xtables::matching(one, self.context)),
                Expression::Target(one) => {
                    let found = xtables::target(one, self.context);
                    let ends = matches!(found.last(), Some(Step::Then(_)));
                    steps.extend(found);
                    if ends {
                        return steps;
                    }
                }
                other => match self.load(other, &mut registers) {
                    Some(test) => push(&mut steps, test),
                    None => {
                        let effect = self.effect(other, &registers);
                        let ends = matches!(effect.last(), Some(Step::Then(_)));
                        steps.extend(effect);
                        if ends {
                            return steps;
                        }
                    }
                },
            }
            if matches!(steps.last(), Some(Step::Test(Test::Never))) {
                return steps;
            }
        }
        steps
    }

    /// What an expression loads, with the test that the packet has it; `None` for one that loads nothing.
    fn load(&self, expression: &Expression, registers: &mut Registers) -> Option<Test> {
        let tracked = || Test::State(STATE_NEW);
        let (register, loaded, test) = match expression {
            Expression::Immediate { register, data } => {
                registers.set(*register, data);
                return Some(Test::Always);
            }
            Expression::Payload { base, offset, length, register } => {
                let (offset, length) = (*offset as usize, *length as usize);
                return Some(loads::payload(self.context, registers, *base, offset, length, *register));
            }
            Expression::Bitwise { source, register, mask, xor, .. } => {
                registers.bitwise(*source, *register, mask, xor);
                return Some(Test::Always);
            }
            Expression::Byteorder { source, register, length, size } => {
                registers.reverse(*source, *register, *length as usize, *size as usize);
                return Some(Test::Always);
            }
            Expression::Meta { key, register } => (register, loads::meta(self.context, *key), Test::Always),
            // Only the state can be asked without a connection.
            Expression::Ct { key: 0, direction, register } => {
                (register, loads::ct(self.context, 0, *direction), Test::Always)
            }
            Expression::Ct { key, direction, register } => {
                (register, loads::ct(self.context, *key, *direction), tracked())
            }
            Expression::Fib { result, flags, register } => {
                (register, loads::fib(self.context, *result, *flags), Test::Always)
            }
            Expression::Socket { key, register, .. } => {
                (register, loads::socket(*key), Test::Socket(Socket::Exists))
            }
            // kube-proxy chooses among one endpoint in this way too.
            Expression::Numgen { modulus: 0 | 1, offset, register, .. } => {
                registers.set(*register, &offset.to_le_bytes());
                return Some(Test::Always);
            }
            Expression::Numgen { register, .. } => {
                (register, open(Test::Chance("numgen".into())), Test::Always)
            }
            Expression::Hash { register } => {
                (register, open(Context::unknown("a hash of the packet is not computed")), Test::Always)
            }
            Expression::BitwiseOther { register, .. } => {
                (register, open(Context::unknown("shifted bits are not followed")), Test::Always)
            }
            Expression::Exthdr { operation, kind, present, register, .. } => {
                let exists = loads::extension(*operation, *kind);
                let property = match present {
                    true => Property::Number(exists, 1),
                    false => Property::Open(Context::unknown(
                        "the content of a header's extension is not modelled",
                    )),
                };
                let needed = if *present { Test::Always } else { Test::Is(exists, Rc::new(Ranges::one(1))) };
                let width = if *present { 1 } else { OPEN };
                registers.load(*register, property, width, 0, width, registers::Order::Network);
                return Some(needed);
            }
            Expression::Load { name, register } => {
                (register, open(Context::unknown(format!("{name} is not modelled"))), Test::Always)
            }
            _ => return None,
        };
        match loaded {
            Loaded::Known(bytes) => registers.set(*register, &bytes),
            Loaded::Property(Property::Choice(choices), ..) => {
                let width = choices.first().map_or(4, |(value, _)| value.len());
                registers.load(
                    *register,
                    Property::Choice(choices),
                    width,
                    0,
                    width,
                    registers::Order::Network,
                );
            }
            Loaded::Property(property, width, order) => {
                registers.load(*register, property, width, 0, width, order)
            }
            Loaded::Absent => return Some(Test::Never),
            Loaded::Unknown(reason) => {
                let property = Property::Open(Context::unknown(reason));
                registers.load(*register, property, OPEN, 0, OPEN, registers::Order::Network);
            }
        }
        Some(test)
    }

    fn action(&self, verdict: &Verdict) -> Action {
        let chain = |name: &str| self.chains.get(name).copied();
        let lost = || Action::Unknown("a rule jumps to a chain that is not there".into());
        match verdict {
            Verdict::Accept => Action::Accept,
            Verdict::Drop => Action::Drop,
            Verdict::Queue => Action::Unknown("a program decides (queue)".into()),
            Verdict::Return => Action::Return,
            Verdict::Jump(name) => chain(name).map_or_else(lost, Action::Jump),
            Verdict::Goto(name) => chain(name).map_or_else(lost, Action::Goto),
            Verdict::Continue | Verdict::Other(_) => {
                Action::Unknown("a verdict that hostduty does not know".into())
            }
        }
    }

    fn key(&self, set: &str, register: u32, registers: &Registers) -> String {
        registers.describe(register, self.sets.key_length(set)).unwrap_or_default()
    }

    /// Whether the key is in the set.
    fn lookup(&self, set: &'a str, register: u32, registers: &Registers) -> Test {
        let key = self.key(set, register, registers);
        if let Some(test) = self.tests.borrow().get(&(set, key.clone())) {
            return test.clone();
        }
        let test = match self.sets.groups(set) {
            Err(reason) => Context::unknown(reason),
            Ok(groups) => {
                any(groups.iter().map(|group| self.group(group, set, register, registers)).collect())
            }
        };
        let test = match self.changed.get(set) {
            None => test,
            // The same key was added by a rule before, or another one of the same packet.
            Some(keys) => {
                let own = match keys.iter().all(|other| *other == key) {
                    true => Test::Added(set.into()),
                    false => all(vec![
                        Test::Added(set.into()),
                        Context::unknown(format!("what a rule added to {set}")),
                    ]),
                };
                self.context.filled_by_rules(any(vec![own, test]), set)
            }
        };
        self.tests.borrow_mut().insert((set, key), test.clone());
        test
    }

    fn group(&self, group: &Group<'a>, set: &str, register: u32, registers: &Registers) -> Test {
        if group.every {
            return Test::Always;
        }
        let keys = group.keys();
        let test = registers.among(register, self.sets.key_length(set), &keys);
        if group.conditional { all(vec![test, Test::Chance("an element with a limit".into())]) } else { test }
    }

    /// A map: each value is a way of its own through the rest of the rule.
    fn branch(
        &self,
        set: &'a str,
        register: u32,
        destination: u32,
        rest: &'a [Expression],
        registers: &Registers,
        steps: &mut Vec<Step>,
    ) {
        let groups = match self.sets.groups(set) {
            Ok(groups) => groups,
            Err(reason) => return steps.push(Step::Then(Action::Unknown(reason.into()))),
        };
        let mut ways = Vec::new();
        for group in groups {
            if self.unfolded.get() > STEPS {
                return steps.push(Step::Then(Action::Unknown("its maps unfold into too many ways".into())));
            }
            let test = self.group(group, set, register, registers);
            if test == Test::Never {
                continue;
            }
            let way = match group.data {
                Some(Data::Verdict(Verdict::Continue)) => self.steps(rest, registers.clone()),
                Some(Data::Verdict(verdict)) => vec![Step::Then(self.action(verdict))],
                Some(Data::Value(bytes)) => {
                    let mut registers = registers.clone();
                    registers.set(destination, bytes);
                    self.steps(rest, registers)
                }
                _ => vec![Step::Then(Action::Unknown("a map gives what hostduty does not know".into()))],
            };
            ways.push((test, way));
        }
        // By and by rules give other keys what is not known now.
        if self.context.lasting && self.changed.contains_key(set) {
            let reason = format!("what rules add to {set}");
            let mut registers = registers.clone();
            let property = Property::Open(Context::unknown(&reason));
            registers.load(destination, property, OPEN, 0, OPEN, registers::Order::Network);
            ways.push((Context::unknown(&reason), self.steps(rest, registers)));
        }
        steps.push(Step::Branch(ways));
    }
}

/// Bytes of what is not understood: as many as a register has, so that none of them is taken for what was there before.
const OPEN: usize = 16;

/// A property that gives this test whatever it is compared with.
fn open(test: Test) -> Loaded {
    Loaded::Property(Property::Open(test), OPEN, registers::Order::Network)
}

fn push(steps: &mut Vec<Step>, test: Test) {
    if test != Test::Always {
        steps.push(Step::Test(test));
    }
}
