//! The order in which a queue with jobs for several models will run: by the table in `job/search.rs`,
//! computed ahead.

use super::job::JobId;
use super::options::Priority;
use super::overtakes::{Line, Overtakes};
use crate::domain::time::Timestamp;

/// A queued job, with what its place follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    pub id: JobId,
    pub owner: String,
    pub priority: Priority,
    pub model: Option<String>,
    /// A worker had it before: it keeps its place.
    pub begun: bool,
    pub created_at: Timestamp,
    /// 0 while unknown.
    pub audio_secs: f64,
    /// Grows with every new job of its owner and priority that is begun; 0: none was.
    pub served: u64,
}

/// A job's rank within its priority: the lesser one is taken first. The order of the fields is the rule: a job that was
/// begun before a new one, then the owner served longest ago, then the oldest, then the least id.
///
/// Everything that compares jobs in memory compares ranks. The statements `NEXT_BEGUN` and `TURNS` of the store write the
/// same rule as `ORDER BY`, taken apart so that an index serves each: one for jobs that were begun, one with a step for each owner.
/// The random walk of the store compares the two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<Id> {
    is_fresh: bool,
    served: u64,
    created_at: Timestamp,
    id: Id,
}

impl<Id> Rank<Id> {
    /// `served` counts for new jobs only: a job that was begun keeps its place, of any owner.
    pub fn new(begun: bool, served: u64, created_at: Timestamp, id: Id) -> Self {
        Self { is_fresh: !begun, served: if begun { 0 } else { served }, created_at, id }
    }
}

impl Queued {
    fn rank(&self) -> Rank<JobId> {
        Rank::new(self.begun, self.served, self.created_at, self.id)
    }
}

/// A job's place among those that wait.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// From 1.
    pub position: u64,
    /// Seconds of audio in the jobs before it.
    pub audio_secs_ahead: f64,
    /// The models that will be loaded before it starts, its own included, in order.
    pub loads: Vec<Option<String>>,
}

/// Where a job will come, as if no job came, left or failed until then, and no batch job had a turn before
/// interactive ones. `loaded` is the model that is there; `overtakes` what has passed the first of each line so far.
pub fn place(
    mut waiting: Vec<Queued>,
    mut loaded: Option<Option<String>>,
    mut overtakes: Overtakes,
    id: JobId,
) -> Option<Place> {
    let mut place = Place { position: 1, ..Place::default() };
    loop {
        let (index, passing) = next(&waiting, loaded.as_ref(), &overtakes)?;
        let job = waiting.swap_remove(index);
        if loaded.as_ref() != Some(&job.model) {
            place.loads.push(job.model.clone());
            loaded = Some(job.model.clone());
        }
        if job.id == id {
            return Some(place);
        }
        match passing {
            Some(line) => {
                overtakes.record_job(line);
                overtakes.add_audio(line, job.audio_secs);
            }
            None => overtakes.served(job.priority.into()),
        }
        if !job.begun {
            serve(&mut waiting, &job);
        }
        place.position += 1;
        place.audio_secs_ahead += job.audio_secs;
    }
}

/// The job that is taken next, and whose line it overtakes if it is not the first.
fn next(
    waiting: &[Queued],
    loaded: Option<&Option<String>>,
    overtakes: &Overtakes,
) -> Option<(usize, Option<Line>)> {
    let (first, head) = soonest(waiting, |_| true)?;
    let line = Line::from(head.priority);
    let Some(loaded) = loaded.filter(|loaded| **loaded != head.model && overtakes.allow(line)) else {
        return Some((first, None));
    };
    let may = |job: &Queued| job.model == *loaded && Overtakes::may_overtake(head.priority, job.priority);
    let sooner = soonest(waiting, |job| may(job) && job.priority == head.priority);
    let sooner = sooner.or_else(|| soonest(waiting, may));
    Some(sooner.map_or((first, None), |(index, _)| (index, Some(line))))
}

fn soonest(waiting: &[Queued], of: impl Fn(&Queued) -> bool) -> Option<(usize, &Queued)> {
    let first = |job: &Queued| (job.priority != Priority::Interactive, job.rank());
    waiting.iter().enumerate().filter(|(_, job)| of(job)).min_by_key(|(_, job)| first(job))
}

/// Its owner goes to the end.
fn serve(waiting: &mut [Queued], job: &Queued) {
    let last = waiting.iter().map(|other| other.served).max().unwrap_or(0).max(job.served);
    let of_owner = |other: &&mut Queued| (&other.owner, other.priority) == (&job.owner, job.priority);
    waiting.iter_mut().filter(of_owner).for_each(|other| other.served = last + 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jobs::overtakes::MOST_JOBS;

    fn queue(jobs: &[(Priority, Option<&str>)]) -> Vec<Queued> {
        let queued = |(n, (priority, model)): (i64, &(Priority, Option<&str>))| Queued {
            id: JobId::new(),
            owner: String::new(),
            priority: *priority,
            model: model.map(str::to_owned),
            begun: false,
            created_at: Timestamp(n),
            audio_secs: 10.0,
            served: 0,
        };
        (0..).zip(jobs).map(queued).collect()
    }

    fn positions(waiting: &[Queued], loaded: Option<Option<String>>) -> Vec<u64> {
        let place = |job: &Queued| place(waiting.to_vec(), loaded.clone(), Overtakes::default(), job.id);
        waiting.iter().map(|job| place(job).unwrap().position).collect()
    }

    #[test]
    fn jobs_of_the_loaded_model_overtake_within_the_limit() {
        use Priority::{Batch, Interactive};
        let large = || Some("large".to_owned());
        let waiting = queue(&[(Batch, Some("large")), (Batch, None), (Batch, Some("large")), (Batch, None)]);
        assert_eq!(positions(&waiting, Some(None)), [3, 1, 4, 2]);
        assert_eq!(positions(&waiting, Some(large())), [1, 3, 2, 4]);
        assert_eq!(positions(&waiting, None), [1, 3, 2, 4]);
        let urgent = queue(&[(Batch, None), (Interactive, Some("large")), (Batch, None)]);
        assert_eq!(positions(&urgent, Some(None)), [2, 1, 3], "no batch job overtakes it");
        let many: Vec<_> = std::iter::once((Batch, Some("large"))).chain([(Batch, None); 20]).collect();
        assert_eq!(positions(&queue(&many), Some(None))[0], u64::from(MOST_JOBS) + 1);
    }

    #[test]
    fn every_change_of_models_before_a_job_is_counted() {
        let waiting =
            queue(&[(Priority::Batch, Some("a")), (Priority::Batch, None), (Priority::Batch, Some("b"))]);
        let of =
            |n: usize, loaded| place(waiting.clone(), loaded, Overtakes::default(), waiting[n].id).unwrap();
        let model = |name: &str| Some(name.to_owned());
        assert_eq!(of(2, Some(None)).loads, [model("a"), model("b")]);
        assert_eq!(of(1, Some(None)).loads, [] as [Option<String>; 0]);
        assert_eq!(of(2, None).loads, [model("a"), None, model("b")]);
        assert_eq!((of(2, None).position, of(2, None).audio_secs_ahead), (3, 20.0));
        assert_eq!(place(waiting.clone(), None, Overtakes::default(), JobId::new()), None);
    }
}
