//! A value of any kind as a line of text.

use serde_json::Value;

/// Longest text that is kept, in characters.
const LONGEST: usize = 10_000;

/// Longest entity, with its two signs.
const LONGEST_ENTITY: usize = 11;

/// The text; `None` if there is none.
pub fn of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        Value::String(text) if is_rich(text) => plain(text),
        Value::String(text) => text.clone(),
        Value::Array(several) => several.iter().filter_map(of).collect::<Vec<_>>().join("; "),
        Value::Object(one) => {
            // Several, a term, a link, a lookup, the body of a message, a place.
            let names =
                ["results", "Label", "Description", "LookupValue", "content", "displayName", "Title", "Url"];
            return names.iter().find_map(|name| of(one.get(*name)?));
        }
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(LONGEST).collect())
}

/// Whether it is the text of a rich column. Plain text may hold `<` as well.
fn is_rich(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("</") || lower.contains("/>") || lower.contains("<br")
}

/// Rich text without its marks.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let lower = text.to_ascii_lowercase();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = tag.find('>') else {
            out.push_str(tag);
            rest = "";
            break;
        };
        let (mark, after) = tag.split_at(end);
        let name: String =
            mark.chars().skip(1).skip_while(|c| *c == '/').take_while(char::is_ascii_alphanumeric).collect();
        match name.to_ascii_lowercase().as_str() {
            // What these hold is not for people.
            hidden @ ("style" | "script") if !mark.starts_with("</") => {
                let close = format!("</{hidden}");
                let lower = lower.get(text.len() - after.len()..).unwrap_or_default();
                rest = lower.find(&close).and_then(|at| after.get(at..)).unwrap_or_default();
                continue;
            }
            "br" | "p" | "div" | "li" | "tr" | "td" | "h1" | "h2" | "h3" => out.push(' '),
            _ => {}
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    let text = decoded(&out);
    // Invisible, and left behind by the editor.
    let text = text.replace('\u{200b}', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Entities as what they stand for.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';');
        let entity = end.and_then(|end| Some((from.get(1..end)?, end)));
        if let Some((sign, end)) = entity.and_then(|(name, end)| Some((sign(name)?, end))) {
            out.push(sign);
            rest = from.get(end + 1..).unwrap_or_default();
        } else {
            out.push('&');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

fn sign(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "reads better")]
    fn text(value: Value) -> Option<String> {
        of(&value)
    }

    #[test]
    fn rich_text_becomes_plain() {
        let rich = "<div class=\"x\">Pt&#8211;Ni &amp; &lt;Au&gt;<br>second&nbsp;line \u{200b}</div><style>p {}</style>";
        assert_eq!(text(json!(rich)).as_deref(), Some("Pt–Ni & <Au> second line"));
        assert_eq!(text(json!("<p></p>")), None);
        let hidden = "<i>a</i><STYLE>p {}</Style>b<script>c</script>d<style>never ends";
        assert_eq!(text(json!(hidden)).as_deref(), Some("abd"));
        assert_eq!(text(json!("d < 5 nm & thin > thick")).as_deref(), Some("d < 5 nm & thin > thick"));
        assert_eq!(text(json!("<div>a &unknown; b & c</div>")).as_deref(), Some("a &unknown; b & c"));
    }

    #[test]
    fn values_are_texts() {
        assert_eq!(text(json!(["a", null, "b"])).as_deref(), Some("a; b"));
        assert_eq!(text(json!({"results": ["a"]})).as_deref(), Some("a"));
        assert_eq!(text(json!({"Label": "Metals", "TermGuid": "x"})).as_deref(), Some("Metals"));
        assert_eq!(text(json!({"Description": "", "Url": "https://x"})).as_deref(), Some("https://x"));
        assert_eq!(text(json!(12.0)).as_deref(), Some("12"));
        assert_eq!(text(json!({})), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(\\PC|<|>|&|;|</div>|<style>|&#|é){0,40}") {
            let _ = of(&Value::String(text));
        }
    }
}
