use super::*;

fn invalid(record: impl AsRef<[u8]>) -> Invalid {
    shipped().unwrap().validate(record.as_ref()).unwrap_err()
}

#[test]
fn the_good_one_passes_and_says_so_in_both_pairs_of_eyes() {
    shipped().unwrap().validate(GOOD.as_bytes()).unwrap();
    shipped().unwrap().validate(format!("\u{FEFF}{GOOD}").as_bytes()).unwrap();
}

#[test]
fn problems_name_element_line_and_fault() {
    let record = GOOD.replace("warning=\"true\"", "warning=\"maybe\"").replace("<rating>4<", "<rating>four<");
    let found = invalid(record);
    assert_eq!(
        found.to_string(),
        "/Experiment/acquisitionActivity/dataset/meta, line 35: attribute `warning`: `maybe` is not \
         `true` or `false` (and 1 more)"
    );
}
