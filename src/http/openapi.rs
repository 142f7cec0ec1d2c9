//! What the routes take and answer, described for programs: derived from the handlers, their parameters and their views.

mod answers;
mod examples;
mod forms;
mod json_bodies;
mod names;
mod page;
mod values;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType};
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

pub(super) use answers::{ServerSentEvent, Transcripts};
pub(super) use forms::{
    AsrForm, InferenceForm, RemoteForm, SubmissionForm, TranscriptionForm, TranslationForm,
};
pub(super) use names::{
    AsrOutput, ExtentName, JobStatus, LanguageName, PriorityName, RetryAfter, TaskName, TranscriptFormat,
};

use values::{objects, text};

use super::openai;
use super::routes::{
    admin, asr, debug, deliveries, events, health, inference, jobs, metrics, model, models, recording,
    transcripts, webhooks, workers,
};
use crate::error::ErrorBody;

/// Every route: `tests/architecture/documents.rs` holds this list to the routes, `tests/api/openapi.rs` the views to what is answered.
#[derive(OpenApi)]
#[openapi(
    info(title = "Verbatim", description = "Speech to text. docs/USAGE.md says more of each route."),
    paths(
        jobs::list,
        jobs::submit,
        jobs::show,
        jobs::cancel,
        jobs::retry,
        transcripts::show,
        transcripts::edit,
        transcripts::revisions,
        recording::audio,
        recording::peaks,
        events::of_job,
        model::status,
        model::load,
        model::unload,
        events::of_model,
        workers::list,
        admin::drain,
        admin::resume,
        models::list,
        models::pull,
        models::pulls,
        models::cancel,
        webhooks::list,
        webhooks::add,
        webhooks::remove,
        webhooks::change_secret,
        deliveries::list,
        deliveries::redeliver,
        deliveries::redeliver_all,
        deliveries::test,
        openai::transcriptions,
        openai::translations,
        openai::list,
        openai::show,
        asr::transcribe,
        asr::detect_language,
        inference::transcribe,
        debug::state,
        health::health,
        health::live,
        health::ready,
        metrics::metrics,
        document,
        docs,
    ),
    components(schemas(ErrorBody)),
    modifiers(&Keys),
    security(("key" = []), ("keyHeader" = []), ())
)]
struct Description;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Where [auth] mode asks for keys."))
            .build();
        let header = ApiKeyValue::with_description("X-API-Key", "The same key.");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        components.add_security_scheme("keyHeader", SecurityScheme::ApiKey(ApiKey::Header(header)));
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = json!(Description::openapi());
    for path in objects(&mut document["paths"]) {
        objects(path).for_each(complete);
    }
    link(&mut document["paths"], "/jobs", "202");
    link(&mut document["paths"], "/webhooks", "201");
    constrain(&mut document["components"]["schemas"]);
    json_bodies::describe(&mut document);
    examples::add(&mut document["paths"]);
    document
});

/// Parts that mean nothing are passed over, if their headers can be read: text without control characters.
const NAME_OF_A_PART: &str = r#"^[^\u0000-\u001f\u007f"\\]*$"#;

/// The whole document.
pub fn description() -> &'static Value {
    &DOCUMENT
}

/// Adds what holds for every operation, and for all that take a recording.
fn complete(operation: &mut Value) {
    let error = |description: &str, example: Value| {
        let content = json!({ "schema": { "$ref": "#/components/schemas/Error" }, "example": example });
        json!({ "description": description, "content": { "application/json": content } })
    };
    // Handlers of different rooms share their names.
    operation["operationId"] =
        json!(format!("{}_{}", text(&operation["tags"][0]), text(&operation["operationId"])));
    operation["responses"]["default"] =
        error("An error of docs/errors.md, with x-request-id.", examples::refused());
    if let Some(form) = operation.pointer_mut("/requestBody/content/multipart~1form-data") {
        let is_asr = form["schema"]["$ref"] == "#/components/schemas/AsrForm";
        let part = if is_asr { "audio_file" } else { "file" };
        form["encoding"] = json!({ part: { "contentType": RECORDING } });
        operation["responses"]["415"] =
            error("The file is not a recording that can be decoded.", examples::unsupported());
    }
}

/// Adds the rules between the fields of a form, which its type has no place for.
fn constrain(schemas: &mut Value) {
    // Beside a language the list would have to hold it.
    for form in ["SubmissionForm", "RemoteForm"] {
        schemas[form]["not"] = json!({ "required": ["language", "languages"] });
    }
    schemas["TranscriptionForm"]["not"] = json!({ "required": ["language", "languages[]"] });
    // Word times are in verbose_json only.
    for form in ["TranscriptionForm", "TranslationForm"] {
        schemas[form]["if"] = json!({
            "required": ["timestamp_granularities[]"],
            "properties": { "timestamp_granularities[]": { "contains": { "const": "word" } } },
        });
        schemas[form]["then"] = json!({
            "required": ["response_format"],
            "properties": { "response_format": { "const": "verbose_json" } },
        });
    }
    for form in ["TranscriptionForm", "TranslationForm", "InferenceForm", "AsrForm"] {
        schemas[form]["propertyNames"] = json!({ "pattern": NAME_OF_A_PART });
    }
}

/// Says of what a POST to `path` makes that it is what the paths below take.
fn link(paths: &mut Value, path: &str, status: &str) {
    let below = format!("{path}/{{id}}");
    let of = |operations: &Value| {
        let operations = operations.as_object().into_iter().flat_map(Map::values);
        operations.map(|operation| text(&operation["operationId"]).to_owned()).collect::<Vec<_>>()
    };
    let paths_below = paths.as_object().into_iter().flatten().filter(|(other, _)| other.starts_with(&below));
    let links: Map<_, _> = paths_below
        .flat_map(|(_, operations)| of(operations))
        .map(|id| (id.clone(), json!({ "operationId": id, "parameters": { "id": "$response.body#/id" } })))
        .collect();
    paths[path]["post"]["responses"][status]["links"] = links.into();
}

/// What is sent as a recording. It is judged by its content.
const RECORDING: &str = "audio/*, video/*, application/octet-stream";

/// The OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "The document.", body = Object)))]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(DOCUMENT.to_string())
}

/// The page may load its style, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static PAGE: LazyLock<String> = LazyLock::new(|| page::page(description()));

/// This description as a page for people.
#[utoipa::path(
    get, path = "/docs",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
pub(super) async fn docs() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type(ContentType::html())
        .body(PAGE.as_str())
}

/// The style of that page.
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "max-age=3600"))
        .content_type("text/css; charset=utf-8")
        .body(include_str!("openapi/page/style.css"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::intake::submission;
    use crate::http::openai::FIELDS;

    /// The fields of a form as the document has them, without the brackets of lists and without the recording.
    fn fields(form: &str) -> BTreeSet<&'static str> {
        let properties = description()["components"]["schemas"][form]["properties"].as_object().unwrap();
        let names = properties.keys().map(|name| name.trim_end_matches("[]"));
        names.filter(|name| *name != "file").collect()
    }

    #[test]
    fn forms_are_described_as_they_are_read() {
        assert_eq!(fields("SubmissionForm"), submission::OPTIONS.into());
        assert_eq!(fields("TranscriptionForm"), FIELDS.into());
        let of_translations = FIELDS.iter().filter(|name| !forms::OF_TRANSCRIPTIONS.contains(name));
        assert_eq!(fields("TranslationForm"), of_translations.copied().collect());
        assert_eq!(fields("InferenceForm"), inference::FIELDS.into());
        let remote: BTreeSet<_> = submission::OPTIONS.into_iter().chain(["url"]).collect();
        assert_eq!(fields("RemoteForm"), remote);
    }

    #[test]
    fn operations_have_unique_ids() {
        let paths = description()["paths"].as_object().unwrap();
        let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
        let ids: Vec<_> = operations.map(|operation| text(&operation["operationId"])).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }
}
