//! Figures: medians, ratios, a table for people and flat keys for programs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::load::{Kind, Sample};

/// Everything measured so far.
#[derive(Default)]
pub struct Report {
    samples: BTreeMap<(usize, usize), Vec<Sample>>,
    loads: Vec<Kind>,
    ways: Vec<&'static str>,
    single: Vec<(String, f64)>,
}

impl Report {
    /// A report on these loads over these ways; the first is what the others are compared with.
    pub fn new(loads: impl IntoIterator<Item = Kind>, ways: &[&'static str]) -> Self {
        Self { loads: loads.into_iter().collect(), ways: ways.to_vec(), ..Self::default() }
    }

    /// Adds a run.
    pub fn add(&mut self, load: usize, way: usize, sample: Sample) {
        self.samples.entry((load, way)).or_default().push(sample);
    }

    /// Adds a figure of its own.
    pub fn put(&mut self, key: &str, value: f64) {
        self.single.push((key.to_owned(), value));
    }

    /// The median of several figures.
    pub fn median(mut figures: Vec<f64>) -> f64 {
        figures.sort_by(f64::total_cmp);
        match figures.len() {
            0 => f64::NAN,
            count if count.is_multiple_of(2) => f64::midpoint(figures[count / 2 - 1], figures[count / 2]),
            count => figures[count / 2],
        }
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut lines = vec![self.header()];
        for (load, kind) in self.loads.iter().enumerate() {
            let Kind { name, rate, cpu } = kind;
            lines.push(self.row(&format!("{name} {rate}"), |way| {
                let (value, ratio) = (self.rate(load, way)?, self.ratio(load, way)?);
                Some(if way == 0 { shown(value) } else { format!("{} x{ratio:.2}", shown(value)) })
            }));
            lines.push(self.row(&format!("  gateway {cpu}"), |way| self.cpu(load, way).map(shown)));
        }
        lines.extend(self.single.iter().map(|(key, value)| format!("{key:32}{:>20}", shown(*value))));
        lines.join("\n")
    }

    /// Flat keys: `pg_simple_c16_countersign_tps`, `…_ratio`, `…_cpu_us_per_txn`.
    pub fn json(&self) -> Value {
        let mut keys = Map::new();
        let mut put = |key: String, value: Option<f64>| {
            if let Some(value) = value {
                keys.insert(key, json!((value * 1e4).round() / 1e4));
            }
        };
        for (load, kind) in self.loads.iter().enumerate() {
            let Kind { name, rate, cpu } = kind;
            for (way, to) in self.ways.iter().enumerate() {
                let prefix = format!("{name}_{to}");
                put(format!("{prefix}_{rate}"), self.rate(load, way));
                put(format!("{prefix}_{cpu}"), self.cpu(load, way));
                if way > 0 {
                    put(format!("{prefix}_ratio"), self.ratio(load, way));
                }
            }
        }
        for (key, value) in &self.single {
            put(key.clone(), Some(*value));
        }
        Value::Object(keys)
    }

    fn header(&self) -> String {
        self.row("", |way| Some(self.ways[way].to_owned()))
    }

    fn row(&self, title: &str, cell: impl Fn(usize) -> Option<String>) -> String {
        let cells = (0..self.ways.len()).map(|way| format!("{:>22}", cell(way).unwrap_or_default()));
        format!("{title:32}{}", cells.collect::<String>())
    }

    fn rate(&self, load: usize, way: usize) -> Option<f64> {
        let samples = self.samples.get(&(load, way))?;
        Some(Self::median(samples.iter().map(|sample| sample.rate).collect()))
    }

    fn cpu(&self, load: usize, way: usize) -> Option<f64> {
        let figures: Vec<f64> = self.samples.get(&(load, way))?.iter().filter_map(|sample| sample.cpu).collect();
        (!figures.is_empty()).then(|| Self::median(figures))
    }

    fn ratio(&self, load: usize, way: usize) -> Option<f64> {
        Some(self.rate(load, way)? / self.rate(load, 0)?)
    }
}

/// A figure with about three digits.
fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let mut report = Report::new([crate::load::Load::Connect { clients: 4 }.kind()], &["direct", "other"]);
        for (way, rate) in [(0, 100.0), (1, 40.0), (1, 60.0), (0, 300.0)] {
            report.add(0, way, Sample { rate, cpu: (way == 1).then_some(rate / 10.0) });
        }
        report.put("fsync_per_s", 5.5);
        let expected = json!({
            "pg_connect_c4_direct_per_s": 200.0, "pg_connect_c4_other_per_s": 50.0,
            "pg_connect_c4_other_cpu_us_per_connect": 5.0, "pg_connect_c4_other_ratio": 0.25, "fsync_per_s": 5.5,
        });
        assert_eq!(report.json(), expected);
        assert!(report.table().contains("50.0 x0.25"), "{}", report.table());
        assert_eq!(Report::median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
