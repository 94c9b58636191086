-- What every object of the extension owes its users and its safety, checked over the catalog.

BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

CREATE VIEW pg_temp.ours AS
SELECT d.classid, d.objid, d.objsubid
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pql'
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

SELECT is_empty($$
	SELECT pg_describe_object(o.classid, o.objid, 0)
	FROM pg_temp.ours o
	WHERE o.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass,
			'pg_namespace'::regclass)
		AND obj_description(o.objid, o.classid::regclass::text) IS NULL
		-- row types and array types come with their table or type
		AND NOT (o.classid = 'pg_type'::regclass
			AND EXISTS (SELECT FROM pg_type t WHERE t.oid = o.objid AND (t.typelem <> 0 OR t.typrelid <> 0)))
	ORDER BY 1$$, 'every function, relation, type and operator has a COMMENT');

SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_temp.ours o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
	JOIN pg_language l ON l.oid = p.prolang
	WHERE l.lanname = 'plpgsql' AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
		-- which commits, and so cannot; it names everything in full
		AND p.oid <> 'pql.refresh'::regproc
	ORDER BY 1$$, 'every PL/pgSQL function sets its search_path');

SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_temp.ours o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
	JOIN pg_language l ON l.oid = p.prolang
	WHERE l.lanname = 'sql' AND p.prosqlbody IS NULL
	ORDER BY 1$$, 'every SQL function was parsed when it was made, so that no search_path can change its meaning');

SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_temp.ours o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
	WHERE p.prosecdef AND (has_function_privilege('public', p.oid, 'execute') OR NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
		OR p.prorettype <> 'trigger'::regtype AND p.proname NOT IN ('claim', 'release', 'reassign', 'log_touch', 'log_reply', 'log_meeting', 'set_disposition', 'log_conversion', 'opt_in',
			'take_alerts', 'ack_alert', 'nack_alert', 'retry_alert', 'slack_claim',
			-- which reads the salt, and tells nothing of it
			'forgotten_hash'))
	ORDER BY 1$$, 'no function runs with its owner''s rights but triggers, which nobody else can put on tables, and what operators do');

SELECT is_empty($$
	SELECT format('%s.%s', a.attrelid::regclass, a.attname)
	FROM pg_temp.ours o
	JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid = 'boolean'::regtype
	WHERE a.attname NOT IN ('exact_qualification', 'backfill', 'backfilled', 'late',
		-- a switch that people, and CRMs, set
		'active',
		-- rows for CRMs, whose fields are such
		'activated', 'enterprise_request', 'contactable', 'hand_raiser', 'for_ae')
	ORDER BY 1$$, 'no boolean column that could be a timestamp');

SELECT is_empty($$
	SELECT c.oid::regclass
	FROM pg_temp.ours o
	JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass AND c.relkind = 'r'
	WHERE c.oid <> ALL (SELECT unnest(e.extconfig) FROM pg_extension e WHERE e.extname = 'pql')
		-- which are made anew from what is restored, or as they are shipped
		AND c.oid NOT IN ('pql.change'::regclass, 'pql.state'::regclass, 'pql.ignored'::regclass, 'pql.crm_change'::regclass, 'pql.metric_definition'::regclass, 'pql.identity'::regclass, 'pql.identity_revision'::regclass,
			'pql.link_collection'::regclass)
	ORDER BY 1$$, 'every table is kept by pg_dump');

SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_temp.ours o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
	WHERE p.provolatile = 'i'
		AND (p.prosrc ~* '\mnow\(' OR pg_get_function_arguments(p.oid) ~* 'now\(')
	ORDER BY 1$$, 'nothing immutable looks at the clock');

CREATE EXTENSION IF NOT EXISTS plpgsql_check;
SELECT is_empty($$
	SELECT format('%s line %s: %s', p.oid::regprocedure, c.lineno, c.message)
	FROM pg_temp.ours o JOIN pg_proc p ON p.oid = o.objid AND o.classid = 'pg_proc'::regclass
	JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
	LEFT JOIN LATERAL (
		SELECT t.tgrelid, t.tgnewtable, t.tgoldtable FROM pg_trigger t WHERE t.tgfoid = p.oid ORDER BY t.tgoldtable IS NULL, t.tgnewtable IS NULL, t.oid LIMIT 1
	) t ON p.prorettype = 'trigger'::regtype
	CROSS JOIN LATERAL plpgsql_check_function_tb(p.oid,
		-- some go on tables that are connected
		CASE WHEN p.prorettype = 'trigger'::regtype THEN coalesce(t.tgrelid, 'pql.person'::regclass) ELSE 0 END, fatal_errors => false,
		newtable => t.tgnewtable, oldtable => t.tgoldtable, other_warnings => false, extra_warnings => false, performance_warnings => false) c
	WHERE c.level = 'error'
	ORDER BY 1$$, 'plpgsql_check finds no error');

SELECT is((SELECT extversion FROM pg_extension WHERE extname = 'pql'), pql.version(),
	'the library is of the version that is installed');

SELECT * FROM finish();
ROLLBACK;
