//! The tables of a store and their rows, read from either engine in the same order and with the same digest.

use sha2::{Digest, Sha256};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, ColumnIndex, Decode, PgConnection, Row, SqliteConnection, Type};

use crate::hex::hex;
use crate::store::db::storable_in_postgres;

/// Of SQLite, whose schema has the same tables and columns as PostgreSQL's. A table comes after those that it refers to, in the
/// order in which the schema's steps have made them. Without the search index, of which the columns of `LEFT_OUT` are a part.
const COLUMNS: &str = "\
    SELECT tables.name, columns.name, columns.type, columns.pk \
    FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
    WHERE tables.type = 'table' AND tables.name NOT LIKE 'job\\_texts%' ESCAPE '\\' \
    AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tables.name <> '_sqlx_migrations' \
    ORDER BY tables.rowid, columns.cid";
const LEFT_OUT: [(&str, &str); 1] = [("jobs", "search_row")];

/// Of rows that are inserted by one statement.
const BATCH_ROWS: usize = if cfg!(test) { 100 } else { 1000 };
const BATCH_BYTES: usize = 4 << 20;

pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<Column>,
    /// The primary key.
    key: Vec<String>,
}

struct Column {
    name: String,
    kind: Kind,
}

/// All columns are of these types.
#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Real,
    Text,
}

/// All that have rows of a service.
pub(super) async fn tables(source: &mut SqliteConnection) -> Result<Vec<Table>, sqlx::Error> {
    let found: Vec<(String, String, String, i64)> = sqlx::query_as(COLUMNS).fetch_all(source).await?;
    let mut tables: Vec<Table> = vec![];
    for (table, column, of_type, place_in_key) in found {
        if LEFT_OUT.contains(&(&table, &column)) {
            continue;
        }
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: vec![], key: vec![] });
        }
        let Some(table) = tables.last_mut() else { continue };
        if place_in_key > 0 {
            table.key.push(quoted(&column));
        }
        let kind = match of_type.as_str() {
            "BIGINT" => Kind::Integer,
            "REAL" => Kind::Real,
            // What is not text is refused where it is read.
            _ => Kind::Text,
        };
        table.columns.push(Column { name: column, kind });
    }
    Ok(tables)
}

impl Table {
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// All rows in the order of the key.
    pub(super) fn select(&self) -> AssertSqlSafe<String> {
        let (columns, key) = (self.column_list(), self.key.join(", "));
        AssertSqlSafe(format!("SELECT {columns} FROM {} ORDER BY {key}", self.quoted()))
    }

    /// A parameter for each column: the array of its values.
    fn insert(&self) -> AssertSqlSafe<String> {
        let arrays: Vec<String> = (1..=self.columns.len()).map(|place| format!("${place}")).collect();
        let (table, columns, arrays) = (self.quoted(), self.column_list(), arrays.join(", "));
        AssertSqlSafe(format!("INSERT INTO {table} ({columns}) SELECT * FROM UNNEST({arrays})"))
    }

    fn column_list(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        columns.join(", ")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Rows of a table as they are read: the digest of all of them, and the latest ones by column.
pub(super) struct Rows<'t> {
    table: &'t Table,
    latest: Vec<Cells>,
    latest_rows: usize,
    latest_bytes: usize,
    rows: u64,
    digest: Sha256,
}

enum Cells {
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f32>>),
    Text(Vec<Option<String>>),
}

impl<'t> Rows<'t> {
    pub(super) fn of(table: &'t Table) -> Self {
        let cells = |column: &Column| match column.kind {
            Kind::Integer => Cells::Integer(vec![]),
            Kind::Real => Cells::Real(vec![]),
            Kind::Text => Cells::Text(vec![]),
        };
        let latest = table.columns.iter().map(cells).collect();
        Self { table, latest, latest_rows: 0, latest_bytes: 0, rows: 0, digest: Sha256::new() }
    }

    /// # Errors
    /// A value is not of its column's type, or a text is not UTF-8.
    pub(super) fn add<R: Row>(&mut self, row: &R) -> Result<(), sqlx::Error>
    where
        for<'n> &'n str: ColumnIndex<R>,
        for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> f32: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    {
        for (column, cells) in self.table.columns.iter().zip(&mut self.latest) {
            let name = column.name.as_str();
            match cells {
                Cells::Integer(values) => {
                    let value: Option<i64> = row.try_get(name)?;
                    digest(&mut self.digest, value.map(i64::to_le_bytes).as_ref());
                    values.push(value);
                }
                Cells::Real(values) => {
                    let value: Option<f32> = row.try_get(name)?;
                    digest(&mut self.digest, value.map(f32::to_le_bytes).as_ref());
                    values.push(value);
                }
                Cells::Text(values) => {
                    let value = row.try_get::<Option<String>, _>(name)?.map(storable_in_postgres);
                    digest(&mut self.digest, value.as_ref());
                    self.latest_bytes += value.as_ref().map_or(0, String::len);
                    values.push(value);
                }
            }
        }
        self.latest_rows += 1;
        self.rows += 1;
        Ok(())
    }

    /// Whether the latest rows are to be inserted now.
    pub(super) fn is_full(&self) -> bool {
        self.latest_rows >= BATCH_ROWS || self.latest_bytes >= BATCH_BYTES
    }

    /// Inserts the latest rows, and forgets them.
    pub(super) async fn insert_latest(&mut self, target: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut arrays = PgArguments::default();
        for cells in &mut self.latest {
            match cells {
                Cells::Integer(values) => arrays.add(std::mem::take(values)),
                Cells::Real(values) => arrays.add(std::mem::take(values)),
                Cells::Text(values) => arrays.add(std::mem::take(values)),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        self.forget_latest();
        sqlx::query_with(self.table.insert(), arrays).execute(target).await.map(drop)
    }

    pub(super) fn forget_latest(&mut self) {
        for cells in &mut self.latest {
            match cells {
                Cells::Integer(values) => values.clear(),
                Cells::Real(values) => values.clear(),
                Cells::Text(values) => values.clear(),
            }
        }
        (self.latest_rows, self.latest_bytes) = (0, 0);
    }

    /// How many rows were read, and the SHA-256 of all of them.
    pub(super) fn finish(self) -> (u64, String) {
        (self.rows, hex(&self.digest.finalize()))
    }
}

/// No two sequences of values have the same digest: the length is before each.
fn digest(digest: &mut Sha256, value: Option<impl AsRef<[u8]>>) {
    match value {
        None => digest.update([0]),
        Some(value) => {
            let bytes = value.as_ref();
            digest.update([1]);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
    }
}
