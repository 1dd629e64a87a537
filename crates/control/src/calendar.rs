//! What is reserved on an account over some days, and when it could still be (R51, R82): what somebody looks at before they
//! ask. It decides nothing: whether a request is let in is asked again when it is made.

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::eye::Eye;
use crate::view::{CalendarView, ReservedView, person_view};
use countersign_core::{Asked, Grant, GrantKind, GrantStage, Permission, Request, Ruling, State, Status, hours, rule};
use countersign_journal::{AccountId, Act, Outcome, Seconds, Window};

/// Longest stretch one calendar shows; a day more than a month, for the hour that a change of clocks adds.
const CALENDAR_S_MAX: Seconds = 32 * 86_400;

impl Control {
    /// What is reserved on the account within `window`, the hours in which the rules let the actor in, and what of them is
    /// free. Of what others reserved only the period is told, unless the actor may see their request.
    ///
    /// # Errors
    /// When there is no such account, no rule lets the actor ask for it, or the window is too long.
    pub async fn calendar(&self, actor: &Actor, account: AccountId, window: Window) -> Result<CalendarView, Fault> {
        if window.seconds() > CALENDAR_S_MAX {
            let days = CALENDAR_S_MAX / 86_400 - 1;
            return Err(Fault::Input(format!("a calendar shows at most {days} days; ask for fewer")));
        }
        let (mut view, seen) = self.look(actor, account, window).ok_or(Fault::NotFound)?;
        for (place, request) in seen {
            view.reserved[place].reason = self.reason(&request, None).await?;
        }
        Ok(view)
    }

    /// The calendar without the reasons, and the requests whose reasons may be read, by their places in it.
    fn look(&self, actor: &Actor, account: AccountId, window: Window) -> Option<(CalendarView, Vec<(usize, Request)>)> {
        let (directory, state, now) = (self.directory(), self.state(), self.now());
        let (person, target) = (directory.person_facts(actor.person)?, directory.target_facts(account, None)?);
        let Ruling { outcome, conditions, .. } = rule(&state.policy, &person, &target, Asked::Connect);
        if outcome == Outcome::Deny && !actor.may(Permission::ExplainOthers) {
            return None;
        }
        let open = if outcome == Outcome::Deny { Vec::new() } else { hours::open_within(&conditions.hours, &window) };
        let within = |h: &Held<'_>| h.window.intersection(&window).is_some();
        let mut held: Vec<Held<'_>> = held(&state, account).filter(within).collect();
        held.sort_by_key(|h| (h.window, h.request.id));
        let taken = held.iter().filter(|h| conditions.exclusive || h.exclusive).map(|h| h.window);
        let to_come = open.iter().filter_map(|w| Window::new(w.start.max(now), w.end));
        let latest = conditions.ahead_max_s.map(|s| now.plus(s));
        let in_reach = |w: &Window| latest.is_none_or(|latest| w.start <= latest);
        let free = to_come.flat_map(|w| without(w, taken.clone())).filter(in_reach).collect();
        let eye = Eye { state: &state, directory: &directory, now, actor };
        let seen = held.iter().enumerate().filter(|(_, h)| eye.may_see(h.request));
        let seen = seen.map(|(place, h)| (place, h.request.clone())).collect();
        let reserved = held.iter().map(|h| reserved(&eye, h)).collect();
        let (target, exclusive) = (target.label(), conditions.exclusive);
        Some((CalendarView { target, window, now, exclusive, open, reserved, free }, seen))
    }
}

fn reserved(eye: &Eye<'_>, held: &Held<'_>) -> ReservedView {
    let person = held.request.person.id;
    let sees = eye.may_see(held.request);
    ReservedView {
        window: held.window,
        mine: person == eye.actor.person,
        request: sees.then_some(held.request.id),
        person: sees.then(|| person_view(eye.directory, person)),
        status: if sees { held.status } else { "" },
        reason: None,
    }
}

/// A period in which somebody has, or asks for, the account.
struct Held<'s> {
    window: Window,
    request: &'s Request,
    status: &'static str,
    exclusive: bool,
}

fn held(state: &State, account: AccountId) -> impl Iterator<Item = Held<'_>> {
    let asked = state.waiting();
    let asked = asked.filter(move |r| r.status == Status::Pending && r.target.account == account);
    let asked = asked.filter(|r| matches!(r.act, Act::Connect)).map(|r| Held {
        window: r.terms.window,
        request: r,
        status: "Pending",
        exclusive: r.ruling.conditions.exclusive,
    });
    let granted = state.unended();
    let granted = granted.filter(move |g| g.kind == GrantKind::Connect && g.target.account == account);
    asked.chain(granted.filter_map(|g| {
        let request = state.requests.get(&g.request)?;
        Some(Held { window: g.terms.window, request, status: stage(g), exclusive: g.exclusive })
    }))
}

fn stage(grant: &Grant) -> &'static str {
    if grant.stage == GrantStage::InUse { "In use" } else { "To be used" }
}

/// What is left of a window once others are taken out of it.
fn without(window: Window, taken: impl Iterator<Item = Window>) -> Vec<Window> {
    taken.fold(vec![window], |left, gone| {
        let parts = |w: Window| {
            [Window::new(w.start, w.end.min(gone.start)), Window::new(w.start.max(gone.end), w.end)]
                .into_iter()
                .flatten()
        };
        left.into_iter().flat_map(parts).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_journal::Timestamp;

    #[test]
    fn what_is_taken_is_taken_out_and_nothing_else() {
        let window = |from, to| Window::new(Timestamp(from), Timestamp(to)).expect("not empty");
        let check = |taken: &[Window], left: &[Window]| {
            assert_eq!(without(window(10, 20), taken.iter().copied()), left, "{taken:?}");
        };
        check(&[], &[window(10, 20)]);
        check(&[window(12, 14)], &[window(10, 12), window(14, 20)]);
        check(&[window(5, 12), window(18, 30)], &[window(12, 18)]);
        check(&[window(1, 10), window(20, 25)], &[window(10, 20)]);
        check(&[window(12, 14), window(13, 16)], &[window(10, 12), window(16, 20)]);
        check(&[window(0, 50)], &[]);
    }
}
