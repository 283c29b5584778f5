//! An instance behind a table: its result codes become replies and errors.

use std::fmt;
use std::sync::Arc;

use super::table::{ForeignBytes, Functions, RawInstance};
use super::{LoadError, Origin, Wire};
use crate::abi::{NEXUS_BAD_ARGUMENT, NEXUS_FAILED, NEXUS_OK, NEXUS_PANICKED, code_name};
use crate::message::{MAX_MESSAGE, Method, ReplyError};
use crate::{Call, Manifest, PluginError};

/// The plugin's name and file, for messages.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) origin: Origin,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(path) => write!(f, "plugin `{}` ({})", self.name, path.display()),
            Origin::Program(command) => write!(f, "plugin `{}` ({command})", self.name),
            Origin::Linked => write!(f, "plugin `{}`", self.name),
        }
    }
}

/// Asks a table for its manifest.
pub(super) fn manifest(functions: Functions, origin: &Origin) -> Result<Manifest, LoadError> {
    let (code, out) = functions.manifest();
    let refused = |reason: String| LoadError::Manifest { origin: origin.clone(), reason };
    if code != NEXUS_OK {
        return Err(refused(why(code, &out)));
    }
    let Some(bytes) = out.bytes() else { return Err(refused(NO_BYTES.to_owned())) };
    serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))
}

const NO_BYTES: &str = "its pointer and length do not belong together";

/// What a failed call says of itself.
fn why(code: i32, out: &ForeignBytes) -> String {
    match (told(out), code) {
        (Some(error), NEXUS_PANICKED) => format!("it panicked: {}", error.message),
        (Some(error), _) => error.message,
        (None, _) => format!("it returned {code} ({})", code_name(code)),
    }
}

/// The plugin error in the buffer, if there is one.
fn told(out: &ForeignBytes) -> Option<PluginError> {
    serde_json::from_slice(out.bytes()?).ok()
}

/// One instance of a loaded plugin.
pub(super) struct LoadedInstance {
    who: Arc<Who>,
    raw: RawInstance,
}

impl LoadedInstance {
    pub(super) fn create(
        functions: Functions,
        who: &Arc<Who>,
        settings: &serde_json::Value,
    ) -> Result<Self, PluginError> {
        let settings = serde_json::to_vec(settings).map_err(|error| {
            PluginError::permanent(format!("the settings of {who} are not JSON: {error}"))
        })?;
        let (code, instance, out) = functions.create(&settings);
        match (code, instance) {
            (NEXUS_OK, Some(raw)) => Ok(Self { who: Arc::clone(who), raw }),
            (NEXUS_OK, None) => {
                Err(PluginError::permanent(format!("{who} said it made an instance and gave none")))
            }
            (NEXUS_FAILED, _) if let Some(error) = told(&out) => Err(error),
            (NEXUS_PANICKED, _) if let Some(error) = told(&out) => Err(PluginError::permanent(format!(
                "{who} panicked when it was configured: {}",
                error.message
            ))),
            _ => Err(PluginError::permanent(format!("{who} could not be configured: {}", why(code, &out)))),
        }
    }
}

impl Wire for LoadedInstance {
    fn exchange(&self, call: &Call, method: Method, request: &[u8]) -> Result<Vec<u8>, PluginError> {
        let who = &self.who;
        let (code, out) = self.raw.call(call, request);
        match code {
            NEXUS_OK => {}
            NEXUS_BAD_ARGUMENT => {
                return Err(PluginError::permanent(format!(
                    "{who} refused the arguments of `{method}` ({})",
                    code_name(code)
                )));
            }
            NEXUS_PANICKED if let Some(error) = told(&out) => {
                let message = format!("{who} panicked in `{method}`: {}", error.message);
                return Err(method.unclear(message));
            }
            _ => return Err(method.unclear(format!("{who} failed in `{method}`: {}", why(code, &out)))),
        }
        let unusable = |reason: String| {
            method.unclear(format!("{who} answered `{method}` with something unusable: {reason}"))
        };
        let bytes = out.bytes().ok_or_else(|| unusable(NO_BYTES.to_owned()))?;
        // Looked at before it is copied: it may be as large as the plugin likes.
        if bytes.len() > MAX_MESSAGE {
            return Err(unusable(ReplyError::TooLong { len: bytes.len() }.in_full()));
        }
        Ok(bytes.to_vec())
    }
}
