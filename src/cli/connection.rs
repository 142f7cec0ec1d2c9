//! How commands reach a running service.

use std::env;

use clap::Args;

use super::failure::Failure;
use crate::client::{BadKey, Fault, Server, ServerUrl};

/// The variable with the address of the service.
const SERVER: &str = "VERBATIM_SERVER";
/// The variable whose value is sent as a bearer token.
const API_KEY: &str = "VERBATIM_API_KEY";
/// Where a service listens unless its settings say otherwise.
const DEFAULT: &str = "127.0.0.1:8080";

/// The options that every command for a running service has.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerArgs {
    /// Address of the service [default: VERBATIM_SERVER of the environment, else 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", global = true)]
    server: Option<ServerUrl>,
    /// Print JSON, as the service answers
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A client in an actix system of its own.
pub(super) struct Connection {
    system: actix_rt::SystemRunner,
    pub(super) server: Server,
}

impl Connection {
    pub(super) fn new(args: &ServerArgs) -> Result<Self, Failure> {
        let url = match &args.server {
            Some(url) => Some(url.clone()),
            None => server_of_environment()?,
        };
        let default =
            || DEFAULT.parse().map_err(|problem| Failure::BadServer { text: DEFAULT.into(), problem });
        Self::to(url.map_or_else(default, Ok)?)
    }

    pub(super) fn to(url: ServerUrl) -> Result<Self, Failure> {
        let system = actix_rt::System::new();
        let key = env::var(API_KEY).ok().filter(|key| !key.is_empty());
        // The client belongs to the system that it is made in.
        let server = system.block_on(async { Server::new(url, key.as_deref()) });
        let server = server.map_err(|BadKey| Failure::BadKey)?;
        Ok(Self { system, server })
    }

    /// # Blocking
    /// Until the future is done.
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        self.system.block_on(future)
    }
}

/// The service that VERBATIM_SERVER names.
pub(super) fn server_of_environment() -> Result<Option<ServerUrl>, Failure> {
    let text = env::var(SERVER).ok().filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|problem| Failure::BadServer { text: text.clone(), problem }))
        .transpose()
}

/// What to change where the service does not do what was asked.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let hint = match &fault {
            Fault::Unreachable { .. } => {
                "; start the service with `verbatim serve`, or name another one with --server or VERBATIM_SERVER"
            }
            Fault::Refused { status: 401, .. } => "; set VERBATIM_API_KEY to a key of the service",
            Fault::Refused { status: 403, .. } => {
                "; set VERBATIM_API_KEY to a key of the service that may do this"
            }
            Fault::Refused { .. } | Fault::Broken { .. } | Fault::Odd { .. } => "",
        };
        Self::Server(format!("{fault}{hint}"))
    }
}
