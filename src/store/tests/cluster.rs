//! A PostgreSQL server of the tests' own, on a Unix socket in a folder of its own. The tests over HTTP have it as well.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs the server until its stdin ends, and removes the folder then: however the tests end.
const SCRIPT: &str = r#"
bin=$1 dir=$2 options=$3
start() {
    "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= $options >>"$dir/log" 2>&1 </dev/null &
    server=$!
    until "$bin/pg_isready" -q -h "$dir" || ! kill -0 "$server"; do sleep 0.05; done
}
stop() { kill -QUIT "$server"; wait "$server" || true; }
"$bin/initdb" -D "$dir/data" -U verbatim -A trust -N -E UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en \
    >"$dir/log" 2>&1
start
echo started
while read -r order; do
    "$order"
    echo done
done
stop
rm -rf "$dir"
"#;

/// PostgreSQL does not run as root.
const UNPRIVILEGED: u32 = 65_534;

pub struct Cluster {
    /// The socket is here.
    dir: PathBuf,
    bin: PathBuf,
    orders: Mutex<Orders>,
    databases: AtomicU32,
}

struct Orders {
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
    _shell: Child,
}

impl Cluster {
    /// Nothing where PostgreSQL is not installed, which is written to stderr.
    pub fn start() -> Option<Self> {
        Self::start_with("-c fsync=off")
    }

    /// With options of the server's.
    pub fn start_with(options: &str) -> Option<Self> {
        let Some(bin) = programs() else {
            // Past the test's own capture.
            let _ = writeln!(std::io::stderr(), "skipped: the tests of PostgreSQL, which is not installed");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("verbatim-pg-").tempdir().unwrap().keep();
        let mut shell = Command::new("sh");
        if fs::metadata(&dir).unwrap().uid() == 0 {
            chown(&dir, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
            shell.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        shell.args(["-euc", SCRIPT, "sh"]).arg(&bin).arg(&dir).arg(options).current_dir(&dir);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, answers) = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        let mut orders = Orders { stdin, answers, _shell: shell };
        assert_eq!(orders.answer(), "started\n", "{}", fs::read_to_string(dir.join("log")).unwrap());
        Some(Self { dir, bin, orders: Mutex::new(orders), databases: AtomicU32::new(0) })
    }

    /// The URL of a new, empty database.
    pub fn create_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name}"));
        format!("postgres://verbatim:hush@localhost/{name}?host={}", self.dir.display())
    }

    /// Where it listens.
    #[allow(dead_code, reason = "for the tests over HTTP")]
    pub fn socket(&self) -> PathBuf {
        self.dir.join(".s.PGSQL.5432")
    }

    /// The name of the database that a URL of [`Cluster::create_database`] leads to.
    #[allow(dead_code, reason = "not all that start a server use it")]
    pub fn name_of(url: &str) -> &str {
        url.rsplit_once('?').unwrap().0.rsplit_once('/').unwrap().1
    }

    /// As a superuser.
    pub fn run(&self, statement: &str) {
        self.run_in("postgres", statement);
    }

    pub fn run_in(&self, database: &str, statement: &str) {
        let psql = Command::new(self.bin.join("psql"))
            .args(["-q", "-U", "verbatim", "-d", database, "-c", statement, "-h"])
            .arg(&self.dir)
            .stderr(File::create(self.dir.join("psql-log")).unwrap())
            .status()
            .unwrap();
        assert!(psql.success(), "{}", fs::read_to_string(self.dir.join("psql-log")).unwrap());
    }

    /// Without a word to its clients, as in a crash.
    #[allow(dead_code, reason = "for the tests over HTTP")]
    pub fn stop(&self) {
        self.order("stop");
    }

    #[allow(dead_code, reason = "for the tests over HTTP")]
    pub fn start_again(&self) {
        self.order("start");
    }

    #[allow(dead_code, reason = "for the tests over HTTP")]
    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().unwrap();
        writeln!(orders.stdin, "{order}").unwrap();
        assert_eq!(orders.answer(), "done\n");
    }
}

impl Orders {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }
}

/// The newest version of Debian's packages, or what is in the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut bins: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    bins.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_all =
        |bin: &Path| ["initdb", "postgres", "psql", "pg_isready"].iter().all(|name| bin.join(name).exists());
    bins.into_iter().rev().chain(std::env::split_paths(&path)).find(|bin| has_all(bin))
}
