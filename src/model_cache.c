/*
 * model_cache.c: models compiled once a query.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "model_cache.h"

/* Compared as they come: a compressed document is not unpacked to find that it is the one we know.
 */
static bool
same_datum(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

static PqlCachedModel *
compile(PqlModelCache *cache, struct varlena *raw)
{
	/* a context of its own, so that nothing stays of a model that turns out to be wrong */
	MemoryContext own = AllocSetContextCreate(cache->context, "pql model", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	PqlCachedModel *cached = palloc0(sizeof(PqlCachedModel));

	PG_TRY();
	{
		cached->raw = palloc(VARSIZE_ANY(raw));
		memcpy(cached->raw, raw, VARSIZE_ANY(raw));
		cached->model = pql_model_from_jsonb(DatumGetJsonbP(PointerGetDatum(raw)));
	}
	PG_CATCH();
	{
		/* the error's texts were copied by ereport */
		MemoryContextSwitchTo(old);
		MemoryContextDelete(own);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	cached->next = cache->models;
	cache->models = cached;
	return cached;
}

PqlModel *
pql_model_cached(PqlModelCache *cache, Datum datum, bool stable)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(datum);
	PqlCachedModel *found = cache->last;

	if (stable && found != NULL && found->last_seen == raw)
		return found->model;
	if (found == NULL || !same_datum(found->raw, raw))
		for (found = cache->models; found != NULL; found = found->next)
			if (same_datum(found->raw, raw))
				break;
	if (found == NULL)
		found = compile(cache, raw);
	found->last_seen = raw;
	cache->last = found;
	return found->model;
}
