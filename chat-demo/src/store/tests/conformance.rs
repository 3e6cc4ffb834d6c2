//! What every database must do, whichever it is.

/// Runs each of these on a database of its own, once of each kind.
macro_rules! conformance {
    ($($case:ident),* $(,)?) => {
        mod sqlite_in_memory {
            $(
                #[tokio::test]
                async fn $case() {
                    let name = concat!("store-test-", stringify!($case));
                    super::$case(super::open(super::Location::Memory(name.to_owned())).await).await;
                }
            )*
        }

        /// One server for all of these, since starting one takes a while; a database for each.
        #[cfg(feature = "postgres")]
        #[tokio::test]
        async fn postgres_conforms() {
            let Some(server) = postgres_server::Postgres::start() else { return };
            $(
                println!("{}", stringify!($case));
                $case(open(Location::Postgres(server.database().parse().unwrap())).await).await;
            )*
        }
    };
}

pub(super) use conformance;
