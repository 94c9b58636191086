# A dump restored has the same models and data, and gives the same verdicts.
use strict;
use warnings;
use Test::More;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
my $made = "$dir/dump.sql";

sub run_sql
{
	my ($db, $sql) = @_;
	open(my $psql, '|-', "psql -X -q -A -t -v ON_ERROR_STOP=1 -d $db -o $dir/out") or die;
	print $psql $sql;
	close($psql) or die 'psql failed';
	open(my $out, '<', "$dir/out") or die;
	local $/;
	return <$out>;
}

for my $db ('pql_dumped', 'pql_restored')
{
	run_sql('postgres', "SET client_min_messages = error; DROP DATABASE IF EXISTS $db");
	run_sql('postgres', "CREATE DATABASE $db");
}

run_sql('pql_dumped', <<'SQL');
SET client_min_messages = warning;
CREATE EXTENSION pql;
INSERT INTO pql.account (account_id, employees) VALUES ('acme', 800), ('grown', 150), ('late', NULL);
INSERT INTO pql.person (user_id, email, account_id) VALUES
	('u1', 'a@acme.example', 'acme'), ('u2', 'b@grown.example', 'grown'), ('u3', 'c@late.example', 'late');
INSERT INTO pql.trial (user_id, started_at) SELECT 'u' || g, '2026-11-02 09:00Z' FROM generate_series(1, 3) g;
INSERT INTO pql.event (user_id, occurred_at, event, properties)
SELECT 'u' || g, '2026-11-02 10:00Z'::timestamptz + d * interval '1 day', e, '{"invitee_email": "x@y.example"}'
FROM generate_series(1, 3) g, generate_series(0, 3) d, unnest('{session_start,activation_complete,invite_sent}'::text[]) e;
UPDATE pql.account SET employees = 900 WHERE account_id = 'acme';
INSERT INTO pql.fact (subject, name, value, source, recorded_at) VALUES
	('grown', 'account.employees', '250', 'enrichment', '2026-11-04 00:00Z'),
	('late', 'account.employees', '300', 'enrichment', '2026-11-03 00:00Z'),
	('late', 'account.employees', '5000', 'enrichment', '2026-12-03 00:00Z');
INSERT INTO pql.conversion (conversion_id, user_id, account_id, converted_at, mrr) VALUES
	('c1', NULL, 'grown', '2026-11-09 00:00Z', 70), ('c2', 'u1', NULL, '2026-10-01 00:00Z', 1), ('c3', 'nobody', NULL, '2026-10-01 00:00Z', 1);
CREATE SCHEMA crm;
CREATE TABLE crm.users (user_id text, email text);
INSERT INTO crm.users VALUES ('u4', 'd@late.example');
SELECT count(*) FROM pql.connect('people', 'crm.users');
INSERT INTO crm.users VALUES ('u5', 'e@late.example');
INSERT INTO pql.list_entry VALUES ('test_accounts', 'b@other.example');
INSERT INTO pql.email_domain (domain, kind) VALUES ('home.example', 'personal');
INSERT INTO pql.channel (channel, kind, timezone) VALUES ('hook', 'webhook', 'Europe/Berlin');
SELECT pql.post_alert('assigned', 'once', 'hook', '{"text": "x"}', '2026-11-07 12:00Z', 'u1', 1);
SELECT pql.put_model(pql.adapt('trial', '{"timezone": "Europe/Berlin"}'));
SELECT pql.put_model(pql.adapt('trial', '{"model": "mine"}'));
SELECT pql.put_model(pql.adapt('trial', '{"model": "other", "signals": {"invites": {"signal": "asked_in"}}}'));
SELECT pql.ship_templates();
INSERT INTO pql.template (template, use, touch, variant, subject, body) VALUES ('own', 'email', 1, 'asked_in', 'Hello', 'Hello.');
UPDATE pql.template SET retired_at = '2026-11-20' WHERE template = 'email_1_any';
INSERT INTO pql.surveillance_wording (pattern, why) VALUES ('hello', 'Found in a template that was saved before.');
INSERT INTO pql.outreach_setting VALUES ('product', 'Examplia');
-- a lead at work, written to before it was known that the person had opted out
INSERT INTO pql.calendar (calendar, timezone, hours) VALUES ('sales', 'Europe/Berlin', 'mon-fri 09:00-17:00');
INSERT INTO pql.holiday (calendar, day, name) VALUES ('sales', '2026-12-24', 'a day off');
INSERT INTO pql.team (team, manager, channel) VALUES ('inside_sales', 'mia@sales.example', 'hook');
INSERT INTO pql.rep (email, name, team, calendar) VALUES ('ann@sales.example', 'Ann', 'inside_sales', 'sales');
INSERT INTO pql.account (account_id, employees) VALUES ('work', 400);
INSERT INTO pql.person (user_id, email, account_id) VALUES ('w1', 'a@work.example', 'work'), ('w2', 'b@work.example', 'work');
INSERT INTO pql.trial (user_id, started_at) VALUES ('w1', '2026-11-02 09:00Z'), ('w2', '2026-11-02 09:00Z');
INSERT INTO pql.event (user_id, occurred_at, event, properties) SELECT w, at::timestamptz, event, properties::jsonb FROM unnest('{w1,w2}'::text[]) w, (VALUES ('2026-11-02 10:00Z', 'activation_complete', '{}'),
	('2026-11-03 10:00Z', 'invite_sent', '{"invitee_email": "x@y.example"}'), ('2026-11-04 10:00Z', 'integration_connected', '{"integration_type": "warehouse"}')) v (at, event, properties);
SELECT pql.start_routing('trial', 0.05, as_of => '2026-11-02');
INSERT INTO pql.signal_alert VALUES ('mine', 'activated', 'hook');
CALL pql.refresh('2026-11-05 09:00Z');
SELECT (pql.log_touch(l.lead_id, as_of => '2026-11-05 10:00Z')).state FROM pql.lead l WHERE l.user_id = 'w1' AND l.model = 'trial';
SELECT (pql.log_reply(l.lead_id, 'unsubscribe', as_of => '2026-11-05 11:00Z')).state FROM pql.lead l WHERE l.user_id = 'w2' AND l.model = 'trial';
UPDATE pql.person SET opted_out_at = '2026-11-01' WHERE user_id = 'w1';
INSERT INTO pql.activity (activity_id, user_id, channel, occurred_at) VALUES ('T1', 'w1', 'call', '2026-11-06 10:00Z');
SELECT pql.pause('enough', as_of => '2026-11-06');
SELECT count(*) FROM pql.publish('trial');
SELECT count(*) FROM pql.publish('mine');
INSERT INTO pql.crm_setting VALUES ('feature_categories', 'depth');
SELECT pql.suppress('late.example', 'region', as_of => '2026-11-06');
INSERT INTO pql.person (user_id, email, opted_out_at) VALUES ('gone', 'gone@work.example', '2026-11-01');
SELECT count(*) FROM pql.forget('gone');
SELECT pql.write_crm('2026-11-06');
SQL

my $state = <<'SQL';
SET timezone = 'UTC';
SELECT * FROM pql.score_all('trial', '2026-11-08') ORDER BY user_id;
SELECT * FROM pql.score_all('mine', '2026-12-08') ORDER BY user_id;
SELECT model, version, document FROM pql.active_model ORDER BY model;
SELECT model, version, document, created_by FROM pql.model_version ORDER BY model, version;
SELECT * FROM pql.fact ORDER BY subject, name, recorded_at;
SELECT * FROM pql.person ORDER BY user_id;
SELECT * FROM pql.account ORDER BY account_id;
SELECT * FROM pql.trial ORDER BY user_id;
SELECT user_id, occurred_at, event, properties, event_id FROM pql.event ORDER BY 1, 2, 3;
SELECT * FROM pql.conversion ORDER BY conversion_id;
SELECT * FROM pql.credit ORDER BY user_id, started_at;
SELECT input, relation, key, reason FROM pql.input_change WHERE input <> 'settled' ORDER BY 1, 2, 3;
SELECT s.relation, s.mapping, s.capture FROM pql.sources s ORDER BY 1;
SELECT * FROM pql.list_entry;
SELECT * FROM pql.channel;
SELECT * FROM pql.calendar;
SELECT * FROM pql.holiday;
SELECT * FROM pql.team;
SELECT * FROM pql.rep;
SELECT * FROM pql.segment_rule ORDER BY position;
SELECT * FROM pql.routing;
SELECT * FROM pql.pause;
SELECT * FROM pql.opt_out;
SELECT * FROM pql.activity;
SELECT * FROM pql.signal_alert;
SELECT (to_jsonb(l) - 'next_at')::text FROM pql.lead l ORDER BY lead_id;
SELECT * FROM pql.lead_event ORDER BY event_id;
SELECT * FROM pql.alert;
SELECT * FROM pql.email_domain ORDER BY domain, list;
SELECT * FROM pql.template ORDER BY template;
SELECT * FROM pql.surveillance_wording ORDER BY pattern;
SELECT * FROM pql.outreach_setting;
SELECT * FROM pql.crm_contact ORDER BY user_id;
SELECT * FROM pql.crm_account ORDER BY account_id;
SELECT * FROM pql.crm_task ORDER BY task_id;
SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'pql.crm_contact'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM pql.crm_column ORDER BY object, position;
SELECT * FROM pql.crm_publication;
SELECT * FROM pql.crm_setting;
SELECT * FROM pql.suppression ORDER BY what, value;
SELECT f.*, s.salt FROM pql.forgotten f, pql.forgotten_salt s;
SQL

is(system("pg_dump -d pql_dumped -f $made"), 0, 'pg_dump');
is(system("psql -X -q -v ON_ERROR_STOP=1 -d pql_restored -f $made >$dir/log"), 0, 'restore');
my $before = run_sql('pql_dumped', $state);
is(run_sql('pql_restored', $state), $before, 'everything is as it was');
my $followed = "SELECT pql.follow_inputs('2026-11-20'); SELECT * FROM pql.credit ORDER BY user_id, started_at; SELECT user_id, started_at, converted_at, mrr FROM pql.trial ORDER BY user_id; SELECT user_id, email, paid_at FROM pql.person ORDER BY user_id";
is(run_sql('pql_restored', $followed), run_sql('pql_dumped', $followed), 'and what was noted is followed');
like(run_sql('pql_restored', "SELECT email FROM pql.person WHERE user_id = 'u5'"), qr/e\@late/, 'as it should');
like($before, qr/u3\|late\|.*\|qualified\|/, 'and there was something to keep');
unlike($before, qr/outreach_sent.*outreach_sent/s, 'one was written to');
like($before, qr/outreach_sent/, 'and that is still known');
run_sql('pql_restored', "SET client_min_messages = warning; CALL pql.refresh('2026-11-08')");
is(run_sql('pql_restored', "SELECT count(*) FROM pql.lead WHERE user_id IN ('w1', 'w2') AND rep IS NOT NULL"), "2\n", 'leads stay with their reps');
is(run_sql('pql_restored', "SELECT max(lead_id) < nextval('pql.lead_lead_id_seq') FROM pql.lead"), "t\n", 'and new ones get new ids');
like($before, qr/met_mine_invites\|Signal/, 'columns of signals are there again');
is(run_sql('pql_restored', "SELECT pql.write_crm('2026-11-08') > 0; SELECT pql.write_crm('2026-11-08'); INSERT INTO pql.crm_change DEFAULT VALUES; SELECT pql.write_crm('2026-11-08')") =~ s/^t?f?\n//r, "0\n0\n", 'and what is published goes on from where it was');
is(run_sql('pql_restored', "INSERT INTO pql.person (user_id) VALUES ('gone'); SELECT count(*) FROM pql.person WHERE user_id = 'gone'"), "0\n", 'who was forgotten stays so');
done_testing();
