//! What a schema allows, in words.

use std::fmt::Write;

use serde_json::Value;

use super::escape::escaped;
use crate::http::openapi::values::text;

/// Words of an enumeration that are shown.
const SHOWN: usize = 12;

/// The type of a value, with links to named schemas.
pub(super) fn type_of(schema: &Value) -> String {
    if let Some(name) = text(&schema["$ref"]).strip_prefix("#/components/schemas/") {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(words) = schema["enum"].as_array() {
        return enumeration(words);
    }
    for (keyword, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(all) = schema[keyword].as_array() {
            return all.iter().map(type_of).collect::<Vec<_>>().join(between);
        }
    }
    let names: Vec<String> = match &schema["type"] {
        Value::Array(several) => several.iter().map(|one| named(text(one), schema)).collect(),
        Value::String(one) => vec![named(one, schema)],
        _ if schema["const"].is_string() => vec![format!("<code>{}</code>", escaped(text(&schema["const"])))],
        _ => vec!["any".to_owned()],
    };
    names.join(" or ")
}

fn named(name: &str, schema: &Value) -> String {
    let range = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" of at least {least}"),
        (None, Some(most)) => format!(" of at most {most}"),
        (None, None) => String::new(),
    };
    match (name, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", type_of(&schema["items"])),
        ("integer" | "number", _) => format!("{}{range}", escaped(name)),
        ("string", Some(format)) => format!("string ({})", escaped(format)),
        _ => escaped(name),
    }
}

fn enumeration(words: &[Value]) -> String {
    let code = |word: &Value| match word {
        Value::String(text) if text.is_empty() => "nothing".to_owned(),
        Value::String(text) => format!("<code>{}</code>", escaped(text)),
        other => format!("<code>{}</code>", escaped(&other.to_string())),
    };
    let mut shown: Vec<String> = words.iter().take(SHOWN).map(code).collect();
    if let more @ 1.. = words.len().saturating_sub(SHOWN) {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// A table of an object's fields; the type of anything else.
pub(super) fn fields(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        return format!("<p>{}</p>\n", type_of(schema));
    };
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    let mut rows = String::new();
    for (name, property) in properties {
        let must = if required.contains(&name.as_str()) { "required" } else { "" };
        // A String takes everything.
        let _ = writeln!(
            rows,
            "<tr><td><code>{}</code></td><td>{must}</td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            type_of(property),
            escaped(text(&property["description"])),
        );
    }
    format!("<table>\n{rows}</table>\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_told_in_words() {
        for (schema, expected) in [
            (json!({ "type": "integer", "minimum": 1, "maximum": 500 }), "integer from 1 to 500"),
            (json!({ "type": ["string", "null"], "format": "uuid" }), "string (uuid) or null"),
            (json!({ "type": "array", "items": { "type": "number" } }), "list of number"),
            (json!({ "enum": ["a", ""] }), "<code>a</code>, nothing"),
            (json!({ "$ref": "#/components/schemas/Job" }), "<a href=\"#schema-Job\">Job</a>"),
            (json!({ "oneOf": [{ "type": "null" }, { "type": "boolean" }] }), "null or boolean"),
            (json!({}), "any"),
        ] {
            assert_eq!(type_of(&schema), expected, "{schema}");
        }
        let many: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert!(type_of(&json!({ "enum": many })).ends_with(", 8 more"));
    }
}
