//! People, their sessions and accounts, and what the program keeps to itself.

use super::*;

conformance! {
    a_name_belongs_to_a_session,
    another_name_is_that_of_all_sessions,
    a_session_ends,
    an_account_is_made_once_and_a_guest_keeps_who_they_are,
    one_of_many_gets_a_login_name,
    another_password_ends_all_other_sessions,
    a_secret_is_made_once,
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::trusted(text.to_owned())
}

fn login(text: &str) -> LoginName {
    text.parse().unwrap()
}

async fn a_name_belongs_to_a_session(fixture: Fixture) {
    let store = &fixture.store;
    let (ada, bob) = (session(), session());
    assert_eq!(store.find_person(ada.token.clone()).await.unwrap(), None);
    let first = store.name_person(ada.clone(), name("Ada")).await.unwrap();
    let other = store.name_person(bob, name("Ada")).await.unwrap();
    assert_ne!(first.id, other.id, "a name is not who somebody is");
    let renamed = store.name_person(ada.clone(), name("Countess")).await.unwrap();
    assert_eq!((renamed.id, renamed.name.as_str()), (first.id, "Countess"));
    assert_eq!(store.find_person(ada.token).await.unwrap(), Some(renamed));
}

async fn a_session_ends(fixture: Fixture) {
    let store = &fixture.store;
    let over = NewSession { token: SessionToken::random(), expires_at: UnixMillis::now() };
    store.name_person(over.clone(), name("Ada")).await.unwrap();
    assert_eq!(store.find_person(over.token.clone()).await.unwrap(), None, "its time is over");
    let (ended, other) = (session(), session());
    store.name_person(ended.clone(), name("Ada")).await.unwrap();
    store.name_person(other.clone(), name("Bob")).await.unwrap();
    store.end_session(ended.token.clone()).await.unwrap();
    store.end_session(ended.token.clone()).await.unwrap();
    assert_eq!(store.find_person(ended.token).await.unwrap(), None, "it was ended");
    assert!(store.find_person(other.token).await.unwrap().is_some());
    // It was forgotten when another one began: its token is free.
    store.name_person(NewSession { token: over.token, ..session() }, name("Eve")).await.unwrap();
}

async fn an_account_is_made_once_and_a_guest_keeps_who_they_are(fixture: Fixture) {
    let store = &fixture.store;
    let (as_guest, as_ada) = (session(), session());
    let guest = store.name_person(as_guest.clone(), name("Ada")).await.unwrap();
    let create = async |guest, login_name, session| {
        store.create_account(guest, name("Lady Ada"), login(login_name), hash("one"), session).await.unwrap()
    };
    let ada = create(Some(guest.id), "ada", as_ada.clone()).await.expect("the name is free");
    assert_eq!((ada.id, ada.name.as_str()), (guest.id, "Lady Ada"));
    assert_eq!(store.find_person(as_guest.token).await.unwrap(), None, "what a guest could do ends");
    assert_eq!(store.find_person(as_ada.token.clone()).await.unwrap(), Some(ada.clone()));
    assert_eq!(create(Some(guest.id), "ada", as_ada).await, Some(ada.clone()), "asked for twice, done once");
    assert_eq!(create(None, "ada", session()).await, None, "the name is taken");
    assert_eq!(create(Some(ada.id), "ada2", session()).await, None, "there is an account already");
    assert!(store.find_account(AccountOf::Login(login("ada2"))).await.unwrap().is_none());
    let somebody = create(None, "bob", session()).await.unwrap();
    assert_ne!(somebody.id, ada.id);
    for of in [AccountOf::Login(login("ada")), AccountOf::Person(ada.id)] {
        let found = store.find_account(of).await.unwrap().unwrap();
        assert_eq!((found.person, found.login, found.password), (ada.clone(), login("ada"), hash("one")));
    }
}

async fn one_of_many_gets_a_login_name(fixture: Fixture) {
    let store = &fixture.store;
    let create = |n: usize| store.create_account(None, name("Ada"), login("ada"), hash(&n.to_string()), session());
    let made = futures_util::future::join_all((0..8).map(create)).await;
    assert_eq!(made.into_iter().filter(|made| made.as_ref().unwrap().is_some()).count(), 1);
}

async fn another_password_ends_all_other_sessions(fixture: Fixture) {
    let store = &fixture.store;
    let (first, second, third, late) = (session(), session(), session(), session());
    let ada = store.create_account(None, name("Ada"), login("ada"), hash("one"), first.clone()).await.unwrap().unwrap();
    let bob = session();
    store.create_account(None, name("Bob"), login("bob"), hash("one"), bob.clone()).await.unwrap();
    assert!(store.open_session(ada.id, hash("one"), second.clone()).await.unwrap());
    assert!(store.open_session(ada.id, hash("one"), second.clone()).await.unwrap(), "asked for twice, done once");
    let change =
        async |checked| store.change_password(ada.id, hash(checked), hash("two"), third.clone()).await.unwrap();
    assert!(!change("zero").await);
    assert!(store.find_person(first.token.clone()).await.unwrap().is_some(), "nothing was changed");
    assert!(change("one").await);
    assert!(change("one").await, "asked for twice, done once");
    for ended in [first, second] {
        assert_eq!(store.find_person(ended.token).await.unwrap(), None);
    }
    for goes_on in [third, bob] {
        assert!(store.find_person(goes_on.token).await.unwrap().is_some());
    }
    assert!(!store.open_session(ada.id, hash("one"), late.clone()).await.unwrap(), "checked before it was changed");
    assert_eq!(store.find_person(late.token).await.unwrap(), None);
}

async fn a_secret_is_made_once(fixture: Fixture) {
    let store = &fixture.store;
    assert_eq!(store.secret("one", "a").await.unwrap(), "a");
    assert_eq!(store.secret("one", "b").await.unwrap(), "a");
    assert_eq!(store.secret("two", "b").await.unwrap(), "b");
}

async fn another_name_is_that_of_all_sessions(fixture: Fixture) {
    let store = &fixture.store;
    let (one, two) = (session(), session());
    let ada = store.name_person(one.clone(), name("Ada")).await.unwrap();
    let bob = store.name_person(two.clone(), name("Bob")).await.unwrap();
    let renamed = store.rename_person(ada.id, name("Countess")).await.unwrap();
    assert_eq!(renamed, Some(Person { name: name("Countess"), ..ada }));
    assert_eq!(store.find_person(one.token).await.unwrap(), renamed);
    assert_eq!(store.find_person(two.token).await.unwrap(), Some(bob));
    assert_eq!(store.rename_person(PersonId(99), name("Nobody")).await.unwrap(), None);
}
