//! The program dies at any step; another one goes on.

use nexus_plugin_api::{Delivery, Found, Step};

use super::bench::Bench;

/// Takes `steps` steps, the last of which nobody hears of, and dies; then another instance asks and goes on.
fn dies_after(bench: &Bench, delivery: &Delivery, steps: usize, heard: bool) -> bool {
    let mut handed = delivery.clone();
    let call = bench.call();
    let plugin = bench.plugin();
    let mut done = false;
    if let Found::One(remote) = plugin.find(&call, delivery).unwrap() {
        handed.previous = Some(remote);
    }
    for step in 1..=steps {
        match plugin.deliver(&call, &handed).unwrap() {
            Step::More(checkpoint) if heard || step < steps => handed.checkpoint = Some(checkpoint),
            Step::More(_) => {}
            Step::Done(_) => {
                done = true;
                break;
            }
        }
    }
    drop(plugin);
    // The host knows the last checkpoint that it has saved, and asks before it goes on.
    let next = bench.plugin();
    match next.find(&call, delivery).unwrap() {
        Found::None => {}
        Found::One(remote) if remote.content_sha256.as_ref() == Some(&delivery.record.content_sha256) => {
            bench.the(delivery);
            return done;
        }
        Found::One(remote) => handed.previous = Some(remote),
        Found::Many(many) => panic!("{many:?}"),
    }
    for _ in 0..100 {
        match bench.plugin().deliver(&call, &handed).unwrap() {
            Step::Done(remote) => {
                assert_eq!(remote.id, bench.the(delivery).summary.eid);
                return done;
            }
            Step::More(checkpoint) => handed.checkpoint = Some(checkpoint),
        }
    }
    panic!("no end");
}

/// Until a death comes after the end.
fn everywhere(changed: bool, heard: bool) {
    for steps in 1..20 {
        let bench = Bench::new();
        if changed {
            bench.carry(&bench.delivery("one", "before")).unwrap();
        }
        let delivery = bench.delivery("one", "now");
        let done = dies_after(&bench, &delivery, steps, heard);
        assert_eq!(bench.site.pages().len(), 1);
        assert_eq!(bench.site.entries().len(), 2, "{:#?}", bench.site.entries());
        if done {
            assert!(steps > 1, "a delivery of several calls has several steps");
            return;
        }
    }
    panic!("no end");
}

#[test]
fn after_a_checkpoint() {
    everywhere(false, true);
}

#[test]
fn before_a_checkpoint_is_saved() {
    everywhere(false, false);
}

#[test]
fn while_a_record_is_changed() {
    everywhere(true, true);
    everywhere(true, false);
}

#[test]
fn a_checkpoint_of_another_record_or_of_nobody_is_no_obstacle() {
    let bench = Bench::new();
    let checkpoints = bench.checkpoints(&bench.delivery("one", "before"));
    let other = bench.checkpoints(&bench.delivery("other", "other"));
    let strange = [serde_json::json!(null), serde_json::json!({"page": 7}), serde_json::json!([1, "x"])];
    let strange = strange.into_iter().map(nexus_plugin_api::Checkpoint);
    for (number, checkpoint) in checkpoints.into_iter().chain(strange).enumerate() {
        let mut delivery = bench.delivery("one", &format!("version {number}"));
        delivery.checkpoint = Some(checkpoint);
        let plugin = bench.plugin();
        for _ in 0..20 {
            match plugin.deliver(&bench.call(), &delivery) {
                Ok(Step::Done(_)) => break,
                Ok(Step::More(next)) => delivery.checkpoint = Some(next),
                // It may say that the checkpoint is none; the host then begins anew.
                Err(_) => {
                    delivery.checkpoint = None;
                }
            }
        }
        bench.the(&delivery);
    }
    drop(other);
    assert_eq!(bench.site.pages().len(), 2);
}

#[test]
fn what_a_checkpoint_names_and_is_gone_is_made_again() {
    let bench = Bench::new();
    let delivery = bench.delivery("one", "1");
    let count = bench.checkpoints(&delivery).len();
    for kept in 1..=count {
        let bench = Bench::new();
        let mut delivery = bench.delivery("one", "1");
        let (plugin, call) = (bench.plugin(), bench.call());
        for _ in 0..kept {
            if let Step::More(checkpoint) = plugin.deliver(&call, &delivery).unwrap() {
                delivery.checkpoint = Some(checkpoint);
            }
        }
        bench.site.change_nodes(|_| false);
        let checkpoint = delivery.checkpoint.take();
        let mut first = delivery.clone();
        first.checkpoint = checkpoint;
        // Whoever is told that it is gone begins anew; nothing is made in a place that is not there.
        let mut went = bench.plugin().deliver(&call, &first);
        for _ in 0..20 {
            match went {
                Ok(Step::Done(_)) => break,
                Ok(Step::More(ref checkpoint)) => first.checkpoint = Some(checkpoint.clone()),
                Err(_) => first.checkpoint = None,
            }
            went = bench.plugin().deliver(&call, &first);
        }
        bench.the(&delivery);
    }
}
