//! A request and its reply, as they are shown.

use serde::Serialize;

use crate::secret::Redactor;

/// Characters of a message that are shown.
const SHOWN: usize = 1_500;

/// A request and what came back, cut to a sensible length, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// The request.
    pub request: String,
    /// The reply, or in brackets why there is none.
    pub reply: String,
}

impl Exchange {
    pub(super) fn of(request: &[u8], reply: Result<&[u8], &str>, redactor: &Redactor) -> Self {
        let reply = match reply {
            Ok(bytes) => shown(bytes, redactor),
            Err(reason) => format!("(no reply: {})", redactor.mask(reason)),
        };
        Self { request: shown(request, redactor), reply }
    }
}

fn shown(bytes: &[u8], redactor: &Redactor) -> String {
    // Masked before it is cut: half a secret is one too.
    let text = String::from_utf8_lossy(bytes);
    let text = redactor.mask(&text);
    if text.chars().count() <= SHOWN {
        return text.into_owned();
    }
    let begin: String = text.chars().take(SHOWN).collect();
    format!("{begin}… ({} bytes in all)", bytes.len())
}
