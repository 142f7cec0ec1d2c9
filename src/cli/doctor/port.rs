//! The port: free, taken by a Verbatim, or by something else.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use actix_rt::System;
use actix_rt::time::timeout;
use serde::Deserialize;

use super::finding::Finding;
use crate::client::Server;
use crate::settings::Settings;

const CHECK: &str = "port";
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// What is known of the program that listens there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Listener {
    Verbatim { version: String },
    Other,
}

pub(super) fn check(settings: &Settings) -> Finding {
    let (host, port) = (settings.server.host.as_str(), settings.server.port);
    if port == 0 {
        return Finding::ok(CHECK, format!("a free port of {host} is picked at the start"));
    }
    let bound = TcpListener::bind((host, port)).map(drop);
    let listener = match &bound {
        Err(error) if error.kind() == ErrorKind::AddrInUse => ask(host, port),
        Ok(()) | Err(_) => Listener::Other,
    };
    judge(host, port, &bound, listener)
}

fn judge(host: &str, port: u16, bound: &io::Result<()>, listener: Listener) -> Finding {
    let choose = "choose another by [server] port (--port), or end that program";
    match bound {
        Ok(()) => Finding::ok(CHECK, format!("{host}:{port} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match listener {
            Listener::Verbatim { version } => {
                Finding::ok(CHECK, format!("a Verbatim {version} runs at {host}:{port}"))
            }
            Listener::Other => {
                Finding::error(CHECK, format!("another program listens at {host}:{port}"), choose)
            }
        },
        Err(error) => Finding::error(
            CHECK,
            format!("cannot listen at {host}:{port}: {error}"),
            "set [server] host and port (--host, --port) to an address of this machine; ports below 1024 need rights",
        ),
    }
}

#[derive(Deserialize)]
struct Health {
    version: String,
}

fn ask(host: &str, port: u16) -> Listener {
    let Ok(url) = url(host, port).parse() else { return Listener::Other };
    let answer = System::new().block_on(async {
        let server = Server::new(url, None).ok()?;
        timeout(ANSWER_LIMIT, server.get::<Health>("/health")).await.ok()?.ok()
    });
    answer.map_or(Listener::Other, |health| Listener::Verbatim { version: health.version })
}

/// One that listens on every interface is asked over the loopback one.
fn url(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => format!("http://127.0.0.1:{port}"),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => format!("http://[::1]:{port}"),
        Ok(IpAddr::V6(address)) => format!("http://[{address}]:{port}"),
        Ok(IpAddr::V4(_)) | Err(_) => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_port_that_another_program_has_is_an_error() {
        let level = |bound: io::Result<()>, listener| judge("127.0.0.1", 8080, &bound, listener).level;
        let taken = || Err(ErrorKind::AddrInUse.into());
        assert_eq!(level(Ok(()), Listener::Other), Level::Ok);
        assert_eq!(level(taken(), Listener::Verbatim { version: "1".into() }), Level::Ok);
        assert_eq!(level(taken(), Listener::Other), Level::Error);
        assert_eq!(level(Err(ErrorKind::PermissionDenied.into()), Listener::Other), Level::Error);
    }

    #[test]
    fn a_service_on_every_interface_is_asked_over_the_loopback() {
        assert_eq!(url("0.0.0.0", 80), "http://127.0.0.1:80");
        assert_eq!(url("::", 80), "http://[::1]:80");
        assert_eq!(url("fe80::1", 80), "http://[fe80::1]:80");
        assert_eq!(url("nas.lan", 80), "http://nas.lan:80");
    }
}
