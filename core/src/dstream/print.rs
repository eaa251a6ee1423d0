//! Printing outputs, in Spark's form.

use std::fmt;
use std::io::Write;

use super::DStream;
use crate::error::{Site, SourceError};
use crate::{Batch, Data};

const LINE: &str = "-------------------------------------------";

impl<T: Data> DStream<'_, T> {
    /// Prints the first ten records of every batch to standard output, as `Debug` shows them: a line of 43 dashes,
    /// `Time: <ms> ms`, the dashes, the records, `...` if there are more, an empty line. Only as many partitions are
    /// computed as that takes.
    #[doc(alias = "pprint")]
    #[track_caller]
    pub fn print(self)
    where
        T: fmt::Debug,
    {
        self.print_at(Site::here("print"), 10, |record| format!("{record:?}"));
    }

    /// As [`print`](Self::print), with the first `n` records.
    #[track_caller]
    pub fn print_first(self, n: usize)
    where
        T: fmt::Debug,
    {
        self.print_at(Site::here("print_first"), n, |record| format!("{record:?}"));
    }

    /// As [`print`](Self::print), with the first `n` records as `formatter` shows them.
    #[track_caller]
    pub fn print_with(self, n: usize, formatter: impl Fn(&T) -> String + Send + Sync + 'static) {
        self.print_at(Site::here("print_with"), n, formatter);
    }

    fn print_at(self, site: Site, n: usize, formatter: impl Fn(&T) -> String + Send + Sync + 'static) {
        self.output(site, move |batch| {
            let block = block(&batch, n, &formatter)?;
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(block.as_bytes())?;
            stdout.flush()?;
            Ok(())
        });
    }
}

/// One batch's block of text.
fn block<T: Data>(
    batch: &Batch<T>,
    n: usize,
    formatter: &impl Fn(&T) -> String,
) -> Result<String, SourceError> {
    let mut records = batch.take(n.saturating_add(1))?;
    let more = records.len() > n;
    records.truncate(n);
    let mut block = format!("{LINE}\nTime: {}\n{LINE}\n", batch.time());
    for record in &records {
        block.push_str(&formatter(record));
        block.push('\n');
    }
    if more {
        block.push_str("...\n");
    }
    block.push('\n');
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchContext, BatchTime};

    #[test]
    fn a_block_is_sparks_to_the_letter() {
        let context = BatchContext::sequential().at(BatchTime::from_ms(1_000));
        let shown = |n| block(&context.batch(vec![("a", 2), ("b", 1)], 2), n, &|r| format!("{r:?}")).unwrap();
        let head = format!("{}\nTime: 1000 ms\n{}\n", "-".repeat(43), "-".repeat(43));
        assert_eq!(shown(2), format!("{head}(\"a\", 2)\n(\"b\", 1)\n\n"));
        assert_eq!(shown(1), format!("{head}(\"a\", 2)\n...\n\n"));
    }
}
