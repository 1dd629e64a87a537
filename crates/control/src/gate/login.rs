//! How an open session signs in to its target: with the secret that is stored for the account, or over SSH, where the account
//! is set up so, with a certificate made for this one connection. Either goes to the pinned target and nowhere else.

use super::Gate;
use crate::authority::Bearer;
use crate::fault::Fault;
use crate::transcript::Recorded;
use crate::vault::Purpose;
use countersign_core::Device;
use countersign_target::ssh::Proof;
use secrecy::{ExposeSecret, SecretString};

/// How to sign in to a database.
pub struct TargetLogin {
    /// Where.
    pub device: Device,
    /// As whom.
    pub login: String,
    /// With what.
    pub password: SecretString,
    /// In which database.
    pub database: String,
}

/// How to sign in to an SSH server.
pub struct SshLogin {
    /// Where.
    pub device: Device,
    /// As whom.
    pub login: String,
    /// With what.
    pub proof: Proof,
}

impl Gate {
    /// How to sign in to the database.
    ///
    /// # Errors
    /// When no secret is stored for the account, or trouble.
    pub async fn target_login(&self) -> Result<TargetLogin, Fault> {
        let (device, password) = (self.pinned_device()?, self.stored_secret().await?);
        let (login, database) = (self.target.account_name.clone(), self.target.database.clone());
        Ok(TargetLogin { device, login, password, database })
    }

    /// How to sign in to the SSH server, once: a certificate is for one connection, and the transcript says which.
    ///
    /// # Errors
    /// When no secret is stored for an account that needs one, its right is over, or trouble.
    pub async fn ssh_login(&mut self) -> Result<SshLogin, Fault> {
        let device = self.pinned_device()?;
        let directory = self.control.directory();
        let account = directory.accounts.get(&self.target.account).ok_or(Fault::NotFound)?;
        let proof = if account.certificate {
            let (certified, told) = {
                let state = self.control.state();
                let live = state.grants.get(&self.grant).filter(|grant| grant.is_live(self.control.now()));
                let grant = live.ok_or_else(|| Fault::Input("the access is over".to_owned()))?;
                let (request, ends) = (grant.request, grant.terms.window.end);
                let (person, login) = (self.person.handle.as_str(), self.target.account_name.as_str());
                self.control.certified(&Bearer { person, session: self.session, request, login, ends })?
            };
            self.record(0, Recorded::Note(told));
            self.hand_over().await?;
            Proof::Certificate(certified)
        } else {
            Proof::Secret(self.stored_secret().await?)
        };
        Ok(SshLogin { device, login: self.target.account_name.clone(), proof })
    }

    fn pinned_device(&self) -> Result<Device, Fault> {
        let device = self.control.directory().devices.get(&self.target.device).cloned().ok_or(Fault::NotFound)?;
        if device.pin() != self.target.pin {
            return Err(Fault::trouble(format!("the pinned identity of `{}` changed", device.name)));
        }
        Ok(device)
    }

    async fn stored_secret(&self) -> Result<SecretString, Fault> {
        let account = self.target.account;
        let missing = || {
            Fault::Input(format!(
                "no password is stored for `{}`; an administrator must store one",
                self.target.label()
            ))
        };
        let (version, sealed) = self.control.0.store.secret(account).await?.ok_or_else(missing)?;
        let plain = self.control.unseal(Purpose::Secret, &account.to_string(), version, sealed)?;
        String::from_utf8(plain.expose_secret().to_vec()).map(SecretString::from).map_err(|_| missing())
    }
}
