/*
 * identity.c: who is whom, by what links them: the SQL face of components.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "components.h"
#include "query.h"
#include "settings.h"

/* Interrupts are looked for once in so many nodes or edges. */
#define BETWEEN_INTERRUPTS 65536

static void
give_components(FunctionCallInfo fcinfo, PqlComponents *c)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint32 n = pql_components_count(c);

	for (uint32 i = 0; i < n; i++)
	{
		Datum values[2];
		bool nulls[2] = {false, false};

		values[0] = Int64GetDatum(pql_components_node(c, i));
		values[1] = Int64GetDatum(pql_components_representative(c, i));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		if (i % BETWEEN_INTERRUPTS == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

typedef struct EdgeReader
{
	PqlComponents *components;
	uint64 n;
} EdgeReader;

static void
check_edge_columns(TupleDesc columns)
{
	if (columns->natts != 2)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("the query of edges has to give two columns of bigint"),
						errdetail("It gives %d.", columns->natts),
						errhint("Give both ends of an edge, a row each.")));
	for (int i = 0; i < columns->natts; i++)
		if (TupleDescAttr(columns, i)->atttypid != INT8OID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the query of edges has to give two columns of bigint"),
					 errdetail("Column %d is of type %s.", i + 1,
							   format_type_be(TupleDescAttr(columns, i)->atttypid)),
					 errhint("Number the nodes, those first that are to represent others.")));
}

static void
take_edge(void *state, TupleTableSlot *slot)
{
	EdgeReader *r = state;

	/* each time, for a text of several queries gives rows of several shapes */
	check_edge_columns(slot->tts_tupleDescriptor);
	r->n++;
	/* one end is a node of its own, and none is nothing */
	if (!slot->tts_isnull[0] || !slot->tts_isnull[1])
		pql_components_join(r->components,
							DatumGetInt64(slot->tts_values[slot->tts_isnull[0] ? 1 : 0]),
							DatumGetInt64(slot->tts_values[slot->tts_isnull[1] ? 0 : 1]));
	if (r->n % BETWEEN_INTERRUPTS == 0)
		CHECK_FOR_INTERRUPTS();
}

/*
 * pql.components(edges text) → table(node bigint, representative bigint), strict: of the graph
 * whose edges a query gives, a row each, two columns of bigint. It is run as the caller, row by
 * row, and nothing of it is kept but nodes. ERROR: above pql.work_mem.
 */
PG_FUNCTION_INFO_V1(pql_components_of_query);
Datum
pql_components_of_query(PG_FUNCTION_ARGS)
{
	EdgeReader reader = {0};

	InitMaterializedSRF(fcinfo, 0);
	reader.components = pql_components_new(pql_memory_limit());
	pql_query(text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL, PQL_PLAN_AS_EVER, take_edge, &reader);
	give_components(fcinfo, reader.components);
	return (Datum) 0;
}

/*
 * pql.components(a bigint[], b bigint[]) → the same of edges in two arrays; NULL is an array
 * without elements. ERROR: of different lengths.
 */
PG_FUNCTION_INFO_V1(pql_components_of_arrays);
Datum
pql_components_of_arrays(PG_FUNCTION_ARGS)
{
	PqlComponents *c;
	Datum *end[2] = {NULL, NULL};
	bool *null[2] = {NULL, NULL};
	int n[2] = {0, 0};

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < 2; i++)
		if (!PG_ARGISNULL(i))
			deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
							  TYPALIGN_DOUBLE, &end[i], &null[i], &n[i]);
	if (n[0] != n[1])
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("the ends of edges are %d and %d", n[0], n[1]),
						errhint("Give two arrays of one length, an edge an element.")));
	c = pql_components_new(pql_memory_limit());
	for (int i = 0; i < n[0]; i++)
	{
		if (!null[0][i] || !null[1][i])
			pql_components_join(c, DatumGetInt64(end[null[0][i] ? 1 : 0][i]),
								DatumGetInt64(end[null[1][i] ? 0 : 1][i]));
		if (i % BETWEEN_INTERRUPTS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	give_components(fcinfo, c);
	return (Datum) 0;
}
