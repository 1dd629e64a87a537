use super::written::{packed, put};
use super::*;

/// A packet of these parts behind its type.
fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    packed(kind, &parts.concat())
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    put(&mut text, bytes);
    text
}

const ID: [u8; 4] = [0, 0, 0, 7];

/// Every kind of request, well written.
fn requests() -> Vec<Vec<u8>> {
    let (path, int, long) = (text(b"/srv/x"), [0, 0, 0, 1], [0; 8]);
    let none = [0; 4];
    let mut all = vec![
        packet(3, &[&ID, &path, &int, &none]),
        packet(4, &[&ID, &path]),
        packet(5, &[&ID, &path, &long, &int]),
        packet(6, &[&ID, &path, &long, &text(b"data")]),
        packet(9, &[&ID, &path, &[0, 0, 0, 15], &long, &int, &int, &int, &int, &int]),
        packet(10, &[&ID, &path, &none]),
        packet(14, &[&ID, &path, &none]),
        packet(18, &[&ID, &path, &path]),
        packet(20, &[&ID, &path, &path]),
    ];
    all.extend([7, 8, 11, 12, 13, 15, 16, 17, 19].map(|kind| packet(kind, &[&ID, &path])));
    let extended = |name: &[u8], rest: &[&[u8]]| packet(200, &[&ID, &text(name), &rest.concat()]);
    all.extend(EXTENSIONS.map(|name| match name {
        b"posix-rename@openssh.com" | b"hardlink@openssh.com" | b"users-groups-by-id@openssh.com" => {
            extended(name, &[&path, &path])
        }
        b"lsetstat@openssh.com" => extended(name, &[&path, &none]),
        b"limits@openssh.com" => extended(name, &[]),
        b"copy-data" => extended(name, &[&path, &long, &long, &path, &long]),
        _ => extended(name, &[&path]),
    }));
    all
}

#[test]
fn every_request_is_read_whole_or_not_at_all() {
    for whole in requests() {
        assert!(matches!(request(&whole), Ok(Request { id: 7, .. })), "{whole:?}");
        // Cut anywhere, or with something behind it, it is none; and whoever can be answered is.
        for end in 4..whole.len() {
            let expected = if end < 9 { Unread::Nameless } else { Unread::Broken { id: 7 } };
            assert_eq!(request(&whole[..end]), Err(expected), "{whole:?} up to {end}");
        }
        assert_eq!(request(&[&whole[..], &[0]].concat()), Err(Unread::Broken { id: 7 }), "{whole:?}");
    }
}

/// What is asked is told apart by every byte but the number; attributes are written as they came.
#[test]
fn what_is_asked_is_all_but_its_number() {
    for (nth, whole) in requests().iter().enumerate() {
        let (name, what) = asked(whole);
        assert!(
            !name.is_empty() && (name.starts_with("SSH_FXP_") || name.contains('-') || name.contains('@')),
            "{name}"
        );
        assert_eq!(asked(&numbered(whole, 99)).1, what);
        assert_eq!(request(&numbered(whole, 99)).map(|request| request.id), Ok(99));
        for at in (4..whole.len()).filter(|at| !(5..9).contains(at)) {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert_ne!(asked(&other).1, what, "{nth} {at}");
        }
    }
    assert_eq!(asked(&packet(18, &[&ID])).0, "SSH_FXP_RENAME");
    let all = [&[0, 0, 0, 15][..], &[0, 0, 0, 0, 0, 0, 0, 9], &[0, 0, 0, 1], &[0, 0, 0, 2], &[0, 0, 1, 164]].concat();
    let all = [&all[..], &[0, 0, 0, 3], &[0, 0, 0, 4]].concat();
    for (flags, length) in [(0, 4), (1, 12), (15, 32)] {
        let set = [&[0, 0, 0, flags], &all[4..length]].concat();
        let packet = packet(10, &[&ID, &text(b"h"), &set]);
        let Ok(Request { asks: Asks::SetOpen { attributes: read, .. }, .. }) = request(&packet) else { panic!("read") };
        assert_eq!((attributes(&read), set_open(7, b"h", &read)), (set, packet));
    }
    assert_eq!(write(7, b"h", 1, b"x"), packet(6, &[&ID, &text(b"h"), &[0, 0, 0, 0, 0, 0, 0, 1], &text(b"x")]));
    assert_eq!(close(7, b"h"), packet(4, &[&ID, &text(b"h")]));
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    for kind in (0..=2).chain(21..=199).chain(201..=255) {
        assert_eq!(request(&packet(kind, &[&ID])), Err(Unread::Unknown { id: 7 }), "{kind}");
    }
    for name in [&b"posix-rename@openssh.org"[..], b"", b"copy-data\0", b"check-file"] {
        assert_eq!(request(&packet(200, &[&ID, &text(name)])), Err(Unread::Unknown { id: 7 }));
    }
    let (path, none) = (text(b"/srv/x"), [0; 4]);
    // A flag of another version, and attributes that no server of this one has.
    assert_eq!(request(&packet(3, &[&ID, &path, &[0, 0, 0, 65], &none])), Err(Unread::Broken { id: 7 }));
    assert_eq!(request(&packet(9, &[&ID, &path, &[128, 0, 0, 0], &none])), Err(Unread::Broken { id: 7 }));
}

#[test]
fn servers_are_not_heard_of_extensions_nobody_knows() {
    let pair = |name: &[u8], value: &[u8]| [text(name), text(value)].concat();
    let version = [0, 0, 0, 3];
    let known = pair(b"posix-rename@openssh.com", b"1");
    let told = packet(2, &[&version, &pair(b"vendor-id", b"x"), &known, &pair(b"run@example.org", b"1")]);
    assert_eq!(greeting(&told), Some(packet(2, &[&version, &known])));
    assert_eq!(greeting(&packet(2, &[&[0, 0, 0, 4]])), None);
    assert_eq!(greeting(&packet(2, &[&version, &text(b"half")])), None);
    assert_eq!(greeting(&packet(101, &[&version])), None);
}

#[test]
fn a_packet_is_cut_by_its_length_and_no_longer_one_is_waited_for() {
    let (one, two) = (packet(17, &[&ID, &text(b"/")]), packet(4, &[&ID, &text(b"h")]));
    let mut frames = Frames::default();
    for byte in [&one[..], &two].concat() {
        assert_eq!(frames.next(), Ok(None));
        frames.add(&[byte]);
        if frames.bytes() == one.len() && frames.0[..] == one[..] {
            assert_eq!(frames.next(), Ok(Some(Bytes::from(one.clone()))));
        }
    }
    assert_eq!(frames.next(), Ok(Some(Bytes::from(two))));
    for (length, most) in
        [(0, false), (PACKET_BYTES_MAX, true), (PACKET_BYTES_MAX + 1, false), (u32::MAX as usize, false)]
    {
        let mut frames = Frames::default();
        frames.add(&u32::try_from(length).expect("a length").to_be_bytes());
        assert_eq!(frames.next(), if most { Ok(None) } else { Err(Overlong) }, "{length}");
    }
}

/// Whatever comes, and however it is cut, each byte ends in one packet, in order; and reading any of them ends well.
#[test]
fn nothing_that_comes_is_lost_or_brings_it_down() {
    const SEED: u64 = 0x5f7b;
    let mut dice = fastrand::Rng::with_seed(SEED);
    let known = requests();
    for round in 0..20_000 {
        let packets: Vec<Vec<u8>> = (0..dice.usize(1..5)).map(|_| odd(&known, &mut dice)).collect();
        let stream = packets.concat();
        let (mut frames, mut cut, mut rest) = (Frames::default(), Vec::new(), &stream[..]);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(dice.usize(1..=rest.len()));
            frames.add(now);
            rest = later;
            while let Some(packet) = frames.next().unwrap_or_else(|_| panic!("round {round} of seed {SEED:#x}")) {
                cut.push(packet.to_vec());
            }
        }
        assert_eq!(cut, packets, "round {round} of seed {SEED:#x}");
        for packet in &packets {
            let read = std::panic::catch_unwind(|| {
                let _ = (request(packet), answer(packet), begun(packet), greeting(packet), first_name(packet));
            });
            assert!(read.is_ok(), "round {round} of seed {SEED:#x}: {packet:?}");
        }
    }
}

/// A packet with some bytes turned into others, shorter or longer, of its right length.
fn odd(known: &[Vec<u8>], dice: &mut fastrand::Rng) -> Vec<u8> {
    let mut inside = known[dice.usize(..known.len())][4..].to_vec();
    for _ in 0..dice.usize(0..4) {
        let at = dice.usize(..inside.len());
        inside[at] = if dice.bool() { dice.u8(..) } else { *dice.choice([0, 1, 255].iter()).expect("some") };
    }
    match dice.u8(0..4) {
        0 => inside.truncate(dice.usize(1..=inside.len())),
        1 => inside.extend(std::iter::repeat_with(|| dice.u8(..)).take(9).collect::<Vec<_>>()),
        _ => {}
    }
    text(&inside)
}
