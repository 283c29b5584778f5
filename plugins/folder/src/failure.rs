//! What a failure of the file system means for a delivery.

use std::io::{Error, ErrorKind};
use std::path::Path;

use nexus_plugin_api::PluginError;

/// A failure to `what` (`write`, `open folder`) at this path. Nothing was delivered.
pub fn of(error: &Error, what: &str, path: &Path) -> PluginError {
    let message = format!("cannot {what} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            PluginError::transient(message).with_hint("make room on that disk; the next run tries again")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            PluginError::permanent(message).with_hint("let the user who runs nexus write there")
        }
        ErrorKind::InvalidFilename => PluginError::permanent(message)
            .with_hint("the name is too long or not allowed there: shorten `layout`"),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
            PluginError::permanent(message).with_hint("something else lies at that path: move it away")
        }
        ErrorKind::NotFound => PluginError::transient(message).with_hint("is the share still mounted?"),
        _ => PluginError::transient(message),
    }
}

#[cfg(test)]
mod tests {
    use nexus_plugin_api::FailureClass;

    use super::*;

    #[test]
    fn a_full_disk_passes_and_missing_rights_do_not() {
        let class = |kind: ErrorKind| of(&kind.into(), "write", Path::new("/x")).class;
        assert_eq!(class(ErrorKind::StorageFull), FailureClass::Transient);
        assert_eq!(class(ErrorKind::PermissionDenied), FailureClass::Permanent);
        assert_eq!(class(ErrorKind::TimedOut), FailureClass::Transient);
        assert!(of(&ErrorKind::StorageFull.into(), "write", Path::new("/x")).hint.is_some());
    }
}
