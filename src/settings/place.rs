//! Where the program runs, which decides the default places of settings, data and models.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use config::Value;

use super::layer::{Layer, Table, insert};

/// Of the machine: the Debian package puts it there.
const SYSTEM_FILE: &str = "/etc/verbatim/config.toml";
const FOLDER: &str = "verbatim";
const FILE: &str = "config.toml";

type Env = BTreeMap<OsString, OsString>;

/// Folders and files that are used unless a setting or an option names others.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The machine's settings file. It may hold keys that not every user may read: one that cannot be read is skipped.
    pub(super) system_file: Option<PathBuf>,
    /// The user's settings file, or the service manager's; need not exist.
    pub(super) settings_file: Option<PathBuf>,
    /// The folder of the profiles' files.
    pub(super) profile_dir: PathBuf,
    /// Holds data and models; `None`: they are in the working folder.
    home: Option<Home>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Home {
    dir: PathBuf,
    /// The variable that says so.
    variable: &'static str,
}

impl Place {
    /// Everything in the working folder, profiles in `profile_dir`.
    pub fn working_folder(profile_dir: impl Into<PathBuf>) -> Self {
        Self { profile_dir: profile_dir.into(), ..Self::default() }
    }

    /// By the environment and the working folder.
    ///
    /// In a checkout of the project everything is in the working folder. Elsewhere data and models are in the folder that
    /// systemd gives a service (`STATE_DIRECTORY`) or the user's folder for data (XDG), and the settings file is in the one for
    /// settings (`CONFIGURATION_DIRECTORY`, or XDG). Without any of these variables it is the working folder again.
    ///
    /// # Blocking
    /// Looks at two small files of `folder`.
    pub fn of(env: &Env, folder: &Path) -> Self {
        let state = absolute(env, "STATE_DIRECTORY");
        let configuration = absolute(env, "CONFIGURATION_DIRECTORY");
        if state.is_none() && configuration.is_none() && is_checkout(folder) {
            return Self::working_folder("config");
        }
        let home = state.map(|dir| Home { dir, variable: "STATE_DIRECTORY" }).or_else(|| user_data(env));
        let own_config = absolute(env, "XDG_CONFIG_HOME")
            .or_else(|| absolute(env, "HOME").map(|home| home.join(".config")))
            .map(|dir| dir.join(FOLDER));
        let (system_file, config_dir) = match configuration {
            Some(dir) => (None, Some(dir)),
            None => (Some(PathBuf::from(SYSTEM_FILE)), own_config),
        };
        let settings_file = config_dir.as_ref().map(|dir| dir.join(FILE));
        let profile_dir = config_dir.unwrap_or_else(|| PathBuf::from("config"));
        Self { system_file, settings_file, profile_dir, home }
    }

    /// What differs from the compiled-in defaults.
    pub(super) fn layer(&self) -> Layer {
        let mut layer = Table::new();
        if let Some(Home { dir, variable }) = &self.home {
            let origin = format!("default by {variable}");
            let value = |name: &str| Value::new(Some(&origin), dir.join(name).to_string_lossy().into_owned());
            insert(&mut layer, "storage", "dir", value("data"));
            insert(&mut layer, "model", "dir", value("models"));
        }
        Layer(layer)
    }
}

fn user_data(env: &Env) -> Option<Home> {
    let named = |variable| absolute(env, variable).map(|dir| (dir, variable));
    let (dir, variable) = named("XDG_DATA_HOME")
        .or_else(|| named("HOME").map(|(dir, name)| (dir.join(".local/share"), name)))?;
    Some(Home { dir: dir.join(FOLDER), variable })
}

/// The folder that a variable names, of several separated by colons the first. Relative ones are ignored, as the XDG base
/// directory specification asks for.
fn absolute(env: &Env, variable: &str) -> Option<PathBuf> {
    let value = env.get(OsStr::new(variable))?;
    let first = std::env::split_paths(value).next()?;
    first.is_absolute().then_some(first)
}

/// Whether a folder holds the source of this program.
fn is_checkout(folder: &Path) -> bool {
    let is_ours = |manifest: String| manifest.lines().any(|line| line.trim() == "name = \"verbatim\"");
    folder.join("config/default.toml").is_file()
        && fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(env: &[(&str, &str)], folder: &Path) -> Place {
        Place::of(&env.iter().map(|(name, value)| (name.into(), value.into())).collect(), folder)
    }

    fn elsewhere(env: &[(&str, &str)]) -> Place {
        place(env, Path::new("/nowhere/at/all"))
    }

    fn home(place: &Place) -> Option<&Path> {
        place.home.as_ref().map(|home| home.dir.as_path())
    }

    #[test]
    fn in_a_checkout_everything_is_in_the_working_folder() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let place = place(&[("HOME", "/home/ada")], checkout);
        assert_eq!((home(&place), &place.settings_file, &place.system_file), (None, &None, &None));
        assert_eq!(place.profile_dir, Path::new("config"));
    }

    #[test]
    fn elsewhere_the_users_folders_hold_data_and_settings() {
        let place = elsewhere(&[("HOME", "/home/ada")]);
        assert_eq!(home(&place), Some(Path::new("/home/ada/.local/share/verbatim")));
        assert_eq!(place.settings_file, Some("/home/ada/.config/verbatim/config.toml".into()));
        assert_eq!(place.profile_dir, Path::new("/home/ada/.config/verbatim"));
        let place =
            elsewhere(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "relative")]);
        assert_eq!(home(&place), Some(Path::new("/d/verbatim")));
        assert_eq!(place.settings_file, Some("/home/ada/.config/verbatim/config.toml".into()));
    }

    #[test]
    fn under_systemd_its_folders_come_first() {
        let env =
            [("STATE_DIRECTORY", "/var/lib/v:/x"), ("CONFIGURATION_DIRECTORY", "/etc/v"), ("HOME", "/h")];
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        for place in [place(&env, checkout), elsewhere(&env)] {
            assert_eq!(home(&place), Some(Path::new("/var/lib/v")));
            assert_eq!((place.settings_file, place.system_file), (Some("/etc/v/config.toml".into()), None));
        }
    }

    #[test]
    fn without_a_home_it_is_the_working_folder() {
        let place = elsewhere(&[]);
        assert_eq!((home(&place), &place.settings_file), (None, &None));
        assert!(place.layer().0.is_empty());
    }
}
