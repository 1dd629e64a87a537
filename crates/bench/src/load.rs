//! The loads: pgbench and COPY, with what the gateway in between used meanwhile.

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_harness::{HarnessError, Psql, Terminal, run};

use crate::process::cpu_seconds;
use crate::stage::{Way, connect_like};

/// How long a run of pgbench measures.
const RUN_S: u32 = 3;
/// How long one run may take altogether.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// pgbench's scale: 100,000 accounts each.
const SCALE: &str = "10";

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Operations, or megabytes, per second.
    pub rate: f64,
    /// CPU of the gateway: microseconds per operation, or seconds per gigabyte.
    pub cpu: Option<f64>,
}

/// What a load is called in tables and keys, with its rate and what it costs a gateway.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// The unit of its rate.
    pub rate: &'static str,
    /// The unit of its CPU.
    pub cpu: &'static str,
}

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// `pgbench -S`: one point query a transaction.
    Select {
        /// `simple` or `prepared`.
        protocol: &'static str,
        /// Connections.
        clients: u32,
    },
    /// `pgbench -S -C`: a connection for every transaction.
    Connect {
        /// Connections at a time.
        clients: u32,
    },
    /// COPY of a whole table to the client.
    CopyOut {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u32,
        /// Bytes of one row, line end included.
        row_bytes: u32,
    },
}

impl Load {
    /// Its name in tables and keys.
    pub fn name(self) -> String {
        match self {
            Self::Select { protocol, clients } => format!("pg_{protocol}_c{clients}"),
            Self::Connect { clients } => format!("pg_connect_c{clients}"),
            Self::CopyOut { table, .. } => format!("pg_copy_{table}"),
        }
    }

    /// That, with the names of rate and CPU.
    pub fn kind(self) -> Kind {
        let (rate, cpu) = match self {
            Self::Select { .. } => ("tps", "cpu_us_per_txn"),
            Self::Connect { .. } => ("per_s", "cpu_us_per_connect"),
            Self::CopyOut { .. } => ("mb_per_s", "cpu_s_per_gb"),
        };
        Kind { name: self.name(), rate, cpu }
    }

    /// Runs it unmeasured, so that the first way does not pay for a cold target; for COPY every byte is counted.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when the client did not get what the table has.
    pub fn prove(self, way: &Way) -> Result<(), HarnessError> {
        let Self::CopyOut { table, rows, row_bytes } = self else { return Ok(()) };
        let said = Terminal::open(&way.psql)?.say(&format!("\\copy {table} to program 'wc -c'"))?;
        let (count, bytes) = (format!("COPY {rows}"), (u64::from(rows) * u64::from(row_bytes)).to_string());
        let lines: Vec<_> = said.out.lines().map(str::trim).collect();
        match lines.contains(&count.as_str()) && lines.contains(&bytes.as_str()) {
            true => Ok(()),
            false => Err(failed(format!("instead of {bytes} bytes, {} sent `{}` `{}`", way.name, said.out, said.err))),
        }
    }

    /// Runs it once.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with the client's words.
    pub fn run(self, way: &Way) -> Result<Sample, HarnessError> {
        match self {
            Self::Select { protocol, clients } => pgbench(way, clients, &["-M", protocol]),
            Self::Connect { clients } => pgbench(way, clients, &["-C"]),
            Self::CopyOut { table, rows, row_bytes } => copy_out(way, table, rows, row_bytes),
        }
    }
}

/// Makes pgbench's tables.
///
/// # Errors
/// [`HarnessError::Failed`] with pgbench's words.
pub fn fill(psql: &Psql) -> Result<(), HarnessError> {
    let mut command = Command::new("pgbench");
    connect_like(&mut command, psql).args(["-i", "-q", "-s", SCALE]);
    run(&mut command, "", RUN_WITHIN)?.output("pgbench").map(drop)
}

fn pgbench(way: &Way, clients: u32, more: &[&str]) -> Result<Sample, HarnessError> {
    let mut command = Command::new("pgbench");
    connect_like(&mut command, &way.psql).args(["-S", "-n", "-T", &RUN_S.to_string(), "-c", &clients.to_string()]);
    command.args(["-j", &clients.min(2).to_string()]).args(more);
    let before = used(way)?;
    let said = run(&mut command, "", RUN_WITHIN)?.output("pgbench")?;
    let after = used(way)?;
    let number = |start: &str| {
        let found =
            said.lines().find_map(|line| line.strip_prefix(start)?.split_whitespace().next()?.parse::<f64>().ok());
        found.ok_or_else(|| failed(format!("no `{start}` in {said}")))
    };
    let (rate, transactions) = (number("tps = ")?, number("number of transactions actually processed: ")?);
    let cpu = before.zip(after).map(|(before, after)| (after - before) * 1e6 / transactions);
    Ok(Sample { rate, cpu })
}

fn copy_out(way: &Way, table: &str, rows: u32, row_bytes: u32) -> Result<Sample, HarnessError> {
    let mut terminal = Terminal::open(&way.psql)?;
    let (before, started) = (used(way)?, Instant::now());
    let said = terminal.say(&format!("\\copy {table} to '/dev/null'"))?;
    let (seconds, after) = (started.elapsed().as_secs_f64(), used(way)?);
    if said.out != format!("COPY {rows}") {
        return Err(failed(format!("COPY said `{}` `{}`", said.out, said.err)));
    }
    let bytes = f64::from(rows) * f64::from(row_bytes);
    let cpu = before.zip(after).map(|(before, after)| (after - before) * 1e9 / bytes);
    Ok(Sample { rate: bytes / 1e6 / seconds, cpu })
}

fn used(way: &Way) -> Result<Option<f64>, HarnessError> {
    way.gateway.map(cpu_seconds).transpose()
}

fn failed(why: String) -> HarnessError {
    HarnessError::Failed { program: "the load".to_owned(), code: -1, stderr: why }
}
