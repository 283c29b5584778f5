//! What NexusLIMS 2.8.0 gives.

use serde_json::Value;

use crate::activity::{bandwidth, cluster, group};

use super::oracle;

fn vectors() -> Vec<Value> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/clustering-vectors.json"));
    let file: Value = serde_json::from_str(text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn times(vector: &Value) -> Vec<i64> {
    vector["mtimes_ns"].as_array().unwrap().iter().map(|time| time.as_i64().unwrap()).collect()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn positions(list: &Value) -> Vec<usize> {
    let positions = list.as_array().into_iter().flatten();
    positions.map(|number| usize::try_from(number.as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn recorded_vectors_are_reproduced() {
    for vector in vectors() {
        let name = &vector["name"];
        let expected = vector.get("sound").unwrap_or(&vector);
        let (times, sensitivity) = (times(&vector), vector["sensitivity"].as_f64().unwrap());
        let found = cluster(&times, sensitivity);
        let sizes: Vec<usize> = group(&times, sensitivity).into_iter().map(|files| files.len()).collect();
        assert_eq!(sizes, positions(&expected["activity_sizes"]), "{name}");
        assert_eq!(found.minima, positions(&expected["minimum_indices"]), "{name}");
        assert_eq!(found.boundaries, numbers(&expected["boundaries"]), "{name}: equal to the last bit");
        let best = vector["grid_best_index"].as_u64().map(|index| usize::try_from(index).unwrap());
        assert_eq!(found.best_index, best, "{name}");
        let bandwidth = vector["effective_bandwidth"].as_f64();
        let close = bandwidth.is_none_or(|wanted| (found.bandwidth.unwrap() / wanted - 1.0).abs() < 1e-14);
        assert!(close, "{name}: {:?} for {bandwidth:?}", found.bandwidth);
    }
}

#[test]
fn recorded_scores_are_reproduced() {
    for vector in vectors() {
        let Some(wanted) = vector["grid_best_mean_score"].as_f64() else { continue };
        let times = super::doubles(&times(&vector));
        let bandwidth = vector["grid_bandwidth"].as_f64().unwrap();
        let found = bandwidth::Scorer::default().score(&times, bandwidth);
        assert!((found - wanted).abs() < 1e-10, "{}: {found} for {wanted}", vector["name"]);
        assert!((oracle::score(&times, bandwidth) - wanted).abs() < 1e-10, "the oracle, {}", vector["name"]);
    }
}
