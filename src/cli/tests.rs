//! The arguments, as they are typed.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parsed(arguments: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("verbatim").chain(arguments.split_whitespace()))
}

fn refused(arguments: &str) -> String {
    let error = parsed(arguments).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{arguments}");
    error.to_string()
}

#[test]
fn the_arguments_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn the_service_is_what_happens_without_a_command() {
    let cli = parsed("").unwrap();
    assert!(cli.command.is_none() && cli.serve.service.settings.config.is_none());
    let cli = parsed("--config a.toml").unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.serve.service.settings.config, Some("a.toml".into()));
    let cli = parsed("serve --config a.toml").unwrap();
    assert!(matches!(cli.command, Some(Command::Serve(args)) if args.service.settings.config.is_some()));
}

#[test]
fn a_transcription_takes_files_and_wishes_in_any_order() {
    let arguments =
        "transcribe a.wav --format verbose_json -l de --task translate b.ogg -o out --progress plain";
    let Some(Command::Transcribe(args)) = parsed(arguments).unwrap().command else { panic!("{arguments}") };
    let args = format!("{args:?}");
    for part in ["[\"a.wav\", \"b.ogg\"]", "VerboseJson", "Translate", "Some(de)", "Some(\"out\")", "Plain"] {
        assert!(args.contains(part), "{part} in {args}");
    }
}

#[test]
fn what_cannot_be_meant_is_bad_usage_and_names_what_can() {
    assert!(refused("transcribe").contains("RECORDING"));
    assert!(refused("transcribe a.wav --format docx").contains("verbose_json"));
    assert!(refused("transcribe a.wav --language klingon").contains("\"klingon\""));
    assert!(refused("transcribe a.wav --server ftp://localhost").contains("http://"));
    assert!(refused("transcribe a.wav --server http://h --config c.toml").contains("cannot be used with"));
    assert!(refused("transcribe a.wav --server http://h --threads 2").contains("cannot be used with"));
    assert!(refused("serve --port 70000").contains("70000"));
    assert!(refused("transcribe a.wav --task sing").contains("translate"));
    assert!(refused("models").contains("inspect"));
    assert!(refused("dance").contains("dance"));
}

#[test]
fn help_lists_the_commands_but_not_the_engines_own() {
    let error = parsed("--help").unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::DisplayHelp, 0));
    let help = error.to_string();
    for word in ["serve", "transcribe", "models", "doctor", "config", "Exit codes"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(!help.contains("engine-worker"));
    assert!(matches!(parsed("engine-worker").unwrap().command, Some(Command::EngineWorker)));
}

#[test]
fn the_version_is_the_packages() {
    let error = parsed("--version").unwrap_err();
    assert_eq!(error.to_string().trim(), concat!("verbatim ", env!("CARGO_PKG_VERSION")));
}
