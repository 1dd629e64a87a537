//! Changes of the configuration through the page: proposed, approved by another administrator, compared, restored.

mod scene;

use axum::http::{Method, StatusCode};
use scene::{Scene, edited, escaped};

struct Desk {
    scene: Scene,
}

impl Desk {
    async fn open() -> Desk {
        Desk { scene: Scene::start().await }
    }

    /// Carol administers too, as root alone decides.
    async fn open_for_two() -> Desk {
        let desk = Desk::open().await;
        let (file, base) = desk.in_force().await;
        let promoted = file.replace("handle = \"carol\"", "handle = \"carol\"\nrole = \"administrator\"");
        let done = desk.propose("root", &promoted, &base, "").await;
        assert!(done.location().contains("?done=applied"), "{}", done.text);
        desk
    }

    async fn in_force(&self) -> (String, String) {
        let root = self.scene.actor("root").await;
        let found = self.scene.control.configuration(&root).await.expect("an administrator reads it");
        (found.file, found.base.to_string())
    }

    async fn propose(&self, who: &str, file: &str, base: &str, reason: &str) -> scene::Answer {
        let form = format!("do=propose&planned={base}&base={base}&reason={}&file={}", escaped(reason), escaped(file));
        self.scene.post("/configuration", who, &form).await
    }

    async fn decide(&self, path: &str, who: &str, verdict: &str) -> scene::Answer {
        let form = format!("track=0&level=0&epoch=0&verdict={verdict}&next=/approvals");
        self.scene.post(&format!("{path}/decision"), who, &form).await
    }
}

fn request_of(answer: &scene::Answer) -> String {
    assert!(answer.location().contains("?done=asked"), "{} {}", answer.status, answer.text);
    answer.location().split('?').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_change_is_in_force_once_another_administrator_approved_it() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let shorter = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");

    let unexplained = desk.propose("root", &shorter, &base, "").await;
    assert_eq!(unexplained.status, StatusCode::CONFLICT);
    assert!(unexplained.text.contains("id=\"reason-wrong\""), "{}", unexplained.text);
    assert!(unexplained.text.contains("duration_max_minutes = 60"), "what was typed is kept");
    let planned = format!("do=plan&base={base}&file={}", escaped(&shorter));
    let planned = desk.scene.post("/configuration", "root", &planned).await;
    assert!(planned.text.contains("~ rule prod needs two"), "{}", planned.text);
    assert_eq!(desk.in_force().await.0, file, "looking changes nothing");

    let request = request_of(&desk.propose("root", &shorter, &base, "an hour is enough").await);
    let seen = desk.scene.get(&request, "carol").await.text;
    for words in
        ["change rule prod needs two", "wants to", "an hour is enough", "removed: </span>duration_max_minutes = 240"]
    {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    assert_eq!(desk.decide(&request, "root", "approve").await.status, StatusCode::CONFLICT, "not the proposer");
    assert_eq!(desk.scene.get(&request, "bob").await.status, StatusCode::NOT_FOUND, "not a member");
    assert_eq!(desk.in_force().await.0, file, "not in force before it is approved");
    assert_eq!(desk.decide(&request, "carol", "approve").await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.in_force().await.0, shorter);
    let done = desk.scene.get(&request, "root").await.text;
    for words in ["It was put in force", "Put in force</span>", "<dt>In force since</dt>", "asked to"] {
        assert!(done.contains(words), "{words}: {done}");
    }
    assert!(!done.contains("<dt>Granted</dt>") && !done.contains("only a reason"), "a change is no session: {done}");
    let list = desk.scene.get("/requests?status=Ended", "root").await.text;
    assert!(list.contains("change rule prod needs two") && list.contains("Put in force"), "{list}");
}

/// A3: a change is approved where it is shown, line by line, and nowhere else.
#[tokio::test]
async fn a_change_is_approved_only_where_it_is_shown() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let opened = format!("{file}\n[[rule]]\nname = \"readonly reports\"\nact = \"connect\"\noutcome = \"allow\"\n");
    let request = request_of(&desk.propose("root", &opened, &base, "reports").await);
    desk.scene.ask("alice").await;
    for path in ["/approvals", "/", request.as_str()] {
        let page = desk.scene.get(path, "carol").await.text;
        let shown = page.find("added: </span>outcome = &#34;allow&#34;").unwrap_or_else(|| panic!("{path}: {page}"));
        let approve = page.find("value=\"approve\"").unwrap_or_else(|| panic!("{path}: {page}"));
        assert!(shown < approve, "{path}: it is read before it is approved");
    }
    let page = desk.scene.get("/requests", "carol").await.text;
    assert!(page.contains(&format!("href=\"{request}\" data-open>Look and decide")), "{page}");
    assert!(!page.contains("value=\"approve\""), "no row approves what it does not show: {page}");
}

#[tokio::test]
async fn a_rejected_change_never_comes_into_force() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let wider = file.replace("duration_max_minutes = 240", "duration_max_minutes = 480");
    let request = request_of(&desk.propose("root", &wider, &base, "longer").await);
    assert_eq!(desk.decide(&request, "carol", "reject").await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.in_force().await.0, file);
}

#[tokio::test]
async fn of_two_changes_the_first_to_be_approved_counts() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let with = |minutes: u32| file.replace("= 240", &format!("= {minutes}"));
    let first = request_of(&desk.propose("root", &with(60), &base, "shorter").await);
    let second = request_of(&desk.propose("carol", &with(90), &base, "a little shorter").await);
    assert_eq!(desk.decide(&first, "carol", "approve").await.status, StatusCode::SEE_OTHER);
    let overtaken = desk.scene.get(&second, "carol").await.text;
    let which = format!("<a href=\"{first}\">#{}</a> was put in force first", &first["/requests/".len()..]);
    assert!(overtaken.contains("Expired") && overtaken.contains(&which), "it started from what is gone: {overtaken}");
    assert_eq!(desk.decide(&second, "root", "approve").await.status, StatusCode::CONFLICT);

    let stale = desk.propose("carol", &with(90), &base, "a little shorter").await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "an editor that was open meanwhile takes nothing back unseen");
    assert!(stale.text.contains("Changed while you were editing") && stale.text.contains("~ rule prod needs two"));
    assert_eq!(desk.in_force().await.0, with(60));
}

#[tokio::test]
async fn versions_are_listed_compared_and_restored() {
    let desk = Desk::open().await;
    let (file, base) = desk.in_force().await;
    let shorter = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");
    desk.propose("root", &shorter, &base, "").await;
    let page = desk.scene.get("/configuration", "audrey").await.text;
    assert!(page.contains("/configuration/versions/1\"") && page.contains("/configuration/versions/2\""), "{page}");
    assert!(!page.contains("value=\"propose\""), "an auditor proposes nothing");
    let first = desk.scene.get("/configuration/versions/1", "root").await.text;
    assert!(first.contains("added: </span>duration_max_minutes = 60"), "{first}");
    let api = desk.scene.api(Method::GET, "/configuration/compare?before=1&after=2", "audrey", "").await;
    assert!(api.text.contains(r#"{"sign":"+","text":"duration_max_minutes = 60"}"#), "{}", api.text);
    let (_, base) = desk.in_force().await;
    desk.propose("root", &file, &base, "").await;
    assert_eq!(desk.in_force().await.0, file, "restored");
}

/// A password travels sealed: no page, no version, no API answer has it.
#[tokio::test]
async fn passwords_are_never_shown() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let secret = "hunter2-hunter2";
    let with = file.replacen("name = \"app\"", &format!("name = \"app\"\npassword = \"{secret}\""), 1);
    let request = request_of(&desk.propose("root", &with, &base, "rotated by hand").await);
    let before = desk.scene.get(&request, "carol").await.text;
    assert!(before.contains("~ secret of app@prod-db") && !before.contains(secret), "{before}");
    desk.decide(&request, "carol", "approve").await;
    for path in
        [request.as_str(), "/configuration", &format!("/configuration/versions{}", &request["/requests".len()..])]
    {
        let page = desk.scene.get(path, "root").await;
        assert!(page.status == StatusCode::OK && !page.text.contains(secret), "{path}: {}", page.status);
    }
    let audit = desk.scene.get("/audit", "root").await.text;
    assert!(audit.contains("secret of") && !audit.contains(secret));
}

/// R93: what a change would have made of past requests, and whom it would leave without approvers.
#[tokio::test]
async fn r93_a_plan_says_what_would_have_been_otherwise_and_what_nobody_could_approve() {
    let desk = Desk::open().await;
    desk.scene.ask("alice").await;
    let (file, base) = desk.in_force().await;
    let plan = async |file: String| {
        let form = format!("do=plan&base={base}&file={}", escaped(&file));
        desk.scene.post("/configuration", "root", &form).await.text
    };
    let open = plan(file.replacen("outcome = \"approve\"", "outcome = \"justify\"", 1)).await;
    assert!(open.contains("1 would be ruled on otherwise") && open.contains("approval by managers of dba"), "{open}");
    assert!(open.contains("<td data-label=\"Then\">a reason</td>"), "{open}");
    let same = plan(file.replace("name = \"Carol Chen\"", "name = \"Carol C. Chen\"")).await;
    assert!(same.contains("The latest 2 requests would be ruled on as now"), "{same}");
    let unmanaged = plan(file.replace("managers = [\"bob\"]", "managers = [\"alice\"]")).await;
    assert!(unmanaged.contains("level 1: too few people can decide it for alice"), "{unmanaged}");
    assert_eq!(desk.in_force().await.0, file, "looking changes nothing");
}

/// R93: each warning names the rule, the cause and the remedy, before it bites and on the page of what is in force.
#[tokio::test]
async fn r93_a_plan_warns_of_what_could_not_be_decided_or_never_hold() {
    let desk = Desk::open().await;
    let (file, base) = desk.in_force().await;
    let page = desk.scene.get("/configuration", "root").await.text;
    assert!(!page.contains("Warnings"), "{page}");
    let rule = |name: &str, more: &str| {
        let whom = "groups = [\"dba\"]\naccounts = [\"report@prod-db\"]";
        format!("\n[[rule]]\nname = \"{name}\"\nact = \"connect\"\noutcome = \"allow\"\n{whom}\n{more}\n")
    };
    let hours = |open: &str| format!("hours = {{ zone = \"UTC\", open = [\"{open} 09:00-17:00\"] }}");
    let reason = |reason: &str| format!("reasons = [\"{reason}\"]");
    let drafted = format!(
        "{}{}{}{}{}",
        file.replacen("people = [\"carol\"]", "people = [\"newcomer\"]\nrejections = 2\nsecond_factor = true", 1)
            .replacen("[[person]]", "[[person]]\nhandle = \"newcomer\"\nname = \"Nora\"\n\n[[person]]", 1),
        rule("office", &hours("mon")),
        rule("weekend", &hours("sun")),
        rule("either", &reason("incident")),
        rule("or", &reason("audit")),
    );
    let planned = desk.scene.api(Method::POST, "/plan", "root", &drafted).await;
    let answer: serde_json::Value = serde_json::from_str(&planned.text).expect("JSON");
    let expected = [
        "rules `either`, `or`: their lists of reasons have none in common, so that no reason of alice would ever do where \
         they meet; add one they share, or change whom or what one of them is for",
        "rules `office`, `weekend`: their allowed hours never overlap, so that alice could never connect where they meet; \
         change the hours of one of them, or change whom or what one of them is for",
        "newcomer cannot sign in, having no password, and decide in rule `prod needs two`; make them a link on the page \
         People",
        "rule `prod needs two` (workflow `two`), level 2: too few people can decide it for anybody: it takes 1 approval \
         of Nora, and not so many have a password to sign in with; make them a link on the page People, or name others",
        "rule `prod needs two` (workflow `two`), level 2: it takes 2 rejections of Nora, and there are not so many, so \
         that nothing anybody asks for could be turned down there; require fewer, or name more people",
    ];
    assert_eq!(answer["warnings"], serde_json::json!(expected));
    desk.propose("root", &drafted, &base, "now").await;
    let page = desk.scene.get("/configuration", "root").await.text;
    assert!(page.contains("Warnings") && page.contains("their allowed hours never overlap"), "{page}");
    // Whoever got a password, and has no second factor as the level demands.
    let root = desk.scene.actor("root").await;
    let link = desk.scene.control.invite(&root, "newcomer").await.expect("invited");
    let token = link.rsplit('/').next().expect("a token");
    desk.scene.control.accept_invitation(token, "correct horse battery".into()).await.expect("a password is set");
    let page = desk.scene.get("/configuration", "root").await.text;
    assert!(
        page.contains("it takes 1 approval with a second factor of Nora, and not so many have set one up"),
        "{page}"
    );
    assert!(!page.contains("having no password"), "{page}");
}

/// R93: an escalation to a group that nobody manages.
#[tokio::test]
async fn r93_a_plan_warns_of_an_escalation_to_nobody() {
    let desk = Desk::open().await;
    let (file, _) = desk.in_force().await;
    let late = "people = [\"carol\"]\ntimeout = \"30m\"\nescalate_to_managers_of = \"nobody's\"";
    let group = "[[group]]\nname = \"nobody's\"\nmembers = [\"carol\"]\n\n[[device]]";
    let drafted = file.replacen("people = [\"carol\"]", late, 1).replacen("[[device]]", group, 1);
    let planned = desk.scene.api(Method::POST, "/plan", "root", &drafted).await;
    let answer: serde_json::Value = serde_json::from_str(&planned.text).expect("JSON");
    let expected = "rule `prod needs two` (workflow `two`), level 2: when its time is over it escalates to managers of \
        nobody's, of whom too few can decide it for anybody: it takes 1 approval of managers of nobody's, not counting \
        whoever asks; add people there, name others, or require fewer approvals";
    assert_eq!(answer["warnings"], serde_json::json!([expected]), "{}", planned.text);
}

/// R93: what would be otherwise about a past request is said, not that something would.
#[tokio::test]
async fn r93_a_plan_says_which_terms_would_be_otherwise() {
    let desk = Desk::open().await;
    desk.scene.ask("alice").await;
    let (file, base) = desk.in_force().await;
    let past = async |old: &str, new: &str| {
        assert!(file.contains(old), "{old}: {file}");
        let form = format!("do=plan&base={base}&file={}", escaped(&file.replace(old, new)));
        let page = desk.scene.post("/configuration", "root", &form).await.text;
        let side = |label: &str| {
            let (_, rest) =
                page.split_once(&format!("<td data-label=\"{label}\">")).unwrap_or_else(|| panic!("{page}"));
            rest.split("</td>").next().unwrap_or_default().to_owned()
        };
        (side("Now"), side("Then"))
    };
    let both = "approval by managers of dba, then Carol Chen";
    let same = |now: &str, then: &str| (format!("{both}{now}"), format!("{both}{then}"));
    let shorter = past("duration_max_minutes = 240", "duration_max_minutes = 60\nticket = true").await;
    assert_eq!(shorter, same(", for at most 4 h", ", for at most 1 h, a ticket"));
    let unlimited = past("duration_max_minutes = 240\n", "").await;
    assert_eq!(unlimited, same(", for at most 4 h", ""));
    let slower =
        past("people = [\"carol\"]", "people = [\"carol\"]\nrejections = 2\ntimeout = \"30m\"\nsecond_factor = true");
    let told = "level 2: 2 must reject, level 2: a fresh second factor, level 2: after 30 min it expires";
    assert_eq!(slower.await, same("", &format!(", {told}")));
    let other = past("= \"two\"", "= \"other two\"").await;
    assert_eq!(other, same("", ", in another workflow"));
    let (now, then) =
        past("outcome = \"approve\"\ngroups = [\"dba\"]\naccounts", "outcome = \"deny\"\ngroups = [\"dba\"]\naccounts")
            .await;
    assert_eq!((now.as_str(), then.as_str()), (both, "no"), "after a no nothing else counts");
}

/// R83: a workflow with two levels, a timeout and an escalation, made in a form from nothing and proposed.
#[tokio::test]
async fn r83_a_workflow_is_made_and_changed_in_a_form() {
    let desk = Desk::open().await;
    let form = "name=on-call&who-0=managers_of&named-0=dba&approvals-0=1&rejections-0=1&timeout-0=30m\
        &then-0=escalate_to_members_of&then_group-0=dba&notify-0=requester+dba&mail-0=yes\
        &who-1=people&named-1=carol+bob&approvals-1=2&rejections-1=1&second_factor-1=yes&who-2=&approvals-2=1";
    let planned = desk.scene.fill("/workflows", "root", form).await.text;
    assert!(planned.contains("+ workflow on-call"), "{planned}");
    desk.scene.put_in_force(&planned).await;
    let page = desk.scene.get("/workflows", "root").await.text;
    let times = ["After <b>30 min</b> members of dba decide", "After <b>1 h</b> it expires"];
    for words in ["on-call", "managers of dba"].iter().chain(&times) {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("Today: Bob Brandt, Carol Chen") && page.contains("2 approvals needed"), "{page}");
    let fields = desk.scene.get("/workflows/edit?name=on-call", "root").await.text;
    assert!(fields.contains("requester dba</textarea>") && fields.contains("Level 3"), "{fields}");
    // While it is typed, before it has a name: who that would be today, and when what happens by itself.
    let draft = |form: &str| format!("{}&do=draft", form.replace("name=on-call", "name="));
    let drafted = desk.scene.fill("/workflows", "root", &draft(form)).await.text;
    for words in times.iter().chain(&["Today: Bob Brandt, Carol Chen"]) {
        assert!(drafted.contains(words), "{words}: {drafted}");
    }
    let nobody = draft(&form.replace("named-1=carol+bob", "named-1=nobody"));
    let said = desk.scene.fill("/workflows", "root", &nobody).await.text;
    assert!(said.contains("Nobody signs in as") && !said.contains("Today:"), "{said}");
    // It is removed as it is made: shown, proposed, approved. One that a rule names stays.
    let planned = desk.scene.fill("/workflows", "root", "known=on-call&do=remove").await.text;
    assert!(planned.contains("- workflow on-call"), "{planned}");
    let used = desk.scene.fill("/workflows", "root", "known=two&do=remove").await.text;
    assert!(used.contains("names workflow <code>two</code>"), "{used}");
    let wrong =
        desk.scene.fill("/workflows", "root", "name=x&who-0=members_of&named-0=nobody&approvals-0=1&rejections-0=1");
    let wrong = wrong.await.text;
    assert!(
        wrong.contains("id=\"named-0-wrong\"") && wrong.contains("There is no group <code>nobody</code>"),
        "{wrong}"
    );
    let unlisted = form.replace("30m", "31m").replace("name=", "known=");
    assert!(desk.scene.fill("/workflows", "root", &unlisted).await.text.contains("is not among"), "R15");
    assert_eq!(desk.scene.fill("/workflows", "audrey", form).await.status, StatusCode::FORBIDDEN);
}

/// What is wrong with a workflow stands beside its field, what was typed is kept, and nothing of it is dropped in silence:
/// a time, an escalation and its group belong together.
#[tokio::test]
async fn r83_what_is_wrong_with_a_workflow_is_said_beside_its_field() {
    let desk = Desk::open().await;
    let wrong = async |more: &str, field: &str, words: &str| {
        let form = format!("name=night&who-0=managers_of&named-0=dba&approvals-0=1&rejections-0=1&{more}");
        let answer = desk.scene.fill("/workflows", "root", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{more}: {}", answer.text);
        for text in [&format!("id=\"{field}-wrong\""), words, "value=\"night\"", "value=\"dba\""] {
            assert!(answer.text.contains(text), "{more}, {text}: {}", answer.text);
        }
    };
    wrong("timeout-0=30m&then-0=escalate_to_managers_of", "then_group-0", "Name the group that decides then").await;
    wrong("timeout-0=30m&then-0=expire&then_group-0=dba", "then-0", "named as escalation group").await;
    wrong("then-0=escalate_to_members_of&then_group-0=dba", "timeout-0", "without one it never does").await;
    wrong("timeout-0=30m&then-0=escalate_to_members_of&then_group-0=db", "then_group-0", "no group <code>db</code>")
        .await;
    wrong("approvals-0=many", "approvals-0", "is not a whole number").await;
    wrong("notify-0=everybody", "notify-0", "names nobody to tell").await;
    wrong("who-1=people&named-1=zoe&approvals-1=1&rejections-1=1", "named-1", "Nobody signs in as <code>zoe</code>")
        .await;
    wrong(
        "who-1=contacts&named-1=Vera&approvals-1=1&rejections-1=1",
        "named-1",
        "There is no contact <code>Vera</code>",
    )
    .await;
    wrong("named-1=carol&approvals-1=1&rejections-1=1", "who-1", "Choose who decides at this level").await;
    let taken = "name=two&who-0=managers_of&named-0=dba&approvals-0=1&rejections-0=1";
    let taken = desk.scene.fill("/workflows", "root", taken).await.text;
    assert!(taken.contains("There is a workflow <code>two</code> already"), "{taken}");
    let account = desk.scene.account("report@prod-db").0;
    let form =
        "who-0=account_owners&approvals-0=1&rejections-0=1&timeout-0=30m&then-0=escalate_to_members_of&owners=carol";
    let answer = desk.scene.fill(&format!("/accounts/{account}"), "root", form).await.text;
    assert!(answer.contains("id=\"then_group-0-wrong\"") && answer.contains("value=\"carol\""), "{answer}");
}

/// B2: a new workflow is made in one go: three levels, the first open.
#[tokio::test]
async fn r83_a_new_workflow_offers_three_levels() {
    let desk = Desk::open().await;
    let page = desk.scene.get("/workflows/edit", "root").await.text;
    assert_eq!(page.matches("<summary>Add level ").count(), 3, "{page}");
    assert_eq!(page.matches("<details class=\"more\" open><summary>Add level 1").count(), 1, "{page}");
    assert!(!page.contains("open><summary>Add level 2"), "{page}");
}

/// R84: an account's approval workflow, its exclusion list and automatic approval, in a form.
#[tokio::test]
async fn r84_an_account_has_its_approval_workflow_in_a_form() {
    let desk = Desk::open().await;
    let account = desk.scene.account("report@prod-db").0;
    let form = "owners=carol&managers=bob&who-0=account_owners&approvals-0=1&rejections-0=1&mail-0=yes\
        &exclude_people=audrey&exclude_groups=&automatic=Mon-Fri+09:00-17:00&zone=Europe/Berlin";
    let planned = desk.scene.fill(&format!("/accounts/{account}"), "root", form).await.text;
    assert!(planned.contains("+ rule account report@prod-db"), "{planned}");
    desk.scene.put_in_force(&planned).await;
    let page = desk.scene.get("/accounts", "audrey").await.text;
    assert!(page.contains("owners of the account") && page.contains("Owned by carol"), "{page}");
    let fields = desk.scene.get(&format!("/accounts/{account}"), "root").await.text;
    for words in ["value=\"audrey\"", "Mon,Tue,Wed,Thu,Fri 09:00-17:00", "value=\"Europe/Berlin\""] {
        assert!(fields.contains(words), "{words}: {fields}");
    }
    let none = desk.scene.fill(&format!("/accounts/{account}"), "root", "owners=carol&who-0=").await.text;
    assert!(none.contains("- workflow account report@prod-db"), "{none}");
}

/// R86, R15: the list of timeouts.
#[tokio::test]
async fn r86_the_timeouts_are_a_parameter() {
    let desk = Desk::open().await;
    let planned = desk.scene.fill("/parameters", "root", "timeouts=10m+30m,+2h").await.text;
    assert!(planned.contains("~ parameters"), "{planned}");
    assert!(edited(&planned).contains("[\"10m\", \"30m\", \"2h\"]"), "{planned}");
    let level =
        "known=dba-manager&who-0=managers_of&named-0=dba&approvals-0=1&rejections-0=1&timeout-0=30m&then-0=expire";
    let planned = desk.scene.fill("/workflows", "root", level).await.text;
    desk.scene.put_in_force(&planned).await;
    for (typed, words) in [
        ("30m+soon", "<code>soon</code> is not a period; write <code>45s</code>"),
        ("10m+30m+2h+0s", "Nobody could decide within a timeout of 0; remove it."),
        ("2h", "has <code>30m</code>; keep it here, or change the level first."),
    ] {
        let wrong = desk.scene.fill("/parameters", "root", &format!("timeouts={typed}")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
        let kept = format!("value=\"{}\"", typed.replace('+', " "));
        for text in ["id=\"timeouts-wrong\"", words, &kept] {
            assert!(wrong.text.contains(text), "{text}: {}", wrong.text);
        }
    }
}

/// What would lock every administrator out is refused when it is proposed, not after it was approved.
#[tokio::test]
async fn a_change_that_bars_every_change_is_never_a_request() {
    let desk = Desk::open().await;
    let (file, base) = desk.in_force().await;
    let barred = format!("{file}\n[[rule]]\nname = \"frozen\"\nact = \"administer\"\noutcome = \"deny\"\n");
    let refused = desk.propose("root", &barred, &base, "").await;
    assert!(refused.text.contains("no administrator could get a change approved any more"), "{}", refused.text);
    assert!(!desk.scene.get("/requests?kind=change", "root").await.text.contains("id=\"row-2\""), "nothing waits");
    let after = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");
    assert!(
        desk.propose("root", &after, &base, "").await.location().contains("?done=applied"),
        "nothing stands in the way"
    );
}

/// B4, B5: a form leads to what it would change, as its approvers will see it, with the way on and the way back; what is in
/// force at once leads back to its list.
#[tokio::test]
async fn r83_a_form_shows_what_it_would_change_before_it_is_proposed() {
    let desk = Desk::open().await;
    let scene = &desk.scene;
    let (file, _) = desk.in_force().await;
    let fields = [("known", "dba"), ("members", "alice carol"), ("managers", "bob")];
    let planned = scene.fill("/groups", "root", &scene::form(&fields)).await.text;
    for words in [
        "~ group dba",
        "added: </span>members = [&#34;alice&#34;, &#34;carol",
        "id=\"reason\"",
        "Propose</button>",
        "Back to the form",
    ] {
        assert!(planned.contains(words), "{words}: {planned}");
    }
    assert!(!planned.contains("In force, to be edited") && !planned.contains("<textarea class=\"file"), "{planned}");
    let back = scene.press(&planned, "root", &[("do", "edit")]).await;
    assert!(back.status == StatusCode::OK && back.text.contains("alice carol</textarea>"), "{}", back.text);
    assert_eq!(desk.in_force().await.0, file, "looking changes nothing");
    let done = scene.press(&planned, "root", &[("do", "propose")]).await;
    assert!(done.location().starts_with("/groups?done=applied&on="), "{} {}", done.location(), done.text);
    let list = scene.get(done.location(), "root").await.text;
    assert!(list.contains("is in force. <a href=\"/requests/"), "{list}");
    let again = scene.press(&planned, "root", &[("do", "propose")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "what it was made from is gone: {}", again.text);
    let nothing = scene.fill("/groups", "root", &scene::form(&fields)).await.text;
    assert!(nothing.contains("This would change nothing") && !nothing.contains("value=\"propose\""), "{nothing}");
}

/// What was put in force after the difference was shown is looked at before anything is proposed.
#[tokio::test]
async fn nothing_is_proposed_that_was_not_shown() {
    let desk = Desk::open().await;
    let fields = [("known", "dba"), ("members", "alice carol"), ("managers", "bob")];
    let planned = desk.scene.fill("/groups", "root", &scene::form(&fields)).await.text;
    let (file, base) = desk.in_force().await;
    desk.propose("root", &file.replace("= 240", "= 60"), &base, "").await;
    let (there, _) = desk.in_force().await;
    let again = desk.scene.press(&planned, "root", &[("do", "propose")]).await;
    assert!(again.text.contains("The configuration was changed after this was written"), "{}", again.text);
    assert_eq!((again.status, desk.in_force().await.0), (StatusCode::CONFLICT, there));
    let seen = desk.scene.press(&again.text, "root", &[("do", "propose")]).await;
    assert!(seen.location().contains("?done=applied"), "{}", seen.text);
}

/// B5: a change that takes away the last right to grant roles, or opens everything to everybody, says so.
#[tokio::test]
async fn a_plan_warns_of_what_it_opens_to_many() {
    let desk = Desk::open().await;
    let (file, base) = desk.in_force().await;
    let with = file.replace("role = \"administrator\"", "role = \"super_administrator\"");
    desk.propose("root", &with, &base, "").await;
    let fields = [("known", "root"), ("name", "Ruth Root"), ("role", "administrator")];
    let planned = desk.scene.fill("/people", "root", &scene::form(&fields)).await.text;
    assert!(planned.contains("nobody could grant roles any more"), "{planned}");
    let fields = [("name", "everything"), ("act", "connect"), ("outcome", "allow")];
    let planned = desk.scene.fill("/rules", "root", &scene::form(&fields)).await.text;
    assert!(planned.contains("everybody may connect to every account without asking"), "{planned}");
    let fields = [("name", "everything"), ("act", "connect"), ("outcome", "allow"), ("groups", "dba")];
    let planned = desk.scene.fill("/rules", "root", &scene::form(&fields)).await.text;
    assert!(planned.contains("+ rule everything") && !planned.contains("without asking"), "{planned}");
}

/// R93: whoever approves a change sees what its proposer was warned of, on every card, as long as it waits.
#[tokio::test]
async fn r93_the_second_administrator_is_told_of_the_warnings() {
    let desk = Desk::open_for_two().await;
    let (file, base) = desk.in_force().await;
    let unmanaged = file.replace("managers = [\"bob\"]", "managers = [\"alice\"]");
    let open = format!("{unmanaged}\n[[rule]]\nname = \"everything\"\nact = \"connect\"\noutcome = \"allow\"\n");
    let request = request_of(&desk.propose("root", &open, &base, "simpler").await);
    let api = async || {
        let seen = desk.scene.api(Method::GET, &request, "carol", "").await.text;
        let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
        seen["change"]["warnings"].as_array().cloned().expect("a list")
    };
    let warned =
        ["level 1: too few people can decide it for alice", "everybody may connect to every account without asking"];
    for path in ["/approvals", "/", request.as_str()] {
        let page = desk.scene.get(path, "carol").await.text;
        for words in warned {
            assert!(page.contains(words), "{path}, {words}: {page}");
        }
    }
    let told = serde_json::Value::from(api().await).to_string();
    assert!(warned.iter().all(|words| told.contains(words)), "{told}");
    desk.decide(&request, "carol", "reject").await;
    assert!(api().await.is_empty(), "nothing waits any more");
}
