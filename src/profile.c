/*
 * profile.c: what is known of a subject.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "address.h"
#include "email.h"
#include "profile.h"

/* ---- as one jsonb ---- */

static PqlValue
get(const PqlValue *object, const char *key)
{
	return pql_value_get(object, key, strlen(key));
}

/* An instant of the profile, or `missing` where there is none. */
static int64
profile_instant(const PqlValue *section, const char *name, const char *key, int64 missing)
{
	PqlValue value = get(section, key);
	const char *text;
	int length;
	int64 at;

	if (value.kind == PQL_ABSENT)
		return missing;
	if (!pql_value_instant(&value, &at))
	{
		text = pql_value_text(&value, &length);
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
			 errmsg("%s.%s of the profile is no instant: \"%.*s\"", name, key, Min(length, 60),
					text),
			 errdetail("Instants in a profile are ISO 8601, as to_jsonb(timestamptz) writes them."),
			 errhint("Write for example \"2026-11-02T09:30:00Z\".")));
	}
	return PQL_INSTANT_OK(at) ? at : missing;
}

static void
know(PqlHistory *h, int64 at, PqlValue value)
{
	int i = h->n++;

	/* ascending; of two at the same instant the one written later holds */
	for (; i > 0 && h->known[i - 1].at > at; i--)
		h->known[i] = h->known[i - 1];
	h->known[i].at = at;
	h->known[i].value = value;
}

/* [{"value": …, "recorded_at": …}, …], as far as it was known by as_of. */
static void
read_history(PqlHistory *h, const PqlValue *entries, int64 as_of)
{
	int n = pql_value_count(entries);

	h->known = palloc(Max(1, n) * sizeof(PqlKnown));
	for (int i = 0; i < n; i++)
	{
		PqlValue entry = pql_value_element(entries, i);
		PqlValue recorded = get(&entry, "recorded_at");
		int64 at = PQL_ALWAYS;

		if (recorded.kind != PQL_ABSENT && !pql_value_instant(&recorded, &at))
			(void) profile_instant(&entry, "history", "recorded_at", PQL_ALWAYS);
		if (at <= as_of)
			know(h, at, get(&entry, "value"));
	}
}

/* What stands before the last @, in lower case. */
static PqlValue
local_part(PqlValue email)
{
	PqlValue local = {PQL_ABSENT};

	if (email.kind != PQL_STRING)
		return local;
	local.data = pql_email_local_of(email.data, email.length, &local.length);
	if (local.data != NULL)
		local.kind = PQL_STRING;
	return local;
}

static void
read_fact(PqlHistory *h, const PqlValue *root, const PqlValue *history, const PqlFact *fact,
		  int64 as_of)
{
	PqlValue entries = pql_value_get(history, fact->dotted, strlen(fact->dotted));
	PqlValue section;
	PqlValue value;

	h->n = 0;
	if (entries.kind == PQL_ARRAY)
	{
		read_history(h, &entries, as_of);
		return;
	}
	section = pql_value_get(root, fact->section.name, fact->section.length);
	value = pql_value_path(&section, fact->key.name, fact->key.length);
	h->known = palloc(sizeof(PqlKnown));
	if (value.kind != PQL_ABSENT)
		know(h, PQL_ALWAYS, value);
	else if (strcmp(fact->dotted, "person.email_local") == 0)
	{
		/* told by the e-mail, where the profile does not say it itself */
		static const PqlFact email = {"person.email", {"person", 6}, {"email", 5}, false};

		read_fact(h, root, history, &email, as_of);
		for (int i = 0; i < h->n; i++)
			h->known[i].value = local_part(h->known[i].value);
	}
}

void
pql_profile_read(PqlProfile *p, const PqlModel *model, struct varlena *jsonb, int64 as_of)
{
	PqlValue root = {PQL_ABSENT};
	PqlValue trial;
	PqlValue history;

	if (jsonb != NULL)
		root = pql_value_root(jsonb);
	trial = get(&root, "trial");
	history = get(&root, "history");
	p->started_at = profile_instant(&trial, "trial", "started_at", PQL_ALWAYS);
	p->ends_at = profile_instant(&trial, "trial", "ends_at", PQL_NEVER);
	p->converted_at = profile_instant(&trial, "trial", "converted_at", PQL_NEVER);
	if (p->converted_at > as_of)
		p->converted_at = PQL_NEVER;
	p->lists.look_up = NULL;
	p->first_event = NULL;
	p->lists.object = get(&root, "lists");
	p->facts = palloc(Max(1, model->nfacts) * sizeof(PqlHistory));
	for (int i = 0; i < model->nfacts; i++)
		read_fact(&p->facts[i], &root, &history, &model->facts[i], as_of);
}

/* ---- lists ---- */

typedef struct ListEntry
{
	const char *list;
	const char *entry;
} ListEntry;

struct PqlListEntries
{
	int n;
	int size;
	ListEntry *entries;
	bool sorted;
};

PqlListEntries *
pql_list_entries(void)
{
	PqlListEntries *l = palloc0(sizeof(PqlListEntries));

	l->size = 64;
	l->entries = palloc(l->size * sizeof(ListEntry));
	return l;
}

void
pql_take_list_entry(void *entries, TupleTableSlot *slot)
{
	PqlListEntries *l = entries;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(l));

	if (l->n == l->size)
	{
		l->size *= 2;
		l->entries = repalloc_huge(l->entries, (Size) l->size * sizeof(ListEntry));
	}
	l->entries[l->n].list = TextDatumGetCString(slot->tts_values[0]);
	l->entries[l->n++].entry = TextDatumGetCString(slot->tts_values[1]);
	l->sorted = false;
	MemoryContextSwitchTo(old);
}

static int
by_entry(const void *a, const void *b)
{
	const ListEntry *x = a;
	const ListEntry *y = b;
	int order = strcmp(x->list, y->list);

	return order != 0 ? order : strcmp(x->entry, y->entry);
}

/* The first entry that is not before the wanted one. */
static int
place_of(const PqlListEntries *l, const ListEntry *wanted)
{
	int low = 0;
	int high = l->n;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (by_entry(&l->entries[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is there such an entry, in lower case as it stands? */
static bool
has_entry(const PqlListEntries *l, const char *list, const char *entry)
{
	ListEntry wanted = {list, entry};
	int place = place_of(l, &wanted);

	return place < l->n && by_entry(&l->entries[place], &wanted) == 0;
}

/* A list without entries is not known. */
static PqlTruth
look_up(const void *data, const char *list, const char *value, int length)
{
	const PqlListEntries *l = data;
	ListEntry any = {list, ""};
	int place = place_of(l, &any);

	if (place == l->n || strcmp(l->entries[place].list, list) != 0)
		return PQL_UNKNOWN;
	return has_entry(l, list, str_tolower(value, length, DEFAULT_COLLATION_OID));
}

/* What the domain of an address says. */
static PqlValue
kind_of(const PqlValue *email)
{
	PqlValue kind = {PQL_ABSENT};

	if (email->kind != PQL_STRING)
		return kind;
	kind.data = pql_email_kind_of(email->data, email->length);
	if (kind.data == NULL)
		return kind;
	kind.kind = PQL_STRING;
	kind.length = strlen(kind.data);
	return kind;
}

/* ---- as a row ---- */

/* Where one fact of the model stands; -1: in no column. */
typedef struct FactColumns
{
	int value;
	int since;     /* true from this time on */
	int otherwise; /* what holds when neither column nor attribute says it */
	int attributes;
	bool of_lead;
	bool is_email;
	bool is_kind;
	bool is_local; /* the part of the address before the @ */
} FactColumns;

struct PqlProfileRows
{
	const PqlModel *model;
	TupleDesc desc;
	int64 as_of;
	FactColumns *facts;
	int email;       /* the column of the address, or -1 */
	int paid_before; /* the fact person.paid_before_trial, or -1 */
	PqlProfile profile;
	PqlKnown *single; /* room for one value a fact */
};

static int
column_named(TupleDesc desc, const char *prefix, const char *name)
{
	char wanted[NAMEDATALEN];

	/* as the parser cuts names */
	snprintf(wanted, sizeof(wanted), "%s%s", prefix, name);
	for (int i = PQL_P_FACTS; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), wanted) == 0)
			return i;
	return -1;
}

PqlProfileRows *
pql_profile_rows(const PqlModel *model, TupleDesc desc, int64 as_of, PqlListEntries *lists)
{
	PqlProfileRows *rows = palloc0(sizeof(PqlProfileRows));

	rows->model = model;
	rows->desc = desc;
	rows->as_of = as_of;
	rows->paid_before = -1;
	rows->email = column_named(desc, "", "person.email");
	rows->facts = palloc(Max(1, model->nfacts) * sizeof(FactColumns));
	rows->single = palloc(Max(1, model->nfacts) * sizeof(PqlKnown));
	rows->profile.facts = palloc0(Max(1, model->nfacts) * sizeof(PqlHistory));
	for (int i = 0; i < model->nfacts; i++)
	{
		const PqlFact *fact = &model->facts[i];
		FactColumns *c = &rows->facts[i];

		c->value = column_named(desc, "", fact->dotted);
		c->since = column_named(desc, "since:", fact->dotted);
		c->otherwise = column_named(desc, "default:", fact->dotted);
		c->attributes = strcmp(fact->section.name, "person") == 0    ? PQL_P_ATTRIBUTES
						: strcmp(fact->section.name, "account") == 0 ? PQL_P_ACCOUNT_ATTRIBUTES
																	 : -1;
		c->of_lead = strcmp(fact->section.name, "lead") == 0;
		c->is_email = strcmp(fact->dotted, "person.email") == 0;
		c->is_kind = strcmp(fact->dotted, "person.email_kind") == 0;
		c->is_local = strcmp(fact->dotted, "person.email_local") == 0;
		if (strcmp(fact->dotted, "person.paid_before_trial") == 0)
			rows->paid_before = i;
	}
	if (lists != NULL)
	{
		if (lists->n > 1)
			qsort(lists->entries, lists->n, sizeof(ListEntry), by_entry);
		rows->profile.lists.look_up = look_up;
		rows->profile.lists.data = lists;
	}
	return rows;
}

static PqlValue
column_value(const PqlProfileRows *rows, TupleTableSlot *slot, int column)
{
	PqlValue value = {PQL_ABSENT};
	Datum datum;
	text *string;

	if (column < 0 || slot->tts_isnull[column])
		return value;
	datum = slot->tts_values[column];
	switch (TupleDescAttr(rows->desc, column)->atttypid)
	{
		case TEXTOID:
			string = DatumGetTextPP(datum);
			value.kind = PQL_STRING;
			value.data = VARDATA_ANY(string);
			value.length = VARSIZE_ANY_EXHDR(string);
			break;
		case INT4OID:
			value.kind = PQL_NUMBER;
			value.number = DatumGetInt32(datum);
			break;
		case INT8OID:
			value.kind = PQL_NUMBER;
			value.data = (const char *) DatumGetNumeric(DirectFunctionCall1(int8_numeric, datum));
			value.length = VARSIZE_ANY(value.data);
			break;
		case BOOLOID:
			value.kind = PQL_BOOL;
			value.truth = DatumGetBool(datum);
			break;
		case JSONBOID:
			return pql_value_of_jsonb((struct varlena *) DatumGetPointer(datum));
		default:
			elog(ERROR, "a fact of type %u", TupleDescAttr(rows->desc, column)->atttypid);
	}
	return value;
}

static int64
column_instant(TupleTableSlot *slot, int column, int64 missing)
{
	int64 at;

	if (slot->tts_isnull[column])
		return missing;
	at = DatumGetTimestampTz(slot->tts_values[column]);
	return PQL_INSTANT_OK(at) ? at : missing;
}

/* The entries of a fact in a history; PQL_ABSENT: it has none. */
static PqlValue
history_of(TupleTableSlot *slot, int column, const PqlFact *fact)
{
	PqlValue none = {PQL_ABSENT};
	PqlValue root;

	if (slot->tts_isnull[column])
		return none;
	root = pql_value_root((struct varlena *) DatumGetPointer(slot->tts_values[column]));
	return pql_value_get(&root, fact->dotted, strlen(fact->dotted));
}

/* Keeps what was recorded within one trial. */
static void
keep_between(PqlHistory *h, int64 since, int64 until)
{
	int n = 0;

	for (int i = 0; i < h->n; i++)
		if (h->known[i].at >= since && h->known[i].at < until)
			h->known[n++] = h->known[i];
	h->n = n;
}

static PqlValue
attribute(TupleTableSlot *slot, int column, const PqlName *key)
{
	PqlValue root = {PQL_ABSENT};

	if (!slot->tts_isnull[column])
		root = pql_value_root((struct varlena *) DatumGetPointer(slot->tts_values[column]));
	return pql_value_path(&root, key->name, key->length);
}

/* Told by the address, and by those before it. */
static void
local_part_of_row(PqlProfileRows *rows, TupleTableSlot *slot, PqlHistory *h)
{
	static const PqlFact email = {"person.email", {"person", 6}, {"email", 5}, false};
	PqlValue entries = history_of(slot, PQL_P_HISTORY, &email);

	if (entries.kind == PQL_ARRAY)
		read_history(h, &entries, rows->as_of);
	else
	{
		PqlValue value = column_value(rows, slot, rows->email);

		if (value.kind == PQL_STRING)
			value.data = pql_email_plain(value.data, value.length, &value.length);
		else
			value = attribute(slot, PQL_P_ATTRIBUTES, &email.key);
		if (value.kind != PQL_ABSENT)
			know(h, PQL_ALWAYS, value);
	}
	for (int i = 0; i < h->n; i++)
		h->known[i].value = local_part(h->known[i].value);
}

static void
fact_of_row(PqlProfileRows *rows, TupleTableSlot *slot, int index, int64 next_start)
{
	const PqlFact *fact = &rows->model->facts[index];
	const FactColumns *c = &rows->facts[index];
	PqlHistory *h = &rows->profile.facts[index];
	PqlValue entries;
	PqlValue value;
	bool of_lead = c->of_lead;
	int64 since = PQL_NEVER;

	h->n = 0;
	if (c->since >= 0 && !slot->tts_isnull[c->since])
		since = DatumGetTimestampTz(slot->tts_values[c->since]);
	if (of_lead)
		entries = history_of(slot, PQL_P_LEAD_HISTORY, fact);
	else
	{
		entries = history_of(slot, PQL_P_ACCOUNT_HISTORY, fact);
		if (entries.kind == PQL_ABSENT)
			entries = history_of(slot, PQL_P_HISTORY, fact);
	}
	if (entries.kind == PQL_ARRAY)
	{
		read_history(h, &entries, rows->as_of);
		if (of_lead)
			keep_between(h, rows->profile.started_at, next_start);
	}
	if (since <= rows->as_of)
	{
		static const PqlValue yes = {PQL_BOOL, true};

		h->known = h->n == 0 ? palloc(sizeof(PqlKnown))
							 : repalloc(h->known, (h->n + 1) * sizeof(PqlKnown));
		know(h, since, yes);
	}
	if (entries.kind == PQL_ARRAY || since <= rows->as_of)
		return;

	h->known = &rows->single[index];
	value = column_value(rows, slot, c->value);
	if (c->is_email && value.kind == PQL_STRING)
		value.data = pql_email_plain(value.data, value.length, &value.length);
	else if (c->is_kind && value.kind == PQL_ABSENT)
	{
		PqlValue email = column_value(rows, slot, rows->email);

		value = kind_of(&email);
	}
	if (value.kind == PQL_ABSENT && c->attributes >= 0)
		value = attribute(slot, c->attributes, &fact->key);
	if (value.kind == PQL_ABSENT && c->otherwise >= 0)
		value = column_value(rows, slot, c->otherwise);
	if (value.kind != PQL_ABSENT)
		know(h, PQL_ALWAYS, value);
	else if (c->is_local)
		local_part_of_row(rows, slot, h);
}

PqlProfile *
pql_profile_of_row(PqlProfileRows *rows, TupleTableSlot *slot, int64 next_start, bool paid_before)
{
	PqlProfile *p = &rows->profile;

	slot_getallattrs(slot);
	p->started_at = column_instant(slot, PQL_P_STARTED_AT, PQL_ALWAYS);
	p->ends_at = column_instant(slot, PQL_P_ENDS_AT, PQL_NEVER);
	p->converted_at = column_instant(slot, PQL_P_CONVERTED_AT, PQL_NEVER);
	for (int i = 0; i < rows->model->nfacts; i++)
		fact_of_row(rows, slot, i, next_start);
	if (paid_before && rows->paid_before >= 0)
	{
		PqlHistory *h = &p->facts[rows->paid_before];

		if (h->n == 1 && h->known == &rows->single[rows->paid_before])
			h->known[0].value.truth = true;
	}
	return p;
}

PqlProfile *
pql_profile_of_nobody(PqlProfileRows *rows)
{
	PqlProfile *p = &rows->profile;

	p->started_at = PQL_ALWAYS;
	p->ends_at = p->converted_at = PQL_NEVER;
	for (int i = 0; i < rows->model->nfacts; i++)
		p->facts[i].n = 0;
	return p;
}
