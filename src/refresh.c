/*
 * refresh.c: judging some users anew, for pql.refresh.
 *
 * What is known of each user's events stands in pql.state, as evidence of each of their subjects,
 * with the instant up to which events have been read. Events that are all later than that are read
 * alone, and merged into it. Otherwise, and when the subjects are not the same any more or the
 * model keeps something else, all events of the user are read again:
 *
 *     users → their starts → evidence kept → events since → profiles → verdicts
 *
 * All queries run in the snapshot of the calling statement, so that what is read, what is written
 * and which changes are taken for done belong together.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "gather.h"
#include "population.h"
#include "profile.h"
#include "query.h"
#include "verdict_row.h"

/* Columns of pql.judge_users before those of the verdict, and after them. */
#define ROW_USER_ID 0
#define ROW_ACCOUNT_ID 1
#define ROW_STARTED_AT 2
#define ROW_VERDICT 3
#define ROW_EVIDENCE (ROW_VERDICT + PQL_VERDICT_COLUMNS)
#define ROW_SEEN_UNTIL (ROW_EVIDENCE + 1)
#define ROW_REREAD (ROW_EVIDENCE + 2)
#define ROW_COLUMNS (ROW_EVIDENCE + 3)

/* Where the arrays that `signups` gives stand among the queries' parameters. */
#define FIRST_SIGNUP_ARG 6
#define SIGNUP_ARGS 3

/* No event came. As in populations, PQL_NEVER would say that nobody is there. */
#define NONE_CAME (PQL_NEVER - 1)

/* How queries about the users are planned. */
#define PLAN (PQL_PLAN_FEW | PQL_PLAN_ALONE)

/* A row of pql.state. */
typedef struct Kept
{
	text *user_id;
	int64 started_at;
	PqlEvidence *evidence; /* NULL: no events */
	int64 seen_until;
	bool usable; /* the model keeps the same */
} Kept;

typedef struct Refresh
{
	Jsonb *document;
	PqlModel *model;
	int64 as_of;
	MemoryContext context; /* of this call */
	PqlArgs args;
	PqlPopulation *population; /* the users' starts and evidence */
	/* populations in which `since` says something else: */
	PqlPopulation *came; /* the earliest of the events that came */
	PqlPopulation *read; /* whose events are read, from that instant on */
	PqlPopulation *seen; /* the latest event read */
	List *kept;
	/* of pql.population_queries */
	char *signups;
	char *keys;
	char *profiles;
	char *lists;
	List *sources; /* their names, and the queries that gather evidence from them */
	List *gathers;
	PqlListEntries *list_entries;
	PqlProfileRows *rows;
	PqlVerdictWords *words;
	ReturnSetInfo *result;
} Refresh;

static void
key_of(PqlKey *key, const text *id)
{
	pql_key_make(key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
}

/* ---- the queries ---- */

static void
take_queries(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	char **queries[] = {&r->signups, &r->keys, &r->profiles, &r->lists};
	MemoryContext old = MemoryContextSwitchTo(r->context);

	for (int i = 0; i < lengthof(queries); i++)
		*queries[i] = slot->tts_isnull[i] ? NULL : TextDatumGetCString(slot->tts_values[i]);
	MemoryContextSwitchTo(old);
}

static void
take_source_queries(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	r->sources = lappend(r->sources, TextDatumGetCString(slot->tts_values[0]));
	r->gathers = lappend(r->gathers, TextDatumGetCString(slot->tts_values[1]));
	MemoryContextSwitchTo(old);
}

static void
read_queries(Refresh *r, ArrayType *users)
{
	PqlArgs args = {0};

	pql_arg(&args, JSONBOID, JsonbPGetDatum(r->document), false);
	pql_arg(&args, TEXTARRAYOID, PointerGetDatum(users), false);
	pql_query("SELECT q.signups, q.keys, q.profiles, q.lists "
			  "FROM pql.population_queries($1, NULL, $2) q",
			  &args, PQL_PLAN_AS_EVER, take_queries, r);
	pql_query("SELECT s.relation, pql.gather_query_of($1, s.relation, $2) "
			  "FROM pql.sources s WHERE s.input = 'events' ORDER BY s.relation",
			  &args, PQL_PLAN_AS_EVER, take_source_queries, r);
}

static void
set_args(Refresh *r, Datum users)
{
	PqlArgs *a = &r->args;

	a->n = 0;
	pql_arg(a, TIMESTAMPTZOID, TimestampTzGetDatum(r->as_of), false);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TEXTARRAYOID, users, false);
	pql_arg(a, INT8OID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZOID, (Datum) 0, true);
	pql_arg(a, TEXTARRAYOID, (Datum) 0, true);
	pql_arg(a, TIMESTAMPTZARRAYOID, (Datum) 0, true);
	pql_arg(a, JSONBARRAYOID, (Datum) 0, true);
	Assert(a->n == FIRST_SIGNUP_ARG + SIGNUP_ARGS);
}

static void
take_signups(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	for (int i = 0; i < SIGNUP_ARGS; i++)
	{
		r->args.null[FIRST_SIGNUP_ARG + i] = slot->tts_isnull[i];
		if (!slot->tts_isnull[i])
			r->args.value[FIRST_SIGNUP_ARG + i] =
				PointerGetDatum(PG_DETOAST_DATUM_COPY(slot->tts_values[i]));
	}
	MemoryContextSwitchTo(old);
}

static void
take_list_entry(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	pql_list_entries_add(r->list_entries, TextDatumGetCString(slot->tts_values[0]),
						 TextDatumGetCString(slot->tts_values[1]));
	MemoryContextSwitchTo(old);
}

/* ---- starts ---- */

static void
take_key(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	int64 started_at = PQL_ALWAYS;
	int64 converted_at = PQL_NEVER;
	PqlKey key;

	if (slot->tts_isnull[0])
		return;
	key_of(&key, DatumGetTextPP(slot->tts_values[0]));
	if (!slot->tts_isnull[1])
		started_at = DatumGetTimestampTz(slot->tts_values[1]);
	if (!PQL_INSTANT_OK(started_at))
		started_at = PQL_ALWAYS;
	if (!slot->tts_isnull[2])
		converted_at = DatumGetTimestampTz(slot->tts_values[2]);
	if (!r->model->per_trial)
		pql_population_admit_user(r->population, &key, started_at);
	else if (started_at != PQL_ALWAYS)
		pql_population_admit(r->population, &key, started_at, converted_at);
}

/* ---- evidence that is kept ---- */

/* For the current context: what is to stay is copied or merged. */
static PqlEvidence *
unpack(Refresh *r, Datum packed)
{
	PqlLayout *layout = &r->model->layout;
	PqlArena *arena = layout->arena;
	PqlEvidence *evidence;

	layout->arena = NULL;
	evidence = pql_evidence_unpack(DatumGetByteaPP(packed), layout);
	layout->arena = arena;
	return evidence;
}

static void
take_kept(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);
	Kept *kept = palloc(sizeof(Kept));

	kept->user_id = DatumGetTextPCopy(slot->tts_values[0]);
	kept->started_at = DatumGetTimestampTz(slot->tts_values[1]);
	kept->evidence = NULL;
	kept->usable = true;
	if (!slot->tts_isnull[2])
	{
		kept->evidence = unpack(r, slot->tts_values[2]);
		kept->usable = kept->evidence->layout == &r->model->layout;
	}
	kept->seen_until = DatumGetTimestampTz(slot->tts_values[3]);
	r->kept = lappend(r->kept, kept);
	MemoryContextSwitchTo(old);
}

/* Trials of a member that have begun by as_of: later ones are not judged yet. */
static int
begun(const Refresh *r, const PqlMember *m)
{
	const PqlTrials *trials;
	int n = 0;

	if (!pql_member_many(m))
		return m->since <= r->as_of;
	trials = pql_member_held(m);
	while (n < trials->n && trials->trial[n].started_at <= r->as_of)
		n++;
	return n;
}

static bool
has_start(const PqlMember *m, int64 started_at)
{
	return pql_member_many(m) ? pql_member_trial(m, started_at) != NULL : m->since == started_at;
}

/* Do a user's n rows of state belong to the subjects there are, all of them, and is what came later
 * than what they rest on? */
static bool
still_holds(const Refresh *r, ListCell *first, int n)
{
	const Kept *one = lfirst(first);
	const PqlMember *m;
	PqlKey key;

	key_of(&key, one->user_id);
	m = pql_population_find(r->came, &key);
	if (m == NULL || m->since <= one->seen_until)
		return false;
	m = pql_population_find(r->population, &key);
	/* of users whom only events make known there is no start */
	if (m == NULL)
		return !r->model->per_trial && n == 1 && one->started_at == PQL_ALWAYS && one->usable;
	if (n != (r->model->per_trial ? begun(r, m) : 1))
		return false;
	for (int i = 0; i < n; i++)
	{
		const Kept *kept = lfirst(first + i);

		if (!kept->usable || !has_start(m, kept->started_at))
			return false;
	}
	return true;
}

static void
saw(Refresh *r, const PqlKey *key, int64 at)
{
	PqlMember *m = pql_population_find(r->seen, key);

	if (m == NULL)
		m = pql_population_let_in(r->seen, key);
	m->since = Max(m->since, at);
}

/* Takes what is kept for what it is worth, and notes which events are to be read. */
static void
use_kept(Refresh *r, ArrayType *users)
{
	Datum *ids;
	bool *nulls;
	int nids;
	int i = 0;

	while (i < list_length(r->kept))
	{
		ListCell *first = list_nth_cell(r->kept, i);
		const Kept *one = lfirst(first);
		PqlKey key;
		int n = 1;

		key_of(&key, one->user_id);
		while (i + n < list_length(r->kept))
		{
			const Kept *next = lfirst(first + n);

			if (VARSIZE_ANY(next->user_id) != VARSIZE_ANY(one->user_id) ||
				memcmp(next->user_id, one->user_id, VARSIZE_ANY(one->user_id)) != 0)
				break;
			n++;
		}
		if (still_holds(r, first, n))
		{
			for (int k = 0; k < n; k++)
			{
				const Kept *kept = lfirst(first + k);

				if (kept->evidence != NULL)
					pql_population_receive(r->population, &key, kept->started_at, kept->evidence);
			}
			saw(r, &key, one->seen_until);
		}
		i += n;
	}
	deconstruct_array(users, TEXTOID, -1, false, TYPALIGN_INT, &ids, &nulls, &nids);
	for (int k = 0; k < nids; k++)
	{
		const PqlMember *came;
		const PqlMember *seen;
		PqlKey key;

		if (nulls[k])
			continue;
		key_of(&key, DatumGetTextPP(ids[k]));
		/* who has no trial has nothing to be judged */
		if (r->model->per_trial && pql_population_find(r->population, &key) == NULL)
			continue;
		came = pql_population_find(r->came, &key);
		seen = pql_population_find(r->seen, &key);
		if (seen == NULL || came->since != NONE_CAME)
			pql_population_admit_user(r->read, &key,
									  seen == NULL || seen->since == PQL_ALWAYS ? PQL_ALWAYS
																				: seen->since + 1);
	}
}

/* ---- events ---- */

static void
take_gathered(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	PqlKey key;
	int64 started_at = slot->tts_isnull[1] ? PQL_ALWAYS : DatumGetTimestampTz(slot->tts_values[1]);

	key_of(&key, DatumGetTextPP(slot->tts_values[0]));
	if (r->model->per_trial && pql_population_find(r->population, &key) == NULL)
		return;
	pql_population_receive(r->population, &key, started_at, unpack(r, slot->tts_values[2]));
	if (!slot->tts_isnull[3])
		saw(r, &key, DatumGetTimestampTz(slot->tts_values[3]));
}

/* The subjects whose events are read, as arrays: parameters of pql.gather_query_of. */
typedef struct Spans
{
	ArrayBuildState *users;
	ArrayBuildState *started_at;
	ArrayBuildState *from;
	ArrayBuildState *until;
} Spans;

static void
add_instant(ArrayBuildState **instants, int64 at)
{
	*instants = accumArrayResult(*instants, TimestampTzGetDatum(at), false, TIMESTAMPTZOID,
								 CurrentMemoryContext);
}

static void
add_span(Spans *s, Datum user, int64 started_at, int64 from, int64 until)
{
	s->users = accumArrayResult(s->users, user, false, TEXTOID, CurrentMemoryContext);
	add_instant(&s->started_at, started_at);
	add_instant(&s->from, Max(from, started_at));
	add_instant(&s->until, until);
}

/* Of one user: each trial until the next one; of whom none is known, everything. */
static void
add_spans(Refresh *r, Spans *s, const PqlKey *key, int64 from)
{
	const PqlMember *m = pql_population_find(r->population, key);
	Datum user = PointerGetDatum(cstring_to_text_with_len(key->id, key->length));
	const PqlTrials *trials;

	if (m == NULL || !pql_member_many(m))
	{
		add_span(s, user, m == NULL ? PQL_ALWAYS : m->since, from, PQL_NEVER);
		return;
	}
	trials = pql_member_held(m);
	for (int i = 0; i < trials->n; i++)
		add_span(s, user, trials->trial[i].started_at, from,
				 i + 1 < trials->n ? trials->trial[i + 1].started_at : PQL_NEVER);
}

static void
say_which_source(void *name)
{
	errcontext("reading source %s", (char *) name);
}

static void
read_events(Refresh *r)
{
	const PqlPopulation *p = r->read;
	Spans spans = {0};
	ArrayBuildState **instants[] = {&spans.started_at, &spans.from, &spans.until};
	PqlArgs args = {0};
	ErrorContextCallback context = {error_context_stack, say_which_source, NULL};
	ListCell *name;
	ListCell *query;

	for (uint64 i = 0; i <= p->mask; i++)
	{
		char buffer[PQL_KEY_BYTES];
		const char *id;
		int length;
		PqlKey key;

		if (pql_member_free(&p->members[i]))
			continue;
		id = pql_member_id(&p->members[i], buffer, &length);
		pql_key_make(&key, id, length);
		add_spans(r, &spans, &key, p->members[i].since);
	}
	if (spans.users == NULL)
		return;
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(r->as_of), false);
	pql_arg(&args, TEXTARRAYOID, makeArrayResult(spans.users, CurrentMemoryContext), false);
	for (int i = 0; i < lengthof(instants); i++)
		pql_arg(&args, TIMESTAMPTZARRAYOID, makeArrayResult(*instants[i], CurrentMemoryContext),
				false);
	error_context_stack = &context;
	forboth(name, r->sources, query, r->gathers)
	{
		context.arg = lfirst(name);
		pql_query(lfirst(query), &args, PLAN, take_gathered, r);
	}
	error_context_stack = context.previous;
}

/* ---- judging ---- */

static void
judge(Refresh *r, const PqlKey *key, PqlProfile *profile, const PqlEvidence *evidence,
	  Datum *values, bool *nulls)
{
	const PqlModel *model = r->model;
	const PqlMember *read = pql_population_find(r->read, key);
	const PqlMember *seen = pql_population_find(r->seen, key);
	PqlVerdict v;

	pql_judge_subject(model, evidence, profile, r->as_of, false, &v);
	/* a lead will say why */
	if (model->exact ? v.qualified_at != PQL_NEVER : v.status == PQL_QUALIFIED)
		pql_judge_subject(model, evidence, profile, r->as_of, true, &v);
	pql_verdict_values(r->words, &v, values + ROW_VERDICT, nulls + ROW_VERDICT);
	if (v.first_met != NULL)
	{
		values[ROW_VERDICT + PQL_VERDICT_EXPLANATION] =
			pql_verdict_explained(model, evidence, profile, &v, r->as_of, false);
		nulls[ROW_VERDICT + PQL_VERDICT_EXPLANATION] = false;
	}
	nulls[ROW_EVIDENCE] = evidence == NULL;
	if (evidence != NULL)
		values[ROW_EVIDENCE] = PointerGetDatum(pql_evidence_pack(evidence));
	values[ROW_SEEN_UNTIL] = TimestampTzGetDatum(seen == NULL ? PQL_ALWAYS : seen->since);
	values[ROW_REREAD] = BoolGetDatum(read != NULL && read->since == PQL_ALWAYS);
	tuplestore_putvalues(r->result->setResult, r->result->setDesc, values, nulls);
}

static void
take_profile(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	Datum values[ROW_COLUMNS];
	bool nulls[ROW_COLUMNS] = {false};
	int64 started_at = PQL_ALWAYS;
	PqlSubject subject;
	PqlKey key;

	if (r->rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(r->context);

		r->rows = pql_profile_rows(r->model, CreateTupleDescCopy(slot->tts_tupleDescriptor),
								   r->as_of, r->list_entries);
		MemoryContextSwitchTo(old);
	}
	key_of(&key, DatumGetTextPP(slot->tts_values[PQL_P_USER_ID]));
	if (!slot->tts_isnull[PQL_P_STARTED_AT])
		started_at = DatumGetTimestampTz(slot->tts_values[PQL_P_STARTED_AT]);
	subject = pql_member_subject(pql_population_find(r->population, &key), started_at);
	values[ROW_USER_ID] = slot->tts_values[PQL_P_USER_ID];
	values[ROW_ACCOUNT_ID] = slot->tts_values[PQL_P_ACCOUNT_ID];
	nulls[ROW_ACCOUNT_ID] = slot->tts_isnull[PQL_P_ACCOUNT_ID];
	values[ROW_STARTED_AT] = slot->tts_values[PQL_P_STARTED_AT];
	nulls[ROW_STARTED_AT] = slot->tts_isnull[PQL_P_STARTED_AT];
	judge(r, &key, pql_profile_of_row(r->rows, slot, subject.next_start, subject.paid_before),
		  subject.evidence, values, nulls);
	CHECK_FOR_INTERRUPTS();
}

/* Users of whom only events are known. */
static void
judge_the_rest(Refresh *r)
{
	PqlPopulation *p = r->population;

	if (r->rows == NULL)
		r->rows = pql_profile_rows(r->model, CreateTemplateTupleDesc(0), r->as_of, r->list_entries);
	for (uint64 i = 0; i <= p->mask; i++)
	{
		PqlMember *m = &p->members[i];
		Datum values[ROW_COLUMNS];
		bool nulls[ROW_COLUMNS] = {false};
		char buffer[PQL_KEY_BYTES];
		const char *id;
		int length;
		PqlKey key;

		if (pql_member_free(m) || (m->held & PQL_HELD_SEEN) != 0 || m->since != PQL_ALWAYS)
			continue;
		id = pql_member_id(m, buffer, &length);
		pql_key_make(&key, id, length);
		values[ROW_USER_ID] = PointerGetDatum(cstring_to_text_with_len(id, length));
		nulls[ROW_ACCOUNT_ID] = nulls[ROW_STARTED_AT] = true;
		judge(r, &key, pql_profile_of_nobody(r->rows), pql_member_held(m), values, nulls);
	}
}

/* ---- the face ---- */

static void
take_document(void *state, TupleTableSlot *slot)
{
	Refresh *r = state;
	MemoryContext old = MemoryContextSwitchTo(r->context);

	r->document = DatumGetJsonbPCopy(slot->tts_values[0]);
	MemoryContextSwitchTo(old);
}

static void
read_model(Refresh *r, text *name)
{
	PqlArgs args = {0};

	pql_arg(&args, TEXTOID, PointerGetDatum(name), false);
	pql_query("SELECT pql.model($1)", &args, PQL_PLAN_AS_EVER, take_document, r);
	r->model = pql_model_from_jsonb(r->document);
}

/* The earliest of the events that came, of each of the users. */
static void
note_what_came(Refresh *r, ArrayType *users, ArrayType *since)
{
	Datum *ids;
	Datum *instants;
	bool *no_id;
	bool *no_instant;
	int n;
	int ninstants;

	deconstruct_array(users, TEXTOID, -1, false, TYPALIGN_INT, &ids, &no_id, &n);
	deconstruct_array(since, TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &instants, &no_instant, &ninstants);
	if (n != ninstants)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("users and since are not equally many"),
						errhint("Give an instant for each user.")));
	for (int i = 0; i < n; i++)
	{
		PqlKey key;
		PqlMember *m;

		if (no_id[i])
			continue;
		key_of(&key, DatumGetTextPP(ids[i]));
		m = pql_population_find(r->came, &key);
		if (m == NULL)
			m = pql_population_let_in(r->came, &key);
		m->since = no_instant[i] ? PQL_ALWAYS : Min(DatumGetTimestampTz(instants[i]), NONE_CAME);
	}
}

/*
 * pql.judge_users(model text, users text[], since timestamptz[], as_of timestamptz) → rows, not
 * strict: no rows when any is NULL.
 *
 * The verdicts on all subjects of some users, and the evidence they rest on: that in pql.state with
 * the events that came, the earliest of them at `since` (infinity: none; -infinity: all are to be
 * read). ERROR: a source that is gone.
 */
PG_FUNCTION_INFO_V1(pql_judge_users);
Datum
pql_judge_users(PG_FUNCTION_ARGS)
{
	Refresh *r = palloc0(sizeof(Refresh));
	PqlArena *arena;
	ArrayType *users;
	PqlArgs args = {0};

	InitMaterializedSRF(fcinfo, 0);
	r->result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return (Datum) 0;
	r->context = CurrentMemoryContext;
	users = PG_GETARG_ARRAYTYPE_P(1);
	r->as_of = PG_GETARG_TIMESTAMPTZ(3);
	read_model(r, PG_GETARG_TEXT_PP(0));
	arena = pql_arena_new();
	r->model->layout.arena = arena;
	r->population = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	r->came = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	r->read = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	r->seen = pql_population_new(r->model, arena, 0, PQL_HASH_RANGE);
	note_what_came(r, users, PG_GETARG_ARRAYTYPE_P(2));
	r->words = pql_verdict_words(r->model);
	read_queries(r, users);
	set_args(r, PointerGetDatum(users));
	if (r->signups != NULL)
		pql_query(r->signups, &r->args, PLAN, take_signups, r);
	if (r->lists != NULL)
	{
		r->list_entries = pql_list_entries();
		pql_query(r->lists, NULL, PQL_PLAN_AS_EVER, take_list_entry, r);
	}
	pql_query(r->keys, &r->args, PLAN, take_key, r);
	pql_arg(&args, TEXTOID, PG_GETARG_DATUM(0), false);
	pql_arg(&args, TEXTARRAYOID, PointerGetDatum(users), false);
	pql_query("SELECT s.user_id, s.started_at, s.evidence, s.seen_until FROM pql.state s "
			  "WHERE s.model = $1 AND s.user_id = ANY ($2) ORDER BY s.user_id, s.started_at",
			  &args, PLAN, take_kept, r);
	use_kept(r, users);
	read_events(r);
	pql_query(r->profiles, &r->args, PLAN, take_profile, r);
	if (!r->model->per_trial)
		judge_the_rest(r);
	pql_arena_delete(arena);
	return (Datum) 0;
}
