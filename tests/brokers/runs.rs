//! What runs, as the file says that `BATCHMILL_BROKERS` names, and the script that has written it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::run;

/// The servers that run.
pub(crate) struct Runs {
    /// A line `name=host:port[,host:port...]` each.
    text: String,
    /// Where jars and tools are.
    home: PathBuf,
}

impl Runs {
    /// `None` if `BATCHMILL_BROKERS` names no file.
    pub(crate) fn read() -> Option<Self> {
        let file = PathBuf::from(std::env::var_os("BATCHMILL_BROKERS")?);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        Some(Self { text, home: file.ancestors().nth(2).expect("it is in brokers/run").to_owned() })
    }

    /// Names and addresses, in the order of the file.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().filter_map(|line| line.split_once('='))
    }

    /// The addresses behind a name, if there are.
    pub(crate) fn servers(&self, name: &str) -> Option<&str> {
        self.lines().find(|(of, _)| *of == name).map(|(_, servers)| servers)
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The Python that has confluent-kafka and kazoo.
    pub(crate) fn python(&self) -> Command {
        Command::new(python(&self.home))
    }
}

pub(crate) fn python(home: &Path) -> PathBuf {
    home.join("venv/bin/python")
}

/// `.ci/brokers`, to be told what to do.
pub(crate) fn brokers() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/brokers"))
}

/// Runs `.ci/brokers` to its good end, and returns what it printed.
pub(crate) fn script(arguments: &[&str]) -> String {
    run(brokers().args(arguments), &[])
}
