//! Curves as they are kept: samples for hours, minutes for days, hours for months.
//!
//! Samples are inserted as they come. One transaction from time to time makes minutes of what nothing can join any
//! more, hours of minutes, and forgets what is too old; it starts from what is there, so that it may be repeated.

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use muster_protocol::limits::{
    TELEMETRY_HOURS_MS_MAX, TELEMETRY_MINUTES_MS_MAX, TELEMETRY_RAW_MS_MAX, TELEMETRY_SPACING_MS,
};
use muster_protocol::result::Telemetry;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::fleet_curve::Spans;
use super::read::Reader;
use super::signed::signed;
use super::{StoreError, fleet_curve};
use crate::curves::{Roll, Rolled, Spread, Step, place, settled};

/// A table of what was rolled up: minutes, hours.
macro_rules! rolled {
    ($name:literal) => {
        concat!(
            "CREATE TABLE ",
            $name,
            " (
    curve INTEGER NOT NULL, at INTEGER NOT NULL, samples INTEGER NOT NULL,
    cpu_min INTEGER NOT NULL, cpu_sum INTEGER NOT NULL, cpu_max INTEGER NOT NULL,
    rss_min INTEGER NOT NULL, rss_sum INTEGER NOT NULL, rss_max INTEGER NOT NULL,
    read_min INTEGER NOT NULL, read_sum INTEGER NOT NULL, read_max INTEGER NOT NULL,
    written_min INTEGER NOT NULL, written_sum INTEGER NOT NULL, written_max INTEGER NOT NULL,
    threads INTEGER NOT NULL, fds INTEGER NOT NULL, outbox INTEGER NOT NULL,
    PRIMARY KEY (curve, at)
) WITHOUT ROWID;
"
        )
    };
}

/// The tables. A sample is the minute of itself: the same columns less those that it has no use for.
pub(super) const TABLES: &str = concat!(
    "
-- A short name for each agent that has a curve.
CREATE TABLE curve (id INTEGER PRIMARY KEY, agent TEXT NOT NULL UNIQUE);
CREATE TABLE curve_sample (
    curve INTEGER NOT NULL, at INTEGER NOT NULL, cpu INTEGER NOT NULL, rss INTEGER NOT NULL,
    read INTEGER NOT NULL, written INTEGER NOT NULL, threads INTEGER NOT NULL, fds INTEGER NOT NULL,
    outbox INTEGER NOT NULL,
    PRIMARY KEY (curve, at)
) WITHOUT ROWID;
",
    rolled!("curve_minute"),
    rolled!("curve_hour"),
    "-- Until when minutes and hours are made.
CREATE TABLE curve_done (minutes INTEGER NOT NULL, hours INTEGER NOT NULL);
INSERT INTO curve_done VALUES (0, 0);
"
);

/// Until when minutes and hours are made.
#[derive(Debug, Clone, Copy)]
struct Done {
    minutes: Timestamp,
    hours: Timestamp,
}

impl Reader {
    /// Returns an agent's points from `since` until before `until`, the oldest first.
    pub fn curve(
        &self,
        agent: &AgentId,
        (since, until): (Timestamp, Timestamp),
        step: Step,
    ) -> Result<Vec<(Timestamp, Rolled)>, StoreError> {
        let tx = &self.connection.unchecked_transaction()?;
        let Some(curve) = curve_of(tx, agent)? else { return Ok(Vec::new()) };
        let Done { minutes, hours } = done(tx)?;
        let mut roll = Roll::new(step);
        let mut from = step.floor(since);
        if step == Step::Hour {
            rolled(tx, Step::Hour, curve, (from, until.min(hours)), &mut roll)?;
            from = from.max(hours);
        }
        if step >= Step::Minute {
            rolled(tx, Step::Minute, curve, (from, until.min(minutes)), &mut roll)?;
            from = from.max(minutes);
        }
        samples(tx, curve, (from, until), &mut roll)?;
        Ok(roll.points().collect())
    }

    /// Returns until when minutes or hours are made; of samples, nothing is.
    pub fn condensed(&self, step: Step) -> Result<Timestamp, StoreError> {
        let Done { minutes, hours } = done(&self.connection)?;
        Ok(match step {
            Step::Sample => Timestamp::default(),
            Step::Minute => minutes,
            Step::Hour => hours,
        })
    }
}

/// Puts a sample on its agent's curve.
pub(super) fn insert(
    tx: &Connection,
    sample: &Telemetry,
    now: Timestamp,
) -> Result<(), StoreError> {
    let at = place(sample, now);
    let curve = if let Some(curve) = curve_of(tx, &sample.agent)? {
        curve
    } else {
        tx.prepare_cached("INSERT INTO curve (agent) VALUES (?1)")?
            .execute([sample.agent.as_str()])?;
        tx.last_insert_rowid()
    };
    let (from, until) = (at.plus_ms(-TELEMETRY_SPACING_MS), at.plus_ms(TELEMETRY_SPACING_MS));
    let has_neighbour = tx
        .prepare_cached("SELECT 1 FROM curve_sample WHERE curve = ?1 AND at > ?2 AND at < ?3")?
        .exists(params![curve, from.0, until.0])?;
    if has_neighbour {
        return Ok(());
    }
    let point = Rolled::of(sample);
    tx.prepare_cached("INSERT INTO curve_sample VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            curve,
            at.0,
            signed(point.cpu.sum),
            signed(point.rss.sum),
            signed(point.read.sum),
            signed(point.written.sum),
            signed(point.threads),
            signed(point.fds),
            signed(point.outbox),
        ])?;
    Ok(())
}

/// Makes minutes and hours of what is settled, and forgets what is too old.
pub(super) fn condense(tx: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let until = Done { minutes: settled(Step::Minute, now), hours: settled(Step::Hour, now) };
    // A clock that was put back makes what follows again.
    let held = done(tx)?;
    let from =
        Done { minutes: held.minutes.min(until.minutes), hours: held.hours.min(until.hours) };
    let mut made = 0;
    let mut fleet = Spans::default();
    for (curve, is_agent) in curves(tx)? {
        let mut minutes = Roll::new(Step::Minute);
        samples(tx, curve, (from.minutes, until.minutes), &mut minutes)?;
        let mut gather = |step, at, point: &Rolled| {
            if is_agent {
                fleet.add(step, at, point);
            }
        };
        made += insert_rolled(tx, Step::Minute, curve, minutes, &mut gather)?;
        forget(tx, "curve_sample", curve, now.plus_ms(-TELEMETRY_RAW_MS_MAX))?;
        if from.hours < until.hours {
            let mut hours = Roll::new(Step::Hour);
            rolled(tx, Step::Minute, curve, (from.hours, until.hours), &mut hours)?;
            made += insert_rolled(tx, Step::Hour, curve, hours, &mut gather)?;
            forget(tx, "curve_minute", curve, now.plus_ms(-TELEMETRY_MINUTES_MS_MAX))?;
            forget(tx, "curve_hour", curve, now.plus_ms(-TELEMETRY_HOURS_MS_MAX))?;
        }
    }
    fleet.insert(tx)?;
    if from.hours < until.hours {
        fleet_curve::forget(tx, Step::Minute, now.plus_ms(-TELEMETRY_MINUTES_MS_MAX))?;
        fleet_curve::forget(tx, Step::Hour, now.plus_ms(-TELEMETRY_HOURS_MS_MAX))?;
        tx.execute(
            "DELETE FROM curve WHERE NOT EXISTS (SELECT 1 FROM curve_sample WHERE curve = id)
             AND NOT EXISTS (SELECT 1 FROM curve_minute WHERE curve = id)
             AND NOT EXISTS (SELECT 1 FROM curve_hour WHERE curve = id)",
            [],
        )?;
    }
    tx.execute(
        "UPDATE curve_done SET minutes = ?1, hours = ?2",
        params![until.minutes.0, until.hours.0],
    )?;
    Ok(made)
}

fn done(tx: &Connection) -> Result<Done, StoreError> {
    Ok(tx.prepare_cached("SELECT minutes, hours FROM curve_done")?.query_row([], |row| {
        Ok(Done { minutes: Timestamp(row.get(0)?), hours: Timestamp(row.get(1)?) })
    })?)
}

fn curve_of(tx: &Connection, agent: &AgentId) -> Result<Option<i64>, StoreError> {
    let mut select = tx.prepare_cached("SELECT id FROM curve WHERE agent = ?1")?;
    Ok(select.query_row([agent.as_str()], |row| row.get(0)).optional()?)
}

/// Returns all curves, and whether each is an agent's.
fn curves(tx: &Connection) -> Result<Vec<(i64, bool)>, StoreError> {
    let mut select = tx.prepare_cached("SELECT id, agent <> ?1 FROM curve")?;
    let rows = select.query_map([AgentId::COORDINATOR], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes in an agent's samples.
fn samples(
    tx: &Connection,
    curve: i64,
    (from, until): (Timestamp, Timestamp),
    roll: &mut Roll,
) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT at, cpu, rss, read, written, threads, fds, outbox FROM curve_sample
         WHERE curve = ?1 AND at >= ?2 AND at < ?3",
    )?;
    let mut rows = select.query(params![curve, from.0, until.0])?;
    while let Some(row) = rows.next()? {
        let once = |column| number(row, column).map(|n| Spread { min: n, sum: n, max: n });
        let point = Rolled {
            samples: 1,
            cpu: once(1)?,
            rss: once(2)?,
            read: once(3)?,
            written: once(4)?,
            threads: number(row, 5)?,
            fds: number(row, 6)?,
            outbox: number(row, 7)?,
        };
        roll.add(Timestamp(row.get(0)?), &point);
    }
    Ok(())
}

/// Takes in an agent's minutes or hours.
fn rolled(
    tx: &Connection,
    step: Step,
    curve: i64,
    (from, until): (Timestamp, Timestamp),
    roll: &mut Roll,
) -> Result<(), StoreError> {
    let sql = format!("SELECT * FROM {} WHERE curve = ?1 AND at >= ?2 AND at < ?3", table(step));
    let mut select = tx.prepare_cached(&sql)?;
    let mut rows = select.query(params![curve, from.0, until.0])?;
    while let Some(row) = rows.next()? {
        let spread = |column| -> Result<Spread, StoreError> {
            let (min, sum) = (number(row, column)?, number(row, column + 1)?);
            Ok(Spread { min, sum, max: number(row, column + 2)? })
        };
        let point = Rolled {
            samples: number(row, 2)?,
            cpu: spread(3)?,
            rss: spread(6)?,
            read: spread(9)?,
            written: spread(12)?,
            threads: number(row, 15)?,
            fds: number(row, 16)?,
            outbox: number(row, 17)?,
        };
        roll.add(Timestamp(row.get(1)?), &point);
    }
    Ok(())
}

fn insert_rolled(
    tx: &Connection,
    step: Step,
    curve: i64,
    roll: Roll,
    gather: &mut impl FnMut(Step, Timestamp, &Rolled),
) -> Result<usize, StoreError> {
    let sql = format!(
        "INSERT OR REPLACE INTO {} VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        table(step)
    );
    let mut insert = tx.prepare_cached(&sql)?;
    let mut made = 0;
    for (at, point) in roll.points() {
        gather(step, at, &point);
        let mut values = vec![curve, at.0, signed(point.samples)];
        for figure in [point.cpu, point.rss, point.read, point.written] {
            values.extend([figure.min, figure.sum, figure.max].map(signed));
        }
        values.extend([point.threads, point.fds, point.outbox].map(signed));
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        made += insert.execute(values.as_slice())?;
    }
    Ok(made)
}

fn forget(tx: &Connection, table: &str, curve: i64, before: Timestamp) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM {table} WHERE curve = ?1 AND at < ?2");
    tx.prepare_cached(&sql)?.execute(params![curve, before.0])?;
    Ok(())
}

fn table(step: Step) -> &'static str {
    match step {
        Step::Sample => "curve_sample",
        Step::Minute => "curve_minute",
        Step::Hour => "curve_hour",
    }
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

#[cfg(test)]
mod tests;
