//! Room codes: short enough to read aloud, hard enough to guess.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use thiserror::Error;

/// The characters of a code: no `0`/`O`, no `1`/`I`/`L`.
pub const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// What the codes begin with that the program gives out by itself.
const RESERVED: u8 = b'Z';

/// How many characters a code has; 31⁸ is 850 thousand million codes.
pub const CODE_LENGTH: usize = 8;

/// The name of a room, as people pass it on: eight characters of [`ALPHABET`].
///
/// Written by hand it may be in lower case and broken up by spaces and hyphens; parsed, it is in
/// its one canonical form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomCode([u8; CODE_LENGTH]);

/// Why a text is not a room code.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeError {
    /// Nothing but spaces and hyphens.
    #[error("a room code is missing")]
    Empty,
    /// Eight characters are needed.
    #[error("a room code has {CODE_LENGTH} characters, this one has {found}")]
    Length {
        /// How many characters there were, counting no further than 99.
        found: usize,
    },
    /// A character that no code has.
    #[error("“{found}” is never part of a room code{}", hint(*found))]
    Character {
        /// The first such character.
        found: char,
    },
}

impl RoomCode {
    /// A code drawn at random, for a room that is open to whoever has it.
    pub fn random(rng: &mut impl Rng) -> Self {
        loop {
            let code = Self(std::array::from_fn(|_| ALPHABET[rng.random_range(0..ALPHABET.len())]));
            if !code.is_reserved() {
                return code;
            }
        }
    }

    /// A code drawn at random, for a room that is open to certain people only.
    pub fn random_reserved(rng: &mut impl Rng) -> Self {
        let mut code = Self::random(rng);
        code.0[0] = RESERVED;
        code
    }

    /// Whether nobody can choose this code for a new room. If rooms that are open to certain people had other codes than
    /// these, whoever tries to make one of the same code would learn that it is taken.
    pub fn is_reserved(&self) -> bool {
        self.0[0] == RESERVED
    }

    /// The code in its canonical form.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }

    /// The code in two groups of four, as it is shown and read aloud.
    pub fn grouped(&self) -> String {
        let (left, right) = self.as_str().split_at(CODE_LENGTH / 2);
        format!("{left} {right}")
    }
}

impl FromStr for RoomCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut code = [0; CODE_LENGTH];
        let mut found = 0;
        let mut stranger = None;
        let significant = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–'));
        for c in significant.take(99) {
            let upper = c.to_ascii_uppercase();
            if !upper.is_ascii() || !ALPHABET.contains(&(upper as u8)) {
                stranger = stranger.or(Some(c));
            } else if found < CODE_LENGTH {
                code[found] = upper as u8;
            }
            found += 1;
        }
        match (found, stranger) {
            (0, _) => Err(CodeError::Empty),
            (CODE_LENGTH, None) => Ok(Self(code)),
            (CODE_LENGTH, Some(found)) if !found.is_control() => Err(CodeError::Character { found }),
            (CODE_LENGTH, Some(_)) => Err(CodeError::Character { found: '\u{fffd}' }),
            (found, _) => Err(CodeError::Length { found }),
        }
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomCode({self})")
    }
}

/// What the writer of a character that no code has may have meant.
fn hint(found: char) -> &'static str {
    match found.to_ascii_uppercase() {
        'O' | '0' => ": codes have neither the letter O nor zero; look again, it may be a Q or a D",
        'I' | 'L' | '1' => ": codes have neither I, L nor one; look again, it may be a J or a 7",
        _ => ": codes are made of the digits 2 to 9 and letters",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn written_by_hand() {
        let code: RoomCode = " abcd-2345\n".parse().unwrap();
        assert_eq!(code.as_str(), "ABCD2345");
        assert_eq!(code.grouped(), "ABCD 2345");
        assert_eq!("abcd 2345".parse(), Ok(code));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let refused = |text: &str| text.parse::<RoomCode>().unwrap_err();
        assert_eq!(refused(" - "), CodeError::Empty);
        assert_eq!(refused("ABC"), CodeError::Length { found: 3 });
        assert_eq!(refused("ABCD23456"), CodeError::Length { found: 9 });
        assert_eq!(refused(&"A".repeat(100_000)), CodeError::Length { found: 99 });
        assert_eq!(refused("ABCD234O"), CodeError::Character { found: 'O' });
        assert_eq!(refused("ABCD234é"), CodeError::Character { found: 'é' });
        assert!(refused("ABCD2340").to_string().contains("neither the letter O nor zero"));
    }

    proptest! {
        #[test]
        fn a_random_code_survives_any_way_of_writing_it(seed: u64, gap in 0..=CODE_LENGTH) {
            let code = RoomCode::random(&mut StdRng::seed_from_u64(seed));
            let (left, right) = code.as_str().split_at(gap);
            prop_assert_eq!(format!("{} -{}", left.to_lowercase(), right).parse(), Ok(code));
        }

        #[test]
        fn a_code_is_reserved_or_can_be_chosen(seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            prop_assert!(!RoomCode::random(&mut rng).is_reserved());
            let reserved = RoomCode::random_reserved(&mut rng);
            prop_assert!(reserved.is_reserved());
            prop_assert_eq!(reserved.as_str().parse(), Ok(reserved));
        }

        #[test]
        fn any_text_is_a_code_or_a_refusal(text: String) {
            if let Ok(code) = text.parse::<RoomCode>() {
                prop_assert!(code.as_str().bytes().all(|byte| ALPHABET.contains(&byte)));
                prop_assert_eq!(code.as_str().parse(), Ok(code));
            }
        }
    }
}
