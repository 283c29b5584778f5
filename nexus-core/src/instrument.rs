//! Instruments and their table.
