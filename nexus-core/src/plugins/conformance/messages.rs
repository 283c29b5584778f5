//! Requests and replies, whatever they are about.

use std::sync::Arc;

use nexus_plugin_api::message::{self, Method, Reply};
use nexus_plugin_api::{CheckReport, CheckResult, PluginError, PluginKind};
use serde_json::{Value, json};

use super::bench::{Bench, Nothing, Terms, quoted, told};
use super::check::{Check, Stop, Verdict, fail, must};
use super::sample;

/// What every check that asks something stands on.
pub(super) const WORKS: &str = "messages.check-is-answered";

const ANSWERED: &str = "messages.a-reply-comes";
const UTF8: &str = "messages.reply-is-utf8";
const OBJECT: &str = "messages.reply-is-one-object";
const ONE_OF: &str = "messages.reply-has-one-outcome";
const ID: &str = "messages.id-is-repeated";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        ANSWERED,
        "A request is answered in time by a reply that is not empty.",
        "Answer every request; if something goes wrong, with an error.",
        &["settings.accepted"],
        |bench| raw(bench).and_then(|(_, reply)| must(!reply.is_empty(), || "the reply is empty".to_owned())),
    ),
    Check::new(
        UTF8,
        "A reply is UTF-8.",
        "Write JSON as UTF-8; what is no text (a file name) goes as {\"bytes\": \"<hex>\"}.",
        &[ANSWERED],
        |bench| {
            let (_, reply) = raw(bench)?;
            std::str::from_utf8(&reply).map(drop).map_err(|error| Stop::Fail(error.to_string()))
        },
    ),
    Check::new(
        OBJECT,
        "A reply is one JSON object and nothing else.",
        "Write one object; diagnostics belong into the log, never between the replies.",
        &[UTF8],
        |bench| object(bench).map(drop),
    ),
    Check::new(
        ONE_OF,
        "A reply holds exactly one of ok, error and unsupported.",
        "Leave out the fields that do not apply instead of setting them to null.",
        &[OBJECT],
        one_outcome,
    ),
    Check::new(
        ID,
        "A reply repeats the id of its request.",
        "Copy the id; it need not begin at 1 nor rise by one.",
        &[OBJECT],
        |bench| {
            let (id, reply) = object(bench)?;
            must(reply["id"].as_u64() == Some(id), || {
                format!("request {id} is answered with id {}", reply["id"])
            })
        },
    ),
    Check::new(
        WORKS,
        "`check` is answered with what was checked, each item with a name and a result.",
        "Answer {\"items\": [{\"name\": …, \"result\": \"ok\", \"detail\": …}]}, also when something is wrong.",
        &[ONE_OF, ID],
        check_report,
    ),
    Check::new(
        "messages.check-finds-nothing-wrong",
        "With the settings given, no item of `check` says that work would fail.",
        "Read the item: the settings of this trial do not work, and so hardly anything after it can.",
        &[WORKS],
        check_passes,
    ),
    Check::new(
        "messages.large-id",
        "Ids up to 2^63 - 1 come back exactly.",
        "Read the id as a 64-bit whole number, or copy its digits; a double loses some.",
        &[WORKS],
        large_id,
    ),
    Check::new(
        "messages.unknown-fields-ignored",
        "Fields that the plugin does not know are ignored, in the request and in its params.",
        "Take the fields you need and leave the others alone: a later minor version adds some.",
        &[WORKS],
        unknown_fields,
    ),
    Check::new(
        "messages.fields-in-any-order",
        "The fields of a request may come in any order, with spaces between them.",
        "Read the request as JSON, not as text of a certain form.",
        &[WORKS],
        any_order,
    ),
    Check::new(
        "messages.unknown-method",
        "A method that the plugin does not know is answered `unsupported`.",
        "Answer {\"id\": …, \"unsupported\": true}: the host then goes on without it.",
        &[WORKS],
        unknown_method,
    ),
    Check::new(
        "messages.method-of-another-kind",
        "A method of another kind of plugin is answered `unsupported`.",
        "Answer {\"id\": …, \"unsupported\": true} to all but your own kind's methods.",
        &[WORKS],
        other_kind,
    ),
    Check::new(
        "messages.own-methods",
        "No method that its kind must have is answered `unsupported`.",
        "Implement the method: the host cannot work with the plugin without it.",
        &[WORKS],
        own_methods,
    ),
    Check::new(
        "messages.unreadable-request",
        "A request that is not JSON is answered with an error, or with id 0; the next one is answered as usual.",
        "Catch the error of reading a request, answer {\"id\": 0, \"error\": …}, and go on.",
        &[WORKS],
        unreadable,
    ),
    Check::new(
        "messages.missing-params",
        "A request without the params it needs is answered with an error, and the next one as usual.",
        "Answer with an error that names the field that is missing.",
        &[WORKS],
        missing_params,
    ),
    Check::new(
        "messages.wrong-params",
        "Params of a wrong type are answered with an error, and the next request as usual.",
        "Answer with an error that names the field and what it should be.",
        &[WORKS],
        wrong_params,
    ),
    Check::new(
        "messages.many-in-a-row",
        "200 requests in a row are answered, each with its own id.",
        "Look for what grows or is used up from call to call.",
        &[WORKS],
        many,
    ),
    Check::new(
        "messages.at-the-same-time",
        "Requests of several threads to one instance are answered, each with its own id.",
        "Guard what calls share; an instance is called from several threads at once.",
        &[WORKS],
        concurrent,
    ),
    Check::new(
        "messages.hostile-texts",
        "Quotes, control characters, markup, very long and right-to-left texts are answered as any other.",
        "Write texts through a JSON library, and never paste them into markup, commands or paths.",
        &[WORKS],
        hostile,
    ),
    Check::new(
        "messages.large-request",
        "A request of some megabytes is answered.",
        "Read the whole request, whatever its length, up to 64 MiB.",
        &[WORKS],
        large,
    ),
];

/// A `check` on the shared instance; the reply as it is.
fn raw(bench: &mut Bench<'_>) -> Result<(u64, Vec<u8>), Stop> {
    let line = bench.line()?;
    let id = bench.next_id();
    let request = format!("{{\"id\":{id},\"method\":\"check\",\"params\":{{}}}}");
    let reply = bench.reply(&line, Terms::Usual, Method::Check, request.as_bytes())?;
    Ok((id, reply))
}

fn object(bench: &mut Bench<'_>) -> Result<(u64, Value), Stop> {
    let (id, reply) = raw(bench)?;
    match serde_json::from_slice::<Value>(&reply) {
        Ok(value) if value.is_object() => Ok((id, value)),
        Ok(other) => fail(format!("the reply is {}", quoted(&other.to_string()))),
        Err(error) => fail(format!("the reply is not JSON: {error}")),
    }
}

fn one_outcome(bench: &mut Bench<'_>) -> Verdict {
    let (_, reply) = object(bench)?;
    let there = |name: &str| !matches!(reply.get(name), None | Some(Value::Null | Value::Bool(false)));
    let found: Vec<&str> = ["ok", "error", "unsupported"].into_iter().filter(|name| there(name)).collect();
    must(found.len() == 1, || match found.as_slice() {
        [] => "the reply holds none of ok, error and unsupported".to_owned(),
        several => format!("the reply holds {}", several.join(" and ")),
    })
}

fn check_report(bench: &mut Bench<'_>) -> Verdict {
    let report: CheckReport = bench.get_here(Method::Check, &Nothing {})?;
    must(report.items.iter().all(|item| !item.name.trim().is_empty()), || "an item has no name".to_owned())
}

fn check_passes(bench: &mut Bench<'_>) -> Verdict {
    let report: CheckReport = bench.get_here(Method::Check, &Nothing {})?;
    match report.items.iter().find(|item| item.result == CheckResult::Failed) {
        Some(item) => fail(format!("`{}` failed: {}", item.name, item.detail)),
        None => Ok(()),
    }
}

/// Puts a request, written by hand, to the shared instance.
fn put<T: serde::de::DeserializeOwned>(
    bench: &mut Bench<'_>,
    id: u64,
    method: Method,
    request: &str,
) -> Result<Reply<T>, Stop> {
    let line = bench.line()?;
    let reply = bench.reply(&line, Terms::Usual, method, request.as_bytes())?;
    bench.read(id, method, &reply)
}

fn large_id(bench: &mut Bench<'_>) -> Verdict {
    for id in [9_007_199_254_740_993, 4_294_967_296, 9_223_372_036_854_775_807_u64] {
        let request = format!("{{\"id\":{id},\"method\":\"check\",\"params\":{{}}}}");
        let reply: Reply<Value> = put(bench, id, Method::Check, &request)?;
        must(matches!(reply, Reply::Ok(_)), || {
            format!("`check` with id {id} is answered {}", quoted(&reply))
        })?;
    }
    Ok(())
}

/// A request that is answered well with these params, and changes nothing.
fn harmless(bench: &mut Bench<'_>) -> Result<(Method, Value), Stop> {
    Ok(match bench.manifest.kind {
        PluginKind::Destination => {
            let delivery = sample::delivery(bench, "harmless")?;
            (Method::Find, sample::json(&delivery)?)
        }
        PluginKind::Harvester => (Method::Reservations, json!({"sessions": []})),
        PluginKind::Extractor => (Method::Accepts, json!({"path": sample::noise(bench, "harmless")?})),
    })
}

/// Whether a reply is of the same sort as another.
fn alike(one: &Reply<Value>, other: &Reply<Value>) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn unknown_fields(bench: &mut Bench<'_>) -> Verdict {
    let (method, params) = harmless(bench)?;
    let line = bench.line()?;
    let plain: Reply<Value> = bench.ask(&line, method, &params)?;
    let id = bench.next_id();
    let mut more = params;
    let news = json!({"from": "a later version", "nested": [[{"deep": [null, 1.5e300]}]]});
    if let Some(map) = more.as_object_mut() {
        map.insert("conformance_news".to_owned(), news.clone());
    }
    let request = json!({"conformance_news": news, "id": id, "method": method, "params": more, "more": null});
    let reply: Reply<Value> = put(bench, id, method, &request.to_string())?;
    must(alike(&plain, &reply), || {
        format!("without unknown fields the answer is {}, with them {}", quoted(&plain), quoted(&reply))
    })
}

fn any_order(bench: &mut Bench<'_>) -> Verdict {
    let (method, params) = harmless(bench)?;
    let line = bench.line()?;
    let plain: Reply<Value> = bench.ask(&line, method, &params)?;
    let id = bench.next_id();
    let request = format!("{{ \"params\" : {params} , \"method\" :  \"{method}\",  \"id\" :{id} }}");
    let reply: Reply<Value> = put(bench, id, method, &request)?;
    must(alike(&plain, &reply), || {
        format!("in the usual order the answer is {}, in another {}", quoted(&plain), quoted(&reply))
    })
}

fn unsupported(bench: &mut Bench<'_>, method: Method, word: &str) -> Verdict {
    let id = bench.next_id();
    let request = json!({"id": id, "method": word, "params": {}}).to_string();
    let reply: Reply<Value> = put(bench, id, method, &request)?;
    must(matches!(reply, Reply::Unsupported), || format!("`{word}` is answered {}", quoted(&reply)))
}

fn unknown_method(bench: &mut Bench<'_>) -> Verdict {
    unsupported(bench, Method::Check, "conformance_of_a_later_version")
}

const OF_KIND: [(PluginKind, &[Method]); 3] = [
    (PluginKind::Harvester, &[Method::Harvest, Method::Reservations]),
    (PluginKind::Destination, &[Method::Target, Method::Find]),
    (PluginKind::Extractor, &[Method::Accepts, Method::Extract]),
];

fn other_kind(bench: &mut Bench<'_>) -> Verdict {
    let kind = bench.manifest.kind;
    for method in OF_KIND.iter().filter(|(other, _)| *other != kind).flat_map(|(_, methods)| *methods) {
        unsupported(bench, *method, method.as_str())?;
    }
    Ok(())
}

fn own_methods(bench: &mut Bench<'_>) -> Verdict {
    let requests: Vec<(Method, Value)> = match bench.manifest.kind {
        PluginKind::Destination => {
            let delivery = sample::json(&sample::delivery(bench, "own-methods")?)?;
            // Whether `deliver` is there is seen when something is delivered.
            vec![(Method::Target, json!({})), (Method::Find, delivery)]
        }
        PluginKind::Harvester => vec![
            (Method::Harvest, json!({"instruments": []})),
            (Method::Reservations, json!({"sessions": []})),
        ],
        PluginKind::Extractor => {
            let path = sample::noise(bench, "own-methods")?;
            vec![(Method::Accepts, json!({"path": path})), (Method::Extract, json!({"path": path}))]
        }
    };
    let line = bench.line()?;
    for (method, params) in requests {
        let reply: Reply<Value> = bench.ask(&line, method, &params)?;
        must(!matches!(reply, Reply::Unsupported), || format!("`{method}` is answered `unsupported`"))?;
    }
    Ok(())
}

fn unreadable(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for request in [&b"{\"id\":"[..], b"not JSON at all", b"{\"id\":1,\"method\":7}"] {
        // A carrier may refuse to carry it, or end the plugin and start it again.
        let Ok(reply) = bench.exchange(&line, Terms::Usual, Method::Check, request)? else { continue };
        let text = String::from_utf8_lossy(&reply);
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            Stop::Fail(format!(
                "the reply to {} is not JSON: {error}",
                quoted(&String::from_utf8_lossy(request))
            ))
        })?;
        let refused = value["error"].is_object() || value["unsupported"] == true;
        must(refused, || {
            format!("{} is answered {}", quoted(&String::from_utf8_lossy(request)), quoted(&text))
        })?;
        if let Ok(error) = serde_json::from_value::<PluginError>(value["error"].clone())
            && error.message.contains("panicked")
        {
            return fail(told(&error));
        }
    }
    bench.must_be_alive(&line, "an unreadable request")
}

/// The methods of the kind whose params cannot be left out, and that change nothing.
fn with_params(kind: PluginKind) -> &'static [Method] {
    match kind {
        PluginKind::Destination => &[Method::Find],
        PluginKind::Harvester => &[Method::Reservations],
        PluginKind::Extractor => &[Method::Accepts, Method::Extract],
    }
}

fn must_be_error(bench: &mut Bench<'_>, params: Option<&Value>, what: &str) -> Verdict {
    for method in with_params(bench.manifest.kind) {
        let id = bench.next_id();
        let mut request = json!({"id": id, "method": method});
        if let (Some(params), Some(map)) = (params, request.as_object_mut()) {
            map.insert("params".to_owned(), params.clone());
        }
        let line = bench.line()?;
        let reply = match bench.exchange(&line, Terms::Usual, *method, request.to_string().as_bytes())? {
            Ok(reply) => bench.read::<Value>(id, *method, &reply)?,
            Err(error) if error.message.contains("panicked") => return fail(error.message),
            // A program may end over it: it is started again, and the next request must be answered.
            Err(_) => continue,
        };
        must(matches!(reply, Reply::Error(_)), || {
            format!("`{method}` with {what} is answered {}", quoted(&reply))
        })?;
    }
    let line = bench.line()?;
    bench.must_be_alive(&line, what)
}

fn missing_params(bench: &mut Bench<'_>) -> Verdict {
    must_be_error(bench, None, "no params")?;
    must_be_error(bench, Some(&json!({})), "empty params")
}

fn wrong_params(bench: &mut Bench<'_>) -> Verdict {
    let params = match bench.manifest.kind {
        PluginKind::Destination => json!({"record": 7, "session": [], "activities": "none"}),
        PluginKind::Harvester => json!({"sessions": 7}),
        PluginKind::Extractor => json!({"path": 7}),
    };
    must_be_error(bench, Some(&params), "params of a wrong type")
}

fn many(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for _ in 0..200 {
        bench.get::<Value>(&line, Method::Check, &Nothing {})?;
    }
    Ok(())
}

fn concurrent(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    let (threads, each) = (4_u64, 10_u64);
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let line = Arc::clone(&line);
            let (call, _) = bench.call(Terms::Usual, Method::Check);
            std::thread::spawn(move || {
                for number in 0..each {
                    let id = 1_000_000 + thread * 1_000 + number;
                    let request = format!("{{\"id\":{id},\"method\":\"check\",\"params\":{{}}}}");
                    let reply = line
                        .exchange(&call, Method::Check, request.as_bytes())
                        .map_err(|error| error.message)?;
                    match message::read_reply::<Value>(id, &reply) {
                        Ok(Reply::Ok(_)) => {}
                        Ok(other) => return Err(format!("`check` is answered {}", quoted(&other))),
                        Err(error) => return Err(format!("the reply to `check` cannot be used: {error}")),
                    }
                }
                Ok(())
            })
        })
        .collect();
    for worker in workers {
        match worker.join() {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return fail(why),
            Err(_) => return fail("a call panicked"),
        }
    }
    Ok(())
}

fn hostile(bench: &mut Bench<'_>) -> Verdict {
    let line = bench.line()?;
    for text in sample::hostile_texts() {
        let (method, params) = match bench.manifest.kind {
            PluginKind::Destination => {
                let mut delivery = sample::delivery(bench, "hostile")?;
                delivery.session.user = Some(text.clone());
                delivery.session.identifier.push_str(&text);
                delivery.session.instrument.display_name.clone_from(&text);
                (Method::Find, sample::json(&delivery)?)
            }
            PluginKind::Harvester => {
                let mut session = sample::session(bench);
                session.user = Some(text.clone());
                session.session_identifier.push_str(&text);
                session.external_id = Some(text.clone());
                (Method::Reservations, json!({"sessions": [session]}))
            }
            PluginKind::Extractor => {
                // Very long names are no names.
                let name: String = text.chars().filter(|c| !matches!(c, '/' | '\0')).take(40).collect();
                (Method::Accepts, json!({"path": sample::noise(bench, &name)?}))
            }
        };
        let reply: Reply<Value> = bench.ask(&line, method, &params)?;
        must(!matches!(reply, Reply::Unsupported), || format!("`{method}` is answered `unsupported`"))?;
    }
    bench.must_be_alive(&line, "hostile texts")
}

fn large(bench: &mut Bench<'_>) -> Verdict {
    let id = bench.next_id();
    let ballast = "0123456789abcdef".repeat(bench.options.large / 16);
    let request = format!("{{\"id\":{id},\"method\":\"check\",\"params\":{{\"ballast\":\"{ballast}\"}}}}");
    let reply: Reply<Value> = put(bench, id, Method::Check, &request)?;
    must(matches!(reply, Reply::Ok(_)), || format!("`check` is answered {}", quoted(&reply)))
}
