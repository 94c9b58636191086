/*
 * evidence.h: sufficient statistics of one subject's events.
 *
 * Evidence is a set of slots (layout.h). Slots are allocated when their first event comes, so that
 * a quiet user costs little. Adding is commutative and merging associative: any order of events,
 * any split over workers, gives the same bytes.
 */
#ifndef PQL_EVIDENCE_H
#define PQL_EVIDENCE_H

#include "layout.h"
#include "model.h"

typedef struct PqlEvidence
{
	const PqlLayout *layout;
	int64 started_at; /* PQL_ALWAYS: not known */
	int64 horizon;    /* latest instant of an event that counted; PQL_ALWAYS: none */
	int32 start_day;  /* local day of started_at; only where events are added */
	uint32 ignored;   /* rows without event or a usable time */
	/* in units of 8 bytes */
	uint16 used;                          /* in use, this header and offsets included */
	uint16 size;                          /* allocated */
	uint16 dead;                          /* of those in use: left behind by slots that moved */
	uint16 offset[FLEXIBLE_ARRAY_MEMBER]; /* per slot; 0: no event yet */
} PqlEvidence;

#define PQL_EVIDENCE_UNIT 8

/* Bytes that its contents take. */
static inline Size
pql_evidence_bytes(const PqlEvidence *evidence)
{
	return PQL_EVIDENCE_UNIT * (Size) evidence->used;
}

/* One row of an event table. */
typedef struct PqlEvent
{
	int64 at;
	const char *name;
	int name_length;
	struct varlena *properties; /* jsonb, or NULL */
	const PqlValue *values;     /* instead: by the model's numbers of properties; or NULL */

	/* set by pql_event_open */
	const PqlDispatch *dispatch; /* the classes of its name, or NULL */
	int32 day;
} PqlEvent;

/*
 * Looks the event's name and day up: all of the work on an event that needs no evidence. Done
 * first, it gives pql_evidence_prefetch the time it takes.
 */
static inline void
pql_event_open(const PqlModel *model, PqlEvent *event)
{
	event->dispatch = pql_model_dispatch(model, event->name, event->name_length);
	event->day = pql_day(model->zone, event->at);
}

/* No events yet. Memory comes from the layout's arena, or from the current context and grows in
 * the context it was made in. */
extern PqlEvidence *pql_evidence_new(const PqlLayout *layout, int64 started_at);

/*
 * Subjects come in no order, so each is a cache miss or several. Asking for the memory ahead of
 * need goes in two steps: first for the head, then, when that is there, for the slots that the
 * event will touch.
 */
static inline void
pql_evidence_prefetch(const PqlEvidence *evidence)
{
	__builtin_prefetch(evidence, 1);
}

static inline void
pql_evidence_prefetch_class(const PqlModel *model, const PqlEvidence *evidence, int class)
{
	for (int i = model->classes[class].first_slot; i >= 0; i = model->layout.slots[i].next)
		if (evidence->offset[i] != 0)
			__builtin_prefetch(
				(const char *) evidence + PQL_EVIDENCE_UNIT * (Size) evidence->offset[i], 1);
}

static inline void
pql_evidence_prefetch_slots(const PqlModel *model, const PqlEvidence *evidence,
							const PqlEvent *event)
{
	for (int i = 0; i < model->nany; i++)
		pql_evidence_prefetch_class(model, evidence, model->any[i]);
	/* a condition on properties is met by few */
	for (int i = 0; event->dispatch != NULL && i < event->dispatch->nclasses; i++)
		if (model->classes[event->dispatch->classes[i]].where == NULL)
			pql_evidence_prefetch_class(model, evidence, event->dispatch->classes[i]);
}

/* Does any class take the opened event, whenever its subject started? */
extern bool pql_event_counts(const PqlModel *model, const PqlEvent *event);

/* Adds one opened event; returns the evidence, which may have moved. */
extern PqlEvidence *pql_evidence_add(const PqlModel *model, PqlEvidence *evidence,
									 const PqlEvent *event);

/* A copy where pql_evidence_new would put it. */
extern PqlEvidence *pql_evidence_copy(const PqlEvidence *evidence);

/* The same of contents (pql_evidence_bytes of them) that another process of this server sent. */
extern PqlEvidence *pql_evidence_adopt(const PqlLayout *layout, const void *contents, Size bytes);

extern void pql_evidence_free(PqlEvidence *evidence);

/* Merges b into a; returns a, which may have moved. Raises an ERROR when they do not fit. */
extern PqlEvidence *pql_evidence_merge(PqlEvidence *a, const PqlEvidence *b);

/* A slot's statistics, or NULL when no event reached it. */
static inline void *
pql_evidence_slot(const PqlEvidence *evidence, int slot)
{
	if (evidence == NULL || evidence->offset[slot] == 0)
		return NULL;
	return (char *) evidence + PQL_EVIDENCE_UNIT * (Size) evidence->offset[slot];
}

/*
 * The storage and wire format: network byte order, self-describing, canonical (equal evidence has
 * equal bytes). Writes to out, which the caller has initialised.
 */
extern void pql_evidence_write(const PqlEvidence *evidence, StringInfo out);

/*
 * Reads it back. Trusts nothing: every count, order and instant is checked before use, and anything
 * that pql_evidence_write would not have written is an ERROR. `known` is a layout that may be the
 * right one (or NULL): when it is, it is used instead of making a new one.
 */
extern PqlEvidence *pql_evidence_read(StringInfo in, const PqlLayout *known);

#endif
