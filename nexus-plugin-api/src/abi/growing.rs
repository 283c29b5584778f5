//! Reading a structure of the boundary that the other side may know in an older, shorter form.

use std::mem::MaybeUninit;

use super::{NexusCall, NexusPluginTable, size_of_u32};

/// A structure of the boundary that later minor versions add fields to, at its end.
///
/// # Safety
/// It is `repr(C)`. Its first version had [`FIRST`](Self::FIRST) bytes, and its fields never move. Every field is an
/// integer, a pointer, an optional function, or built of such, so that all its bytes zero are a value; of those that came
/// later that value means "the other side does not have this". Nothing in it is padding, or a field could come
/// without the size telling it: two `u32` are added together, or none.
pub(crate) unsafe trait Growing: Copy {
    /// Size of the first version in bytes: nobody has less. It never changes.
    const FIRST: u32;
}

// SAFETY: numbers, pointers and an optional function, without padding (`tests/header.rs` adds them up).
unsafe impl Growing for NexusCall {
    // Frozen as an expression, since pointers have not one size everywhere.
    const FIRST: u32 = size_of_u32::<[u64; 2]>() + size_of_u32::<[usize; 5]>();
}

// SAFETY: two numbers and optional functions, without padding (`tests/header.rs` adds them up).
unsafe impl Growing for NexusPluginTable {
    const FIRST: u32 = size_of_u32::<[u32; 2]>() + size_of_u32::<[usize; 5]>();
}

/// The structure at `from`, of which `size` bytes are there: what this version knows of it, and zero for what the
/// other side does not have. `None` if it has not even the first version.
///
/// # Safety
/// `from` is readable for `size` bytes, and these are the beginning of some version of `T`.
pub(crate) unsafe fn read<T: Growing>(from: *const T, size: u32) -> Option<T> {
    if size < T::FIRST {
        return None;
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(size_of::<T>());
    // No version ends within a field; a size that says so is taken for the one before.
    let size = size - size % align_of::<T>();
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `from` is readable for as many bytes as it states, and `value` has room for all of `T`: `size` is not more
    // than either. The two do not overlap, as `value` was made here. Bytes need no alignment, and copied this way
    // pointers stay what they were.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), size) };
    // SAFETY: by the promise of `Growing`, every field is either the other side's or all zero, and both are values.
    Some(unsafe { value.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table as it was first, and as it is three minors later.
    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    struct Old {
        size: u32,
        number: u32,
        function: Option<extern "C" fn() -> i32>,
    }

    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    struct New {
        old: Old,
        second: Option<extern "C" fn() -> i32>,
        third: u64,
    }

    // SAFETY: numbers and optional functions without padding.
    unsafe impl Growing for New {
        const FIRST: u32 = size_of_u32::<Old>();
    }

    // SAFETY: as above.
    unsafe impl Growing for Old {
        const FIRST: u32 = size_of_u32::<Self>();
    }

    extern "C" fn seven() -> i32 {
        7
    }

    const OLD: Old = Old { size: size_of_u32::<Old>(), number: 3, function: Some(seven) };
    const NEW: New =
        New { old: Old { size: size_of_u32::<New>(), ..OLD }, second: Some(seven), third: u64::MAX };

    #[test]
    fn what_an_older_side_lacks_is_not_there() {
        // In memory of its own, so that Miri sees a look beyond its end.
        let there = Box::new(OLD);
        // SAFETY: readable for the size it states, and the first version of `New`.
        let read = unsafe { read::<New>((&raw const *there).cast(), there.size) }.unwrap();
        assert_eq!((read.old.size, read.old.number), (OLD.size, 3));
        assert_eq!(read.old.function.map(|function| function()), Some(7));
        assert!(read.second.is_none() && read.third == 0);
    }

    #[test]
    fn what_a_newer_side_has_beyond_is_left_alone() {
        let there = Box::new(NEW);
        // SAFETY: readable for the size it states, and it begins with `Old`.
        let read = unsafe { read::<Old>((&raw const *there).cast(), there.old.size) }.unwrap();
        assert_eq!((read.number, read.function.map(|function| function())), (3, Some(7)));
    }

    #[test]
    fn a_size_within_a_field_is_the_version_before() {
        let there = Box::new(NEW);
        let first = size_of_u32::<Old>();
        let half = size_of_u32::<usize>() / 2;
        for (size, second, third) in [
            (first + half, false, 0),
            (first + 2 * half, true, 0),
            (size_of_u32::<New>() + 1, true, u64::MAX),
        ] {
            // SAFETY: there are at least as many bytes as are read of any size, which is never more than `New` has.
            let read = unsafe { read::<New>(&raw const *there, size) }.unwrap();
            assert_eq!((read.second.is_some(), read.third), (second, third), "{size}");
        }
        // SAFETY: as above.
        assert!(unsafe { read::<New>(&raw const *there, first - 1) }.is_none());
    }
}
