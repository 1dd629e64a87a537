//! Files and folders that others must not read, and where one lies in relation to another.

use crate::failure::Failure;
use secrecy::SecretString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Longest file read as one secret, in bytes.
const SECRET_BYTES_MAX: u64 = 4_096;

/// Refuses a folder that anybody but its owner may enter, read or write.
pub(crate) fn private_folder(path: &Path) -> Result<(), Failure> {
    let found = fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if !found.is_dir() {
        return Err(Failure::Refused(format!("`{}` is not a folder; name the data folder", path.display())));
    }
    refuse_bits(path, found.permissions().mode(), 0o077, "700")
}

/// Refuses a file that others may read, or its group write. The group may read: systemd hands credentials over so.
pub(crate) fn private_file(path: &Path) -> Result<(), Failure> {
    let found = fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    refuse_bits(path, found.permissions().mode(), 0o037, "600")
}

fn refuse_bits(path: &Path, mode: u32, refused: u32, right: &str) -> Result<(), Failure> {
    if mode & refused == 0 {
        return Ok(());
    }
    let (path, mode) = (path.display(), mode & 0o777);
    Err(Failure::Refused(format!("`{path}` is open to others (mode {mode:o}); run `chmod {right} {path}`")))
}

/// The first line of a private file.
pub(crate) fn secret_line(path: &Path) -> Result<SecretString, Failure> {
    private_file(path)?;
    first_line(path)
}

/// The first line of a file.
pub(crate) fn first_line(path: &Path) -> Result<SecretString, Failure> {
    let long = fs::metadata(path).map_err(|e| unreadable(path, &e))?.len() > SECRET_BYTES_MAX;
    if long {
        return Err(Failure::Usage(format!(
            "`{}` has more than {SECRET_BYTES_MAX} bytes; it should have one line",
            path.display()
        )));
    }
    let text = SecretString::from(fs::read_to_string(path).map_err(|e| unreadable(path, &e))?);
    use secrecy::ExposeSecret;
    let line = text.expose_secret().lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::Usage(format!(
            "the first line of `{}` is empty; it should be the secret",
            path.display()
        )));
    }
    Ok(line.into())
}

/// Writes a file nobody else may read, in one step: whoever looks sees the old file or the new one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let beside = beside(path, ".new");
    let _ = fs::remove_file(&beside);
    let written = new_private(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|e| Failure::Trouble(format!("`{}` cannot be written: {e}", path.display())))
}

/// A new file nobody else may read.
pub(crate) fn new_private(path: &Path) -> std::io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder nobody else may enter, and the ones above it, unless they are there.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| Failure::Trouble(format!("`{}` cannot be made: {e}", path.display())))
}

/// The path with something added to its last name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// A path without `.`, `..` and links, as far as it exists; the rest as it is written.
pub(crate) fn real(path: &Path) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path).map_err(|e| unreadable(path, &e))?;
    let mut rest = Vec::new();
    for above in path.ancestors() {
        if let Ok(real) = above.canonicalize() {
            return Ok(rest.iter().rev().fold(real, |path, name| path.join(name)));
        }
        rest.extend(above.file_name());
    }
    Ok(path)
}

fn unreadable(path: &Path, e: &std::io::Error) -> Failure {
    Failure::Usage(format!("`{}` cannot be read: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_does_not_hide_where_a_file_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("made");
        symlink(&data, folder.path().join("elsewhere")).expect("linked");
        let inside = real(&folder.path().join("elsewhere/./key")).expect("resolved");
        assert!(inside.starts_with(real(&data).expect("resolved")), "{}", inside.display());
        assert!(!real(&folder.path().join("data.key")).expect("resolved").starts_with(&data));
    }

    #[test]
    fn what_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        write_private(&file, b"hunter2\n").expect("written");
        let check = |mode: u32| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
            private_file(&file).is_ok()
        };
        assert_eq!([0o600, 0o400, 0o440, 0o604, 0o660, 0o644].map(check), [true, true, true, false, false, false]);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).expect("changed");
        let told = private_folder(folder.path()).expect_err("open to its group").to_string();
        assert!(told.contains("mode 750") && told.contains("chmod 700"), "{told}");
    }
}
