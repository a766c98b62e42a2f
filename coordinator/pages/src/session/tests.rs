use super::*;

type Open = Sessions<&'static str, u8>;

fn begin(sessions: &mut Open, owner: &'static str, now: Instant) -> Keys {
    sessions.begin(owner, now).unwrap()
}

fn is_open(sessions: &mut Open, cookies: &[&str], secret: &str) -> bool {
    sessions.admit(cookies, secret, 0, Instant::now()).is_ok()
}

#[test]
fn a_session_ends_when_it_is_not_used_or_old() {
    let (idle, life) = (CONSOLE_SESSION_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX);
    let (idle, life) = (Duration::from_millis(idle), Duration::from_millis(life));
    let (mut sessions, began) = (Open::default(), Instant::now());
    let keys = begin(&mut sessions, "ada", began);
    let mut used = began;
    while used + idle / 2 < began + life {
        used += idle / 2;
        assert!(sessions.admit(&[&keys.cookie], &keys.secret, 0, used).is_ok(), "it is used");
    }
    assert!(sessions.admit(&[&keys.cookie], &keys.secret, 0, began + life).is_err(), "a day");
    let keys = begin(&mut sessions, "ada", began);
    assert!(sessions.admit(&[&keys.cookie], &keys.secret, 0, began + idle).is_err(), "unused");
}

#[test]
fn wrong_secrets_are_counted_for_a_minute_by_peer() {
    let (mut sessions, now) = (Open::default(), Instant::now());
    let keys = begin(&mut sessions, "ada", now);
    let cookies = [keys.cookie.as_str()];
    for _ in 0..CONSOLE_GUESSES_MAX {
        assert_eq!(sessions.admit(&cookies, "guess", 1, now), Err(Denied::Wrong));
    }
    assert_eq!(sessions.admit(&cookies, "guess", 1, now), Err(Denied::TooManyGuesses));
    assert_eq!(sessions.admit(&cookies, "guess", 2, now), Err(Denied::Wrong), "another peer");
    assert_eq!(sessions.admit(&cookies, &keys.secret, 1, now), Ok(&"ada"), "it goes on");
    assert_eq!(sessions.admit(&[], "", 1, now), Err(Denied::Wrong), "nothing was guessed");
    let later = now + GUESSES_WITHIN;
    assert_eq!(sessions.admit(&cookies, "guess", 1, later), Err(Denied::Wrong));
}

#[test]
fn guesses_of_very_many_peers_are_forgotten_by_age() {
    let (mut guesses, now) = (Guesses::default(), Instant::now());
    for peer in 0..CONSOLE_GUESSERS_MAX + 2 {
        for _ in 0..CONSOLE_GUESSES_MAX {
            assert_eq!(guesses.count(peer, now), Denied::Wrong);
        }
    }
    assert_eq!(guesses.0.len(), CONSOLE_GUESSERS_MAX * CONSOLE_GUESSES_MAX);
    assert!(!guesses.are_too_many(&0, now) && guesses.are_too_many(&2, now));
}

#[test]
fn a_session_wants_both_of_its_secrets() {
    let (mut sessions, now) = (Open::default(), Instant::now());
    let (a, b) = (begin(&mut sessions, "ada", now), begin(&mut sessions, "ada", now));
    assert!(is_open(&mut sessions, &["other", &a.cookie], &a.secret));
    assert!(!is_open(&mut sessions, &[&a.cookie], ""));
    assert!(!is_open(&mut sessions, &[], &a.secret));
    assert!(!is_open(&mut sessions, &[&a.cookie], &b.secret), "of two sessions");
    sessions.close(&[&a.cookie], &b.secret);
    assert!(is_open(&mut sessions, &[&a.cookie], &a.secret));
    sessions.close(&[&a.cookie], &a.secret);
    assert!(!is_open(&mut sessions, &[&a.cookie], &a.secret));
}

#[test]
fn the_oldest_session_of_an_owner_ends_where_there_are_too_many() {
    let (mut sessions, now) = (Open::default(), Instant::now());
    let (other, first) = (begin(&mut sessions, "bob", now), begin(&mut sessions, "ada", now));
    for _ in 1..CONSOLE_SESSIONS_MAX {
        begin(&mut sessions, "ada", now);
    }
    assert!(is_open(&mut sessions, &[&first.cookie], &first.secret));
    begin(&mut sessions, "ada", now);
    assert!(!is_open(&mut sessions, &[&first.cookie], &first.secret), "the oldest one is over");
    assert!(is_open(&mut sessions, &[&other.cookie], &other.secret), "of another owner");
}
