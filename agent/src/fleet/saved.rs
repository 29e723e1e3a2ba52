//! `report --from`: reports that were written earlier, taken with the same distrust as those of other hosts.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::{Failure, Reason};
use super::{Asked, Destination, Error, answer};
use crate::render::json_v1::Report;
use crate::{named, output};

/// A file larger than this is none: a host takes a fifth of a megabyte.
const LARGEST: u64 = 256 << 20;

/// Tells a merged report from one of a single host: that one has no hosts.
#[derive(Deserialize)]
struct Kind {
    hosts: Option<IgnoredAny>,
}

/// The part of a merged report that `--from` shows again; the rest follows from it.
#[derive(Deserialize)]
struct Merged {
    schema_version: u32,
    hosts: Vec<Host>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Host {
    name: String,
    destination: String,
    port: Option<u16>,
    outcome: String,
    detail: Option<String>,
    milliseconds: u64,
    report: Option<Report>,
}

/// The hosts of all these files in their order, and the notes of the merged ones.
pub(crate) fn saved(files: &[PathBuf]) -> Result<(Vec<Asked>, Vec<String>), Error> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for path in files {
        let file = path.display().to_string();
        let text = named::read(path, LARGEST).map_err(|error| Error::Unreadable(file.clone(), error))?;
        let not = |why: String| Error::Saved(file.clone(), why);
        let kind: Kind =
            serde_json::from_slice(text.as_bytes()).map_err(|error| not(output::complaint(&error)))?;
        if kind.hosts.is_none() {
            let report =
                serde_json::from_slice(text.as_bytes()).map_err(|error| not(output::complaint(&error)))?;
            all.push(alone(path, answer::checked(report).map_err(not)?));
            continue;
        }
        let merged: Merged =
            serde_json::from_slice(text.as_bytes()).map_err(|error| not(output::complaint(&error)))?;
        if merged.schema_version != 1 {
            return Err(not(format!("it is of version {}", merged.schema_version)));
        }
        for host in merged.hosts {
            let name = host.name.clone();
            all.push(again(host).map_err(|why| not(format!("{name}: {why}")))?);
        }
        notes.extend(merged.notes);
    }
    if all.is_empty() { Err(Error::Nobody) } else { Ok((all, notes)) }
}

/// A report of one host, which bears its own name or, without one, that of the file.
fn alone(path: &Path, report: Report) -> Asked {
    let name = report.host.name.clone().unwrap_or_else(|| path.display().to_string());
    let host = Destination { target: name.clone(), name, port: None, identity: None };
    Asked { host, answer: Ok(report), milliseconds: 0 }
}

fn again(host: Host) -> Result<Asked, String> {
    let answer = match host.report {
        Some(report) => Ok(answer::checked(report)?),
        None => {
            let reason = Reason::named(&host.outcome);
            let reason = reason.ok_or_else(|| format!("there is no outcome `{}`", host.outcome))?;
            Err(Failure { reason, detail: host.detail.unwrap_or_default() })
        }
    };
    let milliseconds = host.milliseconds;
    let host = Destination { name: host.name, target: host.destination, port: host.port, identity: None };
    Ok(Asked { host, answer, milliseconds })
}
