/*
 * day.c: calendar days in an IANA timezone, at the price of an addition and a division.
 *
 * PostgreSQL knows for each zone when its offset from UTC changes. A zone's stretches of constant
 * offset are listed once per backend; a row then finds its local date in the stretch used last,
 * which changes twice a year.
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "day.h"

#define FIRST_YEAR_UNIX INT64CONST(0)         /* 1970-01-01 */
#define LAST_YEAR_UNIX INT64CONST(7258118400) /* 2200-01-01 */

#define UNIX_TO_PG_SECS ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static PqlZone **zones = NULL;
static int nzones = 0;

static int64
unix_to_instant(pg_time_t seconds)
{
	return ((int64) seconds - UNIX_TO_PG_SECS) * USECS_PER_SEC;
}

static void
list_stretches(PqlZone *zone)
{
	pg_time_t from = FIRST_YEAR_UNIX;
	int size = 64;

	zone->stretch = palloc(size * sizeof(PqlStretch));
	zone->n = 0;
	while (from < LAST_YEAR_UNIX)
	{
		pg_time_t boundary;
		long before;
		long after;
		int before_dst;
		int after_dst;
		int found;
		PqlStretch *s;

		found = pg_next_dst_boundary(&from, &before, &before_dst, &boundary, &after, &after_dst,
									 zone->tz);
		if (found < 0)
			elog(ERROR, "no offset of timezone \"%s\" at %lld", zone->name, (long long) from);
		if (found == 0 || boundary > LAST_YEAR_UNIX)
			boundary = LAST_YEAR_UNIX;
		if (zone->n == size)
		{
			size *= 2;
			zone->stretch = repalloc(zone->stretch, size * sizeof(PqlStretch));
		}
		s = &zone->stretch[zone->n++];
		s->start = unix_to_instant(from);
		s->end = unix_to_instant(boundary);
		s->offset = (int64) before * USECS_PER_SEC;
		from = boundary;
	}
}

/*
 * pg_tzset also takes POSIX rules such as "XYZ+3" (three hours *west*), whose sign nobody guesses
 * right. They have digits; IANA has them in Etc/GMT+3 and in a few names of old only.
 */
static bool
is_posix_rule(const char *name)
{
	static const char *const iana[] = {"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
									   "GMT0",    "GMT+0",   "GMT-0",   "Etc/GMT0"};
	int hours;
	int end = 0;

	if (strcmp(name, "posixrules") == 0)
		return true;
	if (strpbrk(name, "0123456789<>,") == NULL)
		return false;
	for (int i = 0; i < lengthof(iana); i++)
		if (strcmp(name, iana[i]) == 0)
			return false;
	return sscanf(name, "Etc/GMT%3d%n", &hours, &end) != 1 || name[end] != '\0' || hours < -14 ||
		   hours > 12;
}

PqlZone *
pql_zone(const char *name)
{
	MemoryContext old;
	PqlZone *zone;
	pg_tz *tz;

	for (int i = 0; i < nzones; i++)
		if (strcmp(zones[i]->name, name) == 0)
			return zones[i];

	if (strlen(name) > TZ_STRLEN_MAX || is_posix_rule(name))
		return NULL;
	tz = pg_tzset(name);
	if (tz == NULL || !pg_tz_acceptable(tz))
		return NULL;

	old = MemoryContextSwitchTo(TopMemoryContext);
	zone = palloc0(sizeof(PqlZone));
	strlcpy(zone->name, name, sizeof(zone->name));
	zone->tz = tz;
	list_stretches(zone);
	if (zones == NULL)
		zones = palloc(sizeof(PqlZone *));
	else
		zones = repalloc(zones, (nzones + 1) * sizeof(PqlZone *));
	zones[nzones++] = zone;
	MemoryContextSwitchTo(old);
	return zone;
}

int64
pql_zone_offset_slow(PqlZone *zone, int64 t)
{
	int low = 0;
	int high = zone->n - 1;
	pg_time_t seconds;
	struct pg_tm *tm;

	if (t >= zone->stretch[0].start && t < zone->stretch[high].end)
	{
		while (low < high)
		{
			int middle = (low + high + 1) / 2;

			if (zone->stretch[middle].start <= t)
				low = middle;
			else
				high = middle - 1;
		}
		zone->last = low;
		return zone->stretch[low].offset;
	}
	seconds = (pg_time_t) (pql_floor_div(t, USECS_PER_SEC) + UNIX_TO_PG_SECS);
	tm = pg_localtime(&seconds, zone->tz);
	if (tm == NULL)
		return 0;
	return (int64) tm->tm_gmtoff * USECS_PER_SEC;
}

int64
pql_day_start(PqlZone *zone, int32 day)
{
	int64 local = (int64) day * USECS_PER_DAY;
	/* No offset is further from UTC than 26 hours, so the answer lies between these. */
	int64 low = local - 26 * USECS_PER_HOUR;
	int64 high = local + 26 * USECS_PER_HOUR;
	int64 guess = local - pql_zone_offset(zone, local);

	if (pql_day(zone, guess) == day && pql_day(zone, guess - 1) == day - 1)
		return guess;

	/* local dates do not fall back, but for an hour in a few zones of the past: bisect */
	while (low < high)
	{
		int64 middle = low + (high - low) / 2;

		if (pql_day(zone, middle) >= day)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64
pql_from_local(PqlZone *zone, int64 local)
{
	const PqlStretch *s = &zone->stretch[zone->last];
	struct pg_tm tm;
	fsec_t fsec;

	/* far from a change of the clocks there is nothing to choose */
	if (local - s->offset >= s->start + 2 * USECS_PER_DAY &&
		local - s->offset < s->end - 2 * USECS_PER_DAY)
		return local - s->offset;
	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return local;
	local += (int64) DetermineTimeZoneOffset(&tm, zone->tz) * USECS_PER_SEC;
	(void) pql_zone_offset(zone, local);
	return local;
}

int64
pql_add_days(PqlZone *zone, int64 t, int n)
{
	return pql_from_local(zone, t + pql_zone_offset(zone, t) + n * USECS_PER_DAY);
}
