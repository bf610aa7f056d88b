-- The fetch lua.spiffe_id: the SPIFFE ID of the client's certificate, or nothing.
--
-- HAProxy reads URI names from certificates since 3.1 (ssl_c_san); this is for older ones. It walks the DER to the extension.
-- A pattern on ssl_c_der would be shorter and wrong: whoever may have any certificate can have the bytes of somebody else's
-- name in it, in an extension of no meaning or in an RSA key.

local SUBJECT_ALT_NAME = "\x55\x1d\x11"
local SEQUENCE, OBJECT, BOOLEAN, OCTETS, EXTENSIONS, URI = 0x30, 0x06, 0x01, 0x04, 0xa3, 0x86

-- The element at `at`, which must end by `limit`: its tag, where its content begins and ends, where the next one begins.
local function element(der, at, limit)
  local tag, length = der:byte(at, at + 1)
  if not length or at + 1 > limit then error("cut short") end
  local first = at + 2
  if length >= 0x80 then
    local bytes = length - 0x80
    if bytes < 1 or bytes > 3 or first + bytes - 1 > limit then error("odd length") end
    length = 0
    for i = first, first + bytes - 1 do length = length * 256 + der:byte(i) end
    first = first + bytes
  end
  local last = first + length - 1
  if last > limit then error("cut short") end
  return tag, first, last, last + 1
end

local function inside(der, at, limit, wanted)
  local tag, first, last, after = element(der, at, limit)
  if tag ~= wanted then error("unexpected element") end
  return first, last, after
end

-- The one URI among the names of the extension's value; more than one is not a SPIFFE certificate.
local function only_uri(der, at, limit)
  local uri
  local first, last = inside(der, at, limit, SEQUENCE)
  while first <= last do
    local tag, from, to, after = element(der, first, last)
    if tag == URI then
      if uri then error("more than one URI") end
      uri = der:sub(from, to)
    end
    first = after
  end
  return uri
end

local function extension(der, first, last)
  local from, to, after = inside(der, first, last, OBJECT)
  if der:sub(from, to) ~= SUBJECT_ALT_NAME then return nil end
  local tag = element(der, after, last)
  if tag == BOOLEAN then _, _, _, after = element(der, after, last) end
  from, to = inside(der, after, last, OCTETS)
  return only_uri(der, from, to)
end

local function spiffe_id(der)
  local first, last = inside(der, 1, #der, SEQUENCE)  -- Certificate
  first, last = inside(der, first, last, SEQUENCE)    -- TBSCertificate
  while first <= last do
    local tag, from, to, after = element(der, first, last)
    if tag == EXTENSIONS then
      from, to = inside(der, from, to, SEQUENCE)
      local id
      while from <= to do
        local one, its_end, next_one = inside(der, from, to, SEQUENCE)
        local found = extension(der, one, its_end)
        if found and id then error("two extensions of names") end
        id, from = id or found, next_one
      end
      return id
    end
    first = after
  end
end

core.register_fetches("spiffe_id", function(transaction)
  local der = transaction.f:ssl_c_der()
  if not der or der == "" then return "" end
  local well, id = pcall(spiffe_id, der)
  return well and id or ""
end)
