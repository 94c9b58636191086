/*
 * capture.c: the trigger that notes whose events came, went or changed.
 *
 *     rows of the statement → users, each with the earliest and the latest → pql.change
 *
 * It stands in the way of who loads, so it does little: rows are read in place where that can be
 * done, a statement leaves one row a user, and nothing is looked up that was looked up before.
 * What it cannot make sense of becomes a mark that everybody is to be judged again, never the
 * loader's error.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "population.h"
#include "query.h"
#include "source.h"

/* More users than this in one statement are cheaper to find by going through everybody. */
#define MOST_USERS 100000

/* Why rows never count, as in pql.ignored_rows. */
typedef enum Reason
{
	NO_USER,
	NO_EVENT,
	NO_TIME,
	INFINITE_TIME,
	REASONS
} Reason;

static const char *const reasons[REASONS] = {"no user", "no event", "no time", "infinite time"};

/* A user of whom rows came, went or changed. */
typedef struct Marked
{
	PqlKey key;
	int64 since; /* PQL_NEVER: no row with a time of use */
	int64 until; /* PQL_ALWAYS */
	char status;
} Marked;

/* Short ids stand in the key itself. */
static inline bool
same_key(const PqlKey *a, const PqlKey *b)
{
	return a->length == b->length && a->word[0] == b->word[0] && a->word[1] == b->word[1] &&
		   (a->length <= PQL_KEY_BYTES || memcmp(a->id, b->id, a->length) == 0);
}

#define SH_PREFIX marked
#define SH_ELEMENT_TYPE Marked
#define SH_KEY_TYPE PqlKey
#define SH_KEY key
#define SH_HASH_KEY(table, k) ((uint32) ((k).hash >> 32))
#define SH_EQUAL(table, a, b) same_key(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What a statement did. */
typedef struct Statement
{
	marked_hash *users;
	bool too_many;
	int64 since; /* of all users */
	int64 ignored[REASONS];
} Statement;

/* A trigger on a table, and how its rows are read. */
typedef struct Watch
{
	Oid trigger;
	Oid relation;
	bool valid;
	MemoryContext context;
	char *source; /* as it was connected: a partition has the triggers of its parent */
	bool ids_only;
	bool in_place;
	PqlRowColumns columns;
	char *added; /* the queries that read rows where they cannot be read in place */
	char *removed;
} Watch;

static HTAB *watches;

/* ---- what is known of a trigger ---- */

static void
table_changed(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS all;
	Watch *w;

	hash_seq_init(&all, watches);
	while ((w = hash_seq_search(&all)) != NULL)
		if (relation == InvalidOid || w->relation == relation)
			w->valid = false;
}

static void
prepare_watches(void)
{
	HASHCTL control = {0};

	if (watches != NULL)
		return;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Watch);
	watches = hash_create("pql triggers", 16, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(table_changed, (Datum) 0);
}

static void
take_row_queries(void *state, TupleTableSlot *slot)
{
	Watch *w = state;

	w->added = MemoryContextStrdup(w->context, TextDatumGetCString(slot->tts_values[0]));
	w->removed = MemoryContextStrdup(w->context, TextDatumGetCString(slot->tts_values[1]));
}

/* Looks up what the trigger's arguments mean: the source, its mapping, how it is captured. */
static void
look_up(Watch *w, const TriggerData *t)
{
	Jsonb *mapping =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(t->tg_trigger->tgargs[1])));
	MemoryContext old;
	PqlSource *source;
	PqlArgs args = {0};

	if (w->context != NULL)
		MemoryContextReset(w->context);
	else
		w->context = AllocSetContextCreate(CacheMemoryContext, "pql trigger", ALLOCSET_SMALL_SIZES);
	w->relation = RelationGetRelid(t->tg_relation);
	/* from here on: what changes meanwhile is to be seen */
	w->valid = true;
	old = MemoryContextSwitchTo(w->context);
	w->source = pstrdup(t->tg_trigger->tgargs[0]);
	w->ids_only = strcmp(t->tg_trigger->tgargs[2], "mark") == 0;
	source = pql_source_known(w->relation, mapping, false);
	w->in_place = pql_row_columns(source, t->tg_relation, &w->columns);
	MemoryContextSwitchTo(old);
	if (w->in_place)
		return;
	pql_arg(&args, REGCLASSOID, ObjectIdGetDatum(w->relation), false);
	pql_arg(&args, JSONBOID, JsonbPGetDatum(mapping), false);
	pql_query("SELECT pql.source_query($1, $2, 'added'), pql.source_query($1, $2, 'removed')",
			  &args, PQL_PLAN_AS_EVER, take_row_queries, w);
}

/* ---- rows ---- */

static void
note_row(Statement *s, const PqlKey *key, int64 at, bool no_time, bool no_event, bool ids_only)
{
	Marked *marked;
	bool found;

	if (key == NULL)
		s->ignored[NO_USER]++;
	else if (no_event)
		s->ignored[NO_EVENT]++;
	else if (no_time)
		s->ignored[NO_TIME]++;
	else if (!ids_only && !PQL_INSTANT_OK(at))
		s->ignored[INFINITE_TIME]++;
	if (key == NULL)
		return;
	if (!no_time && PQL_INSTANT_OK(at))
		s->since = Min(s->since, at);
	if (s->too_many)
		return;
	marked = marked_insert(s->users, *key, &found);
	if (!found)
	{
		marked->key.id = memcpy(palloc(key->length + 1), key->id, key->length);
		marked->since = PQL_NEVER;
		marked->until = PQL_ALWAYS;
		s->too_many = s->users->members > MOST_USERS;
	}
	if (no_time || !PQL_INSTANT_OK(at))
		return;
	marked->since = Min(marked->since, at);
	marked->until = Max(marked->until, at);
}

/* A column's value as it would stand in a row: what is passed by value, in `buffer`. */
static const char *
stored(TupleTableSlot *slot, AttrNumber number, char *buffer)
{
	Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, number - 1);
	Datum value = slot->tts_values[number - 1];

	if (!attribute->attbyval)
		return DatumGetPointer(value);
	store_att_byval(buffer, value, attribute->attlen);
	return buffer;
}

static void
read_in_place(const Watch *w, Statement *s, Relation rel, Tuplestorestate *rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pql row", ALLOCSET_DEFAULT_SIZES);
	const PqlRowColumns *c = &w->columns;
	AttrNumber last = w->ids_only ? c->number[PQL_USER_ID] : c->last;

	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		int64 at = PQL_ALWAYS;
		bool no_time = w->ids_only;
		bool no_event = false;
		bool no_user;
		char buffer[sizeof(Datum)];
		PqlKey key;

		slot_getsomeattrs(slot, last);
		no_user = slot->tts_isnull[c->number[PQL_USER_ID] - 1];
		if (!no_user)
		{
			MemoryContext old = MemoryContextSwitchTo(row);
			int length;
			const char *id = pql_field_text(c->type[PQL_USER_ID],
											stored(slot, c->number[PQL_USER_ID], buffer), &length);

			pql_key_make(&key, id, length);
			MemoryContextSwitchTo(old);
		}
		if (!w->ids_only)
		{
			no_time = slot->tts_isnull[c->number[PQL_OCCURRED_AT] - 1];
			if (!no_time)
				at = DatumGetTimestampTz(slot->tts_values[c->number[PQL_OCCURRED_AT] - 1]);
			if (c->type[PQL_OCCURRED_AT] == PQL_COLUMN_TIMESTAMP)
				at = pql_instant_of_local(c->zone, at);
			no_event = c->number[PQL_EVENT] > 0 && slot->tts_isnull[c->number[PQL_EVENT] - 1];
		}
		note_row(s, no_user ? NULL : &key, at, no_time, no_event, w->ids_only);
		MemoryContextReset(row);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row);
}

typedef struct ByQuery
{
	const Watch *watch;
	Statement *statement;
	MemoryContext context;
} ByQuery;

static void
take_row(void *state, TupleTableSlot *slot)
{
	ByQuery *b = state;
	MemoryContext old = MemoryContextSwitchTo(b->context);
	bool no_time = b->watch->ids_only || slot->tts_isnull[1];
	PqlKey key;

	if (!slot->tts_isnull[0])
	{
		text *id = DatumGetTextPP(slot->tts_values[0]);

		pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	}
	note_row(b->statement, slot->tts_isnull[0] ? NULL : &key,
			 no_time ? PQL_ALWAYS : DatumGetTimestampTz(slot->tts_values[1]), no_time,
			 !b->watch->ids_only && slot->tts_isnull[2], b->watch->ids_only);
	MemoryContextSwitchTo(old);
}

static void
read_by_query(const Watch *w, Statement *s, TriggerData *t, const char *query)
{
	ByQuery by = {w, s, CurrentMemoryContext};
	PqlArgs args = {0};

	args.rows_of = t;
	pql_query(query, &args, PQL_PLAN_ALONE, take_row, &by);
}

static void
read_rows(const Watch *w, Statement *s, TriggerData *t)
{
	if (t->tg_newtable != NULL && w->in_place)
		read_in_place(w, s, t->tg_relation, t->tg_newtable);
	else if (t->tg_newtable != NULL)
		read_by_query(w, s, t, w->added);
	if (t->tg_oldtable != NULL && w->in_place)
		read_in_place(w, s, t->tg_relation, t->tg_oldtable);
	else if (t->tg_oldtable != NULL)
		read_by_query(w, s, t, w->removed);
}

/*
 * What may go wrong runs in a subtransaction of its own, which only reads and so takes no id.
 * Returns NULL, or what went wrong.
 */
static char *
try_to_read(Watch *w, Statement *s, TriggerData *t)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char *volatile message = NULL; /* it outlives the jump */

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (!w->valid)
			look_up(w, t);
		read_rows(w, s, t);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		w->valid = false;
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		message = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}

/* ---- marks ---- */

static void
execute(SPIPlanPtr *plan, const char *sql, int n, Oid *types, Datum *values, const char *nulls)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (*plan == NULL)
	{
		SPIPlanPtr prepared = SPI_prepare(sql, n, types);

		if (prepared == NULL)
			elog(ERROR, "preparing a mark failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(prepared);
		*plan = prepared;
	}
	if (SPI_execute_plan(*plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "marking failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

static void
mark_everybody(const char *source, int64 since, const char *reason)
{
	static SPIPlanPtr plan;
	Oid types[] = {TIMESTAMPTZOID, TEXTOID, TEXTOID};
	Datum values[] = {TimestampTzGetDatum(since), CStringGetTextDatum(source),
					  CStringGetTextDatum(reason)};

	execute(&plan,
			"INSERT INTO pql.change (user_id, since, source, reason) VALUES (NULL, $1, $2, $3)",
			lengthof(values), types, values, NULL);
}

static void
mark_users(const Statement *s, const char *source, bool came, const char *reason)
{
	static SPIPlanPtr plan;
	Oid types[] = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTOID, TEXTOID};
	ArrayBuildState *users = NULL;
	ArrayBuildState *since = NULL;
	ArrayBuildState *until = NULL;
	MemoryContext context = CurrentMemoryContext;
	marked_iterator all;
	Marked *m;
	Datum values[lengthof(types)];

	marked_start_iterate(s->users, &all);
	while ((m = marked_iterate(s->users, &all)) != NULL)
	{
		/* rows without a time of use make a user known, no more */
		bool known = came && m->since != PQL_NEVER;

		users = accumArrayResult(
			users, PointerGetDatum(cstring_to_text_with_len(m->key.id, m->key.length)), false,
			TEXTOID, context);
		since = accumArrayResult(since, TimestampTzGetDatum(known ? m->since : PQL_ALWAYS), false,
								 TIMESTAMPTZOID, context);
		until = accumArrayResult(until,
								 TimestampTzGetDatum(m->until != PQL_ALWAYS ? m->until : PQL_NEVER),
								 false, TIMESTAMPTZOID, context);
	}
	if (users == NULL)
		return;
	values[0] = makeArrayResult(users, context);
	values[1] = makeArrayResult(since, context);
	values[2] = makeArrayResult(until, context);
	values[3] = CStringGetTextDatum(source);
	values[4] = CStringGetTextDatum(reason);
	execute(&plan,
			"INSERT INTO pql.change (user_id, since, until, source, reason) "
			"SELECT u.user_id, u.since, u.until, $4, $5 "
			"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) "
			"u (user_id, since, until)",
			lengthof(values), types, values, NULL);
}

static void
note_ignored(const Statement *s, const char *source)
{
	static SPIPlanPtr plan;
	Oid types[] = {TEXTOID, TEXTOID, INT8OID};

	for (int i = 0; i < REASONS; i++)
	{
		Datum values[] = {CStringGetTextDatum(source), CStringGetTextDatum(reasons[i]),
						  Int64GetDatum(s->ignored[i])};

		if (s->ignored[i] > 0)
			execute(&plan, "INSERT INTO pql.ignored (source, reason, rows) VALUES ($1, $2, $3)",
					lengthof(values), types, values, NULL);
	}
}

/*
 * pql.capture_events() → trigger, after each statement on a table of events: notes in pql.change
 * whose rows came, went or changed. Arguments: the source, its mapping, trigger or mark (only ids
 * are looked at, so that all events of the users are read again). Never an ERROR for what is in
 * the rows.
 */
PG_FUNCTION_INFO_V1(pql_capture_events);
Datum
pql_capture_events(PG_FUNCTION_ARGS)
{
	TriggerData *t = (TriggerData *) fcinfo->context;
	Statement s = {0};
	const char *source;
	const char *reason;
	char *message = NULL;
	bool found;
	Watch *w;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(t->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(t->tg_event) || t->tg_trigger->tgnargs != 3)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("pql.capture_events is for triggers that pql.connect makes"),
				 errhint("Connect the table: SELECT pql.connect('events', 'schema.table').")));
	source = t->tg_trigger->tgargs[0];
	if (TRIGGER_FIRED_BY_TRUNCATE(t->tg_event))
	{
		mark_everybody(source, PQL_ALWAYS, psprintf("truncate of %s", source));
		return PointerGetDatum(NULL);
	}
	prepare_watches();
	w = hash_search(watches, &t->tg_trigger->tgoid, HASH_ENTER, &found);
	if (!found)
		memset((char *) w + sizeof(Oid), 0, sizeof(Watch) - sizeof(Oid));
	s.users = marked_create(CurrentMemoryContext, 64, NULL);
	s.since = PQL_NEVER;
	if (w->valid && w->in_place)
		read_rows(w, &s, t);
	else
		message = try_to_read(w, &s, t);
	if (message != NULL)
	{
		mark_everybody(source, PQL_ALWAYS, psprintf("capture of %s failed: %s", source, message));
		return PointerGetDatum(NULL);
	}
	reason = TRIGGER_FIRED_BY_INSERT(t->tg_event)   ? "insert"
			 : TRIGGER_FIRED_BY_UPDATE(t->tg_event) ? "update"
													: "delete";
	if (s.too_many)
		mark_everybody(source,
					   w->ids_only || s.since == PQL_NEVER || t->tg_oldtable != NULL ? PQL_ALWAYS
																					 : s.since,
					   reason);
	else
		mark_users(&s, source, t->tg_oldtable == NULL, reason);
	if (t->tg_newtable != NULL && !w->ids_only)
		note_ignored(&s, source);
	return PointerGetDatum(NULL);
}
