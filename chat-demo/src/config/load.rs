//! Flags over the environment over a file, through the one schema that the flags have.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use thiserror::Error;
use toml::{Table, Value};

use super::Config;

/// The table of the file that the limits are in.
const LIMITS: &str = "limits";

/// What is no setting of the program itself.
const NOT_KEPT: [&str; 4] = ["config", "print_config", "help", "version"];

/// The settings in force, with what they were made from.
#[derive(Debug)]
pub struct Layered {
    /// The settings.
    pub config: Config,
    matches: ArgMatches,
}

/// Why there are no settings. Each says in one line what is wrong and what can be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The flags are wrong, or only help was asked for.
    #[error(transparent)]
    Flags(#[from] clap::Error),
    /// The file cannot be read.
    #[error("cannot read the settings in {}: {cause}; choose another file with --config FILE", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: line {line} is not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A setting is of no use without another one.
    #[error("{setting} is of no use without {needed}: set that too")]
    Alone {
        /// The setting.
        setting: &'static str,
        /// The other one.
        needed: &'static str,
    },
    /// A setting in the file is unknown or has a wrong value.
    #[error("{}: {key}: {message}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Config {
    /// The settings that `arguments` (the first one is the name of the program), the environment and the file give.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn load(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Layered, ConfigError> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let mut command = Self::command();
        let first = command.clone().ignore_errors(true).try_get_matches_from(&arguments);
        if let Some(path) = first.ok().and_then(|matches| matches.get_one::<PathBuf>("config").cloned()) {
            command = with_file(command, &path)?;
        }
        let matches = command.try_get_matches_from(&arguments).map_err(without_secret)?;
        let mut config = Self::from_arg_matches(&matches)?;
        // What comes from the file is a default to the parser, of which it requires nothing else.
        if let Some((setting, needed)) = config.outlets.alone() {
            return Err(ConfigError::Alone { setting, needed });
        }
        // A database that was asked for by a flag outweighs a file that says `memory`.
        let said = |id| matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        config.memory &= said("memory") || !said("database");
        Ok(Layered { config, matches })
    }
}

/// The same refusal, without the secret that it is about.
fn without_secret(mut error: clap::Error) -> clap::Error {
    let is_about = |arg: &Arg| match (error.get(ContextKind::InvalidArg), arg.get_long()) {
        (Some(ContextValue::String(told)), Some(long)) => told.split(' ').next() == Some(&*format!("--{long}")),
        _ => false,
    };
    if Config::command().get_arguments().any(|arg| arg.is_hide_env_values_set() && is_about(arg)) {
        error = without_value(error);
    }
    error
}

fn without_value(mut error: clap::Error) -> clap::Error {
    error.insert(ContextKind::InvalidValue, ContextValue::String("…".into()));
    error
}

impl Layered {
    /// The settings as a file that [`Config::load`] reads, secrets left out.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let command = Config::command();
        let (limits, program): (Vec<&Arg>, Vec<&Arg>) = command
            .get_arguments()
            .filter(|arg| !NOT_KEPT.contains(&arg.get_id().as_str()))
            .partition(|arg| is_limit(arg));
        for arg in program {
            self.write(&mut text, arg);
        }
        text.push_str("[limits]\n");
        for arg in limits {
            self.write(&mut text, arg);
        }
        text
    }

    fn write(&self, text: &mut String, arg: &Arg) {
        for line in arg.get_help().map(ToString::to_string).unwrap_or_default().lines() {
            text.push_str(&format!("# {line}\n"));
        }
        let id = arg.get_id().as_str();
        let values: Vec<Value> = match self.matches.get_raw(id) {
            Some(raw) => raw.map(|value| literal(&value.to_string_lossy())).collect(),
            None => Vec::new(),
        };
        let value = match (&*values, arg.get_action()) {
            _ if id == "memory" => Some(Value::Boolean(self.config.memory)),
            _ if arg.is_hide_env_values_set() => None,
            (_, clap::ArgAction::Append) => Some(Value::Array(values)),
            ([value], _) => Some(value.clone()),
            _ => None,
        };
        match value {
            Some(value) => text.push_str(&format!("{id} = {value}\n\n")),
            None => text.push_str(&format!("# {id} = …\n\n")),
        }
    }
}

/// Makes what the file says the defaults of the flags.
fn with_file(mut command: Command, path: &Path) -> Result<Command, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
        message: error.message().replace('\n', " "),
    })?;
    for (key, value) in flatten(table) {
        let wrong = |message: String| ConfigError::Setting { path: path.to_owned(), key: key.clone(), message };
        let (id, in_limits) = key.strip_prefix("limits.").map_or((&*key, false), |id| (id, true));
        let known = |arg: &&Arg| arg.get_id() == id && is_limit(arg) == in_limits && !NOT_KEPT.contains(&id);
        let Some(arg) = command.get_arguments().find(known).cloned() else {
            let flag = id.replace('_', "-");
            let meant =
                command.get_arguments().find(|arg| arg.get_long() == Some(&*flag) && is_limit(arg) == in_limits);
            return Err(wrong(match meant {
                Some(arg) if !NOT_KEPT.contains(&arg.get_id().as_str()) => {
                    format!("there is no such setting; in a file it is called {}", arg.get_id())
                }
                _ => "there is no such setting; chat-demo --print-config shows all of them".into(),
            }));
        };
        let values = plain(value).map_err(wrong)?;
        check(&arg, &values).map_err(wrong)?;
        command = command.mut_arg(id, |arg| arg.default_values(values));
    }
    Ok(command)
}

fn is_limit(arg: &Arg) -> bool {
    arg.get_help_heading().is_some()
}

fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(limits) if key == LIMITS => {
                settings.extend(limits.into_iter().map(|(key, value)| (format!("{LIMITS}.{key}"), value)));
            }
            value => settings.push((key, value)),
        }
    }
    settings
}

/// The value as it would be written on the command line.
fn plain(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Ok(vec![value.to_string()]),
        Value::Array(values) => values.into_iter().map(plain).collect::<Result<Vec<_>, _>>().map(|all| all.concat()),
        Value::Table(_) | Value::Datetime(_) => Err("give a text, a number, true or false, or a list of texts".into()),
    }
}

/// Whether the flag would take these values.
fn check(arg: &Arg, values: &[String]) -> Result<(), String> {
    let many = matches!(arg.get_action(), clap::ArgAction::Append);
    if values.len() != 1 && !many {
        return Err("it has one value, not a list".into());
    }
    // Alone, as an option with a value: what its parser says of it is all that is asked here.
    let parser = arg.get_value_parser().clone();
    let value = Arg::new("value").long("value").num_args(1).action(clap::ArgAction::Append).value_parser(parser);
    let alone = Command::new("chat-demo").arg(value);
    let line = std::iter::once("chat-demo".to_owned()).chain(values.iter().map(|value| format!("--value={value}")));
    alone.try_get_matches_from(line).map(drop).map_err(|error| {
        let text = if arg.is_hide_env_values_set() { without_value(error) } else { error }.to_string();
        let first = text.lines().next().unwrap_or_default();
        first.trim_start_matches("error: ").replace("'--value <VALUE>'", "it")
    })
}

/// A number or a truth as itself, everything else as text.
fn literal(text: &str) -> Value {
    if let Ok(number) = text.parse() {
        return Value::Integer(number);
    }
    if let Ok(truth) = text.parse() {
        return Value::Boolean(truth);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Float(number),
        _ => Value::String(text.to_owned()),
    }
}
