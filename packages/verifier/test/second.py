"""A second implementation of `pik verify --offline`, written from the specification alone: python3, openssl, and nothing else.

    python3 second.py DIR VKEY

Prints the number of lines checked; exits with 1 at the first fault.
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib


def sha(data):
    return hashlib.sha256(data).digest()


def fail(text):
    print(text)
    sys.exit(1)


def need(ok, text):
    if not ok:
        fail(text)


def root(leaves):
    """RFC 6962, 2.1, over hashes of leaves."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def read(path):
    try:
        with open(os.path.join(folder, path), "rb") as file:
            seen.add(path)
            return file.read()
    except FileNotFoundError:
        fail(path + " is missing")


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, capture_output=True)


def signed(vkey, text, signatures):
    name, key_id, key = vkey.split("+", 2)
    raw = base64.b64decode(key)
    need(sha(name.encode() + b"\n" + raw)[:4].hex() == key_id and raw[0] == 1, "not a key: " + vkey)
    der = bytes.fromhex("302a300506032b6570032100") + raw[1:]
    for line in signatures:
        dash, signer, data = line.split(" ")
        value = base64.b64decode(data)
        if dash != "—" or signer != name or value[:4].hex() != key_id:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            paths = [os.path.join(temporary, part) for part in ("key", "text", "signature")]
            for path, content in zip(paths, (der, text.encode(), value[4:])):
                with open(path, "wb") as file:
                    file.write(content)
            done = openssl(
                "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin", "-in", paths[1], "-sigfile", paths[2]
            )
            return done.returncode == 0
    return False


def checkpoint(path):
    text, signatures = read(path).decode().split("\n\n")
    origin, size, head = text.split("\n")[:3]
    return text + "\n", signatures.strip("\n").split("\n"), origin, int(size), base64.b64decode(head)


def tile(kind, index, width):
    digits = str(index).zfill(-(-len(str(index)) // 3) * 3)
    parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    name = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return "tile/%s/%s%s" % (kind, name, "" if width == 256 else ".p/%d" % width)


def entries_of(size):
    entries = []
    for start in range(0, size, 256):
        width = min(256, size - start)
        data = read(tile("entries", start // 256, width))
        at = 0
        while at < len(data):
            (length,) = struct.unpack_from(">H", data, at)
            entries.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        need(len(entries) == start + width, "a bundle has another number of entries")
    level, kind = [sha(b"\0" + entry) for entry in entries], 0
    while level:
        for start in range(0, len(level), 256):
            part = level[start : start + 256]
            need(read(tile(kind, start // 256, len(part))) == b"".join(part), "a tile differs")
        full = [level[i : i + 256] for i in range(0, len(level) - 255, 256)]
        level, kind = [root(part) for part in full], kind + 1
    return entries


def unpack(data):
    need(data[:8].hex() == "1f8b080000000000" and data[8] in (0, 4), "another header of gzip")
    stream = zlib.decompressobj(-15)
    text = stream.decompress(data[10:]) + stream.flush()
    need(stream.eof and len(stream.unused_data) == 8, "more or less than one member of gzip")
    need(stream.unused_data == struct.pack("<II", zlib.crc32(text), len(text)), "a trailer of gzip differs")
    return text


def pack_root(text, line_count, salts):
    lines = text.split(b"\n")
    need(lines.pop() == b"" and len(lines) == line_count, "a pack has another number of lines")
    if "seed" in salts:
        stream = openssl("enc", "-aes-128-ctr", "-K", salts["seed"], "-iv", "0" * 32, data=bytes(16 * line_count)).stdout
        salt = [stream[16 * i : 16 * i + 16] for i in range(line_count)]
    else:
        salt = [None if one is None else bytes.fromhex(one) for one in salts["salts"]]
    leaves = []
    for i, line in enumerate(lines):
        if salt[i] is not None:
            leaves.append(sha(b"\0" + salt[i] + line))
            continue
        stone = json.loads(line)
        need(stone["line"] == i and (stone.get("erased") in erasures or stone.get("expired") in policies), "an unknown tombstone")
        leaves.append(bytes.fromhex(stone["leaf"]))
    groups = [sha(b"\2" + b"".join(leaves[i : i + 64])) for i in range(0, len(leaves), 64)]
    return root([sha(b"\0" + group) for group in groups])


def latest(stem, mark, end):
    path, k = stem + end, 1
    while os.path.exists(os.path.join(folder, "%s%s%d%s" % (stem, mark, k, end))):
        path, k = "%s%s%d%s" % (stem, mark, k, end), k + 1
    return path


def jsons(path):
    return [json.loads(line) for line in read(path).decode().splitlines()]


def hour_root(packs, roots):
    leaves = []
    for pack in packs:
        letters = pack["outcomes"]
        hashed = hashlib.sha256(letters.encode()).hexdigest()
        parts = ["pik-pack/1", pack["pack_id"], len(letters), roots[pack["pack_id"]].hex(), hashed]
        leaves.append(sha(b"\0" + json.dumps(parts, separators=(",", ":")).encode()))
    return root(leaves).hex()


def check_hour(generations):
    entry = generations[-1]
    stem = "hours/v1/%s/%s/g" % (entry["h"][:10], entry["h"][11:])
    packs = jsons("%s%d.outcomes" % (stem, entry["g"]))
    seeds = {seed["pack_id"]: seed for seed in jsons(latest(stem + str(entry["g"]), ".s", ".seeds"))}
    roots = {}
    counts = {}
    for pack in packs:
        pack_id, letters = pack["pack_id"], pack["outcomes"]
        text = unpack(read(latest("packs/" + pack_id, ".r", ".ndjson.gz")))
        roots[pack_id] = pack_root(text, len(letters), seeds[pack_id])
        for letter in letters:
            counts[letter] = counts.get(letter, 0) + 1
    need(hour_root(packs, roots) == entry["root"], "the root of the hour %s differs" % entry["h"])
    lines = sum(counts.values())
    need(counts == entry["counts"] and lines == entry["lines"] and len(packs) == entry["packs"], "counts differ")
    for before in generations[:-1]:
        need(hour_root(jsons("%s%d.outcomes" % (stem, before["g"])), roots) == before["root"], "an earlier generation differs")
    return lines


folder, trusted = sys.argv[1:3]
seen = set()
text, signatures, origin, size, head = checkpoint("checkpoint")
log = entries_of(size)
hashes = [sha(b"\0" + entry) for entry in log]
need(root(hashes) == head, "the root of the log differs")
parsed = [json.loads(entry) for entry in log]
erasures = {entry["id"] for entry in parsed if entry["type"] == "erasure"}
policies = {entry["policy"] for entry in parsed if entry["type"] == "expiry"}
rotations = [(i, entry) for i, entry in enumerate(parsed) if entry["type"] == "key"]
start = max([i for i, entry in rotations if entry["next"] == trusted], default=-1)
for i, entry in rotations:
    if entry.get("lost"):
        need(i <= start, "the key was lost")
        continue
    part = checkpoint("rotations/%d" % (i + 1))
    need(part[3] == i + 1 and part[4] == root(hashes[: i + 1]), "a rotation is of another log")
    if i > start:
        need(signed(trusted, part[0], part[1]), "a rotation is not signed")
        trusted = entry["next"]
need(origin == trusted.split("+")[0] and signed(trusted, text, signatures), "the checkpoint is not signed")
need(read("vkey.txt").decode() == trusted + "\n", "vkey.txt is another key")
hours = {}
for entry in parsed:
    if entry["type"] == "restore":
        for generations in hours.values():
            generations[:] = generations[-1:] + ["restored"]
    if entry["type"] == "hour":
        before = hours.get(entry["h"], [])
        hours[entry["h"]] = [entry] if "restored" in before else before + [entry]
expired = max([entry["through"] for entry in parsed if entry["type"] == "expiry"], default="")
total = 0
for hour, generations in hours.items():
    generations = [entry for entry in generations if entry != "restored"]
    stem = "hours/v1/%s/%s/g%d.outcomes" % (hour[:10], hour[11:], generations[-1]["g"])
    if hour < expired and not os.path.exists(os.path.join(folder, stem)):
        continue
    total += check_hour(generations)
if os.path.exists(os.path.join(folder, "stamps/%d.tsr" % size)):
    need(read("stamps/%d.tsr" % size) and checkpoint("stamps/%d" % size)[0] == text, "the stamp is of another checkpoint")
sums = dict(reversed(line.split("  ")) for line in read("SHA256SUMS").decode().splitlines())
for path in sorted(seen - {"SHA256SUMS"}):
    need(sums.get(path) == hashlib.sha256(read(path)).hexdigest(), path + " is not as SHA256SUMS lists it")
present = {os.path.relpath(os.path.join(base, name), folder) for base, _, names in os.walk(folder) for name in names}
need(present == seen, "other files than those of the log: %s" % sorted(present ^ seen)[:3])
print(total)
