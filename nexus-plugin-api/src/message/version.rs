//! Which protocol versions get along: the major decides, minors only add.

use crate::PROTOCOL_VERSION;

/// The two sides do not speak the same protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not of the form `major.minor`.
    #[error("protocol version `{found}` is not of the form `major.minor`, such as {PROTOCOL_VERSION}")]
    NotAVersion {
        /// What stood there.
        found: String,
    },
    /// Another major.
    #[error("it speaks protocol {theirs}, this program speaks {PROTOCOL_VERSION}; {hint}")]
    OtherMajor {
        /// The other side's version.
        theirs: String,
        /// Which side is the older one.
        hint: &'static str,
    },
}

/// Whether the other side's protocol version can be worked with: same major, any minor.
///
/// # Errors
/// [`VersionError`], which names both versions.
pub fn check_version(theirs: &str) -> Result<(), VersionError> {
    let major = |text: &str| -> Option<u32> {
        let (major, minor) = text.split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (digits(major) && digits(minor)).then(|| major.parse().ok()).flatten()
    };
    let Some(found) = major(theirs) else {
        return Err(VersionError::NotAVersion { found: theirs.to_owned() });
    };
    let ours = major(PROTOCOL_VERSION);
    if Some(found) == ours {
        return Ok(());
    }
    let hint = if Some(found) > ours {
        "a newer nexus is needed"
    } else {
        "the plugin must be built against a newer nexus-plugin-api"
    };
    Err(VersionError::OtherMajor { theirs: theirs.to_owned(), hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_get_along() {
        for version in ["1.0", "1.1", "1.999"] {
            assert_eq!(check_version(version), Ok(()));
        }
    }

    #[test]
    fn another_major_is_refused_by_name() {
        let error = check_version("2.0").unwrap_err().to_string();
        assert_eq!(error, "it speaks protocol 2.0, this program speaks 1.0; a newer nexus is needed");
        assert!(check_version("0.9").unwrap_err().to_string().contains("built against a newer"));
    }

    #[test]
    fn what_is_no_version_is_quoted() {
        for text in ["", "1", "1.", ".1", "one.two", "1.0.0", "+1.0", "99999999999.0", " 1.0"] {
            let error = check_version(text).unwrap_err();
            assert_eq!(error, VersionError::NotAVersion { found: text.to_owned() });
        }
    }
}
