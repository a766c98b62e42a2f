#!/usr/bin/env python3
"""A file system that answers open() late, for one program: slow_open.py FOLDER FILES MS PROGRAM [ARGUMENT…]

Mounts it at FOLDER (in the mount namespace of this process) and becomes PROGRAM; a child serves /dev/fuse until
PROGRAM ends. FILES files lie in folders of 50. An open() that the kernel wants interrupted is answered with EINTR, once a
file, as file systems behind a network do. Its type is one that a hunt takes for local.
"""
import ctypes
import errno
import os
import struct
import sys
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
PER_FOLDER = 50
ROOT = 1
FIRST_FOLDER, FIRST_FILE = 1_000, 1_000_000
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 25, 26, 27, 28, 29, 36, 42
SILENT = (FORGET, BATCH_FORGET)


def content(file):
    return b"file %d\n" % file


class Server:
    def __init__(self, device, files, delay):
        self.device, self.files, self.delay = device, files, delay
        self.opening, self.interrupted, self.lock = {}, set(), threading.Lock()

    def folders(self):
        return (self.files + PER_FOLDER - 1) // PER_FOLDER

    def attributes(self, node):
        if node >= FIRST_FILE:
            mode, size = 0o100644, len(content(node - FIRST_FILE))
        else:
            mode, size = 0o040755, 4096
        times = (1_700_000_000,) * 3
        return struct.pack("<6Q10I", node, size, 8, *times, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def entries(self, node):
        if node == ROOT:
            return [(FIRST_FOLDER + n, b"d%03d" % n, 4) for n in range(self.folders())]
        first = (node - FIRST_FOLDER) * PER_FOLDER
        last = min(first + PER_FOLDER, self.files)
        return [(FIRST_FILE + n, b"f%05d" % n, 8) for n in range(first, last)]

    def reply(self, unique, error=0, body=b""):
        header = struct.pack("<IiQ", 16 + len(body), -error, unique)
        try:
            os.write(self.device, header + body)
        except OSError as problem:
            # ENOENT: nobody waits any more.
            if problem.errno != errno.ENOENT:
                raise

    def open(self, unique, node):
        gives_up = threading.Event()
        with self.lock:
            self.opening[unique] = (node, gives_up)
        is_given_up = gives_up.wait(self.delay)
        with self.lock:
            del self.opening[unique]
        if is_given_up:
            self.reply(unique, errno.EINTR)
        else:
            self.reply(unique, 0, struct.pack("<QII", node, 0, 0))

    def interrupt(self, unique):
        with self.lock:
            node, gives_up = self.opening.get(unique, (None, None))
            if node is not None and node not in self.interrupted:
                self.interrupted.add(node)
                gives_up.set()

    def answer(self, opcode, unique, node, body):
        if opcode == INIT:
            made = struct.pack("<4I2H2I2H8I", 7, 31, 65536, 1 << 18, 12, 9, 65536, 1, 0, 0, *(0,) * 8)
            self.reply(unique, 0, made)
        elif opcode == LOOKUP:
            found = [child for child, name, _ in self.entries(node) if name == body.rstrip(b"\0")]
            if not found or node >= FIRST_FILE:
                return self.reply(unique, errno.ENOENT)
            known = struct.pack("<4Q2I", found[0], 0, 60, 60, 0, 0)
            self.reply(unique, 0, known + self.attributes(found[0]))
        elif opcode == GETATTR:
            self.reply(unique, 0, struct.pack("<QII", 60, 0, 0) + self.attributes(node))
        elif opcode == OPEN:
            threading.Thread(target=self.open, args=(unique, node), daemon=True).start()
        elif opcode == OPENDIR:
            self.reply(unique, 0, struct.pack("<QII", node, 0, 0))
        elif opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            self.reply(unique, 0, content(node - FIRST_FILE)[offset : offset + size])
        elif opcode == READDIR:
            _, offset, size = struct.unpack_from("<QQI", body)
            out = b""
            for at, (child, name, kind) in enumerate(self.entries(node)[offset:], offset + 1):
                one = struct.pack("<QQII", child, at, len(name), kind) + name
                one += b"\0" * (-len(one) % 8)
                if len(out) + len(one) > size:
                    break
                out += one
            self.reply(unique, 0, out)
        elif opcode == STATFS:
            self.reply(unique, 0, struct.pack("<5Q4I6I", 1, 0, 0, 1, 0, 4096, 255, 4096, 0, *(0,) * 6))
        elif opcode in (RELEASE, RELEASEDIR, FLUSH):
            self.reply(unique)
        elif opcode == INTERRUPT:
            self.interrupt(struct.unpack_from("<Q", body)[0])
        elif opcode not in SILENT:
            self.reply(unique, errno.ENOSYS)

    def serve(self):
        while True:
            try:
                message = os.read(self.device, 1 << 20)
            except OSError as problem:
                if problem.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            _, opcode, unique, node = struct.unpack_from("<IIQQ", message)
            self.answer(opcode, unique, node, message[40:])


def main():
    folder, files, delay_ms = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    device = os.open("/dev/fuse", os.O_RDWR)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
    if LIBC.mount(b"slow-open", os.fsencode(folder), b"fuse.mergerfs", 6, options) != 0:
        sys.exit("mount: " + os.strerror(ctypes.get_errno()))
    if os.fork() == 0:
        LIBC.prctl(1, 9)  # ends with the program
        os.setsid()
        Server(device, files, delay_ms / 1000).serve()
        os._exit(0)
    os.close(device)
    os.execvp(sys.argv[4], sys.argv[4:])


main()
