//! What was typed into a form, under the keys of the file: kept as typed to be shown again, and read field by field, with
//! what is wrong said beside the field. Must not know what the fields mean together; that is found when the file is read.

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Fields that hold handles, which have no spaces: shown on one line.
const ON_ONE_LINE: [&str; 6] = ["people", "exclude_people", "members", "managers", "owners", "kinds"];

/// A form as it was typed: several values of one field stand on lines of their own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Typed(BTreeMap<String, String>);

/// What is wrong, by the field it is about.
pub type Wrongs = BTreeMap<String, String>;

/// What may be named in a form.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names of everything of that kind")]
pub struct Known {
    pub people: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub devices: BTreeSet<String>,
    pub device_groups: BTreeSet<String>,
    pub accounts: BTreeSet<String>,
    pub workflows: BTreeSet<String>,
    pub roles: BTreeSet<String>,
}

impl FromIterator<(String, String)> for Typed {
    /// A field that comes several times, as boxes do, has several lines.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Typed {
        let mut typed = Typed::default();
        for (field, text) in fields {
            let text = text.replace("\r\n", "\n");
            let lines = typed.0.entry(field).or_default();
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&text);
        }
        typed
    }
}

impl Typed {
    /// An entry of the file as a form shows it. A key within a key has both in its name: `hours_zone`.
    pub(crate) fn of(entry: &impl Serialize) -> Typed {
        let mut typed = Typed::default();
        if let Ok(toml::Value::Table(table)) = toml::Value::try_from(entry) {
            typed.put("", &table);
        }
        typed
    }

    fn put(&mut self, before: &str, table: &toml::Table) {
        for (key, value) in table {
            let key = format!("{before}{key}");
            let line = |v: &toml::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            let text = match value {
                toml::Value::Table(inner) => {
                    self.put(&format!("{key}_"), inner);
                    continue;
                }
                toml::Value::Array(all) => {
                    let between = if ON_ONE_LINE.contains(&key.as_str()) { " " } else { "\n" };
                    all.iter().map(line).collect::<Vec<_>>().join(between)
                }
                one => line(one),
            };
            self.0.insert(key, text);
        }
    }

    /// What stands in the field.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// Every field that was sent, and what stands in it.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, text)| (field.as_str(), text.as_str()))
    }

    /// Whether anything stands in one of the fields.
    #[must_use]
    pub fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|f| !self.text(f).trim().is_empty() && self.text(f) != "false")
    }

    /// Whether one of the field's values is this.
    #[must_use]
    pub fn has(&self, field: &str, value: &str) -> bool {
        self.text(field).split_whitespace().any(|v| v == value)
    }

    /// The same with this text in the field.
    #[must_use]
    pub fn with(mut self, field: &str, text: String) -> Typed {
        self.0.insert(field.to_owned(), text);
        self
    }

    /// The same with another text in the field, unless something stands there.
    #[must_use]
    pub fn or(mut self, field: &str, text: &str) -> Typed {
        if self.text(field).is_empty() {
            self.0.insert(field.to_owned(), text.to_owned());
        }
        self
    }
}

/// Reads a form and remembers what is wrong.
pub(crate) struct Reading<'t> {
    pub(crate) typed: &'t Typed,
    pub(crate) wrongs: Wrongs,
}

impl Reading<'_> {
    pub(crate) fn of(typed: &Typed) -> Reading<'_> {
        Reading { typed, wrongs: Wrongs::new() }
    }

    pub(crate) fn wrong(&mut self, field: &'static str, text: impl Into<String>) {
        self.wrongs.entry(field.to_owned()).or_insert_with(|| text.into());
    }

    pub(crate) fn given(&self, field: &'static str) -> Option<String> {
        Some(self.typed.text(field).trim().to_owned()).filter(|t| !t.is_empty())
    }

    pub(crate) fn required(&mut self, field: &'static str, missing: &str) -> String {
        let given = self.given(field);
        if given.is_none() {
            self.wrong(field, missing);
        }
        given.unwrap_or_default()
    }

    pub(crate) fn set(&self, field: &'static str) -> bool {
        self.typed.text(field) == "true"
    }

    /// One of the words of the file, such as an outcome.
    pub(crate) fn choice<T: DeserializeOwned>(&mut self, field: &'static str, what: &str) -> Option<T> {
        let text = self.given(field)?;
        let read = word(&text);
        if read.is_none() {
            self.wrong(field, format!("`{text}` is no {what}; choose one of the list."));
        }
        read
    }

    /// Words of the file, with spaces between them.
    pub(crate) fn choices<T: DeserializeOwned + Ord>(&mut self, field: &'static str, what: &str) -> BTreeSet<T> {
        let (good, bad): (Vec<_>, Vec<_>) =
            self.handles(field).into_iter().map(|text| word(&text).ok_or(text)).partition(Result::is_ok);
        if let Some(text) = bad.into_iter().find_map(Result::err) {
            self.wrong(field, format!("`{text}` is no {what}."));
        }
        good.into_iter().filter_map(Result::ok).collect()
    }

    pub(crate) fn number<T: FromStr>(&mut self, field: &'static str) -> Option<T> {
        let text = self.given(field)?;
        let read = text.parse().ok();
        if read.is_none() {
            self.wrong(field, format!("`{text}` is not a whole number that fits here."));
        }
        read
    }

    pub(crate) fn lines(&self, field: &'static str) -> Vec<String> {
        self.typed.text(field).lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect()
    }

    fn handles(&self, field: &'static str) -> Vec<String> {
        let apart = |c: char| c.is_whitespace() || c == ',';
        self.typed.text(field).split(apart).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    }

    /// Handles of people that are there; case does not matter.
    pub(crate) fn people(&mut self, field: &'static str, known: &Known) -> Vec<String> {
        let handles = self.handles(field).iter().map(|h| h.to_lowercase()).collect();
        self.among(field, handles, &known.people, "signs in as")
    }

    /// Names that are there, one a line.
    pub(crate) fn names(&mut self, field: &'static str, known: &BTreeSet<String>) -> Vec<String> {
        let names = self.lines(field);
        self.among(field, names, known, "is called")
    }

    fn among(&mut self, field: &'static str, names: Vec<String>, known: &BTreeSet<String>, is: &str) -> Vec<String> {
        let strange: Vec<String> = names.iter().filter(|n| !known.contains(*n)).map(|n| format!("`{n}`")).collect();
        if !strange.is_empty() {
            let what = if is == "signs in as" { "Nobody" } else { "Nothing" };
            self.wrong(field, format!("{what} {is} {}; correct the name, or add it first.", strange.join(" or ")));
        }
        names
    }
}

fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    let from: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(from).ok()
}
