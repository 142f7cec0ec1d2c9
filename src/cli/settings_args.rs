//! The options that set settings, for every command that has some.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{Overrides, Sources};

/// Where settings come from, beside the defaults and the environment.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SettingsArgs {
    /// Settings file (TOML, or JSON or YAML by its extension)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl SettingsArgs {
    /// Settings from there, under those of other options.
    pub(super) fn sources(&self, overrides: Overrides) -> Sources {
        Sources::of_process(self.config.clone(), overrides)
    }
}

/// Settings of a service that are often changed for one run.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// Folder for jobs, recordings and transcripts
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Folder with the model files
    #[arg(long, value_name = "DIR")]
    models_dir: Option<String>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// TCP port to listen on; 0 picks a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// What the service does where several share a database: all, api, worker or notifier
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    model: ModelArg,
}

impl ServiceArgs {
    pub(super) fn sources(&self) -> Sources {
        let texts = [
            ("--data-dir", "storage.dir", &self.data_dir),
            ("--models-dir", "model.dir", &self.models_dir),
            ("--host", "server.host", &self.host),
            ("--role", "node.role", &self.role),
        ];
        let mut overrides = self.model.set(Overrides::default());
        for (option, key, value) in texts {
            if let Some(value) = value {
                overrides = overrides.text(option, key, value);
            }
        }
        if let Some(port) = self.port {
            overrides = overrides.number("--port", "server.port", port.into());
        }
        self.settings.sources(overrides)
    }
}

/// How a model is run for one command.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct EngineArgs {
    /// CPU threads; 0 = all physical cores
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Library that runs the model: auto, ctranslate2 or whisper_cpp
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

impl EngineArgs {
    pub(super) fn is_given(&self) -> bool {
        self.threads.is_some() || self.backend.is_some()
    }

    pub(super) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides::default();
        if let Some(threads) = self.threads {
            overrides = overrides.number("--threads", "engine.threads", threads);
        }
        if let Some(backend) = &self.backend {
            overrides = overrides.text("--backend", "engine.backend", backend);
        }
        overrides
    }
}

#[derive(Debug, Clone, Default, Args)]
pub(super) struct ModelArg {
    /// Model: a name such as base or, here, the path of a ggml-*.bin file or of a CTranslate2 folder (with a slash)
    #[arg(id = "model", long = "model", value_name = "NAME|PATH")]
    pub(super) name: Option<String>,
}

impl ModelArg {
    pub(super) fn set(&self, overrides: Overrides) -> Overrides {
        match &self.name {
            Some(model) => overrides.model("--model", model),
            None => overrides,
        }
    }
}
