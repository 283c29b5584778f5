//! The days that a rule names.

use chrono::{Datelike, Days as Span, Months, NaiveDate};

use super::rule::{Days, Nth, Repeat, Rule};

/// Months that are looked through at most, for rules whose day never comes.
const MOST_MONTHS: u32 = 12_000;

impl Rule {
    /// The days from the first one on, until a last one or a number of them.
    pub fn days(&self, first: NaiveDate, until: Option<NaiveDate>, most: usize) -> Vec<NaiveDate> {
        let most = self.count.map_or(most, |count| count.min(most));
        let mut found = Vec::new();
        let mut take = |day: NaiveDate| {
            if day < first {
                return true;
            }
            if found.len() >= most || until.is_some_and(|until| day > until) {
                return false;
            }
            found.push(day);
            true
        };
        match self.repeat {
            Repeat::Daily { every } => {
                let mut day = Some(first);
                while let Some(today) = day.filter(|today| take(*today)) {
                    day = today.checked_add_days(Span::new(u64::from(every)));
                }
            }
            Repeat::Weekly { days, every } => {
                let mut week = week_of(first, self);
                'weeks: while let Some(begins) = week {
                    for day in (0..7).filter_map(|at| begins.checked_add_days(Span::new(at))) {
                        if fits(days, day) && !take(day) {
                            break 'weeks;
                        }
                    }
                    week = begins.checked_add_days(Span::new(u64::from(every).saturating_mul(7)));
                }
            }
            Repeat::Monthly { day, every } => {
                let days = self.months(first, every).filter_map(|month| month.with_day(day));
                days.take_while(|day| take(*day)).for_each(drop);
            }
            Repeat::MonthlyBy { nth, days, every } => {
                let days = self.months(first, every).filter_map(|month| nth_of(month, nth, days));
                days.take_while(|day| take(*day)).for_each(drop);
            }
        }
        found
    }

    /// The first days of the months that count.
    fn months(&self, first: NaiveDate, every: u32) -> impl Iterator<Item = NaiveDate> + use<> {
        let start = first.with_day(1).and_then(|month| match self.month {
            Some(number) => month.with_month(number),
            None => Some(month),
        });
        let month = move |at: u32| start?.checked_add_months(Months::new(at.checked_mul(every)?));
        (0..MOST_MONTHS).map_while(month)
    }
}

/// The day that the week of this day begins with.
fn week_of(day: NaiveDate, rule: &Rule) -> Option<NaiveDate> {
    let into = day.weekday().days_since(rule.week_starts);
    day.checked_sub_days(Span::new(u64::from(into)))
}

fn fits(days: Days, day: NaiveDate) -> bool {
    let at = day.weekday().num_days_from_monday();
    usize::try_from(at).ok().and_then(|at| days.get(at)).copied().unwrap_or(false)
}

fn nth_of(month: NaiveDate, nth: Nth, days: Days) -> Option<NaiveDate> {
    let mut all = (1..=31).filter_map(|day| month.with_day(day)).filter(|day| fits(days, *day));
    match nth {
        Nth::From(at) => all.nth(at),
        Nth::Last => all.next_back(),
    }
}
