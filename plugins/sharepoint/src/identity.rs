//! What names an event for ever: here, and in the session log.

use uuid::Uuid;

use crate::about::About;
use crate::address::ListAddress;
use crate::event::{Event, utc};

/// The name of an event within this harvester: `<list>/<item>`, of an occurrence `<list>/<item>@<its first start>`.
pub fn external_id(about: &About, event: &Event) -> String {
    format!("{}/{}", about.key, event.key())
}

/// The key of an event in the list with this name; `None` if the name is of another list.
pub fn key_in<'a>(external_id: &'a str, list: &str) -> Option<&'a str> {
    external_id.strip_prefix(list)?.strip_prefix('/').filter(|key| !key.is_empty())
}

/// The page of an event, for people.
pub fn page_of(about: &About, event: &Event) -> Option<String> {
    about.page.as_ref().map(|page| format!("{page}{}", event.row.id))
}

/// What is stored as the identifier of a session: a UUID made from the page of the item, and of an occurrence from
/// when it was to begin.
pub fn session_identifier(about: &About, list: &ListAddress, event: &Event) -> String {
    let page = match &about.page {
        Some(page) => format!("{page}{}", event.item()),
        // Without a page for people, its own address is as good a name.
        None => format!("{}/items({})", list.url, event.item()),
    };
    identifier(&page, event.recurrence.as_ref().map(|(_, original)| utc(*original)).as_deref())
}

fn identifier(page: &str, original: Option<&str>) -> String {
    let name = match original {
        Some(original) => format!("{page}&RecurrenceID={original}"),
        None => page.to_owned(),
    };
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_of_the_pages() {
        let page = "https://sp.example.org/sites/microscopy/Lists/Titan%20Events/DispForm.aspx?ID=470";
        assert_eq!(identifier(page, None), "362c29ab-53ce-5028-8d6d-f4119b612de7");
        assert_eq!(identifier(page, Some("2025-03-03T14:00:00Z")), "07f45ec0-7c92-5bf8-a380-aaad829ed436");
    }

    #[test]
    fn a_name_is_of_one_list() {
        assert_eq!(key_in("abc/470", "abc"), Some("470"));
        assert_eq!(key_in("abc/470@2025-03-03T14:00:00Z", "abc"), Some("470@2025-03-03T14:00:00Z"));
        assert_eq!(
            (key_in("abcd/470", "abc"), key_in("abc/", "abc"), key_in("470", "abc")),
            (None, None, None)
        );
    }
}
