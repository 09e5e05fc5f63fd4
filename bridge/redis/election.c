/*
 * election.c - see election.h. It owns the beat of this bridge: once a second it says what it does.
 *
 * Turning from the relay to the database loses nothing, because whoever begins to listen sweeps
 * afterwards; turning back waits until the relay has been heard for a while.
 */
#include "election.h"
#include "channels.h"
#include "database.h"
#include "fanout.h"
#include "log.h"
#include "loop.h"
#include "memberships.h"
#include "metrics.h"
#include "sweeps.h"

#define BEAT_EVERY_MS 1000
#define STEADY_BEATS 3			/* a relay heard for so long is relied upon */

static Timer timer;
static int	steady;
static Duty said;

static void beat(void *arg);
static Duty duty(void);
static void choose_whether_to_listen(void);
static void listen_here(void);

void
election_open(void)
{
	if (channels_node_count() > 0)
		timer_start(&timer, beat, NULL, BEAT_EVERY_MS, BEAT_EVERY_MS);
}

void
election_close(void)
{
	timer_stop(&timer);
	/* so that nobody waits to miss it */
	if (said != DUTY_NONE)
		fanout_beat(DUTY_NONE);
}

static void
beat(void *arg)
{
	Duty		now = duty();

	(void) arg;
	if ((now == DUTY_RELAY) != (said == DUTY_RELAY))
		log_write(LOG_INFO, now == DUTY_RELAY ? "passing doorbells on" : "no longer passing doorbells on");
	said = now;
	metrics_set(METRIC_RELAYING, 0, now == DUTY_RELAY);
	fanout_beat(now);
	/* who cannot reach everybody leaves it to somebody who can */
	database_lead(now != DUTY_NONE);
	choose_whether_to_listen();
}

static Duty
duty(void)
{
	if (!channels_are_up() || database_missing() != NULL)
		return DUTY_NONE;
	return database_leads() && database_listens() ? DUTY_RELAY : DUTY_PUBLISH;
}

static void
choose_whether_to_listen(void)
{
	if (database_leads() || !channels_are_up() || !others_have_relay())
		listen_here();
	else if (++steady == STEADY_BEATS)
	{
		log_write(LOG_INFO, "relying on another bridge for doorbells");
		database_listen(false);
	}
}

static void
listen_here(void)
{
	if (steady >= STEADY_BEATS)
		log_write(LOG_INFO, "listening to the database again");
	steady = 0;
	database_listen(true);
}

void
election_on_node_gone(void)
{
	listen_here();
}

void
election_on_missed(void)
{
	if (database_listens())
		return;					/* it has heard them itself */
	sweeps_run();
	memberships_read_all();
}
