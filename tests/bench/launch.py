"""Runs one command and writes what it cost, as JSON, to the file descriptor that is given first.

A process of its own because the peak of memory that the system tells of a process is at least that of the
one that started it, and a bench that has read large files is larger than what it measures.
"""

import json
import os
import sys
import time

report, command = int(sys.argv[1]), sys.argv[2:]
os.set_inheritable(report, False)
began = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ), 0)
seconds = time.perf_counter() - began
cost = {"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss}
os.write(report, json.dumps(cost).encode())
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 1)
