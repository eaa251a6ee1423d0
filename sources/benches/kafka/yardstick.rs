//! Other clients of Kafka that a bench runs beside ours, each as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Took;
use super::broker::{Broker, Failure, target};

/// librdkafka, in the program below `yardsticks/`. It is built when it is first wanted, which takes a C compiler.
#[derive(Debug)]
pub(crate) struct Librdkafka(PathBuf);

impl Librdkafka {
    pub(crate) fn build() -> Result<Self, Failure> {
        Self::build_in("yardsticks", &[])
    }

    /// With TLS, which takes the headers of OpenSSL.
    pub(crate) fn build_with_tls() -> Result<Self, Failure> {
        Self::build_in("yardsticks-tls", &["--features", "tls"])
    }

    fn build_in(folder_of_target: &str, more: &[&str]) -> Result<Self, Failure> {
        let target = target().join(folder_of_target);
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--release", "--manifest-path"]);
        cargo.arg(folder().join("librdkafka/Cargo.toml")).arg("--target-dir").arg(&target).args(more);
        // Those of the bench's own build are not meant for it.
        cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        succeed(&mut cargo)?;
        Ok(Self(target.join("release/yardstick-librdkafka")))
    }

    /// Reads a topic of two partitions from its beginning.
    pub(crate) fn consume(&self, broker: &Broker, topic: &str, records: u64) -> Result<Took, Failure> {
        took(self.command(&["consume", &broker.bootstrap, topic, &records.to_string(), "2"]))
    }

    /// Reads a topic of two partitions from its beginning, at a listener that wants a client certificate.
    pub(crate) fn consume_by_tls(
        &self,
        listener: &str,
        certificates: &Path,
        topic: &str,
        records: u64,
    ) -> Result<Took, Failure> {
        let certificates = certificates.display().to_string();
        took(self.command(&["consume", listener, topic, &records.to_string(), "2", &certificates]))
    }

    /// Writes `x` so many times in each record.
    pub(crate) fn produce(
        &self,
        broker: &Broker,
        topic: &str,
        records: u64,
        bytes: usize,
        batch_bytes: usize,
        linger_ms: u128,
    ) -> Result<Took, Failure> {
        let [records, bytes] = [records.to_string(), bytes.to_string()];
        let [batch_bytes, linger_ms] = [batch_bytes.to_string(), linger_ms.to_string()];
        took(self.command(&[
            "produce",
            &broker.bootstrap,
            topic,
            &records,
            "2",
            &bytes,
            &batch_bytes,
            &linger_ms,
        ]))
    }

    /// A command that writes the lines of its standard input to a topic of two partitions.
    pub(crate) fn fill(&self, broker: &Broker, topic: &str, codec: &str) -> Command {
        let mut command = self.command(&["fill", &broker.bootstrap, topic, codec]);
        command.stdin(Stdio::piped());
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments);
        command
    }
}

/// Kafka's own consumer, with ParallelGC, compiled against the jars of the broker. It takes a JDK.
#[derive(Debug)]
pub(crate) struct Java {
    classpath: String,
}

impl Java {
    pub(crate) fn build(broker: &Broker) -> Result<Self, Failure> {
        let classes = target().join("yardsticks/java");
        let jars = broker.jars().join("*").display().to_string();
        let mut javac = Command::new("javac");
        javac.args(["-nowarn", "-cp", &jars, "-d"]).arg(&classes).arg(folder().join("java/Consume.java"));
        succeed(&mut javac)?;
        Ok(Self { classpath: format!("{}:{jars}", classes.display()) })
    }

    /// Reads a topic of two partitions from its beginning; what the second half took.
    pub(crate) fn consume(&self, broker: &Broker, topic: &str, records: u64) -> Result<Took, Failure> {
        let mut java = Command::new("java");
        java.args(["-XX:+UseParallelGC", "-Xmx3g", "-cp", &self.classpath, "Consume"]);
        java.args([&broker.bootstrap, topic, &records.to_string(), "2"]);
        took(java)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/yardsticks")
}

/// Runs it; what it prints are records, seconds and CPU seconds.
fn took(mut command: Command) -> Result<Took, Failure> {
    let printed = succeed(&mut command)?;
    let figures: Vec<f64> = printed.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [records, seconds, cpu_seconds] = figures[..] else {
        return Err(format!("{command:?} printed {printed}").into());
    };
    Ok(Took { records: records as u64, seconds, cpu_seconds })
}

/// Runs it to its end, and gives what it printed.
pub(crate) fn succeed(command: &mut Command) -> Result<String, Failure> {
    let ran = command.stderr(Stdio::piped()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !ran.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&ran.stderr)).into());
    }
    Ok(String::from_utf8(ran.stdout)?)
}
