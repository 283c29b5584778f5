//! Whether a log can serve, told to a person.

use nexus_plugin_api::{CheckReport, CheckResult, PluginError};

use crate::book::Book;
use crate::column::{Column, meant};
use crate::file::Snapshot;
use crate::settings::{ColumnAbsent, Settings};

/// Most bad rows that are shown.
const MOST_SHOWN: usize = 5;

/// Reads the log and says what stands in the way.
pub fn check(settings: &Settings) -> CheckReport {
    let mut report = CheckReport::default();
    let failed = |error: PluginError| match error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message,
    };
    let snapshot = match Snapshot::take(&settings.path) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            report.push("log readable", CheckResult::Failed, failed(error));
            return report;
        }
    };
    report.push("log readable", CheckResult::Ok, format!("{} bytes", snapshot.bytes.len()));
    match Book::read(snapshot, settings) {
        Err(error) => report.push("columns", CheckResult::Failed, failed(error)),
        Ok(book) => {
            columns(&book, &mut report);
            if let Err(error) = consent(&book, settings, &mut report) {
                report.push("consent", CheckResult::Failed, failed(error));
            }
            rows(&book, &mut report);
        }
    }
    report
}

fn columns(book: &Book, report: &mut CheckReport) {
    let slips: Vec<String> = book
        .unknown
        .iter()
        .filter_map(|heading| {
            let column = meant(heading).filter(|column| !book.columns.contains(column))?;
            Some(format!("`{heading}` is not read; is it `{}`?", column.name()))
        })
        .collect();
    if slips.is_empty() {
        let names: Vec<_> = book.columns.iter().map(|column| column.name()).collect();
        report.push("columns", CheckResult::Ok, names.join(", "));
    } else {
        report.push("columns", CheckResult::Warning, slips.join("; "));
    }
}

fn consent(book: &Book, settings: &Settings, report: &mut CheckReport) -> Result<(), PluginError> {
    let (result, detail) = match (book.has_consent_column, &book.like_consent, settings.column_absent) {
        (true, _, _) => {
            let mut yes = 0;
            for row in book.rows.iter() {
                let row = book.row(&row)?;
                let agreed = row.text(Column::Consent).is_some_and(|a| settings.affirmative.accepts(a));
                yes += usize::from(agreed);
            }
            (CheckResult::Ok, format!("{yes} of {} rows say yes", book.rows.len()))
        }
        (false, Some(heading), _) => (
            CheckResult::Warning,
            format!("no column is called `consent`, so no session will be built; is it `{heading}`?"),
        ),
        (false, None, ColumnAbsent::Assume) => {
            (CheckResult::Ok, "the log has no column `consent`; the settings say that all consented".to_owned())
        }
        (false, None, ColumnAbsent::Require) => (
            CheckResult::Warning,
            "the log has no column `consent`, so no session will be built; add it, or set consent = \"assume\" \
             if the facility obtains consent elsewhere"
                .to_owned(),
        ),
    };
    report.push("consent", result, detail);
    Ok(())
}

fn rows(book: &Book, report: &mut CheckReport) {
    let total = book.rows.len() + book.bad.len();
    if book.bad.is_empty() {
        report.push("rows", CheckResult::Ok, format!("{total} rows"));
        return;
    }
    let mut detail = format!("{} of {total} rows cannot be read: ", book.bad.len());
    let shown: Vec<String> = book
        .bad
        .iter()
        .take(MOST_SHOWN)
        .map(|row| format!("{}: {}", book.place(row.line), row.reason))
        .collect();
    detail.push_str(&shown.join("; "));
    if book.bad.len() > MOST_SHOWN {
        detail.push_str("; …");
    }
    report.push("rows", CheckResult::Warning, detail);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(text: &str) -> CheckReport {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.csv");
        std::fs::write(&path, text).unwrap();
        check(&Settings::read(&json!({"path": path})).unwrap())
    }

    fn item<'a>(report: &'a CheckReport, name: &str) -> (CheckResult, &'a str) {
        let item = report.items.iter().find(|item| item.name == name).unwrap();
        (item.result, &item.detail)
    }

    #[test]
    fn a_missing_log_fails() {
        let report = check(&Settings::read(&json!({"path": "/nowhere/usage.csv"})).unwrap());
        assert!(!report.passed());
        assert!(item(&report, "log readable").1.contains("/nowhere/usage.csv"));
    }

    #[test]
    fn missing_columns_fail_and_name_the_likely_heading() {
        let report = checked("id,instrment,start,end\n");
        let (result, detail) = item(&report, "columns");
        assert_eq!(result, CheckResult::Failed);
        assert!(detail.contains("`instrument` (is it `instrment`?)"), "{detail}");
    }

    #[test]
    fn bad_rows_and_a_missing_consent_are_warnings() {
        let report =
            checked("id,instrument,start,end,consnet,usr\n1,T,yesterday,,yes,a\n2,T,2024-03-05 09:10,,,\n");
        assert!(report.passed());
        assert!(item(&report, "columns").1.contains("is it `user`?"));
        assert!(item(&report, "consent").1.contains("is it `consnet`?"));
        let (result, detail) = item(&report, "rows");
        assert_eq!(result, CheckResult::Warning);
        assert!(
            detail.contains("1 of 2 rows") && detail.contains("usage.csv line 2: `start` is `yesterday`")
        );
    }

    #[test]
    fn a_good_log_passes() {
        let report = checked("id,instrument,start,end,consent\n1,T,2024-03-05 09:10,,yes\n");
        assert!(report.items.iter().all(|item| item.result == CheckResult::Ok), "{report:?}");
    }
}
