//! Which paths a node can have, as servers check it. Pure; used by the client before anything is sent, and by the fake.

/// Checks a path. An error says what is wrong with it.
pub(crate) fn check(path: &str) -> Result<(), &'static str> {
    if path == "/" {
        return Ok(());
    }
    let Some(names) = path.strip_prefix('/') else { return Err("does not begin with a slash") };
    for name in names.split('/') {
        match name {
            "" => return Err("has an empty name"),
            "." | ".." => return Err("is relative"),
            _ if name.chars().any(is_forbidden) => return Err("has a character that no name may have"),
            _ => {}
        }
    }
    Ok(())
}

/// Control characters and such as are no characters (the range of `PathUtils.validatePath`).
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{f000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}')
}

/// The path of the node that a node is a child of, and its name there. None for the root.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/')? {
        (_, "") => None,
        ("", name) => Some(("/", name)),
        split => Some(split),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_behind_slashes() {
        for good in ["/", "/a", "/a b/é", "/a/.b", "/..."] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "/a/", "//", "/a//b", "/.", "/a/../b", "/a\0", "/\u{7f}", "/\u{f000}"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_has_a_parent_and_a_name() {
        assert_eq!((split("/a/b"), split("/a"), split("/")), (Some(("/a", "b")), Some(("/", "a")), None));
    }
}
