//! How an error is told in one line where its chain is not printed: in a report, in a warning, in another error.

use std::error::Error;

/// An error with everything behind it. A cause whose text the error already ends with is not repeated.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
