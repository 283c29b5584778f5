//! `nexus db upgrade` and `nexus db downgrade`.

use anyhow::anyhow;
use clap::Args;
use nexus_core::db::peer::{self, Revision, Standing};

use super::goal::{self, Goal, Rung, Way};
use super::{report, stop};
use crate::args::Global;
use crate::database::Place;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const UPGRADE_EXAMPLES: &str = "\
Examples:
  Bring the shared tables to the newest revision:
    nexus db upgrade
  One revision only, or up to a certain one:
    nexus db upgrade +1
    nexus db upgrade v2_4_0b
  Read what would be run, for this database or for any that is at v2_4_0a:
    nexus db upgrade --sql
    nexus db upgrade --sql v2_4_0a:head

The database is copied beside itself before the first step; the newest three of these copies are kept. \
Each revision is one transaction: it is applied whole or not at all. Rows that the next revision would not take \
are named, and nothing is changed.";

const DOWNGRADE_EXAMPLES: &str = "\
Examples:
  One revision back:
    nexus db downgrade
  Back to a certain revision, or to no tables at all:
    nexus db downgrade v2_4_0a
    nexus db downgrade base
  Read what would be run:
    nexus db downgrade --sql -2
    nexus db downgrade --sql head:v2_4_0a

An older revision has no place for some tables and columns: what they hold goes with them, is counted in the \
report, and stays in the copy that is made first.";

#[derive(Debug, Args)]
#[command(after_help = UPGRADE_EXAMPLES)]
pub(super) struct UpgradeArgs {
    /// Where to: a revision, `head`, or +N for N revisions up. With --sql also FROM:TO, for which no database is read.
    #[arg(value_name = "REVISION", default_value = "head", allow_negative_numbers = true)]
    to: Way,
    /// Print the SQL instead of running it.
    #[arg(long)]
    sql: bool,
}

#[derive(Debug, Args)]
#[command(after_help = DOWNGRADE_EXAMPLES)]
pub(super) struct DowngradeArgs {
    /// Where to: a revision, `base` for no tables, or -N for N revisions down. With --sql also FROM:TO, for which no
    /// database is read.
    #[arg(value_name = "REVISION", default_value = "-1", allow_negative_numbers = true)]
    to: Way,
    /// Print the SQL instead of running it.
    #[arg(long)]
    sql: bool,
}

pub(super) fn upgrade(
    global: &Global,
    place: impl Fn() -> Result<Place, Stop>,
    args: &UpgradeArgs,
) -> Result<ExitCode, Stop> {
    migrate(global, place, Direction::Up, args.to, args.sql)
}

pub(super) fn downgrade(
    global: &Global,
    place: impl Fn() -> Result<Place, Stop>,
    args: &DowngradeArgs,
) -> Result<ExitCode, Stop> {
    migrate(global, place, Direction::Down, args.to, args.sql)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "upgrade",
            Self::Down => "downgrade",
        }
    }

    fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }

    /// Whether a way leads in this direction, or nowhere.
    fn fits(self, from: Rung, to: Rung) -> bool {
        match self {
            Self::Up => from <= to,
            Self::Down => from >= to,
        }
    }

    fn sql(self, from: Rung, to: Rung) -> String {
        match (self, from, to) {
            (Self::Up, from, Some(to)) => peer::upgrade_sql(from, to),
            (Self::Down, Some(from), to) => peer::downgrade_sql(from, to),
            (Self::Up, _, None) | (Self::Down, None, _) => "-- nothing to do\n".to_owned(),
        }
    }
}

fn migrate(
    global: &Global,
    place: impl Fn() -> Result<Place, Stop>,
    direction: Direction,
    way: Way,
    sql: bool,
) -> Result<ExitCode, Stop> {
    let to = match way {
        Way::To(to) => to,
        Way::Between(from, to) if sql => {
            if !direction.fits(from, to) {
                return Err(other_way(direction, goal::name(from), goal::name(to)));
            }
            output::text(&direction.sql(from, to));
            return Ok(ExitCode::Done);
        }
        Way::Between(_, to) => {
            let hint = format!("give only where to go: nexus db {} {}", direction.name(), goal::name(to));
            let error = anyhow!("FROM:TO is for --sql; a database knows where it is");
            return Err(Stop::new(ExitCode::Usage, error).with_hint(hint));
        }
    };
    let place = place()?;
    // Asked before the locks are taken, so that a refusal leaves nothing behind.
    let (from, to) = ends(&place, direction, to)?;
    if sql {
        output::text(&direction.sql(from, to));
        return Ok(ExitCode::Done);
    }
    let _locks = place.lock()?;
    let options = place.options();
    let report = match (direction, to) {
        (Direction::Up, Some(to)) => peer::upgrade(place.path(), to, &options),
        (Direction::Up, None) => Ok(peer::MigrationReport::default()),
        (Direction::Down, to) => peer::downgrade(place.path(), to, &options),
    };
    report::print(global, &report.map_err(stop)?)?;
    Ok(ExitCode::Done)
}

/// Where the database is, and where it shall go.
fn ends(place: &Place, direction: Direction, to: Goal) -> Result<(Rung, Rung), Stop> {
    let database = place.open().map_err(stop)?;
    let from = match database.standing().map_err(stop)? {
        Standing::At(revision) => Some(revision),
        Standing::Empty => None,
        Standing::Unversioned(_) => {
            database.require_head().map_err(stop)?;
            Some(Revision::HEAD)
        }
    };
    let to = to.from(from).or_stop(ExitCode::Usage)?;
    if !direction.fits(from, to) {
        let instead = format!("nexus db {} {}", direction.opposite().name(), goal::name(to));
        let database = database.path().unwrap_or(place.path()).display();
        let error = anyhow!(
            "database `{database}` is at {}, and {} lies the other way",
            goal::name(from),
            goal::name(to)
        );
        return Err(Stop::new(ExitCode::Usage, error).with_hint(instead));
    }
    Ok((from, to))
}

fn other_way(direction: Direction, from: &str, to: &str) -> Stop {
    let instead = direction.opposite().name();
    let hint = format!("nexus db {instead} --sql {from}:{to}");
    Stop::new(ExitCode::Usage, anyhow!("from {from} to {to} is no {}", direction.name())).with_hint(hint)
}
