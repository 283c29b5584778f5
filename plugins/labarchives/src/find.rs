//! Looking for the page of a session.

use nexus_plugin_api::{Call, Delivery, Found, LogLevel, PluginError, Remote};

use crate::LabArchivesDestination;
use crate::error::LabError;
use crate::memory::Glance;
use crate::owner;
use crate::page::{self, Seen, Whose};
use crate::tree::{self, Shelf};

/// Pages of one name that are looked into.
const MOST_PAGES: usize = 10;

/// Longest link that is stored, in characters.
const LONGEST_LINK: usize = 500;

/// What the notebook holds for a session, told to the host.
pub fn find(lab: &LabArchivesDestination, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
    let (shelf, pages) = locate(lab, call, delivery)?;
    Ok(told(lab, delivery, shelf, pages))
}

/// The notebook of a session, and its pages there.
pub fn locate(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
) -> Result<(Shelf, Vec<Seen>), LabError> {
    let goal = lab.goal(call, delivery)?;
    let pages = match (in_notebook(lab, call, delivery, &goal.shelf), goal.otherwise) {
        (Err(error), Some(otherwise)) if error.refuses_the_account() => {
            owner::said(call, delivery, &error.to_string());
            let pages = in_notebook(lab, call, delivery, &otherwise)?;
            return Ok((otherwise, pages));
        }
        (Err(LabError::Api(error)), None) if goal.shelf.own && error.refuses_the_account() => {
            return Err(owner::refused(delivery, &error).into());
        }
        (looked, _) => looked?,
    };
    // It went to the facility's notebook before the user was enrolled, or while the account was refused: it stays there.
    let facility = lab.facility()?;
    if pages.is_empty() && goal.shelf.nbid != facility.nbid {
        let pages = in_notebook(lab, call, delivery, &facility)?;
        if !pages.is_empty() {
            return Ok((facility, pages));
        }
    }
    Ok((goal.shelf, pages))
}

fn told(lab: &LabArchivesDestination, delivery: &Delivery, shelf: Shelf, mut pages: Vec<Seen>) -> Found {
    let Some(seen) = pages.pop() else {
        lab.memory.note(delivery, shelf, Glance::Nothing, lab.client.now());
        return Found::None;
    };
    if !pages.is_empty() {
        pages.push(seen);
        return Found::Many(pages.iter().map(|seen| remote(lab, &shelf, seen, None)).collect());
    }
    if seen.summary.is_none() {
        // A page without a summary has no id yet, and the delivery goes on with it.
        lab.memory.note(delivery, shelf, Glance::There(seen), lab.client.now());
        return Found::None;
    }
    let complete = seen.is_complete(delivery);
    let remote = remote(lab, &shelf, &seen, complete.then(|| delivery.record.content_sha256.clone()));
    if !complete {
        lab.memory.note(delivery, shelf, Glance::There(seen), lab.client.now());
    }
    Found::One(remote)
}

/// A page, as the host knows it.
pub fn remote(
    lab: &LabArchivesDestination,
    shelf: &Shelf,
    seen: &Seen,
    content_sha256: Option<String>,
) -> Remote {
    let summary = seen.summary.as_ref();
    let given = summary.and_then(|summary| summary.url.clone());
    let usable = |url: &String| {
        url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            && url.chars().count() <= LONGEST_LINK
            && !url.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    Remote {
        id: summary.map_or_else(|| seen.page.clone(), |summary| summary.id.clone()),
        url: given.filter(usable).or_else(|| Some(lab.client.base().page(&shelf.nbid, &seen.page))),
        content_sha256,
    }
}

/// The pages of the session in a notebook: those that say so; if none does, the first of its name that says nothing.
pub fn in_notebook(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    shelf: &Shelf,
) -> Result<Vec<Seen>, LabError> {
    match through_folders(lab, call, delivery, shelf) {
        // A folder that was known is gone: once more from the top.
        Err(LabError::Api(error)) if error.may_be_gone() => {
            lab.folders.forget(shelf);
            through_folders(lab, call, delivery, shelf).map_err(|error| no_notebook(error, shelf))
        }
        other => other,
    }
}

/// Says of a refusal that names nothing what was asked for.
fn no_notebook(error: LabError, shelf: &Shelf) -> LabError {
    match error {
        LabError::Api(error) if error.may_be_gone() && !shelf.own => PluginError::from(error)
            .with_hint(
                "is there a notebook with the id of `notebook_id`, and is it shared with the account? `nexus plugins run \
                 NAME notebooks` lists those that the account sees",
            )
            .into(),
        other => other,
    }
}

fn through_folders(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    shelf: &Shelf,
) -> Result<Vec<Seen>, LabError> {
    let name = lab.settings.page.of(delivery);
    let path = lab.settings.folder.of(delivery);
    let mut candidates: Vec<(String, bool)> = Vec::new();
    for folder in lab.folders.find(&lab.client, call, shelf, &path)? {
        let nodes = tree::level(&lab.client, call, shelf, &folder.id)?;
        candidates.extend(
            tree::named(&nodes, &name, true).map(|node| (node.id.clone(), node.writable == Some(false))),
        );
    }
    let (mut ours, mut nobodys, mut others) = (Vec::new(), Vec::new(), 0_usize);
    for (page, read_only) in candidates.iter().take(MOST_PAGES) {
        match page::look(lab, call, delivery, shelf, page)? {
            Whose::Ours(seen) => ours.push(Seen { read_only: *read_only, ..seen }),
            Whose::Nobodys(seen) => nobodys.push(Seen { read_only: *read_only, ..seen }),
            Whose::Anothers => others += 1,
        }
    }
    if ours.is_empty() {
        ours.extend(renamed(lab, call, delivery, shelf, &candidates)?);
    }
    if ours.is_empty() && candidates.len() > MOST_PAGES {
        return Err(PluginError::permanent(format!(
            "{} pages are called `{name}`, and none of the first {MOST_PAGES} says that it is this session's",
            candidates.len()
        ))
        .with_hint(
            "remove those that nobody needs, or let `page` name the session, then use `nexus export retry`",
        )
        .into());
    }
    if others > 0 || candidates.len() > 1 {
        call.log(
            LogLevel::Warn,
            &format!(
                "{} pages are called `{name}`: {} of this session, {others} of others",
                candidates.len(),
                ours.len()
            ),
        );
    }
    if ours.is_empty() {
        ours.extend(nobodys.into_iter().next());
    }
    Ok(ours)
}

/// The page that was delivered before, if its link tells which one that was, and it is called otherwise now.
fn renamed(
    lab: &LabArchivesDestination,
    call: &Call,
    delivery: &Delivery,
    shelf: &Shelf,
    seen: &[(String, bool)],
) -> Result<Option<Seen>, LabError> {
    let link = delivery.previous.as_ref().and_then(|remote| remote.url.as_deref());
    let Some((notebook, page)) = link.and_then(|link| lab.client.base().page_of(link)) else {
        return Ok(None);
    };
    if notebook != shelf.nbid || seen.iter().any(|(known, _)| *known == page) {
        return Ok(None);
    }
    match page::look(lab, call, delivery, shelf, &page) {
        Ok(Whose::Ours(seen)) => Ok(Some(seen)),
        Ok(Whose::Nobodys(_) | Whose::Anothers) => Ok(None),
        Err(LabError::Api(error)) if error.may_be_gone() => Ok(None),
        Err(error) => Err(error),
    }
}
