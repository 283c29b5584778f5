//! One delivery in the story of a session: what happened, when it is tried again, the link.

use nexus_core::delivery::Origin;
use nexus_core::overview::DeliveryLine;

/// Its lines: `share: delivered, id 31, file://…`, and what comes next if something does.
pub fn told(delivery: &DeliveryLine, configured: bool) -> String {
    let mut head = vec![format!("{:<12} {}", delivery.destination, delivery.state)];
    head.extend(delivery.remote_id.as_ref().map(|id| format!("id {id}")));
    head.extend(delivery.remote_url.as_ref().map(|url| format!("at {url}")));
    if delivery.origin == Origin::Peer {
        head.push("delivered by NexusLIMS".to_owned());
    }
    let mut lines = vec![head.join(", ")];
    if let Some(text) = &delivery.failure_text {
        let class = delivery.failure_class.map(|class| format!(" ({class})")).unwrap_or_default();
        lines.push(format!("failed{class}: {text}"));
    }
    if delivery.attempt > 0 && (delivery.failure_text.is_some() || delivery.next(configured).is_some()) {
        let last = delivery.tried_at.as_ref().map(|at| format!(", last at {at} (UTC)")).unwrap_or_default();
        lines.push(format!("tries: {}{last}", delivery.attempt));
    }
    if delivery.in_doubt {
        lines.push("it may have arrived; the destination is asked before anything is made".to_owned());
    }
    lines.extend(delivery.next(configured).map(|next| format!("next: {next}")));
    lines.join("\n             ")
}
