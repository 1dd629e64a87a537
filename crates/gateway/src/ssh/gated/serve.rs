//! The life of a gated shell: prompt, line, command, prompt.

use super::carried::{Carried, Line};
use super::draw::seen;
use super::editor::{Editor, Happened};
use crate::ssh::command::{Command, REFUSED, Within};
use crate::ssh::session::{Opened, Session};
use crate::ssh::talk::{Heard, Talk};
use crate::ssh::warn;
use countersign_control::Recorded;
use countersign_core::digest::UnitPart;
use countersign_inspect::shell::wants_terminal;
use countersign_target::ssh::{Size, Terminal};
use std::sync::Arc;

/// What the transcript calls it.
const NAME: &[u8] = b"gated-shell";
/// What brings a terminal back from whatever a program left it in, in the line it is in: sequences that did not end, the
/// alternate screen, colours and character sets, links, keys that are told otherwise, reports of the mouse. Then what is pasted
/// comes in brackets (xterm, `ctlseqs`; kitty, keyboard protocol).
const RESET: &str = "\x18\x1B\\\x1B]8;;\x1B\\\x1B[?1047l\x1B[!p\x1B[m\x1B(B\x0F\x1B[4l\x1B[?1l\x1B>\x1B[>4;0m\x1B[=0u\x1B[?7h\
                     \x1B[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l\x1B[?25h\x1B[?2004h";
/// What leaves the terminal as it was found.
const LEAVE: &str = "\x1B[?2004l";
const CLEAR: &str = "\x1B[H\x1B[2J";

/// A gated shell.
pub(in crate::ssh) struct Gated {
    session: Arc<Session>,
    /// Its number in the transcript.
    number: u64,
    terminal: Terminal,
    free: FreeShell,
}

/// What the rules say of a free shell.
#[derive(Clone, Copy)]
pub(in crate::ssh) enum FreeShell {
    Held,
    Refused,
}

/// How typing ended.
enum Typed {
    Line(String),
    Closed,
    Left,
}

impl Gated {
    pub(in crate::ssh) fn new(session: Arc<Session>, number: u64, terminal: Terminal, free: FreeShell) -> Gated {
        Gated { session, number, terminal, free }
    }

    /// Runs lines until whoever types leaves; the last exit status.
    ///
    /// # Errors
    /// Why it ended otherwise, in words for the client.
    pub(in crate::ssh) async fn run(&self, talk: &mut Talk) -> Result<u32, String> {
        let opened = self.session.opened(talk).await?;
        let within = Within { number: self.number, target: self.session.another(opened).await? };
        talk.tell.records(self.session.clone(), self.number);
        let (programs, label) = {
            let mut gate = opened.gate.lock().await;
            gate.record(self.number, Recorded::Allowed(UnitPart::alone(NAME)));
            gate.record(self.number, size(self.terminal.size));
            (gate.lets_run(), seen(&gate.target_label()))
        };
        let mut shell = Shell {
            editor: Editor::new(self.terminal.size, programs),
            carried: Carried::default(),
            label,
            status: 0,
            opened,
            within,
            gated: self,
            terminal: self.terminal.clone(),
        };
        shell.begins(talk).await;
        let ended = shell.lives(talk).await;
        let outcome = match &ended {
            Ok(status) => format!("exit status {status}"),
            Err(why) => why.clone(),
        };
        let _ = talk.tell.draw(format!("{RESET}{LEAVE}")).await;
        let mut gate = opened.gate.lock().await;
        gate.record(self.number, Recorded::Outcome(outcome));
        if let Err(fault) = gate.hand_over().await {
            tracing::error!("the end of a gated shell could not be noted: {fault}");
        }
        drop(gate);
        opened.give_up(&shell.within.target).await;
        ended
    }
}

/// One that runs.
struct Shell<'o> {
    gated: &'o Gated,
    /// As it is now.
    terminal: Terminal,
    opened: &'o Opened,
    within: Within,
    editor: Editor,
    carried: Carried,
    /// `root@web-01`.
    label: String,
    /// The last exit status.
    status: u32,
}

impl Shell<'_> {
    async fn begins(&self, talk: &Talk) {
        talk.tell.say("in this shell each line is judged as a command of its own, and may have to be approved").await;
        talk.tell
            .say("nothing stays from line to line but the directory (`cd`) and exported variables (`export`)")
            .await;
        let free = match self.gated.free {
            FreeShell::Held => "a free shell is approved as a whole: ask for one by `bash -l`; Ctrl-D leaves",
            FreeShell::Refused => "the rules allow no free shell (`bash -l`) here; Ctrl-D leaves",
        };
        talk.tell.say(free).await;
    }

    async fn lives(&mut self, talk: &mut Talk) -> Result<u32, String> {
        loop {
            let line = match self.types(talk).await? {
                Typed::Line(line) => line,
                Typed::Closed => return Ok(self.status),
                Typed::Left => return Err("the client left".to_owned()),
            };
            let said = match self.carried.take(&line) {
                Line::Left(status) => return Ok(status.unwrap_or(self.status)),
                Line::Kept(said) => said,
                Line::Runs(said) => {
                    if let Some(said) = said {
                        talk.tell.say(&said).await;
                    }
                    self.runs(&line, talk).await?
                }
            };
            if let Some(said) = said {
                talk.tell.say(&said).await;
            }
        }
    }

    /// Runs a line; what is to be said of it where it did not.
    async fn runs(&mut self, line: &str, talk: &mut Talk) -> Result<Option<String>, String> {
        let terminal = wants_terminal(line).then(|| self.terminal.clone());
        let text = self.carried.text(line);
        if terminal.is_some() {
            talk.tell.draw(LEAVE.to_owned()).await?;
        }
        let command = Command::line(self.gated.session.clone(), text, terminal, self.within.clone());
        let ran = command.run(talk).await;
        // What is said next is to be seen, whatever the terminal was left in.
        talk.tell.draw(RESET.to_owned()).await?;
        if self.opened.is_cut() {
            return Err(self.opened.gate.lock().await.end_words().await);
        }
        let (status, said) = match ran {
            Ok(status) => (status, None),
            Err(why) => (REFUSED, Some(why)),
        };
        self.status = status;
        talk.hear.recall();
        Ok(said)
    }

    /// Has a line typed.
    async fn types(&mut self, talk: &mut Talk) -> Result<Typed, String> {
        self.prompts(talk).await?;
        let mut warnings = self.opened.warnings();
        loop {
            let heard = tokio::select! {
                heard = talk.hear.next() => heard,
                words = warn::next(&mut warnings) => {
                    talk.tell.say(&words).await;
                    self.editor.forget_drawing();
                    talk.tell.draw(self.editor.draw()).await?;
                    continue;
                }
                () = self.opened.cut() => return Err(self.opened.gate.lock().await.end_words().await),
            };
            match heard {
                Heard::Typed(bytes) => {
                    if let Some(typed) = self.takes(&bytes, talk).await? {
                        return Ok(typed);
                    }
                }
                Heard::Resized(new) => {
                    self.terminal.size = new;
                    self.editor.resize(new);
                    self.opened.gate.lock().await.record(self.gated.number, size(new));
                    talk.tell.draw(self.editor.draw()).await?;
                }
                Heard::NoMore => return Ok(Typed::Closed),
                Heard::Left => return Ok(Typed::Left),
            }
        }
    }

    /// Takes keys; what stands behind the one that ends a line comes next.
    async fn takes(&mut self, bytes: &[u8], talk: &mut Talk) -> Result<Option<Typed>, String> {
        let (taken, happened) = self.editor.typed(bytes);
        talk.hear.put_back(&bytes[taken..]);
        match happened {
            None => {
                talk.tell.draw(self.editor.draw()).await?;
                // Keys may come without end.
                tokio::task::yield_now().await;
            }
            Some(Happened::Sent(text)) => {
                talk.tell.draw(self.editor.leave(&text)).await?;
                return Ok(Some(Typed::Line(text)));
            }
            Some(Happened::Closed) => {
                talk.tell.draw("exit\r\n".to_owned()).await?;
                return Ok(Some(Typed::Closed));
            }
            Some(Happened::TooLong) => {
                talk.tell.draw("\r\n".to_owned()).await?;
                talk.tell.say("this is longer than 64 KiB, and was not sent").await;
                self.prompts(talk).await?;
            }
            Some(Happened::Dropped) => {
                talk.tell.draw("^C\r\n".to_owned()).await?;
                self.prompts(talk).await?;
            }
            Some(Happened::Offered(words)) => {
                let words: Vec<String> = words.iter().map(|word| seen(word)).collect();
                self.editor.forget_drawing();
                talk.tell.draw(format!("\r\n{}\r\n", words.join("  "))).await?;
                talk.tell.draw(self.editor.draw()).await?;
            }
            Some(Happened::Cleared) => {
                self.editor.forget_drawing();
                talk.tell.draw(CLEAR.to_owned() + &self.editor.draw()).await?;
            }
        }
        Ok(None)
    }

    /// Shows a prompt, in a line of its own, whatever the terminal was left in.
    async fn prompts(&mut self, talk: &Talk) -> Result<(), String> {
        let failed = if self.status == 0 { String::new() } else { format!("[{}] ", self.status) };
        self.editor.begin(format!("{failed}{}:{}$ ", self.label, self.carried.place()));
        let line = if talk.tell.is_within_line() { "\r\n" } else { "" };
        talk.tell.draw(format!("{RESET}{line}{}", self.editor.draw())).await
    }
}

fn size(size: Size) -> Recorded {
    Recorded::Terminal { columns: size.columns, rows: size.rows }
}
