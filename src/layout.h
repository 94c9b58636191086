/*
 * layout.h: what evidence consists of.
 *
 * A model asks for measures; measures need sufficient statistics; a statistic of one kind over one
 * class of events is a slot. A layout is the list of a model's slots. It says all that is needed
 * to merge, check and store evidence, so evidence carries it along; what an event must look like to
 * count (classes) is known to the model alone.
 */
#ifndef PQL_LAYOUT_H
#define PQL_LAYOUT_H

#include "lib/stringinfo.h"

#include "arena.h"

/*
 * Kinds of slots. "Capacity" is the most entries a slot holds, "days" its span. All are
 * commutative monoids: adding events in any order and merging in any grouping gives the same bytes.
 */
typedef enum PqlSlotKind
{
	PQL_FIRSTS = 1,  /* how many, and the earliest `capacity` instants (repeats kept) */
	PQL_LAST,        /* the latest instant */
	PQL_VALUES,      /* distinct values: those with the earliest first instants */
	PQL_RECENT,      /* distinct values: those seen last, the latest first */
	PQL_DAYS,        /* the earliest days, each with its first and last instant */
	PQL_DAY_FIRSTS,  /* the first instant of each trial day 1 to `days` */
	PQL_DAY_BITS,    /* which of the `days` days up to the last one had an event (at most 64) */
	PQL_DAY_COUNTS,  /* events on each of the `days` days up to the last one */
	PQL_WEEK_COUNTS, /* events in each of the `days` ISO weeks up to the last one */
	PQL_SUM,         /* sum of a number, in millionths, 128 bits wide */
	PQL_DAY_SUMS,    /* the same for each of the `days` days up to the last one */
	PQL_LARGEST,     /* the largest number, and when each of `capacity` levels was first reached */
	PQL_DAY_LARGEST, /* the largest number on each of the `days` days up to the last one */
	PQL_LATEST,      /* the latest number */
	PQL_READINGS, /* the last reading (usage, limit) of each of the `days` days up to the last one
				   */
	PQL_TEXT      /* a property of the first event, at most 64 bytes */
} PqlSlotKind;

#define PQL_SLOT_KINDS PQL_TEXT

#define PQL_MAX_SLOTS 400
#define PQL_MAX_CAPACITY 512
#define PQL_MAX_DAYS 800
#define PQL_MAX_LEVELS 16
#define PQL_TEXT_BYTES 64
/* The most that the evidence of one subject may take. */
#define PQL_MAX_EVIDENCE (32 * 1024)

/* Which of a subject's events a slot takes, by their days. */
typedef enum PqlWindowKind
{
	PQL_WINDOW_ALL,   /* from the start of the subject on */
	PQL_WINDOW_TRIAL, /* trial days `from` to `to` */
	PQL_WINDOW_LAST   /* trailing: the last `to` days; kept by the slot's buckets */
} PqlWindowKind;

typedef struct PqlWindow
{
	PqlWindowKind kind;
	int from;
	int to;
} PqlWindow;

typedef struct PqlSlot
{
	PqlSlotKind kind;
	int capacity;
	int days;
	double levels[PQL_MAX_LEVELS]; /* PQL_LARGEST: ascending */
	bool strict[PQL_MAX_LEVELS];   /* more than, rather than at least */
	uint32 size;                   /* bytes in memory, a multiple of 8 */

	/* Known to the model only. */
	int event_class;
	int property;  /* index of the property measured, or -1 */
	int property2; /* PQL_READINGS: the limit */
	PqlWindow window;
	int next; /* next slot of the same class, or -1 */
} PqlSlot;

typedef struct PqlLayout
{
	uint64 id; /* equal ids: the same slots over the same classes, windows and timezone */
	int n;
	PqlSlot *slots;
	uint32 bound;    /* most bytes that one subject's evidence takes as a value */
	PqlArena *arena; /* where evidence lives; NULL: in the current memory context */
} PqlLayout;

/* In-memory shapes of the slots. Unused entries are zero. */

/*
 * Slots of up to `capacity` entries start small and grow: most subjects need few. They all begin
 * like this.
 */
typedef struct PqlEntries
{
	uint16 n;    /* entries */
	uint16 room; /* for so many; at most the slot's capacity */
} PqlEntries;

typedef struct PqlFirsts
{
	PqlEntries entries;
	uint64 count;
	int64 at[FLEXIBLE_ARRAY_MEMBER];
} PqlFirsts;

typedef struct PqlKeyed
{
	uint64 key; /* hash of the value */
	int64 at;
} PqlKeyed;

typedef struct PqlValues /* PQL_VALUES and PQL_RECENT */
{
	PqlEntries entries;
	PqlKeyed entry[FLEXIBLE_ARRAY_MEMBER];
} PqlValues;

/* A day and its first and last instant. No local date lasts 2^40 microseconds, which are 12 days.
 */
typedef struct PqlDaySpan
{
	int64 first;
	uint64 rest; /* the day above, last - first in the lower 40 bits */
} PqlDaySpan;

#define PQL_SPAN_BITS 40
#define PQL_SPAN_MAX ((INT64CONST(1) << PQL_SPAN_BITS) - 1)

static inline PqlDaySpan
pql_span(int32 day, int64 first, int64 last)
{
	PqlDaySpan span = {first, ((uint64) (int64) day << PQL_SPAN_BITS) | (uint64) (last - first)};

	return span;
}

static inline int32
pql_span_day(const PqlDaySpan *span)
{
	return (int32) ((int64) span->rest >> PQL_SPAN_BITS);
}

static inline int64
pql_span_last(const PqlDaySpan *span)
{
	return span->first + (int64) (span->rest & PQL_SPAN_MAX);
}

typedef struct PqlDays
{
	PqlEntries entries;
	PqlDaySpan entry[FLEXIBLE_ARRAY_MEMBER];
} PqlDays;

/* Trial days with an event, ascending: the day above, its first instant less the start below. */
typedef struct PqlDayFirsts
{
	PqlEntries entries;
	uint64 first[FLEXIBLE_ARRAY_MEMBER];
} PqlDayFirsts;

#define PQL_SINCE_BITS 50
#define PQL_SINCE_MAX ((UINT64CONST(1) << PQL_SINCE_BITS) - 1)

static inline int
pql_first_day(uint64 first)
{
	return (int) (first >> PQL_SINCE_BITS);
}

static inline int64
pql_first_at(uint64 first, int64 started_at)
{
	return started_at + (int64) (first & PQL_SINCE_MAX);
}

typedef struct PqlDayBits
{
	int32 last;
	uint64 bits; /* bit i: day last - i */
} PqlDayBits;

typedef struct PqlCounts /* PQL_DAY_COUNTS, PQL_WEEK_COUNTS */
{
	int32 last;
	uint32 count[FLEXIBLE_ARRAY_MEMBER]; /* [i]: day or week last - i */
} PqlCounts;

typedef struct PqlWide
{
	int64 high;
	uint64 low;
} PqlWide;

static inline __int128
pql_wide(const PqlWide *w)
{
	return (__int128) ((unsigned __int128) (uint64) w->high << 64 | w->low);
}

/* No table can make sums overflow (millionths in evidence.c); forged evidence can, which then is
 * wrong and nothing worse. */
static inline __int128
pql_wide_sum(__int128 a, __int128 b)
{
	return (__int128) ((unsigned __int128) a + (unsigned __int128) b);
}

typedef struct PqlSums /* PQL_SUM (one entry, last unused) and PQL_DAY_SUMS */
{
	int32 last;
	uint32 count[1]; /* alignment; PQL_SUM: saturating number of addends */
	PqlWide sum[FLEXIBLE_ARRAY_MEMBER];
} PqlSums;

typedef struct PqlLargest
{
	double value;
	int64 reached[FLEXIBLE_ARRAY_MEMBER]; /* per level; PQL_NEVER: not yet */
} PqlLargest;

typedef struct PqlDayLargest
{
	int32 last;
	uint32 unused;
	double value[FLEXIBLE_ARRAY_MEMBER]; /* -infinity: none that day */
} PqlDayLargest;

typedef struct PqlLatest
{
	int64 at;
	double value;
} PqlLatest;

typedef struct PqlReading
{
	int64 at;
	double usage;
	double limit;
} PqlReading;

typedef struct PqlReadings
{
	int32 last;
	uint32 unused;
	PqlReading day[FLEXIBLE_ARRAY_MEMBER]; /* [i]: day last - i; at = PQL_ALWAYS: none */
} PqlReadings;

typedef struct PqlText
{
	int64 at;
	uint32 length;
	char bytes[PQL_TEXT_BYTES];
} PqlText;

/* Computes sizes and the bound, once all slots are there. */
extern void pql_layout_finish(PqlLayout *layout);

/* Bytes in memory of a slot when full; 0 when its capacity or span is out of range. */
extern uint32 pql_slot_size(const PqlSlot *slot);

/* Bytes in memory with room for n entries, for the kinds that grow. */
extern uint32 pql_slot_size_for(const PqlSlot *slot, int n);

/* Does the slot begin with PqlEntries? */
static inline bool
pql_slot_grows(const PqlSlot *slot)
{
	return slot->kind == PQL_FIRSTS || slot->kind == PQL_VALUES || slot->kind == PQL_RECENT ||
		   slot->kind == PQL_DAYS || slot->kind == PQL_DAY_FIRSTS;
}

/* Equal as far as merging is concerned. */
extern bool pql_layout_equal(const PqlLayout *a, const PqlLayout *b);

#endif
