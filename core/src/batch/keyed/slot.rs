//! Where a combined value lies in the table while values are merged into it.

/// Holds the combined value `C` of a key.
///
/// A user's function takes the value and returns it. What needs no drop is copied out for that; anything else is taken
/// out, for cloning a `Vec` at each merge would make the merges quadratic. (An `Option` around a `u64` doubles its
/// size: a fifth of the speed of a count.)
pub(super) trait Slot<C> {
    fn new(value: C) -> Self;
    /// Replaces the value by what `f` makes of it. If `f` panics the task fails, and the table with it.
    fn update(&mut self, f: impl FnOnce(C) -> C);
    fn into_value(self) -> C;
}

/// For values that need no drop.
pub(super) struct Plain<C>(C);

impl<C: Clone> Slot<C> for Plain<C> {
    #[inline(always)]
    fn new(value: C) -> Self {
        Self(value)
    }

    #[inline(always)]
    fn update(&mut self, f: impl FnOnce(C) -> C) {
        self.0 = f(self.0.clone());
    }

    #[inline(always)]
    fn into_value(self) -> C {
        self.0
    }
}

/// For values that need a drop.
pub(super) struct Taken<C>(Option<C>);

const TAKEN: &str = "the value is out only while it is updated";

impl<C> Taken<C> {
    pub(super) fn value(&self) -> &C {
        self.0.as_ref().expect(TAKEN)
    }
}

impl<C> Slot<C> for Taken<C> {
    #[inline(always)]
    fn new(value: C) -> Self {
        Self(Some(value))
    }

    #[inline(always)]
    fn update(&mut self, f: impl FnOnce(C) -> C) {
        self.0 = Some(f(self.0.take().expect(TAKEN)));
    }

    #[inline(always)]
    fn into_value(self) -> C {
        self.0.expect(TAKEN)
    }
}
