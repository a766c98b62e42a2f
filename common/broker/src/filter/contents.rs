//! Knows the content that is open on each channel, and decides about its frames.
//!
//! A content is a method frame, a header frame and body frames on one channel. The method frame passes at
//! once, with its key escaped where that is not UTF-8; the header frame decides; the body frames follow
//! the decision. Of a body over its bound the beginning passes, and each further body frame is replaced by a
//! heartbeat, so that the client library sees that the connection lives.

use std::collections::BTreeMap;

use super::frames::{FRAME_BYTES, FRAME_END, HEAD_BYTES, HEADER, METHOD};
use super::marker::{BASIC, Defect, Reason, beginning};
use super::method::{self, Method};
use super::properties;
use muster_protocol::limits;

/// Class, weight and body size, before the properties.
const CONTENT_BYTES: usize = 12;
/// Contents that are open at once; a connection of ours has 16 channels.
const CONTENTS_MAX: usize = 64;

/// What one connection lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Largest frame of the connection, as the client asked for it.
    pub frame_max: u32,
    /// Largest body.
    pub body_bytes_max: u64,
}

/// What is expected on a channel.
#[derive(Debug)]
enum Content {
    /// A header frame; with the routing key, and whether it was unfit.
    Announced { routing_key: Vec<u8>, is_bad: bool },
    /// Body frames with so many bytes, of which so many pass.
    Body { left: u64, kept: u64 },
}

/// What becomes of a body frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// It passes.
    Whole,
    /// So many bytes of its payload pass.
    Cut(u32),
    /// It does not pass.
    Dropped,
}

/// What becomes of a frame that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes.
    Same,
    /// This frame goes in its place.
    Replaced(Vec<u8>),
    /// It is no frame.
    Blind,
}

/// The contents of one connection.
#[derive(Debug)]
pub(super) struct Contents {
    bounds: Bounds,
    open: BTreeMap<u16, Content>,
}

impl Contents {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, open: BTreeMap::new() }
    }

    /// Returns whether a content was announced on the channel whose header has not come.
    pub(super) fn awaits_header(&self, channel: u16) -> bool {
        matches!(self.open.get(&channel), Some(Content::Announced { .. }))
    }

    /// Decides about a body frame by what the header of its content said.
    pub(super) fn body(&mut self, channel: u16, size: u32) -> Body {
        let Some(Content::Body { left, kept }) = self.open.get_mut(&channel) else {
            return Body::Whole;
        };
        let now = u32::try_from(*kept).unwrap_or(u32::MAX).min(size);
        *kept -= u64::from(now);
        *left = left.saturating_sub(u64::from(size));
        if *left == 0 {
            self.open.remove(&channel);
        }
        match now {
            now if now == size => Body::Whole,
            0 => Body::Dropped,
            kept => Body::Cut(kept),
        }
    }

    /// Looks at a frame; `beyond` bytes of it are too many to be held.
    pub(super) fn look(&mut self, frame: &[u8], beyond: u64) -> Verdict {
        let (Some(head), Some(payload)) = (
            frame.first_chunk::<HEAD_BYTES>(),
            frame.get(HEAD_BYTES..frame.len() - usize::from(beyond == 0)),
        ) else {
            return Verdict::Blind;
        };
        if beyond == 0 && frame.last() != Some(&FRAME_END) {
            return Verdict::Blind;
        }
        let [kind, c0, c1, ..] = *head;
        let channel = u16::from_be_bytes([c0, c1]);
        if kind == METHOD {
            return self.method(channel, payload);
        }
        let content = self.open.remove(&channel);
        let Some(Content::Announced { routing_key, is_bad }) = content else {
            return Verdict::Same;
        };
        let size = u64::try_from(payload.len()).unwrap_or(u64::MAX).saturating_add(beyond);
        match self.header(channel, payload, size, routing_key, is_bad) {
            Some(payload) => Verdict::Replaced(framed(HEADER, channel, &payload)),
            None => Verdict::Same,
        }
    }

    fn method(&mut self, channel: u16, payload: &[u8]) -> Verdict {
        match method::parse(payload) {
            Method::Other | Method::Tune(0) => Verdict::Same,
            Method::Tune(frame_max) => {
                self.bounds.frame_max = self.bounds.frame_max.min(frame_max);
                Verdict::Same
            }
            Method::Content(announced) => {
                let replaced = announced.replaced.map(|payload| framed(METHOD, channel, &payload));
                if self.open.len() < CONTENTS_MAX {
                    let (routing_key, is_bad) = (announced.routing_key, replaced.is_some());
                    self.open.insert(channel, Content::Announced { routing_key, is_bad });
                }
                replaced.map_or(Verdict::Same, Verdict::Replaced)
            }
        }
    }

    /// Judges the header of a content, of `size` bytes; returns the payload that goes in its place, if any.
    fn header(
        &mut self,
        channel: u16,
        payload: &[u8],
        size: u64,
        routing_key: Vec<u8>,
        is_bad: bool,
    ) -> Option<Vec<u8>> {
        let (fixed, properties) = payload.split_at_checked(CONTENT_BYTES)?;
        let body_bytes = u64::from_be_bytes(*fixed.last_chunk()?);
        if fixed.first_chunk() != Some(&BASIC) {
            return None;
        }
        let is_cut = body_bytes > self.bounds.body_bytes_max;
        let frame_max = u64::from(self.bounds.frame_max);
        let is_over = size + FRAME_BYTES > limits::AMQP_HEADER_BYTES_MAX
            || (frame_max > 0 && size + FRAME_BYTES > frame_max);
        let reason = if is_bad {
            Some(Reason::UnparsableKey)
        } else if is_over {
            Some(Reason::HeadersTooBig)
        } else {
            properties::check(properties).err().or(is_cut.then_some(Reason::TooBig))
        };
        let kept = if is_cut { body_bytes.min(limits::AMQP_BODY_CUT_BYTES) } else { body_bytes };
        if body_bytes > 0 {
            self.open.insert(channel, Content::Body { left: body_bytes, kept });
        }
        let reason = reason?;
        let defect = Defect { reason, routing_key, properties: beginning(properties), body_bytes };
        Some(defect.header(kept, properties))
    }
}

pub(super) fn framed(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + HEAD_BYTES + 1);
    frame.push(kind);
    frame.extend(channel.to_be_bytes());
    frame.extend(u32::try_from(payload.len()).unwrap_or_default().to_be_bytes());
    frame.extend(payload);
    frame.push(FRAME_END);
    frame
}
