//! A record on the wire as JSON, every field by its name, whatever version wrote it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_protocol::limits::REQUEST_BYTES_MAX;
use muster_protocol::request::{Body, Kind};
use muster_protocol::wire;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// Returns the arguments of a request; what they carry in an encoding of its own, the artifact's arguments, is decoded as well. `None`
/// where they cannot be read.
pub fn arguments(body: &Body) -> Option<Value> {
    let Shown(mut value) = wire::decode(&body.args, REQUEST_BYTES_MAX).ok()?;
    if body.kind == Kind::HuntStart
        && let Ok(start) =
            wire::decode::<muster_protocol::request::hunt::HuntStart>(&body.args, REQUEST_BYTES_MAX)
        && let Ok(Shown(args)) = wire::decode(&start.args, REQUEST_BYTES_MAX)
        && let Some(members) = value.as_object_mut()
    {
        members.insert("args".to_owned(), args);
    }
    Some(value)
}

/// Any value. Bytes that are text are text, others `{"base64": "…"}`.
struct Shown(Value);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Self)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(match str::from_utf8(value) {
            Ok(text) => text.into(),
            Err(_) => json!({"base64": STANDARD.encode(value)}),
        })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Shown::deserialize(deserializer).map(|Shown(value)| value)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        Shown::deserialize(deserializer).map(|Shown(value)| value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Shown(value)) = seq.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((Shown(name), Shown(value))) = map.next_entry()? {
            let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::artifact::file_hash;
    use muster_protocol::clock::Timestamp;
    use muster_protocol::ids::{FleetId, KeyId, RequestId};
    use muster_protocol::request::hunt::HuntStart;
    use muster_protocol::request::{Limits, Target};

    use super::*;

    #[test]
    fn every_field_is_there_and_bytes_are_text_or_base64() {
        let roots = vec![b"/etc".to_vec().into(), b"/\xff".to_vec().into()];
        let start = HuntStart::files(&file_hash::Args { roots, ..file_hash::Args::default() });
        let body = Body {
            kind: Kind::HuntStart,
            id: RequestId::from_bytes([1; 16]),
            key: KeyId::of(&[2; 32]),
            fleet: FleetId::from_bytes([3; 16]),
            issued: Timestamp(0),
            not_after: Timestamp(0),
            target: Target::all(),
            limits: Limits::default(),
            args: wire::encode(&start.unwrap()).unwrap().into(),
        };
        let shown = arguments(&body).unwrap();
        assert_eq!(shown["artifact"], "file_hash");
        assert_eq!(shown["args"]["roots"], json!(["/etc", {"base64": "L/8="}]));
        assert_eq!(shown["args"]["max_depth"], Value::Null);
        assert_eq!(shown["progress_s"], 0);
        let broken = Body { args: vec![0xc1].into(), ..body };
        assert_eq!(arguments(&broken), None);
    }
}
