/*
 * evidence.c: adding events to evidence, merging it, writing and reading it.
 *
 * Each kind of slot has four functions: empty, add, merge, and its part of the wire format. Sums
 * are fixed-point because floating-point addition is not associative.
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "evidence.h"

#define FORMAT_VERSION 1

typedef __int128 int128_t;

/* One added event, with what several slots ask of it. */
typedef struct Adding
{
	const PqlModel *model;
	int64 at;
	int32 day;
	int32 trial_day; /* 0: no trial */
	bool looked;
	struct varlena *properties;
	const PqlValue *values;
	PqlValue root;
} Adding;

/* ---- memory ---- */

#define UNIT PQL_EVIDENCE_UNIT

static Size
header_size(const PqlLayout *layout)
{
	return TYPEALIGN(UNIT, offsetof(PqlEvidence, offset) + layout->n * sizeof(uint16));
}

/* Allocates, and rounds *size up to what the memory manager would waste otherwise. */
static PqlEvidence *
allocate(const PqlLayout *layout, Size *size)
{
	if (layout->arena != NULL)
		return pql_arena_take(layout->arena, *size = pql_arena_room(*size));
	return palloc(*size = pg_nextpower2_32(Max(*size, 128)));
}

PqlEvidence *
pql_evidence_new(const PqlLayout *layout, int64 started_at)
{
	Size header = header_size(layout);
	Size size = header + 8 * UNIT; /* most subjects have little else */
	PqlEvidence *e = allocate(layout, &size);

	memset(e, 0, header);
	e->layout = layout;
	e->started_at = started_at;
	e->horizon = PQL_ALWAYS;
	e->used = header / UNIT;
	e->size = size / UNIT;
	return e;
}

PqlEvidence *
pql_evidence_adopt(const PqlLayout *layout, const void *contents, Size bytes)
{
	Size size = bytes;
	PqlEvidence *copy = allocate(layout, &size);

	memcpy(copy, contents, bytes);
	copy->layout = layout;
	copy->size = size / UNIT;
	return copy;
}

PqlEvidence *
pql_evidence_copy(const PqlEvidence *evidence)
{
	return pql_evidence_adopt(evidence->layout, evidence, pql_evidence_bytes(evidence));
}

void
pql_evidence_free(PqlEvidence *evidence)
{
	if (evidence->layout->arena != NULL)
		pql_arena_give(evidence->layout->arena, evidence, UNIT * (Size) evidence->size);
	else
		pfree(evidence);
}

static PqlEvidence *
enlarge(PqlEvidence *e, Size size)
{
	PqlEvidence *larger;

	if (size > UNIT * (Size) PG_UINT16_MAX)
		elog(ERROR, "evidence of one subject takes %zu bytes", size);
	if (e->layout->arena != NULL)
	{
		larger = allocate(e->layout, &size);
		memcpy(larger, e, pql_evidence_bytes(e));
		pql_arena_give(e->layout->arena, e, UNIT * (Size) e->size);
	}
	else
		larger = repalloc(e, size = pg_nextpower2_32(size));
	larger->size = size / UNIT;
	return larger;
}

static uint32
slot_bytes(const PqlEvidence *e, int slot)
{
	const PqlSlot *s = &e->layout->slots[slot];

	return pql_slot_grows(s)
			   ? pql_slot_size_for(s, ((PqlEntries *) pql_evidence_slot(e, slot))->room)
			   : s->size;
}

/* Moves the slots together where others have left gaps. */
static void
compact(PqlEvidence *e)
{
	uint32 to = header_size(e->layout) / UNIT;
	uint32 done = 0; /* offset up to which slots have been moved */

	for (;;)
	{
		int next = -1;
		uint32 bytes;

		for (int i = 0; i < e->layout->n; i++)
			if (e->offset[i] > done && (next < 0 || e->offset[i] < e->offset[next]))
				next = i;
		if (next < 0)
			break;
		done = e->offset[next];
		bytes = slot_bytes(e, next);
		memmove((char *) e + UNIT * to, (char *) e + UNIT * done, bytes);
		e->offset[next] = to;
		to += bytes / UNIT;
	}
	e->used = to;
	e->dead = 0;
}

/*
 * Takes bytes at the end; the evidence may move, and its slots within it. Returns where they begin,
 * in units.
 */
static uint32
take(PqlEvidence **evidence, uint32 bytes)
{
	PqlEvidence *e = *evidence;
	uint32 units = bytes / UNIT;
	uint32 at;

	if (e->used + units > e->size && e->dead > 0)
		compact(e);
	at = e->used;
	if (at + units > e->size)
		e = *evidence = enlarge(e, UNIT * (Size) (at + units));
	e->used = at + units;
	return at;
}

static void
empty_slot(const PqlSlot *slot, void *data)
{
	switch (slot->kind)
	{
		case PQL_LAST:
			*(int64 *) data = PQL_ALWAYS;
			break;
		case PQL_DAY_BITS:
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
		case PQL_DAY_SUMS:
			/* all kinds of buckets begin with their last day */
			*(int32 *) data = PG_INT32_MIN;
			break;
		case PQL_LARGEST:
			((PqlLargest *) data)->value = -INFINITY;
			for (int i = 0; i < slot->capacity; i++)
				((PqlLargest *) data)->reached[i] = PQL_NEVER;
			break;
		case PQL_DAY_LARGEST:
			((PqlDayLargest *) data)->last = PG_INT32_MIN;
			for (int i = 0; i < slot->days; i++)
				((PqlDayLargest *) data)->value[i] = -INFINITY;
			break;
		case PQL_LATEST:
			((PqlLatest *) data)->at = PQL_ALWAYS;
			break;
		case PQL_READINGS:
			((PqlReadings *) data)->last = PG_INT32_MIN;
			for (int i = 0; i < slot->days; i++)
				((PqlReadings *) data)->day[i].at = PQL_ALWAYS;
			break;
		case PQL_TEXT:
			((PqlText *) data)->at = PQL_NEVER;
			break;
		default:
			break;
	}
}

static int
most_entries(const PqlSlot *slot)
{
	return slot->kind == PQL_DAY_FIRSTS ? slot->days : slot->capacity;
}

/* Entries that a growing slot begins with. */
#define FIRST_ROOM 2

/* The slot's memory, made empty when it was not there. The evidence may move. */
static void *
touch_slot(PqlEvidence **evidence, int slot)
{
	const PqlSlot *s = &(*evidence)->layout->slots[slot];

	if ((*evidence)->offset[slot] == 0)
	{
		int room = Min(most_entries(s), FIRST_ROOM);
		uint32 size = pql_slot_grows(s) ? pql_slot_size_for(s, room) : s->size;
		uint32 at = take(evidence, size);
		void *data = (char *) *evidence + UNIT * (Size) at;

		(*evidence)->offset[slot] = at;
		memset(data, 0, size);
		if (pql_slot_grows(s))
			((PqlEntries *) data)->room = room;
		else
			empty_slot(s, data);
		return data;
	}
	return pql_evidence_slot(*evidence, slot);
}

/*
 * Room for one more entry of a slot that grows and is not at its most. The evidence may move, and
 * with it the slot, which is returned.
 */
static void *
make_room(PqlEvidence **evidence, int slot)
{
	const PqlSlot *s = &(*evidence)->layout->slots[slot];
	PqlEntries *entries = pql_evidence_slot(*evidence, slot);
	uint32 was;
	uint32 size;
	int room;

	if (entries->n < entries->room)
		return entries;
	room = Min(most_entries(s), 2 * entries->room);
	was = pql_slot_size_for(s, entries->room);
	size = pql_slot_size_for(s, room);
	if ((*evidence)->offset[slot] + was / UNIT == (*evidence)->used)
		(void) take(evidence, size - was); /* the last one grows where it is */
	else
	{
		uint32 at = take(evidence, size);

		memcpy((char *) *evidence + UNIT * (Size) at, pql_evidence_slot(*evidence, slot), was);
		(*evidence)->offset[slot] = at;
		(*evidence)->dead += was / UNIT;
	}
	entries = pql_evidence_slot(*evidence, slot);
	memset((char *) entries + was, 0, size - was);
	entries->room = room;
	return entries;
}

/* ---- slots that grow: add ---- */

/* Keeps the earliest instants in order; repeats are kept. */
static void
firsts_insert(PqlEvidence **evidence, int slot, int64 at)
{
	PqlFirsts *f = touch_slot(evidence, slot);
	int capacity = (*evidence)->layout->slots[slot].capacity;
	int i = f->entries.n;

	if (i == capacity)
	{
		if (at >= f->at[capacity - 1])
			return;
		i--;
	}
	else
	{
		f = make_room(evidence, slot);
		f->entries.n++;
	}
	for (; i > 0 && f->at[i - 1] > at; i--)
		f->at[i] = f->at[i - 1];
	f->at[i] = at;
}

static inline bool
keyed_before(const PqlKeyed *a, const PqlKeyed *b)
{
	return a->at < b->at || (a->at == b->at && a->key < b->key);
}

/* Keeps the keys with the least instants, ordered by (instant, key). */
static void
values_insert(PqlEvidence **evidence, int slot, PqlKeyed entry)
{
	PqlValues *v = touch_slot(evidence, slot);
	int capacity = (*evidence)->layout->slots[slot].capacity;
	int n = v->entries.n;
	int i;

	for (i = 0; i < n; i++)
		if (v->entry[i].key == entry.key)
			break;
	if (i < n)
	{
		if (v->entry[i].at <= entry.at)
			return;
	}
	else if (n < capacity)
	{
		v = make_room(evidence, slot);
		v->entries.n++;
	}
	else if (keyed_before(&entry, &v->entry[capacity - 1]))
		i--;
	else
		return;
	for (; i > 0 && keyed_before(&entry, &v->entry[i - 1]); i--)
		v->entry[i] = v->entry[i - 1];
	v->entry[i] = entry;
}

/* Keeps the earliest days, ordered by day, each with its first and last instant. */
static void
days_insert(PqlEvidence **evidence, int slot, int32 day, int64 first, int64 last)
{
	PqlDays *d = touch_slot(evidence, slot);
	int capacity = (*evidence)->layout->slots[slot].capacity;
	int i = d->entries.n;

	/* events come mostly in order: look from the end */
	while (i > 0 && pql_span_day(&d->entry[i - 1]) > day)
		i--;
	if (i > 0 && pql_span_day(&d->entry[i - 1]) == day)
	{
		PqlDaySpan *same = &d->entry[i - 1];

		*same = pql_span(day, Min(same->first, first), Max(pql_span_last(same), last));
		return;
	}
	if (i == capacity)
		return;
	if (d->entries.n < capacity)
	{
		d = make_room(evidence, slot);
		d->entries.n++;
	}
	memmove(&d->entry[i + 1], &d->entry[i], (d->entries.n - i - 1) * sizeof(PqlDaySpan));
	d->entry[i] = pql_span(day, first, last);
}

/* Keeps the first instant of each trial day. */
static void
day_firsts_insert(PqlEvidence **evidence, int slot, uint64 first)
{
	PqlDayFirsts *d = touch_slot(evidence, slot);
	int i = d->entries.n;

	while (i > 0 && pql_first_day(d->first[i - 1]) > pql_first_day(first))
		i--;
	if (i > 0 && pql_first_day(d->first[i - 1]) == pql_first_day(first))
	{
		if (first < d->first[i - 1])
			d->first[i - 1] = first;
		return;
	}
	d = make_room(evidence, slot);
	memmove(&d->first[i + 1], &d->first[i], (d->entries.n - i) * sizeof(uint64));
	d->first[i] = first;
	d->entries.n++;
}

/* ---- other slots: add ---- */

/*
 * Buckets of days (or weeks) counted back from the last one. Moves them so that `day` has one;
 * returns its index, or -1 when it is too long ago.
 */
static int
bucket(int32 *last, void *buckets, Size width, int n, int32 day, const void *empty)
{
	char *b = buckets;
	int64 shift;

	if (*last == PG_INT32_MIN)
		*last = day;
	shift = (int64) day - *last;
	if (shift <= 0)
		return -shift < n ? (int) -shift : -1;
	if (shift < n)
		memmove(b + shift * width, b, (n - shift) * width);
	for (int i = 0; i < Min(shift, n); i++)
		memcpy(b + i * width, empty, width);
	*last = day;
	return 0;
}

static void
bits_add(PqlDayBits *d, int days, int32 last, uint64 bits)
{
	uint64 mask = days == 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << days) - 1;
	int64 shift;

	if (d->last == PG_INT32_MIN)
		d->last = last;
	shift = (int64) last - d->last;
	if (shift > 0)
	{
		d->bits = shift < 64 ? d->bits << shift : 0;
		d->last = last;
	}
	else if (shift < 0)
		bits = -shift < 64 ? bits << -shift : 0;
	d->bits = (d->bits | bits) & mask;
}

static void
count_add(uint32 *count, uint32 n)
{
	*count = *count > PG_UINT32_MAX - n ? PG_UINT32_MAX : *count + n;
}

static const uint32 no_count = 0;
static const PqlWide no_sum = {0, 0};
static const PqlReading no_reading = {PQL_ALWAYS, 0, 0};

static void
counts_add(PqlCounts *c, int n, int32 last, uint32 count)
{
	int i = bucket(&c->last, c->count, sizeof(uint32), n, last, &no_count);

	if (i >= 0)
		count_add(&c->count[i], count);
}

static int128_t
wide_get(const PqlWide *w)
{
	return pql_wide(w);
}

static void
wide_add(PqlWide *w, int128_t x)
{
	int128_t sum = pql_wide_sum(wide_get(w), x);

	w->high = (int64) (sum >> 64);
	w->low = (uint64) sum;
}

/* Millionths. Beyond 10^15 a number adds as 10^15, so that no table can overflow the sum. */
static int128_t
millionths(double number)
{
	number = Max(-1e15, Min(1e15, number));
	return (int128_t) rint(number * 1e6);
}

static void
largest_add(PqlLargest *l, const PqlSlot *slot, int64 at, double value)
{
	if (value > l->value)
		l->value = value;
	for (int i = 0; i < slot->capacity; i++)
		if (slot->strict[i] ? value > slot->levels[i] : value >= slot->levels[i])
			l->reached[i] = Min(l->reached[i], at);
}

static void
day_largest_add(PqlDayLargest *d, int n, int32 day, double value)
{
	static const double none = -INFINITY;
	int i = bucket(&d->last, d->value, sizeof(double), n, day, &none);

	if (i >= 0 && value > d->value[i])
		d->value[i] = value;
}

/* Ties of the instant go to the larger value, so that order does not matter. */
static void
latest_add(PqlLatest *l, int64 at, double value)
{
	if (at > l->at || (at == l->at && value > l->value))
	{
		l->at = at;
		l->value = value;
	}
}

static bool
reading_later(const PqlReading *a, const PqlReading *b)
{
	if (a->at != b->at)
		return a->at > b->at;
	if (a->usage != b->usage)
		return a->usage > b->usage;
	return a->limit < b->limit;
}

static void
readings_add(PqlReadings *r, int n, int32 day, PqlReading reading)
{
	int i = bucket(&r->last, r->day, sizeof(PqlReading), n, day, &no_reading);

	if (i >= 0 && reading_later(&reading, &r->day[i]))
		r->day[i] = reading;
}

/* The earliest; ties go to the lesser bytes. */
static void
text_add(PqlText *t, int64 at, const char *bytes, uint32 length)
{
	int order;

	if (at > t->at)
		return;
	if (at == t->at)
	{
		order = memcmp(bytes, t->bytes, Min(length, t->length));
		if (order > 0 || (order == 0 && length >= t->length))
			return;
	}
	t->at = at;
	t->length = length;
	memset(t->bytes, 0, sizeof(t->bytes));
	memcpy(t->bytes, bytes, length);
}

/* ---- adding an event ---- */

static PqlValue
property(Adding *a, int index)
{
	const PqlName *name = &a->model->properties[index];

	if (a->values != NULL)
		return a->values[index];
	if (!a->looked)
	{
		a->looked = true;
		if (a->properties != NULL)
			a->root = pql_value_root(a->properties);
	}
	return pql_value_path(&a->root, name->name, name->length);
}

static PqlTruth
where_holds(Adding *a, const PqlWhere *where)
{
	PqlTruth result;
	PqlValue value;

	switch (where->kind)
	{
		case PQL_ALL:
			result = PQL_TRUE;
			for (int i = 0; i < where->n && result != PQL_FALSE; i++)
			{
				PqlTruth part = where_holds(a, where->parts[i]);

				if (part != PQL_TRUE)
					result = part;
			}
			return result;
		case PQL_ANY:
			result = PQL_FALSE;
			for (int i = 0; i < where->n && result != PQL_TRUE; i++)
			{
				PqlTruth part = where_holds(a, where->parts[i]);

				if (part != PQL_FALSE)
					result = part;
			}
			return result;
		case PQL_NOT:
			return pql_not(where_holds(a, where->parts[0]));
		case PQL_LEAF:
			value = property(a, where->property);
			return pql_test(&where->test, &value, NULL);
	}
	return PQL_UNKNOWN;
}

/* Cut to what is kept, at a character's end. */
static uint32
text_length(const char *bytes, int length)
{
	return length <= PQL_TEXT_BYTES ? length : pg_mbcliplen(bytes, length, PQL_TEXT_BYTES);
}

/* Adds the event to one slot; false when the slot does not take it. */
static bool
slot_add(PqlEvidence **evidence, int index, const PqlSlot *slot, Adding *a)
{
	PqlValue value = {PQL_ABSENT};
	double number = 0;
	double limit = 0;
	const char *text = NULL;
	int length = 0;
	void *data;

	if (slot->window.kind == PQL_WINDOW_TRIAL &&
		(a->trial_day < slot->window.from || a->trial_day > slot->window.to))
		return false;

	/* an event without the property that is measured is not counted */
	if (slot->property >= 0)
	{
		value = property(a, slot->property);
		if (value.kind == PQL_ABSENT)
			return false;
		switch (slot->kind)
		{
			case PQL_SUM:
			case PQL_DAY_SUMS:
			case PQL_LARGEST:
			case PQL_DAY_LARGEST:
			case PQL_LATEST:
				if (!pql_value_number(&value, &number))
					return false;
				break;
			case PQL_READINGS:
			{
				PqlValue of = property(a, slot->property2);

				if (!pql_value_number(&value, &number) || !pql_value_number(&of, &limit))
					return false;
				break;
			}
			case PQL_VALUES:
			case PQL_RECENT:
			case PQL_TEXT:
				text = pql_value_text(&value, &length);
				break;
			default:
				break;
		}
		/* zero has one sign, infinity none: they would not compare or print */
		number = number == 0 ? 0 : Max(-1e300, Min(1e300, number));
		limit = limit == 0 ? 0 : Max(-1e300, Min(1e300, limit));
	}

	data = touch_slot(evidence, index);
	switch (slot->kind)
	{
		case PQL_FIRSTS:
			((PqlFirsts *) data)->count++;
			firsts_insert(evidence, index, a->at);
			break;
		case PQL_LAST:
			*(int64 *) data = Max(*(int64 *) data, a->at);
			break;
		case PQL_VALUES:
			values_insert(evidence, index, (PqlKeyed){pql_hash(text, length), a->at});
			break;
		case PQL_RECENT:
			/* latest first: the same order on negated instants */
			values_insert(evidence, index, (PqlKeyed){pql_hash(text, length), -a->at});
			break;
		case PQL_DAYS:
			days_insert(evidence, index, a->day, a->at, a->at);
			break;
		case PQL_DAY_FIRSTS:
			day_firsts_insert(evidence, index,
							  (uint64) a->trial_day << PQL_SINCE_BITS |
								  (uint64) (a->at - (*evidence)->started_at));
			break;
		case PQL_DAY_BITS:
			bits_add(data, slot->days, a->day, 1);
			break;
		case PQL_DAY_COUNTS:
			counts_add(data, slot->days, a->day, 1);
			break;
		case PQL_WEEK_COUNTS:
			counts_add(data, slot->days, pql_week(a->day), 1);
			break;
		case PQL_SUM:
			wide_add(&((PqlSums *) data)->sum[0], millionths(number));
			count_add(&((PqlSums *) data)->count[0], 1);
			break;
		case PQL_DAY_SUMS:
		{
			PqlSums *s = data;
			int i = bucket(&s->last, s->sum, sizeof(PqlWide), slot->days, a->day, &no_sum);

			if (i >= 0)
				wide_add(&s->sum[i], millionths(number));
			break;
		}
		case PQL_LARGEST:
			largest_add(data, slot, a->at, number);
			break;
		case PQL_DAY_LARGEST:
			day_largest_add(data, slot->days, a->day, number);
			break;
		case PQL_LATEST:
			latest_add(data, a->at, number);
			break;
		case PQL_READINGS:
			readings_add(data, slot->days, a->day, (PqlReading){a->at, number, limit});
			break;
		case PQL_TEXT:
			text_add(data, a->at, text, text_length(text, length));
			break;
	}
	return true;
}

static PqlEvidence *
class_add(PqlEvidence *e, int class, Adding *a)
{
	const PqlModel *model = a->model;
	const PqlClass *c = &model->classes[class];

	if (c->where != NULL && where_holds(a, c->where) != PQL_TRUE)
		return e;
	for (int i = c->first_slot; i >= 0; i = model->layout.slots[i].next)
		if (slot_add(&e, i, &model->layout.slots[i], a) && a->at > e->horizon)
			e->horizon = a->at;
	return e;
}

static Adding
opened(const PqlModel *model, const PqlEvent *event)
{
	Adding a;

	a.model = model;
	a.at = event->at;
	a.day = event->day;
	a.trial_day = 0;
	a.looked = false;
	a.properties = event->properties;
	a.values = event->values;
	a.root.kind = PQL_ABSENT;
	return a;
}

bool
pql_event_counts(const PqlModel *model, const PqlEvent *event)
{
	const PqlDispatch *d = event->dispatch;
	Adding a = opened(model, event);

	for (int i = 0; i < model->nany; i++)
		if (model->classes[model->any[i]].where == NULL ||
			where_holds(&a, model->classes[model->any[i]].where) == PQL_TRUE)
			return true;
	for (int i = 0; d != NULL && i < d->nclasses; i++)
		if (model->classes[d->classes[i]].where == NULL ||
			where_holds(&a, model->classes[d->classes[i]].where) == PQL_TRUE)
			return true;
	return false;
}

PqlEvidence *
pql_evidence_add(const PqlModel *model, PqlEvidence *e, const PqlEvent *event)
{
	const PqlDispatch *d = event->dispatch;
	Adding a;

	if ((d == NULL && model->nany == 0) || event->at < e->started_at)
		return e;
	a = opened(model, event);
	if (e->started_at != PQL_ALWAYS)
		a.trial_day = a.day - e->start_day + 1;
	if (d != NULL)
		for (int i = 0; i < d->nclasses; i++)
			e = class_add(e, d->classes[i], &a);
	for (int i = 0; i < model->nany; i++)
		e = class_add(e, model->any[i], &a);
	return e;
}

/* ---- merging ---- */

/* Slots that grow: entry by entry, for each may need room. */
static void
entries_merge(PqlEvidence **evidence, int index, const PqlSlot *slot, const void *from)
{
	int n = ((const PqlEntries *) from)->n;

	if (slot->kind == PQL_FIRSTS)
		((PqlFirsts *) touch_slot(evidence, index))->count += ((const PqlFirsts *) from)->count;
	for (int i = 0; i < n; i++)
		if (slot->kind == PQL_FIRSTS)
			firsts_insert(evidence, index, ((const PqlFirsts *) from)->at[i]);
		else if (slot->kind == PQL_DAYS)
		{
			const PqlDaySpan *span = &((const PqlDays *) from)->entry[i];

			days_insert(evidence, index, pql_span_day(span), span->first, pql_span_last(span));
		}
		else if (slot->kind == PQL_DAY_FIRSTS)
			day_firsts_insert(evidence, index, ((const PqlDayFirsts *) from)->first[i]);
		else
			values_insert(evidence, index, ((const PqlValues *) from)->entry[i]);
}

static void
slot_merge(const PqlSlot *slot, void *a, const void *b)
{
	switch (slot->kind)
	{
		case PQL_LAST:
			*(int64 *) a = Max(*(int64 *) a, *(const int64 *) b);
			break;
		case PQL_DAY_BITS:
			bits_add(a, slot->days, ((const PqlDayBits *) b)->last, ((const PqlDayBits *) b)->bits);
			break;
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
		{
			const PqlCounts *c = b;

			for (int i = 0; i < slot->days; i++)
				if (i == 0 || c->count[i] > 0)
					counts_add(a, slot->days, c->last - i, c->count[i]);
			break;
		}
		case PQL_SUM:
			wide_add(&((PqlSums *) a)->sum[0], wide_get(&((const PqlSums *) b)->sum[0]));
			count_add(&((PqlSums *) a)->count[0], ((const PqlSums *) b)->count[0]);
			break;
		case PQL_DAY_SUMS:
		{
			PqlSums *to = a;
			const PqlSums *from = b;

			for (int j = 0; j < slot->days; j++)
			{
				int i = bucket(&to->last, to->sum, sizeof(PqlWide), slot->days, from->last - j,
							   &no_sum);

				if (i >= 0)
					wide_add(&to->sum[i], wide_get(&from->sum[j]));
			}
			break;
		}
		case PQL_LARGEST:
		{
			PqlLargest *to = a;
			const PqlLargest *from = b;

			to->value = Max(to->value, from->value);
			for (int i = 0; i < slot->capacity; i++)
				to->reached[i] = Min(to->reached[i], from->reached[i]);
			break;
		}
		case PQL_DAY_LARGEST:
			for (int i = 0; i < slot->days; i++)
				day_largest_add(a, slot->days, ((const PqlDayLargest *) b)->last - i,
								((const PqlDayLargest *) b)->value[i]);
			break;
		case PQL_LATEST:
			latest_add(a, ((const PqlLatest *) b)->at, ((const PqlLatest *) b)->value);
			break;
		case PQL_READINGS:
			for (int i = 0; i < slot->days; i++)
				if (i == 0 || ((const PqlReadings *) b)->day[i].at != PQL_ALWAYS)
					readings_add(a, slot->days, ((const PqlReadings *) b)->last - i,
								 ((const PqlReadings *) b)->day[i]);
			break;
		case PQL_TEXT:
			text_add(a, ((const PqlText *) b)->at, ((const PqlText *) b)->bytes,
					 ((const PqlText *) b)->length);
			break;
		default: /* those that grow: entries_merge */
			break;
	}
}

PqlEvidence *
pql_evidence_merge(PqlEvidence *a, const PqlEvidence *b)
{
	if (!pql_layout_equal(a->layout, b->layout))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot merge evidence of different models"),
			 errdetail("What the two keep differs: signals' events, thresholds, windows or the "
					   "timezone."),
			 errhint("Gather both with the same model document. Points and words may differ.")));
	if (a->started_at != b->started_at)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cannot merge evidence of different trials"),
						errdetail("The two were gathered with different started_at."),
						errhint("Group by the trial's start as well as by the user.")));
	for (int i = 0; i < b->layout->n; i++)
	{
		void *from = pql_evidence_slot(b, i);

		if (from == NULL)
			continue;
		if (pql_slot_grows(&a->layout->slots[i]))
			entries_merge(&a, i, &a->layout->slots[i], from);
		else
			slot_merge(&a->layout->slots[i], touch_slot(&a, i), from);
	}
	a->horizon = Max(a->horizon, b->horizon);
	count_add(&a->ignored, b->ignored);
	return a;
}

/*
 * ---- writing ----
 *
 * Without checks for room: pql_evidence_write asks for the layout's bound first.
 */

static inline void
write_float8(StringInfo out, double number)
{
	uint64 bits;

	memcpy(&bits, &number, sizeof(bits));
	pq_writeint64(out, bits);
}

static void
write_keyed(StringInfo out, const PqlKeyed *entry)
{
	pq_writeint64(out, entry->key);
	pq_writeint64(out, entry->at);
}

static void
write_reading(StringInfo out, const PqlReading *r)
{
	pq_writeint64(out, r->at);
	write_float8(out, r->usage);
	write_float8(out, r->limit);
}

static void
slot_write(const PqlSlot *slot, const void *data, int64 started_at, StringInfo out)
{
	switch (slot->kind)
	{
		case PQL_FIRSTS:
		{
			const PqlFirsts *f = data;

			pq_writeint64(out, f->count);
			pq_writeint16(out, f->entries.n);
			for (int i = 0; i < f->entries.n; i++)
				pq_writeint64(out, f->at[i]);
			break;
		}
		case PQL_LAST:
			pq_writeint64(out, *(const int64 *) data);
			break;
		case PQL_VALUES:
		case PQL_RECENT:
			pq_writeint16(out, ((const PqlEntries *) data)->n);
			for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
				write_keyed(out, &((const PqlValues *) data)->entry[i]);
			break;
		case PQL_DAYS:
			pq_writeint16(out, ((const PqlEntries *) data)->n);
			for (int i = 0; i < ((const PqlEntries *) data)->n; i++)
			{
				const PqlDaySpan *span = &((const PqlDays *) data)->entry[i];

				pq_writeint32(out, pql_span_day(span));
				pq_writeint64(out, span->first);
				pq_writeint64(out, pql_span_last(span));
			}
			break;
		case PQL_DAY_FIRSTS:
		{
			const PqlDayFirsts *d = data;

			for (int day = 1, i = 0; day <= slot->days; day++)
				if (i < d->entries.n && pql_first_day(d->first[i]) == day)
					pq_writeint64(out, pql_first_at(d->first[i++], started_at));
				else
					pq_writeint64(out, PQL_NEVER);
			break;
		}
		case PQL_DAY_BITS:
			pq_writeint32(out, ((const PqlDayBits *) data)->last);
			pq_writeint64(out, ((const PqlDayBits *) data)->bits);
			break;
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
			pq_writeint32(out, ((const PqlCounts *) data)->last);
			for (int i = 0; i < slot->days; i++)
				pq_writeint32(out, ((const PqlCounts *) data)->count[i]);
			break;
		case PQL_SUM:
		case PQL_DAY_SUMS:
		{
			const PqlSums *s = data;
			int n = slot->kind == PQL_SUM ? 1 : slot->days;

			pq_writeint32(out, s->last);
			pq_writeint32(out, s->count[0]);
			for (int i = 0; i < n; i++)
			{
				pq_writeint64(out, s->sum[i].high);
				pq_writeint64(out, s->sum[i].low);
			}
			break;
		}
		case PQL_LARGEST:
			write_float8(out, ((const PqlLargest *) data)->value);
			for (int i = 0; i < slot->capacity; i++)
				pq_writeint64(out, ((const PqlLargest *) data)->reached[i]);
			break;
		case PQL_DAY_LARGEST:
			pq_writeint32(out, ((const PqlDayLargest *) data)->last);
			for (int i = 0; i < slot->days; i++)
				write_float8(out, ((const PqlDayLargest *) data)->value[i]);
			break;
		case PQL_LATEST:
			pq_writeint64(out, ((const PqlLatest *) data)->at);
			write_float8(out, ((const PqlLatest *) data)->value);
			break;
		case PQL_READINGS:
			pq_writeint32(out, ((const PqlReadings *) data)->last);
			for (int i = 0; i < slot->days; i++)
				write_reading(out, &((const PqlReadings *) data)->day[i]);
			break;
		case PQL_TEXT:
			pq_writeint64(out, ((const PqlText *) data)->at);
			pq_writeint16(out, ((const PqlText *) data)->length);
			appendBinaryStringInfoNT(out, ((const PqlText *) data)->bytes,
									 ((const PqlText *) data)->length);
			break;
	}
}

static void
layout_write(const PqlLayout *layout, StringInfo out)
{
	pq_writeint64(out, layout->id);
	pq_writeint16(out, layout->n);
	for (int i = 0; i < layout->n; i++)
	{
		const PqlSlot *slot = &layout->slots[i];

		pq_writeint8(out, slot->kind);
		pq_writeint16(out, slot->capacity);
		pq_writeint16(out, slot->days);
	}
}

void
pql_evidence_write(const PqlEvidence *e, StringInfo out)
{
	enlargeStringInfo(out, e->layout->bound);
	pq_writeint8(out, FORMAT_VERSION);
	layout_write(e->layout, out);
	pq_writeint64(out, e->started_at);
	pq_writeint64(out, e->horizon);
	pq_writeint32(out, e->ignored);
	for (int i = 0; i < e->layout->n; i += 8)
	{
		int bits = 0;

		for (int j = i; j < Min(i + 8, e->layout->n); j++)
			bits |= (e->offset[j] != 0) << (j - i);
		pq_writeint8(out, bits);
	}
	for (int i = 0; i < e->layout->n; i++)
	{
		void *data = pql_evidence_slot(e, i);

		if (data != NULL)
			slot_write(&e->layout->slots[i], data, e->started_at, out);
	}
	Assert(out->len < out->maxlen);
}

/* ---- reading: nothing is trusted ---- */

static void
corrupt(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid pql.evidence"),
					errdetail("%s", what),
					errhint("Evidence is made by pql.gather; gather it again from the events.")));
}

static int64
read_instant(StringInfo in)
{
	int64 at = pq_getmsgint64(in);

	if (!PQL_INSTANT_OK(at))
		corrupt("An instant is out of range.");
	return at;
}

static int32
read_day(StringInfo in)
{
	int32 day = (int32) pq_getmsgint(in, 4);

	if (day < -800000 || day > 3000000)
		corrupt("A day is out of range.");
	return day;
}

static double
read_finite(StringInfo in)
{
	double number = pq_getmsgfloat8(in);

	if (!(number >= -1e300 && number <= 1e300) || (number == 0 && signbit(number)))
		corrupt("A number is out of range.");
	return number;
}

static uint32
read_count(StringInfo in, int capacity)
{
	uint32 n = pq_getmsgint(in, 2);

	if (n < 1 || n > (uint32) capacity)
		corrupt("A count is out of range.");
	return n;
}

/* A growing slot with room for the entries that the input announces. */
static void *
read_room(PqlEvidence **evidence, int index, int n)
{
	const PqlSlot *slot = &(*evidence)->layout->slots[index];
	uint32 size = pql_slot_size_for(slot, n);
	uint32 at = take(evidence, size);
	void *data = (char *) *evidence + UNIT * (Size) at;

	memset(data, 0, size);
	((PqlEntries *) data)->n = ((PqlEntries *) data)->room = n;
	(*evidence)->offset[index] = at;
	return data;
}

static void
read_firsts(PqlEvidence **evidence, int index, const PqlSlot *slot, StringInfo in)
{
	uint64 count = pq_getmsgint64(in);
	uint32 n = read_count(in, slot->capacity);
	PqlFirsts *f = read_room(evidence, index, n);

	f->count = count;
	if (n != Min(count, (uint64) slot->capacity))
		corrupt("A count does not fit its instants.");
	for (uint32 i = 0; i < n; i++)
	{
		f->at[i] = read_instant(in);
		if (i > 0 && f->at[i] < f->at[i - 1])
			corrupt("Instants are out of order.");
	}
}

static void
read_values(PqlEvidence **evidence, int index, const PqlSlot *slot, StringInfo in)
{
	uint32 n = read_count(in, slot->capacity);
	PqlValues *v = read_room(evidence, index, n);

	for (uint32 i = 0; i < n; i++)
	{
		int64 at;

		v->entry[i].key = pq_getmsgint64(in);
		v->entry[i].at = at = pq_getmsgint64(in);
		if (slot->kind == PQL_RECENT && at != PG_INT64_MIN)
			at = -at;
		if (!PQL_INSTANT_OK(at))
			corrupt("An instant is out of range.");
		if (i > 0 && !keyed_before(&v->entry[i - 1], &v->entry[i]))
			corrupt("Values are out of order.");
		for (uint32 j = 0; j < i; j++)
			if (v->entry[j].key == v->entry[i].key)
				corrupt("A value stands twice.");
	}
}

static void
read_days(PqlEvidence **evidence, int index, const PqlSlot *slot, StringInfo in)
{
	uint32 n = read_count(in, slot->capacity);
	PqlDays *d = read_room(evidence, index, n);

	for (uint32 i = 0; i < n; i++)
	{
		int32 day = read_day(in);
		int64 first = read_instant(in);
		int64 last = read_instant(in);

		/* no timezone is 26 hours from UTC: merged spans of a day stay short, as pql_span asks */
		if (last < first || first < day * USECS_PER_DAY - 26 * USECS_PER_HOUR ||
			last >= (day + INT64CONST(1)) * USECS_PER_DAY + 26 * USECS_PER_HOUR)
			corrupt("A day has an instant that is not its own.");
		d->entry[i] = pql_span(day, first, last);
		if (i > 0 && day <= pql_span_day(&d->entry[i - 1]))
			corrupt("Days are out of order.");
	}
}

static void
read_day_firsts(PqlEvidence **evidence, int index, const PqlSlot *slot, StringInfo in)
{
	int64 start = (*evidence)->started_at;
	bool any = false;

	for (int day = 1; day <= slot->days; day++)
	{
		int64 at = pq_getmsgint64(in);

		if (at == PQL_NEVER)
			continue;
		/* a local day lies less than two days off where 24-hour days would put it */
		if (!PQL_INSTANT_OK(at) || start == PQL_ALWAYS || at < start ||
			at - start > (day + 2) * USECS_PER_DAY)
			corrupt("An instant is out of range.");
		day_firsts_insert(evidence, index, (uint64) day << PQL_SINCE_BITS | (uint64) (at - start));
		any = true;
	}
	if (!any)
		corrupt("A slot without events is there.");
}

static void
read_day_bits(const PqlSlot *slot, PqlDayBits *d, StringInfo in)
{
	d->last = read_day(in);
	d->bits = pq_getmsgint64(in);
	if ((d->bits & 1) == 0 || (slot->days < 64 && d->bits >> slot->days != 0))
		corrupt("Days are out of range.");
}

static void
read_counts(const PqlSlot *slot, PqlCounts *c, StringInfo in)
{
	c->last = read_day(in);
	for (int i = 0; i < slot->days; i++)
		c->count[i] = pq_getmsgint(in, 4);
	if (c->count[0] == 0)
		corrupt("The last day has no events.");
}

static void
read_sums(const PqlSlot *slot, PqlSums *s, StringInfo in)
{
	int n = slot->kind == PQL_SUM ? 1 : slot->days;

	if (slot->kind == PQL_SUM)
		s->last = pq_getmsgint(in, 4);
	else
		s->last = read_day(in);
	s->count[0] = pq_getmsgint(in, 4);
	if (slot->kind == PQL_SUM ? s->last != 0 || s->count[0] == 0 : s->count[0] != 0)
		corrupt("A sum has no addends.");
	for (int i = 0; i < n; i++)
	{
		s->sum[i].high = pq_getmsgint64(in);
		s->sum[i].low = pq_getmsgint64(in);
		/* 2^64 addends of 10^21 millionths are less than this */
		if (s->sum[i].high > (PG_INT64_MAX >> 1) || s->sum[i].high < (PG_INT64_MIN >> 1))
			corrupt("A sum is out of range.");
	}
}

static void
read_largest(const PqlSlot *slot, PqlLargest *l, StringInfo in)
{
	l->value = read_finite(in);
	for (int i = 0; i < slot->capacity; i++)
	{
		l->reached[i] = pq_getmsgint64(in);
		if (l->reached[i] != PQL_NEVER && !PQL_INSTANT_OK(l->reached[i]))
			corrupt("An instant is out of range.");
	}
}

static void
read_day_largest(const PqlSlot *slot, PqlDayLargest *d, StringInfo in)
{
	d->last = read_day(in);
	for (int i = 0; i < slot->days; i++)
	{
		double value = pq_getmsgfloat8(in);

		if (!(value <= 1e300 && (value >= -1e300 || (i > 0 && isinf(value)))) ||
			(value == 0 && signbit(value)))
			corrupt("A number is out of range.");
		d->value[i] = value;
	}
}

static void
read_readings(const PqlSlot *slot, PqlReadings *r, StringInfo in)
{
	r->last = read_day(in);
	for (int i = 0; i < slot->days; i++)
	{
		r->day[i].at = pq_getmsgint64(in);
		r->day[i].usage = read_finite(in);
		r->day[i].limit = read_finite(in);
		if (r->day[i].at == PQL_ALWAYS)
		{
			if (i == 0 || r->day[i].usage != 0 || r->day[i].limit != 0)
				corrupt("A reading has no instant.");
		}
		else if (!PQL_INSTANT_OK(r->day[i].at))
			corrupt("An instant is out of range.");
	}
}

static void
read_text(PqlText *t, StringInfo in)
{
	t->at = read_instant(in);
	t->length = pq_getmsgint(in, 2);
	if (t->length > PQL_TEXT_BYTES)
		corrupt("A text is too long.");
	pq_copymsgbytes(in, t->bytes, t->length);
	if (!pg_verifymbstr(t->bytes, t->length, true))
		corrupt("A text is not valid in the database's encoding.");
}

static void
slot_read(PqlEvidence **evidence, int index, StringInfo in)
{
	const PqlSlot *slot = &(*evidence)->layout->slots[index];
	void *data = pql_slot_grows(slot) ? NULL : touch_slot(evidence, index);

	switch (slot->kind)
	{
		case PQL_FIRSTS:
			read_firsts(evidence, index, slot, in);
			break;
		case PQL_LAST:
			*(int64 *) data = read_instant(in);
			break;
		case PQL_VALUES:
		case PQL_RECENT:
			read_values(evidence, index, slot, in);
			break;
		case PQL_DAYS:
			read_days(evidence, index, slot, in);
			break;
		case PQL_DAY_FIRSTS:
			read_day_firsts(evidence, index, slot, in);
			break;
		case PQL_DAY_BITS:
			read_day_bits(slot, data, in);
			break;
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
			read_counts(slot, data, in);
			break;
		case PQL_SUM:
		case PQL_DAY_SUMS:
			read_sums(slot, data, in);
			break;
		case PQL_LARGEST:
			read_largest(slot, data, in);
			break;
		case PQL_DAY_LARGEST:
			read_day_largest(slot, data, in);
			break;
		case PQL_LATEST:
			((PqlLatest *) data)->at = read_instant(in);
			((PqlLatest *) data)->value = read_finite(in);
			break;
		case PQL_READINGS:
			read_readings(slot, data, in);
			break;
		case PQL_TEXT:
			read_text(data, in);
			break;
	}
}

/* Does the layout at the cursor equal a known one? Leaves the cursor behind it when it does. */
static bool
layout_matches(StringInfo in, const PqlLayout *known)
{
	const uint8 *p = (const uint8 *) in->data + in->cursor;
	int length;
	uint64 id;

	if (known == NULL)
		return false;
	length = 10 + 5 * known->n;
	if (in->len - in->cursor < length)
		return false;
	memcpy(&id, p, sizeof(id));
	if (pg_ntoh64(id) != known->id || (p[8] << 8 | p[9]) != known->n)
		return false;
	p += 10;
	for (int i = 0; i < known->n; i++, p += 5)
		if (p[0] != known->slots[i].kind || (p[1] << 8 | p[2]) != known->slots[i].capacity ||
			(p[3] << 8 | p[4]) != known->slots[i].days)
			return false;
	in->cursor += length;
	return true;
}

static PqlLayout *
layout_read(StringInfo in)
{
	PqlLayout *layout = palloc0(sizeof(PqlLayout));

	layout->id = pq_getmsgint64(in);
	layout->n = pq_getmsgint(in, 2);
	if (layout->n > PQL_MAX_SLOTS || layout->n * 5 > in->len - in->cursor)
		corrupt("It has too many slots.");
	layout->slots = palloc0(Max(1, layout->n) * sizeof(PqlSlot));
	for (int i = 0; i < layout->n; i++)
	{
		PqlSlot *slot = &layout->slots[i];

		slot->kind = pq_getmsgbyte(in);
		slot->capacity = pq_getmsgint(in, 2);
		slot->days = pq_getmsgint(in, 2);
		if (pql_slot_size(slot) == 0)
			corrupt("It has a slot of unknown kind or size.");
	}
	pql_layout_finish(layout);
	if (layout->bound > PQL_MAX_EVIDENCE)
		corrupt("It is too large.");
	return layout;
}

PqlEvidence *
pql_evidence_read(StringInfo in, const PqlLayout *known)
{
	const PqlLayout *layout;
	PqlEvidence *e;
	int64 started_at;
	const uint8 *present;
	bool any = false;

	if (pq_getmsgbyte(in) != FORMAT_VERSION)
		corrupt("Its format version is unknown.");
	layout = layout_matches(in, known) ? known : layout_read(in);
	started_at = pq_getmsgint64(in);
	if (started_at != PQL_ALWAYS && !PQL_INSTANT_OK(started_at))
		corrupt("Its start is out of range.");
	e = pql_evidence_new(layout, started_at);
	e->horizon = pq_getmsgint64(in);
	if (e->horizon != PQL_ALWAYS && !PQL_INSTANT_OK(e->horizon))
		corrupt("Its horizon is out of range.");
	e->ignored = pq_getmsgint(in, 4);
	present = (const uint8 *) pq_getmsgbytes(in, (layout->n + 7) / 8);
	for (int i = 0; i < layout->n; i++)
		if (present[i / 8] & (1 << (i % 8)))
		{
			any = true;
			slot_read(&e, i, in);
		}
	if (layout->n % 8 != 0 && present[layout->n / 8] >> (layout->n % 8) != 0)
		corrupt("It has more slots than it says.");
	if (any != (e->horizon != PQL_ALWAYS))
		corrupt("Its horizon does not fit its slots.");
	pq_getmsgend(in);
	return e;
}
