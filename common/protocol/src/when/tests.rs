use super::*;

#[test]
fn lengths_of_time() {
    assert_eq!(duration_ms("90"), Ok(90_000));
    assert_eq!(duration_ms("15m"), Ok(900_000));
    assert_eq!(duration_ms("1.5h"), Ok(5_400_000));
    assert_eq!(duration_ms("1.5d"), Ok(129_600_000));
    assert_eq!(duration_ms("1.5h30m"), Ok(7_200_000));
    assert_eq!(duration_ms("1w"), Ok(604_800_000));
    assert_eq!(duration_ms("1h30m"), Ok(5_400_000));
    assert_eq!(duration_ms("1w2d3h4m5s6ms"), Ok(788_645_006));
    for bad in ["", "1h30", "30m1h", "1h1h", "1x", "h1", "1 h", "1h 30m", "1m30", "99999999999999w"]
    {
        assert!(duration_ms(bad).is_err(), "{bad:?}");
    }
    assert_eq!(seconds("10"), Ok(10));
    assert!(seconds("10ms").is_err());
    assert!(seconds("h").is_err());
}

#[test]
fn a_length_of_time_is_ago_and_a_time_is_itself() {
    let now = Timestamp(1_700_000_000_000);
    let read = |text: &str| text.parse::<Moment>().map(|moment| moment.resolve(now).0);
    assert_eq!(read("15m"), Ok(1_699_999_100_000));
    assert_eq!(read("90"), Ok(1_699_999_910_000));
    assert_eq!(read("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
    assert_eq!(read("2023-11-15T00:13:20+02:00"), Ok(1_700_000_000_000));
    assert_eq!(read("2023-11-14T22:13:20"), Ok(1_700_000_000_000), "without an offset it is UTC");
    assert_eq!(read("2023-11-14"), Ok(1_699_920_000_000));
    for bad in ["", "yesterday", "-5m", "2023-11-14T", "99999999999999w"] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
    for text in ["90s", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123456789Z"] {
        let moment: Moment = text.parse().unwrap();
        assert_eq!(moment.to_string().parse(), Ok(moment));
    }
    assert_eq!(Moment::Ago(u64::MAX).resolve(Timestamp(0)), Timestamp(0).plus_ms(i64::MIN));
}

#[test]
fn moments_with_units_are_exact_to_the_nanosecond() {
    let read = |text: &str| Moment::with_unit(text).map(|moment| moment.ns(Timestamp(5_400_001)));
    assert_eq!(Moment::with_unit("7d"), Ok(Moment::Ago(604_800_000)));
    assert_eq!(read("1.5h"), Ok(1_000_000));
    let day = 1_795_564_800_000_000_000;
    assert_eq!(read("2026-11-25"), Ok(day));
    assert_eq!(read("2026-11-25T01:00:00.5+01:00"), Ok(day + 500_000_000));
    for same in
        ["2026-11-25T00:00:00", "2026-11-25 00:00", "2026-11-25T00:00", "2026-11-25T00:00:00.0"]
    {
        assert_eq!(read(same), Ok(day), "{same} is UTC");
    }
    assert_eq!(read("1w"), read("7d"));
    assert_eq!(read("1h30m"), read("90m"));
    for bad in [
        "",
        "7",
        "2026",
        "d",
        "-7d",
        "2026-11-25T",
        "2026-11-25T10:00+26",
        "2026-13-01",
        "yesterday",
    ] {
        assert!(Moment::with_unit(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Moment::Ago(u64::MAX).ns(Timestamp(0)), i128::from(u64::MAX) * -1_000_000);
    assert_eq!(read("3000-01-01"), Ok(32_503_680_000_000_000_000));
    assert_eq!(read("1500-01-01"), Ok(-14_831_769_600_000_000_000));
}

#[test]
fn a_configuration_gives_a_number_or_text() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct File {
        #[serde(deserialize_with = "ms")]
        pause_ms: u64,
        #[serde(default, deserialize_with = "maybe_seconds")]
        max_s: Option<u32>,
    }
    let read = |text: &str| serde_json::from_str::<File>(text).map_err(|error| error.to_string());
    assert_eq!(read(r#"{"pause_ms": 1500}"#), Ok(File { pause_ms: 1_500, max_s: None }));
    let both = read(r#"{"pause_ms": "1.5s", "max_s": "2h"}"#);
    assert_eq!(both, Ok(File { pause_ms: 1_500, max_s: Some(7_200) }));
    assert_eq!(read(r#"{"pause_ms": 1, "max_s": 0}"#), Ok(File { pause_ms: 1, max_s: Some(0) }));
    for (bad, why) in [
        (r#"{"pause_ms": -1}"#, "less than nothing"),
        (r#"{"pause_ms": "soon"}"#, "is not a length of time"),
        (r#"{"pause_ms": true}"#, "a number of milliseconds, or a length of time"),
        (r#"{"pause_ms": 1, "max_s": 5000000000}"#, "too many seconds"),
    ] {
        assert!(read(bad).unwrap_err().contains(why), "{bad}");
    }
}
