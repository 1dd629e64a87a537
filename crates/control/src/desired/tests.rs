//! Every key of the policy file: what it comes to mean, and what is said when it is wrong.

use super::{Desired, acceptable, compare::compare};
use countersign_core::{Directory, Endpoint, Role};
use countersign_journal::{
    AccountId, ActMatch, Authority, Automatic, Emergency, Evidence, GroupId, Hours, Level, Notice, NoticeScope,
    Opening, Outcome, PersonId, Policy, Recording, Rule, Subjects, Targets, Timeout, TimeoutAction, Tools, Weekday,
    Workflow,
};
use std::collections::BTreeSet;

const BASE: &str = r#"
person = [
  { handle = "ada", role = "administrator" },
  { handle = "Alice", name = "Alice Adams", email = "alice@example.test", manager = "mia" },
  { handle = "mia" },
  { handle = "olga" },
  { handle = "aron", role = "auditor" },
]
group = [
  { name = "developers", members = ["alice"], managers = ["mia"] },
  { name = "dba", members = ["olga"], groups = ["developers"] },
]
device = [{ name = "prod-db", host = "10.0.0.5", database = "shop", ca = "" }]
device_group = [{ name = "production", devices = ["prod-db"] }]
"#;
const ACCOUNT: &str = "[[account]]\ndevice = \"prod-db\"\nname = \"app\"\n";
const FLOW: &str = "[[workflow]]\nname = \"flow\"\n[[workflow.level]]\n";
const RULE: &str = "[[rule]]\nname = \"r\"\n";
const REACH: &str = "[[rule]]\nname = \"r\"\nact = \"connect\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n";

fn read(more: &[&str]) -> Result<Desired, String> {
    let file = format!("{BASE}{}", more.concat());
    acceptable(&file, &Directory::default(), &Policy::default()).map_err(|f| f.to_string())
}

fn desired(more: &[&str]) -> Desired {
    read(more).unwrap_or_else(|told| panic!("{told}\n{}", more.concat()))
}

/// Checks that the file is refused with all of these words.
fn refused(more: &[&str], words: &[&str]) {
    let told = read(more).err().unwrap_or_else(|| panic!("this was accepted: {}", more.concat()));
    for word in words {
        assert!(told.contains(word), "`{word}` is missing: {told}");
    }
}

fn person(desired: &Desired, handle: &str) -> PersonId {
    let found = desired.directory.people.iter().find(|(_, p)| p.handle == handle);
    *found.expect("the file has this person").0
}

fn group(desired: &Desired, name: &str) -> GroupId {
    *desired.directory.groups.iter().find(|(_, g)| g.name == name).expect("the file has this group").0
}

fn app(desired: &Desired) -> AccountId {
    *desired.directory.accounts.keys().next().expect("the file has one account")
}

fn workflow<'d>(desired: &'d Desired, name: &str) -> &'d Workflow {
    desired.policy.workflows.values().find(|w| w.name == name).expect("there is this workflow")
}

fn rule<'d>(desired: &'d Desired, name: &str) -> &'d Rule {
    desired.policy.rules.iter().find(|r| r.name == name).expect("there is this rule")
}

fn level(text: &str) -> (Level, Desired) {
    let desired = desired(&[ACCOUNT, FLOW, text]);
    (workflow(&desired, "flow").levels[0].clone(), desired)
}

/// A rule with `more` in it, and everything else left out.
fn reach(more: &str) -> Rule {
    rule(&desired(&[ACCOUNT, REACH, more]), "r").clone()
}

fn week(from_minute: u16, until_minute: u16) -> Hours {
    let days = Weekday::ALL.into_iter().filter(|d| !matches!(d, Weekday::Sat | Weekday::Sun)).collect();
    Hours { zone: "Europe/Berlin".into(), openings: [Opening { days, from_minute, until_minute }].into() }
}

/// What would be saved and never match, or never be given, is refused with the remedy.
#[test]
fn what_could_never_hold_is_refused() {
    for (field, remedy) in [
        ("tables = [\"cust*\"]", "is not a name; write `name`"),
        ("tables = [\" customers\"]", "is not a name"),
        ("functions = [\"f(x)\"]", "in double quotes where SQL needs them"),
        ("programs = [\"rm\"]", "use `act = \"run\"`"),
    ] {
        refused(&[ACCOUNT, &REACH.replace("connect", "query"), field], &["r", remedy]);
    }
    for (field, remedy) in [
        ("tables = [\"customers\"]", "use `act = \"query\"`"),
        ("programs = [\"/bin/rm\"]", "write the program `/bin/rm` as `rm`"),
        ("programs = [\"rm -r\"]", "is no program; write one word"),
        ("trusted = [\"\"]", "is no program"),
        ("programs = [\"ls\"]\nfree = [\"ls\"]", "the rule speaks of it or does not"),
        ("paths = [\"etc/hosts\"]", "is not plain; write `/folder/file`"),
        ("paths = [\"/etc/../x\"]", "is not plain"),
        ("transaction_hold_max_s = 30", "means nothing for this act"),
    ] {
        refused(&[ACCOUNT, &REACH.replace("connect", "run"), field], &["r", remedy]);
    }
    for (field, remedy) in [
        ("reasons = [\"patching\", \" \"]", "one of its reasons says nothing"),
        ("reason_chars_min = 4001", "at most 4000 characters"),
    ] {
        refused(&[ACCOUNT, REACH, field], &["r", remedy]);
    }
    let nobody = BASE.replace("alice@example.test", "alice at example");
    let told = acceptable(&nobody, &Directory::default(), &Policy::default()).map(|_| ()).map_err(|f| f.to_string());
    assert!(told.as_ref().is_err_and(|t| t.contains("`alice`") && t.contains("name@example.org")), "{told:?}");
}

#[test]
fn people_groups_and_accounts_mean_what_they_say() {
    let owned = format!("{ACCOUNT}owners = [\"mia\"]\nmanagers = [\"olga\", \"ALICE\"]\npassword = \"hunter2\"\n");
    let desired = desired(&[&owned]);
    let (alice, mia, olga) = (person(&desired, "alice"), person(&desired, "mia"), person(&desired, "olga"));
    let known = &desired.directory.people[&alice];
    assert_eq!((known.name.as_str(), known.email.as_deref()), ("Alice Adams", Some("alice@example.test")));
    assert_eq!((known.manager, known.role), (Some(mia), Role::Member));
    let plain = &desired.directory.people[&mia];
    assert_eq!((plain.name.as_str(), plain.manager), ("mia", None));
    assert_eq!(desired.directory.people[&person(&desired, "aron")].role, Role::Auditor);
    assert_eq!(desired.directory.members(group(&desired, "dba")), [alice, olga].into());
    let account = &desired.directory.accounts[&app(&desired)];
    assert_eq!((&account.owners, &account.managers), (&[mia].into(), &[alice, olga].into()));
    assert!(desired.passwords.contains_key(&app(&desired)));
    let device = desired.directory.devices.values().next().expect("a device");
    let Endpoint::Postgresql(at) = &device.endpoint else { panic!("a database: {device:?}") };
    assert_eq!((device.port, at.server_name.as_str()), (5432, "10.0.0.5"));
}

/// R15: the list of timeouts, and its defaults.
#[test]
fn r15_the_parameter_lists_the_timeouts() {
    assert_eq!(desired(&[]).policy.parameters.timeout_periods_s, [1_800, 7_200, 86_400].into());
    let listed = "[parameters]\n\"approval.workflow.level.timeout.period.values\" = [\"45s\", \"1d\"]\n";
    assert_eq!(desired(&[listed]).policy.parameters.timeout_periods_s, [45, 86_400].into());
    let what = "`approval.workflow.level.timeout.period.values`";
    refused(&[&listed.replace("45s", "45")], &[what, "`45` is not a period", "`30m`"]);
    refused(&[&listed.replace("45s", "0s")], &[what, "a timeout of 0", "remove it"]);
    refused(&[ACCOUNT, FLOW, "administrators = true\ntimeout = \"7m\"\n"], &["`flow`, level 1", what]);
    refused(&["[parameters]\ntimeouts = []\n"], &["unknown field `timeouts`"]);
}

/// R11: each way to say who decides.
#[test]
fn r11_each_authority_is_named_by_one_key() {
    let check = |text: &str, wanted: &dyn Fn(&Desired) -> Authority| {
        let (level, desired) = level(text);
        assert_eq!(level, Level::of(wanted(&desired)), "{text}");
    };
    check("people = [\"mia\"]\n", &|d| Authority::Persons([person(d, "mia")].into()));
    check("members_of = \"dba\"\n", &|d| Authority::Members(group(d, "dba")));
    check("managers_of = \"developers\"\n", &|d| Authority::Managers(group(d, "developers")));
    check("administrators = true\n", &|_| Authority::Administrators);
    check("line_manager = true\n", &|_| Authority::LineManager);
    check("account_owners = true\n", &|_| Authority::AccountOwners);
    check("account_managers = true\n", &|_| Authority::AccountManagers);
    for text in ["", "line_manager = false\n", "line_manager = true\nmembers_of = \"dba\"\n"] {
        refused(&[FLOW, text], &["workflow `flow`, level 1", "exactly one of", "`account_owners`"]);
    }
    refused(&[FLOW, "members_of = \"nobody\"\n"], &["level 1", "group `nobody`", "add it, or take the name out"]);
    refused(&[FLOW, "people = []\n"], &["level 1", "approvers do not exist"]);
}

/// R12, R13, R14, R18: whom a level asks, how many, by which way, and who else hears of it.
#[test]
fn a_level_says_whom_it_asks_and_tells() {
    let text = "members_of = \"dba\"\napprovals = 2\nrejections = 3\nsecond_factor = true\nchoose = true\nmail = false\n\
                notify = [{ group = \"developers\", scope = \"approver\" }, { group = \"dba\", scope = \"all\" }]\n";
    let (level, desired) = level(text);
    let told = [("developers", NoticeScope::Approver), ("dba", NoticeScope::All)];
    let told = told.map(|(name, scope)| Notice { group: group(&desired, name), scope });
    let wanted = Level {
        approvals: 2,
        rejections: 3,
        evidence: Evidence::SecondFactor,
        choose: true,
        tools: Tools { mail: false, sms: false },
        notify: told.into(),
        ..Level::of(Authority::Members(group(&desired, "dba")))
    };
    assert_eq!(level, wanted);
    let notice = "members_of = \"dba\"\nnotify = [{ group = \"dba\", scope = \"everybody\" }]\n";
    refused(&[FLOW, notice], &["unknown variant `everybody`", "`requester`"]);
    refused(&[FLOW, "members_of = \"dba\"\napprovals = 0\n"], &["`flow`, level 1", "require at least 1"]);
}

/// R15, R16: a timeout and what it leads to.
#[test]
fn r16_a_timeout_escalates_or_expires() {
    let timeout = |more: &str| level(&format!("administrators = true\ntimeout = \"2h\"\n{more}")).0.timeout;
    let within = |action| Some(Timeout { after_s: 7_200, action });
    let groups = desired(&[]);
    let (developers, dba) = (group(&groups, "developers"), group(&groups, "dba"));
    assert_eq!(timeout(""), within(TimeoutAction::Expire));
    let managers = "escalate_to_managers_of = \"developers\"\n";
    assert_eq!(timeout(managers), within(TimeoutAction::EscalateToManagers(developers)));
    let members = "escalate_to_members_of = \"dba\"\n";
    assert_eq!(timeout(members), within(TimeoutAction::EscalateToMembers(dba)));
    let both = format!("administrators = true\ntimeout = \"2h\"\n{managers}{members}");
    refused(&[FLOW, &both], &["level 1", "not both"]);
    refused(&[FLOW, "administrators = true\n", members], &["level 1", "needs a `timeout`"]);
    refused(&[FLOW, "administrators = true\ntimeout = \"soon\"\n"], &["level 1, `timeout`", "`soon`", "`30m`"]);
    let same = "members_of = \"dba\"\ntimeout = \"2h\"\nescalate_to_members_of = \"dba\"\n";
    refused(&[FLOW, same], &["level 1", "name another group"]);
}

/// R7: what a rule says by keeping silent. Exclusive use is on by default where a connection needs approval.
#[test]
fn r7_a_rule_has_defaults() {
    let plain = reach("");
    let conditions = &plain.conditions;
    assert!(conditions.exclusive && !conditions.reset_after_use && !conditions.ticket && !conditions.same_session);
    assert!(conditions.hours.is_empty() && conditions.reasons.is_none() && conditions.sessions_max.is_none());
    assert_eq!((conditions.evidence, conditions.recording), (Evidence::SignedIn, Recording::Normal));
    assert_eq!((plain.automatic, plain.emergency, plain.workflow), (None, None, None));
    assert!(!reach("exclusive = false\n").conditions.exclusive);
    let exclusive = |text: &str| rule(&desired(&[ACCOUNT, FLOW, "administrators = true\n", RULE, text]), "r").clone();
    let others = [
        ("act = \"connect\"\noutcome = \"allow\"\n", false),
        ("act = \"connect\"\noutcome = \"justify\"\n", false),
        ("act = \"query\"\noutcome = \"approve\"\nworkflow = \"flow\"\n", false),
        ("act = \"connect\"\noutcome = \"allow\"\nexclusive = true\n", true),
    ];
    for (text, wanted) in others {
        assert_eq!(exclusive(text).conditions.exclusive, wanted, "{text}");
    }
}

/// R7: every condition in its own unit.
#[test]
fn r7_a_rule_has_conditions() {
    let rule = reach(
        "duration_max_minutes = 90\nreason_chars_min = 10\nahead_max_minutes = 1440\nreasons = [\"repair\", \"release\"]\n\
         ticket = true\nreset_after_use = true\nsessions_max = 4\nsecond_factor = true\nrecording = \"strict\"\n\
         recording_kept_days = 30\nrecording_export = false\n\
         hours = { zone = \"Europe/Berlin\", open = [\"Mon-Fri 09:00-17:00\"] }\n",
    );
    let found = rule.conditions;
    assert_eq!((found.duration_max_s, found.ahead_max_s), (Some(5_400), Some(86_400)));
    assert_eq!((found.reason_chars_min, found.sessions_max), (Some(10), Some(4)));
    assert_eq!(found.reasons, Some(["repair".to_owned(), "release".to_owned()].into()));
    assert!(found.ticket && found.reset_after_use);
    assert_eq!((found.evidence, found.recording), (Evidence::SecondFactor, Recording::Strict));
    assert_eq!(found.recording_kept_days, Some(30));
    assert_eq!(found.export_forbidden_by, ["r".to_owned()].into());
    assert!(reach("recording_export = true\n").conditions.export_forbidden_by.is_empty());
    assert_eq!(found.hours, [week(540, 1_020)].into());
    for (text, words) in [
        ("duration_max_minutes = 0\n", ["rule `r`", "nothing could be granted"]),
        ("sessions_max = 0\n", ["rule `r`", "nothing could be opened"]),
        ("recording_kept_days = 0\n", ["rule `r`", "kept 1 to 36500 days"]),
        ("recording_kept_days = 36501\n", ["rule `r`", "kept 1 to 36500 days"]),
        ("transaction_hold_max_s = 30\n", ["rule `r`", "in a rule on `query`"]),
        ("reasons = []\n", ["rule `r`", "nobody could give one"]),
        ("duration_max_minutes = -1\n", ["duration_max_minutes", "invalid value"]),
        ("recording = \"none\"\n", ["unknown variant `none`", "`strict`"]),
        ("exclusiv = true\n", ["unknown field `exclusiv`", "`exclusive`"]),
    ] {
        refused(&[ACCOUNT, REACH, text], &words);
    }
}

/// R6, R7: hours are read strictly, and a wrong one is named with its key.
#[test]
fn r6_r7_hours_are_read_or_refused() {
    let automatic =
        |text: &str| reach(&format!("automatic = {{ zone = \"Europe/Berlin\", open = {text} }}\n")).automatic;
    let wanted = |any_start| Some(Automatic { hours: week(540, 1_020), any_start });
    assert_eq!(automatic("[\"Mon-Fri 09:00-17:00\"]"), wanted(false));
    assert_eq!(automatic("[\"Mon-Fri 09:00-17:00\"], any_start = true"), wanted(true));
    let two = automatic("[\"Mon-Fri 09:00-17:00\", \"Sat 22:00-02:00\"]").expect("hours");
    assert_eq!(two.hours.openings.len(), 2);
    for key in ["hours", "automatic"] {
        let said = |zone: &str, open: &str| format!("{key} = {{ zone = \"{zone}\", open = [{open}] }}\n");
        let field = format!("rule `r`, `{key}`");
        refused(&[ACCOUNT, REACH, &said("UTC", "\"9 to 5\"")], &[&field, "`9 to 5`", "`Mon-Fri 09:00-17:00`"]);
        refused(&[ACCOUNT, REACH, &said("Mars/Base", "\"Mon 09:00-17:00\"")], &["rule `r`", "`Mars/Base`", "`UTC`"]);
        refused(&[ACCOUNT, REACH, &said("UTC", "")], &["rule `r`", "never open"]);
        let denies = format!("{RULE}act = \"connect\"\noutcome = \"deny\"\n{}", said("UTC", "\"Mon 09:00-17:00\""));
        assert_eq!(read(&[ACCOUNT, &denies]).is_ok(), key == "hours");
    }
    let start = "hours = { zone = \"UTC\", open = [\"Mon 09:00-17:00\"], any_start = true }\n";
    refused(&[ACCOUNT, REACH, start], &["unknown field `any_start`"]);
}

/// R39: an emergency is allowed or not, and a countdown without it is a mistake.
#[test]
fn r39_an_emergency_may_count_down() {
    assert_eq!(reach("emergency = true\n").emergency, Some(Emergency { countdown_s: 0 }));
    let counted = reach("emergency = true\nemergency_countdown_s = 90\n");
    assert_eq!(counted.emergency, Some(Emergency { countdown_s: 90 }));
    refused(&[ACCOUNT, REACH, "emergency_countdown_s = 90\n"], &["rule `r`", "`emergency = true`"]);
    let allows = "act = \"connect\"\noutcome = \"allow\"\nemergency = true\n";
    refused(&[ACCOUNT, RULE, allows], &["rule `r`", "only a rule that asks for approval"]);
}

/// R2, R5: who, on what, doing what, and who is left out.
#[test]
fn r2_a_rule_names_whom_and_what() {
    let text = "accounts = [\"app@prod-db\"]\ndevice_groups = [\"production\"]\nexclude_people = [\"mia\"]\n\
                exclude_groups = [\"dba\"]\n";
    let desired = desired(&[ACCOUNT, REACH, text]);
    let rule = rule(&desired, "r");
    assert_eq!(rule.subjects, Subjects { groups: [group(&desired, "developers")].into(), ..Subjects::default() });
    let left_out = Subjects { persons: [person(&desired, "mia")].into(), groups: [group(&desired, "dba")].into() };
    assert_eq!(rule.exclusions, left_out);
    assert_eq!((rule.targets.accounts.len(), rule.targets.groups.len(), rule.targets.devices.len()), (1, 1, 0));
    for (text, words) in [
        ("accounts = [\"app\"]\n", ["rule `r`", "`account@device`"]),
        ("accounts = [\"other@prod-db\"]\n", ["rule `r`", "account `other@prod-db`"]),
        ("devices = [\"old-db\"]\n", ["rule `r`", "device `old-db`"]),
        ("workflow = \"none\"\n", ["rule `r`", "workflow `none`"]),
        ("kinds = [\"update\"]\n", ["rule `r`", "`act = \"query\"`"]),
        ("exclude_people = [\"eve\"]\n", ["rule `r`", "person `eve`"]),
    ] {
        refused(&[ACCOUNT, REACH, text], &words);
    }
    let nobody = "act = \"connect\"\noutcome = \"approve\"\n";
    refused(&[ACCOUNT, RULE, nobody], &["rule `r`", "name a workflow"]);
}

/// R2, R10, R84: an account's own set-up is a rule on it alone, with its own levels.
#[test]
fn r2_r10_r84_an_account_has_a_set_up_of_its_own() {
    let set_up = "[account.approval]\nexclude_people = [\"mia\"]\nexclude_groups = [\"dba\"]\n\
                  automatic = { zone = \"Europe/Berlin\", open = [\"Mon-Fri 09:00-17:00\"] }\n\
                  levels = [{ people = [\"mia\"] }, { account_owners = true }, { members_of = \"dba\", approvals = 2 }]\n";
    let desired = desired(&[ACCOUNT, "owners = [\"olga\"]\n", set_up]);
    let (rule, flow) = (rule(&desired, "account app@prod-db"), workflow(&desired, "account app@prod-db"));
    let (mia, dba) = (person(&desired, "mia"), group(&desired, "dba"));
    let levels = [Authority::Persons([mia].into()), Authority::AccountOwners, Authority::Members(dba)];
    assert_eq!(flow.levels.iter().map(|l| l.authority.clone()).collect::<Vec<_>>(), levels);
    assert_eq!(flow.levels[2].approvals, 2);
    assert_eq!((rule.workflow, rule.outcome, &rule.acts), (Some(flow.id), Outcome::Approve, &ActMatch::Connect));
    assert!(rule.subjects.is_empty() && rule.conditions.exclusive);
    assert_eq!(rule.targets, Targets { accounts: [app(&desired)].into(), ..Targets::default() });
    assert_eq!(rule.exclusions, Subjects { persons: [mia].into(), groups: [dba].into() });
    assert_eq!(rule.automatic, Some(Automatic { hours: week(540, 1_020), any_start: false }));

    let file = format!("{BASE}{ACCOUNT}{set_up}");
    let again = acceptable(&file, &desired.directory, &desired.policy).expect("accepted");
    let kept = (self::rule(&again, &rule.name).id, workflow(&again, &rule.name).id);
    assert_eq!(kept, (rule.id, flow.id), "what was there keeps its identity");
    let gone = acceptable(&format!("{BASE}{ACCOUNT}"), &desired.directory, &desired.policy).expect("accepted");
    assert_eq!(gone.policy, Policy::default().into());
}

#[test]
fn a_wrong_set_up_of_an_account_is_named() {
    let levels = |levels: &str| format!("approval = {{ levels = [{levels}] }}\n");
    let one = "{ administrators = true }";
    let shared = "approval = { exclusive = false, levels = [{ administrators = true }] }\n";
    assert!(!rule(&desired(&[ACCOUNT, shared]), "account app@prod-db").conditions.exclusive);
    refused(&[ACCOUNT, &levels("")], &["account `app@prod-db`, `approval`", "1 to 3 levels", "has 0"]);
    refused(&[ACCOUNT, &levels(&[one; 4].join(", "))], &["account `app@prod-db`", "has 4", "name a workflow"]);
    refused(&[ACCOUNT, &levels("{ people = [\"eve\"] }")], &["account `app@prod-db`, `approval`, level 1", "`eve`"]);
    let hours =
        "approval = { levels = [{ administrators = true }], automatic = { zone = \"UTC\", open = [\"now\"] } }\n";
    refused(&[ACCOUNT, hours], &["`account app@prod-db`, `approval`, `automatic`", "`now`"]);
    refused(&[ACCOUNT, "approval = { levels = [], tickets = true }\n"], &["unknown field `tickets`"]);
    let taken = "[[rule]]\nname = \"account app@prod-db\"\nact = \"connect\"\noutcome = \"deny\"\n";
    refused(&[ACCOUNT, &levels(one), taken], &["two rules", "`account app@prod-db`"]);
    let taken = "[[workflow]]\nname = \"account app@prod-db\"\nlevel = [{ administrators = true }]\n";
    refused(&[ACCOUNT, &levels(one), taken], &["workflow `account app@prod-db`", "keep one"]);
}

/// What makes the directory or the policy impossible is said by plan already, not only by apply.
#[test]
fn what_cannot_be_put_in_force_is_refused() {
    let file = |text: &str| acceptable(text, &Directory::default(), &Policy::default());
    let told = |text: &str| file(text).err().map(|f| f.to_string()).unwrap_or_default();
    let two = "person = [{ handle = \"a\", role = \"administrator\" }, { handle = \"A\" }]";
    assert!(told(two).contains("person `a` stands twice"), "{}", told(two));
    let managers =
        "person = [{ handle = \"a\", role = \"administrator\", manager = \"b\" }, { handle = \"b\", manager = \"a\" }]";
    assert!(told(managers).contains("their own line manager"), "{}", told(managers));
    let admin = "person = [{ handle = \"a\", role = \"administrator\" }]\n";
    let groups = format!("{admin}group = [{{ name = \"x\", groups = [\"y\"] }}, {{ name = \"y\", groups = [\"x\"] }}]");
    assert!(told(&groups).contains("a member of itself"), "{}", told(&groups));
    let unknown = format!("{admin}group = [{{ name = \"x\", members = [\"b\"] }}]");
    assert!(told(&unknown).contains("group `x` names person `b`"), "{}", told(&unknown));
    assert!(told("person = [{ handle = \"a\" }]").contains("role `administrator`"));
    assert!(told("person = [{ handle = \"a b\" }]").contains("use 1 to 64 letters"));
    refused(&[ACCOUNT, "owners = [\"eve\"]\n"], &["account `app@prod-db` names person `eve`"]);
    refused(&[ACCOUNT, ACCOUNT], &["account `app@prod-db` stands twice"]);
    refused(&[&ACCOUNT.replace("prod-db", "old-db")], &["account `app@old-db` names device `old-db`"]);
}

/// What plan says: one line for everything that changes, and none for what stays.
#[test]
fn a_plan_shows_each_change() {
    let listed = "[parameters]\n\"approval.workflow.level.timeout.period.values\" = [\"30m\"]\n";
    let before = desired(&[ACCOUNT]);
    let changes = |more: &[&str]| -> BTreeSet<String> {
        let file = format!("{BASE}{}", more.concat());
        let after = acceptable(&file, &before.directory, &before.policy).expect("accepted");
        compare(&before.directory, &before.policy, &after).into_iter().collect()
    };
    let check = |more: &[&str], lines: &[&str]| {
        assert_eq!(changes(more), lines.iter().map(|l| (*l).to_owned()).collect(), "{more:?}");
    };
    check(&[ACCOUNT], &[]);
    check(&[ACCOUNT, "owners = [\"mia\"]\n"], &["~ account app@prod-db"]);
    check(&[ACCOUNT, "managers = [\"mia\"]\n"], &["~ account app@prod-db"]);
    check(&[ACCOUNT, listed], &["~ parameters"]);
    check(&[ACCOUNT, REACH], &["+ rule r"]);
    let set_up = "approval = { levels = [{ administrators = true }] }\n";
    check(&[ACCOUNT, set_up], &["+ rule account app@prod-db", "+ workflow account app@prod-db"]);
    check(&[], &["- account app@prod-db"]);
}

/// The page that explains the file has an example, which must be one.
#[test]
fn the_example_of_the_page_can_be_put_in_force() {
    let page = include_str!("../../../../docs/policy.md");
    let (_, example) = page.split_once("```toml\n").expect("the page has an example");
    let (example, _) = example.split_once("```").expect("it ends");
    // The command line puts what files hold in place before the server reads it.
    let sent = example.replace("ca_file =", "ca =").replace("password_file =", "password =");
    let read = acceptable(&sent, &Directory::default(), &Policy::default());
    let found = read.unwrap_or_else(|told| panic!("{told}"));
    let rules: Vec<&str> = found.policy.rules.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(rules, ["developers reach production", "customers", "changing web servers", "account app@prod-db"]);
}

/// What is in force, written out and read again, is the same: ids, rules, account set-ups, every key.
fn comes_back(before: &Desired) {
    let text = super::render::render(&before.directory, &before.policy);
    let again = acceptable(&text, &before.directory, &before.policy).unwrap_or_else(|told| panic!("{told}\n{text}"));
    assert_eq!(again.directory, before.directory, "{text}");
    assert_eq!(again.policy, before.policy, "{text}");
}

#[test]
fn what_is_in_force_can_be_written_out_and_read_again() {
    let page = include_str!("../../../../docs/policy.md");
    let example = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("an example").0;
    let sent = example.replace("ca_file =", "ca =").replace("password_file =", "password =");
    comes_back(&acceptable(&sent, &Directory::default(), &Policy::default()).expect("accepted"));
    let levels = [
        "people = [\"mia\", \"olga\"]\napprovals = 2\nrejections = 2\nchoose = true\n",
        "members_of = \"dba\"\ntimeout = \"30m\"\nescalate_to_members_of = \"developers\"\nmail = false\n",
        "managers_of = \"developers\"\ntimeout = \"2h\"\nescalate_to_managers_of = \"dba\"\nsecond_factor = true\n",
        "line_manager = true\nnotify = [{ group = \"dba\", scope = \"approver\" }]\n",
        "account_owners = true\n",
        "account_managers = true\n",
        "administrators = true\n",
    ];
    let levels = levels.map(|l| format!("[[workflow.level]]\n{l}")).concat();
    let flow = format!("[[workflow]]\nname = \"flow\"\n{levels}");
    let rules = "[[rule]]\nname = \"a\"\nact = \"connect\"\noutcome = \"approve\"\nworkflow = \"flow\"\nexclusive = false\n\
        devices = [\"prod-db\"]\ndevice_groups = [\"production\"]\naccounts = [\"app@prod-db\"]\npeople = [\"alice\"]\n\
        exclude_people = [\"olga\"]\nexclude_groups = [\"dba\"]\nduration_max_minutes = 60\nreason_chars_min = 3\n\
        hours = { zone = \"Europe/Berlin\", open = [\"Mon-Fri 09:00-17:00\", \"Sat 22:00-06:00\"] }\n\
        automatic = { zone = \"UTC\", open = [\"Sun 00:00-24:00\"], any_start = true }\nemergency = true\n\
        emergency_countdown_s = 30\nahead_max_minutes = 90\nreasons = [\"repair\"]\nticket = true\nreset_after_use = true\n\
        sessions_max = 2\nsecond_factor = true\nrecording = \"strict\"\nrecording_kept_days = 90\n\
        recording_export = false\n\
        [[rule]]\nname = \"q\"\nact = \"query\"\noutcome = \"approve\"\nworkflow = \"flow\"\nunknown = \"flow\"\n\
        kinds = [\"update\"]\ntables = [\"customers\", \"public.*\"]\nfunctions = [\"wipe\"]\nsame_session = true\n\
        transaction_hold_max_s = 30\n\
        [[rule]]\nname = \"c\"\nact = \"run\"\noutcome = \"approve\"\nworkflow = \"flow\"\nunknown = \"flow\"\n\
        programs = [\"rm\"]\narguments = [\"-r\"]\npaths = [\"/etc/\", \"/srv/x\"]\nfree = [\"ls\"]\n\
        trusted = [\"/opt/tool\"]\n\
        [[rule]]\nname = \"changes\"\nact = \"administer\"\noutcome = \"approve\"\nworkflow = \"two\"\n";
    let two = "[[workflow]]\nname = \"two\"\nlevel = [{ members_of = \"dba\" }]\n";
    let listed = "[parameters]\n\"approval.workflow.level.timeout.period.values\" = [\"30m\", \"2h\", \"45s\"]\n";
    let set_up = "approval = { levels = [{ administrators = true }], exclude_people = [\"mia\"], exclusive = false }\n";
    comes_back(&desired(&[ACCOUNT, "owners = [\"mia\"]\n", set_up, &flow, two, rules, listed]));
    let web = with_device(&format!("port = 2222, host_key = \"{HOST_KEY} of web-01\"")).expect("accepted");
    comes_back(&web);
}

const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOFiuqAoJj9r+YtnC7+ZuLD3eMT7QLKFS0Jtvzj6PDTa";

/// With a server beside the database.
fn with_device(more: &str) -> Result<Desired, String> {
    let web = format!("{{ name = \"web-01\", protocol = \"ssh\", host = \"web\", {more} }}");
    let file = BASE.replace("device = [{", &format!("device = [{web}, {{"));
    acceptable(&file, &Directory::default(), &Policy::default()).map_err(|f| f.to_string())
}

#[test]
fn an_ssh_device_is_pinned_by_its_host_key() {
    let key = format!("host_key = \"{HOST_KEY}\"");
    let of = |more: &str| {
        let desired = with_device(&format!("{key}{more}")).expect("accepted");
        desired.directory.devices.values().find(|d| d.name == "web-01").expect("the device").clone()
    };
    let device = of("");
    assert_eq!((device.port, device.database()), (22, None));
    let Endpoint::Ssh(at) = &device.endpoint else { panic!("an SSH server: {device:?}") };
    assert_eq!(at.host_key, HOST_KEY);
    assert_eq!(of(", port = 2222").port, 2222);
    assert_ne!(of(", port = 2222").pin(), device.pin());
    for (wrong, words) in [
        ("host_key = \"ssh-ed25519 AAAA\"", "must be a public key"),
        ("port = 22", "must be a public key"),
        (&format!("{key}, database = \"shop\""), "are for databases"),
        (&format!("{key}, ca = \"\""), "are for databases"),
    ] {
        let told = with_device(wrong).err().unwrap_or_else(|| panic!("this was accepted: {wrong}"));
        assert!(told.contains("device `web-01`") && told.contains(words), "{told}");
    }
    let told = |from: &str, to: &str| {
        let file = BASE.replace(from, to);
        acceptable(&file, &Directory::default(), &Policy::default()).map(|_| ()).map_err(|f| f.to_string())
    };
    let other = told("ca = \"\"", &format!("ca = \"\", {key}"));
    assert!(other.is_err_and(|told| told.contains("is for `protocol = \"ssh\"`")));
    for without in ["", "database = \"\", "] {
        assert!(told("database = \"shop\", ", without).is_err_and(|told| told.contains("`database` is missing")));
    }
}
