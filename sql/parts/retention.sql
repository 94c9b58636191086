-- Retention: who still uses the product 30 and 90 days after paying. Read from the events once for each, when the days have passed.

CREATE TABLE pql.retention (
	user_id text NOT NULL,
	started_at timestamptz NOT NULL,
	converted_at timestamptz NOT NULL,
	contacted_at timestamptz,
	due_at timestamptz,
	checked_30_at timestamptz,
	seen_30_at timestamptz,
	checked_90_at timestamptz,
	seen_90_at timestamptz,
	PRIMARY KEY (user_id, started_at)
);
CREATE INDEX retention_due ON pql.retention (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE pql.retention IS 'Trials that were paid for, and whether their people were seen later.';
COMMENT ON COLUMN pql.retention.contacted_at IS 'The first touch before the payment, once it has been looked; NULL: there was none.';
COMMENT ON COLUMN pql.retention.due_at IS 'When it is looked again: a day after the days have passed, for events that come late. NULL: it is done.';
COMMENT ON COLUMN pql.retention.checked_30_at IS 'As of when events were read; as checked_90_at.';
COMMENT ON COLUMN pql.retention.seen_30_at IS 'The last event of the week that ended 30 days after the payment; seen_90_at: 90 days. NULL: there was none.';
SELECT pg_catalog.pg_extension_config_dump('pql.retention', '');

CREATE FUNCTION pql.check_retention(as_of timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	most CONSTANT int := 1000;
	users text[];
	n int;
BEGIN
	users := ARRAY(SELECT r.user_id FROM pql.retention r WHERE r.due_at <= as_of ORDER BY r.due_at LIMIT most);
	IF users = '{}' THEN
		RETURN 0;
	END IF;
	EXECUTE format($q$
		UPDATE pql.retention o SET (due_at, contacted_at, checked_30_at, seen_30_at, checked_90_at, seen_90_at) = (
			CASE WHEN o.converted_at + '2184 hours' > $2 THEN o.converted_at + '2184 hours' END,
			(SELECT min(l.contacted_at) FROM pql.lead l WHERE l.user_id = o.user_id AND l.contacted_at <= o.converted_at), coalesce(o.checked_30_at, $2), CASE WHEN o.checked_30_at IS NULL THEN s.seen_30_at ELSE o.seen_30_at END,
			CASE WHEN o.converted_at + '2184 hours' <= $2 THEN $2 END, CASE WHEN o.converted_at + '2184 hours' <= $2 THEN s.seen_90_at END)
		FROM (
			SELECT r.user_id, r.started_at,
				max(e.occurred_at) FILTER (WHERE e.occurred_at >= r.converted_at + '552 hours' AND e.occurred_at < r.converted_at + '720 hours') AS seen_30_at,
				max(e.occurred_at) FILTER (WHERE e.occurred_at >= r.converted_at + '1992 hours' AND e.occurred_at < r.converted_at + '2160 hours') AS seen_90_at
			FROM pql.retention r LEFT JOIN (SELECT x.user_id, x.occurred_at FROM (%s) x WHERE x.user_id = ANY ((SELECT $1)::text[])) e ON e.user_id = r.user_id AND e.occurred_at >= r.converted_at + '552 hours' AND e.occurred_at < r.converted_at + '2160 hours'
			WHERE r.user_id = ANY ((SELECT $1)::text[]) AND r.due_at <= $2
			GROUP BY r.user_id, r.started_at) s
		WHERE o.user_id = s.user_id AND o.started_at = s.started_at$q$, pql.event_query(NULL, users)) USING users, as_of;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;
COMMENT ON FUNCTION pql.check_retention(timestamptz) IS 'Looks, of up to 1,000 payments of which enough days have passed, whether their people were seen. Part of every refresh. Returns how many.';
