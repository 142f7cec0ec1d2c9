//! The settings: `config/default.toml`, files and the environment, layer over layer.
//!
//! [`load`] either gives settings that are right in every key or says everything that is wrong, each
//! with the key's full path and the layer that it came from. A bad value is an error even where a
//! stronger layer replaces it.

mod bounds;
mod check;
mod device;
mod devices;
mod effective;
mod error;
mod layer;
mod layers;
pub mod manual;
mod meaning;
mod model_entry;
mod models;
mod overrides;
mod place;
mod schema;
mod sqlite_url;
#[cfg(test)]
mod tests;
mod values;

use config::{Config, Value};
use serde_path_to_error::Segment;

pub use device::Device;
pub use effective::Effective;
pub use error::{Problem, SettingsError};
pub use layers::Sources;
pub use overrides::Overrides;
pub use place::Place;
pub use schema::*;
pub use sqlite_url::{FORM as SQLITE_URL, sqlite_folder};

use layer::Layer;
use layers::NearMiss;

/// Reads all layers, checks each and merges them.
///
/// # Errors
/// Everything that is wrong, at once.
///
/// # Blocking
/// Reads up to four small files.
pub fn load(sources: &Sources) -> Result<Effective, SettingsError> {
    let defaults = layers::defaults().map_err(|problem| SettingsError(vec![problem]))?;
    let (refused, near_misses): (Vec<_>, Vec<_>) =
        layers::near_misses(sources, &defaults.0).into_iter().partition(|near_miss| near_miss.is_ours);
    let misspelt = |NearMiss { name, meant, .. }| Problem::Misspelt { name, meant };
    let mut problems: Vec<Problem> = refused.into_iter().map(misspelt).collect();
    let mut stack = vec![defaults.clone()];
    for mut layer in layers::above(sources, &defaults.0, &mut problems) {
        check::admit(&defaults.0, &mut layer.0, &mut problems);
        admit_typed(&defaults, &mut layer, &mut problems);
        sqlite_url::settle(&mut layer.0, &mut problems);
        stack.push(layer);
    }
    // A key that was refused has its default by now, which would only bring up further problems.
    if !problems.is_empty() {
        return Err(SettingsError(problems));
    }
    let merged = merge(&stack).map_err(|problem| SettingsError(vec![problem]))?;
    let settings = typed(merged.clone()).map_err(|fault| SettingsError(vec![fault.into_problem(&merged)]))?;
    meaning::validate(&settings, &merged)?;
    let near_misses = near_misses.into_iter().map(|near_miss| (near_miss.name, near_miss.meant)).collect();
    Ok(Effective::new(settings, &merged, near_misses))
}

/// Takes out of `layer` what the types refuse over the defaults, such as a word that is not a variant.
fn admit_typed(defaults: &Layer, layer: &mut Layer, problems: &mut Vec<Problem>) {
    // Every turn removes a key, so this ends.
    while let Err(problem) = try_over(defaults, layer) {
        let removed = remove(layer, &problem);
        problems.push(problem);
        if !removed {
            return;
        }
    }
}

fn try_over(defaults: &Layer, layer: &Layer) -> Result<(), Problem> {
    let merged = merge(&[defaults.clone(), layer.clone()])?;
    typed(merged.clone()).map(drop).map_err(|fault| fault.into_problem(&merged))
}

fn remove(layer: &mut Layer, problem: &Problem) -> bool {
    let Problem::Refused { key, .. } = problem else { return false };
    let Some((section, key)) = key.split_once('.') else { return false };
    let Some(config::ValueKind::Table(keys)) = layer.0.get_mut(section).map(|section| &mut section.kind)
    else {
        return false;
    };
    keys.shift_remove(key).is_some()
}

/// The merged table. Layers are in memory by now, so this fails only if the library does.
fn merge(stack: &[Layer]) -> Result<layer::Table, Problem> {
    let merged =
        stack.iter().cloned().fold(Config::builder(), |builder, layer| builder.add_source(layer)).build();
    merged.and_then(|config| config.cache.into_table()).map_err(|error| Problem::Refused {
        key: "settings".to_owned(),
        message: error.to_string(),
        origin: "all layers".to_owned(),
    })
}

/// A key that does not fit its type.
struct Fault {
    key: String,
    message: String,
}

impl Fault {
    fn into_problem(self, merged: &layer::Table) -> Problem {
        let (section, key) = self.key.split_once('.').unwrap_or((&self.key, ""));
        let origin = values::lookup(merged, section, key).map_or("default".to_owned(), values::origin);
        Problem::Refused { key: self.key, message: self.message, origin }
    }
}

/// Goes through JSON because the `config` crate's own deserializer converts between types, and because
/// its messages don't list an enum's variants.
fn typed(merged: layer::Table) -> Result<Settings, Fault> {
    let whole = |message: String| Fault { key: "settings".to_owned(), message };
    let json: serde_json::Value =
        Value::new(None, merged).try_deserialize().map_err(|error| whole(error.to_string()))?;
    serde_path_to_error::deserialize(json).map_err(|error| {
        // Section and key; a list's index or a variant's name further down says nothing more.
        let names: Vec<&str> = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Map { key } => Some(key.as_str()),
                Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        Fault { key: names.join("."), message: error.inner().to_string() }
    })
}
