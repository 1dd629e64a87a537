//! Editors that work on a target. No real one takes part: this does on the wire what they do (VS Code's Remote-SSH, by what its logs
//! show: `ssh -T -D PORT HOST bash`, a script as its input, and all else through the port).

use crate::ssh::{ASKED, FOLDERS, FREE, Web};
use crate::world::{DBA, SOON, eventually, has};
use countersign_harness::reserve_port;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

/// The rules and their words are those that people read.
const POLICY: &str = include_str!("../../../../docs/policy.md");
/// More than may wait anywhere between two ends.
const MUCH: usize = 4 << 20;

/// What an editor writes into `bash`: it starts a server on the target's loopback, of which nothing comes back but the file of its
/// output, says at which port it is, and goes on reading what else is to be done. The server says back what it is told.
const SCRIPT: &str = r#"
id=0e21d0e5a3e0
echo "$id: running"
folder=$(mktemp -d)
cat >"$folder/server.py" <<'END'
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while heard := self.request.recv(65536):
            self.request.sendall(heard)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
with Server(('127.0.0.1', 0), Echo) as server:
    print('Extension host agent listening on', server.server_address[1], flush=True)
    server.serve_forever()
END
python3 "$folder/server.py" &>"$folder/log" </dev/null &
until port=$(grep -oE 'listening on [0-9]+' "$folder/log"); do sleep 0.05; done
echo "listeningOn==${port##* }=="
echo "pid==$!=="
echo "$id: end"
"#;

/// The rule of that name as `docs/policy.md` has it.
fn documented(name: &str) -> String {
    let blocks = POLICY.split("```toml\n").skip(1).filter_map(|block| block.split_once("```")).map(|(block, _)| block);
    let named = format!("name = \"{name}\"\n");
    let mut rules = blocks.filter(|block| block.starts_with("[[rule]]\n") && block.contains(&named));
    rules.next().expect("it is documented").to_owned()
}

/// What stands between the signs behind a word that the script said.
fn said(all: &str, word: &str) -> String {
    let behind = all.split_once(&format!("{word}==")).expect("it was said").1;
    behind.split_once("==").expect("whole").0.to_owned()
}

/// How the client names the target to itself.
enum Named {
    Localhost,
    Address([u8; 4]),
}

/// A connection to a port there, by way of the client's port for that (SOCKS 5, RFC 1928); or how it was refused.
fn through(port: u16, named: &Named, there: u16) -> Result<TcpStream, u8> {
    let mut stream = eventually("it is listened at", || TcpStream::connect(("127.0.0.1", port)).ok());
    stream.set_read_timeout(Some(SOON)).expect("set");
    stream.write_all(&[5, 1, 0]).expect("written");
    let mut answer = [0; 10];
    stream.read_exact(&mut answer[..2]).expect("greeted");
    assert_eq!(answer[..2], [5, 0]);
    let host = match named {
        Named::Localhost => [&[3, 9][..], b"localhost"].concat(),
        Named::Address(address) => [&[1][..], address].concat(),
    };
    stream.write_all(&[&[5, 1, 0][..], &host, &there.to_be_bytes()].concat()).expect("written");
    match stream.read_exact(&mut answer) {
        Ok(()) if answer[1] == 0 => Ok(stream),
        Ok(()) => Err(answer[1]),
        // OpenSSH closes it where the target was not reached.
        Err(_) => Err(1),
    }
}

fn says_back(stream: &mut TcpStream, words: &[u8]) {
    let mut other = stream.try_clone().expect("the same");
    let all = words.to_vec();
    let writes = thread::spawn(move || other.write_all(&all).expect("written"));
    let mut back = vec![0; words.len()];
    stream.read_exact(&mut back).expect("said back");
    writes.join().expect("all of it");
    assert!(back == words, "byte for byte");
}

/// R52, R35: an editor starts its server on the target by a script, and works with it through as many connections as it likes, under the
/// rule that is documented; to no other host. A revoke ends all of it, on the target too.
#[test]
fn r52_an_editor_works_on_a_target_by_way_of_its_server_there() {
    let web = Web::new(&[ASKED, &documented("editors")]);
    let request = web.reserved("alice");
    let port = reserve_port().expect("a port");
    let mut ssh = web.ssh("alice");
    ssh.options = ["-T", "-D", &port.to_string()].map(str::to_owned).to_vec();
    let mut editor = ssh.piped("bash").expect("ssh starts");
    editor.send(SCRIPT).expect("it is read");
    editor.stdout.wait_for("0e21d0e5a3e0: end", SOON).unwrap_or_else(|e| panic!("{e}: {}", editor.stderr.text()));
    let told = editor.stdout.text();
    assert!(told.starts_with("0e21d0e5a3e0: running\n"), "{told}");
    let there = said(&told, "listeningOn").parse().expect("a port");
    let server = format!("/proc/{}/cmdline", said(&told, "pid"));
    let serves = || fs::read_to_string(&server).is_ok_and(|line| line.contains("server.py"));
    assert!(serves(), "{told}");

    let mut first = through(port, &Named::Address([127, 0, 0, 1]), there).expect("a connection");
    says_back(&mut first, b"first");
    let mut second = through(port, &Named::Localhost, there).expect("another");
    says_back(&mut second, &(0..MUCH).map(|n| n as u8).collect::<Vec<_>>());
    says_back(&mut first, b"and on");
    assert!(through(port, &Named::Address([127, 0, 0, 2]), there).is_err(), "no rule names this host");
    // What else the editor asks for in the same shell, while it is connected.
    editor.send("echo still-$((6 * 7))\n").expect("it is read");
    editor.stdout.wait_for("still-42", SOON).expect("it goes on");
    assert_eq!(web.world.get("ada", "/sessions").as_array().map(Vec::len), Some(1), "all of it is one session");

    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    for stream in [&mut first, &mut second] {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
    let ended = editor.finish(SOON).expect("an end");
    has(&ended.stderr, "over");
    eventually("its server is ended", || (!serves()).then_some(()));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && TcpStream::connect(("127.0.0.1", there)).is_err());

    let transcript = web.transcript();
    has(&transcript, &format!("forward-local 127.0.0.1:{there}"));
    has(&transcript, &format!("forward-local localhost:{there}"));
    has(&transcript, "cut; 11 bytes went to the target, 11 came from it");
    has(&transcript, &format!("cut; {MUCH} bytes went to the target, {MUCH} came from it"));
}

/// R60, R63: where a rule restricts commands, the script of an editor is read by nobody: its shell waits for approval as something that
/// may run anything, and runs without input once it is approved.
#[test]
fn r60_r63_where_commands_are_restricted_an_editor_installs_nothing() {
    let web = Web::new(&[FREE, FOLDERS, DBA, &documented("editors")]);
    let mut editor = web.ssh("alice").piped("bash").expect("ssh starts");
    editor.send(SCRIPT).expect("it is read");
    editor.stderr.wait_for("held for approval", SOON).expect("told");
    web.world.approve("dora", web.world.held_number("dora"));
    let ran = editor.finish(SOON).expect("an end");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 0), "{}", ran.stderr);
}
