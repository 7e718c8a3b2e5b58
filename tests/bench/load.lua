-- SPDX-License-Identifier: Apache-2.0
-- wrk: GitHub comments, each a new one (another comment and delivery id), signed. The generator shares the cores with what it
-- measures, so a request must cost microseconds: one buffer holds the whole request, only digits in it change, and the
-- MAC of everything before the first digit that changes is worked out once per pull request (HMAC by RFC 2104 with libcrypto's SHA256,
-- whose state is a plain struct that can be copied).
--
-- Environment: BENCH_SECRET; BENCH_EVENT; BENCH_BODY, a template in which @ID@ stands for the comment's id (10 digits, last in the
-- document) and @N@ for the pull request's number (4 digits); BENCH_PULLS, how many take turns, from 1001; BENCH_FIRST, the
-- first id (a run uses ids from there upwards, each of wrk's threads 10 million of its own).
local ffi = require("ffi")
ffi.cdef[[
typedef struct { uint32_t h[8], nl, nh, data[16]; unsigned int num, md_len; } sha256_ctx; /* SHA256_CTX, openssl/sha.h */
int SHA256_Init(sha256_ctx *c);
int SHA256_Update(sha256_ctx *c, const void *data, size_t len);
int SHA256_Final(unsigned char *md, sha256_ctx *c);
unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *d, size_t n,
                    unsigned char *out, unsigned int *out_len);
const void *EVP_sha256(void);
]]
local crypto = ffi.load("libcrypto.so.3")
local ID_DIGITS, NUMBER_DIGITS, FIRST_PULL = 10, 4, 1001

local secret = os.getenv("BENCH_SECRET")
local pulls = tonumber(os.getenv("BENCH_PULLS") or "1000")

local threads = 0
function setup(thread)
  thread:set("worker", threads)
  threads = threads + 1
end

-- The request with zeros for all digits, and where (from 0) they stand.
local function layout(path)
  local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
  local body = file:read("*a")
  file:close()
  local marks = { ID = {}, N = {}, MAC = {} }
  local width = { ID = string.rep("0", ID_DIGITS), N = string.rep("0", NUMBER_DIGITS), MAC = string.rep("0", 64) }
  local function fill(text)
    local out, at, length = {}, 1, 0
    while true do
      local from, to, what = text:find("@(%u+)@", at)
      out[#out + 1] = text:sub(at, from and from - 1)
      length = length + #out[#out]
      if not from then return table.concat(out) end
      table.insert(marks[what], length)
      out[#out + 1] = width[what]
      length = length + #width[what]
      at = to + 1
    end
  end
  local _, ids = body:gsub("@ID@", "")
  local _, numbers = body:gsub("@N@", "")
  local length = #body + ids * (ID_DIGITS - 4) + numbers * (NUMBER_DIGITS - 3)
  local head = table.concat({
    "POST ", path, " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nUser-Agent: GitHub-Hookshot/bench",
    "\r\nX-GitHub-Event: ", os.getenv("BENCH_EVENT"), "\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-00@ID@",
    "\r\nX-Hub-Signature-256: sha256=@MAC@\r\nContent-Length: ", tostring(length), "\r\n\r\n" })
  local text = fill(head .. body)
  return text, #text - length, marks
end

local buffer, size, from, marks, varying -- from: where the body begins; varying: where its first changing id does
local inner, outer, work = {}, ffi.new("sha256_ctx"), ffi.new("sha256_ctx")
local digest = ffi.new("unsigned char[32]")
local hex = ffi.new("unsigned char[512]")
local id = ffi.new("unsigned char[10]")
local number = {}
local pull = 0

local function put(places, bytes, width)
  for i = 1, #places do ffi.copy(buffer + places[i], bytes, width) end
end

local function pad(byte)
  local block = ffi.new("unsigned char[64]", byte) -- LuaJIT repeats one initializer
  for i = 1, #secret do block[i - 1] = bit.bxor(byte, secret:byte(i)) end
  local state = ffi.new("sha256_ctx")
  crypto.SHA256_Init(state)
  crypto.SHA256_Update(state, block, 64)
  return state
end

local function sign()
  ffi.copy(work, inner[pull], ffi.sizeof("sha256_ctx"))
  crypto.SHA256_Update(work, buffer + varying, size - varying)
  crypto.SHA256_Final(digest, work)
  ffi.copy(work, outer, ffi.sizeof("sha256_ctx"))
  crypto.SHA256_Update(work, digest, 32)
  crypto.SHA256_Final(digest, work)
  local out = buffer + marks.MAC[1]
  for i = 0, 31 do
    out[2 * i] = hex[2 * digest[i]]
    out[2 * i + 1] = hex[2 * digest[i] + 1]
  end
end

-- Once: against the library's own HMAC.
local function check()
  local whole, length = ffi.new("unsigned char[32]"), ffi.new("unsigned int[1]")
  crypto.HMAC(crypto.EVP_sha256(), secret, #secret, buffer + from, size - from, whole, length)
  if ffi.string(whole, 32) ~= ffi.string(digest, 32) then error("load.lua: the signature is wrong") end
end

local function next_id()
  local i = ID_DIGITS - 1
  while true do
    if id[i] < 57 then id[i] = id[i] + 1 return end
    id[i] = 48
    i = i - 1
  end
end

function init(args)
  local text
  text, from, marks = layout(wrk.path)
  size = #text
  buffer = ffi.new("unsigned char[?]", size)
  ffi.copy(buffer, text, size)
  varying = size
  for _, at in ipairs(marks.ID) do
    if at >= from and at < varying then varying = at end
  end
  for i = 0, 255 do ffi.copy(hex + 2 * i, string.format("%02x", i), 2) end
  ffi.copy(id, string.format("%010d", tonumber(os.getenv("BENCH_FIRST") or "1000000000") + worker * 10000000), ID_DIGITS)
  local start = pad(0x36)
  outer = pad(0x5c)
  assert(#secret <= 64 and #marks.MAC == 1)
  for i = 0, pulls - 1 do
    number[i] = ffi.new("unsigned char[4]")
    ffi.copy(number[i], tostring(FIRST_PULL + i), NUMBER_DIGITS)
    put(marks.N, number[i], NUMBER_DIGITS)
    inner[i] = ffi.new("sha256_ctx", start)
    crypto.SHA256_Update(inner[i], buffer + from, varying - from)
  end
  request()
  check()
end

function request()
  next_id()
  pull = pull + 1
  if pull >= pulls then pull = 0 end
  put(marks.ID, id, ID_DIGITS)
  put(marks.N, number[pull], NUMBER_DIGITS)
  sign()
  return ffi.string(buffer, size)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT requests=%d duration_us=%d connect=%d read=%d write=%d timeout=%d status=%d p50_us=%d p99_us=%d\n",
    summary.requests, summary.duration, e.connect, e.read, e.write, e.timeout, e.status, latency:percentile(50),
    latency:percentile(99)))
end
