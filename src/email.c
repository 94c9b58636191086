/*
 * email.c: what an e-mail address says of a person and a company.
 *
 * Two questions are asked of an address, and they are answered with different care. Whose domain is
 * it: whatever stands behind the last @ counts, for nobody is hurt when "Ada, ada@gmail.com" has a
 * personal domain. Which mailbox is it: that makes two records one person, so that anything odd
 * before the @ is no address at all.
 */
#include "postgres.h"

#include <idn2.h>
#include <libpsl.h>
#include <sys/stat.h>

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "email.h"
#include "query.h"
#include "settings.h"

/* ---- parts of an address ---- */

/* RFC 5321, 4.5.3.1.1 */
#define MAX_LOCAL 64
#define MAX_LABEL 63
/* with a display name; what is longer is no address, and would be long work */
#define MAX_ADDRESS 10000
/* a host in Unicode: what is longer makes no 253 characters of A-labels */
#define MAX_UNICODE_HOST 1024

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **s, int *length)
{
	while (*length > 0 && is_blank((*s)[*length - 1]))
		(*length)--;
	for (; *length > 0 && is_blank(**s); (*s)++)
		(*length)--;
}

/* The address itself: "Ada <ada@x.org>", "<ada@x.org>", "mailto:ada@x.org" → ada@x.org. */
static void
bare(const char **s, int *length)
{
	static const char mailto[] = "mailto:";
	int start;

	trim(s, length);
	if (*length > MAX_ADDRESS)
		*length = 0;
	if (*length > 0 && (*s)[*length - 1] == '>')
	{
		for (start = *length - 1; start > 0 && (*s)[start - 1] != '<'; start--)
			;
		if (start > 0)
		{
			*length -= start + 1;
			*s += start;
			trim(s, length);
		}
	}
	if (*length >= sizeof(mailto) - 1 && pg_strncasecmp(*s, mailto, sizeof(mailto) - 1) == 0)
	{
		*s += sizeof(mailto) - 1;
		*length -= sizeof(mailto) - 1;
	}
}

/* Where the last @ stands; -1: nowhere. */
static int
last_at(const char *s, int length)
{
	while (--length >= 0 && s[length] != '@')
		;
	return length;
}

/* Lower case, palloc'd: ASCII letters in every locale alike, others as the database has them. */
static char *
lower_case(const char *s, int length, int *lower_length)
{
	bool ascii = true;
	char *copy = pnstrdup(s, length);

	for (char *p = copy; *p != '\0'; p++)
	{
		ascii &= !IS_HIGHBIT_SET(*p);
		*p = pg_ascii_tolower((unsigned char) *p);
	}
	if (!ascii)
		copy = str_tolower(copy, strlen(copy), DEFAULT_COLLATION_OID);
	*lower_length = strlen(copy);
	return copy;
}

/* ---- hosts ---- */

/*
 * Labels of letters, digits, hyphens inside and underscores (which some use, though they may not),
 * each of 1 to 63 characters, 253 together.
 */
static bool
is_host(const char *host, int length)
{
	int start = 0;

	if (length == 0 || length > PQL_HOST_SIZE - 2)
		return false;
	for (int i = 0; i <= length; i++)
	{
		char c = i < length ? host[i] : '.';

		if (c == '.')
		{
			if (i == start || i - start > MAX_LABEL || host[start] == '-' || host[i - 1] == '-')
				return false;
			start = i + 1;
		}
		else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* [192.0.2.1] and [IPv6:2001:db8::1]: an address can end so, though it has no domain then. */
static bool
is_literal(const char *host, int length)
{
	if (length < 3 || length > PQL_HOST_SIZE - 2 || host[0] != '[' || host[length - 1] != ']')
		return false;
	for (int i = 1; i < length - 1; i++)
		if (!((host[i] >= 'a' && host[i] <= 'z') || (host[i] >= '0' && host[i] <= '9') ||
			  host[i] == '.' || host[i] == ':' || host[i] == '-'))
			return false;
	return true;
}

/* No top-level domain is a number, so that this is an address of the internet protocol. */
static bool
is_number(const char *host, int length)
{
	int start = length;

	while (start > 0 && host[start - 1] != '.')
		start--;
	for (int i = start; i < length; i++)
		if (host[i] < '0' || host[i] > '9')
			return false;
	return true;
}

/* Text of the database as UTF-8, in `to` of MAX_UNICODE_HOST * 4 + 1; -1: it is none. */
static int
to_utf8(const char *s, int length, char *to)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		/* in SQL_ASCII a text can be anything */
		if (pg_encoding_verifymbstr(PG_UTF8, s, length) != length)
			return -1;
		memcpy(to, s, length);
		to[length] = '\0';
		return length;
	}
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) ||
		pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, (unsigned char *) s, length,
									  (unsigned char *) to, MAX_UNICODE_HOST * 4 + 1,
									  true) != length)
		return -1;
	return strlen(to);
}

/* The dots that Unicode knows besides the full stop (UTS #46, 2.3), each of three bytes. */
static bool
is_wide_dot(const char *s)
{
	return memcmp(s, "\xE3\x80\x82", 3) == 0 || memcmp(s, "\xEF\xBC\x8E", 3) == 0 ||
		   memcmp(s, "\xEF\xBD\xA1", 3) == 0;
}

/*
 * A host with letters beyond ASCII, label by label, for what IDNA does not allow in one must not
 * hurt those that are ASCII anyway (r3---a.example is a host). What the mapping gives is looked at
 * by is_host again: some characters are mapped to a dot or a slash.
 */
static int
unicode_host(const char *s, int length, char *host)
{
	char utf8[MAX_UNICODE_HOST * 4 + 1];
	int n = 0;
	int end;

	if (length > MAX_UNICODE_HOST)
		return 0;
	length = to_utf8(s, length, utf8);
	if (length < 0)
		return 0;
	for (int start = 0; start < length; start = end)
	{
		char label[MAX_UNICODE_HOST * 4 + 1];
		char *mapped = NULL;
		int dot = 0;
		bool ascii = true;
		int size;

		for (end = start; end < length; end++)
		{
			dot = utf8[end] == '.' ? 1 : end + 3 <= length && is_wide_dot(utf8 + end) ? 3 : 0;
			if (dot > 0)
				break;
			ascii &= !IS_HIGHBIT_SET(utf8[end]);
		}
		memcpy(label, utf8 + start, end - start);
		label[end - start] = '\0';
		for (char *p = label; *p != '\0'; p++)
			*p = pg_ascii_tolower((unsigned char) *p);
		if (!ascii &&
			idn2_to_ascii_8z(label, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return 0;
		size = strlen(mapped != NULL ? mapped : label);
		if (size > MAX_LABEL || n + size + 1 >= PQL_HOST_SIZE ||
			memchr(mapped != NULL ? mapped : label, '.', size) != NULL)
			size = -1;
		else
			memcpy(host + n, mapped != NULL ? mapped : label, size);
		if (mapped != NULL)
			idn2_free(mapped);
		if (size < 0)
			return 0;
		n += size;
		if (dot > 0)
			host[n++] = '.';
		end += dot;
	}
	return n;
}

/* The one form of a host, without blanks around it; its length, or 0 when it is none. */
static int
canonical_host(const char *s, int length, char *host)
{
	int n = 0;

	trim(&s, &length);
	for (; n < length && n < PQL_HOST_SIZE - 1 && !IS_HIGHBIT_SET(s[n]); n++)
		host[n] = pg_ascii_tolower((unsigned char) s[n]);
	if (n < length)
	{
		if (!IS_HIGHBIT_SET(s[n]))
			return 0;
		n = unicode_host(s, length, host);
	}
	if (n > 0 && host[n - 1] == '.')
		n--;
	host[n] = '\0';
	return is_host(host, n) || is_literal(host, n) ? n : 0;
}

int
pql_email_host_of(const char *email, int length, char *host)
{
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	if (at < 0 || (at + 1 < length && is_blank(email[at + 1])))
		return 0;
	return canonical_host(email + at + 1, length - at - 1, host);
}

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

	if (host[0] == '[' || is_number(host, length))
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

/* ---- whose mailbox ---- */

const char *
pql_email_plain(const char *s, int length, int *plain_length)
{
	bool plain = true;
	char *lowered;

	/* blanks, as btrim takes them */
	while (length > 0 && s[length - 1] == ' ')
		length--;
	for (; length > 0 && *s == ' '; s++)
		length--;
	for (int i = 0; i < length && plain; i++)
		plain = !IS_HIGHBIT_SET(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z');
	*plain_length = length;
	if (plain)
		return s;
	lowered = str_tolower(s, length, DEFAULT_COLLATION_OID);
	*plain_length = strlen(lowered);
	return lowered;
}

const char *
pql_email_local_of(const char *email, int length, int *local_length)
{
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	return at < 0 ? NULL : lower_case(email, at, local_length);
}

/* Characters that a local part has only between quotes (RFC 5322, 3.2.3). */
static bool
is_special(char c)
{
	return (unsigned char) c <= ' ' || c == 0x7F || strchr("()<>[]:;@\\,\"", c) != NULL;
}

/*
 * Is this what may stand before the @? Dots may stand anywhere: some providers gave such addresses.
 * Quotes that nothing needs are taken off.
 */
static bool
take_local(const char **local, int *length)
{
	const char *s = *local;
	int n = *length;
	bool special = false;

	if (n == 0 || n > MAX_LOCAL)
		return false;
	if (s[0] != '"')
	{
		for (int i = 0; i < n; i++)
			special |= is_special(s[i]);
		return !special;
	}
	if (n < 3 || s[n - 1] != '"')
		return false;
	for (int i = 1; i < n - 1; i++)
	{
		special |= is_special(s[i]);
		if (s[i] == '"' || (s[i] == '\\' && ++i == n - 1))
			return false;
	}
	if (!special)
	{
		(*local)++;
		*length -= 2;
	}
	return true;
}

static bool
is_gmail(const char *host)
{
	return strcmp(host, "gmail.com") == 0 || strcmp(host, "googlemail.com") == 0;
}

/*
 * The local part in lower case, or NULL; its length, and that of what stands before a tag (the same
 * when there is none). What is between quotes has no tag.
 */
static char *
mailbox_of(const char *email, int length, int *local_length, int *base_length, char *host,
		   int *host_length)
{
	const char *local;
	char *lowered;
	char *plus;
	int at;

	bare(&email, &length);
	at = last_at(email, length);
	if (at < 1 || (at + 1 < length && is_blank(email[at + 1])))
		return NULL;
	*host_length = canonical_host(email + at + 1, length - at - 1, host);
	local = email;
	length = at;
	if (*host_length == 0 || !take_local(&local, &length))
		return NULL;
	lowered = lower_case(local, length, local_length);
	/* some letters are longer as small ones */
	if (*local_length > MAX_LOCAL)
		return NULL;
	plus = lowered[0] == '"' ? NULL : strchr(lowered, '+');
	*base_length = plus == NULL || plus == lowered ? *local_length : plus - lowered;
	return lowered;
}

const char *
pql_email_normal(const char *email, int length, int *normal_length)
{
	char host[PQL_HOST_SIZE];
	int host_length;
	int local_length;
	int base_length;
	char *local = mailbox_of(email, length, &local_length, &base_length, host, &host_length);
	char *normal;
	int n = 0;

	if (local == NULL)
		return NULL;
	normal = palloc(base_length + 1 + PQL_HOST_SIZE);
	for (int i = 0; i < base_length; i++)
		if (local[i] != '.' || local[0] == '"' || !is_gmail(host))
			normal[n++] = local[i];
	if (n == 0)
		return NULL;
	normal[n++] = '@';
	strcpy(normal + n, is_gmail(host) ? "gmail.com" : host);
	*normal_length = strlen(normal);
	return normal;
}

/* ---- addresses that are nobody's ---- */

/* RFC 2606 and RFC 6761: nobody can have an address there. */
static bool
is_reserved(const char *host, int length)
{
	static const char *const names[] = {"test",        "invalid",     "example",    "localhost",
										"example.com", "example.net", "example.org"};

	for (int i = 0; i < lengthof(names); i++)
	{
		int n = strlen(names[i]);

		if (length >= n && strcmp(host + length - n, names[i]) == 0 &&
			(length == n || host[length - n - 1] == '.'))
			return true;
	}
	return false;
}

/* test, demo, or anything that ends in +test and digits */
static bool
is_test_local(const char *local, int length)
{
	if (strcmp(local, "test") == 0 || strcmp(local, "demo") == 0)
		return true;
	while (length > 0 && local[length - 1] >= '0' && local[length - 1] <= '9')
		length--;
	return length >= 5 && memcmp(local + length - 5, "+test", 5) == 0;
}

/* The address in its one form, tag and all; else in lower case as it stands. */
static Span
full_name(const char *email, int length)
{
	char host[PQL_HOST_SIZE];
	int host_length;
	int base_length;
	Span name;
	char *local = mailbox_of(email, length, &name.length, &base_length, host, &host_length);

	if (local != NULL)
		name.data = psprintf("%s@%s", local, host);
	else
	{
		trim(&email, &length);
		name.data = lower_case(email, length, &name.length);
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

	trim(&s, &length);
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
	length = canonical_host(s, length, host);
	if (length == 0 || host[0] == '[' || is_number(host, length))
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
											: canonical_host(s, length, host);
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
	char *local = mailbox_of(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &local_length,
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
	PG_RETURN_BOOL(is_reserved(host, host_length) || is_test_local(local, local_length) ||
				   is_test_account(s, length));
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
