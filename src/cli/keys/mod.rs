//! `verbatim keys`: the API keys of a service, in the file that its settings name.

mod create;
mod list;
mod place;
mod revoke;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::form::Form;
use super::{SettingsArgs, serve};
use crate::auth::Scope;

#[derive(Debug, Args)]
#[command(
    after_help = "Keys are in the file that [auth] keys_file names, as hashes. The service reads it at its start and at SIGHUP.\n\n\
    Examples:\n  \
    verbatim keys create --owner alice\n  \
    verbatim keys create --owner backup --scopes read\n  \
    verbatim keys revoke ee09a16f1588d3b2"
)]
pub(super) struct KeysArgs {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it this once
    Create {
        /// Who it is for; keys of one owner see the same jobs
        #[arg(long, value_name = "NAME", value_parser = owner)]
        owner: String,
        /// What it may do: submit, read, admin
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "submit,read", value_parser = scope)]
        scopes: Vec<Scope>,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// List keys, those of the settings as well
    List(SettingsArgs),
    /// Remove a key from the file
    Revoke {
        /// As `verbatim keys list` shows it
        id: String,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

pub(super) fn run(args: &KeysArgs) -> Result<(), Failure> {
    let load = |args: &SettingsArgs| serve::load_quietly(args).map(|effective| effective.settings);
    let form = Form::from(args.json);
    match &args.command {
        KeysCommand::Create { owner, scopes, settings } => create::run(&load(settings)?, owner, scopes, form),
        KeysCommand::List(settings) => list::run(&load(settings)?, form),
        KeysCommand::Revoke { id, settings } => revoke::run(&load(settings)?, id, form),
    }
}

fn owner(name: &str) -> Result<String, &'static str> {
    let is_plain =
        !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#');
    if is_plain { Ok(name.to_owned()) } else { Err("a name has no spaces and no #") }
}

fn scope(name: &str) -> Result<Scope, &'static str> {
    let known = Scope::ALL.into_iter().find(|(_, known)| *known == name);
    known.map(|(scope, _)| scope).ok_or("scopes are submit, read and admin")
}
