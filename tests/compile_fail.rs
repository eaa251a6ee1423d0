//! What must not compile, as doc tests: each beside a twin that differs in one thing and compiles, so that the first
//! fails for that reason. (The codes of the errors are looked at by nightly compilers only.)

/// A stream ends with the building of the graph: after the start no operator can be added.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (_queue, numbers) = ssc.queue_stream::<u32>();
/// numbers.print();
/// let running = ssc.start()?;
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0505
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (_queue, numbers) = ssc.queue_stream::<u32>();
/// numbers.print();
/// let running = ssc.start()?;
/// numbers.map(|n| n + 1).print();
/// # Ok(())
/// # }
/// ```
pub fn operator_after_the_start() {}

/// Nor can an input.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let running = ssc.start()?;
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0382
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let running = ssc.start()?;
/// ssc.constant_stream(vec![2]).print();
/// # Ok(())
/// # }
/// ```
pub fn input_after_the_start() {}

/// A context starts once.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let first = ssc.start()?;
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0382
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let first = ssc.start()?;
/// let second = ssc.start()?;
/// # Ok(())
/// # }
/// ```
pub fn second_start() {}

/// A stop consumes the running context, so nothing is asked of one that has stopped.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let running = ssc.start()?;
/// running.stop()?;
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0382
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![1]).print();
/// let running = ssc.start()?;
/// running.stop()?;
/// running.stop()?;
/// # Ok(())
/// # }
/// ```
pub fn second_stop() {}

/// A function of an operator runs on other threads, long after the graph was built: it can hold no stream.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (numbers, others) = (ssc.constant_stream(vec![1]), ssc.constant_stream(vec![2]));
/// numbers.transform_with(others, |batch, other| batch.union(other)).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (numbers, others) = (ssc.constant_stream(vec![1]), ssc.constant_stream(vec![2]));
/// numbers.transform(move |batch| { others.count(); batch }).print();
/// # Ok(())
/// # }
/// ```
pub fn stream_in_a_closure() {}

/// A stream does not outlive its context.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// fn squares<'c>(ssc: &'c StreamingContext) -> DStream<'c, u32> {
///     ssc.constant_stream(vec![1u32, 2]).map(|n| n * n)
/// }
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0515
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// fn orphan<'c>() -> DStream<'c, u32> {
///     let ssc = StreamingContext::new(SECOND).unwrap();
///     ssc.constant_stream(vec![1u32, 2]).map(|n| n * n)
/// }
/// # Ok(())
/// # }
/// ```
pub fn stream_without_its_context() {}

/// Functions of operators are shared by threads.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let factor = Arc::new(2);
/// numbers.map(move |n| n * *factor).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let factor = Rc::new(2);
/// numbers.map(move |n| n * *factor).print();
/// # Ok(())
/// # }
/// ```
pub fn closure_that_cannot_be_sent() {}

/// They are called by several threads at once, so they change nothing they own.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let seen = AtomicU32::new(0);
/// numbers.map(move |n| n + seen.fetch_add(1, Ordering::Relaxed)).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0594
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let mut seen = 0;
/// numbers.map(move |n: u32| { seen += 1; n + seen }).print();
/// # Ok(())
/// # }
/// ```
pub fn closure_that_counts_for_itself() {}

/// They outlive the function that builds the graph, so they borrow nothing from it.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let factor = 2;
/// numbers.map(move |n| n * factor).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0597
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1]);
/// let factor = 2;
/// let borrowed = &factor;
/// numbers.map(move |n| n * borrowed).print();
/// # Ok(())
/// # }
/// ```
pub fn closure_that_borrows() {}

/// Records go from thread to thread.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![Arc::new(1)]).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// let ssc = StreamingContext::new(SECOND)?;
/// ssc.constant_stream(vec![Rc::new(1)]).print();
/// # Ok(())
/// # }
/// ```
pub fn record_that_cannot_be_sent() {}

/// A receiver runs on a thread of its own.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// use batchmill::{Receiver, ReceiverHandle, SourceError};
/// struct Once<P>(P);
/// impl Receiver<u32> for Once<Arc<u32>> {
///     fn name(&self) -> String { "once".into() }
///     fn run(&mut self, handle: &ReceiverHandle<u32>) -> Result<(), SourceError> { Ok(handle.store(*self.0)?) }
/// }
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// use std::{rc::Rc, sync::Arc};
/// use batchmill::{Receiver, ReceiverHandle, SourceError};
/// struct Once<P>(P);
/// impl Receiver<u32> for Once<Rc<u32>> {
///     fn name(&self) -> String { "once".into() }
///     fn run(&mut self, handle: &ReceiverHandle<u32>) -> Result<(), SourceError> { Ok(handle.store(*self.0)?) }
/// }
/// # Ok(())
/// # }
/// ```
pub fn receiver_that_cannot_be_sent() {}

/// A key is hashed and compared.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.map(|n| (n, 1)).reduce_by_key(|a, b| a + b).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.map(|n| (f64::from(n), 1)).reduce_by_key(|a, b| a + b).print();
/// # Ok(())
/// # }
/// ```
pub fn key_without_equality() {}

/// Pair operators are for pairs.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.map(|n| (n, 1)).keys().print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.keys().print();
/// # Ok(())
/// # }
/// ```
pub fn pair_operator_on_other_records() {}

/// Only results can be split into good and bad.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let lines = ssc.constant_stream(vec!["1"]);
/// let (good, bad) = lines.try_map(|line| line.parse::<u32>()).split_err();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0599
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let lines = ssc.constant_stream(vec!["1"]);
/// let (good, bad) = lines.split_err();
/// # Ok(())
/// # }
/// ```
pub fn split_of_records_that_cannot_fail() {}

/// A union is of streams of one type.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (numbers, words) = (ssc.constant_stream(vec![1u64]), ssc.constant_stream(vec!["a"]));
/// numbers.union(words.map(|word| word.len() as u64)).print();
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0308
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let (numbers, words) = (ssc.constant_stream(vec![1u64]), ssc.constant_stream(vec!["a"]));
/// numbers.union(words).print();
/// # Ok(())
/// # }
/// ```
pub fn union_of_two_kinds_of_records() {}

/// What is printed has a `Debug` form, or is given one.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// #[derive(Clone)]
/// struct Secret(u32);
/// let ssc = StreamingContext::new(SECOND)?;
/// let secrets = ssc.constant_stream(vec![Secret(1)]);
/// secrets.print_with(10, |secret| "*".repeat(secret.0 as usize));
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// #[derive(Clone)]
/// struct Secret(u32);
/// let ssc = StreamingContext::new(SECOND)?;
/// let secrets = ssc.constant_stream(vec![Secret(1)]);
/// secrets.print();
/// # Ok(())
/// # }
/// ```
pub fn print_of_records_without_a_form() {}

/// An output returns nothing or a result, so that no failure is dropped unseen.
///
/// ```no_run
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.for_each_batch(|batch| batch.len().map(|n| assert!(n < 100)));
/// # Ok(())
/// # }
/// ```
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use batchmill::prelude::*;
/// # const SECOND: Duration = Duration::from_secs(1);
/// # fn main() -> Result<(), batchmill::Error> {
/// let ssc = StreamingContext::new(SECOND)?;
/// let numbers = ssc.constant_stream(vec![1u32]);
/// numbers.for_each_batch(|batch| batch.len());
/// # Ok(())
/// # }
/// ```
pub fn output_with_a_result_that_is_no_error() {}
