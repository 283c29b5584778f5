//! The line of a summary that says whose it is. It is visible text: an editor may drop comments and attributes.

/// How the line begins.
const BEGINNING: &str = "NexusLIMS record ";
/// What stands between the two.
const BETWEEN: &str = "content ";
/// What a person wrote may begin like the line, again and again: none is searched for its comma to the end.
const LONGEST_KEY: usize = 200;

/// Which session, and which content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The key of the session.
    pub key: String,
    /// Hash of the record's content.
    pub content_sha256: String,
}

impl Marker {
    /// As it stands in a summary.
    pub fn text(&self) -> String {
        format!("{BEGINNING}{}, {BETWEEN}{}", self.key, self.content_sha256)
    }

    /// The last one in a summary, however its HTML was written anew: what a user writes stands above it.
    pub fn find(html: &str) -> Option<Self> {
        let text = visible(html);
        let mut found = None;
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once(BEGINNING) {
            found = Self::read(after).or(found);
            rest = after;
        }
        found
    }

    fn read(text: &str) -> Option<Self> {
        let end = text.bytes().take(LONGEST_KEY + 1).position(|byte| byte == b',')?;
        let (key, rest) = (text.get(..end)?, text.get(end + 1..)?);
        let hash = rest.trim_start().strip_prefix(BETWEEN)?.trim_start();
        let hash: String = hash.chars().take_while(char::is_ascii_hexdigit).collect();
        let (key, hash) = (key.trim(), hash.to_ascii_lowercase());
        let one_word = !key.is_empty() && !key.contains(char::is_whitespace);
        (one_word && hash.len() == 64).then(|| Self { key: key.to_owned(), content_sha256: hash })
    }
}

/// What a person reads: without tags, with the usual references resolved, white space as one blank.
pub fn visible(html: &str) -> String {
    let mut text = String::with_capacity(html.len().min(64 * 1024));
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => {
                in_tag = true;
                // Only tags that break a line part words, but more blanks do no harm between words; none may come
                // into a hash, which an editor can wrap in tags only as a whole.
                text.push(' ');
            }
            '>' if in_tag => in_tag = false,
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    for (reference, character) in [
        ("&nbsp;", " "),
        ("&#160;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ] {
        if text.contains('&') {
            text = text.replace(reference, character);
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marker() -> Marker {
        Marker { key: "5ba9ac4e-0c4a-5d0f-8c7e-000000000001".to_owned(), content_sha256: "0a".repeat(32) }
    }

    #[test]
    fn it_is_read_however_the_html_was_written_anew() {
        let marker = marker();
        let (key, hash) = (&marker.key, marker.content_sha256.to_uppercase());
        for html in [
            format!("<p><small>{}</small></p>", marker.text()),
            format!(
                "<P>\n  NexusLIMS&nbsp;record\n  <b>{key}</b>,\n<span style=\"a\">content</span>&#160;{hash}.</P>"
            ),
            format!("<p>NexusLIMS record other, content 12</p>{}", marker.text()),
            format!("NexusLIMS record x, content {}\n{} and more", "1".repeat(64), marker.text()),
        ] {
            assert_eq!(Marker::find(&html), Some(marker.clone()), "{html}");
        }
    }

    #[test]
    fn what_is_none() {
        for html in [
            "",
            "NexusLIMS record",
            "NexusLIMS record , content 0a",
            "<h1>NexusLIMS Microscopy Session</h1>",
            &format!("NexusLIMS record a b, content {}", "1".repeat(64)),
            &format!("<!-- {} -->", marker().text()),
        ] {
            assert_eq!(Marker::find(html), None, "{html}");
        }
    }

    #[test]
    fn a_person_reads_no_tags() {
        assert_eq!(visible("<h1>A</h1>b&amp;lt;c &lt;d&gt;\n<br>e"), "A b&lt;c <d> e");
    }

    #[test]
    fn a_key_has_an_end() {
        let of = |length: usize| Marker { key: "k".repeat(length), ..marker() };
        assert_eq!(Marker::find(&of(LONGEST_KEY).text()), Some(of(LONGEST_KEY)));
        assert_eq!(Marker::find(&of(LONGEST_KEY + 1).text()), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_left(html in any::<String>(), key in "[0-9a-f-]{1,36}") {
            let _ = (Marker::find(&html), visible(&html));
            let marker = Marker { key, content_sha256: "0f".repeat(32) };
            let closed = html.replace('<', "");
            prop_assert_eq!(Marker::find(&format!("{closed}<p>{}</p>", marker.text())), Some(marker));
        }
    }
}
