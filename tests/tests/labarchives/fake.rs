//! The fake answers, refuses and fails as documented; without that, the tests that use it prove nothing.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_tests::fake_labarchives::{
    AKID, ECHOED, FakeLabArchives, Form, NOTEBOOK, PASSWORD, ROOT, UID, error, signature,
};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;

fn now() -> DateTime<Utc> {
    "2025-01-01T00:00:00Z".parse().unwrap()
}

fn start() -> FakeLabArchives {
    FakeLabArchives::start(Arc::new(now))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        write!(out, "%{byte:02X}").unwrap();
    }
    out
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    pairs.join("&")
}

/// What signs a method, as a query.
fn signed(name: &str) -> String {
    let expires = now().timestamp_millis().to_string();
    let method = name.rsplit('/').next().unwrap();
    let sig = signature(PASSWORD, AKID, method, &expires);
    query(&[("akid", AKID), ("expires", &expires), ("sig", &sig)])
}

/// Status and body of a request with these lines in its head; `None` when no answer came.
fn send(site: &FakeLabArchives, verb: &str, target: &str, head: &str, body: &[u8]) -> Option<(u16, String)> {
    let base = site.url();
    let host = base.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{verb} /api/{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{head}\r\n")
        .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn get(site: &FakeLabArchives, name: &str, pairs: &[(&str, &str)]) -> (u16, String) {
    let target = format!("{name}?{}&{}", signed(name), query(pairs));
    send(site, "GET", &target, "", b"").unwrap()
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n";

fn post(
    site: &FakeLabArchives,
    name: &str,
    pairs: &[(&str, &str)],
    kind: &str,
    body: &[u8],
) -> (u16, String) {
    let target = format!("{name}?{}&{}", signed(name), query(pairs));
    let head = format!("{kind}Content-Length: {}\r\n", body.len());
    send(site, "POST", &target, &head, body).unwrap()
}

fn code(body: &str) -> Option<u16> {
    let document = roxmltree::Document::parse(body).ok()?;
    let named = |node: &roxmltree::Node<'_, '_>| ["error-code", "code"].contains(&node.tag_name().name());
    document.descendants().find(named)?.text()?.parse().ok()
}

/// The texts of all elements of a name outside of the echo.
fn all(body: &str, name: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(body).unwrap();
    let real = |node: &roxmltree::Node<'_, '_>| {
        node.tag_name().name() == name && !node.ancestors().any(|above| above.has_tag_name("request"))
    };
    document.descendants().filter(real).map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

fn one(body: &str, name: &str) -> String {
    let found = all(body, name);
    assert_eq!(found.len(), 1, "{name} in {body}");
    found[0].clone()
}

#[test]
fn signatures_are_those_of_the_published_vectors() {
    let (akid, password, at) = ("NexusTestKey01", "s3cret-Signing-Passw0rd", "1735689600000");
    for (password, akid, method, expires, expected) in [
        (
            "1234567890",
            "0234wedkfjrtfd34er",
            "entry_attachment",
            "264433207000",
            "mT7pS+KgqlNseR0bo4YLQOVIsgOugMWzlQGllInXS25Q7VpA6lRmL0nUq/UUdrlF+WV7POYE1vcwvN/pnac7bw==",
        ),
        (
            password,
            akid,
            "get_tree_level",
            at,
            "P/xI3mgreYhRThyLLjni+nzqk0kEcawkBcvhBvpXW8I8/e0nn+McJap2hrtw9CwG3aPkf82zzrNGE5v8PdqJHQ==",
        ),
        (
            "pässwörd",
            akid,
            "insert_node",
            at,
            "geBTxQl6iPWcRZKHyglOMuVX5ZFIL9Okyhl+F9bSfP2sFVoSq3hjB0ewRKKFc7W8lSTDWeOtNpGbdJv0UKcjMg==",
        ),
    ] {
        assert_eq!(signature(password, akid, method, expires), expected, "{method}");
    }
}

#[test]
fn a_page_goes_through_its_life() {
    let site = start();
    let insert = |parent: &str, text: &str, folder: &str| {
        let (uid, nbid) = (("uid", UID), ("nbid", NOTEBOOK));
        let pairs = [uid, nbid, ("parent_tree_id", parent), ("display_text", text), ("is_folder", folder)];
        let (status, body) = get(&site, "tree_tools/insert_node", &pairs);
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(ECHOED) && body.find("<request>") < body.find("<node>"), "{body}");
        one(&body, "tree-id")
    };
    let folder = insert(ROOT, "Records & <more>", "true");
    assert_ne!(insert(ROOT, "Records & <more>", "true"), folder, "names may repeat");
    let page = insert(&folder, "a page — 1", "false");
    let level = |parent: &str| {
        let pairs = [("uid", UID), ("nbid", NOTEBOOK), ("parent_tree_id", parent)];
        get(&site, "tree_tools/get_tree_level", &pairs)
    };
    assert_eq!(all(&level(ROOT).1, "display-text"), ["Records & <more>"; 2]);
    let (_, body) = level(&folder);
    assert_eq!((one(&body, "tree-id"), one(&body, "is-page")), (page.clone(), "true".to_owned()));
    assert_eq!(code(&level(&page).1), Some(4529), "nothing lies in a page");
    assert_eq!(level("MT99").0, 404);

    // Parameters are taken from the query and from the form.
    let html = "<p data-x=\"y\">1 &lt; 2<!-- no --></p>";
    let form = query(&[("pid", &page), ("part_type", "Text Entry"), ("entry_data", html)]);
    let query_ = [("uid", UID), ("nbid", NOTEBOOK)];
    let (status, body) = post(&site, "entries/add_entry", &query_, FORM, form.as_bytes());
    assert_eq!((status, one(&body, "part-type").as_str()), (200, "text entry"), "{body}");
    let eid = one(&body, "eid");
    let pairs = [("uid", UID), ("nbid", NOTEBOOK), ("pid", &page), ("filename", "a.xml"), ("caption", "c")];
    let raw = "Content-Type: application/octet-stream\r\n";
    let (_, body) = post(&site, "entries/add_attachment", &pairs, raw, b"<a/>");
    let file = one(&body, "eid");
    assert_eq!(one(&body, "attach-file-size"), "4");

    let change = query(&[("entry_data", "<p>2</p>")]);
    let (_, body) =
        post(&site, "entries/update_entry", &[("uid", UID), ("eid", &eid)], FORM, change.as_bytes());
    assert_eq!(one(&body, "version"), "2");
    let pairs = [("uid", UID), ("eid", &file), ("filename", "a.xml")];
    post(&site, "entries/update_attachment", &pairs, raw, b"<b/>");
    assert_eq!(get(&site, "entries/entry_attachment", &[("uid", UID), ("eid", &file)]).1, "<b/>");

    let entries = |data: &str| {
        let pairs = [("uid", UID), ("nbid", NOTEBOOK), ("page_tree_id", page.as_str()), ("entry_data", data)];
        get(&site, "tree_tools/get_entries_for_page", &pairs).1
    };
    let body = entries("true");
    assert_eq!(all(&body, "eid"), [eid, file]);
    let mut data = [all(&body, "entry-data"), all(&body, "entry_data")].concat();
    data.sort();
    assert_eq!(data, ["<p>2</p>", "c"], "the data of an attachment is its caption");
    assert_eq!(all(&entries("false"), "entry-data").len() + all(&entries("false"), "entry_data").len(), 0);
    assert_eq!(site.entries()[0].version, 2);
    assert_eq!(post(&site, "entries/delete_entry", &[("uid", UID)], FORM, b"").0, 404, "there is no delete");
}

#[test]
fn the_order_of_elements_changes() {
    let site = start();
    let pairs = [("uid", UID)];
    let bodies: std::collections::HashSet<String> =
        (0..8).map(|_| get(&site, "users/user_info_via_id", &pairs).1).collect();
    assert!(bodies.len() > 2, "{bodies:?}");
    for body in bodies {
        assert_eq!(all(&body, "id").len(), 2, "user and notebook");
        assert!(body.contains("<name>Facility notebook</name>"));
    }
}

#[test]
fn who_may_not_is_refused_with_the_code_for_it() {
    let site = start();
    let at = |time: DateTime<Utc>| time.timestamp_millis().to_string();
    let ask = |akid: &str, password: &str, method: &str, expires: &str, uid: &str| {
        let sig = signature(password, akid, method, expires);
        let pairs = query(&[("akid", akid), ("expires", expires), ("sig", &sig), ("uid", uid)]);
        let (_, body) = send(&site, "GET", &format!("users/max_file_size?{pairs}"), "", b"").unwrap();
        code(&body)
    };
    let name = "max_file_size";
    assert_eq!(ask(AKID, PASSWORD, name, &at(now()), UID), None);
    assert_eq!(ask("other", PASSWORD, name, &at(now()), UID), Some(4506));
    assert_eq!(ask(AKID, "other", name, &at(now()), UID), Some(4520));
    assert_eq!(ask(AKID, PASSWORD, "users/max_file_size", &at(now()), UID), Some(4520), "the bare name");
    for (seconds, expected) in [(120, None), (121, Some(4504)), (-120, None), (-121, Some(4504))] {
        let time = now() + TimeDelta::seconds(seconds);
        assert_eq!(ask(AKID, PASSWORD, name, &at(time), UID), expected, "{seconds}");
    }
    assert_eq!(ask(AKID, PASSWORD, name, &at(now()), "nobody"), Some(4533));
    assert_eq!(ask(AKID, PASSWORD, name, &at(now()), ""), Some(4500));
    site.revoke(UID);
    assert_eq!(ask(AKID, PASSWORD, name, &at(now()), UID), Some(4533));
    site.restore(UID);
    site.set_offset(TimeDelta::minutes(10));
    assert_eq!(ask(AKID, PASSWORD, name, &at(now()), UID), Some(4504));
    let (_, body) = send(&site, "GET", &format!("utilities/epoch_time?akid={AKID}"), "", b"").unwrap();
    assert_eq!(one(&body, "epoch-time"), at(now() + TimeDelta::minutes(10)));
    site.set_offset(TimeDelta::zero());
    // A signature that was not encoded arrives with blanks.
    let sig = signature(PASSWORD, AKID, name, &at(now()));
    assert!(sig.contains('+'), "{sig}");
    let target = format!("users/{name}?akid={AKID}&expires={}&sig={sig}&uid={}", at(now()), encoded(UID));
    assert_eq!(code(&send(&site, "GET", &target, "", b"").unwrap().1), Some(4520));
    let unsigned = send(&site, "GET", &format!("users/{name}?akid={AKID}"), "", b"").unwrap();
    assert_eq!(code(&unsigned.1), Some(4500));
}

#[test]
fn people_sign_in_and_see_what_is_theirs() {
    let site = start();
    let uid = site.add_user("Ada Researcher", "ada@example.org", "token");
    let own = site.add_notebook(&uid, "Ada's notebook", true);
    let sign_in = |token: &str| {
        get(&site, "users/user_access_info", &[("login_or_email", "ada@example.org"), ("password", token)])
    };
    let (status, body) = sign_in("other");
    assert_eq!((status, code(&body)), (404, Some(4514)));
    let (_, body) = sign_in("token");
    let mut ids = all(&body, "id");
    ids.sort();
    let mut expected = [uid.clone(), own.clone()];
    expected.sort();
    assert_eq!(ids, expected);
    let echo = body.split_once("</request>").unwrap().0;
    assert!(echo.contains("<login-or-email>") && !echo.contains("token<"), "{echo}");

    let level = |nbid: &str| {
        let pairs = [("uid", uid.as_str()), ("nbid", nbid), ("parent_tree_id", ROOT)];
        get(&site, "tree_tools/get_tree_level", &pairs)
    };
    assert_eq!(level(&own).0, 200);
    assert_eq!(code(&level(NOTEBOOK).1), Some(4501));
    site.deny_with(4502);
    assert_eq!(code(&level(NOTEBOOK).1), Some(4502));
    site.share(NOTEBOOK, &uid);
    assert_eq!(level(NOTEBOOK).0, 200);
    site.unshare(NOTEBOOK, &uid);
    assert_eq!(level(NOTEBOOK).0, 403);
    assert_eq!(level("NB?").0, 404);
}

#[test]
fn what_is_not_writable_is_refused() {
    let site = start();
    let folder = site.put_node(NOTEBOOK, ROOT, "f", false);
    let page = site.put_node(NOTEBOOK, &folder, "p", true);
    site.change_nodes(|node| {
        node.can_write = false;
        true
    });
    let pairs = [
        ("uid", UID),
        ("nbid", NOTEBOOK),
        ("parent_tree_id", folder.as_str()),
        ("display_text", "x"),
        ("is_folder", "false"),
    ];
    assert_eq!(code(&post(&site, "tree_tools/insert_node", &pairs, "", b"").1), Some(4501));
    let form =
        query(&[("nbid", NOTEBOOK), ("pid", page.as_str()), ("part_type", "heading"), ("entry_data", "x")]);
    assert_eq!(code(&post(&site, "entries/add_entry", &[("uid", UID)], FORM, form.as_bytes()).1), Some(4501));
    assert_eq!((site.entries().len(), site.nodes().len()), (0, 2));
    site.change_nodes(|node| node.is_page);
    assert_eq!(site.nodes().len(), 1);
}

#[test]
fn the_inbox_is_asked_for_in_two_ways_and_not_in_a_third() {
    let site = start();
    let add = |more: &[(&str, &str)]| {
        let pairs = [more, &[("part_type", "text entry"), ("entry_data", "x")]].concat();
        post(&site, "entries/add_entry", &[("uid", UID)], FORM, query(&pairs).as_bytes())
    };
    assert_eq!(add(&[]).0, 200);
    assert_eq!(add(&[("nbid", "0"), ("pid", "0")]).0, 200);
    assert_eq!(code(&add(&[("nbid", ""), ("pid", "")]).1), Some(4500));
    assert_eq!(code(&add(&[("nbid", NOTEBOOK)]).1), Some(4500));
    assert!(site.entries().iter().all(|entry| entry.place.is_none()));
}

#[test]
fn bodies_come_plain_and_measured_and_not_too_large() {
    let site = start();
    let name = "entries/add_attachment";
    let target = format!("{name}?{}&{}", signed(name), query(&[("uid", UID), ("filename", "a")]));
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(send(&site, "POST", &target, chunked, b"1\r\na\r\n0\r\n\r\n").unwrap().0, 411);
    let multipart = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1\r\n";
    assert_eq!(send(&site, "POST", &target, multipart, b"a").unwrap().0, 415);
    let form = format!("{FORM}Content-Length: 3\r\n");
    assert_eq!(code(&send(&site, "POST", &target, &form, b"a=b").unwrap().1), Some(4500));
    assert_eq!(send(&site, "GET", &target, "", b"").unwrap().0, 405);
    let long = format!("{target}&x={}", "y".repeat(8_000));
    assert_eq!(send(&site, "POST", &long, "Content-Length: 1\r\n", b"a").unwrap().0, 414);
    assert_eq!(site.entries().len(), 0);

    site.largest_file(3);
    assert_eq!(post(&site, name, &[("uid", UID), ("filename", "a")], "", b"1234").0, 413);
    let (_, told) = get(&site, "users/max_file_size", &[("uid", UID)]);
    assert_eq!(one(&told, "max-file-size"), "3");
    let form = query(&[("part_type", "heading"), ("entry_data", "xxxxxxxxxxxxxxxxx")]);
    site.largest_form(form.len());
    let add = || post(&site, "entries/add_entry", &[("uid", UID)], FORM, form.as_bytes()).0;
    assert_eq!(add(), 200);
    site.largest_form(form.len() - 1);
    assert_eq!(add(), 413);
}

#[test]
fn errors_come_in_every_form_with_any_status() {
    let site = start();
    for form in Form::ALL {
        for status in [200, 400, 401, 404] {
            site.tell_errors(form, Some(status));
            let (told, body) = get(&site, "users/max_file_size", &[("uid", "x")]);
            assert_eq!((told, code(&body)), (status, Some(4533)), "{body}");
            assert_eq!(body.starts_with("<error>"), form == Form::Bare);
        }
    }
}

#[test]
fn faults_hit_the_call_they_are_for() {
    let site = start();
    let rule = |fault| Rule::at("/api/entries/add_entry", fault).times(1);
    let form = query(&[("part_type", "heading"), ("entry_data", "x")]);
    let target = format!("entries/add_entry?{}&uid={}", signed("add_entry"), encoded(UID));
    let head = format!("{FORM}Content-Length: {}\r\n", form.len());
    let add = || send(&site, "POST", &target, &head, form.as_bytes()).map(|(status, _)| status);
    let limited = Response::html(429).with_header("Retry-After", "30".into());
    site.server.fail(rule(Fault::Answer(limited)).after(1));
    site.server.fail(rule(Fault::AnswerAfter(error(Form::Short, 200, 4999, "?"))));
    site.server.fail(rule(Fault::DropAfter));
    assert_eq!([add(), add(), add(), add()], [Some(200), Some(429), None, Some(200)]);
    assert_eq!(site.entries().len(), 3);
    assert_eq!(site.count("entries/add_entry"), 4, "also what met a fault");
    assert!(site.calls().iter().all(|call| call.at == now() && call.expires() == Some(now())));
}
