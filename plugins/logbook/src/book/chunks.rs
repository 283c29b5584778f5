//! A list that grows without being copied, so that it never needs more than it holds.

/// Values of one piece.
const LENGTH: usize = 1024;

/// A list in pieces of equal length, the last one perhaps shorter.
#[derive(Debug)]
pub struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    /// Adds a value.
    pub fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < LENGTH => last.push(value),
            // A log is often short: the first piece grows as it is filled.
            None => self.0.push(vec![value]),
            Some(_) => {
                let mut next = Vec::with_capacity(LENGTH);
                next.push(value);
                self.0.push(next);
            }
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        let before = self.0.len().saturating_sub(1) * LENGTH;
        before + self.0.last().map_or(0, Vec::len)
    }

    /// The value at this position.
    pub fn get(&self, position: usize) -> Option<&T> {
        self.0.get(position / LENGTH)?.get(position % LENGTH)
    }

    /// The value at this position, to be changed.
    pub fn get_mut(&mut self, position: usize) -> Option<&mut T> {
        self.0.get_mut(position / LENGTH)?.get_mut(position % LENGTH)
    }

    /// The values from this position on.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = &T> {
        self.0.iter().skip(first / LENGTH).flatten().skip(first % LENGTH)
    }

    /// Gives back what is not in use.
    pub fn shrink(&mut self) {
        if let Some(last) = self.0.last_mut() {
            last.shrink_to_fit();
        }
        self.0.shrink_to_fit();
    }
}

impl<T> IntoIterator for Chunks<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    /// All values; a piece is given back as soon as it was gone through.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_were_put() {
        for count in [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, 3 * LENGTH + 7] {
            let mut list = Chunks::default();
            for value in 0..count {
                list.push(value);
            }
            list.shrink();
            assert_eq!(list.len(), count);
            assert_eq!(list.get(count), None);
            for first in [0, 1, LENGTH - 1, LENGTH, 2 * LENGTH + 3] {
                assert!(list.iter_from(first).copied().eq(first..count.max(first)), "{first} of {count}");
            }
            if let Some(last) = count.checked_sub(1) {
                *list.get_mut(last).unwrap() += 1;
                assert_eq!(list.get(last), Some(&count));
            }
            assert_eq!(list.into_iter().count(), count);
        }
    }
}
