//! Signatures: who asks, for what, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;

/// The access key of an institution. Its password signs, and is never shown.
#[derive(Clone)]
pub struct Key {
    id: String,
    password: String,
}

impl Key {
    /// A key of this id and password.
    pub fn new(id: &str, password: &str) -> Self {
        Self { id: id.to_owned(), password: password.to_owned() }
    }

    /// Its id, which goes along with every request.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What must not be shown.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The signature of a method, without its class, at a moment: milliseconds since 1970, as they are sent.
    pub fn sign(&self, method: &str, expires: &str) -> String {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(self.password.as_bytes()) else {
            return String::new();
        };
        for part in [&self.id, method, expires] {
            mac.update(part.as_bytes());
        }
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the vendor publishes.
    #[test]
    fn the_vendors_example() {
        let key = Key::new("0234wedkfjrtfd34er", "1234567890");
        assert_eq!(
            key.sign("entry_attachment", "264433207000"),
            "mT7pS+KgqlNseR0bo4YLQOVIsgOugMWzlQGllInXS25Q7VpA6lRmL0nUq/UUdrlF+WV7POYE1vcwvN/pnac7bw=="
        );
    }

    #[test]
    fn every_method_has_its_own_signature() {
        let key = Key::new("NexusTestKey01", "s3cret-Signing-Passw0rd");
        for (method, signature) in [
            (
                "get_tree_level",
                "P/xI3mgreYhRThyLLjni+nzqk0kEcawkBcvhBvpXW8I8/e0nn+McJap2hrtw9CwG3aPkf82zzrNGE5v8PdqJHQ==",
            ),
            (
                "insert_node",
                "EBduJiTTUuOV7AXVEr/xWHripyzNjUwbfupEd12kaG9SvWzMdXZHlGF49hQCdo61TrhlLmyIzTKytnbd85yYuw==",
            ),
            (
                "get_entries_for_page",
                "6Ihqcgl6YcmDUa7IW68MoAKQMUDlAWRRENsoxIWOB+pjU455/PsuCewienesWh6WW7hDSbfvMYRf268xYnQhDg==",
            ),
            (
                "add_entry",
                "CYEW2jWHrWm12pRFdwqpxb+fciQNob3+zFtwrnLp4zmrBZaAUPpab6VzmbkWaWU/eCtGRw+xoybmnZ1/w52Veg==",
            ),
            (
                "update_entry",
                "FPhaYsakx9N6TgognCzS6KpgK5dMZ3koITJe4Rv8UPU1o9TvQZilkAXioJIWy6nQ5tNvGaT3w+7o0NvI0D9RUQ==",
            ),
            (
                "add_attachment",
                "cMwMbxq0vNGP2p9+VLtJXzFxuQ+RF82cikRiyKwBA7ZKiCvXacNIJxPp+muYixgL/FBDs+MZjJFr454JkV0DVg==",
            ),
            (
                "update_attachment",
                "dURNfZhJNiCyPcIkYPmozEEv8pFo4co+dKIEEBpR3UrwraMD9QEg6h4X0sP15NZYeF5ifQKEkSBgO3VTxOtWLw==",
            ),
            (
                "entry_attachment",
                "Xlt/B9zRHNzsKLTSjxo/o12r3539jM4rhMEsSbDlVGaggkV2Wxlp/VDdlJct15FUCGx7zyACTce9PdYmrJgsXA==",
            ),
            (
                "user_access_info",
                "SbLtOdsQf+JCGk9CC8B1r1lJm7zWd8sGfR1bkS6ZNpvfKASs5TIRuF6BxUAe+YUUjGuJHzaLqvTocB1XVRNqqQ==",
            ),
            (
                "user_info_via_id",
                "UT9zD0N7wi/6+ezhQaPdEE+mvnuhCZabAKJ5/UaA74/SRRo4q5Qh1t2oAJDTCeEJSQv0V9N/PdhM1vkd33dpjA==",
            ),
            (
                "max_file_size",
                "qLO1CyjM6FnwjstT7jLXl668+FczGaGJXKh8N5JesJo9o60Q6Tnv/145Tw0Cn633AcKzgFdum/hGOm6k6kAURQ==",
            ),
        ] {
            assert_eq!(key.sign(method, "1735689600000"), signature, "{method}");
        }
    }

    #[test]
    fn a_password_is_utf_8_and_is_not_shown() {
        let key = Key::new("NexusTestKey01", "pässwörd");
        assert_eq!(
            key.sign("insert_node", "1735689600000"),
            "geBTxQl6iPWcRZKHyglOMuVX5ZFIL9Okyhl+F9bSfP2sFVoSq3hjB0ewRKKFc7W8lSTDWeOtNpGbdJv0UKcjMg=="
        );
        assert!(!format!("{key:?}").contains("wörd"));
    }
}
