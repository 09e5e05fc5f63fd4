/*
 * fuzz_pgarray.c - the array that PostgreSQL reads has the elements that were added, in order.
 *
 * Input: a byte for the type, then for each element a byte that says what it is and how long.
 */
#include "array.h"
#include "fuzz.h"
#include "pgarray.h"

#define MOST 64
#define IS_NULL 255

static const PgType types[] = {PG_BYTEA, PG_INT8, PG_INT4, PG_TEXT, PG_UUID};

typedef struct Element
{
	bool		null;
	int64_t		number;
	const char *bytes;
	size_t		length;
} Element;

static bool
is_number(PgType type)
{
	return type == PG_INT8 || type == PG_INT4;
}

static void
add(PgArray *array, const Element *element, PgType type)
{
	if (element->null)
		pgarray_null(array);
	else if (is_number(type))
		pgarray_number(array, element->number);
	else
		pgarray_bytes(array, element->bytes, element->length);
}

static void
check(ArrayReader *reader, const Element *element, PgType type)
{
	const unsigned char *bytes = NULL;
	int32_t		length = array_next(reader, &bytes);
	uint64_t	number = 0;

	if (element->null)
		HOLDS(length == -1);
	else if (is_number(type))
	{
		HOLDS(length == (type == PG_INT4 ? 4 : 8));
		for (int i = 0; i < length; i++)
			number = number << 8 | bytes[i];
		HOLDS(type == PG_INT4 ? (int32_t) number == (int32_t) element->number : (int64_t) number == element->number);
	}
	else
		HOLDS((size_t) length == element->length && memcmp(bytes, element->bytes, element->length) == 0);
}

static Element
read_element(Input *input, PgType type)
{
	unsigned	what = fuzz_byte(input);
	Element		element = {.null = what == IS_NULL, .bytes = input->at};
	size_t		wanted = is_number(type) ? sizeof(element.number) : what;

	if (element.null)
		return element;
	element.length = wanted < fuzz_left(input) ? wanted : fuzz_left(input);
	if (is_number(type))
		memcpy(&element.number, input->at, element.length);
	input->at += element.length;
	return element;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input		input = {(const char *) data, (const char *) data + size};
	PgType		type = types[fuzz_byte(&input) % (sizeof(types) / sizeof(types[0]))];
	DbRequest  *request = db_request("SELECT", NULL, NULL);
	Element		elements[MOST];
	int			count = 0;
	PgArray		array;
	ArrayReader reader;

	pgarray_begin(&array, type);
	while (input.at < input.end && count < MOST)
	{
		elements[count] = read_element(&input, type);
		add(&array, &elements[count++], type);
	}
	pgarray_param(&array, request);
	HOLDS(request->count == 1 && request->formats[0] == 1);
	reader = array_begin(request->values[0], (size_t) request->lengths[0], (int32_t) type);
	HOLDS(reader.count == count);
	for (int i = 0; i < count; i++)
		check(&reader, &elements[i], type);
	array_end(&reader);
	db_free(request);
	return 0;
}
