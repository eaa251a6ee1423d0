//! `sasl.jaas.config`, in which the Java client has user and password: the name of a login module, a flag, and options.

/// Who stands in a login.
#[derive(PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// Reads `...ScramLoginModule required username="u" password="p";` and the like. What is wrong is told without the text, in
/// which there is a password.
pub(super) fn parse(text: &str) -> Result<Login, String> {
    let wrong = |what: &str| Err(format!("sasl.jaas.config {what}"));
    let mut words = Words(text);
    let module = words.next_word()?;
    match module.rsplit('.').next() {
        Some("PlainLoginModule" | "ScramLoginModule") => {}
        _ => return wrong("has another login module than PlainLoginModule or ScramLoginModule"),
    }
    if !["required", "requisite", "sufficient", "optional"].contains(&words.next_word()?.as_str()) {
        return wrong("has no `required` behind its login module");
    }
    let (mut user, mut password) = (None, None);
    while let Some((name, value)) = words.option()? {
        match name.as_str() {
            "username" => user = Some(value),
            "password" => password = Some(value),
            _ => {}
        }
    }
    match (user, password) {
        (Some(user), Some(password)) => Ok(Login { user, password }),
        _ => wrong("lacks username or password"),
    }
}

/// What has not been read.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next_word(&mut self) -> Result<String, String> {
        self.0 = self.0.trim_start();
        let end = self.0.find(|c: char| c.is_whitespace() || c == '=' || c == ';').unwrap_or(self.0.len());
        if end == 0 {
            return Err("sasl.jaas.config ends too early".to_owned());
        }
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        Ok(word.to_owned())
    }

    /// The next `name=value`; `None` at the end, which is a semicolon.
    fn option(&mut self) -> Result<Option<(String, String)>, String> {
        self.0 = self.0.trim_start();
        if let Some(rest) = self.0.strip_prefix(';') {
            return if rest.trim().is_empty() {
                Ok(None)
            } else {
                Err("sasl.jaas.config has more than one login module".to_owned())
            };
        }
        if self.0.is_empty() {
            return Err("sasl.jaas.config has no semicolon at its end".to_owned());
        }
        let name = self.next_word()?;
        let Some(rest) = self.0.trim_start().strip_prefix('=') else {
            return Err("sasl.jaas.config has an option without a value".to_owned());
        };
        self.0 = rest.trim_start();
        let value = match self.0.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.next_word()?,
        };
        Ok(Some((name, value)))
    }

    /// Quoted text. A backslash takes what follows as it is.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut value = String::new();
        let mut chars = self.0.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.0 = &self.0[at + c.len_utf8()..];
                    return Ok(value);
                }
                c => value.push(c),
            }
        }
        Err("sasl.jaas.config has a quotation mark that is not closed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_found_as_java_finds_them() {
        for text in [
            r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="a" password="b c;\"d";"#,
            r#"org.apache.kafka.common.security.plain.PlainLoginModule required
                 password = 'b c;"d' tokenauth=false username=a ; "#,
        ] {
            let login = parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((&*login.user, &*login.password), ("a", "b c;\"d"));
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, says) in [
            ("", "ends too early"),
            ("x.OAuthBearerLoginModule required;", "another login module"),
            ("x.PlainLoginModule username=a password=hunter2;", "no `required`"),
            ("x.PlainLoginModule required username=a;", "lacks"),
            ("x.PlainLoginModule required username=a password=hunter2", "no semicolon"),
            ("x.PlainLoginModule required username=a password=\"hunter2;", "not closed"),
            ("x.PlainLoginModule required username=a password hunter2;", "without a value"),
            ("x.PlainLoginModule required username=a password=hunter2; y.Z required;", "more than one"),
        ] {
            let error = parse(text).err().unwrap_or_default();
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
