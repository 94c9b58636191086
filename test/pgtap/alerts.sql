-- pql.alert: messages that Slack takes, whatever data hold, and an outbox that loses nothing and gives nothing to two at once.
--
--   pg_prove -d DB test/pgtap/alerts.sql

BEGIN;
\ir lib/transaction.sql

-- What is wrong with a message by Slack's own rules ----------------------------------------------------

-- a text object: its type, its length, and that nothing is in <…> but what pql writes there itself
CREATE FUNCTION t.wrong_text(place text, o jsonb, most int) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
	SELECT place || ': ' || x.wrong
	FROM (SELECT o ->> 'text' AS words, o ->> 'type' AS type) w,
		LATERAL (VALUES
			(w.type IS NULL OR w.type NOT IN ('plain_text', 'mrkdwn'), 'no text object'),
			(w.words IS NULL OR jsonb_typeof(o -> 'text') <> 'string' OR btrim(w.words) = '', 'no text'),
			(char_length(w.words) > most, 'too long'),
			(w.words ~ '&(?!amp;|lt;|gt;)', 'a bare &'),
			(w.type = 'plain_text' AND w.words ~ '[<>]', 'a bare < or >'),
			(w.type = 'mrkdwn' AND regexp_replace(w.words, '<(@[A-Za-z0-9._-]+|!here|!date\^-?[0-9]+\^\{date_short_pretty\} \{time\}\|[0-9-]+ [0-9:]+ UTC)>', '', 'g') ~ '[<>]', 'a bare < or >, or another mention'),
			(w.words ~ '[\u0001-\u0009\u000b-\u001f\u007f]', 'control characters'),
			(w.type = 'plain_text' AND (o - '{type,text,emoji}'::text[]) <> '{}' OR w.type = 'mrkdwn' AND (o - '{type,text,verbatim}'::text[]) <> '{}', 'unknown keys'),
			(w.type = 'mrkdwn' AND o -> 'verbatim' IS DISTINCT FROM 'true', 'Slack makes links of words')) x (is_so, wrong)
	WHERE x.is_so $$;
CREATE FUNCTION t.wrong_message(m jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'the message has other keys' WHERE m - '{text,blocks}'::text[] <> '{}'
	UNION ALL SELECT 'no fallback' WHERE coalesce(btrim(m ->> 'text'), '') = ''
	UNION ALL SELECT * FROM t.wrong_text('fallback', jsonb_build_object('type', 'mrkdwn', 'text', m -> 'text', 'verbatim', true), 3000)
	UNION ALL SELECT 'no blocks, or too many' WHERE jsonb_typeof(m -> 'blocks') IS DISTINCT FROM 'array' OR jsonb_array_length(m -> 'blocks') NOT BETWEEN 1 AND 50
	UNION ALL SELECT 'too long' WHERE char_length(m::text) > 12000 OR octet_length(m::text) > 40000
	UNION ALL SELECT 'nothing for nobody' WHERE EXISTS (SELECT FROM jsonb_path_query(m, 'strict $.**') v WHERE v = 'null')
	UNION ALL
	SELECT x.wrong
	FROM jsonb_array_elements(m -> 'blocks') WITH ORDINALITY b (block, n), LATERAL (SELECT format('%s %s', b.n, b.block ->> 'type') AS place) p,
		LATERAL (
			SELECT p.place || ': unknown type' AS wrong WHERE coalesce(b.block ->> 'type', '') NOT IN ('header', 'section', 'context', 'actions', 'divider')
			UNION ALL SELECT p.place || ': a header is plain' WHERE b.block ->> 'type' = 'header' AND b.block #>> '{text,type}' IS DISTINCT FROM 'plain_text'
			UNION ALL SELECT * FROM t.wrong_text(p.place, b.block -> 'text', 150) WHERE b.block ->> 'type' = 'header'
			UNION ALL SELECT * FROM t.wrong_text(p.place, b.block -> 'text', 3000) WHERE b.block ->> 'type' = 'section' AND b.block ? 'text'
			UNION ALL SELECT p.place || ': neither text nor fields' WHERE b.block ->> 'type' = 'section' AND NOT b.block ?| '{text,fields}'
			UNION ALL SELECT p.place || ': fields' WHERE b.block ->> 'type' = 'section' AND b.block ? 'fields' AND jsonb_array_length(b.block -> 'fields') NOT BETWEEN 1 AND 10
			UNION ALL SELECT w.* FROM jsonb_array_elements(b.block -> 'fields') f, t.wrong_text(p.place, f, 2000) w
			UNION ALL SELECT p.place || ': elements' WHERE b.block ->> 'type' = 'context' AND coalesce(jsonb_array_length(b.block -> 'elements'), 0) NOT BETWEEN 1 AND 10
			UNION ALL SELECT w.* FROM jsonb_array_elements(b.block -> 'elements') f, t.wrong_text(p.place, f, 3000) w WHERE b.block ->> 'type' = 'context'
			UNION ALL SELECT p.place || ': a button' FROM jsonb_array_elements(b.block -> 'elements') f WHERE b.block ->> 'type' = 'actions'
				AND (char_length(f #>> '{text,text}') > 75 OR char_length(f ->> 'action_id') > 255 OR char_length(f ->> 'value') > 2000)
			UNION ALL SELECT p.place || ': unknown keys' WHERE b.block - '{type,text,fields,elements}'::text[] <> '{}') x $$;

SELECT set_eq($$SELECT t.wrong_message('{"text": "<!channel> & co", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, {"type": "section"}], "x": null}')$$,
	ARRAY['the message has other keys', 'fallback: a bare &', 'fallback: a bare < or >, or another mention', '1 header: a header is plain', '1 header: Slack makes links of words',
		'2 section: neither text nor fields', 'nothing for nobody'], 'the validator finds what is wrong');


-- Words -------------------------------------------------------------------------------------------------

SELECT is(pql.slack_escape('<!channel> & "co" <a|b> &amp; *b* _i_ `c`'), '&lt;!channel&gt; &amp; "co" &lt;a|b&gt; &amp;amp; *b* _i_ `c`', 'three characters are escaped, and no other');
SELECT is(pql.slack_escape(NULL), NULL, 'nothing stays nothing');
SELECT is(pql.slack_cut('abcdef', 6), 'abcdef', 'what fits is not cut');
SELECT is(pql.slack_cut('abcdefg', 6), 'abcde…', 'what does not, is');
SELECT is(pql.slack_cut('ab&amp;cd', n), want, format('cut at %s', n))
FROM (VALUES (9, 'ab&amp;cd'), (8, 'ab&amp;…'), (7, 'ab…'), (4, 'ab…'), (3, 'ab…'), (2, 'a…'), (1, '…'), (0, ''), (-1, '')) v (n, want);
SELECT is(pql.slack_cut('to <@U123> and', 8), 'to …', 'nor within a mention');
SELECT is(pql.slack_cut('日本語テキスト', 4), '日本語…', 'characters, not bytes');
SELECT is(octet_length(pql.slack_cut(repeat('🙂', 200), 150)), 149 * 4 + 3, 'of four bytes, too');
SELECT ok(bool_and(char_length(pql.slack_cut(pql.slack_escape(x), n)) <= greatest(n, 0) AND pql.slack_cut(pql.slack_escape(x), n) !~ '&(?!amp;|lt;|gt;)'), 'wherever it is cut')
FROM unnest(ARRAY['&&&&&&', '<<>>&&<>', 'a&b<c>d e', repeat('<!here>', 9), '日&本<語']) x, generate_series(0, 60) n;
SELECT is(pql.one_line(E' a\r\n\tb\u0001c\u0007  '), 'a b c', 'one line');
SELECT is(pql.one_line(E' \n '), NULL, 'of nothing');
SELECT is(pql.slack_mention(h), want, format('mention of %s', h))
FROM (VALUES ('U123', '<@U123>'), ('@U123', '<@U123>'), ('U1> <!channel', NULL), ('!channel', NULL), ('U1|x', NULL), ('', NULL), (repeat('U', 81), NULL)) v (h, want);
SELECT is(pql.slack_date('2026-03-02 10:30:15.9Z'), '<!date^1772447415^{date_short_pretty} {time}|2026-03-02 10:30 UTC>', 'a date');
SELECT is(pql.slack_date('infinity'), NULL, 'that never comes');
SELECT is(pql.slack_date('1969-12-31 23:59:59.5Z'), '<!date^-1^{date_short_pretty} {time}|1969-12-31 23:59 UTC>', 'before there were computers');


-- Messages ----------------------------------------------------------------------------------------------

CREATE VIEW t.kind AS SELECT k.* FROM unnest('{assigned,queued,unclaimed,unclaimed_manager,first_touch_overdue,tier_raised,handoff}'::text[]) k (kind);
CREATE FUNCTION t.message(of_kind text, details jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT pql.lead_message(of_kind, l, '2026-03-06', details) FROM pql.lead l WHERE l.model = 'trial' $$;
-- all that a reader sees, block after block
CREATE FUNCTION t.shown(message jsonb) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT string_agg(v #>> '{}', ' | ') FROM jsonb_path_query(message -> 'blocks', 'strict $.**.text') v WHERE jsonb_typeof(v) = 'string' $$;

INSERT INTO pql.account (account_id, name, employees) VALUES ('acme', 'Acme', 800);
INSERT INTO pql.person (user_id, email, full_name, title, account_id) VALUES ('u1', 'sue@acme.example', 'Sue Example', 'Head of Data', 'acme');
INSERT INTO pql.trial (user_id, started_at) VALUES ('u1', '2026-03-02 09:00Z');
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES
	('u1', '2026-03-04 10:00Z', 'activation_complete', NULL), ('u1', '2026-03-05 11:00Z', 'invite_sent', '{"invitee_email": "a@b.example"}'),
	('u1', '2026-03-05 11:01Z', 'invite_sent', '{"invitee_email": "c@b.example"}'), ('u1', '2026-03-05 12:00Z', 'integration_connected', '{"integration_type": "Snowflake"}');
SELECT users FROM pql.refresh_batch('2026-03-06') \g /dev/null
SELECT is((SELECT count(*) FROM pql.lead WHERE model = 'trial'), 1::bigint, 'a lead');
INSERT INTO pql.channel (channel, name) VALUES ('default', '#sales-leads');
INSERT INTO pql.channel (channel, kind) VALUES ('hook', 'webhook');
INSERT INTO pql.team (team, manager) VALUES ('sdr', 'pat@seller.example');
INSERT INTO pql.rep (email, name, slack_handle) VALUES ('rae@seller.example', 'Rae', 'U0RAE'), ('pat@seller.example', 'Pat', 'U0PAT');
UPDATE pql.lead SET lead_id = 1042, state = 'assigned', rep = 'rae@seller.example', first_touch_due_at = '2026-03-06 11:00Z', queued_until = '2026-03-09 09:00Z' WHERE model = 'trial';

SELECT is_empty($$SELECT k.kind, w FROM t.kind k, t.wrong_message(t.message(k.kind)) w$$, 'every kind is a message by Slack''s rules');
SELECT is(t.shown(t.message('assigned')), 'New medium lead: Sue Example, Acme'
	|| ' | <@U0RAE>, this one is yours. First touch by <!date^1772794800^{date_short_pretty} {time}|2026-03-06 11:00 UTC>.'
	|| E' | Sue Example\nHead of Data\nsue@acme.example | Acme\n800 employees | Tier: medium\nScore: 6'
	|| E' | • activated\n• 800 employees\n• 2 invites (3 points)\n• connected Snowflake (3 points) | Claim it: `/claim 1042`', 'a new lead');
SELECT is(t.message('assigned') ->> 'text', 'New medium lead: Sue Example, Acme. Claim it: /claim 1042', 'in one line');
SELECT alike(t.shown(t.message('queued')), 'A medium lead waits: Sue Example, Acme | <@U0PAT>: nobody can take this lead now; it is tried again <!date^1773046800^%', 'one that waits is the manager''s matter');
SELECT alike(t.shown(t.message('unclaimed')), 'Unclaimed medium lead: %| <!here> Nobody has claimed this lead yet.%`/claim 1042`', 'unclaimed: everybody here');
SELECT alike(t.message('unclaimed') ->> 'text', '<!here> %', 'in one line as well');
SELECT alike(t.shown(t.message('unclaimed_manager')), 'Still unclaimed medium lead: %| <@U0PAT>: nobody has claimed this lead. It was given to <@U0RAE>.%', 'and then the manager');
SELECT alike(t.shown(t.message('first_touch_overdue')), '%| <@U0PAT>: this lead has not been contacted; it was due <!date^1772794800^%>. It is with <@U0RAE>.%', 'overdue');
SELECT alike(t.shown(t.message('tier_raised', '{"from_tier": "low"}')), 'Now medium lead: %| <@U0RAE>, your lead has done more%Tier: medium (was low)%', 'a rise in tier');
SELECT alike(t.shown(t.message('handoff', '{"trigger": "asked for volume pricing", "note": "12 users"}')), E'Hand-off: medium lead: %| asked for volume pricing\n12 users |%', 'a hand-off, and why');
SELECT alike(t.shown(t.message('handoff', '{"signals": ["enterprise_request", "plan_limit"]}')), '%| enterprise request, plan limit |%', 'by the signals that asked for it');
SELECT alike(t.shown(t.message('queued', '{"manager": "U0BOSS"}')), '%<@U0BOSS>: nobody%', 'a manager who is told apart');
SELECT alike(t.shown(t.message('queued', '{"manager": "boss@seller.example"}')), '%| Nobody can take this lead now%Manager: boss@seller.example%', 'or who is not on Slack');
UPDATE pql.lead SET claimed_at = '2026-03-06 10:00Z', signals = '{invites,billing_views}' WHERE model = 'trial';
SELECT alike(t.shown(t.message('tier_raised')), E'%• 2 invites (3 points)\n• billing views | Lead 1042', 'what was met later, and a lead that is claimed');
UPDATE pql.rep SET slack_handle = NULL WHERE email = 'rae@seller.example';
SELECT alike(t.shown(t.message('assigned')), '%| A new lead. First touch by %Rep: Rae%', 'a rep without Slack');
UPDATE pql.lead SET rep = 'gone@seller.example', first_touch_due_at = 'infinity' WHERE model = 'trial';
SELECT alike(t.shown(t.message('assigned')), '%| A new lead. |%Rep: gone@seller.example%', 'one who is gone, and no deadline');
SELECT is(t.shown(pql.lead_message('test', NULL, '2026-03-06', '{}', 'default')), 'Test of #sales-leads | Alerts arrive here. Nothing is to be done. | pql', 'a test');
SELECT is_empty($$SELECT * FROM t.wrong_message(pql.lead_message('test', NULL, '2026-03-06', '{}', 'default'))$$, 'which is a message as well');

UPDATE pql.lead SET rep = 'pat@seller.example', claimed_at = NULL, signals = '{}', first_touch_due_at = '2026-03-06 11:00Z' WHERE model = 'trial';
CREATE TEMP TABLE flat AS SELECT pql.lead_message('assigned', l, '2026-03-06', '{"campaign": "spring", "deep": {"a": 1}, "list": [1]}', 'hook') AS m FROM pql.lead l WHERE l.model = 'trial';
SELECT is_empty($$SELECT d.* FROM flat, jsonb_each(m) d WHERE jsonb_typeof(d.value) NOT IN ('string', 'number', 'boolean')$$, 'a webhook''s message is flat');
SELECT is((SELECT m - '{qualified_at,queued_until,model,state,flags,manager,account_id,user_id}'::text[] FROM flat), '{"kind": "assigned", "text": "New medium lead: Sue Example, Acme", "as_of": "2026-03-06T00:00:00Z", "lead_id": 1042, "name": "Sue Example",
	"email": "sue@acme.example", "title": "Head of Data", "company": "Acme", "employees": 800, "tier": "medium", "score": 6, "signals": "activated; 800 employees; 2 invites (3 points); connected Snowflake (3 points)",
	"first_touch_due_at": "2026-03-06T11:00:00Z", "rep": "pat@seller.example", "rep_name": "Pat", "rep_slack_handle": "U0PAT", "claim": "/claim 1042", "campaign": "spring"}'::jsonb, 'and has the same facts');

-- what is known only from an event, and from a source that gives facts a time
SAVEPOINT before;
INSERT INTO pql.fact (subject, name, value, recorded_at) VALUES ('acme', 'account.employees', '900', '2026-03-05'), ('acme', 'account.employees', '999', '2026-03-07');
SELECT alike(t.shown(t.message('assigned')), '%900 employees%', 'the size as it was known then');
DELETE FROM pql.fact; DELETE FROM pql.trial; DELETE FROM pql.account; DELETE FROM pql.person;
INSERT INTO pql.event (user_id, occurred_at, event, properties) VALUES ('u1', '2026-03-02 09:00Z', 'signup_complete', '{"email": "sam@initech.example", "company_name": "Initech", "company_size": 420}');
SELECT alike(t.shown(t.message('assigned')), E'New medium lead: sam@initech.example, Initech | %| sam@initech.example | Initech\n420 employees |%', 'what was said at signup');
DELETE FROM pql.event;
SELECT alike(t.shown(t.message('assigned')), 'New medium lead: u1 | %| u1 | Tier: medium%', 'and when nothing is known');
ROLLBACK TO before;

-- Data that want to be more than data.
CREATE FUNCTION t.hostile() RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
	VALUES ('<!channel>'), ('<!here|x> <@U0PAT> <#C1>'), ('<https://evil.example|Click>'), ('*bold* _it_ ~no~ `code` ```'), ('https://evil.example @here #general :tada:'),
		('a & b &amp; &lt; &'), (E'two\nlines\r\n> quote\n• bullet'), (repeat('&', 5000)), (repeat('<!here>', 2000)), (repeat('🙂', 5000)), (repeat('日本語', 3000)), (repeat('"\', 5000)),
		(E'\u0001\u0007\u001b[31m'), (''), (' '), (E'\n'), ('{date} <!date^0^{date}^https://evil.example|x>'), ('null') $$;
CREATE TEMP TABLE attacked (kind text, data text, message jsonb);
DO $$
DECLARE
	h text;
BEGIN
	FOR h IN SELECT * FROM t.hostile() LOOP
		UPDATE pql.person SET full_name = h, title = h, email = h;
		UPDATE pql.account SET name = h, employees = NULL;
		UPDATE pql.team SET manager = h;
		UPDATE pql.rep SET name = h, slack_handle = left(h, 3000) WHERE email = 'rae@seller.example';
		UPDATE pql.lead SET rep = 'rae@seller.example', tier = h, reason = h, flags = ARRAY[h], signals = CASE WHEN h LIKE '%a%' THEN ARRAY[h, 'invites', h] ELSE '{}' END,
			explanation = jsonb_build_object('signals', (SELECT jsonb_agg(jsonb_build_object('signal', h || n, 'met', true, 'says', h, 'points', h)) FROM generate_series(1, 60) n)) WHERE model = 'trial';
		INSERT INTO attacked SELECT k.kind, h, t.message(k.kind, jsonb_build_object('trigger', nullif(h, '<!channel>'), 'signals', jsonb_build_array(h, h), 'note', h, 'from_tier', h, 'manager', h)) FROM t.kind k;
	END LOOP;
	FOREACH h IN ARRAY ARRAY['null', '[]', '1', '{}', '{"signals": 3}', '{"signals": {}}', '{"signals": [null, 1, "x", [], {}]}', '{"signals": [{"met": true}]}',
			'{"signals": [{"met": true, "signal": "x", "says": {"a": "<!here>"}, "points": [1]}]}'] LOOP
		UPDATE pql.lead SET signals = '{}', explanation = h::jsonb WHERE model = 'trial';
		INSERT INTO attacked SELECT k.kind, h, t.message(k.kind, h::jsonb) FROM t.kind k;
	END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM attacked), 7 * 27::bigint, 'messages of hostile data');
SELECT is_empty($$SELECT a.kind, left(a.data, 40), w FROM attacked a, t.wrong_message(a.message) w$$, 'are messages by Slack''s rules all the same');
SELECT is_empty($$SELECT a.kind, left(a.data, 40), v FROM attacked a, jsonb_path_query(a.message, 'strict $.**.text') v
	WHERE jsonb_typeof(v) = 'string' AND regexp_replace(v #>> '{}', '^<!here> ', '') ~ '<(![^d]|#|http|@U0PAT)'$$, 'and mention nobody');
SELECT is_empty($$SELECT a.kind, left(a.data, 40), v FROM attacked a, jsonb_path_query(a.message -> 'blocks', 'strict $.**.text') v
	WHERE v ->> 'type' = 'mrkdwn' AND v ->> 'text' ~ 'evil|bold|tada|🙂|日本|quote'$$, 'what data say is where nothing is formatted');
SELECT is((SELECT max(char_length(message::text)) < 12000 FROM attacked), true, 'none is too long');

SELECT is(t.error($$SELECT pql.lead_message('other', l, '2026-03-06') FROM pql.lead l$$),
	'22023 | there is no message of kind "other" | Kinds are assigned, queued, unclaimed, unclaimed_manager, first_touch_overdue, tier_raised, handoff and test.', 'an unknown kind');
SELECT alike(t.error($$SELECT pql.lead_message(NULL, l, '2026-03-06') FROM pql.lead l$$), '22004 | kind is NULL | %', 'no kind');
SELECT alike(t.error($$SELECT pql.lead_message('assigned', NULL, '2026-03-06')$$), '22004 | lead is NULL | %', 'no lead');
SELECT alike(t.error($$SELECT pql.lead_message('assigned', l, NULL) FROM pql.lead l$$), '22004 | as_of is NULL | %', 'no time');


-- The outbox --------------------------------------------------------------------------------------------

ALTER SEQUENCE pql.alert_alert_id_seq RESTART;
CREATE FUNCTION t.post(key text, channel text DEFAULT 'default', as_of timestamptz DEFAULT '2026-03-06 10:00Z') RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT pql.post_alert('assigned', key, channel, '{"text": "x"}', as_of, 'u1', 1042) $$;
CREATE FUNCTION t.takes(consumer text, at text, max int DEFAULT 10, channels text[] DEFAULT NULL) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(a.dedupe_key, ' ' ORDER BY n), '-') FROM pql.take_alerts(consumer, max, '1 minute', channels, ('2026-03-06 ' || at || 'Z')::timestamptz) WITH ORDINALITY a (alert_id, channel, kind, user_id, lead_id, dedupe_key, p, c, nb, at, tb, tu, d, f, e, n) $$;
CREATE FUNCTION t.at(clock text) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT ('2026-03-06 ' || clock || 'Z')::timestamptz $$;

SELECT is(t.post('a'), 1::bigint, 'an alert is posted');
SELECT is(t.post('a'), NULL, 'once');
SELECT is(t.post('b', 'nowhere'), 3::bigint, 'to a channel that is not there');
SELECT is(t.post('c', NULL), 4::bigint, 'or to none');
SELECT is(t.post('d', 'hook'), 5::bigint, 'and to a webhook');
SELECT results_eq('SELECT dedupe_key, channel, payload::text, created_at, not_before, attempts FROM pql.alert ORDER BY 1', $$VALUES
	('a', 'default', '{"text": "x"}', t.at('10:00'), t.at('10:00'), 0), ('b', 'default', '{"text": "x"}', t.at('10:00'), t.at('10:00'), 0),
	('c', 'default', '{"text": "x"}', t.at('10:00'), t.at('10:00'), 0), ('d', 'hook', '{"text": "x", "dedupe_key": "d"}', t.at('10:00'), t.at('10:00'), 0)$$, 'which is what is kept');
DELETE FROM pql.channel WHERE channel = 'default';
SELECT is(t.post('e', 'gone'), 6::bigint, 'though there is no default channel');
SELECT is(t.takes('one', '09:59:59'), '-', 'nothing before its time');
SELECT is(t.takes('one', '10:00', 2), 'a b', 'the oldest first');
SELECT is(t.takes('two', '10:00', 10, '{hook}'), 'd', 'of some channels');
SELECT is(t.takes('two', '10:00'), 'c e', 'and what is left to another');
SELECT is(t.takes('two', '10:00'), '-', 'nobody gets them again');
SELECT results_eq($$SELECT attempts, taken_by, taken_until FROM pql.alert WHERE dedupe_key = 'a'$$, $$VALUES (1, 'one', t.at('10:01'))$$, 'they are noted');
SELECT is(pql.ack_alert(1, t.at('10:00:05')), true, 'delivered');
SELECT is(pql.ack_alert(1, t.at('10:00:06')), false, 'which it was before');
SELECT is((SELECT delivered_at FROM pql.alert WHERE alert_id = 1), t.at('10:00:05'), 'since then');
SELECT is(t.takes('three', '10:00:59.9'), '-', 'until the time is over');
SELECT is(t.takes('three', '10:01', 1), 'b', 'of which nothing was heard comes again');
SELECT is(pql.nack_alert(3, 'late', consumer => 'one', as_of => t.at('10:01')), t.at('10:02'), 'who had it before says nothing any more');
SELECT is((SELECT taken_by || coalesce(last_error, '') FROM pql.alert WHERE alert_id = 3), 'three', 'to another''s alert');
SELECT is(pql.ack_alert(3, t.at('10:01:01')), true, 'but it may have been delivered');
SELECT is(pql.nack_alert(3, 'x', as_of => t.at('10:01:02')), NULL, 'which is then so');
SELECT is((SELECT last_error FROM pql.alert WHERE alert_id = 3), NULL, 'whatever is said later');

-- failures: the wait, and up to a fifth more
CREATE FUNCTION t.waits(of_alert bigint, clock text, wait interval) RETURNS boolean LANGUAGE sql VOLATILE AS $$
	SELECT pql.nack_alert(of_alert, 'HTTP 500', as_of => t.at(clock)) - t.at(clock) BETWEEN wait AND wait * 1.2 $$;
SELECT ok(t.waits(4, '10:02', '5 seconds'), 'a failure is tried again in 5 seconds');
SELECT is(t.takes('one', '10:02:04.9', 10, '{default}'), 'e', 'not before');
SELECT is(t.takes('one', '10:02:06', 10, '{default}'), 'c', 'but then');
SELECT ok(t.waits(4, '10:02:06', '10 seconds'), 'then in 10');
UPDATE pql.alert SET attempts = 9 WHERE alert_id = 4;
SELECT ok(t.waits(4, '10:03', '1280 seconds'), 'the ninth in 21 minutes');
UPDATE pql.alert SET attempts = 19 WHERE alert_id = 4;
SELECT ok(t.waits(4, '10:03', '1 hour'), 'but never much later than in an hour');
UPDATE pql.alert SET attempts = 20 WHERE alert_id = 4;
SELECT is(pql.nack_alert(4, 'HTTP 429', '7 seconds', as_of => t.at('10:03')), t.at('10:03:07'), 'when the receiver says');
SELECT is(pql.nack_alert(4, 'HTTP 502', as_of => t.at('10:04')), NULL, 'the twentieth is the last');
SELECT results_eq('SELECT failed_at, last_error FROM pql.alert WHERE alert_id = 4', $$VALUES (t.at('10:04'), 'HTTP 502')$$, 'and it says so');
SELECT is(t.takes('one', '23:00', 10, '{default}'), 'e', 'what is given up is not taken');
SELECT is(pql.nack_alert(6, 'HTTP 404', give_up => true, as_of => t.at('23:00')), NULL, 'given up at once');
SELECT is(pql.nack_alert(6, 'again', as_of => t.at('23:00')), NULL, 'once');
SELECT is(pql.retry_alert(6, t.at('23:01')), true, 'it is tried again');
SELECT is(t.takes('one', '23:01', 10, '{default}'), 'e', 'when somebody asks');
SELECT results_eq('SELECT attempts, failed_at, last_error FROM pql.alert WHERE alert_id = 6', $$VALUES (1, NULL::timestamptz, 'HTTP 404')$$, 'from the beginning');
SELECT is(pql.retry_alert(1), false, 'not what was delivered');
SELECT is(pql.nack_alert(6, NULL, give_up => true, as_of => t.at('23:02')), NULL, 'given up');
SELECT is(pql.ack_alert(6, t.at('23:03')), true, 'and delivered all the same');
SELECT is((SELECT failed_at FROM pql.alert WHERE alert_id = 6), NULL, 'is not given up');
-- one that ends whoever takes it
UPDATE pql.alert SET attempts = 20, taken_until = t.at('12:00') WHERE dedupe_key = 'd';
SELECT is(t.post('after', 'hook'), 7::bigint, 'another');
SELECT is(t.takes('one', '12:00', 1, '{hook}'), '-', 'an alert that nobody survives');
SELECT is(t.takes('one', '12:00', 1, '{hook}'), 'after', 'does not keep the others');
SELECT is((SELECT last_error FROM pql.alert WHERE dedupe_key = 'd'), 'taken 20 times, and nothing was heard of who took it', 'and is told of');

-- quiet hours and pauses. 2026-03-06 is a Friday.
DELETE FROM pql.alert;
INSERT INTO pql.calendar (calendar, timezone) VALUES ('office', 'America/New_York');
INSERT INTO pql.calendar (calendar, hours) VALUES ('never', '');
INSERT INTO pql.channel (channel, calendar, timezone) VALUES ('us', 'office', NULL), ('berlin', NULL, 'Europe/Berlin'), ('any', NULL, NULL), ('shut', 'never', NULL);
SELECT is(pql.quiet_until(c, at::timestamptz), want::timestamptz, format('%s %s', c, at))
FROM (VALUES ('us', '2026-03-06 13:59Z', '2026-03-06 14:00Z'), ('us', '2026-03-06 23:00Z', '2026-03-09 13:00Z'), ('berlin', '2026-03-06 16:59Z', '2026-03-06 16:59Z'),
	('berlin', '2026-03-06 17:00Z', '2026-03-09 08:00Z'), ('any', '2026-03-07 03:00Z', '2026-03-07 03:00Z'), ('shut', '2026-03-07 03:00Z', '2026-03-07 03:00Z'), ('nowhere', '2026-03-07 03:00Z', '2026-03-07 03:00Z')) v (c, at, want);
SELECT t.post('quiet', 'us', '2026-03-06 23:00Z'), t.post('loud', 'any', '2026-03-06 23:00Z') \g /dev/null
SELECT is((SELECT not_before FROM pql.alert WHERE dedupe_key = 'quiet'), '2026-03-09 13:00Z'::timestamptz, 'what comes in quiet hours waits');
SELECT is(t.takes('one', '23:30'), 'loud', 'the rest does not');
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-09 12:59Z') a WHERE a.channel = 'us'), 0::bigint, 'until they are over');
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-09 13:00Z') a WHERE a.channel = 'us'), 1::bigint, 'and no longer');
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-09 22:30Z') a WHERE a.channel = 'us'), 0::bigint, 'what failed then is not sent in the evening');
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-10 13:00Z') a WHERE a.channel = 'us'), 1::bigint, 'but in the morning');
DELETE FROM pql.alert;
SELECT isnt(pql.test_channel('us', '2026-03-06 23:00Z'), NULL, 'somebody tests a channel at night');
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-06 23:00Z')), 1::bigint, 'and hears it');
SELECT isnt(pql.test_channel('default', '2026-03-06 23:00Z'), NULL, 'the default channel is there though nobody made it');
UPDATE pql.channel SET paused_at = now() WHERE channel = 'us';
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-10 14:00Z') a WHERE a.channel = 'us'), 0::bigint, 'of a paused channel nothing is sent');
UPDATE pql.channel SET paused_at = NULL;
SELECT is((SELECT count(*) FROM pql.take_alerts('one', as_of => '2026-03-10 14:00Z') a WHERE a.channel = 'us'), 1::bigint, 'and nothing is lost');

-- of leads, in one go
DELETE FROM pql.alert;
UPDATE pql.lead SET tier = 'medium', explanation = NULL WHERE model = 'trial';
UPDATE pql.person SET full_name = 'Sue';
SELECT isnt(pql.post_lead_alert('assigned', 'lead:1042:assigned', 'hook', l, '2026-03-06 10:00Z'), NULL, 'posted') FROM pql.lead l WHERE l.model = 'trial';
SELECT is(pql.post_lead_alert('assigned', 'lead:1042:assigned', 'any', l, '2026-03-06 10:00Z'), NULL, 'once') FROM pql.lead l WHERE l.model = 'trial';
SELECT isnt(pql.post_lead_alert('unclaimed', 'lead:1042:unclaimed', 'any', l, '2026-03-06 10:00Z'), NULL, 'and another') FROM pql.lead l WHERE l.model = 'trial';
SELECT results_eq($$SELECT channel, kind, user_id, lead_id, payload ->> 'name', payload ? 'blocks' FROM pql.alert ORDER BY alert_id$$,
	$$VALUES ('hook', 'assigned', 'u1', 1042::bigint, 'Sue', false), ('any', 'unclaimed', 'u1', 1042, NULL, true)$$, 'each as its channel wants it');
SET LOCAL client_min_messages = error;
SELECT isnt(pql.post_lead_alert('not_known', 'lead:1042:x', 'any', l, '2026-03-06 10:00Z'), NULL, 'one that cannot be put into words') FROM pql.lead l WHERE l.model = 'trial';
SET LOCAL client_min_messages = warning;
SELECT is((SELECT payload FROM pql.alert WHERE dedupe_key = 'lead:1042:x'), '{"text": "Lead 1042: not known"}'::jsonb, 'is told in few');

-- by a role with few rights
CREATE ROLE t_relay;
GRANT USAGE ON SCHEMA pql, t TO t_relay;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pql TO t_relay;
GRANT SELECT, UPDATE ON pql.alert TO t_relay;
GRANT SELECT ON pql.channel, pql.calendar, pql.holiday TO t_relay;
SELECT t.post('for the relay', 'us', '2026-03-10 13:00Z') \g /dev/null
SET LOCAL ROLE t_relay;
CREATE TEMP TABLE done AS SELECT a.dedupe_key, pql.nack_alert(a.alert_id, 'x', as_of => '2026-03-10 13:00Z') IS NOT NULL AS again, pql.ack_alert(a.alert_id) AS acknowledged
	FROM pql.take_alerts('relay', 10, '1 minute', '{us}', '2026-03-10 13:00Z') a;
RESET ROLE;
SELECT results_eq('SELECT * FROM done', $$VALUES ('for the relay', true, true)$$, 'a relay needs few rights');

-- what is refused
SELECT alike(t.error(q), want, q)
FROM (VALUES
	($$SELECT pql.post_alert(NULL, 'k', 'any', '{}', now())$$, '22004 | kind is NULL | %'),
	($$SELECT pql.post_alert('x', NULL, 'any', '{}', now())$$, '22004 | dedupe_key is NULL | %'),
	($$SELECT pql.post_alert('x', 'k', 'any', NULL, now())$$, '22004 | message is NULL | %'),
	($$SELECT pql.post_alert('x', 'k', 'any', '[]', now())$$, '22023 | message is no JSON object | %'),
	($$SELECT pql.post_alert('x', 'k', 'any', '{}', NULL)$$, '22004 | as_of is NULL | %'),
	($$SELECT pql.take_alerts(NULL)$$, '22004 | consumer is NULL | %'),
	($$SELECT pql.take_alerts('c', NULL)$$, '22004 | max is NULL | %'),
	($$SELECT pql.take_alerts('c', 0)$$, '22023 | max 0 must be more than nothing | %'),
	($$SELECT pql.take_alerts('c', 1, '0')$$, '22023 | visibility 00:00:00 must be more than nothing | %'),
	($$SELECT pql.take_alerts('c', 1, NULL)$$, '22004 | visibility is NULL | %'),
	($$SELECT pql.ack_alert(NULL)$$, '22004 | alert_id is NULL | %'),
	($$SELECT pql.ack_alert(-1)$$, '42704 | there is no alert -1 | pql.take_alerts gives alerts with their alert_id.'),
	($$SELECT pql.nack_alert(-1, 'x')$$, '42704 | there is no alert -1 | %'),
	($$SELECT pql.nack_alert(a.alert_id, 'x', '-1 second') FROM pql.alert a$$, '22023 | retry_after -00:00:01 is negative | %'),
	($$SELECT pql.nack_alert(a.alert_id, 'x', NULL, NULL) FROM pql.alert a$$, '22004 | give_up is NULL | %'),
	($$SELECT pql.retry_alert(-1)$$, '42704 | there is no alert -1 | %'),
	($$SELECT pql.test_channel(NULL)$$, '22004 | channel is NULL | %'),
	($$SELECT pql.test_channel('sales')$$, '42704 | there is no channel "sales" | There are any, berlin, default, hook, shut, us. | INSERT INTO pql.channel (channel) VALUES (''sales''); and give the relay its address.')) v (q, want);


-- Claiming from Slack -------------------------------------------------------------------------------------

-- what claims a lead is another subsystem: this stands for it
DO $stub$
BEGIN
	IF to_regprocedure('pql.claim(bigint, text, text, timestamptz)') IS NULL THEN
		CREATE FUNCTION pql.claim(lead_id bigint, rep text, external_id text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS pql.lead LANGUAGE plpgsql AS $$
		DECLARE
			l pql.lead;
		BEGIN
			UPDATE pql.lead x SET rep = claim.rep, claimed_at = as_of, state = 'claimed' WHERE x.lead_id = claim.lead_id RETURNING * INTO l;
			IF NOT FOUND THEN
				RAISE EXCEPTION 'there is no lead %', lead_id USING ERRCODE = 'undefined_object', HINT = 'See pql.lead.';
			END IF;
			RETURN l;
		END $$;
	END IF;
END
$stub$;
UPDATE pql.lead SET state = 'assigned', rep = 'pat@seller.example', claimed_at = NULL, first_touch_due_at = '2026-03-06 11:00Z' WHERE model = 'trial';
UPDATE pql.person SET full_name = 'Sue <!channel>', title = NULL;
UPDATE pql.account SET name = 'Acme & Co';
UPDATE pql.rep SET slack_handle = 'U0RAE', name = 'Rae' WHERE email = 'rae@seller.example';
SELECT is(pql.slack_claim('1042', 'U0PAT'), 'Lead 1042 is claimed by <@U0PAT>: Sue &lt;!channel&gt;, Acme &amp; Co. First touch by <!date^1772794800^{date_short_pretty} {time}|2026-03-06 11:00 UTC>.', 'a rep claims a lead');
SELECT results_eq('SELECT rep, state FROM pql.lead WHERE lead_id = 1042', $$VALUES ('pat@seller.example', 'claimed')$$, 'and has it');
SELECT alike(pql.slack_claim(w, 'U0PAT'), 'Lead 1042 is claimed%', format('as %L', btrim(w, E'\n'))) FROM unnest(ARRAY['/claim 1042', ' #1042 ', 'claim  1042', E'1042\n']) w;
SELECT is(t.error(format('SELECT pql.slack_claim(%L, %L)', w, 'U0PAT')), want || ' | Write /claim and the number of the lead, as in /claim 1042.', format('not "%s"', left(w, 20)))
FROM (VALUES ('', '22023 | which lead? "" names none'), ('mine', '22023 | which lead? "mine" names none'), ('1042; DROP TABLE x', '22023 | which lead? "1042; DROP TABLE x" names none'),
	('-1', '22023 | which lead? "-1" names none'), (repeat('9', 19), '22023 | which lead? "' || repeat('9', 19) || '" names none'), (NULL, '22023 | which lead? "" names none')) v (w, want);
SELECT alike(t.error($$SELECT pql.slack_claim('1042', 'U9')$$), '42704 | no rep is known as Slack user U9 | %slack_handle.', 'who is no rep cannot');
SELECT alike(t.error($$SELECT pql.slack_claim('1042', NULL)$$), '42704 | no rep is known as Slack user NULL | %', 'nor nobody');
SELECT alike(t.error($$SELECT pql.slack_claim('999999999', 'U0PAT')$$), '%999999999%', 'nor a lead that is not there');

SELECT * FROM finish();
ROLLBACK;
