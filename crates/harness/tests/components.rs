//! Each component of the harness works, and leaves nothing behind. A component that is not installed fails here
//! by name, under CI and elsewhere alike: `scripts/setup.sh full` installs it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign_harness::{
    Ca, FaultProxy, HarnessError, Layout, MailSink, OnError, PgBouncer, Postgres, Psql, browser, random_password,
    reserve_port, wait_until,
};

const SOON: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(300);

/// Makes this program act as a test that is killed; see `a_killed_test_leaves_nothing_behind`.
const OWNER: &str = "COUNTERSIGN_HARNESS_OWNER";

type Outcome = Result<(), HarnessError>;

#[test]
fn ports_are_never_handed_out_twice() -> Outcome {
    let ports = (0..50).map(|_| reserve_port()).collect::<Result<Vec<_>, _>>()?;
    let unique: std::collections::HashSet<_> = ports.iter().collect();
    assert_eq!(unique.len(), ports.len());
    Ok(())
}

#[test]
fn passwords_differ() -> Outcome {
    let (one, other) = (random_password()?, random_password()?);
    assert_eq!(one.len(), 32);
    assert_ne!(one, other);
    Ok(())
}

#[test]
fn ca_writes_its_files_with_a_private_key() -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ca = Ca::start()?;
    let files = ca.write_to(folder.path())?;
    assert_eq!(fs::read_to_string(&files.ca).expect("written"), ca.ca_pem());
    assert_eq!(fs::read_to_string(&files.server).expect("written"), ca.server_pem());
    let mode = fs::metadata(&files.server_key).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(ca.ca_pem(), Ca::start()?.ca_pem());
    Ok(())
}

#[test]
fn postgres_takes_only_verified_tls_and_scram() -> Outcome {
    let postgres = Postgres::start()?;
    let in_use = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(postgres.psql("postgres", in_use)?, "t|TLSv1.3");
    let rules = "SELECT type, auth_method FROM pg_hba_file_rules";
    assert_eq!(postgres.psql("postgres", rules)?, "hostssl|scram-sha-256");
    assert_eq!(postgres.psql("postgres", "SHOW max_connections")?, "120");

    postgres.create_database("odd \"name\"")?;
    postgres.create_login("o'hara", "pass'word")?;
    let login = postgres.psql_as("o'hara", "pass'word", "odd \"name\"");
    let who =
        login.run("SELECT current_user, current_database(), usesuper FROM pg_user WHERE usename = current_user")?;
    assert_eq!(who.stdout, "o'hara|odd \"name\"|f\n", "{}", who.stderr);

    let wrong = postgres.psql_as("o'hara", "guess", "postgres").run("SELECT 1")?;
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("password authentication failed"), "{}", wrong.stderr);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let stranger = Ca::start()?.write_to(folder.path())?;
    let refused = Psql { ca: stranger.ca, ..login }.run("SELECT 1")?;
    assert!(refused.stderr.contains("certificate verify failed"), "{}", refused.stderr);
    Ok(())
}

#[test]
fn postgres_restarts_with_its_data_and_goes_when_dropped() -> Outcome {
    let mut postgres = Postgres::start()?;
    postgres.psql("postgres", "CREATE TABLE kept AS SELECT 42 AS n")?;
    let first = postgres.pid();
    postgres.restart()?;
    assert_ne!(postgres.pid(), first);
    assert_eq!(postgres.psql("postgres", "SELECT n FROM kept")?, "42");

    postgres.stop();
    assert_eq!(postgres.pid(), None);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, postgres.port())).is_err());
    postgres.restart()?;

    let folder = folder_of(postgres.ca_path());
    let pid = postgres.pid().expect("just started");
    drop(postgres);
    assert!(!folder.exists());
    assert!(!process_exists(pid));
    Ok(())
}

#[test]
fn a_stopped_postgres_leaves_no_folder() -> Outcome {
    let mut postgres = Postgres::start()?;
    let folder = folder_of(postgres.ca_path());
    postgres.stop();
    assert!(folder.exists());
    drop(postgres);
    assert!(!folder.exists());
    Ok(())
}

#[test]
fn shared_postgres_is_one_server_for_all_threads() {
    let ports: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| Postgres::shared().port())).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(ports.iter().all(|port| *port == ports[0]));
    // The thread that started it is gone; the server is not.
    assert_eq!(Postgres::shared().psql("postgres", "SELECT 1").expect("still there"), "1");
}

#[test]
fn a_killed_test_leaves_nothing_behind() {
    let mut owner = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "owner_of_servers", "--nocapture"])
        .env(OWNER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts again");
    let stdout = BufReader::new(owner.stdout.take().expect("piped"));
    let report = stdout.lines().map_while(Result::ok).find_map(|line| {
        let (_, report) = line.split_once("owns ")?;
        Some(report.to_owned())
    });
    let report = report.expect("the owner says what it owns");
    let mut words = report.split(' ');
    let pids: Vec<u32> = words.by_ref().take(2).map(|pid| pid.parse().expect("a pid")).collect();
    let folder = PathBuf::from(words.next().expect("a folder"));
    assert!(pids.iter().all(|pid| process_exists(*pid)));
    assert!(folder.exists());

    owner.kill().expect("the owner can be killed");
    owner.wait().expect("the owner ends");
    let clean = || (!folder.exists() && !pids.iter().any(|pid| process_exists(*pid))).then_some(());
    assert!(wait_until(SOON, clean).is_some(), "left behind: {report}");
}

#[test]
fn a_killed_keeper_takes_its_server_along() -> Outcome {
    let mut postgres = Postgres::start()?;
    let pid = postgres.pid().expect("just started");
    let backend: u32 = postgres.psql("postgres", "SELECT pid FROM pg_stat_activity LIMIT 1")?.parse().expect("a pid");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let keeper = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("it has a parent").trim();
    let killed = Command::new("sh").args(["-c", "kill -s KILL \"$1\"", "sh", keeper]).status();
    assert!(killed.expect("sh runs").success());
    let gone = || (!process_exists(pid) && !process_exists(backend)).then_some(());
    assert!(wait_until(SOON, gone).is_some());
    postgres.restart()?;
    assert_eq!(postgres.psql("postgres", "SELECT 1")?, "1");
    Ok(())
}

/// Not a test by itself: the victim of `a_killed_test_leaves_nothing_behind`.
#[test]
fn owner_of_servers() -> Outcome {
    if std::env::var_os(OWNER).is_none() {
        return Ok(());
    }
    let postgres = Postgres::shared();
    let sink = MailSink::start()?;
    let pid = postgres.pid().expect("running");
    println!("owns {pid} {} {}", sink.pid(), folder_of(postgres.ca_path()).display());
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}

#[test]
fn psql_reports_results_errors_and_layouts() -> Outcome {
    let postgres = Postgres::shared();
    let psql = postgres.psql_as(postgres.superuser(), postgres.superuser_password(), "postgres");
    let fine = psql.run("SELECT 1, 'a'; SELECT 2")?;
    assert_eq!((fine.stdout.as_str(), fine.stderr.as_str(), fine.code), ("1|a\n2\n", "", 0));
    let failed = psql.run("SELECT 1/0")?;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("division by zero"), "{}", failed.stderr);
    let table = Psql { layout: Layout::Table, ..psql.clone() }.run("SELECT 1 AS n")?;
    assert!(table.stdout.contains("(1 row)"), "{}", table.stdout);
    let slow = Psql { within: MOMENT, ..psql }.run("SELECT pg_sleep(60)");
    assert!(matches!(slow, Err(HarnessError::Late { .. })), "{slow:?}");
    Ok(())
}

#[test]
fn psql_sessions_answer_line_by_line() -> Outcome {
    let postgres = Postgres::shared();
    let psql = postgres.psql_as(postgres.superuser(), postgres.superuser_password(), "postgres");
    let patient = Psql { on_error: OnError::Continue, ..psql.clone() };
    let mut session = patient.spawn("SELECT 'first ' || 'answer';")?;
    assert_eq!(session.stdout.wait_for("first", SOON)?, "first answer");
    session.send("DO $$ BEGIN RAISE NOTICE 'please wait'; END $$;")?;
    assert_eq!(session.stderr.wait_for("please wait", SOON)?, "NOTICE:  please wait");
    assert!(matches!(session.stdout.wait_for("never", MOMENT), Err(HarnessError::Late { .. })));

    session.send("DO $$ BEGIN RAISE NOTICE 'asleep'; PERFORM pg_sleep(600); END $$;")?;
    session.stderr.wait_for("asleep", SOON)?;
    session.interrupt()?;
    session.stderr.wait_for("canceling statement due to user request", SOON)?;
    assert_eq!(session.finish(SOON)?.code, 3);

    let ran = patient.spawn("SELECT 1/0; SELECT 'reached';")?.finish(SOON)?;
    assert_eq!((ran.stdout.as_str(), ran.code), ("reached\n", 0), "{}", ran.stderr);
    let stopped = psql.spawn("SELECT 1/0; SELECT 'unreached';")?.finish(SOON)?;
    assert_eq!((stopped.stdout.as_str(), stopped.code), ("", 3));
    Ok(())
}

#[test]
fn pgbouncer_relays_with_tls_on_both_sides() -> Outcome {
    let postgres = Postgres::shared();
    let password = random_password()?;
    postgres.create_database("pooled")?;
    postgres.create_login("pool", &password)?;
    let bouncer = PgBouncer::start(postgres, "pooled", "pool", &password)?;
    let sql = "SELECT ssl, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ran = bouncer.psql().run(sql)?;
    assert_eq!(ran.stdout, "t|pool\n", "{}", ran.stderr);
    let wrong = Psql { password: "guess".to_owned(), ..bouncer.psql() }.run("SELECT 1")?;
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let pid = bouncer.pid();
    drop(bouncer);
    assert!(!process_exists(pid));
    Ok(())
}

#[test]
fn mail_sink_decodes_what_it_received() -> Outcome {
    let sink = MailSink::start()?;
    assert_eq!(sink.messages()?, []);
    send(
        sink.port(),
        "From: Countersign <gate@example.test>\r\nTo: Ann <ann@example.test>\r\n\
         Subject: =?utf-8?B?RsO8ciBTaWU=?=\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         Gr=C3=BC=C3=9Fe, a long li=\r\nne\r\n",
    );
    send(
        sink.port(),
        "From: gate@example.test\r\nTo: bob@example.test, eve@example.test\r\nSubject: second\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nYXBwcm92ZQ==\r\n",
    );
    let mails = sink.wait_for(2, SOON)?;
    assert_eq!(mails[0].from, "gate@example.test");
    assert_eq!(mails[0].to, ["ann@example.test"]);
    assert_eq!(mails[0].subject, "Für Sie");
    assert_eq!(mails[0].text.trim_end(), "Grüße, a long line");
    assert_eq!(mails[1].to, ["bob@example.test", "eve@example.test"]);
    assert_eq!(mails[1].text, "approve");
    assert!(matches!(sink.wait_for(3, MOMENT), Err(HarnessError::Late { .. })));
    let pid = sink.pid();
    drop(sink);
    assert!(!process_exists(pid));
    Ok(())
}

#[test]
fn fault_proxy_pauses_and_cuts() -> Outcome {
    let postgres = Postgres::shared();
    let proxy = FaultProxy::start(postgres.port())?;
    let psql = postgres.psql_as(postgres.superuser(), postgres.superuser_password(), "postgres");
    let mut session = Psql { port: proxy.port(), ..psql }.spawn("SELECT 'through';")?;
    session.stdout.wait_for("through", SOON)?;
    assert_eq!(proxy.connections(), 1);

    proxy.pause();
    session.send("SELECT 'delayed';")?;
    assert!(session.stdout.wait_for("delayed", MOMENT).is_err());
    proxy.resume();
    session.stdout.wait_for("delayed", SOON)?;

    proxy.cut();
    assert_eq!(proxy.connections(), 0);
    session.send("SELECT 'lost';")?;
    session.stderr.wait_for("connection to server was lost", SOON)?;
    Ok(())
}

#[test]
fn browser_runs_scripts() -> Outcome {
    let fine = browser::run_script(Path::new("smoke.mjs"), &[])?;
    assert!(fine.succeeded(), "{}", fine.stderr);
    assert!(browser::screenshots().join("harness-smoke-phone.png").is_file());
    let absent = browser::run_script(Path::new("no-such-script.mjs"), &[])?;
    assert!(!absent.succeeded());
    Ok(())
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().expect("a file in a folder").to_owned()
}

fn process_exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Speaks just enough SMTP (RFC 5321) to deliver one message.
fn send(port: u16, message: &str) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the sink listens");
    stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let mut replies = BufReader::new(stream.try_clone().expect("a stream can be shared"));
    let body = format!("{message}.\r\n");
    let steps = [
        ("", "220"),
        ("HELO localhost\r\n", "250"),
        ("MAIL FROM:<gate@example.test>\r\n", "250"),
        ("RCPT TO:<any@example.test>\r\n", "250"),
        ("DATA\r\n", "354"),
        (body.as_str(), "250"),
        ("QUIT\r\n", "221"),
    ];
    for (line, expected) in steps {
        stream.write_all(line.as_bytes()).expect("the sink reads");
        let mut reply = String::new();
        replies.read_line(&mut reply).expect("the sink answers");
        assert!(reply.starts_with(expected), "{line:?} was answered {reply:?}");
    }
}
