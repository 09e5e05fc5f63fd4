/*
 * bucketscript.c - see bucketscript.h. It owns the text and its name; it never asks Redis.
 */
#include "bucketscript.h"

#include <libwebsockets.h>
#include <sodium.h>

/*
 * KEYS: the marks, then the buckets. ARGV: how many marks, their levels (two), the level if it is known;
 * for each bucket what it holds, the microseconds in which that comes back, what is taken, at which
 * levels. A key's value is the moment when the bucket is full; then the key ends. None is emptier than
 * empty, whatever another clock or an earlier setting has left there. Gives the number
 * of the bucket that refuses, the microseconds to wait, the level, and what is left in each.
 */
static const char script[] =
"local t = redis.call('TIME')\n"
"local now = t[1] * 1000000 + t[2]\n"
"local marks, level = tonumber(ARGV[1]), tonumber(ARGV[4])\n"
"if level == 0 then\n"
"  level = 4\n"
"  for i = marks, 1, -1 do\n"
"    if redis.call('EXISTS', KEYS[i]) == 1 then level = tonumber(ARGV[1 + i]) end\n"
"  end\n"
"end\n"
"local full, answer, refused, longest = {}, {}, 0, 0\n"
"for i = 1, #KEYS - marks do\n"
"  local count, period = tonumber(ARGV[4 * i + 1]), tonumber(ARGV[4 * i + 2])\n"
"  local cost, levels = tonumber(ARGV[4 * i + 3]), tonumber(ARGV[4 * i + 4])\n"
"  local left = -1\n"
"  if bit.band(levels, level) ~= 0 then\n"
"    local before = math.max(math.min(tonumber(redis.call('GET', KEYS[marks + i]) or '0'), now + period), now)\n"
"    local at = math.max(before + cost * period / count, now)\n"
"    if cost > 0 and at - now > period + 0.5 then\n"
"      left = math.max(count - (before - now) * count / period, 0)\n"
"      if at - now - period >= longest then refused, longest = i, at - now - period end\n"
"    else\n"
"      left = count - (at - now) * count / period\n"
"      full[i] = at\n"
"    end\n"
"  end\n"
"  answer[i] = math.floor(left)\n"
"end\n"
"if refused == 0 then\n"
"  for i, at in pairs(full) do\n"
"    if at <= now then redis.call('DEL', KEYS[marks + i])\n"
"    else redis.call('SET', KEYS[marks + i], string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000)) end\n"
"  end\n"
"end\n"
"return {refused, math.ceil(longest), level, unpack(answer)}\n";

static char name[41];

const char *
bucketscript_text(void)
{
	return script;
}

const char *
bucketscript_name(void)
{
	unsigned char digest[20];

	if (name[0] == '\0')
	{
		lws_SHA1((const unsigned char *) script, sizeof(script) - 1, digest);
		sodium_bin2hex(name, sizeof(name), digest, sizeof(digest));
	}
	return name;
}
