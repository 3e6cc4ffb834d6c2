//! Everything that was measured: a row for each operation, in it the contenders.

/// The rounds of one contender in one row.
#[derive(Default)]
struct Rounds {
    /// By turn; `None` where no round counted.
    turns: Vec<Option<f64>>,
    /// Whether the turns are those of the row, and not rounds made elsewhere.
    in_turn: bool,
    allocations: Option<f64>,
}

/// What the rounds of one contender say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// A quarter of the rounds were faster.
    pub(crate) lower_quartile: f64,
    pub(crate) median: f64,
    /// How many rounds counted.
    pub(crate) rounds: usize,
    /// Allocations for one operation, if they were counted: the most of all rounds.
    pub(crate) allocations: Option<f64>,
}

struct Row {
    name: String,
    contenders: Vec<(&'static str, Rounds)>,
}

/// Rows in the order of their first round.
#[derive(Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
}

impl Results {
    /// Notes a contender's turn, in nanoseconds or whatever the row is in; `None` if no round counted.
    pub(crate) fn note_turn(&mut self, row: &str, contender: &'static str, value: Option<f64>) {
        let rounds = self.rounds(row, contender);
        rounds.in_turn = true;
        rounds.turns.push(value);
    }

    /// Notes something that was measured outside of turns.
    pub(crate) fn note(&mut self, row: &str, contender: &'static str, value: f64) {
        self.rounds(row, contender).turns.push(Some(value));
    }

    pub(crate) fn note_allocations(&mut self, row: &str, contender: &'static str, allocations: f64) {
        let most = &mut self.rounds(row, contender).allocations;
        *most = Some(most.map_or(allocations, |most| most.max(allocations)));
    }

    pub(crate) fn figure(&self, row: &str, contender: &str) -> Option<Figure> {
        let rounds = self.find(row, contender)?;
        let mut values: Vec<f64> = rounds.turns.iter().copied().flatten().collect();
        Some(Figure {
            lower_quartile: quantile(&mut values, 0.25)?,
            median: quantile(&mut values, 0.5)?,
            rounds: values.len(),
            allocations: rounds.allocations,
        })
    }

    /// How many times as long `one` takes as `other`: the median over the turns that both of them have, or the ratio of
    /// their lower quartiles if they did not take turns.
    pub(crate) fn ratio(&self, row: &str, one: &str, other: &str) -> Option<f64> {
        self.ratio_of((row, one), (row, other))
    }

    /// [`ratio`](Self::ratio) of contenders of two rows that took their turns together.
    pub(crate) fn ratio_of(&self, one: (&str, &str), other: (&str, &str)) -> Option<f64> {
        let (first, second) = (self.find(one.0, one.1)?, self.find(other.0, other.1)?);
        if first.in_turn && second.in_turn && first.turns.len() == second.turns.len() {
            let pairs = first.turns.iter().zip(&second.turns);
            let mut ratios: Vec<f64> = pairs.filter_map(|(first, second)| Some((*first)? / (*second)?)).collect();
            return quantile(&mut ratios, 0.5);
        }
        Some(self.figure(one.0, one.1)?.lower_quartile / self.figure(other.0, other.1)?.lower_quartile)
    }

    /// Each row with the names of its contenders.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, Vec<&'static str>)> {
        self.rows.iter().map(|row| (row.name.as_str(), row.contenders.iter().map(|(name, _)| *name).collect()))
    }

    fn find(&self, row: &str, contender: &str) -> Option<&Rounds> {
        let row = self.rows.iter().find(|known| known.name == row)?;
        row.contenders.iter().find(|(name, _)| *name == contender).map(|(_, rounds)| rounds)
    }

    fn rounds(&mut self, row: &str, contender: &'static str) -> &mut Rounds {
        let at = self.rows.iter().position(|known| known.name == row).unwrap_or_else(|| {
            self.rows.push(Row { name: row.to_owned(), contenders: Vec::new() });
            self.rows.len() - 1
        });
        let contenders = &mut self.rows[at].contenders;
        let at = contenders.iter().position(|(name, _)| *name == contender).unwrap_or_else(|| {
            contenders.push((contender, Rounds::default()));
            contenders.len() - 1
        });
        &mut contenders[at].1
    }
}

fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len().checked_sub(1)? as f64 * share).round();
    values.get(at as usize).copied()
}
