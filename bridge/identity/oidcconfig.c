/*
 * oidcconfig.c - see oidcconfig.h. A secret is read from its file once, and never shown.
 */
#include "oidcconfig.h"
#include "memory.h"
#include "oidctoken.h"
#include "text.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "PORCUPINE_OIDC_"
#define MAX_NAME 32
#define MAX_VALUE 1024
#define MAX_LABEL 64
#define VARIABLE_SIZE 96

static const char *const fields[] = {"ISSUER", "CLIENT_ID", "CLIENT_SECRET_FILE", "CLIENT_SECRET", "LABEL", "SCOPES"};

static bool stands_in(const OidcSettings *settings, const char *name);
static bool is_name(const char *name);
static void name_variable(const char *provider, const char *field, char variable[VARIABLE_SIZE]);
static const char *setting(const OidcProvider *provider, const char *field);
static const char *fault_of(OidcProvider *provider, bool insecure_loopback, const char **field);
static const char *read_secret(OidcProvider *provider, const char **field);
static bool is_printable(const char *text);

bool
oidcconfig_names(const char *value, OidcSettings *settings)
{
	char	   *names = *value != '\0' ? memory_text(value) : NULL;	/* stay where they are */
	char	   *rest = names;
	char	   *name;

	while ((name = strsep(&rest, ",")) != NULL)
	{
		if (settings->count == OIDC_MAX_PROVIDERS || !is_name(name) || stands_in(settings, name))
		{
			settings->count = 0;
			free(names);
			return false;
		}
		settings->list[settings->count++].name = name;
	}
	return true;
}

static bool
stands_in(const OidcSettings *settings, const char *name)
{
	for (int i = 0; i < settings->count; i++)
	{
		if (strcmp(settings->list[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool
is_name(const char *name)
{
	size_t		length = strlen(name);

	return length > 0 && length <= MAX_NAME && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length;
}

bool
oidcconfig_ca_file(const char *name, OidcSettings *settings)
{
	FILE	   *file = *name != '\0' ? fopen(name, "re") : NULL;
	X509	   *first = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	bool		ok = *name == '\0' || first != NULL;

	settings->ca_file = first != NULL ? name : NULL;
	X509_free(first);
	if (file != NULL)
		fclose(file);
	return ok;
}

bool
oidcconfig_has(const OidcSettings *settings, const char *variable, size_t length)
{
	for (int i = 0; i < settings->count; i++)
	{
		for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
		{
			char		name[VARIABLE_SIZE];

			name_variable(settings->list[i].name, fields[f], name);
			if (strlen(name) == length && strncmp(name, variable, length) == 0)
				return true;
		}
	}
	return false;
}

static void
name_variable(const char *provider, const char *field, char variable[VARIABLE_SIZE])
{
	size_t		at = strlen(PREFIX);

	strcpy(variable, PREFIX);
	for (; *provider != '\0'; provider++)
		variable[at++] = (char) (*provider >= 'a' ? *provider - 'a' + 'A' : *provider);
	snprintf(variable + at, VARIABLE_SIZE - at, "_%s", field);
}

bool
oidcconfig_read(OidcSettings *settings)
{
	for (int i = 0; i < settings->count; i++)
	{
		OidcProvider *provider = &settings->list[i];
		char		variable[VARIABLE_SIZE];
		const char *field = "";
		const char *fault = fault_of(provider, settings->insecure_loopback, &field);

		if (fault == NULL)
			continue;
		name_variable(provider->name, field, variable);
		fprintf(stderr, "porcupine-bridge: %s is not %s\n", variable, fault);
		return false;
	}
	return true;
}

static const char *
setting(const OidcProvider *provider, const char *field)
{
	char		variable[VARIABLE_SIZE];
	const char *value;

	name_variable(provider->name, field, variable);
	value = getenv(variable);
	return value != NULL && *value != '\0' ? value : NULL;
}

/* What the field should be and is not, or NULL. */
static const char *
fault_of(OidcProvider *provider, bool insecure_loopback, const char **field)
{
	*field = "ISSUER";
	provider->issuer = setting(provider, *field);
	if (provider->issuer == NULL || !oidc_url_is_fit(provider->issuer, insecure_loopback) || strchr(provider->issuer, '?') != NULL)
		return "the https URL of an OpenID provider";
	*field = "CLIENT_ID";
	provider->client = setting(provider, *field);
	if (provider->client == NULL || !is_printable(provider->client))
		return "the id that the provider has given to this client";
	*field = "LABEL";
	provider->label = setting(provider, *field);
	if (provider->label == NULL)
		provider->label = provider->name;
	if (strlen(provider->label) > MAX_LABEL || !text_is_utf8(provider->label, strlen(provider->label)))
		return "a name of at most 64 bytes";
	*field = "SCOPES";
	provider->scopes = setting(provider, *field);
	if (provider->scopes == NULL)
		provider->scopes = "openid email profile";
	if (!is_printable(provider->scopes) || strstr(provider->scopes, "openid") == NULL)
		return "a list of scopes with openid in it, with spaces between";
	return read_secret(provider, field);
}

static const char *
read_secret(OidcProvider *provider, const char **field)
{
	const char *name = setting(provider, "CLIENT_SECRET_FILE");
	char		bytes[MAX_VALUE + 1] = "";
	struct stat about;
	ssize_t		length = -1;
	int			fd;

	*field = "CLIENT_SECRET";
	provider->secret = setting(provider, *field);
	if ((name != NULL) == (provider->secret != NULL))
		return "set, or set beside CLIENT_SECRET_FILE; one of the two is needed";
	if (provider->secret != NULL)
		return is_printable(provider->secret) ? NULL : "a secret of printable characters";
	*field = "CLIENT_SECRET_FILE";
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & (S_IROTH | S_IWOTH)) == 0)
		length = read(fd, bytes, sizeof(bytes) - 1);
	if (fd >= 0)
		close(fd);
	if (length < 0)
		return "a file that can be read, and not by everybody";
	bytes[strcspn(bytes, "\r\n")] = '\0';
	provider->secret = memory_text(bytes);
	return is_printable(provider->secret) ? NULL : "a file with a secret in its first line";
}

static bool
is_printable(const char *text)
{
	size_t		length = strlen(text);

	for (size_t i = 0; i < length; i++)
	{
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return length > 0 && length <= MAX_VALUE;
}
