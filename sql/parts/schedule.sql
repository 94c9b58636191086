-- Scheduling: refresh again and again, by pg_cron where it is, or by what the system has.

CREATE FUNCTION pql.cron_times(every interval) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	seconds numeric := extract(epoch FROM every);
	minutes int := seconds / 60;
BEGIN
	IF seconds BETWEEN 1 AND 59 AND seconds = trunc(seconds) THEN
		RETURN trunc(seconds) || ' seconds';
	ELSIF seconds <= 0 OR seconds <> 60 * minutes OR minutes > 1440 OR minutes > 60 AND minutes % 60 <> 0 THEN
		NULL;
	ELSIF minutes = 1 THEN
		RETURN '* * * * *';
	ELSIF minutes < 60 AND 60 % minutes = 0 THEN
		RETURN format('*/%s * * * *', minutes);
	ELSIF minutes = 60 THEN
		RETURN '0 * * * *';
	ELSIF minutes BETWEEN 61 AND 1439 AND 24 % (minutes / 60) = 0 THEN
		RETURN format('0 */%s * * *', minutes / 60);
	ELSIF minutes = 1440 THEN
		RETURN '0 0 * * *';
	END IF;
	RAISE EXCEPTION 'no schedule repeats every %', every
		USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Schedules count seconds, minutes of an hour or hours of a day.',
			HINT = 'Use 1 to 59 seconds, a part of an hour such as 1, 5 or 15 minutes, or a part of a day such as 1, 6 or 24 hours.';
END
$$;
COMMENT ON FUNCTION pql.cron_times(interval) IS 'An interval as cron writes it; below a minute as pg_cron does. One that does not divide minute, hour or day is an ERROR.';

CREATE FUNCTION pql.schedule(every interval DEFAULT '1 minute') RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	times text := pql.cron_times(every);
	version text := e.extversion FROM pg_extension e WHERE e.extname = 'pg_cron';
	seconds int := extract(epoch FROM every);
	command text := format('psql -X -q -d %s -c ''CALL pql.refresh()''', quote_ident(current_database()));
BEGIN
	IF every IS NULL THEN
		RAISE EXCEPTION 'every is NULL' USING ERRCODE = 'null_value_not_allowed', HINT = 'Write pql.schedule(''1 minute'').';
	END IF;
	-- Debian has had a 1.4-1
	IF version IS NOT NULL AND (seconds >= 60 OR string_to_array(substring(version FROM '^[0-9.]*[0-9]'), '.')::int[] >= ARRAY[1, 5]) THEN
		EXECUTE format('SELECT %I.schedule($1, $2, $3)', 'cron') USING 'pql.refresh', times, 'CALL pql.refresh()';
		RETURN format('pg_cron calls pql.refresh() every %s (%s). Its runs: cron.job_run_details and pql.run.', every, times);
	END IF;
	RETURN concat_ws(E'\n',
		CASE WHEN version IS NULL THEN format('pg_cron is not installed in the database %s, so nothing was scheduled. Either of these does it:', current_database())
			ELSE format('pg_cron %s counts minutes only (1.5 counts seconds), so nothing was scheduled. This does it:', version) END,
		CASE WHEN seconds >= 60 THEN format(E'\n# crontab -e, of a user who may connect\n%s %s', times, command) END,
		format(E'\n# /etc/systemd/system/pql-refresh.service\n[Unit]\nDescription=pql refresh of %1$s\n[Service]\nType=oneshot\nUser=postgres\nExecStart=%2$s',
			current_database(), replace(command, '''', '"')),
		format(E'\n# /etc/systemd/system/pql-refresh.timer\n[Unit]\nDescription=pql refresh of %1$s, every %2$s s\n[Timer]\nOnBootSec=%2$s\nOnUnitActiveSec=%2$s\nAccuracySec=1\n[Install]\nWantedBy=timers.target',
			current_database(), seconds),
		E'\n# and then\nsystemctl daemon-reload && systemctl enable --now pql-refresh.timer');
END
$$;
COMMENT ON FUNCTION pql.schedule(interval) IS 'Has pg_cron call pql.refresh() every so often, where it is installed in this database; calling it again changes how often. Where it is not, nothing is done, and the lines for cron and for a systemd timer are returned. An interval that no schedule can repeat, or NULL, is an ERROR.';

CREATE FUNCTION pql.unschedule() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	n int := 0;
BEGIN
	IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		EXECUTE format('SELECT count(%1$I.unschedule(j.jobid)) FROM %1$I.job j WHERE j.jobname = $1 AND j.database = current_database()', 'cron') INTO n USING 'pql.refresh';
	END IF;
	RETURN CASE WHEN n > 0 THEN 'pg_cron calls pql.refresh() no longer.'
		ELSE 'pg_cron has no schedule of pql.refresh() here. A timer of your own: systemctl disable --now pql-refresh.timer' END;
END
$$;
COMMENT ON FUNCTION pql.unschedule() IS 'Ends what pql.schedule began; says so where pg_cron has no such schedule.';
