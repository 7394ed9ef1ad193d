//! What the containers of a pod come to together: what they take, and the class that follows from it.

/// What all containers of a pod take (`PodRequests` and `PodLimits` of `k8s.io/component-helpers/resource`): those that run side by
/// side, or, where it is more, an init container beside the sidecars that were started before it. Of each init container it is
/// said whether it goes on as a sidecar.
///
/// `add` adds amounts to others, and `raise` makes amounts at least as much as others.
pub fn together<A: Clone + Default>(
    containers: impl IntoIterator<Item = A>,
    init_containers: impl IntoIterator<Item = (A, bool)>,
    add: impl Fn(&mut A, &A),
    raise: impl Fn(&mut A, &A),
) -> A {
    let mut all = A::default();
    for own in containers {
        add(&mut all, &own);
    }
    let (mut sidecars, mut most) = (A::default(), A::default());
    // In the order in which the API server adds: how a sum is printed follows from its first amount.
    for (own, goes_on) in init_containers {
        if goes_on {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            raise(&mut most, &sidecars);
        } else {
            let mut beside = own;
            add(&mut beside, &sidecars);
            raise(&mut most, &beside);
        }
    }
    raise(&mut all, &most);
    all
}

/// The quality of service of a pod (`ComputePodQOS`): `Guaranteed` when every container limits processor and memory and requests
/// as much, `BestEffort` when none asks for anything, else `Burstable`.
///
/// Of each container, init containers too, these are limit and request, of processor and of memory; nothing where it is 0.
pub fn qos_class<A: PartialEq>(
    containers: impl IntoIterator<Item = [(Option<A>, Option<A>); 2]>,
) -> &'static str {
    let (mut none, mut all) = (true, true);
    for (limit, request) in containers.into_iter().flatten() {
        none &= limit.is_none() && request.is_none();
        all &= limit.is_some() && limit == request;
    }
    match (none, all) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_run_beside_all_that_begins_after_them() {
        let add = |all: &mut u32, own: &u32| *all += own;
        let raise = |most: &mut u32, own: &u32| *most = (*most).max(*own);
        let of = |containers: &[u32], init: &[(u32, bool)]| {
            together(containers.iter().copied(), init.iter().copied(), add, raise)
        };
        assert_eq!(of(&[1, 2], &[]), 3);
        assert_eq!(of(&[1, 2], &[(2, false), (9, false), (4, false)]), 9);
        assert_eq!(of(&[1, 2], &[(5, true), (1, false)]), 8);
        assert_eq!(of(&[1, 2], &[(8, false), (5, true)]), 8, "it is over before");
        assert_eq!(of(&[1, 2], &[(5, true), (8, false)]), 13);
    }

    #[test]
    fn amounts_are_added_to_those_of_the_container_that_begins() {
        let add = |all: &mut String, own: &String| all.push_str(own);
        let raise = |most: &mut String, own: &String| most.clone_from(own);
        let of = |init: &[(&str, bool)]| {
            let init = init.iter().map(|(own, goes_on)| ((*own).to_owned(), *goes_on));
            together([], init, add, raise)
        };
        assert_eq!(of(&[("a", true), ("b", false)]), "ba");
        assert_eq!(of(&[("a", true), ("b", true)]), "ab");
    }

    #[test]
    fn the_class_follows_from_what_all_containers_ask_for() {
        let none = [(None, None); 2];
        let some = [(None, Some(1)), (None, None)];
        let all = [(Some(1), Some(1)), (Some(9), Some(9))];
        let more = [(Some(2), Some(1)), (Some(9), Some(9))];
        for (containers, class) in [
            (vec![], "BestEffort"),
            (vec![none], "BestEffort"),
            (vec![some], "Burstable"),
            (vec![all], "Guaranteed"),
            (vec![all, none], "Burstable"),
            (vec![more], "Burstable"),
        ] {
            assert_eq!(qos_class(containers), class);
        }
    }
}
