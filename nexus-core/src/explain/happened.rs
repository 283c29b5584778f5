//! What happened, in the order of time.

use super::kinds;
use super::say::{Times, count, quoted};
use super::{Facts, Happened, Paragraph};

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    if facts.happened_before > 0 {
        paragraphs.push(Paragraph::of(vec![format!(
            "({} before that; `--all` tells everything.)",
            count(facts.happened_before, "happening")
        )]));
    }
    paragraphs.extend(facts.happened.iter().map(|one| {
        let at = one.at().map_or_else(|| "(at no time that can be read)".to_owned(), |at| times.at(at));
        Paragraph::of(vec![format!("{at}  {}", sentence(one, times))])
    }));
    paragraphs
}

fn sentence(one: &Happened, times: Times) -> String {
    match one {
        Happened::Run { run, version, under_way: true, .. } => {
            format!("Run {run} (nexus {version}) began, and is under way.")
        }
        Happened::Run { run, version, ended_at: None, .. } => {
            format!("Run {run} (nexus {version}) began, and was interrupted.")
        }
        Happened::Run { run, version, ended_at: Some(ended), exit_code, .. } => {
            let code = exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            format!("Run {run} (nexus {version}) began; it ended{code} at {}.", times.at(*ended))
        }
        Happened::Noted { kind, detail, .. } => kinds::sentence(kind, detail.as_deref()),
        Happened::Uploaded { destination, success, record_id, error, unclear, by_peer, .. } => {
            let who = if *by_peer { "NexusLIMS" } else { "Nexus" };
            let why = error.as_deref().map(|error| format!(": {}", quoted(error))).unwrap_or_default();
            if *success {
                let id = record_id.as_deref().map(|id| format!(", as {id}")).unwrap_or_default();
                format!("{who} delivered the record to `{destination}`{id}.")
            } else if *unclear {
                format!("{who} tried `{destination}`, and how that ended is not known{why}.")
            } else {
                format!("{who} tried `{destination}`, and it failed{why}.")
            }
        }
    }
}
