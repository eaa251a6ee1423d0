//! Where records change their partition. Every shuffle hands its parcels over here, and nowhere else: a cluster puts
//! the network in this place.

/// The parcels of one task, one for each output partition.
pub(crate) type Parcels<R> = Vec<Vec<R>>;

/// "My parcels out, all parcels for me in": takes what each task made, in the order of the tasks' inputs, and gives
/// for each of the `partitions` output partitions all its parcels, in the same order. Empty ones are left out.
///
/// In one process the parcels are handed over in memory. Called on the thread that drives the run.
pub(crate) fn exchange<R>(made: Vec<Parcels<R>>, partitions: usize) -> Vec<Vec<Vec<R>>> {
    let mut received: Vec<Vec<Vec<R>>> = (0..partitions).map(|_| Vec::with_capacity(made.len())).collect();
    for parcels in made {
        assert_eq!(parcels.len(), partitions, "a task makes a parcel for every partition");
        for (parcel, received) in parcels.into_iter().zip(&mut received) {
            if !parcel.is_empty() {
                received.push(parcel);
            }
        }
    }
    received
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_arrive_in_the_order_of_their_tasks() {
        let made = vec![vec![vec![1], vec![2]], vec![vec![], vec![3]], vec![vec![4], vec![]]];
        assert_eq!(exchange(made, 2), [vec![vec![1], vec![4]], vec![vec![2], vec![3]]]);
    }
}
