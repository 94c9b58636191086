/*
 * score.c: scoring a whole population: pql.score_all and pql.score_path.
 *
 * Every process of the crew lets all users in, reads its share of the blocks, and hands over the
 * evidence of users that are not its own to judge. Then each reads the profiles of its own users,
 * judges them, and the leader collects the rows:
 *
 *     keys → events of some blocks → evidence of all users → evidence of own users → verdicts
 *
 * When that would take too much memory, the upper half of the users is put off to another pass.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "crew.h"
#include "gather.h"
#include "profile.h"
#include "query.h"
#include "scan.h"
#include "settings.h"
#include "verdict_row.h"

/* Columns of pql.score_all before those of the verdict. */
#define ROW_USER_ID 0
#define ROW_ACCOUNT_ID 1
#define ROW_STARTED_AT 2
#define ROW_VERDICT 3
#define ROW_COLUMNS (ROW_VERDICT + PQL_VERDICT_COLUMNS)

/* Columns of pql.gather_everybody. */
#define GATHERED_USER_ID 0
#define GATHERED_STARTED_AT 1
#define GATHERED_EVIDENCE 2
#define GATHERED_COLUMNS 3

/* Blocks taken at once: what a block range index summarises by default, and enough to be read
 * ahead. */
#define CHUNK 128

/* However little is allowed: a population that is hardly there would take passes without end. */
#define LEAST_MEMORY (128 * 1024)

/* A message is sent when it has grown to this. */
#define MESSAGE_SIZE (16 * 1024)

/* ---- the job ---- */

/* Rows that repeat others, of one table. */
typedef struct JobRepeats
{
	Oid table;
	int n;
	int size;
	ItemPointer rows;
} JobRepeats;

typedef struct JobSource
{
	Oid relation;
	Jsonb *mapping;
	char *gather; /* the query that gathers it, where it is not scanned; else NULL */
	PqlSource *source;
} JobSource;

/* A table to read. The leader says how far, so that all count chunks alike while tables grow. */
typedef struct JobLeaf
{
	int source;
	Oid table;
	BlockNumber nblocks;
} JobLeaf;

/* What is to be done: the same for all processes. */
typedef struct Job
{
	Jsonb *document;
	int64 as_of;
	int64 known_at; /* PQL_NEVER: does not matter */
	int64 from;     /* PQL_ALWAYS */
	int64 until;    /* PQL_NEVER */
	bool detail;
	bool skip_gated;
	bool gather;       /* the evidence is wanted, not the verdicts */
	bool any_gathered; /* a source is not scanned */
	bool lean;         /* what releases a hold is found by index, for those who need it */
	int64 memory;      /* bytes, per process */
	int workers;       /* known to the leader only: so many were asked for */
	char *signups;     /* queries, or NULL */
	char *keys;
	char *profiles;
	char *lists;
	char *aliases;
	int nsources;
	JobSource *sources;
	int nleaves;
	JobLeaf *leaves;
	bool temporary; /* some of them are: workers cannot read those */
	int nrepeats;
	JobRepeats *repeats;
} Job;

static void
pack_text(StringInfo out, const char *text)
{
	pq_sendint32(out, text == NULL ? 0 : strlen(text) + 1);
	if (text != NULL)
		appendBinaryStringInfo(out, text, strlen(text) + 1);
}

static void
pack_varlena(StringInfo out, const void *value)
{
	pq_sendint32(out, VARSIZE(value));
	appendBinaryStringInfo(out, value, VARSIZE(value));
}

static char *
unpack_bytes(StringInfo in)
{
	int size = pq_getmsgint(in, 4);
	char *bytes;

	if (size == 0)
		return NULL;
	bytes = palloc(size);
	pq_copymsgbytes(in, bytes, size);
	return bytes;
}

static void
pack_job(const Job *job, StringInfo out)
{
	initStringInfo(out);
	pack_varlena(out, job->document);
	pq_sendint64(out, job->as_of);
	pq_sendint64(out, job->known_at);
	pq_sendint64(out, job->from);
	pq_sendint64(out, job->until);
	pq_sendbyte(out, job->detail);
	pq_sendbyte(out, job->skip_gated);
	pq_sendbyte(out, job->gather);
	pq_sendbyte(out, job->any_gathered);
	pq_sendbyte(out, job->lean);
	pq_sendint64(out, job->memory);
	pack_text(out, job->signups);
	pack_text(out, job->keys);
	pack_text(out, job->profiles);
	pack_text(out, job->lists);
	pack_text(out, job->aliases);
	pq_sendint32(out, job->nsources);
	for (int i = 0; i < job->nsources; i++)
	{
		pq_sendint32(out, job->sources[i].relation);
		pack_varlena(out, job->sources[i].mapping);
		pack_text(out, job->sources[i].gather);
	}
	pq_sendint32(out, job->nleaves);
	appendBinaryStringInfo(out, (char *) job->leaves, job->nleaves * sizeof(JobLeaf));
	pq_sendint32(out, job->nrepeats);
	for (int i = 0; i < job->nrepeats; i++)
	{
		pq_sendint32(out, job->repeats[i].table);
		pq_sendint32(out, job->repeats[i].n);
		appendBinaryStringInfo(out, (char *) job->repeats[i].rows,
							   job->repeats[i].n * sizeof(ItemPointerData));
	}
}

static Job *
unpack_job(const void *packed, Size size)
{
	Job *job = palloc0(sizeof(Job));
	StringInfoData in;

	in.data = unconstify(void *, packed);
	in.len = in.maxlen = size;
	in.cursor = 0;
	job->document = (Jsonb *) unpack_bytes(&in);
	job->as_of = pq_getmsgint64(&in);
	job->known_at = pq_getmsgint64(&in);
	job->from = pq_getmsgint64(&in);
	job->until = pq_getmsgint64(&in);
	job->detail = pq_getmsgbyte(&in);
	job->skip_gated = pq_getmsgbyte(&in);
	job->gather = pq_getmsgbyte(&in);
	job->any_gathered = pq_getmsgbyte(&in);
	job->lean = pq_getmsgbyte(&in);
	job->memory = pq_getmsgint64(&in);
	job->signups = unpack_bytes(&in);
	job->keys = unpack_bytes(&in);
	job->profiles = unpack_bytes(&in);
	job->lists = unpack_bytes(&in);
	job->aliases = unpack_bytes(&in);
	job->nsources = pq_getmsgint(&in, 4);
	job->sources = palloc0(Max(1, job->nsources) * sizeof(JobSource));
	for (int i = 0; i < job->nsources; i++)
	{
		job->sources[i].relation = pq_getmsgint(&in, 4);
		job->sources[i].mapping = (Jsonb *) unpack_bytes(&in);
		job->sources[i].gather = unpack_bytes(&in);
	}
	job->nleaves = pq_getmsgint(&in, 4);
	job->leaves = palloc(Max(1, job->nleaves) * sizeof(JobLeaf));
	pq_copymsgbytes(&in, (char *) job->leaves, job->nleaves * sizeof(JobLeaf));
	job->nrepeats = pq_getmsgint(&in, 4);
	job->repeats = palloc0(Max(1, job->nrepeats) * sizeof(JobRepeats));
	for (int i = 0; i < job->nrepeats; i++)
	{
		JobRepeats *r = &job->repeats[i];

		r->table = pq_getmsgint(&in, 4);
		r->n = pq_getmsgint(&in, 4);
		r->rows = palloc(Max(1, r->n) * sizeof(ItemPointerData));
		pq_copymsgbytes(&in, (char *) r->rows, r->n * sizeof(ItemPointerData));
	}
	pq_getmsgend(&in);
	return job;
}

/* ---- one process at work ---- */

/* What takes time. */
typedef enum Phase
{
	LOADING_KEYS,
	READING_EVENTS,
	HANDING_OVER,
	JUDGING,
	PHASES
} Phase;

/* Where the arrays that `signups` gives stand among the queries' parameters. */
#define FIRST_SIGNUP_ARG 6
#define SIGNUP_ARGS 3

typedef struct Work
{
	Job *job;
	PqlCrew *crew;
	PqlModel *model;
	PqlArena *arena;
	PqlPopulation *population;
	PqlPopulation *passing;        /* where gates are asked first: whom they let through */
	Tuplestorestate *passing_rows; /* and their profiles */
	TupleTableSlot *passing_slot;
	PqlScan scan;
	int nleaves;
	PqlLeaf *leaves;
	PqlListEntries *lists;
	PqlProfileRows *profiles;
	PqlVerdictWords *words;
	PqlArgs args; /* of the job's queries */
	uint64 low;   /* the first users of this pass */
	uint64 dealt; /* up to here they are divided among the crew */
	TupleDesc desc;
	MemoryContext pass;
	int64 until_check;   /* rows until memory is looked at again */
	StringInfo outgoing; /* messages being written, one for each of the crew */
	int64 nasked;        /* lookups by index */
	Size most_bytes;     /* that users and their evidence took, and how many they were then */
	uint64 most_users;
	instr_time began;
	double spent[PHASES]; /* milliseconds */
	/* the leader's */
	Tuplestorestate *rows;
	TupleTableSlot *received;
} Work;

static bool
open_users(const Work *w)
{
	return !w->model->per_trial && !w->job->skip_gated && w->job->from == PQL_ALWAYS &&
		   w->job->until == PQL_NEVER;
}

static void
set_args(Work *w, uint64 low, uint64 high)
{
	const Job *job = w->job;

	w->args.n = 0;
	pql_arg(&w->args, TIMESTAMPTZOID, TimestampTzGetDatum(job->as_of), false);
	pql_arg(&w->args, TIMESTAMPTZOID, TimestampTzGetDatum(job->known_at),
			job->known_at == PQL_NEVER);
	pql_arg(&w->args, INT8OID, Int64GetDatum(low), false);
	pql_arg(&w->args, INT8OID, Int64GetDatum(high), false);
	pql_arg(&w->args, TIMESTAMPTZOID, TimestampTzGetDatum(job->from), job->from == PQL_ALWAYS);
	pql_arg(&w->args, TIMESTAMPTZOID, TimestampTzGetDatum(job->until), job->until == PQL_NEVER);
	w->args.n += SIGNUP_ARGS; /* they stay as they are */
}

static void
take_signups(void *state, TupleTableSlot *slot)
{
	Work *w = state;

	pql_args_take(&w->args, FIRST_SIGNUP_ARG, SIGNUP_ARGS, slot, GetMemoryChunkContext(w));
}

/* The upper half of the users waits for another pass when memory is used up, or another process's
 * is. */
static void
check_memory(Work *w)
{
	PqlBoard *board = pql_crew_board(w->crew);
	PqlPopulation *p = w->population;
	uint64 high = pg_atomic_read_u64(&board->high);

	while (pql_population_bytes(p) > w->job->memory && high - w->low > 1)
	{
		uint64 half = w->low + (high - w->low) / 2;

		/* another process may have been first */
		if (pg_atomic_compare_exchange_u64(&board->high, &high, half))
			high = half;
		if (high < p->high)
			pql_population_narrow(p, high);
	}
	if (high < p->high)
		pql_population_narrow(p, high);
}

static void
admit(Work *w, const PqlKey *key, int64 started_at, int64 converted_at)
{
	if (!pql_population_wants(w->population, key))
		return;
	if (w->model->per_trial)
		pql_population_admit(w->population, key, started_at, converted_at);
	else
		pql_population_admit_user(w->population, key, started_at);
	if (--w->until_check <= 0)
	{
		w->until_check = 1024;
		CHECK_FOR_INTERRUPTS();
		check_memory(w);
	}
}

static void post(Work *w, int to, const char *id, int length, int64 started_at, int64 converted_at,
				 const PqlEvidence *evidence);

static void
take_key(void *state, TupleTableSlot *slot)
{
	Work *w = state;
	text *id;
	PqlKey key;
	int64 started_at = PQL_ALWAYS;
	int64 converted_at = PQL_NEVER;

	if (slot->tts_isnull[0])
		return;
	id = DatumGetTextPP(slot->tts_values[0]);
	pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	if (!slot->tts_isnull[1])
		started_at = DatumGetTimestampTz(slot->tts_values[1]);
	if (!PQL_INSTANT_OK(started_at))
	{
		if (w->model->per_trial)
			return;
		started_at = PQL_ALWAYS;
	}
	if (!slot->tts_isnull[2])
		converted_at = DatumGetTimestampTz(slot->tts_values[2]);
	if (w->passing != NULL)
	{
		/* those whom their gates let through are told to all */
		if (pql_population_find(w->passing, &key) == NULL)
			return;
		for (int to = 0; to < pql_crew_size(w->crew); to++)
			if (to != pql_crew_me(w->crew))
				post(w, to, key.id, key.length, started_at, converted_at, NULL);
	}
	admit(w, &key, started_at, converted_at);
}

/* ---- reading events ---- */

static JobRepeats *
repeats_of(Job *job, Oid table)
{
	for (int i = 0; i < job->nrepeats; i++)
		if (job->repeats[i].table == table)
			return &job->repeats[i];
	return NULL;
}

static void
open_leaves(Work *w)
{
	Job *job = w->job;

	w->nleaves = job->nleaves;
	w->leaves = palloc(Max(1, job->nleaves) * sizeof(PqlLeaf));
	for (int i = 0; i < job->nleaves; i++)
	{
		PqlLeaf *leaf = &w->leaves[i];
		JobSource *s = &job->sources[job->leaves[i].source];
		JobRepeats *repeats = repeats_of(job, job->leaves[i].table);

		/* the leader has found out that it can be scanned, and locked it */
		if (s->source == NULL)
			s->source = pql_source_known(s->relation, s->mapping, job->known_at != PQL_NEVER);
		pql_leaf_open(leaf, s->source, job->leaves[i].table, w->model);
		leaf->nblocks = job->leaves[i].nblocks;
		if (repeats != NULL)
		{
			leaf->repeats = repeats->rows;
			leaf->nrepeats = repeats->n;
		}
		if (job->lean)
			(void) pql_leaf_index(leaf);
	}
}

static void
close_leaves(Work *w)
{
	for (int i = 0; i < w->nleaves; i++)
		pql_leaf_close(&w->leaves[i]);
}

static uint64
chunks_of(const PqlLeaf *leaf)
{
	return (leaf->nblocks + (uint64) PQL_CHUNK - 1) / PQL_CHUNK;
}

static void
scan_events(Work *w)
{
	PqlBoard *board = pql_crew_board(w->crew);

	for (;;)
	{
		uint64 chunk = pg_atomic_fetch_add_u64(&board->next, 1);
		int i = 0;
		PqlLeaf *leaf;
		BlockNumber from;

		while (i < w->nleaves && chunk >= chunks_of(&w->leaves[i]))
			chunk -= chunks_of(&w->leaves[i++]);
		if (i == w->nleaves)
			break;
		leaf = &w->leaves[i];
		if (!leaf->ranges.all && !bms_is_member(chunk, leaf->ranges.chunks))
			continue;
		from = chunk * PQL_CHUNK;
		pql_scan_blocks(&w->scan, leaf, from, Min(from + PQL_CHUNK, leaf->nblocks));
		check_memory(w);
	}
}

/* ---- the other path ---- */

static void
take_gathered(void *state, TupleTableSlot *slot)
{
	Work *w = state;
	text *id;
	PqlKey key;
	bytea *packed;
	StringInfoData in;
	PqlEvidence *evidence;
	PqlArena *arena = w->model->layout.arena;

	id = DatumGetTextPP(slot->tts_values[0]);
	pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	if (!pql_population_wants(w->population, &key))
		return;
	packed = DatumGetByteaPP(slot->tts_values[2]);
	in.data = VARDATA_ANY(packed);
	in.len = in.maxlen = VARSIZE_ANY_EXHDR(packed);
	in.cursor = 0;
	/* for this row only: it is copied or merged */
	w->model->layout.arena = NULL;
	evidence = pql_evidence_read(&in, &w->model->layout);
	w->model->layout.arena = arena;
	/* rows of other sources may be added to it */
	if (evidence->started_at != PQL_ALWAYS)
		evidence->start_day = pql_day(w->model->zone, evidence->started_at);
	if (open_users(w) || pql_population_find(w->population, &key) != NULL)
		pql_population_receive(
			w->population, &key,
			slot->tts_isnull[1] ? PQL_ALWAYS : DatumGetTimestampTz(slot->tts_values[1]), evidence);
	if (--w->until_check <= 0)
	{
		w->until_check = 1024;
		check_memory(w);
	}
}

static void
gather_events(Work *w)
{
	for (int i = 0; i < w->job->nsources; i++)
		if (w->job->sources[i].gather != NULL)
			pql_query_source(w->job->sources[i].source->name, w->job->sources[i].gather, &w->args,
							 PQL_PLAN_AS_EVER, take_gathered, w);
}

/* ---- handing over ---- */

/* One trial, or its evidence, on its way to another process; id and contents follow, aligned. */
typedef struct Parcel
{
	int64 started_at;
	int64 converted_at;
	uint32 id_length;
	uint32 evidence_size; /* 0: it is the user who comes, with a trial */
} Parcel;

/* Parcels looked at together, so that their users' memory can be asked for ahead. */
#define PARCELS 32

static void
take_parcels(void *state, int from, char *bytes, Size size)
{
	Work *w = state;
	PqlPopulation *p = w->population;
	Size at = 0;

	while (at < size)
	{
		PqlKey key[PARCELS];
		Parcel *parcel[PARCELS];
		PqlEvidence *evidence[PARCELS];
		int n = 0;

		for (; n < PARCELS && at < size; n++)
		{
			char *id = (char *) ((Parcel *) (bytes + at) + 1);

			parcel[n] = (Parcel *) (bytes + at);
			evidence[n] = NULL;
			if (parcel[n]->evidence_size > 0)
			{
				evidence[n] = (PqlEvidence *) (id + MAXALIGN(parcel[n]->id_length));
				evidence[n]->layout = &w->model->layout;
			}
			pql_key_make(&key[n], id, parcel[n]->id_length);
			__builtin_prefetch(pql_population_home(p, &key[n]));
			at += sizeof(Parcel) + MAXALIGN(parcel[n]->id_length) +
				  MAXALIGN(parcel[n]->evidence_size);
		}
		for (int i = 0; i < n; i++)
		{
			PqlMember *m = pql_population_find(p, &key[i]);

			if (m != NULL && pql_member_held(m) != NULL)
				for (int line = 0; line < 4; line++)
					__builtin_prefetch((char *) pql_member_held(m) + 64 * line, 1);
		}
		for (int i = 0; i < n; i++)
			if (evidence[i] != NULL)
				pql_population_receive(p, &key[i], parcel[i]->started_at, evidence[i]);
			else
				admit(w, &key[i], parcel[i]->started_at, parcel[i]->converted_at);
	}
}

static void
flush(Work *w, int to, PqlTakeMessage take)
{
	StringInfo out = &w->outgoing[to];

	if (out->len > 0)
		pql_crew_send(w->crew, to, out->data, out->len, take, w);
	resetStringInfo(out);
}

static void
pad(StringInfo out)
{
	static const char zeros[MAXIMUM_ALIGNOF] = {0};

	appendBinaryStringInfo(out, zeros, MAXALIGN(out->len) - out->len);
}

static void
post(Work *w, int to, const char *id, int length, int64 started_at, int64 converted_at,
	 const PqlEvidence *evidence)
{
	StringInfo out = &w->outgoing[to];
	Parcel parcel = {started_at, converted_at, length,
					 evidence != NULL ? pql_evidence_bytes(evidence) : 0};

	appendBinaryStringInfo(out, (char *) &parcel, sizeof(parcel));
	appendBinaryStringInfo(out, id, length);
	pad(out);
	if (evidence != NULL)
	{
		appendBinaryStringInfo(out, (const char *) evidence, parcel.evidence_size);
		pad(out);
	}
	if (out->len >= MESSAGE_SIZE)
		flush(w, to, take_parcels);
}

/* Which of the crew judges a user. */
static int
owner(const Work *w, const PqlKey *key)
{
	return (int) (((key->hash >> 32) - w->low) * pql_crew_size(w->crew) / (w->dealt - w->low));
}

/* The least hash of process k's users, or the end of the last one's. */
static uint64
share_begins(const Work *w, int k, uint64 high)
{
	uint64 n = pql_crew_size(w->crew);

	return w->low + ((high - w->low) * k + n - 1) / n;
}

static void
hand_over(Work *w)
{
	PqlPopulation *p = w->population;
	int me = pql_crew_me(w->crew);
	uint64 size = p->mask + 1;
	PqlMember *members = p->members;

	if (pql_crew_size(w->crew) == 1)
		return;
	/* what comes in while we send belongs to us, and may move our members: look at a copy */
	members = MemoryContextAllocHuge(w->pass, size * sizeof(PqlMember));
	memcpy(members, p->members, size * sizeof(PqlMember));
	for (uint64 i = 0; i < size; i++)
	{
		PqlMember *m = &members[i];
		char buffer[PQL_KEY_BYTES];
		const char *id;
		int length;
		PqlKey key;
		int to;

		if (pql_member_free(m) || pql_member_held(m) == NULL)
			continue;
		id = pql_member_id(m, buffer, &length);
		pql_key_make(&key, id, length);
		to = owner(w, &key);
		if (to == me)
			continue;
		if (pql_member_many(m))
		{
			PqlTrials *trials = pql_member_held(m);

			for (int k = 0; k < trials->n; k++)
				if (trials->trial[k].evidence != NULL)
					post(w, to, id, length, trials->trial[k].started_at, PQL_NEVER,
						 trials->trial[k].evidence);
		}
		else
			post(w, to, id, length, m->since, PQL_NEVER, pql_member_held(m));
		if ((i & 0xFFF) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			pql_crew_poll(w->crew, take_parcels, w);
		}
	}
	pfree(members);
	for (int to = 0; to < pql_crew_size(w->crew); to++)
		if (to != me)
			flush(w, to, take_parcels);
	pql_crew_done(w->crew, -1, take_parcels, w);
	pql_crew_wait_done(w->crew, -1, take_parcels, w);
}

/* ---- judging ---- */

/* The leader: rows that a worker has judged. */
static void
take_rows(void *state, int from, char *bytes, Size size)
{
	Work *w = state;
	Size at = 0;

	while (at < size)
	{
		MinimalTuple tuple = (MinimalTuple) (bytes + at);

		ExecStoreMinimalTuple(tuple, w->received, false);
		tuplestore_puttupleslot(w->rows, w->received);
		ExecClearTuple(w->received);
		at += MAXALIGN(tuple->t_len);
	}
}

static void
emit(Work *w, Datum *values, bool *nulls)
{
	StringInfo out = &w->outgoing[0];
	MinimalTuple tuple;

	if (pql_crew_me(w->crew) == 0)
	{
		tuplestore_putvalues(w->rows, w->desc, values, nulls);
		return;
	}
	tuple = heap_form_minimal_tuple(w->desc, values, nulls);
	appendBinaryStringInfo(out, (char *) tuple, tuple->t_len);
	pad(out);
	if (out->len >= MESSAGE_SIZE)
		flush(w, 0, take_rows);
}

/* Somebody being judged, of whom a verdict may ask more. */
typedef struct Asked
{
	Work *w;
	text *id;
	int64 next_start;
} Asked;

static int64
first_event(void *state, int64 from)
{
	const Asked *asked = state;
	Work *w = asked->w;
	int64 first = PQL_NEVER;

	w->nasked++;
	for (int i = 0; i < w->nleaves; i++)
	{
		int64 at = pql_leaf_first(&w->scan, &w->leaves[i], VARDATA_ANY(asked->id),
								  VARSIZE_ANY_EXHDR(asked->id), from, asked->next_start);

		first = Min(first, at);
	}
	return first;
}

static void
judge(Work *w, PqlProfile *profile, const PqlEvidence *evidence, int64 next_start, Datum *values,
	  bool *nulls)
{
	const Job *job = w->job;
	Asked asked = {w, DatumGetTextPP(values[ROW_USER_ID]), next_start};
	PqlVerdict v;

	profile->first_event = first_event;
	profile->state = &asked;
	pql_judge_subject(w->model, evidence, profile, job->as_of, job->detail, &v);
	pql_verdict_values(w->words, &v, values + ROW_VERDICT, nulls + ROW_VERDICT);
	if (job->detail)
	{
		values[ROW_VERDICT + PQL_VERDICT_EXPLANATION] =
			pql_verdict_explained(w->model, evidence, profile, &v, job->as_of, false);
		nulls[ROW_VERDICT + PQL_VERDICT_EXPLANATION] = false;
	}
	emit(w, values, nulls);
}

/* What of a row of profiles is known before its columns are looked at. */
static void
expect_profiles(Work *w, TupleDesc desc)
{
	MemoryContext old;

	if (w->profiles != NULL)
		return;
	old = MemoryContextSwitchTo(w->pass);
	w->profiles = pql_profile_rows(w->model, CreateTupleDescCopy(desc), w->job->as_of, w->lists);
	MemoryContextSwitchTo(old);
}

static void
take_profile(void *state, TupleTableSlot *slot)
{
	Work *w = state;
	Datum values[ROW_COLUMNS];
	bool nulls[ROW_COLUMNS] = {false};
	text *id;
	PqlKey key;
	int64 started_at = PQL_ALWAYS;
	PqlSubject subject;
	PqlProfile *profile;

	expect_profiles(w, slot->tts_tupleDescriptor);
	id = DatumGetTextPP(slot->tts_values[PQL_P_USER_ID]);
	pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	if (!slot->tts_isnull[PQL_P_STARTED_AT])
		started_at = DatumGetTimestampTz(slot->tts_values[PQL_P_STARTED_AT]);
	subject = pql_member_subject(pql_population_find(w->population, &key), started_at);
	profile = pql_profile_of_row(w->profiles, slot, subject.next_start, subject.paid_before);
	values[ROW_USER_ID] = slot->tts_values[PQL_P_USER_ID];
	values[ROW_ACCOUNT_ID] = slot->tts_values[PQL_P_ACCOUNT_ID];
	nulls[ROW_ACCOUNT_ID] = slot->tts_isnull[PQL_P_ACCOUNT_ID];
	values[ROW_STARTED_AT] = slot->tts_values[PQL_P_STARTED_AT];
	nulls[ROW_STARTED_AT] = slot->tts_isnull[PQL_P_STARTED_AT];
	judge(w, profile, subject.evidence, subject.next_start, values, nulls);
	if (--w->until_check <= 0)
	{
		w->until_check = 256;
		CHECK_FOR_INTERRUPTS();
		if (pql_crew_me(w->crew) == 0)
			pql_crew_poll(w->crew, take_rows, w);
	}
}

/* ---- gates first ---- */

/* Runs one of the queries over the subjects. */
static void
query_subjects(Work *w, const char *sql, PqlTakeRow take)
{
	bool everybody = w->job->from == PQL_ALWAYS && w->job->until == PQL_NEVER;

	pql_query(sql, &w->args,
			  (everybody ? PQL_PLAN_EVERYBODY : PQL_PLAN_AS_EVER) |
				  (w->job->workers > 0 ? PQL_PLAN_ALONE : PQL_PLAN_AS_EVER),
			  take, w);
}

/* Keeps the profile of somebody whose gates may have held, and notes who it is. */
static void
take_gated(void *state, TupleTableSlot *slot)
{
	Work *w = state;
	PqlProfile *profile;
	text *id;
	PqlKey key;
	MemoryContext old;

	expect_profiles(w, slot->tts_tupleDescriptor);
	profile = pql_profile_of_row(w->profiles, slot, PQL_NEVER, false);
	if (!pql_gates_possible(w->model, profile, w->job->as_of))
		return;
	id = DatumGetTextPP(slot->tts_values[PQL_P_USER_ID]);
	pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	pql_population_admit_user(w->passing, &key, PQL_ALWAYS);
	old = MemoryContextSwitchTo(w->pass);
	if (w->passing_slot == NULL)
		w->passing_slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(slot->tts_tupleDescriptor),
												   &TTSOpsMinimalTuple);
	tuplestore_puttupleslot(w->passing_rows, slot);
	MemoryContextSwitchTo(old);
}

/*
 * Everybody of this process's share whose gates may have held comes into all processes'
 * populations; their profiles wait here to be judged.
 */
static void
let_in_passing(Work *w)
{
	w->dealt = PQL_HASH_RANGE;
	w->passing = pql_population_new(w->model, pql_arena_new(), w->low, PQL_HASH_RANGE);
	w->passing_rows = tuplestore_begin_heap(false, false, work_mem);
	w->passing_slot = NULL;
	set_args(w, share_begins(w, pql_crew_me(w->crew), PQL_HASH_RANGE),
			 share_begins(w, pql_crew_me(w->crew) + 1, PQL_HASH_RANGE));
	query_subjects(w, w->job->profiles, take_gated);
	query_subjects(w, w->job->keys, take_key);
	for (int to = 0; to < pql_crew_size(w->crew); to++)
		if (to != pql_crew_me(w->crew))
			flush(w, to, take_parcels);
	if (pql_crew_size(w->crew) > 1)
	{
		pql_crew_done(w->crew, -1, take_parcels, w);
		pql_crew_wait_done(w->crew, -1, take_parcels, w);
	}
	pql_arena_delete(w->passing->arena);
	w->passing = NULL;
}

static void
judge_passing(Work *w)
{
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pql row", ALLOCSET_DEFAULT_SIZES);

	while (w->passing_slot != NULL &&
		   tuplestore_gettupleslot(w->passing_rows, true, false, w->passing_slot))
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		text *id;
		PqlKey key;

		slot_getallattrs(w->passing_slot);
		id = DatumGetTextPP(w->passing_slot->tts_values[PQL_P_USER_ID]);
		pql_key_make(&key, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
		/* those put off to another pass wait for it */
		if (pql_population_wants(w->population, &key))
			take_profile(w, w->passing_slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	if (w->passing_slot != NULL)
		ExecDropSingleTupleTableSlot(w->passing_slot);
	tuplestore_end(w->passing_rows);
	MemoryContextDelete(row);
}

/* Users of whom only events are known. */
static void
judge_the_rest(Work *w)
{
	PqlPopulation *p = w->population;
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pql row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	if (w->profiles == NULL)
		w->profiles =
			pql_profile_rows(w->model, CreateTemplateTupleDesc(0), w->job->as_of, w->lists);
	old = MemoryContextSwitchTo(row);
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
		if (owner(w, &key) != pql_crew_me(w->crew))
			continue;
		values[ROW_USER_ID] = PointerGetDatum(cstring_to_text_with_len(id, length));
		nulls[ROW_ACCOUNT_ID] = nulls[ROW_STARTED_AT] = true;
		judge(w, pql_profile_of_nobody(w->profiles), pql_member_held(m), PQL_NEVER, values, nulls);
		MemoryContextReset(row);
		if ((i & 0xFF) == 0 && pql_crew_me(w->crew) == 0)
			pql_crew_poll(w->crew, take_rows, w);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* ---- evidence instead of verdicts ---- */

static void
emit_evidence(Work *w, text *id, int64 started_at, const PqlEvidence *evidence)
{
	Datum values[GATHERED_COLUMNS];
	bool nulls[GATHERED_COLUMNS] = {[GATHERED_EVIDENCE] = evidence == NULL};

	/* a later trial is no subject yet */
	if (started_at > w->job->as_of)
		return;
	values[GATHERED_USER_ID] = PointerGetDatum(id);
	values[GATHERED_STARTED_AT] = TimestampTzGetDatum(started_at);
	values[GATHERED_EVIDENCE] =
		evidence == NULL ? (Datum) 0 : PointerGetDatum(pql_evidence_pack(evidence));
	emit(w, values, nulls);
}

/* Of every user of this process, all subjects, those without events as well. */
static void
emit_gathered(Work *w)
{
	PqlPopulation *p = w->population;
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pql row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	for (uint64 i = 0; i <= p->mask; i++)
	{
		const PqlMember *m = &p->members[i];
		const PqlTrials *trials = pql_member_held(m);
		char buffer[PQL_KEY_BYTES];
		const char *id;
		int length;
		PqlKey key;
		text *user;

		if (pql_member_free(m))
			continue;
		id = pql_member_id(m, buffer, &length);
		pql_key_make(&key, id, length);
		if (owner(w, &key) != pql_crew_me(w->crew))
			continue;
		user = cstring_to_text_with_len(id, length);
		if (!pql_member_many(m))
			emit_evidence(w, user, m->since, pql_member_held(m));
		else
			for (int k = 0; k < trials->n; k++)
				emit_evidence(w, user, trials->trial[k].started_at, trials->trial[k].evidence);
		MemoryContextReset(row);
		if ((i & 0xFF) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			if (pql_crew_me(w->crew) == 0)
				pql_crew_poll(w->crew, take_rows, w);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* ---- passes ---- */

/* Counts the time since the last call to a phase. */
static void
clock_in(Work *w, Phase phase)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, w->began);
	w->spent[phase] += INSTR_TIME_GET_MILLISEC(now);
	INSTR_TIME_SET_CURRENT(w->began);
}

static void
note_memory(Work *w)
{
	Size bytes = pql_population_bytes(w->population);

	if (bytes <= w->most_bytes)
		return;
	w->most_bytes = bytes;
	w->most_users = w->population->n;
}

/* Finds the crew together. As late as may be: the leader does not wait for workers to start. */
static void
assemble(Work *w)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(w));

	pql_crew_assemble(w->crew);
	w->outgoing = palloc(pql_crew_size(w->crew) * sizeof(StringInfoData));
	for (int i = 0; i < pql_crew_size(w->crew); i++)
		initStringInfo(&w->outgoing[i]);
	MemoryContextSwitchTo(old);
}

static void
one_pass(Work *w)
{
	PqlBoard *board = pql_crew_board(w->crew);
	bool leads = pql_crew_me(w->crew) == 0;
	uint64 high;

	if (w->low > 0)
	{
		/* nobody reads the board of the last pass any more */
		pql_crew_meet(w->crew);
		if (leads)
		{
			pg_atomic_write_u64(&board->next, 0);
			pg_atomic_write_u64(&board->high, PQL_HASH_RANGE);
		}
		pql_crew_meet(w->crew);
	}
	else if (w->job->skip_gated)
		assemble(w);

	w->arena = pql_arena_new();
	w->model->layout.arena = w->arena;
	w->population = pql_population_new(w->model, w->arena, w->low, PQL_HASH_RANGE);
	w->profiles = NULL;
	INSTR_TIME_SET_CURRENT(w->began);
	if (w->job->skip_gated)
		let_in_passing(w);
	else
	{
		set_args(w, w->low, PQL_HASH_RANGE);
		query_subjects(w, w->job->keys, take_key);
	}
	clock_in(w, LOADING_KEYS);
	w->scan.population = w->population;
	pql_scan_begin(&w->scan);
	for (int i = 0; i < w->nleaves; i++)
	{
		PqlLeaf *leaf = &w->leaves[i];

		pql_leaf_narrow(&w->scan, leaf);
		if (leads && leaf->ranges.by != NULL)
			ereport(DEBUG1, (errmsg_internal("pql: of %s %d of %d chunks are read, by %s",
											 RelationGetRelationName(leaf->rel),
											 bms_num_members(leaf->ranges.chunks),
											 (int) chunks_of(leaf), leaf->ranges.by)));
	}
	set_args(w, w->low, PQL_HASH_RANGE);
	if (leads)
		gather_events(w);
	scan_events(w);
	note_memory(w);

	clock_in(w, READING_EVENTS);
	/* all have read: what no process had to put off is complete */
	if (w->outgoing == NULL)
		assemble(w);
	pql_crew_meet(w->crew);
	high = pg_atomic_read_u64(&board->high);
	if (high < w->population->high)
		pql_population_narrow(w->population, high);
	/* who has the profile judges */
	w->dealt = w->job->skip_gated ? PQL_HASH_RANGE : high;
	hand_over(w);
	clock_in(w, HANDING_OVER);

	if (w->job->gather)
		emit_gathered(w);
	else if (w->job->skip_gated)
		judge_passing(w);
	else
	{
		set_args(w, share_begins(w, pql_crew_me(w->crew), high),
				 share_begins(w, pql_crew_me(w->crew) + 1, high));
		query_subjects(w, w->job->profiles, take_profile);
	}
	if (open_users(w) && !w->job->gather)
		judge_the_rest(w);
	if (leads)
		pql_crew_wait_done(w->crew, -1, take_rows, w);
	else
	{
		flush(w, 0, take_rows);
		pql_crew_done(w->crew, 0, take_rows, w);
	}
	clock_in(w, JUDGING);
	w->low = high;
}

static void
take_alias(void *state, TupleTableSlot *slot)
{
	text *alias = DatumGetTextPP(slot->tts_values[0]);
	text *person = DatumGetTextPP(slot->tts_values[1]);

	pql_aliases_add(state, VARDATA_ANY(alias), VARSIZE_ANY_EXHDR(alias), VARDATA_ANY(person),
					VARSIZE_ANY_EXHDR(person));
}

/* All that a process does, from the job to its last row. */
static int
work(Work *w)
{
	MemoryContext old;
	int passes = 0;

	/* what signups give stands last, and is not known yet */
	w->args.n = FIRST_SIGNUP_ARG;
	pql_arg(&w->args, TEXTARRAYOID, (Datum) 0, true);
	pql_arg(&w->args, TIMESTAMPTZARRAYOID, (Datum) 0, true);
	pql_arg(&w->args, JSONBARRAYOID, (Datum) 0, true);
	set_args(w, 0, PQL_HASH_RANGE);
	if (w->job->signups != NULL)
		pql_query(w->job->signups, &w->args, PQL_PLAN_AS_EVER, take_signups, w);
	if (w->job->lists != NULL)
	{
		w->lists = pql_list_entries();
		pql_query(w->job->lists, NULL, PQL_PLAN_ALONE, pql_take_list_entry, w->lists);
	}
	if (w->job->aliases != NULL)
	{
		PqlAliases *aliases = pql_aliases_new();

		pql_query(w->job->aliases, NULL, PQL_PLAN_ALONE, take_alias, aliases);
		w->scan.aliases = aliases;
	}
	open_leaves(w);
	w->words = pql_verdict_words(w->model);
	w->scan.model = w->model;
	w->scan.snapshot = GetActiveSnapshot();
	w->scan.as_of = w->job->as_of;
	w->scan.known_at = w->job->known_at;
	w->scan.open = open_users(w);
	w->pass = AllocSetContextCreate(CurrentMemoryContext, "pql pass", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(w->pass);
	while (w->low < PQL_HASH_RANGE)
	{
		one_pass(w);
		MemoryContextReset(w->pass);
		passes++;
	}
	MemoryContextSwitchTo(old);
	return passes;
}

/* What only explanations tell is not gathered without need; pql.gather always does. */
static PqlModel *
model_for(const Job *job)
{
	if (job->detail || job->gather || job->any_gathered)
		return pql_model_from_jsonb(job->document);
	return job->lean ? pql_model_lean(job->document) : pql_model_brief(job->document);
}

typedef struct Column
{
	const char *name;
	Oid type;
} Column;

static const Column score_columns[ROW_COLUMNS] = {
	{"user_id", TEXTOID},
	{"account_id", TEXTOID},
	{"started_at", TIMESTAMPTZOID},
	{"status", TEXTOID},
	{"score", INT4OID},
	{"potential", INT4OID},
	{"tier", TEXTOID},
	{"signals", TEXTARRAYOID},
	{"exclusions", TEXTARRAYOID},
	{"qualified_at", TIMESTAMPTZOID},
	{"next_change_at", TIMESTAMPTZOID},
	{"explanation", JSONBOID},
};

/* Evidence lies in a row as a bytea does. */
static const Column gathered_columns[GATHERED_COLUMNS] = {
	{"user_id", TEXTOID},
	{"started_at", TIMESTAMPTZOID},
	{"evidence", BYTEAOID},
};

/* What rows look like on their way from workers to the leader. */
static TupleDesc
row_desc(const Job *job)
{
	const Column *columns = job->gather ? gathered_columns : score_columns;
	int n = job->gather ? GATHERED_COLUMNS : ROW_COLUMNS;
	TupleDesc desc = CreateTemplateTupleDesc(n);

	for (int i = 0; i < n; i++)
		TupleDescInitEntry(desc, i + 1, columns[i].name, columns[i].type, -1, 0);
	return desc;
}

void
pql_score_work(PqlCrew *crew, const void *packed, Size size)
{
	Work *w = palloc0(sizeof(Work));

	w->job = unpack_job(packed, size);
	w->crew = crew;
	w->model = model_for(w->job);
	w->desc = row_desc(w->job);
	work(w);
	close_leaves(w);
}

/* ---- the face ---- */

static void
take_document(void *state, TupleTableSlot *slot)
{
	Jsonb **document = state;

	if (!slot->tts_isnull[0])
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(document));

		*document = DatumGetJsonbPCopy(slot->tts_values[0]);
		MemoryContextSwitchTo(old);
	}
}

/* The document of the active version; an unknown model is an ERROR. */
static Jsonb *
active_model(text *name)
{
	Jsonb **document = palloc0(sizeof(Jsonb *));
	PqlArgs args = {0};

	pql_arg(&args, TEXTOID, PointerGetDatum(name), false);
	pql_query("SELECT pql.model($1)", &args, PQL_PLAN_AS_EVER, take_document, document);
	return *document;
}

typedef struct Reading
{
	Job *job;
	const PqlModel *model;
} Reading;

static void
take_source(void *state, TupleTableSlot *slot)
{
	Reading *r = state;
	Job *job = r->job;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(job));
	JobSource *s;

	job->sources = job->sources == NULL
					   ? palloc(sizeof(JobSource))
					   : repalloc(job->sources, (job->nsources + 1) * sizeof(JobSource));
	s = &job->sources[job->nsources++];
	memset(s, 0, sizeof(*s));
	s->relation = DatumGetObjectId(slot->tts_values[0]);
	s->mapping = DatumGetJsonbPCopy(slot->tts_values[1]);
	s->source = pql_source_open(s->relation, s->mapping, r->model, job->known_at != PQL_NEVER);
	job->any_gathered |= s->source->obstacle != NULL;
	MemoryContextSwitchTo(old);
}

static void
read_sources(Job *job, const PqlModel *model)
{
	Reading reading = {job, model};

	pql_query("SELECT pql.source_relation(s.relation)::oid, s.mapping FROM pql.sources s "
			  "WHERE s.input = 'events' ORDER BY s.relation",
			  NULL, PQL_PLAN_AS_EVER, take_source, &reading);
}

static void
take_repeat(void *state, TupleTableSlot *slot)
{
	Job *job = state;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(job));
	Oid table = DatumGetObjectId(slot->tts_values[0]);
	JobRepeats *r = repeats_of(job, table);

	if (r == NULL)
	{
		job->repeats = job->repeats == NULL
						   ? palloc(sizeof(JobRepeats))
						   : repalloc(job->repeats, (job->nrepeats + 1) * sizeof(JobRepeats));
		r = &job->repeats[job->nrepeats++];
		r->table = table;
		r->n = 0;
		r->size = 64;
		r->rows = palloc(r->size * sizeof(ItemPointerData));
	}
	if (r->n == r->size)
	{
		r->size *= 2;
		r->rows = repalloc_huge(r->rows, (Size) r->size * sizeof(ItemPointerData));
	}
	r->rows[r->n++] = *(ItemPointer) DatumGetPointer(slot->tts_values[1]);
	MemoryContextSwitchTo(old);
}

static int
by_place(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

/* Rows that repeat others, of the tables that are scanned. */
static void
read_repeats(Job *job)
{
	for (int i = 0; i < job->nsources; i++)
	{
		PqlArgs args = {0};

		if (job->sources[i].source->obstacle != NULL)
			continue;
		pql_arg(&args, REGCLASSOID, ObjectIdGetDatum(job->sources[i].relation), false);
		pql_arg(&args, JSONBOID, JsonbPGetDatum(job->sources[i].mapping), false);
		pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(job->known_at),
				job->known_at == PQL_NEVER);
		pql_query("SELECT r.of_table, r.row_id FROM pql.repeated_rows($1, $2, $3) r", &args,
				  PQL_PLAN_AS_EVER, take_repeat, job);
	}
	for (int i = 0; i < job->nrepeats; i++)
		qsort(job->repeats[i].rows, job->repeats[i].n, sizeof(ItemPointerData), by_place);
}

static char *
text_or_null(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

static void
take_queries(void *state, TupleTableSlot *slot)
{
	Job *job = state;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(job));

	job->signups = text_or_null(slot, 0);
	job->keys = text_or_null(slot, 1);
	job->profiles = text_or_null(slot, 2);
	job->lists = text_or_null(slot, 3);
	job->aliases = text_or_null(slot, 4);
	MemoryContextSwitchTo(old);
}

typedef struct GatherQuery
{
	Job *job;
	JobSource *source;
} GatherQuery;

static void
take_gather_query(void *state, TupleTableSlot *slot)
{
	GatherQuery *g = state;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(g->job));

	g->source->gather = text_or_null(slot, 0);
	MemoryContextSwitchTo(old);
}

static void
read_queries(Job *job)
{
	PqlArgs args = {0};

	pql_arg(&args, JSONBOID, JsonbPGetDatum(job->document), false);
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(job->known_at), job->known_at == PQL_NEVER);
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(job->as_of), false);
	pql_query("SELECT q.signups, q.keys, q.profiles, q.lists, q.aliases "
			  "FROM pql.population_queries($1, $2, NULL, $3) q",
			  &args, PQL_PLAN_AS_EVER, take_queries, job);
	pql_arg(&args, OIDOID, (Datum) 0, false);
	for (int i = 0; i < job->nsources; i++)
	{
		GatherQuery g = {job, &job->sources[i]};

		if (g.source->source->obstacle == NULL)
			continue;
		args.value[3] = ObjectIdGetDatum(g.source->relation);
		pql_query("SELECT pql.gather_query($1, $2, $4, $3)", &args, PQL_PLAN_AS_EVER,
				  take_gather_query, &g);
	}
}

/*
 * The tables to scan. What releases a hold may be left out at first when an index finds the rows of
 * the few who need it, by one id each, and not every event is wanted for something else.
 */
static void
read_leaves(Job *job, const PqlModel *model)
{
	job->lean = model->hold.defined && !job->detail && !job->gather && !job->any_gathered &&
				job->aliases == NULL && pql_model_lean(job->document)->nany == 0;
	for (int i = 0; i < job->nsources; i++)
	{
		const PqlSource *source = job->sources[i].source;
		ListCell *cell;

		if (source->obstacle != NULL)
			continue;
		job->leaves = job->leaves == NULL
						  ? palloc((list_length(source->leaves) + 1) * sizeof(JobLeaf))
						  : repalloc(job->leaves, (job->nleaves + list_length(source->leaves) + 1) *
													  sizeof(JobLeaf));
		foreach (cell, source->leaves)
		{
			JobLeaf *job_leaf = &job->leaves[job->nleaves++];
			PqlLeaf leaf;

			pql_leaf_open(&leaf, source, lfirst_oid(cell), model);
			job_leaf->source = i;
			job_leaf->table = lfirst_oid(cell);
			job_leaf->nblocks = leaf.nblocks;
			job->temporary |= RelationUsesLocalBuffers(leaf.rel);
			job->lean = job->lean && pql_leaf_index(&leaf);
			pql_leaf_close(&leaf);
		}
	}
}

/* As many as the planner would give a scan of all these blocks. */
static int
workers_for(const Job *job)
{
	uint64 blocks = 0;
	uint64 threshold = Max(min_parallel_table_scan_size, 1);
	int workers = 0;

	/* each worker asks for signups, and must not find a temporary table behind a view */
	if (job->temporary || (job->signups != NULL && job->any_gathered))
		return 0;
	for (int i = 0; i < job->nleaves; i++)
		blocks += job->leaves[i].nblocks;
	while (blocks >= threshold && workers < max_parallel_workers_per_gather)
	{
		workers++;
		threshold *= 3;
	}
	return workers;
}

static void
tell_path(const Work *w, int passes)
{
	const Job *job = w->job;

	for (int i = 0; i < job->nsources; i++)
	{
		const PqlSource *s = job->sources[i].source;

		ereport(DEBUG1, (s->obstacle == NULL
							 ? errmsg_internal("pql: %s was scanned by %d processes, in %d passes",
											   s->name, pql_crew_size(w->crew), passes)
							 : errmsg_internal("pql: %s was gathered by the aggregate: %s", s->name,
											   s->obstacle)));
	}
	ereport(DEBUG1, (errmsg_internal(
						"pql: %.1f ms for keys, %.1f for events, %.1f for handing over, %.1f for "
						"profiles and verdicts (" INT64_FORMAT " lookups by index)",
						w->spent[LOADING_KEYS], w->spent[READING_EVENTS], w->spent[HANDING_OVER],
						w->spent[JUDGING], w->nasked)));
	ereport(DEBUG1,
			(errmsg_internal("pql: users and their evidence took up to %zu kB in the leader, "
							 "%.0f bytes a user",
							 w->most_bytes / 1024,
							 (double) w->most_bytes / Max(UINT64CONST(1), w->most_users))));
}

/* An argument that is an instant: NULL is `missing`. Infinity bounds as well as any other. */
static int64
instant_arg(FunctionCallInfo fcinfo, int n, int64 missing)
{
	return PG_ARGISNULL(n) ? missing : PG_GETARG_TIMESTAMPTZ(n);
}

static int64
as_of_arg(FunctionCallInfo fcinfo, int n)
{
	int64 at;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(n))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s is NULL", PG_ARGISNULL(0) ? "model" : "as_of"),
						errhint("Write for example pql.score_all('trial', now()).")));
	at = PG_GETARG_TIMESTAMPTZ(n);
	if (!PQL_INSTANT_OK(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("as_of is not an instant of the years 1 to 9999"),
						errhint("Use now(), or the instant to look back to.")));
	return at;
}

static void
take_account(void *state, TupleTableSlot *slot)
{
	ReturnSetInfo *result = state;

	slot_getallattrs(slot);
	tuplestore_putvalues(result->setResult, result->setDesc, slot->tts_values, slot->tts_isnull);
}

/* Accounts are judged by what their members are: those are scored by a job of their own. */
static void
score_accounts(const Job *job, text *model, ReturnSetInfo *result)
{
	PqlArgs args = {0};

	if (job->gather || job->from != PQL_ALWAYS || job->until != PQL_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg(job->gather ? "model \"%s\" keeps no evidence"
									: "accounts of model \"%s\" have no start",
						text_to_cstring(model)),
				 errdetail("Its unit is the account."),
				 errhint("Ask for its members: model \"%s_members\".", text_to_cstring(model))));
	pql_arg(&args, TEXTOID, PointerGetDatum(model), false);
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(job->as_of), false);
	pql_arg(&args, TIMESTAMPTZOID, TimestampTzGetDatum(job->known_at), job->known_at == PQL_NEVER);
	pql_arg(&args, BOOLOID, BoolGetDatum(job->detail), false);
	pql_query("SELECT * FROM pql.score_accounts($1, $2, $3, $4)", &args, PQL_PLAN_AS_EVER,
			  take_account, result);
}

/* Does a job, of which the arguments are known, and puts its rows into the result. */
static void
do_job(Job *job, text *model, ReturnSetInfo *result)
{
	Work *w = palloc0(sizeof(Work));
	StringInfoData packed;
	int passes;

	job->memory = Max(pql_memory_limit(), LEAST_MEMORY);
	job->document = active_model(model);
	w->job = job;
	w->model = pql_model_from_jsonb(job->document);
	if (pql_is_account_model(w->model))
	{
		score_accounts(job, model, result);
		return;
	}
	read_sources(job, w->model);
	read_queries(job);
	read_leaves(job, w->model);
	w->model = model_for(job);
	job->skip_gated = job->skip_gated && pql_gates_on_facts(w->model);
	read_repeats(job);

	job->workers = workers_for(job);
	pack_job(job, &packed);
	w->crew = pql_crew_hire(job->workers, packed.data, packed.len);
	w->rows = result->setResult;
	w->desc = result->setDesc;
	w->received = MakeSingleTupleTableSlot(w->desc, &TTSOpsMinimalTuple);
	passes = work(w);
	tell_path(w, passes);
	close_leaves(w);
	pql_crew_dismiss(w->crew);
	ExecDropSingleTupleTableSlot(w->received);
}

static void
refuse_parallel(const char *function)
{
	if (IsInParallelMode())
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
						errmsg("%s cannot run inside a parallel query", function),
						errdetail("It starts workers of its own."),
						errhint("Do not mark functions that call it PARALLEL SAFE.")));
}

/*
 * pql.score_all(model text, as_of timestamptz, known_at timestamptz, detail boolean, started_from
 * timestamptz, started_until timestamptz, skip_gated boolean) → rows, not strict.
 *
 * The verdict on every subject. NULL known_at, started_from, started_until: no limit. ERROR: model
 * or as_of NULL, an unknown model, a source that is gone or has changed, inside a parallel query.
 */
PG_FUNCTION_INFO_V1(pql_score_all);
Datum
pql_score_all(PG_FUNCTION_ARGS)
{
	Job *job = palloc0(sizeof(Job));

	refuse_parallel("pql.score_all");
	job->as_of = as_of_arg(fcinfo, 1);
	InitMaterializedSRF(fcinfo, 0);
	job->known_at = instant_arg(fcinfo, 2, PQL_NEVER);
	job->detail = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	job->from = instant_arg(fcinfo, 4, PQL_ALWAYS);
	job->until = instant_arg(fcinfo, 5, PQL_NEVER);
	job->skip_gated = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	do_job(job, PG_GETARG_TEXT_PP(0), (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * pql.gather_everybody(model text, as_of timestamptz) → rows (user_id text, started_at timestamptz,
 * evidence pql.evidence), not strict: of every subject, what pql.gather gives of its events up to
 * as_of; NULL: there are none. started_at -infinity: the start is not known. ERROR: as
 * pql.score_all.
 */
PG_FUNCTION_INFO_V1(pql_gather_everybody);
Datum
pql_gather_everybody(PG_FUNCTION_ARGS)
{
	Job *job = palloc0(sizeof(Job));

	refuse_parallel("pql.gather_everybody");
	job->as_of = as_of_arg(fcinfo, 1);
	InitMaterializedSRF(fcinfo, 0);
	job->known_at = job->until = PQL_NEVER;
	job->from = PQL_ALWAYS;
	job->gather = true;
	do_job(job, PG_GETARG_TEXT_PP(0), (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * pql.score_path(model text) → rows (relation text, path text, reason text), strict: how
 * pql.score_all would read each source now, for the current user: scan, or aggregate and why.
 */
PG_FUNCTION_INFO_V1(pql_score_path);
Datum
pql_score_path(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Job *job = palloc0(sizeof(Job));

	InitMaterializedSRF(fcinfo, 0);
	job->known_at = PQL_NEVER;
	job->document = active_model(PG_GETARG_TEXT_PP(0));
	read_sources(job, pql_model_from_jsonb(job->document));
	for (int i = 0; i < job->nsources; i++)
	{
		const PqlSource *s = job->sources[i].source;
		Datum values[3] = {CStringGetTextDatum(s->name),
						   CStringGetTextDatum(s->obstacle == NULL ? "scan" : "aggregate"),
						   s->obstacle == NULL ? (Datum) 0 : CStringGetTextDatum(s->obstacle)};
		bool nulls[3] = {false, false, s->obstacle == NULL};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
