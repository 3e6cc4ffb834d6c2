//! A workspace through the functions of its callers, under paused time.

use registry::{ServiceRegistry, TestNamespace};
use supervisor::testing::settle;
use supervisor::{Strategy, Supervisor, SupervisorRef, Tree};
use tokio::time::{Instant, advance, timeout};

use super::*;
use crate::kill::kill;
use crate::store::{Location, NewSession, Place, SessionToken, sqlite};

const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    workspaces: Workspaces,
    people: People,
    store: Store,
    code: WorkspaceCode,
    ada: Person,
    bob: Person,
    events: Subscription<WorkspaceEvent>,
    namespace: TestNamespace,
    tree: Tree<SupervisorRef>,
}

/// A tree with a store and one workspace of Ada's, which sleeps. Bob does not belong to it.
async fn fixture(name: &str, limits: Limits) -> Fixture {
    let namespace = ServiceRegistry::new().test_namespace();
    let place = sqlite::Place::prepare(Location::Memory(format!("workspace-test-{name}"))).unwrap();
    let place = Place::Sqlite(place.without_thread());
    let tree = Supervisor::new(Strategy::OneForOne)
        .child(Store::child_spec(&namespace, place))
        .child(Workspaces::child_spec(&namespace))
        .start()
        .await
        .unwrap();
    let store = Store::new(namespace.clone());
    let workspaces = Workspaces::new(namespace.clone(), store.clone(), limits);
    let people = People::new(&namespace, store.clone());
    let ada = somebody(&store, "Ada").await;
    let bob = somebody(&store, "Bob").await;
    let code = workspaces.create(ada.id, DisplayName::parse("Engines").unwrap()).await.unwrap();
    let events = workspaces.listen(code).unwrap();
    Fixture { workspaces, people, store, code, ada, bob, events, namespace, tree }
}

async fn somebody(store: &Store, name: &str) -> Person {
    let session = NewSession::lasting(SessionToken::random(), 3600 * SECOND);
    store.name_person(session, DisplayName::parse(name).unwrap()).await.unwrap()
}

fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

impl Fixture {
    /// Kills the process of the workspace; false if none runs.
    async fn kill(&self) -> bool {
        kill(&self.tree, &format!("workspaces/{}", self.code)).await
    }

    /// Whether a process of the workspace runs.
    fn is_awake(&self) -> bool {
        self.namespace.lookup::<ServerRef<WorkspaceServer>>(&*name(self.code)).is_ok()
    }

    async fn start(&mut self) {
        self.workspaces.ensure_started(self.code).await.unwrap();
        assert_eq!(self.events.recv().await, Ok(WorkspaceEvent::Started));
    }

    async fn view(&self, who: &Person) -> Option<(Vec<String>, Vec<String>, Vec<PersonId>)> {
        let view = self.workspaces.view(self.code, who.id).await.unwrap()?;
        let members = view.workspace.members.iter().map(|person| person.name.to_string()).collect();
        let channels = view.workspace.channels.iter().map(|channel| channel.name.to_string()).collect();
        Some((members, channels, view.active))
    }

    /// What happens next, and after how long.
    async fn next(&mut self) -> (WorkspaceEvent, Duration) {
        let since = Instant::now();
        (self.events.recv().await.unwrap(), since.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_the_code_joins_and_nobody_else_sees_it() {
    let mut fixture = fixture("join", Limits::default()).await;
    assert!(!fixture.is_awake());
    assert_eq!(fixture.view(&fixture.ada).await.unwrap(), (vec!["Ada".into()], vec!["#general".into()], vec![]));
    assert_eq!(fixture.view(&fixture.bob).await, None);
    fixture.start().await;
    for _ in 0..2 {
        fixture.workspaces.join(fixture.code, fixture.bob.id).await.unwrap();
    }
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Joined(fixture.bob.clone()));
    let nothing = timeout(SECOND, fixture.events.recv()).await;
    assert!(nothing.is_err(), "told once: {nothing:?}");
    assert_eq!(fixture.view(&fixture.bob).await.unwrap().0, ["Ada", "Bob"]);
    assert_eq!(
        fixture.workspaces.of(fixture.bob.id).await.unwrap(),
        [(fixture.code, DisplayName::parse("Engines").unwrap())]
    );
    let nowhere: WorkspaceCode = "22222222".parse().unwrap();
    assert!(matches!(fixture.workspaces.join(nowhere, fixture.bob.id).await, Err(JoinError::Unknown)));
    assert!(matches!(fixture.workspaces.ensure_started(nowhere).await, Err(JoinError::Unknown)));
    fixture.workspaces.leave(nowhere, fixture.bob.id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_is_idle_half_a_minute_after_the_last_channel_was_left() {
    let mut fixture = fixture("idle", Limits::default()).await;
    fixture.start().await;
    let ada = fixture.ada.id;
    let one = fixture.workspaces.attend(fixture.code, ada);
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Active(ada));
    let two = fixture.workspaces.attend(fixture.code, ada);
    drop(one);
    advance(60 * SECOND).await;
    two.here();
    assert_eq!(fixture.view(&fixture.ada).await.unwrap().2, [ada]);
    drop(two);
    let (event, after) = fixture.next().await;
    assert_eq!(event, WorkspaceEvent::Idle(ada));
    assert!((30 * SECOND..31 * SECOND).contains(&after), "{after:?}");
    assert_eq!(fixture.view(&fixture.ada).await.unwrap().2, []);
    // A stranger is never there.
    let stranger = fixture.workspaces.attend(fixture.code, fixture.bob.id);
    let nothing = timeout(20 * SECOND, fixture.events.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    fixture.workspaces.join(fixture.code, fixture.bob.id).await.unwrap();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Joined(fixture.bob.clone()));
    stranger.here();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Active(fixture.bob.id));
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_is_a_setting() {
    let limits = Limits { workspace_idle: 5 * SECOND, ..Limits::default() };
    let mut fixture = fixture("idle-setting", limits).await;
    fixture.start().await;
    drop(fixture.workspaces.attend(fixture.code, fixture.ada.id));
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Active(fixture.ada.id));
    let (event, after) = fixture.next().await;
    assert_eq!(event, WorkspaceEvent::Idle(fixture.ada.id));
    assert!((5 * SECOND..6 * SECOND).contains(&after), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_member_opens_channels_each_name_once() {
    let mut fixture = fixture("channels", Limits::default()).await;
    fixture.start().await;
    let (workspaces, code, ada) = (fixture.workspaces.clone(), fixture.code, fixture.ada.id);
    let opened = workspaces.open(code, ada, channel("Off Topic")).await.unwrap();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Opened(opened.clone()));
    assert_eq!(workspaces.open(code, ada, channel("#off-topic")).await.unwrap(), opened);
    assert!(matches!(workspaces.open(code, fixture.bob.id, channel("x")).await, Err(OpenError::Unknown)));
    assert!(matches!(workspaces.open(code, fixture.bob.id, channel("general")).await, Err(OpenError::Unknown)));
    assert_eq!(fixture.view(&fixture.ada).await.unwrap().1, ["#general", "#off-topic"]);
    // Many at once make one.
    let asked = (0..20).map(|_| workspaces.open(code, ada, channel("many")));
    let found: Vec<_> = futures_util::future::join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert!(found.iter().all(|channel| *channel == found[0]), "{found:?}");
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Opened(found[0].clone()));
    let nothing = timeout(SECOND, fixture.events.recv()).await;
    assert!(nothing.is_err(), "told once: {nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn members_and_channels_are_bounded() {
    let limits = Limits { workspace_members: 2, workspace_channels: 2, ..Limits::default() };
    let fixture = fixture("bounds", limits).await;
    let (workspaces, code, ada) = (&fixture.workspaces, fixture.code, fixture.ada.id);
    workspaces.join(code, fixture.bob.id).await.unwrap();
    let cleo = somebody(&fixture.store, "Cleo").await;
    assert!(matches!(workspaces.join(code, cleo.id).await, Err(JoinError::Full)));
    workspaces.join(code, fixture.bob.id).await.unwrap();
    workspaces.open(code, ada, channel("two")).await.unwrap();
    assert!(matches!(workspaces.open(code, ada, channel("three")).await, Err(OpenError::Full)));
    workspaces.open(code, ada, channel("two")).await.unwrap();
    workspaces.leave(code, fixture.bob.id).await.unwrap();
    workspaces.join(code, cleo.id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_all_who_listen_and_only_members_send_one() {
    let mut fixture = fixture("broadcast", Limits::default()).await;
    fixture.start().await;
    let body = Body::parse("lunch!").unwrap();
    let mut other = fixture.workspaces.listen(fixture.code).unwrap();
    let refused = fixture.workspaces.broadcast(fixture.code, fixture.bob.clone(), body.clone()).await;
    assert!(matches!(refused, Err(BroadcastError::NotMember)));
    let told = fixture.workspaces.broadcast(fixture.code, fixture.ada.clone(), body.clone()).await.unwrap();
    assert_eq!(told, 2);
    let said = WorkspaceEvent::Said { by: fixture.ada.clone(), body };
    assert_eq!(fixture.next().await.0, said);
    assert_eq!(other.recv().await, Ok(said));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_is_told_to_be_gone_and_another_name_is_told() {
    let mut fixture = fixture("leave", Limits::default()).await;
    fixture.start().await;
    fixture.workspaces.join(fixture.code, fixture.bob.id).await.unwrap();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Joined(fixture.bob.clone()));
    let bobby = fixture.people.rename(fixture.bob.id, DisplayName::parse("Bobby").unwrap()).await.unwrap().unwrap();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Joined(bobby));
    fixture.workspaces.leave(fixture.code, fixture.bob.id).await.unwrap();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Left(fixture.bob.id));
    assert_eq!(fixture.view(&fixture.bob).await, None);
    assert!(!fixture.workspaces.has(fixture.code, fixture.bob.id).await.unwrap());
    assert!(fixture.workspaces.has(fixture.code, fixture.ada.id).await.unwrap());
    assert!(fixture.workspaces.of(fixture.bob.id).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_killed_workspace_loses_nothing_and_knows_again_who_is_there() {
    let mut fixture = fixture("kill", Limits::default()).await;
    fixture.start().await;
    fixture.workspaces.join(fixture.code, fixture.bob.id).await.unwrap();
    let opened = fixture.workspaces.open(fixture.code, fixture.ada.id, channel("random")).await.unwrap();
    let ada = fixture.workspaces.attend(fixture.code, fixture.ada.id);
    for _ in 0..3 {
        fixture.next().await;
    }
    let before = fixture.view(&fixture.ada).await.unwrap();
    assert_eq!(before.2, [fixture.ada.id]);
    assert!(fixture.kill().await);
    // At once, while it is being restarted.
    assert_eq!(fixture.workspaces.open(fixture.code, fixture.bob.id, channel("random")).await.unwrap(), opened);
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Started);
    ada.here();
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Active(fixture.ada.id));
    assert_eq!(fixture.view(&fixture.ada).await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn wishes_survive_that_the_process_is_killed_under_them() {
    let fixture = fixture("kill-wishes", Limits::default()).await;
    let (workspaces, code) = (fixture.workspaces.clone(), fixture.code);
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(somebody(&fixture.store, &format!("P{n}")).await);
    }
    let wishing: Vec<_> = people
        .iter()
        .map(|person| {
            let (workspaces, id, number) = (workspaces.clone(), person.id, person.id.0);
            tokio::spawn(async move {
                // Longer than a killed one takes to come back, from the first to the last.
                tokio::time::sleep(Duration::from_millis(20 * number.unsigned_abs())).await;
                workspaces.join(code, id).await.unwrap();
                workspaces.open(code, id, channel(&format!("c{number}"))).await.unwrap()
            })
        })
        .collect();
    let mut kills = 0;
    while !wishing.iter().all(|wish| wish.is_finished()) {
        kills += u32::from(kills < 15 && fixture.kill().await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(kills >= 3, "{kills} kills are no test");
    let mut opened: Vec<_> = Vec::new();
    for wish in wishing {
        opened.push(wish.await.unwrap().room);
    }
    let view = workspaces.view(code, fixture.ada.id).await.unwrap().unwrap();
    assert_eq!((view.workspace.members.len(), view.workspace.channels.len()), (21, 21));
    for room in opened {
        assert!(view.workspace.channels.iter().any(|channel| channel.room == room), "the channel that was told of");
    }
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_nobody_needs_rests_and_wakes() {
    let mut fixture = fixture("rest", Limits::default()).await;
    fixture.start().await;
    let attendance = fixture.workspaces.attend(fixture.code, fixture.ada.id);
    for _ in 0..40 {
        advance(20 * SECOND).await;
        attendance.here();
        settle().await;
    }
    assert!(fixture.is_awake(), "somebody is there");
    let workspace = fixture.namespace.lookup::<ServerRef<WorkspaceServer>>(&*name(fixture.code)).unwrap();
    drop(attendance);
    assert!(workspace.child().gone().await.is_some_and(|reason| reason.is_clean()));
    assert!(!fixture.is_awake());
    fixture.workspaces.join(fixture.code, fixture.bob.id).await.unwrap();
    assert!(fixture.is_awake());
    fixture.tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_since_a_moment_ago_by_another_program_is_let_in() {
    let mut fixture = fixture("elsewhere", Limits::default()).await;
    fixture.start().await;
    // As another program on the same database does it.
    fixture.store.join_workspace(fixture.code, fixture.bob.id, 1000).await.unwrap();
    advance(SECOND).await;
    let _attendance = fixture.workspaces.attend(fixture.code, fixture.bob.id);
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Joined(fixture.bob.clone()));
    assert_eq!(fixture.next().await.0, WorkspaceEvent::Active(fixture.bob.id));
}
