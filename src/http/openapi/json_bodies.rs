//! Forms that may come as a JSON object, with the recording in base64.

use serde_json::{Value, json};

/// Paths, the form that they take, and the part that is the recording.
const TAKEN: [(&str, &str, &str); 5] = [
    ("/v1/audio/transcriptions", "TranscriptionForm", "file"),
    ("/v1/audio/translations", "TranslationForm", "file"),
    ("/inference", "InferenceForm", "file"),
    ("/asr", "AsrForm", "audio_file"),
    ("/detect-language", "AsrForm", "audio_file"),
];

/// Base64, of at least one byte.
const BASE64: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)$";

/// Describes the JSON beside each of the forms. Comes after all that is said of those.
pub(super) fn describe(document: &mut Value) {
    for (path, form, part) in TAKEN {
        let name = form.replace("Form", "Json");
        let mut schema = document["components"]["schemas"][form].clone();
        schema["description"] = json!("The same as a JSON object, of at most 32 MiB.");
        schema["properties"][part] = json!({
            "type": "string",
            "description": "The recording in base64, with or without `data:…;base64,` before it.",
            "contentEncoding": "base64",
            "pattern": BASE64,
        });
        schema["properties"]["filename"] =
            json!({ "type": "string", "description": "What the recording is called." });
        if let Some(schema) = schema.as_object_mut() {
            // Of the names of parts.
            schema.remove("propertyNames");
        }
        document["components"]["schemas"][&name] = schema;
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"] =
            json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    }
}
