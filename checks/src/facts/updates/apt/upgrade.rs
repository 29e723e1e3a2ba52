//! Which updates `apt-get upgrade` keeps back: those that would need a package that is not there, or break one that is.

use std::collections::{BTreeSet, HashMap};

use super::relation::{MultiArch, Relation, Relations};

/// More steps than these are not gone; an upgrade of a whole release takes a hundredth of them.
const MOST_STEPS: u32 = 3_000_000;

/// An installed package, and what it would become.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) name: String,
    /// Never `all`: that counts as the native one.
    pub(super) architecture: String,
    /// Whether an archive has the version that it is of now.
    pub(super) backed: bool,
    /// Whether it stays as it is because it is not this machine's turn.
    pub(super) phased: bool,
    pub(super) now: Release,
    /// What it would be upgraded to; nothing for what stays as it is in any case.
    pub(super) next: Option<Release>,
}

/// A version of it.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) relations: Relations,
}

/// Which moment is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Now,
    After,
}

/// The host while it is decided what is upgraded.
#[derive(Debug)]
struct Plan<'a> {
    units: &'a [Unit],
    /// Whether a unit becomes what it would.
    up: Vec<bool>,
    /// Those of a name, and those that provide it now or after.
    named: HashMap<&'a str, Vec<usize>>,
    provided: HashMap<&'a str, Vec<usize>>,
    /// Those that ask anything of a name, now or after.
    asking: HashMap<&'a str, Vec<usize>>,
    /// Whether what is newly unmet of recommendations keeps back, too: APT::Install-Recommends.
    wishes: bool,
    steps: u32,
}

/// For every unit with something newer, whether `apt-get upgrade` would install it; nothing where that takes too long.
///
/// apt marks every update and then takes back, the most depended on first, what leaves anything broken.
pub(super) fn kept(units: &[Unit], wishes: bool) -> Option<Vec<bool>> {
    let mut plan = Plan::new(units, wishes);
    // What has siblings that would become something else is not even tried.
    for unit in 0..units.len() {
        if !plan.apart(unit, Moment::After).is_empty() {
            for sibling in plan.named.get(units.get(unit)?.name.as_str()).cloned().unwrap_or_default() {
                plan.keep(sibling, &mut Vec::new());
            }
        }
    }
    let order = plan.order();
    let rank: HashMap<usize, usize> = order.iter().enumerate().map(|(rank, unit)| (*unit, rank)).collect();
    let rank = |unit: usize| rank.get(&unit).copied().unwrap_or(usize::MAX);
    let mut broken = BTreeSet::new();
    for unit in 0..units.len() {
        if plan.newly_broken(unit) {
            broken.insert((rank(unit), unit));
        }
    }
    while let Some((_, unit)) = broken.pop_first() {
        if plan.steps > MOST_STEPS {
            return None;
        }
        for changed in plan.mend(unit) {
            for near in plan.near(changed) {
                match plan.newly_broken(near) {
                    true => broken.insert((rank(near), near)),
                    false => broken.remove(&(rank(near), near)),
                };
            }
        }
    }
    (plan.steps <= MOST_STEPS).then_some(plan.up)
}

impl<'a> Plan<'a> {
    fn new(units: &'a [Unit], wishes: bool) -> Self {
        let mut plan = Self {
            units,
            up: units.iter().map(|unit| unit.next.is_some()).collect(),
            named: HashMap::new(),
            provided: HashMap::new(),
            asking: HashMap::new(),
            wishes,
            steps: 0,
        };
        for (at, unit) in units.iter().enumerate() {
            plan.named.entry(&unit.name).or_default().push(at);
            for release in [Some(&unit.now), unit.next.as_ref()].into_iter().flatten() {
                let relations = &release.relations;
                for provided in &relations.provides {
                    add(plan.provided.entry(&provided.name).or_default(), at);
                }
                let needs = relations.needs.iter().chain(&relations.wishes).flatten();
                for asked in needs.chain(&relations.against) {
                    add(plan.asking.entry(&asked.name).or_default(), at);
                }
            }
        }
        plan
    }

    fn release(&self, unit: usize, moment: Moment) -> Option<&'a Release> {
        let own = self.units.get(unit)?;
        let up = moment == Moment::After && self.up.get(unit).copied().unwrap_or_default();
        Some(own.next.as_ref().filter(|_| up).unwrap_or(&own.now))
    }

    /// Whether a unit is broken after the upgrade, or misses a recommendation that it does not miss now.
    fn newly_broken(&mut self, unit: usize) -> bool {
        self.broken(unit, Moment::After)
            || (self.wishes
                && self.wishing(unit, Moment::After)
                && !self.wishing(unit, Moment::Now)
                && !self.broken(unit, Moment::Now))
    }

    fn broken(&mut self, unit: usize, moment: Moment) -> bool {
        let Some(release) = self.release(unit, moment) else { return false };
        release.relations.needs.iter().any(|group| !self.any(group, unit, moment))
            || release.relations.against.iter().any(|one| !self.hit(one, unit, moment).is_empty())
            || !self.apart(unit, moment).is_empty()
    }

    fn wishing(&mut self, unit: usize, moment: Moment) -> bool {
        let Some(release) = self.release(unit, moment) else { return false };
        release.relations.wishes.iter().any(|group| !self.any(group, unit, moment))
    }

    fn any(&mut self, group: &[Relation], unit: usize, moment: Moment) -> bool {
        group.iter().any(|one| self.met(one, unit, moment))
    }

    /// Whether anything installed is what a unit needs.
    fn met(&mut self, one: &Relation, unit: usize, moment: Moment) -> bool {
        let named = self.named.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        let provided = self.provided.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        self.steps = self.steps.saturating_add(1);
        named.iter().any(|other| self.is(one, *other, moment) && self.usable(one, unit, *other, moment))
            || provided
                .iter()
                .any(|other| self.provides(one, *other, moment) && self.usable(one, unit, *other, moment))
    }

    fn is(&self, one: &Relation, other: usize, moment: Moment) -> bool {
        self.release(other, moment).is_some_and(|release| one.takes(Some(&release.version)))
    }

    fn provides(&mut self, one: &Relation, other: usize, moment: Moment) -> bool {
        self.steps = self.steps.saturating_add(1);
        let Some(release) = self.release(other, moment) else { return false };
        let provides = release.relations.provides.iter().filter(|provided| provided.name == one.name);
        let mut versions =
            provides.map(|provided| provided.version.as_ref().map(|(_, version)| version.as_str()));
        versions.any(|version| one.takes(version))
    }

    /// Whether the architectures of who asks and who answers go together.
    fn usable(&self, one: &Relation, unit: usize, other: usize, moment: Moment) -> bool {
        let (Some(own), Some(target)) = (self.units.get(unit), self.units.get(other)) else { return false };
        let multi_arch =
            self.release(other, moment).map(|release| release.relations.multi_arch).unwrap_or_default();
        match one.architecture.as_deref() {
            None => own.architecture == target.architecture || multi_arch == MultiArch::Foreign,
            Some("any") => {
                own.architecture == target.architecture
                    || matches!(multi_arch, MultiArch::Foreign | MultiArch::Allowed)
            }
            Some("native") => own.architecture == target.architecture,
            Some(named) => target.architecture == named,
        }
    }

    /// Those installed that a unit does not suffer beside itself. Whoever bears its own name is not meant.
    fn hit(&mut self, one: &Relation, unit: usize, moment: Moment) -> Vec<usize> {
        let named = self.named.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        let provided = self.provided.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        self.steps = self.steps.saturating_add(1);
        let own = self.units.get(unit).map(|own| own.name.as_str());
        let mut hit = Vec::new();
        for (other, by_name) in named
            .into_iter()
            .map(|other| (other, true))
            .chain(provided.into_iter().map(|other| (other, false)))
        {
            let Some(target) = self.units.get(other).filter(|target| Some(target.name.as_str()) != own)
            else {
                continue;
            };
            let meant = match one.architecture.as_deref() {
                None | Some("any") => true,
                Some(named) => target.architecture == named,
            };
            let is = if by_name { self.is(one, other, moment) } else { self.provides(one, other, moment) };
            if meant && is {
                add(&mut hit, other);
            }
        }
        hit
    }

    /// Its like of other architectures that would be of another version, which `Multi-Arch: same` forbids.
    fn apart(&self, unit: usize, moment: Moment) -> Vec<usize> {
        let (Some(own), Some(release)) = (self.units.get(unit), self.release(unit, moment)) else {
            return Vec::new();
        };
        let others = self.named.get(own.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        if release.relations.multi_arch != MultiArch::Same || others.len() < 2 {
            return Vec::new();
        }
        let differs = |other: &&usize| {
            self.release(**other, moment).is_some_and(|theirs| theirs.version != release.version)
        };
        others.iter().filter(differs).copied().collect()
    }

    /// Takes a unit's own update back, and if that does not help those of what it needs; returns what was taken back.
    fn mend(&mut self, unit: usize) -> Vec<usize> {
        let mut changed = Vec::new();
        self.keep(unit, &mut changed);
        if !self.newly_broken(unit) {
            return changed;
        }
        let Some(release) = self.release(unit, Moment::After) else { return changed };
        let mut suspects: Vec<Vec<usize>> = Vec::new();
        for group in &release.relations.needs {
            if self.any(group, unit, Moment::After) {
                continue;
            }
            for one in group {
                let named = self.named.get(one.name.as_str()).into_iter().flatten();
                let provided = self.provided.get(one.name.as_str()).into_iter().flatten();
                suspects.push(named.chain(provided).copied().collect());
            }
        }
        for one in &release.relations.against {
            suspects.push(self.hit(one, unit, Moment::After));
        }
        suspects.push(self.apart(unit, Moment::After));
        for group in suspects {
            for other in group {
                self.keep(other, &mut changed);
                if !self.newly_broken(unit) {
                    return changed;
                }
            }
        }
        changed
    }

    fn keep(&mut self, unit: usize, changed: &mut Vec<usize>) {
        if let Some(up) = self.up.get_mut(unit).filter(|up| **up) {
            *up = false;
            changed.push(unit);
        }
    }

    /// A unit and those that its version may matter to.
    fn near(&self, unit: usize) -> Vec<usize> {
        let Some(own) = self.units.get(unit) else { return Vec::new() };
        let provides = [Some(&own.now), own.next.as_ref()].into_iter().flatten();
        let provides = provides.flat_map(|release| &release.relations.provides).map(|one| one.name.as_str());
        let mut near: BTreeSet<usize> = [unit].into();
        for name in provides.chain([own.name.as_str()]) {
            near.extend(self.asking.get(name).into_iter().flatten());
        }
        near.extend(self.named.get(own.name.as_str()).into_iter().flatten());
        near.into_iter().collect()
    }

    /// The units, what most others depend on first: by apt's scores.
    fn order(&mut self) -> Vec<usize> {
        let all = 0..self.units.len();
        let mut scores: Vec<i64> = all.clone().map(|unit| self.worth(unit)).collect();
        let give = |scores: &mut Vec<i64>, unit: usize, points: i64| {
            if let Some(score) = scores.get_mut(unit) {
                *score = score.saturating_add(points);
            }
        };
        for unit in all.clone() {
            let Some(release) = self.release(unit, Moment::After) else { continue };
            let relations = &release.relations;
            for one in relations.needs.iter().chain(&relations.wishes).flatten() {
                for target in self.meeting(one) {
                    give(&mut scores, target, 1);
                }
            }
            for one in &relations.against {
                for target in self.hit(one, unit, Moment::After) {
                    give(&mut scores, target, -1);
                }
            }
        }
        // What is asked for by something of worth is worth as much.
        let first = scores.clone();
        for unit in all.clone() {
            let Some(release) = self.release(unit, Moment::After) else { continue };
            let own = first.get(unit).copied().unwrap_or(0).max(0);
            for one in release.relations.needs.iter().chain(&release.relations.wishes).flatten() {
                for target in self.named.get(one.name.as_str()).into_iter().flatten() {
                    if self.units.get(*target).map(|unit| &unit.architecture)
                        == self.units.get(unit).map(|unit| &unit.architecture)
                    {
                        give(&mut scores, *target, own);
                    }
                }
            }
        }
        for unit in all.clone() {
            let Some(own) = self.units.get(unit) else { continue };
            if own.phased {
                give(&mut scores, unit, 10_000);
            }
            if own.now.relations.essential {
                give(&mut scores, unit, 5_000);
            }
        }
        let mut order: Vec<usize> = all.collect();
        order.sort_by_key(|unit| std::cmp::Reverse(scores.get(*unit).copied().unwrap_or(0)));
        order
    }

    /// What a unit is worth by itself.
    fn worth(&self, unit: usize) -> i64 {
        let (Some(own), Some(release)) = (self.units.get(unit), self.release(unit, Moment::After)) else {
            return 0;
        };
        let up = self.up.get(unit).copied().unwrap_or_default();
        let mut worth = if release.relations.essential { 100 } else { 0_i64 };
        worth = worth.saturating_add(if up || own.backed { release.relations.priority } else { -2 });
        worth.saturating_add(i64::from(own.backed || own.next.is_some()))
    }

    /// Those that would be what is asked for, whoever asks.
    fn meeting(&mut self, one: &Relation) -> Vec<usize> {
        let named = self.named.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        let provided = self.provided.get(one.name.as_str()).map(Vec::as_slice).unwrap_or_default().to_vec();
        let mut meeting: Vec<usize> =
            named.into_iter().filter(|unit| self.is(one, *unit, Moment::After)).collect();
        for unit in provided {
            if self.provides(one, unit, Moment::After) {
                add(&mut meeting, unit);
            }
        }
        meeting
    }
}

fn add(list: &mut Vec<usize>, unit: usize) {
    if list.last() != Some(&unit) {
        list.push(unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, fields: &str) -> Release {
        Release { version: version.into(), relations: Relations::read(fields.as_bytes()) }
    }

    fn unit(name: &str, now: &str, next: Option<&str>) -> Unit {
        let of = |version: &str, text: &str| release(version, &text.replace('/', "\n"));
        Unit {
            name: name.into(),
            architecture: "amd64".into(),
            backed: true,
            phased: false,
            now: of("1", now),
            next: next.map(|next| of("2", next)),
        }
    }

    fn upgraded(units: &[Unit]) -> Vec<&str> {
        let up = kept(units, true).unwrap();
        units.iter().zip(up).filter(|(_, up)| *up).map(|(unit, _)| unit.name.as_str()).collect()
    }

    #[test]
    fn what_needs_something_new_stays_and_so_does_what_is_tied_to_it() {
        let units = [
            unit("lib", "", Some("Depends: new")),
            unit("dev", "Depends: lib (= 1)", Some("Depends: lib (= 2)")),
            unit("doc", "", Some("")),
            unit("user", "Depends: lib", Some("Depends: lib (>= 1)")),
        ];
        assert_eq!(upgraded(&units), ["doc", "user"]);
    }

    #[test]
    fn what_would_break_another_stays() {
        let units = [
            unit("lib", "", Some("Breaks: old (<< 2)")),
            unit("old", "", None),
            unit("tied", "Depends: other (= 1)", None),
            unit("other", "", Some("")),
            unit("free", "", Some("Conflicts: absent, free")),
        ];
        assert_eq!(upgraded(&units), ["free"]);
    }

    #[test]
    fn names_that_are_provided_and_new_recommendations() {
        let units = [
            unit("mta", "Provides: mail", Some("")),
            unit("mailer", "Depends: mail", None),
            unit("fine", "", Some("Depends: absent | mail, virtual (>= 3)")),
            unit("virtual-3", "Provides: virtual (= 3)", None),
            unit("wishing", "", Some("Recommends: absent")),
            unit("used-to-it", "Recommends: absent", Some("Recommends: absent, more")),
        ];
        assert_eq!(upgraded(&units), ["fine", "used-to-it"]);
        assert!(kept(&units, false).unwrap()[4]);
    }

    #[test]
    fn one_version_for_all_architectures() {
        let same = "Multi-Arch: same";
        let mut foreign = unit("libc6", same, None);
        foreign.architecture = "i386".into();
        assert!(upgraded(&[unit("libc6", same, Some(same)), foreign]).is_empty());
        let mut foreign = unit("libc6", same, Some(same));
        foreign.architecture = "i386".into();
        assert_eq!(upgraded(&[unit("libc6", same, Some(same)), foreign]).len(), 2);
    }
}
