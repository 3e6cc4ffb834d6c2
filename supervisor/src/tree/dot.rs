//! A snapshot in the language of Graphviz.

use super::snapshot::{ChildSnapshot, Snapshot};
use super::text::{facts, left_out};

impl Snapshot {
    /// A directed graph for Graphviz's `dot`. Text from outside is only ever within quotes, with quotes and backslashes
    /// escaped ([the language](https://graphviz.org/doc/info/lang.html)).
    pub fn to_dot(&self) -> String {
        let mut graph = Graph { text: "digraph tree {\n  node [shape=box];\n".to_owned(), next: 0 };
        graph.node(&self.root);
        graph.text.push_str("}\n");
        graph.text
    }
}

struct Graph {
    text: String,
    next: usize,
}

impl Graph {
    fn node(&mut self, node: &ChildSnapshot) -> usize {
        let shape = if node.kind.is_supervisor() { "box" } else { "ellipse" };
        let number = self.line(&facts(node), shape);
        for child in &node.children {
            let below = self.node(child);
            self.text.push_str(&format!("  n{number} -> n{below};\n"));
        }
        if let Some(left_out) = left_out(node) {
            let below = self.line(&[left_out], "plaintext");
            self.text.push_str(&format!("  n{number} -> n{below};\n"));
        }
        number
    }

    fn line(&mut self, lines: &[String], shape: &str) -> usize {
        let number = self.next;
        self.next += 1;
        let label: Vec<_> = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
        self.text.push_str(&format!("  n{number} [shape={shape}, label=\"{}\"];\n", label.join("\\n")));
        number
    }
}
