//! Characters that a reader takes for an ASCII letter or digit.
//!
//! A small table of what has been used to deceive, after Unicode Technical Standard 39; it is not complete.

/// The ASCII character `c` looks like, if it is not ASCII itself.
pub(super) fn of(c: char) -> Option<char> {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{1d400}'..='\u{1d6a3}' => Some(mathematical(u32::from(c) - 0x1d400)),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((u32::from(c) - 0x1d7ce) % 10, 10),
        _ => TABLE.iter().find(|(_, alike)| alike.contains(c)).map(|(latin, _)| *latin),
    }
}

/// Mathematical alphabets repeat the capitals and the small letters, 26 of each.
fn mathematical(offset: u32) -> char {
    let letter = u8::try_from(offset % 52).unwrap_or(0);
    char::from(if letter < 26 { b'A' + letter } else { b'a' + letter - 26 })
}

/// Latin, then those like it from Cyrillic, Greek, Armenian, Cherokee, and Latin's own letter-like forms.
const TABLE: &[(char, &str)] = &[
    ('A', "АΑᎪ"),
    ('B', "ВΒᏴ"),
    ('C', "СϹᏟⅭ"),
    ('D', "ᎠⅮ"),
    ('E', "ЕΕᎬ"),
    ('F', "Ϝ"),
    ('G', "Ԍ"),
    ('H', "НΗᎻ"),
    ('I', "ІΙӀⅠ"),
    ('J', "ЈᎫ"),
    ('K', "КΚK"),
    ('L', "ᏞⅬ"),
    ('M', "МΜᎷⅯ"),
    ('N', "Ν"),
    ('O', "ОΟՕ"),
    ('P', "РΡᏢ"),
    ('S', "ЅՏᏚ"),
    ('T', "ТΤᎢ"),
    ('V', "ᏙⅤ"),
    ('W', "ᎳԜ"),
    ('X', "ХΧⅩ"),
    ('Y', "УΥҮ"),
    ('Z', "ΖᏃ"),
    ('a', "аαɑ"),
    ('b', "ЬƄ"),
    ('c', "сϲⅽ"),
    ('d', "ԁⅾ"),
    ('e', "еҽ"),
    ('f', "ք"),
    ('g', "ɡց"),
    ('h', "һհ"),
    ('i', "іıιɩⅰ"),
    ('j', "јϳ"),
    ('k', "к"),
    ('l', "ӏⅼǀ"),
    ('m', "мⅿ"),
    ('n', "пո"),
    ('o', "оοօσ"),
    ('p', "рρ"),
    ('q', "ԛզ"),
    ('r', "г"),
    ('s', "ѕſ"),
    ('t', "т"),
    ('u', "υսᴜ"),
    ('v', "νѵⅴ"),
    ('w', "ԝѡա"),
    ('x', "хⅹ"),
    ('y', "уγү"),
    ('z', "ᴢ"),
    ('3', "ЗӠ"),
    ('4', "Ч"),
    ('6', "б"),
];
