//! One session: everything a connection's channels share. It is opened by the first command, and closed when the connection
//! ends and its last command has.

use super::command::{Command, Wanted, refuse};
use super::forward::{Arrival, Beside, Comes};
use super::serve::{Client, Event, Events};
use super::sftp::Files;
use super::talk::Talk;
use super::warn::{self, Warnings};
use crate::enter::{self, Way};
use countersign_control::{Control, Cut, Gate, Lease, SshLogin};
use countersign_journal::{AccountId, PersonId, SessionEnd};
use countersign_target::ssh::{Connection, Login, Taken, connect};
use russh::Disconnect;
use russh::server::RunningSession;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, OnceCell, Semaphore, SemaphorePermit, watch};
use tokio::task::JoinSet;

/// How long commands have to end once their client left or the session was cut.
const END_WAIT: Duration = Duration::from_secs(10);
/// How long a connection that proved who uses it may stay without asking for anything: as long as its token could have opened a
/// session.
pub(super) const UNUSED_WAIT: Duration = Duration::from_secs(900);
/// How long a client has to take the last words.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);
/// Commands that run at a time; more wait. OpenSSH takes ten channels of a connection (`MaxSessions`), of which one is kept for
/// ending the others.
const RUNNING_MAX: usize = 9;

/// Commands that run or wait at a time.
const COMMANDS_MAX: usize = 64;
const TOO_MANY: &str = "too many commands of this connection wait; begin fewer at a time";

/// Who proved what, and what that opened.
pub(super) struct Session {
    control: Control,
    person: PersonId,
    account: AccountId,
    from: String,
    opened: OnceCell<Opened>,
    /// Told when the session was opened.
    begun: Notify,
    commands: AtomicU64,
    /// Places for commands that run.
    places: Semaphore,
    /// What it has beside commands, and what comes of that by itself until somebody takes it.
    pub(super) beside: Beside,
    comes: std::sync::Mutex<Option<Comes>>,
}

/// What goes on in a session: commands, and what is beside them.
#[derive(Default)]
struct Going {
    commands: JoinSet<()>,
    forwards: JoinSet<()>,
}

/// A session with its target.
pub(super) struct Opened {
    pub(super) gate: Mutex<Gate>,
    pub(super) target: Connection,
    /// Those of gated shells, each of which has one to itself.
    others: std::sync::Mutex<Vec<Arc<Connection>>>,
    cut: Cut,
    lease: Lease,
    /// What whoever is at a terminal of it is warned of.
    warnings: watch::Sender<String>,
}

impl Opened {
    pub(super) fn is_cut(&self) -> bool {
        self.cut.borrow().is_some()
    }

    /// What is warned of from now on.
    pub(super) fn warnings(&self) -> Warnings {
        self.warnings.subscribe()
    }

    /// Its connections besides the first.
    fn others(&self) -> Vec<Arc<Connection>> {
        self.others.lock().map(|others| others.clone()).unwrap_or_default()
    }

    async fn keeps_an_end(&self) -> bool {
        let mut keeps = self.target.keeps_an_end().await;
        for other in self.others() {
            keeps |= other.keeps_an_end().await;
        }
        keeps
    }

    /// Ends what runs on the target.
    async fn end_all(&self) {
        let mut ended = vec![self.target.end_all().await];
        for other in self.others() {
            ended.push(other.end_all().await);
        }
        for fault in ended.into_iter().filter_map(Result::err) {
            tracing::error!("commands of a session that is over may go on: {fault}");
        }
    }

    /// Closes a connection of its own, unless something may still have to be ended there.
    pub(super) async fn give_up(&self, own: &Arc<Connection>) {
        if own.keeps_an_end().await {
            return;
        }
        if let Ok(mut others) = self.others.lock() {
            others.retain(|other| !Arc::ptr_eq(other, own));
        }
        own.close().await;
    }

    /// Resolves when the session is cut.
    pub(super) async fn cut(&self) {
        let mut cut = self.cut.clone();
        // An error means that the gate is gone, which is an end as well.
        let _ = cut.wait_for(Option::is_some).await;
    }
}

impl Session {
    pub(super) fn new(control: Control, person: PersonId, account: AccountId, from: String) -> Arc<Session> {
        let (opened, begun) = (OnceCell::new(), Notify::new());
        let (commands, places) = (AtomicU64::new(0), Semaphore::new(RUNNING_MAX));
        let (beside, comes) = Beside::new();
        let comes = std::sync::Mutex::new(Some(comes));
        Arc::new(Session { control, person, account, from, opened, begun, commands, places, beside, comes })
    }

    /// Runs what the client asks for, and `first` before it, until it leaves or the session is cut.
    pub(super) async fn serve(
        self: Arc<Session>,
        running: RunningSession<Client>,
        mut asked: Events,
        first: Option<Wanted>,
    ) {
        let mut going = Going::default();
        if let Some(wanted) = first {
            self.begin(wanted, &mut going.commands);
        }
        let handle = running.handle();
        self.beside.begins(handle.clone());
        let mut running = std::pin::pin!(running);
        let why = self.goes_on(running.as_mut(), &mut asked, &mut going).await;
        self.beside.left();
        let Going { mut commands, mut forwards } = going;
        while commands.try_join_next().is_some() {}
        let may_go_on = match self.opened.get() {
            Some(opened) => !commands.is_empty() || opened.keeps_an_end().await,
            None => false,
        };
        if may_go_on {
            self.end_all().await;
        }
        let ended = async {
            while forwards.join_next().await.is_some() {}
            while commands.join_next().await.is_some() {}
        };
        if tokio::time::timeout(END_WAIT, ended).await.is_err() {
            forwards.shutdown().await;
            commands.shutdown().await;
        }
        if may_go_on {
            // One may have begun while the others were being ended; from now on none does.
            self.end_all().await;
        }
        if let Some(session) = Arc::into_inner(self) {
            session.close(why).await;
        }
        if why != SessionEnd::ClientLeft {
            // A client that has nothing left to wait for goes by itself, with the last words; who stays is sent away.
            let went = tokio::time::timeout(GOODBYE_WAIT, &mut running).await;
            if went.is_err() {
                let goodbye = async {
                    let words = "the session is over".to_owned();
                    let _ = handle.disconnect(Disconnect::ByApplication, words, String::new()).await;
                    let _ = (&mut running).await;
                };
                let _ = tokio::time::timeout(GOODBYE_WAIT, goodbye).await;
            }
        }
    }

    /// Begins what the client asks for, until it leaves or the session is cut.
    async fn goes_on(
        self: &Arc<Session>,
        mut running: Pin<&mut RunningSession<Client>>,
        asked: &mut Events,
        going: &mut Going,
    ) -> SessionEnd {
        let mut unused = std::pin::pin!(tokio::time::sleep(UNUSED_WAIT));
        let mut warns = std::pin::pin!(self.warns());
        let comes = self.comes.lock().ok().and_then(|mut comes| comes.take());
        let Some(Comes { mut arrivals, mut came }) = comes else { return SessionEnd::ServerStopped };
        loop {
            let Going { commands, forwards } = &mut *going;
            let is_unused = self.opened.get().is_none() && commands.is_empty() && forwards.is_empty();
            tokio::select! {
                _ = &mut running => return SessionEnd::ClientLeft,
                () = self.cut() => return SessionEnd::GrantEnded,
                () = &mut warns => {}
                () = &mut unused, if is_unused => return SessionEnd::ClientLeft,
                Some(_) = commands.join_next(), if !commands.is_empty() => {}
                Some(_) = forwards.join_next(), if !forwards.is_empty() => {}
                Some(arrival) = arrivals.recv() => drop(forwards.spawn(arrival.live(self.clone()))),
                Some(came) = came.recv() => drop(forwards.spawn(Arrival::Asked(came).live(self.clone()))),
                event = asked.recv() => match event.map(|event| *event) {
                    None | Some(Event::Proved(_)) => return SessionEnd::ClientLeft,
                    Some(event) => self.takes(event, going),
                },
            }
        }
    }

    fn takes(self: &Arc<Session>, event: Event, going: &mut Going) {
        let Going { commands, forwards } = going;
        match event {
            Event::Run(wanted) if commands.len() >= COMMANDS_MAX => refuse(wanted.talk, TOO_MANY),
            Event::Files(channel, _) if commands.len() >= COMMANDS_MAX => refuse(Talk::new(channel, false), TOO_MANY),
            Event::Run(wanted) => self.begin(wanted, commands),
            Event::Files(channel, wished) => {
                commands.spawn(Files::new(self.clone(), Talk::new(channel, false), wished).live());
            }
            Event::Forward(forward) => drop(forwards.spawn(forward.live(self.clone()))),
            Event::Listen(listen) => drop(forwards.spawn(listen.live(self.clone()))),
            Event::Unlisten(unlisten) => unlisten.done(self),
            // Nobody proves anything twice.
            Event::Proved(_) => {}
        }
    }

    fn begin(self: &Arc<Session>, wanted: Wanted, commands: &mut JoinSet<()>) {
        let (command, talk, wished) = Command::new(self.clone(), self.number(), wanted);
        commands.spawn(command.live(talk, wished));
    }

    /// The next number in the transcript.
    pub(super) fn number(&self) -> u64 {
        self.commands.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn end_all(&self) {
        if let Some(opened) = self.opened.get() {
            opened.end_all().await;
        }
    }

    /// A place to run a command in, given up by dropping it.
    pub(super) async fn place(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("never closed")
    }

    /// Resolves when the session was opened and is cut.
    async fn cut(&self) {
        self.once_opened().await.cut().await;
    }

    /// Warns of its end, once it is open; never resolves.
    async fn warns(&self) {
        let opened = self.once_opened().await;
        warn::of_the_end(&opened.lease, &opened.warnings).await;
    }

    async fn once_opened(&self) -> &Opened {
        loop {
            let begun = self.begun.notified();
            match self.opened.get() {
                Some(opened) => return opened,
                None => begun.await,
            }
        }
    }

    /// The session, opened by whoever asks first.
    ///
    /// # Errors
    /// In words for the person who waits.
    pub(super) async fn opened(&self, talk: &mut impl enter::Client) -> Result<&Opened, String> {
        // What opening needs is needed once.
        let opened = self.opened.get_or_try_init(|| Box::pin(self.open(talk))).await;
        self.begun.notify_waiters();
        opened
    }

    async fn open(&self, talk: &mut impl enter::Client) -> Result<Opened, String> {
        let way = Way { person: self.person, account: self.account, database: None, from: &self.from };
        let mut gate = way.enter(&self.control, None, talk).await.map_err(|fault| fault.to_string())?;
        let login = gate.ssh_login().await.map_err(|fault| fault.to_string());
        let reached = match login {
            Ok(login) => reach(login, Some(self.beside.taken.clone())).await,
            Err(why) => Err(why),
        };
        match reached {
            Ok(target) => {
                let (cut, others, lease) = (gate.cut(), std::sync::Mutex::default(), gate.lease());
                let (warnings, _) = watch::channel(String::new());
                Ok(Opened { cut, gate: Mutex::new(gate), target, others, lease, warnings })
            }
            Err(why) => {
                tracing::warn!("{}: {why}", gate.session());
                end(gate, SessionEnd::TargetLeft).await;
                Err(why)
            }
        }
    }

    /// Another connection to the target, for a gated shell alone.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) async fn another(&self, opened: &Opened) -> Result<Arc<Connection>, String> {
        let login = opened.gate.lock().await.ssh_login().await.map_err(|fault| fault.to_string())?;
        let own = Arc::new(reach(login, None).await?);
        if let Ok(mut others) = opened.others.lock() {
            others.push(own.clone());
        }
        Ok(own)
    }

    /// The session, once it is open.
    pub(super) fn is_opened(&self) -> Option<&Opened> {
        self.opened.get()
    }

    /// The gate, once the session is open.
    pub(super) fn gate(&self) -> Option<&Mutex<Gate>> {
        self.opened.get().map(|opened| &opened.gate)
    }

    async fn close(self, why: SessionEnd) {
        if let Some(opened) = self.opened.into_inner() {
            let others = opened.others();
            let Opened { gate, target, cut, .. } = opened;
            let why = cut.borrow().unwrap_or(why);
            target.close().await;
            for other in others {
                other.close().await;
            }
            end(gate.into_inner(), why).await;
        }
    }
}

/// A connection to the target; what it opens by itself is handed to `came`, or refused.
///
/// # Errors
/// Why there is none, in words.
pub(super) async fn reach(login: SshLogin, came: Option<Taken>) -> Result<Connection, String> {
    let SshLogin { device, login, proof } = login;
    connect(Login { device: &device, user: &login, proof }, came).await.map_err(|fault| fault.to_string())
}

async fn end(gate: Gate, why: SessionEnd) {
    if let Err(fault) = gate.close(why).await {
        tracing::error!("a session could not be closed: {fault}");
    }
}
