//! A client of SFTP that sends whatever it is told to.

use countersign_harness::Ssh;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};

pub(crate) const OPEN: u8 = 3;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const READ: u8 = 5;
pub(crate) const WRITE: u8 = 6;
pub(crate) const FSTAT: u8 = 8;
pub(crate) const FSETSTAT: u8 = 10;
pub(crate) const REMOVE: u8 = 13;
pub(crate) const STAT: u8 = 17;
pub(crate) const RENAME: u8 = 18;
pub(crate) const EXTENDED: u8 = 200;
pub(crate) const STATUS: u32 = 101;

/// An answer: its type, the request's number, and for a status its code and words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) kind: u32,
    pub(crate) id: u32,
    pub(crate) rest: Vec<u8>,
}

impl Answer {
    pub(crate) fn code(&self) -> u32 {
        assert_eq!(self.kind, STATUS, "{self:?}");
        int(&self.rest)
    }

    pub(crate) fn words(&self) -> String {
        String::from_utf8_lossy(&self.rest[8..]).into_owned()
    }

    /// The handle, with its length.
    pub(crate) fn handle(&self) -> Vec<u8> {
        assert_eq!(self.kind, 102, "{self:?}");
        self.rest.clone()
    }
}

pub(crate) struct Raw {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Raw {
    /// Begins, and has its greeting.
    pub(crate) fn new(ssh: &Ssh) -> Raw {
        let mut raw = Raw::silent(ssh);
        raw.send(&packet(1, &[&3_u32.to_be_bytes()]));
        let greeting = raw.packet();
        assert_eq!(greeting[..5], [2, 0, 0, 0, 3]);
        raw
    }

    pub(crate) fn silent(ssh: &Ssh) -> Raw {
        let mut child = ssh.subsystem("sftp").expect("ssh starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("a pipe");
        Raw { child, input, output }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("it was not closed");
        input.write_all(bytes).and_then(|()| input.flush()).expect("ssh takes it");
    }

    /// It asks no more.
    pub(crate) fn no_more(&mut self) {
        self.input = None;
    }

    pub(crate) fn ask(&mut self, packet: &[u8]) -> Answer {
        self.send(packet);
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let packet = self.packet();
        Answer { kind: packet[0].into(), id: int(&packet[1..]), rest: packet[5..].to_vec() }
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).expect("an answer");
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut packet).expect("a whole answer");
        packet
    }

    /// Waits for its end; what it was told.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("an end"), said)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn int(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

pub(crate) fn packet(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let inside = [&[kind], fields.concat().as_slice()].concat();
    text(&inside)
}

/// A request with its number.
pub(crate) fn request(kind: u8, id: u32, fields: &[&[u8]]) -> Vec<u8> {
    packet(kind, &[&id.to_be_bytes(), &fields.concat()])
}

/// Bytes with their length before them.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("not so long").to_be_bytes(), bytes].concat()
}

/// Opens a file with these flags.
pub(crate) fn open(id: u32, path: &str, flags: u32) -> Vec<u8> {
    request(OPEN, id, &[&text(path.as_bytes()), &flags.to_be_bytes(), &0_u32.to_be_bytes()])
}

/// Writes to a handle, which has its length.
pub(crate) fn write(id: u32, handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    request(WRITE, id, &[handle, &offset.to_be_bytes(), &text(data)])
}

/// Reads so many bytes.
pub(crate) fn read(id: u32, handle: &[u8], offset: u64, bytes: u32) -> Vec<u8> {
    request(READ, id, &[handle, &offset.to_be_bytes(), &bytes.to_be_bytes()])
}
