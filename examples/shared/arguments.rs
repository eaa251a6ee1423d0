//! [`Arguments`]: the command line, taken apart piece by piece. A program takes its options first, then what has no
//! name, then calls [`Arguments::end`]: what nobody asked for is a mistake. No crate for it: this is all of it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

/// What a program was started with and has not taken yet.
#[derive(Clone, Debug)]
pub struct Arguments {
    left: Vec<OsString>,
}

/// What is wrong with the command line, in one clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl UsageError {
    /// A mistake that only the program itself can see.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl Arguments {
    /// The arguments of this process, without the name of the program.
    pub fn of_process() -> Self {
        Self::new(std::env::args_os().skip(1))
    }

    /// These arguments, as a shell would hand them over.
    pub fn new<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { left: arguments.into_iter().map(Into::into).collect() }
    }

    /// Takes the option `--name VALUE` or `--name=VALUE`.
    ///
    /// # Errors
    /// When the value is missing.
    pub fn option(&mut self, name: &str) -> Result<Option<OsString>, UsageError> {
        let Some(at) = self.left.iter().position(|argument| argument == name) else {
            return Ok(self.option_with_equals(name));
        };
        match self.left.get(at + 1) {
            Some(value) if !looks_like_an_option(value) => {
                self.left.remove(at);
                Ok(Some(self.left.remove(at)))
            }
            _ => Err(UsageError::new(format!("{name} needs a value"))),
        }
    }

    /// Takes the option as [`option`](Self::option) does: a number of this range, called `what` in the error.
    ///
    /// # Errors
    /// When the value is missing, no number, or out of range.
    pub fn number(
        &mut self,
        name: &str,
        what: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, UsageError> {
        let Some(value) = self.option(name)? else { return Ok(None) };
        let number = value.to_str().and_then(|text| text.parse().ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let upper = match *range.end() {
                    usize::MAX => "up".to_owned(),
                    end => format!("to {end}"),
                };
                let start = range.start();
                Err(UsageError::new(format!("{name} needs {what} from {start} {upper}, not {value:?}")))
            }
        }
    }

    /// Takes the next argument without a name.
    ///
    /// # Errors
    /// When an option is left that nobody has asked for.
    pub fn positional(&mut self) -> Result<Option<OsString>, UsageError> {
        self.refuse_options()?;
        Ok(if self.left.is_empty() { None } else { Some(self.left.remove(0)) })
    }

    /// Takes `HOST PORT` or `HOST:PORT` and gives `host:port`; none if no argument without a name is left.
    ///
    /// # Errors
    /// When the port is missing or no port.
    pub fn address(&mut self) -> Result<Option<String>, UsageError> {
        let Some(host) = self.positional()? else { return Ok(None) };
        let host = text_of(&host, "HOST")?;
        if let Some(port) = self.positional()? {
            return Ok(Some(join_address(&host, &text_of(&port, "PORT")?)?));
        }
        match host.rsplit_once(':') {
            Some((name, port)) if host.parse::<Ipv6Addr>().is_err() => Ok(Some(join_address(name, port)?)),
            _ => Err(UsageError::new(format!("there is no PORT after HOST {host:?}"))),
        }
    }

    /// Says that the program has taken all it knows of.
    ///
    /// # Errors
    /// When something is left.
    pub fn end(self) -> Result<(), UsageError> {
        self.refuse_options()?;
        match self.left.first() {
            None => Ok(()),
            Some(extra) => Err(UsageError::new(format!("{extra:?} is one argument too many"))),
        }
    }

    /// Whether the user asks for help.
    pub(crate) fn asks_for_help(&self) -> bool {
        self.left.iter().any(|argument| argument == "--help" || argument == "-h")
    }

    fn option_with_equals(&mut self, name: &str) -> Option<OsString> {
        let prefix = format!("{name}=");
        let is_it = |argument: &OsString| argument.as_encoded_bytes().starts_with(prefix.as_bytes());
        let argument = self.left.remove(self.left.iter().position(is_it)?);
        match argument.into_string() {
            Ok(text) => Some(text[prefix.len()..].into()),
            // Not Unicode, as a path may be. The bytes of an `OsString` cannot be cut in safe code, so it goes on as
            // it is: the program will say that it does not exist.
            Err(argument) => Some(argument),
        }
    }

    fn refuse_options(&self) -> Result<(), UsageError> {
        match self.left.iter().find(|argument| looks_like_an_option(argument)) {
            None => Ok(()),
            Some(option) => Err(UsageError::new(format!("{option:?} is not known here, or given twice"))),
        }
    }
}

fn looks_like_an_option(argument: &OsStr) -> bool {
    argument.len() > 1 && argument.as_encoded_bytes().starts_with(b"-")
}

pub(crate) fn text_of(argument: &OsStr, what: &str) -> Result<String, UsageError> {
    let text =
        argument.to_str().ok_or_else(|| UsageError::new(format!("{what} {argument:?} is not Unicode")))?;
    Ok(text.to_owned())
}

/// `host:port`, an IPv6 address in brackets.
fn join_address(host: &str, port: &str) -> Result<String, UsageError> {
    match port.parse::<u16>() {
        Ok(1..) => {}
        _ => return Err(UsageError::new(format!("PORT must be a number from 1 to 65535, not {port:?}"))),
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{bare}]:{port}"));
    }
    if host.is_empty() || host.contains([':', '[', ']']) {
        return Err(UsageError::new(format!("HOST must be a name or an IP address, not {host:?}")));
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(line: &str) -> Result<Option<String>, String> {
        Arguments::new(line.split_whitespace()).address().map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_one_argument_or_two() {
        for (line, expected) in [
            ("", None),
            ("localhost 9999", Some("localhost:9999")),
            ("localhost:9999", Some("localhost:9999")),
            ("127.0.0.1 1", Some("127.0.0.1:1")),
            ("::1 9999", Some("[::1]:9999")),
            ("[::1]:9999", Some("[::1]:9999")),
        ] {
            assert_eq!(address(line), Ok(expected.map(str::to_owned)), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (line, says) in [
            ("localhost", "there is no PORT after HOST \"localhost\""),
            ("::1", "there is no PORT after HOST \"::1\""),
            ("localhost 0", "PORT must be a number from 1 to 65535, not \"0\""),
            ("localhost:65536", "PORT must be a number from 1 to 65535, not \"65536\""),
            ("localhost http", "PORT must be a number from 1 to 65535, not \"http\""),
            ("localhost:1 2", "HOST must be a name or an IP address, not \"localhost:1\""),
            (":9999", "HOST must be a name or an IP address, not \"\""),
            ("--port 9999", "\"--port\" is not known here, or given twice"),
        ] {
            assert_eq!(address(line), Err(says.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_number_must_be_one_and_in_its_range() {
        let number = |line: &str| {
            let mut arguments = Arguments::new(line.split_whitespace());
            arguments.number("--n", "a number", 1..=9).map_err(|error| error.to_string())
        };
        assert_eq!(number("--n 3"), Ok(Some(3)));
        assert_eq!(number("x --n=9 y"), Ok(Some(9)));
        assert_eq!(number("x"), Ok(None));
        assert_eq!(number("--n"), Err("--n needs a value".to_owned()));
        assert_eq!(number("--n --m"), Err("--n needs a value".to_owned()));
        assert_eq!(number("--n 0"), Err("--n needs a number from 1 to 9, not \"0\"".to_owned()));
        assert_eq!(number("--n=ten"), Err("--n needs a number from 1 to 9, not \"ten\"".to_owned()));
    }

    #[test]
    fn what_nobody_asked_for_is_a_mistake() {
        let end =
            |line: &str| Arguments::new(line.split_whitespace()).end().map_err(|error| error.to_string());
        assert_eq!(end(""), Ok(()));
        assert_eq!(end("extra"), Err("\"extra\" is one argument too many".to_owned()));
        assert_eq!(end("a --b"), Err("\"--b\" is not known here, or given twice".to_owned()));
    }

    #[test]
    fn an_option_that_is_given_twice_is_a_mistake() {
        let mut arguments = Arguments::new(["--n", "1", "--n", "2"]);
        assert_eq!(arguments.option("--n"), Ok(Some("1".into())));
        assert!(arguments.end().is_err());
    }
}
