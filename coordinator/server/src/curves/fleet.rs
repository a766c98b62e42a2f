//! The fleet over a minute or an hour: how the figures of the agents are spread.
//!
//! Pure: no I/O and no clock. What counts of an agent is its mean over the span. Spreads of several spans cannot be added up; of
//! a longer one the greatest of each figure is kept, so that no peak is hidden.

use muster_api::quantile::rank;

use super::Rolled;

/// Shares of the agents whose figures are kept.
pub const SHARES: [f64; 4] = [0.5, 0.95, 0.99, 1.0];
/// How many figures there are: CPU, memory, reads, writes.
const FIGURES: usize = 4;

/// Figures of agents that are gathered for one span.
#[derive(Debug, Default)]
pub struct Gathered {
    figures: [Vec<u64>; FIGURES],
}

impl Gathered {
    /// Takes an agent.
    pub fn add(&mut self, point: &Rolled) {
        let samples = point.samples.max(1);
        let means = [point.cpu, point.rss, point.read, point.written].map(|f| f.sum / samples);
        for (values, mean) in self.figures.iter_mut().zip(means) {
            values.push(mean);
        }
    }

    /// Returns how they are spread, of a fleet with so many enrolled agents.
    pub fn spread(self, enrolled: u64) -> FleetRolled {
        let live = self.figures.first().map_or(0, Vec::len) as u64;
        let spread = |mut values: Vec<u64>| {
            values.sort_unstable();
            SHARES.map(|share| {
                let at = rank(values.len(), share);
                at.and_then(|at| values.get(at).copied()).unwrap_or(0)
            })
        };
        FleetRolled {
            live,
            silent: enrolled.saturating_sub(live),
            figures: self.figures.map(spread),
        }
    }
}

/// The fleet over one span: each figure at each of [`SHARES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FleetRolled {
    /// Agents that were heard of.
    pub live: u64,
    /// Agents that were enrolled and not heard of.
    pub silent: u64,
    /// CPU in thousandths of a core, memory in bytes, bytes read and written a second.
    pub figures: [[u64; SHARES.len()]; FIGURES],
}

impl FleetRolled {
    /// Takes in another span: of each figure the greater stays.
    pub fn merge(&mut self, other: &Self) {
        self.live = self.live.max(other.live);
        self.silent = self.silent.max(other.silent);
        for (mine, others) in self.figures.iter_mut().flatten().zip(other.figures.iter().flatten())
        {
            *mine = (*mine).max(*others);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::tests::sample;

    #[test]
    fn each_agent_counts_by_its_mean_and_quantiles_are_values_that_there_are() {
        let mut gathered = Gathered::default();
        for n in 1..=100 {
            let mut point = Rolled::of(&sample(0, [n - 1, n * 10, 0, 7]));
            point.merge(&Rolled::of(&sample(1, [n + 1, n * 10, 0, 7])));
            gathered.add(&point);
        }
        let fleet = gathered.spread(103);
        assert_eq!((fleet.live, fleet.silent), (100, 3));
        assert_eq!(fleet.figures[0], [50, 95, 99, 100]);
        assert_eq!(fleet.figures[1], [500, 950, 990, 1_000]);
        assert_eq!(fleet.figures[2..], [[0; 4], [7; 4]]);
        assert_eq!(Gathered::default().spread(2), FleetRolled { silent: 2, ..Default::default() });
    }

    #[test]
    fn of_several_spans_no_peak_is_hidden() {
        let of = |live, cpu| FleetRolled {
            live,
            silent: 10 - live,
            figures: [cpu, [1; 4], [0; 4], [0; 4]],
        };
        let mut fleet = of(7, [1, 2, 3, 9]);
        fleet.merge(&of(9, [2, 2, 2, 2]));
        assert_eq!(fleet, FleetRolled { silent: 3, ..of(9, [2, 2, 3, 9]) });
    }
}
