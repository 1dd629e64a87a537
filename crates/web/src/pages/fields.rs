//! Forms that make a file: their fields, drawn alike, each with what is wrong beside it, and what becomes of them.

use super::configuration::Difference;
use super::planned::planned;
use super::{Notice, Page, Visit};
use crate::fault::status_of;
use crate::reader::Reader;
use askama::Template;
use axum::http::StatusCode;
use countersign_control::view::{Base, DiffLine, Draft, Known, Meanwhile, Typed, Wrongs};
use countersign_control::{Fault, Part};

/// What stands for the name of a rule or workflow that has none yet, while one tries what it would do.
pub(super) const NAMELESS: &str = "(this draft)";

/// A form as it was typed, with what is wrong with it.
#[derive(Default)]
pub(crate) struct Filled {
    /// What stands in it.
    pub(crate) typed: Typed,
    /// What is wrong, by field.
    pub(crate) wrongs: Wrongs,
}

/// One field.
#[derive(Template)]
#[template(path = "field.html")]
pub(crate) struct Field<'f> {
    shape: Shape<'f>,
    name: &'f str,
    label: &'f str,
    hint: &'f str,
    value: &'f str,
    wrong: Option<&'f str>,
    /// The list of names it takes, by what they are of.
    names: &'f str,
    required: bool,
}

impl askama::filters::HtmlSafe for Field<'_> {}

enum Shape<'f> {
    Line,
    Number,
    Area,
    Box,
    Choice(Vec<(&'f str, &'f str)>),
}

impl Filled {
    fn field<'f>(&'f self, shape: Shape<'f>, name: &'f str, label: &'f str, hint: &'f str) -> Field<'f> {
        let (value, wrong) = (self.typed.text(name), self.wrongs.get(name).map(String::as_str));
        Field { shape, name, label, hint, value, wrong, names: "", required: false }
    }

    /// One line.
    pub(crate) fn line<'f>(&'f self, name: &'f str, label: &'f str, hint: &'f str) -> Field<'f> {
        self.field(Shape::Line, name, label, hint)
    }

    /// A whole number.
    pub(crate) fn number<'f>(&'f self, name: &'f str, label: &'f str, hint: &'f str) -> Field<'f> {
        self.field(Shape::Number, name, label, hint)
    }

    /// Several lines.
    pub(crate) fn area<'f>(&'f self, name: &'f str, label: &'f str, hint: &'f str) -> Field<'f> {
        self.field(Shape::Area, name, label, hint)
    }

    /// Yes or no.
    pub(crate) fn check<'f>(&'f self, name: &'f str, label: &'f str) -> Field<'f> {
        self.field(Shape::Box, name, label, "")
    }

    /// One of these, each with the word for it.
    pub(crate) fn choice<'f>(
        &'f self,
        name: &'f str,
        label: &'f str,
        hint: &'f str,
        of: &'f [(&'f str, &'f str)],
    ) -> Field<'f> {
        self.field(Shape::Choice(of.to_vec()), name, label, hint)
    }

    /// One of these names, or none.
    pub(crate) fn one_of<'f>(
        &'f self,
        name: &'f str,
        label: &'f str,
        none: &'f str,
        of: &'f std::collections::BTreeSet<String>,
    ) -> Field<'f> {
        let names = of.iter().map(|n| (n.as_str(), n.as_str()));
        self.field(Shape::Choice([("", none)].into_iter().chain(names).collect()), name, label, "")
    }

    /// Whether a fold that holds these fields stands open: something is typed there, or wrong.
    pub(crate) fn open(&self, fields: &[&str]) -> bool {
        self.typed.any(fields) || fields.iter().any(|f| self.wrongs.contains_key(*f))
    }
}

impl<'f> Field<'f> {
    /// The same, with names to choose from.
    pub(crate) fn naming(mut self, names: &'f str) -> Field<'f> {
        self.names = names;
        self
    }

    /// The same, never empty.
    pub(crate) fn needed(mut self) -> Field<'f> {
        self.required = true;
        self
    }

    fn described(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let wrong = self.wrong.map(|_| format!("{}-wrong", self.name));
        hint.into_iter().chain(wrong).collect::<Vec<_>>().join(" ")
    }
}

/// What is wrong with a field, below it.
#[derive(Template)]
#[template(path = "wrong.html")]
pub(crate) struct Wrong<'w> {
    pub(crate) text: Option<&'w str>,
    pub(crate) field: String,
}

impl askama::filters::HtmlSafe for Wrong<'_> {}

/// Lists of names that fields choose from.
#[derive(Template)]
#[template(path = "known.html")]
pub(crate) struct Names<'k> {
    pub(crate) known: &'k Known,
}

impl askama::filters::HtmlSafe for Names<'_> {}

/// From what a form was made; and when that is no longer in force, what is, and what the form would take back (R83).
#[derive(Template)]
#[template(path = "from.html")]
pub(crate) struct MadeFrom {
    pub(crate) base: String,
    meanwhile: Option<Meanwhile>,
    reader: Reader,
    /// Where the same is edited as it is now.
    afresh: String,
}

impl askama::filters::HtmlSafe for MadeFrom {}

impl MadeFrom {
    /// What stands in a form as it is shown: a new one is made from what is in force.
    pub(crate) fn of(visit: &Visit, base: &str, meanwhile: Option<Meanwhile>, afresh: String) -> MadeFrom {
        let base = if base.is_empty() { visit.site.control.base().to_string() } else { base.to_owned() };
        MadeFrom { base, meanwhile, reader: visit.reader.clone(), afresh }
    }

    fn difference<'d>(&self, lines: &'d [DiffLine]) -> Difference<'d> {
        Difference { lines }
    }
}

/// Why a form is shown again.
#[derive(Default)]
pub(crate) struct Again {
    /// With what status.
    pub(crate) status: StatusCode,
    /// What is wrong, by field.
    pub(crate) wrongs: Wrongs,
    /// What is wrong with all of it.
    pub(crate) notice: Option<Notice>,
    /// What others put in force meanwhile.
    pub(crate) meanwhile: Option<Meanwhile>,
}

impl Again {
    pub(crate) fn said(fault: &Fault) -> Again {
        Again { status: status_of(fault).0, notice: Some(Notice::bad(fault)), ..Again::default() }
    }

    pub(crate) fn wrong(wrongs: Wrongs) -> Again {
        Again { status: StatusCode::UNPROCESSABLE_ENTITY, wrongs, ..Again::default() }
    }
}

/// The version a form goes out from: the one it was made from, or a later one that its reader has seen and taken up.
pub(crate) fn base_of(typed: &Typed) -> &str {
    let seen = typed.text("seen");
    if seen.is_empty() { typed.text("base") } else { seen }
}

/// What a form leads to: the page that says what proposing its file would change, and from there to the proposal; or the form
/// again with what is wrong, or with what others put in force of the same part since it was made.
pub(crate) async fn proposed(
    visit: &Visit,
    part: Part<'_>,
    typed: &Typed,
    make: impl FnOnce() -> Result<Draft, Fault>,
) -> Result<Page, Again> {
    if typed.has("do", "edit") {
        return Err(Again::default());
    }
    let (control, actor) = (&visit.site.control, visit.actor());
    let said = |fault: Fault| Again::said(&fault);
    // Before the file is made: what is put in force after this moment is found when it is proposed.
    let now = control.base();
    let base: Base = if part.is_new() { now } else { base_of(typed).parse().map_err(said)? };
    let made = make();
    let draft = match &made {
        Ok(Draft::File(file)) => Some(file.as_str()),
        _ => None,
    };
    if let Some(meanwhile) = control.meanwhile(actor, base, part, draft).await.map_err(said)? {
        return Err(Again { status: StatusCode::CONFLICT, meanwhile: Some(meanwhile), ..Again::default() });
    }
    let file = match made.map_err(said)? {
        Draft::File(file) => file,
        Draft::Wrong(wrongs) => return Err(Again::wrong(wrongs)),
    };
    planned(visit, part, typed, &file, now).await
}
