-- Models: what the language accepts, what it refuses and in which words, versions, adaptation.
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;

BEGIN;

---- the language

-- The shipped models are valid, and are stored as their first version.
SELECT v.model, v.version, v.shipped_in = pql.version() AS shipped, a.version AS active
FROM pql.model_version v JOIN pql.active_model a USING (model) ORDER BY v.model;
SELECT v.model, c.* FROM pql.model_version v, pql.check_model(pql.model_text(v.model, v.version)) c ORDER BY 1, 2;
SELECT v.model, c.* FROM pql.model_version v, pql.check_model(v.document) c ORDER BY 1, 2;

-- The trial model alone tells qualified_at exactly: all it asks is anchored and latches.
SELECT v.model, i.timezone, i.per_trial, i.exact_qualification, i.max_score, i.evidence_bound = v.evidence_bound AS bound
FROM pql.model_version v, pql.model_info(v.document) i ORDER BY 1;
SELECT i.events, i.facts, i.lists, i.list_facts FROM pql.model_info(pql.model('trial')) i \gx
SELECT * FROM pql.model_signals(pql.model('trial'));

-- Every other form of MODEL.md, and both combinations, in one document.
SELECT $doc$
{"model": "every_form",
 "about": "one signal of each kind",
 "events": {
  "activation": "activation_complete", "invite": "invite_sent", "session": "session_start",
  "billing_view": {"event": "page_view", "where": {"page_path": {"under": ["/billing", "/pricing"]}}},
  "export": ["report_exported", "data_exported"], "report": "report_run", "api_call": "api_call",
  "upgrade_started": "upgrade_started", "upgrade_completed": "upgrade_completed",
  "usage_snapshot": "usage_snapshot", "sync_finished": "sync_finished",
  "workspace_updated": "workspace_updated", "plan_changed": "plan_changed",
  "feature_requested": "feature_requested", "page_view": "page_view", "checkout": "checkout",
  "login": "login", "form_submitted": "form_submitted"},
 "signals": [
{"signal": "count",              "count": "activation", "at_least": 1, "gate": true},
{"signal": "distinct",           "distinct": "invitee_email", "of": "invite", "at_least": 1, "points": 3},
{"signal": "days",               "days": "session", "at_least": 3, "points": 2},
{"signal": "count_and_days",     "count": "billing_view", "at_least": 2, "on_days": 2, "points": 2},
{"signal": "bands",              "distinct": "invitee_email", "of": "invite",
                                 "bands": [{"at_least": 1, "points": 10}, {"at_least": 3, "points": 20}, {"at_least": 6, "points": 30}]},
{"signal": "between",            "count": "export", "between": [1, 5], "points": 5},
{"signal": "trailing_window",    "days": "*", "last_days": 7, "at_least": 5, "points": 15},
{"signal": "anchored_window",    "count": "report", "trial_days": [1, 3], "at_least": 1, "points": 5},
{"signal": "first_occurrence",   "time_to": "activation", "less_than": "1 hour", "points": 10},
{"signal": "stickiness",         "dau_mau": "*", "bands": [{"more_than": 0.3, "points": 10}, {"more_than": 0.5, "points": 20}]},
{"signal": "streak",             "weeks_rising": "*", "at_least": 3, "points": 15},
{"signal": "declining",          "weeks_falling": "*", "at_least": 2, "points": -15},
{"signal": "trend",              "trend": "report", "last_days": 14, "is": "growing", "points": 5},
{"signal": "spike",              "spike": "api_call", "last_days": 1, "against_days": 28, "at_least": 3, "points": 10},
{"signal": "recency",            "days_since": "*", "at_least": 7, "points": -20},
{"signal": "absence_after_age",  "absent": "invite", "after_age": "30 days", "points": -10},
{"signal": "abandoned",          "started": "upgrade_started", "not_finished": "upgrade_completed", "within": "1 hour", "points": 25},
{"signal": "quota_with_rate",    "quota": "gb_used", "limit": "gb_limit", "of": "usage_snapshot", "at_least": 0.8, "full_within": "14 days", "points": 20},
{"signal": "sum",                "sum": "rows_synced", "of": "sync_finished", "at_least": 100000, "points": 5},
{"signal": "max",                "max": "seats", "of": "workspace_updated", "at_least": 10, "points": 10},
{"signal": "latest",             "latest": "plan_price", "of": "plan_changed", "more_than": 0, "points": 5},
{"signal": "profile_range",      "profile": "account.employees", "bands": [{"at_least": 50, "points": 10}, {"at_least": 500, "points": 20}]},
{"signal": "profile_membership", "profile": "account.industry", "one_of": ["fintech", "health"], "points": 10},
{"signal": "profile_equality",   "profile": "trial.plan", "equals": "team", "points": 5},
{"signal": "profile_pattern",    "profile": "person.title", "matches": "(?i)^(vp|chief|head of)", "points": 10},
{"signal": "profile_presence",   "profile": "account.crm_owner", "exists": true, "info": true},
{"signal": "where_equality",     "count": "export", "where": {"format": "pdf"}, "at_least": 1, "points": 1},
{"signal": "where_membership",   "count": "feature_requested", "where": {"feature": {"one_of": ["sso", "scim", "audit_log"]}}, "at_least": 1, "points": 30},
{"signal": "where_prefix",       "count": "page_view", "where": {"page_path": {"starts_with": "/docs/"}}, "at_least": 3, "info": true},
{"signal": "where_regex",        "count": "page_view", "where": {"page_path": {"matches": "^/compare/[a-z]+$"}}, "at_least": 1, "points": 5},
{"signal": "where_comparison",   "count": "checkout", "where": {"seats": {"at_least": 5}}, "at_least": 1, "points": 10},
{"signal": "where_exists",       "count": "checkout", "where": {"coupon": {"exists": true}}, "at_least": 1, "info": true},
{"signal": "where_not",          "count": "login", "where": {"not": {"client": {"one_of": ["bot", "monitor"]}}}, "at_least": 1, "info": true},
{"signal": "lonely_account",     "all": [{"absent": "invite", "after_age": "30 days"}, {"account.members": {"at_most": 1}}], "points": -10},
{"signal": "marketing",          "count": "form_submitted", "source": "marketing", "at_least": 1, "points": 5},
{"signal": "icp_fit",            "profile": "account.employees", "between": [200, 2000], "info": true},
{"signal": "invites",            "count": "invite", "at_least": 1, "info": true}
 ],
 "qualify": {"any": [{"score": {"at_least": 80}}, {"all": ["icp_fit", "where_membership", {"not": "recency"}]}]},
 "exclude": [{"reason": "student", "when": {"any": [{"person.email": {"matches": "[.]edu$"}}, {"all": [{"person.email_kind": "personal"}, {"not": "invites"}]}]}}]
}$doc$ AS every_form \gset
SELECT * FROM pql.check_model(:'every_form');
SELECT pql.put_model(:'every_form');
-- 37 signals; 3 + 2 + 2 + 30 + 5 + 15 + 5 + 10 + 20 + 15 + 5 + 10 + 25 + 20 + 5 + 10 + 5 + 20 + 10 + 5 + 10
-- + 1 + 30 + 5 + 10 + 5 points at most
SELECT count(*) AS signals FROM pql.model_signals(pql.model('every_form'));
SELECT i.max_score, i.per_trial, i.exact_qualification FROM pql.model_info(pql.model('every_form')) i;
SELECT s.signal, s.effect, s.events FROM pql.model_signals(pql.model('every_form')) s
WHERE s.signal IN ('between', 'trailing_window', 'distinct', 'profile_range', 'lonely_account') ORDER BY 1;

---- versions

SELECT '{"model": "tiny", "events": {"act": "act"}, "signals": [{"signal": "acts", "count": "act", "at_least": 1, "points": 3}], "qualify": {"score": {"at_least": 3}}}' AS tiny \gset
-- it says what it costs and promises
SET client_min_messages = notice;
SELECT pql.put_model(replace(replace(:'tiny', 'tiny', 'told'), '"events"', '"window": {"trial_days": [1, 5]}, "events"'));
SET client_min_messages = warning;
SELECT pql.put_model(:'tiny') AS first, pql.put_model(replace(:'tiny', '"points": 3', '"points": 5')) AS second,
	pql.put_model(replace(:'tiny', '"points": 3', '"points": 7'), activate => false) AS third;
SELECT version FROM pql.active_model WHERE model = 'tiny';
SELECT pql.model('tiny') #> '{signals,0,points}' AS active, pql.model('tiny', 1) #> '{signals,0,points}' AS first,
	pql.model('tiny', 3) #> '{signals,0,points}' AS third;
SELECT pql.activate_model('tiny', 1);
SELECT pql.model('tiny') #> '{signals,0,points}' AS active;
SELECT pql.activate_model('tiny', 3);
SELECT pql.model('tiny') #> '{signals,0,points}' AS active;
-- the same document once more is a version of its own
SELECT pql.put_model(pql.model('tiny')) AS fourth;

-- a version never changes
UPDATE pql.model_version SET document = '{}' WHERE model = 'tiny' AND version = 1;
UPDATE pql.model_version SET created_by = created_by WHERE model = 'trial';
DELETE FROM pql.model_version WHERE model = 'tiny' AND version = 4;
SELECT count(*) FROM pql.model_version WHERE model = 'tiny';

-- stored, but none active
SELECT pql.put_model(replace(:'tiny', '"tiny"', '"sleeping"'), false);
SELECT pql.model('sleeping');
SELECT pql.model('sleeping', 1) ->> 'model' AS model;

-- canonical text reads back as the same model, and is its own canonical text
SELECT a.model, pql.read_model(pql.model_text(a.model)) = pql.model(a.model) AS same_document,
	pql.canonical_model(pql.read_model(pql.model_text(a.model))) = pql.model_text(a.model) AS same_text
FROM pql.active_model a ORDER BY 1;
SELECT pql.model_text('tiny', 1);
SELECT pql.model_text('tiny', 1) = pql.canonical_model(:'tiny') AS of_the_document;

-- names
SELECT pql.model('trail');
SELECT pql.model('quite_another');
SELECT pql.model_text('playbok');
SELECT pql.model(NULL) IS NULL AS model, pql.model_text(NULL) IS NULL AS text;
SELECT pql.nearest_word('invte', ARRAY['invite', 'session', NULL]), pql.nearest_word('zebra', ARRAY['invite']),
	pql.nearest_word('a', '{}'), pql.nearest_word('', ARRAY['invite']);

-- NULL arguments
SELECT pql.put_model(NULL::text);
SELECT pql.put_model(NULL::jsonb);
SELECT count(*) FROM pql.check_model(NULL::text);
SELECT count(*) FROM pql.check_model(NULL::jsonb);
SELECT pql.read_model(NULL) IS NULL AS read, pql.canonical_model(NULL) IS NULL AS text;

---- adapting

CREATE FUNCTION pg_temp.changed(before jsonb, after jsonb, path text DEFAULT '$')
RETURNS TABLE (place text, was jsonb, becomes jsonb) LANGUAGE sql AS $$
	WITH RECURSIVE walk AS (
		SELECT path AS place, before AS was, after AS becomes
		UNION ALL
		SELECT w.place || p.step, w.was #> ARRAY[p.key], w.becomes #> ARRAY[p.key]
		FROM walk w, LATERAL (
			SELECT k AS key, '.' || k AS step
			FROM (SELECT jsonb_object_keys(CASE WHEN jsonb_typeof(w.was) = 'object' THEN w.was ELSE '{}' END)
				UNION SELECT jsonb_object_keys(CASE WHEN jsonb_typeof(w.becomes) = 'object' THEN w.becomes ELSE '{}' END)) k (k)
			WHERE jsonb_typeof(w.was) = 'object' AND jsonb_typeof(w.becomes) = 'object'
			UNION ALL
			SELECT i::text, '[' || i || ']'
			FROM generate_series(0, greatest(CASE WHEN jsonb_typeof(w.was) = 'array' THEN jsonb_array_length(w.was) END,
				CASE WHEN jsonb_typeof(w.becomes) = 'array' THEN jsonb_array_length(w.becomes) END) - 1) i
			WHERE jsonb_typeof(w.was) = 'array' AND jsonb_typeof(w.becomes) = 'array') p
		WHERE w.was IS DISTINCT FROM w.becomes
	)
	SELECT w.place, w.was, w.becomes FROM walk w
	WHERE w.was IS DISTINCT FROM w.becomes
		AND (jsonb_typeof(w.was) IN ('object', 'array') AND jsonb_typeof(w.was) = jsonb_typeof(w.becomes)) IS NOT TRUE
	ORDER BY w.place COLLATE "C" $$;

-- a word of the glossary
SELECT c.* FROM pg_temp.changed(pql.model('trial'), pql.adapt('trial', '{"activation": "first_query_run"}')) c;
SELECT c.* FROM pg_temp.changed(pql.model('trial'), pql.adapt('trial',
	'{"billing_view": {"event": ["viewed_page", "opened_page"], "where": {"url": {"starts_with": "/plans"}}}}')) c;
-- several things at once; a signal by its name; other sections merge
SELECT c.* FROM pg_temp.changed(pql.model('trial'), pql.adapt('trial',
	'{"invite": "member_added", "timezone": "Europe/Berlin", "window": {"trial_days": [1, 7]},
	  "signals": {"icp_fit": {"between": [50, 500]}, "multi_day": {"at_least": 4}},
	  "events": {"export": "report_exported"}}')) c;
-- null removes a signal, or a key
SELECT jsonb_path_query_array(pql.adapt('playbook', '{"signals": {"inactive": null, "usage_declining": null}}'), '$.signals[*].signal')
	- ARRAY(SELECT s.signal FROM pql.model_signals(pql.model('playbook')) s WHERE s.signal NOT IN ('inactive', 'usage_declining', 'limit_hit')) AS left_over;
SELECT c.* FROM pg_temp.changed(pql.model('trial'), pql.adapt('trial', '{"hold": null, "about": null, "signals": {"multi_day": {"beware": null}}}')) c;
-- and nothing of it is stored until it is put
SELECT pql.model('trial') #>> '{events,activation}' AS still;
SELECT pql.put_model(pql.adapt('trial', '{"activation": "first_query_run"}')) AS version;
SELECT pql.model('trial') #>> '{events,activation}' AS now;
SELECT pql.activate_model('trial', 1);

-- what is not there
SELECT pql.adapt('trial', '{"activaton": "first_query_run"}');
SELECT pql.adapt('trial', '{"unheard_of": "first_query_run"}');
SELECT pql.adapt('trial', '{"signals": {"icp_fitt": {"between": [50, 500]}}}');
SELECT pql.adapt('trial', '{"signals": {"something_else": null}}');
SELECT pql.adapt('trail', '{"activation": "first_query_run"}');
SELECT pql.adapt('trial', '["activation"]');
SELECT pql.adapt('trial', NULL);
-- what would not be a model any more: the threshold, the hold's days, a gate that others name
SELECT pql.adapt('trial', '{"signals": {"invites": {"at_least": "one"}}}');
SELECT pql.adapt('trial', '{"signals": {"invites": null, "integrations": null, "multi_day": null}}');
SELECT pql.adapt('trial', '{"signals": {"icp_fit": null}}');

---- refused


\pset format unaligned
\pset fieldsep '\n  '
\pset tuples_only on

-- path, message, detail, hint of every problem of the document below with one text replaced in it
SELECT $doc${"model": "base", "unit": "user", "timezone": "UTC", "window": {"trial_days": [1, 10]},
 "events": {"act": "activated", "inv": "invite_sent", "ses": "session_start",
            "page": {"event": "page_view", "where": {"path": {"under": "/pricing"}}}},
 "signals": [
  {"signal": "activated", "count": "act", "at_least": 1, "gate": true, "counted": true},
  {"signal": "invites", "distinct": "email", "of": "inv", "at_least": 1, "points": 4},
  {"signal": "habit", "days": "ses", "at_least": 3, "points": 2},
  {"signal": "pages", "count": "page", "bands": [{"at_least": 1, "points": 2}, {"at_least": 3, "points": 4}]}],
 "qualify": {"tier": {"at_least": "medium"}, "signals_met": {"at_least": 2}, "counted_days": {"at_least": 2}},
 "hold": {"missing_only": "counted_days", "for": "24 hours", "from": "last_counted_event", "released_by": "*", "on_a_later_day": true},
 "exclude": [{"reason": "small", "when": {"account.employees": {"less_than": 50}}}],
 "tiers": [{"tier": "high", "when": {"score": {"at_least": 8}}}, {"tier": "medium", "when": {"score": {"at_least": 4}}}]}
$doc$ AS base \gset
SELECT '"hold": {"missing_only": "counted_days", "for": "24 hours", "from": "last_counted_event", "released_by": "*", "on_a_later_day": true},' AS hold \gset
CREATE TEMP TABLE base AS SELECT :'base'::text AS doc;
CREATE FUNCTION pg_temp.refused(VARIADIC pairs text[])
RETURNS TABLE (path text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
DECLARE
	text_now text := (SELECT doc FROM base);
BEGIN
	FOR i IN 1 .. cardinality(pairs) BY 2 LOOP
		IF strpos(text_now, pairs[i]) = 0 THEN
			RAISE EXCEPTION 'the document has no %', pairs[i];
		END IF;
		text_now := replace(text_now, pairs[i], pairs[i + 1]);
	END LOOP;
	RETURN QUERY SELECT * FROM pql.check_model(text_now);
END $$;
SELECT 'valid', count(*) FROM pql.check_model(:'base');

-- MODEL.md's own examples: a misspelt threshold, and a tier that cannot be reached
SELECT * FROM pql.check_model(jsonb_set(pql.model('trial') #- '{signals,2,at_least}', '{signals,2,atleast}', '1'));
SELECT * FROM pql.check_model(jsonb_set(jsonb_set(pql.model('trial'), '{tiers,1,when,score,at_least}', '12'), '{tiers,0,when,score,at_least}', '14'));
-- and as put_model raises them
SELECT pql.put_model(jsonb_set(pql.model('trial') #- '{signals,2,at_least}', '{signals,2,atleast}', '1'));
SELECT pql.put_model(jsonb_set(jsonb_set(pql.model('trial'), '{tiers,1,when,score,at_least}', '12'), '{tiers,0,when,score,at_least}', '14'));

-- effects: none, two, the wrong ones
SELECT * FROM pg_temp.refused('"of": "inv", "at_least": 1, "points": 4', '"of": "inv", "at_least": 1');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "points": 2, "info": true');
SELECT * FROM pg_temp.refused('"gate": true', '"gate": false');
SELECT * FROM pg_temp.refused('"gate": true', '"gate": "yes"');
SELECT * FROM pg_temp.refused('"of": "inv", "at_least": 1, "points": 4}', '"of": "inv", "at_least": 1, "points": 4.5}');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "points": 1001');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "points": 2, "if_unknown": "why"');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "points": 2, "stage": "aha"');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "last_days": 7, "points": 2, "stage": "sustained"');

-- words that are not there
SELECT * FROM pg_temp.refused('"of": "inv"', '"of": "invv"');
SELECT * FROM pg_temp.refused('"of": "inv"', '"of": "something_else"');
SELECT * FROM pg_temp.refused('"released_by": "*"', '"released_by": "sess"');
SELECT * FROM pg_temp.refused('{"account.employees": {"less_than": 50}}', '"invits"');
SELECT * FROM pg_temp.refused('{"account.employees": {"less_than": 50}}', '"nothing_like_it"');
SELECT * FROM pg_temp.refused('{"at_least": "medium"}', '{"at_least": "mediun"}');
SELECT * FROM pg_temp.refused('{"at_least": "medium"}', '{"at_least": "gold"}');
SELECT * FROM pg_temp.refused('"timezone"', '"timezon"');
SELECT * FROM pg_temp.refused('"less_than": 50', '"lessthan": 50');
SELECT * FROM pg_temp.refused('"on_a_later_day": true', '"on_a_later_day": true, "until": 3');
SELECT * FROM pg_temp.refused('"reason": "small", ', '"reason": "small", "because": "x", ');
SELECT * FROM pg_temp.refused('{"tier": "high", ', '{"tier": "high", "tear": 1, ');
SELECT * FROM pg_temp.refused('{"event": "page_view", ', '{"event": "page_view", "wher": {}, ');
SELECT * FROM pg_temp.refused('{"account.employees": {"less_than": 50}}', '{"company.employees": 50}');

-- written twice
SELECT * FROM pg_temp.refused('"unit": "user"', '"unit": "user", "unit": "user"');
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2', '"at_least": 3, "points": 2, "at_least": 4');
SELECT * FROM pg_temp.refused('"signal": "habit"', '"signal": "invites"');
SELECT * FROM pg_temp.refused('"tier": "high"', '"tier": "medium"');
SELECT * FROM pg_temp.refused('"less_than": 50}}}', '"less_than": 50}}}, {"reason": "small", "when": "habit"}');

-- not JSON, with the line; not an object
SELECT * FROM pg_temp.refused('"at_least": 3, "points": 2}', '"at_least": 3, "points": 2,}');
SELECT * FROM pg_temp.refused('"exclude": [', '"exclude": [ // who not');
SELECT * FROM pg_temp.refused('"medium", "when": {"score": {"at_least": 4}}}]}', '"medium"');
SELECT * FROM pql.check_model('');
SELECT * FROM pql.check_model('[]'::text);
SELECT * FROM pql.check_model('null'::text);
SELECT * FROM pql.check_model('"trial"'::text);
SELECT * FROM pql.check_model('{}'::text);
SELECT pql.put_model(E'{\n"model": "x",\n"signals" []}');

-- patterns, timezones, units, windows, durations
SELECT * FROM pg_temp.refused('{"under": "/pricing"}', '{"matches": "(/pricing"}');
SELECT * FROM pg_temp.refused('{"less_than": 50}', '{"matches": "[z-a]"}');
SELECT * FROM pg_temp.refused('"timezone": "UTC"', '"timezone": "Europe/Berlinn"');
SELECT * FROM pg_temp.refused('"timezone": "UTC"', '"timezone": "UTC+3"');
SELECT * FROM pg_temp.refused('"timezone": "UTC"', '"timezone": "<+03>-3"');
SELECT * FROM pg_temp.refused('"timezone": "UTC"', '"timezone": 3');
SELECT 'valid', name, count(c.path) FROM unnest(ARRAY['Etc/GMT-3', 'Asia/Kathmandu', 'America/Argentina/Buenos_Aires', 'EST5EDT']) name
LEFT JOIN LATERAL pg_temp.refused('"timezone": "UTC"', '"timezone": "' || name || '"') c ON true GROUP BY name ORDER BY name;
SELECT * FROM pg_temp.refused('"unit": "user"', '"unit": "household"');
SELECT * FROM pg_temp.refused('{"trial_days": [1, 10]}', '{"trial_days": [10, 1]}');
SELECT * FROM pg_temp.refused('{"trial_days": [1, 10]}', '{"trial_days": [0, 10]}');
SELECT * FROM pg_temp.refused('{"trial_days": [1, 10]}', '{"trial_days": 10}');
SELECT * FROM pg_temp.refused('"days": "ses"', '"last_days": 0, "days": "ses"');
SELECT * FROM pg_temp.refused('"days": "ses"', '"last_days": 3, "trial_days": [1, 3], "days": "ses"');
SELECT * FROM pg_temp.refused('"days": "ses"', '"window": "month", "days": "ses"');
SELECT * FROM pg_temp.refused('"24 hours"', '"a day"');
SELECT * FROM pg_temp.refused('"24 hours"', '"-3 hours"');
SELECT * FROM pg_temp.refused('"on_a_later_day": true', '"on_a_later_day": false');
SELECT * FROM pg_temp.refused(', "counted_days": {"at_least": 2}', '');

-- thresholds
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses"');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "at_least": "3"');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "between": [3, 1]');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "between": [3]');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "at_least": 1e999');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"time_to": "ses", "less_than": 3');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"trend": "ses", "last_days": 7, "is": "growin"');
SELECT * FROM pg_temp.refused('{"under": "/pricing"}', '{"in_list": "pages"}');
SELECT * FROM pg_temp.refused('{"under": "/pricing"}', '{"one_of": []}');
SELECT * FROM pg_temp.refused('{"less_than": 50}', '{}');
-- bands
SELECT * FROM pg_temp.refused('{"at_least": 1, "points": 2}, {"at_least": 3, "points": 4}', '{"at_least": 3, "points": 4}, {"at_least": 1, "points": 2}');
SELECT * FROM pg_temp.refused('{"at_least": 1, "points": 2}, {"at_least": 3, "points": 4}', '{"at_least": 1, "points": 2}, {"at_least": 1, "points": 4}');
SELECT * FROM pg_temp.refused('{"at_least": 1, "points": 2}', '{"at_least": 1}');
SELECT * FROM pg_temp.refused('{"at_least": 1, "points": 2}', '{"points": 2}');
SELECT * FROM pg_temp.refused('"count": "page", "bands"', '"count": "page", "at_least": 1, "bands"');
-- more or less than one thing measured
SELECT * FROM pg_temp.refused('"days": "ses"', '"days": "ses", "count": "act"');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3, ', '');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "at_least": 3, "profile": "person.title"');
-- parts that are missing
SELECT * FROM pg_temp.refused('"distinct": "email", "of": "inv"', '"distinct": "email"');
SELECT * FROM pg_temp.refused('"signal": "habit", ', '');
SELECT * FROM pg_temp.refused('"model": "base", ', '');
SELECT * FROM pg_temp.refused('"model": "base"', '"model": "Base Model"');
SELECT * FROM pg_temp.refused('{"event": "page_view", "where"', '{"where"');
SELECT * FROM pg_temp.refused('"reason": "small", ', '');
SELECT * FROM pg_temp.refused('"tier": "high", "when": {"score": {"at_least": 8}}', '"tier": "high"');
SELECT * FROM pg_temp.refused('"for": "24 hours", ', '');

-- compound signals in a circle, and asking for the score
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"all": ["habit", "invites"]');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"not": "pages"', '"count": "page", "bands": [{"at_least": 1, "points": 2}, {"at_least": 3, "points": 4}]', '"any": ["habit", "invites"], "points": 1');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"all": [{"score": {"at_least": 3}}]');

-- who can never qualify
SELECT * FROM pg_temp.refused('{"score": {"at_least": 4}}', '{"score": {"at_least": 12}}', '{"score": {"at_least": 8}}', '{"score": {"at_least": 13}}');
SELECT 'valid', count(*) FROM pg_temp.refused('{"score": {"at_least": 4}}', '{"score": {"at_least": 10}}', '{"score": {"at_least": 8}}', '{"score": {"at_least": 10}}');
-- a tier that nobody can reach, though qualification does not need it; the lower tier asking more than the higher
SELECT * FROM pg_temp.refused('{"score": {"at_least": 8}}', '{"score": {"more_than": 10}}');
SELECT message, detail, hint FROM pql.check_model(jsonb_set(pql.model('trial'), '{tiers,1,when,score,at_least}', '12'));
-- a signal that can never be met earns nobody points
SELECT message, detail, hint FROM pql.check_model('{"model": "m", "window": {"trial_days": [1, 3]}, "events": {"a": "a"}, "signals": [
  {"signal": "x", "days": "a", "at_least": 5, "points": 3}, {"signal": "y", "count": "a", "at_least": 1, "points": 1}],
  "qualify": {"score": {"at_least": 3}}}'::text);
SELECT message, detail, hint FROM pql.check_model('{"model": "m", "window": {"trial_days": [1, 3]}, "events": {"a": "a"}, "signals": [
  {"signal": "x", "days": "a", "at_least": 5, "points": 3}, {"signal": "y", "count": "a", "at_least": 1, "points": 1}],
  "qualify": {"score": {"at_least": 1}}}'::text);
-- POSIX rules in disguise; words of the glossary that nothing uses; times and routes of tiers
SELECT tz, (SELECT count(*) FROM pql.check_model(jsonb_set(pql.model('trial'), '{timezone}', to_jsonb(tz)))) AS problems
FROM unnest('{Etc/UTC+3,Etc/GMT+99,Europe/Berlin+2,Europe/Berlin2,FOO/3,posixrules,Etc/GMT+3,EST5EDT,America/Port-au-Prince}'::text[])
  WITH ORDINALITY z (tz, n) ORDER BY n;
SELECT path, message FROM pql.check_model('{"model": "m", "events": {"a": "a", "b": [], "c": "", "d": {"event": []}, "e": {"event": "e", "where": {}}},
  "signals": [{"signal": "x", "count": "a", "at_least": 1, "points": 1}], "qualify": {"score": {"at_least": 1}}}'::text);
SELECT message, detail, hint FROM pql.check_model(jsonb_set(jsonb_set(pql.model('trial'), '{tiers,1,first_touch}', '"soonish"'), '{tiers,0,route}', '"at_onse"'));
SELECT message, detail, hint FROM pql.check_model(jsonb_set(jsonb_set(pql.model('trial'), '{tiers,1,breach}', '"2 business hours"'), '{tiers,0,breach}', '"48 hours"'));
SELECT pql.activate_model('trial', NULL);
SELECT * FROM pg_temp.refused('{"score": {"at_least": 4}}', '{"score": {"more_than": 10}}', '{"score": {"at_least": 8}}', '{"score": {"more_than": 10}}');
SELECT * FROM pg_temp.refused('"signals_met": {"at_least": 2}', '"signals_met": {"at_least": 4}');
SELECT * FROM pg_temp.refused('"count": "act", "at_least": 1', '"days": "act", "at_least": 11');
SELECT 'valid', count(*) FROM pg_temp.refused('"count": "act", "at_least": 1', '"days": "act", "at_least": 10');
SELECT * FROM pg_temp.refused('"count": "act", "at_least": 1', '"count": "act", "trial_days": [2, 4], "at_least": 1, "on_days": 4');
SELECT * FROM pg_temp.refused('"count": "act", "at_least": 1', '"days": "act", "last_days": 7, "at_least": 8');
SELECT * FROM pg_temp.refused('[1, 10]', '[4, 5]', '"counted_days": {"at_least": 2}', '"counted_days": {"at_least": 3}', :'hold', '');
SELECT 'valid', count(*) FROM pg_temp.refused('[1, 10]', '[4, 6]', '"counted_days": {"at_least": 2}', '"counted_days": {"at_least": 3}', :'hold', '');

-- several problems, in the order of the document; put_model tells the first, and how many more
SELECT * FROM pg_temp.refused('"timezone": "UTC"', '"timezone": "Mars"', '"of": "inv"', '"of": "invv"',
	'"at_least": 3, "points": 2', '"atleast": 3, "points": 2', '"tier": {"at_least": "medium"}', '"tier": {"at_least": "mid"}',
	'"less_than": 50', '"less_then": 50');
SELECT pql.put_model(replace(replace(:'base', '"timezone": "UTC"', '"timezone": "Mars"'), '"of": "inv"', '"of": "invv"'));
SELECT pql.put_model(replace(replace(replace(:'base', '"timezone": "UTC"', '"timezone": "Mars"'), '"of": "inv"', '"of": "invv"'), '"gate": true', '"gate": 1'));

-- too deep, too large: as text and as jsonb
SELECT pql.check_model(repeat('[', 10000) || repeat(']', 10000));
SELECT pql.put_model(repeat('[', 10000) || repeat(']', 10000));
SELECT pql.put_model('{"model": "deep", "signals": [{"signal": "a", "info": true, "not": ' || repeat('{"not": ', 10000) || '"a"' || repeat('}', 10000) || '}]}');
SELECT pql.check_model((repeat('[', 2000) || repeat(']', 2000))::jsonb);
SELECT pql.check_model(repeat('[', 10000));
SELECT pql.put_model('{"model": "' || repeat('x', 100 * 1024 * 1024) || '"}');
SELECT pql.check_model(repeat(' ', 100 * 1024 * 1024));
SELECT pql.check_model(to_jsonb(repeat('x', 100 * 1024 * 1024)));
-- the length that is too long for what a message can carry
SELECT pql.put_model('{"model": "' || repeat('x', 1000) || '"}');
SELECT * FROM pg_temp.refused('"of": "inv"', '"of": "' || repeat('x', 70) || '"');
SELECT * FROM pg_temp.refused('"days": "ses", "at_least": 3', '"days": "ses", "at_least": "' || repeat('ü', 60) || '"');

-- nothing that was refused is stored
SELECT model, max(version) FROM pql.model_version GROUP BY model ORDER BY model;

ROLLBACK;
