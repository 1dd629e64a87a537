//! The colours people read by: 4.5:1 for text, 3:1 for the borders of controls (WCAG 2.2, 1.4.3 and 1.4.11), light and
//! dark.

use std::collections::BTreeMap;
use std::fs;

/// Text on what it stands on.
const TEXT: [(&str, &[&str]); 12] = [
    ("ink", &["paper", "surface", "raised", "sunk", "accent-wash", "good-wash", "warn-wash", "bad-wash"]),
    ("ink-soft", &["paper", "surface", "raised", "sunk"]),
    ("accent", &["paper", "surface", "raised", "sunk", "accent-wash"]),
    ("accent-hover", &["paper", "surface", "raised", "sunk"]),
    ("good", &["paper", "surface", "raised", "good-wash"]),
    ("warn", &["paper", "surface", "raised", "warn-wash"]),
    ("bad", &["paper", "surface", "raised", "bad-wash"]),
    ("emergency", &["paper", "surface", "raised", "emergency-wash"]),
    ("on-accent", &["accent", "accent-hover"]),
    ("on-good", &["good"]),
    ("on-bad", &["bad"]),
    ("paper", &["ink"]),
];
const BORDERS: [(&str, &[&str]); 1] = [("edge", &["paper", "surface", "raised"])];

type Colours = BTreeMap<String, [f64; 3]>;

fn colours(css: &str) -> Colours {
    let value = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
        let hex = value.trim().strip_prefix('#')?.strip_suffix(';')?;
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok().map(|v| f64::from(v) / 255.0);
        Some((name.to_owned(), [part(0)?, part(2)?, part(4)?]))
    };
    css.lines().filter_map(value).collect()
}

fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn too_weak(theme: &str, colours: &Colours, pairs: &[(&str, &[&str])], least: f64) -> Vec<String> {
    let mut weak = Vec::new();
    for (name, backs) in pairs {
        for back in *backs {
            let found = contrast(colours[*name], colours[*back]);
            if found < least {
                weak.push(format!("{theme}: {name} on {back} is {found:.2}, needs {least}"));
            }
        }
    }
    weak
}

#[test]
fn every_pair_can_be_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/tokens.css");
    let css = fs::read_to_string(path).expect("the tokens are there");
    let (light, dark) = css.split_once("prefers-color-scheme: dark").expect("both themes are there");
    let light = colours(light);
    let mut darkened = light.clone();
    darkened.extend(colours(dark));
    let weak: Vec<String> = [("light", &light), ("dark", &darkened)]
        .into_iter()
        .flat_map(|(theme, colours)| {
            [too_weak(theme, colours, &TEXT, 4.5), too_weak(theme, colours, &BORDERS, 3.0)].concat()
        })
        .collect();
    assert!(weak.is_empty(), "{weak:#?}");
}
