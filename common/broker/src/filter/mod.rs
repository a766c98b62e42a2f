//! Stands between the socket and the client library, and replaces deliveries that the library must not see.
//!
//! The library ends the connection at a short string that is not UTF-8, at properties that it cannot parse
//! and at a frame above `frame_max`, overflows its stack at deeply nested headers, and holds a body of any
//! size. The broker then delivers the message again, permanently. So each content frame is checked before
//! the library reads it, and what is wrong arrives as an ordinary delivery with a [`Defect`].
//!
//! * [`frames`]: splits the byte stream into frames; the state machine. No input and output of its own.
//! * [`contents`]: knows which content is open on each channel and decides about its frames.
//! * [`method`]: finds the routing key in the method frames that announce a content.
//! * [`properties`]: checks the properties of a content, with a bound on nesting and number.
//! * [`marker`]: writes the header frame that carries a defect, and reads it back.
//! * [`stream`]: the socket with the filter before it, as the client library takes it.
//!
//! A frame that it does not understand passes unchanged. It never holds more than one frame of
//! [`limits::AMQP_HEADER_HELD_BYTES_MAX`](muster_protocol::limits::AMQP_HEADER_HELD_BYTES_MAX), and outgoing bytes pass
//! unchanged.

pub mod contents;
pub mod frames;
pub mod marker;
mod method;
mod properties;
pub(super) mod stream;

pub use contents::Bounds;
pub use frames::{Filter, Output};
pub use marker::{Defect, Reason};
