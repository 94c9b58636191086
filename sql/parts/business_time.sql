-- Business time: the time that passes while somebody is at work.

CREATE FUNCTION pql.check_week(hours text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_check_week';
COMMENT ON FUNCTION pql.check_week(text) IS 'True; what is no week of hours is an ERROR.';
CREATE FUNCTION pql.check_hours(hours text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_check_hours';
COMMENT ON FUNCTION pql.check_hours(text) IS 'True; what is no day''s hours is an ERROR.';
CREATE FUNCTION pql.check_timezone(name text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_check_timezone';
COMMENT ON FUNCTION pql.check_timezone(text) IS 'True; what is no timezone is an ERROR.';

CREATE FUNCTION pql.local_date(at timestamptz, timezone text) RETURNS date
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_local_date';
COMMENT ON FUNCTION pql.local_date(timestamptz, text) IS 'The local date of an instant. Any NULL: NULL. What is no timezone is an ERROR.';

CREATE FUNCTION pql.days_between(a timestamptz, b timestamptz) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_days_between';
COMMENT ON FUNCTION pql.days_between(timestamptz, timestamptz) IS 'Days of 24 hours from a to b. Any NULL, or infinite: NULL.';

CREATE TABLE pql.calendar (
	calendar text PRIMARY KEY,
	timezone text NOT NULL DEFAULT 'UTC' CHECK (pql.check_timezone(timezone)),
	hours text NOT NULL DEFAULT 'mon-fri 09:00-18:00' CHECK (pql.check_week(hours))
);
COMMENT ON TABLE pql.calendar IS 'When people are at work: hours of the week, in a timezone. Where no calendar is named, mon-fri 09:00-18:00 without holidays.';
COMMENT ON COLUMN pql.calendar.timezone IS 'IANA name. A rep''s own timezone comes before it.';
COMMENT ON COLUMN pql.calendar.hours IS 'Days and spans: mon-fri 09:00-12:30 13:30-18:00; sat 10:00-14:00. 24:00 is the midnight after. Days that are not named are closed.';
SELECT pg_catalog.pg_extension_config_dump('pql.calendar', '');

CREATE TABLE pql.holiday (
	calendar text NOT NULL REFERENCES pql.calendar ON UPDATE CASCADE ON DELETE CASCADE,
	day date NOT NULL CHECK (isfinite(day)),
	name text,
	hours text CHECK (pql.check_hours(hours)),
	PRIMARY KEY (calendar, day)
);
COMMENT ON TABLE pql.holiday IS 'Days on which a calendar has other hours than in the week, or none.';
COMMENT ON COLUMN pql.holiday.hours IS 'Spans, as in 09:00-13:00; NULL: closed.';
SELECT pg_catalog.pg_extension_config_dump('pql.holiday', '');

CREATE FUNCTION pql.add_business_time(start timestamptz, amount interval, calendar text DEFAULT NULL, timezone text DEFAULT NULL) RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_add_business_time';
COMMENT ON FUNCTION pql.add_business_time(timestamptz, interval, text, text) IS 'The earliest instant by which so much business time has passed since the start: 2 hours from 17:30 is 10:30 on the next working day. Days of the amount are working days: they come first, and keep the local time. Negative amounts go back. timezone: instead of the calendar''s own. NULL start or amount: NULL. Months, an unknown calendar or timezone, and results after the year 9999 are ERRORs.';
CREATE FUNCTION pql.business_time_between(a timestamptz, b timestamptz, calendar text DEFAULT NULL, timezone text DEFAULT NULL) RETURNS interval
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_business_time_between';
COMMENT ON FUNCTION pql.business_time_between(timestamptz, timestamptz, text, text) IS 'The business time from a to b, in hours, minutes and seconds; negative when b is earlier. Adding it to a gives b, where b is in open hours. NULL a or b: NULL.';
CREATE FUNCTION pql.business_days_between(a timestamptz, b timestamptz, calendar text DEFAULT NULL, timezone text DEFAULT NULL) RETURNS int
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_business_days_between_sql';
COMMENT ON FUNCTION pql.business_days_between(timestamptz, timestamptz, text, text) IS 'Working days (on which the calendar has hours) after the local date of a, up to that of b; negative when b is earlier. NULL a or b: NULL.';
CREATE FUNCTION pql.next_opening(at timestamptz, calendar text DEFAULT NULL, timezone text DEFAULT NULL) RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pql_next_opening_sql';
COMMENT ON FUNCTION pql.next_opening(timestamptz, text, text) IS 'at itself in open hours, else the next instant at which they begin. NULL: NULL. A calendar that never opens is an ERROR.';
