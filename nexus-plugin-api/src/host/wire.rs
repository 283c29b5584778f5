//! How a request reaches an instance and its reply comes back: what the carriers have in common.

use super::proxy::Proxy;
use crate::message::Method;
use crate::{Call, Instance, Plugin, PluginError, PluginKind, dispatch};

/// The way to one instance, whatever carries it.
///
/// Everything above it is the same on every carrier: messages are made and read in one place.
pub trait Wire: Send + Sync {
    /// Puts one request to the instance and brings the reply, whatever its bytes are. `method` is the
    /// one in the request: it decides what may be sent again, and what a lost answer may mean.
    ///
    /// # Errors
    /// No reply could be had: the plugin panicked, died, was overdue. The effect is
    /// [`Effect::Maybe`](crate::Effect::Maybe) if the method may have left something behind.
    fn exchange(&self, call: &Call, method: Method, request: &[u8]) -> Result<Vec<u8>, PluginError>;

    /// Ends what carries the instance, if that is something of its own and nobody uses it; the next exchange starts it
    /// anew. Gives the names of processes that it had started, and that did not end with it: they have been killed.
    fn let_go(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A plugin whose instances can be spoken to in messages: what the conformance kit and tools need.
pub trait Wired: Plugin {
    /// Makes an instance and gives the way to it.
    ///
    /// # Errors
    /// As [`Plugin::create`].
    fn connect(&self, settings: &serde_json::Value) -> Result<Box<dyn Wire>, PluginError>;
}

/// An instance of this program, spoken to in messages.
pub(super) struct Linked(pub(super) Instance);

impl Wire for Linked {
    fn exchange(&self, call: &Call, _method: Method, request: &[u8]) -> Result<Vec<u8>, PluginError> {
        Ok(dispatch::answer(&self.0, call, request))
    }
}

/// The instance at the other end of a wire, in the shape of the traits. `who` names the plugin and its
/// file in messages.
#[must_use]
pub fn instance_over(who: &str, kind: PluginKind, wire: Box<dyn Wire>) -> Instance {
    let proxy = Proxy::new(who.to_owned(), wire);
    match kind {
        PluginKind::Harvester => Instance::Harvester(Box::new(proxy)),
        PluginKind::Destination => Instance::Destination(Box::new(proxy)),
        PluginKind::Extractor => Instance::Extractor(Box::new(proxy)),
    }
}
