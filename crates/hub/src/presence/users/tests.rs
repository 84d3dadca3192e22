use super::*;

fn who(name: &str) -> Who {
    let (user, session) = name.split_once('/').unwrap();
    Who { user: Name::new(user).unwrap(), session: Name::new(session).unwrap() }
}

fn users(max_last_seen: usize, max_sessions: usize) -> Users {
    Users::new(&PresenceLimits { max_last_seen, max_sessions, ..PresenceLimits::default() })
}

fn online(since: u64) -> UserState {
    UserState { status: UserStatus::Online, since: Some(since), seen: None }
}

fn away(since: u64) -> UserState {
    UserState { status: UserStatus::Away, since: Some(since), seen: None }
}

fn status(users: &Users, user: &str) -> UserState {
    users.status(&Name::new(user).unwrap())
}

#[test]
fn a_user_is_away_when_all_sessions_are() {
    let mut users = users(10, 10);
    assert_eq!(users.enter(1, &who("ada/desk")).unwrap(), Some(online(1)));
    assert_eq!(users.enter(2, &who("ada/phone")).unwrap(), None);
    assert_eq!(users.set_away(3, &who("ada/desk"), true), None);
    assert_eq!(users.set_away(3, &who("ada/desk"), true), None);
    assert_eq!(status(&users, "ada"), online(1));
    assert_eq!(users.set_away(4, &who("ada/phone"), true), Some(away(4)));
    assert_eq!(users.set_away(5, &who("ada/desk"), false), Some(online(5)));
    assert_eq!(users.farewell(6, &who("ada/desk")), Some(away(6)));
    assert_eq!(users.farewell(7, &who("ada/phone")), Some(offline(7)));
    assert_eq!(users.farewell(8, &who("ada/phone")), None);
    assert_eq!(status(&users, "ada"), offline(7));
}

#[test]
fn a_user_comes_back_from_away_with_another_session() {
    let mut users = users(10, 10);
    users.enter(1, &who("ada/desk")).unwrap();
    users.set_away(2, &who("ada/desk"), true);
    assert_eq!(users.enter(3, &who("ada/phone")).unwrap(), Some(online(3)));
    assert_eq!(users.sessions(&Name::new("ada").unwrap()), 2);
}

#[test]
fn the_end_of_a_session_that_is_away_leaves_the_user_online() {
    let mut users = users(10, 10);
    users.enter(1, &who("ada/desk")).unwrap();
    users.enter(2, &who("ada/phone")).unwrap();
    users.set_away(3, &who("ada/desk"), true);
    assert_eq!(users.farewell(4, &who("ada/desk")), None);
    assert_eq!(status(&users, "ada"), online(1));
    assert_eq!(users.set_away(5, &who("ada/phone"), true), Some(away(5)));
}

#[test]
fn a_user_was_last_there_with_the_session_that_was() {
    let mut users = users(10, 10);
    users.enter(0, &who("ada/crashed")).unwrap();
    users.enter(1_000, &who("ada/desk")).unwrap();
    assert_eq!(users.farewell(60_000, &who("ada/desk")), None);
    assert_eq!(users.expire(74_999), None);
    assert_eq!(users.expire(75_000), Some((who("ada/crashed"), Some(offline(60_000)))));
    assert_eq!(users.expire(75_000), None);
    assert!(users.is_empty());
}

#[test]
fn a_user_is_away_since_somebody_was_last_there() {
    let mut users = users(10, 10);
    users.enter(0, &who("ada/crashed")).unwrap();
    users.enter(1_000, &who("ada/desk")).unwrap();
    assert_eq!(users.set_away(60_000, &who("ada/desk"), true), None);
    assert_eq!(users.expire(75_000), Some((who("ada/crashed"), Some(away(60_000)))));
}

#[test]
fn those_who_were_there_the_longest_ago_are_forgotten_first() {
    let mut users = users(2, 10);
    for (now, name) in [(1, "ada/x"), (2, "bob/x"), (3, "ada/y"), (4, "eve/x")] {
        users.enter(now, &who(name)).unwrap();
        users.farewell(now, &who(name));
    }
    assert_eq!(status(&users, "ada"), offline(3));
    assert_eq!(status(&users, "bob").status, UserStatus::Unknown);
    assert_eq!(status(&users, "eve"), offline(4));
}

#[test]
fn those_who_are_back_take_no_room_of_those_who_are_gone() {
    let mut users = users(2, 10);
    for (now, name) in [(1, "bob/x"), (2, "ada/x")] {
        users.enter(now, &who(name)).unwrap();
        users.farewell(now, &who(name));
    }
    users.enter(3, &who("ada/x")).unwrap();
    users.enter(4, &who("eve/x")).unwrap();
    users.farewell(5, &who("eve/x"));
    assert_eq!(status(&users, "bob"), offline(1));
}

#[test]
fn a_session_too_many_is_refused_and_those_that_are_there_may_return() {
    let mut users = users(10, 1);
    users.enter(1, &who("ada/x")).unwrap();
    assert!(users.depart(2, &who("ada/x")));
    let error = users.enter(3, &who("bob/x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are already as many sessions as `max_sessions` of 1 allows"
    );
    assert_eq!(users.enter(3, &who("ada/x")).unwrap(), None);
    assert_eq!(users.expire(12_000), None);
    assert_eq!(status(&users, "bob").status, UserStatus::Unknown);
}
