//! What is counted and timed while the service runs, in the one registry of the process, which `GET /metrics` writes.
//!
//! Labels have few values: models of the settings, states, APIs. None is a job, an owner or a path.

use std::sync::LazyLock;

use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, histogram_opts, opts,
};

use crate::domain::jobs::job::Status;
use crate::domain::jobs::origin::Api;

/// Seconds of what is over in moments or takes hours: waiting in a queue, whole jobs.
const LONG_SECS: [f64; 14] =
    [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0];
/// Seconds of loads, chunks and webhooks.
const SHORT_SECS: [f64; 13] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0];
/// Seconds of computing for one second of audio.
const FACTORS: [f64; 14] = [0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0];

/// Everything that the actors measure.
pub(crate) struct Measures {
    pub jobs_accepted: IntCounterVec,
    pub jobs_finished: IntCounterVec,
    pub job_requeues: IntCounterVec,
    pub queue_limit: IntGauge,
    pub queue_wait: HistogramVec,
    pub job_run: HistogramVec,
    pub real_time_factor: HistogramVec,
    pub chunk: HistogramVec,
    pub audio_secs: CounterVec,
    pub tokens: IntCounterVec,
    pub redecodes: IntCounterVec,
    pub model_load: HistogramVec,
    pub model_load_failures: IntCounterVec,
    pub engine_exits: IntCounterVec,
    pub webhook_attempts: IntCounterVec,
    pub webhook_attempt: Histogram,
}

/// Those of this process.
pub(crate) fn measures() -> &'static Measures {
    static MEASURES: LazyLock<Measures> = LazyLock::new(Measures::new);
    &MEASURES
}

/// Why a model was not loaded.
pub(crate) const LOAD_FAILURES: [&str; 3] = ["cancelled", "out_of_memory", "failed"];
/// What came of an attempt to deliver a webhook.
pub(crate) const DELIVERIES: [&str; 5] = ["delivered", "retried", "given_up", "switched_off", "gone"];
const REQUEUES: [&str; 7] =
    ["model_unloading", "engine_died", "engine_killed", "preempted", "out_of_memory", "shutdown", "restart"];
const ENGINE_EXITS: [&str; 2] = ["crashed", "out_of_memory"];

impl Measures {
    fn new() -> Self {
        let measures = Self {
            jobs_accepted: counters(
                opts!("verbatim_jobs_accepted_total", "Jobs taken into the queue, by API and model."),
                &["api", "model"],
            ),
            jobs_finished: counters(
                opts!("verbatim_jobs_finished_total", "Jobs that ended, by API, model and status."),
                &["api", "model", "status"],
            ),
            job_requeues: counters(
                opts!("verbatim_job_requeues_total", "Running jobs that went back to the queue, by reason."),
                &["reason"],
            ),
            queue_limit: registered(IntGauge::new(
                "verbatim_jobs_queue_limit",
                "Jobs that may wait in the queue: [jobs] max_queued.",
            )),
            queue_wait: histograms(
                histogram_opts!(
                    "verbatim_job_queue_wait_seconds",
                    "From a job's acceptance until a worker first took it, by priority.",
                    LONG_SECS.to_vec()
                ),
                &["priority"],
            ),
            job_run: histograms(
                histogram_opts!(
                    "verbatim_job_run_seconds",
                    "The last run of a job, from its start until its end was stored, by model and status.",
                    LONG_SECS.to_vec()
                ),
                &["model", "status"],
            ),
            real_time_factor: histograms(
                histogram_opts!(
                    "verbatim_job_real_time_factor",
                    "Seconds that a run took for one second of its audio, by model: below 1 is faster than speech.",
                    FACTORS.to_vec()
                ),
                &["model"],
            ),
            chunk: histograms(
                histogram_opts!(
                    "verbatim_chunk_decode_seconds",
                    "Decoding of one chunk, by model: the time of a batch in equal parts.",
                    SHORT_SECS.to_vec()
                ),
                &["model"],
            ),
            audio_secs: registered(CounterVec::new(
                Opts::new(
                    "verbatim_audio_transcribed_seconds_total",
                    "Length of the recordings' parts that were transcribed, by model.",
                ),
                &["model"],
            )),
            tokens: counters(
                opts!("verbatim_tokens_total", "Text tokens in finished chunks, by model."),
                &["model"],
            ),
            redecodes: counters(
                opts!(
                    "verbatim_redecodes_total",
                    "Decodes beyond the first of a window, because its text was doubtful, by model."
                ),
                &["model"],
            ),
            model_load: histograms(
                histogram_opts!(
                    "verbatim_model_load_seconds",
                    "Loads of a model that ended with it ready, by model.",
                    SHORT_SECS.to_vec()
                ),
                &["model"],
            ),
            model_load_failures: counters(
                opts!(
                    "verbatim_model_load_failures_total",
                    "Loads that did not end with a ready model, by reason."
                ),
                &["model", "reason"],
            ),
            engine_exits: counters(
                opts!("verbatim_engine_exits_total", "Engine processes that exited unexpectedly, by cause."),
                &["cause"],
            ),
            webhook_attempts: counters(
                opts!("verbatim_webhook_attempts_total", "Attempts to deliver a webhook, by outcome."),
                &["outcome"],
            ),
            webhook_attempt: registered(Histogram::with_opts(histogram_opts!(
                "verbatim_webhook_attempt_seconds",
                "One attempt to deliver a webhook.",
                SHORT_SECS.to_vec()
            ))),
        };
        measures.begin_at_zero();
        measures
    }

    /// A series that is there before anything happened shows its first event as an increase.
    fn begin_at_zero(&self) {
        for priority in ["interactive", "batch"] {
            self.queue_wait.with_label_values(&[priority]);
        }
        for reason in REQUEUES {
            self.job_requeues.with_label_values(&[reason]);
        }
        for cause in ENGINE_EXITS {
            self.engine_exits.with_label_values(&[cause]);
        }
        for outcome in DELIVERIES {
            self.webhook_attempts.with_label_values(&[outcome]);
        }
    }

    /// The same for a model of the settings.
    pub(crate) fn expect_model(&self, model: &str) {
        for histogram in [&self.real_time_factor, &self.chunk, &self.model_load] {
            histogram.with_label_values(&[model]);
        }
        for counter in [&self.tokens, &self.redecodes] {
            counter.with_label_values(&[model]);
        }
        self.audio_secs.with_label_values(&[model]);
        for reason in LOAD_FAILURES {
            self.model_load_failures.with_label_values(&[model, reason]);
        }
        for status in [Status::Completed, Status::Failed].map(Status::name) {
            self.job_run.with_label_values(&[model, status]);
        }
        for api in Api::ALL.map(Api::name) {
            self.jobs_accepted.with_label_values(&[api, model]);
            for status in [Status::Completed, Status::Failed, Status::Cancelled].map(Status::name) {
                self.jobs_finished.with_label_values(&[api, model, status]);
            }
        }
    }
}

fn counters(opts: Opts, labels: &[&str]) -> IntCounterVec {
    registered(IntCounterVec::new(opts, labels))
}

fn histograms(opts: HistogramOpts, labels: &[&str]) -> HistogramVec {
    registered(HistogramVec::new(opts, labels))
}

#[expect(
    clippy::expect_used,
    reason = "names and labels are constants, each registered once, which a test does"
)]
fn registered<M: prometheus::core::Collector + Clone + 'static>(metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("the name and the labels are valid");
    prometheus::register(Box::new(metric.clone())).expect("no other metric has this name");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::RequeueReason;

    #[test]
    fn all_series_of_a_model_begin_at_zero() {
        measures().expect_model("m");
        let text = prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap();
        for series in [
            "verbatim_jobs_finished_total{api=\"openai\",model=\"m\",status=\"failed\"} 0",
            "verbatim_job_real_time_factor_count{model=\"m\"} 0",
            "verbatim_model_load_failures_total{model=\"m\",reason=\"out_of_memory\"} 0",
            "verbatim_webhook_attempts_total{outcome=\"given_up\"} ",
            "verbatim_job_queue_wait_seconds_bucket{priority=\"batch\",le=\"0.1\"} ",
        ] {
            assert!(text.contains(series), "{series} in {text}");
        }
    }

    #[test]
    fn every_reason_to_requeue_has_a_series() {
        use RequeueReason::*;
        let all = [ModelUnloading, EngineExited, EngineKilled, Preempted, OutOfMemory, Shutdown, Restart];
        assert_eq!(all.map(RequeueReason::name), REQUEUES);
    }
}
