/*
 * ranges.c: which blocks of a table can hold events of a span of time.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/itup.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/tidbitmap.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "compat.h"
#include "ranges.h"

/* A btree lists rows one by one: worth it for so small a part of the table. */
#define SELECTIVE 0.15

typedef struct Span
{
	AttrNumber number; /* of the column */
	Oid type;
	int64 earliest;
	int64 latest;
} Span;

/* ---- partition bounds ---- */

static Expr *
comparison(const Span *span, int strategy, int64 value)
{
	Oid family = lookup_type_cache(span->type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	Var *column = makeVar(1, span->number, span->type, -1, InvalidOid, 0);
	Const *bound =
		makeConst(span->type, -1, InvalidOid, sizeof(int64), Int64GetDatum(value), false, true);
	Expr *result =
		make_opclause(get_opfamily_member(family, span->type, span->type, strategy), BOOLOID, false,
					  (Expr *) column, (Expr *) bound, InvalidOid, InvalidOid);

	set_opfuncid((OpExpr *) result);
	return result;
}

/* Do the bounds of a partition say that it has nothing of the span? */
static bool
bounds_refute(Relation rel, const Span *span)
{
	List *wanted;

	if (!rel->rd_rel->relispartition)
		return false;
	wanted = list_make2(comparison(span, BTGreaterEqualStrategyNumber, span->earliest),
						comparison(span, BTLessEqualStrategyNumber, span->latest));
	return predicate_refuted_by(RelationGetPartitionQual(rel), wanted, false);
}

/* ---- indexes ---- */

/* The column's place in an index that may be used; 0: none. */
static int
place_in(Relation index, const Span *span)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisvalid || !form->indisready || RelationGetIndexPredicate(index) != NIL ||
		(form->indcheckxmin &&
		 !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
								TransactionXmin)))
		return 0;
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] == span->number && index->rd_opcintype[i] == span->type)
			return i + 1;
	return 0;
}

static void
set_key(ScanKey key, Relation index, int place, int strategy, int64 value)
{
	Oid type = index->rd_opcintype[place - 1];
	Oid operator_id = get_opfamily_member(index->rd_opfamily[place - 1], type, type, strategy);

	/* block range indexes choose their function by the type */
	ScanKeyEntryInitialize(key, 0, place, strategy, type, InvalidOid, get_opcode(operator_id),
						   Int64GetDatum(value));
}

static Bitmapset *
chunks_by(Relation rel, Relation index, int place, const Span *span, Snapshot snapshot)
{
	ScanKeyData keys[2];
	IndexScanDesc scan = pql_index_beginscan_bitmap(index, snapshot, lengthof(keys));
	TIDBitmap *bitmap = tbm_create(work_mem * (Size) 1024, NULL);
	Bitmapset *chunks = NULL;
	PqlTidIterator *iterator;
	BlockNumber block;

	set_key(&keys[0], index, place, BTGreaterEqualStrategyNumber, span->earliest);
	set_key(&keys[1], index, place, BTLessEqualStrategyNumber, span->latest);
	index_rescan(scan, keys, lengthof(keys), NULL, 0);
	(void) index_getbitmap(scan, bitmap);
	index_endscan(scan);
	iterator = pql_tid_iterate(bitmap);
	while (pql_tid_next(iterator, &block))
		chunks = bms_add_member(chunks, block / PQL_CHUNK);
	pql_tid_end(iterator);
	tbm_free(bitmap);
	return chunks;
}

/* The first or last value of an index; false: it is empty. */
static bool
end_of(Relation rel, Relation index, Snapshot snapshot, ScanDirection direction, int64 *value)
{
	IndexScanDesc scan = pql_index_beginscan(rel, index, snapshot, 1);
	ScanKeyData not_null;
	bool found = false;
	bool isnull;

	ScanKeyEntryInitialize(&not_null, SK_ISNULL | SK_SEARCHNOTNULL, 1, InvalidStrategy, InvalidOid,
						   InvalidOid, InvalidOid, (Datum) 0);
	scan->xs_want_itup = true;
	index_rescan(scan, &not_null, 1, NULL, 0);
	if (index_getnext_tid(scan, direction) != NULL)
	{
		*value = DatumGetInt64(index_getattr(scan->xs_itup, 1, scan->xs_itupdesc, &isnull));
		found = !isnull;
	}
	index_endscan(scan);
	return found;
}

/* Which part of the rows lies in the span, were they spread evenly over the time of the index. */
static double
part_within(Relation rel, Relation index, const Span *span, Snapshot snapshot)
{
	int64 first;
	int64 last;
	double from;
	double until;

	if ((index->rd_indoption[0] & INDOPTION_DESC) != 0 ||
		!end_of(rel, index, snapshot, ForwardScanDirection, &first) ||
		!end_of(rel, index, snapshot, BackwardScanDirection, &last) || last <= first)
		return 1;
	from = Max(first, span->earliest);
	until = Min(last, span->latest);
	return until < from ? 0 : (until - from) / ((double) last - first);
}

PqlRanges
pql_ranges_of(Relation rel, AttrNumber number, Snapshot snapshot, int64 earliest, int64 latest)
{
	Span span = {number, TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid, earliest,
				 latest};
	PqlRanges ranges = {true, NULL, NULL};
	List *indexes;
	ListCell *cell;

	if (span.type != TIMESTAMPTZOID && span.type != TIMESTAMPOID)
		return ranges;
	if (bounds_refute(rel, &span))
	{
		ranges.all = false;
		ranges.by = "its bounds";
		return ranges;
	}
	indexes = RelationGetIndexList(rel);
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		int place = place_in(index, &span);
		bool summary = index->rd_rel->relam == BRIN_AM_OID;
		bool sorted = index->rd_rel->relam == BTREE_AM_OID && place == 1;

		/* block ranges are told at once; then nothing finer is looked for */
		if (place > 0 &&
			(summary || (sorted && part_within(rel, index, &span, snapshot) < SELECTIVE)))
		{
			ranges.all = false;
			ranges.chunks = chunks_by(rel, index, place, &span, snapshot);
			ranges.by = pstrdup(RelationGetRelationName(index));
		}
		index_close(index, NoLock);
		if (!ranges.all)
			break;
	}
	list_free(indexes);
	return ranges;
}
