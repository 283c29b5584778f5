//! What is noted of a session, in a sentence for each kind.

use super::say::quoted;

/// Every kind of note that nexus writes, and how it is told; `{}` stands for its detail.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("built", "The record was built: {}."),
    ("crashed", "Building was given up: {}."),
    ("delivered_by_peer", "NexusLIMS had delivered the record: {}."),
    ("delivery_by_peer", "A delivery of NexusLIMS came upon one of nexus: {}."),
    ("delivery_forgotten", "Somebody gave a delivery up: {}."),
    ("delivery_not_wanted", "A delivery was dropped: {}."),
    ("delivery_object_gone", "The record was not found any more where it had been delivered: {}."),
    ("delivery_other_object", "The destination holds the record as another object than was known: {}."),
    ("delivery_taken_over", "A delivery was taken over: {}."),
    ("delivery_target_changed", "A destination is another place than it was: {}."),
    ("event_back", "Its usage event was at its source again."),
    ("event_cancelled", "Its usage event was called off at its source."),
    ("event_gone", "Its usage event was gone from its source, in two complete answers."),
    ("harvested", "It was harvested {}."),
    ("invalid_record", "The record did not agree with the schema: {}."),
    ("more", "There were more notes: {}."),
    ("moved_by_another_program", "Another program moved it: {}."),
    ("no_consent", "It was settled as NO_CONSENT: {}."),
    ("no_files", "It was settled as NO_FILES_FOUND: {}."),
    ("no_reservation", "It was settled as NO_RESERVATION: {}."),
    ("rebuild_crashed", "A rebuild was given up: {}."),
    ("rebuild_no_files", "A rebuild was given up: {}."),
    ("rebuild_refused", "A rebuild was given up: {}."),
    ("revised", "Its usage event was changed before it was built; now it is `{}`."),
    ("revised_after_build", "Its usage event was changed after it was settled; there it is now `{}`."),
    ("revised_and_reopened", "It was {}, and became TO_BE_BUILT because its usage event was changed."),
    ("revision_followed", "Record and session follow the change of its usage event: `{}`."),
    ("revision_undone", "Its usage event was again what the session was made of: `{}`."),
    ("skipped", "Somebody skipped it: {}."),
    ("warning", "The build noticed: {}."),
];

/// A note as a sentence; one of a kind that this version does not know is shown as it is.
pub(super) fn sentence(kind: &str, detail: Option<&str>) -> String {
    let detail = detail.map(quoted).filter(|detail| !detail.is_empty());
    match (KINDS.iter().find(|(known, _)| *known == kind), detail) {
        (Some((_, text)), Some(detail)) => text.replace("{}", &detail),
        (Some((_, text)), None) => {
            let end = text.find(['{', ':', ';', '`']).unwrap_or(text.len());
            format!("{}.", text.get(..end).unwrap_or(text).trim_end_matches([' ', '.']))
        }
        (None, Some(detail)) => format!("{kind}: {detail}"),
        (None, None) => kind.to_owned(),
    }
}
