//! The rule that turns traces into the days between which the machine was handed over.

use super::{Delivery, Trace, TraceKind};
use crate::date::{Day, Timestamp};
use crate::evidence::Evidence;

/// The days between which the machine was handed over, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Not before this day (UTC, as shadow(5) counts).
    pub from: Day,
    /// Not after this day; absent when the evidence has no upper bound.
    pub to: Option<Day>,
    /// By what, as it reads in a sentence: `cloud-init's first run on 2026-03-02`.
    pub by: String,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
}

impl Delivery {
    /// When the machine was handed over.
    ///
    /// What the customer declares counts alone. Else the best trace that marks the first boot of this very instance:
    /// cloud-init, then VMware's customisation. Else the machine id and the host keys, which say it together: both may
    /// be older (shipped in the image) or younger (replaced) than the rental, and where they differ, or where the root
    /// file system was born after them, the truth lies between. An installer's log and the birth of the root file
    /// system alone are only a lower bound: a golden image brings both along.
    #[must_use]
    pub fn handover(&self, declared: Option<Timestamp>) -> Option<Handover> {
        if let Some(at) = declared {
            let by = format!("delivered_at in the configuration, {}", at.day());
            let evidence = vec![Evidence::of("policy.delivered_at").says(at.to_string())];
            return Some(Handover { from: at.day(), to: Some(at.day()), by, evidence });
        }
        let of = |kinds: &[TraceKind]| -> Vec<&Trace> {
            self.traces.iter().filter(|trace| kinds.contains(&trace.kind)).collect()
        };
        for kind in [TraceKind::CloudInit, TraceKind::GuestCustomization] {
            if let Some(trace) = of(&[kind]).first() {
                return between(&[*trace], true);
            }
        }
        let birth = of(&[TraceKind::Birth]).into_iter().max_by_key(|trace| trace.at);
        let first_boot = of(&[TraceKind::MachineId, TraceKind::HostKey]);
        let Some(newest) = first_boot.iter().map(|trace| trace.at).max() else {
            let lower = of(&[TraceKind::Installer, TraceKind::Birth]);
            return between(lower.into_iter().max_by_key(|trace| trace.at).as_slice(), false);
        };
        let younger = birth.filter(|trace| trace.at.day() > newest.day());
        between(&first_boot.into_iter().chain(younger).collect::<Vec<_>>(), true)
    }
}

fn between(traces: &[&Trace], bounded: bool) -> Option<Handover> {
    let from = traces.iter().map(|trace| trace.at.day()).min()?;
    let to = traces.iter().map(|trace| trace.at.day()).max().filter(|_| bounded);
    let named: Vec<String> =
        traces.iter().map(|trace| format!("{} on {}", trace.kind.name(), trace.at.day())).collect();
    let evidence = traces.iter().map(|trace| Evidence::of(&trace.path).says(trace.at.to_string())).collect();
    Some(Handover { from, to, by: named.join(" and "), evidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(traces: &[(TraceKind, &str)]) -> Delivery {
        let trace = |(kind, day): &(TraceKind, &str)| Trace {
            kind: *kind,
            at: day.parse().unwrap(),
            path: "/x".into(),
        };
        Delivery { traces: traces.iter().map(trace).collect(), ignored: Vec::new() }
    }

    fn days(traces: &[(TraceKind, &str)]) -> (String, Option<String>) {
        let found = delivery(traces).handover(None).unwrap();
        (found.from.to_string(), found.to.map(|day| day.to_string()))
    }

    fn exactly(day: &str) -> (String, Option<String>) {
        (day.to_owned(), Some(day.to_owned()))
    }

    #[test]
    fn the_customer_is_believed_before_cloud_init_and_cloud_init_before_files() {
        use TraceKind::*;
        let all = [
            (CloudInit, "2026-03-02"),
            (MachineId, "2024-01-01"),
            (HostKey, "2026-05-05"),
            (Birth, "2023-01-01"),
        ];
        assert_eq!(days(&all), exactly("2026-03-02"));
        assert_eq!(
            delivery(&all).handover(Some("2026-04-04".parse().unwrap())).unwrap().from.to_string(),
            "2026-04-04"
        );
        assert_eq!(days(&all[1..]), ("2024-01-01".into(), Some("2026-05-05".into())));
        assert_eq!(days(&[all[1], all[3]]), exactly("2024-01-01"));
        assert_eq!(delivery(&[]).handover(None), None);
    }

    #[test]
    fn a_golden_image_is_only_a_lower_bound() {
        use TraceKind::*;
        assert_eq!(days(&[(Birth, "2023-01-01"), (Installer, "2023-01-02")]), ("2023-01-02".into(), None));
    }

    #[test]
    fn a_file_system_younger_than_the_first_boot_leaves_it_open() {
        use TraceKind::*;
        let seen = days(&[(MachineId, "2023-01-01"), (HostKey, "2023-01-01"), (Birth, "2026-03-02")]);
        assert_eq!(seen, ("2023-01-01".into(), Some("2026-03-02".into())));
    }
}
