//! The rule of a recurring event, as SharePoint keeps it: XML in a column of text.

use chrono::{DateTime, NaiveDateTime, Weekday};
use nexus_plugin_http::xml;
use roxmltree::Node;

/// A rule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The binary form of older servers.
    #[error("its recurrence is in the old form V3RecurrencePattern, which is not read; save the event anew")]
    Old,
    /// There is none.
    #[error("it recurs, and its rule is empty")]
    Missing,
    /// It is no XML.
    #[error("its recurrence is no XML: {0}")]
    NoXml(String),
    /// It says something else than the rules that are known.
    #[error("its recurrence is of an unknown kind: {0}")]
    Unknown(String),
}

/// Which of a month's days that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// From the first one on, counted from 0.
    From(usize),
    /// The last one.
    Last,
}

/// Which days of a week fit, Monday first.
pub type Days = [bool; 7];

/// The days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Every so many days.
    Daily {
        /// How many.
        every: u32,
    },
    /// These days of every so many weeks.
    Weekly {
        /// Which.
        days: Days,
        /// How many.
        every: u32,
    },
    /// This day of every so many months.
    Monthly {
        /// Which.
        day: u32,
        /// How many.
        every: u32,
    },
    /// One of these days of every so many months.
    MonthlyBy {
        /// Which of them.
        nth: Nth,
        /// The days that are counted.
        days: Days,
        /// How many.
        every: u32,
    },
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The days.
    pub repeat: Repeat,
    /// Of a yearly rule: the month.
    pub month: Option<u32>,
    /// The day that weeks begin with.
    pub week_starts: Weekday,
    /// How many occurrences, the first included.
    pub count: Option<usize>,
    /// Until when, as it is written: its zone is not dependable.
    pub until: Option<NaiveDateTime>,
}

impl Rule {
    /// Reads `RecurrenceData`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RuleError::Missing);
        }
        if text.contains("V3RecurrencePattern") {
            return Err(RuleError::Old);
        }
        // Some answers hold the text escaped once more.
        let decoded;
        let text = if text.starts_with("&lt;") {
            decoded =
                text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            &decoded
        } else {
            text
        };
        let document = xml::parse(text).map_err(|error| RuleError::NoXml(error.to_string()))?;
        let find = |name: &str| {
            document
                .descendants()
                .find(|node| node.is_element() && node.tag_name().name().eq_ignore_ascii_case(name))
        };
        let said = |name: &str| find(name).and_then(|node| node.text()).map(str::trim);
        let node = find("repeat")
            .and_then(|repeat| repeat.first_element_child())
            .ok_or_else(|| RuleError::Unknown("it names no days".to_owned()))?;
        let (repeat, month) = repeat(node)?;
        Ok(Self {
            repeat,
            month,
            week_starts: said("firstDayOfWeek").and_then(weekday).unwrap_or(Weekday::Sun),
            count: said("repeatInstances").and_then(|text| text.parse().ok()),
            until: said("windowEnd").and_then(moment),
        })
    }
}

fn repeat(node: Node<'_, '_>) -> Result<(Repeat, Option<u32>), RuleError> {
    let attribute = |name: &str| {
        node.attributes().find(|one| one.name().eq_ignore_ascii_case(name)).map(|one| one.value().trim())
    };
    let is_true = |name: &str| attribute(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let number = |name: &str| attribute(name).and_then(|text| text.parse::<u32>().ok());
    let every = |name: &str| number(name).unwrap_or(1).clamp(1, 9_999);
    let kind = node.tag_name().name().to_ascii_lowercase();
    let unknown = |what: &str| RuleError::Unknown(format!("{kind} {what}"));
    let day = || number("day").filter(|day| (1..=31).contains(day)).ok_or_else(|| unknown("without a day"));
    let month = || {
        number("month")
            .filter(|month| (1..=12).contains(month))
            .ok_or_else(|| unknown("without a month"))
            .map(Some)
    };
    let yearly = || every("yearFrequency").saturating_mul(12);
    let by_day = |every: u32| -> Result<Repeat, RuleError> {
        let nth = match attribute("weekdayOfMonth").unwrap_or_default().to_ascii_lowercase().as_str() {
            "first" => Nth::From(0),
            "second" => Nth::From(1),
            "third" => Nth::From(2),
            "fourth" => Nth::From(3),
            "last" => Nth::Last,
            other => return Err(unknown(&format!("of weekdayOfMonth `{other}`"))),
        };
        let days = if is_true("day") {
            [true; 7]
        } else if is_true("weekday") {
            WORKING
        } else if is_true("weekend_day") {
            WORKING.map(|works| !works)
        } else {
            NAMES.map(is_true)
        };
        if days.contains(&true) {
            Ok(Repeat::MonthlyBy { nth, days, every })
        } else {
            Err(unknown("without a day"))
        }
    };
    Ok(match kind.as_str() {
        "daily" if is_true("weekday") => (Repeat::Weekly { days: WORKING, every: 1 }, None),
        "daily" => (Repeat::Daily { every: every("dayFrequency") }, None),
        "weekly" => {
            let days = NAMES.map(is_true);
            if !days.contains(&true) {
                return Err(unknown("without a day"));
            }
            (Repeat::Weekly { days, every: every("weekFrequency") }, None)
        }
        "monthly" => (Repeat::Monthly { day: day()?, every: every("monthFrequency") }, None),
        "monthlybyday" => (by_day(every("monthFrequency"))?, None),
        "yearly" => (Repeat::Monthly { day: day()?, every: yearly() }, month()?),
        "yearlybyday" => (by_day(yearly())?, month()?),
        _ => return Err(RuleError::Unknown(kind)),
    })
}

/// The days as they are named in a rule, Monday first.
const NAMES: [&str; 7] = ["mo", "tu", "we", "th", "fr", "sa", "su"];

const WORKING: Days = [true, true, true, true, true, false, false];

fn weekday(name: &str) -> Option<Weekday> {
    let at = NAMES.iter().position(|known| name.eq_ignore_ascii_case(known))?;
    Weekday::try_from(u8::try_from(at).ok()?).ok()
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.naive_local());
    time.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")).ok()
}
