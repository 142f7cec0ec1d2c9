//! The texts that jobs are found by, in an index of each engine's own: FTS5 of SQLite, a table with an index of pg_trgm in
//! PostgreSQL.
//!
//! It is made when the store is opened, and could be made again at any time. Its
//! trigrams say in which texts a word may be; the text itself, kept beside them in lower case, decides. Ten thousand
//! transcripts of 1,650 words were searched in 20 ms at most in SQLite, and by LIKE alone in 110 ms; the index adds a third to their size.

use actors::domain::jobs::job::JobId;
use actors::domain::jobs::words::SearchWords;
use actors::domain::transcript::Segment;
use actors::domain::transcript::edit::EditedSegment;
use actors::ports::{JobQuery, StoreError};
use serde_json::Value;
use tracing::warn;

use super::db::{self, Builder, Transaction};
use super::fault::Fault;
use super::locks::Lock;
use super::rows::{JobRow, from_json, job_id};
use super::sql;
use super::sql_store::SqlStore;

pub(super) const CREATE: &str = "CREATE VIRTUAL TABLE IF NOT EXISTS job_texts \
    USING fts5(body, tokenize = 'trigram', detail = none, columnsize = 0)";
/// 1: row, 2: text.
const INSERT: &str = "INSERT INTO job_texts (rowid, body) VALUES ($1, $2)";
/// 1: row, 2: text.
const UPDATE: &str = "UPDATE job_texts SET body = $2 WHERE rowid = $1";
const DELETE: &str = "DELETE FROM job_texts WHERE rowid = $1";

/// Jobs that are put into the index in one transaction.
const BATCH: i64 = 20;
/// Of a job's text that are put into it: 20 hours of speech.
const MAX_CHARS: usize = 1 << 20;
/// Ids of one millisecond may fall on one row; the next ones are free.
const NEXT_ROWS: i64 = 64;

impl SqlStore {
    /// Puts jobs into the index that are not in it yet, as those of an earlier version, the newest first, and says how
    /// many they were.
    pub async fn index_jobs(&self) -> Result<usize, StoreError> {
        let mut indexed = 0;
        loop {
            match self.index_some().await? {
                0 => return Ok(indexed),
                more => indexed += more,
            }
        }
    }

    async fn index_some(&self) -> Result<usize, Fault> {
        let mut change = self.change(Lock::Index).await?;
        let ids: Vec<String> =
            db::query_scalar(sql::NOT_SEARCHABLE).bind(BATCH).fetch_all(&mut change).await?;
        let mut jobs = ids.iter().map(|id| job_id(id)).collect::<Result<Vec<_>, _>>()?;
        jobs.sort();
        for id in jobs {
            Lock::Job(id).take(&mut change).await?;
            index(&mut change, id).await?;
        }
        self.commit(change, "index").await?;
        Ok(ids.len())
    }
}

/// What a job is found by, but for its transcript, and where in the index it is.
#[derive(sqlx::FromRow)]
struct SearchedRow {
    filename: Option<String>,
    metadata: Option<String>,
    revision: i64,
    search_row: Option<i64>,
}

/// Keeps what a job is found by as it is now.
pub(super) async fn index(change: &mut Transaction, id: JobId) -> Result<(), Fault> {
    let key = id.to_string();
    let row: Option<SearchedRow> =
        db::query_as(sql::SEARCHED).bind(&key).fetch_optional(&mut *change).await?;
    let Some(SearchedRow { filename, metadata, revision, search_row }) = row else { return Ok(()) };
    let mut text = vec![key.clone(), filename.unwrap_or_default()];
    if let Some(metadata) = metadata {
        match serde_json::from_str(&metadata) {
            Ok(metadata) => add_texts(&metadata, &mut text),
            Err(_) => text.push(metadata),
        }
    }
    match add_transcript(change, &key, revision, &mut text).await {
        // A request for the transcript answers with the error; here it must not keep other jobs from the index.
        Err(fault @ (Fault::Unreadable { .. } | Fault::Sql(sqlx::Error::RowNotFound))) => {
            warn!(job.id = %key, %fault, "the job is not found by its transcript, which cannot be read");
        }
        added => added?,
    }
    let text = indexed(&text.join("\n"));
    if let Some(row) = search_row {
        db::query(UPDATE).bind(row).bind(text).execute(&mut *change).await?;
        return Ok(());
    }
    let mut row = row_of(id);
    while db::query_scalar::<i64>(sql::IS_SEARCH_ROW_TAKEN).bind(row).fetch_one(&mut *change).await? > 0 {
        row += 1;
    }
    // A row without a job was left by an earlier version.
    db::query(DELETE).bind(row).execute(&mut *change).await?;
    db::query(INSERT).bind(row).bind(text).execute(&mut *change).await?;
    db::query(sql::KEEP_SEARCH_ROW).bind(key).bind(row).execute(&mut *change).await?;
    Ok(())
}

/// In lower case, as far as it is looked at.
fn indexed(text: &str) -> String {
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
    text[..end].to_lowercase()
}

/// Before the job itself goes.
pub(super) async fn remove(change: &mut Transaction, id: JobId) -> Result<(), Fault> {
    let row: Option<Option<i64>> =
        db::query_scalar(sql::SEARCH_ROW).bind(id.to_string()).fetch_optional(&mut *change).await?;
    if let Some(Some(row)) = row {
        db::query(DELETE).bind(row).execute(&mut *change).await?;
    }
    Ok(())
}

/// The newest jobs in which all the words are.
pub(super) async fn find(
    reader: &mut Transaction,
    query: &JobQuery,
    words: &SearchWords,
) -> Result<Vec<JobRow>, Fault> {
    let is_filtered = !query.statuses.is_empty() || !query.models.is_empty();
    let first = if let Transaction::Postgres(_) = reader {
        First::AsPlanned
    } else if is_filtered && are_few(reader, query).await? {
        First::Jobs
    } else {
        First::Texts
    };
    // In SQLite the table that comes first is the one that is scanned, whatever the planner thinks.
    let mut statement = Builder::new(match first {
        First::Texts => {
            "SELECT jobs.* FROM job_texts CROSS JOIN jobs ON jobs.search_row = job_texts.rowid WHERE "
        }
        First::Jobs => {
            "SELECT jobs.* FROM jobs CROSS JOIN job_texts ON job_texts.rowid = jobs.search_row WHERE "
        }
        First::AsPlanned => {
            "SELECT jobs.* FROM jobs JOIN job_texts ON job_texts.rowid = jobs.search_row WHERE "
        }
    });
    push_filters(&mut statement, query);
    for word in words.iter() {
        match first {
            First::Texts => statement.push(" AND job_texts.body GLOB ").bind(glob(word)),
            // With the sign the text itself is looked at, not the index.
            First::Jobs => statement.push(" AND +job_texts.body GLOB ").bind(glob(word)),
            First::AsPlanned => statement.push(" AND job_texts.body LIKE ").bind(like(word)),
        };
    }
    match (first, query.before) {
        (First::Texts, Some(before)) => {
            statement.push(" AND job_texts.rowid < ").bind(rows_end(before));
            statement.push(" ORDER BY job_texts.rowid DESC LIMIT ");
        }
        (First::Texts, None) => {
            statement.push(" ORDER BY job_texts.rowid DESC LIMIT ");
        }
        (First::Jobs | First::AsPlanned, _) => {
            statement.push(" ORDER BY jobs.id DESC LIMIT ");
        }
    }
    statement.bind(i64::from(query.limit));
    Ok(statement.build().fetch_all(reader).await?)
}

/// What is scanned: all texts that may have the words, until there are enough, or the few jobs that are asked for.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Texts,
    Jobs,
    /// PostgreSQL's planner has figures of both.
    AsPlanned,
}

/// So many jobs are looked at one by one in less time than all texts that have a common word.
const FEW: i64 = 500;

async fn are_few(reader: &mut Transaction, query: &JobQuery) -> Result<bool, Fault> {
    let mut statement = Builder::new("SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE ");
    push_filters(&mut statement, query);
    statement.push(" LIMIT ").bind(FEW).push(") AS some");
    let (count,): (i64,) = statement.build().fetch_one(reader).await?;
    Ok(count < FEW)
}

fn push_filters(statement: &mut Builder, query: &JobQuery) {
    statement.push("jobs.owner = ").bind(&query.owner);
    if let Some(before) = query.before {
        statement.push(" AND jobs.id < ").bind(before.to_string());
    }
    if !query.statuses.is_empty() {
        statement.push(" AND jobs.state IN ").bind_list(query.statuses.iter().map(|status| status.name()));
    }
    if !query.models.is_empty() {
        let names = query.models.iter().map(|model| model.clone().unwrap_or_default());
        statement.push(" AND jobs.model IN ").bind_list(names);
    }
}

/// For LIKE, a word anywhere in a text: signs that mean something in patterns mean themselves.
fn like(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The same for GLOB.
fn glob(word: &str) -> String {
    let mut pattern = String::from("*");
    for c in word.chars() {
        match c {
            '*' | '?' | '[' => pattern.extend(['[', c, ']']),
            _ => pattern.push(c),
        }
    }
    pattern.push('*');
    pattern
}

/// Where a job stands in the index: later ones behind earlier ones. Its time to the millisecond, and the lower bits of the
/// counter that distinguishes the ids of one millisecond.
fn row_of(id: JobId) -> i64 {
    const TIME_BITS: u32 = 42;
    const COUNTER_BITS: u32 = 21;
    let bits = id.0.as_u128();
    let part = |shift: u32, width: u32| i64::try_from((bits >> shift) & ((1 << width) - 1)).unwrap_or(0);
    (part(80, TIME_BITS) << COUNTER_BITS) | part(32, COUNTER_BITS)
}

/// Behind all rows that may be of a job or of earlier ones, whatever the id a client sent.
fn rows_end(id: JobId) -> i64 {
    row_of(id).saturating_add(NEXT_ROWS)
}

/// The keys and values of metadata, without the signs of JSON.
fn add_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => texts.push(truth.to_string()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| add_texts(value, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                texts.push(name.clone());
                add_texts(value, texts);
            }
        }
    }
}

/// As people last left it; without that, as the engine wrote it.
async fn add_transcript(
    change: &mut Transaction,
    key: &str,
    revision: i64,
    texts: &mut Vec<String>,
) -> Result<(), Fault> {
    if revision > 0 {
        let body: String = db::query_scalar(sql::REVISION).bind(key).bind(revision).fetch_one(change).await?;
        let segments: Vec<EditedSegment> = from_json("an edited transcript", &body)?;
        texts.extend(segments.into_iter().flat_map(|one| one.speaker.into_iter().chain([one.text])));
        return Ok(());
    }
    let bodies: Vec<String> = db::query_scalar(sql::SEGMENTS).bind(key).fetch_all(change).await?;
    let mut text = String::new();
    for body in &bodies {
        let segment: Segment = from_json("a segment", body)?;
        text.push_str(&segment.text);
    }
    texts.push(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn rows_are_in_the_order_of_ids() {
        let id = |text: &str| row_of(JobId(Uuid::parse_str(text).unwrap()));
        let rows = [
            id("01a208b0-500d-71c0-80b9-819d480ee5c9"),
            id("01a208b0-500d-71c0-80b9-819e00000000"),
            id("01a208b0-500e-7000-8000-000000000000"),
            id("01a208b1-0000-7000-8000-000000000000"),
        ];
        assert!(rows.is_sorted_by(|one, next| one < next) && rows[0] > 0, "{rows:?}");
    }

    #[test]
    fn the_last_of_all_ids_has_an_end_of_its_rows() {
        assert_eq!(rows_end(JobId(Uuid::max())), i64::MAX);
    }

    #[test]
    fn a_text_is_indexed_up_to_a_limit() {
        assert_eq!(indexed("Gr\u{d6}\u{df}E"), "gr\u{f6}\u{df}e");
        assert_eq!(indexed(&"\u{d6}".repeat(MAX_CHARS + 1)), "\u{f6}".repeat(MAX_CHARS));
    }

    #[test]
    fn signs_of_patterns_mean_themselves() {
        assert_eq!(glob("a*b?[c]"), "*a[*]b[?][[]c]*");
        assert_eq!(like("50%_a\\b"), "%50\\%\\_a\\\\b%");
    }
}
