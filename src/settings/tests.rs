use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::domain::model::stay::Stay;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

/// A folder for files, and an environment of its own.
struct Given {
    dir: TempDir,
    sources: Sources,
}

fn given(env: &[(&str, &str)]) -> Given {
    let dir = TempDir::new().unwrap();
    let env: BTreeMap<OsString, OsString> = env.iter().map(|(k, v)| (k.into(), v.into())).collect();
    let place = Place::working_folder(dir.path());
    let sources = Sources { config_file: None, env, place, overrides: Overrides::default() };
    Given { dir, sources }
}

impl Given {
    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    /// With `text` in the file of `--config`.
    fn config(mut self, name: &str, text: &str) -> Self {
        self.sources.config_file = Some(self.dir.path().join(name));
        self.file(name, text)
    }

    fn load(&self) -> Effective {
        load(&self.sources).unwrap()
    }

    fn settings(&self) -> Settings {
        self.load().settings
    }

    fn error(&self) -> String {
        load(&self.sources).unwrap_err().to_string()
    }
}

fn from_env(env: &[(&str, &str)]) -> Settings {
    given(env).settings()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = from_env(&[]);
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("127.0.0.1", 8080));
    assert_eq!(settings.server.max_upload_bytes, 2 << 30);
    assert_eq!((settings.model.idle_timeout_secs, settings.model.gpu_poll_interval_secs), (300, 30));
    assert_eq!(settings.model.unload_hold_secs, 30);
    assert_eq!((settings.engine.isolation, settings.engine.workers), (Isolation::Process, 1));
    assert_eq!((settings.jobs.max_queued, settings.jobs.on_model_failed), (1000, OnModelFailed::Wait));
    assert_eq!((settings.decode.entropy_thold, settings.decode.loop_entropy), (2.4, 3.5));
    assert_eq!((settings.auth.mode, settings.auth.keys.len()), (AuthMode::None, 0));
    assert_eq!(settings.webhooks.secret.expose_secret(), "");
}

/// Both `Settings` and the file are strict, so taking one key out must fail and adding one must too.
#[test]
fn the_manual_and_the_types_have_the_same_keys() {
    let defaults = layers::defaults().unwrap();
    for manual::Entry { key: path, .. } in manual::entries() {
        let (section, key) = path.split_once('.').unwrap();
        let mut without = defaults.clone();
        let config::ValueKind::Table(keys) = &mut without.0.get_mut(section).unwrap().kind else {
            panic!("{section}")
        };
        assert!(keys.shift_remove(key).is_some(), "{path} is not read as TOML reads it");
        let fault = typed(without.0).err().unwrap_or_else(|| panic!("{path} is in no type"));
        has(&fault.message, &["missing field", key]);
    }
    let keys: usize = defaults.0.values().map(|s| s.clone().into_table().unwrap().len()).sum();
    assert_eq!(keys, manual::entries().len());
    assert!(typed(defaults.0).is_ok());
}

#[test]
fn every_number_has_bounds_that_its_default_keeps() {
    let defaults = layers::defaults().unwrap().0;
    let mut numbers = 0;
    for entry in manual::entries() {
        let (section, key) = entry.key.split_once('.').unwrap();
        let default = values::lookup(&defaults, section, key).unwrap();
        if matches!(default.kind, config::ValueKind::I64(_) | config::ValueKind::Float(_)) {
            numbers += 1;
            assert!(
                bounds::BOUNDS.iter().any(|(known, ..)| *known == entry.key),
                "{} has no bounds",
                entry.key
            );
        }
    }
    assert_eq!(numbers, bounds::BOUNDS.len());
    let mut problems = vec![];
    check::admit(&defaults, &mut defaults.clone(), &mut problems);
    assert_eq!(problems, []);
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let base = [("VERBATIM_PROFILE", "prod")];
    let profile =
        "[server]\nport = 1\nhost = \"127.0.0.2\"\nshutdown_secs = 1\n[model]\nidle_timeout_secs = 1\n";
    let config = "[server]\nport = 2\nhost = \"::1\"\n[model]\nidle_timeout_secs = 2\n";
    let settings = given(&base).file("prod.toml", profile).config("x.toml", config).settings();
    assert_eq!(
        (settings.server.port, settings.server.host.as_str(), settings.server.shutdown_secs),
        (2, "::1", 1)
    );
    let env = [base[0], ("VERBATIM__SERVER__PORT", "3"), ("VERBATIM__MODEL__IDLE_TIMEOUT_SECS", "3")];
    let settings = given(&env).file("prod.toml", profile).config("x.toml", config).settings();
    assert_eq!(
        (settings.server.port, settings.server.host.as_str(), settings.model.idle_timeout_secs),
        (3, "::1", 3)
    );
    let env = [env[0], env[1], env[2], ("IDLE_TIMEOUT_SECS", "4"), ("GPU_POLL_INTERVAL_SECS", "5")];
    let settings = given(&env).file("prod.toml", profile).config("x.toml", config).settings();
    assert_eq!((settings.model.idle_timeout_secs, settings.model.gpu_poll_interval_secs), (4, 5));
}

#[test]
fn a_config_file_is_json_or_yaml_by_extension_else_toml() {
    for (name, text) in [
        ("a.json", "{\"server\": {\"port\": 9}, \"decode\": {\"entropy_thold\": 2}}"),
        ("a.yaml", "server:\n  port: 9\ndecode:\n  entropy_thold: 2\n"),
        ("a.yml", "server: {port: 9}\ndecode: {entropy_thold: 2.0}\n"),
        ("a.conf", "server.port = 9\ndecode.entropy_thold = 2.0\n"),
        ("plain", "[server]\nport = 9\n[decode]\nentropy_thold = 2\n"),
    ] {
        let settings = given(&[]).config(name, text).settings();
        assert_eq!((settings.server.port, settings.decode.entropy_thold), (9, 2.0), "{name}");
    }
}

#[test]
fn a_variable_is_read_as_the_type_of_its_key() {
    let key = "1234567890123456";
    let settings = from_env(&[
        ("VERBATIM__MODEL__NAME", "123"),
        ("VERBATIM__STORAGE__DIR", "true"),
        ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("VERBATIM__ENGINE__USE_GPU", "0"),
        ("VERBATIM__DECODE__LOGPROB_THOLD", "-2"),
        ("VERBATIM__AUTH__KEYS", &format!("{key}, {key}x")),
        ("VERBATIM__ENGINE__ISOLATION", "thread"),
        ("VERBATIM__MODEL__PATH", ""),
        ("verbatim__jobs__max_queued", " 7 "),
    ]);
    assert_eq!((settings.model.name.as_str(), settings.storage.dir.as_path()), ("123", Path::new("true")));
    assert!(settings.webhooks.allow_private && !settings.engine.use_gpu);
    assert_eq!((settings.decode.logprob_thold, settings.engine.isolation), (-2.0, Isolation::Thread));
    let keys: Vec<_> = settings.auth.keys.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(keys, [key, "1234567890123456x"]);
    assert_eq!(settings.jobs.max_queued, 7);
}

#[test]
fn a_secret_of_digits_stays_text() {
    let secret = format!("whsec_{}", "1".repeat(32));
    let settings = from_env(&[
        ("VERBATIM__WEBHOOKS__SECRET", &secret),
        ("VERBATIM__AUTH__KEYS", "11111111111111111111"),
    ]);
    assert_eq!(settings.webhooks.secret.expose_secret(), secret);
    assert_eq!(settings.auth.keys[0].expose_secret(), "11111111111111111111");
}

#[test]
fn other_programs_variables_are_none_of_ours() {
    let settings =
        from_env(&[("VERBATIM_PORT", "tcp://10.0.0.1:80"), ("VERBATIM_SERVICE_HOST", "x"), ("PORT", "x")]);
    assert_eq!(settings.server.port, 8080);
}

#[test]
fn an_unknown_variable_error_lists_the_known_keys() {
    let error = given(&[("VERBATIM__SERVER__PROT", "1")]).error();
    has(&error, &["server.prot: there is no such key", "environment VERBATIM__SERVER__PROT", "host, port"]);
    let error = given(&[("VERBATIM__SEVER__PORT", "1")]).error();
    has(&error, &["sever.port: there is no such key", "the sections are server, limits, storage"]);
    has(&given(&[("VERBATIM__PORT", "1")]).error(), &["port: there is no such key"]);
    has(&given(&[("VERBATIM__SERVER", "1")]).error(), &["server: there is no such key", "[server] has host"]);
    has(&given(&[("VERBATIM__SERVER__PORT__X", "1")]).error(), &["server.port__x: there is no such key"]);
    has(&given(&[("VERBATIM__", "1")]).error(), &["there is no such key"]);
}

#[test]
fn a_bad_value_of_a_variable_is_named_with_its_full_path() {
    for (name, value, parts) in [
        (
            "IDLE_TIMEOUT_SECS",
            "soon",
            &["model.idle_timeout_secs: must be a whole number", "environment IDLE_TIMEOUT_SECS"][..],
        ),
        ("IDLE_TIMEOUT_SECS", "", &["model.idle_timeout_secs: must be a whole number, not empty"]),
        ("IDLE_TIMEOUT_SECS", "-2", &["model.idle_timeout_secs: must be -1 to 315360000, not -2"]),
        ("IDLE_TIMEOUT_SECS", "1.5", &["model.idle_timeout_secs: must be a whole number"]),
        ("GPU_POLL_INTERVAL_SECS", "0", &["model.gpu_poll_interval_secs: must be 1 to 86400, not 0"]),
        (
            "GPU_POLL_INTERVAL_SECS",
            "-5",
            &["model.gpu_poll_interval_secs: must be 1", "environment GPU_POLL_INTERVAL_SECS"],
        ),
        (
            "VERBATIM__SERVER__PORT",
            "70000",
            &["server.port: must be 0 to 65535, not 70000", "VERBATIM__SERVER__PORT"],
        ),
        ("VERBATIM__SERVER__PORT", "99999999999999999999", &["server.port: must be a whole number"]),
        (
            "VERBATIM__ENGINE__ISOLATION",
            "x",
            &[
                "engine.isolation: unknown variant `x`",
                "`process` or `thread`",
                "VERBATIM__ENGINE__ISOLATION",
            ],
        ),
        ("VERBATIM__LOG__FORMAT", "xml", &["log.format: unknown variant `xml`"]),
        ("VERBATIM__LOG__LEVEL", "inof", &["log.level: \"inof\" is not a level", "VERBATIM__LOG__LEVEL"]),
        ("VERBATIM__ENGINE__USE_GPU", "maybe", &["engine.use_gpu: must be true or false"]),
        ("VERBATIM__DECODE__ENTROPY_THOLD", "NaN", &["decode.entropy_thold: must be 0 to 10, not NaN"]),
        ("VERBATIM__DECODE__ENTROPY_THOLD", "inf", &["decode.entropy_thold: must be 0 to 10, not inf"]),
        ("VERBATIM__MODEL__NAME", "../x", &["model.name: must be a model's name", "model.path"]),
        ("VERBATIM__SERVER__HOST", "http://x", &["server.host: must be an IP address"]),
        ("VERBATIM__STORAGE__DIR", "", &["storage.dir: must name a folder"]),
        ("VERBATIM__WYOMING__PORT", "8080", &["wyoming.port: is server.port as well"]),
        ("VERBATIM__AUTH__MODE", "keys", &["auth.keys: must hold a key"]),
        ("VERBATIM__MODEL__SOURCE_URL", "ftp://x", &["model.source_url: must begin with https://"]),
    ] {
        has(&given(&[(name, value)]).error(), parts);
    }
}

#[test]
fn a_bad_value_error_names_the_key_and_the_file() {
    for (text, parts) in [
        (
            "[server]\nport = 70000",
            &["server.port: must be 0 to 65535, not 70000", "from --config ", "x.toml"][..],
        ),
        ("[server]\nport = \"8080\"", &["server.port: must be a whole number, not text"]),
        ("[server]\nport = 80.5", &["server.port: must be a whole number, not a fraction"]),
        ("[model]\nname = 5", &["model.name: must be text in quotes, not a whole number"]),
        ("[model]\nprot = 5", &["model.prot: there is no such key"]),
        ("[sever]\nport = 5", &["sever: there is no such key", "the sections are"]),
        ("server = 5", &["server: must be a section with keys, not a whole number"]),
        ("[server.port]\nx = 1", &["server.port: must be a whole number, not a section"]),
        ("[engine]\nisolation = \"x\"", &["engine.isolation: unknown variant `x`", "x.toml"]),
        ("[engine]\nuse_gpu = 1", &["engine.use_gpu: must be true or false"]),
        ("[auth]\nkeys = [1]", &["auth.keys: must be a list of texts"]),
        ("[auth]\nkeys = [\"short\"]", &["auth.keys: entry 1 needs at least 16 characters", "x.toml"]),
        ("[server]\nport = 5\nport = 6", &["x.toml: cannot read the file of --config", "line 3"]),
    ] {
        has(&given(&[]).config("x.toml", text).error(), parts);
    }
}

#[test]
fn a_bad_value_is_an_error_even_if_overridden() {
    let given = given(&[("VERBATIM__SERVER__PORT", "0"), ("VERBATIM__ENGINE__ISOLATION", "thread")])
        .config("x.toml", "[server]\nport = 70000\n[engine]\nisolation = \"x\"");
    has(&given.error(), &["server.port: must be 0 to 65535", "engine.isolation: unknown variant"]);
}

#[test]
fn a_url_of_sqlite_sets_the_folder_in_its_own_layer() {
    const URL: &str = "VERBATIM__STORAGE__URL";
    const DIR: &str = "VERBATIM__STORAGE__DIR";
    let both = |given: Given| {
        let storage = given.settings().storage;
        (storage.dir.to_str().unwrap().to_owned(), storage.postgres().map(str::to_owned))
    };
    let in_file = "[storage]\nurl = \"sqlite:///srv/a%20b\"";
    assert_eq!(both(given(&[]).config("x.toml", in_file)), ("/srv/a b".into(), None));
    let stronger = given(&[(DIR, "/srv/other")]).config("x.toml", in_file);
    assert_eq!(both(stronger), ("/srv/other".into(), None));
    let stronger = given(&[(URL, "sqlite://data/verbatim.db")]).config("x.toml", "[storage]\ndir = \"/srv\"");
    assert_eq!(both(stronger), ("data".into(), None));
    let postgres = given(&[(URL, "postgres://a@b/c")]).config("x.toml", in_file);
    assert_eq!(both(postgres), ("/srv/a b".into(), Some("postgres://a@b/c".into())));
    assert_eq!(both(given(&[(URL, "sqlite:///srv/"), (DIR, "/srv")])).0, "/srv/");

    let shown = given(&[]).config("x.toml", in_file).load().describe();
    has(&shown, &["storage.dir = \"/srv/a b\"  # from --config "]);
    let two = given(&[(URL, "sqlite:///srv/a"), (DIR, "/srv/b")]).error();
    has(&two, &["storage.url: names another folder than storage.dir", "VERBATIM__STORAGE__URL"]);
    for wrong in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:///srv/jobs.db", "sqlite:///srv?mode=ro"]
    {
        has(
            &given(&[(URL, wrong)]).error(),
            &["storage.url: must be sqlite:///folder", "VERBATIM__STORAGE__URL"],
        );
    }
}

#[test]
fn all_problems_are_reported_together_one_in_a_line() {
    let given = given(&[
        ("VERBATIM__SERVER__PROT", "1"),
        ("IDLE_TIMEOUT_SECS", "x"),
        ("VERBATIM_PROFILE", "none"),
    ])
    .config(
        "x.toml",
        "[server]\nport = 70000\n[engine]\nisolation = \"x\"\nworkers = 0\n[jobs]\non_model_failed = \"y\"",
    );
    let error = given.error();
    has(&error, &["server.prot", "model.idle_timeout_secs", "none.toml", "server.port", "engine.isolation"]);
    has(&error, &["engine.workers", "jobs.on_model_failed"]);
    assert_eq!(error.lines().count(), 7);
}

#[test]
fn files_that_are_named_must_be_there() {
    has(&given(&[("VERBATIM_PROFILE", "prod")]).error(), &["prod.toml", "VERBATIM_PROFILE"]);
    has(&given(&[("VERBATIM_PROFILE", "../prod")]).error(), &["VERBATIM_PROFILE", "cannot name a profile"]);
    let mut missing = given(&[("VERBATIM_PROFILE", "")]);
    missing.sources.config_file = Some(PathBuf::from("no-such-file.toml"));
    let error = missing.error();
    has(&error, &["no-such-file.toml: cannot read the file of --config"]);
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn an_unreadable_file_never_shows_its_lines() {
    for (name, text) in [
        ("x.toml", "[webhooks]\nsecret = \"hush\" \"hush\"\n"),
        ("x.json", "{\"webhooks\": {\"secret\": \"hush\" \"hush\"}}"),
        ("x.yaml", "webhooks:\n  secret: \"hush\" \"hush\"\n"),
    ] {
        let error = given(&[]).config(name, text).error();
        has(&error, &[name, "cannot read"]);
        assert!(!error.contains("hush") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn what_is_described_is_toml_with_each_values_origin() {
    let given = given(&[
        ("VERBATIM_PROFILE", "prod"),
        ("VERBATIM__LOG__LEVEL", "a\"b=info"),
        ("IDLE_TIMEOUT_SECS", "7"),
    ])
    .file("prod.toml", "[server]\nhost = \"127.0.0.9\"\n")
    .config("x.toml", "[decode]\nentropy_thold = 2\n");
    let text = given.load().describe();
    has(
        &text,
        &[
            "server.port = 8080  # from default\n",
            "server.host = \"127.0.0.9\"  # from profile ",
            "prod.toml\n",
            "decode.entropy_thold = 2  # from --config ",
            "log.level = \"a\\\"b=info\"  # from environment VERBATIM__LOG__LEVEL\n",
            "model.idle_timeout_secs = 7  # from environment IDLE_TIMEOUT_SECS\n",
            "decode.logprob_thold = -1.0  # from default\n",
        ],
    );
    let paths: Vec<&str> = text.lines().filter_map(|line| line.split(" = ").next()).collect();
    assert_eq!(paths, manual::entries().iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>());
    let again = config::File::from_str(&text, config::FileFormat::Toml);
    assert!(Config::builder().add_source(again).build().is_ok());
}

#[test]
fn secrets_are_never_shown() {
    let secret = format!("whsec_{}", "A".repeat(32));
    let given = given(&[("VERBATIM__WEBHOOKS__SECRET", &secret)])
        .config("x.toml", "[auth]\nkeys = [\"BBBBBBBBBBBBBBBBBBBB\", \"CCCCCCCCCCCCCCCCCCCC\"]");
    let effective = given.load();
    let text = effective.describe();
    has(&text, &["webhooks.secret = \"(redacted)\"  # from environment VERBATIM__WEBHOOKS__SECRET"]);
    has(&text, &["auth.keys = [\"(redacted)\", \"(redacted)\"]  # from --config"]);
    let json = serde_json::json!(effective);
    assert_eq!(json["auth.keys"]["value"], serde_json::json!(["(redacted)", "(redacted)"]));
    assert!(json["auth.keys"]["from"].as_str().unwrap().starts_with("--config"));
    let debug = format!("{effective:?}");
    for shown in [text, debug] {
        assert!(!["AAAA", "BBBB", "CCCC"].iter().any(|part| shown.contains(part)), "{shown}");
    }
    has(&self::given(&[]).load().describe(), &["webhooks.secret = \"\"", "auth.keys = []"]);
}

#[test]
fn a_wrong_secret_is_refused_without_being_shown() {
    for secret in ["hushhush", "whsec_hush", "whsec_hushhushhushhushhushhushhushhush!"] {
        let error = given(&[("VERBATIM__WEBHOOKS__SECRET", secret)]).error();
        has(&error, &["webhooks.secret: must be whsec_"]);
        assert!(!error.contains("hush"));
    }
    let error = given(&[]).config("x.yaml", "webhooks: {secret: 4711}\n").error();
    assert!(error.contains("webhooks.secret: must be text") && !error.contains("4711"), "{error}");
}

#[test]
fn allowed_targets_are_networks_addresses_and_hosts() {
    let settings =
        from_env(&[("VERBATIM__WEBHOOKS__ALLOW", "10.0.0.0/8, fd00::/8, ::1, receiver.lan, wörk")]);
    assert_eq!(settings.webhooks.allow, ["10.0.0.0/8", "fd00::/8", "::1", "receiver.lan", "wörk"]);
    for entry in ["10.0.0.0/33", "http://a/", "a:80", "1.2.3.4.5", "*.example.com", "a b"] {
        let error = given(&[("VERBATIM__WEBHOOKS__ALLOW", &format!("10.0.0.0/8,{entry}"))]).error();
        has(&error, &["webhooks.allow: entry 2 must be a network", "VERBATIM__WEBHOOKS__ALLOW"]);
    }
}

#[test]
fn the_model_is_a_name_in_a_folder_or_a_file() {
    let file = |env: &[(&str, &str)]| from_env(env).model_file();
    assert_eq!(file(&[]), ("base".into(), PathBuf::from("models/ggml-base.bin")));
    let named = [("VERBATIM__MODEL__NAME", "tiny"), ("VERBATIM__MODEL__DIR", "/m")];
    assert_eq!(file(&named), ("tiny".into(), PathBuf::from("/m/ggml-tiny.bin")));
    let folder = [("VERBATIM__MODEL__NAME", "faster-whisper-base")];
    assert_eq!(file(&folder).1, PathBuf::from("models/faster-whisper-base"));
    let foreign = tempfile::tempdir().unwrap();
    std::fs::create_dir(foreign.path().join("mine")).unwrap();
    let dir = foreign.path().to_str().unwrap();
    let mine = [("VERBATIM__MODEL__NAME", "mine"), ("VERBATIM__MODEL__DIR", dir)];
    assert_eq!(file(&mine), ("mine".into(), foreign.path().join("mine")));
    for (path, id) in
        [("/x/ggml-words-q8_0.bin", "words-q8_0"), ("own.model.bin", "own.model"), ("ggml-.bin", "ggml-")]
    {
        assert_eq!(file(&[("VERBATIM__MODEL__PATH", path)]), (id.into(), PathBuf::from(path)));
    }
    let only_a_path = [("VERBATIM__MODEL__PATH", "a.bin"), ("VERBATIM__MODEL__NAME", "")];
    assert_eq!(file(&only_a_path).0, "a");
    has(&given(&[("VERBATIM__MODEL__NAME", "")]).error(), &["model.name: "]);
}

#[test]
fn the_idle_timeout_is_a_duration_or_never() {
    let timeout = |secs: &str| from_env(&[("IDLE_TIMEOUT_SECS", secs)]).model.idle_timeout();
    assert_eq!(
        (timeout("0"), timeout("2"), timeout("-1")),
        (Stay::NOT_AT_ALL, Stay::For(Duration::from_secs(2)), Stay::Forever)
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let mut given = given(&[]);
    given.sources.env.insert("VERBATIM__STORAGE__DIR".into(), OsString::from_vec(vec![b'a', 0xff]));
    has(&given.error(), &["storage.dir: is not valid UTF-8"]);
}

#[test]
fn more_models_are_named_with_their_files_whatever_their_layer() {
    let file = "[models]\nlarge = \"m/large.bin\"\n\"base.fr\" = { path = \"fr.bin\" }\n";
    let given = given(&[("VERBATIM__MODELS__SMALL", "/m/small.bin")]).config("a.toml", file);
    let default = ("base".to_owned(), PathBuf::from("models/ggml-base.bin"));
    let more = [("base.fr", "fr.bin"), ("large", "m/large.bin"), ("small", "/m/small.bin")];
    let more = more.map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
    assert_eq!(given.settings().model_files(), [vec![default], more.to_vec()].concat());
    has(
        &given.load().describe(),
        &[
            "models.\"base.fr\" = \"fr.bin\"  # from --config",
            "models.small = \"/m/small.bin\"  # from environment VERBATIM__MODELS__SMALL",
        ],
    );
}

#[test]
fn the_default_model_may_be_one_of_the_models() {
    let file = "[models]\nlarge = \"m/large.bin\"\nsmall = \"m/small.bin\"\n";
    let mut given = given(&[]).config("a.toml", file);
    given.sources.overrides = Overrides::default().model("--model", "small");
    let model = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
    assert_eq!(
        given.settings().model_files(),
        [model("small", "m/small.bin"), model("large", "m/large.bin")]
    );
}

#[test]
fn a_model_without_a_name_or_a_file_of_its_own_stops_the_start() {
    for (entries, message) in [
        ("a = \"\"", "models.a: must name a model file"),
        ("a = 5", "models.a: must be a path in quotes, or { path = \"…\" }, not a whole number"),
        ("a = {}", "models.a: must be a path in quotes, or { path = \"…\" }, not nothing"),
        ("a = { path = \"a.bin\", pth = 1 }", "models.a.pth: there is no such key"),
        ("\"\" = \"a.bin\"", "models.: the name must be of letters"),
        ("\"../a\" = \"a.bin\"", "models.../a: the name must be of letters"),
        (
            "own = \"a.bin\"\n[model]\npath = \"m/ggml-own.bin\"",
            "models.own: is the name of the model that [model] names",
        ),
        ("whisper-1 = \"a.bin\"", "models.whisper-1: is a name that stands for the default model"),
        ("a = \"a.bin\"\nb = \"a.bin\"", "models.b: names the same file as \"a\""),
        ("a = \"models/ggml-base.bin\"", "models.a: names the same file as \"base\""),
        ("a = \"a.bin\"\na = \"b.bin\"", "a.toml: cannot read the file of --config"),
    ] {
        let error = given(&[]).config("a.toml", &format!("[models]\n{entries}\n")).error();
        has(&error, &[message]);
    }
    has(&given(&[("VERBATIM__MODELS__", "x")]).error(), &["models"]);
}

#[test]
fn devices_have_what_is_theirs_and_the_rest_from_the_engine() {
    let list = "[engine]\nthreads = 3\n[[devices]]\nname = \"left\"\n[[devices]]\nname = \"right\"\n\
        gpu_device = 1\nthreads = 2\nmodels = [\"base\"]\n";
    let given = given(&[]).config("config.toml", list);
    let settings = given.settings();
    let [left, right] = &settings.devices[..] else { panic!("{:?}", settings.devices) };
    let engine = |device| settings.for_device(device).engine;
    assert_eq!((engine(left).gpu_device, engine(left).threads), (0, 3));
    assert_eq!((engine(right).gpu_device, engine(right).threads), (1, 2));
    assert_eq!((left.models.len(), right.models.len()), (0, 1));
    let line = given.load().describe().lines().last().unwrap().to_owned();
    let shown = line.split("  # from ").next().unwrap();
    assert!(shown.starts_with("devices = [{ "), "{shown}");
    let again = super::tests::given(&[]).config("again.toml", shown).settings();
    assert_eq!(again.devices[1].gpu_device, Some(1));
}

#[test]
fn a_fault_in_a_device_names_it_and_the_key() {
    let faults = [
        ("[[devices]]\n", &["devices[0]", "needs a name"][..]),
        (
            "[[devices]]\nname = \"a\"\n[[devices]]\nname = \"a\"\n",
            &["devices[1].name", "another device has the name"],
        ),
        ("[[devices]]\nname = \"*\"\n", &["devices[0].name", "is not a name"]),
        ("[[devices]]\nname = \"a\"\ngpu = 1\n", &["devices[0].gpu", "a device has name, models, use_gpu"]),
        ("[[devices]]\nname = \"a\"\ngpu_device = 64\n", &["devices[0].gpu_device", "0 to 63"]),
        ("[[devices]]\nname = \"a\"\nthreads = \"2\"\n", &["devices[0].threads", "a whole number"]),
        (
            "[[devices]]\nname = \"a\"\nmodels = [\"x\"]\n",
            &["devices[0].models", "\"x\" is not in the settings", "use one of: base"],
        ),
        (
            "[models]\nx = \"x.bin\"\n[[devices]]\nname = \"a\"\nmodels = [\"base\"]\n",
            &["devices:", "model \"x\""],
        ),
        ("[devices]\nname = \"a\"\n", &["devices", "[[devices]]"]),
        ("devices = [1]\n", &["devices[0]", "a table"]),
        (
            "[storage]\nurl = \"postgres://u@h/d\"\nblobs = \"file:///b\"\n[[devices]]\nname = \"a\"\n",
            &["devices:", "one service for each device"],
        ),
    ];
    for (text, parts) in faults {
        has(&given(&[]).config("config.toml", text).error(), parts);
    }
}

#[test]
fn misspelled_variables_are_reported_with_the_right_name() {
    let effective = given(&[
        ("IDLE_TIMEOUT", "1"),
        ("IDLE_TIMEOUT_SECONDS", "1"),
        ("GPU_POLL_INTERVAL_SECS", "5"),
        ("VERBATIM_SERVER_PORT", "tcp://10.0.0.1:80"),
        ("VERBATIM_PROFILE", ""),
        ("VERBATIM_SERVER", "http://nas:8080"),
        ("VERBATIM_API_KEY", "key"),
        ("VERBATIM_SERVICE_HOST", "10.0.0.1"),
        ("HOME", "/root"),
    ])
    .load();
    let mut misses = effective.near_misses().to_vec();
    misses.sort();
    let pair = |name: &str, right: &str| (name.to_owned(), right.to_owned());
    assert_eq!(
        misses,
        [
            pair("IDLE_TIMEOUT", "IDLE_TIMEOUT_SECS"),
            pair("IDLE_TIMEOUT_SECONDS", "IDLE_TIMEOUT_SECS"),
            pair("VERBATIM_SERVER_PORT", "VERBATIM__SERVER__PORT"),
        ]
    );
}

#[test]
fn a_variable_with_one_underscore_is_told_the_right_name() {
    for (name, value, meant) in [
        ("VERBATIM_SERVER_PORT", "80", "VERBATIM__SERVER__PORT"),
        ("verbatim_model_name", "base", "VERBATIM__MODEL__NAME"),
        ("VERBATIM_MODEL__IDLE_TIMEOUT_SECS", "1", "VERBATIM__MODEL__IDLE_TIMEOUT_SECS"),
        ("VERBATIM_MODEL_SOURCE_URL", "https://x", "VERBATIM__MODEL__SOURCE_URL"),
    ] {
        has(&given(&[(name, value)]).error(), &[&name.to_ascii_uppercase(), meant, "two underscores"]);
    }
}

#[test]
fn options_of_the_command_line_win_and_are_named_as_origins() {
    let mut given = given(&[("VERBATIM__SERVER__PORT", "3"), ("VERBATIM__MODEL__PATH", "/m/x.bin")]);
    given.sources.overrides =
        Overrides::default().number("--port", "server.port", 4).model("--model", "large-v3");
    let settings = given.settings();
    assert_eq!(settings.server.port, 4);
    assert_eq!(settings.model_file(), ("large-v3".into(), PathBuf::from("models/ggml-large-v3.bin")));
    has(&given.load().describe(), &["server.port = 4  # from --port\n"]);
    given.sources.overrides =
        Overrides::default().model("--model", "./own.bin").number("--port", "server.port", 70_000);
    has(&given.error(), &["server.port: must be 0 to 65535, not 70000 (from --port)"]);
}

#[test]
fn a_settings_file_of_the_place_is_a_layer_below_the_profile() {
    let given = given(&[("VERBATIM_PROFILE", "prod")]);
    fs::create_dir(given.dir.path().join("verbatim")).unwrap();
    let mut given = given
        .file("verbatim/config.toml", "[server]\nport = 1\nshutdown_secs = 7\n")
        .file("verbatim/prod.toml", "[server]\nport = 2\n");
    let env = [("XDG_CONFIG_HOME", given.dir.path()), ("XDG_DATA_HOME", Path::new("/data"))];
    let env = env.map(|(name, value)| (OsString::from(name), value.as_os_str().to_owned()));
    given.sources.place = Place::of(&env.into(), Path::new("/nowhere/at/all"));
    let settings = given.settings();
    assert_eq!((settings.server.port, settings.server.shutdown_secs), (2, 7));
    assert_eq!(settings.storage.dir, Path::new("/data/verbatim/data"));
    has(
        &given.load().describe(),
        &[
            "model.dir = \"/data/verbatim/models\"  # from default by XDG_DATA_HOME\n",
            "server.shutdown_secs = 7  # from file ",
            "verbatim/config.toml\n",
        ],
    );
}
