//! The description as a page for people: plain HTML without scripts, which asks no other host for anything.

mod escape;
mod parts;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::values::text;
use escape::escaped;
use parts::{content, parameters, prose};
use types::fields;

/// All of the page but its style.
pub(super) fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Verbatim: the API</title>\n<link rel=\"stylesheet\" href=\"docs/style.css\">\n</head>\n<body>\n",
    );
    let groups = groups(document);
    index(&mut html, &groups);
    html.push_str("<main>\n<h1>Verbatim: the API</h1>\n");
    let version = escaped(text(&document["info"]["version"]));
    line(
        &mut html,
        format_args!("<p>Version {version}. For programs: <a href=\"openapi.json\">openapi.json</a>.</p>"),
    );
    html.push_str(
        "<p>Where <code>[auth] mode</code> asks for keys, each request carries one: \
         <code>Authorization: Bearer KEY</code> or <code>X-API-Key: KEY</code>.</p>\n",
    );
    for (group, operations) in &groups {
        line(&mut html, format_args!("<h2 id=\"{0}\">{0}</h2>", escaped(group)));
        operations.iter().for_each(|operation| operation.write(&mut html));
    }
    html.push_str("<h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        line(&mut html, format_args!("<section id=\"schema-{0}\">\n<h3>{0}</h3>", escaped(name)));
        html.push_str(&prose(schema));
        html.push_str(&fields(schema));
        html.push_str("</section>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    described: &'a Value,
}

/// Operations by their tags; without one they are about the description itself.
fn groups(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, described) in operations.as_object().into_iter().flatten() {
            let tag = text(&described["tags"][0]);
            let group = if tag.is_empty() { "description" } else { tag };
            let operation = Operation { method: method.to_uppercase(), path, described };
            groups.entry(group).or_default().push(operation);
        }
    }
    groups
}

fn index(html: &mut String, groups: &BTreeMap<&str, Vec<Operation<'_>>>) {
    html.push_str("<nav aria-label=\"Operations\">\n");
    for (group, operations) in groups {
        line(html, format_args!("<p><a href=\"#{0}\">{0}</a></p>\n<ul>", escaped(group)));
        for operation in operations {
            let (id, name) = (operation.id(), operation.name());
            line(html, format_args!("<li><a href=\"#{id}\">{name}</a></li>"));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("<p><a href=\"#schemas\">schemas</a></p>\n</nav>\n");
}

impl Operation<'_> {
    fn id(&self) -> String {
        escaped(text(&self.described["operationId"]))
    }

    fn name(&self) -> String {
        format!("<code><b>{}</b> {}</code>", escaped(&self.method), escaped(self.path))
    }

    fn write(&self, html: &mut String) {
        line(html, format_args!("<section id=\"{}\">\n<h3>{}</h3>", self.id(), self.name()));
        line(html, format_args!("<p>{}</p>", escaped(text(&self.described["summary"]))));
        html.push_str(&prose(self.described));
        html.push_str(&parameters(&self.described["parameters"]));
        if self.described["requestBody"].is_object() {
            html.push_str("<h4>Request</h4>\n");
            html.push_str(&content(&self.described["requestBody"]["content"]));
        }
        for (status, response) in self.described["responses"].as_object().into_iter().flatten() {
            let status = if status == "default" { "Otherwise" } else { status };
            let said = escaped(text(&response["description"]));
            line(html, format_args!("<h4>{}</h4>\n<p>{said}</p>", escaped(status)));
            html.push_str(&content(&response["content"]));
        }
        html.push_str("</section>\n");
    }
}

fn line(html: &mut String, line: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(html, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::description;

    #[test]
    fn the_page_has_every_operation_and_every_schema() {
        let html = page(description());
        for (path, operations) in description()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let name = format!("<code><b>{}</b> {}</code></h3>", method.to_uppercase(), path);
                assert!(html.contains(&name), "{name}");
                assert!(html.contains(&format!("<section id=\"{}\">", text(&operation["operationId"]))));
            }
        }
        for name in description()["components"]["schemas"].as_object().unwrap().keys() {
            assert!(html.contains(&format!("<section id=\"schema-{name}\">")), "{name}");
        }
    }

    #[test]
    fn every_link_of_the_page_leads_somewhere() {
        let html = page(description());
        for link in html.split("href=\"#").skip(1) {
            let id = link.split('"').next().unwrap();
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
        let others = html.split("href=\"").skip(1).filter(|link| !link.starts_with('#'));
        let others: Vec<&str> = others.map(|link| link.split('"').next().unwrap()).collect();
        assert_eq!(others, ["docs/style.css", "openapi.json"], "nothing on other hosts");
    }
}
