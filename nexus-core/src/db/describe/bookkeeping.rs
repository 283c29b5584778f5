//! The tables that tell which migrations have been applied.

use super::{Column, Group, Table};

pub(super) const TABLES: &[Table] = &[ALEMBIC, SHARED_HISTORY, OWN_HISTORY];

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

const HISTORY: &[Column] = &[
    Column::new("version", "int4", "Number of the migration.").nullable().key(),
    Column::new("name", "VARCHAR(255)", "Its name: the file name without number and ending.").nullable(),
    Column::new("applied_on", "VARCHAR(255)", "When it was applied, in RFC 3339 with its offset.").nullable(),
    Column::new(
        "checksum",
        "VARCHAR(255)",
        "Checksum of number, name and text: an edited migration is noticed.",
    )
    .nullable(),
];

const SHARED_HISTORY: Table = Table {
    name: "refinery_schema_history",
    group: Group::Bookkeeping,
    about: "The migrations of the shared tables, one row each. Derived from `alembic_version`, and written anew \
            whenever NexusLIMS has moved that.",
    columns: HISTORY,
    unique: &[],
    indexes: &[],
    references: &[],
};

const OWN_HISTORY: Table = Table {
    name: "nexus_schema_history",
    group: Group::Bookkeeping,
    about: "The migrations of the tables of nexus that have been applied, one row each.",
    columns: HISTORY,
    unique: &[],
    indexes: &[],
    references: &[],
};
