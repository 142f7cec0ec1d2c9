//! Checks of a layer: known keys, values of the default's type and within bounds.

use config::{Value, ValueKind};

use super::bounds::fault;
use super::devices;
use super::error::Problem;
use super::layer::Table;
use super::models;
use super::values::{found, hint, origin, section_of};

/// Moves what is wrong in `layer` from there to `problems`: what stays has the shape of `defaults`.
pub fn admit(defaults: &Table, layer: &mut Table, problems: &mut Vec<Problem>) {
    layer.retain(|section, value| {
        if section == devices::SECTION {
            let faults = devices::faults(value, defaults);
            let is_right = faults.is_empty();
            problems.extend(faults);
            return is_right;
        }
        let Some(known) = section_of(defaults, section) else {
            problems.push(unknown(section, value, hint(defaults, section)));
            return false;
        };
        let origin = origin(value);
        let ValueKind::Table(keys) = &mut value.kind else {
            let found = found(&value.kind);
            problems.push(Problem::WrongType {
                key: section.clone(),
                expected: "a section with keys",
                found,
                origin,
            });
            return false;
        };
        keys.retain(|key, value| {
            let path = format!("{section}.{key}");
            let problem = match known.get(key) {
                _ if section == models::SECTION => models::fault(key, value),
                Some(default) => fault(&path, &path, &default.kind, value),
                None => Some(unknown(&path, value, hint(defaults, section))),
            };
            problem.map(|problem| problems.push(problem)).is_none()
        });
        true
    });
}

fn unknown(path: &str, value: &Value, hint: String) -> Problem {
    Problem::UnknownKey { key: path.to_owned(), origin: origin(value), hint }
}
