//! `verbatim model watch`.

use std::ops::ControlFlow;

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::words::{size, time};
use crate::cli::{stderr, stdout};
use crate::client::{News, Server, follow_model};

pub(super) async fn run(server: &Server, form: Form) -> Result<(), Failure> {
    let mut printed = Ok(());
    let mut on_news = |news: News<'_>| {
        match news {
            News::Event { data, .. } if form.is_json() => printed = stdout::print(&format!("{data}\n")),
            News::Event { name, data } => printed = stdout::print(&format!("{}\n", words(name, data))),
            News::Lost => stderr::print_line("connection lost, trying again"),
            News::Length { .. } => {}
        }
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let followed = follow_model(server, &mut on_news).await;
    printed?;
    Ok(followed?)
}

/// "base model_ready in 2.3 s"
fn words(name: &str, data: &str) -> String {
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    let model = event["model"].as_str().or(event["model"]["id"].as_str()).unwrap_or("model");
    let details = [
        event["state"].as_str().map(str::to_owned),
        event["load_secs"].as_f64().map(|secs| format!("in {secs:.1} s")),
        event["reason"].as_str().map(|reason| format!("({reason})")),
        event["needed_bytes"].as_u64().map(|bytes| format!("needs {}", size(bytes))),
        event["free_bytes"].as_u64().map(|bytes| format!("{} free", size(bytes))),
        event["next_retry_at"].as_str().map(|at| format!("next try {}", time(at))),
        event["error"]["message"].as_str().map(str::to_owned),
    ];
    let details = details.into_iter().flatten().map(|detail| format!(" {detail}"));
    format!("{model} {name}{}", details.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_what_it_says() {
        let ready = words("model_ready", r#"{"type":"model_ready","model":"base","load_secs":2.345}"#);
        assert_eq!(ready, "base model_ready in 2.3 s");
        let status = words("model_status", r#"{"state":"ready","model":{"id":"base"},"error":null}"#);
        assert_eq!(status, "base model_status ready");
    }
}
