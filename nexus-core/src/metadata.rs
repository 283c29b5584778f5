//! Metadata between extractor and record: keys, order, text of values, what a whole activity shares.

mod equality;
mod flatten;
mod split;
mod units;
mod values;

pub use flatten::{Flat, flatten};
pub use split::split;
pub use units::{long_name, short_symbol};
pub use values::{float_text, text_and_unit};

#[cfg(test)]
mod tests;
