//! What others put in force between the moment a form was made and the moment it comes back, so that nobody takes it back
//! without having seen it.

use super::file::File;
use super::render::render;
use super::things::{Thing, label};
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{self, Base, Meanwhile, VersionView};
use countersign_core::refusal::shown;
use countersign_core::{Permission, Refusal};
use countersign_journal::Change;

/// Versions named in a refusal, the latest.
const VERSIONS_SAID_MAX: usize = 5;
/// Changes named of each.
const CHANGES_SAID_MAX: usize = 10;

/// What a form changes. Without a name it is something new, which nobody can have changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'n> {
    /// The thing of that name.
    Thing(Thing, &'n str),
    /// The rule of that name.
    Rule(&'n str),
    /// The workflow of that name.
    Workflow(&'n str),
    /// The parameters.
    Parameters,
    /// Everything.
    Whole,
}

impl Part<'_> {
    /// Whether there is nothing yet that others could have changed.
    #[must_use]
    pub fn is_new(&self) -> bool {
        matches!(self, Part::Thing(_, "") | Part::Rule("") | Part::Workflow(""))
    }

    /// What a file says of it.
    fn of(&self, text: &str) -> Result<String, Fault> {
        let (file, none): (File, _) = (toml::from_str(text).map_err(Fault::trouble)?, File::default());
        let alone = match *self {
            Part::Thing(Thing::Person, name) => File { people: only(file.people, |p| p.handle == name), ..none },
            Part::Thing(Thing::Group, name) => File { groups: only(file.groups, |g| g.name == name), ..none },
            Part::Thing(Thing::Role, name) => File { roles: only(file.roles, |r| r.name == name), ..none },
            Part::Thing(Thing::Device, name) => File { devices: only(file.devices, |d| d.name == name), ..none },
            Part::Thing(Thing::DeviceGroup, name) => {
                File { device_groups: only(file.device_groups, |g| g.name == name), ..none }
            }
            Part::Thing(Thing::Account, name) => File { accounts: only(file.accounts, |a| label(a) == name), ..none },
            Part::Rule(name) => File { rules: only(file.rules, |r| r.name == name), ..none },
            Part::Workflow(name) => File { workflows: only(file.workflows, |w| w.name == name), ..none },
            Part::Parameters => File { parameters: file.parameters, ..none },
            Part::Whole => return Ok(text.to_owned()),
        };
        Ok(alone.text())
    }
}

fn only<T>(all: Vec<T>, is: impl Fn(&T) -> bool) -> Vec<T> {
    all.into_iter().filter(is).collect()
}

impl Control {
    /// What others put in force of this part since `base`, and what `draft` would make of it; nothing when it is as it was.
    /// When nobody can say any more how it was, it counts as changed.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn meanwhile(
        &self,
        actor: &Actor,
        base: Base,
        part: Part<'_>,
        draft: Option<&str>,
    ) -> Result<Option<Meanwhile>, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let (now, is) = {
            let in_force = self.in_force();
            (in_force.base, part.of(&render(&in_force.directory, &in_force.policy))?)
        };
        if part.is_new() || base == now {
            return Ok(None);
        }
        let (was, versions) = self.since(base, part).await?;
        if was.as_ref() == Some(&is) {
            return Ok(None);
        }
        let lines = was.map(|was| view::difference(&was, &is)).unwrap_or_default();
        let yours = draft.map(|draft| part.of(draft)).transpose()?.map(|draft| view::difference(&is, &draft));
        Ok(Some(Meanwhile { base: now, versions, lines, yours }))
    }

    /// Nothing, while what was written from `base` was written from what is in force `now`.
    ///
    /// # Errors
    /// Otherwise, with who changed what since; trouble.
    pub(super) async fn still_from(&self, actor: &Actor, base: Option<Base>, now: Base) -> Result<(), Fault> {
        let Some(base) = base.filter(|base| *base != now) else { return Ok(()) };
        if !actor.may(Permission::ReadConfiguration) {
            return Err(Fault::Refused(Refusal::ChangedMeanwhile));
        }
        let (_, versions) = self.since(base, Part::Whole).await?;
        let one = |version: &VersionView| {
            let VersionView { request, at, by, changes } = version;
            let (some, more) = (&changes[..changes.len().min(CHANGES_SAID_MAX)], changes.len() > CHANGES_SAID_MAX);
            let more = if more { ", …" } else { "" };
            format!("{} at {} (UTC) with {request} ({}{more})", by.name, shown(at), some.join(", "))
        };
        let mut who: Vec<String> = versions.iter().take(VERSIONS_SAID_MAX).map(one).collect();
        match versions.len() {
            0 => who.push("who did cannot be said".to_owned()),
            many if many > VERSIONS_SAID_MAX => who.push(format!("and {} changes before", many - VERSIONS_SAID_MAX)),
            _ => {}
        }
        Err(Fault::Stale { base, who: who.join("; ") })
    }

    /// How the part was at `base`, and the versions since then that changed it, the latest first.
    async fn since(&self, base: Base, part: Part<'_>) -> Result<(Option<String>, Vec<VersionView>), Fault> {
        let at = |change: &Change| Base { policy: change.policy_version, directory: change.directory_version };
        let later = |change: &Change| at(change).policy >= base.policy && at(change).directory >= base.directory;
        let (mut was, mut versions) = (None, Vec::new());
        for (request, change) in self.applied().await?.into_iter().take_while(|(_, change)| later(change)) {
            let Some(kept) = self.kept(&change.text).await? else { continue };
            let before = part.of(&kept.before)?;
            if before != part.of(&kept.after)? {
                versions.push(self.version_view(&request, kept.changes));
            }
            if at(&change) == base {
                was = Some(before);
            }
        }
        Ok((was, versions))
    }
}
