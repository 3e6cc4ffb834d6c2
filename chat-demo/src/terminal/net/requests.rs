//! What is asked for beside the sockets: pages of the past, what was found, what is to be done with rooms.

use http_body_util::Full;
use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::Server;
use super::http::{ANSWER, Reply, escaped};
use crate::domain::RoomCode;
use crate::terminal::connection::Trouble;
use crate::terminal::request::{Answer, Request};
use crate::terminal::text;
use crate::web::socket::protocol::{FoundPage, NoticePage, Past, Refusal, Team};

impl Server {
    /// Asks, once.
    pub(crate) async fn answer(&self, request: &Request) -> Result<Answer, Trouble> {
        match request {
            Request::NewRoom => self.change("/rooms", &[]).await,
            Request::Team(code) => {
                let reply = self.look(&format!("/workspaces/{code}")).await?;
                parsed::<Team<'_>>(&reply).map(text::team).map(Answer::Team)
            }
            Request::JoinTeam(code, name) => self.change(&format!("/workspaces/{code}/join"), &[("name", name)]).await,
            Request::LeaveTeam(code) => self.change(&format!("/workspaces/{code}/leave"), &[]).await,
            Request::NewTeam(called, name) => {
                self.change("/workspaces", &[("workspace", called), ("name", name)]).await
            }
            Request::OpenChannel(code, name) => {
                self.change(&format!("/workspaces/{code}/channels"), &[("name", name)]).await
            }
            Request::Announce(code, body) => {
                self.change(&format!("/workspaces/{code}/announcements"), &[("body", body)]).await
            }
            Request::Earlier(room, seq) => self.past(*room, &format!("?before={seq}")).await.map(Answer::Past),
            Request::Around(room, seq) => self.past(*room, &format!("?around={seq}")).await.map(Answer::Past),
            Request::Leave(room) => self.change(&format!("/rooms/{room}/leave"), &[]).await,
            Request::Create(room) => self.change("/rooms", &[("code", room.as_str())]).await,
            Request::Search(scope, words, before) => {
                let scope = scope.map(|room| format!("&room={room}")).unwrap_or_default();
                let before = before.map(|place| format!("&before={place}")).unwrap_or_default();
                let reply = self.look(&format!("/search?q={}{scope}{before}", escaped(words))).await?;
                parsed::<FoundPage<'_>>(&reply).map(text::found).map(Answer::Found)
            }
            Request::Notices(before) => {
                let before =
                    before.as_ref().map(|(at, room, seq)| format!("?at={}&room={}&seq={seq}", at.0, escaped(room)));
                let reply = self.look(&format!("/notifications{}", before.unwrap_or_default())).await?;
                parsed::<NoticePage<'_>>(&reply).map(text::notices).map(Answer::Notices)
            }
            Request::See(upto) => self.change("/notifications/seen", &[("upto", &upto.0.to_string())]).await,
            Request::Quiet(room, quiet) => {
                self.change(&format!("/rooms/{room}/quiet"), &[("quiet", &quiet.to_string())]).await
            }
        }
    }

    /// The last page of the past.
    pub(crate) async fn newest(&self, room: RoomCode) -> Result<Past<'static>, Trouble> {
        self.past(room, "").await
    }

    async fn past(&self, room: RoomCode, place: &str) -> Result<Past<'static>, Trouble> {
        let reply = self.look(&format!("/rooms/{room}/messages{place}")).await?;
        parsed::<Past<'_>>(&reply).map(text::past)
    }

    /// Asks for something to read.
    async fn look(&self, path: &str) -> Result<Reply, Trouble> {
        let request = self.ask(Method::GET, path).header(ACCEPT, "application/json");
        let request = request.body(Full::default()).expect("made of parts that are good");
        let reply = self.exchange(request, ANSWER).await.map_err(Trouble::Network)?;
        if reply.status == StatusCode::OK { Ok(reply) } else { Err(refused(&reply)) }
    }

    /// Has something done, as a form of a page does.
    async fn change(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let reply = self.post(path, form).await.map_err(|error| Trouble::Network(error.to_string()))?;
        let said = || {
            serde_json::from_slice::<Refusal<'_>>(&reply.body).map(|said| text::line(&said.text)).unwrap_or_default()
        };
        match reply.status {
            StatusCode::SEE_OTHER => Ok(Answer::Done(reply.location().to_owned())),
            StatusCode::OK => Ok(Answer::Said(said())),
            _ => Err(refused(&reply)),
        }
    }
}

fn parsed<'r, T: Deserialize<'r>>(reply: &'r Reply) -> Result<T, Trouble> {
    serde_json::from_slice(&reply.body)
        .map_err(|_| Trouble::Network("The server says what this program does not understand".into()))
}

/// Why something is not given: in the server's words, if it has some.
fn refused(reply: &Reply) -> Trouble {
    match serde_json::from_slice::<Refusal<'_>>(&reply.body) {
        Ok(refusal) => Trouble::Refused(text::line(&refusal.text)),
        Err(_) => Trouble::Status(reply.status.as_u16()),
    }
}
