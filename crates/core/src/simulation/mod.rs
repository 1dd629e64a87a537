//! The seeded simulation: random worlds, random inputs, and after each accepted decision every invariant.
//!
//! A world is its seed. A world that breaks an invariant is run once more with a log, and the failure prints the
//! seed and every input in order. `COUNTERSIGN_SEED=17 cargo nextest run -p countersign-core ten_thousand` runs
//! world 17 alone.

mod inputs;
mod naive;
mod people;
mod twin;
mod witness;

use crate::invariant::{self, Broken};
use crate::planted::{self, Fault};
use crate::{Input, Roster, State, apply, decide, effects, wake_at};
use countersign_journal::{ActMatch, Chain, Event, Evidence, Note, Timestamp};
use inputs::Draft;
use std::collections::BTreeMap;
use std::ops::Range;
use twin::Twin;
use witness::Witness;

/// Inputs per world.
const STEPS: usize = 110;

/// 2027-01-15T08:00:00Z, where every world begins.
const BEGINNING: Timestamp = Timestamp(1_800_000_000_000_000);

/// One world, as far as it got.
struct World {
    now: Timestamp,
    directory: Roster,
    state: State,
    twin: Twin,
    witness: Witness,
    history: Vec<(Timestamp, Event)>,
}

impl World {
    /// Decides on one input; whatever is accepted is folded, and then everything is checked.
    fn step(&mut self, input: Input) -> Result<(), Broken> {
        let new_directory = match &input {
            Input::Apply { directory, .. } => Some(directory.clone()),
            _ => None,
        };
        let applied = new_directory.is_some();
        let decided = decide(&self.state, &self.directory, input.clone(), self.now);
        let same = self.twin.agrees(&self.directory, input, self.now, &decided);
        let Ok(decision) = decided else { return same };
        if let Some(directory) = new_directory {
            self.directory = directory;
        }
        for event in &decision.events {
            self.witness.see(&self.directory, self.now, event)?;
            apply(&mut self.state, self.now, event);
            let follows = effects(&self.state, event);
            self.witness.sees_cuts(event, &follows)?;
            self.twin.fold(self.now, event, &follows)?;
        }
        self.twin.release(&decision.events);
        self.history.extend(decision.events.into_iter().map(|event| (self.now, event)));
        invariant::check(&self.state, &self.directory, self.now)?;
        self.witness.agrees(&self.directory, &self.state, wake_at(&self.state))?;
        self.witness.rejected_emergencies_are_over()?;
        if applied {
            self.witness.nothing_denied_lives(&self.directory)?;
        }
        same
    }

    /// State is the fold of events: what the journal holds, read back from its canonical bytes, gives the same state.
    fn refolds(&self) -> Result<(), Broken> {
        let (mut writer, mut reader) = (Chain::default(), Chain::default());
        let mut again = State::default();
        for (at, event) in &self.history {
            let (_, bytes) = writer.append(*at, event.clone());
            let entry = reader.follow(&bytes).map_err(|f| broken(10, f.to_string()))?;
            if entry.event != *event {
                return Err(broken(10, format!("{event:?} changes when it is written and read")));
            }
            apply(&mut again, entry.at, &entry.event);
        }
        if again == self.state { Ok(()) } else { Err(broken(10, "the journal folds into another state".into())) }
    }
}

fn broken(number: u8, what: String) -> Broken {
    Broken { number, what }
}

/// Runs one world; `log` hears of every input before it is decided on.
fn run(seed: u64, mut log: impl FnMut(Timestamp, &Input)) -> Result<World, Broken> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let directory = people::directory(&mut rng);
    let mut policy = people::policy(&mut rng, &directory);
    // Every world can be set up; what would bar all administrators is proposed later, and refused.
    policy.rules.retain(|r| r.acts != ActMatch::Administer);
    let mut world = World {
        now: BEGINNING,
        directory: Roster::default(),
        state: State::default(),
        twin: Twin::default(),
        witness: Witness::default(),
        history: Vec::new(),
    };
    let mut drafts = Vec::new();
    let mut input = Draft::new(directory, policy).apply(None);
    for _ in 0..=STEPS {
        log(world.now, &input);
        world.step(input)?;
        world.now = inputs::later(&mut rng, world.now);
        input = inputs::next(&mut rng, &world.state, &world.directory, &mut drafts, world.now);
    }
    world.refolds()?;
    std::mem::take(&mut world.twin).and_what_it_released_are_everything(&world.state)?;
    Ok(world)
}

/// What a failing world says: enough to run it again, by seed or by hand.
fn report(seed: u64, broken: &Broken) -> String {
    let mut lines = vec![format!("world {seed}: {broken}"), format!("replay: COUNTERSIGN_SEED={seed}")];
    let _ = run(seed, |now, input| lines.push(format!("at {}: {input:?}", now.0)));
    lines.join("\n")
}

fn hold_every_invariant(seeds: Range<u64>) {
    let chosen = std::env::var("COUNTERSIGN_SEED").ok().map(|s| s.parse::<u64>().expect("a seed is a whole number"));
    let seeds = chosen.map_or(seeds, |seed| seed..seed + 1);
    for seed in seeds {
        if let Err(broken) = run(seed, |_, _| {}) {
            panic!("{}", report(seed, &broken));
        }
    }
}

#[test]
fn ten_thousand_worlds_hold_every_invariant() {
    hold_every_invariant(0..5_000);
}

/// The second half, so that two cores share the work.
#[test]
fn ten_thousand_worlds_hold_every_invariant_second_half() {
    hold_every_invariant(5_000..10_000);
}

/// A simulation that never gets anywhere holds every invariant too: each kind of event must be common.
#[test]
fn the_worlds_are_lively() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..1_500 {
        for (_, event) in run(seed, |_, _| {}).expect("these worlds hold").history {
            *seen.entry(kind(&event)).or_default() += 1;
        }
    }
    let rare: Vec<_> = KINDS.iter().map(|k| (k, seen.get(k).copied().unwrap_or(0))).filter(|(_, n)| *n < 25).collect();
    assert!(rare.is_empty(), "in 1,500 worlds, too few of {rare:?}; all: {seen:?}");
}

const KINDS: [&str; 32] = [
    "link made",
    "policy applied",
    "directory applied",
    "request made",
    "level started",
    "voted",
    "voted by link",
    "retracted",
    "request approved",
    "request disapproved",
    "request canceled",
    "request expired",
    "request revoked",
    "escalated",
    "level blocked",
    "level freed",
    "emergency confirmed",
    "emergency stopped",
    "reviewed",
    "delegated",
    "delegation ended",
    "grant edited",
    "grant ended",
    "session opened",
    "session closed",
    "used",
    "ran",
    "plan used",
    "plan ran",
    "watched",
    "watched under a grant",
    "typed seen",
];

fn kind(event: &Event) -> &'static str {
    match event {
        Event::PolicyApplied { .. } => "policy applied",
        Event::DirectoryApplied { .. } => "directory applied",
        Event::RequestMade(_) => "request made",
        Event::LevelStarted { .. } => "level started",
        Event::Voted { evidence: Evidence::Link, .. } => "voted by link",
        Event::Voted { .. } => "voted",
        Event::Retracted { .. } => "retracted",
        Event::RequestApproved { .. } => "request approved",
        Event::RequestDisapproved { .. } => "request disapproved",
        Event::RequestCanceled { .. } => "request canceled",
        Event::RequestExpired { .. } => "request expired",
        Event::RequestRevoked { .. } => "request revoked",
        Event::Escalated { .. } => "escalated",
        Event::LevelBlocked { .. } => "level blocked",
        Event::LevelFreed { .. } => "level freed",
        Event::EmergencyConfirmed { .. } => "emergency confirmed",
        Event::EmergencyStopped { .. } => "emergency stopped",
        Event::Reviewed { .. } => "reviewed",
        Event::Delegated { .. } => "delegated",
        Event::DelegationEnded { .. } => "delegation ended",
        Event::LinkMade { .. } => "link made",
        Event::GrantEdited { .. } => "grant edited",
        Event::GrantEnded { .. } => "grant ended",
        Event::SessionOpened { .. } => "session opened",
        Event::SessionClosed { .. } => "session closed",
        Event::Used { .. } => "used",
        Event::Ran { .. } => "ran",
        Event::PlanUsed { .. } => "plan used",
        Event::PlanRan { .. } => "plan ran",
        Event::Noted(Note::TranscriptRead { typed: true, .. }) => "typed seen",
        Event::Noted(Note::TranscriptRead { exported: Some(_), .. }) => "exported",
        Event::Noted(Note::TranscriptRead { under: None, .. }) => "watched",
        Event::Noted(Note::TranscriptRead { .. }) => "watched under a grant",
        Event::Noted(_) => "noted",
    }
}

/// Runs worlds with a fault planted until one is caught; it must break `number`, within `worlds`.
fn check_caught(fault: Fault, number: u8, worlds: u64) {
    let caught = planted::with(fault, || (0..worlds).find_map(|seed| run(seed, |_, _| {}).err()));
    let caught = caught.unwrap_or_else(|| panic!("{fault:?} was not caught in {worlds} worlds"));
    assert_eq!(caught.number, number, "{fault:?} was caught as another fault: {caught}");
    println!("invariant {number:2} kills {fault:?}: {}", caught.what);
}

#[test]
fn planted_own_vote_counts_is_caught() {
    check_caught(Fault::OwnVoteCounts, 3, 50);
}

#[test]
fn planted_one_person_counts_twice_is_caught() {
    check_caught(Fault::OnePersonCountsTwice, 3, 50);
}

#[test]
fn planted_retract_keeps_later_votes_is_caught() {
    check_caught(Fault::RetractKeepsLaterVotes, 4, 400);
}

#[test]
fn planted_window_not_asked_is_caught() {
    check_caught(Fault::WindowNotAsked, 1, 50);
}

#[test]
fn planted_one_use_twice_is_caught() {
    check_caught(Fault::OneUseTwice, 6, 400);
}

#[test]
fn planted_attempt_not_compared_is_caught() {
    check_caught(Fault::AttemptNotCompared, 6, 200);
}

#[test]
fn planted_step_twice_is_caught() {
    check_caught(Fault::StepTwice, 6, 1_000);
}

#[test]
fn planted_lender_counts_too_is_caught() {
    check_caught(Fault::LenderCountsToo, 3, 10_000);
}

#[test]
fn planted_escalator_decides_is_caught() {
    check_caught(Fault::EscalatorDecides, 3, 10_000);
}

#[test]
fn planted_escalates_to_nobody_is_caught() {
    check_caught(Fault::EscalatesToNobody, 2, 1_000);
}

#[test]
fn planted_edit_widens_is_caught() {
    check_caught(Fault::EditWidens, 6, 1_000);
}

#[test]
fn planted_one_rule_allows_emergency_is_caught() {
    check_caught(Fault::OneRuleAllowsEmergency, 9, 2_000);
}

#[test]
fn planted_one_rule_approves_by_itself_is_caught() {
    check_caught(Fault::OneRuleApprovesByItself, 9, 1_000);
}

#[test]
fn planted_rejected_review_changes_nothing_is_caught() {
    check_caught(Fault::RejectedReviewChangesNothing, 9, 2_000);
}

#[test]
fn planted_nobody_left_raises_no_alarm_is_caught() {
    check_caught(Fault::NobodyLeftRaisesNoAlarm, 12, 1_000);
}

#[test]
fn planted_administers_alone_is_caught() {
    check_caught(Fault::AdministersAlone, 1, 400);
}

#[test]
fn planted_change_not_compared_is_caught() {
    check_caught(Fault::ChangeNotCompared, 6, 400);
}

#[test]
fn planted_link_lends_authority_is_caught() {
    check_caught(Fault::LinkLendsAuthority, 3, 2_000);
}

#[test]
fn planted_levels_not_frozen_is_caught() {
    check_caught(Fault::LevelsNotFrozen, 5, 2000);
}

#[test]
fn planted_ended_grant_releases_is_caught() {
    check_caught(Fault::EndedGrantReleases, 7, 2000);
}

#[test]
fn planted_exclusive_not_asked_is_caught() {
    check_caught(Fault::ExclusiveNotAsked, 8, 1000);
}

#[test]
fn planted_number_given_twice_is_caught() {
    check_caught(Fault::NumberGivenTwice, 10, 50);
}

#[test]
fn planted_ends_twice_is_caught() {
    check_caught(Fault::EndsTwice, 11, 400);
}

#[test]
fn planted_evidence_not_asked_is_caught() {
    check_caught(Fault::EvidenceNotAsked, 13, 1000);
}

#[test]
fn planted_contact_without_link_is_caught() {
    check_caught(Fault::ContactWithoutLink, 13, 400);
}

#[test]
fn planted_pin_not_asked_is_caught() {
    check_caught(Fault::PinNotAsked, 14, 4000);
}

#[test]
fn planted_released_too_early_is_caught() {
    check_caught(Fault::ReleasedTooEarly, 11, 200);
}

#[test]
fn planted_watch_not_asked_is_caught() {
    check_caught(Fault::WatchNotAsked, 1, 400);
}

#[test]
fn planted_typed_not_asked_is_caught() {
    check_caught(Fault::TypedNotAsked, 1, 1_000);
}

#[test]
fn planted_erased_too_early_is_caught() {
    check_caught(Fault::ErasedTooEarly, 10, 1_000);
}

#[test]
fn planted_export_not_asked_is_caught() {
    check_caught(Fault::ExportNotAsked, 1, 1_000);
}

#[test]
fn planted_allowed_outlives_its_rule_is_caught() {
    check_caught(Fault::AllowedOutlivesItsRule, 1, 1000);
}
