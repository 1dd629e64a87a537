use super::*;

fn asked(asks: &Asks<'_>) -> Operation {
    operation(asks, &Home::new(b"/home/app")).expect("text").expect("it is judged")
}

/// The operation's text, and the paths it reads and writes.
fn told(asks: &Asks<'_>) -> (String, Vec<String>, Vec<String>) {
    let operation = asked(asks);
    let paths = |of: fn(&CommandFacts) -> &BTreeSet<String>| {
        operation.facts.commands.iter().flat_map(|c| of(c).iter().cloned()).collect()
    };
    (operation.text.clone(), paths(|c| &c.reads), paths(|c| &c.writes))
}

/// R62: one path is one path to the rules, however it is written; what may lead anywhere is left as it is written.
#[test]
fn r62_paths_are_plain_where_anybody_can_tell() {
    let named = |path: &str| {
        let Named { asked, shown } = Home::new(b"/home/app").named(path);
        assert_eq!(asked, shown);
        asked
    };
    for (written, plain) in [
        ("/etc/shadow", "/etc/shadow"),
        ("//etc/./shadow/", "/etc/shadow"),
        ("notes", "/home/app/notes"),
        ("", "/home/app"),
        (".", "/home/app"),
        ("/", "/"),
        ("/..", "/"),
        ("../../etc/shadow", "/etc/shadow"),
        ("./.././app/x", "/home/app/x"),
        ("/home/app/../x", "/home/x"),
        // These may go up from a link.
        ("/srv/../etc/shadow", "/srv/../etc/shadow"),
        ("in/../../x", "in/../../x"),
        ("/home/app/in/../x", "/home/app/in/../x"),
    ] {
        assert_eq!(named(written), plain, "{written}");
    }
    assert_eq!(Home::default().named("notes").asked, "notes");
    assert_eq!(Home::new(b"nowhere").named("notes").asked, "notes");
    assert_eq!(Home::default().named("/etc//x").asked, "/etc/x");
}

/// R62: a file that is opened is read, written, or both, by its flags alone.
#[test]
fn r62_opening_is_reading_or_writing() {
    for (flags, programs) in [
        (0, "sftp-read"),
        (1, "sftp-read"),
        (2, "sftp-write"),
        (3, "sftp-read sftp-write"),
        (2 | 4, "sftp-write"),
        (1 | 8, "sftp-read sftp-write"),
        (8, "sftp-read sftp-write"),
        (1 | 16, "sftp-read sftp-write"),
        (2 | 8 | 32, "sftp-write"),
    ] {
        let operation = asked(&Asks::Open { path: b"/x", flags, attributes: Attributes::default() });
        assert_eq!(operation.text, format!("{programs} /x"), "{flags}");
        let found: Vec<&str> = operation.facts.commands.iter().filter_map(CommandFacts::name).collect();
        assert_eq!(found.join(" "), programs);
        assert_eq!(operation.changes, programs.contains("write"));
        let writes = operation.facts.commands.iter().any(|c| c.writes.contains("/x"));
        assert_eq!(writes, operation.changes, "{flags}");
    }
}

/// R62: every operation has a program and its paths.
#[test]
fn r62_every_operation_has_a_program_and_its_paths() {
    let none = Attributes::default();
    let mode = Attributes { mode: Some(0o100_600), size: Some(0), ..none };
    for (asks, text, reads, writes) in [
        (Asks::OpenFolder { path: b"/etc" }, "sftp-list /etc", &["/etc/*"][..], &[][..]),
        (Asks::OpenFolder { path: b"/" }, "sftp-list /", &["/*"], &[]),
        (Asks::OpenFolder { path: b"/a/../b" }, "sftp-list /a/../b", &["/a/../b"], &[]),
        (Asks::Stat { path: b"/a/../b" }, "sftp-stat /b", &["/b/*"], &[]),
        (Asks::Expand { path: b"~/x" }, "sftp-stat /home/app/x", &["/home/app/x/*"], &[]),
        (Asks::Expand { path: b"~root/x" }, "sftp-stat ~root/x", &["~root/x"], &[]),
        (Asks::Who, "sftp-stat", &[], &[]),
        (
            Asks::Set { path: b"x", attributes: mode },
            "sftp-setstat /home/app/x size=0 mode=0600",
            &[],
            &["/home/app/x"],
        ),
        (Asks::Remove { path: b"/a b" }, "sftp-remove \"/a b\"", &[], &["/a b"]),
        (Asks::MakeFolder { path: b"/a", attributes: none }, "sftp-mkdir /a", &[], &["/a"]),
        (Asks::RemoveFolder { path: b"/a" }, "sftp-rmdir /a", &[], &["/a"]),
        (Asks::Rename { from: b"/a", to: b"/b" }, "sftp-rename /a /b", &[], &["/a", "/b"]),
        (Asks::HardLink { from: b"/a", to: b"/b" }, "sftp-link /a /b", &[], &["/a", "/b"]),
        (Asks::SymbolicLink { one: b"/a", other: b"/b/c" }, "sftp-link /a /b/c", &[], &["/a", "/b/c"]),
        (
            Asks::SymbolicLink { one: b"shadow", other: b"/etc/x" },
            "sftp-link /home/app/shadow /etc/x",
            &[],
            &["/etc/shadow", "/etc/x", "/home/app/shadow"],
        ),
    ] {
        let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        assert_eq!(told(&asks), (text.to_owned(), list(reads), list(writes)));
    }
}

#[test]
fn what_nobody_could_be_shown_is_not_asked_for() {
    for path in [&b"/\xff"[..], b"/x\0/y", &[b'a'; PATH_BYTES_MAX + 1]] {
        assert!(operation(&Asks::Remove { path }, &Home::default()).is_err());
        assert!(operation(&Asks::Rename { from: b"/a", to: path }, &Home::default()).is_err());
    }
    assert!(operation(&Asks::Remove { path: &[b'a'; PATH_BYTES_MAX] }, &Home::default()).is_ok());
    assert!(asked(&Asks::Remove { path: b"/a/../b" }).climbs() && !asked(&Asks::Stat { path: b"/a/../b" }).climbs());
}
