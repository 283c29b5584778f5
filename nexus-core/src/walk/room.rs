//! Long lists that grow by little: what is reserved and not used counts as well.

/// Makes room for more elements: for an eighth as many as there are, or for a few. Growing often is cheap, since large pieces
/// of memory are not copied but get a new address.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(16));
    }
}

/// Adds one element.
pub(super) fn push<T>(list: &mut Vec<T>, element: T) {
    make_room(list, 1);
    list.push(element);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_an_eighth_is_reserved_for_later() {
        let mut list = Vec::new();
        for number in 0..10_000_u32 {
            push(&mut list, number);
            assert!(list.capacity() <= list.len() + (list.len() / 8).max(16), "{}", list.len());
        }
        assert!(list.into_iter().eq(0..10_000));
    }
}
