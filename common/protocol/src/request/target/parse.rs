//! Text to expression, by recursive descent with a bound on depth.

use super::{Expr, TargetError, Term};
use crate::limits::{TARGET_BYTES_MAX, TARGET_DEPTH_MAX};

const WORDS: &str =
    "one of `all`, `id:`, `host:`, `os:`, `arch:`, `version:`, `label:`, `not`, `(`";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Word(&'a str),
    End,
}

struct Parser<'a> {
    text: &'a str,
    /// Start of the token that comes next.
    at: usize,
    depth: usize,
}

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Expr, TargetError> {
    if text.len() > TARGET_BYTES_MAX {
        let why = format!("longer than {TARGET_BYTES_MAX} bytes");
        return Err(TargetError { at: TARGET_BYTES_MAX, why });
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expr = parser.any_of()?;
    match parser.peek() {
        Token::End => Ok(expr),
        Token::Close => Err(parser.error("`)` without its `(`")),
        _ => Err(parser.error("expected `and`, `or` or the end")),
    }
}

impl<'a> Parser<'a> {
    fn error(&mut self, why: &str) -> TargetError {
        self.skip_space();
        TargetError { at: self.at, why: why.to_owned() }
    }

    fn skip_space(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&mut self) -> Token<'a> {
        self.skip_space();
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            None => Token::End,
            Some('(') => Token::Open,
            Some(')') => Token::Close,
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || c == '(' || c == ')';
                Token::Word(rest.split(ends).next().unwrap_or_default())
            }
        }
    }

    fn take(&mut self) {
        self.at += match self.peek() {
            Token::Open | Token::Close => 1,
            Token::Word(word) => word.len(),
            Token::End => 0,
        };
    }

    fn any_of(&mut self) -> Result<Expr, TargetError> {
        let mut left = self.all_of()?;
        while self.peek() == Token::Word("or") {
            self.take();
            left = Expr::Or(Box::new(left), Box::new(self.all_of()?));
        }
        Ok(left)
    }

    fn all_of(&mut self) -> Result<Expr, TargetError> {
        let mut left = self.one()?;
        while self.peek() == Token::Word("and") {
            self.take();
            left = Expr::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Expr, TargetError> {
        if self.depth >= TARGET_DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        self.depth += 1;
        let expr = self.one_inner();
        self.depth -= 1;
        expr
    }

    fn one_inner(&mut self) -> Result<Expr, TargetError> {
        match self.peek() {
            Token::Open => {
                let open = self.at;
                self.take();
                let inner = self.any_of()?;
                if self.peek() != Token::Close {
                    return Err(TargetError { at: open, why: "`(` without its `)`".to_owned() });
                }
                self.take();
                Ok(inner)
            }
            Token::Word("not") => {
                self.take();
                Ok(Expr::Not(Box::new(self.one()?)))
            }
            Token::Word("all") => {
                self.take();
                Ok(Expr::All)
            }
            Token::Word(word) => {
                let term = term(word).map_err(|why| self.error(&why))?;
                self.take();
                Ok(Expr::Term(term))
            }
            Token::Close | Token::End => Err(self.error(&format!("expected {WORDS}"))),
        }
    }
}

fn term(word: &str) -> Result<Term, String> {
    let (key, value) = word.split_once(':').ok_or_else(|| format!("{word:?}: expected {WORDS}"))?;
    if value.is_empty() {
        return Err(format!("`{key}:` needs a value"));
    }
    let value = value.to_owned();
    match key {
        "id" => Ok(Term::Id(value)),
        "host" => Ok(Term::Host(value)),
        "os" => Ok(Term::Os(value)),
        "arch" => Ok(Term::Arch(value)),
        "version" => Ok(Term::Version(value)),
        "label" => match value.split_once('=') {
            None => Ok(Term::Label(value, None)),
            Some(("", _)) => Err("`label:` needs a name before `=`".to_owned()),
            Some((name, glob)) => Ok(Term::Label(name.to_owned(), Some(glob.to_owned()))),
        },
        _ => Err(format!("{word:?}: expected {WORDS}")),
    }
}
