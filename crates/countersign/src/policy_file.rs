//! A policy file on its way to the server: what it names by file, relative to itself, is put in place.
//!
//! `ca_file` of a `[[device]]` becomes `ca`, `password_file` of an `[[account]]` becomes `password` (its first line).
//! What the rest of the file means is for the server to say.
//!
//! The first line may say from which version the file was written, as `policy` writes it: then nothing that others changed
//! since is taken back unseen.

use crate::failure::Failure;
use crate::place;
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;
use toml::{Table, Value};

/// What the first line begins with when it names a version.
const FROM: &str = "# from version ";

/// A policy file as it will be sent.
pub(crate) struct PolicyFile {
    /// It may hold passwords.
    pub(crate) text: SecretString,
    /// The version it was written from; none when it does not say, and then whatever is in force is replaced.
    pub(crate) base: Option<String>,
}

/// A file of what is in force, which says from which version it is.
pub(crate) fn written(base: &str, file: &str) -> String {
    format!("{FROM}{base}\n{file}")
}

/// Reads the file as it will be sent.
pub(crate) fn read(path: &Path) -> Result<PolicyFile, Failure> {
    let wrong = |what: String| Failure::Usage(format!("`{}`: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    let base = text.lines().next().and_then(|first| first.strip_prefix(FROM)).map(|base| base.trim().to_owned());
    let folder = path.parent().unwrap_or(Path::new(""));
    let certificates = put(&mut table, "device", "ca_file", "ca", |file| {
        let file = folder.join(file);
        std::fs::read_to_string(&file).map_err(|e| wrong(format!("`{}` cannot be read: {e}", file.display())))
    })?;
    let passwords = put(&mut table, "account", "password_file", "password", |file| {
        Ok(place::first_line(&folder.join(file))?.expose_secret().to_owned())
    })?;
    if certificates + passwords == 0 {
        // As it was written, so that the server's words name the right lines.
        return Ok(PolicyFile { text: text.into(), base });
    }
    let text = toml::to_string(&table).map_err(|e| wrong(e.to_string()))?;
    Ok(PolicyFile { text: text.into(), base })
}

/// Replaces `from` by `to` in every entry of a list; returns how often.
fn put(
    table: &mut Table,
    list: &str,
    from: &str,
    to: &str,
    read: impl Fn(&str) -> Result<String, Failure>,
) -> Result<usize, Failure> {
    let entries = table.get_mut(list).and_then(Value::as_array_mut);
    let mut replaced = 0;
    for entry in entries.into_iter().flatten().filter_map(Value::as_table_mut) {
        let Some(file) = entry.remove(from) else { continue };
        let named = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        let (name, wrong) = (named("name"), |what| Failure::Usage(format!("{list} `{}`: {what}", named("name"))));
        if entry.contains_key(to) {
            return Err(wrong(format!("give `{to}` or `{from}`, not both")));
        }
        let file = file.as_str().ok_or_else(|| wrong(format!("`{from}` is not a path in quotes")))?;
        let text = read(file).map_err(|e| Failure::Usage(format!("{list} `{name}`: {e}")))?;
        entry.insert(to.to_owned(), Value::String(text));
        replaced += 1;
    }
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], policy: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, policy).expect("written");
        let sent = read(&path).map_err(|e| e.to_string())?;
        Ok(sent.text.expose_secret().to_owned())
    }

    #[test]
    fn files_are_put_in_place_and_the_rest_is_kept() {
        let policy = "# mine\n[[device]]\nname = \"a\"\nca_file = \"ca.pem\"\n\n[[account]]\nname = \"x\"\ndevice = \"a\"\n\
                      password_file = \"pw\"\n\n[[rule]]\nname = \"r\"\nkinds = [\"update\"]\n";
        let sent = check(&[("ca.pem", "-----BEGIN\nx\n"), ("pw", "hunter2\nmore\n")], policy).expect("read");
        let table: Table = sent.parse().expect("TOML");
        assert_eq!(table["device"][0]["ca"].as_str(), Some("-----BEGIN\nx\n"));
        assert_eq!(table["account"][0]["password"].as_str(), Some("hunter2"));
        assert_eq!(table["rule"][0]["kinds"][0].as_str(), Some("update"));
        assert!(!sent.contains("_file"));
        let plain = "# as it is\n[[person]]\nhandle = \"a\"\n";
        assert_eq!(check(&[], plain).as_deref(), Ok(plain));
    }

    #[test]
    fn the_first_line_says_from_which_version_a_file_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = |text: &str| {
            let path = folder.path().join("policy.toml");
            std::fs::write(&path, text).expect("written");
            read(&path).map(|file| file.base).map_err(|e| e.to_string())
        };
        assert_eq!(base(&written("3.7", "[[person]]\nhandle = \"a\"\n")), Ok(Some("3.7".into())));
        assert_eq!(base("# from version 3.7\r\n"), Ok(Some("3.7".into())));
        assert_eq!(base("# from version\n"), Ok(None));
        assert_eq!(base("# from version   \n"), Ok(Some(String::new())), "the server says that this is none");
        assert_eq!(base("\n# from version 3.7\n"), Ok(None), "only the first line");
        assert_eq!(base("# mine\n"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let both = "[[account]]\nname = \"x\"\npassword = \"p\"\npassword_file = \"pw\"\n";
        let told = check(&[], both).expect_err("ambiguous");
        assert!(told.contains("account `x`") && told.contains("not both"), "{told}");
        let told = check(&[], "[[device]]\nname = \"d\"\nca_file = \"none.pem\"\n").expect_err("missing");
        assert!(told.contains("device `d`") && told.contains("none.pem"), "{told}");
        let told = check(&[], "[[device]\n").expect_err("not TOML");
        assert!(told.contains("policy.toml"), "{told}");
    }
}
