//! Where a migration shall go, as it is typed.

use std::str::FromStr;

use anyhow::{anyhow, bail};
use nexus_core::db::peer::Revision;

/// A place in the chain: a revision, or the empty database before the first.
pub(super) type Rung = Option<Revision>;

/// How a rung is called; what the commands take for it too.
pub(super) fn name(rung: Rung) -> &'static str {
    rung.map_or("base", Revision::as_str)
}

/// Where a migration shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// A revision, `head` or `base`.
    At(Rung),
    /// `+N` or `-N`: so many revisions from where the database is.
    Steps(i32),
}

impl Goal {
    /// The rung that is meant, for a database that is at `present`.
    pub(super) fn from(self, present: Rung) -> anyhow::Result<Rung> {
        let steps = match self {
            Self::At(rung) => return Ok(rung),
            Self::Steps(steps) => steps,
        };
        let goal = i64::from(position(present)) + i64::from(steps);
        if goal == 0 {
            return Ok(None);
        }
        let found = usize::try_from(goal - 1).ok().and_then(|index| Revision::ALL.get(index));
        found.copied().map(Some).ok_or_else(|| {
            let end = if steps > 0 { Some(Revision::HEAD) } else { None };
            let left = position(present).abs_diff(position(end));
            let rest = match left {
                0 => "and nothing lies beyond".to_owned(),
                1 => format!("and {} is 1 revision away", name(end)),
                _ => format!("and {} is {left} revisions away", name(end)),
            };
            anyhow!("{steps:+} goes too far: the database is at {}, {rest}", name(present))
        })
    }
}

/// How many revisions lie below and at the rung.
fn position(rung: Rung) -> i32 {
    let below = Revision::ALL.iter().take_while(|revision| Some(**revision) <= rung).count();
    i32::try_from(below).unwrap_or(i32::MAX)
}

impl FromStr for Goal {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text.starts_with(['+', '-']) {
            return match text.parse::<i32>() {
                Ok(0) | Err(_) => {
                    bail!("`{text}` is no number of steps; write +1, -2, a revision, head or base")
                }
                Ok(steps) => Ok(Self::Steps(steps)),
            };
        }
        rung(text).map(Self::At)
    }
}

/// A goal, or with a colon the two ends of a way that needs no database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From where the database is.
    To(Goal),
    /// Between two rungs.
    Between(Rung, Rung),
}

impl FromStr for Way {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.split_once(':') {
            Some((from, to)) => Ok(Self::Between(rung(from)?, rung(to)?)),
            None => text.parse().map(Self::To),
        }
    }
}

fn rung(text: &str) -> anyhow::Result<Rung> {
    match text {
        "head" => Ok(Some(Revision::HEAD)),
        "base" => Ok(None),
        other => Ok(Some(other.parse()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_from_where_the_database_is() {
        let cases = [
            ("+1", None, Some(Revision::V1_4_3)),
            ("+2", Some(Revision::V2_4_0a), Some(Revision::V2_5_0a)),
            ("-1", Some(Revision::HEAD), Some(Revision::V2_5_0a)),
            ("-5", Some(Revision::HEAD), None),
            ("head", None, Some(Revision::HEAD)),
            ("base", Some(Revision::V2_4_0b), None),
            ("v2_4_0b", None, Some(Revision::V2_4_0b)),
        ];
        for (text, present, goal) in cases {
            assert_eq!(text.parse::<Goal>().unwrap().from(present).unwrap(), goal, "{text}");
        }
        let far = |text: &str, present| text.parse::<Goal>().unwrap().from(present).unwrap_err().to_string();
        assert_eq!(
            far("+2", Some(Revision::V2_5_0a)),
            "+2 goes too far: the database is at v2_5_0a, and v2_5_0b is 1 revision away"
        );
        assert_eq!(
            far("-6", Some(Revision::HEAD)),
            "-6 goes too far: the database is at v2_5_0b, and base is 5 revisions away"
        );
        assert_eq!(
            far("-2147483648", None),
            "-2147483648 goes too far: the database is at base, and nothing lies beyond"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "+",
            "+0",
            "-0",
            "+x",
            "v9_9_9",
            "HEAD",
            "99999999999",
            "+99999999999",
            "head:",
            ":head",
            "+1:head",
            "a:b:c",
        ] {
            assert!(bad.parse::<Way>().is_err(), "{bad}");
        }
        assert_eq!("base:head".parse::<Way>().unwrap(), Way::Between(None, Some(Revision::HEAD)));
    }
}
