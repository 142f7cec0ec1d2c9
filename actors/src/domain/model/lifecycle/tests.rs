use super::*;

const SEC: Duration = Duration::from_secs(1);
/// The model whose phase it is, and another.
const A: ModelNo = ModelNo(0);
const B: ModelNo = ModelNo(1);

fn policy() -> Policy {
    Policy {
        idle_timeout: Stay::For(300 * SEC),
        poll_interval: 30 * SEC,
        unload_hold: 30 * SEC,
        yield_below_free_bytes: Some(50),
    }
}

fn life(policy: Policy, phase: Phase, since: Instant) -> Lifecycle {
    Lifecycle { phase, ..Lifecycle::new(policy, since) }
}

fn shortage(t: Instant, now: Trying) -> Shortage {
    Shortage { needed_bytes: 100, free_bytes: 10, attempts: 1, last_try: t, next_retry_at: t + 30 * SEC, now }
}

fn failure() -> Failure {
    Failure { code: "model_corrupt", message: "bad".into() }
}

fn phases(t: Instant) -> Vec<(&'static str, Phase)> {
    let going = |leases| Unloading {
        leases,
        reason: UnloadReason::Request,
        hold: Some(5 * SEC),
        afterwards: Afterwards::Stay,
    };
    vec![
        ("unloaded", Phase::Unloaded { held_until: None }),
        ("held", Phase::Unloaded { held_until: Some(t + 30 * SEC) }),
        ("loading", Phase::Loading),
        ("idle", Phase::Ready { leases: 0, idle_since: t }),
        ("working", Phase::Ready { leases: 1, idle_since: t }),
        ("draining", Phase::Unloading(going(1))),
        ("freeing", Phase::Unloading(going(0))),
        ("waiting", Phase::Waiting(shortage(t, Trying::No))),
        ("trying", Phase::Waiting(shortage(t, Trying::Yes))),
        ("failed", Phase::Failed(failure())),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    vec![
        ("queue", Input::Demanded(Demand::Queue, A)),
        ("new job", Input::Demanded(Demand::NewJob, A)),
        ("turned away", Input::Demanded(Demand::TurnedAway, A)),
        ("request", Input::Demanded(Demand::Request, A)),
        ("other queue", Input::Demanded(Demand::Queue, B)),
        ("other new job", Input::Demanded(Demand::NewJob, B)),
        ("other turned away", Input::Demanded(Demand::TurnedAway, B)),
        ("other request", Input::Demanded(Demand::Request, B)),
        ("loaded", Input::Loaded),
        ("given up", Input::LoadGivenUp(UnloadReason::Request)),
        ("load failed", Input::LoadFailed(failure())),
        ("out of memory", Input::RanOutOfMemory { needed_bytes: 200, free_bytes: 20 }),
        ("acquire", Input::Acquire),
        ("released", Input::Released),
        ("unload", Input::Unload { reason: UnloadReason::Request, hold: Some(5 * SEC) }),
        ("freed", Input::Freed),
        ("engine exited", Input::EngineExited),
        ("keep alive", Input::KeepAlive(Stay::NOT_AT_ALL)),
        ("tick", Input::Tick { free_bytes: None }),
        ("pressure", Input::Tick { free_bytes: Some(49) }),
    ]
}

/// Where a life is, in a word with what matters of it.
fn place(life: &Lifecycle) -> String {
    let of = if life.model() == A { "" } else { " other" };
    let next = if life.wanted_next().is_some() { ", other next" } else { "" };
    name(life.phase()) + of + next
}

fn name(phase: &Phase) -> String {
    match phase {
        Phase::Unloaded { held_until: None } => "unloaded".into(),
        Phase::Unloaded { held_until: Some(_) } => "held".into(),
        Phase::Loading => "loading".into(),
        Phase::Ready { leases, .. } => format!("ready({leases})"),
        Phase::Unloading(going) => match going.afterwards {
            Afterwards::Stay => format!("unloading({})", going.leases),
            Afterwards::Load(A) => format!("unloading({})+load", going.leases),
            Afterwards::Load(_) => format!("unloading({})+other", going.leases),
        },
        Phase::Waiting(shortage) => match shortage.now {
            Trying::Yes => format!("trying#{}", shortage.attempts),
            Trying::No => format!("waiting#{}", shortage.attempts),
        },
        Phase::Failed(_) => "failed".into(),
    }
}

fn effect(effect: &Effect) -> &'static str {
    match effect {
        Effect::Load => "load",
        Effect::Free => "free",
        Effect::Grant => "grant",
        Effect::Refuse => "refuse",
        Effect::Publish(_, News::Loading) => "!loading",
        Effect::Publish(_, News::Ready) => "!ready",
        Effect::Publish(_, News::Unloading(_)) => "!unloading",
        Effect::Publish(_, News::Unloaded(_)) => "!unloaded",
        Effect::Publish(_, News::Waiting(_)) => "!waiting",
        Effect::Publish(_, News::Failed(_)) => "!failed",
    }
}

/// Every pair: the phase, the input, where it leads, what is done. A pair that is not here stays
/// where it is and does nothing, but for `acquire`, which is refused.
#[rustfmt::skip]
const ARROWS: &[(&str, &str, &str, &str)] = &[
    ("unloaded", "queue",             "loading",             "!loading load"),
    ("unloaded", "new job",           "loading",             "!loading load"),
    ("unloaded", "turned away",       "loading",             "!loading load"),
    ("unloaded", "request",           "loading",             "!loading load"),
    ("unloaded", "unload",            "held",                ""),
    ("unloaded", "other queue",       "loading other",        "!loading load"),
    ("unloaded", "other new job",     "loading other",        "!loading load"),
    ("unloaded", "other turned away", "loading other",        "!loading load"),
    ("unloaded", "other request",     "loading other",        "!loading load"),
    ("held",     "new job",           "loading",             "!loading load"),
    ("held",     "turned away",       "loading",             "!loading load"),
    ("held",     "request",           "loading",             "!loading load"),
    ("held",     "other new job",     "loading other",        "!loading load"),
    ("held",     "other turned away", "loading other",        "!loading load"),
    ("held",     "other request",     "loading other",        "!loading load"),
    ("loading",  "loaded",            "ready(0)",            "!ready"),
    ("loading",  "given up",          "held",                "!unloading !unloaded"),
    ("loading",  "load failed",       "failed",              "!failed"),
    ("loading",  "out of memory",     "waiting#1",           "!waiting"),
    ("loading",  "other turned away", "loading, other next", ""),
    ("loading",  "other request",     "loading, other next", ""),
    ("idle",     "acquire",           "ready(1)",            "grant"),
    ("idle",     "unload",            "unloading(0)",        "!unloading free"),
    ("idle",     "engine exited",       "unloaded",            "free !unloaded"),
    ("idle",     "out of memory",     "waiting#1",           "free !waiting"),
    ("idle",     "pressure",          "unloading(0)",        "!unloading free"),
    ("idle",     "other queue",       "unloading(0)+other",  "!unloading free"),
    ("idle",     "other turned away", "unloading(0)+other",  "!unloading free"),
    ("idle",     "other request",     "unloading(0)+other",  "!unloading free"),
    ("working",  "acquire",           "ready(2)",            "grant"),
    ("working",  "released",          "ready(0)",            ""),
    ("working",  "unload",            "unloading(1)",        "!unloading"),
    ("working",  "engine exited",       "unloaded",            "free !unloaded"),
    ("working",  "out of memory",     "waiting#1",           "free !waiting"),
    ("working",  "other turned away", "ready(1), other next", ""),
    ("working",  "other request",     "unloading(1)+other",  "!unloading"),
    ("draining", "released",          "unloading(0)",        "free"),
    ("draining", "engine exited",       "unloading(0)",        "free"),
    ("draining", "out of memory",     "unloading(0)",        "free"),
    ("draining", "freed",             "held",                "!unloaded"),
    ("draining", "new job",           "unloading(1)+load",   ""),
    ("draining", "turned away",       "unloading(1)+load",   ""),
    ("draining", "request",           "unloading(1)+load",   ""),
    ("draining", "other new job",     "unloading(1)+other",  ""),
    ("draining", "other turned away", "unloading(1)+other",  ""),
    ("draining", "other request",     "unloading(1)+other",  ""),
    ("freeing",  "freed",             "held",                "!unloaded"),
    ("freeing",  "released",          "unloading(0)",        "free"),
    ("freeing",  "engine exited",       "unloading(0)",        "free"),
    ("freeing",  "out of memory",     "unloading(0)",        "free"),
    ("freeing",  "new job",           "unloading(0)+load",   ""),
    ("freeing",  "turned away",       "unloading(0)+load",   ""),
    ("freeing",  "request",           "unloading(0)+load",   ""),
    ("freeing",  "other new job",     "unloading(0)+other",  ""),
    ("freeing",  "other turned away", "unloading(0)+other",  ""),
    ("freeing",  "other request",     "unloading(0)+other",  ""),
    ("waiting",  "request",           "trying#1",            "load"),
    ("waiting",  "loaded",            "ready(0)",            "!ready"),
    ("waiting",  "given up",          "held",                "!unloading !unloaded"),
    ("waiting",  "load failed",       "failed",              "!failed"),
    ("waiting",  "out of memory",     "waiting#2",           "!waiting"),
    ("waiting",  "unload",            "held",                "!unloading !unloaded"),
    ("waiting",  "other queue",       "loading other",        "!unloading !unloaded !loading load"),
    ("waiting",  "other turned away", "loading other",        "!unloading !unloaded !loading load"),
    ("waiting",  "other request",     "loading other",        "!unloading !unloaded !loading load"),
    ("trying",   "loaded",            "ready(0)",            "!ready"),
    ("trying",   "given up",          "held",                "!unloading !unloaded"),
    ("trying",   "load failed",       "failed",              "!failed"),
    ("trying",   "out of memory",     "waiting#2",           "!waiting"),
    ("trying",   "unload",            "held",                "!unloading !unloaded"),
    ("trying",   "other turned away", "trying#1, other next", ""),
    ("trying",   "other request",     "trying#1, other next", ""),
    ("failed",   "new job",           "loading",             "!loading load"),
    ("failed",   "turned away",       "loading",             "!loading load"),
    ("failed",   "request",           "loading",             "!loading load"),
    ("failed",   "unload",            "held",                "!unloaded"),
    ("failed",   "other queue",       "loading other",        "!loading load"),
    ("failed",   "other new job",     "loading other",        "!loading load"),
    ("failed",   "other turned away", "loading other",        "!loading load"),
    ("failed",   "other request",     "loading other",        "!loading load"),
];

#[test]
fn every_pair_of_phase_and_input_leads_where_the_table_says() {
    let t = Instant::now();
    for (phase_name, phase) in phases(t) {
        for (input_name, input) in inputs() {
            let mut life = life(policy(), phase.clone(), t);
            let effects = life.step(input, t + SEC / 2);
            let done = effects.iter().map(effect).collect::<Vec<_>>().join(" ");
            let arrow = ARROWS.iter().find(|row| (row.0, row.1) == (phase_name, input_name));
            let (to, what) = match arrow {
                Some(row) => (row.2.to_owned(), row.3),
                None => (name(&phase), if input_name == "acquire" { "refuse" } else { "" }),
            };
            assert_eq!((place(&life), done.as_str()), (to, what), "{phase_name} × {input_name}");
        }
    }
}

#[test]
fn an_idle_model_goes_when_its_time_is_up_and_not_before() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    let ended = t + 1000 * SEC;
    assert_eq!(life.step(Input::Tick { free_bytes: None }, ended), [], "work does not count as idle");
    life.step(Input::Released, ended);
    assert_eq!(life.unloads_at(), Some(ended + 300 * SEC));
    assert_eq!(life.step(Input::Tick { free_bytes: None }, ended + 299 * SEC), []);
    let effects = life.step(Input::Tick { free_bytes: None }, ended + 300 * SEC);
    assert_eq!(effects, [Effect::Publish(A, News::Unloading(UnloadReason::Idle)), Effect::Free]);
    assert_eq!(
        life.step(Input::Freed, ended + 300 * SEC),
        [Effect::Publish(A, News::Unloaded(UnloadReason::Idle))]
    );
    assert_eq!(*life.phase(), Phase::Unloaded { held_until: None }, "the memory was not asked for: no hold");
}

#[test]
fn idle_timeout_zero_unloads_with_last_lease_none_never() {
    let t = Instant::now();
    let ready = Phase::Ready { leases: 1, idle_since: t };
    let at_once = Policy { idle_timeout: Stay::NOT_AT_ALL, ..policy() };
    assert!(life(at_once, ready.clone(), t).step(Input::Released, t).contains(&Effect::Free));

    let mut life = life(Policy { idle_timeout: Stay::Forever, ..policy() }, ready, t);
    life.step(Input::Released, t);
    assert_eq!(life.step(Input::Tick { free_bytes: None }, t + 1_000_000 * SEC), []);
    assert_eq!(life.unloads_at(), None);
}

#[test]
fn a_hold_keeps_queued_jobs_away_until_it_has_passed() {
    let t = Instant::now();
    let mut life = Lifecycle::new(policy(), t);
    life.step(Input::Unload { reason: UnloadReason::Request, hold: Some(30 * SEC) }, t);
    assert_eq!(life.step(Input::Demanded(Demand::Queue, A), t + 29 * SEC), []);
    life.step(Input::Tick { free_bytes: None }, t + 30 * SEC);
    assert_eq!(*life.phase(), Phase::Unloaded { held_until: None });
    assert!(life.step(Input::Demanded(Demand::Queue, A), t + 30 * SEC).contains(&Effect::Load));
}

#[test]
fn waiting_tries_at_every_interval_without_limit_and_counts() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Loading, t);
    let mut now = t;
    life.step(Input::RanOutOfMemory { needed_bytes: 100, free_bytes: 10 }, now);
    for attempts in 2..200 {
        assert_eq!(life.step(Input::Tick { free_bytes: Some(10) }, now + 29 * SEC), []);
        now += 30 * SEC;
        assert_eq!(life.step(Input::Tick { free_bytes: Some(10) }, now), [Effect::Load]);
        let Phase::Waiting(trying) = life.phase() else { panic!("a try is still waiting") };
        assert_eq!(trying.next_retry_at, now + 30 * SEC);
        life.step(Input::RanOutOfMemory { needed_bytes: 100, free_bytes: 10 }, now);
        let Phase::Waiting(after) = life.phase() else { panic!("a failed try waits on") };
        assert_eq!(after.attempts, attempts);
    }
    assert_eq!(life.since(), t, "one long wait");
}

#[test]
fn freed_memory_is_tried_at_once_but_not_within_a_second() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Loading, t);
    life.step(Input::RanOutOfMemory { needed_bytes: 100, free_bytes: 10 }, t);
    assert_eq!(life.step(Input::Tick { free_bytes: Some(150) }, t + SEC / 2), []);
    assert_eq!(life.step(Input::Tick { free_bytes: Some(99) }, t + 2 * SEC), []);
    assert_eq!(life.step(Input::Tick { free_bytes: Some(150) }, t + 2 * SEC), [Effect::Load]);
}

#[test]
fn a_load_asked_for_while_unloading_follows_it() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    life.step(Input::Unload { reason: UnloadReason::Request, hold: Some(30 * SEC) }, t);
    life.step(Input::Demanded(Demand::Request, A), t);
    assert_eq!(life.step(Input::Released, t), [Effect::Free]);
    let effects = life.step(Input::Freed, t);
    assert_eq!(
        effects,
        [
            Effect::Publish(A, News::Unloaded(UnloadReason::Request)),
            Effect::Publish(A, News::Loading),
            Effect::Load
        ]
    );
    assert_eq!(*life.phase(), Phase::Loading);
}

#[test]
fn a_refused_client_finds_its_model_with_any_idle_timeout() {
    let t = Instant::now();
    let at_once = Policy { idle_timeout: Stay::NOT_AT_ALL, ..policy() };
    let mut life = Lifecycle::new(at_once, t);
    life.step(Input::Demanded(Demand::TurnedAway, A), t);
    life.step(Input::Loaded, t);
    assert_eq!(life.step(Input::Tick { free_bytes: None }, t + 9 * SEC), []);
    assert_eq!(life.step(Input::Acquire, t + 9 * SEC), [Effect::Grant]);
    assert!(life.step(Input::Released, t + 10 * SEC).contains(&Effect::Free), "then it goes at once");
}

#[test]
fn jobs_that_come_while_others_run_add_nothing_to_the_idle_time() {
    let t = Instant::now();
    let short = Policy { idle_timeout: Stay::For(5 * SEC), ..policy() };
    let mut life = Lifecycle::new(short, t);
    life.step(Input::Demanded(Demand::NewJob, A), t);
    life.step(Input::Loaded, t);
    life.step(Input::Acquire, t);
    // Its turn comes under the lease of the job before it.
    life.step(Input::Demanded(Demand::NewJob, A), t + SEC);
    life.step(Input::Released, t + 9 * SEC);
    assert_eq!(life.unloads_at(), Some(t + 14 * SEC));
}

#[test]
fn a_hold_of_any_length_is_no_overflow() {
    let t = Instant::now();
    let mut life = Lifecycle::new(policy(), t);
    life.step(Input::Unload { reason: UnloadReason::Request, hold: Some(Duration::MAX) }, t);
    assert!(matches!(life.phase(), Phase::Unloaded { held_until: Some(until) } if *until > t));
}

#[test]
fn keep_alive_lasts_until_the_model_is_unloaded() {
    let t = Instant::now();
    let mut life = Lifecycle::new(policy(), t);
    life.step(Input::KeepAlive(Stay::For(5 * SEC)), t);
    life.step(Input::Demanded(Demand::Request, A), t);
    life.step(Input::Loaded, t);
    assert_eq!(life.unloads_at(), Some(t + 5 * SEC));
    life.step(Input::Acquire, t);
    life.step(Input::KeepAlive(Stay::Forever), t);
    life.step(Input::Released, t + SEC);
    assert_eq!(life.unloads_at(), None);
    life.step(Input::KeepAlive(Stay::NOT_AT_ALL), t + SEC);
    assert!(life.step(Input::Tick { free_bytes: None }, t + SEC).contains(&Effect::Free));
    life.step(Input::Freed, t + SEC);
    life.step(Input::Demanded(Demand::Request, A), t + 2 * SEC);
    life.step(Input::Loaded, t + 2 * SEC);
    assert_eq!(life.unloads_at(), Some(t + 302 * SEC), "it does not apply to the next load");
}

#[test]
fn keep_alive_of_a_failed_load_does_not_reach_another_model() {
    let t = Instant::now();
    let mut life = Lifecycle::new(policy(), t);
    life.step(Input::KeepAlive(Stay::Forever), t);
    life.step(Input::Demanded(Demand::Request, A), t);
    life.step(Input::LoadFailed(failure()), t);
    life.step(Input::Demanded(Demand::Request, B), t);
    life.step(Input::Loaded, t);
    assert_eq!((life.model(), life.unloads_at()), (B, Some(t + 300 * SEC)));
}

#[test]
fn a_load_after_an_unload_keeps_its_keep_alive() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    life.step(Input::KeepAlive(Stay::Forever), t);
    life.step(Input::Unload { reason: UnloadReason::Request, hold: None }, t);
    life.step(Input::KeepAlive(Stay::For(7 * SEC)), t);
    life.step(Input::Demanded(Demand::Request, A), t);
    life.step(Input::Released, t);
    life.step(Input::Freed, t);
    life.step(Input::Loaded, t);
    assert_eq!(life.unloads_at(), Some(t + 7 * SEC));
}

#[test]
fn an_idle_model_makes_room_and_a_working_one_does_not() {
    let t = Instant::now();
    let short = Input::Tick { free_bytes: Some(49) };
    let mut idle = life(policy(), Phase::Ready { leases: 0, idle_since: t }, t);
    assert_eq!(idle.step(Input::Tick { free_bytes: Some(50) }, t), []);
    assert_eq!(
        idle.step(short.clone(), t),
        [Effect::Publish(A, News::Unloading(UnloadReason::Pressure)), Effect::Free]
    );
    let mut working = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    assert_eq!(working.step(short.clone(), t), []);
    let never = Policy { yield_below_free_bytes: None, ..policy() };
    let mut idle = life(never, Phase::Ready { leases: 0, idle_since: t }, t);
    assert_eq!(idle.step(short.clone(), t), []);
    let mut expecting = Lifecycle::new(policy(), t);
    expecting.step(Input::Demanded(Demand::NewJob, A), t);
    expecting.step(Input::Loaded, t);
    assert_eq!(expecting.step(short.clone(), t + 9 * SEC), [], "a client was asked to retry");
    assert!(expecting.step(short, t + 10 * SEC).contains(&Effect::Free));
}

fn swaps(effects: &[Effect]) -> bool {
    effects == [Effect::Publish(A, News::Unloading(UnloadReason::Swap)), Effect::Free]
}

#[test]
fn the_queue_swaps_the_model_once_it_is_idle() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    assert_eq!(life.step(Input::Demanded(Demand::Queue, B), t), []);
    assert_eq!(life.step(Input::Released, t), [], "the queue may have changed its mind");
    assert!(swaps(&life.step(Input::Demanded(Demand::Queue, B), t)));
    let effects = life.step(Input::Freed, t);
    let unloaded = Effect::Publish(A, News::Unloaded(UnloadReason::Swap));
    assert_eq!(effects, [unloaded, Effect::Publish(B, News::Loading), Effect::Load]);
    assert_eq!(life.step(Input::Loaded, t), [Effect::Publish(B, News::Ready)]);
    assert_eq!(life.model(), B);
    assert_eq!(life.unloads_at(), Some(t + 300 * SEC));
}

#[test]
fn a_client_of_another_model_gets_it_when_the_work_is_over() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 2, idle_since: t }, t);
    life.step(Input::Demanded(Demand::TurnedAway, B), t);
    assert_eq!(life.wanted_next(), Some(B));
    assert_eq!(life.step(Input::Released, t), []);
    assert!(swaps(&life.step(Input::Released, t)));
    assert_eq!(life.wanted_next(), None);
}

#[test]
fn two_returning_clients_do_not_evict_each_others_models() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Unloaded { held_until: None }, t);
    life.step(Input::Demanded(Demand::TurnedAway, A), t);
    life.step(Input::Loaded, t);
    assert_eq!(life.step(Input::Demanded(Demand::TurnedAway, B), t + SEC), []);
    assert_eq!(life.step(Input::Demanded(Demand::Queue, B), t + SEC), []);
    assert_eq!(life.step(Input::Tick { free_bytes: None }, t + 2 * SEC), []);
    assert_eq!(life.step(Input::Acquire, t + 2 * SEC), [Effect::Grant], "the first has come back");
    assert!(swaps(&life.step(Input::Released, t + 3 * SEC)), "and is done");
}

#[test]
fn a_client_that_does_not_come_back_is_waited_for_ten_seconds() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Unloaded { held_until: None }, t);
    life.step(Input::Demanded(Demand::TurnedAway, A), t);
    life.step(Input::Loaded, t);
    life.step(Input::Demanded(Demand::Queue, B), t);
    assert_eq!(life.step(Input::Tick { free_bytes: None }, t + 9 * SEC), []);
    assert!(swaps(&life.step(Input::Tick { free_bytes: None }, t + 10 * SEC)));
}

#[test]
fn a_named_model_loads_at_the_chunk_end_and_stays() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    let effects = life.step(Input::Demanded(Demand::Request, B), t);
    assert_eq!(effects, [Effect::Publish(A, News::Unloading(UnloadReason::Swap))]);
    assert_eq!(life.step(Input::Demanded(Demand::NewJob, A), t), [], "a new job does not turn it round");
    assert_eq!(life.step(Input::Released, t), [Effect::Free]);
    life.step(Input::Freed, t);
    life.step(Input::Loaded, t);
    assert_eq!(life.step(Input::Demanded(Demand::Queue, A), t + 9 * SEC), []);
    assert!(life.step(Input::Tick { free_bytes: None }, t + 10 * SEC).contains(&Effect::Free));
    life.step(Input::Freed, t + 10 * SEC);
    assert_eq!((life.model(), life.phase()), (A, &Phase::Loading));
}

#[test]
fn the_queue_skips_a_failed_model_while_another_works() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Loading, t);
    life.step(Input::LoadFailed(failure()), t);
    assert!(life.step(Input::Demanded(Demand::Queue, B), t).contains(&Effect::Load));
    life.step(Input::Loaded, t);
    assert_eq!(life.failure(A), Some(&failure()));
    assert_eq!(life.step(Input::Demanded(Demand::Queue, A), t), []);
    assert_eq!(life.step(Input::Demanded(Demand::NewJob, A), t), [], "the queue says when");
    assert_eq!(life.failure(A), None, "but it is worth another try");
    assert!(life.step(Input::Demanded(Demand::Queue, A), t).contains(&Effect::Free));
}

#[test]
fn an_unload_holds_back_every_model() {
    let t = Instant::now();
    let mut life = life(policy(), Phase::Ready { leases: 1, idle_since: t }, t);
    life.step(Input::Demanded(Demand::TurnedAway, B), t);
    life.step(Input::Unload { reason: UnloadReason::Request, hold: Some(30 * SEC) }, t);
    life.step(Input::Released, t);
    life.step(Input::Freed, t);
    assert_eq!(place(&life), "held");
    assert_eq!(life.step(Input::Demanded(Demand::Queue, B), t + 29 * SEC), []);
    assert!(life.step(Input::Demanded(Demand::Queue, B), t + 30 * SEC).contains(&Effect::Load));
}
