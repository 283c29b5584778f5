//! Where requests are answered: manifest, configure, then calls.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::input::Request;
use super::output::Output;
use crate::message::{self, ConfigureParams, MAX_MESSAGE, Method};
use crate::panics::catch;
use crate::{Call, Instance, Manifest, Plugin, PluginError, dispatch};

/// Something that can be put behind the lines: a plugin, or the way to one.
pub(super) trait Served {
    /// What the plugin is.
    fn manifest(&self) -> Manifest;
    /// Makes its one instance.
    fn configure(&self, settings: &Value) -> Result<Box<dyn Answers>, PluginError>;
}

/// An instance that answers in messages.
pub(super) trait Answers {
    /// The reply, in one line.
    fn answer(&self, call: &Call, id: u64, method: Method, line: &[u8]) -> Vec<u8>;
}

impl<P: Plugin> Served for P {
    fn manifest(&self) -> Manifest {
        Plugin::manifest(self)
    }

    fn configure(&self, settings: &Value) -> Result<Box<dyn Answers>, PluginError> {
        let made = self.create(settings)?;
        made.must_be(Plugin::manifest(self).kind)?;
        Ok(Box::new(made))
    }
}

impl Answers for Instance {
    fn answer(&self, call: &Call, id: u64, method: Method, line: &[u8]) -> Vec<u8> {
        dispatch::answer_known(self, call, id, method, line)
    }
}

/// One plugin, and its instance once it is configured.
pub(super) struct Desk<'a> {
    served: &'a dyn Served,
    output: Arc<Output>,
    instance: Option<Box<dyn Answers>>,
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<'a> Desk<'a> {
    pub(super) fn new(served: &'a dyn Served, output: Arc<Output>) -> Self {
        Self { served, output, instance: None }
    }

    /// The reply to one request, whatever it asks.
    pub(super) fn answer(&mut self, request: &Request) -> Vec<u8> {
        let Ok(method) = request.method.parse::<Method>() else {
            return message::unsupported_reply(request.id);
        };
        match method {
            Method::Manifest => self.manifest(request.id),
            Method::Configure => self.configure(request),
            _ => self.ask(method, request),
        }
    }

    fn manifest(&self, id: u64) -> Vec<u8> {
        match catch(|| self.served.manifest()) {
            Ok(manifest) => message::ok_reply(id, &manifest),
            Err(text) => message::error_reply(id, &PluginError::permanent(format!("it panicked: {text}"))),
        }
    }

    /// The settings that came last are the ones that count, also if the plugin refuses them.
    fn configure(&mut self, request: &Request) -> Vec<u8> {
        self.close();
        let made =
            message::params(Method::Configure, &request.line).and_then(|params: ConfigureParams<'_>| {
                catch(|| self.served.configure(&params.settings)).unwrap_or_else(|text| {
                    let who = self.who();
                    Err(PluginError::permanent(format!("{who} panicked when it was configured: {text}")))
                })
            });
        match made {
            Ok(instance) => {
                self.instance = Some(instance);
                message::ok_reply(request.id, &serde_json::Map::new())
            }
            Err(error) => message::error_reply(request.id, &error),
        }
    }

    fn ask(&self, method: Method, request: &Request) -> Vec<u8> {
        let Some(instance) = &self.instance else {
            let error = PluginError::permanent(format!("`{method}` came before a `configure` that worked"))
                .with_hint("the first two requests are `manifest` and `configure`");
            return message::error_reply(request.id, &error);
        };
        let call = self.call(request);
        let reply = catch(|| instance.answer(&call, request.id, method, &request.line));
        let failure = match reply {
            Ok(reply) if reply.len() <= MAX_MESSAGE => return reply,
            Ok(reply) => format!(
                "{} answered `{method}` with {} bytes, more than the {MAX_MESSAGE} that are read; large data goes \
                 into the scratch folder",
                self.who(),
                reply.len()
            ),
            Err(text) => format!("{} panicked in `{method}`: {text}", self.who()),
        };
        message::error_reply(request.id, &method.unclear(failure))
    }

    fn call(&self, request: &Request) -> Call {
        let scratch = request.scratch.clone().map_or_else(PathBuf::new, crate::PathRef::into_path_buf);
        let (number, output) = (self.output.begin(), Arc::clone(&self.output));
        let log = Arc::new(move |level, text: &str| output.log(number, level, text));
        Call::new(request.deadline, request.cancel.clone(), scratch, log)
    }

    fn close(&mut self) {
        let instance = self.instance.take();
        // A destructor that panics has nobody to tell.
        let _ = catch(|| drop(instance));
    }

    fn who(&self) -> String {
        catch(|| self.served.manifest())
            .map_or_else(|_| "the plugin".to_owned(), |manifest| format!("plugin `{}`", manifest.name))
    }
}
