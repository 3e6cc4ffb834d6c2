//! What was said in a room, as far as it is known here.

use std::collections::VecDeque;

use crate::domain::{PersonId, Seq};
use crate::web::socket::protocol::{Past, Said};

/// Messages that are kept; earlier ones are asked for again when somebody looks at them.
const KEPT: usize = 2_000;

/// Messages without a gap, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    messages: VecDeque<Said<'static>>,
    /// Up to where the room was read before, until that is marked.
    read: Option<Seq>,
    /// The first of those that were not read when they came, or when the room was opened.
    pub(crate) unread: Option<Seq>,
    /// Whether earlier ones were asked for, and what has changed since then.
    loading: Option<Vec<Said<'static>>>,
}

impl Conversation {
    /// Begins with a page of the past.
    pub(crate) fn begin(past: Past<'static>) -> Self {
        Self { messages: past.messages.into(), read: past.read, unread: None, loading: None }
    }

    /// What somebody else than `me` has said since the last visit is unread.
    pub(crate) fn mark_unread(&mut self, me: PersonId) {
        if let Some(read) = self.read.take() {
            let mut others = self.messages.iter().filter(|message| message.author.id != me);
            self.unread = others.find(|message| message.seq > read).map(|message| message.seq);
        }
    }

    pub(crate) fn messages(&self) -> &VecDeque<Said<'static>> {
        &self.messages
    }

    /// Takes in the next message. With `trim`, the oldest are forgotten when there are many.
    pub(crate) fn push(&mut self, said: Said<'static>, trim: bool) {
        if self.messages.back().is_some_and(|last| said.seq != last.seq.next()) {
            self.messages.clear();
        }
        self.messages.push_back(said);
        while trim && self.loading.is_none() && self.messages.len() > KEPT {
            self.messages.pop_front();
        }
    }

    /// Shows a message as its author has changed it.
    pub(crate) fn change(&mut self, said: Said<'static>) {
        if let Some(at) = self.position(said.seq) {
            self.messages[at] = said;
        } else if let Some(changed) = &mut self.loading {
            changed.push(said);
        }
    }

    /// The number before which earlier messages are to be asked for now, if there are any.
    pub(crate) fn ask_earlier(&mut self) -> Option<Seq> {
        let first = self.messages.front()?.seq;
        if first <= Seq(1) || self.loading.is_some() {
            return None;
        }
        self.loading = Some(Vec::new());
        Some(first)
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// Whether the first message of the room is not among these.
    pub(crate) fn has_earlier(&self) -> bool {
        self.messages.front().is_some_and(|first| first.seq > Seq(1))
    }

    /// Earlier messages have come, or none.
    pub(crate) fn earlier(&mut self, past: Option<Past<'static>>) {
        let changed = self.loading.take().unwrap_or_default();
        for said in past.into_iter().flat_map(|past| past.messages).rev() {
            if self.messages.front().is_some_and(|first| said.seq.next() == first.seq) {
                self.messages.push_front(said);
            }
        }
        for said in changed {
            if let Some(at) = self.position(said.seq)
                && self.messages[at].revision < said.revision
            {
                self.messages[at] = said;
            }
        }
    }

    /// The last message of somebody that is not deleted, before this one if one is given.
    pub(crate) fn last_of(&self, author: PersonId, before: Option<Seq>) -> Option<&Said<'static>> {
        self.messages.iter().rev().find(|message| {
            message.author.id == author
                && message.state.as_deref() != Some("deleted")
                && before.is_none_or(|before| message.seq < before)
        })
    }

    /// Where a message stands.
    pub(crate) fn position(&self, seq: Seq) -> Option<usize> {
        let first = self.messages.front()?.seq;
        let at = usize::try_from(seq.0.checked_sub(first.0)?).ok()?;
        (at < self.messages.len()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Revision, UnixMillis};
    use crate::web::socket::protocol::Who;

    fn said(seq: u64, author: i64, body: &str, revision: u64) -> Said<'static> {
        Said {
            seq: Seq(seq),
            id: format!("id-{seq:05}").into(),
            author: Who { id: PersonId(author), name: "Ada".into() },
            at: UnixMillis(0),
            kind: Default::default(),
            body: body.to_owned().into(),
            file: None,
            mentions: Vec::new(),
            revision: Revision(revision),
            state: None,
        }
    }

    fn page(seqs: std::ops::RangeInclusive<u64>, read: u64) -> Past<'static> {
        let messages = seqs.map(|seq| said(seq, 1 + (seq % 2) as i64, "x", 0)).collect();
        Past { messages, revision: Revision(0), read: Some(Seq(read)) }
    }

    #[test]
    fn what_others_said_after_the_last_visit_is_unread() {
        let at = |read, me| {
            let mut conversation = Conversation::begin(page(1..=9, read));
            conversation.mark_unread(PersonId(me));
            conversation.unread
        };
        assert_eq!(at(9, 1), None);
        assert_eq!(at(4, 1), Some(Seq(5)), "5 is of 2");
        assert_eq!(at(4, 2), Some(Seq(6)), "6 is of 1");
    }

    #[test]
    fn earlier_messages_join_without_a_gap_and_with_what_changed_meanwhile() {
        let mut conversation = Conversation::begin(page(11..=20, 20));
        assert_eq!(conversation.ask_earlier(), Some(Seq(11)));
        assert_eq!(conversation.ask_earlier(), None, "once");
        conversation.change(said(3, 1, "changed", 7));
        conversation.earlier(Some(page(1..=10, 0)));
        assert!(conversation.messages().iter().map(|said| said.seq.0).eq(1..=20));
        assert_eq!(conversation.messages()[2].body, "changed");
        assert_eq!(conversation.ask_earlier(), None, "there are none");
        // A page that does not fit is of no use.
        let mut conversation = Conversation::begin(page(11..=20, 20));
        conversation.ask_earlier();
        conversation.earlier(Some(page(1..=5, 0)));
        assert_eq!(conversation.messages().len(), 10);
        assert_eq!(conversation.ask_earlier(), Some(Seq(11)), "a try that gave nothing can be made again");
    }

    #[test]
    fn there_is_a_bound() {
        let mut conversation = Conversation::default();
        for seq in 1..=3_000 {
            conversation.push(said(seq, 1, "x", 0), true);
        }
        assert_eq!(conversation.messages().len(), KEPT);
        assert!(conversation.has_earlier() && conversation.position(Seq(3_000)) == Some(KEPT - 1));
        assert_eq!(conversation.last_of(PersonId(1), Some(Seq(2_900))).unwrap().seq, Seq(2_899));
    }
}
