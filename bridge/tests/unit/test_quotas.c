/*
 * test_quotas.c - how limits are set, what a bucket has left, and which bucket gives way.
 */
#include "buckets.h"
#include "metrics.h"
#include "quotas.h"
#include "tap.h"

#include <string.h>

#define MINUTE INT64_C(60000000)

static bool
reads(const char *text)
{
	Quotas		quotas;

	return quotas_read(text, &quotas);
}

static void
settings_are_read(void)
{
	static const char *const bad[] = {
		"", "yes", "login", "login=", "login=20", "login=0/1m", "login=20/", "login=20/m", "login=20/1w", "login=20/1m ", "logins=20/1m",
		"login=20/1m,", "sockets_user=20/1m", "sockets_user=-1", "scale=0", "scale=x", "on,off", "login=1/367d", "login=9999999999/1s"
	};
	Quotas		quotas;

	ok(quotas_read("on", &quotas) && quotas.list[LIMIT_LOGIN].count == 20 && quotas.list[LIMIT_LOGIN].period == 10.0 * MINUTE, "the defaults");
	for (int i = 0; i < N_LIMITS; i++)
		ok(quotas.list[i].count > 0 && quotas_name((Limit) i) != NULL
		   && strcmp(metrics_kinds[METRIC_LIMITED].labels[0].values[i], quotas_name((Limit) i)) == 0, "%s is limited and counted", quotas_name((Limit) i));
	ok(quotas_read("off", &quotas) && quotas.list[LIMIT_LOGIN].count == 0, "off");
	ok(quotas_read("login=3/5s,sockets_user=7,reads=off", &quotas) && quotas.list[LIMIT_LOGIN].count == 3
	   && quotas.list[LIMIT_LOGIN].period == 5e6 && quotas.list[LIMIT_SOCKETS_USER].count == 7 && quotas.list[LIMIT_READS].count == 0
	   && quotas.list[LIMIT_WRITES].count == 600, "some of them");
	ok(quotas_read("scale=10,login=3/1h", &quotas) && quotas.list[LIMIT_LOGIN].count == 30 && quotas.list[LIMIT_SOCKETS_USER].count == 1000
	   && quotas.list[LIMIT_LOGIN].period == 60.0 * MINUTE, "all of them");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!reads(bad[i]), "'%s' is no setting", bad[i]);
}

static void
a_bucket_empties_and_fills(void)
{
	Quota		quota = {6, (double) MINUTE};
	int64_t		now = 5000 * MINUTE;
	int64_t		full_at = 0;
	int			taken = 0;

	while (taken < 100 && quota_take(&quota, &full_at, 1, now) == 0)
		taken++;
	ok(taken == 6, "as many at once as it holds");
	ok(quota_take(&quota, &full_at, 1, now) == MINUTE / 6, "then it says when there is one again");
	ok(quota_left(&quota, full_at, now) == 0 && full_at == now + MINUTE, "a refusal takes nothing");
	ok(quota_take(&quota, &full_at, 1, now + MINUTE / 6 - 2) == 2, "not before");
	ok(quota_take(&quota, &full_at, 1, now + MINUTE / 6) == 0, "but then");
	ok(quota_take(&quota, &full_at, 1, now + MINUTE / 6) > 0, "and one only");
	now += MINUTE;
	ok(quota_left(&quota, full_at, now) == 5, "it fills at its pace");
	ok(quota_left(&quota, full_at, now + 100 * MINUTE) == 6, "and no further than full");
	ok(quota_take(&quota, &full_at, 6, now) > 0 && quota_take(&quota, &full_at, 5, now) == 0, "several are taken all or none");
	ok(quota_take(&quota, &full_at, -2, now) == 0 && quota_left(&quota, full_at, now) == 2, "what is given back is there");
	ok(quota_take(&quota, &full_at, -100, now) == 0 && quota_left(&quota, full_at, now) == 6 && full_at == now, "no more than it holds");
	ok(quota_full_at(&quota, 2, now) == now + MINUTE * 4 / 6, "what another has counted");
	quota = (Quota) {6000000, (double) MINUTE};
	full_at = 0;
	for (taken = 0; taken < 7000000 && quota_take(&quota, &full_at, 1, now) == 0;)
		taken++;
	ok(taken == 6000000, "rounding adds nothing up: %d", taken);
}

static void
memory_is_bounded(void)
{
	Buckets    *buckets = buckets_make(1024);
	int			left = 0;

	for (uint64_t key = 1; key <= 512; key++)
		*buckets_of(buckets, key * UINT64_C(0x9e3779b97f4a7c15)) = 1000000;
	for (uint64_t key = 1000; key < 200000; key++)
		*buckets_of(buckets, key * UINT64_C(0x9e3779b97f4a7c15)) = 1000;
	for (uint64_t key = 1; key <= 512; key++)
		left += buckets_get(buckets, key * UINT64_C(0x9e3779b97f4a7c15)) == 1000000;
	ok(left >= 500, "many new ones displace each other, not those that are empty: %d of 512", left);
	ok(buckets_get(buckets, 7) == 0, "an unknown one is full");
	buckets_free(buckets);
	buckets = buckets_make(1024);
	*buckets_of(buckets, 1) = *buckets_of(buckets, 2) = 1000;
	for (uint64_t key = 1; key < 1000; key++)
		*buckets_of(buckets, key << 32 | 2) = 1000000;
	ok(buckets_get(buckets, 1) == 1000 && buckets_get(buckets, 2) == 0, "those of one lower half displace each other only");
	buckets_free(buckets);
}

int
main(void)
{
	settings_are_read();
	a_bucket_empties_and_fills();
	memory_is_bounded();
	return done();
}
