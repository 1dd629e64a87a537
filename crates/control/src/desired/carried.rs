//! The password of an account, as a form takes it. It goes through the page that shows what would change, which must show no
//! password: sealed, for who typed it and for that account, for a while. Only what is proposed has it opened.

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::vault::Purpose;
use countersign_core::Permission;
use countersign_journal::Seconds;
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};

/// How long the page may be left open.
const CARRIED_S: Seconds = 3_600;
/// Longest password of an account, in bytes.
const PASSWORD_BYTES_MAX: usize = 1_000;

impl Control {
    /// A password for an account, sealed to be carried through a page.
    ///
    /// # Errors
    /// When the actor may not propose changes, or it is too long; trouble.
    pub fn carry(&self, actor: &Actor, account: &str, password: &SecretString) -> Result<String, Fault> {
        actor.require(Permission::ProposeChanges)?;
        let plain = password.expose_secret();
        if plain.len() > PASSWORD_BYTES_MAX || plain.contains(['\r', '\n', '\0']) {
            return Err(Fault::Input(format!("a password is one line of at most {PASSWORD_BYTES_MAX} bytes")));
        }
        let until = self.now().plus(CARRIED_S).0;
        let sealed = self.seal(Purpose::Secret, &row(actor, account), version(until)?, plain.as_bytes())?;
        Ok(format!("{until}.{}", BASE64URL_NOPAD.encode(&sealed)))
    }

    /// The file in which an account has the password that was carried: never for showing.
    ///
    /// # Errors
    /// When it was not carried by this actor for this account, or too long ago, or there is no such account in the file.
    pub fn with_password(
        &self,
        actor: &Actor,
        file: &str,
        account: &str,
        carried: &str,
    ) -> Result<SecretString, Fault> {
        let again =
            || Fault::Input("the password cannot be used any more; go back to the form and type it again".into());
        let (until, sealed) = carried.split_once('.').ok_or_else(again)?;
        let until: i64 = until.parse().map_err(|_| again())?;
        if until < self.now().0 {
            return Err(again());
        }
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).map_err(|_| again())?;
        let plain = self.unseal(Purpose::Secret, &row(actor, account), version(until)?, sealed).map_err(|_| again())?;
        let plain = std::str::from_utf8(plain.expose_secret()).map_err(|_| again())?;
        let mut table: toml::Table = toml::from_str(file).map_err(Fault::trouble)?;
        let text = |entry: &toml::Value, key: &str| {
            entry.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        let accounts = table.get_mut("account").and_then(toml::Value::as_array_mut).into_iter().flatten();
        let mut named = accounts.filter(|a| format!("{}@{}", text(a, "name"), text(a, "device")) == account);
        let entry = named.next().and_then(toml::Value::as_table_mut).ok_or(Fault::NotFound)?;
        entry.insert("password".to_owned(), plain.into());
        Ok(toml::to_string(&table).map_err(Fault::trouble)?.into())
    }
}

/// No row of the store: what is carried for one is of no use for another.
fn row(actor: &Actor, account: &str) -> String {
    format!("typed by {} for {account}", actor.person)
}

fn version(until: i64) -> Result<u64, Fault> {
    u64::try_from(until).map_err(Fault::trouble)
}
