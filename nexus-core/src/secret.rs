//! Text that must never be shown.
