//! What the system says of this process, under the names that all exporters give it.

use procfs::process::{LimitValue, Process};
use procfs::{boot_time_secs, page_size, ticks_per_second};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};
use tracing::warn;

/// Adds them to the metrics of the process.
pub(super) fn register() {
    let registered = ProcessMetrics::new().and_then(|metrics| prometheus::register(Box::new(metrics)));
    if let Err(error) = registered {
        warn!(%error, "no metrics of the process");
    }
}

struct ProcessMetrics {
    cpu: Counter,
    resident: Gauge,
    virtual_memory: Gauge,
    open_files: Gauge,
    most_files: Gauge,
    threads: Gauge,
    started: Gauge,
}

impl ProcessMetrics {
    fn new() -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| Gauge::new(name, help);
        Ok(Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "CPU time of the service's process, the engine's left out.",
            )?,
            resident: gauge(
                "process_resident_memory_bytes",
                "Memory of the process, the engine's left out.",
            )?,
            virtual_memory: gauge("process_virtual_memory_bytes", "Address space of the process.")?,
            open_files: gauge("process_open_fds", "Open files and connections.")?,
            most_files: gauge("process_max_fds", "Files and connections that may be open.")?,
            threads: gauge("process_threads", "Threads of the process.")?,
            started: gauge("process_start_time_seconds", "When the process started, since the Unix epoch.")?,
        })
    }

    fn read(&self) -> procfs::ProcResult<()> {
        let process = Process::myself()?;
        let (stat, ticks) = (process.stat()?, ticks_per_second() as f64);
        let cpu_secs = (stat.utime + stat.stime) as f64 / ticks;
        self.cpu.inc_by((cpu_secs - self.cpu.get()).max(0.0));
        self.resident.set(stat.rss as f64 * page_size() as f64);
        self.virtual_memory.set(stat.vsize as f64);
        self.threads.set(stat.num_threads as f64);
        self.started.set(boot_time_secs()? as f64 + stat.starttime as f64 / ticks);
        self.open_files.set(process.fd_count()? as f64);
        if let LimitValue::Value(most) = process.limits()?.max_open_files.soft_limit {
            self.most_files.set(most as f64);
        }
        Ok(())
    }

    fn all(&self) -> [&dyn Collector; 7] {
        let Self { cpu, resident, virtual_memory, open_files, most_files, threads, started } = self;
        [cpu, resident, virtual_memory, open_files, most_files, threads, started]
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match self.read() {
            Ok(()) => self.all().into_iter().flat_map(Collector::collect).collect(),
            Err(error) => {
                warn!(%error, "cannot read what the system says of the process");
                Vec::new()
            }
        }
    }
}
