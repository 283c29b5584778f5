//! What somebody should look at, while it is collected.

use super::MOST_LINES;

/// Sentences for people, as many as somebody reads, and how many more there were. However many sessions are broken or
/// cannot be delivered, this has a size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    said: Vec<String>,
    left_out: u64,
}

impl Told {
    /// Something to look at. Beyond [`MOST_LINES`] it is only counted, and goes into the log.
    pub fn push(&mut self, text: String) {
        if self.said.len() < MOST_LINES {
            self.said.push(text);
        } else {
            tracing::warn!("{text}");
            self.left_out += 1;
        }
    }

    /// The same, unless it is said already.
    pub fn push_once(&mut self, text: String) {
        if !self.said.contains(&text) {
            self.push(text);
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// How many there were, those left out among them.
    pub fn count(&self) -> u64 {
        self.said.len() as u64 + self.left_out
    }
}

impl Extend<String> for Told {
    fn extend<T: IntoIterator<Item = String>>(&mut self, texts: T) {
        texts.into_iter().for_each(|text| self.push(text));
    }
}

impl IntoIterator for Told {
    type Item = String;
    type IntoIter = std::iter::Chain<std::vec::IntoIter<String>, std::option::IntoIter<String>>;

    /// Everything that was kept, and at the end how many were not.
    fn into_iter(self) -> Self::IntoIter {
        let more = (self.left_out > 0)
            .then(|| format!("{} more like these are not listed here: the log names them", self.left_out));
        self.said.into_iter().chain(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_there_are_so_many_are_kept_and_the_others_counted() {
        let mut told = Told::default();
        assert!(told.is_empty());
        told.extend((0..MOST_LINES + 7).map(|number| format!("session {number} is broken")));
        assert_eq!(told.count(), MOST_LINES as u64 + 7);
        let lines: Vec<String> = told.into_iter().collect();
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES], "7 more like these are not listed here: the log names them");
    }

    #[test]
    fn what_is_said_once_is_not_said_again() {
        let mut told = Told::default();
        for text in ["a", "b", "a"] {
            told.push_once(text.to_owned());
        }
        assert_eq!(told.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
