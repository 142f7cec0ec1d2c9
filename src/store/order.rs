//! Who in the queue is next.
//!
//! Within a priority jobs that were begun go first, oldest first: an interrupted job keeps its place.
//! Then owners take turns, the owner served longest ago first, each with their oldest job. With one owner
//! that is the order in which jobs came. [`Rank`] is that rule; the table in `actors/src/job/search.rs` has the whole decision.

use actors::domain::jobs::job::{Job, JobId};
use actors::domain::jobs::options::Priority;
use actors::domain::jobs::queue::{Queued, Rank};
use actors::domain::time::Timestamp;
use actors::ports::{Head, QueuePlace};

use super::db::{self, Transaction};
use super::fault::Fault;
use super::rows::{self, natural};
use super::sql;
use super::sql_store::SqlStore;

/// The first job of a line.
pub(super) struct Next {
    pub id: String,
    owner: String,
    pub state: String,
    pub begun: bool,
    served: i64,
    created_at: i64,
}

impl Next {
    /// Among the first jobs of several models.
    fn rank(&self) -> Rank<String> {
        Rank::new(self.begun, natural(self.served), Timestamp(self.created_at), self.id.clone())
    }
}

/// Who is next among jobs of these models: of the priority whose turn it is, else of the other.
pub(super) async fn head(
    change: &mut Transaction,
    turn: Priority,
    models: &[Option<String>],
) -> Result<Option<Head>, Fault> {
    let other = match turn {
        Priority::Interactive => Priority::Batch,
        Priority::Batch => Priority::Interactive,
    };
    for priority in [turn, other] {
        let mut soonest = None;
        for model in models {
            let Some(next) = first(change, priority, model.as_deref()).await? else { continue };
            let rank = next.rank();
            if soonest.as_ref().is_none_or(|(least, _)| rank < *least) {
                soonest = Some((rank, Head { priority, model: model.clone() }));
            }
        }
        if let Some((_, head)) = soonest {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// The next job of a priority for that model.
pub(super) async fn first(
    change: &mut Transaction,
    priority: Priority,
    model: Option<&str>,
) -> Result<Option<Next>, Fault> {
    let (rank, model) = (rows::rank(priority), model.unwrap_or_default());
    let begun: Option<(String, String, String, i64)> =
        db::query_as(sql::NEXT_BEGUN).bind(rank).bind(model).fetch_optional(&mut *change).await?;
    if let Some((id, owner, state, created_at)) = begun {
        return Ok(Some(Next { id, owner, state, begun: true, served: 0, created_at }));
    }
    let turn: Option<Turn> =
        db::query_as(sql::NEXT_TURN).bind(rank).bind(model).fetch_optional(change).await?;
    Ok(turn.map(|Turn { id, owner, state, created_at, served }| Next {
        id,
        owner,
        state,
        begun: false,
        served,
        created_at,
    }))
}

/// The next job for a claim. In PostgreSQL claims of several services do not wait for each other: each takes the first job that no
/// other change has locked. Where all are locked it waits for the first one: its change may be undone.
pub(super) async fn take_first(
    change: &mut Transaction,
    priority: Priority,
    model: Option<&str>,
) -> Result<Option<Next>, Fault> {
    let Some(next) = first(change, priority, model).await? else { return Ok(None) };
    if matches!(change, Transaction::Sqlite(_)) {
        return Ok(Some(next));
    }
    let (rank, model) = (rows::rank(priority), model.unwrap_or_default());
    let free = [
        db::query_as(FREE_BEGUN).bind(rank).bind(model),
        db::query_as(FREE_OF_OWNER).bind(rank).bind(model).bind(&next.owner),
        db::query_as(FREE).bind(rank).bind(model),
    ];
    // None was begun before, unless the first one was.
    for free in free.into_iter().skip(usize::from(!next.begun)) {
        let free: Option<Free> = free.fetch_optional(&mut *change).await?;
        if let Some(Free { id, state, begun, created_at }) = free {
            return Ok(Some(Next { id, state, begun, created_at, ..next }));
        }
    }
    let waited_for: Option<(String,)> = db::query_as(WAIT_FOR).bind(&next.id).fetch_optional(change).await?;
    Ok(waited_for.map(|_| next))
}

#[derive(sqlx::FromRow)]
struct Free {
    id: String,
    state: String,
    begun: bool,
    created_at: i64,
}

/// The owner of a job that was just begun goes to the end. In PostgreSQL not if a job of the owner is being taken by another
/// service, which does the same.
pub(super) async fn served(change: &mut Transaction, job: &Job) -> Result<(), Fault> {
    let rank = rows::rank(job.options.priority);
    if matches!(change, Transaction::Postgres(_)) {
        let mark = db::query(SERVED_IF_FREE).bind(&job.owner).bind(rank);
        if mark.execute(&mut *change).await? == 0 {
            db::query(SERVED_FIRST).bind(&job.owner).bind(rank).execute(change).await?;
        }
        return Ok(());
    }
    db::query(sql::SERVED).bind(&job.owner).bind(rank).execute(change).await?;
    Ok(())
}

macro_rules! free {
    ($of:literal, $by:literal) => {
        concat!(
            "SELECT id, state, attempts > 0 AS begun, created_at FROM jobs \
             WHERE state = 'queued' AND priority = $1 AND model = $2",
            $of,
            " ORDER BY ",
            $by,
            " LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
    };
}

/// 1: priority, 2: model.
const FREE_BEGUN: &str = free!(" AND attempts > 0", "created_at, id");
/// 1: priority, 2: model, 3: owner.
const FREE_OF_OWNER: &str = free!(" AND attempts = 0 AND owner = $3", "created_at, id");
/// By the index. 1: priority, 2: model.
const FREE: &str = free!(" AND attempts = 0", "owner, created_at, id");

/// Nothing if it is no longer in the queue then. 1: id.
const WAIT_FOR: &str = "SELECT id FROM jobs WHERE id = $1 AND state = 'queued' FOR UPDATE";

/// 1: owner, 2: priority.
const SERVED_IF_FREE: &str = "\
    WITH free AS (SELECT owner, priority FROM turns WHERE owner = $1 AND priority = $2 FOR UPDATE SKIP LOCKED) \
    UPDATE turns SET served = (SELECT MAX(served) FROM turns) + 1 FROM free \
    WHERE turns.owner = free.owner AND turns.priority = free.priority";
/// 1: owner, 2: priority.
const SERVED_FIRST: &str = "\
    INSERT INTO turns (owner, priority, served) SELECT $1, $2, COALESCE(MAX(served), 0) + 1 FROM turns \
    HAVING NOT EXISTS (SELECT 1 FROM turns WHERE owner = $1 AND priority = $2) ON CONFLICT DO NOTHING";

#[derive(sqlx::FromRow)]
struct Turn {
    id: String,
    state: String,
    owner: String,
    created_at: i64,
    served: i64,
}

async fn turns(connection: &mut Transaction, rank: i64) -> Result<Vec<Turn>, Fault> {
    Ok(db::query_as(sql::TURNS).bind(rank).fetch_all(connection).await?)
}

#[derive(sqlx::FromRow)]
struct QueuedRow {
    id: String,
    owner: String,
    priority: i64,
    created_at: i64,
    begun: bool,
}

#[derive(sqlx::FromRow)]
struct WaitingRow {
    #[sqlx(flatten)]
    job: QueuedRow,
    model: String,
    duration_samples: Option<i64>,
    served: i64,
}

impl TryFrom<WaitingRow> for Queued {
    type Error = Fault;

    fn try_from(WaitingRow { job, model, duration_samples, served }: WaitingRow) -> Result<Self, Fault> {
        Ok(Queued {
            id: rows::job_id(&job.id)?,
            owner: job.owner,
            priority: rows::priority(job.priority),
            model: (!model.is_empty()).then_some(model),
            begun: job.begun,
            created_at: Timestamp(job.created_at),
            audio_secs: duration_samples.map(rows::secs).unwrap_or_default(),
            served: natural(served),
        })
    }
}

/// Jobs, and samples of them.
#[derive(Default)]
struct Ahead {
    jobs: i64,
    samples: i64,
}

impl Ahead {
    fn add(&mut self, (jobs, samples): (i64, i64)) {
        self.jobs += jobs;
        self.samples += samples;
    }
}

impl SqlStore {
    pub(super) async fn all_waiting(&self, most: u32) -> Result<Option<Vec<Queued>>, Fault> {
        let one_more = i64::from(most) + 1;
        let rows: Vec<WaitingRow> =
            db::query_as(sql::WAITING).bind(one_more).fetch_all(&self.readers).await?;
        if rows.len() > most as usize {
            return Ok(None);
        }
        rows.into_iter().map(Queued::try_from).collect::<Result<_, _>>().map(Some)
    }

    /// As if no job came, left or failed until then, and no batch job had a turn before interactive ones.
    pub(super) async fn place_of(&self, id: JobId) -> Result<Option<QueuePlace>, Fault> {
        // One moment of the queue.
        let mut reader = self.readers.begin_reading().await?;
        let job: Option<QueuedRow> =
            db::query_as(sql::QUEUED).bind(id.to_string()).fetch_optional(&mut reader).await?;
        let Some(job) = job else { return Ok(None) };
        let mut ahead = Ahead::default();
        let urgent = db::query_as(sql::AHEAD_BY_PRIORITY).bind(job.priority);
        ahead.add(urgent.fetch_one(&mut reader).await?);
        if job.begun {
            let earlier = db::query_as(sql::AHEAD_BEGUN_EARLIER).bind(job.priority);
            ahead.add(earlier.bind(job.created_at).bind(&job.id).fetch_one(&mut reader).await?);
        } else {
            let begun = db::query_as(sql::AHEAD_BEGUN).bind(job.priority);
            ahead.add(begun.fetch_one(&mut reader).await?);
            by_turns(&mut reader, &job, &mut ahead).await?;
        }
        Ok(Some(QueuePlace {
            position: natural(ahead.jobs) + 1,
            audio_secs_ahead: rows::secs(ahead.samples),
        }))
    }
}

/// Every other owner has as many turns before the job's as its owner has, and one more if theirs comes first.
async fn by_turns(reader: &mut Transaction, job: &QueuedRow, ahead: &mut Ahead) -> Result<(), Fault> {
    let own = db::query_as(sql::AHEAD_OF_OWN).bind(job.priority).bind(&job.owner);
    let own: (i64, i64) = own.bind(job.created_at).bind(&job.id).fetch_one(&mut *reader).await?;
    ahead.add(own);
    let mut before_mine = true;
    for turn in turns(reader, job.priority).await? {
        if turn.owner == job.owner {
            before_mine = false;
            continue;
        }
        let most = own.0 + i64::from(before_mine);
        let theirs = db::query_as(sql::AHEAD_OF_ANOTHER).bind(job.priority).bind(&turn.owner);
        ahead.add(theirs.bind(most).fetch_one(&mut *reader).await?);
    }
    Ok(())
}
