//! How far an instrument has been read, as it is stored between harvests.

use chrono::{DateTime, SecondsFormat, Utc};

/// Up to which end time the events of a tool have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The tool that was read.
    pub tool: u64,
    /// What the settings said about the beginning.
    pub since: Option<DateTime<Utc>>,
    /// The latest end that was seen (UTC).
    pub seen: DateTime<Utc>,
}

impl Cursor {
    /// As it is stored: `1 <tool> <seen> <since or ->`.
    pub fn write(&self) -> String {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        format!("1 {} {} {}", self.tool, text(self.seen), self.since.map_or_else(|| "-".to_owned(), text))
    }

    /// The cursor of this tool, unless the settings now want more of the past than it covers. Anything else is none:
    /// then all is read anew, which is slow and never wrong.
    pub fn read(text: &str, tool: u64, since: Option<DateTime<Utc>>) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next()? != "1" || words.next()?.parse() != Ok(tool) {
            return None;
        }
        let seen = words.next()?.parse().ok()?;
        let covers = match words.next()? {
            "-" => None,
            time => Some(time.parse().ok()?),
        };
        // `None` is before every time.
        (words.next().is_none() && covers <= since).then_some(Self { tool, since: covers, seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let seen = "2031-05-06T13:00:00.25Z".parse().unwrap();
        let since: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
        for cursor in [Cursor { tool: 7, since: None, seen }, Cursor { tool: 7, since: Some(since), seen }] {
            assert_eq!(Cursor::read(&cursor.write(), 7, Some(since)), Some(cursor));
        }
        let bounded = Cursor { tool: 7, since: Some(since), seen }.write();
        assert_eq!(Cursor::read(&bounded, 7, None), None, "more of the past is wanted");
        assert_eq!(Cursor::read(&bounded, 8, Some(since)), None, "another tool");
        for text in ["", "1", "2 7 2031-05-06T13:00:00Z -", "1 7 yesterday -", "1 7 2031-05-06T13:00:00Z - x"]
        {
            assert_eq!(Cursor::read(text, 7, None), None, "{text}");
        }
    }
}
