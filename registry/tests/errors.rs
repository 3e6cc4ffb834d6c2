//! Section 8: errors.

mod support;

use std::error::Error as _;

use proptest::strategy::Strategy;
use registry::{
    Category, Error, ErrorKind, LookupError, NameProblem, Process, RegisterRefusal, Severity, TransferError,
    UnregisterError,
};
use support::{Drops, namespaces};

#[test]
fn s8_a_miss_carries_what_the_caller_needs_and_lists_services_only_when_asked() {
    for production in namespaces() {
        let error = production.lookup::<u32>("confg").unwrap_err();
        assert_eq!((error.namespace(), error.service()), ("production", "confg"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!((error.category(), error.severity()), (Category::Discovery, Severity::Medium));
        assert!(!error.is_retryable());
        assert_eq!(error.to_string(), "no service `confg` in namespace `production`; nothing is registered there");

        // Registered after the miss, and still listed: the list is made when it is asked for.
        let _held = [production.register("config", 1).unwrap(), production.register("events", 1).unwrap()];
        assert_eq!(error.subject().available(), ["config", "events"]);
        assert_eq!(error.to_string(), "no service `confg` in namespace `production`; available: config, events");
        let _more: Vec<_> = (0..10).map(|n| production.register(format!("more-{n}"), n).unwrap()).collect();
        assert!(error.to_string().ends_with("more-5 and 4 more"), "{error}");
    }
}

#[test]
fn s8_each_operation_has_its_errors() {
    for production in namespaces() {
        let (mine, theirs) = (Process::new(), Process::new());
        production.register_for(&theirs.reference(), "key", 1).unwrap();

        let lookup = production.lookup::<String>("key").unwrap_err();
        assert_eq!((lookup.kind(), lookup.severity()), (ErrorKind::TypeMismatch, Severity::High));
        let register = production.register("key", 2).unwrap_err();
        assert_eq!((register.kind(), register.refusal().category()), (ErrorKind::Taken, Category::Ownership));
        let unregister = production.unregister(&mine.reference(), "key").unwrap_err();
        assert!(matches!(unregister, UnregisterError::NotOwner { holder, .. } if holder == theirs.id()));
        let transfer = production.transfer("key", &mine.reference(), &theirs.reference()).unwrap_err();
        assert!(matches!(transfer, TransferError::NotOwner { .. }));
        let reserve = production.reserve::<u32>("key").unwrap_err();
        assert_eq!(reserve.kind(), ErrorKind::Taken);

        let all: Vec<Error> = vec![lookup.into(), register.into(), unregister.into(), transfer.into(), reserve.into()];
        for error in &all {
            assert_eq!((error.namespace(), error.service()), ("production", "key"));
            assert_eq!(error.to_string(), error.source().expect("the operation's own error").to_string());
        }
        let starting = production.reserve::<u32>("new").unwrap();
        let retry = production.lookup::<u32>("new").unwrap_err();
        assert!(retry.is_retryable());
        assert_eq!(
            (retry.severity(), retry.to_string().as_str()),
            (Severity::Low, "service `new` in namespace `production` is starting")
        );
        drop(starting);
    }
}

#[test]
fn s8_bad_names_are_refused_with_what_is_wrong_and_nothing_is_lost() {
    for production in namespaces() {
        let long = "x".repeat(256);
        for (name, problem) in [
            ("", NameProblem::Empty),
            (long.as_str(), NameProblem::TooLong { bytes: 256 }),
            ("a\u{0}b", NameProblem::ControlCharacter),
            ("line\nbreak", NameProblem::ControlCharacter),
            ("\u{85}", NameProblem::ControlCharacter),
        ] {
            let drops = Drops::default();
            let error = production.register(name, drops.tracked()).unwrap_err();
            assert!(
                matches!(error.refusal(), RegisterRefusal::InvalidName { problem: found, .. } if *found == problem)
            );
            assert_eq!(error.refusal().service(), name);
            assert!(!error.to_string().contains('\n'), "control characters are escaped: {error}");
            assert_eq!(drops.count(), 0);
            drop(error.into_handle());
            assert!(matches!(production.lookup::<u32>(name),
                Err(LookupError::InvalidName { problem: found, .. }) if found == problem));
            assert_eq!(production.reserve::<u32>(name).unwrap_err().kind(), ErrorKind::InvalidName);
        }
        assert_eq!(production.count(), 0);
        let longest = "x".repeat(255);
        let _held = production.register(&longest, 1).unwrap();
        assert_eq!(production.lookup::<i32>(&longest).unwrap(), 1);
    }
}

#[test]
#[should_panic(expected = "no control characters")]
fn s8_a_constant_name_has_no_control_characters_of_any_kind() {
    let _ = registry::Service::<u32>::new("a\u{85}b");
}

proptest::proptest! {
    /// Whatever bytes come in as a name: it is taken exactly as it is, or refused with a reason, and nothing panics.
    #[test]
    fn s8_any_text_is_a_name_or_a_clear_refusal(name in proptest::prelude::prop_oneof![
        ".{0,40}",
        "[a-z:*_]{1,300}",
        "\\PC{1,300}",
        proptest::collection::vec(proptest::prelude::any::<char>(), 0..40).prop_map(String::from_iter),
    ]) {
        for production in namespaces() {
            let valid = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
            match production.register(name.as_str(), 1_u32) {
                Ok(guard) => {
                    assert!(valid);
                    assert_eq!(guard.name(), name);
                    assert_eq!(production.lookup::<u32>(name.as_str()).unwrap(), 1);
                    assert_eq!(production.names(), [name.as_str()]);
                }
                Err(error) => {
                    assert!(!valid);
                    assert_eq!(error.kind(), ErrorKind::InvalidName);
                    assert!(!error.to_string().chars().any(char::is_control));
                    assert!(production.lookup::<u32>(name.as_str()).is_err());
                }
            }
        }
    }
}
