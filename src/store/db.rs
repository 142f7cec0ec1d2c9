//! Connections and statements, the same for SQLite and PostgreSQL.
//!
//! sqlx's own `Any` does not fit: it connects by URL alone, without SQLite's settings, and binds a missing number of
//! floating point as another type than one that is there, which a statement that PostgreSQL has prepared refuses.

use std::future::Future;
use std::io;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments, AssertSqlSafe, Encode, FromRow, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite, SqlitePool, Type,
};

/// How long PostgreSQL has for a statement. Without it a connection that was lost without a word is waited for without end.
const STATEMENT_LIMIT: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

/// Connections to one database.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A change, or reads of one moment. Dropped without a commit it leaves no trace.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Pool {
    /// With SQLite the only connection that writes has the transaction until its end.
    pub(super) async fn begin_change(&self) -> Result<Transaction, sqlx::Error> {
        match self {
            Self::Sqlite(pool) => pool.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite),
            Self::Postgres(pool) => within_limit(pool.begin()).await.map(Transaction::Postgres),
        }
    }

    /// All that is read in it is of one moment.
    pub(super) async fn begin_reading(&self) -> Result<Transaction, sqlx::Error> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        match self {
            Self::Sqlite(pool) => pool.begin().await.map(Transaction::Sqlite),
            Self::Postgres(pool) => within_limit(pool.begin_with(SNAPSHOT)).await.map(Transaction::Postgres),
        }
    }

    /// Waits until all connections are given back.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(change) => change.commit().await,
            Self::Postgres(change) => within_limit(change.commit()).await,
        }
    }
}

/// Where a statement is executed.
pub(super) enum Executor<'e> {
    Pool(&'e Pool),
    Transaction(&'e mut Transaction),
}

impl<'e> From<&'e Pool> for Executor<'e> {
    fn from(pool: &'e Pool) -> Self {
        Self::Pool(pool)
    }
}

impl<'e> From<&'e mut Transaction> for Executor<'e> {
    fn from(transaction: &'e mut Transaction) -> Self {
        Self::Transaction(transaction)
    }
}

/// A parameter of a statement, NULL without a value. All columns are of these types.
pub(super) enum Value {
    Integer(Option<i64>),
    Real(Option<f32>),
    Text(Option<String>),
}

macro_rules! values {
    ($($type:ty: $value:ident => $to:expr,)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $to
            }
        })*
    };
}

values! {
    i64: number => Value::Integer(Some(number)),
    &i64: number => Value::Integer(Some(*number)),
    Option<i64>: number => Value::Integer(number),
    Option<f32>: number => Value::Real(number),
    String: text => Value::Text(Some(text)),
    &String: text => Value::Text(Some(text.clone())),
    &str: text => Value::Text(Some(text.to_owned())),
    Option<String>: text => Value::Text(text),
    &Option<String>: text => Value::Text(text.clone()),
    Option<&str>: text => Value::Text(text.map(str::to_owned)),
}

/// What a row of either engine is converted to.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A prepared statement with its parameters, whose rows `R` become `O`.
#[must_use = "a statement does nothing until it is executed"]
pub(super) struct Query<R, O> {
    sql: SqlStr,
    values: Vec<Value>,
    convert: fn(R) -> O,
}

/// A statement without rows.
pub(super) fn query(sql: impl SqlSafeStr) -> Query<(), ()> {
    query_as(sql)
}

pub(super) fn query_as<O>(sql: impl SqlSafeStr) -> Query<O, O> {
    Query { sql: sql.into_sql_str(), values: vec![], convert: |row| row }
}

/// Gives the first column.
pub(super) fn query_scalar<O>(sql: impl SqlSafeStr) -> Query<(O,), O> {
    Query { sql: sql.into_sql_str(), values: vec![], convert: |(first,)| first }
}

macro_rules! run {
    ($query:ident($self:ident).$method:ident($on:ident), $then:expr) => {
        match $on.into() {
            Executor::Pool(Pool::Sqlite(pool)) => {
                sqlx::$query($self.sql, of_sqlite($self.values)?).$method(pool).await.map($then)
            }
            Executor::Pool(Pool::Postgres(pool)) => {
                within_limit(sqlx::$query($self.sql, of_postgres($self.values)?).$method(pool))
                    .await
                    .map($then)
            }
            Executor::Transaction(Transaction::Sqlite(change)) => {
                sqlx::$query($self.sql, of_sqlite($self.values)?).$method(&mut **change).await.map($then)
            }
            Executor::Transaction(Transaction::Postgres(change)) => {
                within_limit(sqlx::$query($self.sql, of_postgres($self.values)?).$method(&mut **change))
                    .await
                    .map($then)
            }
        }
    };
}

impl<R, O> Query<R, O> {
    /// Adds the next parameter.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl Query<(), ()> {
    /// Gives how many rows were changed.
    pub(super) async fn execute<'e>(self, on: impl Into<Executor<'e>>) -> Result<u64, sqlx::Error> {
        run!(query_with(self).execute(on), |done| done.rows_affected())
    }
}

impl<R: Row, O> Query<R, O> {
    pub(super) async fn fetch_all<'e>(self, on: impl Into<Executor<'e>>) -> Result<Vec<O>, sqlx::Error> {
        run!(query_as_with(self).fetch_all(on), |rows: Vec<R>| rows.into_iter().map(self.convert).collect())
    }

    pub(super) async fn fetch_optional<'e>(
        self,
        on: impl Into<Executor<'e>>,
    ) -> Result<Option<O>, sqlx::Error> {
        run!(query_as_with(self).fetch_optional(on), |row: Option<R>| row.map(self.convert))
    }

    /// # Errors
    /// [`sqlx::Error::RowNotFound`] without a row.
    pub(super) async fn fetch_one<'e>(self, on: impl Into<Executor<'e>>) -> Result<O, sqlx::Error> {
        self.fetch_optional(on).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// A statement that is put together from pieces.
pub(super) struct Builder {
    sql: String,
    values: Vec<Value>,
}

impl Builder {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), values: vec![] }
    }

    pub(super) fn push(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a parameter in this place.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push_str(&format!("${}", self.values.len()));
        self
    }

    /// Adds parameters in parentheses.
    pub(super) fn bind_list(&mut self, values: impl IntoIterator<Item: Into<Value>>) -> &mut Self {
        for (index, value) in values.into_iter().enumerate() {
            self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    pub(super) fn build<O>(self) -> Query<O, O> {
        // All of it is from literals.
        Query { values: self.values, ..query_as(AssertSqlSafe(self.sql)) }
    }
}

/// # Errors
/// [`sqlx::Error::Io`] after [`STATEMENT_LIMIT`]. A change that was being committed then may have come about.
async fn within_limit<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(STATEMENT_LIMIT, statement).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

fn of_sqlite(values: Vec<Value>) -> Result<SqliteArguments, sqlx::Error> {
    arguments(values, |text| text)
}

fn of_postgres(values: Vec<Value>) -> Result<PgArguments, sqlx::Error> {
    arguments(values, storable_in_postgres)
}

/// PostgreSQL's text cannot have a NUL: U+FFFD takes its place.
pub(super) fn storable_in_postgres(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn arguments<A: Arguments>(values: Vec<Value>, storable: fn(String) -> String) -> Result<A, sqlx::Error>
where
    for<'q> Option<i64>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<f32>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<String>: Encode<'q, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        match value {
            Value::Integer(number) => arguments.add(number),
            Value::Real(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text.map(storable)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
