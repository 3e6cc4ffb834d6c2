//! `cargo run --release -p chat-demo` and a browser are all it takes.

use std::process::ExitCode;

use chat_demo::config::{Config, Limits};
use chat_demo::{App, StartError, telemetry};
use clap::Parser;
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .init();
    match start(config).await {
        Ok(app) => {
            println!("{}", app.url());
            supervisor::run(app.into_tree()).await
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
    App::start(config, Limits::default(), metrics).await
}
