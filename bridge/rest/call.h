/*
 * call.h - one REST call, from its token to its answer: check the token, read the body, run the
 * route's statement as the token's session, answer with the value that it returns, or with the
 * problem that its SQLSTATE stands for.
 *
 * Which calls there are is said by the tables of routetable.h. The few that are more than one statement, or whose
 * answer is more than one value, have a run function, made of the pieces below.
 */
#ifndef PORCUPINE_CALL_H
#define PORCUPINE_CALL_H

#include "attempts.h"
#include "config.h"
#include "params.h"

/* has the ticket of an offer (oidclink.h) */
#define CALL_OFFER_COOKIE "porcupine_link"

typedef enum RouteFlag
{
	OPEN = 1,					/* no access token needed */
	SLOW = 2,					/* hashes a password, or reads a great deal */
	LARGE = 4,					/* takes a large body */
	BY_SESSION = 8,				/* $1 of its statement is the session, which it proves itself */
	TAGGED = 32,				/* has an ETag, by which who has the answer already gets none */
	PUBLIC = 16,				/* says itself how long the answer is good for */
	KEEPABLE = 64,				/* anybody may keep the answer for five minutes */
	/* what it counts as, instead of a read or a write of its user (limiter.h) */
	REGISTERS = 1 << 20,
	SIGNS_IN = 1 << 21,			/* by name and password */
	REFRESHES = 1 << 22,		/* of an address */
	JOINS = 1 << 23,			/* by code */
	PREVIEWS = 1 << 24,
	RENAMES = 1 << 26,			/* tells everybody in the rooms of its user */
	BY_OFFER = 1 << 25			/* with SIGNS_IN: at the account of an offer, not of a name */
} RouteFlag;

typedef struct Route
{
	HttpMethod	method;
	const char *pattern;
	int			flags;
	int			status;
	const char *sql;
	void		(*run) (Request *request);	/* instead of call_run_sql(request, call_on_result) */
	Param		params[PARAMS_MAX];
} Route;

/* What a request keeps between its steps, in its pool. */
typedef struct Call
{
	const Route *route;
	int			route_number;	/* as the metrics know it */
	const char *repeatable;		/* its statement for requests with an Idempotency-Key; NULL: it takes none */
	const char *key;			/* that key */
	char	   *values[PARAMS_MAX_BRACES];	/* of the path */
	cJSON	   *body;
	Charge		charge;			/* for how often it is made */
	Attempt		attempt;
	void	   *state;			/* of a run function ... */
	void		(*forget) (void *state);	/* ... which lets go of it when the client goes */
} Call;

extern void call_open(const Config *config);

/* The request is for this; it ends in call_gone(), answered or not. */
extern void call_start(Request *request, Call *call);
extern void call_gone(Request *request);
extern Call *call_of(const Request *request);

/* Runs the route's statement; done gets the request. */
extern void call_run_sql(Request *request, DbDone done);
/* Adds the route's parameters to a statement and runs it; where one is wrong, that is the answer. */
extern void call_run(Request *request, DbRequest *statement);
/* Runs a statement that has its parameters. */
extern void call_submit(Request *request, DbRequest *statement);
extern bool call_add_params(Request *request, DbRequest *statement, Problem *problem);

/* To begin a DbDone with: false when it was refused, which has been answered then. */
extern bool call_is_done(Request *request, DbOutcome outcome, const PGresult *result);
/* A DbDone: answers with the first column of the one row; without content, if the status is 204. */
extern void call_on_result(void *arg, DbOutcome outcome, const PGresult *result);
extern void call_answer_json(Request *request, const char *json);
/* status 0: the one of the code. */
extern void call_refuse(Request *request, ErrorCode code, int status, const char *detail);

extern bool call_is_own_origin(const char *origin);
/* A cookie of the request, in its pool, or NULL. */
extern char *call_cookie(Request *request, const char *name);

#endif
