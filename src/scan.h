/*
 * scan.h: reading event tables page by page, straight into the evidence of a population.
 */
#ifndef PQL_SCAN_H
#define PQL_SCAN_H

#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

#include "population.h"
#include "ranges.h"
#include "source.h"

typedef struct PqlScan
{
	const PqlModel *model;
	PqlPopulation *population;
	Snapshot snapshot;
	int64 as_of;
	int64 known_at;            /* only rows loaded by then; PQL_NEVER: all */
	bool open;                 /* users of whom only events are known are let in */
	const PqlAliases *aliases; /* ids that mean somebody else, or NULL */
	MemoryContext scratch;

	/* set by pql_scan_begin */
	int64 earliest; /* no event before, and none after, can matter */
	int64 latest;
	bool early; /* conditions on properties are tested before the user is looked for */
	PqlValue *values;
	struct PqlBatch *batch;
} PqlScan;

/* One table to read. */
typedef struct PqlLeaf
{
	Relation rel;
	PqlShape *shape;
	Relation by_user; /* an index by which one user's rows are found, or NULL */
	bool in_time;     /* and in the order of time */
	BlockNumber nblocks;
	BufferAccessStrategy strategy;
	int nrepeats;
	PqlRanges ranges;
	ItemPointer repeats; /* rows that repeat others, ascending: they do not count */
} PqlLeaf;

/* The population is complete (but for those of whom only events are known). */
extern void pql_scan_begin(PqlScan *scan);

/* Opens a table of a source that has no obstacle. The snapshot has to be taken already. */
extern void pql_leaf_open(PqlLeaf *leaf, const PqlSource *source, Oid relation,
						  const PqlModel *model);
extern void pql_leaf_close(PqlLeaf *leaf);

/* Finds an index that pql_leaf_first can use; false: there is none. */
extern bool pql_leaf_index(PqlLeaf *leaf);

/*
 * The first event of a user from an instant on, before another, that counts; PQL_NEVER: there is
 * none. By index: for the few of whom it has to be known.
 */
extern int64 pql_leaf_first(const PqlScan *scan, PqlLeaf *leaf, const char *id, int length,
							int64 from, int64 before);

/* Finds out which of its blocks can hold events that matter to the scan. */
extern void pql_leaf_narrow(PqlScan *scan, PqlLeaf *leaf);

/* Adds the events of blocks `from` to `until` - 1. */
extern void pql_scan_blocks(PqlScan *scan, PqlLeaf *leaf, BlockNumber from, BlockNumber until);

#endif
