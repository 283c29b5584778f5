//! Names of entries, end to end in one piece of memory: a storage has too many for an allocation each.

use super::room::make_room;

/// Where a name stands among [`Names`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Name {
    at: u32,
    length: u16,
}

/// There is no room: 4 GiB of names are the most that one walk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Names, each found again by its [`Name`].
#[derive(Debug)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// The most bytes.
    room: u32,
}

impl Default for Names {
    fn default() -> Self {
        Self { bytes: Vec::new(), room: u32::MAX }
    }
}

impl Names {
    #[cfg(test)]
    pub(super) fn with_room(room: u32) -> Self {
        Self { room, ..Self::default() }
    }

    pub(super) fn add(&mut self, name: &[u8]) -> Result<Name, Full> {
        let at = self.room_for(name)?;
        let length = u16::try_from(name.len()).map_err(|_| Full)?;
        make_room(&mut self.bytes, name.len());
        self.bytes.extend_from_slice(name);
        Ok(Name { at, length })
    }

    pub(super) fn get(&self, name: Name) -> &[u8] {
        let rest = self.bytes.get(name.at as usize..).unwrap_or_default();
        rest.get(..name.length.into()).unwrap_or_default()
    }

    /// Takes over other names; answers what turns a [`Name`] among those into one among these.
    pub(super) fn append(&mut self, other: &Self) -> Result<impl Fn(Name) -> Name + use<>, Full> {
        let by = self.room_for(&other.bytes)?;
        make_room(&mut self.bytes, other.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        Ok(move |name: Name| Name { at: name.at.saturating_add(by), ..name })
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Where these bytes would begin.
    fn room_for(&self, bytes: &[u8]) -> Result<u32, Full> {
        let end = u32::try_from(self.bytes.len() + bytes.len()).map_err(|_| Full)?;
        if end > self.room {
            return Err(Full);
        }
        u32::try_from(self.bytes.len()).map_err(|_| Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_places_when_others_are_taken_over() {
        let (mut first, mut second) = (Names::default(), Names::default());
        let a = first.add(b"a").unwrap();
        let (empty, bc) = (second.add(b"").unwrap(), second.add(b"b\xffc").unwrap());
        let moved = first.append(&second).unwrap();
        let d = first.add(b"d").unwrap();
        let all = [a, moved(empty), moved(bc), d].map(|name| first.get(name));
        assert_eq!(all, [&b"a"[..], b"", b"b\xffc", b"d"]);
    }

    #[test]
    fn a_name_that_no_system_allows_is_refused() {
        let mut names = Names::default();
        assert_eq!(names.add(&vec![b'n'; 70_000]).map(drop), Err(Full));
        let next = names.add(b"next").unwrap();
        assert_eq!(names.get(next), b"next");
    }

    #[test]
    fn what_there_is_no_room_for_is_refused_and_changes_nothing() {
        let (mut names, mut others) = (Names::with_room(4), Names::default());
        let abc = names.add(b"abc").unwrap();
        others.add(b"de").unwrap();
        assert!(names.append(&others).is_err() && names.add(b"de").is_err());
        let f = names.add(b"f").unwrap();
        assert_eq!((names.get(abc), names.get(f)), (&b"abc"[..], &b"f"[..]));
    }
}
