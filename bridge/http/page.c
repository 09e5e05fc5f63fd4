/*
 * page.c - see page.h. It owns the copies of the files.
 */
#include "page.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 2000
#define MAX_FILE_BYTES (32 * 1024 * 1024)
#define MAX_DEPTH 8
#define HASHED "/assets/"		/* where the build puts names that carry a hash */
#define INDEX "/index.html"

typedef struct File
{
	char	   *path;			/* as in a URL, from / */
	char	   *content;
	size_t		length;
	const char *type;
	char		etag[36];
} File;

static const struct
{
	const char *suffix;
	const char *type;
}			types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".json", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".webp", "image/webp"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".txt", "text/plain; charset=utf-8"},
};

static File files[MAX_FILES];
static int	n_files;

static bool read_folder(const char *folder, const char *path, int depth);
static bool read_file(const char *name, const char *path, size_t length);
static const char *type_of(const char *path);
static int	compare_files(const void *a, const void *b);
static const File *find(const char *path);
static void serve(Request *request, const File *file);

bool
page_open(const char *folder)
{
	if (!read_folder(folder, "", 0))
	{
		fprintf(stderr, "porcupine-bridge: the page cannot be read from %s: %s; build it, or set PORCUPINE_PAGE\n",
				folder, strerror(errno));
		return false;
	}
	qsort(files, (size_t) n_files, sizeof(File), compare_files);
	if (find(INDEX) == NULL)
	{
		fprintf(stderr, "porcupine-bridge: %s has no index.html; build the page, or set PORCUPINE_PAGE\n", folder);
		return false;
	}
	return true;
}

void
page_handle(Request *request)
{
	const char *name = strrchr(request->path, '/');
	const File *file = find(strcmp(request->path, "/") == 0 ? INDEX : request->path);
	Problem		problem = PROBLEM(ERROR_NOT_FOUND, "nothing is at this path");

	/* a path without a dot is one of the page's own, which its script reads */
	if (file == NULL && name != NULL && strchr(name, '.') == NULL)
		file = find(INDEX);
	if (file != NULL)
		serve(request, file);
	else
		http_answer_problem(request, &problem);
}

static void
serve(Request *request, const File *file)
{
	bool		hashed = strncmp(file->path, HASHED, strlen(HASHED)) == 0;

	request->is_page = true;
	request->cache_control = hashed ? "public, max-age=31536000, immutable" : "no-cache";
	http_add_header(request, "ETag", file->etag);
	if (request->if_none_match != NULL && strcmp(request->if_none_match, file->etag) == 0)
		http_answer(request, 304, NULL, NULL);
	else
		http_answer_static(request, 200, file->type, file->content, file->length);
}

static bool
read_folder(const char *folder, const char *path, int depth)
{
	DIR		   *stream = opendir(folder);
	struct dirent *entry;
	bool		ok = stream != NULL;

	while (ok && (entry = readdir(stream)) != NULL)
	{
		Text		name = {0};
		Text		url = {0};
		struct stat about;

		if (entry->d_name[0] == '.')
			continue;
		text_format(&name, "%s/%s", folder, entry->d_name);
		text_format(&url, "%s/%s", path, entry->d_name);
		ok = stat(name.bytes, &about) == 0;
		if (ok && S_ISDIR(about.st_mode) && depth < MAX_DEPTH)
			ok = read_folder(name.bytes, url.bytes, depth + 1);
		else if (ok && S_ISREG(about.st_mode))
			ok = read_file(name.bytes, url.bytes, (size_t) about.st_size);
		text_free(&name);
		text_free(&url);
	}
	if (stream != NULL)
		closedir(stream);
	return ok;
}

static bool
read_file(const char *name, const char *path, size_t length)
{
	FILE	   *stream;
	File	   *file = &files[n_files];
	unsigned char hash[16];

	if (n_files == MAX_FILES || length > MAX_FILE_BYTES)
	{
		errno = EFBIG;
		return false;
	}
	stream = fopen(name, "rb");
	if (stream == NULL)
		return false;
	file->content = memory_alloc(length + 1);
	file->length = fread(file->content, 1, length, stream);
	fclose(stream);
	file->path = memory_text(path);
	file->type = type_of(path);
	crypto_generichash(hash, sizeof(hash), (unsigned char *) file->content, file->length, NULL, 0);
	file->etag[0] = '"';
	sodium_bin2hex(file->etag + 1, 33, hash, sizeof(hash));
	strcat(file->etag, "\"");
	n_files++;
	return true;
}

static const char *
type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcmp(types[i].suffix, dot) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const File *) a)->path, ((const File *) b)->path);
}

static const File *
find(const char *path)
{
	File		wanted = {.path = (char *) path};

	return bsearch(&wanted, files, (size_t) n_files, sizeof(File), compare_files);
}
