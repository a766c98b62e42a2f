//! Nanoseconds since 1970 on the wire: a number, or where 64 bits do not hold it the seconds and their nanoseconds.
//! An agent from before such times existed refuses the pair instead of taking another time.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NS_PER_S: i128 = 1_000_000_000;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Time {
    Near(i64),
    Far(i64, u32),
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
pub(super) fn serialize<S: Serializer>(ns: &Option<i128>, to: S) -> Result<S::Ok, S::Error> {
    let time = ns.map(|ns| i64::try_from(ns).map_or_else(|_| far(ns), Time::Near));
    time.serialize(to)
}

fn far(ns: i128) -> Time {
    let clamped = if ns < 0 { i64::MIN } else { i64::MAX };
    let seconds = i64::try_from(ns.div_euclid(NS_PER_S)).unwrap_or(clamped);
    Time::Far(seconds, u32::try_from(ns.rem_euclid(NS_PER_S)).unwrap_or_default())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i128>, D::Error> {
    match Option::<Time>::deserialize(from)? {
        None => Ok(None),
        Some(Time::Near(ns)) => Ok(Some(ns.into())),
        Some(Time::Far(seconds, ns)) if i128::from(ns) < NS_PER_S => {
            Ok(Some(i128::from(seconds) * NS_PER_S + i128::from(ns)))
        }
        Some(Time::Far(..)) => Err(de::Error::custom("more than a second of nanoseconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Window;
    use crate::wire;

    #[test]
    fn any_moment_comes_back_and_an_ordinary_one_is_one_number() {
        let far = 32_503_680_000_i128 * 1_000_000_000 + 7;
        for from_ns in [None, Some(0), Some(i128::from(i64::MAX)), Some(far), Some(-far)] {
            let window = Window { from_ns, until_ns: None };
            let bytes = wire::encode(&window).unwrap();
            assert_eq!(wire::decode::<Window>(&bytes, 1_000).unwrap(), window);
        }
    }
}
