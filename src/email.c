/*
 * email.c: what an e-mail address says of a person and a company: the registrable domain, by the
 * public suffix list, and the kind, by pql.email_domain.
 */
#include "postgres.h"

#include <libpsl.h>
#include <sys/stat.h>

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "address.h"
#include "compat.h"
#include "email.h"
#include "query.h"
#include "settings.h"

/* ---- the public suffix list ---- */

/* Read at the first use, and kept while the backend lives: libpsl's own memory. */
static const psl_ctx_t *suffixes;
static TimestampTz suffixes_dated;
static const char *suffixes_file;

static void
read_suffixes(void)
{
	struct stat file;
	const psl_ctx_t *latest;
	time_t dated;

	if (suffixes != NULL)
		return;
	/* the distribution's file where it is newer than what libpsl was built with */
	latest = psl_latest(NULL);
	if (latest == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("there is no public suffix list"),
			 errdetail("This libpsl was built without one, and finds none at \"%s\".",
					   psl_dist_filename()),
			 errhint("Install the distribution's package of the list: publicsuffix on Debian.")));
	if (latest == psl_builtin() || stat(psl_dist_filename(), &file) != 0)
	{
		dated = psl_builtin_file_time();
		suffixes_file = NULL;
	}
	else
	{
		dated = file.st_mtime;
		suffixes_file = psl_dist_filename();
	}
	suffixes_dated = time_t_to_timestamptz(dated);
	suffixes = latest;
}

/* Where the registrable domain of a host starts; -1: it has none. */
static int
registrable_of(const char *host, int length)
{
	const char *registrable;

	if (host[0] == '[' || pql_host_is_number(host, length))
		return -1;
	read_suffixes();
	registrable = psl_registrable_domain(suffixes, host);
	return registrable == NULL ? -1 : registrable - host;
}

/* ---- what is known of hosts ---- */

typedef enum Kind
{
	KIND_NONE, /* on no list: work */
	KIND_PERSONAL,
	KIND_DISPOSABLE,
	KIND_WORK
} Kind;

static const char *const kind_names[] = {"work", "personal", "disposable", "work"};

typedef struct Span
{
	const char *data;
	int length;
} Span;

/* An entry of the lists, or what was found out of a host. */
typedef struct Known
{
	Span name;
	uint32 hash;
	char status;
	uint8 kind;
	uint8 rank;        /* of several entries of a domain the least holds */
	int16 registrable; /* of a host: where that starts in the name; -1: nowhere */
	uint32 view;       /* of a host: which view `kind` is of */
} Known;

static inline uint32
hash_span(Span name)
{
	return hash_bytes((const unsigned char *) name.data, name.length);
}

static inline bool
same_span(Span a, Span b)
{
	return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

#define SH_PREFIX known
#define SH_ELEMENT_TYPE Known
#define SH_KEY_TYPE Span
#define SH_KEY name
#define SH_HASH_KEY(table, key) hash_span(key)
#define SH_EQUAL(table, a, b) same_span(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/*
 * Which state of the tables was read. Everything read is forgotten with the transaction; within
 * one, two snapshots of a user see the same rows if these agree. xmax tells which transactions had
 * begun at all, and of those that had not ended the number can only shrink: the same number is the
 * same transactions. The command tells what this transaction has written itself, unless a part of
 * it was rolled back meanwhile (`rollbacks`).
 */
typedef struct View
{
	TransactionId xmin;
	TransactionId xmax;
	uint32 running;
	int32 running_below;
	bool overflowed;
	bool in_recovery;
	CommandId command;
	uint32 rollbacks;
	Oid user;
} View;

static uint32 rollbacks;

typedef struct Cache
{
	MemoryContext context; /* below TopTransactionContext */
	View view;
	uint32 number; /* of the view, from 1 */

	/* hosts asked for; emptied when they take too much */
	MemoryContext host_context;
	known_hash *hosts;

	/* pql.email_domain: looked up domain by domain, until reading all of it is cheaper */
	MemoryContext list_context;
	known_hash *listed;    /* NULL: not read */
	known_hash *test_list; /* the list test_accounts, or NULL */
	int probes;
	int most_probes;
} Cache;

static Cache *cache;

#define FIRST_PROBES 64
/* Reading a page of rows takes as long as so many look-ups. */
#define PROBES_PER_PAGE 16

static void
cache_is_gone(void *unused)
{
	cache = NULL;
}

static void
count_rollbacks(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *unused)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		rollbacks++;
}

static Cache *
make_cache(void)
{
	static bool counting = false;
	MemoryContext context =
		AllocSetContextCreate(TopTransactionContext, "pql e-mail", ALLOCSET_DEFAULT_SIZES);
	Cache *c = MemoryContextAllocZero(context, sizeof(Cache));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	if (!counting)
		RegisterSubXactCallback(count_rollbacks, NULL);
	counting = true;
	c->context = context;
	c->host_context = AllocSetContextCreate(context, "pql hosts", ALLOCSET_DEFAULT_SIZES);
	c->list_context = AllocSetContextCreate(context, "pql listed domains", ALLOCSET_DEFAULT_SIZES);
	c->hosts = known_create(c->host_context, 256, NULL);
	callback->func = cache_is_gone;
	callback->arg = NULL;
	MemoryContextRegisterResetCallback(context, callback);
	cache = c;
	return c;
}

static Cache *
any_cache(void)
{
	return cache != NULL ? cache : make_cache();
}

/* The cache, with nothing in it that the active snapshot would see otherwise. */
static Cache *
current_cache(void)
{
	Cache *c = any_cache();
	Snapshot s = GetActiveSnapshot();
	View now = {0};

	now.xmin = s->xmin;
	now.xmax = s->xmax;
	now.running = s->xcnt;
	now.running_below = s->subxcnt;
	now.overflowed = s->suboverflowed;
	now.in_recovery = s->takenDuringRecovery;
	now.command = s->curcid;
	now.rollbacks = rollbacks;
	now.user = GetUserId();
	if (c->number > 0 && s->snapshot_type == SNAPSHOT_MVCC && c->view.xmin == now.xmin &&
		c->view.xmax == now.xmax && c->view.running == now.running &&
		c->view.running_below == now.running_below && c->view.overflowed == now.overflowed &&
		c->view.in_recovery == now.in_recovery && c->view.command == now.command &&
		c->view.rollbacks == now.rollbacks && c->view.user == now.user)
		return c;
	c->listed = c->test_list = NULL;
	MemoryContextReset(c->list_context);
	c->probes = 0;
	c->most_probes = FIRST_PROBES;
	c->view = now;
	c->number++;
	return c;
}

static Span
keep_span(MemoryContext context, Span name)
{
	char *copy = MemoryContextAlloc(context, name.length + 1);

	memcpy(copy, name.data, name.length);
	copy[name.length] = '\0';
	name.data = copy;
	return name;
}

/* ---- pql.email_domain ---- */

/* pql.email_listing says the same in plain SQL. */
#define LISTED                                                                                     \
	"SELECT d.domain, d.kind, CASE WHEN d.list OPERATOR(pg_catalog.=) 'own' THEN 0 ELSE 1 END "    \
	"FROM pql.email_domain d"

static Span
span_of(Datum datum)
{
	text *t = DatumGetTextPP(datum);
	Span name = {VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};

	return name;
}

/* A row of LISTED. Of a domain's entries one's own holds, then work, disposable, personal. */
static Kind
read_kind(Datum kind, Datum not_own, uint8 *rank)
{
	char first = span_of(kind).data[0];
	Kind read = first == 'w' ? KIND_WORK : first == 'd' ? KIND_DISPOSABLE : KIND_PERSONAL;

	*rank = DatumGetInt32(not_own) * (KIND_WORK + 1) + (KIND_WORK - read);
	return read;
}

typedef struct Reading
{
	MemoryContext context;
	known_hash *table;
} Reading;

static void
take_listed(void *state, TupleTableSlot *slot)
{
	Reading *r = state;
	uint8 rank;
	Kind kind = read_kind(slot->tts_values[1], slot->tts_values[2], &rank);
	Span name = span_of(slot->tts_values[0]);
	Known *entry = known_lookup(r->table, name);
	bool found;

	if (entry == NULL)
		entry = known_insert(r->table, keep_span(r->context, name), &found);
	else if (entry->rank <= rank)
		return;
	entry->kind = kind;
	entry->rank = rank;
}

/* What makes reading the whole table worth while. */
static int
probes_worth_reading(void)
{
	Relation rel = table_openrv(makeRangeVar("pql", "email_domain", -1), AccessShareLock);
	BlockNumber pages = RelationGetNumberOfBlocks(rel);

	table_close(rel, AccessShareLock);
	return Max(FIRST_PROBES, (int) Min(pages, INT_MAX / PROBES_PER_PAGE) * PROBES_PER_PAGE);
}

static void
read_all_listed(Cache *c)
{
	Reading r = {c->list_context};
	uint32 number = c->number;

	r.table = known_create(c->list_context, 16384, NULL);
	pql_query(LISTED, NULL, PQL_PLAN_ALONE, take_listed, &r);
	/* a policy on the table could ask for kinds as somebody else */
	if (c->number != number)
		elog(ERROR, "pql.email_domain was read while it was read");
	c->listed = r.table;
}

/* The domains that may be listed for a host: itself and what is above it, down to the registrable
 * one. */
static int
candidates(Span host, int registrable, Span *names)
{
	int n = 0;
	int start = 0;

	for (;;)
	{
		names[n].data = host.data + start;
		names[n++].length = host.length - start;
		if (registrable < 0 || start >= registrable)
			return n;
		while (host.data[start] != '.')
			start++;
		start++;
	}
}

/* a host of 253 characters has no more labels */
#define MAX_LABELS 127

/* Looks some domains up by the index; the longest that is listed decides. */
static Kind
probe(const Span *names, int n)
{
	static SPIPlanPtr plan = NULL;
	Datum domains[MAX_LABELS];
	Oid type = TEXTARRAYOID;
	Datum argument;
	Kind kind = KIND_NONE;
	uint8 rank = 0;
	int longest = 0;

	for (int i = 0; i < n; i++)
		domains[i] = PointerGetDatum(cstring_to_text_with_len(names[i].data, names[i].length));
	argument = PointerGetDatum(construct_array(domains, n, TEXTOID, -1, false, TYPALIGN_INT));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plan == NULL)
	{
		SPIPlanPtr made =
			SPI_prepare_cursor(LISTED " WHERE d.domain OPERATOR(pg_catalog.=) ANY ($1)", 1, &type,
							   CURSOR_OPT_GENERIC_PLAN);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "SPI_prepare failed");
		plan = made;
	}
	if (SPI_execute_plan(plan, &argument, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "looking domains up failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum column[3];
		bool null;
		Kind its_kind;
		uint8 its_rank;
		int its_length;

		for (int j = 0; j < lengthof(column); j++)
			column[j] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1, &null);
		its_kind = read_kind(column[1], column[2], &its_rank);
		its_length = span_of(column[0]).length;
		if (its_length > longest || (its_length == longest && its_rank < rank))
		{
			longest = its_length;
			rank = its_rank;
			kind = its_kind;
		}
	}
	SPI_finish();
	return kind;
}

static Kind
find_kind(Cache *c, Span host, int registrable)
{
	Span names[MAX_LABELS];
	int n = candidates(host, registrable, names);

	if (c->listed == NULL && c->probes == FIRST_PROBES)
		c->most_probes = probes_worth_reading();
	if (c->listed == NULL && c->probes++ < c->most_probes)
		return probe(names, n);
	if (c->listed == NULL)
		read_all_listed(c);
	for (int i = 0; i < n; i++)
	{
		Known *entry = known_lookup(c->listed, names[i]);

		if (entry != NULL)
			return entry->kind;
	}
	return KIND_NONE;
}

/*
 * What is known of a host, to be used before anything else is called here; its kind only where
 * `with_kind` is.
 */
static Known *
know_host(const char *data, int length, bool with_kind)
{
	/* what is registered does not depend on the snapshot */
	Cache *c = with_kind ? current_cache() : any_cache();
	Span name = {data, length};
	uint32 hash = hash_span(name);
	Known *host = known_lookup_hash(c->hosts, name, hash);
	uint32 view = c->number;
	int registrable;
	Kind kind = KIND_NONE;
	bool found;

	if (host != NULL && (!with_kind || host->view == c->number))
		return host;
	registrable = host != NULL ? host->registrable : registrable_of(data, length);
	if (with_kind)
		kind = find_kind(c, name, registrable);
	/* a query has run, in which anything may have happened to the table */
	host = known_lookup_hash(c->hosts, name, hash);
	if (host == NULL)
	{
		if (MemoryContextMemAllocated(c->host_context, false) > pql_memory_limit() / 8)
		{
			MemoryContextReset(c->host_context);
			c->hosts = known_create(c->host_context, 256, NULL);
		}
		host = known_insert_hash(c->hosts, keep_span(c->host_context, name), hash, &found);
	}
	host->registrable = registrable;
	host->kind = kind;
	host->view = with_kind ? view : 0;
	return host;
}

const char *
pql_email_kind_of(const char *email, int length)
{
	char host[PQL_HOST_SIZE];

	length = pql_email_host_of(email, length, host);
	return length == 0 ? NULL : kind_names[know_host(host, length, true)->kind];
}

/* ---- test accounts ---- */

/* The address in its one form, tag and all; else in lower case as it stands. */
static Span
full_name(const char *email, int length)
{
	char host[PQL_HOST_SIZE];
	int host_length;
	int base_length;
	Span name;
	char *local = pql_mailbox_of(email, length, &name.length, &base_length, host, &host_length);

	if (local != NULL)
		name.data = psprintf("%s@%s", local, host);
	else
	{
		pql_address_trim(&email, &length);
		name.data = pql_address_lower(email, length, &name.length);
	}
	name.length = strlen(name.data);
	return name;
}

static void
take_test_account(void *state, TupleTableSlot *slot)
{
	Reading *r = state;
	Span entry = span_of(slot->tts_values[0]);
	Span name = full_name(entry.data, entry.length);
	bool found;

	if (known_lookup(r->table, name) == NULL)
		(void) known_insert(r->table, keep_span(r->context, name), &found);
}

/*
 * Is it on the list test_accounts, as it stands or without its tag? An entry with a tag means that
 * address alone, for whose mailbox it is may be a customer.
 */
static bool
is_test_account(const char *email, int length)
{
	Cache *c = current_cache();
	Span name;

	if (c->test_list == NULL)
	{
		Reading r = {c->list_context};

		r.table = known_create(c->list_context, 16, NULL);
		pql_query("SELECT e.entry FROM pql.list_entry e "
				  "WHERE e.list OPERATOR(pg_catalog.=) 'test_accounts'",
				  NULL, PQL_PLAN_ALONE, take_test_account, &r);
		c->test_list = r.table;
	}
	if (c->test_list->members == 0)
		return false;
	if (known_lookup(c->test_list, full_name(email, length)) != NULL)
		return true;
	name.data = pql_email_normal(email, length, &name.length);
	return name.data != NULL && known_lookup(c->test_list, name) != NULL;
}

/* ---- functions of SQL ---- */

/* pql.email_host(email text) → text, strict: NULL when there is no domain behind an @. */
PG_FUNCTION_INFO_V1(pql_email_host);
Datum
pql_email_host(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	char host[PQL_HOST_SIZE];
	int length = pql_email_host_of(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), host);

	if (length == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(host, length));
}

/*
 * pql.canonical_domain(domain text) → text, strict: as lists hold it, from what lists say (*.x.org,
 * .x.org and @x.org are x.org). NULL when it is no domain.
 */
PG_FUNCTION_INFO_V1(pql_canonical_domain);
Datum
pql_canonical_domain(PG_FUNCTION_ARGS)
{
	text *domain = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(domain);
	int length = VARSIZE_ANY_EXHDR(domain);
	char host[PQL_HOST_SIZE];

	pql_address_trim(&s, &length);
	if (length > 1 && s[0] == '*' && s[1] == '.')
	{
		s += 2;
		length -= 2;
	}
	else if (length > 0 && (s[0] == '.' || s[0] == '@'))
	{
		s++;
		length--;
	}
	length = pql_canonical_host(s, length, host);
	if (length == 0 || host[0] == '[' || pql_host_is_number(host, length))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(host, length));
}

/* pql.registrable_domain(address text) → text, strict: of a host or an e-mail address. */
PG_FUNCTION_INFO_V1(pql_registrable_domain);
Datum
pql_registrable_domain(PG_FUNCTION_ARGS)
{
	text *address = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(address);
	int length = VARSIZE_ANY_EXHDR(address);
	char host[PQL_HOST_SIZE];
	int start;

	length = memchr(s, '@', length) != NULL ? pql_email_host_of(s, length, host)
											: pql_canonical_host(s, length, host);
	if (length == 0)
		PG_RETURN_NULL();
	start = know_host(host, length, false)->registrable;
	if (start < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(host + start, length - start));
}

/* pql.email_kind(email text) → text, strict: personal, disposable or work; NULL: no address. */
PG_FUNCTION_INFO_V1(pql_email_kind);
Datum
pql_email_kind(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	const char *kind = pql_email_kind_of(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email));

	if (kind == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(kind));
}

/* pql.work_domain(email text) → text, strict: the registrable domain of an address of kind work. */
PG_FUNCTION_INFO_V1(pql_work_domain);
Datum
pql_work_domain(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	char host[PQL_HOST_SIZE];
	int length = pql_email_host_of(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), host);
	Known *known;

	if (length == 0)
		PG_RETURN_NULL();
	known = know_host(host, length, true);
	if (known->registrable < 0 || known->kind == KIND_PERSONAL || known->kind == KIND_DISPOSABLE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(
		cstring_to_text_with_len(host + known->registrable, length - known->registrable));
}

/* pql.normal_email(email text) → text, strict: one form of a mailbox; NULL when it is none. */
PG_FUNCTION_INFO_V1(pql_normal_email);
Datum
pql_normal_email(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	int length;
	const char *normal = pql_email_normal(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &length);

	if (normal == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(normal, length));
}

/* pql.email_tag(email text) → text, strict: behind the first +; NULL when there is none. */
PG_FUNCTION_INFO_V1(pql_email_tag);
Datum
pql_email_tag(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	char host[PQL_HOST_SIZE];
	int host_length;
	int local_length;
	int base_length;
	char *local = pql_mailbox_of(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &local_length,
								 &base_length, host, &host_length);

	if (local == NULL || base_length == local_length)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(local + base_length + 1));
}

/* pql.is_test_address(email text) → boolean, strict; NULL: no address. */
PG_FUNCTION_INFO_V1(pql_is_test_address);
Datum
pql_is_test_address(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(email);
	int length = VARSIZE_ANY_EXHDR(email);
	char host[PQL_HOST_SIZE];
	int host_length = pql_email_host_of(s, length, host);
	int local_length;
	const char *local;

	if (host_length == 0)
		PG_RETURN_NULL();
	local = pql_email_local_of(s, length, &local_length);
	PG_RETURN_BOOL(pql_host_is_reserved(host, host_length) ||
				   pql_local_is_test(local, local_length) || is_test_account(s, length));
}

/* pql.public_suffix_version(OUT library text, OUT file text, OUT dated timestamptz). */
PG_FUNCTION_INFO_V1(pql_public_suffix_version);
Datum
pql_public_suffix_version(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "pql.public_suffix_version returns a row");
	read_suffixes();
	values[0] = CStringGetTextDatum(psl_get_version());
	nulls[1] = suffixes_file == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(suffixes_file);
	values[2] = TimestampTzGetDatum(suffixes_dated);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
