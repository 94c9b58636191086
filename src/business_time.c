/*
 * business_time.c: the time that passes while somebody is at work, and its SQL face.
 *
 * Everything goes day by day over the spans of hours: a day takes some 20 nanoseconds, so that
 * years are nothing.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "business_time.h"
#include "compat.h"
#include "query.h"

/* Of who says nothing else. */
#define DEFAULT_HOURS "mon-fri 09:00-18:00"
#define DEFAULT_ZONE "UTC"

#define FIRST_DAY ((int32) (PQL_MIN_INSTANT / USECS_PER_DAY) - 1)
#define LAST_DAY ((int32) (PQL_MAX_INSTANT / USECS_PER_DAY) + 1)

/* ---- hours as they are written ---- */

static const char *const day_names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static const PqlHoursError fine = {NULL, NULL};

static PqlHoursError
wrong(const char *message, const char *at, const char *hint)
{
	PqlHoursError error = {psprintf(message, at), hint};

	return error;
}

#define SPAN_HINT "Write spans as 09:00-18:00, with breaks as 09:00-12:30 13:30-18:00."
#define WEEK_HINT "Write for example 'mon-fri 09:00-18:00; sat 10:00-14:00'."

static const char *
skip_blanks(const char *p)
{
	while (isspace((unsigned char) *p) || *p == ',')
		p++;
	return p;
}

/* HH:MM; -1: it is none. */
static int64
read_clock(const char **p)
{
	int hour;
	int minute;
	int length = 0;

	if (sscanf(*p, "%2d:%2d%n", &hour, &minute, &length) != 2 || length < 4 ||
		!isdigit((unsigned char) **p) || !isdigit((unsigned char) (*p)[length - 1]) ||
		!isdigit((unsigned char) (*p)[length - 2]) || minute > 59 || hour > 24 ||
		(hour == 24 && minute > 0))
		return -1;
	*p += length;
	return (int64) hour * USECS_PER_HOUR + (int64) minute * USECS_PER_MINUTE;
}

/* Reads spans up to what is none, and puts them in order. */
static PqlHoursError
read_spans(const char **p, PqlHours *hours)
{
	hours->n = 0;
	for (*p = skip_blanks(*p); isdigit((unsigned char) **p); *p = skip_blanks(*p))
	{
		const char *at = *p;
		PqlSpan span;
		int i;

		span.opens = read_clock(p);
		if (span.opens < 0 || *(*p)++ != '-')
			return wrong("\"%s\" does not begin with a span of hours", at, SPAN_HINT);
		span.closes = read_clock(p);
		if (span.closes < 0)
			return wrong("\"%s\" does not begin with a span of hours", at, SPAN_HINT);
		if (span.closes <= span.opens)
			return wrong("\"%s\" closes before it opens", at,
						 "A shift past midnight is two spans: fri 22:00-24:00; sat 00:00-06:00.");
		if (hours->n == PQL_MAX_SPANS)
			return wrong("\"%s\" is a span too many", at, "A day has 12 at most.");
		for (i = hours->n; i > 0 && hours->span[i - 1].opens > span.opens; i--)
			hours->span[i] = hours->span[i - 1];
		hours->span[i] = span;
		hours->n++;
		for (i = 1; i < hours->n; i++)
			if (hours->span[i].opens < hours->span[i - 1].closes)
				return wrong("\"%s\" overlaps another span", at, SPAN_HINT);
	}
	return fine;
}

PqlHoursError
pql_read_hours(const char *text, PqlHours *hours)
{
	const char *p = text;
	PqlHoursError error = read_spans(&p, hours);

	if (error.message == NULL && *p != '\0')
		return wrong("\"%s\" is no span of hours", p, SPAN_HINT);
	return error;
}

/* The number of a day's name; -1: it is none. */
static int
read_day(const char **p)
{
	for (int i = 0; i < 7; i++)
		if (pg_strncasecmp(*p, day_names[i], 3) == 0 && !isalpha((unsigned char) (*p)[3]))
		{
			*p += 3;
			return i;
		}
	return -1;
}

/* mon, mon-fri, mon wed: as a set of bits, which may go round the week. */
static PqlHoursError
read_days(const char **p, int *days)
{
	*days = 0;
	for (*p = skip_blanks(*p); isalpha((unsigned char) **p); *p = skip_blanks(*p))
	{
		const char *at = *p;
		int from = read_day(p);
		int to = from;

		if (from >= 0 && **p == '-')
		{
			(*p)++;
			to = read_day(p);
		}
		if (from < 0 || to < 0)
			return wrong("\"%s\" does not begin with a day of the week", at, WEEK_HINT);
		for (int day = from;; day = (day + 1) % 7)
		{
			*days |= 1 << day;
			if (day == to)
				break;
		}
	}
	return fine;
}

PqlHoursError
pql_read_week(const char *text, PqlHours week[7])
{
	const char *p = skip_blanks(text);
	PqlHoursError error;

	memset(week, 0, 7 * sizeof(PqlHours));
	while (*p != '\0')
	{
		const char *at = p;
		PqlHours hours;
		int days;

		error = read_days(&p, &days);
		if (error.message == NULL)
			error = read_spans(&p, &hours);
		if (error.message != NULL)
			return error;
		if (days == 0 || hours.n == 0)
			return wrong("\"%s\" does not begin with days and their hours", at, WEEK_HINT);
		for (int day = 0; day < 7; day++)
			if (days & (1 << day))
			{
				if (week[day].n > 0)
					return wrong("\"%s\" speaks of a day again", at,
								 "Give all hours of a day at once.");
				week[day] = hours;
			}
		if (*p != '\0' && *p++ != ';')
			return wrong("\"%s\" is neither a day nor a span of hours", p - 1, WEEK_HINT);
		p = skip_blanks(p);
	}
	return fine;
}

/* ---- days ---- */

static const PqlHours *
hours_of(const PqlCalendar *c, int32 day)
{
	int low = 0;
	int high = c->nholidays - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;

		if (c->holidays[middle].day == day)
			return &c->holidays[middle].hours;
		if (c->holidays[middle].day < day)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return &c->week[day - pql_week_start(pql_week(day))];
}

/*
 * The instants of a span on a day, of which what lies before `from` is left out: where the clocks
 * skip an hour, one span may reach into the next. On a date that a zone has skipped altogether, to
 * be on the other side of the date line, nothing is left.
 */
static PqlSpan
span_on(const PqlCalendar *c, int32 day, const PqlSpan *span, int64 from)
{
	int64 midnight = (int64) day * USECS_PER_DAY;
	PqlSpan on = {pql_from_local(c->zone, midnight + span->opens),
				  pql_from_local(c->zone, midnight + span->closes)};

	if (pql_day(c->zone, on.opens) != day)
		on.closes = on.opens;
	on.opens = Max(on.opens, from);
	return on;
}

static bool
is_working_day(const PqlCalendar *c, int32 day)
{
	const PqlHours *hours = hours_of(c, day);

	for (int i = 0; i < hours->n; i++)
	{
		PqlSpan on = span_on(c, day, &hours->span[i], PQL_ALWAYS);

		if (on.closes > on.opens)
			return true;
	}
	return false;
}

bool
pql_calendar_opens(const PqlCalendar *c)
{
	for (int i = 0; i < 7; i++)
		if (c->week[i].n > 0)
			return true;
	return false;
}

/* The spans in which a calendar is open from an instant on, in order. */
typedef struct Walk
{
	const PqlCalendar *calendar;
	int64 from;
	int32 day;
	int32 last;
	int i; /* the day's next span */
} Walk;

/* A day before the first, and one after the last: where midnight is skipped or comes twice, an
 * instant may be of either. */
static Walk
walk(const PqlCalendar *c, int64 from, int64 until)
{
	Walk w = {c, from, pql_day(c->zone, from) - 1,
			  until == PQL_NEVER ? LAST_DAY : pql_day(c->zone, until) + 1, 0};

	return w;
}

static bool
next_span(Walk *w, PqlSpan *span)
{
	for (; w->day <= w->last; w->day++)
	{
		const PqlHours *hours = hours_of(w->calendar, w->day);

		while (w->i < hours->n)
		{
			*span = span_on(w->calendar, w->day, &hours->span[w->i++], w->from);
			if (span->closes <= span->opens)
				continue;
			w->from = span->closes;
			return true;
		}
		w->i = 0;
	}
	return false;
}

int64
pql_business_between(const PqlCalendar *c, int64 a, int64 b)
{
	Walk w = walk(c, a, b);
	PqlSpan span;
	int64 sum = 0;

	if (b < a)
		return -pql_business_between(c, b, a);
	while (next_span(&w, &span) && span.opens < b)
		sum += Min(span.closes, b) - span.opens;
	return sum;
}

static int64
add_forward(const PqlCalendar *c, int64 start, int64 amount)
{
	Walk w = walk(c, start, PQL_NEVER);
	PqlSpan span;

	while (next_span(&w, &span))
	{
		if (amount <= span.closes - span.opens)
			return span.opens + amount;
		amount -= span.closes - span.opens;
	}
	return PQL_NEVER;
}

static int64
add_backward(const PqlCalendar *c, int64 start, int64 amount)
{
	for (int32 day = pql_day(c->zone, start) + 1; day >= FIRST_DAY; day--)
	{
		const PqlHours *hours = hours_of(c, day);

		for (int i = hours->n - 1; i >= 0; i--)
		{
			PqlSpan on = span_on(c, day, &hours->span[i], PQL_ALWAYS);
			int64 until = Min(on.closes, start);

			if (until <= on.opens)
				continue;
			if (amount <= until - on.opens)
				return until - amount;
			amount -= until - on.opens;
			start = on.opens;
		}
	}
	return PQL_ALWAYS;
}

int64
pql_business_add(const PqlCalendar *c, int64 start, int64 amount)
{
	if (amount == 0)
		return start;
	return amount > 0 ? add_forward(c, start, amount) : add_backward(c, start, -amount);
}

int64
pql_business_add_days(const PqlCalendar *c, int64 start, int n)
{
	int32 day = pql_day(c->zone, start);
	int64 clock = start + pql_zone_offset(c->zone, start) - (int64) day * USECS_PER_DAY;
	int step = n < 0 ? -1 : 1;

	if (n == 0)
		return start;
	for (int left = abs(n); left > 0;)
	{
		day += step;
		if (day > LAST_DAY || day < FIRST_DAY)
			return n > 0 ? PQL_NEVER : PQL_ALWAYS;
		if (is_working_day(c, day))
			left--;
	}
	return pql_from_local(c->zone, (int64) day * USECS_PER_DAY + clock);
}

int64
pql_business_days_between(const PqlCalendar *c, int64 a, int64 b)
{
	int64 n = 0;
	int32 last = pql_day(c->zone, b);

	if (b < a)
		return -pql_business_days_between(c, b, a);
	for (int32 day = pql_day(c->zone, a) + 1; day <= last; day++)
		n += is_working_day(c, day);
	return n;
}

int64
pql_next_opening(const PqlCalendar *c, int64 at)
{
	Walk w = walk(c, at, PQL_NEVER);
	PqlSpan span;

	return next_span(&w, &span) ? span.opens : PQL_NEVER;
}

/* ---- the face ---- */

static void
refuse_hours(PqlHoursError error)
{
	if (error.message != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", error.message),
						errhint("%s", error.hint)));
}

/*
 * pql.check_week(text) → boolean, strict: true; what is no week of hours is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_check_week);
Datum
pql_check_week(PG_FUNCTION_ARGS)
{
	PqlHours week[7];

	refuse_hours(pql_read_week(text_to_cstring(PG_GETARG_TEXT_PP(0)), week));
	PG_RETURN_BOOL(true);
}

/*
 * pql.check_hours(text) → boolean, strict: true; what is no day's hours is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_check_hours);
Datum
pql_check_hours(PG_FUNCTION_ARGS)
{
	PqlHours hours;

	refuse_hours(pql_read_hours(text_to_cstring(PG_GETARG_TEXT_PP(0)), &hours));
	PG_RETURN_BOOL(true);
}

static PqlZone *
zone_of(const char *name)
{
	PqlZone *zone = pql_zone(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no timezone", name),
				 errhint("Use an IANA name such as \"Europe/Berlin\", or \"UTC\".")));
	return zone;
}

/*
 * pql.check_timezone(text) → boolean, strict: true; what is no timezone is an ERROR.
 */
PG_FUNCTION_INFO_V1(pql_check_timezone);
Datum
pql_check_timezone(PG_FUNCTION_ARGS)
{
	(void) zone_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_BOOL(true);
}

/*
 * pql.local_date(timestamptz, timezone text) → date, strict: the local date of an instant, as
 * (at AT TIME ZONE timezone)::date, and some times as fast. Infinite instants stay so.
 */
PG_FUNCTION_INFO_V1(pql_local_date);
Datum
pql_local_date(PG_FUNCTION_ARGS)
{
	int64 at = PG_GETARG_TIMESTAMPTZ(0);
	const text *name = PG_GETARG_TEXT_PP(1);
	PqlZone *zone = fcinfo->flinfo->fn_extra;

	/* queries use one */
	if (zone == NULL || strlen(zone->name) != VARSIZE_ANY_EXHDR(name) ||
		memcmp(zone->name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) != 0)
	{
		zone = zone_of(text_to_cstring(name));
		fcinfo->flinfo->fn_extra = zone;
	}
	if (TIMESTAMP_IS_NOBEGIN(at))
		PG_RETURN_DATEADT(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(at))
		PG_RETURN_DATEADT(DATEVAL_NOEND);
	PG_RETURN_DATEADT(pql_day(zone, at));
}

/*
 * pql.days_between(timestamptz, timestamptz) → float8, strict: days of 24 hours from one instant to
 * another. NULL when either is infinite.
 */
PG_FUNCTION_INFO_V1(pql_days_between);
Datum
pql_days_between(PG_FUNCTION_ARGS)
{
	int64 from = PG_GETARG_TIMESTAMPTZ(0);
	int64 until = PG_GETARG_TIMESTAMPTZ(1);

	if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(until))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(((double) until - (double) from) / USECS_PER_DAY);
}

/* A calendar as a query uses it, read once. */
typedef struct Used
{
	struct Used *next;
	MemoryContext context;
	char *name; /* NULL: that of who says nothing else */
	char *zone_name;
	bool found;
	PqlCalendar calendar;
} Used;

static void
take_calendar(void *state, TupleTableSlot *slot)
{
	Used *u = state;
	char *zone = TextDatumGetCString(slot->tts_values[0]);

	u->found = true;
	if (u->zone_name == NULL)
		u->calendar.zone = zone_of(zone);
	refuse_hours(pql_read_week(TextDatumGetCString(slot->tts_values[1]), u->calendar.week));
}

static void
take_holiday(void *state, TupleTableSlot *slot)
{
	Used *u = state;
	PqlCalendar *c = &u->calendar;
	PqlHoliday *holiday;

	if (c->nholidays % 64 == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(u->context);
		Size size = (c->nholidays + 64) * sizeof(PqlHoliday);

		c->holidays = c->holidays == NULL ? palloc(size) : repalloc(c->holidays, size);
		MemoryContextSwitchTo(old);
	}
	holiday = &c->holidays[c->nholidays++];
	holiday->day = DatumGetDateADT(slot->tts_values[0]);
	holiday->hours.n = 0;
	if (!slot->tts_isnull[1])
		refuse_hours(pql_read_hours(TextDatumGetCString(slot->tts_values[1]), &holiday->hours));
}

static void
read_calendar(Used *u)
{
	PqlArgs args = {0};

	u->calendar.zone = zone_of(u->zone_name != NULL ? u->zone_name : DEFAULT_ZONE);
	if (u->name == NULL)
	{
		(void) pql_read_week(DEFAULT_HOURS, u->calendar.week);
		return;
	}
	pql_arg(&args, TEXTOID, CStringGetTextDatum(u->name), false);
	pql_query("SELECT c.timezone, c.hours FROM pql.calendar c "
			  "WHERE c.calendar OPERATOR(pg_catalog.=) $1",
			  &args, PQL_PLAN_AS_EVER, take_calendar, u);
	if (!u->found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no calendar \"%s\"", u->name),
				 errhint("Calendars are rows of pql.calendar. NULL is %s in %s.", DEFAULT_HOURS,
						 DEFAULT_ZONE)));
	pql_query("SELECT h.day, h.hours FROM pql.holiday h "
			  "WHERE h.calendar OPERATOR(pg_catalog.=) $1 ORDER BY h.day",
			  &args, PQL_PLAN_AS_EVER, take_holiday, u);
}

static bool
same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static char *
name_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The calendar of a call: its name and the timezone that replaces its own are arguments n and n
 * + 1. */
static const PqlCalendar *
calendar_arg(FunctionCallInfo fcinfo, int n)
{
	char *name = name_arg(fcinfo, n);
	char *zone = name_arg(fcinfo, n + 1);
	MemoryContext old;
	Used *u;

	for (u = fcinfo->flinfo->fn_extra; u != NULL; u = u->next)
		if (same_name(u->name, name) && same_name(u->zone_name, zone))
			return &u->calendar;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	u = palloc0(sizeof(Used));
	u->context = fcinfo->flinfo->fn_mcxt;
	u->name = name == NULL ? NULL : pstrdup(name);
	u->zone_name = zone == NULL ? NULL : pstrdup(zone);
	MemoryContextSwitchTo(old);
	read_calendar(u);
	u->next = fcinfo->flinfo->fn_extra;
	fcinfo->flinfo->fn_extra = u;
	return &u->calendar;
}

static int64
instant_arg(FunctionCallInfo fcinfo, int n)
{
	int64 at = PG_GETARG_TIMESTAMPTZ(n);

	if (!PQL_INSTANT_OK(at))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("%s is not an instant of the years 1 to 9999",
					DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(at)))),
			 errhint("Business time is reckoned between instants.")));
	return at;
}

static Datum
instant_result(const PqlCalendar *c, int64 at)
{
	if (!PQL_INSTANT_OK(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("that is not in the years 1 to 9999"),
						pql_calendar_opens(c)
							? errhint("Ask for less.")
							: errhint("The calendar never opens: give it hours in pql.calendar.")));
	return TimestampTzGetDatum(at);
}

/*
 * pql.add_business_time(start timestamptz, amount interval, calendar text, timezone text) →
 * timestamptz, not strict: NULL when start or amount is.
 *
 * Days of the amount are working days, which come first and keep the local time; hours, minutes
 * and seconds are business time. ERROR: months, an unknown calendar or timezone, a result out of
 * range.
 */
PG_FUNCTION_INFO_V1(pql_add_business_time);
Datum
pql_add_business_time(PG_FUNCTION_ARGS)
{
	const PqlCalendar *c;
	const Interval *amount;
	int64 at;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	at = instant_arg(fcinfo, 0);
	amount = PG_GETARG_INTERVAL_P(1);
	if (amount->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("business time is not counted in months"),
				 errhint("Use days, which are working days, and hours: '2 days', '4 hours'.")));
	c = calendar_arg(fcinfo, 2);
	at = pql_business_add_days(c, at, amount->day);
	if (PQL_INSTANT_OK(at))
		at = pql_business_add(c, at, amount->time);
	PG_RETURN_DATUM(instant_result(c, at));
}

/*
 * pql.business_time_between(a timestamptz, b timestamptz, calendar text, timezone text) → interval
 * of hours, minutes and seconds, not strict: NULL when a or b is. Negative when b is earlier.
 */
PG_FUNCTION_INFO_V1(pql_business_time_between);
Datum
pql_business_time_between(PG_FUNCTION_ARGS)
{
	Interval *passed;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	passed = palloc0(sizeof(Interval));
	passed->time = pql_business_between(calendar_arg(fcinfo, 2), instant_arg(fcinfo, 0),
										instant_arg(fcinfo, 1));
	PG_RETURN_INTERVAL_P(passed);
}

/*
 * pql.business_days_between(a timestamptz, b timestamptz, calendar text, timezone text) → int, not
 * strict: working days after the local date of a, up to that of b. NULL when a or b is.
 */
PG_FUNCTION_INFO_V1(pql_business_days_between_sql);
Datum
pql_business_days_between_sql(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) pql_business_days_between(
		calendar_arg(fcinfo, 2), instant_arg(fcinfo, 0), instant_arg(fcinfo, 1)));
}

/*
 * pql.next_opening(at timestamptz, calendar text, timezone text) → timestamptz, not strict: at
 * itself in open hours, else the next instant at which they begin. NULL when at is.
 */
PG_FUNCTION_INFO_V1(pql_next_opening_sql);
Datum
pql_next_opening_sql(PG_FUNCTION_ARGS)
{
	const PqlCalendar *c;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	c = calendar_arg(fcinfo, 1);
	PG_RETURN_DATUM(instant_result(c, pql_next_opening(c, instant_arg(fcinfo, 0))));
}
