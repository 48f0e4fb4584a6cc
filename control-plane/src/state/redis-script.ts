/** What has to happen in Redis in one step, as Lua scripts (Redis runs one at a time). */

/**
 * A step of the store. KEYS: log id, revision counter, log, log counter. ARGV: key prefix, expected log id, log limit, room's
 * collection or nothing, room, number of changes, then for each change collection, id, expected revision, `put` or `delete`,
 * body; then the log's entries. A stored document is `REVISION:BODY`; a sorted set beside each hash orders its ids.
 */
export const COMMIT = `
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'lost' end
local prefix, count, at = ARGV[1], tonumber(ARGV[6]), 7
for i = 1, count do
  local stored = redis.call('HGET', prefix .. 'doc:' .. ARGV[at], ARGV[at + 1])
  local revision = stored and string.match(stored, '^(%d+):') or '0'
  if revision ~= ARGV[at + 2] then return 'conflict' end
  at = at + 5
end
if ARGV[4] ~= '' and redis.call('HLEN', prefix .. 'doc:' .. ARGV[4]) >= tonumber(ARGV[5]) then return 'full' end
at = 7
for i = 1, count do
  local documents, ids = prefix .. 'doc:' .. ARGV[at], prefix .. 'ids:' .. ARGV[at]
  if ARGV[at + 3] == 'delete' then
    redis.call('HDEL', documents, ARGV[at + 1])
    redis.call('ZREM', ids, ARGV[at + 1])
  else
    local revision = redis.call('INCR', KEYS[2])
    redis.call('HSET', documents, ARGV[at + 1], string.format('%d', revision) .. ':' .. ARGV[at + 4])
    redis.call('ZADD', ids, 0, ARGV[at + 1])
  end
  at = at + 5
end
while at <= #ARGV do
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[3], '*', 'm', ARGV[at])
  redis.call('INCR', KEYS[4])
  at = at + 1
end
return 'done'
`;

/**
 * The log after an entry. KEYS: log id, log, log counter. ARGV: expected log id, entry id, limit. Returns `lost`, `gone`, or
 * entries. An entry that was trimmed cannot be continued from; the beginning can for as long as nothing was.
 */
export const CHANGES_SINCE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local entries = redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', tonumber(ARGV[3]) + 1)
if entries[1] and entries[1][1] == ARGV[2] then
  table.remove(entries, 1)
  return entries
end
local added = tonumber(redis.call('GET', KEYS[3]) or '0')
if ARGV[2] ~= '0-0' or added ~= redis.call('XLEN', KEYS[2]) then return 'gone' end
if #entries > tonumber(ARGV[3]) then table.remove(entries) end
return entries
`;
