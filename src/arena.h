/*
 * arena.h: memory for millions of small pieces that grow.
 *
 * A palloc'd piece carries a header and is rounded up to a power of two; for the evidence of a
 * whole population that is twice the memory. Pieces here have neither, come in a few dozen sizes,
 * and are given back by size.
 */
#ifndef PQL_ARENA_H
#define PQL_ARENA_H

#define PQL_ARENA_SIZES 80

typedef struct PqlArena
{
	MemoryContext context;
	Size bytes; /* asked of the server so far */
	Size in_use;
	Size block; /* size of the next block */
	char *next;
	char *end;
	void *given_back[PQL_ARENA_SIZES]; /* lists of free pieces, by size */
} PqlArena;

/*
 * Memory for a large array, on huge pages where the system has them: populations are touched at
 * random, and would miss the page tables' cache at every step. pfree gives it back.
 */
extern void *pql_large_alloc(MemoryContext context, Size bytes);

/* An arena in a context of its own beneath the current one. */
extern PqlArena *pql_arena_new(void);
extern void pql_arena_delete(PqlArena *arena);

/* The size that a piece of so many bytes really has. */
extern Size pql_arena_room(Size bytes);

/* A piece; bytes must be what pql_arena_room says. Not cleared. Aligned to 8. */
extern void *pql_arena_take(PqlArena *arena, Size bytes);
extern void pql_arena_give(PqlArena *arena, void *piece, Size bytes);

#endif
