/*
 * ranges.h: which blocks of a table can hold events of a span of time, by what indexes and
 * partition bounds say.
 */
#ifndef PQL_RANGES_H
#define PQL_RANGES_H

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* Blocks looked at together: what a block range index summarises by default. */
#define PQL_CHUNK 128

typedef struct PqlRanges
{
	bool all;          /* everything has to be read */
	Bitmapset *chunks; /* else: which chunks of PQL_CHUNK blocks */
	const char *by;    /* what told, for the log; NULL: nothing did */
} PqlRanges;

/*
 * earliest and latest are values of the time column `number` (of timestamps, in its zone).
 */
extern PqlRanges pql_ranges_of(Relation rel, AttrNumber number, Snapshot snapshot, int64 earliest,
							   int64 latest);

#endif
