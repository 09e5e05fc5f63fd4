/*
 * echo.c - see echo.h. It owns the room that is followed.
 */
#include "echo.h"
#include "metrics.h"

#define PATIENCE_S 10			/* a doorbell that has not come by then is lost: another room is followed */

static int64_t followed;		/* 0: none */
static double began;

void
echo_expect(int64_t room)
{
	double		now = metrics_clock();

	if (followed != 0 && now - began < PATIENCE_S)
		return;
	followed = room;
	began = now;
}

void
echo_forget(int64_t room)
{
	if (room == followed)
		followed = 0;
}

void
echo_heard(int64_t room)
{
	if (room != followed)
		return;
	metrics_observe(METRIC_DOORBELL_SECONDS, metrics_clock() - began);
	followed = 0;
}
