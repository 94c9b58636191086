/*
 * fuzz.c: libFuzzer inside a backend, turned on what decodes input from outside.
 *
 * pql's sources are compiled into a module of this file's own, with coverage counters. Each target
 * gets bytes and does with them what a hostile client could; whatever is refused must be refused
 * with an ERROR that says so. Besides crashes these are bugs: an internal error (elog), memory written behind its end,
 * memory that grows from run to run, and anything said of a target below that turns out not to hold.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "address.h"
#include "evidence.h"
#include "model.h"

extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8 *, size_t));

extern Datum pql_evidence_in(PG_FUNCTION_ARGS);
extern Datum pql_evidence_out(PG_FUNCTION_ARGS);
extern Datum pql_evidence_recv(PG_FUNCTION_ARGS);
extern Datum pql_registrable_domain(PG_FUNCTION_ARGS);

#define MAX_MODELS 8
/* Runs until memory has settled, and how much it may grow from then on. */
#define SETTLED 20000
#define MAY_GROW (8 * 1024 * 1024)

typedef struct Target
{
	const char *name;
	void (*run)(const char *data, int length);
} Target;

static const Target *target;
static MemoryContext forever; /* models and what else stays */
static MemoryContext run_context;
static int64 runs;
static Size settled;
static int nmodels;
static Jsonb *documents[MAX_MODELS];
static PqlModel *models[MAX_MODELS];
static char *guarded; /* its end is followed by a page that nobody may touch */
static int guarded_size;
static FmgrInfo judge_function;
static FmgrInfo judge_brief_function;

/* Says what is wrong and stops; libFuzzer keeps the input. */
static void
bug(const char *what)
{
	fprintf(stderr, "pql_fuzz: %s: %s\n", target->name, what);
	abort();
}

/* ---- memory written behind its end ---- */

/*
 * pql's sources are compiled with palloc and its relatives renamed to these, which put a mark behind
 * every piece of memory. Marks are looked at when it is freed and after every run.
 */
typedef struct Piece
{
	char *data;
	Size size;
} Piece;

#define MARK 16
static Piece *pieces;
static int npieces;
static int pieces_size;

extern void *pql_fuzz_palloc(Size size);
extern void *pql_fuzz_palloc0(Size size);
extern void *pql_fuzz_repalloc(void *data, Size size);
extern void pql_fuzz_pfree(void *data);

static void
check_piece(const Piece *piece)
{
	for (int i = 0; i < MARK; i++)
		if ((uint8) piece->data[piece->size + i] != 0xA5)
			bug("memory was written behind its end");
}

static void *
keep_piece(void *data, Size size)
{
	/* what outlives a run is not watched */
	memset((char *) data + size, 0xA5, MARK);
	if (run_context == NULL || GetMemoryChunkContext(data) != run_context)
		return data;
	if (npieces == pieces_size)
	{
		pieces_size = Max(1024, pieces_size * 2);
		pieces = realloc(pieces, pieces_size * sizeof(Piece));
		if (pieces == NULL)
			bug("out of memory");
	}
	pieces[npieces].data = data;
	pieces[npieces++].size = size;
	return data;
}

static void
forget_piece(void *data)
{
	for (int i = npieces - 1; i >= 0; i--)
		if (pieces[i].data == data)
		{
			check_piece(&pieces[i]);
			pieces[i] = pieces[--npieces];
			return;
		}
}

void *
pql_fuzz_palloc(Size size)
{
	return keep_piece(palloc(size + MARK), size);
}

void *
pql_fuzz_palloc0(Size size)
{
	return keep_piece(palloc0(size + MARK), size);
}

void *
pql_fuzz_repalloc(void *data, Size size)
{
	forget_piece(data);
	return keep_piece(repalloc(data, size + MARK), size);
}

void
pql_fuzz_pfree(void *data)
{
	forget_piece(data);
	pfree(data);
}

/* ---- input ---- */

/* The bytes, where reading one too many is a crash. */
static const char *
guard(const char *data, int length)
{
	memcpy(guarded + guarded_size - length, data, length);
	return guarded + guarded_size - length;
}

static void
make_guarded(void)
{
	long page = sysconf(_SC_PAGESIZE);

	guarded_size = 64 * page;
	guarded = mmap(NULL, guarded_size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guarded == MAP_FAILED || mprotect(guarded + guarded_size, page, PROT_NONE) != 0)
		elog(ERROR, "no guarded memory: %m");
}

/* Takes bytes off the front; zeros when there are none left. */
static uint64
take(const char **data, int *length, int n)
{
	uint64 v = 0;

	for (int i = 0; i < n; i++)
	{
		v <<= 8;
		if (*length > 0)
		{
			v |= (uint8) **data;
			(*data)++;
			(*length)--;
		}
	}
	return v;
}

static const char *
take_bytes(const char **data, int *length, int n)
{
	const char *start = *data;

	*data += n;
	*length -= n;
	return start;
}

/* Some instant of the years 2000 to 2106, or rarely any 64 bits at all. */
static int64
take_instant(const char **data, int *length)
{
	uint64 kind = take(data, length, 1);

	if (kind == 255)
		return (int64) take(data, length, 8);
	return (int64) take(data, length, 4) * USECS_PER_SEC + (int64) kind;
}

static Jsonb *
json_or_null(const char *text, int length)
{
	Datum json = 0;
	MemoryContext old = CurrentMemoryContext;

	if (length == 0 || !pg_verifymbstr(text, length, true))
		return NULL;
	PG_TRY();
	{
		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(text, length)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
	}
	PG_END_TRY();
	return json == 0 ? NULL : DatumGetJsonbP(json);
}

/* ---- evidence ---- */

static bytea *
pack(const PqlEvidence *e)
{
	StringInfoData out;

	/* marked memory of just the size promised: writing does not look for room */
	out.maxlen = VARHDRSZ + e->layout->bound + 1;
	out.data = pql_fuzz_palloc(out.maxlen);
	out.len = VARHDRSZ;
	out.cursor = 0;
	pql_evidence_write(e, &out);
	SET_VARSIZE(out.data, out.len);
	return (bytea *) out.data;
}

static bytea *
receive(const char *data, int length)
{
	StringInfoData in;

	in.data = (char *) guard(data, length);
	in.len = in.maxlen = length;
	in.cursor = 0;
	return DatumGetByteaP(DirectFunctionCall1(pql_evidence_recv, PointerGetDatum(&in)));
}

static bool
same(const bytea *a, const bytea *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static PqlEvidence *
read_for(const PqlModel *model, const char *data, int length)
{
	StringInfoData in;

	in.data = (char *) guard(data, length);
	in.len = in.maxlen = length;
	in.cursor = 0;
	return pql_evidence_read(&in, &model->layout);
}

/* What would stand in front of the bytes if they were evidence for the model. */
static bytea *
with_layout(const PqlModel *model, const char *data, int length)
{
	bytea *empty = pack(pql_evidence_new(&model->layout, PQL_ALWAYS));
	int head = 1 + 8 + 2 + 5 * model->layout.n;
	bytea *whole = palloc(VARHDRSZ + head + length);

	SET_VARSIZE(whole, VARHDRSZ + head + length);
	memcpy(VARDATA(whole), VARDATA(empty), head);
	memcpy(VARDATA(whole) + head, data, length);
	return whole;
}

/* recv: evidence from a binary client. What is accepted comes out as it went in. */
static void
run_recv(const char *data, int length)
{
	bytea *e = receive(data, length);

	if ((int) VARSIZE_ANY_EXHDR(e) != length || memcmp(VARDATA_ANY(e), data, length) != 0)
		bug("accepted bytes are not canonical");
}

/* text: evidence from a text client. Out and in again changes nothing. */
static void
run_text(const char *data, int length)
{
	char *text = pnstrdup(data, strnlen(data, length));
	Datum e = DirectFunctionCall1(pql_evidence_in, CStringGetDatum(text));
	char *out = DatumGetCString(DirectFunctionCall1(pql_evidence_out, e));
	Datum again = DirectFunctionCall1(pql_evidence_in, CStringGetDatum(out));

	if (!same(DatumGetByteaP(e), DatumGetByteaP(again)))
		bug("text output does not read back");
}

static bytea *
merged(const PqlModel *model, const bytea *a, const bytea *b)
{
	return pack(pql_evidence_merge(read_for(model, VARDATA(a), VARSIZE(a) - VARHDRSZ),
								   read_for(model, VARDATA(b), VARSIZE(b) - VARHDRSZ)));
}

/*
 * merge: a model, and three pieces of evidence for it, whose layouts are put in front of them.
 * Merging is commutative and associative, and what it makes reads back.
 */
static void
run_merge(const char *data, int length)
{
	const PqlModel *model = models[take(&data, &length, 1) % nmodels];
	int first = take(&data, &length, 2) % (length + 1);
	bytea *a = with_layout(model, data, first);
	int second = (length - first) / 2;
	bytea *b = with_layout(model, data + first, second);
	bytea *c = with_layout(model, data + first + second, length - first - second);
	bytea *ab = merged(model, a, b);

	if (!same(ab, merged(model, b, a)))
		bug("merging is not commutative");
	if (!same(ab, receive(VARDATA(ab), VARSIZE(ab) - VARHDRSZ)))
		bug("merged evidence does not read back");
	if (!same(merged(model, ab, c), merged(model, a, merged(model, b, c))))
		bug("merging is not associative");
}

/* The names that the models ask for, and one that none does. */
static const char *const event_names[] = {"activation_complete",
										  "invite_sent",
										  "integration_connected",
										  "session_start",
										  "page_view",
										  "feature_used",
										  "usage_limit_hit",
										  "upgrade_started",
										  "upgrade_completed",
										  "a",
										  "b",
										  "c",
										  "other"};

/* Rows of an event table, most of them of the subject's time. Returns how many. */
static int
take_events(const char **data, int *length, int64 started_at, PqlEvent *events, int most)
{
	int n = 0;

	while (*length > 0 && n < most)
	{
		PqlEvent *event = &events[n];
		int size;

		event->name = event_names[take(data, length, 1) % lengthof(event_names)];
		event->name_length = strlen(event->name);
		event->at = take_instant(data, length);
		size = take(data, length, 1);
		size = Min(size, *length);
		event->properties = (struct varlena *) json_or_null(*data, size);
		event->values = NULL;
		take_bytes(data, length, size);
		if (started_at != PQL_ALWAYS && event->at % 4 != 0)
			event->at = started_at + event->at % (40 * USECS_PER_DAY);
		if (PQL_INSTANT_OK(event->at))
			n++;
	}
	return n;
}

static PqlEvidence *
begin(const PqlModel *model, int64 started_at)
{
	PqlEvidence *e = pql_evidence_new(&model->layout, started_at);

	if (started_at != PQL_ALWAYS)
		e->start_day = pql_day(model->zone, started_at);
	return e;
}

static void
add(const PqlModel *model, PqlEvidence **e, PqlEvent *event)
{
	pql_event_open(model, event);
	*e = pql_evidence_add(model, *e, event);
}

#define MOST_EVENTS 64

/*
 * event: a model and rows of an event table, with JSON properties. What gather makes is valid
 * evidence, and the rows in two parts, merged, or in the opposite order, give the same bytes.
 */
static void
run_event(const char *data, int length)
{
	const PqlModel *model = models[take(&data, &length, 1) % nmodels];
	int64 started_at = take_instant(&data, &length);
	PqlEvidence *all;
	PqlEvidence *reverse;
	PqlEvidence *part[2];
	PqlEvent events[MOST_EVENTS];
	bytea *packed;
	int n;

	if (!PQL_INSTANT_OK(started_at))
		started_at = PQL_ALWAYS;
	n = take_events(&data, &length, started_at, events, MOST_EVENTS);
	all = begin(model, started_at);
	reverse = begin(model, started_at);
	part[0] = begin(model, started_at);
	part[1] = begin(model, started_at);
	for (int i = 0; i < n; i++)
	{
		add(model, &all, &events[i]);
		add(model, &reverse, &events[n - 1 - i]);
		add(model, &part[i % 3 == 0], &events[i]);
	}
	packed = pack(all);
	if (!same(packed, pack(reverse)))
		bug("the order of rows matters");
	if (!same(packed, pack(pql_evidence_merge(part[1], part[0]))))
		bug("parts and whole differ");
	PG_TRY();
	{
		if (!same(packed, receive(VARDATA(packed), VARSIZE(packed) - VARHDRSZ)))
			bug("gathered evidence is not canonical");
	}
	PG_CATCH();
	{
		bug("gathered evidence is refused");
	}
	PG_END_TRY();
}

/* ---- models ---- */

static PqlModel *
compile(const char *text, int length)
{
	PqlProblems problems = {NIL};
	PqlJson *json = pql_document_parse(text, length, &problems);
	PqlModel *model = pql_model_compile(json, &problems);
	ListCell *cell;

	if ((model == NULL) != (problems.list != NIL))
		bug("a model is neither valid nor has problems");
	foreach (cell, problems.list)
		if (((PqlProblem *) lfirst(cell))->message == NULL || ((PqlProblem *) lfirst(cell))->path == NULL)
			bug("a problem without words");
	return model;
}

/*
 * model: a model document as text. A valid one has a canonical text that is one too, keeps the same
 * evidence, and is a fixed point; and it is as valid from jsonb.
 */
static void
run_model(const char *data, int length)
{
	PqlProblems problems = {NIL};
	PqlModel *model;
	PqlModel *again;
	PqlJson *json;
	Jsonb *jsonb;
	char *text;
	char *text2;

	/* a text of the server is valid in its encoding and has no zero byte */
	if (!pg_verifymbstr(data, length, true))
		return;
	model = compile(guard(data, length), length);
	if (model == NULL)
		return;
	json = pql_document_parse(data, length, &problems);
	pql_model_order_keys(json);
	text = pql_document_text(json);
	again = compile(text, strlen(text));
	if (again == NULL || again->layout.id != model->layout.id)
		bug("the canonical text is another model");
	json = pql_document_parse(text, strlen(text), &problems);
	pql_model_order_keys(json);
	text2 = pql_document_text(json);
	if (strcmp(text, text2) != 0)
		bug("the canonical text is not a fixed point");
	jsonb = json_or_null(data, length);
	if (jsonb == NULL)
		bug("a valid model is no jsonb");
	again = pql_model_from_jsonb(jsonb);
	if (again->layout.id != model->layout.id)
		bug("as jsonb it is another model");
}

/* ---- verdicts ---- */

/* The verdict, or NULL. */
static HeapTupleHeader
judge(FmgrInfo *function, const Jsonb *document, const bytea *e, const Jsonb *profile, int64 as_of)
{
	LOCAL_FCINFO(fcinfo, 4);
	Datum result;

	InitFunctionCallInfoData(*fcinfo, function, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = PointerGetDatum(document);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(e);
	fcinfo->args[1].isnull = e == NULL;
	fcinfo->args[2].value = PointerGetDatum(profile);
	fcinfo->args[2].isnull = profile == NULL;
	fcinfo->args[3].value = TimestampTzGetDatum(as_of);
	fcinfo->args[3].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetHeapTupleHeader(result);
}

/* Do two verdicts agree in their first n fields? Either may be NULL. */
static bool
agree(HeapTupleHeader a, HeapTupleHeader b, int n)
{
	static const int lengths[] = {-1, 4, 4, -1, -1, -1, 8, 8};

	if (a == NULL || b == NULL)
		return a == b;
	for (int i = 0; i < n; i++)
	{
		bool null1;
		bool null2;
		Datum x = GetAttributeByNum(a, i + 1, &null1);
		Datum y = GetAttributeByNum(b, i + 1, &null2);

		if (null1 != null2 || (!null1 && !datumIsEqual(x, y, lengths[i] > 0, lengths[i])))
			return false;
	}
	return true;
}

#define ALL_BUT_EXPLANATION 8
#define ALL_BUT_NEXT_CHANGE 7

/*
 * judge: a model, an instant, a profile as JSON, and evidence, whose layout is put in front of it.
 * Judging with and without explanation says the same.
 */
static void
run_judge(const char *data, int length)
{
	int index = take(&data, &length, 1) % nmodels;
	int64 as_of = take_instant(&data, &length);
	int size = take(&data, &length, 2);
	Jsonb *profile;
	bytea *e = NULL;

	size = Min(size, length);
	profile = json_or_null(data, size);
	take_bytes(&data, &length, size);
	if (length > 0)
		e = with_layout(models[index], data, length);
	if (!agree(judge(&judge_brief_function, documents[index], e, profile, as_of),
			   judge(&judge_function, documents[index], e, profile, as_of), ALL_BUT_EXPLANATION))
		bug("verdicts with and without explanation differ");
}

/*
 * change: a model, an instant, a profile as JSON, and rows of an event table. The verdict stays the
 * same until next_change_at, and is another one then.
 */
static void
run_change(const char *data, int length)
{
	int index = take(&data, &length, 1) % nmodels;
	const PqlModel *model = models[index];
	int64 started_at = take_instant(&data, &length);
	int64 as_of = take_instant(&data, &length);
	int size = take(&data, &length, 2);
	PqlEvent events[MOST_EVENTS];
	PqlEvidence *e;
	Jsonb *profile;
	bytea *packed;
	HeapTupleHeader now;
	int64 next;
	bool none;
	int n;

	size = Min(size, length);
	profile = json_or_null(data, size);
	/* what the profile knows to happen later is not time alone */
	if (strstr(pnstrdup(data, size), "recorded_at") != NULL || strstr(pnstrdup(data, size), "converted_at") != NULL)
		return;
	take_bytes(&data, &length, size);
	if (!PQL_INSTANT_OK(started_at))
		started_at = PQL_ALWAYS;
	n = take_events(&data, &length, started_at, events, MOST_EVENTS);
	e = begin(model, started_at);
	for (int i = 0; i < n; i++)
		add(model, &e, &events[i]);
	packed = pack(e);
	as_of = Max(as_of, e->horizon);
	now = judge(&judge_brief_function, documents[index], packed, profile, as_of);
	if (now == NULL)
		return;
	next = DatumGetTimestampTz(GetAttributeByNum(now, ALL_BUT_EXPLANATION, &none));
	if (none)
		next = PQL_MAX_INSTANT;
	if (next <= as_of)
		bug("the next change is not in the future");
	if (!agree(now, judge(&judge_brief_function, documents[index], packed, profile, next - 1), ALL_BUT_NEXT_CHANGE) ||
		!agree(now, judge(&judge_brief_function, documents[index], packed, profile, as_of + (next - as_of) / 2),
			   ALL_BUT_NEXT_CHANGE))
		bug("the verdict changes before the next change");
	if (!none && agree(now, judge(&judge_brief_function, documents[index], packed, profile, next), ALL_BUT_NEXT_CHANGE))
		bug("nothing changes at the next change");
}

/* instant: an ISO 8601 instant of a profile. The server, where it takes it as well, reads the same. */
static void
run_instant(const char *data, int length)
{
	PqlValue value = {PQL_STRING};
	MemoryContext old = CurrentMemoryContext;
	int64 instant;
	int64 theirs = 0;
	bool taken = true;

	value.data = guard(data, length);
	value.length = length;
	if (!pql_value_instant(&value, &instant))
		return;
	if (instant != PQL_NEVER && instant != PQL_ALWAYS && !PQL_INSTANT_OK(instant))
		bug("an instant out of range was accepted");
	PG_TRY();
	{
		theirs = DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(pnstrdup(data, length)),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		taken = false;
	}
	PG_END_TRY();
	/* beyond microseconds the server rounds, pql cuts */
	if (taken && theirs != instant && theirs != instant + 1)
	{
		fprintf(stderr, "pql_fuzz: pql %lld, server %lld: %.*s\n", (long long) instant,
				(long long) theirs, length, data);
		bug("the server reads another instant");
	}
	if (!taken)
	{
		fprintf(stderr, "pql_fuzz: %.*s\n", length, data);
		bug("the server takes it for no instant");
	}
}

/* ---- addresses ---- */

/* What a function of one text gives; NULL: nothing. */
static char *
call_text(PGFunction function, const char *data, int length)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum result;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = PointerGetDatum(cstring_to_text_with_len(data, length));
	fcinfo->args[0].isnull = false;
	result = function(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(result);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* address: an e-mail address, or a host. One form is one form, and a registrable domain is the end of its host. */
static void
run_address(const char *data, int length)
{
	char host[PQL_HOST_SIZE];
	const char *local;
	const char *normal;
	char *domain;
	int size;

	if (memchr(data, '\0', length) != NULL || !pg_verifymbstr(data, length, true))
		return;
	data = guard(data, length);
	local = pql_email_local_of(data, length, &size);
	if (local != NULL && strlen(local) != size)
		bug("the local part has another length");
	size = pql_email_host_of(data, length, host);
	if (size > 0 && (size > PQL_HOST_SIZE - 2 || strlen(host) != size))
		bug("the host has another length");
	for (int i = 0; i < size; i++)
		if (!((host[i] >= 'a' && host[i] <= 'z') || (host[i] >= '0' && host[i] <= '9') || strchr("-_.[]:", host[i]) != NULL))
			bug("a host has other characters");
	domain = call_text(pql_registrable_domain, data, length);
	if (domain != NULL && !same_text(domain, call_text(pql_registrable_domain, domain, strlen(domain))))
		bug("a registrable domain has another one");
	if (domain != NULL && size > 0 &&
		(strlen(domain) > size || strcmp(host + size - strlen(domain), domain) != 0))
		bug("a registrable domain is not the end of its host");
	normal = pql_email_normal(data, length, &size);
	if (normal == NULL)
		return;
	if (strlen(normal) != size)
		bug("the normal form has another length");
	if (!same_text(normal, pql_email_normal(normal, size, &size)))
		bug("the normal form of a normal form is another");
	if (pql_email_host_of(normal, size, host) == 0)
		bug("a normal form has no host");
}

static const Target targets[] = {{"recv", run_recv},   {"text", run_text},   {"merge", run_merge},
								 {"event", run_event}, {"model", run_model}, {"judge", run_judge},
								 {"change", run_change}, {"instant", run_instant}, {"address", run_address}};

/* ---- runs ---- */

static int
one_run(const uint8 *data, size_t length)
{
	MemoryContext old = CurrentMemoryContext;
	Size total;

	MemoryContextSwitchTo(run_context);
	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
		if (length <= (size_t) guarded_size)
			target->run((const char *) data, (int) length);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(run_context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ereport(FATAL, (errmsg("fuzzing was cancelled")));
		if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR || error->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
		{
			fprintf(stderr, "pql_fuzz: %s (%s)\n", error->message, error->funcname);
			bug("an internal error");
		}
	}
	PG_END_TRY();
	for (int i = 0; i < npieces; i++)
		check_piece(&pieces[i]);
	npieces = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(run_context);

	if (++runs >= SETTLED && runs % 1000 == 0)
	{
		total = MemoryContextMemAllocated(TopMemoryContext, true);
		if (settled == 0)
			settled = total;
		if (total > settled + MAY_GROW)
		{
			fprintf(stderr, "pql_fuzz: from %zu to %zu bytes in %lld runs\n", settled, total, (long long) runs);
			MemoryContextStats(TopMemoryContext);
			bug("memory grows");
		}
	}
	return 0;
}

static void
lookup(const char *name, FmgrInfo *function)
{
	Oid oid = DatumGetObjectId(DirectFunctionCall1(regprocin, CStringGetDatum(name)));

	fmgr_info_cxt(oid, function, forever);
}

/*
 * pql_fuzz(target text, models text[], arguments text[], log text) → void, strict. Does not return:
 * libFuzzer ends the backend, and what it has to say is in the log.
 */
PG_FUNCTION_INFO_V1(pql_fuzz);
Datum
pql_fuzz(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *log = text_to_cstring(PG_GETARG_TEXT_PP(3));
	MemoryContext old;
	Datum *texts;
	char **arguments;
	int n;
	int fd;

	for (int i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i].name, name) == 0)
			target = &targets[i];
	if (target == NULL)
		elog(ERROR, "no target \"%s\"", name);

	forever = AllocSetContextCreate(TopMemoryContext, "pql_fuzz models", ALLOCSET_DEFAULT_SIZES);
	make_guarded();
	old = MemoryContextSwitchTo(forever);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &nmodels);
	if (nmodels > MAX_MODELS)
		elog(ERROR, "too many models");
	for (int i = 0; i < nmodels; i++)
	{
		documents[i] = DatumGetJsonbP(
			DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(texts[i]))));
		models[i] = pql_model_from_jsonb(documents[i]);
	}
	lookup("pql.judge", &judge_function);
	lookup("pql.judge_brief", &judge_brief_function);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &n);
	arguments = palloc((n + 2) * sizeof(char *));
	arguments[0] = "pql_fuzz";
	for (int i = 0; i < n; i++)
		arguments[i + 1] = TextDatumGetCString(texts[i]);
	arguments[++n] = NULL;
	MemoryContextSwitchTo(old);
	run_context = AllocSetContextCreate(TopMemoryContext, "pql_fuzz run", ALLOCSET_DEFAULT_SIZES);

	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		elog(ERROR, "could not write \"%s\": %m", log);
	LLVMFuzzerRunDriver(&n, &arguments, one_run);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(pql_fuzz_layout);
/* pql_fuzz_layout(evidence bytea) → bytea, strict: the evidence without the layout in front of it. */
Datum
pql_fuzz_layout(PG_FUNCTION_ARGS)
{
	bytea *e = PG_GETARG_BYTEA_PP(0);
	const uint8 *p = (const uint8 *) VARDATA_ANY(e);
	int head = 1 + 8 + 2 + 5 * (p[9] * 256 + p[10]);
	bytea *body = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(e) - head);

	SET_VARSIZE(body, VARHDRSZ + VARSIZE_ANY_EXHDR(e) - head);
	memcpy(VARDATA(body), p + head, VARSIZE_ANY_EXHDR(e) - head);
	PG_RETURN_BYTEA_P(body);
}
