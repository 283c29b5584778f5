//! The site answers, refuses and filters as described; without that, the other tests prove nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use nexus_tests::fake_sharepoint::{
    CLIENT, Door, FakeSharePoint, GRAPH_SITE, GroupEvent, Item, NextLink, PASSWORD, SECRET, TENANT, TOKEN,
    USER,
};
use serde_json::{Value, json};

const LIST: &str = "Ada's & Bob's 顕微鏡";
const REST: &str =
    "/sites/microscopy/_api/web/lists/getbytitle('Ada''s%20%26%20Bob''s%20%E9%A1%95%E5%BE%AE%E9%8F%A1')";
const PREFER: &str = "Prefer: HonorNonIndexedQueriesWarningMayFailRandomly";

/// Status, head and body of one request; `/` in front of a target means the list.
fn ask(
    site: &FakeSharePoint,
    method: &str,
    target: &str,
    headers: &[&str],
    body: &str,
) -> (u16, String, String) {
    let base = site.server.url();
    let host = base.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let (length, headers) = (body.len(), headers.iter().flat_map(|line| [*line, "\r\n"]).collect::<String>());
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

fn get(site: &FakeSharePoint, target: &str, headers: &[&str]) -> (u16, Value) {
    let (status, _, body) = ask(site, "GET", target, headers, "");
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn rest(site: &FakeSharePoint, below: &str) -> (u16, Value) {
    get(site, &format!("{REST}{}", blanks(below)), &["Accept: application/json;odata=nometadata"])
}

fn graph(site: &FakeSharePoint, below: &str, headers: &[&str]) -> (u16, Value) {
    let id = site.list_id(LIST);
    get(site, &format!("/v1.0/sites/{GRAPH_SITE}/lists/{id}{}", blanks(below)), headers)
}

fn blanks(text: &str) -> String {
    text.replace(' ', "%20")
}

fn site() -> FakeSharePoint {
    let site = FakeSharePoint::start();
    site.add_list(LIST);
    for day in 1..=9 {
        let at = |hour: u32| format!("2025-03-0{day}T{hour:02}:00:00Z");
        site.put(LIST, Item::new(470 + day, "\"q\" & <b>μ</b>", &at(14), &at(17)).by(12 + day % 2));
    }
    site
}

fn ids(body: &Value) -> Vec<u64> {
    let rows = body["value"].as_array().or_else(|| body["d"]["results"].as_array()).unwrap();
    rows.iter().map(|row| row["Id"].as_u64().or_else(|| row["id"].as_str()?.parse().ok()).unwrap()).collect()
}

const WINDOW: &str =
    "EventDate lt datetime'2025-03-05T05:00:00Z' and EndDate gt datetime'2025-03-03T05:00:00Z'";

#[test]
fn the_window_is_filtered_for_real_in_both_dialects() {
    let site = site();
    let (status, body) =
        rest(&site, &format!("/items?$select=Id,Title&$filter={WINDOW}&$orderby=EventDate desc&$top=500"));
    assert_eq!((status, ids(&body)), (200, vec![474, 473]), "{body}");
    assert_eq!(body["value"][0]["Title"], "\"q\" & <b>μ</b>");
    let window = "fields/EventDate lt '2025-03-05T05:00:00Z' and fields/EndDate gt '2025-03-03T05:00:00Z'";
    let question = format!("/items?$expand=fields($select=Title)&$filter={window}");
    let (status, body) = graph(&site, &question, &[]);
    assert_eq!(status, 400);
    assert!(body["error"]["message"].as_str().unwrap().contains("Prefer"), "{body}");
    let (status, body) = graph(&site, &question, &[PREFER]);
    assert_eq!((status, ids(&body)), (200, vec![473, 474]), "{body}");
    site.index(LIST, &["EventDate", "EndDate"]);
    assert_eq!(graph(&site, &question, &[]).0, 200);
    site.habits(|habits| habits.filters_find_nothing = true);
    assert!(ids(&graph(&site, &question, &[]).1).is_empty());
    assert_eq!(ids(&graph(&site, "/items?$top=2", &[]).1), [471, 472]);
    // Equality, as series are asked for.
    site.put(LIST, Item::deleted(490, 471, "2025-03-01T14:00:00Z"));
    site.habits(|habits| habits.filters_find_nothing = false);
    assert_eq!(ids(&rest(&site, "/items?$filter=MasterSeriesItemID eq 471").1), [490]);
    assert_eq!(ids(&rest(&site, "/items?$filter=(MasterSeriesItemID eq 471) or (Id eq 472)").1), [472, 490]);
}

#[test]
fn what_is_wrong_is_refused() {
    let site = site();
    for below in [
        "/items?$select=Id,Tilte",
        "/items?$select=Author/Title",
        "/items?$select=Author&$expand=Author",
        "/items?$expand=Title",
        "/items?$skip=2",
        "/items?$filter=EventDate lt '2025-03-05T05:00:00Z'",
        "/items?$filter=fields/EventDate lt datetime'2025-03-05T05:00:00Z'",
        "/items?$filter=Tilte eq 'x'",
        "/items?$filter=EventDate lt datetime'2025-03-05T05:00:00Z",
        "/items?$orderby=Tilte",
        "/items?$top=5001",
        "/items?$skiptoken=Paged=TRUE",
    ] {
        let (status, body) = rest(&site, below);
        assert_eq!(status, 400, "{below}: {body}");
    }
    for below in [
        "/items?$expand=fields($select=Tilte)",
        "/items?$filter=fields/EventDate lt datetime'2025-03-05T05:00:00Z'",
        "/items?$filter=EventDate lt '2025-03-05T05:00:00Z'",
        "/items?$filter=createdDateTime lt '2025-03-05T05:00:00Z'",
        "/items?$skip=2",
    ] {
        assert_eq!(graph(&site, below, &[PREFER]).0, 400, "{below}");
    }
    assert!(
        rest(&site, "/items?$select=Tilte").1["odata.error"]["message"]["value"]
            .as_str()
            .unwrap()
            .contains("'Tilte'")
    );
    assert_eq!(rest(&site, "/items(1)").0, 404);
    assert_eq!(
        get(&site, "/sites/microscopy/_api/web/lists/getbytitle('No')/items", &["Accept: application/json"])
            .0,
        404
    );
    assert!(rest(&site, "").1["Title"] == LIST && rest(&site, "/items(471)").1["Id"] == 471);
    site.habits(|habits| habits.threshold = 5);
    let (status, body) = rest(&site, &format!("/items?$filter={WINDOW}"));
    assert_eq!(status, 500);
    assert!(body["odata.error"]["code"].as_str().unwrap().starts_with("-2147024860"));
    assert_eq!(rest(&site, "/items?$orderby=Id&$top=5000").0, 200);
    assert_eq!(graph(&site, "/items?$filter=fields/EventDate gt '2025-03-05T05:00:00Z'", &[PREFER]).0, 429);
}

#[test]
fn json_comes_only_to_who_asks_for_it() {
    let site = site();
    let accept =
        |kind: &str| ask(&site, "GET", &format!("{REST}/items?$top=1"), &[&format!("Accept: {kind}")], "");
    assert!(accept("*/*").1.contains("application/atom+xml"));
    assert!(accept("application/json;odata=nometadata").2.starts_with("{\"value\""));
    let verbose: Value = serde_json::from_str(&accept("application/json;odata=verbose").2).unwrap();
    assert!(verbose["d"]["__next"].is_string() && ids(&verbose) == [471], "{verbose}");
    site.habits(|habits| habits.verbose_only = true);
    assert_eq!(accept("application/json;odata=nometadata").0, 406);
    assert_eq!(accept("application/json;odata=verbose").0, 200);
}

#[test]
fn people_are_told_as_each_dialect_does() {
    let site = site();
    site.put(LIST, Item::new(480, "two", "2025-03-03T14:00:00Z", "2025-03-03T15:00:00Z").of(&[13, 12]));
    let select =
        "$select=Id,Author/Title,Author/EMail,UserName/Name&$expand=Author,UserName&$filter=Id eq 480";
    let row = rest(&site, &format!("/items?{select}")).1["value"][0].clone();
    let expected = json!({
        "Id": 480, "ID": 480, "Author": {"Title": "Lovelace, Ada", "EMail": "ada@example.org"},
        "UserName": [{"Name": "i:0#.w|example\\bob"}, {"Name": "i:0#.w|example\\ada"}],
    });
    assert_eq!(row, expected);
    let row = graph(&site, "/items/480?$expand=fields($select=Author,UserName)", &[]).1;
    assert_eq!(row["createdBy"]["user"]["email"], "ada@example.org");
    assert_eq!(row["fields"]["AuthorLookupId"], "12");
    assert_eq!(
        row["fields"]["UserName"][0],
        json!({"LookupId": 13, "LookupValue": "Noyce, Bob", "Email": "bob@example.org"})
    );
    let user = format!("/v1.0/sites/{GRAPH_SITE}/lists/User%20Information%20List/items/12?$expand=fields");
    assert_eq!(get(&site, &user, &[]).1["fields"]["UserName"], "ada");
    site.habits(|habits| habits.refuse_user_list = true);
    assert_eq!(get(&site, &user, &[]).0, 403);
}

/// All items, page by page.
fn walk(site: &FakeSharePoint, first: &str, headers: &[&str]) -> Vec<u64> {
    let (mut target, mut found) = (first.to_owned(), Vec::new());
    loop {
        let (status, body) = get(site, &target, headers);
        assert_eq!(status, 200, "{target}: {body}");
        found.extend(ids(&body));
        let Some(next) = body["odata.nextLink"].as_str().or_else(|| body["@odata.nextLink"].as_str()) else {
            return found;
        };
        next.trim_start_matches(site.server.url().trim_end_matches('/')).clone_into(&mut target);
    }
}

#[test]
fn pages_are_small_and_their_links_exact() {
    let site = site();
    site.habits(|habits| habits.page = 2);
    let accept = ["Accept: application/json;odata=nometadata"];
    assert_eq!(
        walk(&site, &format!("{REST}/items?$select=Id,Title"), &accept),
        (471..=479).collect::<Vec<_>>()
    );
    let of_graph = format!("/v1.0/sites/{GRAPH_SITE}/lists/{}/items?$expand=fields", site.list_id(LIST));
    assert_eq!(walk(&site, &of_graph, &[]), (471..=479).collect::<Vec<_>>());
    let link = rest(&site, "/items?$select=Id").1["odata.nextLink"].as_str().unwrap().to_owned();
    assert!(link.contains("?%24skiptoken=Paged%3dTRUE%26p_ID%3d472&%24select=Id"), "{link}");
    let decoded = link.replace("%3d", "=");
    let decoded = decoded.trim_start_matches(site.server.url().trim_end_matches('/'));
    assert_eq!(get(&site, decoded, &accept).0, 400, "a link is to be followed as it is");
    site.habits(|habits| habits.next = NextLink::Elsewhere("http://127.0.0.1:9".to_owned()));
    assert!(
        rest(&site, "/items").1["odata.nextLink"].as_str().unwrap().starts_with("http://127.0.0.1:9/sites")
    );
    site.habits(|habits| habits.next = NextLink::Loop);
    let link = rest(&site, "/items").1["odata.nextLink"].as_str().unwrap().to_owned();
    let target = link.trim_start_matches(site.server.url().trim_end_matches('/'));
    assert_eq!(get(&site, target, &accept).1["odata.nextLink"], link.as_str());
}

#[test]
fn every_door_is_shut_in_its_own_way() {
    use base64::Engine as _;
    let site = site();
    let status = |headers: &[&str]| ask(&site, "GET", &format!("{REST}/items"), headers, "");
    site.door(Door::Basic);
    let shut = status(&[]);
    assert!(shut.0 == 401 && shut.1.contains("WWW-Authenticate: Basic"), "{}", shut.1);
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    assert_eq!(status(&[&format!("Authorization: Basic {basic}")]).0, 200);
    site.door(Door::Bearer);
    assert_eq!(status(&[&format!("Authorization: Basic {basic}")]).0, 401);
    assert_eq!(status(&[&format!("Authorization: Bearer {TOKEN}")]).0, 200);
    site.door(Door::LoginPage);
    assert!(status(&[]).0 == 302 && status(&[]).1.contains("Location: /_layouts/15/"));
    site.door(Door::WebPage);
    assert!(status(&[]).0 == 200 && status(&[]).1.contains("text/html"));
    site.door(Door::Forbidden);
    assert_eq!(status(&[]).0, 403);
}

#[test]
fn tokens_are_given_to_who_can_prove_it_and_end() {
    let site = site();
    site.door(Door::Bearer);
    let token = |form: &str| {
        let headers = ["Content-Type: application/x-www-form-urlencoded"];
        let (status, _, body) = ask(&site, "POST", &format!("/{TENANT}/oauth2/v2.0/token"), &headers, form);
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let encoded =
        |text: &str| text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    let (graph_scope, secret) = (encoded("https://graph.microsoft.com/.default"), encoded(SECRET));
    let form = |secret: &str, scope: &str| {
        format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={secret}&scope={scope}")
    };
    let (status, refused) = token(&form("wrong", &graph_scope));
    assert_eq!((status, refused["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(token(&form(&secret, "https%3A%2F%2Felse.example.org%2F.default")).0, 400);
    site.tokens_last(Some(2));
    let (status, given) = token(&form(&secret, &graph_scope));
    assert_eq!(status, 200, "{given}");
    let bearer = format!("Authorization: Bearer {}", given["access_token"].as_str().unwrap());
    let asked: Vec<_> = (0..3).map(|_| graph(&site, "/items", &[&bearer]).0).collect();
    assert_eq!(asked, [200, 200, 401]);
    // The same proof for `_api` gives a token that it does not take.
    let (status, given) = token(&form(&secret, &encoded(&format!("{}.default", site.server.url()))));
    assert_eq!(status, 200, "{given}");
    let bearer = format!("Authorization: Bearer {}", given["access_token"].as_str().unwrap());
    let (status, body) = get(&site, &format!("{REST}/items"), &[&bearer, "Accept: application/json"]);
    assert!(status == 401 && body.to_string().contains("Unsupported app only token."), "{body}");
    assert_eq!(site.tokens_asked(), 4);
}

#[test]
fn a_group_calendar_shows_its_window() {
    let site = site();
    let events = (1..=5).map(|day| {
        let at = |hour: u32| format!("2025-03-0{day}T{hour:02}:00:00Z");
        GroupEvent::new(&format!("AAMk{day}="), "x", &at(14), &at(15))
    });
    site.set_calendar("group-1", events.collect());
    let view = "/v1.0/groups/group-1/calendarView";
    assert_eq!(get(&site, view, &[]).0, 400);
    let view = format!("{view}?startDateTime=2025-03-02T00:00:00Z&endDateTime=2025-03-05T00:00:00Z&$top=2");
    let (_, body) = get(&site, &view, &["Prefer: outlook.timezone=\"UTC\""]);
    assert_eq!(body["value"].as_array().unwrap().len(), 2);
    assert_eq!(
        body["value"][0]["start"],
        json!({"dateTime": "2025-03-02T14:00:00.0000000", "timeZone": "UTC"})
    );
    assert!(body["@odata.nextLink"].is_string());
    assert_eq!(get(&site, &view, &[]).1["value"][0]["start"]["timeZone"], "Tokyo Standard Time");
    assert_eq!(get(&site, "/v1.0/groups/group-1/events/AAMk3=", &[]).1["id"], "AAMk3=");
}
