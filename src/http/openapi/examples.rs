//! Examples of what is sent and answered, for every operation: recorded from the service, then shortened.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// By operation, as `POST /jobs`: values of parameters, bodies by media type, and responses by status and media type.
static EXAMPLES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// Puts the examples into the paths of the description.
pub(super) fn add(paths: &mut Value) {
    for (operation, examples) in EXAMPLES.as_object().into_iter().flatten() {
        let Some((method, path)) = operation.split_once(' ') else { continue };
        let described = paths.get_mut(path).and_then(|path| path.get_mut(method.to_lowercase()));
        if let Some(described) = described {
            add_to(described, examples);
        }
    }
}

fn add_to(operation: &mut Value, examples: &Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        if let Some(example) = examples["parameters"].get(name) {
            parameter["example"] = example.clone();
        }
    }
    add_by_media_type(operation.pointer_mut("/requestBody/content"), &examples["request"]);
    for (status, by_type) in examples["responses"].as_object().into_iter().flatten() {
        add_by_media_type(operation.pointer_mut(&format!("/responses/{status}/content")), by_type);
    }
}

fn add_by_media_type(content: Option<&mut Value>, examples: &Value) {
    let Some(content) = content else { return };
    for (media_type, example) in examples.as_object().into_iter().flatten() {
        if let Some(described) = content.get_mut(media_type) {
            described["example"] = example.clone();
        }
    }
}

/// Of errors that any operation may answer.
pub(super) fn refused() -> Value {
    json!({ "error": {
        "message": "the API key is missing or wrong: send it as Authorization: Bearer KEY or X-API-Key: KEY",
        "type": "authentication_error",
        "param": null,
        "code": "invalid_api_key",
    } })
}

/// Of operations that take a recording.
pub(super) fn unsupported() -> Value {
    json!({ "error": {
        "message": "the file is not a recording that can be decoded",
        "type": "invalid_request_error",
        "param": "file",
        "code": "unsupported_media",
    } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::description;

    fn validator(schema: &Value) -> jsonschema::Validator {
        let mut whole = description().clone();
        whole["allOf"] = json!([schema]);
        jsonschema::validator_for(&whole).unwrap()
    }

    /// Every body, with the operation, the place in it and the media type.
    fn bodies() -> Vec<(String, &'static Value)> {
        let mut bodies = Vec::new();
        for (path, operations) in description()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let mut take = |place: &str, content: &'static Value| {
                    for (media_type, body) in content.as_object().into_iter().flatten() {
                        bodies.push((format!("{} {path} {place} {media_type}", method.to_uppercase()), body));
                    }
                };
                take("request", &operation["requestBody"]["content"]);
                for (status, response) in operation["responses"].as_object().unwrap() {
                    take(status, &response["content"]);
                }
            }
        }
        bodies
    }

    #[test]
    fn every_body_has_an_example_that_its_schema_allows() {
        let mut problems = Vec::new();
        for (place, body) in bodies() {
            match body.get("example") {
                None => problems.push(format!("{place} has no example in examples.json")),
                Some(example) => problems.extend(
                    validator(&body["schema"])
                        .iter_errors(example)
                        .map(|error| format!("{place}: {error} at {}", error.instance_path)),
                ),
            }
        }
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn every_example_is_of_an_operation_that_there_is() {
        let paths = &description()["paths"];
        let examples = EXAMPLES.as_object().unwrap();
        for (operation, examples) in examples {
            let (method, path) = operation.split_once(' ').unwrap();
            let described = &paths[path][method.to_lowercase()];
            assert!(described.is_object(), "{operation}");
            for (status, by_type) in examples["responses"].as_object().into_iter().flatten() {
                for media_type in by_type.as_object().unwrap().keys() {
                    let content = &described["responses"][status]["content"][media_type];
                    assert!(content.is_object(), "{operation} {status} {media_type}");
                }
            }
        }
    }
}
