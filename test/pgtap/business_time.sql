-- Business time: worked examples, an oracle that looks at every minute, and laws that hold whatever the calendar.
--
--   pg_prove -d DB test/pgtap/business_time.sql

BEGIN;
\ir lib/transaction.sql

INSERT INTO pql.calendar (calendar, timezone, hours) VALUES
	('berlin', 'Europe/Berlin', 'mon-fri 09:00-18:00'),
	('breaks', 'America/New_York', 'Mon-Thu 08:30-12:30 13:15-17:00; fri 08:30-14:00; sat,sun 10:00-11:00'),
	('night', 'Europe/London', 'sun-sat 00:00-06:00 22:00-24:00'),
	('always', 'UTC', 'mon-sun 00:00-24:00'),
	('never', 'UTC', ''),
	('seldom', 'UTC', '');
INSERT INTO pql.holiday (calendar, day, name, hours) VALUES
	('berlin', '2026-05-01', 'Labour Day', NULL), ('berlin', '2026-12-24', 'half a day', '09:00-13:00'), ('berlin', '2026-12-25', NULL, NULL), ('berlin', '2026-12-26', NULL, NULL),
	('berlin', '2026-05-02', 'a Saturday at work', '10:00-12:00'), ('seldom', '2026-06-01', NULL, '10:00-11:00');


-- Worked examples -----------------------------------------------------------------------------------

SELECT is(pql.add_business_time('2026-11-19 17:30', '2 hours'), '2026-11-20 10:30', 'two hours from half past five are half past ten of the next working day');
SELECT is(pql.add_business_time('2026-11-20 17:30', '2 hours'), '2026-11-23 10:30', 'which after a Friday is Monday');
SELECT is(pql.add_business_time('2026-11-20 17:30', '2 hours', NULL, 'America/New_York'), '2026-11-20 19:30', 'in another timezone it is other hours');
SELECT is(pql.add_business_time('2026-11-21 12:00', '2 hours'), '2026-11-23 11:00', 'from a weekend, the clock starts on Monday');
SELECT is(pql.add_business_time('2026-11-20 17:00', '1 hour'), '2026-11-20 18:00', 'what ends at closing time ends then');
SELECT is(pql.add_business_time('2026-11-20 20:00', '0'), '2026-11-20 20:00', 'nothing leaves it where it is');
SELECT is(pql.add_business_time('2026-11-23 09:30', '-1 hour'), '2026-11-20 17:30', 'backwards');
SELECT is(pql.add_business_time('2026-04-30 15:00+00', '2 hours', 'berlin'), '2026-05-02 09:00+00', 'over a holiday, into a Saturday that is worked');
SELECT is(pql.add_business_time('2026-12-24 08:00+00', '9 hours', 'berlin'), '2026-12-28 13:00+00', 'half a day');
SELECT is(pql.add_business_time('2026-11-18 16:45', '2 days'), '2026-11-20 16:45', 'days are working days');
SELECT is(pql.add_business_time('2026-11-19 16:45', '2 days 2 hours'), '2026-11-24 09:45', 'and come before hours');
SELECT is(pql.add_business_time('2026-11-21 16:45', '1 day'), '2026-11-23 16:45', 'from a Saturday the first is Monday');
SELECT is(pql.add_business_time('2026-11-23 16:45', '-1 day'), '2026-11-20 16:45', 'backwards');
SELECT is(pql.add_business_time('2026-03-27 16:00+00', '1 day', 'berlin'), '2026-03-30 15:00+00', 'they keep the local time when the clocks change');
SELECT is(pql.business_time_between('2026-11-20 17:00', '2026-11-23 10:00'), '2 hours', 'between');
SELECT is(pql.business_time_between('2026-11-23 10:00', '2026-11-20 17:00'), '-2 hours', 'and back');
SELECT is(pql.business_time_between('2026-11-20 19:00', '2026-11-23 08:00'), '0', 'a weekend is nothing');
SELECT is(pql.business_time_between('2026-01-01', '2027-01-01'), 261 * interval '9 hours', 'a year');
SELECT is(pql.business_time_between('2026-03-28', '2026-03-30', 'night'), '16 hours', 'nights, one of which is without its second hour');
SELECT is(pql.business_time_between('2026-10-25 00:00', '2026-10-26 00:00', 'night'), '8 hours', 'and after one that has an hour twice');
SELECT is(pql.business_days_between('2026-11-20 23:00', '2026-11-24 01:00'), 2, 'working days');
SELECT is(pql.business_days_between('2026-11-24 01:00', '2026-11-20 23:00'), -2, 'and back');
SELECT is(pql.business_days_between('2026-04-30 12:00', '2026-05-04 12:00', 'berlin'), 2, 'a Saturday that is worked is one');
SELECT is(pql.next_opening('2026-11-20 12:00'), '2026-11-20 12:00', 'open');
SELECT is(pql.next_opening('2026-11-20 18:00'), '2026-11-23 09:00', 'closed from closing time on');
SELECT is(pql.next_opening('2026-11-20 09:00'), '2026-11-20 09:00', 'open from opening time on');
SELECT is(pql.next_opening('2026-01-01', 'seldom'), '2026-06-01 10:00', 'a calendar of one day');
SELECT is(pql.add_business_time('2026-11-18 17:00+00', '1 hour', 'breaks'), '2026-11-18 18:45+00', 'a break stands in between');
SELECT is(pql.add_business_time('1999-12-31', interval '1 hour' * 24 * 36525, 'always'), '2099-12-31', 'a century around the clock');
SELECT is(pql.add_business_time(NULL, '1 hour'), NULL, 'no start');
SELECT is(pql.add_business_time(now(), NULL), NULL, 'no amount');
SELECT is(pql.business_time_between(NULL, now()), NULL, 'no beginning');
SELECT is(pql.next_opening(NULL), NULL, 'no instant');
SELECT ok(bool_and(pql.business_time_between('2026-11-20 18:00', o, calendar, zone) = '0' AND pql.business_time_between(o, o + interval '1 minute', calendar, zone) = '1 minute'), 'many calendars in one query')
FROM (SELECT c.calendar, z.zone, pql.next_opening('2026-11-20 18:00', c.calendar, z.zone) AS o FROM (VALUES ('berlin'), ('breaks'), ('night'), (NULL)) c (calendar), (VALUES ('UTC'), ('Asia/Tokyo'), ('America/New_York')) z (zone)) x;


-- Every minute --------------------------------------------------------------------------------------

-- Calendars at random, in zones whose clocks change in their own ways, near such a change.
CREATE TABLE t.zone (zone text, change timestamptz);
INSERT INTO t.zone VALUES ('Europe/Berlin', '2026-03-29 01:00Z'), ('Europe/Berlin', '2026-10-25 01:00Z'), ('America/New_York', '2026-03-08 07:00Z'), ('America/New_York', '2026-11-01 06:00Z'),
	('Australia/Lord_Howe', '2026-04-04 15:00Z'), ('Australia/Lord_Howe', '2026-10-03 15:30Z'), ('America/Sao_Paulo', '2018-11-04 03:00Z'), ('America/Sao_Paulo', '2019-02-17 02:00Z'),
	('Pacific/Apia', '2011-12-30 10:00Z'), ('Asia/Kathmandu', '2026-06-01'), ('Africa/Cairo', '2026-04-23 22:00Z'), ('UTC', '2026-02-27');
SELECT setseed(0.3);
CREATE FUNCTION t.spans() RETURNS text
LANGUAGE sql VOLATILE AS $$
	-- an even number of different times of the day, in order
	SELECT string_agg(format('%s-%s', to_char(s.opens, 'HH24:MI'), CASE WHEN s.closes = '24:00' THEN '24:00' ELSE to_char(s.closes, 'HH24:MI') END), ' ' ORDER BY s.opens)
	FROM (
		SELECT m.at AS opens, lead(m.at) OVER (ORDER BY m.at) AS closes, row_number() OVER (ORDER BY m.at) AS n
		FROM (SELECT DISTINCT make_interval(mins => 15 * (random() * 96)::int) AS at FROM generate_series(1, 2 + (random() * 3.9)::int)) m
	) s
	WHERE s.closes IS NOT NULL AND s.n % 2 = 1
$$;
CREATE TABLE t.calendar AS
SELECT n, z.zone, z.change, w.hours
FROM generate_series(1, 8) n CROSS JOIN t.zone z
CROSS JOIN LATERAL (SELECT coalesce(string_agg(d || ' ' || s, '; '), '') AS hours FROM (SELECT d, t.spans() AS s FROM unnest('{mon,tue,wed,thu,fri,sat,sun}'::text[]) d WHERE random() < CASE WHEN z.zone <> '' AND n > 0 THEN 0.9 END) x WHERE s IS NOT NULL) w;
INSERT INTO pql.calendar SELECT 'r' || row_number() OVER (ORDER BY zone, change, n), zone, hours FROM t.calendar;
CREATE TABLE t.case AS
SELECT 'r' || row_number() OVER (ORDER BY c.zone, c.change, c.n) AS calendar, c.zone, c.change, date_trunc('minute', c.change - random() * interval '3 days') AS a, date_trunc('minute', c.change + random() * interval '3 days') AS b
FROM t.calendar c;
INSERT INTO pql.holiday (calendar, day, hours)
SELECT c.calendar, (c.change + d * interval '1 day')::date, CASE WHEN random() < 0.7 THEN t.spans() END FROM t.case c, generate_series(-1, 1) d WHERE random() < 0.2;

-- The spans of each local date, as SQL reads them.
CREATE FUNCTION t.spans_on(of_calendar text, day date) RETURNS TABLE (opens timestamptz, closes timestamptz)
LANGUAGE sql STABLE AS $$
	SELECT (spans_on.day + split_part(s, '-', 1)::interval) AT TIME ZONE c.timezone, (spans_on.day + split_part(s, '-', 2)::interval) AT TIME ZONE c.timezone
	FROM pql.calendar c
	LEFT JOIN pql.holiday h ON h.calendar = c.calendar AND h.day = spans_on.day
	-- a date that was skipped has no hours
	CROSS JOIN LATERAL regexp_split_to_table(CASE WHEN h.day IS NOT NULL THEN coalesce(h.hours, '')
		ELSE coalesce(substring(c.hours FROM lower(to_char(spans_on.day, 'dy')) || ' ([^;]*)'), '') END, ' ') s
	WHERE c.calendar = of_calendar AND s <> ''
		AND ((spans_on.day + split_part(s, '-', 1)::interval) AT TIME ZONE c.timezone AT TIME ZONE c.timezone)::date = spans_on.day
$$;
CREATE TABLE t.open AS
SELECT c.calendar, m AS minute
FROM t.case c
CROSS JOIN LATERAL (SELECT s.* FROM generate_series((c.a - interval '2 days')::date, (c.b + interval '2 days')::date, '1 day') d CROSS JOIN LATERAL t.spans_on(c.calendar, d::date) s) s
CROSS JOIN LATERAL generate_series(s.opens, s.closes - interval '1 minute', '1 minute') m
GROUP BY 1, 2;
CREATE INDEX ON t.open (calendar, minute);
ANALYZE t.open;
SELECT cmp_ok((SELECT count(*) FROM t.open), '>', 100000::bigint, 'minutes are looked at');
SELECT is_empty($$SELECT * FROM (SELECT c.calendar, c.a, c.b, (SELECT count(*) FROM t.open o WHERE o.calendar = c.calendar AND o.minute >= c.a AND o.minute < c.b) * interval '1 minute' AS expected,
	pql.business_time_between(c.a, c.b, c.calendar) AS found FROM t.case c) x WHERE expected IS DISTINCT FROM found$$, 'as many are open as business time passes');
SELECT is_empty($$SELECT * FROM (SELECT c.calendar, c.a, (SELECT min(o.minute) FROM t.open o WHERE o.calendar = c.calendar AND o.minute >= c.a) AS expected, pql.next_opening(c.a, c.calendar) AS found
	FROM t.case c JOIN pql.calendar k USING (calendar) WHERE k.hours <> '') x WHERE expected IS NOT NULL AND expected IS DISTINCT FROM found$$, 'the next opening is the next minute that is open');

-- Laws
CREATE TABLE t.amount AS SELECT c.*, (random() * 3000)::int * interval '1 minute' + (random() * 1e6)::int * interval '1 microsecond' AS x, (random() * 2000)::int * interval '1 minute' AS y
FROM t.case c JOIN pql.calendar k USING (calendar) WHERE k.hours <> '';
SELECT is_empty($$SELECT * FROM (SELECT m.*, pql.add_business_time(m.a, m.x, m.calendar) AS r FROM t.amount m) r WHERE pql.business_time_between(r.a, r.r, r.calendar) <> r.x
	OR r.x > '0' AND pql.business_time_between(r.a, r.r - interval '1 microsecond', r.calendar) >= r.x$$, 'adding, then measuring gives the amount back, and no earlier instant does');
SELECT is_empty($$SELECT * FROM (SELECT m.*, pql.add_business_time(m.a, -m.x, m.calendar) AS r FROM t.amount m) r WHERE pql.business_time_between(r.a, r.r, r.calendar) <> -r.x
	OR r.x > '0' AND pql.business_time_between(r.r + interval '1 microsecond', r.a, r.calendar) >= r.x$$, 'backwards as well, and no later one');
SELECT is_empty($$SELECT * FROM t.amount m WHERE pql.add_business_time(pql.add_business_time(m.a, m.x, m.calendar), m.y, m.calendar) <> pql.add_business_time(m.a, m.x + m.y, m.calendar) AND m.y > '0'$$, 'in two steps or in one');
SELECT is_empty($$SELECT * FROM t.amount m WHERE m.y > '0' AND pql.add_business_time(m.a, m.x, m.calendar) >= pql.add_business_time(m.a, m.x + m.y, m.calendar)$$, 'more is later');
SELECT is_empty($$SELECT * FROM t.amount m WHERE pql.add_business_time(m.a, m.x, m.calendar) > pql.add_business_time(m.a + m.y, m.x, m.calendar)$$, 'from a later start it is not earlier');
SELECT is_empty($$SELECT * FROM t.amount m WHERE pql.business_time_between(m.a, m.b, m.calendar) + pql.business_time_between(m.b, m.b + m.y, m.calendar) <> pql.business_time_between(m.a, m.b + m.y, m.calendar)$$,
	'times add up');
SELECT is_empty($$SELECT * FROM t.amount m WHERE pql.business_days_between(m.a, pql.add_business_time(m.a, '3 days', m.calendar), m.calendar) <> 3$$, 'three working days are three');


-- What is refused -----------------------------------------------------------------------------------

SELECT is(t.error($$SELECT pql.add_business_time(now(), '1 month')$$), '22023 | business time is not counted in months | Use days, which are working days, and hours: ''2 days'', ''4 hours''.', 'months');
SELECT is(t.error($$SELECT pql.add_business_time(now(), '1 hour', 'nowhere')$$), '42704 | there is no calendar "nowhere" | Calendars are rows of pql.calendar. NULL is mon-fri 09:00-18:00 in UTC.', 'an unknown calendar');
SELECT is(t.error($$SELECT pql.add_business_time(now(), '1 hour', NULL, 'Mars/Olympus')$$), '22023 | "Mars/Olympus" is no timezone | Use an IANA name such as "Europe/Berlin", or "UTC".', 'an unknown timezone');
SELECT is(t.error($$SELECT pql.add_business_time(now(), '1 hour', 'never')$$), '22008 | that is not in the years 1 to 9999 | The calendar never opens: give it hours in pql.calendar.', 'a calendar without hours');
SELECT is(t.error($$SELECT pql.next_opening(now(), 'never')$$), '22008 | that is not in the years 1 to 9999 | The calendar never opens: give it hours in pql.calendar.', 'never');
SELECT is(t.error($$SELECT pql.add_business_time('infinity', '1 hour')$$), '22008 | infinity is not an instant of the years 1 to 9999 | Business time is reckoned between instants.', 'no instant');
SELECT is(t.error($$SELECT pql.add_business_time('9999-12-31', '100 hours')$$), '22008 | that is not in the years 1 to 9999 | Ask for less.', 'too far');
SELECT is(pql.business_time_between(now(), now() + interval '1 year', 'never'), '0', 'though nothing passes');
CREATE TABLE t.wrong (hours text, error text);
INSERT INTO t.wrong VALUES
	('mon', '"mon" does not begin with days and their hours'), ('09:00-18:00', '"09:00-18:00" does not begin with days and their hours'), ('mon-fir 09:00-18:00', '"mon-fir 09:00-18:00" does not begin with a day of the week'),
	('monday 09:00-18:00', '"monday 09:00-18:00" does not begin with a day of the week'), ('mon 9-18', '"9-18" does not begin with a span of hours'), ('mon 09:00-25:00', '"09:00-25:00" does not begin with a span of hours'),
	('mon 09:00-24:01', '"09:00-24:01" does not begin with a span of hours'), ('mon 09:60-18:00', '"09:60-18:00" does not begin with a span of hours'), ('mon 18:00-09:00', '"18:00-09:00" closes before it opens'),
	('mon 09:00-09:00', '"09:00-09:00" closes before it opens'), ('mon 09:00-12:00 11:00-14:00', '"11:00-14:00" overlaps another span'), ('mon 09:00-12:00; mon 13:00-14:00', '"mon 13:00-14:00" speaks of a day again'),
	('mon 09:00-12:00 tue 09:00-12:00', '"tue 09:00-12:00" is neither a day nor a span of hours'), ('mon 09:00-12:00!', '"!" is neither a day nor a span of hours'), ('mon 00:00-01:00 02:00-03:00 04:00-05:00 06:00-07:00 08:00-09:00 10:00-11:00 12:00-13:00 14:00-15:00 16:00-17:00 18:00-19:00 20:00-21:00 22:00-23:00 23:30-24:00', '"23:30-24:00" is a span too many');
SELECT is(split_part(t.error(format('INSERT INTO pql.calendar (calendar, hours) VALUES (%L, %L)', 'wrong', w.hours)), ' | ', 2), w.error, w.hours) FROM t.wrong w;
SELECT matches(t.error($$INSERT INTO pql.calendar (calendar, hours) VALUES ('wrong', 'mon 22:00-06:00')$$), 'A shift past midnight is two spans: fri 22:00-24:00; sat 00:00-06:00.$', 'a shift past midnight');
SELECT is(t.error($$INSERT INTO pql.calendar (calendar, timezone) VALUES ('wrong', 'Berlin')$$), '22023 | "Berlin" is no timezone | Use an IANA name such as "Europe/Berlin", or "UTC".', 'a calendar without a timezone');
SELECT is(split_part(t.error($$INSERT INTO pql.holiday (calendar, day, hours) VALUES ('berlin', '2026-12-31', 'mon 09:00-12:00')$$), ' | ', 2), '"mon 09:00-12:00" is no span of hours', 'a holiday names no days');

SELECT * FROM finish();
ROLLBACK;
