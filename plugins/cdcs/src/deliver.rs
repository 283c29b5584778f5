//! Delivering one record: create or change it, publish it, give it to its user.

use nexus_plugin_api::{Call, Checkpoint, Delivery, Effect, LogLevel, PluginError, Remote, Step};
use nexus_plugin_http::Method;
use serde_json::{Map, Value, json};

use crate::CdcsDestination;
use crate::client::ClientError;
use crate::find::{is_published, look};
use crate::memory::{Glance, Seen};
use crate::owner;
use crate::record::Local;
use crate::reply::{ContentField, Record};
use crate::settings::Workspace;

/// Creates the record, or does what is missing of an earlier delivery.
pub fn deliver(cdcs: &CdcsDestination, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
    let local = Local::read(delivery)?;
    let owner = owner::wanted(cdcs, call, delivery)?;
    let (key, content) = (&delivery.record.key, &delivery.record.content_sha256);
    let desk = Desk { cdcs, call, delivery, local: &local };
    let seen = match cdcs.memory.take(key, content, cdcs.client.now()) {
        Some(glance) => glance,
        None => desk.look()?,
    };
    let Glance::There(seen) = seen else {
        let seen = desk.create()?;
        // From here on the record is there, whatever fails.
        desk.publish_new(&seen).map_err(PluginError::maybe_done)?;
        if owner.is_none() || seen.owner == owner {
            return Ok(desk.done(seen.id));
        }
        let checkpoint = Checkpoint(json!({"record": seen.id}));
        cdcs.memory.note(key, content, Glance::There(seen), cdcs.client.now());
        return Ok(Step::More(checkpoint));
    };
    if !seen.same {
        desk.change(&seen)?;
    }
    if !is_published(cdcs, &seen) {
        desk.publish(seen.id)?;
    }
    if let Some(owner) = owner.filter(|owner| seen.owner != Some(*owner)) {
        desk.give(seen.id, owner)?;
    }
    Ok(desk.done(seen.id))
}

struct Desk<'a> {
    cdcs: &'a CdcsDestination,
    call: &'a Call,
    delivery: &'a Delivery,
    local: &'a Local,
}

impl Desk<'_> {
    fn done(&self, id: u64) -> Step {
        Step::Done(Remote {
            id: id.to_string(),
            url: Some(self.cdcs.client.base().page(id)),
            content_sha256: Some(self.delivery.record.content_sha256.clone()),
        })
    }

    fn look(&self) -> Result<Glance, PluginError> {
        match &look(self.cdcs, self.call, self.delivery)?[..] {
            [] => Ok(Glance::Nothing),
            [record] => Ok(Glance::There(Seen::new(record, self.local.is_held(&record.content)))),
            several => {
                let ids: Vec<String> = several.iter().map(|record| record.id.to_string()).collect();
                Err(PluginError::permanent(format!(
                    "{} holds {} records of this session: {}",
                    self.cdcs.client.base().as_str(),
                    several.len(),
                    ids.join(", ")
                ))
                .with_hint("remove all but one at the site, then use `nexus export retry`"))
            }
        }
    }

    fn title(&self) -> &str {
        self.delivery.record.name.trim()
    }

    fn workspace(&self) -> Result<Option<u64>, PluginError> {
        let Self { cdcs, call, .. } = self;
        Ok(cdcs.site.workspace(&cdcs.client, call, &cdcs.settings.workspace)?)
    }

    /// Creates the record where it belongs, in one request.
    fn create(&self) -> Result<Seen, PluginError> {
        let Self { cdcs, call, .. } = self;
        let mut asked_again = false;
        let mut field = cdcs.site.content_field();
        // What the site complains about is looked up again, each once.
        for _ in 0..3 {
            let template = cdcs.site.template(&cdcs.client, call, &cdcs.settings.template)?;
            let mut body = Map::new();
            body.insert("template".to_owned(), template.current.into());
            body.insert("title".to_owned(), self.title().into());
            if let Some(workspace) = self.workspace()? {
                body.insert("workspace".to_owned(), workspace.into());
            }
            body.insert(field.as_str().to_owned(), self.local.content.as_str().into());
            match cdcs.client.send(call, &Method::POST, "rest/data/", Some(&body.into())) {
                Ok(answer) => return self.created(&answer),
                Err(error)
                    if !asked_again
                        && (error.complains_about("template") || error.complains_about("workspace")) =>
                {
                    asked_again = true;
                    cdcs.site.forget();
                }
                Err(error) if error.complains_about(field.other().as_str()) => {
                    field = field.other();
                    cdcs.site.learn(field);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(PluginError::permanent(format!(
            "{} takes the content neither as `{}` nor as `{}`",
            cdcs.client.base().as_str(),
            ContentField::XmlContent.as_str(),
            ContentField::Content.as_str()
        )))
    }

    fn created(&self, answer: &Value) -> Result<Seen, PluginError> {
        let Some(record) = Record::of(answer) else {
            return Err(self.odd("rest/data/", "says that the record was created, and does not show it"));
        };
        self.cdcs.site.learn(record.field);
        if self.local.is_held(&record.content) {
            return Ok(Seen::new(&record, true));
        }
        Err(PluginError::permanent(format!(
            "{} created the record, but holds another content than was sent",
            self.cdcs.client.base().page(record.id)
        ))
        .maybe_done()
        .with_hint("look at the record there; `nexus export retry` sends the content again"))
    }

    fn odd(&self, path: &str, why: &str) -> PluginError {
        let url = format!("{}{path}", self.cdcs.client.base().as_str());
        ClientError::Odd { url, why: why.to_owned(), effect: Effect::Maybe }.into()
    }

    /// Replaces the content. The site judges it by the record's own version of the template.
    fn change(&self, seen: &Seen) -> Result<(), PluginError> {
        let Self { cdcs, call, .. } = self;
        let template = cdcs.site.template(&cdcs.client, call, &cdcs.settings.template)?;
        let old = seen.template != template.current;
        if old {
            call.log(
                LogLevel::Warn,
                &format!(
                    "record {} is under version {} of template `{}`, the current one is {}: it stays there",
                    seen.id, seen.template, template.title, template.current
                ),
            );
        }
        let path = format!("rest/data/{}/", seen.id);
        let mut field = seen.field;
        // The wrong name of the content is taken without a word and changes nothing.
        for _ in 0..2 {
            let body = json!({"title": self.title(), field.as_str(): self.local.content});
            let answer = match cdcs.client.send(call, &Method::PATCH, &path, Some(&body)) {
                Err(error @ ClientError::Refused { .. }) if old => {
                    return Err(PluginError::from(error).with_hint(format!(
                        "the site judges record {} by version {} of the template, under which it was created: remove \
                         it there, so that it is created anew under the current one, or let an administrator migrate it",
                        seen.id, seen.template
                    )));
                }
                answer => gone(answer)?,
            };
            let Some(record) = Record::of(&answer) else {
                return Err(self.odd(&path, "says that the record was changed, and does not show it"));
            };
            if self.local.is_held(&record.content) {
                cdcs.site.learn(record.field);
                return Ok(());
            }
            if record.field == field {
                break;
            }
            field = record.field;
        }
        Err(PluginError::permanent(format!(
            "{} answered that the record was changed, but still holds another content",
            cdcs.client.base().page(seen.id)
        ))
        .with_hint("look at the record there; `nexus export retry` sends the content again"))
    }

    /// A new record is where the request said, unless the site took no notice of it.
    fn publish_new(&self, seen: &Seen) -> Result<(), PluginError> {
        if self.cdcs.settings.workspace == Workspace::Private || seen.workspace == self.workspace()? {
            return Ok(());
        }
        self.publish(seen.id)
    }

    fn publish(&self, id: u64) -> Result<(), PluginError> {
        let Self { cdcs, call, .. } = self;
        let Some(workspace) = self.workspace()? else { return Ok(()) };
        // No slash at the end: with one, the address does not exist.
        let path = format!("rest/data/{id}/assign/{workspace}");
        let answer = cdcs.client.send(call, &Method::PATCH, &path, None);
        if matches!(answer, Err(ClientError::NotFound { .. })) {
            cdcs.site.forget();
        }
        gone(answer).map(drop)
    }

    fn give(&self, id: u64, owner: u64) -> Result<(), PluginError> {
        let Self { cdcs, call, .. } = self;
        let path = format!("rest/data/{id}/change-owner/{owner}");
        match cdcs.client.send(call, &Method::PATCH, &path, None) {
            Err(ClientError::Refused { url, status, said, .. }) if said.contains("does not exist") => {
                let user = self.delivery.session.user.as_deref().unwrap_or("USER");
                Err(PluginError::permanent(format!(
                    "{url} refused it ({status}: {said}): there is no account {owner} at the site"
                ))
                .with_hint(format!(
                    "`nexus users link {user} cdcs NUMBER`, with the number of the account at the site; then `nexus \
                     export retry`"
                )))
            }
            answer => gone(answer).map(drop),
        }
    }
}

/// A record that was seen a moment ago and is gone: the next attempt looks again.
fn gone(answer: Result<Value, ClientError>) -> Result<Value, PluginError> {
    answer.map_err(|error| match error {
        ClientError::NotFound { .. } => PluginError::transient(error.to_string()),
        other => other.into(),
    })
}
