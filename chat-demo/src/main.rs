//! `cargo run --release -p chat-demo` and a browser are all it takes.

use std::io::IsTerminal;
use std::process::ExitCode;

use chat_demo::config::{Config, ConfigError, LogFormat};
use chat_demo::{App, StartError, telemetry};
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

/// What would write whole frames and statements, with what people say in them, into the log, whatever is asked for.
const TELLTALES: [&str; 3] = ["tungstenite=warn", "tokio_tungstenite=warn", "tokio_postgres=warn"];

#[tokio::main]
async fn main() -> ExitCode {
    let layered = match Config::load(std::env::args_os()) {
        Ok(layered) => layered,
        Err(ConfigError::Flags(error)) => error.exit(),
        Err(error) => {
            eprintln!("chat-demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    if layered.config.print_config {
        print!("{}", layered.to_toml());
        return ExitCode::SUCCESS;
    }
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    for quiet in TELLTALES {
        filter = filter.add_directive(quiet.parse().expect("a directive"));
    }
    let coloured = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(coloured).with_env_filter(filter);
    match layered.config.log_format {
        LogFormat::Json => log.json().init(),
        _ => log.init(),
    }
    match start(layered.config).await {
        Ok(app) => {
            println!("{}", app.url());
            app.run().await
        }
        Err(error) => {
            eprintln!("chat-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(config: Config) -> Result<App, StartError> {
    let metrics = PrometheusBuilder::new().install_recorder().expect("nothing was installed before");
    telemetry::describe();
    App::start(config, metrics).await
}
