/*
 * due.c: whether there is anything to do, without planning a query.
 *
 * Most refreshes find nothing, and in a session of their own, as with cron, planning the queries
 * that would find it takes longer than all of them run. What is due stands first in an index: one
 * look at each index tells.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static bool
finds(Relation table, Relation index, ScanKey key)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan = index_beginscan(table, index, GetActiveSnapshot(), 1, 0);
	bool found;

	index_rescan(scan, key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

static bool
is_due(Relation table, Relation index, Datum as_of)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, as_of);
	if (finds(table, index, &key))
		return true;
	ScanKeyEntryInitialize(&key, SK_ISNULL | SK_SEARCHNULL, 1, InvalidStrategy, InvalidOid,
						   InvalidOid, InvalidOid, (Datum) 0);
	return finds(table, index, &key);
}

static void
not_of_instants(Oid id)
{
	ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("\"%s\" is no B-tree index over instants", get_rel_name(id)));
}

/* pql.any_due(indexes regclass[], as_of) → boolean, strict */
PG_FUNCTION_INFO_V1(pql_any_due);
Datum
pql_any_due(PG_FUNCTION_ARGS)
{
	ArrayType *indexes = PG_GETARG_ARRAYTYPE_P(0);
	Datum as_of = PG_GETARG_DATUM(1);
	Datum *oids;
	bool found = false;
	int n;

	deconstruct_array(indexes, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &oids, NULL, &n);
	for (int i = 0; i < n && !found; i++)
	{
		Oid table_id = IndexGetRelation(DatumGetObjectId(oids[i]), true);
		Relation table;
		Relation index;
		AclResult acl;

		if (!OidIsValid(table_id))
			not_of_instants(DatumGetObjectId(oids[i]));
		/* the table first, as everybody locks them */
		table = table_open(table_id, AccessShareLock);
		index = index_open(DatumGetObjectId(oids[i]), AccessShareLock);
		if (index->rd_rel->relam != BTREE_AM_OID ||
			TupleDescAttr(RelationGetDescr(index), 0)->atttypid != TIMESTAMPTZOID)
			not_of_instants(DatumGetObjectId(oids[i]));
		acl = pg_class_aclcheck(table_id, GetUserId(), ACL_SELECT);
		if (acl != ACLCHECK_OK)
			aclcheck_error(acl, OBJECT_TABLE, RelationGetRelationName(table));
		/* who may not see all rows asks the queries, which show those they may */
		found = check_enable_rls(table_id, InvalidOid, true) == RLS_ENABLED ||
				is_due(table, index, as_of);
		index_close(index, AccessShareLock);
		table_close(table, AccessShareLock);
	}
	PG_RETURN_BOOL(found);
}

/* pql.is_watched(relation regclass, trigger name) → boolean, strict */
PG_FUNCTION_INFO_V1(pql_is_watched);
Datum
pql_is_watched(PG_FUNCTION_ARGS)
{
	const char *trigger = NameStr(*PG_GETARG_NAME(1));
	ListCell *cell;

	/* without locks: somebody may hold one of them for long */
	foreach (cell, find_all_inheritors(PG_GETARG_OID(0), NoLock, NULL))
	{
		char kind = get_rel_relkind(lfirst_oid(cell));

		/* foreign tables can have no such triggers */
		if ((kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
			!OidIsValid(get_trigger_oid(lfirst_oid(cell), trigger, true)))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}
