//! What an editor of pages keeps of a text: no comments, no attributes that begin with `data-`, no scripts.

/// The text as it is stored.
pub(super) fn kept(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let end = tag_end(tag);
        let (tag, after) = tag.split_at(end);
        if tag.starts_with("<script") {
            rest = after.split_once("</script>").map_or("", |(_, after)| after);
            continue;
        }
        out.push_str(&without_data(tag));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Where a tag ends, quotes heeded.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, letter) in tag.char_indices() {
        match (quote, letter) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    tag.len()
}

fn without_data(tag: &str) -> String {
    let mut out = tag.to_owned();
    while let Some(at) = out.find(" data-") {
        let rest = out.get(at + 1..).unwrap_or_default();
        let after =
            rest.split_once('"').and_then(|(_, value)| value.split_once('"')).map_or(">", |(_, end)| end);
        out = format!("{}{after}", out.get(..at).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn only_what_shows_is_kept() {
        let text = "<p data-key=\"a>b\" class=\"c\">x<!-- key --> &lt; <img src=\"data:image/png;base64,aA==\"/></p>";
        assert_eq!(kept(text), "<p class=\"c\">x &lt; <img src=\"data:image/png;base64,aA==\"/></p>");
        assert_eq!(kept("a<script>b</script>c<!-- d"), "ac");
        assert_eq!(kept("plain"), "plain");
    }
}
