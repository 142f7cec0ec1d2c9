//! Tables of the documents that are written from the program: `UPDATE_DOCS=1 cargo test --test architecture` writes them
//! between their markers, and without that variable a stale table fails.

use std::fs;
use std::sync::{Mutex, PoisonError};

use crate::documents::{Setting, arrows, settings};
use crate::source::{read, root};

#[test]
fn the_table_of_errors_is_that_of_the_program() {
    let rows = verbatim::error::CODES
        .iter()
        .map(|code| format!("`{}` | {} | `{}` | {}", code.name, code.status, code.kind, code.meaning));
    check("docs/errors.md", "errors", "code | status | type | meaning", rows);
}

#[test]
fn the_table_of_settings_is_that_of_the_manual() {
    let rows = settings().into_iter().map(|Setting { key, default, comment }| {
        // An address is too long for a column.
        let default =
            if default.contains("://") { "in the manual".to_owned() } else { format!("`{default}`") };
        format!("`{key}` | {default} | {comment}")
    });
    check("docs/USAGE.md", "settings", "key | default | what it does", rows);
}

#[test]
fn the_table_of_routes_is_that_of_the_program() {
    let document = verbatim::http::description();
    let rows = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| {
            let summary = operation["summary"].as_str().unwrap().trim_end_matches('.');
            format!("`{} {path}` | {summary}", method.to_uppercase())
        })
    });
    check("docs/USAGE.md", "routes", "route | what it does", rows);
}

#[test]
fn the_table_of_the_lifecycle_is_the_tested_one() {
    let rows = arrows().into_iter().map(|arrow| arrow.join(" | "));
    check("docs/LIFECYCLE.md", "lifecycle", "state | input | next | effects", rows);
}

/// One test at a time reads and writes a document.
static DOCUMENTS: Mutex<()> = Mutex::new(());

/// Holds a table to its rows, or writes it.
fn check(document: &str, name: &str, head: &str, rows: impl Iterator<Item = String>) {
    let begin = format!("<!-- {name}: written by `UPDATE_DOCS=1 cargo test --test architecture` -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let columns = head.split(" | ").map(|_| "---").collect::<Vec<_>>().join(" | ");
    let rows = [head.to_owned(), columns].into_iter().chain(rows);
    let table: String = rows.map(|row| format!("| {row} |\n")).collect();
    let _alone = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(document);
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} lacks {begin}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} lacks {end}"));
    if written == table {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(document), [before, &begin, &table, &end, after].concat()).unwrap();
        return;
    }
    let stale = table.lines().find(|row| !written.contains(row)).unwrap_or("the order, or a row too many");
    panic!("a table of {document} is stale ({stale}): run UPDATE_DOCS=1 cargo test --test architecture");
}
