//! The fleet's curve as it is kept: a row for each minute and hour, made when they are condensed.
//!
//! To find how ten thousand agents' figures were spread over one minute takes ten thousand looks into their curves; of two days
//! that would be thirty million. So it is done once, with the rows in hand.

use std::collections::BTreeMap;

use muster_protocol::clock::Timestamp;
use muster_protocol::ids::AgentId;
use rusqlite::{Connection, Row, ToSql, params};

use super::StoreError;
use super::read::Reader;
use super::signed::signed;
use crate::curves::fleet::{FleetRolled, Gathered};
use crate::curves::{Rolled, Spread, Step};

/// The table. Figures are those of `curves::fleet::FleetRolled`, in its order.
pub(super) const TABLES: &str = "
CREATE TABLE fleet_curve (
    step INTEGER NOT NULL, at INTEGER NOT NULL, live INTEGER NOT NULL, silent INTEGER NOT NULL,
    cpu_50 INTEGER NOT NULL, cpu_95 INTEGER NOT NULL, cpu_99 INTEGER NOT NULL, cpu_max INTEGER NOT NULL,
    rss_50 INTEGER NOT NULL, rss_95 INTEGER NOT NULL, rss_99 INTEGER NOT NULL, rss_max INTEGER NOT NULL,
    read_50 INTEGER NOT NULL, read_95 INTEGER NOT NULL, read_99 INTEGER NOT NULL, read_max INTEGER NOT NULL,
    written_50 INTEGER NOT NULL, written_95 INTEGER NOT NULL, written_99 INTEGER NOT NULL, written_max INTEGER NOT NULL,
    PRIMARY KEY (step, at)
) WITHOUT ROWID;
";

/// What is gathered while curves are condensed, by step and span.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<(i64, Timestamp), Gathered>);

impl Spans {
    /// Takes an agent's point.
    pub(super) fn add(&mut self, step: Step, at: Timestamp, point: &Rolled) {
        self.0.entry((step.ms(), at)).or_default().add(point);
    }

    /// Writes what was gathered.
    pub(super) fn insert(self, tx: &Connection) -> Result<(), StoreError> {
        let mut insert = tx.prepare_cached(
            "INSERT OR REPLACE INTO fleet_curve VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
             ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        )?;
        for ((step_ms, at), gathered) in self.0 {
            let fleet = gathered.spread(enrolled(tx, (at, at.plus_ms(step_ms)))?);
            let mut values = vec![step_ms, at.0, signed(fleet.live), signed(fleet.silent)];
            values.extend(fleet.figures.iter().flatten().map(|figure| signed(*figure)));
            let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
            insert.execute(values.as_slice())?;
        }
        Ok(())
    }
}

/// Forgets what is too old.
pub(super) fn forget(tx: &Connection, step: Step, before: Timestamp) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM fleet_curve WHERE step = ?1 AND at < ?2")?
        .execute(params![step.ms(), before.0])?;
    Ok(())
}

/// Counts the agents that were part of the fleet at some time of a span.
fn enrolled(tx: &Connection, (from, until): (Timestamp, Timestamp)) -> Result<u64, StoreError> {
    let sql =
        "SELECT count(*) FROM agent WHERE enrolled < ?2 AND (revoked IS NULL OR revoked >= ?1)";
    let count: i64 =
        tx.prepare_cached(sql)?.query_row(params![from.0, until.0], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

impl Reader {
    /// Returns the fleet's minutes or hours from `since` until before `until`, as far as they are condensed, the oldest first.
    pub fn fleet_curve(
        &self,
        (since, until): (Timestamp, Timestamp),
        step: Step,
    ) -> Result<Vec<(Timestamp, FleetRolled)>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM fleet_curve WHERE step = ?1 AND at >= ?2 AND at < ?3 ORDER BY at",
        )?;
        let mut rows = select.query(params![step.ms(), since.0, until.0])?;
        let mut points = Vec::new();
        while let Some(row) = rows.next()? {
            points.push((Timestamp(row.get(1)?), rolled(row)?));
        }
        Ok(points)
    }

    /// Makes the fleet's point of one minute of the samples, which are not condensed yet: the same point as they will give,
    /// unless others come late. Nothing where no agent was heard of.
    pub fn fleet_minute(&self, at: Timestamp) -> Result<Option<FleetRolled>, StoreError> {
        let tx = &self.connection.unchecked_transaction()?;
        let until = Timestamp(at.0.saturating_add(Step::Minute.ms()));
        let mut select = tx.prepare_cached(
            "SELECT c.id, s.cpu, s.rss, s.read, s.written FROM curve c
             CROSS JOIN curve_sample s ON s.curve = c.id AND s.at >= ?1 AND s.at < ?2
             WHERE c.agent <> ?3",
        )?;
        let mut rows = select.query(params![at.0, until.0, AgentId::COORDINATOR])?;
        let (mut gathered, mut open) = (Gathered::default(), None::<(i64, Rolled)>);
        let mut is_empty = true;
        while let Some(row) = rows.next()? {
            is_empty = false;
            let (curve, point) = (row.get(0)?, sample(row)?);
            match &mut open {
                Some((held, rolled)) if *held == curve => rolled.merge(&point),
                _ => {
                    // The samples of one curve come together.
                    if let Some((_, whole)) = open.replace((curve, point)) {
                        gathered.add(&whole);
                    }
                }
            }
        }
        if let Some((_, whole)) = open {
            gathered.add(&whole);
        }
        if is_empty {
            return Ok(None);
        }
        Ok(Some(gathered.spread(enrolled(tx, (at, until))?)))
    }
}

fn rolled(row: &Row<'_>) -> Result<FleetRolled, StoreError> {
    let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let mut fleet = FleetRolled { live: number(2)?, silent: number(3)?, ..FleetRolled::default() };
    for (at, figure) in fleet.figures.iter_mut().flatten().enumerate() {
        *figure = number(4 + at)?;
    }
    Ok(fleet)
}

/// Reads a sample whose figures begin in the second column; what no fleet's figure is made of is 0.
fn sample(row: &Row<'_>) -> Result<Rolled, StoreError> {
    let once = |column: usize| -> Result<Spread, StoreError> {
        let value = row.get::<_, i64>(column)?.unsigned_abs();
        Ok(Spread { min: value, sum: value, max: value })
    };
    let [cpu, rss, read, written] = [once(1)?, once(2)?, once(3)?, once(4)?];
    Ok(Rolled { samples: 1, cpu, rss, read, written, threads: 0, fds: 0, outbox: 0 })
}

#[cfg(test)]
pub(crate) mod tests;
