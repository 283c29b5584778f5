//! Telling a file which revision its tables are of.

use super::samples::{FORWARDS, Sample, expected, shared};
use crate::db::chain::PEER;
use crate::db::peer::{MigrationOptions, Revision, Shape, Standing, stamp, standing};
use crate::db::{Access, Database, DbError};

fn options() -> MigrationOptions<'static> {
    MigrationOptions::default()
}

#[test]
fn a_file_without_revision_says_what_it_looks_like() {
    for revision in Revision::ALL {
        for empty_table_stays in [true, false] {
            let sample = Sample::at(revision);
            sample.run(if empty_table_stays {
                "DELETE FROM alembic_version"
            } else {
                "DROP TABLE alembic_version"
            });
            assert_eq!(standing(&sample.open()).unwrap(), Standing::Unversioned(Shape::Like(revision)));
            let error = sample.up(Revision::HEAD).unwrap_err().to_string();
            assert!(
                error.contains(&format!("run `nexus db stamp {revision}`, then `nexus db upgrade`")),
                "{error}"
            );
            assert!(Database::open(&sample.path, Access::Write).is_err());
            let before = sample.rows();

            let report = stamp(&sample.path, revision, &options()).unwrap();
            assert!(report.backup.is_some());
            assert_eq!((report.from, report.to), (None, Some(revision)));
            assert_eq!(shared(&sample.path), expected(Some(revision), FORWARDS));
            assert_eq!(sample.rows(), before);
            assert_eq!(
                PEER.applied(&sample.open()).unwrap().len(),
                usize::try_from(revision.version()).unwrap()
            );
            sample.up(Revision::HEAD).unwrap();
        }
    }
}

#[test]
fn only_the_revision_whose_tables_are_there_can_be_stamped() {
    for real in Revision::ALL {
        for asked in Revision::ALL.into_iter().filter(|asked| *asked != real) {
            let sample = Sample::at(real);
            let before = sample.bytes();
            let error = stamp(&sample.path, asked, &options()).unwrap_err();
            assert!(matches!(error, DbError::StampMismatch { .. }), "{error}");
            assert_eq!(sample.bytes(), before);
        }
    }
}

#[test]
fn two_rows_are_repaired_and_a_right_one_is_left_alone() {
    let sample = Sample::at(Revision::V2_4_0b);
    sample.run("INSERT INTO alembic_version VALUES ('v2_4_0a')");
    stamp(&sample.path, Revision::V2_4_0b, &options()).unwrap();
    assert_eq!(standing(&sample.open()).unwrap(), Standing::At(Revision::V2_4_0b));
    let before = sample.bytes();
    let report = stamp(&sample.path, Revision::V2_4_0b, &options()).unwrap();
    assert!(report.backup.is_none() && report.steps.is_empty());
    assert_eq!(sample.bytes(), before);
}
