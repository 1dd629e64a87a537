//! Contacts (R11): somebody outside, known by an address. The address is what they are: with another one they are another
//! contact, so that a fresh address never decides an older request; with another name they stay who they were.

use super::file::ContactEntry;
use super::resolve::{Ids, missing, twice};
use crate::fault::Fault;
use countersign_core::directory::address;
use countersign_core::{Contact, Directory};
use countersign_journal::PersonId;
use std::collections::{BTreeMap, BTreeSet};

/// Longest name of a contact, in characters.
const NAME_CHARS_MAX: usize = 64;
/// Longest address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const ADDRESS_CHARS_MAX: usize = 254;

pub(super) fn resolve_contacts(
    entries: &[ContactEntry],
    old: &Directory,
    ids: &mut Ids,
) -> Result<BTreeMap<PersonId, Contact>, Fault> {
    let mut contacts = old.contacts.clone();
    contacts.values_mut().for_each(|c| c.enabled = false);
    for entry in entries {
        let (name, email) = (entry.name.trim().to_owned(), address(&entry.email));
        check_name(&name)?;
        check_address(&name, &email)?;
        if contacts.values().any(|c| c.enabled && (c.name == name || c.email == email)) {
            return Err(twice("contact", &format!("{name}` or its address `{email}")));
        }
        let kept = old.contacts.iter().find(|(_, c)| c.email == email).map(|(id, _)| id.0);
        contacts.insert(PersonId(ids.keep_or_new(kept)), Contact { name, email, enabled: true });
    }
    Ok(contacts)
}

/// A name is read beside others, with commas between.
fn check_name(name: &str) -> Result<(), Fault> {
    let fine = |c: char| !c.is_control() && c != ',';
    if !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(fine) {
        return Ok(());
    }
    Err(Fault::Input(format!(
        "contact `{name}`: its name has 1 to {NAME_CHARS_MAX} characters, and no comma among them"
    )))
}

/// One address and nothing around it, so that a mail goes to one mailbox.
fn check_address(name: &str, email: &str) -> Result<(), Fault> {
    let fine = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"".contains(c);
    let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let one = parts.is_some_and(|(_, domain)| !domain.contains('@'));
    if one && email.chars().count() <= ADDRESS_CHARS_MAX && email.chars().all(fine) {
        return Ok(());
    }
    Err(Fault::Input(format!("contact `{name}`: `{email}` is not an address; write it as `vera@example.org`")))
}

pub(super) fn contacts_named(
    names: &[String],
    directory: &Directory,
    entry: &str,
) -> Result<BTreeSet<PersonId>, Fault> {
    let find = |name: &String| {
        let found = directory.contacts.iter().find(|(_, c)| c.enabled && c.name == name.trim());
        found.map(|(id, _)| *id).ok_or_else(|| missing(entry, "contact", name))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::super::render::render;
    use super::super::{Desired, acceptable, compare::compare};
    use super::*;
    use countersign_journal::Authority;

    const BASE: &str = "person = [{ handle = \"ada\", role = \"administrator\", email = \"Ada@Example.test\" }]\n\
                        workflow = [{ name = \"flow\", level = [LEVEL] }]\n";
    const VERA: &str = "[[contact]]\nname = \"Vera Vendor\"\nemail = \" Vera@Example.test \"\n";

    fn read(before: Option<&Desired>, base: &str, contacts: &str) -> Result<Desired, String> {
        let level = if contacts.contains("Vera Vendor") {
            "{ contacts = [\"Vera Vendor\"] }"
        } else {
            "{ administrators = true }"
        };
        let file = format!("{}{contacts}", base.replace("LEVEL", level));
        let (directory, policy) = before.map(|d| (d.directory.clone(), d.policy.clone())).unwrap_or_default();
        acceptable(&file, &directory, &policy).map_err(|f| f.to_string())
    }

    fn desired(before: Option<&Desired>, contacts: &str) -> Desired {
        read(before, BASE, contacts).unwrap_or_else(|told| panic!("{told}\n{contacts}"))
    }

    fn refused(before: Option<&Desired>, base: &str, contacts: &str, words: &str) {
        let told = read(before, base, contacts).err().unwrap_or_else(|| panic!("this was accepted: {contacts}"));
        assert!(told.contains(words), "`{words}` is missing: {told}");
    }

    /// The ids a level names, and of them those that are enabled.
    fn named(desired: &Desired) -> (Vec<PersonId>, Vec<PersonId>) {
        let Authority::Contacts(named) = &desired.policy.workflows.values().next().expect("a flow").levels[0].authority
        else {
            panic!("no contacts")
        };
        let enabled = named.iter().copied().filter(|c| desired.directory.contact(*c).is_some());
        (named.iter().copied().collect(), enabled.collect())
    }

    #[test]
    fn r11_contacts_are_named_by_a_level_and_come_back() {
        let made = desired(None, VERA);
        let (all, enabled) = named(&made);
        assert_eq!((all.len(), &all), (1, &enabled));
        let vera = &made.directory.contacts[&all[0]];
        assert_eq!((vera.name.as_str(), vera.email.as_str()), ("Vera Vendor", "vera@example.test"));
        assert!(!made.directory.people.contains_key(&all[0]) && all[0].0 < made.directory.next_id);
        let text = render(&made.directory, &made.policy);
        let again = acceptable(&text, &made.directory, &made.policy).unwrap_or_else(|told| panic!("{told}\n{text}"));
        assert_eq!((again.directory, again.policy), (made.directory, made.policy), "{text}");
    }

    /// A contact is its address: with another name it stays who it was, with another address it is somebody else.
    #[test]
    fn r11_another_address_is_another_contact() {
        let before = desired(None, VERA);
        let changes = |after: &Desired| compare(&before.directory, &before.policy, after);
        let moved = desired(Some(&before), &VERA.replace("Vera@", "vera.vendor@"));
        assert_ne!(named(&moved), named(&before));
        assert!(!moved.directory.contacts[&named(&before).0[0]].enabled, "the old one decides nothing any more");
        let told = ["+ contact vera.vendor@example.test", "- contact vera@example.test", "~ workflow flow"];
        assert_eq!(changes(&moved), told);
        let back = desired(Some(&moved), VERA);
        assert_eq!(named(&back), named(&before));
        let renamed = VERA.replace("Vera Vendor", "Vera Vendor of Initech");
        let renamed = acceptable(
            &format!("{}{renamed}", BASE.replace("LEVEL", "{ contacts = [\"Vera Vendor of Initech\"] }")),
            &before.directory,
            &before.policy,
        );
        let renamed = renamed.expect("accepted");
        assert_eq!(named(&renamed), named(&before));
        assert_eq!(changes(&renamed), ["~ contact vera@example.test"]);
        let gone = desired(Some(&before), "");
        assert_eq!(changes(&gone), ["- contact vera@example.test", "~ workflow flow"]);
    }

    /// DESIGN §1: never an address any person holds or held.
    #[test]
    fn r11_an_address_a_person_ever_had_is_no_contacts() {
        let adas = VERA.replace("Vera@", "ADA@");
        refused(None, BASE, &adas, "a person has its address or had it once");
        let before = desired(None, "");
        let moved = read(Some(&before), &BASE.replace("Ada@", "ada.b@"), "").expect("accepted");
        refused(Some(&moved), &BASE.replace("Ada@", "ada.b@"), &adas, "a person has its address or had it once");
        let without = BASE.replace(", email = \"Ada@Example.test\"", "");
        let none = read(Some(&moved), &without, "").expect("accepted");
        refused(Some(&none), &without, &adas, "a person has its address or had it once");
        refused(Some(&none), &without, &VERA.replace("Vera@", "ada.b@"), "a person has its address or had it once");
        let taken = desired(None, VERA);
        refused(Some(&taken), &BASE.replace("Ada@", "vera@"), VERA, "a person has its address or had it once");
    }

    #[test]
    fn r11_a_wrong_contact_is_named() {
        let address = |email: &str| VERA.replace(" Vera@Example.test ", email);
        for wrong in [
            "",
            "vera",
            "@example.test",
            "vera@",
            "vera@a@b",
            "a b@c",
            "<vera@c>",
            "vera@c,walt@c",
            "vera@c\\nBcc: d@e",
        ] {
            refused(None, BASE, &address(wrong), "is not an address");
        }
        refused(None, BASE, &address(&format!("{}@example.test", "v".repeat(250))), "is not an address");
        refused(None, BASE, &format!("{VERA}{}", address("walt@example.test")), "stands twice");
        refused(None, BASE, &format!("{VERA}{}", VERA.replace("Vera Vendor", "Walt")), "stands twice");
        for name in ["", "a, b"] {
            refused(None, BASE, &VERA.replace("Vera Vendor", name), "no comma among them");
        }
        let nobody = BASE.replace("LEVEL", "{ contacts = [\"Walt\"] }");
        refused(None, &nobody, "", "workflow `flow`, level 1 names contact `Walt`, which would not exist");
        let both = BASE.replace("LEVEL", "{ contacts = [\"Vera Vendor\"], administrators = true }");
        refused(None, &both, VERA, "exactly one of");
    }
}
