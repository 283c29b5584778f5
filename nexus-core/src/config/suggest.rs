//! "Did you mean …?"

/// The candidate that somebody who wrote `text` probably meant, if one is near enough.
pub(super) fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = plain(text);
    // One slip in a short word, one in three letters of a longer one.
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Hyphens, underscores and upper case are no difference.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_through() {
        let keys = ["file_strategy", "file_delay", "ignore", "threads"];
        assert_eq!(nearest("file_strateg", keys), Some("file_strategy"));
        assert_eq!(nearest("File-Strategy", keys), Some("file_strategy"));
        assert_eq!(nearest("ingore", keys), Some("ignore"));
        assert_eq!(nearest("colour", keys), None);
    }
}
