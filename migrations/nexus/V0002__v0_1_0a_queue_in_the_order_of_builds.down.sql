-- undoes: v0_1_0a
--
-- Nothing is lost: an older nexus takes deliveries by the name of their session.

DROP INDEX nexus_delivery_failed;
DROP INDEX nexus_delivery_due;
CREATE INDEX nexus_delivery_queue ON nexus_delivery (destination, state, not_before, session_identifier);
