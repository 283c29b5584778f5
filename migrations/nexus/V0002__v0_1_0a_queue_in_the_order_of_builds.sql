-- revision: v0_1_0a
-- title: The queue in the order of builds, and an index of the deliveries that failed.
--
-- Deliveries are taken in the order in which their records were built, which is that of the rows: what is taken
-- together lies together, and the index need not repeat the session of each.
-- Every run looks for deliveries that failed, since a change of the settings may help; without an index
-- of them each delivery that is due must be read. Indexes alone change, no row.

DROP INDEX nexus_delivery_queue;
CREATE INDEX nexus_delivery_due ON nexus_delivery (destination, state, not_before);
CREATE INDEX nexus_delivery_failed ON nexus_delivery (destination, session_identifier)
    WHERE failure_class IS NOT NULL;
