-- What a test in one transaction begins with: \ir lib/transaction.sql after its BEGIN.

SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL jit = off;
SELECT * FROM no_plan();

CREATE SCHEMA t;

-- An error as 'SQLSTATE | message | detail | hint', as far as there are such.
CREATE FUNCTION t.error(query text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END
$$;
-- Refreshes until nothing is left, and returns what pql.verify finds, of all models.
CREATE FUNCTION t.wrong(as_of timestamptz) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	WHILE (pql.refresh_batch(as_of, 1000)).users > 0 LOOP NULL; END LOOP;
	INSERT INTO pql.run (as_of, finished_at) VALUES (as_of, as_of);
	RETURN QUERY SELECT m.model || ' ' || v::text FROM pql.active_model m CROSS JOIN LATERAL pql.verify(m.model, as_of) v ORDER BY 1;
END
$$;
