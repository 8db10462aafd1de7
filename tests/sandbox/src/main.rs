//! The sandbox as a program: starts, prints one JSON line that says where everything is, and ends when stdin closes.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use tokenkeep_sandbox::{Options, Sandbox};

const HELP: &str = "\
A stand-in for www.linkedin.com and api.linkedin.com, on loopback.

Prints one JSON line when it is ready and ends when its standard input closes.

Usage: tokenkeep-sandbox [OPTIONS]

Options:
      --proxy-port <PORT>    Port of the CONNECT proxy [default: any free port]
      --control-port <PORT>  Port of the control interface [default: any free port]
  -h, --help                 Print this help
";

/// What the command line asks for.
enum Command {
    Run(Options),
    Help,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let port = match name.as_str() {
            "-h" | "--help" => return Ok(Command::Help),
            "--proxy-port" => &mut options.proxy_port,
            "--control-port" => &mut options.control_port,
            _ => return Err(format!("unknown option {name}")),
        };
        let value = value
            .or_else(|| arguments.next())
            .ok_or_else(|| format!("{name} needs a port"))?;
        *port = value.parse().map_err(|_| format!("{name}: {value} is not a port"))?;
    }
    Ok(Command::Run(options))
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            return finish(
                io::stdout()
                    .write_all(HELP.as_bytes())
                    .map_err(|error| error.to_string()),
            );
        }
        Err(problem) => return finish(Err(format!("{problem}; see --help"))),
    };
    finish(run(options).await)
}

async fn run(options: Options) -> Result<(), String> {
    let sandbox = Sandbox::start(options).await.map_err(|error| error.to_string())?;
    let ready = serde_json::to_string(sandbox.ready()).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{ready}").map_err(|error| error.to_string())?;
    // A blocking read on its own thread: the parent's end of the pipe closes when the parent dies, however it dies.
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    Ok(())
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Nothing is left to do when even stderr is closed.
            let _ = writeln!(io::stderr(), "tokenkeep-sandbox: {problem}");
            ExitCode::FAILURE
        }
    }
}
