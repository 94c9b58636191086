/*
 * query.c: running SQL from C, row by row.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "query.h"

void
pql_args_take(PqlArgs *args, int first, int n, TupleTableSlot *slot, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int i = 0; i < n; i++)
	{
		args->null[first + i] = slot->tts_isnull[i];
		if (!slot->tts_isnull[i])
			args->value[first + i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[i]));
	}
	MemoryContextSwitchTo(old);
}

typedef struct RowReceiver
{
	DestReceiver pub;
	PqlTakeRow take;
	void *state;
	MemoryContext context;
} RowReceiver;

static void
start_rows(DestReceiver *self, int operation, TupleDesc desc)
{
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *r = (RowReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	slot_getallattrs(slot);
	r->take(r->state, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->context);
	return true;
}

static void
end_rows(DestReceiver *self)
{
}

/* A setting for as long as the level of settings lasts. */
static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

void
pql_query(const char *sql, const PqlArgs *args, int plan, PqlTakeRow take, void *state)
{
	int level = NewGUCNestLevel();
	RowReceiver receiver = {0};
	SPIExecuteOptions options = {0};
	int result;

	receiver.pub.receiveSlot = receive_row;
	receiver.pub.rStartup = start_rows;
	receiver.pub.rShutdown = end_rows;
	receiver.pub.rDestroy = end_rows;
	receiver.pub.mydest = DestTuplestore; /* any but None, which would say that nothing was read */
	receiver.take = take;
	receiver.state = state;
	receiver.context =
		AllocSetContextCreate(CurrentMemoryContext, "pql row", ALLOCSET_DEFAULT_SIZES);

	if ((plan & PQL_PLAN_EVERYBODY) != 0)
		set("enable_nestloop", "off");
	if ((plan & PQL_PLAN_FEW) != 0)
		set("enable_seqscan", "off");
	if ((plan & PQL_PLAN_ALONE) != 0)
		set("max_parallel_workers_per_gather", "0");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (args != NULL && args->rows_of != NULL && SPI_register_trigger_data(args->rows_of) < 0)
		elog(ERROR, "SPI_register_trigger_data failed");
	options.read_only = true;
	options.dest = &receiver.pub;
	if (args != NULL && args->n > 0)
	{
		options.params = makeParamList(args->n);
		for (int i = 0; i < args->n; i++)
		{
			options.params->params[i].ptype = args->type[i];
			options.params->params[i].value = args->value[i];
			options.params->params[i].isnull = args->null[i];
			/* how many values of an array are there would be looked up one by one */
			options.params->params[i].pflags = (plan & PQL_PLAN_FEW) != 0 ? 0 : PARAM_FLAG_CONST;
		}
	}
	result = SPI_execute_extended(sql, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "query failed: %s", SPI_result_code_string(result));
	SPI_finish();
	MemoryContextDelete(receiver.context);
	AtEOXact_GUC(true, level);
}

static void
say_which_source(void *name)
{
	errcontext("reading source %s", (const char *) name);
}

void
pql_query_source(const char *source, const char *sql, const PqlArgs *args, int plan,
				 PqlTakeRow take, void *state)
{
	ErrorContextCallback context = {error_context_stack, say_which_source,
									unconstify(char *, source)};

	error_context_stack = &context;
	pql_query(sql, args, plan, take, state);
	error_context_stack = context.previous;
}
