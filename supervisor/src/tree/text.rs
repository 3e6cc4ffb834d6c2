//! A snapshot as text, and text that can be shown anywhere.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::snapshot::{ChildSnapshot, Snapshot};

/// How much of a text from outside is shown.
const LONGEST: usize = 200;

/// Text from outside as part of one line: control characters and those that change the direction of what follows are
/// escaped, and it is cut after 200 characters.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if text.len() <= LONGEST && !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == LONGEST {
            shown.push('…');
            break;
        }
        if odd(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// What is said of a child besides what is below it, id first.
pub(super) fn facts(node: &ChildSnapshot) -> Vec<String> {
    let mut facts = vec![plain(&node.id).into_owned(), node.kind.as_str().to_owned()];
    facts.push(if node.busy { format!("{} (busy)", node.state.as_str()) } else { node.state.as_str().to_owned() });
    facts.push(format!("#{}", node.incarnation));
    facts.extend(node.uptime.map(|uptime| format!("up {}", rounded(uptime))));
    facts.extend((node.restarts > 0).then(|| format!("restarts {}", node.restarts)));
    facts.extend(node.mailbox.map(|mailbox| format!("mailbox {}/{}", mailbox.len, mailbox.capacity)));
    facts.push(format!("{} B", node.memory));
    facts.extend(node.name.as_ref().map(|name| format!("name {}:{}", plain(&name.namespace), plain(&name.name))));
    facts.extend(
        node.last_exit
            .as_ref()
            .map(|exit| format!("last exit {} ago: {}", rounded(exit.ago), plain(&exit.reason.to_string()))),
    );
    facts
}

/// How many children there are, when not all of them are shown.
pub(super) fn left_out(node: &ChildSnapshot) -> Option<String> {
    (node.omitted > 0).then(|| {
        let states: Vec<_> =
            node.states.iter().map(|count| format!("{} {}", count.children, count.state.as_str())).collect();
        format!("{} more; in all {}", node.omitted, states.join(", "))
    })
}

/// To the millisecond: nobody reads more.
fn rounded(duration: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&facts(&self.root).join("  "))?;
        below(&self.root, "", f)
    }
}

fn below(node: &ChildSnapshot, indent: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let left_out = left_out(node);
    for (at, child) in node.children.iter().enumerate() {
        let last = at + 1 == node.children.len() && left_out.is_none();
        let (branch, trunk) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "\n{indent}{branch}{}", facts(child).join("  "))?;
        below(child, &format!("{indent}{trunk}"), f)?;
    }
    match left_out {
        Some(left_out) => write!(f, "\n{indent}└─ … {left_out}"),
        None => Ok(()),
    }
}
