/*
 * replay.c - runs a fuzz target over the files of its corpus, and speaks TAP. What the
 * fuzzer has once found stays found. It is linked with one target.
 */
#include "fuzz.h"
#include "tap.h"

#include <dirent.h>

#define LONGEST (1 << 20)

static void
replay(const char *name)
{
	char		path[4096];
	uint8_t    *bytes = malloc(LONGEST);
	uint8_t    *exact;
	size_t		size = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), CORPUS "/%s", name);
	/* said first, for a target that is not content ends the process */
	printf("# %s\n", path);
	fflush(stdout);
	file = fopen(path, "rb");
	HOLDS(bytes != NULL && file != NULL);
	size = fread(bytes, 1, LONGEST, file);
	fclose(file);
	exact = fuzz_memory(bytes, size);
	free(bytes);
	ok(LLVMFuzzerTestOneInput(exact, size) == 0, "%s", name);
	free(exact);
}

int
main(void)
{
	struct dirent **entries;
	int			count = scandir(CORPUS, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++)
	{
		if (entries[i]->d_name[0] != '.')
			replay(entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	ok(tap_run > 0, "there is a corpus");
	return done();
}
