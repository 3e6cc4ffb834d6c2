//! What a message says, with whom it mentions.

use maud::{Markup, html};

use crate::domain::{Message, Person, mentions};

/// The text, never markup; a mention of `viewer` stands out.
pub(super) fn body(message: &Message, viewer: Option<&Person>) -> Markup {
    let text = message.body.as_str();
    let mut rest = 0;
    html! {
        @for (range, meant) in mentions(text, &message.mentions) {
            @let me = viewer.is_some_and(|viewer| meant.iter().any(|person| person.id == viewer.id));
            (text[std::mem::replace(&mut rest, range.end)..range.start])
            span.mention.me[me] { (text[range]) }
        }
        (text[rest..])
    }
}
