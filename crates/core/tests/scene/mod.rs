//! One stage for all behaviour tests: a script of inputs in, the same script with what happened out.
//!
//! Lines at the margin are inputs; the indented lines under each say what it led to. `check` plays the inputs and
//! compares the whole text, so a test reads as a story and a change of behaviour as a diff.
//!
//! The cast: `root` administers; `alice` asks; `bob` and `carol` are `dba`, managed by `dave`; `erin` is `sec`,
//! managed by `frank`; `oncall` holds the group `dba`; `zoe` is nobody's approver. `dave` is alice's line manager. One
//! account, `app@prod-db`, owned by `carol` and managed by `erin`; `vera` and `walt` are contacts. The day begins at 09:00.

mod alert;
mod offered;
mod plan;
mod shown;

use countersign_core::{
    Account, Ask, AskAct, Contact, Device, Directory, EmergencyCall, Endpoint, Export, GrantKind, Group, Input, Person,
    Position, PostgresEndpoint, Role, Roster, Rulebook, State, Vote, apply, decide, digest, effects,
};
use countersign_journal::{
    AccountId, ActMatch, ActionFacts, Attempt, Authority, Automatic, Change, Commitment, Conditions, DelegationId,
    DeviceId, Digest, Emergency, Event, Evidence, Exported, GrantId, GroupId, Hours, Level, Module, Note, Notice,
    NoticeScope, Opening, Outcome, Parameters, PersonId, Policy, RequestId, Rule, RuleId, RunOutcome, SessionEnd,
    SessionId, StatementFacts, StatementKind, StatementMatch, Subjects, Terms, Timeout, TimeoutAction, Timestamp,
    Verdict, Watch, Weekday, Window, Workflow, WorkflowId,
};

const PEOPLE: [&str; 8] = ["root", "alice", "bob", "carol", "dave", "erin", "frank", "zoe"];
const CONTACTS: [&str; 2] = ["vera", "walt"];
const GROUPS: [(&str, &[&str], &str); 4] = [
    ("dba", &["bob", "carol"], "dave"),
    ("sec", &["erin"], "frank"),
    ("oncall", &[], "frank"),
    ("dev", &["alice"], "dave"),
];
const MINUTE: i64 = 60_000_000;

/// Plays the inputs of a script and compares everything that happened.
pub fn check(script: &str) {
    let margin = script.lines().find(|l| !l.trim().is_empty()).map_or(0, |l| l.len() - l.trim_start().len());
    let lines = script.lines().map(|l| l.get(margin..).unwrap_or("").trim_end()).filter(|l| !l.is_empty());
    let lines: Vec<&str> = lines.collect();
    let mut stage = Stage::new();
    let mut played = Vec::new();
    for input in lines.iter().filter(|l| !l.starts_with(' ')) {
        played.push((*input).to_owned());
        played.extend(stage.play(input).into_iter().map(|happened| format!("  {happened}")));
        offered::as_decided(&stage.state, &stage.directory, stage.now);
    }
    assert!(played == lines, "what happened is:\n{}\n", played.join("\n"));
}

struct Stage {
    now: Timestamp,
    directory: Roster,
    state: State,
    rules: Vec<Rule>,
    workflows: Vec<Workflow>,
    parameters: Parameters,
    proposed: Vec<Directory>,
}

impl Stage {
    fn new() -> Stage {
        let groups = GROUPS.iter().map(|(name, members, manager)| Group {
            name: (*name).to_owned(),
            members: members.iter().map(|m| person(m)).collect(),
            groups: if *name == "oncall" { [group("dba")].into() } else { [].into() },
            managers: [person(manager)].into(),
        });
        let device = Device {
            name: "prod-db".into(),
            host: "192.0.2.10".into(),
            port: 5432,
            endpoint: Endpoint::Postgresql(PostgresEndpoint {
                database: "shop".into(),
                ca_pem: String::new(),
                server_name: "prod-db".into(),
            }),
        };
        let account = Account {
            device: DeviceId(1),
            name: "app".into(),
            owners: [person("carol")].into(),
            managers: [person("erin")].into(),
            certificate: false,
        };
        let directory = Directory {
            people: PEOPLE.iter().map(|name| (person(name), someone(name))).collect(),
            groups: (1..).map(GroupId).zip(groups).collect(),
            devices: [(DeviceId(1), device)].into(),
            accounts: [(AccountId(1), account)].into(),
            contacts: CONTACTS.iter().map(|name| (person(name), contact(name))).collect(),
            ..Directory::default()
        };
        Stage {
            now: clock("09:00"),
            directory: directory.into(),
            state: State::default(),
            rules: Vec::new(),
            workflows: Vec::new(),
            parameters: Parameters::default(),
            proposed: Vec::new(),
        }
    }

    /// Plays one line. Lines that only prepare something lead to nothing.
    fn play(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let input = match words.as_slice() {
            ["at", time] => {
                self.now = clock(time);
                return Vec::new();
            }
            ["rule", rest @ ..] => {
                self.write_rule(rest);
                return Vec::new();
            }
            ["apply"] => {
                let rules = std::mem::take(&mut self.rules);
                let workflows = std::mem::take(&mut self.workflows).into_iter().map(|w| (w.id.0, w)).collect();
                let parameters = self.parameters.clone();
                return self.in_force(self.directory.clone(), Policy { rules, workflows, parameters }.into());
            }
            ["watching", "needs", "approval"] => {
                self.parameters.watch_approval = true;
                return Vec::new();
            }
            ["watching", "needs", "none"] => {
                self.parameters.watch_approval = false;
                return Vec::new();
            }
            ["tick"] => Input::Tick,
            ["another", "secret", "is", "stored"] => {
                Input::Note(Note::SecretStored { account: AccountId(1), version: 2 })
            }
            ["due?"] => return vec![shown::due(&self.state)],
            ["erase", until @ ..] => Input::Erase { until: until.first().map_or(self.now, |at| clock(at)) },
            ["close", session] => closed(session),
            ["clear", unit, "under", grant, "in", session] => Input::Clear {
                grant: GrantId(number(grant)),
                session: SessionId(number(session)),
                attempt: attempt(unit),
            },
            ["alert", program, "by", rule, "in", session] => alert::raised(program, rule, session),
            ["lost", grant] => Input::Ran { grant: GrantId(number(grant)), step: None, outcome: RunOutcome::Unknown },
            ["ran", step, "of", grant] => Input::Ran {
                grant: GrantId(number(grant)),
                step: Some(number(step) as u32 - 1),
                outcome: RunOutcome::Completed { rows: 1 },
            },
            ["failed", step, "of", grant] => Input::Ran {
                grant: GrantId(number(grant)),
                step: Some(number(step) as u32 - 1),
                outcome: RunOutcome::Failed { code: "22012".into() },
            },
            ["planned", unit, rest @ ..] => plan::used(unit, rest),
            [who, "sets", "a", "password"] => Input::Note(Note::PasswordSet { person: person(who) }),
            ["the", "operator", "links", who] => Input::MakeLink { person: person(who), by: PersonId::OPERATOR },
            [who, verb @ ("joins" | "leaves" | "disabled" | "manages" | "administers" | "moves"), rest @ ..] => {
                return self.in_force(self.changed(who, verb, rest).into(), self.state.policy.clone());
            }
            ["put", grant, "in", "force", rest @ ..] => self.put_in_force(GrantId(number(grant)), rest),
            [who, rest @ ..] => self.said(person(who), rest),
            [] => return Vec::new(),
        };
        self.decided(input)
    }

    /// Puts a change in force that no test is about: root alone proposes it, in a world beside this one, so that the
    /// script's numbers stay its own.
    fn in_force(&mut self, directory: Roster, policy: Rulebook) -> Vec<String> {
        let mut beside = State::clone(&self.state);
        let mut old = Directory::clone(&self.directory);
        for id in self.directory.administrators().into_iter().filter(|p| *p != person("root")) {
            old.people.get_mut(&id).expect("an administrator").role = Role::Member;
        }
        let (old, change) = (Roster::new(old), self.change(&directory, &policy));
        let ask = Ask {
            reason: Some(Commitment(Digest::ZERO)),
            reason_chars: 9,
            ..Ask::plain(person("root"), AskAct::Administer(change), [0; 32])
        };
        for event in decide(&beside, &old, Input::Ask(ask), self.now).expect("root alone may").events {
            apply(&mut beside, self.now, &event);
        }
        let under = beside.unended_grants.last().copied();
        let input = Input::Apply { directory: directory.clone(), policy, under, secrets: Vec::new() };
        let events = match decide(&beside, &old, input, self.now) {
            Ok(decision) => decision.events,
            Err(refusal) => return vec![format!("no: {refusal}")],
        };
        let own = |e: &Event| matches!(e, Event::GrantEnded { grant, .. } if Some(*grant) == under);
        let happened = events.into_iter().filter(|e| !own(e)).flat_map(|event| self.fold(&event)).collect();
        self.directory = directory;
        happened
    }

    fn change(&self, directory: &Directory, policy: &Policy) -> Change {
        Change {
            digest: digest::change(directory, policy),
            text: Commitment(Digest::ZERO),
            policy_version: self.state.policy_version,
            directory_version: self.state.directory_version,
        }
    }

    /// What was proposed under a grant; `as PERSON VERB …` names something else instead.
    fn put_in_force(&self, under: GrantId, rest: &[&str]) -> Input {
        let directory = match rest {
            ["as", who, verb, rest @ ..] => self.changed(who, verb, rest),
            _ => {
                let kind = self.state.grants.get(&under).map(|g| &g.kind);
                let granted =
                    |d: &&Directory| kind == Some(&GrantKind::Change { digest: digest::change(d, &self.state.policy) });
                self.proposed.iter().find(granted).or(self.proposed.last()).expect("something was proposed").clone()
            }
        };
        let policy = self.state.policy.clone();
        Input::Apply { directory: directory.into(), policy, under: Some(under), secrets: Vec::new() }
    }

    fn fold(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::PolicyApplied { version, .. } => assert_eq!(*version, self.state.policy_version + 1),
            Event::DirectoryApplied { version, .. } => assert_eq!(*version, self.state.directory_version + 1),
            _ => {}
        }
        apply(&mut self.state, self.now, event);
        let told = effects(&self.state, event);
        shown::event(&self.state, event)
            .into_iter()
            .chain(told.iter().filter_map(|e| shown::effect(event, e)))
            .collect()
    }

    fn decided(&mut self, input: Input) -> Vec<String> {
        let directory = match &input {
            Input::Apply { directory, .. } => Some(directory.clone()),
            _ => None,
        };
        let decision = match decide(&self.state, &self.directory, input, self.now) {
            Ok(decision) => decision,
            Err(refusal) => return vec![format!("no: {refusal}")],
        };
        let mut happened = Vec::new();
        if decision.events.is_empty() {
            happened.push(format!("nothing new: {:?}", decision.answer));
        }
        for event in decision.events {
            happened.extend(self.fold(&event));
        }
        self.directory = directory.unwrap_or_else(|| self.directory.clone());
        happened
    }

    /// `rule connect|update|administer OUTCOME [for GROUP] [by LEVEL …] [with CONDITION …]`
    fn write_rule(&mut self, words: &[&str]) {
        let id = self.rules.len() as u64 + 1;
        let mut rule = Rule {
            id: RuleId(id),
            name: format!("rule {id}"),
            subjects: Subjects::default(),
            targets: countersign_journal::Targets::default(),
            acts: act(words[0]),
            outcome: outcome(words[1]),
            workflow: None,
            unknown: None,
            exclusions: Subjects::default(),
            conditions: Conditions::default(),
            automatic: None,
            emergency: None,
        };
        let mut levels = Vec::new();
        let mut part = "";
        for word in &words[2..] {
            match (part, *word) {
                (_, "for" | "by" | "with") => part = word,
                ("for", name) => rule.subjects.groups.extend([group(name)]),
                ("by", text) => levels.push(level(text)),
                ("with", "exclusive") => rule.conditions.exclusive = true,
                ("with", "same-session") => rule.conditions.same_session = true,
                ("with", condition) => with_condition(&mut rule, condition),
                _ => panic!("`{word}` means nothing in a rule"),
            }
        }
        if !levels.is_empty() {
            rule.workflow = Some(WorkflowId(id));
            self.workflows.push(Workflow { id: WorkflowId(id), name: format!("workflow {id}"), levels });
        }
        self.rules.push(rule);
    }

    fn changed(&self, who: &str, verb: &str, rest: &[&str]) -> Directory {
        let mut directory = Directory::clone(&self.directory);
        if verb == "moves" {
            directory.devices.values_mut().for_each(|d| d.host = "192.0.2.11".into());
            return directory;
        }
        let id = person(who);
        if let Some(contact) = directory.contacts.get_mut(&id) {
            contact.enabled = verb != "disabled";
            return directory;
        }
        let known = directory.people.get_mut(&id).expect("a member of the cast");
        if verb == "disabled" {
            known.enabled = false;
        } else if verb == "administers" {
            known.role = match rest {
                ["no", "more"] => Role::Member,
                ["all"] => Role::SuperAdministrator,
                _ => Role::Administrator,
            };
        } else if rest == ["approvers"] {
            let approvers = directory.approvers.entry(Module::PamCore).or_default();
            if verb == "leaves" {
                approvers.remove(&id)
            } else {
                approvers.insert(id)
            };
        } else {
            let group = directory.groups.get_mut(&group(rest[0])).expect("a known group");
            match verb {
                "joins" => group.members.insert(id),
                "leaves" => group.members.remove(&id) | group.managers.remove(&id),
                _ => group.managers.insert(id),
            };
        }
        directory
    }

    fn said(&mut self, by: PersonId, words: &[&str]) -> Input {
        let hash = |text: &str| RequestId(number(text.trim_start_matches('#')));
        match words {
            ["asks", rest @ ..] => {
                let window = rest.iter().find(|w| w.contains('-')).map(|w| period(w));
                let window = window.unwrap_or(Window { start: self.now, end: clock("17:00") });
                let given = |key: &str| rest.iter().find_map(|w| w.strip_prefix(key)).map(str::to_owned);
                let act = AskAct::Connect { account: AccountId(1), database: None, window };
                Input::Ask(Ask {
                    reason: Some(Commitment(Digest::ZERO)),
                    reason_chars: given("because:").map_or(20, |n| number(&n) as u32),
                    ticket: given("ticket:"),
                    choice: given("choice:"),
                    plan: given("plan:").map(|units| Box::new(plan::of(&units))),
                    chosen: given("whom:").iter().flat_map(|w| w.split('+')).map(person).collect(),
                    ..Ask::plain(by, act, [0; 32])
                })
            }
            ["links", who] => Input::MakeLink { person: person(who), by },
            ["proposes", who, verb, rest @ ..] => {
                let directory = self.changed(who, verb, rest);
                let change = self.change(&directory, &self.state.policy);
                self.proposed.push(directory);
                Input::Ask(Ask {
                    reason: Some(Commitment(Digest::ZERO)),
                    reason_chars: 20,
                    ..Ask::plain(by, AskAct::Administer(change), [0; 32])
                })
            }
            ["escalates", request] => {
                let position = self.open_position(hash(request));
                Input::Escalate { request: hash(request), position, by }
            }
            ["declares", request, rest @ ..] => Input::Emergency(EmergencyCall {
                request: hash(request),
                by,
                reason: (!rest.contains(&"silently")).then_some(Commitment(Digest::ZERO)),
                evidence: if rest.contains(&"weakly") { Evidence::SignedIn } else { Evidence::SecondFactor },
            }),
            ["stops", request] => Input::StopEmergency { request: hash(request), by, comment: None },
            ["lends", "to", name, window] => Input::Delegate { from: by, to: person(name), window: period(window) },
            ["ends", delegation] => Input::EndDelegation { delegation: DelegationId(number(delegation)), by },
            ["edits", request, window, rest @ ..] => {
                let terms = Terms { window: period(window), reset_after_use: rest.contains(&"reset") };
                Input::Edit { request: hash(request), by, terms, reason: None }
            }
            ["opens"] => Input::Open {
                person: by,
                account: AccountId(1),
                database: None,
                from: "192.0.2.1".into(),
                nonce: [0; 32],
            },
            ["runs", unit, "in", session] => {
                let (session, facts) = (SessionId(number(session)), an_update());
                let act = AskAct::Run { session, attempt: attempt(unit), text: Commitment(Digest::ZERO), facts };
                Input::Ask(Ask::plain(by, act, [0; 32]))
            }
            [verb @ ("approves" | "rejects"), request, rest @ ..] => self.vote(by, verb, hash(request), rest),
            ["retracts", request] => Input::Retract { request: hash(request), by },
            ["withdraws", request] => Input::Withdraw { request: hash(request), by },
            ["revokes", request] => Input::Revoke { request: hash(request), by, reason: None },
            ["watches", session] => Input::Watch { watch: self.watch(session, false), by, export: None },
            ["exports", session] => {
                Input::Watch { watch: self.watch(session, false), by, export: Some(self.export(session)) }
            }
            ["sees-what-was-typed-in", session] => Input::Watch { watch: self.watch(session, true), by, export: None },
            ["exports-what-was-typed-in", session] => {
                Input::Watch { watch: self.watch(session, true), by, export: Some(self.export(session)) }
            }
            [verb @ ("asks-to-watch" | "asks-what-was-typed-in"), session, rest @ ..] => {
                let window = rest.iter().find(|w| w.contains('-')).map(|w| period(w));
                let window = window.unwrap_or(Window { start: self.now, end: clock("17:00") });
                let target = Box::new(self.directory.target_facts(AccountId(1), None).expect("the account"));
                let act = AskAct::Watch { watch: self.watch(session, *verb != "asks-to-watch"), target, window };
                let reason = (!rest.contains(&"silently")).then_some(Commitment(Digest::ZERO));
                Input::Ask(Ask { reason, reason_chars: 9, ..Ask::plain(by, act, [0; 32]) })
            }
            ["surrenders", grant] => Input::Surrender { grant: GrantId(number(grant)), by },
            other => panic!("nobody can say `{}`", other.join(" ")),
        }
    }

    fn watch(&self, session: &str, typed: bool) -> Watch {
        let session = SessionId(number(session));
        Watch { session, typed, whose: self.state.sessions.get(&session).map_or(PersonId(0), |s| s.person) }
    }

    fn export(&self, session: &str) -> Export {
        let session = self.state.sessions.get(&SessionId(number(session)));
        let grant = session.and_then(|s| self.state.grants.get(&s.grant));
        let request = grant.and_then(|g| self.state.requests.get(&g.request));
        let forbidden_by = request.map(|r| r.ruling.conditions.export_forbidden_by.clone()).unwrap_or_default();
        Export { what: Exported::Transcript, forbidden_by }
    }

    /// What is open of a request, or the first review that is owed.
    fn open_position(&self, request: RequestId) -> Position {
        let Some(request) = self.state.requests.get(&request) else { return Position { track: 0, level: 0, epoch: 0 } };
        if let Some((track, level)) = request.debt().first().copied() {
            return Position { track, level, epoch: 0 };
        }
        let open = (0..).zip(&request.tracks).find(|(_, t)| t.open().is_some());
        open.map_or(Position { track: 0, level: 0, epoch: 0 }, |(track, t)| Position {
            track,
            level: t.at,
            epoch: t.epoch,
        })
    }

    /// An answer on what is open, unless the line says `seeing TRACK/LEVEL/EPOCH`.
    fn vote(&self, approver: PersonId, verb: &str, request: RequestId, rest: &[&str]) -> Input {
        let mut position = self.open_position(request);
        let linked = CONTACTS.contains(&name(approver));
        let (mut terms, mut evidence) = (None, if linked { Evidence::Link } else { Evidence::SignedIn });
        for word in rest {
            match *word {
                "plainly" => evidence = Evidence::SignedIn,
                "linked" => evidence = Evidence::Link,
                "seeing" => {}
                "strongly" => evidence = Evidence::SecondFactor,
                seen if seen.contains('/') => {
                    let numbers: Vec<u32> = seen.split('/').map(|n| n.parse().expect("a number")).collect();
                    position = Position { track: numbers[0] - 1, level: numbers[1] - 1, epoch: numbers[2] };
                }
                window => terms = Some(Terms::in_window(period(window))),
            }
        }
        let verdict = if verb == "approves" { Verdict::Approve } else { Verdict::Reject };
        Input::Vote(Vote { request, position, approver, verdict, terms, comment: None, evidence })
    }
}

fn closed(session: &str) -> Input {
    Input::Close { session: SessionId(number(session)), why: SessionEnd::ClientLeft, transcript: None, records: 0 }
}

fn someone(name: &str) -> Person {
    let role = if name == "root" { Role::Administrator } else { Role::Member };
    let manager = (name == "alice").then(|| person("dave"));
    Person {
        handle: name.to_owned(),
        name: name.to_owned(),
        email: None,
        enabled: true,
        role,
        manager,
        former_emails: [].into(),
    }
}

fn contact(name: &str) -> Contact {
    Contact { name: name.to_owned(), email: format!("{name}@example.test"), enabled: true }
}

fn person(name: &str) -> PersonId {
    let at = PEOPLE
        .iter()
        .chain(&CONTACTS)
        .position(|n| *n == name)
        .unwrap_or_else(|| panic!("`{name}` is not in the cast"));
    PersonId(at as u64 + 1)
}

fn group(name: &str) -> GroupId {
    let at = GROUPS.iter().position(|g| g.0 == name).unwrap_or_else(|| panic!("`{name}` is not a group"));
    GroupId(at as u64 + 1)
}

fn act(word: &str) -> ActMatch {
    match word {
        "connect" => ActMatch::Connect,
        "administer" => ActMatch::Administer,
        "delete" => alert::deleting(),
        "update" => {
            ActMatch::Run(StatementMatch { kinds: [StatementKind::Update].into(), ..StatementMatch::default() })
        }
        _ => panic!("`{word}` is not an act"),
    }
}

fn outcome(word: &str) -> Outcome {
    match word {
        "allow" => Outcome::Allow,
        "justify" => Outcome::Justify,
        "approve" => Outcome::Approve,
        "deny" => Outcome::Deny,
        _ => panic!("`{word}` is not an outcome"),
    }
}

/// `2` for at most two hours, or one of the conditions by name.
fn with_condition(rule: &mut Rule, text: &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let conditions = &mut rule.conditions;
    match name {
        "hours" => conditions.hours = [hours(value)].into(),
        "kept" => conditions.recording_kept_days = Some(number(value) as u32),
        "sessions" => conditions.sessions_max = Some(number(value) as u32),
        "reason" => conditions.reason_chars_min = Some(number(value) as u32),
        "ahead" => conditions.ahead_max_s = Some(number(value) * 3600),
        "ticket" => conditions.ticket = true,
        "reset" => conditions.reset_after_use = true,
        "stays" => conditions.export_forbidden_by = [rule.name.clone()].into(),
        "unknown" => rule.unknown = Some(WorkflowId(rule.id.0)),
        "strong" => conditions.evidence = Evidence::SecondFactor,
        "link" => conditions.evidence = Evidence::Link,
        "reasons" => conditions.reasons = Some(value.split(',').map(str::to_owned).collect()),
        "automatic" => rule.automatic = Some(Automatic { hours: hours(value), any_start: false }),
        "emergency" => {
            rule.emergency = Some(Emergency { countdown_s: if value.is_empty() { 0 } else { number(value) } });
        }
        most => conditions.duration_max_s = Some(number(most) * 3600),
    }
}

/// `08:00-18:00`, every day, in UTC.
fn hours(text: &str) -> Hours {
    let Window { start, end } = period(text);
    let minute = |at: Timestamp| (at.0 / MINUTE) as u16;
    let opening =
        Opening { days: Weekday::ALL.into_iter().collect(), from_minute: minute(start), until_minute: minute(end) };
    Hours { zone: "UTC".into(), openings: [opening].into() }
}

/// `30:expire`, `30:members:sec` or `30:managers:sec`, in minutes.
fn timeout(text: &str) -> Timeout {
    let words: Vec<&str> = text.split(':').collect();
    let action = match words[1..] {
        ["expire"] => TimeoutAction::Expire,
        ["members", name] => TimeoutAction::EscalateToMembers(group(name)),
        ["managers", name] => TimeoutAction::EscalateToManagers(group(name)),
        _ => panic!("`{text}` is not a timeout"),
    };
    Timeout { after_s: number(words[0]) * 60, action }
}

/// `sec`, told as approvers and as the requester is; or `approver:sec`, `requester:sec`.
fn notice(text: &str) -> Notice {
    let (scope, name) = text.split_once(':').unwrap_or(("all", text));
    let scope = match scope {
        "approver" => NoticeScope::Approver,
        "requester" => NoticeScope::Requester,
        "all" => NoticeScope::All,
        _ => panic!("`{text}` is not a notice"),
    };
    Notice { group: group(name), scope }
}

/// `dba`, `manager:dba`, `admins`, `boss`, `owners`, `keepers` (managers of the account), `out:vera` or `bob+erin`; then
/// `>TIMEOUT`, `~NOTICE` for who is told, `?` for a choice, `*2` for approvals, `/2` for rejections, `!` for evidence.
fn level(text: &str) -> Level {
    let (text, timeout) = text.split_once('>').map_or((text, None), |(rest, t)| (rest, Some(timeout(t))));
    let (text, notice) = text.split_once('~').map_or((text, None), |(rest, text)| (rest, Some(notice(text))));
    let notify = notice.into_iter().collect();
    let (text, choose) = text.strip_suffix('?').map_or((text, false), |rest| (rest, true));
    let (text, evidence) = match text.strip_suffix('!') {
        Some(rest) => (rest, Evidence::SecondFactor),
        None => (text, Evidence::SignedIn),
    };
    let (text, rejections) = text.split_once('/').map_or((text, 1), |(rest, n)| (rest, number(n) as u32));
    let (text, approvals) = text.split_once('*').map_or((text, 1), |(rest, n)| (rest, number(n) as u32));
    let authority = match text.strip_prefix("manager:") {
        Some(name) => Authority::Managers(group(name)),
        None if text.starts_with("out:") => Authority::Contacts(text[4..].split('+').map(person).collect()),
        None if text == "admins" => Authority::Administrators,
        None if text == "boss" => Authority::LineManager,
        None if text == "owners" => Authority::AccountOwners,
        None if text == "keepers" => Authority::AccountManagers,
        None if GROUPS.iter().any(|g| g.0 == text) => Authority::Members(group(text)),
        None => Authority::Persons(text.split('+').map(person).collect()),
    };
    Level { approvals, rejections, evidence, choose, timeout, notify, ..Level::of(authority) }
}

fn attempt(unit: &str) -> Attempt {
    Attempt(Digest([unit.as_bytes()[0]; 32]))
}

fn an_update() -> ActionFacts {
    let statement = StatementFacts { kinds: [StatementKind::Update].into(), ..StatementFacts::default() };
    ActionFacts { statements: vec![statement], ..ActionFacts::default() }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is not a number"))
}

fn clock(text: &str) -> Timestamp {
    let (hours, minutes) = text.split_once(':').unwrap_or_else(|| panic!("`{text}` is not a time"));
    Timestamp((number(hours) * 60 + number(minutes)) as i64 * MINUTE)
}

fn period(text: &str) -> Window {
    let (start, end) = text.split_once('-').unwrap_or_else(|| panic!("`{text}` is not a period"));
    Window { start: clock(start), end: clock(end) }
}

/// The name of a member of the cast.
fn name(id: PersonId) -> &'static str {
    if id == PersonId::OPERATOR {
        return "the operator";
    }
    PEOPLE.iter().chain(&CONTACTS).nth(id.0 as usize - 1).expect("a member of the cast")
}

/// A moment of the day.
fn time(at: Timestamp) -> String {
    format!("{:02}:{:02}", at.0 / MINUTE / 60, at.0 / MINUTE % 60)
}
