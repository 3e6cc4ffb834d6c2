//! A snapshot in the language of Mermaid.

use super::snapshot::{ChildSnapshot, Snapshot};
use super::text::{facts, left_out};

impl Snapshot {
    /// A flowchart for Mermaid. Of text from outside, all but letters, digits and a few marks is written as
    /// [entity codes](https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters).
    pub fn to_mermaid(&self) -> String {
        let mut chart = Chart { text: "flowchart TD\n".to_owned(), next: 0 };
        chart.node(&self.root);
        chart.text
    }
}

struct Chart {
    text: String,
    next: usize,
}

impl Chart {
    fn node(&mut self, node: &ChildSnapshot) -> usize {
        let brackets = if node.kind.is_supervisor() { ("[", "]") } else { ("(", ")") };
        let number = self.line(&facts(node), brackets);
        for child in &node.children {
            let below = self.node(child);
            self.text.push_str(&format!("  n{number} --> n{below}\n"));
        }
        if let Some(left_out) = left_out(node) {
            let below = self.line(&[left_out], ("[", "]"));
            self.text.push_str(&format!("  n{number} -.- n{below}\n"));
        }
        number
    }

    fn line(&mut self, lines: &[String], (open, close): (&str, &str)) -> usize {
        let number = self.next;
        self.next += 1;
        let label: Vec<_> = lines.iter().map(|line| coded(line)).collect();
        self.text.push_str(&format!("  n{number}{open}\"{}\"{close}\n", label.join("<br>")));
        number
    }
}

fn coded(text: &str) -> String {
    let mut coded = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '_' | ':' | '/' | '(' | ')') {
            coded.push(c);
        } else {
            coded.push_str(&format!("#{};", u32::from(c)));
        }
    }
    coded
}
