/*
 * fuzz_json.c - what the strict reader takes is one object, without a key twice, within its bounds,
 * and the same to whoever reads it again; what it takes it takes for what it is, so with anything
 * after it, or cut short, it is refused. Any UTF-8 comes back from a string that text_json() wrote.
 */
#include "fuzz.h"
#include "json.h"
#include "text.h"

#define MOST_MEMBERS 128		/* json.c's own bound */

static void
check_item(const cJSON *item, int depth)
{
	int			members = 0;

	HOLDS(depth <= JSON_MAX_DEPTH || (!cJSON_IsObject(item) && !cJSON_IsArray(item)));
	if (cJSON_IsString(item))
		HOLDS(text_is_utf8(item->valuestring, strlen(item->valuestring)));
	for (const cJSON *child = item->child; child != NULL; child = child->next)
	{
		if (cJSON_IsObject(item))
		{
			HOLDS(++members <= MOST_MEMBERS);
			HOLDS(cJSON_GetObjectItemCaseSensitive(item, child->string) == child);
		}
		check_item(child, depth + 1);
	}
}

static void
check_refused(const char *bytes, size_t length, const char *after)
{
	Text		text = {0};
	cJSON	   *root;

	text_bytes(&text, bytes, length);
	text_add(&text, after);
	root = json_parse(text.bytes, text.length);
	HOLDS(root == NULL);
	text_free(&text);
}

static void
check_accepted(const cJSON *root, const char *bytes, size_t length)
{
	char	   *printed = cJSON_PrintUnformatted(root);
	size_t		end = length;
	cJSON	   *again;

	HOLDS(cJSON_IsObject(root) && printed != NULL);
	check_item(root, 1);
	again = json_parse(printed, strlen(printed));
	HOLDS(again != NULL && cJSON_Compare(root, again, true));
	cJSON_Delete(again);
	cJSON_free(printed);

	while (strchr(" \t\r\n", bytes[end - 1]) != NULL)
		end--;
	HOLDS(json_parse(bytes, end - 1) == NULL);
	check_refused(bytes, length, "}");
	check_refused(bytes, length, ",");
	check_refused(bytes, length, "{}");
	check_refused(bytes, length, "x");
}

/* As a member's value, quoted by us. */
static void
check_quoting(const char *bytes, size_t length)
{
	Text		text = {0};
	char	   *string = malloc(length + 1);
	cJSON	   *root;

	HOLDS(string != NULL);
	if (length > 0)
		memcpy(string, bytes, length);
	string[length] = '\0';
	if (text_is_utf8(string, strlen(string)))
	{
		text_add(&text, "{\"a\":");
		text_json(&text, string);
		text_add(&text, "}");
		root = json_parse(text.bytes, text.length);
		HOLDS(root != NULL && strcmp(json_string(root, "a"), string) == 0);
		cJSON_Delete(root);
		text_free(&text);
	}
	free(string);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *bytes = fuzz_memory(data, size);
	cJSON	   *root = json_parse(bytes, size);

	if (root != NULL)
		check_accepted(root, bytes, size);
	cJSON_Delete(root);
	check_quoting(bytes, size);
	free(bytes);
	return 0;
}
