//! What somebody probably meant who misspelt a name: for errors about topics and parameters.

/// The candidate that a few slips of the pen make of `name`; none if all are too far from it.
pub(super) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let distance = |candidate| (strsim::damerau_levenshtein(name, candidate), candidate);
    let nearest = candidates.into_iter().map(distance).min();
    nearest.filter(|(distance, _)| *distance <= name.len() / 3).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let known = ["clicks", "views"];
        assert_eq!(nearest("clciks", known), Some("clicks"));
        assert_eq!(nearest("orders", known), None);
        assert_eq!(nearest("clicks", []), None);
    }
}
