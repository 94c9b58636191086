/*
 * business_time.h: the time that passes while somebody is at work.
 *
 * Business time runs while the clocks of a zone show open hours, and stands still otherwise. A span
 * of hours is from the instant at which it opens to the one at which it closes, each as timestamp
 * AT TIME ZONE gives it, so that a day on which the clocks change is as long as it is.
 */
#ifndef PQL_BUSINESS_TIME_H
#define PQL_BUSINESS_TIME_H

#include "day.h"

/* Open from and until, in microseconds of the local date: 24 hours is the midnight after. */
typedef struct PqlSpan
{
	int64 opens;
	int64 closes;
} PqlSpan;

/* With breaks and split shifts; ascending, apart from each other. */
#define PQL_MAX_SPANS 12

typedef struct PqlHours
{
	int n; /* 0: closed */
	PqlSpan span[PQL_MAX_SPANS];
} PqlHours;

typedef struct PqlHoliday
{
	int32 day;
	PqlHours hours;
} PqlHoliday;

typedef struct PqlCalendar
{
	PqlZone *zone;
	PqlHours week[7]; /* Monday first */
	int nholidays;
	PqlHoliday *holidays; /* ascending by day */
} PqlCalendar;

/* What is wrong with hours that somebody wrote; message NULL: nothing. */
typedef struct PqlHoursError
{
	const char *message;
	const char *hint;
} PqlHoursError;

/* Reads 'mon-fri 09:00-12:30 13:30-18:00; sat 10:00-14:00'. */
extern PqlHoursError pql_read_week(const char *text, PqlHours week[7]);

/* Reads the spans of one day, '09:00-12:30 13:30-18:00'. */
extern PqlHoursError pql_read_hours(const char *text, PqlHours *hours);

/* Does it open at all? What follows comes to no end where it does not. */
extern bool pql_calendar_opens(const PqlCalendar *calendar);

/* Microseconds of business time from a to b; negative when b is earlier. */
extern int64 pql_business_between(const PqlCalendar *calendar, int64 a, int64 b);

/*
 * The earliest instant (for a negative amount, the latest) between which and the start so much
 * business time passes; PQL_NEVER or PQL_ALWAYS: it is not in the years 1 to 9999.
 */
extern int64 pql_business_add(const PqlCalendar *calendar, int64 start, int64 amount);

/*
 * The same local time on the nth working day after (or, for a negative n, before) the local date of
 * an instant: a day on which there are hours. PQL_NEVER or PQL_ALWAYS as above.
 */
extern int64 pql_business_add_days(const PqlCalendar *calendar, int64 start, int n);

/* Working days after the local date of a, up to that of b; negative when b is earlier. */
extern int64 pql_business_days_between(const PqlCalendar *calendar, int64 a, int64 b);

/* The instant itself where it is open, else the next at which it opens. */
extern int64 pql_next_opening(const PqlCalendar *calendar, int64 at);

#endif
