//! Pieces of the page: text, parameters, bodies.

use std::fmt::Write;

use serde_json::Value;

use super::escape::escaped;
use super::types::{fields, type_of};
use crate::http::openapi::values::text;

/// What is said of it, as paragraphs.
pub(super) fn prose(described: &Value) -> String {
    let paragraphs = text(&described["description"]).split("\n\n").filter(|part| !part.trim().is_empty());
    paragraphs.map(|part| format!("<p>{}</p>\n", escaped(part))).collect()
}

/// A table of an operation's parameters.
pub(super) fn parameters(parameters: &Value) -> String {
    let mut rows = String::new();
    for parameter in parameters.as_array().into_iter().flatten() {
        let required = if parameter["required"] == true { ", required" } else { "" };
        // A String takes everything.
        let _ = writeln!(
            rows,
            "<tr><td><code>{}</code></td><td>{}{required}</td><td>{}</td><td>{}</td></tr>",
            escaped(text(&parameter["name"])),
            escaped(text(&parameter["in"])),
            type_of(&parameter["schema"]),
            escaped(text(&parameter["description"])),
        );
    }
    match rows.is_empty() {
        true => rows,
        false => format!("<h4>Parameters</h4>\n<table>\n{rows}</table>\n"),
    }
}

/// Bodies by media type, each with its fields and its example.
pub(super) fn content(content: &Value) -> String {
    let mut html = String::new();
    for (media_type, body) in content.as_object().into_iter().flatten() {
        let of_type = type_of(&body["schema"]);
        // A String takes everything.
        let _ = writeln!(html, "<p><code>{}</code>: {of_type}</p>", escaped(media_type));
        if body["schema"].get("$ref").is_none() {
            html.push_str(&fields(&body["schema"]));
        }
        if let Some(example) = body.get("example") {
            let _ = writeln!(
                html,
                "<details><summary>Example</summary>\n<pre>{}</pre>\n</details>",
                escaped(&shown(example))
            );
        }
    }
    html
}

/// As it goes over the wire, with line breaks for people.
fn shown(example: &Value) -> String {
    match example {
        Value::String(text) => text.trim_end().to_owned(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}
