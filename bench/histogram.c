/*
 * histogram.c - see histogram.h.
 */
#include "histogram.h"

static unsigned bucket_of(uint32_t us);
static uint32_t middle_of(unsigned bucket);

void
histogram_add(Histogram *histogram, uint32_t us)
{
	histogram->count++;
	histogram->buckets[bucket_of(us)]++;
	if (us > histogram->most)
		histogram->most = us;
}

uint32_t
histogram_quantile(const Histogram *histogram, double part)
{
	uint64_t	wanted = (uint64_t) (part * (double) histogram->count);
	uint64_t	seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		seen += histogram->buckets[i];
		if (seen > wanted)
			return middle_of(i);
	}
	return histogram->most;
}

void
histogram_print(const Histogram *histogram, FILE *to)
{
	fprintf(to, "{\"p50\":%u,\"p99\":%u,\"max\":%u}", histogram_quantile(histogram, 0.5),
			histogram_quantile(histogram, 0.99), histogram->most);
}

static unsigned
bucket_of(uint32_t us)
{
	unsigned	power;

	if (us < 64)
		return us;
	power = 31 - (unsigned) __builtin_clz(us);
	return 64 + (power - 6) * 32 + ((us >> (power - 5)) & 31);
}

static uint32_t
middle_of(unsigned bucket)
{
	unsigned	power;

	if (bucket < 64)
		return bucket;
	power = (bucket - 64) / 32 + 6;
	return (1U << power) + (((bucket - 64) % 32) << (power - 5)) + (1U << (power - 6));
}
