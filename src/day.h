/*
 * day.h: calendar days and weeks in an IANA timezone.
 *
 * A day is a calendar date, numbered from 2000-01-01 = 0; a week is an ISO week (Monday first),
 * numbered so that the week of 2000-01-03 is 0. Instants are microseconds since 2000-01-01 00:00
 * UTC, PostgreSQL's timestamptz.
 */
#ifndef PQL_DAY_H
#define PQL_DAY_H

#include "datatype/timestamp.h"
#include "pgtime.h"

/* Instants that pql reckons with: years 1 to 9999. Everything else is ignored and counted. */
#define PQL_MIN_INSTANT INT64CONST(-63082281600000000)
#define PQL_MAX_INSTANT INT64CONST(252455615999999999)

#define PQL_INSTANT_OK(t) ((t) >= PQL_MIN_INSTANT && (t) <= PQL_MAX_INSTANT)

/* No instant yet: greater than every instant, so that "earliest" needs no special case. */
#define PQL_NEVER PG_INT64_MAX
/* Greater than every instant's past: less than every instant. */
#define PQL_ALWAYS PG_INT64_MIN

/* A stretch of time in which the timezone keeps one offset from UTC. */
typedef struct PqlStretch
{
	int64 start;  /* first instant */
	int64 end;    /* first instant after */
	int64 offset; /* local time minus UTC, microseconds */
} PqlStretch;

typedef struct PqlZone
{
	pg_tz *tz;
	char name[TZ_STRLEN_MAX + 1];
	int last; /* the stretch used last: events come in runs */
	int n;
	PqlStretch *stretch;
} PqlZone;

/* The zone of an IANA name, or NULL when there is none. Lives as long as the process. */
extern PqlZone *pql_zone(const char *name);

/* Outside the stretches known in advance (years 1970 to 2200): the slow, exact way. */
extern int64 pql_zone_offset_slow(PqlZone *zone, int64 t);

/* Local time minus UTC at t, in microseconds. */
static inline int64
pql_zone_offset(PqlZone *zone, int64 t)
{
	const PqlStretch *s = &zone->stretch[zone->last];

	if (likely(t >= s->start && t < s->end))
		return s->offset;
	return pql_zone_offset_slow(zone, t);
}

static inline int64
pql_floor_div(int64 a, int64 b)
{
	int64 q = a / b;

	return q - (a % b < 0);
}

/* The local date of an instant. */
static inline int32
pql_day(PqlZone *zone, int64 t)
{
	return (int32) pql_floor_div(t + pql_zone_offset(zone, t), USECS_PER_DAY);
}

/* The ISO week of a day. */
static inline int32
pql_week(int32 day)
{
	return (int32) pql_floor_div((int64) day - 2, 7);
}

/* Its Monday. */
static inline int32
pql_week_start(int32 week)
{
	return week * 7 + 2;
}

/* The instant of a local time, as timestamp AT TIME ZONE gives it. */
extern int64 pql_from_local(PqlZone *zone, int64 local);

/* The first instant of a local date: midnight, or what the clocks show first where they skip it. */
extern int64 pql_day_start(PqlZone *zone, int32 day);

/* The instant n calendar days later at the same local time, as timestamp arithmetic gives it. */
extern int64 pql_add_days(PqlZone *zone, int64 t, int n);

#endif
