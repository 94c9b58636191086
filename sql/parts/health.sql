-- Health: what somebody who keeps pql running wants to know, in one look.

CREATE FUNCTION pql.health() RETURNS TABLE (check_name text, status text, found text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- from the event to the alert
	promised CONSTANT interval := '15 minutes';
	job text;
BEGIN
	RETURN QUERY SELECT 'refresh', CASE WHEN r.run_id IS NULL THEN 'none' WHEN r.error IS NOT NULL THEN 'error' ELSE 'ok' END,
		CASE WHEN r.run_id IS NULL THEN 'there was none' ELSE format('as of %s%s', r.as_of, ': ' || r.error) END,
		CASE WHEN r.run_id IS NULL THEN 'CALL pql.refresh(); judges everybody.' WHEN r.error IS NOT NULL THEN 'What was done is kept, and the rest still marked.' END
	FROM (SELECT) one LEFT JOIN (SELECT * FROM pql.run ORDER BY run_id DESC LIMIT 1) r ON true;

	RETURN QUERY SELECT 'marks', CASE WHEN c.waiting > 0 THEN 'error' WHEN c.oldest > promised THEN 'warn' ELSE 'ok' END,
		CASE WHEN c.marks = 0 THEN 'none'
			ELSE format('%s, the oldest of %s ago%s', c.marks, date_trunc('second', c.oldest), CASE WHEN c.waiting > 0 THEN format('; %s wait for a source that cannot be read', c.waiting) END) END,
		CASE WHEN c.oldest > promised THEN 'Refresh more often: SELECT pql.schedule(''1 minute''). pql.progress shows one that is running.' WHEN c.waiting > 0 THEN 'Mend the source that is named below.' END
	FROM (SELECT count(*) AS marks, count(*) FILTER (WHERE c.waits_for IS NOT NULL) AS waiting, clock_timestamp() - min(greatest(c.logged_at, c.due_at)) AS oldest
		FROM pql.change c WHERE c.due_at <= clock_timestamp()) c;

	IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		EXECUTE format('SELECT j.schedule FROM %I.job j WHERE j.jobname = $1 AND j.database = current_database() AND j.active', 'cron') INTO job USING 'pql.refresh';
	END IF;
	RETURN QUERY SELECT 'schedule', CASE WHEN job IS NULL THEN 'none' ELSE 'ok' END, coalesce('pg_cron: ' || job, 'not by pg_cron'),
		CASE WHEN job IS NULL THEN 'Unless a timer of the system calls pql.refresh(): SELECT pql.schedule(''1 minute'').' END;

	RETURN QUERY SELECT 'routing', CASE WHEN r.models IS NULL THEN 'none' WHEN p.reason IS NOT NULL OR c.reps = 0 OR q.stuck > 0 THEN 'warn' ELSE 'ok' END,
		CASE WHEN r.models IS NULL THEN 'no model routes leads'
			ELSE format('%s to %s active reps%s%s', r.models, c.reps, '; paused: ' || p.reason, CASE WHEN q.stuck > 0 THEN format('; %s leads have nobody to go to', q.stuck) END) END,
		CASE WHEN r.models IS NULL THEN 'SELECT pql.start_routing(''trial''), when there are reps.' WHEN p.reason IS NOT NULL THEN 'SELECT pql.resume();'
			WHEN c.reps = 0 OR q.stuck > 0 THEN 'INSERT INTO pql.rep, or see pql.segment_rule.' END
	FROM (SELECT string_agg(x.model, ', ' ORDER BY x.role DESC, x.model) AS models FROM pql.routing x) r
	CROSS JOIN (SELECT pql.paused() AS reason) p
	CROSS JOIN (SELECT count(*) AS reps FROM pql.rep x WHERE x.active) c
	CROSS JOIN (SELECT count(*) AS stuck FROM pql.lead x WHERE x.state = 'queued' AND x.reason = 'no_rep') q;
	RETURN QUERY SELECT 'pilot ' || p.pilot, CASE WHEN b.breaches IS NULL THEN 'ok' ELSE 'warn' END, format('until %s%s', to_char(pql.pilot_end(p), 'YYYY-MM-DD'), '; in breach: ' || b.breaches), CASE WHEN b.breaches IS NOT NULL THEN format('SELECT * FROM pql.pilot_breaches(%L);', p.pilot) END
	FROM pql.pilot p CROSS JOIN LATERAL (SELECT string_agg(DISTINCT x.metric, ', ' ORDER BY x.metric) AS breaches FROM pql.pilot_breach x WHERE x.pilot = p.pilot) b
	WHERE p.started_at <= clock_timestamp() AND pql.pilot_end(p) > clock_timestamp() ORDER BY p.pilot;
	RETURN QUERY SELECT 'alerts', CASE WHEN a.failed > 0 THEN 'error' WHEN a.oldest > promised THEN 'warn' ELSE 'ok' END,
		format('%s wait%s', a.waiting, CASE WHEN a.failed > 0 THEN format(', %s were given up', a.failed) WHEN a.oldest > promised THEN format(', the oldest for %s', date_trunc('second', a.oldest)) END),
		CASE WHEN a.failed > 0 THEN 'pql.alert.last_error tells why; SELECT pql.retry_alert(alert_id) when it is mended.' WHEN a.oldest > promised THEN 'Is a relay running, and the channel not paused?' END
	FROM (SELECT count(*) FILTER (WHERE x.failed_at IS NULL) AS waiting, count(*) FILTER (WHERE x.failed_at > clock_timestamp() - interval '7 days') AS failed,
			clock_timestamp() - min(greatest(x.not_before, x.created_at)) FILTER (WHERE x.failed_at IS NULL) AS oldest
		FROM pql.alert x WHERE x.delivered_at IS NULL) a;
	RETURN QUERY SELECT 'activities', CASE WHEN a.refused > 0 THEN 'warn' ELSE 'ok' END, format('%s applied, %s refused', a.applied, a.refused), CASE WHEN a.refused > 0 THEN 'SELECT activity_id, refused FROM pql.activity WHERE refused IS NOT NULL;' END
	FROM (SELECT count(x.applied_at) AS applied, count(x.refused) AS refused FROM pql.activity x) a WHERE a.applied + a.refused > 0;

	RETURN QUERY SELECT 'crm', 'warn', format('model %s: %s', u.model, string_agg(format('signal %s %s', u.signal, u.problem), '; ' ORDER BY u.signal)), format('SELECT * FROM pql.publish(%L);', u.model)
	FROM pql.unpublished_signals() u GROUP BY u.model ORDER BY u.model;

	RETURN QUERY SELECT 'source ' || s.relation, CASE WHEN u.message IS NOT NULL OR w.tables IS NOT NULL THEN 'error' WHEN s.capture = 'manual' THEN 'none' ELSE 'ok' END,
		coalesce(u.message, 'changes of ' || w.tables || ' are not noticed', s.capture),
		CASE WHEN u.message IS NOT NULL THEN format('Mend it, connect it anew, or leave it out: SELECT pql.disconnect(''events'', %L).', s.relation)
			WHEN w.tables IS NOT NULL THEN 'Its triggers are gone or disabled. The next refresh makes those that are gone; ALTER TABLE … ENABLE ALWAYS TRIGGER does the rest.'
			WHEN s.capture = 'manual' THEN 'Changes are noticed only after pql.mark_dirty.' END
	FROM pql.sources s
	LEFT JOIN pql.unreadable_sources() u ON u.relation = s.relation
	CROSS JOIN LATERAL (SELECT string_agg(t.relation::text, ', ' ORDER BY t.relation::text) AS tables FROM pql.tables_of(to_regclass(s.relation)) t
		WHERE s.capture IN ('trigger', 'mark')
			AND 4 > (SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = t.relation AND g.tgfoid = 'pql.capture_events'::regproc AND g.tgenabled = 'A')) w
	WHERE s.input = 'events' ORDER BY s.relation;
	RETURN QUERY SELECT 'schema ' || n.of_schema, 'warn', format('%s (%s) %s not read', string_agg(n.relation, ', ' ORDER BY n.relation), n.input, CASE WHEN count(*) > 1 THEN 'are' ELSE 'is' END),
		CASE n.input WHEN 'events' THEN 'The next refresh reads it, if it may; or: ' ELSE '' END || format('SELECT * FROM pql.connect(%L, %L, %L);', n.input, n.of_schema, n.shape)
	FROM pql.new_tables() n GROUP BY n.of_schema, n.input, n.shape ORDER BY n.of_schema, n.input;
	RETURN QUERY SELECT s.input || ' ' || s.relation, CASE WHEN s.failure IS NOT NULL THEN 'error' WHEN s.capture = 'manual' THEN 'none' ELSE 'ok' END, coalesce(s.failure, s.capture),
		CASE WHEN s.failure IS NOT NULL THEN 'What has changed there is noted, and read when this is mended.' WHEN s.capture = 'manual' THEN 'Changes are noticed only after pql.mark_dirty.' END
	FROM pql.source s WHERE s.input <> 'events' AND s.disconnected_at IS NULL ORDER BY s.input, s.connected_at, s.relation;
END
$$;
COMMENT ON FUNCTION pql.health() IS 'Is all well? The last refresh, what waits for the next, whether one is scheduled, whether leads reach reps and alerts people, what pilots run, and whether sources can be read and are watched. status: ok, none (there is no such thing, which may be as wanted), warn, error.';
