/*
 * arena.c: memory for millions of small pieces that grow.
 */
#include "postgres.h"

#include <sys/mman.h>

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "arena.h"

#define FIRST_BLOCK (64 * 1024)
#define LARGEST_BLOCK (32 * 1024 * 1024)
#define HUGE_PAGE (2 * 1024 * 1024)
/* a line of the cache: no piece shares one with another, and none lies in one more than it must */
#define STEP 64
/* up to here sizes go in steps; above, each doubling has four */
#define STEPS_UP_TO 1024

void *
pql_large_alloc(MemoryContext context, Size bytes)
{
	char *memory = MemoryContextAllocHuge(context, bytes);

#ifdef MADV_HUGEPAGE
	char *from = (char *) TYPEALIGN(HUGE_PAGE, (uintptr_t) memory);
	char *until = (char *) TYPEALIGN_DOWN(HUGE_PAGE, (uintptr_t) memory + bytes);

	/* a wish: whether it is granted shows in nothing but the time */
	if (from < until)
		(void) madvise(from, until - from, MADV_HUGEPAGE);
#endif
	return memory;
}

PqlArena *
pql_arena_new(void)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pql arena", ALLOCSET_SMALL_SIZES);
	PqlArena *arena = MemoryContextAllocZero(context, sizeof(PqlArena));

	arena->context = context;
	arena->block = FIRST_BLOCK;
	return arena;
}

void
pql_arena_delete(PqlArena *arena)
{
	MemoryContextDelete(arena->context);
}

/* The number of the size class, and its size. */
static int
size_class(Size bytes, Size *size)
{
	int doubling;
	Size step;
	int quarter;

	if (bytes <= STEPS_UP_TO)
	{
		int class = bytes <= STEP ? 0 : (int) ((bytes - 1) / STEP);

		*size = (class + 1) * (Size) STEP;
		return class;
	}
	doubling = pg_leftmost_one_pos64(bytes - 1);
	step = ((Size) 1 << doubling) / 4;
	quarter = (int) ((bytes - 1 - ((Size) 1 << doubling)) / step);
	*size = ((Size) 1 << doubling) + (quarter + 1) * step;
	return STEPS_UP_TO / STEP + 4 * (doubling - pg_leftmost_one_pos64(STEPS_UP_TO)) + quarter;
}

Size
pql_arena_room(Size bytes)
{
	Size size;

	(void) size_class(bytes, &size);
	return size;
}

void *
pql_arena_take(PqlArena *arena, Size bytes)
{
	Size size;
	int class = size_class(bytes, &size);
	void *piece;

	Assert(size == bytes && class < PQL_ARENA_SIZES);
	arena->in_use += size;
	piece = arena->given_back[class];
	if (piece != NULL)
	{
		memcpy(&arena->given_back[class], piece, sizeof(void *));
		return piece;
	}
	if (arena->next == NULL || (Size) (arena->end - arena->next) < size)
	{
		/* what is left of the old block is less than a piece, and is lost */
		Size block = Max(arena->block, size);

		arena->next = pql_large_alloc(arena->context, block + STEP);
		arena->next = (char *) TYPEALIGN(STEP, (uintptr_t) arena->next);
		arena->end = arena->next + block;
		arena->bytes += block;
		arena->block = Min(2 * arena->block, LARGEST_BLOCK);
	}
	piece = arena->next;
	arena->next += size;
	return piece;
}

void
pql_arena_give(PqlArena *arena, void *piece, Size bytes)
{
	Size size;
	int class = size_class(bytes, &size);

	Assert(size == bytes);
	memcpy(piece, &arena->given_back[class], sizeof(void *));
	arena->given_back[class] = piece;
	arena->in_use -= size;
}
