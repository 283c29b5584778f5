//! What is fixed at a site: the template, the workspace, the name of the content. Looked up once.

use std::sync::atomic::{AtomicBool, Ordering};

use nexus_plugin_api::{Call, Effect, PluginError};
use nexus_plugin_http::{Once, TransportError};

use crate::client::{Client, ClientError};
use crate::reply::{ContentField, Place, Template, rows};
use crate::settings::Workspace;

/// What is known of a site.
#[derive(Debug, Default)]
pub struct Site {
    template: Once<(), Result<Template, Missing>>,
    workspace: Once<(), Result<u64, Missing>>,
    /// Whether the content is called `content`.
    modern: AtomicBool,
}

/// Something that the settings name and the site does not have, or has several of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Missing {
    what: String,
    hint: String,
}

/// Why something could not be looked up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LookUpError {
    /// The question failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The site does not have it.
    #[error(transparent)]
    Missing(#[from] Missing),
}

impl From<LookUpError> for PluginError {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::Client(error) => error.into(),
            LookUpError::Missing(Missing { what, hint }) => Self::permanent(what).with_hint(hint),
        }
    }
}

impl LookUpError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.hint(),
            Self::Missing(missing) => Some(missing.hint.clone()),
        }
    }
}

impl Site {
    /// What the content of a record is called, as far as is known.
    pub fn content_field(&self) -> ContentField {
        if self.modern.load(Ordering::Relaxed) { ContentField::Content } else { ContentField::XmlContent }
    }

    /// The name of the content has been seen.
    pub fn learn(&self, field: ContentField) {
        self.modern.store(field == ContentField::Content, Ordering::Relaxed);
    }

    /// Numbers of templates and workspaces are asked for again.
    pub fn forget(&self) {
        self.template.forget(|()| true);
        self.workspace.forget(|()| true);
    }

    /// The template of this title.
    pub fn template(&self, client: &Client, call: &Call, title: &str) -> Result<Template, LookUpError> {
        let asked = self.template.get(call, &(), || kept(find_template(client, call, title)));
        Ok(asked.unwrap_or_else(|| Err(stopped(client).into()))??)
    }

    /// The number of the workspace; `None`: records stay private.
    pub fn workspace(
        &self,
        client: &Client,
        call: &Call,
        wanted: &Workspace,
    ) -> Result<Option<u64>, LookUpError> {
        if *wanted == Workspace::Private {
            return Ok(None);
        }
        let asked = self.workspace.get(call, &(), || kept(find_workspace(client, call, wanted)));
        Ok(Some(asked.unwrap_or_else(|| Err(stopped(client).into()))??))
    }
}

/// That something is missing is an answer as well: it is not asked for again with every record.
fn kept<T>(looked: Result<T, LookUpError>) -> Result<Result<T, Missing>, LookUpError> {
    match looked {
        Ok(value) => Ok(Ok(value)),
        Err(LookUpError::Missing(missing)) => Ok(Err(missing)),
        Err(other) => Err(other),
    }
}

/// The host does not want the answer any more.
pub fn stopped(client: &Client) -> ClientError {
    ClientError::Transport(TransportError::stopped(client.base().as_str().to_owned()))
}

fn find_template(client: &Client, call: &Call, title: &str) -> Result<Template, LookUpError> {
    match &templates(client, call, Some(title))?[..] {
        [template] => Ok(template.clone()),
        [] => {
            let others: Vec<String> =
                templates(client, call, None)?.iter().map(|other| format!("`{}`", other.title)).collect();
            let there = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            Err(Missing {
                what: format!(
                    "{} has no template in use with the title `{title}`; there are: {there}",
                    client.base().as_str()
                ),
                hint: "set `template` to the right title, or give the site the schema of this program with \
                       `nexus plugins run NAME push-template`"
                    .to_owned(),
            }
            .into())
        }
        several => Err(Missing {
            what: format!(
                "{} has {} templates with the title `{title}`",
                client.base().as_str(),
                several.len()
            ),
            hint: "let an administrator of the site rename or disable all but one".to_owned(),
        }
        .into()),
    }
}

/// The templates in use, of a title or all.
pub fn templates(client: &Client, call: &Call, title: Option<&str>) -> Result<Vec<Template>, ClientError> {
    let path = "rest/template-version-manager/global/";
    let mut query = vec![("is_disabled", "false")];
    query.extend(title.map(|title| ("title", title)));
    let answer = client.get(call, path, &query)?;
    let rows = rows(&answer, Template::of).ok_or_else(|| no_list(client, path))?;
    // The order of the list says nothing: an administrator ranks it.
    Ok(rows.into_iter().filter(|row| title.is_none_or(|title| row.title == title)).collect())
}

fn find_workspace(client: &Client, call: &Call, wanted: &Workspace) -> Result<u64, LookUpError> {
    let all = workspaces(client, call, "read_access")?;
    let fits = |place: &&Place| match wanted {
        Workspace::Named(named) => place.title == *named || place.id.to_string() == *named,
        Workspace::Public | Workspace::Private => place.global,
    };
    // A number names one, whatever others are called.
    let numbered = all.iter().find(|place| place.id.to_string() == wanted.as_str());
    let fitting: Vec<&Place> = all.iter().filter(fits).collect();
    match (numbered, &fitting[..]) {
        (Some(place), _) => Ok(place.id),
        (None, [place]) => Ok(place.id),
        (None, found) => {
            let named = match wanted {
                Workspace::Named(named) => format!("workspace `{named}`"),
                Workspace::Public | Workspace::Private => "public workspace of the site itself".to_owned(),
            };
            let what = if found.is_empty() {
                format!("the account of the token sees no {named} at {}", client.base().as_str())
            } else {
                let numbers: Vec<String> = found.iter().map(|place| place.id.to_string()).collect();
                format!(
                    "there are several at {}: {named} is one of {}",
                    client.base().as_str(),
                    numbers.join(", ")
                )
            };
            let titles: Vec<String> =
                all.iter().map(|place| format!("`{}` ({})", place.title, place.id)).collect();
            let there = if titles.is_empty() { "none".to_owned() } else { titles.join(", ") };
            let hint = format!(
                "set `workspace` to the title or number of one it sees ({there}), or to \"none\", or let the owner of \
                 the workspace give the account the right to write there"
            );
            Err(Missing { what, hint }.into())
        }
    }
}

/// The workspaces that the account may read (`read_access`) or write (`write_access`).
pub fn workspaces(client: &Client, call: &Call, access: &str) -> Result<Vec<Place>, ClientError> {
    let path = format!("rest/workspace/{access}/");
    let answer = client.get(call, &path, &[])?;
    rows(&answer, Place::of).ok_or_else(|| no_list(client, &path))
}

/// An answer that should have been a list.
pub fn no_list(client: &Client, path: &str) -> ClientError {
    ClientError::Odd {
        url: format!("{}{path}", client.base().as_str()),
        why: "did not answer with a list".to_owned(),
        effect: Effect::None,
    }
}
