//! The tables that tell which migrations have been applied.

use super::{Column, Group, Table};

pub(super) const TABLES: &[Table] = &[ALEMBIC];

const ALEMBIC: Table = Table {
    name: "alembic_version",
    group: Group::Bookkeeping,
    about: "The revision of the shared tables, in one row. It is the only truth about them, for both programs: \
            no row, or no such table, means that the revision is unknown.",
    columns: &[Column::new("version_num", "VARCHAR(32)", "The revision, such as `v2_5_0b`.").key()],
    unique: &[],
    indexes: &[],
    references: &[],
};
