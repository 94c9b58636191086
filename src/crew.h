/*
 * crew.h: this process and the parallel workers that do the same work with it: shared counters,
 * meeting points, and a queue from each to each.
 */
#ifndef PQL_CREW_H
#define PQL_CREW_H

#include "port/atomics.h"

/* Most processes in a crew. */
#define PQL_MAX_CREW 16

/* What the crew shares. */
typedef struct PqlBoard
{
	pg_atomic_uint64 next; /* the next piece of work to take */
	pg_atomic_uint64 high; /* upper end of the range of users that this pass is for */
} PqlBoard;

typedef struct PqlCrew PqlCrew;

/* A crew of one. */
extern PqlCrew *pql_crew_alone(void);

/*
 * Starts up to `workers` parallel workers; each calls pql_score_work with the job, an array of
 * bytes. Parallel mode lasts until pql_crew_dismiss. There may be fewer workers than asked for; how
 * many, and who is who, is known from pql_crew_assemble on. Until then all have the board only.
 */
extern PqlCrew *pql_crew_hire(int workers, const void *job, Size size);

/* Waits until all have started. Each calls it once, before any of what follows. */
extern void pql_crew_assemble(PqlCrew *crew);

/* Waits for the workers to end. An ERROR of one of them is raised here, or in any call below. */
extern void pql_crew_dismiss(PqlCrew *crew);

extern int pql_crew_size(const PqlCrew *crew);
extern int pql_crew_me(const PqlCrew *crew); /* 0: the leader */
extern PqlBoard *pql_crew_board(PqlCrew *crew);

/* Waits until all have come here. */
extern void pql_crew_meet(PqlCrew *crew);

/* ---- messages ---- */

/* Handles a message; its bytes are aligned, may be changed, and live until it returns. */
typedef void (*PqlTakeMessage)(void *state, int from, char *bytes, Size size);

/* Sends a message. While the queue is full, takes what others send. */
extern void pql_crew_send(PqlCrew *crew, int to, const void *bytes, Size size, PqlTakeMessage take,
						  void *state);

/* Takes what others have sent by now. */
extern void pql_crew_poll(PqlCrew *crew, PqlTakeMessage take, void *state);

/* Tells everybody (or one, when to >= 0) that nothing more will come until the next meeting. */
extern void pql_crew_done(PqlCrew *crew, int to, PqlTakeMessage take, void *state);

/* Takes messages until all others (or one) are done. */
extern void pql_crew_wait_done(PqlCrew *crew, int from, PqlTakeMessage take, void *state);

/* What a worker does; in score.c. */
extern void pql_score_work(PqlCrew *crew, const void *job, Size size);

#endif
