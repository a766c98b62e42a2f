//! What the running coordinator keeps in memory: begun again at each start, and shared by the parts above it.
//!
//! * [`counters`], [`row_rate`]: results that came in. [`shares`]: what each agent may have taken a second.
//! * [`misdeeds`], [`dead_letter_budget`]: refused results by agent. [`held`]: whose results are set aside.
//! * [`publish_locks`]: requests that are being published.
//! * [`fleet_minutes`]: how the fleet was in the last minutes.
//! * [`topics`]: what event streams follow. [`overviews`]: the first page as it was last made.
//! * [`watched`], [`changes`]: hunts that are being watched, and when to look at one again. [`tallies`]: what hunts came to. [`parts`]: their parts.
//! * [`broker_health`]: alarms, queues and settings of the broker.

pub mod broker_health;
pub mod changes;
pub mod counters;
pub mod dead_letter_budget;
pub mod fleet_minutes;
pub mod held;
pub mod misdeeds;
pub mod overviews;
pub mod parts;
pub mod publish_locks;
pub mod row_rate;
pub mod shares;
pub mod tallies;
pub mod topics;
pub mod watched;
