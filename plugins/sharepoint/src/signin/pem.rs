//! PEM files: blocks of base64 between two lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The content of the first block with this label; `None` if there is none, or it is not base64.
pub fn block(text: &str, label: &str) -> Option<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// Whether there is a block with this label.
pub fn has(text: &str, label: &str) -> bool {
    text.contains(&format!("-----BEGIN {label}-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_among_others() {
        let text = "Bag Attributes\r\n-----BEGIN A-----\r\nAAEC\r\nAw==\r\n-----END A-----\n-----BEGIN B-----\n!\n-----END B-----\n";
        assert_eq!(block(text, "A"), Some(vec![0, 1, 2, 3]));
        assert_eq!(block(text, "B"), None);
        assert_eq!(block(text, "C"), None);
        assert!(has(text, "B") && !has(text, "C"));
    }

    proptest::proptest! {
        #[test]
        fn no_file_is_too_strange(text in "(\\PC|\n|-----BEGIN A-----|-----END A-----){0,40}") {
            let _ = block(&text, "A");
        }
    }
}
