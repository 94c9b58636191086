/*
 * scan.c: reading event tables page by page.
 *
 * Most of the time a scan waits for memory: a row's user may be anywhere. So rows are taken in
 * batches, and what the next step of each will touch is asked for while the others are worked on:
 * first where the users' members should be, then their evidence. Rows that cannot matter leave as
 * early as it can be told.
 *
 * Pages are read as the executor's sequential scan reads them: pinned, the visible rows noted under
 * the share lock, and their contents used while the pin is held.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "scan.h"

/* Rows worked on together: a page of them, as a rule. */
#define BATCH 128

typedef struct BatchRow
{
	PqlKey key;
	PqlMember *member;
	PqlTrial *trial; /* of those who have several */
	PqlEvent event;
	HeapTupleHeader tuple;
	bool opened; /* its properties are as the engine reads them */
} BatchRow;

typedef struct PqlBatch
{
	int n;
	BatchRow row[BATCH];
	int nkept;
	uint8 kept[BATCH]; /* rows that count */
	const char *fields[PQL_FIELDS + PQL_MAX_PROPERTY_COLUMNS];
} PqlBatch;

void
pql_scan_begin(PqlScan *scan)
{
	const PqlPopulation *p = scan->population;

	scan->earliest = scan->open ? PQL_ALWAYS : p->first_start;
	scan->latest = scan->as_of;
	scan->early = !scan->open && scan->model->nany == 0;
	if (scan->model->span != PQL_NEVER && PQL_INSTANT_OK(p->last_start))
		scan->latest = Min(scan->latest, p->last_start + scan->model->span);
	scan->values = palloc0(Max(1, scan->model->nproperties) * sizeof(PqlValue));
	scan->batch = palloc(sizeof(PqlBatch));
	scan->batch->n = 0;
	scan->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "pql scan row", ALLOCSET_DEFAULT_SIZES);
}

/* ---- one batch ---- */

/*
 * Takes a row into the batch, unless it can be told without its user that it does not count. Its
 * member's place is asked for.
 */
static void
take_row(PqlScan *scan, const PqlShape *shape, HeapTupleHeader tuple)
{
	PqlBatch *batch = scan->batch;
	BatchRow *row = &batch->row[batch->n];
	const char **fields = batch->fields;
	PqlEvent *event = &row->event;
	const char *id;
	int length;

	pql_row_fields(shape, tuple, fields);
	if (fields[PQL_USER_ID] == NULL || fields[PQL_OCCURRED_AT] == NULL)
		return;
	event->at = pql_field_instant(shape, PQL_OCCURRED_AT, fields[PQL_OCCURRED_AT]);
	if (event->at > scan->latest || event->at < scan->earliest || !PQL_INSTANT_OK(event->at))
		return;
	if (scan->known_at != PQL_NEVER && fields[PQL_RECEIVED_AT] != NULL &&
		pql_field_instant(shape, PQL_RECEIVED_AT, fields[PQL_RECEIVED_AT]) > scan->known_at)
		return;

	if (fields[PQL_EVENT] != NULL)
		event->name =
			pql_field_text(shape->type[PQL_EVENT], fields[PQL_EVENT], &event->name_length);
	else if (shape->source->event != NULL)
	{
		event->name = shape->source->event;
		event->name_length = strlen(event->name);
	}
	else
		return;
	event->dispatch = pql_model_dispatch(scan->model, event->name, event->name_length);
	if (event->dispatch == NULL && scan->model->nany == 0 && !scan->open)
		return;

	if (scan->early && event->dispatch->conditional)
	{
		/* most rows with a condition fail it: that is cheaper to find out than whose they are */
		event->properties = (struct varlena *) unconstify(char *, fields[PQL_PROPERTIES]);
		event->values = NULL;
		if (!shape->properties_need_opening && !pql_event_counts(scan->model, event))
			return;
	}
	id = pql_field_text(shape->type[PQL_USER_ID], fields[PQL_USER_ID], &length);
	pql_key_make(&row->key, id, length);
	if (unlikely(scan->aliases != NULL))
		pql_aliases_follow(scan->aliases, &row->key);
	__builtin_prefetch(pql_population_home(scan->population, &row->key));
	event->properties = (struct varlena *) unconstify(char *, fields[PQL_PROPERTIES]);
	event->values = NULL;
	row->tuple = tuple;
	row->opened = false;
	batch->n++;
}

/* Finds the rows' members, and asks for their evidence. */
static void
find_members(PqlScan *scan)
{
	PqlBatch *batch = scan->batch;
	PqlPopulation *p = scan->population;

	if (scan->open)
		pql_population_reserve(p, batch->n);
	batch->nkept = 0;
	for (int i = 0; i < batch->n; i++)
	{
		BatchRow *row = &batch->row[i];
		PqlMember *m = pql_population_find(p, &row->key);
		void *held;
		int64 since;
		int64 span;

		if (m == NULL)
		{
			if (!scan->open || !pql_population_wants(p, &row->key))
				continue;
			m = pql_population_let_in(p, &row->key);
		}
		row->member = m;
		row->trial = NULL;
		if (row->event.at < m->since)
			continue;
		since = m->since;
		if (unlikely(pql_member_many(m)))
		{
			row->trial = pql_trials_at(pql_member_held(m), row->event.at);
			since = row->trial->started_at;
		}
		span = row->event.dispatch != NULL ? row->event.dispatch->span : scan->model->any_span;
		/* what nothing takes any more; but who is known by events alone is to be known */
		if (span != PQL_NEVER && !scan->open && row->event.at - since > span)
			continue;
		held = row->trial != NULL ? row->trial->evidence : pql_member_held(m);
		if (held != NULL)
			pql_evidence_prefetch(held);
		batch->kept[batch->nkept++] = i;
	}
}

static PqlEvidence *
new_evidence(PqlScan *scan, const BatchRow *row)
{
	int64 started_at = row->trial != NULL ? row->trial->started_at : row->member->since;
	PqlEvidence *e = pql_evidence_new(&scan->model->layout, started_at);

	if (started_at != PQL_ALWAYS)
		e->start_day = pql_day(scan->model->zone, started_at);
	return e;
}

/* Opens what of the row's properties is not JSON in one column as it stands. */
static void
open_properties(PqlScan *scan, const PqlShape *shape, BatchRow *row)
{
	const char **fields = scan->batch->fields;

	if (row->opened || !shape->properties_need_opening)
		return;
	row->opened = true;
	if (shape->nproperties > 0)
	{
		pql_row_fields(shape, row->tuple, fields);
		pql_row_properties(shape, fields, scan->values);
		row->event.values = scan->values;
	}
	else if (row->event.properties != NULL && shape->type[PQL_PROPERTIES] == PQL_COLUMN_JSON)
		row->event.properties = pql_jsonb_of_json(row->event.properties);
}

/* Is there anything in the event for somebody of whom there is no evidence yet? */
static bool
first_counts(PqlScan *scan, const PqlShape *shape, BatchRow *row)
{
	if (scan->open)
		return true;
	open_properties(scan, shape, row);
	return pql_event_counts(scan->model, &row->event);
}

static void
add_row(PqlScan *scan, const PqlShape *shape, BatchRow *row)
{
	PqlEvidence *e = row->trial != NULL ? row->trial->evidence : pql_member_held(row->member);

	row->event.day = pql_day(scan->model->zone, row->event.at);
	if (e == NULL)
	{
		if (!first_counts(scan, shape, row))
			return;
		e = new_evidence(scan, row);
	}
	open_properties(scan, shape, row);
	e = pql_evidence_add(scan->model, e, &row->event);
	if (row->trial != NULL)
		row->trial->evidence = e;
	else
		pql_member_hold(row->member, e);
}

static void
work_off(PqlScan *scan, const PqlShape *shape)
{
	PqlBatch *batch = scan->batch;

	find_members(scan);
	for (int i = 0; i < batch->nkept; i++)
	{
		const BatchRow *row = &batch->row[batch->kept[i]];
		const PqlEvidence *e =
			row->trial != NULL ? row->trial->evidence : pql_member_held(row->member);

		if (e != NULL)
			pql_evidence_prefetch_slots(scan->model, e, &row->event);
	}
	for (int i = 0; i < batch->nkept; i++)
		add_row(scan, shape, &batch->row[batch->kept[i]]);
	batch->n = 0;
}

/* ---- pages ---- */

static bool
repeats(const PqlLeaf *leaf, BlockNumber block, OffsetNumber offset)
{
	int low = 0;
	int high = leaf->nrepeats - 1;
	ItemPointerData tid;

	ItemPointerSet(&tid, block, offset);
	while (low <= high)
	{
		int middle = (low + high) / 2;
		int order = ItemPointerCompare(&leaf->repeats[middle], &tid);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return false;
}

/* Offsets of the rows of a page that the snapshot sees. */
static int
visible_rows(const PqlScan *scan, const PqlLeaf *leaf, Buffer buffer, BlockNumber block,
			 OffsetNumber *offsets)
{
	Page page = BufferGetPage(buffer);
	OffsetNumber last;
	bool all;
	int n = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	last = PageGetMaxOffsetNumber(page);
	/* on a standby a page may be marked before its rows are visible to this snapshot */
	all = PageIsAllVisible(page) && !scan->snapshot->takenDuringRecovery;
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId item = PageGetItemId(page, offset);

		if (!ItemIdIsNormal(item))
			continue;
		if (!all)
		{
			HeapTupleData tuple;

			tuple.t_tableOid = RelationGetRelid(leaf->rel);
			tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
			tuple.t_len = ItemIdGetLength(item);
			ItemPointerSet(&tuple.t_self, block, offset);
			if (!HeapTupleSatisfiesVisibility(&tuple, scan->snapshot, buffer))
				continue;
		}
		if (leaf->nrepeats == 0 || !repeats(leaf, block, offset))
			offsets[n++] = offset;
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return n;
}

/* Asks for the contents of a page that will be read next, a few lines at each call. */
typedef struct Ahead
{
	const char *next;
	const char *end;
} Ahead;

static inline void
ask_ahead(Ahead *ahead)
{
	for (int i = 0; i < 3 && ahead->next < ahead->end; i++, ahead->next += 64)
		__builtin_prefetch(ahead->next, 0, 2);
}

static Buffer
read_block(const PqlLeaf *leaf, BlockNumber block)
{
	return ReadBufferExtended(leaf->rel, MAIN_FORKNUM, block, RBM_NORMAL, leaf->strategy);
}

void
pql_scan_blocks(PqlScan *scan, PqlLeaf *leaf, BlockNumber from, BlockNumber until)
{
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	MemoryContext old = MemoryContextSwitchTo(scan->scratch);
	Buffer buffer = from < until ? read_block(leaf, from) : InvalidBuffer;

	/* what this table has no columns for is not there, whatever the one before had */
	memset(scan->batch->fields, 0, sizeof(scan->batch->fields));
	memset(scan->values, 0, scan->model->nproperties * sizeof(PqlValue));
	for (BlockNumber block = from; block < until; block++)
	{
		Page page = BufferGetPage(buffer);
		Buffer next = InvalidBuffer;
		Ahead ahead = {NULL, NULL};
		int n;

		CHECK_FOR_INTERRUPTS();
		if (block + 1 < until)
		{
			next = read_block(leaf, block + 1);
			ahead.next = (const char *) BufferGetPage(next);
			ahead.end = ahead.next + BLCKSZ;
		}
		n = visible_rows(scan, leaf, buffer, block, offsets);
		for (int i = 0; i < n; i++)
		{
			ask_ahead(&ahead);
			take_row(scan, leaf->shape,
					 (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, offsets[i])));
			if (scan->batch->n == BATCH)
				work_off(scan, leaf->shape);
		}
		/* what the rows point to lies in the page */
		work_off(scan, leaf->shape);
		ReleaseBuffer(buffer);
		MemoryContextReset(scan->scratch);
		buffer = next;
	}
	MemoryContextSwitchTo(old);
}

void
pql_leaf_open(PqlLeaf *leaf, const PqlSource *source, Oid relation, const PqlModel *model)
{
	memset(leaf, 0, sizeof(*leaf));
	leaf->rel = table_open(relation, AccessShareLock);
	leaf->shape = pql_shape_of(source, leaf->rel, model);
	leaf->nblocks = RelationGetNumberOfBlocks(leaf->rel);
	/* as the executor does: a table that would fill a quarter of the buffers stays out of them */
	if (!RelationUsesLocalBuffers(leaf->rel) && leaf->nblocks > (BlockNumber) NBuffers / 4)
		leaf->strategy = GetAccessStrategy(BAS_BULKREAD);
}

void
pql_leaf_close(PqlLeaf *leaf)
{
	if (leaf->by_user != NULL)
		index_close(leaf->by_user, NoLock);
	if (leaf->strategy != NULL)
		FreeAccessStrategy(leaf->strategy);
	table_close(leaf->rel, NoLock);
}

void
pql_leaf_narrow(PqlScan *scan, PqlLeaf *leaf)
{
	int64 earliest = scan->earliest;
	int64 latest = scan->latest;

	if (leaf->shape->type[PQL_OCCURRED_AT] == PQL_COLUMN_TIMESTAMP)
	{
		/* in some local time: no zone is further from UTC than 26 hours */
		earliest = earliest == PQL_ALWAYS ? earliest : earliest - 26 * USECS_PER_HOUR;
		latest += 26 * USECS_PER_HOUR;
	}
	leaf->ranges = pql_ranges_of(leaf->rel, leaf->shape->time, scan->snapshot, earliest, latest);
}

/* ---- one user ---- */

static bool
serves(Relation index, AttrNumber user)
{
	Form_pg_index form = index->rd_index;

	return index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && form->indisready &&
		   RelationGetIndexPredicate(index) == NIL && form->indkey.values[0] == user &&
		   (!form->indcheckxmin ||
			TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
								  TransactionXmin));
}

bool
pql_leaf_index(PqlLeaf *leaf)
{
	const PqlShape *shape = leaf->shape;
	AttrNumber user = get_attnum(RelationGetRelid(leaf->rel), shape->source->column[PQL_USER_ID]);
	List *indexes = RelationGetIndexList(leaf->rel);
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (serves(index, user))
		{
			if (leaf->by_user != NULL)
				index_close(leaf->by_user, NoLock);
			leaf->by_user = index;
			leaf->in_time = index->rd_index->indnkeyatts > 1 &&
							index->rd_index->indkey.values[1] == shape->time &&
							index->rd_opcintype[1] == TIMESTAMPTZOID &&
							(index->rd_indoption[1] & INDOPTION_DESC) == 0;
			if (leaf->in_time)
				break;
			/* another may be in the order of time as well */
			continue;
		}
		index_close(index, NoLock);
	}
	list_free(indexes);
	return leaf->by_user != NULL;
}

/* The instant of a row, when it counts; else PQL_NEVER. */
static int64
instant_that_counts(const PqlScan *scan, const PqlLeaf *leaf, HeapTuple tuple)
{
	const PqlShape *shape = leaf->shape;
	const char **fields = scan->batch->fields;
	int64 at;

	memset(fields, 0, PQL_FIELDS * sizeof(char *));
	pql_row_fields(shape, tuple->t_data, fields);
	at = pql_field_instant(shape, PQL_OCCURRED_AT, fields[PQL_OCCURRED_AT]);
	if (!PQL_INSTANT_OK(at) || at > scan->as_of ||
		(fields[PQL_EVENT] == NULL && shape->source->event == NULL))
		return PQL_NEVER;
	if (scan->known_at != PQL_NEVER && fields[PQL_RECEIVED_AT] != NULL &&
		pql_field_instant(shape, PQL_RECEIVED_AT, fields[PQL_RECEIVED_AT]) > scan->known_at)
		return PQL_NEVER;
	if (leaf->nrepeats > 0 && repeats(leaf, ItemPointerGetBlockNumber(&tuple->t_self),
									  ItemPointerGetOffsetNumber(&tuple->t_self)))
		return PQL_NEVER;
	return at;
}

static void
set_key(ScanKey key, Relation index, int place, int strategy, Datum value)
{
	Oid type = index->rd_opcintype[place - 1];
	Oid operator_id = get_opfamily_member(index->rd_opfamily[place - 1], type, type, strategy);

	ScanKeyEntryInitialize(key, 0, place, strategy, type, index->rd_indcollation[place - 1],
						   get_opcode(operator_id), value);
}

int64
pql_leaf_first(const PqlScan *scan, PqlLeaf *leaf, const char *id, int length, int64 from,
			   int64 before)
{
	Relation index = leaf->by_user;
	Datum user;
	ScanKeyData keys[2];
	int nkeys = leaf->in_time ? 2 : 1;
	IndexScanDesc rows;
	TupleTableSlot *slot;
	int64 first = PQL_NEVER;

	if (!pql_text_key(leaf->shape->type[PQL_USER_ID], id, length, &user))
		return PQL_NEVER;
	set_key(&keys[0], index, 1, BTEqualStrategyNumber, user);
	if (leaf->in_time)
		set_key(&keys[1], index, 2, BTGreaterEqualStrategyNumber, TimestampTzGetDatum(from));
	rows = pql_index_beginscan(leaf->rel, index, scan->snapshot, nkeys);
	index_rescan(rows, keys, nkeys, NULL, 0);
	slot = table_slot_create(leaf->rel, NULL);
	while (index_getnext_slot(rows, ForwardScanDirection, slot))
	{
		int64 at = instant_that_counts(scan, leaf, ((HeapTupleTableSlot *) slot)->tuple);

		CHECK_FOR_INTERRUPTS();
		if (at >= from && at < before)
			first = Min(first, at);
		if (leaf->in_time && first != PQL_NEVER)
			break;
	}
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(rows);
	return first;
}
