use super::*;

fn sealed(id: &str, bytes: usize) -> Sealed {
    let field = |n: u8| ByteBuf::from(vec![n; 9]);
    let body = ByteBuf::from(vec![7; bytes]);
    Sealed { kind: "hunt.start".into(), id: id.into(), body, sig: field(1), cert: field(2) }
}

fn bundle() -> Bundle {
    let whole = vec![ByteBuf::from(vec![3; 70_000]); 3];
    Bundle { start: sealed("start", 10), parts: vec![sealed("1", 100_000), sealed("2", 5)], whole }
}

fn ids(records: &[Sealed]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[test]
fn an_agent_reads_the_records_of_either_file() {
    let Bundle { start, parts, .. } = bundle();
    let records = Bundle::records(bundle().bytes().unwrap().as_slice()).unwrap();
    assert_eq!(ids(&records), ["1", "2", "start"]);
    assert_eq!(records, [parts, vec![start.clone()]].concat());
    assert_eq!(Bundle::records(wire::encode(&start).unwrap().as_slice()).unwrap(), [start]);
}

#[test]
fn what_is_neither_file_is_refused() {
    #[derive(Serialize)]
    struct Both {
        #[serde(flatten)]
        alone: Sealed,
        #[serde(flatten)]
        bundle: Bundle,
    }
    #[derive(Serialize)]
    struct Cut {
        start: Sealed,
        parts: Vec<Sealed>,
    }
    let refused = |bytes: Vec<u8>| {
        assert!(Bundle::read(&bytes).is_err());
        Bundle::records(bytes.as_slice()).unwrap_err()
    };
    let both = wire::encode(&Both { alone: sealed("x", 1), bundle: bundle() }).unwrap();
    assert!(matches!(refused(both), WireError::Malformed(_)));
    let cut = wire::encode(&Cut { start: sealed("x", 1), parts: Vec::new() }).unwrap();
    assert!(matches!(refused(cut), WireError::Malformed(_)));
    let trailing = [bundle().bytes().unwrap(), vec![0]].concat();
    assert!(matches!(refused(trailing), WireError::Trailing(1)));
    let big = wire::encode(&sealed("x", limits::SEALED_BYTES_MAX)).unwrap();
    assert!(matches!(refused(big), WireError::TooBig { .. }));
    assert!(matches!(refused(Vec::new()), WireError::Malformed(_)));
    assert!(matches!(refused(vec![0x80]), WireError::Malformed(_)));
}
