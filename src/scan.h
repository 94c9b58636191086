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
	int64 known_at; /* only rows loaded by then; PQL_NEVER: all */
	bool open;      /* users of whom only events are known are let in */
	MemoryContext scratch;

	/* set by pql_scan_begin */
	int64 earliest; /* no event before, and none after, can matter */
	int64 latest;
	PqlValue *values;
	struct PqlBatch *batch;
} PqlScan;

/* One table to read. */
typedef struct PqlLeaf
{
	Relation rel;
	PqlShape *shape;
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

/* Finds out which of its blocks can hold events that matter to the scan. */
extern void pql_leaf_narrow(PqlScan *scan, PqlLeaf *leaf);

/* Adds the events of blocks `from` to `until` - 1. */
extern void pql_scan_blocks(PqlScan *scan, PqlLeaf *leaf, BlockNumber from, BlockNumber until);

#endif
