/*
 * layout.c: sizes of slots, and which layouts fit together.
 */
#include "postgres.h"

#include "layout.h"

uint32
pql_slot_size_for(const PqlSlot *slot, int n)
{
	switch (slot->kind)
	{
		case PQL_FIRSTS:
			return offsetof(PqlFirsts, at) + n * sizeof(int64);
		case PQL_VALUES:
		case PQL_RECENT:
			return offsetof(PqlValues, entry) + n * sizeof(PqlKeyed);
		case PQL_DAYS:
			return offsetof(PqlDays, entry) + n * sizeof(PqlDaySpan);
		case PQL_DAY_FIRSTS:
			return offsetof(PqlDayFirsts, first) + n * sizeof(uint64);
		default:
			return slot->size;
	}
}

uint32
pql_slot_size(const PqlSlot *slot)
{
	Size size;
	int n = slot->capacity;
	int days = slot->days;

	if (n < 0 || n > PQL_MAX_CAPACITY || days < 0 || days > PQL_MAX_DAYS)
		return 0;
	switch (slot->kind)
	{
		case PQL_FIRSTS:
		case PQL_VALUES:
		case PQL_RECENT:
		case PQL_DAYS:
			size = pql_slot_size_for(slot, n);
			break;
		case PQL_LAST:
			size = sizeof(int64);
			break;
		case PQL_DAY_FIRSTS:
			size = pql_slot_size_for(slot, days);
			break;
		case PQL_DAY_BITS:
			size = days > 64 ? 0 : sizeof(PqlDayBits);
			break;
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
			size = offsetof(PqlCounts, count) + days * sizeof(uint32);
			break;
		case PQL_SUM:
			size = offsetof(PqlSums, sum) + sizeof(PqlWide);
			break;
		case PQL_DAY_SUMS:
			size = offsetof(PqlSums, sum) + days * sizeof(PqlWide);
			break;
		case PQL_LARGEST:
			size = n > PQL_MAX_LEVELS ? 0 : offsetof(PqlLargest, reached) + n * sizeof(int64);
			break;
		case PQL_DAY_LARGEST:
			size = offsetof(PqlDayLargest, value) + days * sizeof(double);
			break;
		case PQL_LATEST:
			size = sizeof(PqlLatest);
			break;
		case PQL_READINGS:
			size = offsetof(PqlReadings, day) + days * sizeof(PqlReading);
			break;
		case PQL_TEXT:
			size = sizeof(PqlText);
			break;
		default:
			return 0;
	}
	/* a slot that is asked to keep nothing is no slot */
	switch (slot->kind)
	{
		case PQL_FIRSTS:
		case PQL_VALUES:
		case PQL_RECENT:
		case PQL_DAYS:
			if (n == 0)
				return 0;
			break;
		case PQL_DAY_FIRSTS:
		case PQL_DAY_BITS:
		case PQL_DAY_COUNTS:
		case PQL_WEEK_COUNTS:
		case PQL_DAY_SUMS:
		case PQL_DAY_LARGEST:
		case PQL_READINGS:
			if (days == 0)
				return 0;
			break;
		default:
			break;
	}
	return TYPEALIGN(8, size);
}

/* Bytes of a full slot as pql_evidence_write writes it. */
static uint32
stored_size(const PqlSlot *slot)
{
	switch (slot->kind)
	{
		case PQL_FIRSTS:
			return 10 + 8 * slot->capacity;
		case PQL_VALUES:
		case PQL_RECENT:
			return 2 + 16 * slot->capacity;
		case PQL_DAYS:
			return 2 + 20 * slot->capacity;
		case PQL_DAY_FIRSTS:
			return 8 * slot->days;
		default:
			/* the others are written as they stand, or shorter */
			return slot->size;
	}
}

void
pql_layout_finish(PqlLayout *layout)
{
	/* the value's length, version, layout id and size, start, horizon, ignored rows */
	layout->bound = VARHDRSZ + 1 + 8 + 2 + 8 + 8 + 4 + (layout->n + 7) / 8;
	for (int i = 0; i < layout->n; i++)
	{
		layout->slots[i].size = pql_slot_size(&layout->slots[i]);
		layout->bound += 5 + stored_size(&layout->slots[i]);
	}
}

bool
pql_layout_equal(const PqlLayout *a, const PqlLayout *b)
{
	if (a == b)
		return true;
	if (a->id != b->id || a->n != b->n)
		return false;
	/* the id decides; the shapes are compared so that a forged id cannot make us overrun */
	for (int i = 0; i < a->n; i++)
	{
		const PqlSlot *x = &a->slots[i];
		const PqlSlot *y = &b->slots[i];

		if (x->kind != y->kind || x->capacity != y->capacity || x->days != y->days)
			return false;
	}
	return true;
}
